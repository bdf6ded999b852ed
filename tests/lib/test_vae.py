"""Variational autoencoders: every bound against a value that is known."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import MultivariateNormal, Normal, kl_divergence

import aigc_lib as aigc
from aigc_lib.models import VAE, BetaVAE, load
from aigc_lib.models.vae.bounds import (
    kl_to_standard_normal,
    normal_log_density,
    reparameterize,
)
from aigc_lib.models.vae.likelihoods import Bernoulli, Gaussian

numbers = st.lists(st.floats(-4, 4), min_size=6, max_size=6)


def tiny(kind=VAE, **arguments):
    torch.manual_seed(0)
    return kind(8, 1, 2, 32, **arguments)


@given(numbers, numbers)
@settings(max_examples=30, deadline=None)
def test_kl_is_that_of_torch(mu, log_var):
    mu, log_var = torch.tensor(mu).view(2, 3), torch.tensor(log_var).view(2, 3)
    expected = kl_divergence(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_to_standard_normal(mu, log_var), expected, atol=1e-4)


def test_kl_is_its_own_monte_carlo_estimate():
    mu, log_var = torch.tensor([[1.0, -0.5]]), torch.tensor([[0.3, -1.0]])
    z = reparameterize(*(v.expand(100_000, 2) for v in (mu, log_var)))
    zero = torch.zeros(1)
    ratio = normal_log_density(z, mu, log_var) - normal_log_density(z, zero, zero)
    exact = kl_to_standard_normal(mu, log_var).item()
    assert ratio.mean().item() == pytest.approx(exact, abs=0.02)


def test_reparameterized_draws_and_their_gradients():
    mu = torch.tensor([0.5, -1.0], requires_grad=True)
    log_var = torch.tensor([0.0, 1.0], requires_grad=True)
    source = torch.Generator().manual_seed(0)
    z = reparameterize(mu.expand(50_000, 2), log_var.expand(50_000, 2), source)
    assert torch.allclose(z.mean(0), mu, atol=0.03)
    assert torch.allclose(z.std(0), (log_var / 2).exp(), atol=0.03)
    z.square().sum(1).mean().backward()  # E z² = mu² + sigma²
    assert torch.allclose(mu.grad, 2 * mu, atol=0.05)
    assert torch.allclose(log_var.grad, log_var.exp(), atol=0.1)


def test_likelihoods_are_those_of_torch():
    decoded = 3 * torch.randn(5, 1, 4, 4)
    x = torch.randint(0, 2, decoded.shape) * 2.0 - 1
    expected = TorchBernoulli(logits=decoded).log_prob((x + 1) / 2).sum((1, 2, 3))
    assert torch.allclose(Bernoulli().log_prob(x, decoded), expected, atol=1e-4)
    assert torch.allclose(
        Bernoulli().mean(decoded), 2 * decoded.sigmoid() - 1, atol=1e-6
    )
    gaussian, grey = Gaussian(), torch.rand(decoded.shape)
    nn.init.constant_(gaussian.log_std, -0.7)
    normal = Normal(decoded.tanh(), math.exp(-0.7))
    expected = normal.log_prob(grey).sum((1, 2, 3))
    assert torch.allclose(gaussian.log_prob(grey, decoded), expected, atol=1e-3)


def test_bernoulli_is_finite_for_sure_decoders():
    x, logits = (
        torch.tensor([-1.0, 1.0]).view(1, 1, 1, 2),
        torch.full((1, 1, 1, 2), 1e4),
    )
    assert Bernoulli().log_prob(x, logits).item() == pytest.approx(-1e4)


class Linear(VAE):
    """p(x | z) = N(W z, s²): the evidence N(0, W Wᵀ + s² I) is known."""

    def __init__(self, tight):
        super().__init__(4, 1, 2, 32)
        torch.manual_seed(1)
        weight = 0.5 * torch.randn(16, 2)
        self.likelihood = Gaussian()
        self.likelihood.mean = lambda decoded: decoded
        nn.init.constant_(self.likelihood.log_std, math.log(0.5))
        self.decoder = nn.Sequential(
            nn.Linear(2, 16, bias=False), nn.Unflatten(1, (1, 4, 4))
        )
        self.decoder[0].weight.data = weight
        precision = torch.eye(2) + weight.T @ weight / 0.25
        posterior = precision.inverse()  # of z given x, exact
        self.to_mean = posterior @ weight.T / 0.25
        # the closest q with independent z has the precision's diagonal
        self.log_var = -precision.diagonal().log() if tight else torch.zeros(2)
        covariance = weight @ weight.T + 0.25 * torch.eye(16)
        self.evidence = MultivariateNormal(torch.zeros(16), covariance)

    def encode(self, x, labels=None):
        mu = x.flatten(1) @ self.to_mean.T
        return mu, self.log_var.expand_as(mu)


def test_bounds_of_a_linear_model_with_known_evidence():
    model = Linear(tight=True)
    x = model.evidence.sample((200,))
    truth = model.evidence.log_prob(x)
    x = x.view(-1, 1, 4, 4)
    with torch.no_grad():
        bounds = [model.iwae_bound(x, k).mean().item() for k in (1, 5, 100)]
        elbo = model.elbo(x).mean().item()
    truth_mean = truth.mean().item()
    assert bounds[0] < bounds[1] < bounds[2] < truth_mean + 0.02
    assert elbo == pytest.approx(bounds[0], abs=0.15)
    assert model.nll(x, k=1000).mean().item() == pytest.approx(-truth_mean, abs=0.02)


def test_nll_corrects_a_bad_encoder_where_the_elbo_cannot():
    model = Linear(tight=False)
    x = model.evidence.sample((100,))
    truth = -model.evidence.log_prob(x).mean().item()
    x = x.view(-1, 1, 4, 4)
    nll = model.nll(x, k=2000)
    assert nll.shape == (100,)
    assert nll.mean().item() == pytest.approx(truth, abs=0.1)
    with torch.no_grad():
        assert -model.elbo(x).mean().item() > truth + 1
    assert torch.equal(nll, model.nll(x, k=2000))


@pytest.mark.parametrize("likelihood", ["gaussian", "autoregressive"])
def test_nll_is_that_of_the_averaged_weights(likelihood):
    model, x = tiny(likelihood=likelihood), torch.rand(4, 1, 8, 8)
    model.start_averaging()
    before = model.nll(x, k=5)
    with torch.no_grad():
        for name in model.sampled:
            for parameter in getattr(model, name).parameters():
                parameter.add_(0.1)
    assert torch.equal(model.nll(x, k=5), before)
    model.averages.clear()
    assert not torch.equal(model.nll(x, k=5), before)


@pytest.mark.parametrize("body", ["mlp", "conv"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "autoregressive"])
@pytest.mark.parametrize("samples", [1, 3])
def test_gradients_reach_every_parameter(body, likelihood, samples):
    model = tiny(body=body, likelihood=likelihood, importance_samples=samples)
    if likelihood == "autoregressive":  # its last layer begins at 0
        nn.init.normal_(model.likelihood.net[-1].weight)
    model.training_step(torch.rand(4, 1, 8, 8), lambda name, loss: loss.backward())
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    mean, log_var = model.encoder[-1].weight.grad.chunk(2)
    assert mean.abs().sum() > 0
    assert log_var.abs().sum() > 0


def test_training_climbs_the_bound_in_nats():
    digits = aigc.data.load("digits")
    model = VAE(latent_dim=4, hidden=64, body="mlp")
    history = aigc.fit(model, digits, steps=200)
    first, *_, last = history.losses["negative_elbo"]
    assert last < first - 200  # 784 pixels: hundreds of nats


def test_beta_weighs_the_rate():
    torch.manual_seed(0)
    x, losses = torch.rand(4, 1, 8, 8), {}
    for beta in (0.0, 1.0, 4.0):
        model = tiny(beta=beta)
        torch.manual_seed(1)
        model.training_step(x, lambda _, loss, beta=beta: losses.update({beta: loss}))
    assert (losses[4.0] - losses[0.0]).item() == pytest.approx(
        4 * (losses[1.0] - losses[0.0]).item(), rel=1e-3
    )
    assert tiny(BetaVAE).beta == 4


def test_a_rate_below_the_free_one_has_no_price():
    x = torch.rand(4, 1, 8, 8)

    def gradient(free_nats):
        model = tiny(free_nats=free_nats)
        model.decode_alone = model.decoded
        model.decoded = lambda z, labels=None: model.decode_alone(z.detach())
        model.training_step(x, lambda name, loss: loss.backward())
        return model.encoder[-1].weight.grad  # of the rate alone

    rate = tiny().rate_distortion(x)[0].mean().item()
    assert gradient(rate * 2).abs().sum() == 0
    assert torch.equal(gradient(rate / 2), gradient(0.0))
    assert gradient(0.0).abs().sum() > 0


@pytest.mark.parametrize("kind", [VAE, BetaVAE])
@pytest.mark.parametrize("body", ["mlp", "conv"])
def test_samples_and_saving(kind, body, tmp_path):
    model = tiny(kind, body=body)
    state = torch.get_rng_state()
    x = model.sample(3, seed=1)
    assert x.shape == (3, 1, 8, 8)
    assert x.abs().max() <= 1
    assert torch.equal(state, torch.get_rng_state())
    assert model.training
    assert not x.requires_grad
    twin = load(model.save(tmp_path / "vae.safetensors"))
    assert type(twin) is kind
    assert torch.equal(x, twin.sample(3, seed=1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VAE(body="vit"), "body='vit'"),
        (lambda: VAE(likelihood="poisson"), "likelihood='poisson'"),
        (lambda: VAE(channels=3, likelihood="autoregressive"), "of 1 channel"),
        (lambda: VAE(beta=-1), "beta=-1"),
        (lambda: VAE(importance_samples=0), "importance_samples=0"),
        (lambda: VAE(importance_samples=5, beta=2), "beta=2"),
        (lambda: VAE(importance_samples=5, free_nats=2), "free_nats=2"),
        (lambda: VAE(free_nats=-2), "free_nats=-2"),
        (lambda: tiny().sample(0), "n=0"),
        (lambda: tiny().iwae_bound(torch.zeros(1, 1, 8, 8), 0), "k=0"),
        (lambda: tiny().nll(torch.zeros(1, 1, 8, 8).byte()), "dtype torch.uint8"),
        (
            lambda: tiny().nll(torch.zeros(1, 1, 8, 8), labels=torch.tensor([0])),
            r"labels has shape \(1,\): give none",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
