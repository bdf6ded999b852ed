"""``python -m aigc_lib``: what it prints, writes and refuses."""

import importlib.metadata
import json
import subprocess
import sys
import wave

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import aigc_lib as aigc
from aigc_lib import doctor
from aigc_lib.__main__ import main

COMMANDS = ["fit", "sample", "evaluate", "export", "data", "doctor"]


@pytest.fixture
def ring(tmp_path):
    """A saved model of 2-D points, not trained."""
    torch.manual_seed(0)
    return aigc.models.MLPGAN(hidden=8).save(tmp_path / "ring.safetensors")


@pytest.fixture
def images(tmp_path):
    """A saved model of 28 px grey images, not trained."""
    torch.manual_seed(0)
    return aigc.models.DCGAN().save(tmp_path / "images.safetensors")


def run(*words):
    return main([str(word) for word in words])


def weights(path):
    return torch.cat([tensor.flatten() for tensor in load_file(path).values()])


# ---- help ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_help_has_examples(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "examples:\n  python -m aigc_lib" in text


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n    {name} " in text for name in COMMANDS)


def test_help_waits_for_nothing_heavy():
    code = (
        "import sys; from aigc_lib.__main__ import parser; parser().format_help(); "
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- fit, sample, evaluate -----------------------------------------------------------


def test_fit_trains_and_saves(capsys, tmp_path):
    out = tmp_path / "new" / "model.safetensors"
    words = ["fit", "mlp_gan", "ring8", "--batch-size", 16, "--out", out]
    assert run(*words, "--steps", 3, "--set", "loss=hinge", "--set", "hidden=8") == 0
    printed = capsys.readouterr()
    assert "3 steps in" in printed.out
    assert str(out) in printed.out
    assert "ring8/train: 10,000 samples" in printed.err
    model = aigc.models.load(out)
    assert model.config["loss"] == "hinge"
    assert model.config["hidden"] == 8


def test_options_that_a_model_hands_to_its_parent(tmp_path):
    out = tmp_path / "vae.safetensors"
    words = ["fit", "beta_vae", "digits", "--steps", 1, "--batch-size", 4, "--out", out]
    assert run(*words, "--set", "body=mlp", "--set", "hidden=8") == 0
    model = aigc.models.load(out)
    assert (model.config["body"], model.config["hidden"], model.beta) == ("mlp", 8, 4)


def test_the_seed_decides_everything(tmp_path):
    def train(name, seed):
        out = tmp_path / name
        words = ["fit", "mlp_gan", "blob", "--steps", 2, "--batch-size", 16]
        run(*words, "--set", "hidden=8", "--out", out, "--seed", seed)
        return weights(out)

    first = train("first", 1)
    assert torch.equal(first, train("again", 1))
    assert not torch.equal(first, train("other", 2))


def test_fit_resumes_from_its_checkpoint(tmp_path, monkeypatch):
    def train(name, *more):
        out = tmp_path / name
        words = ["fit", "mlp_gan", "ring8", "--set", "hidden=8", "--batch-size", 16]
        return run(*words, "--steps", 6, "--out", out, *more)

    step, calls = aigc.models.MLPGAN.training_step, []

    def interrupted_after_four(self, *arguments):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(step(self, *arguments))

    checkpoint = ["--checkpoint", tmp_path / "run.pt", "--save-every", 3]
    with monkeypatch.context() as patch:
        patch.setattr(aigc.models.MLPGAN, "training_step", interrupted_after_four)
        assert train("interrupted", *checkpoint) == 130
    assert not (tmp_path / "interrupted").exists()
    assert train("resumed", *checkpoint) == train("whole") == 0
    assert torch.equal(weights(tmp_path / "resumed"), weights(tmp_path / "whole"))
    assert (tmp_path / "run.pt").exists()


def test_the_model_takes_the_shape_of_the_data(tmp_path):
    out = tmp_path / "model.safetensors"
    words = ["fit", "dcgan", "digits", "--steps", 1, "--batch-size", 4, "--out", out]
    assert run(*words) == 0
    assert aigc.models.load(out).sample(1).shape == (1, 1, 28, 28)


def test_sample_writes_a_grid_of_images(images, tmp_path, capsys):
    out = tmp_path / "grid.png"
    assert run("sample", images, "--n", 6, "--columns", 4, "--out", out) == 0
    pixels = np.asarray(Image.open(out).convert("L"))
    assert pixels.shape == (2 * 30 + 2, 4 * 30 + 2)
    first = aigc.models.load(images).sample(6, seed=0)[0, 0].cpu()
    expected = (first.clamp(-1, 1) + 1) / 2 * 255
    assert np.abs(pixels[2:30, 2:30] - expected.numpy()).max() <= 1
    assert (pixels[32:, 62:] == 255).all()  # places without a sample


def test_sample_draws_points(ring, tmp_path):
    out = tmp_path / "points.png"
    assert run("sample", ring, "--n", 20, "--out", out) == 0
    assert Image.open(out).format == "PNG"


def test_a_text_model_from_fit_to_evaluate(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["context=16", "depth=1", "heads=2", "width=8"]
    words = ["fit", "gpt", "product_copy", "--steps", 2, "--out", "gpt.safetensors"]
    assert run(*words, *[w for s in small for w in ("--set", s)]) == 0
    assert run("sample", "gpt.safetensors", "--n", 3) == 0
    text = (tmp_path / "samples.txt").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("---")] == [
        f"--- {i} ---" for i in range(3)
    ]
    words = ["--prompt", "品类=雨伞", "--temperature", 0.5, "--out", "lines.txt"]
    assert run("sample", "gpt.safetensors", "--n", 2, "--seed", 1, *words) == 0
    model = aigc.models.load("gpt.safetensors")
    lines = [
        model.complete("品类=雨伞", 16, stop="\n", seed=s, temperature=0.5)
        for s in (1, 2)
    ]
    written = (tmp_path / "lines.txt").read_text(encoding="utf-8")
    assert written == f"--- 0 ---\n{lines[0]}\n--- 1 ---\n{lines[1]}\n"
    capsys.readouterr()
    assert run("evaluate", "gpt.safetensors", "product_copy", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["perplexity"] == pytest.approx(np.exp(result["nats_per_token"]))
    assert 0 < result["nats_per_token"] < np.log(2_000)
    assert run("evaluate", "gpt.safetensors", "digits") == 2
    assert run("fit", "gpt", "digits", "--steps", 1) == 2
    assert run("fit", "dcgan", "product_copy", "--steps", 1) == 2
    assert "is not made for text," in capsys.readouterr().err


def test_a_model_that_only_reads_draws_nothing(tmp_path, capsys):
    code = aigc.data.Characters.train(["ab"])
    path = aigc.models.MaskedLM(code, depth=1, heads=2, width=8).save(tmp_path / "m")
    assert run("sample", path) == 2
    assert "MaskedLM draws no samples" in capsys.readouterr().err


def test_a_sound_model_from_fit_to_evaluate(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "wavenet.safetensors"
    small = ["--set", "depth=2", "--set", "channels=4", "--set", "classes=6"]
    assert run("fit", "wavenet", "tones", "--steps", 1, *small, "--out", out) == 0
    assert run("sample", out, "--n", 2) == 0
    with wave.open("samples.wav") as file:
        assert file.getnframes() == 2 * (2_000 + 1_000)  # and silence between them
    capsys.readouterr()
    assert run("evaluate", out, "tones", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert 0 < result["nats_per_sample"] < 1.01 * np.log(256)
    assert run("evaluate", out, "ring8") == 2
    assert run("fit", "dcgan", "tones", "--steps", 1) == 2
    assert "is not made for sounds" in capsys.readouterr().err


def test_evaluate_says_how_the_numbers_were_made(ring, capsys):
    assert run("evaluate", ring, "ring8", "--n", 200, "--seed", 3, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    facts = {
        "data": "ring8",
        "split": "test",
        "real_samples": 10_000,
        "fake_samples": 200,
        "measured_on": "coordinates",
        "seed": 3,
    }
    assert {key: result[key] for key in facts} == facts
    real = aigc.data.load("ring8", split="test").x
    fake = aigc.models.load(ring).sample(200, seed=3)
    expected = aigc.metrics.images.frechet_distance(real, fake)
    assert result["frechet_distance"] == pytest.approx(expected)
    for name in ("precision", "recall", "density", "coverage"):
        assert result[name] >= 0
    assert result["kernel_distance_standard_error"] >= 0
    assert result["seconds"] > 0
    assert result["hardware"]


def test_evaluate_prints_a_table(images, capsys):
    assert run("evaluate", images, "digits", "--split", "test", "--n", 100) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("frechet distance  ") for line in lines)
    assert any("Fashion-MNIST classifier" in line for line in lines)


def test_export_writes_what_torch_computes(images, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    out = tmp_path / "new" / "generator.onnx"
    assert run("export", images, out) == 0
    assert f"{out}: input (batch, 64) -> " in capsys.readouterr().out
    session = onnxruntime.InferenceSession(out)
    model = aigc.models.load(images)
    (got,) = session.run(None, {"input": model.prior(3, seed=0).numpy()})
    assert np.abs(got - model.sample(3, seed=0).numpy()).max() < 1e-4


# ---- bad input -----------------------------------------------------------------------

STEP = ["--steps", 1]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["fit", "dcgn", "digits", *STEP], "did you mean 'dcgan'"),
        (["fit", "dcgan", "digit", *STEP], "did you mean 'digits'"),
        (["fit", "mlp_gan", "digits", *STEP], "not made for images"),
        (["fit", "dcgan", "ring8", *STEP], "not made for points"),
        (["fit", "mlp_gan", "ring8", "--steps", 0], "steps=0"),
        (["fit", "mlp_gan", "ring8", *STEP, "--batch-size", 0], "batch_size=0"),
        (["fit", "mlp_gan", "ring8", *STEP, "--set", "loss"], "write NAME=VALUE"),
        (["fit", "mlp_gan", "ring8", *STEP, "--set", "los=x"], "did you mean 'loss'"),
        (["fit", "mlp_gan", "ring8", *STEP, "--set", "loss=x"], "loss='x'"),
        (["fit", "beta_vae", "digits", *STEP, "--set", "options=1"], "free_nats"),
        (["fit", "beta_vae", "digits", *STEP, "--set", "bodi=mlp"], "mean 'body'"),
        (["fit", "mlp_gan", "ring8", *STEP, "--standin", "x"], "standin='x'"),
        (["fit", "mlp_gan", "ring8", *STEP, "--seed", -1], "seed=-1"),
        (["fit", "mlp_gan", "ring8", *STEP, "--out", "."], "is a folder"),
        (["sample", "none.safetensors"], "none.safetensors"),
        (["sample", "text"], "no safetensors file"),
        (["sample", "ring", "--n", 0], "n=0"),
        (["sample", "ring", "--columns", 0], "--columns 0"),
        (["sample", "ring", "--prompt", "x"], "this model makes points"),
        (["sample", "ring", "--temperature", 1], "this model makes points"),
        (["evaluate", "ring", "digits"], "holds images, the model makes points"),
        (["evaluate", "ring", "ring8", "--split", "val"], "split='val'"),
        (["evaluate", "ring", "ring9"], "did you mean 'ring8'"),
        (["export", "text", "out.onnx"], "no safetensors file"),
        (["export", "ring", "."], "is a folder"),
        (["export", "ring", "out.onnx", "--network", "x"], "network='x'"),
        (["data", "ring9"], "did you mean 'ring8'"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_bad_input_is_explained(words, reason, ring, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ring.rename("ring")
    (tmp_path / "text").write_text("hello")
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith(("error: ", "profile"))
    assert reason in error
    assert "Traceback" not in error
    assert {path.name for path in tmp_path.iterdir()} == {"ring", "text"}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["train"],
        ["fit", "dcgan", "digits"],
        ["fit", "dcgan", "digits", "--steps", "many"],
        ["fit", "dcgan", "digits", "--steps", "1", "--seconds", "1"],
    ],
)
def test_wrong_usage_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_bug_is_not_hidden(monkeypatch):
    monkeypatch.setattr("aigc_lib.doctor.examine", lambda: {}["missing"])
    with pytest.raises(KeyError):
        main(["doctor"])


def test_a_package_that_is_missing_is_named(monkeypatch, tmp_path, capsys):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setitem(sys.modules, "music21", None)  # import of None fails at once
    monkeypatch.setattr("importlib.metadata.version", missing)
    out = tmp_path / "model.safetensors"
    for words in (
        ["fit", "gpt", "bach_chorales", *STEP, "--out", out],
        ["data", "bach_chorales"],
    ):
        assert run(*words) == 2
        printed = capsys.readouterr()
        assert printed.err.endswith("error: music21 is missing: pip install music21\n")
        assert printed.out == ""


def test_an_interruption_ends_quietly(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("aigc_lib.doctor.examine", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


# ---- data, doctor --------------------------------------------------------------------


def test_data_lists_what_is_at_hand(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("AIGC_DATA_DIR", raising=False)
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path))
    assert run("data") == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(aigc.data.CATALOG) <= set(lines)
    assert "built in" in lines["digits"]
    assert "python -m aigc_lib data mnist" in lines["mnist"]


def test_data_verifies_what_it_is_asked_for(capsys):
    assert run("data", "ring8", "digits") == 0
    assert capsys.readouterr().out.count("verified") == 2


def test_data_that_a_package_brings(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "music21", sys)  # takes seconds to import
    assert run("data", "bach_chorales") == 0
    printed = capsys.readouterr().out
    assert printed == "bach_chorales: comes with music21, which is here\n"


def test_data_refuses_a_damaged_file(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_DATA_DIR", str(tmp_path))
    path = tmp_path / aigc.data.CATALOG["mnist"].files[0].path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert run("data", "mnist") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "has 7 bytes, expected 9,912,422" in printed.err


def test_doctor_is_content_here(capsys):
    assert run("doctor") == 0
    text = capsys.readouterr().out
    assert f"ok       torch           {torch.__version__.split('+')[0]}" in text
    assert "the library is ready" in text


def test_doctor_names_the_command_for_what_is_missing(capsys, monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    monkeypatch.setenv("AIGC_DATA_DIR", str(gone))
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path))
    only_apt = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(doctor.shutil, "which", only_apt.get)
    assert run("doctor") == 0  # the library itself lacks nothing
    text = capsys.readouterr().out
    for remedy in (
        "python -m aigc_lib data fashion_mnist",
        "sudo apt-get install -y chromium",
        "sudo apt-get install -y nodejs npm",
        "correct it or unset AIGC_DATA_DIR",
    ):
        assert f"-> {remedy}" in text or f"-> no such folder: {remedy}" in text


def test_doctor_survives_without_torch():
    code = """if True:
        import sys
        from aigc_lib import doctor
        from aigc_lib.__main__ import main
        for name in [*doctor.LIBRARY, *doctor.BOOK]:  # import of None fails at once
            sys.modules[doctor.MODULES.get(name, name)] = None
        sys.exit(main(["doctor"]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "pip install torch\n" in done.stdout
    assert "Traceback" not in done.stderr
