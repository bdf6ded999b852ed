"""PNG files that say how they were made."""

import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aigc_lib.codecs.recipe import DEEPEST, LABEL, MOST, png, recipe_of

PIXELS = torch.arange(3 * 8 * 8, dtype=torch.uint8).view(3, 8, 8)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()


@given(st.dictionaries(st.text(), VALUES | st.lists(VALUES, max_size=3), max_size=4))
def test_a_recipe_comes_back(recipe):
    assert recipe_of(png(PIXELS, recipe)) == recipe


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pixels_stay(channels):
    with Image.open(io.BytesIO(png(PIXELS[:channels], {"a": 1}))) as image:
        found = torch.from_numpy(np.array(image)).view(8, 8, -1).movedim(2, 0)
        assert torch.equal(found, PIXELS[:channels])
        assert image.text["Comment"] == LABEL


def test_equal_recipes_give_equal_bytes():
    assert png(PIXELS, {"a": 1, "b": 2}) == png(PIXELS, {"b": 2, "a": 1})


def test_a_picture_without_a_recipe_has_none():
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    assert recipe_of(file.getvalue()) is None


@pytest.mark.parametrize(
    "text",
    [
        *("[1]", "{", "null", '{"a": ' * 3_000, "x" * MOST * 2),
        *('{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}'),
        '{"a": %s}' % ("1" * 5_000),
        '{"a": %s}' % ("[" * DEEPEST + "]" * DEEPEST),
    ],
)
def test_what_is_no_recipe_is_none(text):
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_itxt("aigc", text)
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=info)
    assert recipe_of(file.getvalue()) is None


@pytest.mark.parametrize("data", [b"", b"no picture", png(PIXELS, {})[:40]])
def test_what_is_no_png_has_no_recipe(data):
    assert recipe_of(data) is None


@pytest.mark.parametrize(
    ("pixels", "recipe", "says"),
    [
        (PIXELS.float(), {}, "uint8"),
        (PIXELS[:2], {}, "C of 1 or 3"),
        (PIXELS, {"a": PIXELS}, "JSON"),
        (PIXELS, {"a": float("nan")}, "JSON"),
        (PIXELS, {"a": "x" * MOST}, "at most"),
        (PIXELS, {"a": json.loads("[" * 300 + "]" * 300)}, "nested deeper than 16"),
    ],
)
def test_what_is_no_picture_or_no_recipe_is_refused(pixels, recipe, says):
    with pytest.raises(ValueError, match=says):
        png(pixels, recipe)


def test_the_recipe_is_plain_json_in_the_file():
    data = png(PIXELS, {"名": "红心"})
    assert json.dumps({"名": "红心"}, ensure_ascii=False).encode() in data
