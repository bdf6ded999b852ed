"""The quiz of a chapter: its file's form, and what a reader is told."""

import importlib
import json

import pytest

from aigc_lib import check

module = importlib.import_module("aigc_lib.check.quiz")


def question(number, answer, **changes):
    made = {
        "id": f"q-77-{number}",
        "question": f"题 {number}",
        "choices": ["甲", "乙", "丙"],
        "answer": answer,
        "why": f"理由 {number}。",
    }
    return made | changes


def sample():
    answers = [1, 0, 2, 2, 1]
    made = [question(n, a) for n, a in enumerate(answers, start=1)]
    return {"chapter": "77", "questions": made}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / "ch77.json").write_text(json.dumps(sample()), "utf-8")
    return tmp_path


def test_all_right(folder):
    result = check.quiz("77", [1, 0, 2, 2, 1])
    assert result
    assert repr(result) == "通过 5 题全对"
    assert check.quiz("77", (1, 0, 2, 2, 1))


def test_each_wrong_answer_gets_its_reason(folder):
    result = check.quiz("77", [1, 2, 2, 2, 0])
    assert not result
    assert result.finished
    assert result.message == (
        "答对 3 / 5。\n第 2 题：你选的是“丙”。理由 2。\n第 5 题：你选的是“甲”。理由 5。"
    )


@pytest.mark.parametrize(
    ("answers", "hint"),
    [
        (3, "答案要写成列表"),
        ([1, 0, 2], "这一章有 5 题，你给了 3 个答案"),
        ([1, 0, 3, 2, 1], "第 3 题：3 不是选项，写 0 到 2 的整数"),
        ([1, 0, -1, 2, 1], "第 3 题：-1 不是选项"),
        ([True, 0, 2, 2, 1], "第 1 题：True 不是选项"),
        ("10221", "第 1 题：'1' 不是选项"),
    ],
)
def test_no_answer_raises(folder, answers, hint):
    result = check.quiz("77", answers)
    assert not result
    assert result.finished
    assert hint in result.message


@pytest.mark.parametrize("answers", [None, ..., [1, 0, ..., 2, 1], [None] * 5])
def test_unfinished(folder, answers):
    result = check.quiz("77", answers)
    assert not result
    assert not result.finished


def test_unknown_chapter_is_named(folder):
    with pytest.raises(ValueError, match="chapter='78' has no quiz; there are: 77"):
        check.quiz("78", [])


def broken(change):
    data = sample()
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d.pop("questions"), "write {'chapter'"),
        (lambda d: d.update(chapter="78"), "chapter is '78'; write '77'"),
        (lambda d: d["questions"].pop(), "4 questions; write 5"),
        (lambda d: d["questions"][0].pop("why"), "q-77-1: write the keys"),
        (lambda d: d["questions"][0].update(hint="x"), "q-77-1: write the keys"),
        (lambda d: d["questions"][1].update(id="q-77-9"), "should be 'q-77-2'"),
        (lambda d: d["questions"][1].update(why=" "), "q-77-2: why is empty"),
        (lambda d: d["questions"][2].update(choices=["甲", "甲", "乙"]), "different"),
        (lambda d: d["questions"][2].update(choices=["甲", "乙"]), "three or more"),
        (lambda d: d["questions"][3].update(answer=3), "answer is 3; write an index"),
        (lambda d: d["questions"][3].update(answer=True), "answer is True"),
        (lambda d: [q.update(answer=1) for q in d["questions"]], "spread them"),
    ],
)
def test_file_that_breaks_the_form(tmp_path, change, complaint):
    path = tmp_path / "ch77.json"
    path.write_text(json.dumps(broken(change)), "utf-8")
    with pytest.raises(ValueError, match=r"ch77\.json") as raised:
        module.read(path)
    assert complaint in str(raised.value)


def test_file_that_is_no_json(tmp_path):
    path = tmp_path / "ch77.json"
    path.write_text("{", "utf-8")
    with pytest.raises(ValueError, match=r"ch77\.json is no JSON"):
        module.read(path)


@pytest.mark.parametrize(
    "path", sorted(module.FOLDER.glob("*.json")), ids=lambda p: p.stem
)
def test_every_quiz_keeps_the_form(path):
    module.read(path)
