"""The five questions of a chapter: one JSON file for page, checker and class kit.

`quiz/chNN.json` beside this module holds ``{"chapter": "04", "questions": [...]}``.
A question has ``id``, ``question``, ``choices``, ``answer`` (from 0) and ``why``.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from ._result import Result

FOLDER = Path(__file__).with_suffix("")
QUESTIONS = 5
KEYS = ("id", "question", "choices", "answer", "why")


def read(path: Path) -> list[dict]:
    """Return the questions of a quiz file.

    Raises:
        ValueError: the file breaks the form above; the message lists where.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from None
    if wrong := list(faults(data, path.stem.removeprefix("ch"))):
        raise ValueError(f"{path.name}: " + "; ".join(wrong))
    return data["questions"]


def faults(data: dict, chapter: str):
    """Yield what breaks the form of a quiz file, each in a sentence."""
    if not isinstance(data, dict) or not isinstance(data.get("questions"), list):
        yield "write {'chapter': ..., 'questions': [...]}"
        return
    if data.get("chapter") != chapter:
        yield f"chapter is {data.get('chapter')!r}; write {chapter!r}"
    questions = data["questions"]
    if len(questions) != QUESTIONS:
        yield f"{len(questions)} questions; write {QUESTIONS}"
    for number, question in enumerate(questions, start=1):
        yield from faults_of(question, f"q-{chapter}-{number}")
    if all(isinstance(q, dict) for q in questions):
        places = {q.get("answer") for q in questions}
        if len(questions) > 1 and len(places) == 1:
            yield "every right answer stands at the same place; spread them"


def faults_of(question: dict, name: str):
    """Yield what is wrong with one question, which should be called ``name``."""
    if not isinstance(question, dict) or set(question) != set(KEYS):
        yield f"{name}: write the keys {', '.join(KEYS)} and no others"
        return
    if question["id"] != name:
        yield f"the id {question['id']!r} should be {name!r}"
    for key in ("question", "why"):
        if not isinstance(question[key], str) or not question[key].strip():
            yield f"{name}: {key} is empty"
    choices, answer = question["choices"], question["answer"]
    written = isinstance(choices, list) and all(
        isinstance(choice, str) and choice.strip() for choice in choices
    )
    if not written or len(choices) < 3 or len(set(choices)) != len(choices):
        yield f"{name}: choices must be three or more different texts"
    elif type(answer) is not int or not 0 <= answer < len(choices):
        last = len(choices) - 1
        yield f"{name}: answer is {answer!r}; write an index from 0 to {last}"


def quiz(chapter: str, answers: Sequence[int] | None = None) -> Result:
    """Check the ``answers`` to the quiz of ``chapter``: an index from 0 per question.

    A wrong answer gets the reason that the page gives for the right one.

    Raises:
        ValueError: there is no quiz of that name.
    """
    path = FOLDER / f"ch{chapter}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem[2:] for p in FOLDER.glob("ch*.json")))
        raise ValueError(f"chapter={chapter!r} has no quiz; there are: {known}")
    questions = read(path)
    if answers is None or answers is ...:
        return Result(False, f"写出 {len(questions)} 个答案，从 0 数起", finished=False)
    try:
        given = list(answers)
    except TypeError:
        return Result(False, f"答案要写成列表，例如 {[0] * len(questions)}")
    if len(given) != len(questions):
        return Result(
            False, f"这一章有 {len(questions)} 题，你给了 {len(given)} 个答案"
        )
    open_ = [n for n, a in enumerate(given, 1) if a is None or a is ...]
    if open_:
        return Result(
            False, f"第 {'、'.join(map(str, open_))} 题还没有作答", finished=False
        )
    hints = [
        hint(number, question, answer)
        for number, (question, answer) in enumerate(
            zip(questions, given, strict=True), start=1
        )
        if not is_choice(answer) or answer != question["answer"]
    ]
    if hints:
        right = len(questions) - len(hints)
        return Result(False, f"答对 {right} / {len(questions)}。\n" + "\n".join(hints))
    return Result(True, f"{len(questions)} 题全对")


def is_choice(answer) -> bool:
    """Tell an index from what merely equals one: ``True``, ``1.0``."""
    return isinstance(answer, int) and not isinstance(answer, bool)


def hint(number: int, question: dict, answer) -> str:
    """Say of a wrong ``answer`` what was chosen, and why it is wrong."""
    choices = question["choices"]
    if not is_choice(answer) or not 0 <= answer < len(choices):
        return f"第 {number} 题：{answer!r} 不是选项，写 0 到 {len(choices) - 1} 的整数"
    return f"第 {number} 题：你选的是“{choices[answer]}”。{question['why']}"
