"""The desk over HTTP as agents see it: who waits, what was said, what is known."""

from __future__ import annotations

from typing import Any

from ...runtime import optional
from ..accounts import Account, Accounts
from ..refused import Refused
from ..web import asking
from .answers import doubts
from .desk import Desk, checked_text, may_take
from .knowledge import suspicious
from .known import NOTHING

fastapi = optional("fastapi")
pydantic = optional("pydantic")

MOST_LETTERS = 2_000  # of what an agent writes
LATEST = 50  # conversations that are shown of those where nobody waits


class Written(pydantic.BaseModel):
    """What an agent says; the same key says it once."""

    text: str
    key: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{8,40}$")


class Draft(pydantic.BaseModel):
    """What an agent is about to say, and the suggestion that it began as."""

    text: str = pydantic.Field(max_length=MOST_LETTERS)
    suggested: str = pydantic.Field(max_length=MOST_LETTERS + 500)  # and its titles


class Corrected(pydantic.BaseModel):
    """What a message meant: an intent, and the entry that answers it, or none."""

    number: int = pydantic.Field(ge=1, le=2**31 - 1)
    intent: str = pydantic.Field(max_length=40)
    entry: str = pydantic.Field(default="", max_length=64)


class Edited(pydantic.BaseModel):
    """An entry as it shall be, and the revision that the editor saw; 0: it is new."""

    entry: dict
    revision: int = pydantic.Field(default=0, ge=0, le=2**31 - 1)


class Seen(pydantic.BaseModel):
    """The revision of an entry that the editor saw."""

    revision: int = pydantic.Field(ge=0, le=2**31 - 1)


def add_agents(app: Any, desk: Desk, accounts: Accounts, project: str) -> None:
    """Add what agents and administrators may call, below ``/api/desk``.

    Everything here needs the role ``agent`` or ``admin``, by cookie or by bearer key.
    """
    Who = fastapi.Depends(asking(accounts, project))

    def agent(account: Account = Who) -> Account:
        if account.role not in ("agent", "admin"):
            raise fastapi.HTTPException(403, "只有客服可以。")
        return account

    api = fastapi.APIRouter(prefix="/api/desk")
    Agent = fastapi.Depends(agent)
    conversations, known = desk.conversations, desk.known

    @api.get("")
    def listed(me: Account = Agent) -> Any:
        answers = desk.brain.get({})
        return {
            "me": me.name,
            "ready": answers is not None,
            "told": desk.brain.failed or desk.brain.told,
            "intents": [*answers.intents, NOTHING] if answers else [],
            "waiting": conversations.listed("waiting"),
            "taken": conversations.listed("taken"),
            "open": conversations.listed("open", most=LATEST),
            "closed": conversations.listed("closed", most=LATEST),
            "counts": conversations.counts(),
        }

    @api.get("/conversations/{identity}")
    def shown(identity: str, me: Account = Agent) -> Any:
        row = conversations.get(identity)
        if row is None:
            raise fastapi.HTTPException(404)
        names = "id", "state", "reason", "since", "opened", "last", "stars", "remark"
        return {
            **{name: row[name] for name in names},
            "mine": row["agent"] == me.id,
            "may_take": may_take(row, me),
            "orders": known.orders(row["account"]),
            "messages": conversations.messages(identity),
            "corrected": known.corrected(identity),
        }

    @api.get("/conversations/{identity}/suggestions")
    def suggested(identity: str, me: Account = Agent) -> Any:
        return {"suggestions": desk.suggestions(identity) or []}

    @api.post("/conversations/{identity}/take")
    def take(identity: str, me: Account = Agent) -> Any:
        desk.take(identity, me)
        return shown(identity, me)

    @api.post("/conversations/{identity}/back")
    def give_back(identity: str, me: Account = Agent) -> Any:
        desk.give_back(identity, me)
        return shown(identity, me)

    @api.post("/conversations/{identity}/close")
    def close(identity: str, me: Account = Agent) -> Any:
        desk.close(identity, me)
        return shown(identity, me)

    @api.post("/conversations/{identity}/messages")
    def say(identity: str, sent: Written, me: Account = Agent) -> Any:
        text = checked_text(sent.text, MOST_LETTERS)
        desk.say(identity, me, text, sent.key)
        return shown(identity, me)

    @api.post("/doubts")
    def doubted(sent: Draft, me: Account = Agent) -> Any:
        # Told before it is sent, and not forbidden: a person may know more.
        return {"doubts": doubts(sent.text, sent.suggested)}

    @api.post("/conversations/{identity}/corrections")
    def correct(identity: str, sent: Corrected, me: Account = Agent) -> Any:
        answers = desk.brain.get({})
        if answers is None or sent.intent not in (*answers.intents, NOTHING):
            raise Refused("没有这个意图，请从列表里选。")
        known.correct(identity, sent.number, sent.intent, sent.entry, me)
        return shown(identity, me)

    @api.get("/entries")
    def entries(words: str = "", me: Account = Agent) -> Any:
        return {"entries": [_told(row) for row in known.listed(words[:100])]}

    @api.post("/entries")
    def put(sent: Edited, me: Account = Agent) -> Any:
        return _told(known.put(sent.entry, sent.revision, me))

    @api.post("/entries/{identity}/approve")
    def approve(identity: str, sent: Seen, me: Account = Agent) -> Any:
        return _told(known.approve(identity, sent.revision, me))

    @api.post("/entries/{identity}/withdraw")
    def withdraw(identity: str, sent: Seen, me: Account = Agent) -> Any:
        return _told(known.withdraw(identity, sent.revision, me))

    app.include_router(api)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """An entry as the editor shows it, with the sentences that made it wait."""
    entry = row["entry"]
    words = "\n".join([entry["title"], entry["text"], *entry["questions"]])
    waits = row["live"] and not entry["approved"]
    return {**row, "suspicious": suspicious(words) if waits else []}
