"""The attack without gradients: within its budget, upwards, square by square."""

from functools import partial

import pytest
import torch

from aigc_lib.data.store import find
from benchmarks import clip, clip_squares


def pictures() -> torch.Tensor:
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_square_of_one_colour_is_changed_and_becomes_smaller():
    x, source = pictures() * 0.9, torch.Generator().manual_seed(0)
    large, small = (clip_squares.square(x, x, done, source) for done in (0.0, 1.0))
    for made, side in ((large, 4), (small, 2)):
        step = (made - x).flatten(2)  # (4, 3, 64)
        assert ((step != 0).sum(2) == side**2).all()
        assert step.abs().max() == pytest.approx(2 * clip_squares.SIZE, abs=1e-6)
        assert (step.amax(2) * step.amin(2)).abs().max() < 1e-6  # one sign a channel


@pytest.mark.parametrize("way", [clip_squares.square, clip_squares.noise])
def test_what_is_kept_is_never_worse_and_within_the_budget(way, monkeypatch):
    monkeypatch.setattr(clip_squares, "TRIES", 60)
    x, goal = pictures(), torch.ones(3, 8, 8)

    def margin(x):
        return (x * goal).sum((1, 2, 3))

    best = clip_squares.climbed(margin, x, way, torch.Generator().manual_seed(0))
    assert (margin(best) > margin(x)).all()
    assert (best - x).abs().max() <= 2 * clip_squares.SIZE + 1e-6
    assert best.abs().max() <= 1
    flat = partial(torch.zeros, len(x))  # nothing is better: nothing is taken
    same = clip_squares.climbed(lambda _: flat(), x, way, torch.Generator())
    assert torch.equal(same, x)


def test_squares_are_compared_in_pairs():
    runs = [{"as it is": [-1.0, -1, 1, -1], "squares": [1.0, -1, 1, 1]}] * 2
    own, squares = clip_squares.rows_of(runs)
    assert (own["fooled"], squares["fooled"]) == (0.25, 0.75)
    assert own["gain"] == 0.5
    assert own["gain_interval"][0] >= 0
    assert squares["raised"] == 1
    assert "gain" not in squares


@pytest.mark.skipif(find("openmoji") is None, reason="openmoji is not here")
def test_pictures_compared_are_of_different_stems_and_held_out():
    x, texts = clip.compared(30)
    assert x.shape == (30, 3, 32, 32)
    assert len(set(texts)) == 30
    learned = {clip.text_of(k) for k in clip.part()["both"].tolist()}
    assert not learned & set(texts)
