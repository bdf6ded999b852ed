"""What the monitor has accepted: headlines, how far feeds are, and who has read.

A headline is stored before it is read, in the transaction that also moves its feed on:
so a stop at any moment loses nothing, and nothing comes twice. SQLite in a file, or
PostgreSQL by another URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from ...runtime import optional
from ..database import engine, insert
from .headlines import Headline

sql = optional("sqlalchemy")

TABLES = sql.MetaData()
HEADLINES = sql.Table(
    "headlines",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("key", sql.String(64), nullable=False, unique=True),
    sql.Column("text", sql.Text, nullable=False),
    sql.Column("source", sql.Text, nullable=False),
    sql.Column("day", sql.Date, nullable=False),
    sql.Column("topic", sql.Text),  # NULL: not read yet
    sql.Column("sentiment", sql.Text),
    sql.Column("sure", sql.Float),
    sql.Index("unread", "topic"),
)
FEEDS = sql.Table(
    "feeds",
    TABLES,
    sql.Column("name", sql.String(200), primary_key=True),
    sql.Column("position", sql.BigInteger, nullable=False),
)
READ_BY = sql.Table(  # one row: who tells the sentiment
    "read_by",
    TABLES,
    sql.Column("reader", sql.String(80), primary_key=True),
)
MOST_UNREAD = 20_000
SENTIMENTS = ("负面", "中性", "正面")
_LOCK = 20_261_130  # of PostgreSQL's advisory locks: one brings headlines at a time


class Flooded(RuntimeError):
    """So many headlines wait to be read that no more are taken; nothing was stored."""


class Day(NamedTuple):
    """How many headlines a day had, all and of each sentiment."""

    day: date
    n: int
    negative: int
    neutral: int
    positive: int


class Store:
    """The tables at ``url``, made where there are none.

    Raises:
        ValueError: a URL that names no file of SQLite and no PostgreSQL.
    """

    def __init__(self, url: Any, *, most_unread: int = MOST_UNREAD):
        self.engine = engine(url)
        self.most_unread = most_unread
        TABLES.create_all(self.engine)

    def accept(
        self,
        headlines: Sequence[Headline],
        *,
        feed: str | None = None,
        position: int = 0,
    ) -> int:
        """Store headlines that are not known yet, and how far their feed is.

        Returns how many were new. All or nothing: it returns when they are on disk.

        Raises:
            Flooded: too many would wait to be read.
        """
        rows = [headline._asdict() for headline in headlines]
        with self.engine.begin() as connection:
            self._in_turn(connection)
            if self._unread(connection) + len(rows) > self.most_unread:
                raise Flooded(f"more than {self.most_unread:,} headlines wait")
            new = 0
            if rows:
                unknown = insert(self.engine, HEADLINES).on_conflict_do_nothing()
                stored = connection.execute(unknown.returning(HEADLINES.c.id), rows)
                new = len(stored.all())
            if feed is not None:
                moved = insert(self.engine, FEEDS).values(name=feed, position=position)
                connection.execute(
                    moved.on_conflict_do_update(
                        index_elements=["name"],
                        set_={"position": moved.excluded.position},
                    )
                )
        return new

    def position(self, feed: str) -> int:
        """How far ``feed`` has been accepted; 0 for one that is new."""
        wanted = sql.select(FEEDS.c.position).where(FEEDS.c.name == feed)
        with self.engine.connect() as connection:
            return connection.scalar(wanted) or 0

    def unread(self, most: int) -> list[tuple[int, str]]:
        """The oldest headlines that wait to be read: numbers and texts."""
        table = HEADLINES.c
        wanted = sql.select(table.id, table.text).where(table.topic.is_(None))
        with self.engine.connect() as connection:
            rows = connection.execute(wanted.order_by(table.id).limit(most))
            return [tuple(row) for row in rows]

    def read(self, readings: Sequence[dict[str, Any]]) -> None:
        """Note ``topic``, ``sentiment`` and ``sure`` of headlines, by their ``id``."""
        if not readings:
            return
        rows = [{**reading, "number": reading["id"]} for reading in readings]
        for row in rows:
            del row["id"]
        names = ("topic", "sentiment", "sure")
        change = (
            sql.update(HEADLINES)
            .where(HEADLINES.c.id == sql.bindparam("number"))
            .values({name: sql.bindparam(name) for name in names})
        )
        with self.engine.begin() as connection:
            connection.execute(change, rows)

    def read_by(self, reader: str) -> None:
        """Note who reads from now on; what another one has read waits again.

        Days that two have read differently would look like a shock.
        """
        nothing = dict.fromkeys(("topic", "sentiment", "sure"))
        with self.engine.begin() as connection:
            if connection.scalar(sql.select(READ_BY.c.reader)) != reader:
                connection.execute(sql.delete(READ_BY))
                connection.execute(sql.insert(READ_BY).values(reader=reader))
                connection.execute(sql.update(HEADLINES).values(nothing))

    def days(self, topic: str | None = None) -> list[Day]:
        """Count what was read, one row a day that had any, in the order of time."""
        table = HEADLINES.c
        counts = [
            sql.func.sum(sql.case((table.sentiment == name, 1), else_=0))
            for name in SENTIMENTS
        ]
        wanted = sql.select(table.day, sql.func.count(), *counts)
        wanted = wanted.where(table.topic.is_not(None))
        if topic is not None:
            wanted = wanted.where(table.topic == topic)
        with self.engine.connect() as connection:
            rows = connection.execute(wanted.group_by(table.day).order_by(table.day))
            return [Day(day, *map(int, numbers)) for day, *numbers in rows]

    def latest(self, most: int, topic: str | None = None) -> list[dict[str, Any]]:
        """The headlines of the latest days, newest first."""
        wanted = sql.select(HEADLINES).where(HEADLINES.c.topic.is_not(None))
        if topic is not None:
            wanted = wanted.where(HEADLINES.c.topic == topic)
        order = HEADLINES.c.day.desc(), HEADLINES.c.id.desc()
        with self.engine.connect() as connection:
            rows = connection.execute(wanted.order_by(*order).limit(most))
            return [dict(row._mapping) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many headlines there are, and how many of them wait to be read."""
        with self.engine.connect() as connection:
            return {
                "headlines": self._count(connection),
                "unread": self._unread(connection),
            }

    def _in_turn(self, connection: Any) -> None:
        """Let others who bring headlines wait for the commit.

        Two at once would not count each other; of the same headlines, in another order,
        each would wait for the other for good.
        """
        if self.engine.dialect.name == "postgresql":
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _count(self, connection: Any) -> int:
        return connection.scalar(sql.select(sql.func.count()).select_from(HEADLINES))

    def _unread(self, connection: Any) -> int:
        wanted = sql.select(sql.func.count()).select_from(HEADLINES)
        return connection.scalar(wanted.where(HEADLINES.c.topic.is_(None)))
