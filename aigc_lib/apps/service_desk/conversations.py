"""Conversations and their messages: what was accepted stays, and is answered once.

A message is stored, with a time at which any process may deal with it, before anybody
thinks about it. What became of it is one transaction: the answer, the state of the
dialogue and who is next. That transaction wants the conversation as it was read, so of
two processes that think about one message the first is heard; the other reads again.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, NamedTuple

from ..accounts import ACCOUNTS, Accounts
from ..database import first, now, rows, sql
from ..refused import Refused
from .tables import CONVERSATIONS, MARKS, MESSAGES, ORDERS

STATES = ("open", "waiting", "taken", "closed")  # machine, nobody yet, a person, over
GRACE = 5.0  # seconds that the process which accepted a message has for its answer
MINUTE = 60.0
KEPT = 30 * 86_400  # seconds that a customer can come back to a conversation


class Limits(NamedTuple):
    """How much is taken; what goes beyond is refused whole."""

    letters: int = 500  # of a message
    a_minute: int = 20  # messages of a conversation
    messages: int = 400  # of a conversation, answers among them
    an_hour: int = 60  # conversations from one address
    waiting: int = 500  # conversations with a message that nobody dealt with


class TooMuch(RuntimeError):
    """More than the limits allow; nothing was stored. ``wait`` seconds, then again."""

    def __init__(self, told: str, wait: int):
        super().__init__(told)
        self.wait = wait


class Closed(RuntimeError):
    """The conversation is over."""


class Taken(RuntimeError):
    """Another state than the change wants: somebody else has the conversation."""


class Work(NamedTuple):
    """A message that waits, and all that its answer depends on.

    ``person`` tells whether one that waits, this or a later one, calls a person.
    ``orders`` are the customer's own; None where nobody has logged in.
    """

    conversation: dict[str, Any]
    message: dict[str, Any]
    person: bool
    orders: list[dict[str, str]] | None
    marks: dict[str, int]


class Conversations:
    """The conversations in the database of ``made``, which ``upgrade`` has seen."""

    def __init__(self, made: Any, accounts: Accounts, limits: Limits | None = None):
        self.engine, self.accounts = made, accounts
        self.limits = limits or Limits()

    # ---- the customer ----------------------------------------------------------------

    def open(self, dialogue: Any, *, account: int | None, source: str) -> str:
        """Begin a conversation; returns the token that alone lets into it.

        Raises:
            TooMuch: too many from this address within an hour.
        """
        table, token = CONVERSATIONS.c, secrets.token_urlsafe(32)
        recent = sql.select(sql.func.count()).where(
            table.source == source[:64], table.opened > now(self.engine) - 3600
        )
        with self.engine.begin() as connection:
            if connection.scalar(recent) >= self.limits.an_hour:
                raise TooMuch("从这里开始的对话太多，请稍后再来。", 600)
            connection.execute(
                sql.insert(CONVERSATIONS).values(
                    id=secrets.token_hex(16),
                    token_hash=_digest(token),
                    account=account,
                    source=source[:64],
                    opened=now(self.engine),
                    state="open",
                    since=now(self.engine),
                    last=0,
                    done=0,
                    version=0,
                    dialogue=dialogue,
                )
            )
        return token

    def of(self, token: str | None, account: int | None) -> dict[str, Any] | None:
        """The conversation that a customer may see, or None.

        The token is not enough where the customer had logged in: on a shared computer
        the next one holds it too.
        """
        if not token:
            return None
        table = CONVERSATIONS.c
        mine = table.account.is_(None) | (table.account == account)
        recent = table.opened > now(self.engine) - KEPT
        wanted = sql.select(CONVERSATIONS).where(table.token_hash == _digest(token))
        with self.engine.connect() as connection:
            return first(connection, wanted.where(mine, recent))

    def accept(
        self,
        identity: str,
        text: str,
        key: str,
        *,
        account: int | None = None,
        told: dict[str, Any] | None = None,
    ) -> tuple[int, bool]:
        """Store what a customer wrote; returns its number, and whether it is new.

        When it returns the message is on disk, and will be dealt with once. The same
        ``key`` is the same message. A customer who has logged in meanwhile gets the
        conversation for good.

        Raises:
            TooMuch: too much.
            Refused: the key was used for another text.
            Closed: the conversation is over.
        """
        table = CONVERSATIONS.c
        with self.engine.begin() as connection:
            row = self._locked(connection, identity)
            had = self._known(connection, identity, key, text)
            if had is not None:
                return had, False
            if row["state"] == "closed":
                raise Closed("这次对话已经结束。")
            self._check(connection, row)
            number = row["last"] + 1
            change = sql.update(CONVERSATIONS).where(table.id == identity)
            connection.execute(
                change.values(
                    last=number,
                    due=sql.func.coalesce(table.due, now(self.engine) + GRACE),
                    account=sql.func.coalesce(table.account, account),
                )
            )
            self._insert(connection, identity, number, role="customer", text=text,
                         key=key, told=told or {})  # fmt: skip
        return number, True

    def rate(self, identity: str, stars: int, remark: str) -> None:
        """Note how satisfied a customer was."""
        change = sql.update(CONVERSATIONS).where(CONVERSATIONS.c.id == identity)
        with self.engine.begin() as connection:
            connection.execute(change.values(stars=stars, remark=remark))

    # ---- what waits ------------------------------------------------------------------

    def work(self, identity: str) -> Work | None:
        """The first message of a conversation that nobody has dealt with."""
        conversations = sql.select(CONVERSATIONS).where(CONVERSATIONS.c.id == identity)
        with self.engine.connect() as connection:
            row = first(connection, conversations)
            waiting = row and rows(connection, _waiting(identity, row["done"]))
            if not waiting:
                return None
            person = any(one["told"].get("person") for one in waiting)
            orders = sql.select(ORDERS.c.row).where(ORDERS.c.account == row["account"])
            mine = row["account"] is not None
            found = list(connection.scalars(orders)) if mine else None
            marks = connection.execute(sql.select(MARKS.c.name, MARKS.c.value))
            return Work(row, waiting[0], person, found, dict(marks.all()))

    def overdue(self, most: int = 100) -> list[str]:
        """Conversations with a message whose process has not dealt with it in time."""
        table = CONVERSATIONS.c
        wanted = sql.select(table.id).where(table.due <= now(self.engine))
        with self.engine.connect() as connection:
            return list(connection.scalars(wanted.order_by(table.due).limit(most)))

    def change(
        self,
        row: dict[str, Any],
        *,
        message: dict[str, Any] | None = None,
        audit: tuple[int, str] | None = None,
        **values: Any,
    ) -> bool:
        """Change a conversation that still is as it was read in ``row``.

        False: it changed meanwhile, read it again. ``values`` are columns, ``message``
        what is said with it, ``audit`` who did what. A message with a key that is known
        was said before, and nothing happens.

        Raises:
            Refused: the key was used for another text.
        """
        identity, table = row["id"], CONVERSATIONS.c
        with self.engine.begin() as connection:
            found = self._locked(connection, identity)
            key = message and message.get("key")
            if key and self._known(connection, identity, key, message["text"]):
                return True
            if found["version"] != row["version"]:
                return False
            if values.get("state", found["state"]) != found["state"]:
                values["since"] = now(self.engine)
            if message:
                values["last"] = found["last"] + 1
                self._insert(connection, identity, values["last"], **message)
            done = values.get("done", found["done"])
            if first(connection, _waiting(identity, done)) is None:
                values["due"] = None
            change = sql.update(CONVERSATIONS).where(table.id == identity)
            connection.execute(change.values(version=table.version + 1, **values))
            if audit:
                told = {"conversation": identity}
                self.accounts.note(*audit, told, connection=connection)
        return True

    # ---- what is shown ---------------------------------------------------------------

    def get(self, identity: str) -> dict[str, Any] | None:
        """A conversation by its id, for those who work at the desk."""
        wanted = sql.select(CONVERSATIONS).where(CONVERSATIONS.c.id == identity)
        with self.engine.connect() as connection:
            return first(connection, wanted)

    def messages(self, identity: str, after: int = 0) -> list[dict[str, Any]]:
        """The messages behind a number, in their order, with the names of agents."""
        table = MESSAGES.c
        wanted = (
            sql.select(MESSAGES, ACCOUNTS.c.name)
            .outerjoin(ACCOUNTS, table.author == ACCOUNTS.c.id)
            .where(table.conversation == identity, table.number > after)
        )
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(table.number))

    def before(self, row: dict[str, Any]) -> int:
        """How many wait for a person longer than this conversation does."""
        table = CONVERSATIONS.c
        wanted = sql.select(sql.func.count()).where(
            table.state == "waiting", table.since < row["since"]
        )
        with self.engine.connect() as connection:
            return connection.scalar(wanted)

    def listed(self, *states: str, most: int = 100) -> list[dict[str, Any]]:
        """Conversations in these states with their last words, longest in it first.

        Those that are over come the newest first, and none is listed in which nothing
        was said.
        """
        table, agent = CONVERSATIONS.c, ACCOUNTS.alias()
        columns = (
            table.id, table.state, table.since, table.reason, table.agent,
            table.last, table.stars, MESSAGES.c.text, MESSAGES.c.at,
            ACCOUNTS.c.name.label("customer"), agent.c.name.label("agent_name"),
        )  # fmt: skip
        newest = (MESSAGES.c.conversation == table.id) & (
            MESSAGES.c.number == table.last
        )
        wanted = (
            sql.select(*columns)
            .join(MESSAGES, newest)
            .outerjoin(ACCOUNTS, ACCOUNTS.c.id == table.account)
            .outerjoin(agent, agent.c.id == table.agent)
            .where(table.state.in_(states))
        )
        order = table.since if "waiting" in states else MESSAGES.c.at.desc()
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(order).limit(most))

    def counts(self) -> dict[str, Any]:
        """How many conversations are in each state, how many messages nobody dealt
        with, and how satisfied customers were."""
        table = CONVERSATIONS.c
        states = sql.select(table.state, sql.func.count()).where(table.last > 0)
        undone = sql.select(sql.func.count()).where(table.due.is_not(None))
        stars = sql.select(sql.func.count(table.stars), sql.func.avg(table.stars))
        with self.engine.connect() as connection:
            counted = dict(connection.execute(states.group_by(table.state)).all())
            rated, mean = connection.execute(stars).one()
            return {
                **{state: counted.get(state, 0) for state in STATES},
                "unanswered": connection.scalar(undone),
                "rated": rated,
                "stars": None if mean is None else round(float(mean), 2),
            }

    # ---- inside a transaction --------------------------------------------------------

    def _locked(self, connection: Any, identity: str) -> dict[str, Any]:
        """Read a conversation and let nobody else change it until the transaction ends.

        An UPDATE does so in both databases; SQLite knows no SELECT FOR UPDATE.
        """
        table = CONVERSATIONS.c
        touch = sql.update(CONVERSATIONS).where(table.id == identity)
        touch = touch.values(version=table.version).returning(*table)
        return rows(connection, touch)[0]

    def _known(self, connection: Any, identity: str, key: str, text: str) -> int | None:
        """The number of the message that has this key already."""
        table = MESSAGES.c
        wanted = sql.select(table.number, table.text)
        wanted = wanted.where(table.conversation == identity, table.key == key)
        had = first(connection, wanted)
        if had is None:
            return None
        if had["text"] != text:
            raise Refused("这个编号已用于另一条消息。")
        return had["number"]

    def _check(self, connection: Any, row: dict[str, Any]) -> None:
        table, limits = MESSAGES.c, self.limits
        recent = sql.select(sql.func.count()).where(
            table.conversation == row["id"],
            table.role == "customer",
            table.at > now(self.engine) - MINUTE,
        )
        undone = sql.select(sql.func.count()).where(CONVERSATIONS.c.due.is_not(None))
        if connection.scalar(recent) >= limits.a_minute:
            raise TooMuch("消息发得太快，请过一分钟再发。", 60)
        if row["last"] >= limits.messages:
            raise TooMuch("这次对话太长了，请结束后重新开始。", 60)
        if connection.scalar(undone) >= limits.waiting:
            raise TooMuch("现在咨询的人太多，请过一会儿再发。", 10)

    def _insert(self, connection: Any, talk: str, number: int, **values: Any) -> None:
        values = {"told": {}, "conversation": talk, "number": number, **values}
        store = sql.insert(MESSAGES).values(at=now(self.engine), **values)
        connection.execute(store)


def _waiting(identity: str, done: int) -> Any:
    """SELECT the messages of the customer behind ``done``, in their order."""
    table = MESSAGES.c
    wanted = sql.select(MESSAGES).where(
        table.conversation == identity, table.role == "customer", table.number > done
    )
    return wanted.order_by(table.number)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
