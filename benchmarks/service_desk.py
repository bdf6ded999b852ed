"""How long do customers wait, and is each message answered once when servers die?

One server and the made-up shop: 1, 8 and 32 customers ask a question, read, wait a
second, ask again; then 32 who do not wait. First byte: the message is on disk and said
to be. Whole answer: the end of the stream.

Kills: two servers on one database, eight customers who send each question with one key
until it is answered, to whichever server lives. At a random moment one of the two gets
SIGKILL and is started again, ``KILLS`` times on SQLite and on PostgreSQL. Counted: what
was accepted and is lost, what was answered twice, what nobody answered.

The same answer through the engine of durable jobs, for comparison: that path was not
taken, because an answer takes less time than the engine's bookkeeping.

``python -m benchmarks.service_desk load`` measures the first start and the load again,
in ten minutes; the other rows stay as recorded, ``rest`` names their commit.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from aigc_lib.apps import database
from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.jobs import Jobs, Kind
from aigc_lib.apps.service_desk import __main__ as service_desk
from aigc_lib.apps.service_desk.conversations import Conversations
from aigc_lib.apps.service_desk.dialogue import Dialogue
from aigc_lib.apps.service_desk.knowledge import shop
from aigc_lib.apps.service_desk.load import Customer, load
from aigc_lib.apps.service_desk.tables import CONVERSATIONS, MESSAGES, VERSIONS
from benchmarks import servers
from benchmarks.record import ROOT, commit, kept, record

NAME = "service_desk"
FOLDER = ROOT / "_build" / "bench" / NAME  # of the model, trained once
KILLS, ROUND = int(os.environ.get("KILLS", 50)), 5
SECONDS = float(os.environ.get("LOAD_SECONDS", 60))  # for each number of customers
CUSTOMERS = (1, 8, 32)
PATIENCE = 180.0  # seconds; a start takes seconds on a busy machine
JOBS = 100  # answers through the engine
LIMITS = ("--most-a-minute=100000", "--most-an-hour=100000", "--most-messages=100000")
Command = Callable[[int], list[str]]  # of a server on a port
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["aigc_lib.apps.service_desk.__main__"])


@contextlib.contextmanager
def running(command: Sequence[str], port: int) -> Iterator[tuple[float, float]]:
    """Lend a server that is ready, and the seconds it took; it is gone afterwards."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield until_ready(process, port)
    finally:
        process.kill()
        process.wait()


def until_ready(process: Any, port: int) -> tuple[float, float]:
    """Wait until a server answers questions; seconds until its page, and until then."""
    start, page = time.monotonic(), None
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5)
    while (now := time.monotonic() - start) < PATIENCE:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with contextlib.suppress(httpx.HTTPError):
            health = client.get("/health").json()
            page = page or now
            if health["ready"]:
                return page, now
        time.sleep(0.1)
    raise RuntimeError(f"no server on port {port} after {PATIENCE:.0f} s")


class Forked:
    """A process that begins with all imports done, so that a restart takes a moment.

    What it then runs is ``main(*arguments)``, as the command does.
    """

    def __init__(self, main: Callable[..., Any], *arguments: Any):
        self._process = FORKS.Process(target=_quietly, args=(main, *arguments))
        self._process.start()

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def wait(self) -> None:
        """Wait for the end."""
        self._process.join()


def _quietly(main: Callable[..., Any], *arguments: Any) -> None:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    main(*arguments)


def kills(
    url: str,
    start: Callable[[int], Forked],
    questions: Sequence[str],
    *,
    n: int,
    customers: int = 8,
    seed: int = 0,
) -> dict[str, Any]:
    """Kill servers of the database at ``url`` ``n`` times; returns what was counted.

    ``start`` begins one on a port.
    """
    rng, over = random.Random(seed), threading.Event()
    ports = servers.free_ports(2)
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    processes = [start(port) for port in ports]
    answered: list[tuple[str, str]] = []  # key and answer, as the customers saw them
    broken: list[str] = []  # what went wrong on the way, which is expected
    failed: list[BaseException] = []

    def live(number: int) -> None:
        turn = random.Random(number)
        try:
            with Customer(*addresses[number % 2 :], *addresses[: number % 2]) as one:
                one.begin_somewhere(patience=PATIENCE)
                while not over.is_set():
                    asked = one.insist(turn.choice(questions), patience=PATIENCE)
                    answered.append((asked.key, asked.answer))
                    if asked.state != "open":
                        one.begin_somewhere(patience=PATIENCE)
                broken.extend(one.errors)
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=live, args=(i,), daemon=True) for i in range(customers)
    ]
    try:
        for process, port in zip(processes, ports, strict=True):
            until_ready(process, port)
        for thread in threads:
            thread.start()
        for _ in range(n):
            time.sleep(rng.uniform(0.05, 1.0))
            victim = rng.randrange(2)
            processes[victim].kill()
            processes[victim].wait()
            processes[victim] = start(ports[victim])
            until_ready(processes[victim], ports[victim])
        time.sleep(1.0)
        over.set()
        for thread in threads:
            thread.join()
        settle(url)
    finally:
        over.set()
        for process in processes:
            process.kill()
            process.wait()
    if failed:
        raise failed[0]
    return {"kills": n, "broken": len(broken), **counted(url, answered)}


def settle(url: str, patience: float = 30.0) -> None:
    """Wait until nothing waits, or until nothing more will happen."""
    made, end = database.engine(url), time.monotonic() + patience
    undone = database.sql.select(database.sql.func.count()).where(
        CONVERSATIONS.c.due.is_not(None)
    )
    with made.connect() as connection:
        while connection.scalar(undone) and time.monotonic() < end:
            connection.rollback()
            time.sleep(0.2)
    made.dispose()


def counted(url: str, answered: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Compare what customers saw with what the database holds."""
    sql, made = database.sql, database.engine(url)
    with made.connect() as connection:
        messages = database.rows(connection, sql.select(MESSAGES))
        talks = database.rows(connection, sql.select(CONVERSATIONS))
    made.dispose()
    asked = [m for m in messages if m["role"] == "customer"]
    answers = [m for m in messages if m["role"] == "assistant"]
    keys = [m["key"] for m in asked]
    told = [(m["conversation"], m["answers"]) for m in answers]
    by_place = {(m["conversation"], m["answers"]): m["text"] for m in answers}
    by_key = {m["key"]: by_place.get((m["conversation"], m["number"])) for m in asked}
    remembered = 0  # what the dialogues say was asked
    for talk in talks:
        turns = Dialogue.from_json(talk["dialogue"]).turns
        remembered += sum(role == "customer" for role, _ in turns)
    return {
        "messages": len(asked),
        "lost": sum(key not in by_key for key, _ in answered),
        "stored_twice": len(keys) - len(set(keys)),
        "answered_twice": len(told) - len(set(told)),
        "dealt_with_twice": remembered - len(asked),
        "unanswered": sum(answer is None for answer in by_key.values()),
        "changed": sum(by_key.get(key) not in (None, told) for key, told in answered),
    }


def through_jobs(url: str) -> dict[str, float]:
    """Seconds of an answer that takes no thought: in place, and through the engine."""
    made = database.engine(url)
    database.upgrade(made, VERSIONS)
    talks = Conversations(made, Accounts(made))

    def answer(identity: str) -> None:
        work = talks.work(identity)
        number = work.message["number"]
        words = {"role": "assistant", "text": "好", "answers": number}
        assert talks.change(work.conversation, done=number, message=words)

    def one(jobs: Jobs | None, number: int) -> float:
        token = talks.open(Dialogue().to_json(), account=None, source=str(number))
        identity = talks.of(token, None)["id"]
        start = time.perf_counter()
        talks.accept(identity, "在吗", f"key-{number:05}")
        if jobs is None:
            answer(identity)
        else:
            job, _ = jobs.submit("reply", {"conversation": identity})
            jobs.wait(job, 60)
        return time.perf_counter() - start

    def work(task: Any) -> dict[str, Any]:
        answer(task.request["conversation"])
        return {}

    row = {"in place": [one(None, i) for i in range(JOBS)]}
    jobs = Jobs("service-desk", made, {"reply": Kind(work)})
    jobs.start({"quick": 4})
    row["through jobs"] = [one(jobs, JOBS + i) for i in range(JOBS)]
    jobs.close()
    made.dispose()
    return {
        f"{name} p{p}": float(np.percentile(times, p))
        for name, times in row.items()
        for p in (50, 95)
    }


def main(*, load_alone: bool = False) -> None:
    """Measure all; or the load alone, and keep the other rows as they were recorded."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    questions = [text for text, _ in shop().asked]
    rows = {"first start": kept(NAME, "first start", first_start)}
    rows |= loads(questions)
    if load_alone:
        before = json.loads((ROOT / "results" / f"{NAME}.json").read_text("utf-8"))
        rest = {name: row for name, row in before["rows"].items() if name not in rows}
        rest_at = before.get("rest") or before["commit"]
    else:
        rest, rest_at = kills_and_jobs(questions), commit()
    record(
        NAME,
        rows | rest,
        rest=rest_at,
        seconds=SECONDS,
        questions=len(questions),
        note="customers pause 1 s between questions; times are seconds; rest: the "
        "commit of the kills and of the answers through jobs",
    )


def kills_and_jobs(questions: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is lost or doubled by kills, and what an answer through the engine takes."""
    rows = {}
    with contextlib.ExitStack() as stack:
        urls = {"SQLite": lambda name: f"sqlite:///{folder() / f'{name}.sqlite'}"}
        try:
            server = stack.enter_context(servers.postgres())
            urls["PostgreSQL"] = lambda name: another(server, name)
        except servers.Missing as reason:
            print(f"PostgreSQL is not measured: {reason}", flush=True)
        for kind, url in urls.items():
            rows[f"kills, {kind}"] = many_kills(kind, url, questions)
            rows[f"an answer, {kind}"] = kept(
                NAME, f"jobs {kind}", lambda url=url: through_jobs(url("jobs"))
            )
    return rows


def folder() -> Path:
    """A new folder that goes when the process ends."""
    held = tempfile.TemporaryDirectory()
    atexit.register(held.cleanup)
    return Path(held.name)


def command(where: Path, url: str) -> Command:
    """The command of a server on a port."""
    words = [sys.executable, "-m", "aigc_lib.apps.service_desk"]
    words += [f"--folder={where}", f"--url={url}", *LIMITS]
    return lambda port: [*words, f"--port={port}"]


def first_start() -> dict[str, float]:
    """Seconds of a first start until there is a page, and until questions are read."""
    where, (port,) = folder(), servers.free_ports(1)
    with running(command(where, f"sqlite:///{where / 'desk.sqlite'}")(port), port) as (
        page,
        trained,
    ):
        shutil.copytree(where / "models", FOLDER / "models", dirs_exist_ok=True)
        return {"page_after": page, "ready_after": trained}


def loads(questions: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What customers wait, by their number; the last ones do not pause."""
    url = f"sqlite:///{folder() / 'load.sqlite'}"
    (port,) = servers.free_ports(1)
    rows = {}
    with running(command(FOLDER, url)(port), port):
        address = f"http://127.0.0.1:{port}"
        load(address, questions, [4], seconds=3.0, pause=0.1)  # warm
        for n, pause in [(n, 1.0) for n in CUSTOMERS] + [(CUSTOMERS[-1], 0.0)]:
            name = f"{n} customers" + " without a pause" * (pause == 0)
            rows[name] = kept(
                NAME,
                name,
                lambda n=n, pause=pause: load(
                    address, questions, [n], seconds=SECONDS, pause=pause
                )[0],
            )
    return rows


def many_kills(
    kind: str, url: Callable[[str], str], questions: Sequence[str]
) -> dict[str, int]:
    """Kill in rounds, each on a database of its own; returns the sums."""
    total: dict[str, int] = {}
    for start in range(0, KILLS, ROUND):

        def one(start: int = start) -> dict[str, int]:
            where = url(f"kills{start}")
            n, words = min(ROUND, KILLS - start), command(FOLDER, where)

            def begin(port: int) -> Forked:
                return Forked(service_desk.main, words(port)[3:])

            return kills(where, begin, questions, n=n, seed=start)

        for name, n in kept(NAME, f"kills {kind} {start}", one).items():
            total[name] = total.get(name, 0) + n
    return total


def another(url: str, name: str) -> str:
    """Make another database on the server of ``url``."""
    whole = database.sql.create_engine(url, isolation_level="AUTOCOMMIT")
    with whole.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    whole.dispose()
    return url.rpartition("/")[0] + f"/{name}"


if __name__ == "__main__":
    main(load_alone="load" in sys.argv[1:])
