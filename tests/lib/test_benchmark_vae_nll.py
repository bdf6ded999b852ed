"""The benchmark of likelihoods: all that is subtracted is of the same weights."""

import math

import torch

from aigc_lib.models import VAE
from benchmarks import vae_nll


def test_both_bounds_are_those_of_the_averaged_weights(monkeypatch):
    def fit(model, *_, **__):
        model.start_averaging()
        for parameter in model.decoder.parameters():  # the average stays behind
            torch.nn.init.constant_(parameter, float("nan"))

    arguments = {"image_size": 8, "hidden": 16, "body": "mlp"}
    monkeypatch.setattr(vae_nll.aigc, "fit", fit)
    monkeypatch.setattr(vae_nll, "K", 2)
    monkeypatch.setitem(vae_nll.RECIPES, "tiny", (VAE, arguments, 1))
    x = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    found = vae_nll.measure("tiny", 0, x, x)
    assert math.isfinite(found["nll"])
    assert math.isfinite(found["negative_elbo"])
