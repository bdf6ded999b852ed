"""What holds for the models that no command makes, as for those of the registry."""

import inspect

import pytest
import torch

import aigc_lib as aigc
from aigc_lib import models
from aigc_lib.codecs.molecules import Atoms
from aigc_lib.codecs.tokenizers import UNKNOWN, Characters
from aigc_lib.models import GenerativeModel, Trainable
from aigc_lib.options import accepted

CODE = Characters(UNKNOWN + "abc")
PICTURE = {"image_size": 8, "channels": 2}
LEARNS = {"learning_rate": 5e-4}
# Small, and where it matters none of the defaults: what a file forgets is noticed.
OPTIONS = {
    "CLIP": {
        **{"tokenizer": CODE, "width": 4, "size": 8, "hidden": 8, "context": 6},
        **{"depth": 1, "heads": 2, "runs": 1, "dropout": 0.2, "weight_decay": 0.1},
        **PICTURE | {"channels": 1} | LEARNS,
    },
    "Composer": {
        **{"context": 32, "depth": 1, "heads": 2, "width": 8, "dropout": 0.2},
        **{"optimizer": "adamw", "weight_decay": 0.2} | LEARNS,
    },
    "DefectMarker": {"width": 4, "weight": 3.0} | PICTURE | LEARNS,
    "FilmFlow": {"frames": 3, "known": 2, "width": 4} | PICTURE | LEARNS,
    "FramePredictor": {"known": 2, "width": 4} | PICTURE | LEARNS,
    "GANEncoder": {"gan": lambda: models.DCGAN(8, 2, 3, 4), "hidden": 16, "weight": 0.5}
    | LEARNS,
    "LatentFlow": {
        **{"autoencoder": lambda: models.MapVAE(16, 2, 3, 4), "width": 4, "classes": 3},
        **{"label_dropout": 0.3} | LEARNS,
    },
    "LatentTextFlow": {
        **{"tokenizer": CODE, "autoencoder": lambda: models.MapVAE(16, 2, 3, 4)},
        **{"width": 4, "context": 5, "text_width": 8, "early": 0.2},
        **{"label_dropout": 0.3} | LEARNS,
    },
    "LevelWriter": {
        **{"order": "rows", "size": 6, "boxes": 2, "cuts": (3, 6)},
        **{"depth": 1, "heads": 2, "width": 8} | LEARNS,
    },
    "LipSync": {"lookahead": 3, "width": 4} | LEARNS,
    "MapVAE": {"latent_channels": 3, "width": 4, "beta": 0.1} | PICTURE | LEARNS,
    "Painter": {
        **{"tokenizer": CODE, "autoencoder": lambda: models.VQVAE(8, 2, 4, 4)},
        **{"room": 3, "depth": 1, "heads": 2, "width": 8, "text_dropout": 0.3},
        **LEARNS,
    },
    "PairEncoder": {
        **{"ngrams": 3, "buckets": 64, "width": 8, "longest": 9, "spread": 0.5},
        **{"scale": 5.0} | LEARNS,
    },
    "StringVAE": {
        **{"tokenizer": Atoms("\nCO"), "length": 6, "latent_dim": 3, "width": 8},
        **{"beta": 0.2, "warm_up": 7, "hidden_share": 0.2} | LEARNS,
    },
    "TextDraft": {"tokenizer": CODE, "width": 4, "hidden": 8} | PICTURE | LEARNS,
    "TextFlow": {
        **{"tokenizer": CODE, "width": 4, "context": 5, "text_width": 8, "patch": 1},
        **{"draft": lambda: models.TextDraft(CODE, 8, 2, 4, 8), "early": 0.2},
        **{"label_dropout": 0.3} | PICTURE | LEARNS,
    },
    "VQVAE": {
        **{"num_codes": 4, "width": 4, "code_dim": 4, "commitment": 0.5},
        **PICTURE | LEARNS,
    },
}
AS_IT_IS = {"Composer": {"layouts"}, "LatentFlow": {"net"}}  # what data or sizes decide
PIXELS = torch.arange(16 * 2 * 64).view(16, 2, 8, 8).remainder(251).to(torch.uint8)
TOKENS = torch.arange(16 * 5).view(16, 5) % 4
every_other = pytest.mark.parametrize("name", OPTIONS)


def options_of(name):
    made = OPTIONS[name].items()
    return {k: v() if inspect.isfunction(v) else v for k, v in made}


def built(name, **options):
    torch.manual_seed(0)
    return getattr(models, name)(**options_of(name) | options)


def data_for(model, name):
    """Sixteen samples of what it learns from."""
    if name == "PairEncoder":
        return TOKENS, TOKENS + 4
    if name == "LipSync":
        x = torch.arange(16 * 1_280.0).sin().view(16, -1) / 2
        return x, model.mouths(x).detach()
    if name == "DefectMarker":
        return PIXELS, PIXELS[:, 0] > 200
    if name == "CLIP":
        return PIXELS[:, :1], TOKENS
    if name in ("TextDraft", "TextFlow"):
        return PIXELS, TOKENS
    if name in ("LatentFlow", "LatentTextFlow"):
        told = torch.arange(16) % 3 if name == "LatentFlow" else TOKENS
        return model.prepare(PIXELS.repeat(1, 1, 2, 2)), told
    if name in ("FilmFlow", "FramePredictor"):
        return PIXELS.repeat(1, 3, 1, 1)
    if name == "Painter":
        return model.prepare(PIXELS, ["ab"] * 16)
    if name == "StringVAE":
        return model.rows(["CCO", "OC"] * 8)
    if name == "LevelWriter":
        return torch.arange(16 * model.codec.length).view(16, -1) % 9
    if name == "Composer":
        return TOKENS
    return PIXELS


def test_they_are_all_that_no_command_makes():
    kinds = (getattr(models, name) for name in models.__all__)
    ours = {k for k in kinds if inspect.isclass(k) and issubclass(k, Trainable)}
    ours -= {*models.MODELS.values(), Trainable, GenerativeModel}
    ours -= {models.GAN, models.DPO}  # what others build on, a way to tune a GPT
    assert {k.__name__ for k in ours} == OPTIONS.keys()


@every_other
def test_nothing_of_a_configuration_is_lost(name, tmp_path):
    kind, model = getattr(models, name), built(name)
    loaded = kind.load(model.save(tmp_path / "m"))
    assert loaded.config == model.config
    defaults = inspect.signature(kind).parameters
    told = options_of(name)
    same = {k for k in told if told[k] == defaults[k].default}
    assert defaults.keys() - told.keys() | same <= AS_IT_IS.get(name, set())
    plain = {k: v for k, v in vars(model).items() if isinstance(v, int | float | str)}
    assert {k: vars(loaded)[k] for k in plain} == plain
    for mine, theirs in zip(
        model.optimizers().values(), loaded.optimizers().values(), strict=True
    ):
        assert mine.state_dict()["param_groups"] == theirs.state_dict()["param_groups"]
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@every_other
def test_no_option_takes_what_is_no_number(name):
    options, kind = options_of(name), getattr(models, name)
    for option, hint in accepted(kind).items():
        wrong = [float("nan"), 2.5] if "int" in str(hint) else []
        wrong = [float("nan"), float("inf"), "x"] if "float" in str(hint) else wrong
        for value in wrong:
            with pytest.raises(ValueError, match=option):
                kind(**options | {option: value})


@every_other
def test_no_size_is_below_one(name):
    options, kind = options_of(name), getattr(models, name)
    for option, hint in accepted(kind).items():
        if hint is int and option not in ("lookahead", "depth", "runs"):
            with pytest.raises(ValueError, match=option):
                kind(**options | {option: 0})
        if option == "learning_rate":
            with pytest.raises(ValueError, match=option):
                kind(**options | {option: 0.0})


@every_other
def test_each_learns_from_as_few_samples_as_it_says(name):
    model = built(name)
    data = data_for(model, name)
    history = aigc.fit(model, data, steps=1, batch_size=model.least_batch)
    assert all(map(torch.isfinite, map(torch.tensor, history.losses.values())))
