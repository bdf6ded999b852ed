"""Checkers of chapter 21: right answers pass, each likely mistake gets its hint."""

from checker_tests import make_tests

from aigc_lib.check import ch21

# 【待写】the right answers, and those that readers will give
CASES = [
    ("predict", 2, None),
    ("predict", 5, "【待写】"),
    ("write", lambda x: x * x, None),
    ("write", lambda x: 2 * x + 1, "【待写】"),
    ("diagnose", "line 2", None),
    ("diagnose", "line 1", "【待写】"),
    ("derive", lambda x: 2 * x, None),
    ("derive", lambda x: x, "【待写】"),
    ("beat", lambda: 0.75, None),
    ("beat", lambda: 0.25, "【待写】"),
]

test_hint, test_nothing_raises = make_tests(ch21, CASES)
