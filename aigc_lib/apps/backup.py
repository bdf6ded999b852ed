"""Backup and restore of a whole project: tables and blobs in one checked ZIP file.

The form knows no database: what SQLite wrote PostgreSQL reads, and a folder's pictures
go back into S3. Jobs that were open are accepted anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from ..files import replacing
from .blobs import Blobs
from .database import rows, sql
from .jobs import EXECUTORS, Jobs

MANIFEST = "manifest.json"


class Spoiled(ValueError):
    """A file that is no whole backup."""


def backup(
    path: str | os.PathLike,
    project: str,
    made: Any,
    tables: Iterable[Any],
    blobs: Blobs | None = None,
    needed: Callable[[Any], Iterable[str]] | None = None,
) -> dict[str, int]:
    """Write a backup while the service runs; returns how many rows and blobs it has.

    ``tables`` in an order in which they can be filled; ``needed`` names the blobs that
    the tables speak of, on a connection that sees one moment of the database.

    Raises:
        FileNotFoundError: a blob that the tables need is not there.
    """
    told: dict[str, Any] = {"project": project, "tables": {}, "blobs": 0}
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        with _moment(made) as connection:
            for table in _kept(tables):
                lines = [
                    json.dumps(_plain(r)) for r in rows(connection, table.select())
                ]
                data = "\n".join(lines).encode()
                digest = hashlib.sha256(data).hexdigest()
                told["tables"][table.name] = {"rows": len(lines), "sha256": digest}
                deflated = zipfile.ZIP_DEFLATED
                file.writestr(f"tables/{table.name}.jsonl", data, deflated)
            names = sorted(set(needed(connection))) if needed and blobs else []
        for name in names:
            try:
                file.writestr(f"blobs/{name}", blobs.get(name))
            except FileNotFoundError:
                raise FileNotFoundError(
                    f"{name} is missing in the store of files: put blobs/{name} of an "
                    f"earlier backup back as {name[:2]}/{name[2:]}, and try again"
                ) from None
        told["blobs"] = len(names)
        file.writestr(MANIFEST, json.dumps(told, indent=1))
    return {
        "rows": sum(table["rows"] for table in told["tables"].values()),
        "blobs": told["blobs"],
    }


def restore(
    path: str | os.PathLike,
    project: str,
    made: Any,
    tables: Iterable[Any],
    blobs: Blobs | None = None,
    jobs: Jobs | None = None,
) -> dict[str, int]:
    """Fill an empty database, which ``upgrade`` has seen, and the store of blobs.

    Everything is checked before anything is written into a table; all or nothing.

    Raises:
        Spoiled: no whole backup of this project.
        ValueError: the database is not empty.
    """
    tables = list(_kept(tables))
    with _opened(path) as file, _whole(path):
        told = _manifest(file, project)
        filled = {t.name: _lines(file, t, told["tables"].get(t.name)) for t in tables}
        names = [n[6:] for n in file.namelist() if n.startswith("blobs/")]
        if len(names) != told["blobs"]:
            raise Spoiled(f"{path}: blobs are missing: take another backup")
        with made.connect() as connection:
            for table in tables:
                count = sql.select(sql.func.count()).select_from(table)
                if connection.scalar(count):
                    raise ValueError(
                        f"table {table.name} has rows: restore into an empty database"
                    )
        for name in names:
            data = file.read(f"blobs/{name}")
            if hashlib.sha256(data).hexdigest() != name:
                raise Spoiled(f"{path}: blob {name} is damaged")
            blobs.put(data)
    with made.begin() as connection:
        for table in tables:
            if lines := filled[table.name]:
                # A row may refer to an earlier one of its table, and PostgreSQL lists
                # a changed row last.
                key = [column.name for column in table.primary_key]
                lines.sort(key=lambda row, key=key: [row[name] for name in key])
                connection.execute(table.insert(), lines)
            _count_on(connection, table)
        if jobs is not None:
            jobs.requeue(connection)
    return {"rows": sum(map(len, filled.values())), "blobs": len(names)}


def _kept(tables: Iterable[Any]) -> Iterable[Any]:
    passing = (EXECUTORS.name, "sessions")  # true only of processes and browsers now
    return (table for table in tables if table.name not in passing)


def _moment(made: Any) -> Any:
    """A connection that sees the database as it is now, whatever others write."""
    connection = made.connect()
    if made.dialect.name == "postgresql":
        return connection.execution_options(isolation_level="REPEATABLE READ")
    connection.exec_driver_sql("BEGIN")
    return connection


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return {"base64": base64.b64encode(value).decode()}
        return value.isoformat() if isinstance(value, date) else value

    return {name: plain(value) for name, value in row.items()}


def _back(kind: Any, value: Any) -> Any:
    """Undo ``_plain`` of a value, by the kind of its column."""
    if isinstance(kind, sql.LargeBinary) and isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return date.fromisoformat(value) if isinstance(kind, sql.Date) and value else value


def _opened(path: str | os.PathLike) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(Path(path))
    except zipfile.BadZipFile:
        raise Spoiled(f"{path} is no backup: give a file that backup wrote") from None


@contextmanager
def _whole(path: str | os.PathLike) -> Iterator[None]:
    """Say of what does not come out of a ZIP file that the file is damaged."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise Spoiled(f"{path} is damaged ({error}): take another backup") from None


def _manifest(file: zipfile.ZipFile, project: str) -> dict[str, Any]:
    try:
        told = json.loads(file.read(MANIFEST))
    except (KeyError, ValueError, zipfile.BadZipFile):
        raise Spoiled(f"{file.filename}: no {MANIFEST}: it is no backup") from None
    if told["project"] != project:
        raise Spoiled(
            f"{file.filename} is a backup of {told['project']}: give {project}'s"
        )
    return told


def _lines(file: zipfile.ZipFile, table: Any, told: Any) -> list[dict[str, Any]]:
    if told is None:  # a table that came later
        return []
    data = file.read(f"tables/{table.name}.jsonl")
    if hashlib.sha256(data).hexdigest() != told["sha256"]:
        raise Spoiled(f"{file.filename}: table {table.name} is damaged")
    kinds = {column.name: column.type for column in table.columns}
    lines = data.decode().splitlines()
    try:
        return [
            {name: _back(kinds[name], value) for name, value in row.items()}
            for row in map(json.loads, lines)
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Spoiled(
            f"{file.filename}: table {table.name} holds what no backup writes"
        ) from None


def _count_on(connection: Any, table: Any) -> None:
    """Let PostgreSQL go on numbering after the rows that brought their numbers."""
    column = table.primary_key.columns.values()[0]
    counts = isinstance(column.type, sql.Integer) and not column.foreign_keys
    if connection.dialect.name != "postgresql" or not counts:
        return
    highest = connection.scalar(sql.select(sql.func.max(column)))
    if highest is not None:
        sequence = sql.func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(sql.select(sql.func.setval(sequence, highest)))
