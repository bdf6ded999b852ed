"""What the image platform keeps: models, pictures and versions, albums, feedback.

A picture is a row with two blobs: ``blob`` is the PNG that people get, with its recipe
and its mark, ``raw`` the same pixels without a mark, from which edits start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import database
from ..accounts import ACCOUNTS, turn
from ..blobs import OWNER, Blobs
from ..database import engine, first, insert, now, rows, sql, upgrade
from ..jobs import JOBS

log = logging.getLogger(__name__)
TABLES = sql.MetaData()
MODELS = sql.Table(
    "models",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id)),  # NULL: the house's
    sql.Column("job", sql.String(32), unique=True),
    sql.Column("title", sql.String(80), nullable=False),
    sql.Column("blob", sql.String(64), nullable=False),
    sql.Column("classes", sql.JSON, nullable=False),
    sql.Column("size", sql.Integer, nullable=False),
    sql.Column("edits", sql.Boolean, nullable=False),
    sql.Column("words", sql.Boolean, nullable=False),  # any words as label
    sql.Column("published", sql.Boolean, nullable=False),
    sql.Column("figures", sql.JSON, nullable=False),
    sql.Column("created", sql.Float, nullable=False),
    sql.Index("models_blob", "blob"),
)
PICTURES = sql.Table(
    "pictures",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id), nullable=False),
    sql.Column("job", sql.String(32), nullable=False),  # none of JOBS: by import
    sql.Column("number", sql.Integer, nullable=False),  # within the job
    sql.Column("parent", sql.ForeignKey("pictures.id")),
    sql.Column("model", sql.ForeignKey("models.id")),  # NULL: not at hand
    sql.Column("action", sql.String(20), nullable=False),
    sql.Column("label", sql.String(80), nullable=False),
    sql.Column("blob", sql.String(64), nullable=False),
    sql.Column("raw", sql.String(64), nullable=False),
    sql.Column("mark", sql.Integer, nullable=False),
    sql.Column("features", sql.LargeBinary, nullable=False),  # float16
    sql.Column("recipe", sql.JSON, nullable=False),
    sql.Column("favourite", sql.Boolean, nullable=False),
    sql.Column("created", sql.Float, nullable=False),
    sql.Column("deleted", sql.Float),
    sql.UniqueConstraint("job", "number", name="pictures_once"),
    sql.Index("pictures_of", "account", "deleted", "created"),
    sql.Index("pictures_mark", "mark"),
)
ALBUMS = sql.Table(
    "albums",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id), nullable=False),
    sql.Column("title", sql.String(80), nullable=False),
    sql.Column("blob", sql.String(64), nullable=False),
    sql.Column("classes", sql.JSON, nullable=False),
    sql.Column("n", sql.Integer, nullable=False),
    sql.Column("refused", sql.JSON, nullable=False),
    sql.Column("created", sql.Float, nullable=False),
)
FEEDBACK = sql.Table(
    "feedback",
    TABLES,
    sql.Column("picture", sql.ForeignKey("pictures.id"), primary_key=True),
    sql.Column("account", sql.ForeignKey(ACCOUNTS.c.id), primary_key=True),
    sql.Column("good", sql.Boolean, nullable=False),
    sql.Column("reasons", sql.JSON, nullable=False),
    sql.Column("at", sql.Float, nullable=False),
)
ALL = [*database.TABLES.sorted_tables, *TABLES.sorted_tables]
GRACE = 7 * 86_400.0  # seconds in which a deleted picture can come back
SPARED = 86_400.0  # seconds in which a blob may wait for the row that names it
PAGE = 24  # pictures of a page of the gallery
LIGHT = [c for c in PICTURES.c if c.name not in ("features", "recipe")]
IMPORTED = (~sql.exists().where(JOBS.c.id == PICTURES.c.job)).label("imported")


class Store:
    """The tables at ``url`` and the blobs at ``blobs``, made where there are none.

    Raises:
        ValueError: a URL that names no database or no store.
    """

    def __init__(self, url: Any, blobs: str):
        self.engine, self.blobs = engine(url), Blobs(blobs, most=2**30)
        upgrade(self.engine, Path(__file__).parent / "versions")

    # ---- models ----------------------------------------------------------------------

    def models(self, account: int, connection: Any = None) -> list[dict[str, Any]]:
        """The models that an account may use: published ones, its own, newest first."""
        if connection is None:
            with self.engine.connect() as own:
                return self.models(account, own)
        table = MODELS.c
        wanted = sql.select(MODELS).where(table.published | (table.account == account))
        return rows(connection, wanted.order_by(table.id.desc()))

    def model(self, number: int, account: int | None) -> dict[str, Any] | None:
        """One model, where the account may use it (None: anyone's)."""
        table = MODELS.c
        wanted = sql.select(MODELS).where(table.id == number)
        if account is not None:
            wanted = wanted.where(table.published | (table.account == account))
        with self.engine.connect() as connection:
            return first(connection, wanted)

    def add_model(self, connection: Any, **values: Any) -> None:
        """Note a model that was trained by a job, or that the house brought."""
        store = insert(self.engine, MODELS).values(
            **{"account": None, "job": None, "created": now(self.engine)} | values
        )
        connection.execute(store.on_conflict_do_nothing())

    def house_models(self) -> set[str]:
        """The blobs of the models that the house brought."""
        wanted = sql.select(MODELS.c.blob).where(MODELS.c.account.is_(None))
        with self.engine.connect() as connection:
            return set(connection.scalars(wanted))

    def house_titles(self) -> set[str]:
        """The titles of the models that the house brought."""
        wanted = sql.select(MODELS.c.title).where(MODELS.c.account.is_(None))
        with self.engine.connect() as connection:
            return set(connection.scalars(wanted))

    def publish(self, connection: Any, number: int, published: bool) -> None:
        """Let everybody use a model, or only its owner again."""
        change = sql.update(MODELS).where(MODELS.c.id == number)
        connection.execute(change.values(published=published))

    # ---- pictures --------------------------------------------------------------------

    def add_pictures(self, connection: Any, made: Sequence[dict[str, Any]]) -> None:
        """Put the pictures of a job into the gallery; those that are there stay."""
        if made:
            values = [
                {"favourite": False, "created": now(self.engine), **row} for row in made
            ]
            store = insert(self.engine, PICTURES).values(values)
            connection.execute(store.on_conflict_do_nothing())

    def picture(self, number: int, account: int) -> dict[str, Any] | None:
        """One picture of an account, also a deleted one, and whether ``imported``."""
        table = PICTURES.c
        wanted = sql.select(PICTURES, IMPORTED).where(
            table.id == number, table.account == account
        )
        with self.engine.connect() as connection:
            return first(connection, wanted)

    def of_job(self, job: str, account: int) -> list[dict[str, Any]]:
        """The pictures that a job made, in their order."""
        table = PICTURES.c
        wanted = sql.select(*LIGHT).where(
            table.job == job, table.account == account, table.deleted.is_(None)
        )
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(table.number))

    def search(
        self,
        account: int,
        *,
        label: str = "",
        model: int | None = None,
        since: float | None = None,
        until: float | None = None,
        favourites: bool = False,
        deleted: bool = False,
        page: int = 1,
    ) -> tuple[list[dict[str, Any]], int]:
        """Pictures of an account, newest first: those of a page, and how many in all.

        ``label`` is part of a label; ``since`` and ``until`` are seconds since 1970.
        """
        table = PICTURES.c
        wanted = [table.account == account]
        if deleted:
            wanted += [table.deleted.is_not(None), table.blob != ""]
        else:
            wanted.append(table.deleted.is_(None))
        if label:
            wanted.append(table.label.icontains(label, autoescape=True))
        if model is not None:
            wanted.append(table.model == model)
        if since is not None:
            wanted.append(table.created >= since)
        if until is not None:
            wanted.append(table.created < until)
        if favourites:
            wanted.append(table.favourite)
        count = sql.select(sql.func.count()).select_from(PICTURES).where(*wanted)
        found = sql.select(*LIGHT).where(*wanted).order_by(table.id.desc())
        with self.engine.connect() as connection:
            total = connection.scalar(count)
            some = found.limit(PAGE).offset((page - 1) * PAGE)
            return rows(connection, some), total

    def labelled(
        self, account: int, label: str, model: int, most: int
    ) -> list[dict[str, Any]]:
        """The oldest pictures that a model made for an account with this very label."""
        table = PICTURES.c
        wanted = sql.select(*LIGHT).where(
            table.account == account,
            table.label == label,
            table.model == model,
            table.deleted.is_(None),
        )
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(table.id).limit(most))

    def alike(self, account: int, number: int) -> list[dict[str, Any]]:
        """The pictures of an account that look most like one of them, nearest first."""
        table = PICTURES.c
        wanted = sql.select(table.id, table.features).where(
            table.account == account, table.deleted.is_(None)
        )
        with self.engine.connect() as connection:
            found = connection.execute(wanted).fetchall()
            features = {i: np.frombuffer(f, np.float16) for i, f in found}
            asked = features.pop(number, None)
            if asked is None:
                return []
            near = nearest(asked, features, PAGE)
            some = rows(connection, sql.select(*LIGHT).where(table.id.in_(near)))
        return sorted(some, key=lambda row: near.index(row["id"]))

    def family(self, number: int, account: int) -> dict[str, list[dict[str, Any]]]:
        """The ``ancestors`` of a picture, oldest first, and its ``children``."""
        table = PICTURES.c
        ancestors, at = [], self.picture(number, account)
        while at and at["parent"] is not None and len(ancestors) < 100:
            at = self.picture(at["parent"], account)
            if at:
                ancestors.insert(0, at)
        wanted = sql.select(*LIGHT).where(
            table.parent == number, table.account == account, table.deleted.is_(None)
        )
        with self.engine.connect() as connection:
            children = rows(connection, wanted.order_by(table.id))
        return {"ancestors": ancestors, "children": children}

    def change(self, connection: Any, number: int, account: int, **values: Any) -> bool:
        """Change a picture of an account; False where it has none of this number.

        One that ``purge`` emptied is none.
        """
        table = PICTURES.c
        change = sql.update(PICTURES).where(
            table.id == number, table.account == account, table.blob != ""
        )
        return connection.execute(change.values(**values)).rowcount > 0

    def purge(self) -> int:
        """Empty what was deleted longer than ``GRACE`` ago; returns how many.

        A picture that others were made of loses its pixels, but stays as their parent.
        Its files go with a ``sweep``.
        """
        table = PICTURES.c
        over = table.deleted < now(self.engine) - GRACE
        # a single statement: what is restored meanwhile is not emptied
        change = sql.update(PICTURES).where(over, table.blob != "")
        emptied = {"blob": "", "raw": "", "features": b"", "recipe": {}}
        empty = sql.select(table.id).where(table.blob == "")
        with self.engine.begin() as connection:
            n = connection.execute(change.values(**emptied)).rowcount
            said = FEEDBACK.c.picture.in_(empty)
            connection.execute(sql.delete(FEEDBACK).where(said))
        return n

    def sweep(self) -> None:
        """Remove the blobs that no row names and that were not put for ``SPARED``.

        They belonged to what was deleted, or their row never came. Nothing else removes
        a blob: another row that names the same one may be about to be committed.
        """

        def named() -> set[str]:
            looks = sql.select(JOBS.c.look).where(JOBS.c.look.is_not(None))
            with self.engine.connect() as connection:
                return {*self.needed(connection), *connection.scalars(looks)}

        # a restored copy has the same accounts, another database at one URL others
        with self.engine.connect() as connection:
            eldest = sql.select(ACCOUNTS.c.created).order_by(ACCOUNTS.c.id).limit(1)
            began = connection.scalar(eldest)
        if began is None:  # nobody has made anything
            return
        owner = f"{self.engine.url.render_as_string()} {began!r}"  # no password in it
        if not self.blobs.sweep(owner, named, SPARED):
            log.warning(
                "old files stay: another platform uses their place, or did. If this is "
                "the only one, remove the file %s there",
                OWNER,
            )

    def marked(self, mark: int) -> list[dict[str, Any]]:
        """All pictures that carry a mark, deleted ones too.

        With the ``title`` of the model, and whether ``imported``.
        """
        wanted = (
            sql.select(PICTURES, MODELS.c.title, IMPORTED)
            .outerjoin(MODELS, PICTURES.c.model == MODELS.c.id)
            .where(PICTURES.c.mark == mark, PICTURES.c.blob != "")
        )
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(PICTURES.c.id))

    # ---- albums and feedback --------------------------------------------------------

    def add_album(self, connection: Any, most: int, **values: Any) -> int | None:
        """Keep the pictures that were uploaded; returns the album's number.

        None: the account has ``most`` albums, and this is not kept.
        """
        turn(connection, values["account"])
        mine = ALBUMS.c.account == values["account"]
        count = sql.select(sql.func.count()).select_from(ALBUMS).where(mine)
        if connection.scalar(count) >= most:
            return None
        store = sql.insert(ALBUMS).values(created=now(self.engine), **values)
        return connection.scalar(store.returning(ALBUMS.c.id))

    def albums(self, account: int) -> list[dict[str, Any]]:
        """The albums of an account, newest first."""
        wanted = sql.select(ALBUMS).where(ALBUMS.c.account == account)
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(ALBUMS.c.id.desc()))

    def album(self, number: int, account: int) -> dict[str, Any] | None:
        """One album of an account."""
        table = ALBUMS.c
        wanted = sql.select(ALBUMS).where(table.id == number, table.account == account)
        with self.engine.connect() as connection:
            return first(connection, wanted)

    def delete_album(self, connection: Any, number: int, account: int) -> bool:
        """Remove an album for good; False where there is none.

        Its pictures go with a ``sweep``.
        """
        table = ALBUMS.c
        gone = sql.delete(ALBUMS).where(table.id == number, table.account == account)
        return connection.execute(gone).rowcount > 0

    def say(
        self, connection: Any, number: int, account: int, good: bool, reasons: list[str]
    ) -> None:
        """Note what an account thinks of a picture; the latest word counts."""
        values = {"good": good, "reasons": reasons, "at": now(self.engine)}
        store = insert(self.engine, FEEDBACK).values(
            picture=number, account=account, **values
        )
        store = store.on_conflict_do_update(
            index_elements=["picture", "account"], set_=values
        )
        connection.execute(store)

    def opinion(self, number: int, account: int) -> dict[str, Any] | None:
        """What an account thinks of a picture, if it said so."""
        table = FEEDBACK.c
        wanted = sql.select(FEEDBACK).where(
            table.picture == number, table.account == account
        )
        with self.engine.connect() as connection:
            return first(connection, wanted)

    def said(self, account: int | None = None) -> list[dict[str, Any]]:
        """All feedback with the pictures that it is about, oldest first."""
        wanted = sql.select(
            FEEDBACK, PICTURES.c.label, PICTURES.c.model, PICTURES.c.raw, PICTURES.c.job
        ).join(PICTURES, FEEDBACK.c.picture == PICTURES.c.id)
        if account is not None:
            wanted = wanted.where(FEEDBACK.c.account == account)
        with self.engine.connect() as connection:
            return rows(connection, wanted.order_by(FEEDBACK.c.at))

    def needed(self, connection: Any) -> Iterable[str]:
        """The blobs that a backup has to hold."""
        for column in (PICTURES.c.blob, PICTURES.c.raw, MODELS.c.blob, ALBUMS.c.blob):
            yield from connection.scalars(sql.select(column).where(column != ""))

    def counts(self) -> dict[str, int]:
        """How many pictures and models there are."""
        with self.engine.connect() as connection:
            return {
                table.name: connection.scalar(
                    sql.select(sql.func.count()).select_from(table)
                )
                for table in (PICTURES, MODELS)
            }


def nearest(asked: np.ndarray, features: dict[int, np.ndarray], most: int) -> list[int]:
    """The numbers whose features lie at the smallest angles to ``asked``."""
    numbers = [i for i, f in features.items() if len(f) == len(asked)]
    if not numbers:
        return []
    table = np.stack([features[i] for i in numbers]).astype(np.float32)
    asked = asked.astype(np.float32)
    lengths = np.linalg.norm(table, axis=1) * np.linalg.norm(asked) + 1e-9
    order = np.argsort(-(table @ asked) / lengths, kind="stable")[:most]
    return [numbers[i] for i in order]
