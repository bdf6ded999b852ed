"""Readers of image files: IDX, CIFAR-10, archived JPEGs, a sprite, sklearn's digits."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
import math
import re
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from ..catalog import Card
from ..download import CorruptFile


def read_idx(path: Path, dimensions: int) -> Tensor:
    """Read a gzipped IDX file of unsigned bytes into a tensor of so many dimensions.

    Layout: two zero bytes, the type (8 = unsigned byte), the number of dimensions,
    each size as a big-endian 32-bit integer, then the values.

    Raises:
        CorruptFile: not gzip or cut short, another magic number, or a length that does
            not fit the sizes in the header.
    """
    try:
        raw = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CorruptFile(f"{path} is no whole gzip file: {error}") from None
    magic = bytes([0, 0, 8, dimensions])
    if raw[:4] != magic:
        raise CorruptFile(
            f"{path} has magic number 0x{raw[:4].hex()}, expected 0x{magic.hex()}"
        )
    header = 4 + 4 * dimensions
    shape = struct.unpack(f">{dimensions}I", raw[4:header].ljust(4 * dimensions, b"\0"))
    if len(raw) != header + math.prod(shape):
        raise CorruptFile(
            f"{path} holds {len(raw) - header:,} values, its header says {shape}"
        )
    values = np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
    return torch.from_numpy(values.copy())


def read_idx_pair(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read images (N, 1, H, W) and labels (N,), whose files come in this order."""
    images, labels = read_idx(paths[0], 3), read_idx(paths[1], 1)
    return images.unsqueeze(1), labels.long()


CIFAR10_MEMBERS = {
    "train": [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)],
    "test": ["cifar-10-batches-bin/test_batch.bin"],
}


def read_cifar10(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read one split of CIFAR-10 from the binary archive, without unpacking to disk.

    A record is one label byte, then the red, green and blue planes row by row.

    Raises:
        CorruptFile: not a whole archive, a member missing, or of another length.
    """
    names = CIFAR10_MEMBERS[split]
    record = 1 + math.prod(card.shape)
    expected = card.splits[split] * record // len(names)
    found = {}
    try:
        with tarfile.open(paths[0], "r:gz") as archive:
            for member in archive:
                if member.name not in names:
                    continue
                if not member.isreg() or member.size != expected:
                    raise CorruptFile(
                        f"{paths[0]}: {member.name} has {member.size:,} bytes, "
                        f"expected a file of {expected:,}"
                    )
                found[member.name] = archive.extractfile(member).read()
                if len(found) == len(names):
                    break
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFile(f"{paths[0]} is no whole tar.gz file: {error}") from None
    if missing := [name for name in names if name not in found]:
        raise CorruptFile(f"{paths[0]} lacks {', '.join(missing)}")
    raw = bytearray().join(found[name] for name in names)
    records = torch.frombuffer(raw, dtype=torch.uint8).view(-1, record)
    return records[:, 1:].reshape(-1, *card.shape), records[:, 0].long()


def read_jpegs(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read SPLIT/CLASS/*.jpg from a tar.xz archive, in the order of their names.

    Raises:
        CorruptFile: not a whole archive, or a member that is no JPEG of ``card.shape``.
    """
    channels, height, width = card.shape
    found = {}
    try:
        with tarfile.open(paths[0], "r:xz") as archive:
            for member in archive:
                folder, _, rest = member.name.partition("/")
                if folder != split or not member.isreg():
                    continue
                if member.size > 4 * math.prod(card.shape):  # far above any such JPEG
                    raise CorruptFile(
                        f"{paths[0]}: {member.name} has {member.size:,} bytes"
                    )
                data = io.BytesIO(archive.extractfile(member).read())
                with Image.open(data, formats=["JPEG"]) as image:
                    if (image.width, image.height) != (width, height):
                        raise CorruptFile(
                            f"{paths[0]}: {member.name} has {image.width} x "
                            f"{image.height} pixels, expected {width} x {height}"
                        )
                    pixels = image.convert("RGB" if channels == 3 else "L")
                    found[rest] = torch.from_numpy(np.array(pixels))
    except (tarfile.TarError, EOFError, lzma.LZMAError) as error:
        raise CorruptFile(f"{paths[0]} is no whole tar.xz file: {error}") from None
    except UnidentifiedImageError:
        raise CorruptFile(f"{paths[0]}: {member.name} is no JPEG") from None
    names = sorted(found)
    labels = [card.classes.index(name.partition("/")[0]) for name in names]
    x = torch.stack([found[name] for name in names]).view(-1, height, width, channels)
    return x.movedim(3, 1).contiguous(), torch.tensor(labels)


def read_digits(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read scikit-learn's 8 x 8 digits, brought to ``card.shape`` (C, H, W).

    Enlarged three times, bilinearly, centred on black, and repeated for each channel;
    0..16 becomes 0..255. The first images are "train", the last ones "test".

    Raises:
        ValueError: ``card.shape`` has no room for 24 x 24 pixels.
    """
    from sklearn.datasets import load_digits

    channels, height, width = card.shape
    if min(height, width) < 24:
        raise ValueError(f"shape={card.shape}: digits need at least 24 x 24 pixels")
    x, y = load_digits(return_X_y=True)
    x = torch.from_numpy(x).float().view(-1, 1, 8, 8) * (255 / 16)
    x = interpolate(x, scale_factor=3, mode="bilinear").round().to(torch.uint8)
    left, top = (width - 24) // 2, (height - 24) // 2
    x = pad(x, (left, width - 24 - left, top, height - 24 - top))
    n = card.splits["train"]
    part = slice(n) if split == "train" else slice(n, None)
    return x[part].repeat(1, channels, 1, 1), torch.from_numpy(y[part]).long()


def read_clothing(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read the JPEGs that labels.csv in a zip names: columns file, split, class.

    Raises:
        CorruptFile: no whole zip, no labels.csv, or a member that is no JPEG of
            ``card.shape``.
    """
    pixels, labels = [], []
    try:
        with zipfile.ZipFile(paths[0]) as archive:
            text = archive.read("labels.csv").decode("utf-8")
            for row in csv.DictReader(io.StringIO(text)):
                if row["split"] != split:
                    continue
                pixels.append(member(archive, row["file"], card.shape))
                labels.append(card.classes.index(row["class"]))
    except (zipfile.BadZipFile, KeyError, UnidentifiedImageError, zlib.error) as error:
        raise CorruptFile(f"{paths[0]} is not the archive expected: {error}") from None
    return torch.stack(pixels).movedim(3, 1).contiguous(), torch.tensor(labels)


def member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> Tensor:
    """Read a JPEG of a zip as (height, width, 3) uint8; ``shape`` begins with channels.

    Raises:
        CorruptFile: it is of another size.
    """
    _, height, width = shape
    with Image.open(io.BytesIO(archive.read(name)), formats=["JPEG"]) as image:
        if image.size != (width, height):
            raise CorruptFile(
                f"{archive.filename}: {name} has {image.size} pixels, "
                f"expected {(width, height)}"
            )
        return torch.from_numpy(np.array(image.convert("RGB")))


PEOPLE = ["person", "people", "man", "men", "woman", "women", "boy", "girl", "mx"]


def stem(name: str) -> str:
    """Return what the variants of an emoji share of its English name.

    "woman running" and "man running facing right" are both "running"; all families
    are one, and so are all that kiss.

    >>> stem("man firefighter"), stem("family: man, boy"), stem("flag: China")
    ('firefighter', 'family', 'flag china')
    """
    name = name.lower().replace(" facing right", "")
    if name.startswith(("family", "kiss", "couple with heart")):
        return name.partition(":")[0]
    words = re.findall(r"[\w’'.-]+", name)
    return " ".join(w for w in words if w not in PEOPLE) or "person"


def emoji_split(name: str) -> str:
    """Say where an emoji of this English name belongs: one stem in ten is "test"."""
    digest = hashlib.sha256(stem(name).encode()).digest()
    return "train" if int.from_bytes(digest[:4]) % 10 else "test"


def read_emoji(card: Card, split: str, paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Read a sprite of 64 px pictures in 48 columns, and the table of their names.

    Laid on white and brought to half the size. The label of an emoji is the place of
    its Chinese name in ``card.classes``.

    Raises:
        CorruptFile: the sprite, the table and the card do not fit each other.
    """
    with paths[1].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        with Image.open(paths[0], formats=["PNG"]) as image:
            sprite = torch.from_numpy(np.array(image.convert("RGBA")))
    except (UnidentifiedImageError, OSError) as error:
        raise CorruptFile(f"{paths[0]} is no whole PNG: {error}") from None
    names = tuple(row["name_zh"] for row in rows)
    if names != card.classes or sprite.shape[0] * 48 < len(rows) * 64:
        raise CorruptFile(f"{paths[1]} has other names than the card of {card.name}")
    tiles = sprite.unflatten(0, (-1, 64)).unflatten(2, (48, 64)).transpose(1, 2)
    tiles = tiles.flatten(0, 1)[: len(rows)].movedim(3, 1).float()  # (N, 4, 64, 64)
    share = tiles[:, 3:] / 255
    white = tiles[:, :3] * share + 255 * (1 - share)
    x = avg_pool2d(white, 2).round().to(torch.uint8)
    numbers = [i for i, r in enumerate(rows) if emoji_split(r["name_en"]) == split]
    return x[numbers], torch.tensor(numbers)


def emoji_words(card: Card, paths: list[Path]) -> dict[str, tuple[str, ...]]:
    """Return the Chinese keywords of each emoji by its Chinese name, from its table."""
    with paths[1].open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {row["name_zh"]: tuple(row["keywords_zh"].split("|")) for row in rows}
