"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LIVE: set[str] = set()  # temporaries of blocks that this process is in


class DiskFull(OSError):
    """There is no room for a file."""

    def __str__(self) -> str:
        return (
            f"{self.filename}: {self.strerror}: make some, or choose a file elsewhere"
        )


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path of the same name that replaces ``path`` if all goes well.

    The folder is created if need be. When the block raises, the temporary file is
    removed and an existing ``path`` stays as it was; what a killed process left of its
    write of ``path`` goes with the next one. A link stays a link, to a file that is
    replaced; a device or a pipe is written into; a file keeps its permissions.

    Raises:
        DiskFull: no room, also where the writer in the block has another word for it.
        ValueError: a folder, or something else that is not written to.
        OSError: ``path`` is write-protected, the folder cannot be written, or nobody
            reads the pipe.
    """
    target = _resolved(path, f"path={str(path)!r}")
    if _is_stream(target):
        with tempfile.TemporaryDirectory() as folder, _explaining(target):
            temporary = Path(folder, target.name)
            temporary.touch()
            yield temporary
            _pour(temporary, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    with _explaining(target), _temporary(target) as temporary:
        # The system gave a new file what the umask allows. A process can read its umask
        # only by changing it, for all threads; and a writer may bring a private file.
        mode = (target if target.exists() else temporary).stat().st_mode
        yield temporary
        with temporary.open("rb+") as written:  # Windows syncs no handle for reading
            os.fsync(written.fileno())
        temporary.chmod(stat.S_IMODE(mode))
        try:
            os.replace(temporary, target)
        except OSError as error:  # as of a file that is mounted, or only grows
            raise OSError(error.errno, error.strerror, str(target)) from None


def check_writable(path: str | os.PathLike, argument: str) -> None:
    """Refuse what ``replacing`` could not write, before hours of work; write nothing.

    Raises:
        ValueError: names the ``argument``, the ``path`` and what is wrong with it.
    """
    try:
        target = _resolved(path, f"{argument} {path}")
        if _is_stream(target):
            return
        folder = target.parent
        while not os.path.lexists(folder):
            folder = folder.parent
        with suppress(FileNotFoundError):
            os.lstat(folder / target.name)  # is the name too long?
        with _temporary(folder / target.name):
            pass
    except OSError as error:
        raise ValueError(
            f"{argument} {path} cannot be written ({error.strerror}): choose another"
        ) from None


def _resolved(path: str | os.PathLike, called: str) -> Path:
    """Follow links to the file that is to be written; refuse what is none.

    Raises:
        ValueError: a folder, a disk, a socket, or links in a circle.
        PermissionError: a file that is write-protected.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    if stat.S_ISDIR(mode):
        raise ValueError(f"{called} is a folder: give the name of a file")
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        raise ValueError(f"{called} is no plain file: choose another")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "write-protected", str(path))
    return Path(os.path.realpath(path)) if stat.S_ISREG(mode) else Path(path)


def _is_stream(target: Path) -> bool:
    """Tell whether ``target`` is a device or a pipe, to be written into."""
    return target.exists() and not target.is_file()


def _pour(source: Path, stream: Path) -> None:
    """Write the content of ``source`` into a device or a pipe that somebody reads."""
    try:
        handle = os.open(stream, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:
            why = "nobody reads this pipe, choose a file"
            raise OSError(error.errno, why, str(stream)) from None
        raise
    os.set_blocking(handle, True)
    with source.open("rb") as content, open(handle, "wb") as out:
        shutil.copyfileobj(content, out)


def _stem(target: Path) -> str:
    """The beginning of the names of this machine's temporaries for ``target``."""
    told = f"{platform.node()}\0{target.name}"
    return f".aigc-{hashlib.sha256(os.fsencode(told)).hexdigest()[:12]}-"


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Lend an empty file of the same name in a hidden folder beside ``target``.

    In a folder, because writers have temporaries of their own: all goes with it. Its
    name tells whose it is, and is short where that of ``target`` is as long as may be.
    """
    name = f"{_stem(target)}{os.getpid()}-{secrets.token_hex(4)}"
    folder = target.with_name(name)
    _LIVE.add(name)
    try:
        try:
            folder.mkdir()
        except OSError as error:  # say it of the file that is meant
            raise OSError(error.errno, error.strerror, str(target)) from None
        temporary = folder / target.name
        temporary.touch()
        yield temporary
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _LIVE.discard(name)


def _sweep(target: Path) -> None:
    """Remove what killed processes of this machine left of their writes of ``target``.

    Of another machine in the same folder nobody here knows whether it still writes.
    """
    stem = _stem(target)
    for left in target.parent.glob(f"{stem}*"):
        process = int(left.name.removeprefix(stem).partition("-")[0])
        mine = process == os.getpid()  # in a container the next one has the same number
        if left.name not in _LIVE if mine else not psutil.pid_exists(process):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _explaining(target: Path) -> Iterator[None]:
    """Turn what writers say of a disk that is full into one error that says it.

    safetensors has an error of its own, with the system's number in its words; torch
    only notices that its file is shorter than it should be.
    """
    try:
        yield
    except Exception as error:
        told = re.search(r"os error (\d+)", str(error))
        number = int(told[1]) if told else getattr(error, "errno", None)
        if told and sys.platform == "win32":  # its numbers are not errno's
            number = OSError(0, "", None, number).errno
        if isinstance(error, RuntimeError) and "inline_container" in str(error):
            number = errno.ENOSPC
        if number in FULL:
            raise DiskFull(
                number, "there is no room on the disk", str(target)
            ) from error
        if told:
            raise OSError(number, os.strerror(number), str(target)) from error
        raise
