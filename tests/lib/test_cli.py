"""``python -m aigc_lib``: what it prints, writes and refuses."""

import errno
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import aigc_lib as aigc
from aigc_lib.__main__ import main
from aigc_lib.files import DiskFull

COMMANDS = ["fit", "sample", "evaluate", "run", "export", "check", "data", "doctor"]
ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("name", ["grid.jpg", "grid.JPEG", "grid.png", "grid"])
def test_the_ending_decides_the_format(images, tmp_path, name):
    out = tmp_path / name
    assert run("sample", images, "--n", 4, "--out", out) == 0
    wanted = "JPEG" if "j" in name.lower() else "PNG"
    assert Image.open(out).format == wanted


def test_sample_computes_where_it_is_fastest(images, tmp_path, monkeypatch):
    seen = []

    def sample(self, n, *, seed=None):
        seen.append(self.device)
        return torch.zeros(n, 1, 28, 28)

    fastest = torch.device("meta")  # a device that every machine has
    monkeypatch.setattr("aigc_lib.runtime.pick_device", lambda: fastest)
    monkeypatch.setattr(aigc.models.DCGAN, "sample", sample)
    assert run("sample", images, "--n", 4, "--out", tmp_path / "grid.png") == 0
    assert seen == [fastest]


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
        (["fit", "mlp_gan", "ring8", *STEP, "--out", "gan.pt"], ".safetensors file"),
        (["fit", "mlp_gan", "ring8", *STEP, "--out", "text/m"], "Not a directory"),
        (["fit", "mlp_gan", "ring8", *STEP, "--checkpoint", "."], "is a folder"),
        (["fit", "mlp_gan", "ring8", *STEP, "--checkpoint", "text/c"], "Not a direct"),
        (
            ["fit", "mlp_gan", "ring8", *STEP, "--out", "m", "--checkpoint", "./m"],
            "the model goes there",
        ),
        (["fit", "mlp_gan", "ring8", *STEP, "--set", "width=a"], "--set='width'"),
        (["fit", "dcgan", "digits", *STEP, "--set", "width=a"], "a whole number"),
        (["fit", "dcgan", "digits", *STEP, "--set", "betas=0.5"], "give 2 values"),
        (["fit", "gpt", "product_copy", *STEP, "--set", "tokenizer=x"], "--set='tok"),
        (["sample", "ring", "--out", "points.jpg"], "a .png file"),
        (["sample", "ring", "--out", "points.txt"], "a .png file"),
        (["sample", "ring", "--out", "text/points.png"], "Not a directory"),
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
        (["export", "ring", "ring.safetensors"], "a .onnx file"),
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
        ["fit", "dcgan", "digits", "--seconds", "nan"],
        ["fit", "dcgan", "digits", "--seconds", "inf"],
        ["sample", "gpt", "--temperature", "nan"],
        ["sample", "gpt", "--seed", str(2**63)],
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
    def version(name, installed=importlib.metadata.version):
        if name == "music21":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setitem(sys.modules, "music21", None)  # import of None fails at once
    monkeypatch.setattr("importlib.metadata.version", version)
    out = tmp_path / "model.safetensors"
    for words in (
        ["fit", "gpt", "bach_chorales", *STEP, "--out", out],
        ["data", "bach_chorales"],
    ):
        assert run(*words) == 2
        printed = capsys.readouterr()
        assert printed.err.endswith("error: music21 is missing: pip install music21\n")
        assert printed.out == ""


@pytest.mark.parametrize("told", [[], ["run.pt holds step 7"]])
def test_an_interruption_ends_quietly(monkeypatch, capsys, told):
    def interrupt():
        raise KeyboardInterrupt(*told)

    monkeypatch.setattr("aigc_lib.doctor.examine", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == ": ".join(["interrupted", *told]) + "\n"


# ---- data ----------------------------------------------------------------------------


def test_data_lists_what_is_at_hand(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("AIGC_DATA_DIR", raising=False)
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path))
    assert run("data") == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(aigc.data.CATALOG) <= set(lines)
    assert "built in" in lines["digits"]
    assert "python -m aigc_lib data mnist" in lines["mnist"]
    assert re.search(r"^mnist +11\.\d MB  03 05 ", lines["mnist"])


def test_a_card_names_the_chapters_that_load_the_set():
    """Cells that load name them, and what judges exercises; a stand-in is no use."""
    told = {card.name: set(card.chapters) for card in aigc.data.CATALOG.values()}
    found = {name: set() for name in told}
    for page in (ROOT / "chapters").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for cell in re.findall(r"```\{code-cell\}.*?\n(.*?)```", text, re.DOTALL):
            if any(f"{call}(" in cell for call in ("data.load", "log_of", "at_hand")):
                words = re.findall(r'"(\w+)"', re.sub(r"standin=\S+", "", cell))
                for name in found.keys() & set(words):
                    found[name].add(page.name.partition("_")[0])
    for module in (ROOT / "aigc_lib" / "check").glob("ch*.py"):
        for name in re.findall(r'\bload\("(\w+)"', module.read_text("utf-8")):
            found[name].add(module.stem.removeprefix("ch"))
    assert told == found


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


# ---- consoles ------------------------------------------------------------------------


@pytest.fixture
def console(monkeypatch):
    """Streams of a console that has only the letters of ``encoding``."""

    def open_console(encoding):
        streams = io.BytesIO(), io.BytesIO()
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding))
        return lambda: [
            stream.flush() or stream.buffer.getvalue().decode(encoding)
            for stream in (sys.stdout, sys.stderr)
        ]

    return open_console


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk"])
def test_work_that_is_done_is_no_error_in_any_console(
    console, encoding, ring, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    said = console(encoding)
    out = "样本 é 😀.png"
    assert run("sample", ring, "--n", 4, "--out", out) == 0
    assert Path(out).exists()
    assert run("data") == run("doctor") == 0
    assert run("evaluate", ring, "ring8", "--n", 50, "--json") == 0
    assert run("sample", "没有.safetensors") == 2
    printed, errors = said()
    assert r"\U0001f600.png" in printed
    assert json.loads(printed.splitlines()[-1])["fake_samples"] == 50
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1


def test_help_in_any_console(console):
    said = console("cp1252")
    with pytest.raises(SystemExit) as stopped:
        main(["sample", "--help"])
    assert stopped.value.code == 0
    assert r"--prompt \u54c1\u7c7b=" in said()[0]


def test_a_key_that_is_shown_once_is_shown_in_any_console(console, monkeypatch):
    pytest.importorskip("sqlalchemy")
    from aigc_lib.apps.command import as_command

    monkeypatch.setattr(sys, "argv", ["desk"])
    said = console("ascii")
    as_command(lambda words: print("密钥：aigc-1-2"))
    assert said()[0] == r"\u5bc6\u94a5\uff1aaigc-1-2" + "\n"


def test_without_a_console(ring, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # as under pythonw
    assert run("sample", ring, "--n", 4, "--out", tmp_path / "points.png") == 0


@pytest.mark.parametrize("options", [[], ["-u"]])
def test_a_reader_that_has_seen_enough(options):
    """``python -m aigc_lib data | head -1``"""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, *options, "-m", "aigc_lib", "data"]
    with open(write, "wb") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE)
    assert done.stderr == b""
    assert done.returncode == 141


# ---- a disk without room -------------------------------------------------------------


@pytest.fixture
def no_room_at(monkeypatch):
    """Let saving fail in some folders; without one, everywhere."""

    def close(*folders):
        save = aigc.models.MLPGAN.save

        def no_room(self, path):
            if not folders or Path(path).parent in folders:
                raise DiskFull(errno.ENOSPC, "there is no room on the disk", str(path))
            return save(self, path)

        monkeypatch.setattr(aigc.models.MLPGAN, "save", no_room)

    return close


FIT = ["fit", "mlp_gan", "ring8", "--steps", 2, "--set", "hidden=8"]


@pytest.mark.parametrize("full", [["disk"], ["disk", "home"]], ids="+".join)
def test_a_full_disk_does_not_cost_the_model(
    tmp_path, monkeypatch, capsys, no_room_at, full
):
    folders = {name: tmp_path / name for name in ("disk", "home", "temporary")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setattr("pathlib.Path.home", lambda: folders["home"])
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folders["temporary"]))
    no_room_at(*[folders[name] for name in full])
    assert run(*FIT, "--out", folders["disk"] / "gan.safetensors") == 2
    error = capsys.readouterr().err
    assert "gan.safetensors: there is no room on the disk" in error
    (kept,) = folders["temporary" if "home" in full else "home"].iterdir()
    assert f"are in {kept}" in error
    assert aigc.models.load(kept).sample(3).shape == (3, 2)
    assert not any(folders["disk"].iterdir())


def test_no_room_anywhere(tmp_path, capsys, no_room_at):
    no_room_at()
    assert run(*FIT, "--out", tmp_path / "gan.safetensors") == 2
    assert "The weights are lost" in capsys.readouterr().err


def test_no_room_for_a_checkpoint(tmp_path, capsys, monkeypatch):
    def full(path, *rest):
        raise DiskFull(errno.ENOSPC, "there is no room on the disk", str(path))

    monkeypatch.setattr("aigc_lib.train.checkpoint.write", full)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    out = tmp_path / "gan.safetensors"
    assert run(*FIT, "--out", out, "--checkpoint", tmp_path / "run.pt") == 2
    error = capsys.readouterr().err
    assert "run.pt: there is no room on the disk" in error
    (kept,) = tmp_path.iterdir()
    assert f"are in {kept}" in error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_device_without_room(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    assert run(*FIT, "--out", "/dev/full") == 2
    assert "/dev/full: there is no room" in capsys.readouterr().err
    assert Path("/dev/full").is_char_device()
    (kept,) = tmp_path.iterdir()
    assert aigc.models.load(kept)


def test_a_path_with_a_tilde_is_at_home(ring, tmp_path, monkeypatch):
    # no shell expands the one of --out=~/x
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert run("sample", ring, "--n", 4, "--out=~/points.png") == 0
    assert (tmp_path / "home" / "points.png").is_file()
    assert not (tmp_path / "~").exists()


def test_evaluate_needs_at_least_one_sample(ring, capsys):
    for n in (0, -5):
        assert run("evaluate", ring, "ring8", "--n", n) == 2
        assert f"n={n}: give at least 1" in capsys.readouterr().err


def test_so_many_samples_cannot_be_counted(ring, capsys):
    assert run("sample", ring, "--n", 10**20) == 2
    assert "below 2**63" in capsys.readouterr().err


def test_two_conditions_on_one_column_are_refused(ring, capsys):
    twice = ["--where", "a=1", "--where", "a=2"]
    assert run("sample", ring, *twice) == 2
    assert "--where a is given twice" in capsys.readouterr().err


def test_what_no_memory_holds(ring, capsys):
    assert run("sample", ring, "--n", 10**15) == 2
    assert "error: there is not enough memory: ask for fewer" in capsys.readouterr().err
