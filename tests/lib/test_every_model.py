"""What holds for every model of the registry, whatever its family."""

import inspect
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

import aigc_lib as aigc
from aigc_lib.codecs.molecules import Atoms
from aigc_lib.data import Characters
from aigc_lib.kinds import ENDINGS
from aigc_lib.models import (
    MODELS,
    VAE,
    VQVAE,
    FilmFlow,
    FlowMatching,
    GenerativeModel,
    LevelWriter,
    MaskedLM,
    Painter,
    StringVAE,
    TextClassifier,
    WaveNet,
)
from aigc_lib.models.base import Trainable
from aigc_lib.models.transformer.lora import LoRALinear, add_lora, merge_lora
from aigc_lib.options import accepted

# Small, and none of the defaults: what is forgotten in a file would be noticed.
OTHER = {
    "image_size": 8,
    "channels": 2,
    "latent_dim": 6,
    "data_dim": 3,
    "width": 4,
    "hidden": 32,
    "classes": 3,
    "num_codes": 3,
    "couplings": 2,
    "phase": 7,
    "steep_generator": True,
    "information": 0.2,
    "agreement": 0.6,
    "distortion": 0.1,
    "similarity": 2e-3,
    "encoder_learning_rate": 1e-3,
    "gradient_penalty": 0.5,
    "r1": 0.25,
    "loss": "lsgan",
    "learning_rates": (1e-4, 2e-4),
    "betas": (0.5, 0.99),
    "learning_rate": 5e-4,
    "beta": 2.0,
    "free_nats": 0.5,
    "label_dropout": 0.3,
    "predicts": "x0",
    "schedule": "linear",
    "timesteps": 11,
    "context": 12,
    "depth": 1,
    "heads": 2,
    "dropout": 0.2,
    "positions": "learned",
    "bias": True,
    "optimizer": "muon",
    "weight_decay": 0.05,
    "share": 0.3,
    "score": "energy",
    "skip_channels": 8,
    "stacks": 1,
    "levels": 16,
    "pac": 2,
    "items": tuple("abcde"),
    "anneal_steps": 7,
    "negatives": 3,
    "columns": 2,
    "horizon": 3,
    "past": 2,
    "network": "attention",
    "window": 9,
    "counts": False,
    "smoothing": 0.2,
}
NOT_TOGETHER = {  # options that exclude another, or are no plain value
    *("sample_shape", "encoder", "decoder", "net", "tokenizer", "bert", "vocab_size"),
    *("importance_samples", "likelihood", "body", "gelu", "bands", "ngrams"),
    *("spectral_norm", "options", "codec", "images"),
}
every_model = pytest.mark.parametrize("name", MODELS)


def options_of(name):
    known = inspect.signature(MODELS[name]).parameters
    options = {option: OTHER[option] for option in known if option in OTHER}
    assert known.keys() - options.keys() <= NOT_TOGETHER, "give OTHER a value"
    if name == "text_classifier":
        options |= {"classes": ("x", "y", "z"), "hidden": 0.3}
        options["tokenizer"] = Characters("abc\n")
    if name in ("picture_classifier", "sound_classifier"):
        options["classes"] = ("x", "y", "z")
    if name in ("gpt", "masked_lm"):
        options["tokenizer"] = Characters("abc\n")
    return options


def built(name):
    torch.manual_seed(0)
    return MODELS[name](**options_of(name))


@every_model
def test_nothing_of_a_configuration_is_lost(name, tmp_path):
    model = built(name)
    loaded = MODELS[name].load(model.save(tmp_path / "m"))
    assert loaded.config == model.config
    plain = {k: v for k, v in vars(model).items() if isinstance(v, int | float | str)}
    assert {k: vars(loaded)[k] for k in plain} == plain
    for mine, theirs in zip(
        model.optimizers().values(), loaded.optimizers().values(), strict=True
    ):
        assert mine.state_dict()["param_groups"] == theirs.state_dict()["param_groups"]


@every_model
def test_only_what_makes_samples_has_sample(name):
    kind = MODELS[name]
    assert issubclass(kind, Trainable)
    assert hasattr(kind, "sample") == issubclass(kind, GenerativeModel)
    assert kind.modality in ENDINGS


def data_for(model):
    generator = torch.Generator().manual_seed(0)
    if model.modality == "images":
        shape = (16, *model.sample_shape)
        x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    elif model.modality in ("points", "series"):
        x = torch.randn(16, *model.sample_shape, generator=generator)
    elif model.modality in ("text", "ratings"):
        x = torch.randint(0, 3, (16, 9), generator=generator)
    elif model.modality == "answers":
        return (
            torch.randint(0, 3, (16, 9), generator=generator),
            torch.randint(0, 2, (16, 9), generator=generator),
            torch.rand(16, 9, 7, generator=generator),
        )
    elif model.modality == "tables":
        shape = (16, *model.sample_shape)
        return model.samples(torch.randint(0, 10, shape, generator=generator))
    else:
        x = torch.rand(16, 150, generator=generator) - 0.5
    y = torch.arange(16) % 3
    return (x, y) if model.conditional else x


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_another_default_precision_is_refused_in_our_words(double):
    with pytest.raises(ValueError, match=r"float64.*set_default_dtype\(torch.float32"):
        VAE()


def test_weights_of_another_precision_are_refused_in_our_words():
    with pytest.raises(ValueError, match=r"weights are torch.float64.*model.float\(\)"):
        aigc.fit(built("mlp_gan").double(), torch.zeros(9, 3), steps=1)


@every_model
def test_data_in_double_precision_are_brought_to_that_of_the_weights(name):
    model = built(name)
    data = data_for(model)
    if model.modality in ("points", "sounds", "series"):
        x = data[0] if isinstance(data, tuple) else data
        data = (x.double(), *data[1:]) if isinstance(data, tuple) else x.double()
    aigc.fit(model, data, steps=1, batch_size=8)


def test_a_batch_too_small_to_learn_from_is_refused():
    model = built("info_gan")
    with pytest.raises(ValueError, match="batch_size=1: InfoGAN needs at least 8"):
        aigc.fit(model, data_for(model), steps=1, batch_size=1)


@every_model
def test_every_model_learns_from_as_few_samples_as_it_says(name):
    model = built(name)
    aigc.fit(model, data_for(model), steps=1, batch_size=model.least_batch)


# ---- numbers that are none -----------------------------------------------------------


@every_model
def test_no_option_takes_what_is_no_number(name):
    options = options_of(name)
    for option, hint in accepted(MODELS[name]).items():
        wrong = [float("nan"), 2.5] if "int" in str(hint) else []
        wrong = [float("nan"), float("inf"), "x"] if "float" in str(hint) else wrong
        for value in wrong:
            with pytest.raises(ValueError, match=option):
                MODELS[name](**options | {option: value})


@pytest.mark.parametrize("n", [0, -1, 2.5, float("nan"), "4", None])
@pytest.mark.parametrize("name", ["dcgan", "vae", "ddpm", "flow", "gpt", "wavenet"])
def test_samples_are_counted_in_whole_numbers(name, n):
    with pytest.raises(ValueError, match=r"^n="):
        built(name).sample(n, seed=0)


# ---- what mutants had survived -------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_labels_are_dropped_as_often_as_asked(share):
    model = FlowMatching(8, 1, 4, classes=3, label_dropout=share)
    labels = torch.arange(3).repeat(2_000)
    torch.manual_seed(0)
    _, kept = model.parts((torch.zeros(6_000, 1, 8, 8), labels))
    dropped = kept == 3
    assert dropped.float().mean().item() == pytest.approx(share, abs=0.02)
    assert torch.equal(kept[~dropped], labels[~dropped])


@pytest.mark.parametrize("kind", [MaskedLM, TextClassifier])
def test_matrices_of_an_encoder_decay_and_vectors_do_not(kind):
    model = kind(Characters("ab\n"), width=8, heads=2, depth=1, weight_decay=0.3)
    (optimizer,) = model.optimizers().values()
    decays = {
        id(p): group["weight_decay"]
        for group in optimizer.param_groups
        for p in group["params"]
    }
    for p in model.net.parameters():
        assert decays[id(p)] == (0.3 if p.dim() >= 2 else 0.0)


# ---- LoRA on nets that are no GPT ----------------------------------------------------


@pytest.mark.parametrize("net", ["dit", "wavenet"])
def test_a_lora_learns_and_what_it_froze_does_not(net):
    torch.manual_seed(0)
    if net == "dit":
        model, layers = FlowMatching(8, 1, 8, net="dit"), ("qkv", "mix")
    else:
        model = WaveNet(channels=4, skip_channels=8, depth=2, stacks=1)
        names = {n for n, m in model.net.named_modules() if isinstance(m, nn.Linear)}
        layers = {name.rpartition(".")[2] for name in names}
    for p in model.net.parameters():  # what begins at 0 would teach the LoRA nothing
        nn.init.normal_(p, std=0.1)
    add_lora(model, rank=2, layers=layers)
    weights = model.net.named_parameters()
    frozen = {k: p.clone() for k, p in weights if not p.requires_grad}
    aigc.fit(model, data_for(model), steps=3, batch_size=8)
    now = dict(model.net.named_parameters())
    assert frozen
    assert all(torch.equal(now[name], value) for name, value in frozen.items())
    loras = [m for m in model.net.modules() if isinstance(m, LoRALinear)]
    assert any(lora.b.abs().sum() > 0 for lora in loras)
    merge_lora(model)
    assert not any(isinstance(m, LoRALinear) for m in model.net.modules())


# ---- many samples --------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module there")
def test_many_samples_take_the_memory_of_few():
    """20,000 images of a VAE are 63 MB; all at once they took 1.7 GB."""
    import resource

    model = VAE(hidden=256)
    model.sample(10, seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    samples = model.sample(20_000, seed=0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert samples.shape == (20_000, 1, 28, 28)
    assert grown < 500_000  # kB


def painter():
    coder = VQVAE(8, 1, 4, 8)
    coder.codebook.codes.normal_()  # before training all codes are alike
    return Painter(Characters("abc"), coder, room=2, depth=1, heads=2, width=8)


def awake(model):
    for parameter in model.parameters():  # a fresh net says the same to all noise
        nn.init.normal_(parameter, std=0.1)
    return model


def strings():
    return StringVAE(Atoms.train(["CCO"]), 12, 3, 8)


MANY = {  # a model, and how it makes n samples
    "vae": (lambda: built("vae"), lambda m, n: m.sample(n)),
    "vae_gan": (
        lambda: built("vae_gan"),
        lambda m, n: m.reconstruct(torch.zeros(n, *m.sample_shape)),
    ),
    "gpt": (lambda: built("gpt"), lambda m, n: m.sample(n)),
    "levels": (
        lambda: LevelWriter(width=8, depth=1, heads=1),
        lambda m, n: m.sample(n),
    ),
    "painter": (painter, lambda m, n: m.sample(n)),
    "film": (
        lambda: awake(FilmFlow(8, 1, frames=4, known=2, width=4)),
        lambda m, n: m.sample(n, known=torch.zeros(1, 2, 1, 8, 8)),
    ),
    "wavenet": (lambda: built("wavenet"), lambda m, n: m.sample(n, length=20)),
    "dcgan": (lambda: built("dcgan"), lambda m, n: m.sample(n)),
    "flow": (lambda: awake(built("flow")), lambda m, n: m.sample(n, steps=2)),
    "ddpm": (lambda: awake(built("ddpm")), lambda m, n: m.sample(n, steps=2)),
    "mult_vae": (lambda: built("mult_vae"), lambda m, n: m.taken(n, length=5)),
    "strings": (strings, lambda m, n: torch.tensor([*map(len, m.sample(n))])),
    "strings_read": (
        strings,
        lambda m, n: m.encode([k * "C" for k in range(1, n + 1)]),
    ),
    "ctgan": (lambda: built("ctgan"), lambda m, n: m.drawn_codes(n, None, {})),
    "tvae": (lambda: awake(built("tvae")), lambda m, n: m.drawn_codes(n, None, {})),
    "series_flow": (
        lambda: awake(built("series_flow")),
        lambda m, n: m.follow(torch.zeros(n, 2, 2)),
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_many_samples_go_through_the_networks_in_parts(name, monkeypatch):
    """20,000 texts of a small GPT wanted a cache of 5 GB."""
    monkeypatch.setattr("aigc_lib.models.base.PART", 4)
    monkeypatch.setattr("aigc_lib.models.diffusion.denoiser.PART", 4)
    make, draw = MANY[name]
    torch.manual_seed(0)
    model, rows = make(), []
    hook = register_module_forward_pre_hook(lambda _, x: rows.append(len(x[0])))
    try:
        samples = draw(model, 10)
    finally:
        hook.remove()
    assert max(rows) == 4
    assert len(samples) == 10
    assert not torch.equal(samples[:4], samples[4:8])


def test_parts_are_joined_in_order():
    model = VAE(8, 1, 2, 16)
    z = model.prior(2_500, seed=0)
    together = model.drawn(z)
    alone = torch.cat([model.drawn(z[k : k + 500]) for k in range(0, 2_500, 500)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("value", ["false", "no", 2, float("nan")])
@every_model
def test_no_choice_of_yes_or_no_takes_a_word(name, value):
    options = options_of(name)
    for option, hint in accepted(MODELS[name]).items():
        if hint is bool:
            with pytest.raises(ValueError, match=f"{option}=.*True or False"):
                MODELS[name](**options | {option: value})


def test_numbers_of_other_libraries_are_numbers():
    # np.ceil gives floats, a mean of flags is no flag
    odd = {"hidden": np.ceil(7.5), "spectral_norm": np.True_, "r1": np.float32(0.5)}
    model = MODELS["mlp_gan"](**odd)
    assert model.config["hidden"] == 8
    assert type(model.config["hidden"]) is int
    assert model.config["spectral_norm"] is True
    assert model.config["r1"] == 0.5
    with pytest.raises(ValueError, match=r"hidden=10{30}: .*below 2\*\*63"):
        MODELS["mlp_gan"](hidden=10**30)


@pytest.mark.parametrize("seed", [1.5, float("nan"), "1", True, 10**30])
@pytest.mark.parametrize("name", ["dcgan", "vae", "ddpm", "flow", "gpt", "wavenet"])
def test_seeds_are_whole_numbers(name, seed):
    with pytest.raises(ValueError, match=r"^seed="):
        built(name).sample(1, seed=seed)


def test_seeds_may_be_of_numpy_or_torch():
    model = built("mlp_gan")
    wanted = model.sample(3, seed=5)
    for seed in (np.int64(5), np.uint8(5), torch.tensor(5), 5.0):
        assert torch.equal(model.sample(3, seed=seed), wanted)


@pytest.mark.parametrize("guidance", [float("nan"), float("inf"), "2"])
@pytest.mark.parametrize("name", ["ddpm", "flow"])
def test_guidance_is_a_number(name, guidance):
    with pytest.raises(ValueError, match=r"^guidance="):
        built(name).sample(2, seed=0, labels=1, steps=2, guidance=guidance)


# ---- whole numbers that mean something -----------------------------------------------


def parts_of(data):
    parts = getattr(data, "parts", data)
    return parts if isinstance(parts, tuple | list) else (parts,)


OF_CODES = [name for name in MODELS if built(name).sample_codes is not None]


def test_models_of_whole_numbers_say_how_many():
    read = {name for name in MODELS if MODELS[name].modality in ("text", "ratings")}
    assert read | {"knowledge_tracer"} <= {*OF_CODES}


@pytest.mark.parametrize("name", OF_CODES)
def test_codes_that_a_model_does_not_know_are_refused(name):
    model = built(name)
    x, *others = parts_of(data_for(model))
    for wrong in (x + 10_000, x - 10_000, x.float(), x > 0):
        with pytest.raises(ValueError, match=r"data holds .*(knows 0 to|learns from)"):
            aigc.fit(model, (wrong, *others), steps=1, batch_size=8)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16])
@pytest.mark.parametrize("name", OF_CODES)
def test_codes_may_be_shorter_numbers(name, dtype):
    # NumPy's whole numbers have 32 bits on Windows
    model = built(name)
    x, *others = parts_of(data_for(model))
    short = (x.to(dtype), *others) if others else x.to(dtype).numpy()
    aigc.fit(model, short, steps=1, batch_size=8)
