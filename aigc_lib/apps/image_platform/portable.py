"""Export and import of all that an account has, as a ZIP file with checksums."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from ...codecs.mark import SIZE
from ..accounts import Account, OverQuota, turn
from ..blobs import Damaged
from ..database import rows, sql
from ..refused import Refused
from . import trainer, upload
from .platform import COST_TRAIN
from .store import FEEDBACK, MODELS, PICTURES, Store
from .studio import described, outward, pixels_of, plain_png
from .upload import MOST_ALL, shown
from .wishes import plain

LIST, GAPS = "pictures.json", "缺失.txt"
MOST_PICTURES = 100_000
MOST_OTHERS = 10_000  # entries of a file that are no pictures
MOST_BYTES = 2**20  # of one picture
MOST_FILE = 64 * 2**20  # bytes of one album or model
ACTIONS = ("make", "paint", "vary", "change", "walk", "move")
KEPT = ("label", "action", "number", "favourite", "created", "mark", "recipe")


def exported(store: Store, account: int) -> tuple[Iterator[bytes], list[str]]:
    """Return the bytes of a ZIP file with all that an account has, and what is missing.

    Its pictures with its opinions of them, its albums, and the models of its own. What
    has no whole file in the store any more is left out; it is named, in Chinese, in
    the list of the file and in ``GAPS`` beside it.
    """
    table = PICTURES.c
    wanted = sql.select(PICTURES).where(
        table.account == account, table.deleted.is_(None), table.blob != ""
    )
    said = sql.select(FEEDBACK).where(FEEDBACK.c.account == account)
    own = sql.select(MODELS).where(MODELS.c.account == account).order_by(MODELS.c.id)
    files = {"albums": store.albums(account)[::-1]}  # the oldest first
    with store.engine.connect() as connection:
        files["models"] = rows(connection, own)
        pictures = rows(connection, wanted.order_by(table.id))
        opinions = {row["picture"]: row for row in rows(connection, said)}
    out = tempfile.TemporaryFile()  # noqa: SIM115, closed by ``_pieces``
    listed, missing = [], []
    told: dict[str, Any] = {"version": 2, "pictures": listed, "missing": missing}

    def written(file: zipfile.ZipFile, called: str, **entries: str) -> bool:
        """Write the blobs of one thing under their names, or note that it lacks one."""
        try:
            found = {name: store.blobs.get(blob) for name, blob in entries.items()}
        except (FileNotFoundError, Damaged):
            missing.append(called)
            return False
        for name, data in found.items():
            file.writestr(name, data)
        return True

    with zipfile.ZipFile(out, "w") as file:
        for row in pictures:
            name = f"{row['id']}.png"
            blobs = {f"pictures/{name}": row["blob"], f"pixels/{name}": row["raw"]}
            if written(file, f"第 {row['id']} 张图", **blobs):
                listed.append(_listed(row, opinions.get(row["id"])))
        for kind, found in files.items():
            called = {"albums": "图片", "models": "模型"}[kind]
            told[kind] = [
                {name: row[name] for name in ("id", "title", "classes", "blob")}
                for row in found
                if written(
                    file,
                    f"{called}“{row['title']}”",
                    **{f"{kind}/{row['id']}.safetensors": row["blob"]},
                )
            ]
        file.writestr(LIST, json.dumps(told))
        if missing:
            lines = ["这些的文件不在了，或已损坏，没有导出：", *missing]
            file.writestr(GAPS, "\n".join(lines) + "\n")
    return _pieces(out), missing


def _listed(row: dict[str, Any], opinion: dict[str, Any] | None) -> dict[str, Any]:
    """What the list of an export says of one picture."""
    told = {name: row[name] for name in (*KEPT, "id", "parent", "job")}
    told |= {"png": row["blob"], "pixels": row["raw"]}
    if opinion:
        told["feedback"] = {name: opinion[name] for name in ("good", "reasons")}
    return told


def _pieces(file: Any) -> Iterator[bytes]:
    """Yield what was written to a file, and close it."""
    with file:
        file.seek(0)
        while piece := file.read(2**20):
            yield piece


def imported(
    platform: Any, account: Account, data: bytes, source: str = ""
) -> dict[str, int]:
    """Add what an exported file holds to an account; what it has stays.

    Each new thing is read and its checksum compared before anything is stored; all or
    nothing. Marks are made anew. A picture whose model the account may use is one of
    that model from then on, and still an imported one. Models come without the figures
    of their judge, and so are never published. Each new picture costs quota, and each
    new model as much as a training; no more are read than the account may add. Returns
    how many pictures are ``new`` and ``known``, and how many ``albums`` and ``models``
    are new.

    Raises:
        ValueError: no such file, damaged, changed, or too many albums; in Chinese.
        OverQuota: more than the account may add today.
    """
    store = platform.store
    try:
        most = 2 * MOST_PICTURES + MOST_OTHERS
        if data.count(b"PK\x01\x02") > most:  # so begins each entry
            raise Refused("图片太多。")
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if sum(entry.file_size for entry in file.infolist()) > MOST_ALL:
                raise Refused("解开后太大。")
            told = json.loads(_bounded(file, LIST, 64 * 2**20))
            if len(told["pictures"]) > MOST_PICTURES:
                raise Refused("图片太多。")
            found = [_told(one) for one in told["pictures"]]
            for names in (("id",), ("job", "number")):
                if len({tuple(p[n] for n in names) for p in found}) < len(found):
                    raise Refused("目录里有一张图写了两次。")
            with store.engine.connect() as connection:
                new = [p for p in found if _had(connection, account.id, p) is None]
            # earlier versions wrote pictures only
            had = store.albums(account.id)
            albums = _others(told.get("albums", []), had)
            models = _others(told.get("models", []), store.models(account.id))
            left = platform.accounts.left(account)
            if len(new) + COST_TRAIN * len(models) > left:
                raise OverQuota(left)
            if albums and len(albums) + len(had) > upload.MOST_ALBUMS:
                raise _full()
            for album in albums:
                _read_album(file, album)
            for model in models:
                _read_model(file, model)
            for picture in new:
                _read(file, picture)
    except (Refused, OverQuota):
        raise
    except Exception:  # a file from outside is damaged in any way
        raise Refused("不是导出的文件，或已损坏。") from None
    for picture in new:
        picture["blob"] = store.blobs.put(picture["png"])
        picture["raw"] = store.blobs.put(picture["pixels"])
    for one in (*albums, *models):
        store.blobs.put(one["data"])
    with store.engine.begin() as connection:
        turn(connection, account.id)  # the same file may come twice at once
        told = {
            "albums": _add_albums(store, connection, account.id, albums),
            "models": _add_models(store, connection, account.id, models),
            "new": _add(store, connection, account.id, found),
        }
        cost = told["new"] + COST_TRAIN * told["models"]
        if cost:
            platform.accounts.spend(connection, account, cost)
        told["known"] = len(found) - told["new"]
        platform.accounts.note(
            account.id, "import", told, source, connection=connection
        )
    return told


def _full() -> Refused:
    return Refused(f"最多留 {upload.MOST_ALBUMS} 批图片：先删掉用不着的，再导入。")


def _others(listed: list, had: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Check what an import says of its albums or models; returns the new ones."""
    if len(listed) > MOST_OTHERS:
        raise Refused("图片或模型太多。")
    found = {}
    for told in listed:
        one = {"id": int(told["id"]), "blob": str(told["blob"])}
        one["title"] = plain(str(told["title"]))[:80] or "（无名）"
        found[one["blob"]] = one | {"classes": told["classes"]}
    return _new(found.values(), had)


def _new(found: Iterable[dict], had: Iterable[dict]) -> list[dict[str, Any]]:
    """Return what is found whose file is of nothing that is had."""
    blobs = {row["blob"] for row in had}
    return [one for one in found if one["blob"] not in blobs]


def _add_albums(store: Store, connection: Any, account: int, new: list[dict]) -> int:
    """Insert albums that have not come meanwhile; returns how many."""
    new = _new(new, store.albums(account))
    for album in new:
        told = {name: album[name] for name in ("title", "blob", "classes", "n")}
        told |= {"account": account, "refused": []}
        if store.add_album(connection, upload.MOST_ALBUMS, **told) is None:
            raise _full()
    return len(new)


def _add_models(store: Store, connection: Any, account: int, new: list[dict]) -> int:
    """Insert models that have not come meanwhile; returns how many."""
    new = _new(new, store.models(account, connection))
    for model in new:
        told = {"account": account, "published": False, "figures": {}}
        told |= {name: model[name] for name in ("title", "blob")}
        store.add_model(connection, **told, **model["described"])
    return len(new)


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
    # of the same file the oldest
    usable = {row["blob"]: row["id"] for row in store.models(account, connection)}
    new = 0
    for picture in sorted(found, key=lambda one: one["id"]):
        had = _had(connection, account, picture)
        if had is None:
            row = {name: picture[name] for name in (*KEPT, "blob", "raw", "features")}
            row |= {"account": account, "job": _job(account, picture)}
            row["model"] = usable.get(str(picture["recipe"].get("model_sha256")))
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
        data = _summed(
            file, f"{folder}/{number}.png", MOST_BYTES, digest, f"第 {number} 张"
        )
    try:
        pixels = pixels_of(data)
        if max(pixels.shape[1:]) > SIZE or pixels.shape[1] != pixels.shape[2]:
            raise ValueError
        # what leaves the house is made anew: the file is not believed
        picture |= outward(pixels, picture["recipe"])
    except Exception:
        raise Refused(f"第 {number} 张不是完整的图。") from None
    picture["pixels"] = plain_png(pixels)


def _read_album(file: zipfile.ZipFile, album: dict[str, Any]) -> None:
    """Check one album of an import down to its pixels."""
    name, told = f"albums/{album['id']}.safetensors", f"图片“{album['title']}”"
    data = _summed(file, name, MOST_FILE, album["blob"], told)
    try:
        album["data"] = upload.brought(data, album["classes"])
    except Exception:
        raise Refused(f"{told}不是上传后留下的那种文件，或已损坏。") from None
    album["n"] = len(upload.unpacked(data)[0])


def _read_model(file: zipfile.ZipFile, model: dict[str, Any]) -> None:
    """Check one model of an import down to its weights."""
    name, told = f"models/{model['id']}.safetensors", f"模型“{model['title']}”"
    data = _summed(file, name, MOST_FILE, model["blob"], told)
    try:
        classes = upload.names(model["classes"])
        model["described"] = described(trainer.brought(data, classes), classes)
    except Exception:
        raise Refused(f"{told}不是“训练”页上训练的那种文件，或已损坏。") from None
    model["data"] = data


def _opinion(told: Any) -> dict[str, Any] | None:
    if told is None:
        return None
    reasons = [shown(str(reason))[:20] for reason in told["reasons"][:10]]
    return {"good": told["good"] is True, "reasons": reasons}


def _summed(
    file: zipfile.ZipFile, name: str, most: int, digest: str, told: str
) -> bytes:
    """Read one entry of an import, where it is what the list says."""
    data = _bounded(file, name, most)
    if hashlib.sha256(data).hexdigest() != digest:
        raise Refused(f"{told}的校验和不对：文件被改过或损坏。")
    return data


def _bounded(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    with file.open(name) as entry:
        data = entry.read(most + 1)
    if len(data) > most:
        raise Refused(f"{name} 太大。")
    return data
