"""The studio over HTTP: pages, pieces, jobs, files."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...codecs.piece import Piece
from ...runtime import optional
from ..accounts import Account, Accounts
from ..jobs import MOST_OPEN, OPEN, Jobs, Reused, progress
from ..refused import Refused
from ..web import asking, for_admins, guarded, one_more, source_of
from . import wishes
from .choices import choices, told_of
from .files import TYPES, rendered
from .player import MISSING, MOST_SECONDS, WAVENET, Late, Player
from .store import MOST, Missing, Store
from .studio import Studio, Tunes, kind_of
from .uploads import MOST_BYTES, read_upload

anyio, fastapi = optional("anyio"), optional("fastapi")
Request, Response = fastapi.Request, fastapi.responses.Response
Depends = fastapi.Depends

PROJECT, TITLE = "music-studio", "音乐工作室"
PAGES = Path(__file__).parent / "pages"
KINDS_OF_PAGE = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
UNSAFE = re.compile(r"[^\w.-]+")  # in the name of a file
KEY = re.compile(r"[\x21-\x7e]{1,64}")
MEANWHILE = "您可以先画开头、播放、保存；交给模型的任务会排队等它。"
MOST_KEPT = 5_000  # pieces of one account that were drawn or uploaded
AT_ONCE = 2  # files that are made, or compared, at the same time
MOST_PLAYED = 1  # sounds of the WaveNet of one account: seconds of a core each
MOST_FILES = 8  # of one account that are made, compared, read or wait for it


def service(
    store: Store,
    accounts: Accounts,
    jobs: Jobs,
    tunes: Tunes,
    studio: Studio | None = None,
    player: Player | None = None,
) -> Any:
    """Return the ``fastapi.FastAPI`` of the studio.

    ``jobs`` were started; ``studio`` is the one that works in this process, if any;
    ``player`` plays melodies with a WaveNet. The pages are ``/``, ``/gallery``,
    ``/account``; what they call is under ``/api``.
    """
    app = fastapi.FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None)
    who = Depends(asking(accounts, PROJECT))
    # what takes long waits here, and not in the threads that answer all else
    making, reading, playing = (anyio.CapacityLimiter(n) for n in (AT_ONCE, 1, 1))
    asked_for: Counter[int] = Counter()  # files, by account
    played_for: Counter[int] = Counter()  # sounds of the WaveNet, by account

    async def in_turn(limiter: Any, account: Account, work: Any, *given: Any) -> Any:
        with one_more(asked_for, account, MOST_FILES):
            return await anyio.to_thread.run_sync(work, *given, limiter=limiter)

    async def by_wavenet(account: Account, row: dict[str, Any]) -> bytes:
        if player is None:
            raise Refused(MISSING)
        until = time.monotonic() + MOST_SECONDS
        with one_more(played_for, account, MOST_PLAYED):
            try:
                with anyio.fail_after(MOST_SECONDS):
                    await playing.acquire()
            except TimeoutError:
                raise Late from None
            try:
                sound = partial(player.sound, until=until)
                return await _in_thread(rendered, row, "wav", WAVENET, sound)
            finally:
                playing.release()

    def note(request: Any, account: Account, action: str, **what: Any) -> None:
        accounts.note(account.id, action, what, source_of(request))

    # ---- pages -----------------------------------------------------------------------

    @app.get("/")
    @app.get("/gallery")
    @app.get("/account")
    def page(request: Request) -> Any:
        name = request.url.path.strip("/") or "studio"
        return _page(f"{name}.html")

    @app.get("/pages/{name}")
    def part(name: str) -> Any:
        if name not in {path.name for path in PAGES.iterdir()}:
            raise fastapi.HTTPException(404)
        return _page(name)

    @app.get("/favicon.ico")
    def icon() -> Any:
        return _page("icon.svg")

    @app.get("/api/state")
    def state(account: Account = who) -> Any:
        told = {"ready": True, "told": "由工作进程作曲。"}
        if studio is not None:
            told = {
                "ready": studio.ready.is_set() and not studio.wrong,
                "told": studio.wrong or f"{studio.told}{MEANWHILE}",
            }
        return {
            "account": {"name": account.name, "role": account.role},
            "left": accounts.left(account),
            "model": told,
            "wavenet": player.told() if player else {"ready": False, "told": MISSING},
            "choices": choices(),
        }

    # ---- pieces ----------------------------------------------------------------------

    @app.post("/api/pieces", status_code=201)
    async def draw(request: Request, account: Account = who) -> Any:
        sent = await _json(request)
        return await _in_thread(drawn, request, account, sent)

    def drawn(request: Any, account: Account, sent: Any) -> Any:
        if not isinstance(sent, dict) or not {"piece"} <= sent.keys() <= {
            "piece",
            "parent",
        }:
            raise Refused("请给一个 JSON 对象，字段是 piece 与 parent。")
        piece, parent = wishes.checked_piece(sent["piece"]), sent.get("parent")
        if parent is not None:
            parent = store.get(account.id, str(parent)[:32])["id"]
        if not piece.title:
            piece = replace(piece, title="我写的曲子")
        return _kept(
            request, account, piece, made="drawn", parent=parent, by_model=False
        )

    @app.post("/api/uploads", status_code=201)
    async def upload(request: Request, name: str = "", account: Account = who) -> Any:
        raw = await request.body()
        piece, by_model = await in_turn(reading, account, read_upload, raw, name)
        return await _in_thread(
            _kept, request, account, piece, made="uploaded", by_model=by_model
        )

    def _kept(request: Any, account: Account, piece: Piece, **facts: Any) -> Any:
        key = _key(request)
        if store.written(account.id) >= MOST_KEPT:
            raise Refused(
                f"已有 {MOST_KEPT:,} 首自己写的或上传的，请先删掉一些。"
                "回收站里的也算在内，七天后清除。"
            )
        identity = secrets.token_hex(16)
        if key is not None:
            told = f"{PROJECT}\0{account.id}\0piece\0{key}".encode()
            identity = hashlib.sha256(told).hexdigest()[:32]
        if store.add(account.id, identity, piece, **facts):
            note(request, account, f"piece.{facts['made']}", id=identity)
        row = store.get(account.id, identity)
        if row["piece"] != piece.to_json():
            raise Reused(f"key={key!r}：这个键用过，内容不同，请换一个。")
        return _whole(row)

    @app.get("/api/pieces")
    def search(
        q: str = fastapi.Query("", max_length=200),
        genre: str | None = None,
        key: str | None = None,
        metre: str | None = None,
        made: str | None = None,
        favourite: bool = False,
        deleted: bool = False,
        root: str | None = None,
        before: float | None = None,
        most: int = fastapi.Query(MOST, ge=1, le=MOST),
        account: Account = who,
    ) -> Any:
        return store.search(
            account.id,
            q=wishes.plain(q),
            genre=genre,
            key=key,
            metre=metre,
            made=made,
            favourite=favourite,
            deleted=deleted,
            root=root,
            before=before,
            most=most,
        )

    @app.get("/api/pieces/{identity}")
    def one(identity: str, account: Account = who) -> Any:
        return _whole(store.get(account.id, identity))

    @app.get("/api/pieces/{identity}/alike")
    async def alike(identity: str, account: Account = who) -> Any:
        row = await _in_thread(store.get, account.id, identity)
        piece = Piece.from_json(row["piece"])
        if piece.genre not in tunes.known and not tunes.ready.is_set():
            return {"told": "训练曲目还在读入，请稍后再看。", "wait": True}
        found = await in_turn(making, account, tunes.alike, piece)
        if found is None:
            return {"told": "训练曲目不在这台机器上，无法比较。"}
        return {"told": told_of(found), **found._asdict()}

    @app.get("/api/tunes/{genre}/{number}")
    def tune(genre: str, number: int, account: Account = who) -> Any:
        found = tunes.get(genre, number)
        if found is None:
            raise fastapi.HTTPException(404)
        return found.to_json()

    @app.patch("/api/pieces/{identity}")
    async def change(request: Request, identity: str, account: Account = who) -> Any:
        sent = await _json(request)
        if not isinstance(sent, dict) or not sent.keys() <= {"title", "favourite"}:
            raise Refused("请给一个 JSON 对象，字段是 title 与 favourite。")
        if "title" in sent:
            sent["title"] = wishes.title_of(sent["title"])
        if not isinstance(sent.get("favourite", False), bool):
            raise Refused("favourite：请给 true 或 false。")

        def done() -> Any:
            store.change(account.id, identity, **sent)
            note(request, account, "piece.change", id=identity, fields=sorted(sent))
            return _whole(store.get(account.id, identity))

        return await _in_thread(done)

    @app.delete("/api/pieces/{identity}")
    def delete(request: Request, identity: str, account: Account = who) -> Any:
        store.delete(account.id, identity)
        note(request, account, "piece.delete", id=identity)
        return {"deleted": identity}

    @app.post("/api/pieces/{identity}/restore")
    def restore(request: Request, identity: str, account: Account = who) -> Any:
        store.delete(account.id, identity, back=True)
        note(request, account, "piece.restore", id=identity)
        return _whole(store.get(account.id, identity))

    @app.post("/api/pieces/{identity}/opinion")
    async def judge(request: Request, identity: str, account: Account = who) -> Any:
        thumb, reasons, words = wishes.opinion(await _json(request))

        def done() -> Any:
            store.judge(account.id, identity, thumb, reasons, words)
            note(request, account, "piece.opinion", id=identity, thumb=thumb)
            return {"thumb": thumb, "reasons": reasons, "words": words}

        return await _in_thread(done)

    @app.get("/api/pieces/{identity}/file.{kind}")
    async def take(
        request: Request,
        identity: str,
        kind: str,
        instrument: str = "strings",
        account: Account = who,
    ) -> Any:
        row = await _in_thread(store.get, account.id, identity)
        if (kind, instrument) == ("wav", WAVENET):
            raw = await by_wavenet(account, row)
        else:
            raw = await in_turn(making, account, rendered, row, kind, instrument)
        await _in_thread(note, request, account, "piece.file", id=identity, kind=kind)
        name = f"{UNSAFE.sub('_', row['title'])[:60]}.{kind}"
        return Response(
            raw,
            media_type=TYPES[kind],
            headers={
                "content-disposition": f"inline; filename*=UTF-8''{quote(name)}",
                # a WaveNet may have been trained anew since
                "cache-control": "private, no-cache"
                if instrument == WAVENET
                else "private, max-age=600",
            },
        )

    # ---- jobs ------------------------------------------------------------------------

    @app.post("/api/jobs", status_code=202)
    async def ask(request: Request, account: Account = who) -> Any:
        sent = await _json(request)
        return await _in_thread(asked, request, account, sent)

    def asked(request: Any, account: Account, sent: Any) -> Any:
        before, parent = None, None
        if isinstance(sent, dict) and sent.get("parent") is not None:
            row = store.get(account.id, str(sent["parent"])[:32])
            if row["deleted"] is not None:
                raise Refused("这首曲子在回收站里：请先恢复它，再从它开始。")
            parent, before = row["id"], Piece.from_json(row["piece"])
        wanted = wishes.checked(sent, before)
        wanted |= {"parent": parent, "piece": before.to_json() if before else None}
        with store.engine.begin() as connection:
            identity, new = jobs.submit(
                kind_of(wanted),
                wanted,
                account=account.id,
                key=_key(request),
                connection=connection,
            )
            if new:
                accounts.spend(connection, account, 1)
                accounts.note(
                    account.id,
                    "job.ask",
                    {"id": identity, "kind": wanted["kind"]},
                    source_of(request),
                    connection=connection,
                )
        return {"id": identity, "new": new}

    @app.get("/api/jobs")
    def waiting(account: Account = who) -> Any:
        latest = jobs.latest(account.id, MOST_OPEN)
        return [progress(row) for row in latest if row["state"] in OPEN]

    @app.get("/api/jobs/{identity}")
    def how(identity: str, account: Account = who) -> Any:
        row = _own(jobs, account, identity)
        return progress(row) | {"asked": row["request"].get("kind")}  # or forgotten

    @app.post("/api/jobs/{identity}/cancel")
    def cancel(request: Request, identity: str, account: Account = who) -> Any:
        _own(jobs, account, identity)
        gone = jobs.cancel(identity)
        note(request, account, "job.cancel", id=identity, gone=gone)
        return {"cancelled": gone}

    @app.get("/api/audit")
    def audit(everyone: bool = False, account: Account = who) -> Any:
        if everyone:
            for_admins(account)
        return accounts.audit(100, None if everyone else account.id)

    app.add_exception_handler(Missing, _telling(404))
    app.add_exception_handler(Late, _telling(503))
    return guarded(
        app,
        project=PROJECT,
        title=TITLE,
        accounts=accounts,
        jobs=jobs,
        health=store.counts,
        most={"/api/uploads": MOST_BYTES, "/api/": 2**18},
        public=("/pages",),
    )


def _page(name: str) -> Any:
    path = PAGES / name
    kind = KINDS_OF_PAGE[path.suffix]
    return Response(path.read_bytes(), media_type=f"{kind}; charset=utf-8")


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "account"} | {
        "opinion": row.get("opinion")
        and {k: row["opinion"][k] for k in ("thumb", "reasons", "words")}
    }


def _own(jobs: Jobs, account: Account, identity: str) -> dict[str, Any]:
    row = jobs.status(identity)
    if row is None or row["account"] != account.id:
        raise fastapi.HTTPException(404, "没有这个任务。")
    return row


def _key(request: Any) -> str | None:
    """What tells one wish from its repetition, when an answer was lost on its way."""
    key = request.headers.get("idempotency-key")
    if key is not None and not KEY.fullmatch(key):
        raise Refused("Idempotency-Key：请给 1 到 64 个可见的 ASCII 字符。")
    return key


async def _json(request: Any) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise fastapi.HTTPException(400, "内容不是 JSON。") from None


async def _in_thread(work: Any, *arguments: Any, **named: Any) -> Any:
    return await fastapi.concurrency.run_in_threadpool(work, *arguments, **named)


def _telling(status: int) -> Any:
    answer = fastapi.responses.JSONResponse
    return lambda _, error: answer({"error": str(error)}, status)
