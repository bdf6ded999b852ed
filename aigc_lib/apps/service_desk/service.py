"""The desk over HTTP as customers see it: a page, and JSON.

A message is accepted, and said to be, before anybody thinks about it: the first line of
the stream is on its way as soon as the message is on disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import psutil

from ...runtime import optional
from ..accounts import Account, Accounts
from ..web import guarded, source_of
from . import speech
from .agents import add_agents
from .conversations import KEPT, Closed, Taken, TooMuch
from .desk import PERSON, Desk, checked_text
from .dialogue import Dialogue
from .known import Changed
from .listening import Heard
from .voices import Voices

fastapi = optional("fastapi")
pydantic = optional("pydantic")
Request, Response = fastapi.Request, fastapi.Response  # where FastAPI looks them up

PROJECT, TITLE = "service-desk", "智能客服"
TALK = f"{PROJECT}_talk"  # the cookie with the token of a conversation
PAGES = Path(__file__).parent / "pages"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
Number = Annotated[int, pydantic.Field(ge=0, le=2**31 - 1)]  # both databases take it
MOST = {"/": 2**16, "/api/listen": 2**22}  # bytes of a body


class Said(pydantic.BaseModel):
    """A message, and a key that the same message has when it is sent again."""

    text: str
    key: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{8,40}$")


class Called(pydantic.BaseModel):
    """A call for a person."""

    key: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{8,40}$")


class Rated(pydantic.BaseModel):
    """How satisfied a customer was, 1 to 5, and why."""

    stars: int = pydantic.Field(ge=1, le=5)
    remark: str = pydantic.Field(default="", max_length=500)


def service(desk: Desk, accounts: Accounts, voices: Voices, shop: str = "") -> Any:
    """Return the ``fastapi.FastAPI`` of a desk.

    - ``GET /``: the customer's page; ``GET /desk``: the agents' page.
    - ``POST /api/conversation`` begins one and sets the cookie that lets into it;
      ``GET /api/conversation?after=`` shows it from a message on.
    - ``POST /api/messages``: lines of JSON, ``{"accepted": number}`` as soon as the
      message is on disk, ``{"message": …}`` for its answer, at last ``{"state": …}``.
    - ``POST /api/person``, ``/api/back``, ``/api/end``, ``/api/rating``;
      ``GET /api/speech/NUMBER`` and ``POST /api/listen`` where voices are there.
    """
    app = fastapi.FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None)
    conversations, brain = desk.conversations, desk.brain

    def asks(request: Any) -> Account | None:
        return accounts.by_token(request.cookies.get(f"{PROJECT}_session"))

    def mine(request: Request) -> tuple[dict[str, Any], int | None]:
        who = asks(request)
        account = who.id if who else None
        row = conversations.of(request.cookies.get(TALK), account)
        if row is None:
            raise fastapi.HTTPException(404, "请先开始一次对话。")
        return row, account

    Mine = fastapi.Depends(mine)

    def state(identity: str) -> dict[str, Any]:
        row = conversations.get(identity)
        waits = row["state"] == "waiting"
        return {
            "state": row["state"],
            "before": conversations.before(row) if waits else 0,
            "unanswered": row["due"] is not None,
            "stars": row["stars"],
        }

    @app.get("/")
    def front(request: Request) -> Any:
        who = asks(request)
        if who and who.role != "user":
            return fastapi.responses.RedirectResponse("/desk", 303)
        return _page("chat.html")

    @app.get("/chat")
    def chat() -> Any:
        return _page("chat.html")

    @app.get("/desk")
    def desk_page() -> Any:
        return _page("desk.html")

    @app.get("/pages/{name}")
    def piece(name: str) -> Any:
        if name not in _pages():
            raise fastapi.HTTPException(404)
        return _page(name)

    @app.get("/api/conversation")
    def shown(request: Request, after: Number = 0) -> Any:
        who = asks(request)
        account = who.id if who else None
        row = conversations.of(request.cookies.get(TALK), account)
        answers = brain.get({})
        return {
            "shop": shop,
            "disclosure": answers.disclosure("zh") if answers else "",
            "ready": answers is not None,
            "told": brain.told,
            "failed": bool(brain.failed),
            "customer": who.name if who else None,
            "agent": bool(who and who.role != "user"),
            "letters": conversations.limits.letters,
            "speech": voices.speaks,
            "listening": voices.hears,
            "messages": [
                _shown(message)
                for message in (conversations.messages(row["id"], after) if row else ())
            ],
            **(state(row["id"]) if row else {"state": None}),
        }

    @app.post("/api/conversation", status_code=201)
    def opened(request: Request, response: Response) -> Any:
        who = asks(request)
        token = conversations.open(
            Dialogue().to_json(),
            account=who.id if who else None,
            source=source_of(request),
        )
        response.set_cookie(
            TALK,
            token,
            max_age=int(KEPT),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return {"state": "open"}

    def answered(row: dict[str, Any], number: int) -> Iterator[str]:
        yield _line({"accepted": number})
        try:
            desk.deal(row["id"])
        finally:  # what is there is shown, and what is not comes by asking again
            for message in conversations.messages(row["id"], number):
                yield _line({"message": _shown(message)})
            yield _line(state(row["id"]))

    def taken(row: Any, account: Any, text: str, key: str, **told: Any) -> Any:
        number, _ = conversations.accept(
            row["id"], text, key, account=account, told=told
        )
        lines = answered(row, number)
        kind = "application/x-ndjson"
        return fastapi.responses.StreamingResponse(lines, 202, media_type=kind)

    @app.post("/api/messages", status_code=202)
    def said(sent: Said, who: Any = Mine) -> Any:
        text = checked_text(sent.text, conversations.limits.letters)
        return taken(*who, text, sent.key)

    @app.post("/api/person", status_code=202)
    def called(sent: Called, who: Any = Mine) -> Any:
        return taken(*who, PERSON, sent.key, person=True)

    @app.post("/api/back")
    def back(who: Any = Mine) -> Any:
        desk.go_back(who[0]["id"])
        return state(who[0]["id"])

    @app.post("/api/end")
    def end(who: Any = Mine) -> Any:
        desk.end(who[0]["id"])
        return state(who[0]["id"])

    @app.post("/api/rating")
    def rated(sent: Rated, who: Any = Mine) -> Any:
        remark = checked_text(sent.remark, 500) if sent.remark.strip() else ""
        conversations.rate(who[0]["id"], sent.stars, remark)
        return state(who[0]["id"])

    @app.get("/api/speech/{number}")
    def speech_of(number: Number, who: Any = Mine) -> Any:
        for message in conversations.messages(who[0]["id"], number - 1):
            spoken = message["role"] in ("assistant", "agent")
            if message["number"] == number and spoken:
                sound = voices.speak(message["text"], _language(message))
                return fastapi.Response(sound, media_type="audio/wav")
        raise fastapi.HTTPException(404)

    @app.post("/api/listen")
    async def listened(request: Request, expect: str = "digits") -> Any:
        in_thread = fastapi.concurrency.run_in_threadpool
        await in_thread(mine, request)
        heard: Heard = await in_thread(voices.listen, await request.body(), expect)
        return heard._asdict()

    add_agents(app, desk, accounts, PROJECT)
    for kind, status in (
        (Closed, 409),
        (Taken, 409),
        (Changed, 409),
        (speech.Unavailable, 501),
    ):
        app.add_exception_handler(kind, _telling(status))
    app.add_exception_handler(TooMuch, _refusing)
    app = guarded(
        app,
        project=PROJECT,
        title=TITLE,
        accounts=accounts,
        health=lambda: {
            "ready": brain.ready.is_set(),
            "told": brain.told,
            "failed": bool(brain.failed),
            "memory_mib": psutil.Process().memory_info().rss / 2**20,
            **conversations.counts(),
        },
        most=MOST,
        public=("/", "/chat", "/pages"),
    )
    return app


def _pages() -> dict[str, Path]:
    return {path.name: path for path in PAGES.iterdir() if path.suffix in KINDS}


def _page(name: str) -> Any:
    path = _pages()[name]
    kind = f"{KINDS[path.suffix]}; charset=utf-8"
    return fastapi.responses.FileResponse(path, media_type=kind)


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    """A message as its customer may see it."""
    told, role = message["told"], message["role"]
    spoken = role in ("assistant", "agent")
    language = _language(message)
    return {
        "number": message["number"],
        "role": role,
        "name": message["name"],
        "text": message["text"],
        "at": message["at"],
        "answers": message["answers"],
        "key": message["key"] if role == "customer" else None,
        "language": language,
        "spoken": speech.speakable(message["text"], language) if spoken else None,
        "sources": [
            {"title": source["title"], "sentence": source["sentence"]}
            for source in told.get("sources", ())
        ],
    }


def _language(message: dict[str, Any]) -> str:
    return message["told"].get("language", "zh")


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False) + "\n"


def _telling(status: int) -> Any:
    def tell(_: Any, error: Exception) -> Any:
        return fastapi.responses.JSONResponse({"error": str(error)}, status)

    return tell


def _refusing(_: Any, error: TooMuch) -> Any:
    headers = {"Retry-After": str(error.wait)}
    return fastapi.responses.JSONResponse({"error": str(error)}, 429, headers)
