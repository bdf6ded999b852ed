"""Durable jobs: what was accepted is done, once, whatever is killed meanwhile."""

import contextlib
import errno
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("dbos")

import sqlalchemy as sql
from worker import KINDS, MADE

from aigc_lib.apps import jobs as module
from aigc_lib.apps.accounts import Accounts
from aigc_lib.apps.blobs import Damaged
from aigc_lib.apps.database import engine, upgrade
from aigc_lib.apps.jobs import Busy, Jobs, Kind, Reused, progress
from aigc_lib.apps.refused import Refused
from aigc_lib.files import DiskFull

ERRORS = {
    "full": DiskFull(errno.ENOSPC, "no room", "x"),
    "gone": FileNotFoundError("x"),
    "damaged": Damaged("x"),
}


def prepared(url):
    made = engine(url)
    upgrade(made)
    MADE.create(made)
    return made


def done(made):
    """How often each job was done."""
    wanted = sql.select(MADE.c.job, sql.func.count()).group_by(MADE.c.job)
    with made.connect() as connection:
        return dict(connection.execute(wanted).fetchall())


@contextlib.contextmanager
def accepting(url):
    jobs = Jobs("test-worker", prepared(url), KINDS)
    jobs.start()
    yield jobs
    jobs.close()
    jobs.engine.dispose()


class Workers:
    """Worker processes that are killed and started again."""

    def __init__(self, program, url, n):
        self.program, self.url = program, url
        self.running = [self.start() for _ in range(n)]

    def start(self):
        return self.program.start("working", self.url, 4)

    def kill(self, i, again=True):
        self.program.kill(self.running[i])
        self.running[i] = self.start() if again else None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for number in filter(None, self.running):
            self.program.kill(number)


def test_no_job_is_lost_or_done_twice_when_workers_are_killed(database_url, program):
    dice = random.Random(0)
    with (
        accepting(database_url) as jobs,
        Workers(program, database_url, 2) as workers,
    ):
        ids = [jobs.submit("count", {"n": n})[0] for n in range(30)]
        while not jobs.counts()["running"]:
            time.sleep(0.02)
        for i in range(4):
            time.sleep(dice.uniform(0.0, 0.6))
            ids += [jobs.submit("count", {"n": n})[0] for n in range(5)]
            workers.kill(i % 2)
        rows = [jobs.wait(identity, 240) for identity in ids]
        assert {row["state"] for row in rows} == {"done"}
        assert [row["result"] for row in rows] == [row["request"] for row in rows]
        assert done(jobs.engine) == dict.fromkeys(ids, 1)


def test_another_process_takes_up_what_a_killed_one_left(postgres_url, program):
    with (
        accepting(postgres_url) as jobs,
        Workers(program, postgres_url, 2) as workers,
    ):
        slow = {"n": 0, "seconds": 2.0}
        ids = [jobs.submit("count", slow)[0] for _ in range(8)]
        while jobs.counts()["running"] < 8:
            time.sleep(0.05)
        workers.kill(0, again=False)
        assert {jobs.wait(identity, 120)["state"] for identity in ids} == {"done"}
        tries = sorted(jobs.status(identity)["tries"] for identity in ids)
        assert tries == [1, 1, 1, 1, 2, 2, 2, 2]
        assert done(jobs.engine) == dict.fromkeys(ids, 1)


# ---- one process ---------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path):
    """Jobs in this process, whose functions wait for ``gate`` and count ``runs``."""
    made = prepared(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    gate, runs = threading.Event(), []

    def waiting(task):
        runs.append(task.id)
        while not gate.is_set() and task.tell(0.5, "一半", now=True):
            time.sleep(0.02)
        return {"stopped": task.stopping}

    def broken(task):
        if "words" in task.request:
            raise Refused(task.request["words"])
        if "error" in task.request:
            raise ERRORS[task.request["error"]]
        raise RuntimeError("a secret of the house")

    kinds = {"wait": Kind(waiting), "broken": Kind(broken), **KINDS}
    jobs = Jobs("test-stage", made, kinds, most_waiting=5)
    jobs.start({"quick": 2})
    yield jobs, gate, runs
    gate.set()
    jobs.close()
    made.dispose()


def running(jobs, identity):
    while jobs.status(identity)["state"] != "running":
        time.sleep(0.02)


def test_a_key_gives_the_same_job(stage):
    jobs, _, _ = stage
    first = jobs.submit("count", {"n": 1}, key="a")
    assert first[1]
    assert jobs.submit("count", {"n": 1}, key="a") == (first[0], False)
    with pytest.raises(Reused, match="another request"):
        jobs.submit("count", {"n": 2}, key="a")
    jobs.wait(first[0])
    assert jobs.submit("count", {"n": 1}, key="a") == (first[0], False)
    assert done(jobs.engine) == {first[0]: 1}
    ann = Accounts(jobs.engine)
    ann.add("ann")
    assert jobs.submit("count", {"n": 9}, key="a", account=1)[1]  # her own keys


def test_a_key_gives_the_same_job_on_both_databases(database_url):
    with accepting(database_url) as jobs:
        first, new = jobs.submit("count", {"n": 1}, key="a")
        assert new
        assert jobs.submit("count", {"n": 1}, key="a") == (first, False)
        with pytest.raises(Reused, match="another request"):
            jobs.submit("count", {"n": 2}, key="a")


def test_progress_and_stopping_early(stage):
    jobs, _, _ = stage
    identity, _ = jobs.submit("wait", {})
    running(jobs, identity)
    while not (told := progress(jobs.status(identity)))["told"]:
        time.sleep(0.02)
    assert (told["share"], told["told"]) == (0.5, "一半")
    assert "request" not in told
    assert jobs.stop(identity)
    assert jobs.wait(identity)["result"] == {"stopped": True}
    assert not jobs.stop(identity)


def test_cancelling(stage):
    jobs, _, runs = stage
    ids = [jobs.submit("wait", {"n": n})[0] for n in range(3)]
    running(jobs, ids[0])
    running(jobs, ids[1])
    assert jobs.status(ids[2])["before"] == 0
    assert jobs.cancel(ids[2])  # before its turn
    assert jobs.cancel(ids[0])  # in the middle
    assert not jobs.cancel(ids[0])
    states = [jobs.status(identity)["state"] for identity in ids]
    assert states == ["cancelled", "running", "cancelled"]
    last, _ = jobs.submit("count", {"n": 1})  # its place is free again
    jobs.wait(last)
    assert ids[2] not in runs


def test_errors(stage):
    jobs, _, _ = stage
    told, _ = jobs.submit("broken", {"words": "图片太小。"})
    secret, _ = jobs.submit("broken", {})
    assert jobs.wait(told)["error"] == "图片太小。"
    row = jobs.wait(secret)
    assert row["state"] == "failed"
    assert "secret" not in row["error"]
    for name, says in (("full", "磁盘满了"), ("gone", "备份"), ("damaged", "备份")):
        identity, _ = jobs.submit("broken", {"error": name})
        assert says in jobs.wait(identity)["error"]


def test_a_flood_is_refused_whole(stage):
    jobs, gate, _ = stage
    for n in range(7):
        identity, _ = jobs.submit("wait", {"n": n})
        if n < 2:
            running(jobs, identity)
    with pytest.raises(Busy):
        jobs.submit("wait", {"n": 8})
    assert jobs.counts() == {"waiting": 5, "running": 2}
    gate.set()
    jobs.wait(identity)
    assert jobs.counts()["waiting"] == 0


def test_an_account_has_only_so_many_open_jobs(stage):
    jobs, _, _ = stage
    for name in ("ann", "bob"):
        Accounts(jobs.engine).add(name)
    jobs.most_open = 2
    first, _ = jobs.submit("wait", {"n": 0}, account=1, key="a")
    jobs.submit("wait", {"n": 1}, account=1)
    with pytest.raises(Busy, match="2 jobs of this account"):
        jobs.submit("wait", {"n": 2}, account=1, key="b")
    assert jobs.submit("wait", {"n": 0}, account=1, key="a") == (first, False)
    assert len(jobs.latest(1)) == 2
    for other in (2, None):
        assert jobs.submit("count", {"n": 3}, account=other)[1]
    jobs.cancel(first)
    assert jobs.submit("wait", {"n": 2}, account=1, key="b")[1]


def test_two_at_once_are_not_one_too_many(database_url):
    with accepting(database_url) as jobs, ThreadPoolExecutor(1) as other:
        Accounts(jobs.engine).add("ann")
        jobs.most_open = 1
        with jobs.engine.begin() as connection:
            jobs.submit("count", {"n": 0}, account=1, connection=connection)
            second = other.submit(jobs.submit, "count", {"n": 1}, account=1)
            wait([second], timeout=0.5)  # it has counted, or waits for its turn
        with pytest.raises(Busy, match="1 jobs of this account"):
            second.result()
        assert len(jobs.latest(1)) == 1


def test_a_job_is_accepted_with_its_transaction_or_not(stage):
    jobs, _, _ = stage
    with jobs.engine.connect() as connection:
        identity, _ = jobs.submit("count", {"n": 1}, connection=connection)
        connection.rollback()
    assert jobs.status(identity) is None
    with jobs.engine.begin() as connection:
        identity, _ = jobs.submit("count", {"n": 1}, connection=connection)
    assert jobs.wait(identity)["state"] == "done"


def test_a_job_that_kills_its_process_each_time_is_given_up(stage, monkeypatch):
    jobs, _, runs = stage
    monkeypatch.setattr(module, "MOST_TRIES", 0)
    identity, _ = jobs.submit("wait", {})
    assert jobs.wait(identity)["state"] == "failed"
    assert not runs


def test_the_signs_of_life():
    row = {"host": "elsewhere", "pid": 1, "beat": 100.0}
    assert module._alive(row, 100.0 + module.LOST - 1)
    assert not module._alive(row, 100.0 + module.LOST + 1)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    here = {"host": module.platform.node(), "pid": process.pid, "beat": 100.0}
    assert not module._alive(here, 100.0)  # on this machine it is seen at once
