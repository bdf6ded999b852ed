"""The monitor over HTTP: headlines by POST, trends and alarms as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from ...runtime import optional
from ..web import RETRY, Pace, Timed, called, foreign, storing
from .monitor import Monitor, NotReady
from .store import Flooded

fastapi = optional("fastapi")
Request = fastapi.Request  # where FastAPI looks up the annotations

MOST_BYTES = 2**20  # of one POST
MOST_ITEMS = 1_000  # headlines in one POST
MOST_LATEST = 200


class Named:
    """Refuses what calls the server by another name, page and all: ASGI middleware."""

    def __init__(self, app: Any, *, names: Collection[str]):
        self.app, self.names = app, names

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through, or answer it here."""
        app = self.app
        if scope["type"] == "http" and not called(fastapi.Request(scope), self.names):
            told = {"detail": "an unknown name of this server: start it with --name"}
            app = fastapi.responses.JSONResponse(told, 403)
        await app(scope, receive, send)


def service(monitor: Monitor, names: Collection[str] | None = None) -> Any:
    """Return the ``fastapi.FastAPI`` of a monitor, which answers to ``names`` only.

    Without ``names`` it answers to any.

    - ``POST /headlines``: a headline, or a list of them, as ``headlines.checked`` takes
      them. 202 with how many are ``new`` and ``known``, and why others are ``refused``;
      422 where all are; 413 and 400 for what is too large or no JSON; 403 for what
      another site makes a browser send; 429 in a flood, and 503 where the disk is full,
      with nothing stored and a time to come again. All the same while models are
      trained: headlines wait.
    - ``GET /trend?topic=``, ``GET /alarms``, ``GET /headlines?topic=&n=``: the latest,
      with ``topic``, ``sentiment`` (负面, 中性, 正面) and ``sure``, null if words told.
      503 while nobody knows the topics that it takes.
    - ``GET /health``: whether it is ``ready``, what is ``told`` until then, and whether
      that ``failed``; whether the feed did (``feed_failed``), which is tried again; how
      many headlines there are; the ``Pace`` of its responses.
    """
    app = fastapi.FastAPI(title="opinion monitor", docs_url=None, redoc_url=None)
    app.add_exception_handler(NotReady, _not_ready)
    told = {"detail": "nothing was stored: the disk is full, or no database answers"}
    storing(app, fastapi.responses.JSONResponse(told, 503, RETRY))
    pace = Pace()
    if names is not None:
        app.add_middleware(Named, names=names)
    app.add_middleware(Timed, pace=pace)
    in_thread = fastapi.concurrency.run_in_threadpool

    @app.post("/headlines", status_code=202)
    async def post(request: Request) -> Any:
        if foreign(request):
            raise fastapi.HTTPException(403, "from another site: send it from here")
        items = _items(await _body(request))
        try:
            answer = await in_thread(monitor.accept, items)
        except Flooded as error:
            headers = {"Retry-After": "10"}
            raise fastapi.HTTPException(429, str(error), headers) from None
        told = answer._asdict()
        if len(answer.refused) == len(items):
            return fastapi.responses.JSONResponse(told, 422)
        return told

    @app.get("/headlines")
    def latest(topic: str | None = None, n: int = 50) -> Any:
        most = min(max(n, 1), MOST_LATEST)
        rows = monitor.store.latest(most, _known(monitor, topic))
        return [{k: v for k, v in row.items() if k != "key"} for row in rows]

    @app.get("/trend")
    def trend(topic: str | None = None) -> Any:
        return [point._asdict() for point in monitor.trend(_known(monitor, topic))]

    @app.get("/alarms")
    def alarms() -> Any:
        return monitor.alarms()

    @app.get("/health")
    def health() -> Any:
        return {
            "status": "ok",
            "ready": monitor.ready,
            "told": monitor.told,
            "failed": bool(monitor.failed),
            "feed_failed": bool(monitor.feed_failed),
            **monitor.store.counts(),
            **pace.told(),
        }

    return app


def _not_ready(_: Any, error: Exception) -> Any:
    headers = {"Retry-After": "10"}
    return fastapi.responses.JSONResponse({"detail": str(error)}, 503, headers)


def _known(monitor: Monitor, topic: str | None) -> str | None:
    if topic is not None and topic not in monitor.reader.topics:
        names = ", ".join(monitor.reader.topics)
        raise fastapi.HTTPException(404, f"topic {topic[:40]!r}: choose one of {names}")
    return topic


async def _body(request: Any) -> bytes:
    """Read a body without ever holding more than ``MOST_BYTES`` and one piece of it."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise fastapi.HTTPException(
                413, f"more than {MOST_BYTES:,} bytes: send less"
            )
    return bytes(body)


def _items(body: bytes) -> list[Any]:
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise fastapi.HTTPException(
            400, 'no JSON: send {"text": "..."} or a list of such objects'
        ) from None
    items = sent if isinstance(sent, list) else [sent]
    if not items:
        raise fastapi.HTTPException(422, "an empty list: send at least one headline")
    if len(items) > MOST_ITEMS:
        raise fastapi.HTTPException(
            413, f"{len(items):,} headlines: send at most {MOST_ITEMS:,} at once"
        )
    return items
