"""Precision, recall, density, coverage: known cases, the oracle, invariants."""

import contextlib
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc

from aigc_lib.metrics import distances
from aigc_lib.metrics.distances import precision_recall


def cloud(n, d, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=generator, dtype=torch.float64)


def oracle(real, fake, k):
    with contextlib.redirect_stdout(io.StringIO()):
        return compute_prdc(np.asarray(real), np.asarray(fake), k)


@pytest.mark.parametrize(("n", "m", "d"), [(300, 200, 8), (150, 400, 64)])
@pytest.mark.parametrize("k", [1, 5])
def test_prdc(n, m, d, k, monkeypatch):
    monkeypatch.setattr(
        distances, "ROWS", 64
    )  # several blocks of rows, the last shorter
    real, fake = cloud(n, d, 0), cloud(m, d, 1, scale=0.9) + 0.3 / d**0.5
    ours = precision_recall(real, fake, k=k)
    assert ours == pytest.approx(oracle(real, fake, k), abs=1e-12)
    assert all(value > 0 for value in ours.values())
    assert ours["precision"] != ours["recall"]


def test_narrow_fakes_are_precise_but_recall_little():
    real = cloud(400, 2, 0)
    narrow = precision_recall(real, cloud(400, 2, 1, scale=0.3))
    wide = precision_recall(real, cloud(400, 2, 1, scale=3))
    assert narrow["precision"] > 0.95 > 0.5 > narrow["recall"]
    assert wide["recall"] > 0.9 > 0.5 > wide["precision"]
    assert narrow["density"] > 1 > 0.5 > wide["density"]


def test_one_mode_of_two():
    """Fakes that know one of two far clusters cover exactly that half."""
    shift = torch.tensor([100.0, 0.0])
    left, right = cloud(200, 2, 0), cloud(200, 2, 1) + shift
    found = precision_recall(torch.cat([left, right]), cloud(400, 2, 2))
    assert found["precision"] > 0.9
    assert 0.4 < found["recall"] <= 0.5
    assert 0.4 < found["coverage"] <= 0.5


def test_disjoint_and_identical():
    real = cloud(100, 3, 0)
    apart = precision_recall(real, real + 1000)
    assert set(apart.values()) == {0.0}
    copied = precision_recall(real, real.flip(0), k=5)
    assert copied["precision"] == copied["recall"] == copied["coverage"] == 1
    assert copied["density"] == pytest.approx(
        6 / 5
    )  # its own row, and the k it reaches


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("d", [1, 4, 600])
def test_rows_that_repeat_themselves_lie_in_their_balls(scale, d):
    """The ball holds its edge (equation 2), also where its radius is 0."""
    few = scale * cloud(10, d, 0)
    again = few[torch.arange(200) % 10]
    for real, fake in ((again, again), (again, again.flip(0)), (0 * again + 1,) * 2):
        found = precision_recall(real, fake)
        assert found["precision"] == found["recall"] == found["coverage"] == 1
    apart = precision_recall(again, again + scale)
    assert set(apart.values()) == {0.0}


def test_a_row_on_the_edge_lies_inside():
    real = torch.tensor([[0.0], [1.0], [2.0]])
    on_the_edge = precision_recall(real, torch.tensor([[-1.0], [3.0]]), k=1)
    assert on_the_edge == {"precision": 1, "recall": 1, "density": 1, "coverage": 2 / 3}
    beyond = precision_recall(real, torch.tensor([[-1.001], [3.001]]), k=1)
    assert beyond["precision"] == 0


def test_far_from_the_origin():
    """Float64 alone would lose the distances: the rows are centred first."""
    real, fake = cloud(100, 3, 0), cloud(100, 3, 1)
    assert precision_recall(real + 1e7, fake + 1e7) == precision_recall(real, fake)


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 60), st.integers(1, 6), st.integers(1, 3), st.integers(0, 999))
def test_invariants(n, d, k, seed):
    real, fake = cloud(n, d, seed), cloud(n + 2, d, seed + 1)
    turn = torch.linalg.qr(cloud(d, d, seed + 2)).Q
    values = precision_recall(real, fake, k=k)
    assert all(0 <= values[name] <= 1 for name in ("precision", "recall", "coverage"))
    assert values["density"] <= n / k
    assert precision_recall(real.flip(0), fake.roll(1, 0), k=k) == values
    assert precision_recall(5 * real @ turn - 2, 5 * fake @ turn - 2, k=k) == values
    swapped = precision_recall(fake, real, k=k)
    assert swapped["precision"] == values["recall"]
    assert swapped["recall"] == values["precision"]


@pytest.mark.parametrize("k", [float("nan"), 2.5, "3"])
def test_k_is_a_whole_number(k):
    with pytest.raises(ValueError, match="k="):
        precision_recall(cloud(30, 2, 0), cloud(20, 2, 1), k=k)


@pytest.mark.parametrize("k", [0, -1, 20, 21])
def test_bad_k(k):
    with pytest.raises(ValueError, match=f"k={k} with 30 real and 20 generated rows"):
        precision_recall(cloud(30, 2, 0), cloud(20, 2, 1), k=k)
