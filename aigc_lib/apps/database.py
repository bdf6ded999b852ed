"""The database of a project: SQLite in a file or PostgreSQL, and its changes.

Each project keeps the changes of its tables in its folder ``versions`` (Alembic),
beside those of the common tables in ``apps/changes``; ``upgrade`` brings a database of
any age to the newest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ..runtime import optional

sql = optional("sqlalchemy")

TABLES = sql.MetaData()  # of the common tables: accounts, jobs
CHANGES = Path(__file__).parent / "changes"
PATIENCE = 30_000  # milliseconds that a writer of SQLite waits for another
POOL = {"pool_size": 10, "max_overflow": 30}  # connections of one process
_LOCK = 20_261_129  # of PostgreSQL's advisory locks: one upgrade at a time


def in_file(path: Path) -> Any:
    """Return the URL of SQLite in a file; in text a ? or % would not be of its name."""
    return sql.URL.create("sqlite", database=os.fspath(path))


def engine(url: Any) -> Any:
    """Return the SQLAlchemy engine of a database, by its URL in text or ``in_file``.

    SQLite writes ahead and syncs at each commit: what was committed outlives a power
    cut. Its writers wait for one another.

    Raises:
        ValueError: neither a file of SQLite nor PostgreSQL.
    """
    try:
        told = sql.make_url(url)
        if told.drivername == "postgresql":
            told = told.set(drivername="postgresql+psycopg")
        if told.drivername not in ("sqlite", "postgresql+psycopg"):
            raise ValueError(f"{told.drivername} is not supported")
        if not told.database or told.database == ":memory:":
            raise ValueError("it names no database")
        if told.drivername == "sqlite":
            Path(told.database).parent.mkdir(parents=True, exist_ok=True)
            made = sql.create_engine(told, **POOL)
            sql.event.listen(made, "connect", _settle)
            return made
        return sql.create_engine(told, pool_pre_ping=True, **POOL)
    except (sql.exc.ArgumentError, ValueError) as error:
        hidden = re.sub(r":[^:@/]*@", ":***@", str(url))
        raise ValueError(
            f"url={hidden!r}: {error}; give sqlite:///FILE, or "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from None


def insert(made: Any, table: Any) -> Any:
    """The INSERT of this engine that can say ON CONFLICT."""
    return import_module(f"sqlalchemy.dialects.{made.dialect.name}").insert(table)


def now(made: Any) -> Any:
    """The clock of the database in seconds since 1970, as an expression.

    One clock for all machines: theirs may differ.
    """
    if made.dialect.name == "sqlite":
        return sql.literal_column("(julianday('now') - 2440587.5) * 86400.0")
    return sql.literal_column("extract(epoch from clock_timestamp())::float8")


def upgrade(made: Any, *folders: Path) -> None:
    """Bring the tables to the newest version; several processes may do so at once.

    ``folders`` hold the versions of a project, each a module of Alembic; the common
    tables come first. All or nothing, also for SQLite.
    """
    command = optional("alembic.command", install="alembic")
    config = optional("alembic.config").Config()
    config.set_main_option("script_location", str(CHANGES).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    places = os.pathsep.join(str(place) for place in (CHANGES / "versions", *folders))
    config.set_main_option("version_locations", places.replace("%", "%%"))
    with _alone(made) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")


@contextmanager
def _alone(made: Any) -> Any:
    """Lend a connection in the one transaction that may change tables now."""
    with made.connect() as connection:
        if made.dialect.name == "postgresql":
            with connection.begin():
                connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
                yield connection
            return
        # Rebuilding a table that others refer to would empty them.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def rows(connection: Any, wanted: Any) -> list[dict[str, Any]]:
    """Run a SELECT and return its rows as dictionaries."""
    return [dict(row._mapping) for row in connection.execute(wanted)]


def first(connection: Any, wanted: Any) -> dict[str, Any] | None:
    """Run a SELECT and return its first row as a dictionary, if there is one."""
    found: Sequence[dict[str, Any]] = rows(connection, wanted.limit(1))
    return found[0] if found else None


def _settle(connection: Any, _: Any) -> None:
    """Many threads, writers one after another, each commit on the disk."""
    connection.isolation_level = "IMMEDIATE"
    for pragma in (
        f"busy_timeout={PATIENCE}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
