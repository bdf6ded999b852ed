"""The classifier, the autoencoder, likeness, and the recipes that train them all."""

import json
from functools import cache
from types import SimpleNamespace

import pytest
import torch

from aigc_lib import models
from aigc_lib.codecs.tokenizers import Characters
from aigc_lib.data import load
from aigc_lib.data.store import find
from aigc_lib.metrics.pictures import looks, quality, resized, similar
from aigc_lib.models import CLIP, VQVAE, FlowMatching, MapVAE, PictureClassifier
from aigc_lib.models.diffusion.unet import UNet
from aigc_lib.optim import orthogonal
from aigc_lib.pipeline import pictures
from aigc_lib.train import fit


def blobs(n=256, size=16, seed=0):
    """Pictures of two kinds: a bright spot on the left, or on the right."""
    source = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (n,), generator=source)
    x = 0.3 * torch.randn(n, 3, size, size, generator=source) - 0.5
    rows = torch.arange(n)
    places = torch.where(y == 0, 3, size - 5)
    for k in range(3):
        x[rows, :, size // 2, places + k] = 0.9
    return x.clamp(-1, 1), y


def test_the_classifier_learns_what_there_is_to_learn():
    torch.manual_seed(0)
    model = PictureClassifier(16, 3, 2, 8)
    fit(model, blobs(), steps=60, batch_size=32)
    x, y = blobs(seed=1)
    assert (model.classify(x) == y).float().mean() > 0.95
    assert model.features(x).shape == (256, 32)
    assert torch.allclose(model.probabilities(x).sum(1), torch.ones(256))


READERS = {
    "classifier": lambda: PictureClassifier(16, 3, 2, 4).features,
    "autoencoder": lambda: MapVAE(16).encode,
    "quantised autoencoder": lambda: VQVAE(16).encode,
    "clip": lambda: CLIP(Characters("\0 a"), 16).encode_images,
}


@pytest.mark.parametrize("name", READERS)
def test_bytes_and_floats_are_read_alike(name):
    torch.manual_seed(0)
    read = READERS[name]()
    u = torch.randint(256, (5, 3, 16, 16), dtype=torch.uint8)
    assert torch.allclose(read(u), read(u.float() / 127.5 - 1))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("x", "says"),
    [
        (torch.zeros(0, 3, 16, 16), "N >= 1"),
        (torch.zeros(1, 3, 8, 8), r"x has shape \(1, 3, 8, 8\)"),
        (torch.full((1, 3, 16, 16), 255.0), "from 255 to 255: give uint8"),
        (torch.full((1, 3, 16, 16), torch.nan), "from nan to nan"),
        (torch.ones(1, 3, 16, 16, dtype=torch.int64), "x is torch.int64"),
    ],
    ids=["none", "shape", "range", "nan", "type"],
)
def test_other_pictures_are_refused(name, x, says):
    with pytest.raises(ValueError, match=says):
        READERS[name]()(x)


def test_a_classifier_comes_back_from_its_file(tmp_path):
    torch.manual_seed(0)
    model = PictureClassifier(16, 3, 2, 4)
    fit(model, blobs(64), steps=3, batch_size=16)
    again = models.load(model.save(tmp_path / "judge.safetensors"))
    x, _ = blobs(seed=2)
    assert torch.equal(model.features(x), again.features(x))


def test_the_autoencoder_learns_to_give_back():
    torch.manual_seed(0)
    model = MapVAE(16, 3, 8, 8)
    x, _ = blobs(128)
    before = (model.decode(model.encode(x)) - x).abs().mean()
    fit(model, x, steps=80, batch_size=32)
    after = (model.decode(model.encode(x)) - x).abs().mean()
    assert after < 0.6 * before
    assert model.encode(x).shape == (128, 8, 4, 4)


def test_the_unet_folds_as_told():
    for patch, size in ((2, 16), (4, 32)):
        net = UNet(size, 3, 8, 5, patch=patch)
        x = torch.randn(2, 3, size, size)
        assert net(x, torch.rand(2), torch.tensor([0, 5])).shape == x.shape
        assert net.enter.in_channels == 3 * patch**2
    with pytest.raises(ValueError, match="image_size"):
        UNet(12, 3, 8, patch=4)


def test_the_default_unet_is_what_it_was():
    assert [type(m).__name__ for m in UNet(28, 1, 8).fine] == ["ResidualBlock"]
    assert len(UNet(64, 3, 8).fine) == 2
    assert len(UNet(128, 3, 8).fine) == 3


def test_rough_directions_are_nearly_the_exact_ones():
    matrix = torch.randn(32, 96, generator=torch.Generator().manual_seed(0))
    exact, rough = orthogonal(matrix), orthogonal(matrix.bfloat16()).float()
    cosine = torch.nn.functional.cosine_similarity(exact.flatten(), rough.flatten(), 0)
    assert cosine > 0.999


def test_alike_is_nearest_first_and_oneself_is_nearest():
    rows = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    distances, places = similar(rows[:4] * 3, rows, 5)
    assert places[:, 0].tolist() == [0, 1, 2, 3]
    assert torch.allclose(distances[:, 0], torch.zeros(4), atol=1e-5)
    assert (distances.diff(dim=1) >= 0).all()
    with pytest.raises(ValueError, match="k=21"):
        similar(rows, rows, 21)
    with pytest.raises(ValueError, match="give \\(Q, D\\)"):
        similar(rows, rows[:, :2], 1)


def test_looks_are_means_of_colours_and_steps_of_grey():
    x = torch.zeros(1, 3, 32, 32)
    x[:, 0, :, 16:] = 0.9  # red on the right: one edge, in the middle
    colours, edges = looks(x)
    assert torch.allclose(colours.view(3, 8, 8)[0, :, 4:], torch.tensor(0.9))
    assert not colours.view(3, 8, 8)[1:].any()
    down, across = edges.view(2, 8, 8)
    assert not down.any()
    assert torch.allclose(across[:, 3], torch.tensor(0.3 / 4))
    assert not across[:, [0, 1, 2, 4, 5, 6, 7]].any()
    u = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    for bytes_, floats in zip(looks(u), looks(u.float() / 127.5 - 1), strict=True):
        assert torch.allclose(bytes_, floats)


def test_quality_knows_a_copy_and_a_stranger():
    source = torch.Generator().manual_seed(0)
    train, held_out, honest = torch.randn(3, 200, 4, generator=source)
    fair = quality(train, held_out, honest)
    copies = quality(train, held_out, train)
    strange = quality(train, held_out, honest + 6)
    assert abs(fair["closer"] - 0.5) < 0.1
    assert copies["closer"] == 1
    assert strange["precision"] == 0
    assert fair["precision"] > 0.7
    assert strange["fd"] > 20 * fair["fd"]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_come_to_the_size_of_a_judge(channels):
    u = torch.full((2, channels, 32, 32), 200, dtype=torch.uint8)
    found = resized(u, 64)
    assert found.shape == (2, 3, 64, 64)
    assert torch.allclose(found, torch.full_like(found, 200 / 127.5 - 1), atol=1e-5)
    assert resized(u, 16, channels=1).shape == (2, 1, 16, 16)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: PictureClassifier(14, 3, 2), "image_size"),
        (lambda: PictureClassifier(16, 3, 1), "classes"),
        (lambda: PictureClassifier(16, 3, ["one"]), "classes"),
        (lambda: PictureClassifier(16, 3, ["a", "a"]), "each name once"),
        (lambda: PictureClassifier(16, 3, 2, smoothing=1.0), "smoothing"),
        (lambda: MapVAE(18), "image_size"),
        (lambda: MapVAE(16, beta=-1.0), "beta"),
        (lambda: MapVAE(16, width=5), "width"),
        (lambda: MapVAE(16).decode(torch.zeros(1, 8, 8, 8)), "z has"),
        (lambda: FlowMatching(sample_shape=(4,), net="unet4"), "square"),
        (lambda: resized(torch.zeros(1, 2, 8, 8), 8), "x has"),
        (lambda: looks(torch.zeros(1, 3, 8, 8), 0), "cells"),
        (lambda: pictures.obtain("clothing", share=0), "share"),
        (lambda: pictures.is_trained("nothing"), "nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong()


# ---- recipes -------------------------------------------------------------------------

NEEDS = {"clothing": "clothing", "clothing_judge": "clothing"}
NEEDS |= {"emoji": "openmoji"}


@cache
def loaded(name, split="train"):
    """A set, read once for all tests."""
    return load(name, split=split)


@pytest.fixture
def few(monkeypatch):
    """The recipes see only a batch of pictures of each set."""

    def first(name, **options):
        data = loaded(name, **options)
        x, y = data.x[:64], data.y[:64]
        return SimpleNamespace(x=x, y=y, classes=data.classes)

    monkeypatch.setattr(pictures, "load", first)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("name", pictures.RECIPES)
def test_a_recipe_leaves_a_model_and_its_record(name, tmp_path):
    if find(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not here")
    shares = []
    model = pictures.obtain(
        name, lambda share, model: shares.append(share), place=tmp_path, share=0.0005
    )
    assert pictures.is_trained(name, tmp_path)
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] <= 1
    record = json.loads((tmp_path / f"{name}.json").read_text())
    assert record["bytes"] == (tmp_path / f"{name}.safetensors").stat().st_size
    assert not list(tmp_path.glob("*.checkpoint"))
    again = pictures.obtain(name, place=tmp_path)  # from the file
    first, second = (next(m.parameters()) for m in (model, again))
    assert torch.equal(first, second)
    path = tmp_path / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert not pictures.is_trained(name, tmp_path)


def test_a_recipe_leaves_the_random_numbers_outside_as_they_were(tmp_path, monkeypatch):
    """Neither its seeds are seen there, nor that a file was read."""

    def make(training):
        torch.manual_seed(0)
        return MapVAE(8, 1, 2, 4)

    monkeypatch.setitem(pictures.RECIPES, "emoji", pictures.Recipe("", make, 0))
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    for _ in ("made", "read"):
        assert isinstance(pictures.obtain("emoji", place=tmp_path), MapVAE)
        assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.usefixtures("few")
@pytest.mark.skipif(find("clothing") is None, reason="clothing is not here")
def test_an_interrupted_recipe_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "SAVE_EVERY", 2)

    class Stop(Exception):
        pass

    def stops(share, model):
        if share > 0.4:
            raise Stop

    def judged(place):
        judge = pictures.obtain("clothing_judge", place=place, share=0.002)
        return judge.features(loaded("clothing", split="validation").x[:8])

    whole = judged(tmp_path / "whole")
    broken = tmp_path / "broken"
    with pytest.raises(Stop):
        pictures.obtain("clothing_judge", stops, place=broken, share=0.002)
    assert not pictures.is_trained("clothing_judge", broken)
    assert (broken / "clothing_judge.checkpoint").exists()
    assert torch.equal(judged(broken), whole)
