"""The image platform over HTTP: what programs ask, as JSON. Pages: ``pages``."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from ...runtime import optional
from ..accounts import Account
from ..blobs import Damaged
from ..database import now
from ..jobs import progress
from ..refused import Refused
from ..web import asking, for_admins, guarded, one_more, source_of
from . import check, portable, upload
from .pages import add_pages
from .platform import PROJECT, TITLE, Platform
from .store import PAGE
from .wishes import AnyEdit, Make, Opinion, Switch, Train

anyio, fastapi = optional("anyio"), optional("fastapi")
log = logging.getLogger(__name__)
Request = fastapi.Request  # where FastAPI looks up the annotations
Body = fastapi.Body
MiB = 2**20
MOST = {  # bytes of a body
    "/api/albums": 256 * MiB,
    "/api/albums/": MiB,  # a training is asked for in a few words
    "/api/import": 512 * MiB,
    "/check/picture": upload.MOST_FILE + MiB,
}
READ, CHECKED = 2, 8  # uploads and checked pictures that are in memory at once
MOST_SENT = 4  # uploads of one account that come or wait
PATIENCE = 60.0  # seconds for a picture that is to be checked to come
GONE = "没有这张图。"
DAMAGED = "这张图的文件已损坏：请管理员从备份里恢复。"
SHOWN = ("id", "parent", "model", "action", "label", "favourite", "created", "deleted")
Key = Annotated[str | None, fastapi.Header(alias="Idempotency-Key", max_length=200)]
Number = Annotated[int, fastapi.Path(ge=1, lt=2**31)]


def service(platform: Platform) -> Any:
    """Return the ``fastapi.FastAPI`` of the platform, with its pages."""
    app = fastapi.FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None)
    reading = _reading()
    _add_work(app, platform, reading)
    _add_gallery(app, platform)
    _add_account(app, platform, reading)
    add_pages(app, platform)
    app.add_exception_handler(FileNotFoundError, _telling(404, GONE))
    app.add_exception_handler(Damaged, _telling(410, DAMAGED))
    return guarded(
        app,
        project=PROJECT,
        title=TITLE,
        accounts=platform.accounts,
        jobs=platform.jobs,
        health=platform.store.counts,
        most=MOST,
        public=("/check", "/static"),
    )


def _telling(status: int, words: str) -> Any:
    def answer(_: Any, error: Exception) -> Any:
        log.error("%s", error)  # names the file
        return fastapi.responses.JSONResponse({"error": words}, status)

    return answer


def picture(row: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """What a program may be told of a picture; no ``url``: its file was removed."""
    told = {name: row[name] for name in SHOWN}
    told["url"] = f"/api/pictures/{row['id']}.png" if row["blob"] else None
    return told | ({k: row[k] for k in ("recipe", "imported")} if whole else {})


def _add_work(app: Any, platform: Platform, reading: Any) -> None:
    who = fastapi.Depends(asking(platform.accounts, PROJECT))
    jobs, store = platform.jobs, platform.store

    def mine(identity: str, account: Account) -> dict[str, Any]:
        row = jobs.status(identity) if identity.isalnum() else None
        if row is None or row["account"] not in (account.id, None):
            raise fastapi.HTTPException(404, "没有这个任务。")
        return row

    def accepted(identity: str) -> Any:
        answer = {"job": identity, "url": f"/api/jobs/{identity}"}
        return fastapi.responses.JSONResponse(answer, 202)

    @app.get("/api/models")
    def models(account: Account = who) -> Any:
        hidden = ("blob", "account", "job")
        return [
            {k: v for k, v in row.items() if k not in hidden}
            | {"mine": row["account"] == account.id}
            for row in store.models(account.id)
        ]

    @app.post("/api/pictures")
    def make(request: Request, wish: Make, key: Key = None, account: Account = who):
        return accepted(platform.make(account, wish, source_of(request), key))

    @app.post("/api/pictures/{number}/edits")
    def edit(
        request: Request,
        number: Number,
        wish: Annotated[AnyEdit, Body()],
        key: Key = None,
        account: Account = who,
    ):
        try:
            return accepted(
                platform.edit(account, number, wish, source_of(request), key)
            )
        except KeyError:
            raise fastapi.HTTPException(404, GONE) from None

    @app.get("/api/jobs")
    def latest(account: Account = who) -> Any:
        return [progress(row) for row in jobs.latest(account.id)]

    @app.get("/api/jobs/{identity}")
    def status(identity: str, account: Account = who) -> Any:
        row = mine(identity, account)
        made = store.of_job(identity, account.id) if row["state"] == "done" else []
        return progress(row) | {"pictures": [picture(one) for one in made]}

    @app.get("/api/jobs/{identity}/look")
    def look(identity: str, account: Account = who) -> Any:
        name = mine(identity, account)["look"]
        if not name:
            raise fastapi.HTTPException(404, "还没有可看的。")
        return _png(store.blobs.get(name))

    @app.post("/api/jobs/{identity}/{what}")
    def end(request: Request, identity: str, what: str, account: Account = who) -> Any:
        if mine(identity, account)["account"] is None:
            raise fastapi.HTTPException(403, "这是平台自己的任务。")
        if what not in ("cancel", "stop"):
            raise fastapi.HTTPException(404, "没有这个内容。")
        done = getattr(jobs, what)(identity)
        told = {"job": identity}
        platform.accounts.note(account.id, f"job.{what}", told, source_of(request))
        return {"done": done}

    @app.get("/api/albums")
    def albums(account: Account = who) -> Any:
        return [
            {k: v for k, v in row.items() if k not in ("blob", "account")}
            for row in store.albums(account.id)
        ]

    @app.post("/api/albums", status_code=201)
    async def bring(request: Request, account: Account = who) -> Any:
        limits = {"max_files": upload.MOST_FILES, "max_fields": 2}
        limits["max_part_size"] = 4_096
        async with reading(request, account) as sent, sent.form(**limits) as form:
            named = form.get("title")  # a file may be called so too
            title = upload.shown(named if isinstance(named, str) else "")
            files = [
                (file.filename or "", await file.read())
                for file in form.getlist("files")
                if hasattr(file, "read")
            ]
            in_thread = fastapi.concurrency.run_in_threadpool
            return await in_thread(
                _keep, platform, account, title or "我的图片", files, request
            )

    @app.delete("/api/albums/{number}")
    def forget(request: Request, number: Number, account: Account = who) -> Any:
        with store.engine.begin() as connection:
            if not store.delete_album(connection, number, account.id):
                raise fastapi.HTTPException(404, "没有这批图片。")
            told, source = {"album": number}, source_of(request)
            platform.accounts.note(
                account.id, "album.delete", told, source, connection=connection
            )
        return {"deleted": True}

    @app.post("/api/albums/{number}/train")
    def train(
        request: Request,
        number: Number,
        wish: Train,
        key: Key = None,
        account: Account = who,
    ):
        try:
            return accepted(
                platform.train(account, number, wish, source_of(request), key)
            )
        except KeyError:
            raise fastapi.HTTPException(404, "没有这批图片。") from None

    @app.post("/api/models/{number}/publish")
    def publish(
        request: Request, number: Number, wish: Switch, account: Account = who
    ) -> Any:
        row = store.model(number, account.id)
        if row is None or row["account"] != account.id:
            raise fastapi.HTTPException(404, "没有这个模型。")
        if wish.on and not row["figures"].get("passed"):
            raise fastapi.HTTPException(409, "这个模型没有通过评判，不能公开。")
        with store.engine.begin() as connection:
            store.publish(connection, number, wish.on)
            told = {"model": number, "on": wish.on}
            platform.accounts.note(
                account.id, "publish", told, source_of(request), connection=connection
            )
        return {"published": wish.on}


@asynccontextmanager
async def _in_turn(
    request: Any, limiter: Any, patience: float | None = None
) -> AsyncIterator[Any]:
    """Lend a request when its turn comes; until then its body is on the disk.

    Raises:
        HTTPException: the body took longer than ``patience`` seconds to come.
    """
    with tempfile.TemporaryFile() as file:
        try:
            with anyio.fail_after(patience):
                async for piece in request.stream():
                    file.write(piece)
        except TimeoutError:
            raise fastapi.HTTPException(408, "内容来得太慢，请再试一次。") from None
        file.seek(0)

        async def receive() -> dict[str, Any]:
            piece = file.read(MiB)
            return {"type": "http.request", "body": piece, "more_body": bool(piece)}

        async with limiter:
            yield Request(request.scope, receive)


def _reading() -> Callable[[Any, Account], Any]:
    """Return what lends the uploads of accounts in turns, ``READ`` at once."""
    limiter, sent = anyio.CapacityLimiter(READ), Counter[int]()

    @asynccontextmanager
    async def reading(request: Any, account: Account) -> AsyncIterator[Any]:
        with one_more(sent, account, MOST_SENT):
            async with _in_turn(request, limiter) as lent:
                yield lent

    return reading


def _keep(
    platform: Platform,
    account: Account,
    title: str,
    files: list[tuple[str, bytes]],
    request: Any,
) -> dict[str, Any]:
    """Read an upload and keep it as an album; all of it, or nothing."""
    store = platform.store
    full = Refused(f"已经有 {upload.MOST_ALBUMS} 批图片：先删掉用不着的。")
    if len(store.albums(account.id)) >= upload.MOST_ALBUMS:
        raise full
    album = upload.read(files)
    blob = store.blobs.put(upload.packed(album))
    classes = list(album.classes)
    with store.engine.begin() as connection:
        number = store.add_album(
            connection,
            upload.MOST_ALBUMS,
            account=account.id,
            title=title,
            blob=blob,
            classes=classes,
            n=len(album.x),
            refused=album.refused[:100],
        )
        if number is None:
            raise full
        told = {"album": number, "n": len(album.x)}
        source = source_of(request)
        platform.accounts.note(
            account.id, "upload", told, source, connection=connection
        )
    told = {"id": number, "n": len(album.x), "classes": classes}
    return told | {"refused": album.refused}


def _png(data: bytes, headers: dict[str, str] | None = None) -> Any:
    return fastapi.Response(data, media_type="image/png", headers=headers)


def _add_gallery(app: Any, platform: Platform) -> None:
    who = fastapi.Depends(asking(platform.accounts, PROJECT))
    store, checking = platform.store, anyio.CapacityLimiter(CHECKED)

    def mine(number: int, account: Account) -> dict[str, Any]:
        row = store.picture(number, account.id)
        if row is None or not row["blob"]:
            raise fastapi.HTTPException(404, GONE)
        return row

    def changed(
        request: Any, account: Account, number: int, action: str, **values: Any
    ) -> None:
        with store.engine.begin() as connection:
            if not store.change(connection, number, account.id, **values):
                raise fastapi.HTTPException(404, GONE)
            platform.accounts.note(
                account.id,
                f"picture.{action}",
                {"picture": number},
                source_of(request),
                connection=connection,
            )

    @app.get("/api/pictures")
    def search(
        label: Annotated[str, fastapi.Query(max_length=80)] = "",
        model: Annotated[int | None, fastapi.Query(ge=1, lt=2**31)] = None,
        since: float | None = None,
        until: float | None = None,
        favourites: bool = False,
        deleted: bool = False,
        page: Annotated[int, fastapi.Query(ge=1, le=100_000)] = 1,
        account: Account = who,
    ) -> Any:
        found, total = store.search(
            account.id,
            label=upload.shown(label),
            model=model,
            since=since,
            until=until,
            favourites=favourites,
            deleted=deleted,
            page=page,
        )
        told = {"total": total, "page": page, "of_a_page": PAGE}
        return told | {"pictures": [picture(row) for row in found]}

    @app.get("/api/pictures/{number}.png")
    def image(number: Number, download: bool = False, account: Account = who) -> Any:
        headers = {"cache-control": "private, max-age=3600"}
        if download:
            name = f"aigc-{number}.png"
            headers["content-disposition"] = f'attachment; filename="{name}"'
        return _png(store.blobs.get(mine(number, account)["blob"]), headers)

    @app.get("/api/pictures/{number}")
    def one(number: Number, account: Account = who) -> Any:
        return picture(mine(number, account), whole=True)

    @app.get("/api/pictures/{number}/alike")
    def alike(number: Number, account: Account = who) -> Any:
        mine(number, account)
        return [picture(row) for row in store.alike(account.id, number)]

    @app.get("/api/pictures/{number}/family")
    def family(number: Number, account: Account = who) -> Any:
        mine(number, account)
        found = store.family(number, account.id)
        return {side: [picture(row) for row in some] for side, some in found.items()}

    @app.post("/api/pictures/{number}/favourite")
    def favourite(
        request: Request, number: Number, wish: Switch, account: Account = who
    ) -> Any:
        changed(request, account, number, "favourite", favourite=wish.on)
        return {"favourite": wish.on}

    @app.delete("/api/pictures/{number}")
    def delete(request: Request, number: Number, account: Account = who) -> Any:
        mine(number, account)
        changed(request, account, number, "delete", deleted=now(store.engine))
        return {"deleted": True}

    @app.post("/api/pictures/{number}/restore")
    def restore(request: Request, number: Number, account: Account = who) -> Any:
        mine(number, account)
        changed(request, account, number, "restore", deleted=None)
        return {"deleted": False}

    @app.post("/api/pictures/{number}/feedback")
    def say(
        request: Request, number: Number, wish: Opinion, account: Account = who
    ) -> Any:
        mine(number, account)
        with store.engine.begin() as connection:
            store.say(connection, number, account.id, wish.good, wish.reasons)
            told = {"picture": number, "good": wish.good}
            source = source_of(request)
            platform.accounts.note(
                account.id, "feedback", told, source, connection=connection
            )
        return {"thanks": True}

    @app.post("/check/picture")
    async def checked(request: Request) -> Any:
        in_thread = fastapi.concurrency.run_in_threadpool
        async with _in_turn(request, checking, PATIENCE) as sent:
            data = await sent.body()
            return (await in_thread(check.checked, store, data))._asdict()


def _add_account(app: Any, platform: Platform, reading: Any) -> None:
    who = fastapi.Depends(asking(platform.accounts, PROJECT))

    @app.get("/api/me")
    def me(account: Account = who) -> Any:
        left = platform.accounts.left(account)
        return {"name": account.name, "role": account.role, "left": left}

    @app.get("/api/audit")
    def audit(account: Account = who) -> Any:
        return platform.accounts.audit(account=None if _rules(account) else account.id)

    @app.get("/api/export")
    def export(request: Request, account: Account = who) -> Any:
        pieces, missing = portable.exported(platform.store, account.id)
        # the name of the file is what who clicks sees at once; the rest is in it
        name = "image-platform-incomplete" if missing else "image-platform"
        told = {"missing": missing[:100]} if missing else {}
        platform.accounts.note(account.id, "export", told, source_of(request))
        return fastapi.responses.StreamingResponse(
            pieces,
            media_type="application/zip",
            headers={"content-disposition": f'attachment; filename="{name}.zip"'},
        )

    @app.post("/api/import")
    async def bring(request: Request, account: Account = who) -> Any:
        in_thread, source = fastapi.concurrency.run_in_threadpool, source_of(request)
        async with reading(request, account) as sent:
            data = await sent.body()
            return await in_thread(portable.imported, platform, account, data, source)

    @app.get("/api/accounts")
    def everybody(account: Account = who) -> Any:
        for_admins(account)
        return platform.accounts.all()


def _rules(account: Account) -> bool:
    return account.role == "admin"
