"""Conditional, informative, growing and style-based GANs."""

import math

import pytest
import torch
from torch.nn.functional import conv2d

import aigc_lib as aigc
from aigc_lib.data.dataset import Dataset
from aigc_lib.metrics.codes import matched_accuracy
from aigc_lib.models import ConditionalGAN, GrowingGAN, InfoGAN, StyleGAN
from aigc_lib.models.gan.conditional import (
    distorted,
    information_bound,
    shared_information,
)
from aigc_lib.models.gan.growing import growth, shrunk
from aigc_lib.models.gan.growing_nets import (
    GrowingDiscriminator,
    GrowingGenerator,
    enlarged,
)
from aigc_lib.models.gan.style_nets import ModulatedConv, StyleGenerator
from aigc_lib.nets.conv import ProjectionDiscriminator

TINY = {"width": 2, "latent_dim": 4}
FAMILY = [ConditionalGAN, InfoGAN, GrowingGAN, StyleGAN]


def labelled(n=40, size=28, channels=1):
    source = torch.Generator().manual_seed(0)
    shape = (n, channels, size, size)
    x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)
    return Dataset(x, torch.arange(n) % 10, name="noise", split="train", card=None)


def trained(model, **arguments):
    return aigc.fit(
        model, labelled(), **{"steps": 9, "batch_size": 8, "seed": 3} | arguments
    )


# ---- what all of them share ---------------------------------------------------------


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3)])
def test_shapes_range_seed_and_training(kind, size, channels):
    model = kind(image_size=size, channels=channels, **TINY)
    before = {k: v.clone() for k, v in model.named_parameters()}
    aigc.fit(model, labelled(16, size, channels), steps=2, batch_size=8)
    for player in ("generator", "discriminator"):
        changed = [
            not torch.equal(v, before[k])
            for k, v in model.named_parameters()
            if k.startswith(player)
        ]
        assert any(changed), player
    images = model.sample(3, seed=1)
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert torch.equal(images, model.sample(3, seed=1))
    assert not torch.equal(images, model.sample(3, seed=2))


@pytest.mark.parametrize("kind", FAMILY)
def test_saved_model_samples_the_same(kind, tmp_path):
    model = kind(**TINY)
    trained(model)
    loaded = aigc.models.load(model.save(tmp_path / "model.safetensors"))
    assert torch.equal(loaded.sample(4, seed=0), model.sample(4, seed=0))


class Stopped(Exception):
    pass


@pytest.mark.parametrize("kind", FAMILY)
def test_interrupted_and_resumed_equals_uninterrupted(kind, tmp_path):
    arguments = TINY | ({"phase": 2} if kind is GrowingGAN else {})

    def build():
        torch.manual_seed(0)
        return kind(**arguments)

    def stop(model):
        raise Stopped

    checkpoint = {"checkpoint": tmp_path / "run.ckpt", "save_every": 3}
    with pytest.raises(Stopped):
        trained(build(), **checkpoint, watch=stop, watch_at=[5])
    resumed, whole = build(), build()
    trained(resumed, **checkpoint)
    trained(whole)
    for (key, a), b in zip(
        resumed.state_dict().items(), whole.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), key


@pytest.mark.parametrize("kind", FAMILY)
def test_nothing_is_refused(kind):
    with pytest.raises(ValueError, match="n=0"):
        kind(**TINY).sample(0)


# ---- codes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ConditionalGAN(classes=1), "classes=1"),
        (lambda: InfoGAN(width=1), "width=1"),
        (lambda: InfoGAN(information=-1.0), r"information=-1\.0"),
        (lambda: InfoGAN(agreement=-0.5), r"agreement=-0\.5"),
        (lambda: InfoGAN(distortion=-0.1), r"distortion=-0\.1"),
        (lambda: ConditionalGAN(**TINY).sample(2, labels=10), "labels=10"),
        (lambda: ConditionalGAN(**TINY).sample(2, labels=-1), "labels=-1"),
        (lambda: ConditionalGAN(**TINY).sample(2, labels=torch.zeros(3).long()), "n=2"),
        (lambda: InfoGAN(**TINY).sample(2, codes=torch.zeros(2)), "whole number"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_labels_reach_both_players():
    model = ConditionalGAN(**TINY).eval()
    first, second = (model.sample(4, seed=0, labels=k) for k in (0, 1))
    assert not torch.allclose(first, second)
    assert torch.equal(first, model.sample(4, seed=0, labels=torch.zeros(4).long()))
    zeros = torch.zeros(4, dtype=torch.long)
    judged, otherwise = (model.discriminator(first, zeros + k) for k in (0, 1))
    assert not torch.allclose(judged, otherwise)


def test_projection_is_an_inner_product_with_the_row_of_the_class():
    net = ProjectionDiscriminator(8, 1, 2, classes=5)
    x, labels = torch.randn(6, 1, 8, 8), torch.tensor([0, 4, 1, 1, 2, 3])
    features = net.body.features(x)
    rows = net.classes.weight[labels]  # e_y, (6, D)
    expected = net.body(x) + (rows * features).sum(1)
    torch.testing.assert_close(net(x, labels), expected)


def test_information_bound_of_a_known_joint():
    """A code of two values, flipped with probability 0.1: I = log 2 - H(0.1)."""
    code = torch.tensor([0] * 10 + [1] * 10)
    seen = code.clone()
    seen[[0, 10]] = 1 - seen[[0, 10]]  # one in ten is flipped
    flip = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    exact = math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1)
    posterior = flip.log()[seen]
    assert information_bound(posterior, code).item() == pytest.approx(exact, abs=1e-6)
    for wrong in (2 * posterior, 0.5 * posterior, torch.randn(20, 2)):
        assert information_bound(wrong, code).item() < exact
    assert information_bound(1e4 * torch.eye(10), torch.arange(10)).item() == (
        pytest.approx(math.log(10))
    )


def test_shared_information_of_known_tables():
    """Sure and alike: log K. A channel that flips: log 2 - H. Independent: nothing."""
    sure = 1e4 * torch.eye(10)
    assert shared_information(sure, sure).item() == pytest.approx(math.log(10))
    codes = torch.tensor([0] * 10 + [1] * 10)
    flipped = codes.clone()
    flipped[[0, 10]] = 1 - flipped[[0, 10]]
    exact = math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1)
    first, second = 1e4 * torch.eye(2)[codes], 1e4 * torch.eye(2)[flipped]
    assert shared_information(first, second).item() == pytest.approx(exact, abs=1e-4)
    one = 1e4 * torch.eye(2)[torch.zeros(20).long()]  # always the same code
    assert shared_information(one, one).item() == pytest.approx(0, abs=1e-4)
    assert shared_information(0 * first, second).item() == pytest.approx(0, abs=1e-4)
    # a weight above 1 on the two marginal entropies
    gain = shared_information(first, second, 1.5) - shared_information(first, second)
    assert gain.item() == pytest.approx(math.log(2), abs=1e-4)


def test_reader_sorts_unlabelled_images_by_what_survives_distortion():
    torch.manual_seed(0)
    kinds = torch.arange(256) % 2
    x = torch.full((256, 1, 8, 8), -1.0)
    x[:, :, 2:6, 2:6] = 1
    x[kinds == 1, :, 3:5, 3:5] = -1  # half of the squares have a hole
    model = InfoGAN(8, width=4, latent_dim=2, num_codes=2)
    aigc.fit(model, x, steps=60, batch_size=64, ema=0)
    assert matched_accuracy(model.code(x), kinds)[0] > 0.95  # chance: about 0.5


def test_reader_learns_the_code_and_reads_image_by_image():
    torch.manual_seed(0)
    model = InfoGAN(8, width=4, latent_dim=2, num_codes=2, distortion=0.1)
    x = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    aigc.fit(model, x, steps=150, batch_size=16, ema=0)
    codes = torch.arange(200) % 2
    images = model.sample(200, seed=0, codes=codes)
    assert (model.code(images) == codes).float().mean() > 0.8  # chance: 0.5
    assert torch.equal(model.code(images[:7]), model.code(images)[:7])


def test_distortion_moves_and_differentiates():
    x = torch.rand(5, 1, 8, 8, requires_grad=True)
    assert distorted(x, 0) is x
    moved = distorted(x, 0.2)
    assert moved.shape == x.shape
    assert not torch.allclose(moved, x)
    moved.sum().backward()
    assert x.grad.abs().sum() > 0
    black = torch.full((2, 1, 8, 8), -1.0)
    torch.testing.assert_close(distorted(black, 0.3), black)  # edges come in black


# ---- growing ------------------------------------------------------------------------


def test_schedule_of_growth():
    assert [growth(s, 10) for s in (0, 9, 10, 15, 20, 29)] == [
        (0, 1.0),
        (0, 1.0),
        (1, 0.0),
        (1, 0.5),
        (1, 1.0),
        (1, 1.0),
    ]
    assert [growth(s, 10) for s in (30, 35, 40, 1000)] == [
        (2, 0.0),
        (2, 0.5),
        (2, 1.0),
        (2, 1.0),
    ]


@pytest.mark.parametrize("stage", [1, 2])
def test_fading_in_begins_at_the_old_stage_and_ends_at_the_new(stage):
    generator = GrowingGenerator(8, 1, 4, 2).eval()
    critic = GrowingDiscriminator(8, 1, 2)
    noise = torch.randn(3, 4)
    old, new = generator(noise, stage - 1), generator(noise, stage)
    assert new.shape[-1] == 2 * old.shape[-1] == 2 ** (stage + 1)
    assert torch.equal(generator(noise, stage, 0.0), enlarged(old))
    between = generator(noise, stage, 0.25)
    torch.testing.assert_close(between, 0.75 * enlarged(old) + 0.25 * new)
    torch.testing.assert_close(generator(noise, stage, 1 - 1e-7), new)
    torch.testing.assert_close(
        critic(enlarged(old), stage, 0.0), critic(old, stage - 1)
    )
    torch.testing.assert_close(critic(new, stage, 1 - 1e-7), critic(new, stage))


def test_real_images_are_shrunk_to_the_stage():
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(shrunk(x, 2), x)
    coarse = shrunk(x, 1)
    assert coarse.shape[-1] == 4
    assert torch.equal(shrunk(x, 2, 0.0), enlarged(coarse))
    torch.testing.assert_close(shrunk(x, 0).mean(), x.mean())


def test_a_growing_model_grows_and_a_loaded_one_is_as_far(tmp_path):
    model = GrowingGAN(**TINY, phase=2)
    assert model.size == (0, 1.0)
    trained(model, steps=3)
    assert model.size == (1, 0.5)
    assert aigc.models.load(model.save(tmp_path / "m.safetensors")).size == (1, 0.5)


# ---- style --------------------------------------------------------------------------


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulation_equals_one_convolution_per_sample(demodulate):
    layer = ModulatedConv(3, 5, style=4, demodulate=demodulate)
    x, style = torch.randn(6, 3, 7, 7), torch.randn(6, 4)
    expected = []
    for image, scale in zip(x, layer.scale(style), strict=True):
        weight = layer.weight * scale[None, :, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True)).sqrt()
        expected.append(conv2d(image[None], weight, padding=1) + layer.bias)
    torch.testing.assert_close(
        layer(x, style), torch.cat(expected), atol=1e-5, rtol=1e-4
    )


def test_demodulated_output_has_variance_one_whatever_the_style():
    layer = ModulatedConv(32, 16, style=4)
    x = torch.randn(8, 32, 24, 24)
    for strength in (0.1, 1.0, 30.0):
        out = layer(x, strength * torch.randn(8, 4))[:, :, 1:-1, 1:-1]
        assert out.var().item() == pytest.approx(1, abs=0.05)


def test_untrained_styles_already_tell_images_apart():
    """A generator whose images start out alike settles on a few of them."""
    torch.manual_seed(0)
    generator = StyleGenerator(28, 1, 64, 16)
    styles = generator.mapping(torch.randn(2_000, 64))
    assert styles.square().mean().item() == pytest.approx(1, abs=0.25)
    for layer in generator.convolutions:
        assert layer.scale(styles).std(0).mean().item() == pytest.approx(1, abs=0.25)


def test_style_mixing_takes_the_layers_it_says():
    model = StyleGAN(**TINY)
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    with model.for_sampling("generator") as generator:
        plain_a, plain_b = generator(a), generator(b)
    assert torch.equal(model.mix(a, b, 0), plain_b)
    assert torch.equal(model.mix(a, b, model.generator.layers), plain_a)
    assert torch.equal(model.mix(a, a, 2), plain_a)
    mixed = model.mix(a, b, 2)
    assert not torch.allclose(mixed, plain_a)
    assert not torch.allclose(mixed, plain_b)


def test_mixing_refuses_what_does_not_fit():
    model, z = StyleGAN(**TINY), torch.randn(3, 4)
    with pytest.raises(ValueError, match="crossover=5"):
        model.mix(z, z, 5)
    with pytest.raises(ValueError, match="fine has shape"):
        model.mix(z, z[:2])
