"""The measure of the emoji: what it must say of pictures that are known."""

import pytest
import torch

from aigc_lib.data.store import find
from benchmarks import emoji

pytestmark = pytest.mark.skipif(find("openmoji") is None, reason="openmoji is not here")


def test_a_picture_is_the_nearest_to_itself_and_first_of_its_kind():
    numbers = emoji.some("test")[:60]
    x = emoji.real()[numbers]
    assert emoji.places(x, numbers).median() == 1
    assert emoji.among_its_kind(x, numbers).mean() < 0.01


def test_what_other_names_ask_for_is_not_found():
    numbers = emoji.some("test")[:60]
    x = emoji.real()[numbers]
    place = emoji.places(x, numbers.roll(17))
    assert (place <= emoji.FIRST).float().mean() < 0.1
    assert 0.2 < emoji.among_its_kind(x, numbers.roll(17)).mean() < 0.8


def test_the_kind_is_told_by_emoji_of_other_stems():
    flags = emoji.kinds() == emoji.kinds()[emoji.column("group").index("flags")]
    numbers = torch.arange(emoji.ALL)[flags][:40]
    kinds = emoji.kind_of_nearest(emoji.real()[numbers], numbers)
    assert (kinds == emoji.kinds()[numbers]).float().mean() > 0.8


def test_names_that_choose_are_not_judged():
    judged, chosen = emoji.some("train").tolist(), emoji.some("train", 1).tolist()
    assert not set(judged) & set(chosen)
    assert len(judged) == len(chosen) == emoji.NAMES
