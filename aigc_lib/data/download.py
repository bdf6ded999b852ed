"""Bring one file of known size and checksum to one place, or say why not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock
from tqdm import tqdm

from .. import runtime
from .catalog import File

TIMEOUT = 10  # seconds without a byte
ATTEMPTS = 5  # per mirror, as long as each one gets further
CHUNK = 1 << 18
# Hosts without an answer, and why: a firewall that swallows packets costs TIMEOUT once.
SILENT: dict[str, str] = {}
NETWORK = (URLError, TimeoutError, ConnectionError, SSLError, HTTPException)


class CorruptFile(ValueError):
    """A file is not the one that the card describes."""


class DataUnavailable(OSError):
    """A data set is neither on this machine nor could it be downloaded."""


def verify(path: Path, file: File) -> None:
    """Check size and sha256 of ``path``.

    Raises:
        CorruptFile: either differs.
        FileNotFoundError: no such file.
    """
    size = path.stat().st_size
    if size != file.bytes:
        raise CorruptFile(f"{path} has {size:,} bytes, expected {file.bytes:,}")
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != file.sha256:
        raise CorruptFile(f"{path} has sha256 {digest}, expected {file.sha256}")


def is_intact(path: Path, file: File) -> bool:
    """Tell whether ``path`` is there and as the card describes it."""
    try:
        verify(path, file)
    except (OSError, CorruptFile):
        return False
    return True


def download(file: File, mirrors: Iterable[str], folder: Path) -> Path:
    """Put ``file`` under ``folder`` from the first mirror that has it, and return it.

    Bytes go to ``NAME.part``, which a later call continues and which becomes the file
    in one step after size and checksum are right. One process at a time downloads to
    a folder; the others wait and find the file. A host that could not be reached is
    not asked again by this process.

    Raises:
        OSError: no mirror had it, naming each with its reason; or the folder cannot be
            written.
    """
    target = folder / file.path
    part = target.with_name(target.name + ".part")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # of the system: it ends with its process
        if is_intact(target, file):  # another process was faster
            return target
        failures = []
        for mirror in mirrors:
            url, host = mirror + target.name, urlsplit(mirror).netloc
            if host in SILENT:
                failures.append(
                    f"{url}: not tried again in this session: {SILENT[host]}"
                )
                continue
            for _ in range(ATTEMPTS):
                before = _size(part)
                try:
                    _transfer(url, part, file.bytes)
                    verify(part, file)
                    os.replace(part, target)
                    return target
                except CorruptFile as error:
                    part.unlink(missing_ok=True)
                    failures.append(f"{url}: {error}")
                except NETWORK as error:
                    failures.append(f"{url}: {error}")
                    if _size(part) == before and not _answered(error):
                        SILENT[host] = str(error)
                if _size(part) == before:  # no use in trying the same again
                    break
        if _size(part) == 0:
            part.unlink(missing_ok=True)
    raise OSError("\n".join(failures))


def _answered(error: Exception) -> bool:
    """Tell whether the host spoke at all, if only to refuse."""
    return isinstance(error, HTTPError | HTTPException)


def _transfer(url: str, part: Path, size: int) -> None:
    """Append to ``part`` what ``url`` has beyond it.

    Raises:
        CorruptFile: the server's file has another size.
        URLError, HTTPException, or another of NETWORK: no connection, or it broke off.
        OSError: ``part`` cannot be written.
    """
    done = _size(part)
    if done >= size:
        return
    headers = {"User-Agent": "aigc_lib"} | ({"Range": f"bytes={done}-"} if done else {})
    with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as answer:
        if answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            total = answer.headers["Content-Range"].rpartition("/")[2]
        else:  # the server sends the whole file, whatever was asked
            done, total = 0, answer.headers.get("Content-Length", "")
        if total.isdigit() and int(total) != size:
            raise CorruptFile(f"server has {int(total):,} bytes, expected {size:,}")
        part.parent.mkdir(parents=True, exist_ok=True)
        progress = tqdm(
            desc=part.stem,
            total=size,
            initial=done,
            unit="B",
            unit_scale=True,
            disable=runtime.quiet(),
        )
        with part.open("ab" if done else "wb") as out, progress:
            while chunk := answer.read(CHUNK):
                done += len(chunk)
                if done > size:
                    raise CorruptFile(f"server sends more than {size:,} bytes")
                out.write(chunk)
                progress.update(len(chunk))
    if done < size:
        raise HTTPException(f"connection closed after {done:,} of {size:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
