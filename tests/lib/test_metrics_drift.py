"""The stability index: closed forms, a divergence as oracle, and its law by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from aigc_lib.metrics.drift import binned, stability_index, stability_limit

counts = st.lists(st.integers(0, 500), min_size=4, max_size=4).filter(any)


def test_by_hand():
    # with the half: shares 1/4, 3/4 and 3/4, 1/4
    assert stability_index([0, 1], [1, 0]) == pytest.approx(np.log(3))


@given(counts, counts)
def test_it_is_the_sum_of_both_divergences(a, b):
    p, q = np.array(a) + 0.5, np.array(b) + 0.5
    both = entropy(p, q) + entropy(q, p)  # scipy normalises
    assert stability_index(a, b) == pytest.approx(both)
    assert stability_index(a, b) == pytest.approx(stability_index(b, a))


@given(counts)
def test_nothing_between_equals(a):
    assert stability_index(a, a) == 0


def test_bins_hold_equal_parts_of_the_reference():
    reference = np.random.default_rng(0).normal(size=1_000)
    assert (binned(reference, reference) == 100).all()
    far = binned(reference, [-100, 100, 100])
    assert (far[0], far[-1], far.sum()) == (1, 2, 3)


def test_bins_are_cut_at_the_order_statistics():
    rng = np.random.default_rng(1)
    reference, values = rng.exponential(size=(2, 300))
    edges = np.sort(reference)[np.ceil(np.arange(1, 8) * 300 / 8).astype(int) - 1]
    right, _ = np.histogram(values, [-np.inf, *edges, np.inf])
    assert (binned(reference, values, 8) == right).all()


def test_a_reference_with_few_values_has_few_bins():
    assert binned([0, 0, 0, 1, 1, 2], [0, 1, 2, 3], 3).sum() == 4
    few = np.arange(4).repeat(50)
    assert (binned(few, few, 10) == 50).all()


@pytest.mark.parametrize(("n", "m", "bins"), [(2_000, 200, 10), (300, 300, 5)])
def test_chance_stays_below_the_limit_as_often_as_it_says(n, m, bins):
    rng, shares = np.random.default_rng(2), np.full(bins, 1 / bins)
    found = [
        stability_index(rng.multinomial(n, shares), rng.multinomial(m, shares))
        for _ in range(4_000)
    ]
    scale = (bins - 1) * (1 / n + 1 / m)
    assert np.mean(found) == pytest.approx(scale, rel=0.05)
    below = np.mean(np.array(found) < stability_limit(bins, n, m, 0.95))
    assert below == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: stability_index([1, 2], [1, 2, 3]), "same"),
        (lambda: stability_index([1], [1]), "2 bins"),
        (lambda: stability_index([0, 0], [1, 2]), "expected"),
        (lambda: stability_index([1, 2], [-1, 2]), "observed"),
        (lambda: stability_index([1, np.nan], [1, 2]), "NaN"),
        (lambda: binned([1.0] * 20, [1.0]), "one value|nothing to cut"),
        (lambda: binned([1.0, 2.0], [1.0]), "fewer bins"),
        (lambda: binned([1.0, 2.0], [], 2), "values"),
        (lambda: binned([1.0, 2.0], [1.0], 1), "bins"),
        (lambda: stability_limit(1, 10, 10, 0.95), "bins"),
        (lambda: stability_limit(10, 0, 10, 0.95), "expected"),
        (lambda: stability_limit(10, 10, 10, 1.0), "level"),
    ],
)
def test_bad_input(call, named):
    with pytest.raises(ValueError, match=named):
        call()
