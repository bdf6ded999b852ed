"""The two tests that a chapter's exercise checkers share."""

from types import ModuleType

import pytest


def make_tests(module: ModuleType, cases: list[tuple]) -> tuple:
    """Return ``test_hint`` and ``test_nothing_raises`` for the checkers of ``module``.

    ``cases`` are (checker, answer, hint): None as the hint marks a right answer.
    """

    @pytest.mark.parametrize(("name", "answer", "hint"), cases)
    def test_hint(name, answer, hint):
        result = getattr(module, name)(answer)
        assert result.finished
        if hint is None:
            assert result, repr(result)
        else:
            assert not result
            assert hint in result.message, repr(result)

    @pytest.mark.parametrize("name", sorted({name for name, *_ in cases}))
    @pytest.mark.parametrize("answer", [None, ..., lambda *a, **k: None, 3, lambda: 1])
    def test_nothing_raises(name, answer):
        assert not getattr(module, name)(answer)

    return test_hint, test_nothing_raises
