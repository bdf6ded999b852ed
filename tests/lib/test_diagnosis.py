"""Cognitive diagnosis: enumeration, a known truth found, likelihoods that rise."""

from itertools import product

import numpy as np
import pytest

from aigc_lib.data.answers import Answers
from aigc_lib.models.diagnosis import DINA, TwoPL, rasch, responses

ITEMS = [
    (f"第 {i} 题", *skills)
    for i, skills in enumerate(["a", "a", "b", "b", "ab", "c", "c", "bc", "abc", "ac"])
]


def pupils(n=1_500, guess=0.15, slip=0.1, seed=0):
    rng = np.random.default_rng(seed)
    has = rng.random((n, 3)) < [0.7, 0.5, 0.3]
    able = np.array(
        [
            [all(has[u]["abc".index(s)] for s in item[1:]) for item in ITEMS]
            for u in range(n)
        ]
    )
    right = rng.random(able.shape) < np.where(able, 1 - slip, guess)
    return has, Answers.of(
        {
            f"p{u}": list(zip(ITEMS, row.astype(int).tolist(), strict=True))
            for u, row in enumerate(right)
        },
        items=ITEMS,
    )


def test_dina_finds_what_was_put_in():
    has, data = pupils()
    model = DINA(data)
    assert model.skills == ("a", "b", "c")
    assert np.abs(model.guess - 0.15).max() < 0.06
    assert np.abs(model.slip - 0.1).max() < 0.06
    assert ((model.mastery(data) > 0.5) == has).mean() > 0.93
    assert (np.diff(model.likelihood) > -1e-4).all()


def test_posterior_by_enumeration():
    _, data = pupils(200)
    model = DINA(data, rounds=3)
    seen = data.some(slice(1))
    row = responses(seen, model.items)[0]
    weights = {}
    for pattern, share in zip(product((0, 1), repeat=3), model.share, strict=True):
        able = [all(pattern["abc".index(s)] for s in item[1:]) for item in ITEMS]
        right = np.where(able, 1 - model.slip, model.guess)
        weights[pattern] = share * np.prod(np.where(row == 1, right, 1 - right))
    total = sum(weights.values())
    wanted = [sum(w for p, w in weights.items() if p[s]) / total for s in range(3)]
    assert model.mastery(seen)[0] == pytest.approx(wanted)


def test_nothing_seen_is_the_average_of_all():
    _, data = pupils(300)
    new = Answers.of({"new": []}, items=ITEMS)
    for model in (DINA(data), TwoPL(data)):
        expected = data.right.double().reshape(300, -1).mean(0).numpy()
        assert np.abs(model.predict(new)[0] - expected).max() < 0.03


def test_two_pl_finds_what_was_put_in():
    rng = np.random.default_rng(0)
    ability = rng.standard_normal(3_000)
    steep, hard = rng.uniform(0.7, 2, 10), np.linspace(-1.5, 1.5, 10)
    p = 1 / (1 + np.exp(-steep * (ability[:, None] - hard)))
    right = (rng.random(p.shape) < p).astype(int).tolist()
    names = [f"{i}" for i in range(10)]
    data = Answers.of(
        {f"{u}": list(zip(names, row, strict=True)) for u, row in enumerate(right)}
    )
    model = TwoPL(data)
    order = np.corrcoef(model.hard, hard)[0, 1]
    assert order > 0.99
    assert np.corrcoef(model.steep, steep)[0, 1] > 0.8
    assert np.abs(model.predict(data).mean(0) - p.mean(0)).max() < 0.03
    assert model.likelihood[-1] > model.likelihood[0]


def test_refused():
    _, data = pupils(20)
    with pytest.raises(ValueError, match="holds no answers"):
        DINA(Answers.of({"a": []}, items=["x"]))
    many = {"a": [((f"s{i}", f"s{i + 1}"), 1) for i in range(15)]}
    with pytest.raises(ValueError, match="14 skills: at most 12"):
        DINA(Answers.of(many))
    with pytest.raises(ValueError, match="item='别的'"):
        DINA(data, rounds=1).predict(Answers.of({"a": [("别的", 1)]}))


def exam_by_ability(n=2_000, seed=0):
    """The weak are asked the easy half, the strong the hard half, all the middle."""
    rng = np.random.default_rng(seed)
    hard = np.linspace(-2, 2, 21)
    ability = np.sort(rng.normal(0, 1.5, n))
    right = rng.random((n, 21)) < 1 / (1 + np.exp(hard - ability[:, None]))
    asked = np.where(np.arange(n)[:, None] < n // 2, hard < 0.7, hard > -0.7)
    return ability, hard, np.where(asked, right, np.nan)


def test_rasch_is_not_misled_by_who_was_asked_what():
    ability, hard, table = exam_by_ability()
    guess, found = rasch(table)
    assert abs(found.sum()) < 1e-9
    assert np.corrcoef(found, hard)[0, 1] > 0.98
    assert np.corrcoef(guess, ability)[0, 1] > 0.85
    wrong = 1 - np.nanmean(table, 0)
    assert np.corrcoef(wrong, hard)[0, 1] < 0.8  # what it must be better than


def test_rasch_stands_where_the_likelihood_does():
    _, _, table = exam_by_ability(60)
    ability, hard = rasch(table, rounds=500)
    more = rasch(table, rounds=1_000)
    assert np.allclose(hard, more[1], atol=1e-6)
    there = ~np.isnan(table)
    chance = 1 / (1 + np.exp(hard - ability[:, None]))
    left = np.where(there, table - chance, 0).sum(0)
    assert np.abs(left).max() < 0.1 * (np.abs(hard).max() + 1)  # the draw towards 0


def test_rasch_refuses_what_was_never_asked():
    table = np.array([[1.0, np.nan], [0.0, np.nan]])
    with pytest.raises(ValueError, match="without an answer"):
        rasch(table)
    with pytest.raises(ValueError, match="rounds=0"):
        rasch(table[:, :1], rounds=0)
