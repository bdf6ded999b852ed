"""Turns and ratios of the timed benchmarks."""

import itertools

import benchmarks.timing as module
from benchmarks.timing import ratio, timed_turns


def test_calls_take_turns_and_the_first_turn_does_not_count(monkeypatch):
    called, clock = [], itertools.accumulate([0, 5, 1, 2, 9, 3])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    calls = {"a": lambda: called.append("a"), "b": lambda: called.append("b")}
    assert timed_turns(calls, 1) == {"a": [2], "b": [3]}
    assert called == ["a", "b", "a", "b"]


def test_ratios_are_formed_within_a_turn():
    found = ratio([2.0, 40.0, 3.0], [1.0, 10.0, 1.0])
    assert found == {"ratio": 3.0, "ratio_min": 2.0, "ratio_max": 4.0}
