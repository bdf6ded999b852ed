"""Every model of images refuses the sizes that it cannot be built with, by name."""

import pytest

from aigc_lib.models import MLPGAN, MODELS, FlowMatching, GenerativeModel
from aigc_lib.options import accepted

IMAGES = [name for name, kind in MODELS.items() if kind.modality == "images"]
DRAWN = [name for name in IMAGES if issubclass(MODELS[name], GenerativeModel)]
BAD = [
    ("image_size", 30),
    ("image_size", 0),
    ("image_size", -4),
    ("channels", 0),
    ("latent_dim", 0),
    ("width", 0),
    ("hidden", 15),
    ("classes", 0),
    ("num_codes", 1),
    ("phase", 0),
]


@pytest.mark.parametrize(
    ("name", "size", "value"),
    [(n, s, v) for n in IMAGES for s, v in BAD if s in accepted(MODELS[n])],
)
def test_bad_sizes_are_refused(name, size, value):
    with pytest.raises(ValueError, match=f"^{size}={value}: give "):
        MODELS[name](**{size: value})


@pytest.mark.parametrize("name", DRAWN)
def test_the_smallest_images(name):
    assert MODELS[name](image_size=4).sample(2, seed=0).shape == (2, 1, 4, 4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FlowMatching(8, width=7), "width=7: give a positive multiple of 2"),
        (
            lambda: FlowMatching(8, width=6, net="dit"),
            "width=6: give a positive multiple of 4",
        ),
        (lambda: FlowMatching(30, net="dit"), "image_size=30"),
        (lambda: MLPGAN(hidden=0), "hidden=0: give at least 1"),
    ],
)
def test_sizes_that_only_some_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()
