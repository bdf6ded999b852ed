"""What the opinion monitor loses when it is killed, and what it counts twice: nothing.

On SQLite and on PostgreSQL two clients post headlines without a pause and a file grows
that the monitor follows, while it gets SIGKILL at random moments, until ``KILLS`` of
them have hit it in the midst of the file or with headlines that waited to be read.
Before each it has read some, or the headlines that wait would come to be a flood. A
post whose answer was lost is sent again; at last all that was posted is sent once more.
``QUICK=1`` is a quick try.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from pathlib import Path

import httpx

from aigc_lib.apps.opinion_monitor.monitor import AT_ONCE, FileFeed
from aigc_lib.apps.opinion_monitor.reader import Reader
from aigc_lib.apps.opinion_monitor.service import MOST_ITEMS
from aigc_lib.apps.opinion_monitor.store import Store
from aigc_lib.apps.opinion_monitor.words import Words
from benchmarks import servers
from benchmarks.forked import Program
from benchmarks.record import kept, record

NAME = "monitor_kills"
KILLS = 4 if os.environ.get("QUICK") else 50
LONGEST = 1.0  # seconds from what was read to a kill, at most
CLIENTS, PAUSE = 2, 0.3  # seconds from one post to the next
TOGETHER, MORE = 20, 2 * AT_ONCE  # headlines of a post, and new in the file
MODULE = "aigc_lib.apps.opinion_monitor.__main__"
ALSO = "gradio", "uvicorn", "aigc_lib.models.transformer.encoder"


def lines(n: int, start: int = 0) -> str:
    """Headlines ``start`` to ``n`` of a stream; two of three are bad."""
    return "".join(
        f"第 {i} 条：股价{'跌' if i % 3 else '涨'}\n" for i in range(start, n)
    )


def until(holds: Callable[[], bool]) -> None:
    """Wait until ``holds()``, five minutes at most."""
    give_up = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < give_up, "it never came about"
        time.sleep(0.01)


class House:
    """A monitor in a folder, served by processes that may be killed."""

    def __init__(self, folder: Path, url: str, program: Program):
        self.path, self.program = folder / "stream.txt", program
        self.path.touch()
        self.store, self.feed = Store(url), FileFeed(self.path).name
        (port,) = servers.free_ports(1)
        self.address = f"http://127.0.0.1:{port}"
        self.options = ["--folder", folder, "--url", url, "--port", port]
        self.options += ["--feed", self.path]
        self.number = self.written = 0

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.number = self.program.start(*self.options)
        with self.client() as http:
            until(partial(_answers, http))

    def kill(self) -> None:
        """SIGKILL to the server."""
        self.program.kill(self.number)

    def client(self) -> httpx.Client:
        """Return a client of the server."""
        return httpx.Client(base_url=self.address, trust_env=False, timeout=60)

    def read(self) -> int:
        """How many headlines were read."""
        told = self.store.counts()
        return told["headlines"] - told["unread"]

    def grow(self) -> int:
        """Add to the file that is followed, if all was taken; return how much was."""
        before = self.store.position(self.feed)
        if before < self.path.stat().st_size:
            return before
        with self.path.open("a", encoding="utf-8") as file:
            file.write(lines(self.written + MORE, start=self.written))
        self.written += MORE
        return before

    def is_at_work(self, before: int) -> bool:
        """Whether headlines wait, or half of what is behind ``before`` was taken."""
        size = self.path.stat().st_size
        amid = before < self.store.position(self.feed) < size
        return amid or self.store.counts()["unread"] > 0


def _answers(http: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return http.get("/health").status_code == 200
    return False


def _took(http: httpx.Client, some: list[dict]) -> bool:
    """Post headlines; whether the answer came, and says that all are there."""
    with suppress(httpx.TransportError):
        answer = http.post("/headlines", json=some)
        if answer.status_code == 429:
            return False
        told = answer.raise_for_status().json()
        assert told["new"] + told["known"] == len(some), told
        return True
    return False


def posted(
    house: House, number: int, ending: threading.Event
) -> tuple[list[dict], int]:
    """Post until ``ending``; return what was taken, and how many posts were sent again:
    their answer was lost, or there was no server."""
    sent, again = [], 0
    with house.client() as http:
        for k in count():
            if ending.is_set():
                return sent, again
            first, source = k * TOGETHER, f"客户 {number}"
            texts = lines(first + TOGETHER, start=first).splitlines()
            some = [
                {"source": source, "id": first + i, "text": f"{source}，{text}"}
                for i, text in enumerate(texts)
            ]
            if not _took(http, some):
                again += 1
                until(partial(_took, http, some))
            sent += some
            ending.wait(PAUSE)


def killed(house: House, kills: int, *, seed: int = 0) -> dict[str, float]:
    """Kill a monitor at random moments until ``kills`` hit it at work; count."""
    dice, ending, begun = random.Random(seed), threading.Event(), time.monotonic()
    at_work = total = 0
    house.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(posted, house, i, ending) for i in range(CLIENTS)]
        try:
            while at_work < kills and not any(client.done() for client in clients):
                before, read = house.grow(), house.read()
                until(lambda read=read: house.read() > read)
                time.sleep(dice.uniform(0.0, LONGEST))
                house.kill()
                at_work, total = at_work + house.is_at_work(before), total + 1
                house.start()
        finally:
            ending.set()
        told = [client.result() for client in clients]
    sent = [one for some, _ in told for one in some]
    with house.client() as http:
        for k in range(0, len(sent), MOST_ITEMS):
            until(partial(_took, http, sent[k : k + MOST_ITEMS]))
    seconds = round(time.monotonic() - begun, 1)
    again = sum(number for _, number in told)
    return {"kills": total, "at_work": at_work, "again": again, "seconds": seconds} | (
        found(house, [one["text"] for one in sent] + lines(house.written).splitlines())
    )


def found(house: House, texts: list[str]) -> dict[str, int]:
    """Wait until all is read; compare what is stored and counted with ``texts``."""
    store, size = house.store, house.path.stat().st_size
    until(lambda: store.position(house.feed) == size)
    until(lambda: not store.counts()["unread"])
    stored = Counter(row["text"] for row in store.latest(2 * len(texts)))
    days = store.days()
    bad = sum("跌" in text for text in texts)
    return {
        "accepted": len(texts),
        "lost": sum(not stored[text] for text in texts),
        "twice": stored.total() - len(stored),
        "counted_more": sum(day.n for day in days) - len(texts),
        "bad_counted_more": sum(day.negative for day in days) - bad,
    }


def main() -> None:
    rows = {}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        Reader.at(root, words=Words())  # the classifier of a first start, for both
        program = stack.enter_context(Program(MODULE, *ALSO, log=root / "log"))
        postgres = stack.enter_context(servers.postgres())
        urls = {
            "sqlite": f"sqlite:///{root / 'headlines.sqlite'}",
            "postgresql": postgres,
        }
        for name, url in urls.items():

            def measured(url: str = url) -> dict[str, float]:
                house = House(root, url, program)
                try:
                    return killed(house, KILLS)
                finally:
                    house.kill()

            rows[name] = kept(NAME, name, measured)
            (root / "stream.txt").unlink(missing_ok=True)
            print(name, rows[name], flush=True)
    record(
        NAME,
        rows,
        metric="after so many SIGKILL, at_work of them while headlines waited or a "
        "file was half taken: headlines accepted, lost, stored twice, counted more",
        data="made-up headlines",
        cores=len(os.sched_getaffinity(0)),
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the server ends with it
    main()
