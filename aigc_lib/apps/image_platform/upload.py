"""Pictures from outside: each is looked at before it is read, and made anew.

What is kept are the pixels of a square of one size. Nothing else of a file comes in: no
name as a path, no metadata, nothing that hangs behind the picture.
"""

from __future__ import annotations

import io
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import torch
from PIL import Image
from safetensors.torch import load, save
from torch import Tensor

from ...data.own.folder import LeftOut
from ...data.own.pictures import FORMATS, looked_at, square
from ..refused import Refused

MOST_FILE = 20 * 2**20  # bytes of one picture
MOST_PIXELS = 40_000_000
LEAST_SIDE = 8  # pixels
MOST_FILES = 5_000
MOST_ALL = 512 * 2**20  # bytes of all that a ZIP file holds, unpacked
MOST_RATIO = 200  # of unpacked to packed: beyond, it is a bomb
LEAST = 20  # pictures from which something can be learned
SIDE = 64  # pixels of what is kept
MOST_ALBUMS = 20  # of an account
OTHER = "未分类"


class Album(NamedTuple):
    """What an upload holds: ``x`` (N, 3, S, S) uint8, ``y`` (N,), class names.

    ``refused`` tells of each file that is not in it why.
    """

    x: Tensor
    y: Tensor
    classes: tuple[str, ...]
    refused: list[tuple[str, str]]


def one(data: bytes, size: int, channels: int = 3) -> Tensor:
    """Read one picture as (``channels``, ``size``, ``size``) uint8.

    It is turned as its EXIF data say, laid on white, cropped to the middle square; of
    an animation the first frame counts.

    Raises:
        Refused: no picture, damaged, too large or too small.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(data)
        return _read(path, size, channels)


def opened(data: bytes, most: int = 2_048) -> Tensor:
    """Read one picture at its own size, (3, H, W) uint8, sides at most ``most``.

    Raises:
        Refused: as ``one``, or larger than ``most``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(data)
        _look(path)
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if max(width, height) > most:
                raise Refused(f"边长超过 {most:,} 像素：请先缩小。")
            try:
                pixels = image.convert("RGB").tobytes()
            except Exception:  # a damaged file makes PIL fail in any way
                raise Refused("文件损坏或不完整。") from None
    raw = torch.frombuffer(bytearray(pixels), dtype=torch.uint8)
    return raw.view(height, width, 3).movedim(2, 0)


def read(files: Iterable[tuple[str, bytes]], size: int = SIDE) -> Album:
    """Read named files, pictures or ZIP files of pictures, as an album.

    The class of a picture is the folder that it lies in. What cannot be used is refused
    with its reason, and the rest is kept.

    Raises:
        Refused: fewer than ``LEAST`` different pictures can be used; it says why.
    """
    kept: list[tuple[str, Tensor]] = []
    refused: list[tuple[str, str]] = []
    for seen, (name, data) in enumerate(_unpacked(files, refused)):
        if seen == MOST_FILES:
            raise Refused(f"文件超过 {MOST_FILES:,} 个：请分几次上传。")
        try:
            kept.append((_label(name), one(data, size)))
        except ValueError as error:
            refused.append((shown(name), str(error)))
    different = _different(pixels for _, pixels in kept)
    if different < LEAST:
        told = "；".join(f"{name}：{why}" for name, why in refused[:3])
        alike = "" if different == len(kept) else "（相同的算一张）"
        raise Refused(
            f"能用的图片只有 {different} 张{alike}，至少要 {LEAST} 张。{told}"
        )
    classes = tuple(sorted({label for label, _ in kept}))
    y = torch.tensor([classes.index(label) for label, _ in kept])
    return Album(torch.stack([pixels for _, pixels in kept]), y, classes, refused)


def packed(album: Album) -> bytes:
    """The bytes of an album's pictures, for the store."""
    return save({"x": album.x.contiguous(), "y": album.y})


def unpacked(data: bytes) -> tuple[Tensor, Tensor]:
    """What ``packed`` wrote: ``x`` and ``y``."""
    found = load(data)
    return found["x"], found["y"]


def brought(data: bytes, classes: list[str]) -> bytes:
    """Check what ``packed`` wrote elsewhere as strictly as an upload; returns it anew.

    Raises:
        ValueError: ``read`` would not have made this of any upload; of a damaged file,
            what safetensors raises.
    """
    x, y = unpacked(data)
    right = (
        (x.dtype, tuple(x.shape[1:])) == (torch.uint8, (3, SIDE, SIDE))
        and (y.dtype, y.shape) == (torch.int64, x.shape[:1])
        and len(x) <= MOST_FILES
        and _different(x) >= LEAST
        and y.unique().tolist() == list(range(len(names(classes))))
        and packed(Album(x, y, tuple(classes), [])) == data
    )
    if not right:
        raise ValueError("no album of ours")
    return data


def names(classes: list[str]) -> list[str]:
    """Return the names of classes that ``read`` could have found.

    Raises:
        ValueError: it could not.
    """
    possible = sorted({_named(name) for name in classes[:MOST_FILES]} - {""})
    if classes != possible:
        raise ValueError("no classes of ours")
    return possible


def shown(name: str) -> str:
    """A file's name as a page may show it: one short line."""
    plain = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip()
    return plain if len(plain) <= 60 else f"…{plain[-59:]}"


def _named(text: str) -> str:
    return shown(text)[:40].strip()


def _different(pictures: Iterable[Tensor]) -> int:
    return len({pixels.numpy().tobytes() for pixels in pictures})


def _read(path: Path, size: int, channels: int) -> Tensor:
    _look(path)
    try:
        return square(path, channels, size)
    except LeftOut as reason:
        raise Refused(f"{reason.chinese}。") from None


def _look(path: Path) -> None:
    """Refuse by its size and its header what is not to be decoded."""
    if path.stat().st_size > MOST_FILE:
        raise Refused(f"超过 {MOST_FILE // 2**20} MiB。")
    if not path.stat().st_size:
        raise Refused("空文件。")
    try:
        least, _ = looked_at(path)
    except LeftOut as reason:
        raise Refused(f"{reason.chinese}。") from None
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise Refused("像素太多。")
    if least < LEAST_SIDE:
        raise Refused(f"短边只有 {least} 像素，至少要 {LEAST_SIDE}。")


def _label(name: str) -> str:
    """The folder of a file within what was chosen, as a class; never as a path."""
    folders = PurePosixPath(name.replace("\\", "/")).parts[:-1]
    label = _named(folders[-1]) if folders else ""
    return label if label not in ("", ".", "/") else OTHER


def _unpacked(
    files: Iterable[tuple[str, bytes]], refused: list[tuple[str, str]]
) -> Iterator[tuple[str, bytes]]:
    """Yield the files, and for a ZIP file what it holds, as long as that is sane."""
    left = MOST_ALL
    for name, data in files:
        if _hidden(name):
            continue
        if not data.startswith(b"PK\x03\x04"):
            if len(data) > left:
                raise Refused(f"全部超过 {MOST_ALL // 2**20} MiB：请分几次上传。")
            left -= len(data)
            yield name, data
            continue
        # Each entry begins so: what lists millions of them is not even opened.
        if data.count(b"PK\x01\x02") > 2 * MOST_FILES:
            raise Refused(f"{shown(name)}：文件超过 {MOST_FILES:,} 个。")
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
            entries = [e for e in archive.infolist() if not e.is_dir()]
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            refused.append((shown(name), "压缩包损坏。"))
            continue
        for entry in entries[: MOST_FILES + 1]:
            if _hidden(entry.filename):
                continue
            try:
                content = _entry(archive, entry, left)
            except ValueError as error:
                refused.append((shown(entry.filename), str(error)))
                continue
            left -= len(content)
            yield entry.filename, content


def _entry(archive: zipfile.ZipFile, entry: Any, left: int) -> bytes:
    """Read one file of a ZIP file, never more of it than is allowed."""
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    drive = ":" in "".join(parts[:1])
    if ".." in parts or entry.filename.startswith(("/", "\\")) or drive:
        raise Refused("名字里有上级目录或绝对路径，不收。")
    if entry.flag_bits & 1:
        raise Refused("压缩包有密码，打不开。")
    most = min(MOST_FILE, left)
    bomb = entry.file_size > MOST_RATIO * max(entry.compress_size, 1_000)
    if bomb or entry.file_size > most:
        raise Refused("解开后太大。")
    try:
        with archive.open(entry) as file:
            content = file.read(most + 1)
    except Exception:  # damaged in any way
        raise Refused("压缩包里的这一项损坏。") from None
    if len(content) > most:
        raise Refused("解开后太大。")
    return content


def _hidden(name: str) -> bool:
    """What systems put beside pictures without being asked."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(p.startswith((".", "__MACOSX")) and p != ".." for p in parts) or (
        bool(parts) and parts[-1] in ("Thumbs.db", "desktop.ini")
    )
