"""Intervals: coverage of known truths, scipy as oracle, where the bootstrap fails."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aigc_lib.metrics.distances import frechet_distance
from aigc_lib.metrics.intervals import (
    bootstrap_interval,
    jackknife_interval,
    proportion_interval,
)


def cloud(n, d, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def mean(rows):
    return rows.mean().item()


def test_bootstrap_agrees_with_scipy():
    rows = cloud(80, 1, 0).exp()
    ours = bootstrap_interval(rows, mean, resamples=4_000)
    theirs = stats.bootstrap(
        (rows[:, 0].numpy(),), np.mean, n_resamples=4_000, method="percentile", rng=0
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours == pytest.approx(tuple(theirs), abs=0.05 * width)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("interval", [bootstrap_interval, jackknife_interval])
def test_covers_the_mean_as_often_as_it_says(interval):
    options = {"resamples": 200} if interval is bootstrap_interval else {}
    hits = 0
    for seed in range(200):
        low, high = interval(cloud(60, 1, seed), mean, level=0.8, **options)
        hits += low < 0 < high
    low, high = stats.binomtest(hits, 200).proportion_ci(0.999)
    assert low < 0.8 < high


def test_bootstrap_of_the_frechet_distance_misses_its_own_figure():
    real, fake = cloud(400, 16, 0), cloud(400, 16, 1)

    def distance(rows):
        return frechet_distance(real, rows)

    figure = distance(fake)
    low, _ = bootstrap_interval(fake, distance, resamples=100)
    assert low > figure  # the whole interval lies above what was measured
    low, high = jackknife_interval(fake, distance)
    assert low < figure < high


def test_jackknife_covers_the_expected_frechet_distance():
    real = cloud(400, 4, 999) * 1.5

    def distance(rows):
        return frechet_distance(real, rows)

    draws = [cloud(200, 4, seed) for seed in range(300)]
    expected = np.mean([distance(rows) for rows in draws])
    hits = 0
    for rows in draws[:80]:
        low, high = jackknife_interval(rows, distance, groups=20)
        hits += low < expected < high
    assert 0.85 <= hits / 80 <= 1.0


def test_jackknife_of_the_mean_is_the_standard_error():
    rows = cloud(50, 1, 3)
    low, high = jackknife_interval(rows, mean, groups=50)
    error = rows.std().item() / 50**0.5
    z = stats.norm.ppf(0.975)
    assert (low, high) == pytest.approx(
        (mean(rows) - z * error, mean(rows) + z * error)
    )


@settings(deadline=None)
@given(st.integers(1, 300), st.data(), st.floats(0.5, 0.999))
def test_wilson_agrees_with_scipy(n, data, level):
    hits = data.draw(st.integers(0, n))
    theirs = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    ours = proportion_interval(hits, n, level=level)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= ours[0] <= hits / n <= ours[1] <= 1


def test_seed_decides():
    rows = cloud(30, 1, 0)
    for interval in bootstrap_interval, jackknife_interval:
        one = interval(rows, torch.median, seed=1, **small(interval))
        assert one == interval(rows, torch.median, seed=1, **small(interval))
        assert one != interval(rows, torch.median, seed=2, **small(interval))


def small(interval):
    return {"resamples": 9} if interval is bootstrap_interval else {"groups": 7}


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: bootstrap_interval(torch.ones(1, 2), mean), "rows"),
        (lambda: bootstrap_interval(torch.ones(9), mean, level=95), "level=95"),
        (lambda: bootstrap_interval(torch.ones(9), mean, resamples=1), "resamples=1"),
        (lambda: jackknife_interval(torch.ones(9), mean, groups=10), "groups=10"),
        (lambda: jackknife_interval(torch.ones(9), mean, groups=1), "groups=1"),
        (lambda: proportion_interval(5, 4), "hits=5 of n=4"),
        (lambda: proportion_interval(-1, 4), "hits=-1"),
        (lambda: proportion_interval(0, 0), "n=0"),
        (lambda: proportion_interval(1, 4, level=1.0), "level=1.0"),
        (lambda: proportion_interval(NAN, 4), "hits=nan"),
        (lambda: proportion_interval(1.5, 4), "hits=1.5"),
        (lambda: proportion_interval(1, NAN), "n=nan"),
        (lambda: proportion_interval(1, 4, level=NAN), "level=nan"),
        (lambda: bootstrap_interval(torch.tensor([1, NAN]), mean), "rows holds NaN"),
        (lambda: bootstrap_interval(torch.ones(9), lambda x: NAN), "statistic.*nan"),
        (lambda: bootstrap_interval(torch.ones(9), mean, resamples=NAN), "resamples"),
        (lambda: bootstrap_interval(torch.ones(9), mean, level=NAN), "level=nan"),
        (lambda: jackknife_interval(torch.tensor([1, INF]), mean), "rows holds NaN"),
        (lambda: jackknife_interval(torch.ones(99), lambda x: INF), "statistic.*inf"),
        (lambda: jackknife_interval(torch.ones(99), mean, groups=NAN), "groups=nan"),
    ],
)
def test_bad_input(call, names):
    with pytest.raises(ValueError, match=names):
        call()


def test_numbers_of_numpy_and_torch_count():
    expected = proportion_interval(3, 10, level=0.9)
    given = proportion_interval(np.int64(3), torch.tensor(10), level=np.float32(0.9))
    assert given == pytest.approx(expected, abs=1e-7)
    assert [type(end) for end in given] == [float, float]


def test_shares_may_be_counted_in_whole_numbers_or_flags():
    flags = cloud(30, 1, 0)[:, 0] > 0
    wanted = bootstrap_interval(flags.double(), torch.mean)
    for rows in (flags, flags.int(), flags.tolist(), flags.numpy()):
        assert bootstrap_interval(rows, torch.mean) == wanted


def test_seeds_and_counts_may_be_of_numpy():
    rows = cloud(30, 1, 0)
    assert bootstrap_interval(rows, mean, seed=np.int64(3)) == bootstrap_interval(
        rows, mean, seed=3
    )
    assert jackknife_interval(rows, mean, groups=7.0) == jackknife_interval(
        rows, mean, groups=7
    )
    with pytest.raises(ValueError, match=r"seed=0\.5"):
        bootstrap_interval(rows, mean, seed=0.5)
