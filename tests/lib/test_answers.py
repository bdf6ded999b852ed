"""Answers of learners: made, divided, cut, read, and what is refused."""

import gzip

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib.data.answers import NOTHING, Answers
from aigc_lib.data.catalog import CATALOG
from aigc_lib.data.download import CorruptFile
from aigc_lib.data.readers import answers as readers

SOME = {"a": [("加", 1), (("乘", "加"), 0), ("加", 1)], "b": [("乘", 1)], "c": []}


def pairs(data, learner):
    rows = slice(data.starts[learner], data.starts[learner + 1])
    return [
        (data.items[i], r)
        for i, r in zip(
            data.item[rows].tolist(), data.right[rows].tolist(), strict=True
        )
    ]


def test_batches_and_their_ends():
    data = Answers.of(SOME)
    assert (len(data), data.lengths.tolist()) == (3, [3, 1, 0])
    assert data.items == (("加",), ("乘", "加"), ("乘",))
    item, right, past = data[torch.tensor([1, 0])]
    assert item.tolist() == [[2, NOTHING, NOTHING], [0, 1, 0]]
    assert right.tolist() == [[1, NOTHING, NOTHING], [1, 0, 1]]
    assert (past[0, 1:] == 0).all()
    assert data.learner.tolist() == [0, 0, 0, 1]
    none = Answers.of({"new": []}, items=["加"])
    assert none[slice(1)][0].shape == (1, 0)


def test_the_record_before_each_answer():
    data = Answers.of({"a": [("加", 1), ("乘", 0), (("加", "乘"), 0), ("加", 1)]})
    one, two = np.log([2, 3])
    assert data.past.numpy() == pytest.approx(
        np.array(
            [
                [0, 0, 0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, one],
                [one / 2, one / 2, 0.5, 0.5, (one + two) / 2, one, one],
                [one, one, 1, 0, one, two, one],
            ]
        )
    )
    cut = data.windows(2)
    assert torch.equal(cut[torch.tensor([1])][2][0], data.past[2:])


def test_rows_of_several_learners_may_be_mixed():
    data = Answers.of_rows(
        ["a", "b", "a", "a"],
        ["加", "乘", ("加", "乘"), "加"],
        [1, 1, 0, 1],
        [5, 1, 5, 9],
    )
    assert pairs(data, 0) == pairs(Answers.of(SOME), 0)
    assert pairs(data, 1) == [(("乘",), 1)]


histories = st.dictionaries(
    st.text("xyz", min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from(["加", "乘", ("加", "乘")]), st.integers(0, 1))),
    min_size=2,
    max_size=8,
).filter(lambda h: any(h.values()))


@given(histories, st.integers(1, 5))
def test_windows_lose_nothing(found, length):
    data = Answers.of(found)
    cut = data.windows(length)
    assert torch.equal(cut.item, data.item)
    assert int(cut.lengths.min()) >= 1
    assert int(cut.lengths.max()) <= length
    owner = dict(zip(data.learners, range(len(data)), strict=True))
    assert [owner[n] for n in np.array(cut.learners)[cut.learner.numpy()]] == (
        data.learner.tolist()
    )


@given(histories)
def test_expanded_rows_have_the_same_answer(found):
    data = Answers.of(found)
    wide = data.expanded()
    assert len(wide.item) == sum(len(data.items[i]) for i in data.item.tolist())
    for learner in range(len(data)):
        told = [((s,), r) for item, r in pairs(data, learner) for s in item]
        assert pairs(wide, learner) == told


def test_learners_are_divided_as_a_whole():
    data = Answers.of({f"learner {u}": [("加", u % 2)] * 3 for u in range(200)})
    sides = [data.divided(0.2, fold)[1].learners for fold in range(5)]
    assert sorted(sum(sides, ())) == sorted(data.learners)
    train, test = data.divided()
    assert not set(train.learners) & set(test.learners)
    assert 20 < len(test) < 60
    assert pairs(test, 0) == [(("加",), int(test.learners[0][8:]) % 2)] * 3


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ((["a"], ["加"], [2]), "right has 2 in row 0"),
        ((["a"], ["加"], [0.5]), "right has 0.5 in row 0"),
        ((["a"], ["加"], [float("nan")]), "right has nan"),
        ((["a", "a"], ["加", "加"], [1, 1], [2, 1]), "times has 1 in row 1, after 2"),
        ((["a"], ["加"], [1], [float("nan")]), "times has nan in row 0"),
        ((["a", None], ["加", "加"], [1, 1]), "learners has None in row 1"),
        ((["a"], [""], [1]), "item='': give the name"),
        ((["a"], [()], [1]), r"item=\(\): give the name"),
        ((["a"], [3], [1]), "item=3: give the name"),
        ((["a"], ["加", "加"], [1]), "asked 2"),
        (([], [], []), "at least one"),
        ((["a"], ["加"], [1], [1, 2]), "times has shape"),
    ],
)
def test_rows_that_are_refused(rows, says):
    with pytest.raises(ValueError, match=says):
        Answers.of_rows(*rows)


def test_parts_that_do_not_fit():
    with pytest.raises(ValueError, match="item='减': "):
        Answers.of(SOME | {"d": [("减", 1)]}, items=["加", "乘", ("加", "乘")])
    one = torch.tensor([0])
    with pytest.raises(ValueError, match="at least one learner"):
        Answers(one, one, one, (("加",),), ())
    with pytest.raises(ValueError, match="numbers from 0 to 0"):
        Answers(one + 1, one, torch.tensor([0, 1]), (("加",),), ("a",))
    with pytest.raises(ValueError, match="one of each"):
        Answers(one, one, torch.tensor([0, 2]), (("加",),), ("a",))
    with pytest.raises(ValueError, match="nobody on one side"):
        Answers.of({"a": [("加", 1)]}).divided()
    with pytest.raises(ValueError, match="has 2 folds"):
        Answers.of(SOME).divided(0.5, 2)
    with pytest.raises(ValueError, match="nothing to cut"):
        Answers.of({"a": []}, items=["加"]).windows(3)


# ---- readers -------------------------------------------------------------------------


def test_problems_are_joined_by_their_skills_alone():
    together = {(4, 5), (5, 6)}
    for answers in ([0, 0, 1, 1, 0, 1, 1], [0, 1, 0, 1, 0, 1, 0]):
        found = readers.joined([4, 5, 4, 5, 6, 6, 4], answers, together)
        assert [own for own, _ in found] == [(4, 5), (4, 5, 6), (6,), (4,)]
        assert [a for _, a in found] == [answers[0], answers[2], answers[5], answers[6]]


def test_pairs_that_always_agree_are_of_one_problem():
    rows = [("a", [1, 2] * 20, [0, 0, 1, 1] * 10), ("b", [3, 4] * 20, [0, 1] * 20)]
    assert readers.same_problem(rows) == {(1, 2)}


def test_what_is_no_file_of_assistments(tmp_path):
    path = tmp_path / "x.csv.gz"
    for text in ("3\n1,2\n1,0\n", "2\n1,2\n", "1\nx\n1\n"):
        path.write_bytes(gzip.compress(text.encode()))
        with pytest.raises(CorruptFile, match="learner 0"):
            readers._lines(path, "train")
    path.write_text("plain")
    with pytest.raises(CorruptFile, match="no gzip file"):
        readers._lines(path, "train")
    path.write_bytes(gzip.compress(b"2,\n1,2,\n1,0,\n\n"))
    assert readers._lines(path, "test") == [("test 0", [1, 2], [1, 0])]


def test_made_learners_are_at_hand():
    train = aigc.data.load("made_learners")
    test = aigc.data.load("made_learners", split="test")
    assert train.items == test.items
    assert train.card.splits == {"train": len(train), "test": len(test)}
    assert not torch.equal(train.item[:50], test.item[:50])


@pytest.mark.parametrize("name", ["assistments", "frcsub", "math1", "math2"])
def test_real_answers(name):
    if aigc.data.find(name) is None:
        pytest.skip(f"{name} is not on this machine")
    train = aigc.data.load(name)
    test = aigc.data.load(name, split="test")
    assert train.items == test.items
    assert not set(train.learners) & set(test.learners)
    assert not CATALOG[name].redistributable
    if name == "assistments":
        assert len({*sum(train.items, ())}) <= 110
        # neighbours of different skills agree no more than those of one skill do
        for data in (train, test):
            one = data.learner[1:] == data.learner[:-1]
            other = one & (data.item[1:] != data.item[:-1])
            agree = (data.right[1:] == data.right[:-1]).double()
            assert agree[other].mean() < agree[one & ~other].mean() + 0.02
    else:
        assert (test.lengths == 20).all()
