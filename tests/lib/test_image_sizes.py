"""Networks grow with the image: what is drawn in one piece is always small."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

import aigc_lib as aigc
from aigc_lib.models import DDPM, MODELS, VAE, FlowMatching
from aigc_lib.models.diffusion.unet import UNet
from aigc_lib.models.gan.growing import growth, shrunk
from aigc_lib.nets.conv import (
    ConvDiscriminator,
    ConvGenerator,
    EvenSums,
    doubling,
    halvings,
    stage_widths,
)

SMALL = {
    "dcgan": {"width": 2, "latent_dim": 4},
    "conditional_gan": {"width": 2, "latent_dim": 4, "classes": 2},
    "info_gan": {"width": 2, "latent_dim": 4, "num_codes": 2},
    "growing_gan": {"width": 2, "latent_dim": 4, "phase": 1},
    "style_gan": {"width": 2, "latent_dim": 4},
    "vae_gan": {"width": 2, "latent_dim": 4},
    "vae": {"hidden": 32, "latent_dim": 2},
    "conditional_vae": {"hidden": 32, "latent_dim": 2, "classes": 2},
    "flow_prior_vae": {"hidden": 32, "latent_dim": 2, "couplings": 2},
    "flow": {"width": 4},
    "ddpm": {"width": 4, "timesteps": 4},
}


@pytest.mark.parametrize(
    ("size", "count", "widths"),
    [
        (4, 2, [4, 2]),
        (28, 2, [4, 2]),
        (32, 2, [4, 2]),
        (36, 2, [4, 2]),
        (48, 3, [8, 4, 2]),
        (64, 3, [8, 4, 2]),
        (128, 4, [8, 8, 4, 2]),
    ],
)
def test_one_stage_more_for_each_doubling(size, count, widths):
    assert halvings(size) == count
    assert stage_widths(size, 1) == widths
    generator = ConvGenerator(size, 3, 4, 2)
    drawn = generator(torch.randn(2, 4))
    assert drawn.shape == (2, 3, size, size)
    assert generator[1].unflattened_size[1] == size // 2**count
    discriminator = ConvDiscriminator(size, 3, 2)
    assert discriminator(drawn).shape == (2,)
    assert discriminator.features(drawn).shape[1] == discriminator[-2].in_features


def test_even_surfaces_stay_even():
    surface = torch.ones(1, 3, 6, 6)
    for even in (True, False):
        drawn = doubling(3, 2, even)(surface)[..., 1:-1, 1:-1]  # edges see the padding
        flat = torch.isclose(drawn, drawn[..., :1, :1], atol=1e-6).all()
        assert bool(flat) == even


def test_the_rest_of_an_even_kernel_is_free():
    """What the kernel adds up to is shared, what it tells apart is its own."""
    weight = torch.randn(1, 1, 4, 4)
    even = EvenSums()(weight)
    for p in (0, 1):
        for q in (0, 1):
            own, given = even[..., p::2, q::2], weight[..., p::2, q::2]
            torch.testing.assert_close(own.mean(), weight.mean())
            torch.testing.assert_close(own - own.mean(), given - given.mean())


@pytest.mark.parametrize(("size", "even"), [(28, False), (32, False), (48, True)])
def test_small_images_are_drawn_as_ever(size, even):
    """Files and figures of these sizes hold."""
    net = ConvGenerator(size, 3, 4, 2)
    layers = [m for m in net if isinstance(m, nn.ConvTranspose2d)]
    assert [is_parametrized(m) for m in layers] == [even] * halvings(size)


def test_a_unet_sees_all_of_a_large_image():
    """At 64 pixels, as at 28, the corners know of each other."""
    net = UNet(64, 1, 4)
    torch.nn.init.normal_(net.leave[2].weight)
    for block in [*net.fine, *net.coarse, *net.joined]:
        torch.nn.init.normal_(block.conv2.weight)
    x = torch.randn(1, 1, 64, 64, requires_grad=True)
    net(x, torch.zeros(1))[0, 0, 0, 0].backward()
    assert x.grad[0, 0, -1, -1] != 0


@pytest.mark.parametrize("size", [28, 64, 128])
@pytest.mark.parametrize("name", SMALL)
def test_every_image_model_learns_and_draws_every_size(name, size):
    model = MODELS[name](image_size=size, channels=3, **SMALL[name])
    x = torch.randint(0, 256, (16, 3, size, size), dtype=torch.uint8)
    y = torch.arange(16) % 2
    data = (x, y) if model.conditional else x
    aigc.fit(model, data, steps=1, batch_size=8, ema=0.5)
    options = {"steps": 2} if name in ("flow", "ddpm") else {}
    assert model.sample(2, seed=0, **options).shape == (2, 3, size, size)


def test_growth_passes_through_every_stage():
    assert [growth(step, 1, stages=4)[0] for step in range(9)] == [
        *(0, 1, 1, 2, 2, 3, 3, 3, 3)
    ]
    images = torch.rand(1, 1, 64, 64)
    assert shrunk(images, 0, stages=4).shape[-1] == 8


def test_what_is_no_image_has_no_bounds():
    model = VAE(sample_shape=(2,), latent_dim=2, hidden=16)
    x = 4 + torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    aigc.fit(model, x, steps=400)
    assert model.sample(50, seed=0).mean().item() == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize("shape", [(4, 6, 10), (4, 8, 8)])
@pytest.mark.parametrize("kind", [VAE, FlowMatching, DDPM])
def test_three_dimensions_make_no_image_of_codes(kind, shape, tmp_path):
    options = {"hidden": 32} if kind is VAE else {"width": 4}
    steps = {} if kind is VAE else {"steps": 4}
    for images in (False, None):
        model = kind(sample_shape=shape, images=images, **options)
        if kind is VAE:  # one that says 4 everywhere; a fresh flow leaves the noise
            *_, bias = model.decoder.parameters()
            torch.nn.init.constant_(bias, 4.0)
        loaded = kind.load(model.save(tmp_path / "m"))
        drawn = loaded.sample(5, seed=0, **steps)
        assert drawn.shape == (5, *shape)
        assert (drawn.abs().max() > 1) == (images is False)
        assert torch.equal(drawn, model.sample(5, seed=0, **steps))
        x = 3 * torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))
        if images is False:
            aigc.fit(loaded, x, steps=1, batch_size=8)
        else:
            with pytest.raises(ValueError, match=r"\[-1, 1\]"):
                aigc.fit(loaded, x, steps=1, batch_size=8)


def test_a_file_that_does_not_say_whether_it_makes_images_goes_by_the_shape(tmp_path):
    for shape, modality in (((4, 8, 8), "images"), ((4, 8), "points")):
        model = FlowMatching(sample_shape=shape, width=4)
        del model.config["images"]  # as in files of earlier versions
        assert FlowMatching.load(model.save(tmp_path / "m")).modality == modality


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_shape": (0,)}, "sample_shape=0: give at least 1"),
        ({"sample_shape": ()}, r"sample_shape=\(\): give"),
        ({"sample_shape": (1, 2, 3, 4)}, r"give \(D,\), \(C, T\) or"),
        ({"sample_shape": (2, 5), "net": "dit"}, "for square images"),
        ({"net": "cnn"}, "net='cnn': choose one of unet, unet4, dit, mlp"),
        ({"image_size": 30}, "image_size=30: give a positive multiple of 4"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
    ],
)
def test_bad_shapes(arguments, message):
    with pytest.raises(ValueError, match=message):
        aigc.models.FlowMatching(**arguments)
