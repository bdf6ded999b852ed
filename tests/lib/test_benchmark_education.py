"""What the benchmarks of chapter 18 decide by themselves, on small cases."""

from random import Random

import numpy as np
import pytest
import torch

from aigc_lib.data.answers import Answers
from aigc_lib.data.made import items as made
from aigc_lib.decisions.courses import by_rule, study
from aigc_lib.simulators.learners import Learners
from benchmarks import courses, items, tracing, tracing_trees


def test_answers_after_the_same_item():
    data = Answers.of(
        {"a": [("x", 1), ("x", 0), ("y", 1), ("x", 1)], "b": [], "c": [("x", 1)] * 2}
    )
    assert tracing.repeated(data).tolist() == [False, True, False, False, False, True]


def test_level_and_pupil_say_more_than_the_level():
    rng = np.random.default_rng(0)
    strong = rng.random(400) < 0.5
    right = rng.random((400, 10)) < np.where(strong[:, None], 0.9, 0.3)

    def sheets(rows):
        return Answers.of(
            {
                str(u): [(f"q{i}", int(v)) for i, v in enumerate(row)]
                for u, row in enumerate(rows)
            }
        )

    table = right[300:].astype(float)
    hidden = np.zeros(table.shape, bool)
    hidden[:, :5] = True
    said = tracing.additive(sheets(right[:300]), table, hidden)
    assert said.shape == table.shape
    assert said[strong[300:], 0].mean() > said[~strong[300:], 0].mean() + 0.3
    turned = table.copy()
    turned[hidden] = 1 - turned[hidden]  # what is hidden is not looked at
    assert tracing.additive(sheets(right[:300]), turned, hidden) == pytest.approx(said)


def test_how_long_a_tracer_learns_is_chosen(monkeypatch):
    monkeypatch.setattr(tracing, "LIMIT", 4)
    people = Learners(60, seed=0)
    people.choose(3)
    found = tracing.tuned(people.answers(), "DKT with counts")
    assert found["steps"] == 4
    assert set(found["tries"]) == {"4"}
    counts = tracing.tuned(people.answers(), "counts")
    assert counts["penalty"] in tracing.PENALTIES


def test_voices_are_joined_by_their_logits():
    a, b = torch.tensor([0.5, 0.8]), torch.tensor([0.2, 0.8])
    both = tracing_trees.joined([a, b], [b])
    assert both.logit().tolist() == pytest.approx(
        ((a.logit() + 3 * b.logit()) / 4).tolist()
    )


def test_what_a_method_gains_is_paired():
    people = Learners(60, seed=0)
    people.choose(3)
    data = people.answers()
    noise = torch.rand(len(data.right), generator=torch.Generator().manual_seed(0))
    row = tracing.judged(data, [data.right * 1.0, noise])
    assert row["auc"] == 1 > row["auc_of_seeds"][1]
    found = tracing.minus_counts(data, data.right * 1.0, noise)
    assert found["minus_counts"] == pytest.approx(1 - row["auc_of_seeds"][1])


def test_a_chain_writes_what_it_has_read():
    lines = made.made(5, levels=[1])
    written = items.chained(lines, 20, Random(0), order=30)
    assert set(written) <= set(lines)
    loose = items.chained(made.made(50, levels=[1]), 40, Random(0), order=2)
    assert all(len(line) <= items.LINE for line in loose)


def test_figures_of_lines():
    good = made.made(3, levels=[2])
    known = {made.question_of(good[0])}
    row = items.figures({2: [*good, "2级：3×4+1等于几？答：12", "2级：什么"]}, known)
    assert row["lines"] == 5
    assert row["readable"] == 0.8
    assert row["right"] == row["right_2"] == 0.6
    assert row["good"] == 0.4
    assert row["good_by_solver"] == 0.6
    assert row["different"] == 3
    assert row["new_2"] == 0.6  # read, of the level, and none of those known
    assert row["right_2_of_new"] == pytest.approx(2 / 3)
    old = items.figures({2: good[:1]}, known)
    assert (old["new_2"], old["right_2_of_new"]) == (0, None)


def test_the_rule_gets_its_care_too():
    found = courses.patience(2.0)
    assert list(found) == ["1", "2", "3", "4"]
    people = Learners(courses.NEW, comfort=2.0, seed=2_000)
    one = study(people, by_rule(patience=2), courses.ROUNDS).gain.mean()
    assert found["2"] == pytest.approx(one, abs=0.01)


def test_networks_are_compared_in_pairs():
    names = [
        f"{use} by a tracer, courses {kind} & {courses.TURNS}"
        for use in ("expected", "state")
        for kind in ("by lot", "chosen")
    ]
    names.append(f"by lot & {courses.TURNS}")
    gains = torch.rand(4, 5, generator=torch.Generator().manual_seed(0)).tolist()
    runs = [
        {name: {"gain": value} for name, value in zip(names, row, strict=True)}
        for row in gains
    ]
    rows = courses.pairs("w", runs)
    for (a, b), row in zip([(0, 1), (2, 3), (0, 4)], rows, strict=True):
        wanted = np.mean([run[a] - run[b] for run in gains])
        assert row["gain"] == pytest.approx(wanted)
