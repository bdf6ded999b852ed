"""Checkers for chapter 22, the image generation platform."""

import hashlib
import os
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from scipy.stats import norm
from torch.nn.functional import interpolate

from ..codecs import mark
from ._result import checker, require

TABLES = """
    CREATE TABLE IF NOT EXISTS jobs (
        id TEXT PRIMARY KEY, owner TEXT, until REAL DEFAULT 0, done INT DEFAULT 0);
    CREATE TABLE IF NOT EXISTS gallery (job TEXT, picture TEXT);"""


def pictures(n, detail=8.0):
    """Return n made-up pictures as they leave the platform, uint8 (n, 3, 128, 128)."""
    source = torch.Generator().manual_seed(22)
    soft = interpolate(
        200 * torch.rand(n, 3, 5, 5, generator=source) + 28, (64, 64), mode="bicubic"
    )
    noise = detail * torch.randn(n, 3, 64, 64, generator=source)
    return mark.delivered((soft + noise).clamp(0, 255).to(torch.uint8))


def psnr(a, b):
    """Peak signal-to-noise ratio of two uint8 pictures in decibels."""
    error = (a.double() - b.double()).square().mean().item()
    return 10 * np.log10(255**2 / max(error, 1e-12))


@checker("误差的平方处处是 4 和 16：幅度加倍，降 6 分贝")
def decibels(answer):
    """`answer`: PSNR of a picture changed by 2 levels everywhere, and by 4."""
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "应当是一对分贝数：(改 2 级, 改 4 级)",
    )
    (x,) = pictures(1)
    x = x.clamp(8, 247)
    signs = (
        torch.randint(2, x.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    )
    for value, levels in zip(map(float, answer), (2, 4), strict=True):
        right = psnr((x + levels * signs).to(torch.uint8), x)
        require(
            abs(value - right / 2) > 0.2,
            f"改 {levels} 级：均方误差里是误差的**平方**，你差了一半",
        )
        require(
            abs(value - right) < 0.2,
            f"改 {levels} 级，现量的是 {right:.1f} 分贝，你给出 {value:.1f}",
        )


@checker("只有还拿着租约的人能续，续不上的人知道自己该停手")
def renewed(answer):
    """`answer(db, job, owner, now, seconds)`: prolong one's own lease, or say no."""

    def table(owner="ann", until=10.0, done=0):
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.executescript(TABLES)
        db.execute("INSERT INTO jobs VALUES ('a', ?, ?, ?)", (owner, until, done))
        db.execute("INSERT INTO jobs VALUES ('b', 'ann', 10.0, 0)")
        return db

    def until(db, job="a"):
        return db.execute("SELECT until FROM jobs WHERE id = ?", (job,)).fetchone()[0]

    db = table()
    said = answer(db, "a", "ann", 7.0, 10.0)
    require(said is True, "租约还在自己手里，应当返回 True")
    require(
        until(db) == 17.0, f"新的期限应当是 now + seconds = 17，现在是 {until(db):g}"
    )
    require(until(db, "b") == 10.0, "别的任务的期限也变了：WHERE 里少了任务号")
    for db, moment, hint in (
        (table(owner="bob"), 7.0, "租约已归 bob：ann 不能续别人的"),
        (table(), 12.0, "期限已过：别人随时可能接手，过期的不能续"),
        (table(done=1), 7.0, "任务已经做完，没有什么可续"),
    ):
        before = until(db)
        said = answer(db, "a", "ann", moment, 10.0)
        require(said is False, f"{hint}，应当返回 False")
        require(until(db) == before, f"{hint}，期限却被改了")


class Killed(BaseException):
    """The power fails."""


class Failing:
    """A connection whose power fails before its statement number ``k``."""

    def __init__(self, db, k):
        self.db, self.left = db, k

    def execute(self, *words):
        if self.left == 0:
            raise Killed
        self.left -= 1
        return self.db.execute(*words)

    def commit(self):
        if self.db.in_transaction:
            self.execute("COMMIT")


def broken_finish(db, job, picture):
    """What the task shows."""
    db.execute("UPDATE jobs SET done = 1 WHERE id = ?", (job,))
    db.execute("INSERT INTO gallery VALUES (?, ?)", (job, picture))


def killed_at_every_step(finish):
    """Kill ``finish`` before each statement and do the job again.

    Returns how many pictures of the job there are afterwards, one number a kill.
    """
    found = []
    for k in range(8):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "jobs.sqlite")
            db = sqlite3.connect(path, isolation_level=None)
            db.executescript(TABLES)
            db.execute("INSERT INTO jobs (id) VALUES ('a')")
            ended = False
            try:
                finish(Failing(db, k), "a", "a picture")
                ended = True
            except Killed:
                pass
            db.close()  # what was not committed is gone
            db = sqlite3.connect(path, isolation_level=None)
            if not db.execute("SELECT done FROM jobs WHERE id = 'a'").fetchone()[0]:
                finish(Failing(db, 99), "a", "a picture")
            (count,) = db.execute("SELECT count(*) FROM gallery").fetchone()
            found.append(count)
            db.close()
            if ended:
                break
    return found


@checker("断在哪一步都正好一张：入库和记为做完要么都有，要么都没有")
def finished_once(answer):
    """`answer`: ("lost" or "twice", mended): what went wrong, and what holds."""
    require(
        isinstance(answer, tuple) and len(answer) == 2,
        '应当是一对：("lost" 或 "twice", mended)',
    )
    word, mended = answer
    require(word in ("lost", "twice"), '第一项从 "lost"、"twice" 里选一个')
    counts = killed_at_every_step(broken_finish)
    right = "lost" if 0 in counts else "twice"
    require(word == right, f"断电的各步之后，图的张数是 {counts}：再看看")
    require(callable(mended), "第二项应当是函数 mended(db, job, picture)")
    counts = killed_at_every_step(mended)
    require(
        0 not in counts,
        f"各步断电之后，图的张数是 {counts}：有一步断了就丢了。两句要在同一个事务里",
    )
    require(
        max(counts) == 1,
        f"各步断电之后，图的张数是 {counts}：只换次序，丢就变成了重",
    )


@checker("与两万次试验相符：信号按 n 长，噪声按 √n 长")
def bit_error(answer):
    """`answer(strength, noise, n)`: how often a bit of a spread mark is misread."""
    source = np.random.default_rng(22)
    for strength, noise, n in ((1.0, 20.0, 400), (0.5, 4.0, 64), (2.0, 30.0, 100)):
        right = norm.cdf(-strength * n**0.5 / noise)
        found = float(answer(strength, noise, n))
        case = f"strength={strength:g}、noise={noise:g}、n={n} 时"
        require(
            not np.isclose(found, norm.cdf(-strength / noise), rtol=1e-3),
            f"{case}你算的是一个像素：{n} 个像素一起投票",
        )
        require(
            not np.isclose(found, norm.cdf(-strength * n / noise), rtol=1e-3),
            f"{case}噪声也会累加：n 个独立噪声之和的标准差是 √n 倍",
        )
        require(
            not np.isclose(found, 1 - right, rtol=1e-3),
            f"{case}这是读对的机会",
        )
        # the sum of n noises, drawn as such
        sums = strength * n + noise * source.normal(0, n**0.5, 20_000)
        share = (sums < 0).mean()
        require(
            np.isclose(found, right, rtol=1e-3, atol=1e-12),
            f"{case}两万次试验里读错 {share:.4f}，你给出 {found:.4f}",
        )


def queued(clients, alone, more, together):
    """Simulate clients that ask again as soon as they are answered.

    Returns the mean time of the last hundred answers, in seconds.
    """
    now, waiting, took = 0.0, [0.0] * clients, []
    while len(took) < 300:
        waiting.sort()
        batch = waiting[: clients if together else 1]
        now = max(now, batch[-1])
        now += alone + more * (len(batch) - 1)
        took += [now - asked for asked in batch]
        waiting = waiting[len(batch) :] + [now] * len(batch)
    return float(np.mean(took[-100:]))


@checker("一张一张：每人等十六轮；合批：一轮就轮到所有人")
def waiting(answer):
    """`answer`: (one by one, together) in seconds, for the task's sixteen clients."""
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "应当是一对秒数：(一张一张, 合批)",
    )
    one, many = map(float, answer)
    alone, batched = (queued(16, 2.0, 0.2, together) for together in (False, True))
    require(abs(one - 2) > 0.01, "2 秒是轮到自己以后；前面还有十五个人")
    require(
        abs(one - alone) < 0.5,
        f"模拟的结果是 {alone:.1f} 秒：稳定以后，每人要等其余十五张加自己的一张",
    )
    require(
        abs(many - batched) < 0.2,
        f"合批时模拟的结果是 {batched:.1f} 秒：一批十六张要 2 + 0.2 × 15 秒",
    )


@checker("名字就是内容；要么是完整的文件，要么没有")
def put(answer):
    """`answer(folder, data)`: store bytes by their SHA-256, whole or not at all."""
    data = b"a picture" * 100  # little enough to wait in a buffer for its flush
    name = hashlib.sha256(data).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        said = answer(place, data)
        require(said == name, f"应当返回内容的 SHA-256，{name[:12]}…，你给出 {said!r}")
        answer(place, data)
        files = [path.name for path in place.iterdir()]
        require(
            files == [name],
            f"存两次以后文件夹里应当只有这一个文件，现在有 {len(files)} 个",
        )
        require((place / name).read_bytes() == data, "读出来的与存进去的不同")
    done = []

    def fails(*_, **__):
        done.append("moved")
        raise OSError("the power fails")

    def syncs(file=None):  # os.sync() names none
        if file is not None:
            file = file if isinstance(file, int) else file.fileno()
            if os.fstat(file).st_size < len(data):
                return
        done.append("synced")

    calls = dict.fromkeys(("replace", "rename", "link"), fails)
    calls |= dict.fromkeys(("fsync", "fdatasync", "sync"), syncs)
    calls = {call: made for call, made in calls.items() if hasattr(os, call)}
    with tempfile.TemporaryDirectory() as folder, mock.patch.multiple(os, **calls):
        with suppress(OSError):
            answer(Path(folder), data)
        left = Path(folder, name)
        require(
            "moved" in done and not left.exists(),
            "直接写到了最后的名字上：写到一半断电，就有一个名实不符的文件。"
            "先写到别的名字，写完再用 os.replace 换过去",
        )
    require(
        "synced" in done[: done.index("moved")],
        "换名之前，内容还没有全部落盘：断电时名字可能先到盘上，下面是空的。"
        "写完先 flush，再 os.fsync，然后才换名",
    )


@checker()
def open_erase(answer):
    """`answer(pixels)`: a picture that looks the same and has no mark any more.

    Score: share of ten made-up pictures whose number is not found. Floor: 0.5. The
    change may not bring the mean PSNR below 26 dB.
    """
    floor, least = 0.5, 26.0
    marked = [mark.embed(x, 100 + k) for k, x in enumerate(pictures(10))]

    def score(erase):
        gone, costs = 0, []
        for k, x in enumerate(marked):
            made = erase(x.clone())
            require(
                isinstance(made, torch.Tensor)
                and made.dtype == torch.uint8
                and made.shape == x.shape,
                "应当返回 uint8 的张量，形状不变，(3, 128, 128)",
            )
            found = mark.find(made)
            gone += not (found.sure and found.number == 100 + k)
            costs.append(psnr(made, x))
        return gone / len(marked), float(np.mean(costs))

    require(callable(answer), "应当是一个函数：open_erase(pixels)")
    mine, cost = score(answer)
    ours, ours_cost = score(zoomed)
    require(
        cost >= least,
        f"平均只剩 {cost:.1f} dB，图已经看得出坏了：至少要 {least:g} dB",
    )
    said = (
        f"十张里擦掉 {mine:.0%}（{cost:.1f} dB），底线 {floor:.0%}，"
        f"书里的解 {ours:.0%}（{ours_cost:.1f} dB）"
    )
    require(mine >= floor, f"{said}。标记靠什么对准位置？")
    return said


def zoomed(pixels, by=3):
    """Enlarge a picture by a few pixels and cut the middle out, as our answer does."""
    side = pixels.shape[-1]
    large = interpolate(pixels[None].float(), side + 2 * by, mode="bicubic")[0]
    middle = large[:, by : by + side, by : by + side]
    return middle.round().clamp(0, 255).to(torch.uint8)
