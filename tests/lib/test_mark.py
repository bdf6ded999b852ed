"""The invisible mark: written, found after changes, never found where it is not."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_lib.codecs import mark


def picture(seed=0, size=64, detail=20.0):
    """A picture with soft shapes and details, as uint8 (3, size, size)."""
    source = torch.Generator().manual_seed(seed)
    soft = torch.rand(1, 3, 5, 5, generator=source) * 200 + 28
    soft = torch.nn.functional.interpolate(soft, (size, size), mode="bicubic")[0]
    noise = detail * torch.randn(3, size, size, generator=source)
    return (soft + noise).clamp(0, 255).to(torch.uint8)


def marked(number, seed=0, **options):
    return mark.embed(mark.delivered(picture(seed, **options)), number)


def image_of(x):
    return Image.fromarray(x.permute(1, 2, 0).numpy())


def tensor_of(image):
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, mark.NUMBERS - 1))
def test_every_number_comes_back(number):
    found = mark.find(marked(number))
    assert (found.number, found.sure) == (number, True)


@pytest.mark.parametrize("quality", [95, 75, 50])
def test_the_mark_survives_jpeg(quality):
    file = io.BytesIO()
    image_of(marked(1234)).save(file, "JPEG", quality=quality)
    found = mark.find(tensor_of(Image.open(file)))
    assert (found.number, found.sure) == (1234, True)


@pytest.mark.parametrize("side", [64, 100, 192, 256])
def test_the_mark_survives_another_size(side):
    smaller = image_of(marked(77)).resize((side, side), Image.Resampling.LANCZOS)
    found = mark.find(tensor_of(smaller))
    assert (found.number, found.sure) == (77, True)


@pytest.mark.parametrize("place", [(0, 0), (7, 19), (20, 3)])
def test_the_mark_survives_a_cut(place):
    top, left = place
    part = marked(4321)[:, top : top + 108, left : left + 108].contiguous()
    found = mark.find(part)
    assert (found.number, found.sure) == (4321, True)


def test_a_picture_without_a_mark_has_none():
    found = [mark.find(mark.delivered(picture(seed))) for seed in range(40)]
    assert not any(each.sure for each in found)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_mark_and_takes_one(level):
    flat = torch.full((3, 128, 128), level, dtype=torch.uint8)
    assert not mark.find(flat).sure
    found = mark.find(mark.embed(flat, 999))
    assert (found.number, found.sure) == (999, True)


def test_the_change_is_small_and_everywhere_the_same_in_all_channels():
    before = mark.delivered(picture())
    after = mark.embed(before, 5)
    change = after.double() - before.double()
    assert change.square().mean().sqrt() < 4  # levels of 255: above 36 dB
    inside = ((before > 30) & (before < 225)).all(0)
    spread = (change.amax(0) - change.amin(0))[inside]
    assert spread.max() <= 1  # rounding


def test_several_pictures_are_marked_each_with_its_number():
    x = mark.delivered(torch.stack([picture(1), picture(2)]))
    both = mark.embed(x, torch.tensor([10, 20]))
    assert [mark.find(each).number for each in both] == [10, 20]
    assert torch.equal(both[0], mark.embed(x[0], 10))


def test_a_grey_picture_takes_a_mark():
    grey = mark.delivered(picture()[:1])
    assert mark.find(mark.embed(grey, 3)).number == 3


def test_the_patterns_are_orthonormal_and_of_middle_frequencies():
    rows = mark.patterns().flatten(1).double()
    assert torch.allclose(rows @ rows.T, torch.eye(mark.BITS).double(), atol=1e-5)
    assert rows.sum(1).abs().max() < 1e-3


def test_check_bits_notice_every_single_and_double_error():
    words = {tuple(mark.bits_of(k).tolist()) for k in range(300)}
    least = min(
        sum(a != b for a, b in zip(first, second, strict=True))
        for first in list(words)[:60]
        for second in words
        if first != second
    )
    assert least >= 3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: mark.embed(picture(), 1), "delivered"),
        (lambda: mark.embed(mark.delivered(picture()), mark.NUMBERS), "numbers"),
        (lambda: mark.embed(mark.delivered(picture()), -1), "numbers"),
        (lambda: mark.embed(mark.delivered(picture()).float(), 1), "uint8"),
        (lambda: mark.embed(mark.delivered(picture()), 1, strength=0), "strength"),
        (lambda: mark.delivered(picture(size=130)), "at most 128"),
        (lambda: mark.delivered(picture()[:, :10]), "squares"),
        (lambda: mark.find(picture()[:, :20]), "at least 32"),
        (lambda: mark.find(picture()[None]), "give \\(C, H, W\\)"),
        (lambda: mark.find(picture()[:2]), "C of 1 or 3"),
    ],
)
def test_what_cannot_be_marked_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong()
