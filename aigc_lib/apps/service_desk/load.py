"""Customers by the dozen: how long they wait for the first byte and for the answer."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

from ...runtime import optional

PATIENCE = 60.0  # seconds for one request
TIRED = 0.2  # seconds before a customer tries again


class Asked(NamedTuple):
    """One question and what came of it: seconds to the first byte, and to the end."""

    key: str
    text: str
    first: float
    whole: float
    answer: str | None  # None: none came with the stream
    state: str | None  # of the conversation, at the end


class Customer:
    """A customer with a cookie of its own, at one of several servers of one desk."""

    def __init__(self, *addresses: str):
        self.addresses = cycle(addresses)
        self.address = next(self.addresses)
        self._http = optional("httpx").Client(timeout=PATIENCE)
        self.errors: list[str] = []

    def __enter__(self) -> Customer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def begin(self) -> None:
        """Begin a conversation.

        Raises:
            httpx.HTTPError: there is none.
        """
        self._http.post(f"{self.address}/api/conversation").raise_for_status()

    def send(self, text: str, key: str | None = None) -> Asked:
        """Send a question once and read the stream to its end.

        Raises:
            httpx.HTTPError: it was not accepted, or the stream broke.
        """
        key = key or secrets.token_hex(16)
        start, first, number = time.perf_counter(), 0.0, 0
        answer = state = None
        sent = {"text": text, "key": key}
        address = f"{self.address}/api/messages"
        with self._http.stream("POST", address, json=sent) as stream:
            stream.raise_for_status()
            for line in stream.iter_lines():
                first = first or time.perf_counter() - start
                told = json.loads(line)
                number, state = told.get("accepted", number), told.get("state", state)
                message = told.get("message") or {}
                if message.get("answers") == number:
                    answer = message["text"]
        return Asked(key, text, first, time.perf_counter() - start, answer, state)

    def insist(self, text: str, *, patience: float = PATIENCE) -> Asked:
        """Send a question with one key until it is answered, whatever breaks meanwhile.

        After each failure it tries the next server. What went wrong stands in
        ``errors``.

        Raises:
            TimeoutError: no answer in time.
        """
        key, end = secrets.token_hex(16), time.monotonic() + patience
        return self._until(end, lambda: self.send(text, key))

    def begin_somewhere(self, *, patience: float = PATIENCE) -> None:
        """Begin a conversation at the first server that answers.

        Raises:
            TimeoutError: none did in time.
        """

        def begun() -> Asked:
            self.begin()
            return Asked("", "", 0.0, 0.0, "", "open")

        self._until(time.monotonic() + patience, begun)

    def _until(self, end: float, attempt: Callable[[], Asked]) -> Asked:
        http = optional("httpx")
        while time.monotonic() < end:
            try:
                asked = attempt()
                if asked.answer is not None:
                    return asked
            except (http.HTTPError, ValueError) as error:  # or half a line
                self.errors.append(type(error).__name__)
                self.address = next(self.addresses)
            time.sleep(TIRED)
        raise TimeoutError("no answer in time")


def load(
    address: str,
    questions: Sequence[str],
    customers: Sequence[int],
    *,
    seconds: float,
    pause: float,
) -> list[dict[str, Any]]:
    """Let ``customers`` ask for ``seconds`` each; a row for each number of them.

    A customer asks, reads the answer, waits ``pause`` seconds, asks again, and begins
    another conversation where the assistant hands over. Times are seconds.
    """
    return [_round(address, questions, n, seconds, pause) for n in customers]


def _round(
    address: str, questions: Sequence[str], n: int, seconds: float, pause: float
) -> dict[str, Any]:
    http = optional("httpx")
    asked: list[Asked] = []
    errors: list[str] = []
    end = time.monotonic() + seconds

    def live(number: int) -> None:
        try:
            with Customer(address) as customer:
                time.sleep(pause * number / n)  # not all in the same moment
                customer.begin()
                for text in cycle([*questions[number:], *questions[:number]]):
                    if time.monotonic() >= end:
                        return
                    one = customer.send(text)
                    asked.append(one)
                    if one.state != "open":  # a person has been called
                        customer.begin()
                    time.sleep(pause)
        except http.HTTPError as error:
            errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=live, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        memory = http.get(f"{address}/health", timeout=PATIENCE).json()["memory_mib"]
    except (http.HTTPError, ValueError, KeyError) as error:
        memory = 0.0
        errors.append(f"{type(error).__name__}: {error}")
    row: dict[str, Any] = {"customers": n, "messages": len(asked)}
    for name in ("first", "whole"):
        times = [getattr(one, name) for one in asked] or [0.0]
        for percent in (50, 95):
            row[f"{name}_p{percent}"] = float(np.percentile(times, percent))
    row["a_second"] = len(asked) / seconds
    row["errors"] = len(errors)
    row["memory_mib"] = memory
    if errors:
        row["error"] = errors[0]
    return row


def table(rounds: Sequence[dict[str, Any]]) -> str:
    """Lay rows out for a terminal: milliseconds."""
    lines = ["customers  messages  first p50/p95 ms  whole p50/p95 ms  errors  MiB"]
    for one in rounds:
        first = f"{one['first_p50'] * 1e3:.0f} / {one['first_p95'] * 1e3:.0f}"
        whole = f"{one['whole_p50'] * 1e3:.0f} / {one['whole_p95'] * 1e3:.0f}"
        lines.append(
            f"{one['customers']:>9}  {one['messages']:>8}  {first:>16}  {whole:>16}"
            f"  {one['errors']:>6}  {one['memory_mib']:>3.0f}"
        )
        if "error" in one:
            lines.append(f"           {one['error']}")
    return "\n".join(lines)
