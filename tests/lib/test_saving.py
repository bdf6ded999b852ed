"""``save`` and ``load``: the same model comes back, and nothing else is let in."""

import errno
import json
import pkgutil
import struct
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import aigc_lib as aigc
from aigc_lib.data import Characters
from aigc_lib.models import (
    DCGAN,
    DPO,
    GPT,
    MLPGAN,
    MODELS,
    VAE,
    TextClassifier,
    Trainable,
)

every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture
def saved(tmp_path):
    return DCGAN(width=4).save(tmp_path / "model.safetensors")


def rewrite(path, tensors=None, **change):
    """Write ``path`` again with other tensors or another header."""
    header = {"format": 2, "model": "DCGAN", "config": {"width": 4}} | change
    tensors = load_file(path) if tensors is None else tensors
    save_file(tensors, path, metadata={"aigc_lib": json.dumps(header)})


def test_every_model_is_registered():
    """What ``MODELS`` lacks no command can make."""
    for module in pkgutil.walk_packages(aigc.models.__path__, "aigc_lib.models."):
        import_module(module.name)

    def below(kind):
        return {kind}.union(*map(below, kind.__subclasses__()))

    ours = {k for k in below(Trainable) if k.__module__.startswith("aigc_lib.")}
    # what others build on, and a way to tune a GPT, which is what gets saved
    abstract = {"Trainable", "GenerativeModel", "GAN", "HingeGAN"}
    abstract |= {"Denoiser", "_Reader", "DPO"}
    # made from one another, from texts or from one kind of data: no command's to make
    abstract |= {"LatentFlow", "LatentTextFlow", "MapVAE", "TextDraft", "TextFlow"}
    abstract |= {"Composer", "PairEncoder", "CLIP", "Painter", "VQVAE"}
    abstract |= {"FilmFlow", "FramePredictor"}
    abstract |= {"GANEncoder", "DefectMarker", "LevelWriter", "LipSync", "StringVAE"}
    assert {k.__name__ for k in ours - set(MODELS.values())} == abstract


@every_model
def test_every_model_comes_back_the_same(name, tmp_path):
    torch.manual_seed(0)
    model = MODELS[name]()
    model.start_averaging()
    path = model.save(tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == [path]
    loaded = MODELS[name].load(path)
    assert type(loaded) is type(aigc.models.load(path)) is MODELS[name]
    assert json.dumps(loaded.config) == json.dumps(model.config)
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_compiled_net_is_saved_under_its_own_names(tmp_path):
    model = MLPGAN()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.generator = torch.compile(model.generator)
    after = MLPGAN.load(model.save(tmp_path / "model.safetensors")).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@every_model
def test_every_model_refuses_damaged_files(name, tmp_path):
    path = MODELS[name]().save(tmp_path / "model.safetensors")
    whole = path.read_bytes()
    for size in (0, 4, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="no safetensors file"):
            MODELS[name].load(path)


def test_a_trained_model_samples_the_same(tmp_path):
    model = DCGAN(width=4, latent_dim=8)
    images = torch.randint(0, 256, (64, 1, 28, 28), dtype=torch.uint8)
    aigc.fit(model, images, steps=3, batch_size=16)
    loaded = DCGAN.load(model.save(tmp_path / "model.safetensors"))
    assert torch.equal(loaded.sample(4, seed=0), model.sample(4, seed=0))


def test_no_file(tmp_path):
    for path, told in ((tmp_path, "no plain file"), (tmp_path / "none", "no such")):
        with pytest.raises(FileNotFoundError, match=told):
            aigc.models.load(path)


def test_a_file_that_may_not_be_read_is_there(saved, monkeypatch):
    def closed(self, mode="r"):  # root may read everything
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(PermissionError):
        aigc.models.load(saved)


def test_a_pickle_is_refused_and_not_run(saved, tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "trap"), "w")

    torch.save(Payload(), saved)
    with pytest.raises(ValueError, match="no safetensors file"):
        aigc.models.load(saved)
    assert list(tmp_path.iterdir()) == [saved]


@pytest.mark.parametrize("announced", [10**6, 2**40, 2**64 - 1])
def test_a_giant_header_is_refused(saved, announced):
    saved.write_bytes(struct.pack("<Q", announced) + saved.read_bytes()[8:])
    with pytest.raises(ValueError, match="no safetensors file"):
        aigc.models.load(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "NoSuchGAN"}, "model='NoSuchGAN', which is not known"),
        ({"model": ["DCGAN"]}, "is not known"),
        ({"config": {"width": 8}}, "does not fit DCGAN"),
        ({"config": {"depth": 3}}, "does not fit DCGAN"),
        ({"config": {"width": "4"}}, "does not fit DCGAN"),
        ({"config": {"width": -4}}, "does not fit DCGAN"),
        ({"config": {"width": 1e400}}, "does not fit DCGAN"),
        ({"config": [4]}, "no model of aigc_lib"),
        ({"config": None}, "no model of aigc_lib"),
        ({"format": 1}, "has format 1, this version reads 2: train the model again"),
        ({"format": 3}, "has format 3, this version reads 2: update aigc_lib"),
        ({"format": "2"}, "has format '2'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_header_is_refused(saved, change, message):
    rewrite(saved, **change)
    with pytest.raises(ValueError, match=message):
        aigc.models.load(saved)


def test_a_file_without_header_is_refused(saved):
    save_file(load_file(saved), saved)
    with pytest.raises(ValueError, match="holds weights, but no model of aigc_lib"):
        aigc.models.load(saved)


@pytest.mark.parametrize("text", ['{"format": 2', 10**5 * "[", "null", "2", "[]"])
def test_a_header_that_is_no_header_is_refused(saved, text):
    save_file(load_file(saved), saved, metadata={"aigc_lib": text})
    with pytest.raises(ValueError, match="no model of aigc_lib"):
        aigc.models.load(saved)


def test_a_file_of_the_first_format_says_what_to_do(saved):
    header = {"model": "DCGAN", "config": '{"width": 4}'}
    save_file(load_file(saved), saved, metadata=header)
    with pytest.raises(ValueError, match=r"older version.*train the model again"):
        aigc.models.load(saved)


def test_equal_models_give_equal_bytes(tmp_path):
    files = []
    for i in range(6):
        torch.manual_seed(0)
        files.append(DCGAN(width=4).save(tmp_path / str(i)).read_bytes())
    assert len(set(files)) == 1


def test_weights_that_are_not_finite_are_not_saved(saved):
    before = saved.read_bytes()
    model = DCGAN(width=4)
    with torch.no_grad():
        model.generator[0].weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"generator.0.weight holds NaN.*lower"):
        model.save(saved)
    assert saved.read_bytes() == before


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_not_loaded(saved, value):
    tensors = load_file(saved)
    tensors["generator.0.weight"][0, 0] = value
    rewrite(saved, tensors)
    with pytest.raises(ValueError, match=r"generator.0.weight holds NaN or infinity"):
        aigc.models.load(saved)


def test_running_statistics_that_are_no_numbers_are_not_saved(saved):
    before = saved.read_bytes()
    model = DCGAN(width=4)
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    norm.running_var[0] = torch.nan
    with pytest.raises(ValueError, match=r"running_var holds NaN.*lower"):
        model.save(saved)
    assert saved.read_bytes() == before


def test_a_buffer_may_be_infinite(tmp_path):
    model = TextClassifier(Characters("ab\n"), width=8, heads=2, depth=1)
    assert model.threshold.isinf()
    assert aigc.models.load(model.save(tmp_path / "m")).threshold.isinf()


def test_a_model_whose_weights_lie_channels_last_is_saved(tmp_path):
    model = DCGAN(width=4).to(memory_format=torch.channels_last)
    loaded = DCGAN.load(model.save(tmp_path / "m"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_numbers_of_numpy_and_torch_are_kept_as_pythons():
    model = DCGAN(width=np.int64(4), latent_dim=torch.tensor(8))
    assert json.loads(json.dumps(model.config)) == model.config
    assert model.config["width"] == 4
    assert type(model.config["latent_dim"]) is int


def test_arrays_are_kept_as_lists():
    class Start(Trainable):
        def __init__(self, weights, scale):
            super().__init__()
            self.weights = nn.Parameter(weights)

    weights = torch.tensor([[0.5, 1.0], [2.0, 3.0]])
    config = Start(weights, scale=np.array([1, 2])).config
    assert config == {"weights": weights.tolist(), "scale": [1, 2]}
    assert json.loads(json.dumps(config)) == config


def test_networks_of_ones_own_are_given_again(tmp_path):
    def nets():
        torch.manual_seed(0)
        return {"encoder": nn.Linear(3, 4), "decoder": nn.Linear(2, 3)}

    model = VAE(sample_shape=(3,), latent_dim=2, **nets())
    path = model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"Linear: give it as load\(path, "):
        VAE.load(path)
    loaded = VAE.load(path, **nets())
    assert torch.equal(loaded.sample(3, seed=0), model.sample(3, seed=0))


def test_a_model_made_of_a_model_comes_back_with_it(tmp_path):
    gpt = GPT(Characters("ab\n"), context=8, width=8, heads=2, depth=1)
    model = DPO(gpt, beta=0.5)
    loaded = aigc.models.load(model.save(tmp_path / "m"))
    assert loaded.beta == 0.5
    assert loaded.gpt.complete("a", 5, seed=0) == gpt.complete("a", 5, seed=0)


@pytest.mark.parametrize("change", ["shape", "missing", "surplus", "average"])
def test_wrong_tensors_are_refused(saved, change):
    tensors = load_file(saved)
    name = "generator.0.weight"
    if change == "shape":
        tensors[name] = tensors[name][..., None].contiguous()
    elif change == "missing":
        del tensors[name]
    else:
        tensors[{"surplus": "more", "average": "averages.more"}[change]] = torch.ones(1)
    rewrite(saved, tensors)
    with pytest.raises(ValueError, match="does not fit DCGAN"):
        aigc.models.load(saved)


def test_a_class_refuses_the_file_of_another(saved):
    with pytest.raises(ValueError, match="holds model='DCGAN', which is not known"):
        MLPGAN.load(saved)


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    def fail(*arguments, **named):
        raise OSError("disk full")

    before = saved.read_bytes()
    monkeypatch.setattr("aigc_lib.models.base.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        DCGAN(width=8).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_reading_a_file_draws_nothing(tmp_path):
    place = MLPGAN(hidden=4).save(tmp_path / "m.safetensors")
    before = torch.get_rng_state()
    aigc.models.load(place)
    MLPGAN.load(place)
    assert torch.equal(torch.get_rng_state(), before)
