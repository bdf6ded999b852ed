"""One handler a kind of data: build, draw, write, evaluate."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import wavfile

import aigc_lib as aigc
from aigc_lib import kinds
from aigc_lib.__main__ import main
from aigc_lib.codecs.molecules import Atoms
from aigc_lib.data import CATALOG, Windows
from aigc_lib.models import MODELS

SMALL = {"context": 16, "depth": 1, "heads": 2, "width": 8}


def run(*words):
    return main([str(word) for word in words])


def small(**options):
    return [w for k, v in (SMALL | options).items() for w in ("--set", f"{k}={v}")]


def evaluated(capsys, *words):
    capsys.readouterr()
    assert run("evaluate", *words, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def reviews(tmp_path):
    """Three hundred lines whose class is the word that they end with."""
    words = {"好": ["喜欢", "满意", "便宜"], "坏": ["失望", "退货", "太贵"]}
    with (tmp_path / "reviews.jsonl").open("w", encoding="utf-8") as file:
        for i in range(300):
            label = "好坏"[i % 2]
            text = f"第{i}次：{words[label][i % 3]}"
            file.write(json.dumps({"text": text, "label": label}) + "\n")
    return tmp_path / "reviews.jsonl"


@pytest.fixture
def novel(tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text(
        "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。\n" * 100, encoding="utf-8"
    )
    return path


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    for k, name in enumerate(("cats", "dogs", "owls")):
        (folder / name).mkdir(parents=True)
        for i in range(12):
            noise = np.random.default_rng([k, i]).integers(
                0, 256, (30, 40, 3), np.uint8
            )
            Image.fromarray(noise).save(folder / name / f"{name}{i}.png")
    return folder


# ---- handlers ------------------------------------------------------------------------


def test_every_card_and_every_model_has_a_handler():
    known = set(kinds.ENDINGS)
    assert {card.kind for card in CATALOG.values()} <= known
    assert {model.modality for model in MODELS.values()} <= known
    for kind in known:
        found = kinds.handler(kind)
        assert all(callable(getattr(found, name)) for name in ("build", "evaluate"))
    with pytest.raises(ValueError, match="kind='image': did you mean 'images'"):
        kinds.handler("image")


# ---- the reader's own files, from the command line -----------------------------------


def test_own_pictures_from_fit_to_sample(album, tmp_path, capsys):
    out = tmp_path / "gan.safetensors"
    words = ["--batch-size", 4, "--set", "width=4", "--out", out]
    assert run("fit", "dcgan", album, "--steps", 1, *words) == 0
    assert "album/train: " in capsys.readouterr().err
    assert aigc.models.load(out).sample(1).shape == (1, 3, 28, 28)
    assert run("fit", "conditional_gan", album, "--steps", 1, *words) == 0
    assert aigc.models.load(out).config["classes"] == 3  # as many as sub-folders
    assert run("sample", out, "--n", 2, "--out", tmp_path / "s.png") == 0
    assert run("fit", "conditional_gan", album / "cats", "--steps", 1, *words) == 2
    assert "needs classes, and data='cats' has 1" in capsys.readouterr().err
    assert run("evaluate", out, album) == 2
    assert "samples in split='test': give at least 20" in capsys.readouterr().err


def stripes(folder, n, bright):
    """Colour pictures of 32 pixels: stripes of any phase, red or blue."""
    folder.mkdir(parents=True)
    for i in range(n):
        wave = 127 * np.sin(np.arange(32) * 0.8 + i)[:, None] + 128
        x = np.zeros((32, 32, 3))
        x[..., bright] = wave
        Image.fromarray(x.astype(np.uint8)).save(folder / f"{i}.png")


class Album(aigc.models.GenerativeModel):
    """Draws the pictures that it was given, and says which features judged them."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def sample(self, n, *, seed=None):
        return self.x[torch.arange(n) % len(self.x)].float() / 127.5 - 1


def test_pictures_of_any_shape_are_measured_by_their_looks(tmp_path):
    for name, bright in (("red", 0), ("blue", 2)):
        stripes(tmp_path / name / "train", 30, bright)
        stripes(tmp_path / name / "test", 40, bright)
    data = aigc.data.load(tmp_path / "red", split="test", image_size=32)
    other = aigc.data.load(tmp_path / "blue", split="test", image_size=32)
    checkered = data.x.clone()
    checkered[..., ::2, ::2] //= 2
    alike, coloured, damaged = (
        kinds.evaluate(Album(x), data, n=40, seed=0)
        for x in (data.x, other.x, checkered)
    )
    assert "gist" in alike["measured_on"]
    assert alike["real_samples"] == alike["fake_samples"] == 40
    assert alike["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert alike["precision"] == alike["recall"] == 1
    for worse in (coloured, damaged):
        assert worse["frechet_distance"] > 100
        assert worse["kernel_distance"] > 10 * abs(alike["kernel_distance"])
        assert worse["precision"] == worse["coverage"] == 0
    grey = aigc.data.load(tmp_path / "red", split="test", image_size=32, channels=1)
    with pytest.raises(ValueError, match=r"the model makes \(3, 32, 32\)"):
        kinds.evaluate(Album(data.x), grey, n=40, seed=0)


def test_looks_of_even_pictures_are_numbers():
    x = torch.full((3, 3, 16, 16), 128, dtype=torch.uint8)
    assert kinds.images.by_looks(x)(x).isfinite().all()


def test_few_pictures_and_the_size_that_was_asked_for(album, tmp_path, capsys):
    out = tmp_path / "gan.safetensors"
    words = ["--set", "width=4", "--steps", 1, "--out", out]
    asked = ["--image-size", 32, "--channels", 1]
    # fewer than one batch of 64
    assert run("fit", "dcgan", album / "cats", *asked, *words) == 0
    assert aigc.models.load(out).sample(1).shape == (1, 1, 32, 32)
    assert run("fit", "dcgan", "digits", "--image-size", 32, *words) == 2
    assert "image_size=32: for files of your own only" in capsys.readouterr().err
    assert run("data", album, "ring8") == 0
    printed = capsys.readouterr().out
    assert "| 类别 | cats、dogs、owls |" in printed
    assert "ring8: verified" in printed


def test_a_novel_from_fit_to_evaluate(novel, tmp_path, capsys):
    out = tmp_path / "gpt.safetensors"
    words = [*small(), "--batch-size", 8, "--out", out]
    assert run("fit", "gpt", novel, "--steps", 2, *words) == 0
    figures = evaluated(capsys, out, novel)
    assert 0 < figures["nats_per_token"] < math.log(40)
    assert run("fit", "masked_lm", novel, "--steps", 2, *words) == 0
    first = evaluated(capsys, out, novel, "--seed", 1)
    assert 0 < first["nats_per_gap"] < math.log(60)
    assert first["rows"] == 13  # the last tenth, and no token twice
    assert (
        evaluated(capsys, out, novel, "--seed", 1)["nats_per_gap"]
        == (first["nats_per_gap"])
    )
    assert (
        evaluated(capsys, out, novel, "--seed", 2)["nats_per_gap"]
        != (first["nats_per_gap"])
    )
    assert run("sample", out) == 2
    assert "draws no samples" in capsys.readouterr().err


def test_a_classifier_from_fit_to_evaluate(reviews, tmp_path, capsys):
    out = tmp_path / "sorter.safetensors"
    words = [*small(width=32, learning_rate=0.01), "--batch-size", 32, "--out", out]
    assert run("fit", "text_classifier", reviews, "--steps", 60, *words) == 0
    model = aigc.models.load(out)
    assert sorted(model.classes) == ["坏", "好"]
    figures = evaluated(capsys, out, reviews)
    data = aigc.data.load(reviews, split="test")
    assert figures["texts"] == len(data)
    assert figures["accuracy"] == 1
    assert 0.8 < figures["accuracy_from"] < figures["accuracy_to"] == 1
    said = [label for label, _ in model.predict(data)]
    assert said == [data.classes[y] for y in data.y]
    assert figures["most_frequent_class"] < 0.8


def test_the_accuracy_goes_by_the_names_of_the_classes(reviews, tmp_path, capsys):
    """A model whose classes stand in another order is as right as before."""
    data = aigc.data.load(reviews, split="test")
    code = aigc.data.Characters.train(data.texts, min_count=2)
    torch.manual_seed(0)
    for names in (("坏", "好"), ("好", "坏"), ("别", "好", "坏")):
        model = aigc.models.TextClassifier(code, names, **SMALL)
        guesses = [names[i] for i in model.logits(data).argmax(1)]
        right = [g == data.classes[y] for g, y in zip(guesses, data.y, strict=True)]
        figures = kinds.evaluate(model, data, n=1, seed=0)
        assert figures["accuracy"] == sum(right) / len(right)
    model = aigc.models.TextClassifier(code, ("好", "别"), **SMALL)
    with pytest.raises(ValueError, match=r"has the classes \['坏'\], unknown"):
        kinds.evaluate(model, data, n=1, seed=0)


def test_a_classifier_needs_classes(novel, tmp_path, capsys):
    out = tmp_path / "m"
    assert run("fit", "text_classifier", novel, "--steps", 1, "--out", out) == 2
    assert "model='text_classifier' needs classes" in capsys.readouterr().err
    model = aigc.models.TextClassifier(aigc.data.Characters.train(["天地"]), **SMALL)
    with pytest.raises(ValueError, match="has no classes"):
        kinds.evaluate(model, aigc.data.load(novel), n=1, seed=0)


def write_tones(folder, n, slowest):
    folder.mkdir(parents=True)
    for i in range(n):
        x = np.sin(np.arange(800) * (slowest + 0.01 * i)).astype(np.float32) / 2
        wavfile.write(folder / f"{i}.wav", 8_000, x)


def test_own_sounds_from_fit_to_evaluate(tmp_path, capsys):
    folder = tmp_path / "sounds"
    write_tones(folder, 20, 0.1)
    out = tmp_path / "wavenet.safetensors"
    words = ["--set", "depth=2", "--set", "channels=4", "--batch-size", 4, "--out", out]
    assert run("fit", "wavenet", folder, "--steps", 1, *words) == 0
    assert 0 < evaluated(capsys, out, folder)["nats_per_sample"] < 1.01 * math.log(256)


def test_own_pictures_are_sorted(tmp_path, capsys):
    """Bright ones and dark ones, of any size."""
    album = tmp_path / "album"
    for name, low, n in (("bright", 128, 40), ("dark", 0, 60)):
        (album / name).mkdir(parents=True)
        for i in range(n):
            shades = np.random.default_rng(i).integers(low, low + 128, (20, 28, 3))
            Image.fromarray(shades.astype(np.uint8)).save(album / name / f"{i}.png")
    out = tmp_path / "judge.safetensors"
    words = ["--image-size", 12, "--channels", 1, "--set", "width=4", "--out", out]
    words += ["--batch-size", 16, "--steps", 40]
    assert run("fit", "picture_classifier", album, *words) == 0
    model = aigc.models.load(out)
    assert model.classes == ("bright", "dark")
    asked = ["--image-size", 12, "--channels", 1]
    figures = evaluated(capsys, out, album, *asked)
    test = aigc.data.load(album, split="test", image_size=12, channels=1)
    assert figures["pictures"] == len(test)
    assert figures["accuracy"] == figures["accuracy_to"] == 1
    assert figures["most_frequent_class"] == max(test.y.bincount()).item() / len(test)
    assert run("sample", out) == 2
    assert "PictureClassifier draws no samples" in capsys.readouterr().err
    (album / "dark").rename(album / "grim")
    assert run("evaluate", out, album, *asked) == 2
    assert "has the classes ['grim'], unknown to" in capsys.readouterr().err


def test_classes_without_names_go_by_their_number():
    data = aigc.data.load("digits", split="test")
    torch.manual_seed(0)
    model = aigc.models.PictureClassifier(28, 1, 10, 4)
    figures = kinds.evaluate(model, data, n=1, seed=0)
    assert figures["accuracy"] == (model.classify(data.x) == data.y).float().mean()
    few = aigc.models.PictureClassifier(28, 1, 8, 4)
    with pytest.raises(ValueError, match="unknown to the model"):
        kinds.evaluate(few, data, n=1, seed=0)


def test_own_sounds_are_sorted(tmp_path, capsys):
    for name, slowest in (("low", 0.1), ("high", 1.5)):
        write_tones(tmp_path / "sounds" / name, 30, slowest)
    out = tmp_path / "ear.safetensors"
    words = ["--set", "width=8", "--batch-size", 16, "--steps", 30, "--out", out]
    assert run("fit", "sound_classifier", tmp_path / "sounds", *words) == 0
    figures = evaluated(capsys, out, tmp_path / "sounds")
    assert figures["accuracy"] == 1
    assert figures["classes"] == 2


# ---- models that no command makes, but a file may hold -------------------------------


def latent_flow():
    vae = aigc.models.MapVAE(16, 1, 2, 4)
    return aigc.models.LatentFlow(vae, 4)


def composer():
    return aigc.models.Composer(width=8, depth=1, heads=2)


def pair_encoder():
    return aigc.models.PairEncoder()


def test_what_a_flow_of_codes_draws_is_a_picture(tmp_path, capsys):
    path = latent_flow().save(tmp_path / "m.safetensors")
    out = tmp_path / "s.png"
    assert run("sample", path, "--n", 2, "--out", out) == 0
    assert Image.open(out).size == (2 * 18 + 2, 20)  # two of 16 x 16, 2 pixels around
    assert run("evaluate", path, "ring8") == 2
    assert "holds points, the model makes images" in capsys.readouterr().err


def test_a_model_of_strings_writes_them(tmp_path):
    path = aigc.models.StringVAE(Atoms("\nCO"), width=8, latent_dim=2)
    path = path.save(tmp_path / "m.safetensors")
    assert run("sample", path, "--n", 2, "--out", tmp_path / "s.txt") == 0
    assert (tmp_path / "s.txt").read_text(encoding="utf-8").startswith("--- 0 ---")


@pytest.mark.parametrize(
    ("make", "words", "said"),
    [
        (composer, ["sample"], "Composer makes music, which no command writes"),
        (composer, ["evaluate", "ring8"], "holds points, the model makes music"),
        (pair_encoder, ["sample"], "PairEncoder draws no samples"),
        (pair_encoder, ["evaluate", "product_copy"], "PairEncoder: no command"),
        (aigc.models.MapVAE, ["evaluate", "digits"], "MapVAE: no command measures"),
        (aigc.models.LipSync, ["evaluate", "tones"], "LipSync: no command measures"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_command_can_do_is_said(make, words, said, tmp_path, capsys):
    path = make().save(tmp_path / "m.safetensors")
    assert run(words[0], path, *words[1:]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_data_set_in_the_catalogue_can_be_sorted_too(tmp_path, capsys):
    out = tmp_path / "sorter.safetensors"
    words = [*small(), "--batch-size", 8, "--out", out]
    assert run("fit", "text_classifier", "service", "--steps", 1, *words) == 0
    assert evaluated(capsys, out, "service")["classes"] == len(
        CATALOG["service"].classes
    )


# ---- what the handlers decide --------------------------------------------------------


def test_gaps_in_short_texts_and_in_long_ones(reviews, novel):
    for path, name in ((reviews, "rows"), (novel, "windows")):
        data = aigc.data.load(path)
        model, samples = kinds.build("masked_lm", data, SMALL)
        if name == "windows":
            assert isinstance(samples, Windows)
            assert samples[:1].shape == (1, 16)
        else:
            assert len(samples) == len(data)
            assert model.tokenizer.decode(
                [t for t in samples[0].tolist() if t >= 0]
            ).endswith(data[0][-2:])


def test_nats_per_gap_of_a_model_that_knows_nothing():
    code = aigc.data.Characters("abcdefgh")
    model = aigc.models.MaskedLM(code, **SMALL)
    torch.nn.init.zeros_(model.net.token.weight)  # all tokens are equally likely
    rows = torch.randint(8, (200, 16), generator=torch.Generator().manual_seed(0))
    before = torch.random.get_rng_state()
    nats = model.nats_per_gap(rows, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert nats == pytest.approx(math.log(8))
    with pytest.raises(ValueError, match="has no gap"):
        model.nats_per_gap(rows[:1, :1] * 0 - 1)


@pytest.mark.parametrize(
    ("model", "data"), [("gpt", "digits"), ("masked_lm", "ring8"), ("dcgan", "tones")]
)
def test_what_does_not_go_together(model, data):
    data = aigc.data.load(data)
    with pytest.raises(ValueError, match=f"not made for {data.card.kind}, which"):
        kinds.build(model, data, {})
