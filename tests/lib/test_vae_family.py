"""VAEs with labels, a learned prior, an autoregressive decoder, a discriminator."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import aigc_lib as aigc
from aigc_lib.data.dataset import Dataset
from aigc_lib.models import VAE, VAEGAN, ConditionalVAE, FlowPriorVAE, load
from aigc_lib.models.vae.coupling import CouplingFlow
from aigc_lib.models.vae.pixels import Autoregressive

BODIES = pytest.mark.parametrize("body", ["mlp", "conv"])


def labelled(n=64, size=8, classes=4):
    """Images that are as bright as their class says: -1, -1/3, 1/3, 1."""
    y = torch.arange(n) % classes
    x = (2 * y / (classes - 1) - 1).view(-1, 1, 1, 1).expand(n, 1, size, size)
    return Dataset(x.clone(), y, name="grey", split="train", card=None)


def conditional(**options):
    torch.manual_seed(0)
    return ConditionalVAE(8, 1, 4, 2, 32, **options)


def vae_gan(**options):
    torch.manual_seed(0)
    return VAEGAN(8, 1, 3, 4, **options)


# ---- conditional --------------------------------------------------------------------


@BODIES
@pytest.mark.parametrize("samples", [1, 3])
def test_labels_reach_both_networks_and_gradients_the_labels(body, samples):
    model = conditional(body=body, importance_samples=samples)
    data = labelled(8)
    x, y = torch.randn_like(data.x), data.y
    model.training_step((x, y), lambda name, loss: loss.backward())
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    other = (y + 1) % 4
    z = model.prior(8, seed=0)
    assert not torch.equal(model.encode(x, y)[0], model.encode(x, other)[0])
    assert not torch.equal(model.decode(z, y), model.decode(z, other))


def test_bounds_of_a_decoder_that_knows_only_the_label():
    """With q = prior = N(0, I) every bound is log p(x | y) itself."""
    model = conditional(body="mlp")
    for module in (model.encoder, model.decoder):
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
    means = torch.tensor([-1.0, 0.0, 0.5, 2.0])  # what each class decodes to
    model.decoder.forward = lambda z, labels: (
        means[labels].view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    )
    x, y = torch.rand(4, 1, 8, 8), torch.tensor([3, 1, 0, 2])
    truth = Normal(means[y].tanh().view(-1, 1, 1, 1), 1.0).log_prob(x).sum((1, 2, 3))
    for bound in (
        model.elbo(x, y),
        model.iwae_bound(x, 3, labels=y),
        -model.nll(x, k=5, batch_size=3, labels=y),
    ):
        torch.testing.assert_close(bound, truth)


def test_each_class_is_drawn_as_it_was_seen():
    data = labelled(256)
    model = conditional(body="mlp", learning_rate=5e-3)
    aigc.fit(model, data, steps=150, batch_size=64)
    drawn = model.sample(8, seed=0, labels=torch.arange(8) % 4).mean((1, 2, 3))
    expected = torch.tensor([-1, -1 / 3, 1 / 3, 1]).repeat(2)
    torch.testing.assert_close(drawn, expected, atol=0.25, rtol=0)
    alike = model.sample(8, seed=0, labels=2).mean((1, 2, 3))
    assert (alike - 1 / 3).abs().max() < 0.25


def test_random_labels_do_not_repeat_the_numbers_of_the_noise():
    model, seen = conditional(), []
    model.decoder.register_forward_pre_hook(lambda net, args: seen.extend(args))
    model.sample(50, seed=3)
    z, labels = seen
    assert torch.equal(z, model.prior(50, seed=3))
    again = torch.randint(4, (50,), generator=torch.Generator().manual_seed(3))
    assert not torch.equal(labels, again)


def test_conditional_samples_and_saving(tmp_path):
    model = conditional()
    model.start_averaging()
    x = model.sample(3, seed=1)
    assert x.shape == (3, 1, 8, 8)
    assert x.abs().max() <= 1
    assert torch.equal(x, model.sample(3, seed=1))
    assert not torch.equal(x, model.sample(3, seed=2))
    twin = load(model.save(tmp_path / "model.safetensors"))
    assert type(twin) is ConditionalVAE
    assert twin.classes == 4
    assert torch.equal(x, twin.sample(3, seed=1))


# ---- with a learned prior -----------------------------------------------------------


def flow_prior(**options):
    torch.manual_seed(0)
    model = FlowPriorVAE(8, 1, 2, 32, couplings=3, body="mlp", **options)
    for parameter in model.flow.parameters():  # away from the identity
        nn.init.normal_(parameter, std=0.15)
    return model


def test_coupling_flow_inverts_and_knows_its_volume():
    torch.manual_seed(0)
    flow = CouplingFlow(4, 3, 8)
    for parameter in flow.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(5, 4)
    y = flow(x)
    back, log_volume = flow.inverse(y)
    torch.testing.assert_close(back, x, atol=1e-4, rtol=1e-4)
    jacobian = torch.autograd.functional.jacobian(flow, x[0])
    expected = -torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close(log_volume[0], expected, atol=1e-4, rtol=1e-4)
    assert flow.inverse(y.view(5, 1, 4))[1].shape == (5, 1)


def test_learned_prior_is_a_density_and_draws_from_it():
    model = flow_prior()
    line = torch.linspace(-12, 12, 400)
    plane = torch.cartesian_prod(line, line)
    with torch.no_grad():
        density = model.log_prior(plane).exp()
    cell = (line[1] - line[0]).square()
    assert (density.sum() * cell).item() == pytest.approx(1, abs=0.01)
    mean = (density[:, None] * plane).sum(0) * cell
    torch.testing.assert_close(model.prior(50_000).mean(0), mean, atol=0.05, rtol=0)


def test_rate_of_a_learned_prior_is_its_monte_carlo_estimate():
    model = flow_prior()
    x = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        mu, log_var = model.encode(x)
        rate, _ = model.rate_distortion(x.expand(20_000, 1, 8, 8))
        z = Normal(mu, (log_var / 2).exp()).sample((20_000,)).squeeze(1)
        q = Normal(mu, (log_var / 2).exp()).log_prob(z).sum(1)
        expected = (q - model.log_prior(z)).mean().item()
    assert rate.mean().item() == pytest.approx(expected, abs=0.05)


def test_flow_prior_learns_and_its_average_draws():
    model = flow_prior()
    before = model.flow.nets[0][0].weight.clone()
    aigc.fit(model, labelled(64).x, steps=3, batch_size=16)
    assert not torch.equal(before, model.flow.nets[0][0].weight)
    assert set(model.averages) == {"decoder", "flow"}
    images = model.sample(3, seed=1)
    assert images.shape == (3, 1, 8, 8)
    assert torch.equal(images, model.sample(3, seed=1))


def test_untrained_flow_prior_is_the_plain_model(tmp_path):
    torch.manual_seed(0)
    model = FlowPriorVAE(8, 1, 2, 32, couplings=2)
    z = torch.randn(6, 2)
    plain = Normal(0.0, 1.0).log_prob(z).sum(1)
    torch.testing.assert_close(model.log_prior(z), plain)
    twin = load(model.save(tmp_path / "model.safetensors"))
    assert type(twin) is FlowPriorVAE
    assert len(twin.flow.nets) == 2
    assert torch.equal(model.sample(3, seed=1), twin.sample(3, seed=1))


# ---- with neighbours ----------------------------------------------------------------


def neighbours():
    torch.manual_seed(0)
    likelihood = Autoregressive(hidden=8)
    for parameter in likelihood.parameters():
        nn.init.normal_(parameter, std=0.4)
    return likelihood


def test_probabilities_of_all_images_add_up_to_one():
    every = torch.cartesian_prod(*9 * [torch.tensor([-1.0, 1.0])]).view(-1, 1, 3, 3)
    decoded = torch.randn(1, 4, 3, 3)
    total = neighbours().log_prob(every, decoded).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-4)


def test_a_pixel_sees_those_before_it_and_no_other():
    likelihood, decoded = neighbours(), torch.randn(1, 4, 12, 12)
    x = torch.randint(0, 2, (1, 1, 12, 12)) * 2.0 - 1
    flipped = x.clone()
    flipped[0, 0, 5, 6] *= -1
    changed = likelihood.logits(x, decoded) != likelihood.logits(flipped, decoded)
    seen = torch.zeros(12, 12, dtype=torch.bool)
    seen[5, 7:11] = True
    seen[6:10, 2:11] = True
    assert torch.equal(changed[0, 0], seen)


def test_drawing_takes_the_probable_value_of_each_pixel():
    likelihood, decoded = neighbours(), torch.randn(3, 4, 6, 6)
    image = likelihood.mean(decoded)
    assert image.shape == (3, 1, 6, 6)
    assert torch.equal(image, likelihood.logits(image, decoded).sign())
    assert 0.1 < image.gt(0).float().mean() < 0.9


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE, FlowPriorVAE])
def test_both_factors_of_a_sample_are_averaged(kind, tmp_path):
    """The net that reads the neighbours belongs to the decoder that it grew up with."""
    model = kind(8, 1, latent_dim=2, hidden=32, likelihood="autoregressive")
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    model.start_averaging()
    before = model.sample(5, seed=0)
    assert 0 < before.gt(0).float().mean() < 1
    for part in (model.decoder, model.likelihood):
        for parameter in part.parameters():
            nn.init.normal_(parameter, std=0.4)
    assert torch.equal(model.sample(5, seed=0), before)
    twin = load(model.save(tmp_path / "model.safetensors"))
    assert torch.equal(twin.sample(5, seed=0), before)
    model.averages.pop("likelihood")
    assert not torch.equal(model.sample(5, seed=0), before)


def test_many_codes_for_one_image_are_judged_as_one_by_one():
    likelihood, decoded = neighbours(), torch.randn(3, 2, 4, 6, 6)
    x = torch.randint(0, 2, (2, 1, 6, 6)) * 2.0 - 1
    together = likelihood.log_prob(x, decoded)
    assert together.shape == (3, 2)
    alone = torch.stack([likelihood.log_prob(x, part) for part in decoded])
    torch.testing.assert_close(together, alone)


# ---- with a discriminator -----------------------------------------------------------


class Probe:
    """An ``update`` that takes no step and keeps whom each loss reaches."""

    def __init__(self, model):
        self.reached = {}
        players = {
            "encoder": list(model.encoder.parameters()),
            "generator": list(model.generator.parameters()),
            "discriminator": list(model.discriminator.parameters()),
        }
        self.players = players

    def __call__(self, name, loss):
        self.reached[name] = {
            player: torch.autograd.grad(
                loss, parameters, retain_graph=True, allow_unused=True
            )
            for player, parameters in self.players.items()
        }


def test_each_loss_reaches_its_player_and_no_one_it_must_not():
    model = vae_gan()
    probe = Probe(model)
    model.training_step(torch.rand(6, 1, 8, 8) * 2 - 1, probe)
    for name, gradients in probe.reached.items():
        own = gradients[name]
        if name == "discriminator":
            own = own[:-2] + own[-1:]  # the last bias cancels in a hinge not yet met
        assert all(g is not None and g.abs().sum() > 0 for g in own), name
    assert not any(g is not None for g in probe.reached["discriminator"]["encoder"])
    assert not any(g is not None for g in probe.reached["discriminator"]["generator"])
    # what deceives the discriminator is none of the encoder's business
    reached = probe.reached["generator"]["encoder"]
    assert not any(g is not None for g in reached)


def test_fakes_are_decoded_codes_and_draws_from_the_prior():
    model, seen = vae_gan(), []
    model.discriminator_loss = lambda real, fake: seen.append(fake) or fake.sum()
    real = torch.rand(5, 1, 8, 8)
    model.training_step(real, lambda name, loss: None)
    assert seen[0].shape == (10, 1, 8, 8)
    assert not seen[0].requires_grad


def test_distortion_is_the_least_that_a_gaussian_of_the_features_has():
    model = vae_gan().eval()
    x, rebuilt = torch.rand(2, 3, 1, 8, 8)
    h, g = (model.discriminator.features(v) for v in (x, rebuilt))

    def distortion(std):
        return -64 * Normal(g, std).log_prob(h).mean()  # 64 pixels

    best = (h - g).square().mean().sqrt()
    torch.testing.assert_close(model.distortion(x, rebuilt), distortion(best))
    assert distortion(best) < min(distortion(0.9 * best), distortion(1.1 * best))


def test_vae_gan_rebuilds_what_it_saw_and_draws():
    data = labelled(256)
    model = vae_gan(similarity=0.1)
    history = aigc.fit(model, data.x, steps=150, batch_size=32)
    assert set(history.losses) == {"encoder", "generator", "discriminator"}
    state = torch.get_rng_state()
    rebuilt = model.reconstruct(data.x[:8], seed=0).mean((1, 2, 3))
    brightness = data.x[:8].mean((1, 2, 3))
    assert torch.corrcoef(torch.stack([rebuilt, brightness]))[0, 1] > 0.9
    images = model.sample(3, seed=1)
    assert images.shape == (3, 1, 8, 8)
    assert images.abs().max() <= 1
    assert torch.equal(images, model.sample(3, seed=1))
    assert torch.equal(state, torch.get_rng_state())


def test_vae_gan_comes_back_from_its_file(tmp_path):
    model = vae_gan(similarity=0.5)
    twin = load(model.save(tmp_path / "model.safetensors"))
    assert type(twin) is VAEGAN
    assert twin.similarity == 0.5
    x = torch.rand(3, 1, 8, 8)
    rebuilt = (m.reconstruct(x, seed=0) for m in (model, twin))
    assert torch.equal(*rebuilt)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConditionalVAE(classes=1), "classes=1"),
        (lambda: ConditionalVAE(body="vit"), "body='vit'"),
        (lambda: conditional().sample(0), "n=0"),
        (lambda: conditional().sample(2, labels=4), "labels=4"),
        (lambda: conditional().sample(2, labels=torch.tensor([0])), "n=2"),
        (lambda: conditional().nll(torch.zeros(2, 1, 8, 8)), "labels=None"),
        (lambda: FlowPriorVAE(latent_dim=3), "dim=3"),
        (lambda: VAEGAN(similarity=-1), "similarity=-1"),
        (lambda: vae_gan().sample(0), "n=0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
