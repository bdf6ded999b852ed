"""The pieces of the studio, each with its parent, and what people thought of them.

A piece never changes: a change is a new piece whose ``parent`` is the old one, and all
that come from one beginning share its ``root``. Only its title and the mark of a
favourite may change. What was deleted can be had back for ``GRACE`` seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...codecs.piece import Piece
from ..accounts import ACCOUNTS
from ..database import first, insert, now, rows, sql
from ..jobs import JOBS

TABLES = sql.MetaData()
PIECES = sql.Table(
    "pieces",
    TABLES,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("account", sql.Integer, sql.ForeignKey(ACCOUNTS.c.id), nullable=False),
    sql.Column("root", sql.String(32), nullable=False),
    sql.Column("parent", sql.String(32)),  # may be gone
    sql.Column("made", sql.String(12), nullable=False),
    sql.Column("by_model", sql.Boolean, nullable=False),
    sql.Column("recipe", sql.JSON, nullable=False),
    sql.Column("piece", sql.JSON, nullable=False),
    sql.Column("title", sql.String(200), nullable=False),
    sql.Column("genre", sql.String(12), nullable=False),
    sql.Column("metre", sql.String(8), nullable=False),
    sql.Column("key", sql.String(12), nullable=False),
    sql.Column("tempo", sql.Float, nullable=False),
    sql.Column("bars", sql.Integer, nullable=False),
    sql.Column("seconds", sql.Float, nullable=False),
    sql.Column("favourite", sql.Boolean, nullable=False),
    sql.Column("created", sql.Float, nullable=False),
    sql.Column("deleted", sql.Float),
    sql.Index("pieces_of", "account", "created"),
    sql.Index("pieces_from", "account", "root"),
)
OPINIONS = sql.Table(
    "opinions",
    TABLES,
    sql.Column(
        "piece",
        sql.String(32),
        sql.ForeignKey(PIECES.c.id, ondelete="CASCADE"),
        primary_key=True,
    ),
    sql.Column("account", sql.Integer, sql.ForeignKey(ACCOUNTS.c.id), nullable=False),
    sql.Column("thumb", sql.SmallInteger, nullable=False),
    sql.Column("reasons", sql.JSON, nullable=False),
    sql.Column("words", sql.Text, nullable=False),
    sql.Column("at", sql.Float, nullable=False),
)
VERSIONS = Path(__file__).parent / "versions"
GRACE = 7 * 86_400.0  # seconds
MOST = 60  # pieces in one answer
MADE = ("drawn", "uploaded", "compose", "go_on", "harmonise", "vary", "fill")
SHOWN = [column for column in PIECES.c if column.name not in ("piece", "account")]


class Missing(LookupError):
    """There is no such piece, or it is another's: nobody is told which."""

    def __str__(self) -> str:
        return "没有这首曲子。"


class Store:
    """The tables in the database of ``made``, an engine that ``upgrade`` has seen."""

    def __init__(self, made: Any):
        self.engine = made

    def add(
        self,
        account: int,
        identity: str,
        piece: Piece,
        *,
        made: str,
        recipe: dict[str, Any] | None = None,
        parent: str | None = None,
        by_model: bool = False,
        connection: Any = None,
    ) -> bool:
        """Keep a piece under ``identity``; False where it is there already.

        A child of what a model made is marked as such too.
        """
        if connection is None:
            with self.engine.begin() as own:
                return self.add(
                    account,
                    identity,
                    piece,
                    made=made,
                    recipe=recipe,
                    parent=parent,
                    by_model=by_model,
                    connection=own,
                )
        origin = self._row(connection, account, parent) if parent else None
        values = {
            "id": identity,
            "account": account,
            "root": origin["root"] if origin else identity,
            "parent": parent,
            "made": made,
            "by_model": by_model or bool(origin and origin["by_model"]),
            "recipe": recipe or {},
            "piece": piece.to_json(),
            "title": piece.title,
            "genre": piece.genre,
            "metre": piece.metre,
            "key": piece.key,
            "tempo": piece.tempo,
            "bars": piece.bars,
            "seconds": piece.seconds,
            "favourite": False,
            "created": now(self.engine),
        }
        store = insert(self.engine, PIECES).values(**values).on_conflict_do_nothing()
        return connection.scalar(store.returning(PIECES.c.id)) is not None

    def get(self, account: int, identity: str) -> dict[str, Any]:
        """A piece of this account with all that is known of it.

        Raises:
            Missing: there is none, or it is another's.
        """
        if not identity.isascii():  # no database takes half a character
            raise Missing(identity)
        with self.engine.connect() as connection:
            row = self._row(connection, account, identity)
            if row is None:
                raise Missing(identity)
            said = sql.select(OPINIONS).where(OPINIONS.c.piece == identity)
            row["opinion"] = first(connection, said)
        return row

    def search(
        self,
        account: int,
        *,
        q: str = "",
        genre: str | None = None,
        key: str | None = None,
        metre: str | None = None,
        made: str | None = None,
        favourite: bool = False,
        deleted: bool = False,
        root: str | None = None,
        before: float | None = None,
        most: int = MOST,
    ) -> list[dict[str, Any]]:
        """The pieces of an account that fit, the newest first, without their notes."""
        table = PIECES.c
        wanted = sql.select(*SHOWN).where(table.account == account)
        wanted = wanted.where(
            table.deleted.is_not(None) if deleted else table.deleted.is_(None)
        )
        if q:
            wanted = wanted.where(table.title.icontains(q, autoescape=True))
        for column, value in (
            (table.genre, genre),
            (table.key, key),
            (table.metre, metre),
            (table.made, made),
            (table.root, root),
        ):
            if value is not None:
                wanted = wanted.where(column == value)
        if favourite:
            wanted = wanted.where(table.favourite)
        if before is not None:
            wanted = wanted.where(table.created < before)
        order = table.created.desc(), table.id
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(*order).limit(most))

    def change(
        self,
        account: int,
        identity: str,
        *,
        title: str | None = None,
        favourite: bool | None = None,
    ) -> None:
        """Give a piece another title, or (un)mark it as a favourite.

        Raises:
            Missing: there is none, or it is another's.
        """
        given = {"title": title, "favourite": favourite}
        values = {name: value for name, value in given.items() if value is not None}
        self._update(account, identity, **(values or {"id": identity}))

    def delete(self, account: int, identity: str, *, back: bool = False) -> None:
        """Put a piece where it waits to be forgotten, or take it ``back``.

        Raises:
            Missing: there is none, or it is another's.
        """
        self._update(account, identity, deleted=None if back else now(self.engine))

    def purge(self, grace: float = GRACE) -> int:
        """Forget what was deleted more than ``grace`` seconds ago; returns how many.

        So is forgotten what jobs were asked and gave that ended as long ago, where the
        piece, or the one that it began with, is no more. Their rows stay: their keys
        make nothing again.
        """
        before = now(self.engine) - grace
        over = PIECES.c.deleted < before
        asked = JOBS.c.request
        parent = asked["parent"].as_string()
        made, began = (
            sql.exists().where(PIECES.c.id == i) for i in (JOBS.c.id, parent)
        )
        forget = sql.update(JOBS).where(
            JOBS.c.ended < before,
            asked["kind"].as_string().is_not(None),  # not yet
            ~made | (parent.is_not(None) & ~began),
        )
        with self.engine.begin() as connection:
            gone = sql.select(PIECES.c.id).where(over)
            said = OPINIONS.c.piece.in_(gone)
            connection.execute(sql.delete(OPINIONS).where(said))
            count = connection.execute(sql.delete(PIECES).where(over)).rowcount
            connection.execute(forget.values(request={}, result=sql.null()))
        return count

    def judge(
        self, account: int, identity: str, thumb: int, reasons: list[str], words: str
    ) -> None:
        """Note what the owner of a piece thinks of it; the latest word counts.

        Raises:
            Missing: there is none, or it is another's.
        """
        told = {
            "account": account,
            "thumb": thumb,
            "reasons": reasons,
            "words": words,
            "at": now(self.engine),
        }
        store = insert(self.engine, OPINIONS).values(piece=identity, **told)
        store = store.on_conflict_do_update(index_elements=["piece"], set_=told)
        with self.engine.begin() as connection:
            if self._row(connection, account, identity) is None:
                raise Missing(identity)
            connection.execute(store)

    def opinions(self) -> Iterator[dict[str, Any]]:
        """All that was said, with the piece, its recipe and its parent's notes.

        Accounts are left out: what is learned from is the piece.
        """
        parent = PIECES.alias()
        wanted = (
            sql.select(
                OPINIONS.c.thumb,
                OPINIONS.c.reasons,
                OPINIONS.c.words,
                OPINIONS.c.at,
                PIECES.c.id,
                PIECES.c.made,
                PIECES.c.recipe,
                PIECES.c.piece,
                parent.c.piece.label("before"),
            )
            .join(PIECES, PIECES.c.id == OPINIONS.c.piece)
            .outerjoin(parent, parent.c.id == PIECES.c.parent)
            .where(PIECES.c.deleted.is_(None))
            .order_by(OPINIONS.c.at, PIECES.c.id)
        )
        with self.engine.connect() as connection:
            yield from (dict(row._mapping) for row in connection.execute(wanted))

    def written(self, account: int) -> int:
        """How many pieces an account keeps that people wrote, deleted ones too."""
        table = PIECES.c
        mine = table.account == account, table.made.in_(("drawn", "uploaded"))
        with self.engine.connect() as connection:
            return connection.scalar(sql.select(sql.func.count(table.id)).where(*mine))

    def counts(self) -> dict[str, int]:
        """How many pieces there are."""
        with self.engine.connect() as connection:
            return {
                "pieces": connection.scalar(sql.select(sql.func.count(PIECES.c.id)))
            }

    def _row(
        self, connection: Any, account: int, identity: str
    ) -> dict[str, Any] | None:
        table = PIECES.c
        mine = table.id == identity, table.account == account
        return first(connection, sql.select(PIECES).where(*mine))

    def _update(self, account: int, identity: str, **values: Any) -> None:
        table = PIECES.c
        change = sql.update(PIECES).where(
            table.id == identity, table.account == account
        )
        with self.engine.begin() as connection:
            if not connection.execute(change.values(**values)).rowcount:
                raise Missing(identity)
