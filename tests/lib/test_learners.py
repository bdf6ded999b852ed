"""Made learners, and what proposes courses to them."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import aigc_lib as aigc
from aigc_lib.data.answers import Answers
from aigc_lib.data.ratings import divided
from aigc_lib.decisions import courses
from aigc_lib.metrics.tracing import auc
from aigc_lib.models import KnowledgeTracer
from aigc_lib.models.counts import Counts, Trees
from aigc_lib.models.ranking import Popularity
from aigc_lib.simulators.learners import CURRICULUM, MAKERS, Learners

SHORT = {"a": (), "b": ("a",), "c": ("a", "b")}


def world(n=60, seed=0, **options):
    return Learners(n, seed=seed, **options)


def test_answers_have_the_chances_that_are_stated():
    people = world(800)
    people.choose(12)
    data, truth = people.answers(), people.truth()
    assert len(truth) == len(data.item) == 800 * 12 * 4
    assert ((truth >= 0.2) & (truth <= 0.9)).all()
    edges = np.quantile(truth, np.linspace(0, 1, 11))
    for low, high in pairwise(edges):
        inside = (truth >= low) & (truth <= high)
        right = data.right.numpy()[inside]
        assert right.mean() == pytest.approx(truth[inside].mean(), abs=0.025)


def test_a_course_adds_what_gains_says():
    people = world(mixed=0.0, comfort=0.0)
    for course in (0, 3, 20, 35):
        before, expected = people.exam(), people.gains()[:, course]
        took = people.propose(np.full(60, course))
        assert people.exam() - before == pytest.approx(np.where(took, expected, 0))


def test_who_lacks_what_is_needed_learns_nothing():
    people = Learners(40, curriculum=SHORT)
    people.mastery[:, 0] = 0
    assert (people.gains()[:, 3:] == 0).all()
    assert (people.gains()[:, :3] > 0).all()
    people.mastery[:] = 1
    assert people.exam() == pytest.approx(0.9)
    assert people.gains() == pytest.approx(0)


def test_the_same_luck_whatever_is_chosen():
    one, two = world(), world()
    first = one.propose(np.zeros(60, int))
    second = two.propose(np.full(60, 35))
    gladly = world().wanted()[:, 0] > world().wanted()[:, 35]
    assert first[gladly].sum() >= second[gladly].sum()
    assert not (second & ~first)[gladly].any()  # who takes the less liked takes both
    again = world()
    assert (again.propose(np.zeros(60, int)) == first).all()
    assert torch.equal(again.answers().right, one.answers().right)


def test_an_exam_changes_nothing():
    people = Learners(2_000, curriculum=SHORT)
    before = people.mastery.copy()
    data = people.examine()
    assert (people.mastery == before).all()
    assert len(people.answers().item) == 0
    right = data.right.reshape(2_000, -1).double().numpy()
    assert right[:, :3].mean() == pytest.approx(people.exam().mean(), abs=0.02)
    both = people.chance(before[:, 0] * before[:, 1])  # the item of a and b
    at = data.items.index(("a", "b"))
    assert right[:, at].mean() == pytest.approx(both.mean(), abs=0.03)


def test_courses_by_lot():
    people = world(300)
    people.assign(6)
    taken = np.array(people.taken)
    assert taken.shape == (300, 6)
    shares = np.bincount(taken.ravel(), minlength=36) / taken.size
    assert abs(shares - 1 / 36).max() < 0.015


def test_nobody_chooses_a_course_twice():
    people = Learners(30, curriculum=SHORT)
    people.choose(9)
    assert all(sorted(taken) == list(range(9)) for taken in people.taken)
    with pytest.raises(ValueError, match="has taken all 9"):
        people.choose(1)


def test_the_log_serves_a_ranker():
    people = world(200)
    with pytest.raises(ValueError, match="nobody took a course"):
        people.log()
    people.choose(10)
    train = divided(people.log(), before=0.9)["train"]
    assert set(train.items) <= set(people.courses)
    ranker = courses.by_ranker(Popularity(train))
    fresh = world(50, seed=3)
    picked = ranker(fresh)
    assert (picked == picked[0]).all()
    assert fresh.courses[picked[0]] == train.items[int(train.popularity.argmax())]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Learners(0), "learners=0"),
        (lambda: Learners(3, rate=2), "rate=2"),
        (lambda: Learners(3, curriculum={}), "curriculum is empty"),
        (lambda: Learners(3, curriculum={"b": ("a",), "a": ()}), "stands behind"),
        (lambda: Learners(3, curriculum={"b": ("z",)}), "'z'"),
        (lambda: world(3).propose(np.zeros(2, int)), "one course for each of 3"),
        (lambda: world(3).propose(np.full(3, 99)), "from 0 to 35"),
        (lambda: world(3).propose(np.zeros(3)), "one course for each"),
        (lambda: courses.by_rule(right=6), "right=6 of=5"),
    ],
)
def test_bad_requests(make, says):
    with pytest.raises(ValueError, match=says):
        make()


# ---- what proposes -------------------------------------------------------------------


def test_the_truth_is_not_beaten_and_chance_is():
    gains = {}
    for name, choice in {
        "truth": courses.by_truth(),
        "rule": courses.by_rule(),
        "random": courses.at_random(),
    }.items():
        done = courses.study(world(200, seed=1), choice, 12)
        assert done.shown.sum() == 200 * 12
        assert (done.taken <= 12).all()
        gains[name] = done.gain.mean()
    assert gains["truth"] > gains["rule"] > gains["random"] > 0


def test_the_rule_step_by_step():
    people, choice = Learners(1, curriculum=SHORT), courses.by_rule(rotate=False)
    assert choice(people).tolist() == [0]
    name = people.names[0]
    people.histories[name] = [(("a",), 1)] * 4
    assert choice(people).tolist() == [len(MAKERS)]  # b is open now
    people.histories[name] += [(("a",), 0)] * 2
    assert choice(people).tolist() == [0]
    people.taken[0] = [0, 1]  # patience is over
    assert choice(people).tolist() == [len(MAKERS)]
    people.histories[name] += [(("b",), 1)] * 4
    assert choice(people).tolist() == [2 * len(MAKERS)]
    people.histories[name] += [(("c",), 1)] * 4
    assert choice(people).tolist() == [len(MAKERS)]  # all done: the least tried


def test_makers_in_turns():
    done = courses.study(world(90), courses.by_truth(rotate=True), 6)
    assert np.ptp(done.maker_shares()) == 0
    known = courses.by_rule(rotate=False)
    alone = courses.study(world(90), known, 6)
    assert alone.maker_shares().tolist() == [1, 0, 0]
    one, other = (
        courses.study(world(90), way, 6)
        for way in (courses.in_turns(known), courses.by_rule())
    )
    assert (one.shown == other.shown).all()


def test_one_imagined_answer_is_averaged():
    torch.manual_seed(0)
    model = KnowledgeTracer(world(2).items(), width=16)
    data = Answers.of({"a": [(("分数",), 1)], "b": []}, items=model.items)
    expected = courses.expected_exam(model, data)
    assert expected.shape == (2, len(CURRICULUM))
    alone = [i for i, item in enumerate(model.items) if len(item) == 1]
    item = alone[3]
    now = model.mastery(data)[:, item]
    wrong = model.mastery(data, then=(item, 0))[:, alone].mean(1)
    right = model.mastery(data, then=(item, 1))[:, alone].mean(1)
    assert torch.allclose(expected[:, 3], (1 - now) * wrong + now * right, atol=1e-6)
    picked = courses.by_tracer(model, rotate=False)(world(5))
    assert (picked % len(MAKERS) == 0).all()


def test_what_is_lacking_and_ready():
    class Known:
        items = (("a",), ("a", "b"), ("b",), ("c",))

        def mastery(self, answers):
            rows = [[0.9, 0, 0.5, 0.4], [0.3, 0, 0.2, 0.2], [0.9, 0, 0.9, 0.2]]
            return torch.tensor(rows)

    people = Learners(3, curriculum=SHORT)
    picked = courses.by_state(Known(), guess=0, slip=0, rotate=False)(people)
    # (1 - p) ready: a .1, b .45, c .27; a .7, b .24, c .05; a .1, b .09, c .65
    assert (picked // len(MAKERS)).tolist() == [1, 0, 2]


# ---- counts --------------------------------------------------------------------------


def test_counts_by_hand():
    data = Answers.of(
        {"a": [("加", 1), (("加", "乘"), 0), ("加", 1)], "b": [("乘", 0)]}
    )
    table = Counts(data).features(data).toarray()
    one = np.log(2)
    # of 乘 and 加: level, log wrong, log right; then all wrong, all right
    at = {name: 3 * i for i, name in enumerate(sorted("加乘"))}
    assert table[0, at["加"] : at["加"] + 3].tolist() == [1, 0, 0]
    assert table[1, at["加"] : at["加"] + 3] == pytest.approx([1, 0, one])
    assert table[1, at["乘"] : at["乘"] + 3].tolist() == [1, 0, 0]
    assert table[2, at["加"] : at["加"] + 3] == pytest.approx([1, one, one])
    assert table[2, -2:] == pytest.approx([one, one])
    assert table[3, -2:].tolist() == [0, 0]


def test_counts_beat_the_mean_and_not_the_truth():
    train, test = world(300, seed=1), world(200, seed=2)
    for people in (train, test):
        people.choose(8)
    data = test.answers()
    model = Counts(train.answers())
    said = auc(data.right, model.probabilities(data))
    assert 0.6 < said < auc(data.right, test.truth())
    alone = model.probabilities(data.some(slice(1)))
    assert torch.allclose(alone, model.probabilities(data)[: len(alone)])
    with pytest.raises(ValueError, match="skill='别的'"):
        model.probabilities(Answers.of({"a": [("别的", 1)]}))
    with pytest.raises(ValueError, match="all alike"):
        Counts(Answers.of({"a": [("加", 1)]}))


def test_the_record_by_hand():
    data = Answers.of(
        {"a": [("加", 1), (("加", "乘"), 0), ("加", 1), ("加", 1)], "b": [("乘", 0)]}
    )
    table = Trees(data, rounds=1).features(data)
    plus, times = (sorted(("加", "乘")).index(name) for name in ("加", "乘"))
    low, high = sorted((plus, times))
    assert table[:, 0].tolist() == [plus, low, plus, plus, times]
    assert table[:, 1].tolist() == [plus, high, plus, plus, times]
    assert table[:, 2] == pytest.approx([np.nan, plus, low, low, np.nan], nan_ok=True)
    assert table[:, 3].tolist() == [1, 2, 1, 1, 1]
    assert table[:, 4].tolist() == [0] * 5  # the item, wrong
    assert table[:, 5].tolist() == [0, 0, 1, 2, 0]  # and right
    assert table[:, 6].tolist() == [0, 0, 0, 1, 0]  # running
    assert table[:, 7] == pytest.approx([0.5, 0.575, 0.455, 0.6185, 0.5])
    assert table[:, 8] == pytest.approx([0.5, 0.65, 0.455, 0.6185, 0.5])
    assert table[:, 9] == pytest.approx([0.5, 0.55, 0.495, 0.5455, 0.5])
    assert table[:, 11].tolist() == [0, 1, -1, 1, 0]
    assert table[:, 12].tolist() == [0, 1, 2, 3, 0]
    assert table[:, 13].tolist() == [0, 1, 2, 2, 0]
    assert np.array_equal(table[:, 14:], data.past.numpy())


def test_the_record_knows_nothing_of_what_comes_later():
    people = world(20, seed=1)
    people.choose(4)
    data = people.answers()
    model = Trees(data, rounds=1)
    before, start = model.features(data), int(data.starts[5])
    for place in (start, start + 1, start + 7, start + 15):
        item, right = data.item.clone(), data.right.clone()
        right[place:] = 1 - right[place:]
        item[place + 1 :] = item[place + 1 :].flip(0)
        other = Answers(item, right, data.starts, data.items, data.learners)
        after = model.features(other)
        assert np.array_equal(before[: place + 1], after[: place + 1], equal_nan=True)
        changed = after[place + 1] != before[place + 1]
        assert changed[3:].any() or place == start + 15


def test_trees_beat_the_mean_and_not_the_truth():
    train, test = world(300, seed=1), world(200, seed=2)
    for people in (train, test):
        people.choose(8)
    data = test.answers()
    model = Trees(train.answers(), rounds=50)
    said = auc(data.right, model.probabilities(data))
    assert 0.6 < said < auc(data.right, test.truth())
    alone = model.probabilities(data.some(slice(1)))
    assert torch.equal(alone, model.probabilities(data)[: len(alone)])
    assert model.probabilities(Answers.of({"new": []}, items=["加"])).shape == (0,)
    with pytest.raises(ValueError, match="skill='别的'"):
        model.probabilities(Answers.of({"a": [("别的", 1)]}))
    with pytest.raises(ValueError, match="all alike"):
        Trees(Answers.of({"a": [("加", 1)]}))
    many = Answers.of({"a": [(str(i), i % 2) for i in range(256)]})
    with pytest.raises(ValueError, match="256 skills"):
        Trees(many)


def test_a_tracer_learns_from_made_learners():
    torch.manual_seed(0)
    train, test = world(300, seed=1), world(100, seed=2)
    for people in (train, test):
        people.choose(8)
    model = KnowledgeTracer(train.answers().items, width=16)
    aigc.fit(model, train.answers(), steps=60)
    data = test.answers()
    assert auc(data.right, model.probabilities(data)) > 0.62


@pytest.mark.parametrize("items", [0, -1, 2.5, float("nan"), "4"])
def test_items_are_counted_in_whole_numbers(items):
    world = Learners(5)
    for act in (
        lambda: world.gains(items),
        lambda: world.choose(1, items=items),
        lambda: world.assign(1, items=items),
    ):
        with pytest.raises(ValueError, match=r"^items="):
            act()
