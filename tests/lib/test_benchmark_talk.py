"""What the benchmarks of a character's lines and of storyboards count."""

import pytest
import torch

from aigc_lib.data.made.scenes import draw, judge
from aigc_lib.data.made.wording import ASKED, UNSEEN, VALUES, wordings
from aigc_lib.metrics.intervals import student_gain
from benchmarks import storyboard, talk


def test_lines_are_wrong_new_or_strange():
    listed = {name: wordings(name)[:2] for name in ASKED}
    other = wordings("hint")[5].replace("#", "左")
    asked = [("hint", "左")] * 3 + [("pushes", "7"), ("pushes", "10"), ("hint", "右")]
    lines = [
        listed["hint"][0].replace("#", "左"),  # of the list
        other,  # of the grammar
        "千万别往左推。",  # keeps the word, not the sense
        listed["pushes"][0].replace("#", "17"),  # wrong
        listed["pushes"][0].replace("#", "10"),
        "往左推。",  # wrong
    ]
    found = talk.judged(lines, asked, listed)
    assert found["wrong"] == pytest.approx(2 / 6)
    assert found["wordings"] == 4
    assert found["new"] == 2 / 6
    assert found["strange"] == 1 / 6
    assert found["examples"] == ["千万别往#推。"]
    assert found["wrong_hint"] == 1 / 4
    assert found["wrong_seen"] == 1
    assert found["wrong_unseen"] == 0


def test_questions_are_half_hints_and_a_quarter_unseen():
    asked = talk.questions(3)
    assert sum(name == "hint" for name, _ in asked) == talk.N / 2
    assert sum(value in UNSEEN for _, value in asked) == talk.N / 4
    assert all(v in VALUES[name] or v in UNSEEN for name, v in asked)
    assert asked == talk.questions(3) != talk.questions(4)


def test_scripts_keep_looks_and_a_seed_has_its_own():
    boards = storyboard.boards(0)
    assert boards == storyboard.boards(0) != storyboard.boards(1)
    for one, both, changed, last in boards:
        looks = {thing[:3] for thing in (*one, *both, *changed, *last)}
        assert len(looks) <= 2
        assert one[0][:3] == both[0][:3] == changed[1][:3]


def test_a_sieve_takes_the_first_that_is_right():
    asked = storyboard.shots(storyboard.SCRIPT, storyboard.CAST)
    right = torch.stack([draw(things) for things in asked])
    wrong = right.roll(1, 0)
    x = torch.stack([wrong, wrong, right], 1)
    assert torch.equal(storyboard.sieved(x, asked), right)
    assert judge(right, asked).everything.all()
    assert torch.equal(storyboard.sieved(x[:, :2], asked), wrong)


def test_shares_stay_between_none_and_all():
    found = storyboard.interval([0.9, 1.0, 1.0])
    assert found["share"] == student_gain([0.9, 1.0, 1.0], [0.0] * 3).mean
    assert 0 < found["from"] < found["share"] < found["to"] == 1
