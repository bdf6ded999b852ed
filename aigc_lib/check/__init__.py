"""Exercise checkers, one module per chapter: `aigc.check.ch04.some_exercise(answer)`.

A checker returns a `Result` and never raises on a wrong answer. `aigc.check.quiz` looks
at the answers to a chapter's five questions.
"""

import importlib
import pkgutil

from ._result import Result as Result
from .quiz import quiz as quiz

_CHAPTERS = [m.name for m in pkgutil.iter_modules(__path__) if m.name[:2] == "ch"]


def __getattr__(name):
    if name in _CHAPTERS:
        return importlib.import_module(f"{__name__}.{name}")
    known = ", ".join(_CHAPTERS)
    raise AttributeError(f"no checkers for chapter {name!r}; there are: {known}")


def __dir__():
    return ["Result", "quiz", *_CHAPTERS]
