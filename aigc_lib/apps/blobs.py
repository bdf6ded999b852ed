"""Pictures and sounds by their content: in a folder or in S3, by the same code.

The name of a thing is the SHA-256 of its bytes: what is put twice is there once, what
was damaged is noticed, and no user's word ever becomes part of a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ..files import replacing
from ..runtime import optional

MOST = 64 * 2**20  # bytes of one thing
NAME = re.compile(r"[0-9a-f]{64}")
OWNER = "owner"  # no name of a thing


class Damaged(OSError):
    """What is stored under a name is not what was put there."""


class Blobs:
    """The store at ``url``: ``file:///FOLDER``, or ``s3://BUCKET/PREFIX``.

    S3 takes ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and, for a server of one's
    own, ``AWS_ENDPOINT_URL`` from the environment; ``?endpoint=http://HOST:PORT`` in
    the URL does as well. No secret belongs into the URL.

    Raises:
        ValueError: another URL.
    """

    def __init__(self, url: str, *, most: int = MOST):
        store = optional("obstore.store", install="obstore")
        self._api: Any = optional("obstore")
        self.most = most
        parts = urlsplit(url)
        self.folder = None
        if parts.scheme == "file" and parts.path not in ("", "/"):
            self.folder = unquote(parts.path)
            self._store = store.LocalStore(self.folder, mkdir=True)
        elif parts.scheme == "s3" and parts.netloc:
            told = dict(parse_qsl(parts.query))
            endpoint = told.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL")
            settings: dict[str, Any] = {"region": told.get("region", "us-east-1")}
            if endpoint:
                settings["endpoint"] = endpoint
            self._store = store.S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={"allow_http": True},
                **settings,
            )
        else:
            raise ValueError(f"url={url!r}: give file:///FOLDER or s3://BUCKET/PREFIX")

    def put(self, data: bytes) -> str:
        """Store ``data`` and return its name; it is there whole, or not at all.

        What was damaged under that name is replaced. A ``sweep`` spares it as new.

        Raises:
            ValueError: more than ``most`` bytes.
        """
        if len(data) > self.most:
            raise ValueError(f"{len(data):,} bytes: give at most {self.most:,}")
        name = hashlib.sha256(data).hexdigest()
        if self.folder is not None:  # the same names, and on the disk when it returns
            path = os.path.join(self.folder, _path(name))
            if not _renewed(path, name):
                with replacing(path) as temporary:
                    temporary.write_bytes(data)
        else:
            self._api.put(self._store, _path(name), data)
        return name

    def get(self, name: str) -> bytes:
        """Return what is stored under ``name``.

        Raises:
            FileNotFoundError: nothing, or ``name`` is none.
            Damaged: something else than what was put.
        """
        try:
            data = self._api.get(self._store, _path(name)).bytes()
        except FileNotFoundError:
            raise _missing(name) from None
        if hashlib.sha256(data).hexdigest() != name:
            raise Damaged(f"{name} is damaged: restore it from a backup")
        return bytes(data)

    def delete(self, name: str) -> None:
        """Remove what is stored under ``name``; nothing happens where nothing is."""
        with suppress(FileNotFoundError):  # another process may be quicker
            self._api.delete(self._store, _path(name))

    def sweep(self, owner: str, named: Callable[[], Iterable[str]], age: float) -> bool:
        """Remove what nothing names and nobody put for ``age`` seconds.

        ``named`` gives the names that rows have. It is asked after the store was: what
        waits for the commit of its row was put lately, and is spared. A place belongs
        to the first ``owner`` that knows something in it, or finds it empty; for
        another, who does not know what rows name, nothing is removed. Returns whether
        it was swept.
        """
        stored, kept = dict(self._all()), set(named())
        if not self._belongs(owner, claim=not stored or not kept.isdisjoint(stored)):
            return False
        edge = time.time() - age
        for name in {name for name, put in stored.items() if put < edge} - kept:
            put = self._put_at(name)  # perhaps again meanwhile
            if put is not None and put < edge:
                self.delete(name)
        return True

    def has(self, name: str) -> bool:
        """Tell whether something is stored under ``name``."""
        return self._put_at(name) is not None

    def __iter__(self) -> Iterator[str]:
        """The names of all that is stored."""
        return (name for name, _ in self._all())

    def _all(self) -> Iterator[tuple[str, float]]:
        """The names of all that is stored, and when each was put last."""
        for piece in self._api.list(self._store):
            for thing in piece:
                name = thing["path"].replace("/", "")
                if NAME.fullmatch(name):
                    yield name, thing["last_modified"].timestamp()

    def _belongs(self, owner: str, *, claim: bool) -> bool:
        """Whether the place is ``owner``'s; it is from now on where it is nobody's."""
        try:
            found = self._api.get(self._store, OWNER).bytes()
        except FileNotFoundError:
            if claim:
                self._api.put(self._store, OWNER, owner.encode())
            return claim
        return bytes(found) == owner.encode()

    def _put_at(self, name: str) -> float | None:
        """When a thing was put last, in seconds since 1970; None where it is not."""
        try:
            told = self._api.head(self._store, _path(name))
        except FileNotFoundError:
            return None
        return told["last_modified"].timestamp()


def _renewed(path: str, name: str) -> bool:
    """Whether a file holds what its name says; it counts as put now."""
    try:
        os.utime(path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == name
    except FileNotFoundError:
        return False


def _path(name: str) -> str:
    if not NAME.fullmatch(name):
        raise _missing(name)
    return f"{name[:2]}/{name[2:]}"


def _missing(name: str) -> FileNotFoundError:
    return FileNotFoundError(f"name={name[:80]!r}: there is no such thing")
