"""Export and import of all that an account has, as a ZIP file with checksums."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

from ...codecs.mark import SIZE
from ..accounts import Account, OverQuota
from ..database import rows, sql
from .store import FEEDBACK, PICTURES, Store
from .studio import outward, pixels_of, plain_png
from .upload import shown

LIST = "pictures.json"
MOST_PICTURES = 100_000
MOST_BYTES = 2**20  # of one picture
ACTIONS = ("make", "paint", "vary", "change", "walk", "move")
KEPT = ("label", "action", "number", "favourite", "created", "mark", "recipe")


def exported(store: Store, account: int) -> Iterator[bytes]:
    """Yield the bytes of a ZIP file with an account's pictures and feedback."""
    table = PICTURES.c
    wanted = sql.select(PICTURES).where(
        table.account == account, table.deleted.is_(None), table.blob != ""
    )
    said = sql.select(FEEDBACK).where(FEEDBACK.c.account == account)
    with store.engine.connect() as connection:
        pictures = rows(connection, wanted.order_by(table.id))
        opinions = {row["picture"]: row for row in rows(connection, said)}
    listed = []
    for row in pictures:
        told = {name: row[name] for name in (*KEPT, "id", "parent", "job")}
        told |= {"png": row["blob"], "pixels": row["raw"]}
        if row["id"] in opinions:
            opinion = opinions[row["id"]]
            told["feedback"] = {k: opinion[k] for k in ("good", "reasons")}
        listed.append(told)
    with tempfile.TemporaryFile() as out:
        with zipfile.ZipFile(out, "w") as file:
            for row in pictures:
                file.writestr(f"pictures/{row['id']}.png", store.blobs.get(row["blob"]))
                file.writestr(f"pixels/{row['id']}.png", store.blobs.get(row["raw"]))
            file.writestr(LIST, json.dumps({"version": 1, "pictures": listed}))
        out.seek(0)
        while piece := out.read(2**20):
            yield piece


class Refused(ValueError):
    """A file that is not imported; it says why, in Chinese."""


def imported(
    platform: Any, account: Account, data: bytes, source: str = ""
) -> dict[str, int]:
    """Add the pictures of an exported file to an account; those that it has stay.

    Each new picture is read and its checksum compared before anything is stored; all or
    nothing. Its mark is made anew. It costs quota, a picture each, and no more are read
    than the account may add.

    Raises:
        ValueError: no such file, damaged, or changed; in Chinese.
        OverQuota: more pictures than the account may add today.
    """
    store = platform.store
    try:
        if data.count(b"PK\x01\x02") > 2 * MOST_PICTURES + 1:  # so begins each entry
            raise Refused("图片太多。")
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            listed = json.loads(_bounded(file, LIST, 64 * 2**20))["pictures"]
            if len(listed) > MOST_PICTURES:
                raise Refused("图片太多。")
            found = [_told(one) for one in listed]
            for names in (("id",), ("job", "number")):
                if len({tuple(p[n] for n in names) for p in found}) < len(found):
                    raise Refused("目录里有一张图写了两次。")
            with store.engine.connect() as connection:
                new = [p for p in found if _had(connection, account.id, p) is None]
            left = platform.accounts.left(account)
            if len(new) > left:
                raise OverQuota(left)
            for picture in new:
                _read(file, picture)
    except (Refused, OverQuota):
        raise
    except Exception as error:  # a file from outside is damaged in any way
        raise Refused(f"不是导出的文件，或已损坏（{type(error).__name__}）。") from None
    for picture in new:
        picture["blob"] = store.blobs.put(picture["png"])
        picture["raw"] = store.blobs.put(picture["pixels"])
    with store.engine.begin() as connection:
        store.turn(connection, account.id)  # the same file may come twice at once
        added = _add(store, connection, account.id, found)
        if added:
            platform.accounts.spend(connection, account, added)
        told = {"new": added, "all": len(found)}
        platform.accounts.note(
            account.id, "import", told, source, connection=connection
        )
    return {"new": added, "known": len(found) - added}


def _had(connection: Any, account: int, picture: dict[str, Any]) -> int | None:
    """The number of a picture of an import that the account has already."""
    table = PICTURES.c
    at = [(job, picture["number"]) for job in (_job(account, picture), picture["job"])]
    wanted = sql.select(table.id).where(
        table.account == account, sql.tuple_(table.job, table.number).in_(at)
    )
    return connection.scalar(wanted)


def _job(account: int, picture: dict[str, Any]) -> str:
    """What stands for the job of a picture of an import."""
    return hashlib.sha256(f"{account} {picture['job']}".encode()).hexdigest()[:32]


def _add(store: Store, connection: Any, account: int, found: list[dict]) -> int:
    """Insert pictures with their parents and feedback; returns how many were new."""
    numbers: dict[int, int] = {}
    new = 0
    for picture in sorted(found, key=lambda one: one["id"]):
        had = _had(connection, account, picture)
        if had is None:
            row = {name: picture[name] for name in (*KEPT, "blob", "raw", "features")}
            row |= {"account": account, "job": _job(account, picture), "model": None}
            row["parent"] = numbers.get(picture["parent"])
            had = connection.scalar(
                PICTURES.insert().values(row).returning(PICTURES.c.id)
            )
            new += 1
            if picture["feedback"] is not None:
                store.say(connection, had, account, **picture["feedback"])
        numbers[picture["id"]] = had
    return new


def _told(told: dict[str, Any]) -> dict[str, Any]:
    """Check what an import says of one picture."""
    number = int(told["id"])
    picture = {
        "id": number,
        "parent": None if told["parent"] is None else int(told["parent"]),
        "number": int(told["number"]),
        "job": shown(str(told["job"]))[:32],
        "label": shown(str(told["label"]))[:80],
        "action": told["action"],
        "favourite": told["favourite"] is True,
        "created": float(told["created"]),
        "recipe": told["recipe"],
        "feedback": _opinion(told.get("feedback")),
        "sums": (told["png"], told["pixels"]),
    }
    sane = 0 <= picture["number"] < 2**31 and 0 <= picture["created"] < 2**33
    sane = sane and picture["action"] in ACTIONS
    if not sane or not isinstance(picture["recipe"], dict):
        raise Refused(f"第 {number} 张的说明不对。")
    return picture


def _read(file: zipfile.ZipFile, picture: dict[str, Any]) -> None:
    """Check one picture of an import down to its pixels, and make it anew."""
    number = picture["id"]
    for folder, digest in zip(("pictures", "pixels"), picture["sums"], strict=True):
        data = _bounded(file, f"{folder}/{number}.png", MOST_BYTES)
        if hashlib.sha256(data).hexdigest() != digest:
            raise Refused(f"第 {number} 张的校验和不对：文件被改过或损坏。")
    try:
        pixels = pixels_of(data)
        if max(pixels.shape[1:]) > SIZE or pixels.shape[1] != pixels.shape[2]:
            raise ValueError
        # what leaves the house is made anew: the file is not believed
        picture |= outward(pixels, picture["recipe"])
    except Exception:
        raise Refused(f"第 {number} 张不是完整的图。") from None
    picture["pixels"] = plain_png(pixels)


def _opinion(told: Any) -> dict[str, Any] | None:
    if told is None:
        return None
    reasons = [shown(str(reason))[:20] for reason in told["reasons"][:10]]
    return {"good": told["good"] is True, "reasons": reasons}


def _bounded(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    with file.open(name) as entry:
        data = entry.read(most + 1)
    if len(data) > most:
        raise Refused(f"{name} 太大。")
    return data
