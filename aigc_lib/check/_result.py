"""What an exercise checker is made of: a `Result`, `require` and `@checker`.

A checker is a function of the reader's answer. It states what must hold with
`require`; `@checker` turns every outcome into a `Result`, so that a wrong, broken or
unfinished answer gives a hint and never a traceback.
"""

import functools
import inspect
import random
import traceback
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, repr=False)
class Result:
    """Outcome of a checker: `passed`, `finished`, and a message in Chinese."""

    passed: bool
    message: str = ""
    finished: bool = True

    def __bool__(self):
        return self.passed

    def __repr__(self):
        if self.passed:
            return f"通过 {self.message}".rstrip()
        if not self.finished:
            return f"还没有写完{'：' if self.message else ''}{self.message}"
        return f"未通过：{self.message}"


class WrongAnswer(Exception):
    """Raised by `require`; its text is the hint that the reader sees."""


class Unfinished(Exception):
    """The reader's function returned None or `...`."""


def require(condition, hint):
    """Stop the checker with `hint` (in Chinese) unless `condition` holds."""
    if not condition:
        raise WrongAnswer(hint)


def choices(answer, known):
    """Demand a dictionary of choices; ``known`` maps its keys to the words allowed."""
    require(
        isinstance(answer, dict) and set(answer) == set(known),
        f"应当是一个字典，键是 {'、'.join(map(repr, known))}",
    )
    for key, said in answer.items():
        if said is None or said is ...:
            raise Unfinished(f"{key} 还空着")
        require(said in known[key], f"{key}：从这几个里选一个：{'、'.join(known[key])}")


def checker(done=""):
    """Make a checker of a function of one answer; `done` is said when it passes.

    The checked function calls the answer and states its demands with `require`.
    It may return a sentence, which is then said in place of `done`. Random numbers
    that it draws are not missed: the reader's next ones are what they would have been.
    """

    def wrap(check):
        @functools.wraps(check)
        def run(answer=None, *args, **kwargs):
            if answer is None or answer is ...:
                return Result(False, "把 ... 换成你的答案", finished=False)
            try:
                with _same_randomness():
                    said = check(_watched(answer), *args, **kwargs)
                return Result(True, said or done)
            except WrongAnswer as wrong:
                return Result(False, str(wrong))
            except (Unfinished, NotImplementedError) as left:
                return Result(False, str(left), finished=False)
            except Exception as error:
                return Result(False, _describe(error))

        return run

    return wrap


@contextmanager
def _same_randomness():
    """Leave the global generators of Python, NumPy and torch as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    devices = range(torch.cuda.device_count()) if on_gpu else ()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _watched(answer):
    """Report a function that still returns nothing as unfinished, not as wrong."""
    if not inspect.isfunction(answer):
        return answer

    @functools.wraps(answer)
    def call(*args, **kwargs):
        value = answer(*args, **kwargs)
        if value is None or value is ...:
            raise Unfinished(f"`{answer.__name__}` 没有返回值")
        return value

    return call


def _describe(error):
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if "aigc_lib" not in f.filename and f.line]
    where = f"（出错的一行：`{theirs[-1].line}`）" if theirs else ""
    return f"运行你的代码时出现 {type(error).__name__}：{error}{where}"
