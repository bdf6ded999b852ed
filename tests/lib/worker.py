"""A process that works on the jobs of a test: ``python worker.py URL AT_ONCE``."""

import random
import sys
import time

from aigc_lib.apps.database import engine, sql
from aigc_lib.apps.jobs import Jobs, Kind

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

if __name__ == "__main__":
    jobs = Jobs("test-worker", engine(sys.argv[1]), KINDS)
    jobs.start({"quick": int(sys.argv[2])})
    print("working", flush=True)
    sys.stdin.read()
    jobs.close()
