"""Cognitive diagnosis: enumeration, a known truth found, likelihoods that rise."""

from itertools import product

import numpy as np
import pytest

from aigc_lib.data.answers import Answers
from aigc_lib.models.diagnosis import DINA, TwoPL, responses

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
