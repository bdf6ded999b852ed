"""Durable jobs: what was accepted is done, once, whatever is killed meanwhile.

DBOS is the engine: it keeps the queue in the project's own database, so that a job is
accepted in the same transaction as whatever belongs to it. Around it stand a row for
each job, which pages show, and a watch over the processes that work: DBOS takes up a
job of a killed process only when one of the same name starts again, the watch as soon
as the process is missed. A job that was begun twice is stored once, because its end is
a single transaction that only the first can make.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import psutil

from ..files import DiskFull
from ..runtime import optional
from .accounts import ACCOUNTS, turn
from .blobs import Damaged
from .database import TABLES, first, insert, now, rows, sql
from .refused import Refused

log = logging.getLogger(__name__)

BEAT, LOST = 2.0, 15.0  # seconds between signs of life; without one: gone
POLL = 0.1  # seconds between looks at a queue
TELL = 0.5  # seconds between two notes of progress
MOST_OPEN = 32  # jobs of one account that wait or run
MOST_TRIES = 25  # of a job whose process was killed each time
VERSION = "1"  # jobs of an older program are taken up by the newer

JOBS = sql.Table(
    "jobs",
    TABLES,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("kind", sql.String(40), nullable=False),
    sql.Column("queue", sql.String(40), nullable=False),
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id)),
    sql.Column("request", sql.JSON, nullable=False),
    sql.Column("state", sql.String(10), nullable=False),
    sql.Column("stopping", sql.Boolean, nullable=False),
    sql.Column("tries", sql.Integer, nullable=False),
    sql.Column("share", sql.Float, nullable=False),
    sql.Column("told", sql.Text, nullable=False),
    sql.Column("look", sql.String(64)),  # a blob to be looked at meanwhile
    sql.Column("result", sql.JSON),
    sql.Column("error", sql.Text),
    sql.Column("created", sql.Float, nullable=False),
    sql.Column("started", sql.Float),
    sql.Column("ended", sql.Float),
    sql.Index("jobs_waiting", "state", "queue", "created"),
    sql.Index("jobs_of", "account", "created"),
)
EXECUTORS = sql.Table(
    "executors",
    TABLES,
    sql.Column("id", sql.String(80), primary_key=True),
    sql.Column("host", sql.String(255), nullable=False),
    sql.Column("pid", sql.Integer, nullable=False),
    sql.Column("beat", sql.Float, nullable=False),
)
OPEN = ("waiting", "running")
EMPTY = {"share": 0.0, "told": "", "tries": 0, "stopping": False}


class Busy(RuntimeError):
    """So much is open or under way that no more is accepted; nothing was stored."""


class Reused(ValueError):
    """A key that was used before, for another request."""


class Cancelled(Exception):
    """The job was cancelled: its function ends, and what it made is thrown away."""


class Kind(NamedTuple):
    """One kind of job.

    ``work`` takes a ``Task`` and returns a dict that JSON can hold. ``finish``, where
    given, stores what belongs to the end: it takes the connection of the transaction
    that ends the job, the task and the result, and runs once for a job; what it
    returns, unless None, is kept as the job's result instead.
    """

    work: Callable[[Task], dict[str, Any]]
    queue: str = "quick"
    finish: Callable[[Any, Task, dict[str, Any]], dict[str, Any] | None] | None = None


class Task:
    """A job as its function sees it: ``id``, ``account``, ``request``."""

    def __init__(self, jobs: Jobs, row: dict[str, Any]):
        self.id: str = row["id"]
        self.account: int | None = row["account"]
        self.request: dict[str, Any] = row["request"]
        self.stopping = bool(row["stopping"])
        self._jobs, self._next = jobs, 0.0

    def tell(
        self,
        share: float,
        told: str = "",
        *,
        look: str | None = None,
        now: bool = False,
    ) -> bool:
        """Note progress, ``share`` from 0 to 1, and say whether to go on.

        ``look`` is a blob that pages show meanwhile. False: the job was asked to stop
        early and to keep what it has. Cheap enough for a loop: it writes at most twice
        a second, and at once with a ``look`` or ``now``.

        Raises:
            Cancelled: the job was cancelled; let it through.
        """
        if now or look or time.monotonic() >= self._next:
            self._next = time.monotonic() + TELL
            self.stopping = self._jobs._note(self.id, share, told, look)
        return not self.stopping


class Jobs:
    """The jobs of one project in its database.

    ``kinds`` name the functions; ``made`` is the engine of a database that ``upgrade``
    has seen. ``start`` works on queues, or only makes ready to accept. At most
    ``most_waiting`` jobs wait, and of each account ``most_open`` wait or run.
    """

    def __init__(
        self,
        project: str,
        made: Any,
        kinds: dict[str, Kind],
        *,
        most_waiting: int = 1_000,
        most_open: int = MOST_OPEN,
    ):
        self.project, self.engine, self.kinds = project, made, kinds
        self.most_waiting, self.most_open = most_waiting, most_open
        self.executor = f"{platform.node()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._client: Any = None
        self._dbos: Any = None
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self, work: dict[str, int] | None = None) -> None:
        """Make ready to accept, and to work on the queues of ``work``.

        ``work`` maps a queue to how many of its jobs this process does at once; without
        it the process only accepts, and others work.
        """
        dbos = optional("dbos")
        url = self.engine.url.render_as_string(hide_password=False)
        logging.getLogger("dbos").setLevel(logging.ERROR)
        dbos.DBOS.migrate(url)
        if work:
            self._beat()
            self._launch(dbos, url, work)
        self._client = dbos.DBOSClient(
            system_database_url=url, application_name=self.project
        )
        if work:
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()

    def close(self, patience: int = 0) -> None:
        """End working; a job that is not done within ``patience`` seconds is taken up
        by another process, or by the next start."""
        self._closed.set()
        if self._dbos is not None:
            self._watcher.join()
            # what still runs cannot tell its end any more, and would complain
            logging.getLogger("dbos").setLevel(logging.CRITICAL)
            self._dbos.destroy(
                destroy_registry=True, workflow_completion_timeout_sec=patience
            )
            with self.engine.begin() as connection:
                mine = EXECUTORS.c.id == self.executor
                connection.execute(sql.delete(EXECUTORS).where(mine))
        if self._client is not None:
            self._client.destroy()

    def submit(
        self,
        kind: str,
        request: dict[str, Any],
        *,
        account: int | None = None,
        key: str | None = None,
        connection: Any = None,
    ) -> tuple[str, bool]:
        """Accept a job; returns its id, and whether it is new.

        The same ``key`` of the same account gives the same job. With a ``connection``
        the job is accepted when the caller's transaction commits, with all else in it.

        Raises:
            Busy: too many wait, or too many of the account are open.
            Reused: the key was used for another request.
        """
        if connection is None:
            with self.engine.begin() as own:
                return self.submit(
                    kind, request, account=account, key=key, connection=own
                )
        if account is not None:
            turn(connection, account)  # two at once would not count each other
        queue = self.kinds[kind].queue
        identity = secrets.token_hex(16)
        if key is not None:
            told = f"{self.project}\0{account}\0{key}".encode()
            identity = hashlib.sha256(told).hexdigest()[:32]
        row = dict(
            EMPTY,
            id=identity,
            kind=kind,
            queue=queue,
            account=account,
            request=request,
            state="waiting",
            created=now(self.engine),
        )
        store = insert(self.engine, JOBS).values(**row).on_conflict_do_nothing()
        # PostgreSQL's driver counts no rows of an INSERT: it has to return them
        if connection.scalar(store.returning(JOBS.c.id)) is None:
            had = first(connection, sql.select(JOBS).where(JOBS.c.id == identity))
            if (had["kind"], had["request"]) != (kind, request):
                raise Reused(f"key={key!r}: it was used for another request")
            return identity, False
        if self._count(connection, JOBS.c.state == "waiting") > self.most_waiting:
            raise Busy(f"{self.most_waiting:,} jobs wait")
        mine = JOBS.c.account == account, JOBS.c.state.in_(OPEN)
        if account is not None and self._count(connection, *mine) > self.most_open:
            raise Busy(f"{self.most_open:,} jobs of this account wait or run")
        self._enqueue(connection, identity, queue)
        return identity, True

    def status(self, identity: str) -> dict[str, Any] | None:
        """How a job is: its row, with ``before``, how many of its queue come first."""
        with self.engine.connect() as connection:
            row = first(connection, sql.select(JOBS).where(JOBS.c.id == identity))
            if row is None:
                return None
            table = JOBS.c
            ahead = sql.select(sql.func.count()).where(
                table.state == "waiting",
                table.queue == row["queue"],
                table.created < row["created"],
            )
            waits = row["state"] == "waiting"
            row["before"] = connection.scalar(ahead) if waits else 0
        return row

    def latest(self, account: int | None, most: int = 50) -> list[dict[str, Any]]:
        """The newest jobs of an account, or of all."""
        wanted = sql.select(JOBS).order_by(JOBS.c.created.desc()).limit(most)
        if account is not None:
            wanted = wanted.where(JOBS.c.account == account)
        with self.engine.connect() as connection:
            return rows(connection, wanted)

    def cancel(self, identity: str) -> bool:
        """Throw a job away that waits or runs; False where it had ended.

        One that waits is passed over when its turn comes, one that runs ends when it
        next tells how it goes.
        """
        with self.engine.begin() as connection:
            return self._end(connection, identity, state="cancelled")

    def stop(self, identity: str) -> bool:
        """Ask a running job to stop early and to keep what it has."""
        asked = sql.update(JOBS).where(JOBS.c.id == identity, JOBS.c.state.in_(OPEN))
        with self.engine.begin() as connection:
            return connection.execute(asked.values(stopping=True)).rowcount > 0

    def wait(self, identity: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until a job has ended and return its row.

        Raises:
            TimeoutError: it has not.
        """
        until = time.monotonic() + seconds
        while (row := self.status(identity)) and row["state"] in OPEN:
            if time.monotonic() > until:
                raise TimeoutError(f"{identity} is still {row['state']}")
            time.sleep(0.05)
        if row is None:
            raise ValueError(f"identity={identity!r}: there is no such job")
        return row

    def counts(self) -> dict[str, int]:
        """How many jobs wait and run."""
        with self.engine.connect() as connection:
            return {s: self._count(connection, JOBS.c.state == s) for s in OPEN}

    def requeue(self, connection: Any) -> int:
        """Accept the open jobs of a restored database anew; returns how many."""
        open_ones = sql.select(JOBS).where(JOBS.c.state.in_(OPEN))
        found = rows(connection, open_ones.order_by(JOBS.c.created))
        for row in found:
            self._enqueue(connection, row["id"], row["queue"])
        return len(found)

    def _enqueue(self, connection: Any, identity: str, queue: str) -> None:
        options = {
            "workflow_name": "job",
            "queue_name": self._named(queue),
            "workflow_id": identity,
            "app_version": VERSION,
        }
        self._client.enqueue_in_transaction(connection, options, identity)

    def _named(self, queue: str) -> str:
        return f"{self.project}-{queue}"

    def _launch(self, dbos: Any, url: str, work: dict[str, int]) -> None:
        config = {
            "name": self.project,
            "system_database_url": url,
            "application_version": VERSION,
            "executor_id": self.executor,
            "log_level": "ERROR",
            "run_migrations": False,  # done above, under a lock
        }
        self._dbos = dbos.DBOS
        dbos.DBOS(config=config)

        @dbos.DBOS.workflow(name="job", max_recovery_attempts=None)
        def job(identity: str) -> None:
            self._work(identity)

        dbos.DBOS.listen_queues([self._named(queue) for queue in work])
        dbos.DBOS.launch()
        for queue, at_once in work.items():
            dbos.DBOS.register_queue(
                self._named(queue),
                worker_concurrency=at_once,
                polling_interval_sec=POLL,
                on_conflict="always_update",
            )

    def _work(self, identity: str) -> None:
        """Do a job: what DBOS runs, again where its process was killed.

        It never raises: DBOS takes an error for the end of a job. Where the database is
        away, it waits for it.
        """
        while True:
            try:
                return self._once(identity)
            except sql.exc.DBAPIError:
                log.exception("job %s: the database is away, once more", identity)
                if self._closed.wait(BEAT):
                    raise

    def _once(self, identity: str) -> None:
        begin = (
            sql.update(JOBS)
            .where(JOBS.c.id == identity, JOBS.c.state.in_(OPEN))
            .values(
                state="running",
                tries=JOBS.c.tries + 1,
                started=sql.func.coalesce(JOBS.c.started, now(self.engine)),
            )
        )
        with self.engine.begin() as connection:
            if not connection.execute(begin).rowcount:
                return  # it ended before its process was killed, or was cancelled
            row = first(connection, sql.select(JOBS).where(JOBS.c.id == identity))
        if row["tries"] > MOST_TRIES:
            self._fail(identity, "执行它的进程一再中断，已放弃。")
            return
        kind, task = self.kinds[row["kind"]], Task(self, row)
        try:
            result = kind.work(task)
            with self.engine.begin() as connection:
                ended = {"state": "done", "result": result, "share": 1.0}
                if self._end(connection, identity, **ended) and kind.finish:
                    kept = kind.finish(connection, task, result)
                    if kept is not None:
                        here = sql.update(JOBS).where(JOBS.c.id == identity)
                        connection.execute(here.values(result=kept))
        except Cancelled:
            pass
        except Refused as error:
            self._fail(identity, str(error))
        except DiskFull as error:
            log.error("job %s (%s): %s", identity, row["kind"], error)
            self._fail(identity, "磁盘满了，没有存下：请管理员腾出地方，再提交一次。")
        except (FileNotFoundError, Damaged) as error:
            log.error("job %s (%s): %s", identity, row["kind"], error)
            self._fail(identity, "要用的文件不见了，或已损坏：请管理员从备份里恢复。")
        except Exception:
            log.exception("job %s (%s) failed", identity, row["kind"])
            self._fail(identity, "内部错误，已记入日志。")

    def _fail(self, identity: str, error: str) -> None:
        with self.engine.begin() as connection:
            self._end(connection, identity, state="failed", error=error)

    def _end(self, connection: Any, identity: str, **values: Any) -> bool:
        """End a job that has not ended: only one transaction can."""
        change = sql.update(JOBS).where(JOBS.c.id == identity, JOBS.c.state.in_(OPEN))
        change = change.values(ended=now(self.engine), **values)
        return connection.execute(change).rowcount > 0

    def _note(self, identity: str, share: float, told: str, look: str | None) -> bool:
        """Write progress down; returns whether the job is to stop early."""
        change = (
            sql.update(JOBS)
            .where(JOBS.c.id == identity, JOBS.c.state == "running")
            .values(share=min(max(share, 0.0), 1.0), told=told)
            .values({"look": look} if look else {})
            .returning(JOBS.c.stopping)
        )
        with self.engine.begin() as connection:
            row = connection.execute(change).first()
        if row is None:
            raise Cancelled(identity)
        return bool(row[0])

    def _count(self, connection: Any, *which: Any) -> int:
        wanted = sql.select(sql.func.count()).select_from(JOBS).where(*which)
        return connection.scalar(wanted)

    def _beat(self) -> None:
        told = {"host": platform.node(), "pid": os.getpid()}
        told["beat"] = now(self.engine)
        store = insert(self.engine, EXECUTORS).values(id=self.executor, **told)
        store = store.on_conflict_do_update(index_elements=["id"], set_=told)
        with self.engine.begin() as connection:
            connection.execute(store)

    def _watch(self) -> None:
        """Give signs of life, and take up the jobs of processes that give none."""
        while True:
            try:
                self._beat()
                self._rescue()
            except Exception:  # a database that is away comes back
                log.exception("the watch over the workers failed; it goes on")
            if self._closed.wait(BEAT):
                return

    def _rescue(self) -> None:
        begun = self._client.list_workflows(
            status="PENDING",
            application_name=self.project,
            load_input=False,
            load_output=False,
        )
        with self.engine.connect() as connection:
            moment = connection.scalar(sql.select(now(self.engine)))
            known = rows(connection, sql.select(EXECUTORS))
        alive = {row["id"] for row in known if _alive(row, moment)}
        for job in begun:
            if job.executor_id not in alive:
                self._client.resume_workflow(job.workflow_id, queue_name=job.queue_name)
        gone = [row["id"] for row in known if row["id"] not in alive]
        if gone:
            with self.engine.begin() as connection:
                which = EXECUTORS.c.id.in_(gone)
                connection.execute(sql.delete(EXECUTORS).where(which))


def _alive(row: dict[str, Any], moment: float) -> bool:
    """Tell whether a process still works: on this machine it can be seen at once."""
    here = row["host"] == platform.node() and row["pid"] != os.getpid()
    if here and not psutil.pid_exists(row["pid"]):
        return False
    return moment - row["beat"] < LOST


def progress(row: dict[str, Any], names: Iterable[str] = ()) -> dict[str, Any]:
    """What a page may be told of a job: no account, no other internals."""
    shown = ("id", "kind", "state", "share", "told", "look", "error")
    shown += ("created", "started", "ended")
    return {name: row[name] for name in (*shown, *names)} | {
        "before": row.get("before", 0)
    }
