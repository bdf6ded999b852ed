"""What the projects stand on: database, blobs, accounts, web, backup."""

import argparse
import contextlib
import errno
import os
import re
import runpy
import signal
import socket
import sys
import time
import zipfile
from hashlib import sha256
from types import SimpleNamespace

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
pytest.importorskip("fastapi")

import fastapi
import psutil
import sqlalchemy as sql
from fastapi.testclient import TestClient

from aigc_lib.apps import accounts as accounts_module
from aigc_lib.apps import database, web
from aigc_lib.apps.accounts import (
    ACCOUNTS,
    AUDIT,
    Account,
    Accounts,
    OverQuota,
    TooManyTries,
    WrongKey,
)
from aigc_lib.apps.backup import Spoiled, backup, restore
from aigc_lib.apps.blobs import Blobs, Damaged
from aigc_lib.apps.command import (
    as_command,
    change_account,
    first_account,
    free_port,
    process,
)
from aigc_lib.apps.database import engine, first, now, rows, upgrade
from aigc_lib.apps.jobs import Busy, Jobs
from aigc_lib.apps.refused import Refused
from aigc_lib.apps.web import asking, for_admins, guarded
from aigc_lib.files import DiskFull
from benchmarks.servers import free_ports


@pytest.fixture
def made(tmp_path):
    made = engine(f"sqlite:///{tmp_path / 'project.sqlite'}")
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def accounts(made):
    return Accounts(made)


# ---- the database --------------------------------------------------------------------


@pytest.mark.parametrize("project", ["image_platform", "music_studio", "service_desk"])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nothing", "sqlite:///FILE"),
        ("postgresql://a:b@127.0.0.1:1/c", "the database does not answer"),
    ],
)
def test_a_command_says_in_one_line_what_its_user_can_mend(
    tmp_path, monkeypatch, project, url, says
):
    pytest.importorskip("psycopg")
    words = ["--folder", str(tmp_path), "--url", url, "account", "add", "ann"]
    monkeypatch.setattr(sys, "argv", [project, *words])
    with pytest.raises(SystemExit, match=f"^error: .*{says}"):
        runpy.run_module(f"aigc_lib.apps.{project}", run_name="__main__")


PROJECTS = "image_platform", "music_studio", "opinion_monitor", "service_desk"


@pytest.mark.parametrize("project", PROJECTS)
def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, project):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        words = ["--folder", str(folder), "backup", str(tmp_path / "backup")]
        monkeypatch.setattr(sys, "argv", [project, *words])
        says = rf"^error: --folder {re.escape(str(folder))} cannot.*choose another$"
        with pytest.raises(SystemExit, match=says):
            runpy.run_module(f"aigc_lib.apps.{project}", run_name="__main__")


@pytest.mark.parametrize("project", PROJECTS)
def test_a_port_that_is_taken_is_said_before_anything_begins(
    tmp_path, monkeypatch, project
):
    with socket.create_server(("127.0.0.1", 0)) as other:
        words = ["--folder", str(tmp_path), "--port", str(other.getsockname()[1])]
        monkeypatch.setattr(sys, "argv", [project, *words])
        says = (
            r"^error: cannot listen to port \d+ of 127.0.0.1 \(.*give another --port$"
        )
        with pytest.raises(SystemExit, match=says):
            runpy.run_module(f"aigc_lib.apps.{project}", run_name="__main__")
    assert not (tmp_path / "first-key.txt").exists()


def test_a_port_that_is_free():
    for host in ("127.0.0.1", "localhost"):
        number = free_port(host, 0)
        assert free_port(host, number) == number > 0
    with pytest.raises(ValueError, match=r"nowhere\.invalid"):
        free_port("nowhere.invalid", 0)


def test_a_process_that_is_watched_runs():
    assert process(str(os.getpid())) == os.getpid()
    for text in ("0x", str(2**30)):
        with pytest.raises((ValueError, argparse.ArgumentTypeError)):
            process(text)


def test_ctrl_c_ends_a_command_without_a_word(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    as_command(interrupted)
    assert ended == [130]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "url", ["mysql://a:secret@b/c", "sqlite://", "sqlite:///:memory:", "nonsense", ""]
)
def test_a_url_that_names_no_database(url):
    with pytest.raises(ValueError, match="give sqlite") as error:
        engine(url)
    assert "secret" not in str(error.value)


def test_the_changes_make_the_tables_that_the_code_knows(database_url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    made = engine(database_url)
    upgrade(made)
    upgrade(made)  # nothing is left to do
    with made.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, database.TABLES)
        moment = connection.scalar(sql.select(now(made)))
    assert [d for d in differences if d[0] != "remove_table"] == []
    assert abs(moment - time.time()) < 60
    made.dispose()


def test_two_processes_change_the_tables_at_once(database_url, program, tmp_path):
    logs = [tmp_path / name for name in "ab"]
    both = [program.start("upgraded", database_url, log=log) for log in logs]
    for number in both:
        program.wait(number)
    assert [log.read_text() for log in logs] == ["", ""]
    made = engine(database_url)
    with made.connect() as connection:
        assert rows(connection, sql.select(ACCOUNTS)) == []
    made.dispose()


def test_sqlite_is_safe(made):
    with made.connect() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        got = [connection.exec_driver_sql(f"PRAGMA {x}").scalar() for x in asked]
    assert got == ["wal", 2, 1]  # 2: FULL


# ---- blobs ---------------------------------------------------------------------------


@pytest.fixture(params=["file", "s3"])
def blobs(request, tmp_path):
    if request.param == "file":
        return Blobs(f"file://{tmp_path}/a folder", most=1_000)
    return Blobs(request.getfixturevalue("s3_url"), most=1_000)


def test_blobs_keep_what_is_put(blobs):
    name = blobs.put(b"picture")
    assert blobs.put(b"picture") == name
    other = blobs.put(b"")
    assert (blobs.get(name), blobs.get(other)) == (b"picture", b"")
    assert sorted(blobs) == sorted([name, other])
    blobs.delete(name)
    blobs.delete(name)
    assert not blobs.has(name)
    with pytest.raises(FileNotFoundError):
        blobs.get(name)
    with pytest.raises(ValueError, match="at most 1,000"):
        blobs.put(b"x" * 1_001)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 65, "a" * 32 + "/" * 32]
)
def test_no_word_of_a_user_becomes_a_path(blobs, name):
    with pytest.raises(FileNotFoundError):
        blobs.get(name)
    assert not blobs.has(name)
    blobs.delete(name)  # there is nothing of this name


def test_a_damaged_blob_is_noticed(tmp_path):
    blobs = Blobs(f"file://{tmp_path}/blobs")
    name = blobs.put(b"picture")
    (tmp_path / "blobs" / name[:2] / name[2:]).write_bytes(b"another")
    with pytest.raises(Damaged):
        blobs.get(name)
    assert blobs.put(b"picture") == name  # so a backup that is restored repairs it
    assert blobs.get(name) == b"picture"


def test_a_sweep_leaves_what_is_named_or_young(blobs):
    kept, lost = blobs.put(b"picture"), blobs.put(b"of no row")
    assert blobs.sweep("one", lambda: [kept], 3_600.0)  # it is there, so one's place
    assert sorted(blobs) == sorted([kept, lost])
    assert not blobs.sweep("another", lambda: [], -3_600.0)
    assert sorted(blobs) == sorted([kept, lost])
    assert blobs.sweep("one", lambda: [kept], -3_600.0)
    assert list(blobs) == [kept]


def test_a_sweep_claims_no_place_of_which_it_knows_nothing(blobs):
    blobs.put(b"of another program")
    assert not blobs.sweep("new", lambda: ["0" * 64], -3_600.0)
    assert len(list(blobs)) == 1
    assert not blobs.sweep("new", lambda: [], -3_600.0)
    assert blobs.sweep("old", lambda: list(blobs), -3_600.0)
    assert len(list(blobs)) == 1


def test_a_sweep_leaves_what_is_put_meanwhile(tmp_path):
    blobs = Blobs(f"file://{tmp_path}/blobs")
    name, other = blobs.put(b"picture"), blobs.put(b"another")
    os.utime(tmp_path / "blobs" / name[:2] / name[2:], (0, 0))

    def named():
        blobs.put(b"picture")  # whose row is not there yet
        return [other]

    blobs.sweep("one", named, 3_600.0)
    assert blobs.has(name)


@pytest.mark.parametrize("url", ["file:///", "ftp://a/b", "s3://", "memory:///", "x"])
def test_a_url_that_names_no_store(url):
    with pytest.raises(ValueError, match="give file"):
        Blobs(url)


# ---- accounts ------------------------------------------------------------------------


def test_a_key_opens_its_account_only(accounts):
    ann, bob = accounts.add("安", quota=3), accounts.add("bob", "admin")
    assert accounts.by_key(ann) == Account(1, "安", "user", 3)
    assert accounts.by_key(bob).role == "admin"
    mixed = ann[: len("aigc-1-")] + bob[len("aigc-2-") :]
    for wrong in ("", "x", ann[:-1], ann + "x", mixed, ann.replace("-1-", "-9-")):
        with pytest.raises(WrongKey):
            accounts.by_key(wrong)
    with accounts.engine.connect() as connection:
        stored = str(rows(connection, sql.select(ACCOUNTS)))
        stored += str(rows(connection, sql.select(AUDIT)))
    assert ann not in stored
    assert ann[-43:] not in stored
    assert "$argon2id$" in stored


def test_another_key_and_a_closed_account(accounts):
    key = accounts.add("ann")
    token = accounts.login(key)
    assert accounts.by_token(token).name == "ann"
    fresh = accounts.renew("ann")
    assert accounts.by_token(token) is None
    with pytest.raises(WrongKey):
        accounts.by_key(key)  # although it was right a moment ago
    token = accounts.login(fresh)
    accounts.logout(token)
    assert accounts.by_token(token) is None
    token = accounts.login(fresh)
    accounts.close("ann")
    assert accounts.by_token(token) is None
    for action in (accounts.by_key, accounts.login):
        with pytest.raises(WrongKey):
            action(fresh)
    for action in (accounts.renew, accounts.close, accounts.by_name):
        with pytest.raises(ValueError, match="it is closed"):
            action("ann")


@pytest.mark.parametrize(
    ("name", "role"), [("", "user"), ("a b", "user"), ("x" * 41, "user"), ("x", "god")]
)
def test_an_account_that_cannot_be(accounts, name, role):
    with pytest.raises(ValueError, match=r"give|choose"):
        accounts.add(name, role)


def test_a_name_is_taken_once(accounts):
    accounts.add("ann")
    with pytest.raises(ValueError, match="taken"):
        accounts.add("ann")
    for action in (accounts.renew, accounts.close, accounts.by_name):
        with pytest.raises(ValueError, match="no such account"):
            action("bob")


def test_guessing_is_slowed_down_for_one_place(accounts):
    key = accounts.add("ann")
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    for _ in range(accounts_module.WRONG):
        with pytest.raises(WrongKey):
            accounts.by_key(wrong, "10.0.0.1")
    with pytest.raises(TooManyTries):
        accounts.by_key(key, "10.0.0.1")
    assert accounts.by_key(key, "10.0.0.2").name == "ann"
    assert accounts.by_key(key, "10.0.0.1").name == "ann"  # known by now


def test_a_session_ends(accounts, monkeypatch):
    monkeypatch.setattr(accounts_module, "SESSION", -1.0)
    assert accounts.by_token(accounts.login(accounts.add("ann"))) is None
    assert accounts.by_token("") is None
    assert accounts.by_token(None) is None


def test_quota(accounts):
    accounts.add("ann", quota=3)
    ann = accounts.by_name("ann")
    with accounts.engine.begin() as connection:
        accounts.spend(connection, ann, 2)
    with pytest.raises(OverQuota) as error, accounts.engine.begin() as connection:
        accounts.spend(connection, ann, 2)
    assert error.value.left == 1 == accounts.left(ann)
    with accounts.engine.begin() as connection:
        accounts.spend(connection, ann, 1)
    assert accounts.left(ann) == 0


def test_the_audit_log(accounts):
    accounts.add("ann")
    accounts.note(1, "picture.delete", {"id": 7}, "10.0.0.1")
    last = accounts.audit(1)[0]
    assert (last["name"], last["action"], last["what"]) == (
        "ann",
        "picture.delete",
        {"id": 7},
    )
    assert [row["action"] for row in accounts.audit(account=1)] == [
        "picture.delete",
        "account.add",
    ]


# ---- web -----------------------------------------------------------------------------


@pytest.fixture
def site(accounts):
    app = fastapi.FastAPI()
    who = asking(accounts, "test")

    @app.get("/me")
    def me(account: Account = fastapi.Depends(who)):  # noqa: B008
        return account.name

    @app.get("/secrets")
    def secrets(account: Account = fastapi.Depends(who)):  # noqa: B008
        return for_admins(account).name

    @app.post("/echo")
    async def echo(request: fastapi.Request):
        return len(await request.body())

    @app.get("/page")
    def page():
        return fastapi.responses.HTMLResponse("<p>page</p>")

    @app.get("/busy")
    def busy():
        raise Busy("many")

    @app.get("/broken")
    def broken():
        raise RuntimeError("a secret of the house")

    @app.get("/refused/{told}")
    def refused(told: str):
        raise Refused(told)

    @app.get("/full/{kind}")
    def full(kind: str):
        if kind == "file":
            raise DiskFull(errno.ENOSPC, "no room", "x")
        if kind == "database":
            raise sql.exc.OperationalError("INSERT", {}, Exception("disk is full"))
        raise PermissionError(errno.EACCES, "no")

    @app.get("/half")
    def half():
        raise Refused("字段 \ud800：请删去")

    @app.get("/inside/{told}")
    def inside(told: str):
        raise ValueError(told)

    app = guarded(
        app,
        project="test",
        title="<b>测试",
        accounts=accounts,
        health=lambda: {"model": "ready"},
        most={"/echo": 1_000},
        public=("/broken",),
    )
    key, boss = accounts.add("ann"), accounts.add("boss", "admin")
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as c:
        c.key, c.boss = key, boss
        yield c


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_who_asks(site):
    assert site.get("/me").status_code == 401
    assert site.get("/me", headers=bearer("wrong")).status_code == 401
    assert site.get("/me", headers=bearer(site.key)).json() == "ann"
    assert site.get("/secrets", headers=bearer(site.key)).status_code == 403
    assert site.get("/secrets", headers=bearer(site.boss)).json() == "boss"


def test_logging_in_and_out(site):
    page = site.get("/page", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    assert "&lt;b&gt;测试" in site.get("/login").text
    wrong = site.post("/login", data={"key": "wrong"})
    assert wrong.status_code == 401
    assert "密钥不对" in wrong.text
    right = site.post("/login", data={"key": site.key})
    assert right.headers["location"] == "/"
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert site.get("/me").json() == "ann"
    assert site.get("/page", headers={"Accept": "text/html"}).status_code == 200
    site.post("/logout", headers={"Origin": "http://testserver"})
    assert site.get("/me").status_code == 401


def test_another_site_cannot_make_a_browser_write(site):
    site.post("/login", data={"key": site.key})
    fine = {"Origin": "http://testserver"}
    assert site.post("/echo", content=b"abc", headers=fine).json() == 3
    for foreign in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},  # no URL at all
        {"Origin": "http://testserver.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Authorization": "Basic eDp5"},
        {},
    ):
        answer = site.post("/echo", content=b"abc", headers=foreign)
        assert answer.status_code == 403, foreign
    evil = {"Origin": "http://evil.example"}
    assert site.post("/login", data={"key": site.key}, headers=evil).status_code == 403
    assert site.post("/logout", headers=evil).status_code == 403
    program = {**evil, **bearer(site.key)}  # no browser sends this by itself
    assert site.post("/echo", content=b"abc", headers=program).json() == 3


def test_bodies_have_limits(site):
    assert site.post("/echo", content=b"x" * 1_000).json() == 1_000
    assert site.post("/echo", content=b"x" * 1_001).status_code == 413

    def endless():  # says nothing of its length
        for _ in range(100):
            yield b"x" * 100

    answer = site.post("/echo", content=endless())
    assert answer.status_code == 413
    assert "字节" in answer.json()["error"]
    long = {"key": "x" * 5_000}  # to be taken apart while all others wait
    assert site.post("/login", data=long).status_code == 413


def test_errors_tell_what_to_do_and_no_secrets(site):
    assert site.get("/nothing").json() == {"error": "没有这个内容。"}
    assert site.put("/me").status_code == 405
    busy = site.get("/busy")
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "10")
    broken = site.get("/broken")
    assert broken.status_code == 500
    assert "secret" not in broken.text
    refused = site.get("/refused/请换一张图。")  # whoever asked can mend that
    assert (refused.status_code, refused.json()["error"]) == (422, "请换一张图。")
    for kind in ("file", "database"):  # the administrator can, by and by
        full = site.get(f"/full/{kind}")
        assert (full.status_code, full.headers["retry-after"]) == (503, "10")
        assert "磁盘满了" in full.json()["error"]
    assert site.get("/full/other").json() == broken.json()
    half = site.get("/half")  # what a JSON escape left is told as a question mark
    assert (half.status_code, half.json()["error"]) == (422, "字段 ?：请删去")
    inside = site.get("/inside/label='包': there is no such label")  # nobody can
    assert inside.status_code == 500
    assert inside.json() == broken.json()


def test_headers_of_safety(site):
    for path in ("/login", "/health", "/nothing", "/broken"):
        headers = site.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
    told = site.get("/health").json()
    assert {"status": "ok", "model": "ready"}.items() <= told.items()


def test_health_tells_the_pace_of_the_latest_responses(site, monkeypatch):
    nothing = {"status": "ok", "model": "ready", "responses": 0, "p95_ms": None}
    assert site.get("/health").json() == nothing  # which counts itself never
    clock = iter(range(10**6))  # a second at each look
    slow = SimpleNamespace(perf_counter=lambda: next(clock))
    monkeypatch.setattr(web, "time", slow)
    assert site.get("/nothing?who=ann").status_code == 404
    assert site.get("/login").status_code == 200
    assert site.get("/health").json() == nothing | {"responses": 2, "p95_ms": 1_000.0}
    pace = web.Pace()
    pace.took.extend([9.0] * 50 + [0.001] * (web.LATEST - 40) + [0.1] * 40)
    assert pace.told() == {"responses": web.LATEST, "p95_ms": 1.0}  # the 9 s are gone


# ---- backup --------------------------------------------------------------------------

TABLES = sql.MetaData()
THINGS = sql.Table(
    "things",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("blob", sql.String(64)),
    sql.Column("raw", sql.LargeBinary),
    sql.Column("parent", sql.ForeignKey("things.id")),
)
ALL = [*database.TABLES.sorted_tables, THINGS]


def needed(connection):
    return [row["blob"] for row in rows(connection, sql.select(THINGS.c.blob))]


def test_what_was_saved_comes_back_elsewhere(made, tmp_path, postgres_url):
    blobs = Blobs(f"file://{tmp_path}/blobs")
    accounts, jobs = Accounts(made), Jobs("test-backup", made, {})
    THINGS.create(made)
    key = accounts.add("ann", quota=7)
    accounts.login(key)
    name = blobs.put(b"picture")
    blobs.put(b"belongs to nothing")
    with made.begin() as connection:
        connection.execute(sql.insert(THINGS).values(id=5, blob=name, raw=b"\x00\xff"))
    told = backup(tmp_path / "b.zip", "test-backup", made, ALL, blobs, needed)
    assert told["blobs"] == 1

    other = engine(postgres_url)
    upgrade(other)
    THINGS.create(other)
    elsewhere = Blobs(f"file://{tmp_path}/elsewhere")
    jobs = Jobs("test-backup", other, {})
    jobs.start()
    file = tmp_path / "b.zip"
    restored = restore(file, "test-backup", other, ALL, elsewhere, jobs)
    assert restored == told
    assert list(elsewhere) == [name]
    assert Accounts(other).by_key(key) == Account(1, "ann", "user", 7)
    assert Accounts(other).add("bob").startswith("aigc-2-")  # numbers go on
    with other.begin() as connection:
        assert first(connection, sql.select(THINGS)) == {
            "id": 5,
            "blob": name,
            "raw": b"\x00\xff",
            "parent": None,
        }
        assert connection.scalar(THINGS.insert().returning(THINGS.c.id)) == 6
    with pytest.raises(ValueError, match="empty database"):
        restore(file, "test-backup", other, ALL, elsewhere, jobs)
    jobs.close()
    other.dispose()


def test_rows_come_back_before_those_that_refer_to_them(postgres_url, made, tmp_path):
    busy = engine(postgres_url)
    upgrade(busy)
    THINGS.create(busy)
    with busy.begin() as connection:
        for row in ({"id": 1}, {"id": 2, "parent": 1}):
            connection.execute(sql.insert(THINGS).values(row))
    with busy.begin() as connection:  # PostgreSQL lists what was changed last
        changed = sql.update(THINGS).where(THINGS.c.id == 1)
        connection.execute(changed.values(raw=b"new"))
    file = tmp_path / "b.zip"
    backup(file, "test-backup", busy, ALL)
    THINGS.create(made)
    restore(file, "test-backup", made, ALL)
    with made.connect() as connection:
        found = sql.select(THINGS.c.id, THINGS.c.parent).order_by(THINGS.c.id)
        assert connection.execute(found).all() == [(1, None), (2, 1)]
    busy.dispose()


def test_a_backup_that_is_none(made, tmp_path):
    file = tmp_path / "b.zip"
    Accounts(made).add("ann")
    backup(file, "test-backup", made, ALL[:-1])
    fresh = engine(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    upgrade(fresh)
    with pytest.raises(Spoiled, match="backup of test-backup"):
        restore(file, "other-project", fresh, ALL[:-1])
    (tmp_path / "text").write_text("no zip")
    with pytest.raises(Spoiled, match="no backup"):
        restore(tmp_path / "text", "test-backup", fresh, ALL[:-1])
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(tmp_path / "c.zip", "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data.replace(b"ann", b"eve"))
    with pytest.raises(Spoiled, match="accounts is damaged"):
        restore(tmp_path / "c.zip", "test-backup", fresh, ALL[:-1])
    data = bytearray(file.read_bytes())
    data[data.index(b"tables/accounts.jsonl") + 30] ^= 255
    (tmp_path / "d.zip").write_bytes(data)
    with pytest.raises(Spoiled, match="is damaged"):
        restore(tmp_path / "d.zip", "test-backup", fresh, ALL[:-1])
    for row in (b'{"no_such": 1}', b"[1]", b"no JSON"):
        forged = _forged(file, tmp_path / "e.zip", "accounts", row)
        with pytest.raises(Spoiled, match="accounts holds what no backup writes"):
            restore(forged, "test-backup", fresh, ALL[:-1])
    with fresh.connect() as connection:
        assert rows(connection, sql.select(ACCOUNTS)) == []
    fresh.dispose()


def _forged(file, other, table, row):
    """A copy of a backup with another row, and a checksum that fits."""
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(other, "w") as bad:
        whole = {name: good.read(name) for name in good.namelist()}
        was, place = whole[f"tables/{table}.jsonl"], f"tables/{table}.jsonl"
        old, new = (sha256(data).hexdigest().encode() for data in (was, row))
        for name, data in (whole | {place: row}).items():
            bad.writestr(name, data.replace(old, new))
    return other


def test_a_backup_needs_its_blobs(made, tmp_path):
    with pytest.raises(FileNotFoundError, match="earlier backup back as 00/0000"):
        backup(
            tmp_path / "b.zip",
            "test-backup",
            made,
            ALL[:-1],
            Blobs(f"file://{tmp_path}/blobs"),
            lambda _: ["0" * 64],
        )
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_closes_first(word, program, tmp_path):
    log, (port,) = tmp_path / "log", free_ports(1)
    number = program.start("served", port, log=log)
    while not log.exists() or "up\n" not in log.read_text():
        time.sleep(0.02)
    program.kill(number, word)
    assert log.read_text() == "up\nclosed\n"  # and nothing went wrong


def test_a_server_that_cannot_begin_closes_and_ends(program, tmp_path):
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = program.start("served", other.getsockname()[1], log=log)
        with contextlib.suppress(psutil.NoSuchProcess):  # it may be gone already
            psutil.Process(number).wait(60)
    assert log.read_text().endswith("closed\n")


@pytest.mark.parametrize("name", ["what?", "100%20", "a b#c", "汉字;x"])
def test_a_folder_may_have_any_name(name, tmp_path):
    made = engine(database.in_file(tmp_path / name / "project.sqlite"))
    upgrade(made)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "project.sqlite").stat().st_size


@pytest.mark.parametrize("quota", [-1, 2**31, 2.5, float("nan"), "7"])
def test_a_quota_is_a_number_that_a_row_can_hold(quota, tmp_path):
    made = engine(database.in_file(tmp_path / "project.sqlite"))
    upgrade(made)
    with pytest.raises(ValueError, match=r"^quota="):
        Accounts(made).add("somebody", quota=quota)


def test_accounts_by_command(accounts, tmp_path, capsys):
    def do(what, name=""):
        words = argparse.Namespace(what=what, name=name, role="user", quota=5)
        change_account(accounts, words)
        return capsys.readouterr().out.strip()

    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        first_account(accounts, tmp_path / "folder")
    assert not accounts.all()  # nobody would ever see its key
    (tmp_path / "key.txt").write_text("of an earlier project, for all to read")
    first_account(accounts, tmp_path / "key.txt")
    key = (tmp_path / "key.txt").read_text().strip()
    assert accounts.by_key(key).role == "admin"
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600
    assert key in capsys.readouterr().out
    first_account(accounts, tmp_path / "again.txt")
    assert not (tmp_path / "again.txt").exists()

    old = do("add", "ann")
    new = do("renew", "ann")
    assert accounts.by_key(new).name == "ann"
    assert old != new
    do("close", "ann")
    assert do("list").splitlines() == ["admin admin 100000 open", "ann user 5 closed"]
    with pytest.raises(ValueError, match="give its name"):
        do("add")
