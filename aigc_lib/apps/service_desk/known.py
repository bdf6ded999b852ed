"""What the assistant knows, in the database: entries, orders, corrections, its model.

Each change counts a mark on. Whoever answers reads the marks with the message, so that
a change is live in every process with the next answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..accounts import ACCOUNTS, Account, Accounts
from ..database import first, insert, now, rows, sql
from ..refused import Refused
from .knowledge import Entry, checked_entry
from .orders import STATES
from .tables import (
    CONVERSATIONS,
    CORRECTIONS,
    ENTRIES,
    MARKS,
    MESSAGES,
    MODELS,
    ORDERS,
)

ORDER = (
    "number", "item", "state", "amount", "ordered", "carrier", "tracking", "expected"
)  # fmt: skip
MOST_ENTRIES = 5_000
MOST_OF_AN_ORDER = 80  # characters of a field
NOTHING = "范围外"  # the intent of what the shop has no answer for


class Changed(RuntimeError):
    """Somebody else changed the entry meanwhile."""


class Known:
    """Entries, orders, corrections and models in the database of ``made``."""

    def __init__(self, made: Any, accounts: Accounts):
        self.engine, self.accounts = made, accounts

    def mark(self, name: str) -> int:
        """How often something changed: ``entries`` or ``model``; 0: never."""
        wanted = sql.select(MARKS.c.value).where(MARKS.c.name == name)
        with self.engine.connect() as connection:
            return connection.scalar(wanted) or 0

    # ---- entries ---------------------------------------------------------------------

    def seed(self, entries: Sequence[Entry]) -> bool:
        """Store the first entries; False where there were any before."""
        with self.engine.begin() as connection:
            if self._count_on(connection, "entries") > 1:
                return False
            for entry in entries:
                self._store(connection, entry)
        return True

    def entries(self) -> tuple[int, list[Entry]]:
        """The mark of the entries, and those that are live."""
        table = ENTRIES.c
        wanted = sql.select(table.entry).where(table.live).order_by(table.id)
        mark = sql.select(MARKS.c.value).where(MARKS.c.name == "entries")
        with self.engine.connect() as connection:
            # In this order: entries that came in between are read once more.
            value = connection.scalar(mark) or 0
            found = [_entry(item) for item in connection.scalars(wanted)]
        return value, found

    def listed(self, words: str = "", most: int = 200) -> list[dict[str, Any]]:
        """Entries that hold all ``words``, as the editor shows them."""
        table = ENTRIES.c
        with self.engine.connect() as connection:
            found = rows(connection, sql.select(ENTRIES).order_by(table.id))
        asked = words.lower().split()

        def holds(row: dict[str, Any]) -> bool:
            text = json.dumps(row["entry"], ensure_ascii=False).lower()
            return all(word in text for word in asked)

        return list(filter(holds, found))[:most]

    def put(
        self, item: Mapping[str, Any], revision: int, by: Account
    ) -> dict[str, Any]:
        """Add or change an entry; ``revision`` is that of what the editor saw, or 0.

        A person writes it, so it is approved, unless it talks to the machine.

        Raises:
            Refused: ``item`` is no entry.
            Changed: another revision is there.
        """
        entry = checked_entry({**item, "approved": True})
        return self._change(entry, revision, True, by, "entry.put")

    def approve(self, identity: str, revision: int, by: Account) -> dict[str, Any]:
        """Let an entry be quoted that waits for it: a person has read it."""
        entry = _entry(self._row(identity)["entry"] | {"approved": True})
        return self._change(entry, revision, True, by, "entry.approve")

    def withdraw(self, identity: str, revision: int, by: Account) -> dict[str, Any]:
        """Quote an entry no more; it can be put again."""
        entry = _entry(self._row(identity)["entry"])
        return self._change(entry, revision, False, by, "entry.withdraw")

    def load_entries(self, items: Sequence[Any]) -> int:
        """Add or change many entries at once, all or none; returns how many wait.

        What does not say that it is ``approved`` waits for a person.

        Raises:
            Refused: one of them is none; the message has its place.
        """
        checked = list(map(_placed(checked_entry), enumerate(items, start=1)))
        with self.engine.begin() as connection:
            self._count_on(connection, "entries")
            for entry in checked:
                self._store(connection, entry)
            self._keep_small(connection)
            self.accounts.note(
                None, "entries.load", {"n": len(checked)}, connection=connection
            )
        return sum(not entry.approved for entry in checked)

    def let_go(self, entries: Sequence[Entry]) -> int:
        """Quote those of ``entries`` no more that stand as ``seed`` put them; how many.

        They can be put again, as what was withdrawn.
        """
        told = {entry.id: entry.to_json() for entry in entries}
        with self.engine.begin() as connection:
            self._count_on(connection, "entries")
            first_ones = sql.select(ENTRIES).where(
                ENTRIES.c.live, ENTRIES.c.revision == 1
            )
            gone = [
                row["id"]
                for row in rows(connection, first_ones)
                if told.get(row["id"]) == row["entry"]
            ]
            change = sql.update(ENTRIES).where(ENTRIES.c.id.in_(gone))
            connection.execute(
                change.values(live=False, revision=ENTRIES.c.revision + 1)
            )
            self.accounts.note(
                None, "entries.let_go", {"n": len(gone)}, connection=connection
            )
        return len(gone)

    def _change(
        self, entry: Entry, revision: int, live: bool, by: Account, action: str
    ) -> dict[str, Any]:
        with self.engine.begin() as connection:
            self._count_on(connection, "entries")
            had = first(connection, sql.select(ENTRIES).where(ENTRIES.c.id == entry.id))
            if (had["revision"] if had else 0) != revision:
                raise Changed("别人刚改过这一条，请重新打开再改。")
            self._store(connection, entry, live)
            self._keep_small(connection)
            told = {"id": entry.id, "before": had and had["entry"]}
            self.accounts.note(by.id, action, told, connection=connection)
        return self._row(entry.id)

    def _store(self, connection: Any, entry: Entry, live: bool = True) -> None:
        values = {"live": live, "entry": entry.to_json()}
        store = insert(self.engine, ENTRIES).values(id=entry.id, revision=1, **values)
        change = {**values, "revision": ENTRIES.c.revision + 1}
        store = store.on_conflict_do_update(index_elements=["id"], set_=change)
        connection.execute(store)

    def _keep_small(self, connection: Any) -> None:
        count = sql.select(sql.func.count()).select_from(ENTRIES).where(ENTRIES.c.live)
        if connection.scalar(count) > MOST_ENTRIES:
            raise Refused(f"知识超过 {MOST_ENTRIES:,} 条：请先撤下一些")

    def _row(self, identity: str) -> dict[str, Any]:
        with self.engine.connect() as connection:
            row = first(connection, sql.select(ENTRIES).where(ENTRIES.c.id == identity))
        if row is None:
            raise Refused("没有这一条知识")
        return row

    def _count_on(self, connection: Any, name: str) -> int:
        """Count a mark on; the transaction then is the only one that changes it."""
        store = insert(self.engine, MARKS).values(name=name, value=1)
        store = store.on_conflict_do_update(
            index_elements=["name"], set_={"value": MARKS.c.value + 1}
        )
        return connection.scalar(store.returning(MARKS.c.value))

    # ---- orders ----------------------------------------------------------------------

    def load_orders(self, items: Sequence[Any]) -> int:
        """Store orders, each ``{"customer": name of an account, "number": …, …}``.

        An order that is known is replaced. All or none; returns how many.

        Raises:
            Refused: one of them is no order, or of nobody.
        """
        checked = list(map(_placed(_order), enumerate(items, start=1)))
        accounts = ACCOUNTS.c
        with self.engine.begin() as connection:
            for order in checked:
                name = order.pop("customer")
                owner = sql.select(accounts.id).where(accounts.name == name)
                number = connection.scalar(owner)
                if number is None:
                    raise Refused(f"customer={name}：没有这个账号，请先建立")
                values = {"account": number, "row": order}
                store = insert(self.engine, ORDERS).values(
                    number=order["number"], **values
                )
                store = store.on_conflict_do_update(
                    index_elements=["number"], set_=values
                )
                connection.execute(store)
            self.accounts.note(
                None, "orders.load", {"n": len(checked)}, connection=connection
            )
        return len(checked)

    def orders(self, account: int | None) -> list[dict[str, str]]:
        """The orders of one customer."""
        wanted = sql.select(ORDERS.c.row).where(ORDERS.c.account == account)
        with self.engine.connect() as connection:
            return [] if account is None else list(connection.scalars(wanted))

    # ---- corrections and models ------------------------------------------------------

    def correct(
        self, conversation: str, number: int, intent: str, entry: str, by: Account
    ) -> None:
        """Note what a message meant; said again, the later word counts.

        ``number`` is that of what the customer wrote, ``intent`` what it asked for, and
        ``entry`` the id of what should have been answered, or nothing.

        Raises:
            Refused: no such message of a customer, or no such entry.
        """
        table = MESSAGES.c
        wanted = sql.select(table.text).where(
            table.conversation == conversation,
            table.number == number,
            table.role == "customer",
        )
        with self.engine.begin() as connection:
            text = connection.scalar(wanted)
            if text is None:
                raise Refused("没有这条顾客消息")
            exists = sql.select(ENTRIES.c.id).where(ENTRIES.c.id == entry)
            if entry and connection.scalar(exists) is None:
                raise Refused("没有这一条知识")
            values = {"intent": intent, "entry": entry, "author": by.id}
            store = insert(self.engine, CORRECTIONS).values(
                conversation=conversation,
                number=number,
                text=text,
                at=now(self.engine),
                **values,
            )
            store = store.on_conflict_do_update(
                index_elements=["conversation", "number"], set_=values
            )
            connection.execute(store)
            told = {"conversation": conversation, "number": number, **values}
            self.accounts.note(by.id, "correct", told, connection=connection)

    def corrections(self) -> list[dict[str, str]]:
        """What agents corrected, the oldest first, as ``Assistant.learn`` takes it."""
        table = CORRECTIONS.c
        wanted = sql.select(table.text, table.intent, table.entry).order_by(table.at)
        with self.engine.connect() as connection:
            return rows(connection, wanted)

    def corrected(self, conversation: str) -> list[dict[str, Any]]:
        """What agents corrected in one conversation."""
        table = CORRECTIONS.c
        wanted = sql.select(table.number, table.intent, table.entry)
        with self.engine.connect() as connection:
            return rows(connection, wanted.where(table.conversation == conversation))

    def feedback(self) -> list[dict[str, Any]]:
        """How satisfied customers were, with what the conversation was about."""
        table = CONVERSATIONS.c
        columns = table.id, table.opened, table.stars, table.remark, table.reason
        wanted = sql.select(*columns).where(table.stars.is_not(None))
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(table.opened))

    def add_model(self, blob: str, told: dict[str, Any]) -> int:
        """Let every process answer by the model of ``blob`` from now on."""
        with self.engine.begin() as connection:
            version = self._count_on(connection, "model")
            store = sql.insert(MODELS).values(
                version=version, blob=blob, told=told, at=now(self.engine)
            )
            connection.execute(store)
            told = {"version": version, **told}
            self.accounts.note(None, "model.add", told, connection=connection)
        return version

    def model(self) -> dict[str, Any] | None:
        """The newest model, or None: the one that the first start trained."""
        wanted = sql.select(MODELS).order_by(MODELS.c.version.desc())
        with self.engine.connect() as connection:
            return first(connection, wanted)


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(**{**item, "questions": tuple(item["questions"])})


def _placed(check: Any) -> Any:
    """Let ``check`` say which of many it refused."""

    def checked(numbered: tuple[int, Any]) -> Any:
        number, item = numbered
        try:
            return check(item)
        except ValueError as error:
            raise Refused(f"第 {number} 条：{error}") from None

    return checked


def _order(item: Any) -> dict[str, str]:
    if not isinstance(item, Mapping):
        raise Refused("不是一个订单：请给出一个对象")
    names = ("customer", *ORDER)
    if foreign := sorted(set(map(str, item)) - set(names)):
        raise Refused(f"不认识的字段 {foreign[0][:40]}：请删去")
    order = {name: item.get(name, "") for name in names}
    for name, value in order.items():
        if not isinstance(value, str) or len(value) > MOST_OF_AN_ORDER:
            raise Refused(f"{name}：请给一段不超过 {MOST_OF_AN_ORDER} 字的文字")
        if not value.isprintable():
            raise Refused(f"{name}：含有控制字符，请删去")
    for name in ("customer", "number", "state"):
        if not order[name]:
            raise Refused(f"{name} 是空的：请填写")
    if order["state"] not in STATES:
        raise Refused(f"state={order['state']}：请填 {'、'.join(STATES)} 之一")
    if not re.fullmatch("[0-9]{1,32}", order["number"]):
        raise Refused(f"number={order['number']}：请给 1 到 32 位数字")
    return order
