"""Checkers of chapter 22: right answers pass, each likely mistake gets its hint."""

import hashlib
import os

import torch
from checker_tests import make_tests
from scipy.stats import norm

from aigc_lib.check import ch22
from aigc_lib.files import replacing


def renew(db, job, owner, now, seconds):
    changed = db.execute(
        "UPDATE jobs SET until = ? WHERE id = ? AND owner = ? AND until > ? "
        "AND NOT done",
        (now + seconds, job, owner, now),
    )
    return changed.rowcount == 1


def renew_all(db, job, owner, now, seconds):
    db.execute("UPDATE jobs SET until = ?", (now + seconds,))
    return True


def renew_anybodys(db, job, owner, now, seconds):
    db.execute("UPDATE jobs SET until = ? WHERE id = ?", (now + seconds, job))
    return True


def renew_late(db, job, owner, now, seconds):
    changed = db.execute(
        "UPDATE jobs SET until = ? WHERE id = ? AND owner = ? AND NOT done",
        (now + seconds, job, owner),
    )
    return changed.rowcount == 1


def finish(db, job, picture):
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO gallery VALUES (?, ?)", (job, picture))
    db.execute("UPDATE jobs SET done = 1 WHERE id = ?", (job,))
    db.execute("COMMIT")


def finish_committed(db, job, picture):
    db.execute("BEGIN")
    db.execute("UPDATE jobs SET done = 1 WHERE id = ?", (job,))
    db.execute("INSERT INTO gallery VALUES (?, ?)", (job, picture))
    db.commit()


def commit_only(db, job, picture):
    ch22.broken_finish(db, job, picture)
    db.commit()  # nothing was begun


def finish_turned(db, job, picture):
    db.execute("INSERT INTO gallery VALUES (?, ?)", (job, picture))
    db.execute("UPDATE jobs SET done = 1 WHERE id = ?", (job,))


def put(folder, data, flush=True):
    name = hashlib.sha256(data).hexdigest()
    temporary = folder / f".{name}"
    with open(temporary, "wb") as file:
        file.write(data)
        if flush:
            file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / name)
    return name


def put_by_the_library(folder, data):
    name = hashlib.sha256(data).hexdigest()
    with replacing(folder / name) as temporary:
        temporary.write_bytes(data)
    return name


def put_unsynced(folder, data):
    name = hashlib.sha256(data).hexdigest()
    temporary = folder / f".{name}"
    temporary.write_bytes(data)
    os.replace(temporary, folder / name)
    return name


def put_synced_late(folder, data):
    name = put_unsynced(folder, data)
    with open(folder / name, "rb") as file:
        os.fsync(file.fileno())
    return name


def put_straight(folder, data):
    name = hashlib.sha256(data).hexdigest()
    (folder / name).write_bytes(data)
    return name


def put_numbered(folder, data):
    name = hashlib.sha256(data).hexdigest()
    (folder / f"{name}{len(list(folder.iterdir()))}").write_bytes(data)
    return name


CASES = [
    ("decibels", (42.11, 36.09), None),
    ("decibels", (21.06, 18.05), "平方"),
    ("decibels", (42.11, 39.1), "现量"),
    ("decibels", 42.11, "一对"),
    ("renewed", renew, None),
    ("renewed", renew_all, "别的任务"),
    ("renewed", renew_anybodys, "不能续别人"),
    ("renewed", renew_late, "期限已过"),
    ("renewed", lambda *_: False, "返回 True"),
    ("finished_once", ("lost", finish), None),
    ("finished_once", ("lost", finish_committed), None),
    ("finished_once", ("lost", commit_only), "丢了"),
    ("finished_once", ("twice", finish), "再看看"),
    ("finished_once", ("lost", finish_turned), "变成了重"),
    ("finished_once", ("lost", ch22.broken_finish), "丢了"),
    ("finished_once", finish, "一对"),
    ("bit_error", lambda s, v, n: norm.cdf(-s * n**0.5 / v), None),
    ("bit_error", lambda s, v, n: norm.cdf(-s / v), "一个像素"),
    ("bit_error", lambda s, v, n: norm.cdf(-s * n / v), "噪声也会累加"),
    ("bit_error", lambda s, v, n: norm.cdf(s * n**0.5 / v), "读对"),
    ("bit_error", lambda s, v, n: 0.5, "试验里"),
    ("waiting", (32, 5), None),
    ("waiting", (2, 5), "轮到自己以后"),
    ("waiting", (17, 5), "其余十五"),
    ("waiting", (32, 32), "合批"),
    ("put", put, None),
    ("put", put_by_the_library, None),
    ("put", put_unsynced, "落盘"),
    ("put", put_synced_late, "落盘"),
    ("put", lambda folder, data: put(folder, data, flush=False), "落盘"),
    ("put", put_straight, "直接写到"),
    ("put", put_numbered, "只有这一个"),
    ("put", lambda folder, data: "x", "SHA-256"),
    ("open_erase", ch22.zoomed, None),
    ("open_erase", lambda x: x, "对准"),
    ("open_erase", torch.zeros_like, "看得出"),
    ("open_erase", lambda x: x.float(), "uint8"),
]

test_hint, test_nothing_raises = make_tests(ch22, CASES)


def test_the_broken_finish_loses_and_the_mended_one_does_not():
    assert 0 in ch22.killed_at_every_step(ch22.broken_finish)
    assert set(ch22.killed_at_every_step(finish)) == {1}
    assert 2 in ch22.killed_at_every_step(finish_turned)


def test_a_queue_is_as_long_as_its_customers():
    assert abs(ch22.queued(4, 1.0, 0.0, False) - 4.0) < 0.1
    assert abs(ch22.queued(1, 1.0, 0.0, False) - 1.0) < 0.1
