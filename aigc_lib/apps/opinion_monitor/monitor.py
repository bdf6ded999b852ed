"""The monitor at work: feeds bring headlines, one thread reads them."""

from __future__ import annotations

import codecs
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ...data.own.texts import decoded
from ...decisions.alarm import CUSUM
from .headlines import Headline, checked
from .reader import Reading
from .store import Flooded, Store
from .trend import RUN_LENGTH, Point, alarms, trend

AT_ONCE = 256  # headlines that are stored or read together
LONGEST_LINE = 64 * 1024  # bytes of a line in a file
log = logging.getLogger(__name__)


class Reads(Protocol):
    """Whoever reads headlines and knows all topics."""

    @property
    def topics(self) -> Sequence[str]: ...

    def read(self, texts: Sequence[str]) -> Sequence[Reading]: ...


# Is told how it goes, and returns whoever reads.
Make = Callable[[Callable[[str], None]], Reads]


class NotReady(RuntimeError):
    """Nobody is there yet who reads headlines, or knows the topics."""


class Answer(NamedTuple):
    """What became of headlines that were sent."""

    new: int
    known: int
    refused: list[dict[str, Any]]  # {"index": place among those sent, "reason": ...}


class Monitor:
    """Takes headlines, reads what waits, and says what the counts show.

    Without a ``reader`` headlines are taken and wait until ``start`` has made one.
    ``run_length`` is the number of quiet days to a false alarm, for each topic.

    Raises:
        ValueError: a ``run_length`` that ``CUSUM.for_run_length`` refuses.
    """

    def __init__(
        self,
        store: Store,
        reader: Reads | None = None,
        *,
        run_length: float = RUN_LENGTH,
    ):
        CUSUM.for_run_length(run_length)  # now, and not when the first day is shown
        self.store, self.run_length = store, run_length
        self.failed = ""  # why nobody reads
        self.feed_failed = ""  # why nothing comes of the feed, which is tried again
        self._reader = reader
        self._told, self._since = "正在读取模型", time.monotonic()
        self._work, self._stop = threading.Event(), threading.Event()

    @property
    def ready(self) -> bool:
        """Whether somebody reads."""
        return self._reader is not None

    @property
    def reader(self) -> Reads:
        """Whoever reads.

        Raises:
            NotReady: nobody yet.
        """
        if self._reader is None:
            raise NotReady(self.told)
        return self._reader

    @property
    def told(self) -> str:
        """What is done until it is ready, and for how long; or why it will not be."""
        if self.ready:
            return "已就绪"
        if self.failed:
            return f"模型读不了，标题只收不读：{self.failed}"
        seconds = time.monotonic() - self._since
        return f"{self._told}，已用 {seconds:.0f} 秒；收到的标题先存着"

    def accept(self, items: Sequence[Any]) -> Answer:
        """Check headlines and store the good ones; the others get a reason each.

        Raises:
            Flooded: too many wait already; nothing was stored.
        """
        good, refused = [], []
        for index, item in enumerate(items):
            try:
                good.append(checked(item))
            except ValueError as error:
                refused.append({"index": index, "reason": str(error)})
        new = self.store.accept(good)
        self._work.set()
        return Answer(new, len(good) - new, refused)

    def read_waiting(self) -> int:
        """Read the headlines that wait, the oldest first; return how many.

        A stop in between leaves them waiting, and the next call reads them.

        Raises:
            NotReady: nobody reads yet.
        """
        reader, total = self.reader, 0
        while waiting := self.store.unread(AT_ONCE):
            readings = reader.read([text for _, text in waiting])
            self.store.read(
                [
                    {"id": number, **reading._asdict()}
                    for (number, _), reading in zip(waiting, readings, strict=True)
                ]
            )
            total += len(waiting)
            if self._stop.is_set():
                break
        return total

    def trend(self, topic: str | None = None, last: int | None = None) -> list[Point]:
        """The days of a topic, or of all, with intervals and alarms."""
        return trend(self.store.days(topic), last=last, run_length=self.run_length)

    def alarms(self) -> list[dict[str, Any]]:
        """All alarms of all topics, the newest first.

        Raises:
            NotReady: nobody knows the topics yet.
        """
        found = [
            {"day": day.day, "topic": topic, "share": day.negative / day.n, "n": day.n}
            for topic in self.reader.topics
            for day in alarms(self.store.days(topic), run_length=self.run_length)
        ]
        return sorted(found, key=lambda alarm: alarm["day"], reverse=True)

    # ---- threads ---------------------------------------------------------------------

    def start(
        self, feed: Feed | None = None, make: Make | None = None
    ) -> list[threading.Thread]:
        """Read in a thread of its own, and follow ``feed`` in another.

        The first one calls ``make`` before, for a monitor that has no reader.
        """
        jobs = [lambda: self._read_on(make)]
        jobs += [lambda: self._follow(feed)] if feed else []
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        return threads

    def stop(self) -> None:
        """Ask the threads to end after what they have at hand."""
        self._stop.set()
        self._work.set()

    def _prepare(self, make: Make) -> None:
        try:
            self._reader = make(self._say)
        except Exception as error:  # the page says so, and headlines are kept
            log.exception("the reader could not be made")
            self.failed = f"{type(error).__name__}: {error}"[:300]

    def _say(self, told: str) -> None:
        self._told = "正在训练模型，只在第一次启动时做，不到一分钟"
        log.warning("%s", told)

    def _read_on(self, make: Make | None) -> None:
        if make:
            self._prepare(make)
        while self.ready and not self._stop.is_set():
            self._work.wait(timeout=5.0)  # another process may have stored some
            self._work.clear()
            try:
                self.read_waiting()
            except Exception:  # such as a database that is away for a while
                log.exception("reading failed, trying again in a second")
                self._stop.wait(1.0)
                self._work.set()

    def _follow(self, feed: Feed) -> None:
        while not self._stop.is_set():
            try:
                some = self.take(feed)
                self.feed_failed = ""
                self._work.set()
            except Flooded:
                some = 0  # the feed keeps what it has
            except Exception as error:
                log.exception("feed %s failed, trying again", feed.name)
                self.feed_failed = f"{type(error).__name__}: {error}"[:300]
                some = 0
            if not some:
                self._stop.wait(feed.pause)

    def take(self, feed: Feed) -> int:
        """Store the next headlines of ``feed`` and how far it is, together.

        Raises:
            Flooded: too many wait already; the feed stands where it stood.
        """
        batch = list(islice(feed.after(self.store.position(feed.name)), AT_ONCE))
        if batch:
            headlines = [headline for headline, _ in batch if headline]
            self.store.accept(headlines, feed=feed.name, position=batch[-1][1])
        return len(batch)


class Feed(Protocol):
    """Headlines in an order that stays, each with the position after it.

    ``after(position)`` yields those behind a position that it gave before, 0 for the
    beginning; None stands for something that is no headline.
    """

    name: str
    pause: float  # seconds to wait where nothing new is there

    def after(self, position: int) -> Iterator[tuple[Headline | None, int]]: ...


class FileFeed:
    """The lines of a file that grows: JSON objects, or headlines as they are.

    Positions are bytes. A last line without its end is left until it has one. A line
    is the same headline as an equal line of that day. Written in UTF-8, or else in
    GB18030, each line by itself. Lines that are no headline are logged and passed over.

    Raises:
        FileNotFoundError: no file at ``path``.
    """

    pause = 1.0

    def __init__(self, path: Path):
        self.path = path.resolve(strict=True)
        # a name that is not UTF-8 is nothing that a database takes
        told = os.fsencode(self.path).decode("utf-8", "backslashreplace")
        self.name, self.source = f"file:{told}"[-200:], Path(told).name[:80]

    def after(self, position: int) -> Iterator[tuple[Headline | None, int]]:
        """Yield the whole lines behind byte ``position``.

        Raises:
            ValueError: the file is shorter than that: another one lies there now; or it
                is UTF-16, whose lines end otherwise.
        """
        if self.path.stat().st_size < position:
            raise ValueError(
                f"{self.path} is shorter than before: give a new file another name"
            )
        with self.path.open("rb") as file:
            if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise ValueError(f"{self.path} is UTF-16: save it as UTF-8")
            file.seek(position)
            while line := file.readline():
                if not line.endswith(b"\n"):
                    return
                position += len(line)
                yield self._headline(line, position), position

    def _headline(self, line: bytes, position: int) -> Headline | None:
        try:
            if len(line) > LONGEST_LINE:
                raise ValueError(f"a line of {len(line):,} bytes")
            text = decoded(line).strip()
            if not text:
                return None
            item = json.loads(text) if text.startswith("{") else {"text": text}
            return checked({"source": self.source} | item)
        except (ValueError, RecursionError) as error:
            log.warning("%s, before byte %d: %s", self.source, position, error)
            return None
