"""What tests of the projects run in processes of their own, which may be killed."""

import random
import threading
import time
from contextlib import asynccontextmanager

import fastapi

from aigc_lib.apps.database import engine, sql, upgrade
from aigc_lib.apps.jobs import Jobs, Kind
from aigc_lib.apps.web import serve

MADE = sql.Table(
    "made",
    sql.MetaData(),
    sql.Column("job", sql.String(32)),
    sql.Column("n", sql.Integer),
)


def work(task):
    """Take a moment, in which the process may be killed."""
    for i in range(4):
        task.tell(i / 4, now=True)
        time.sleep(random.uniform(0, task.request.get("seconds", 0.1)))
    return {"n": task.request["n"]}


def finish(connection, task, result):
    connection.execute(sql.insert(MADE).values(job=task.id, n=result["n"]))


KINDS = {"count": Kind(work, "quick", finish)}


def working(url, at_once):
    """Work on the jobs of a database until the end comes."""
    jobs = Jobs("test-worker", engine(url), KINDS)
    jobs.start({"quick": int(at_once)})
    while True:
        time.sleep(60)


def upgraded(url):
    """Change the tables of a database."""
    upgrade(engine(url))


def served(port):
    """Serve, and tell when it began and when it closed."""

    @asynccontextmanager
    async def life(app):
        print("up", flush=True)
        yield

    app = fastapi.FastAPI(lifespan=life)
    # as those of jobs do, it would hold the process up
    threading.Thread(target=threading.Event().wait).start()
    serve(app, "127.0.0.1", int(port), close=lambda: print("closed", flush=True))


def main(words):
    name, *arguments = words
    globals()[name](*arguments)
