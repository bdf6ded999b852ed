"""Copies are found, honest rows are not; Mann and Whitney's test as oracle."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist

from aigc_lib.metrics import memorisation
from aigc_lib.metrics.memorisation import copying, nearest_distances


def cloud(n, seed, d=8):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


TRAIN, TEST = cloud(1_000, 0), cloud(800, 1)


def test_nearest_distances(monkeypatch):
    monkeypatch.setattr(memorisation, "ROWS", 64)
    far = 1e4  # a common shift must not cost digits
    ours = nearest_distances(TEST[:100] + far, TRAIN + far)
    assert ours.numpy() == pytest.approx(cdist(TEST[:100], TRAIN).min(1), abs=1e-6)
    assert nearest_distances(TRAIN[:70], TRAIN).max() < 1e-6


def test_mann_whitney():
    fake = cloud(500, 2) * 0.9
    found = copying(TRAIN, TEST, fake)
    chance, near = (nearest_distances(rows, TRAIN) for rows in (TEST, fake))
    oracle = stats.mannwhitneyu(chance, near, method="asymptotic", use_continuity=False)
    assert found["closer"] == pytest.approx(oracle.statistic / (len(TEST) * 500))
    assert 2 * stats.norm.sf(abs(found["z"])) == pytest.approx(oracle.pvalue, rel=1e-6)


def test_honest_rows_are_not_accused():
    """Over many honest models, z is standard normal and suspects are at their level."""
    found = [copying(TRAIN, TEST, cloud(300, seed)) for seed in range(10, 60)]
    chance = [  # one held-out set serves all: compare with fresh ones
        copying(TRAIN, cloud(300, seed + 500), cloud(300, seed))["z"]
        for seed in range(10, 60)
    ]
    assert abs(np.mean(chance)) < 0.5
    assert 0.7 < np.std(chance) < 1.3
    assert np.mean([row["suspects"] for row in found]) < 0.03
    assert max(row["z"] for row in found) < 4


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_planted_copies_are_found(noise):
    fake = cloud(800, 2)
    fake[:80] = TRAIN[:80] + noise * cloud(80, 3)  # a tenth
    found = copying(TRAIN, TEST, fake)
    assert found["z"] > 3
    assert 0.08 < found["suspects"] < 0.14


def test_all_copies_and_all_far():
    copies = copying(TRAIN, TEST, TRAIN[:300])
    assert copies["closer"] == 1.0
    assert copies["suspects"] == 1.0
    far = copying(TRAIN, TEST, cloud(300, 2) + 100)
    assert far["closer"] == 0.0
    assert far["z"] < -10


def test_held_out_rows_themselves_tie():
    found = copying(TRAIN, TEST, TEST)
    assert found["closer"] == pytest.approx(0.5)
    assert found["z"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((TRAIN, TEST, TEST, 0.0), "level=0.0"),
        ((TRAIN, TEST, TEST, float("nan")), "level=nan"),
        ((TRAIN, TEST, cloud(9, 0, d=3), 0.01), "3 columns"),
        ((TRAIN, TEST, TEST * float("nan"), 0.01), "NaN"),
    ],
)
def test_bad_input(arguments, names):
    *rows, level = arguments
    with pytest.raises(ValueError, match=names):
        copying(*rows, level=level)


def test_copies_have_no_distance():
    """Also where rounding would find one: rows that two sets share are ties."""
    train = 1e3 * torch.randn(50, 600, generator=torch.Generator().manual_seed(0)) + 5
    assert (nearest_distances(train[:20], train) == 0).all()
    found = copying(train, train[:25], train[25:])
    assert found["closer"] == 0.5
