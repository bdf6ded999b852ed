"""The assistant of this process, kept at what the database knows, without a restart."""

from __future__ import annotations

import io
import logging
import re
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..blobs import Blobs
from .known import Known

log = logging.getLogger(__name__)
FOLDER = re.compile(r"model-(\d+)(-[0-9a-f]{16})?")  # of a version, and of its content


class Answers(Protocol):
    """Whoever answers customers, as ``assistant.Assistant`` does."""

    intents: Sequence[str]

    def reply(self, dialogue: Any, text: str, orders: Sequence[dict] | None) -> Any: ...

    def suggest(self, dialogue: Any, n: int, orders: Sequence[dict]) -> Any: ...

    def update(self, entries: Sequence[Any]) -> None: ...

    def disclosure(self, language: str) -> str: ...


# Takes a folder, whom to tell how it goes, and entries; returns whoever answers.
Make = Callable[[Path, Callable[[str], None], Sequence[Any]], Answers]


class Brain:
    """Whoever answers in this process, once it is ``ready``."""

    def __init__(self, known: Known, blobs: Blobs, folder: Path, make: Make):
        self.known, self.blobs, self.folder, self.make = known, blobs, folder, make
        self.failed = ""  # why there is none, for those who run it
        self._told, self._since = "正在读取模型", time.monotonic()
        self.ready = threading.Event()
        self._answers: Answers | None = None
        self._read = {"entries": -1, "model": -1}
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    @property
    def told(self) -> str:
        """What is done until it is ready, and for how long."""
        if self.ready.is_set():
            return "已就绪"
        return f"{self._told}，已用 {time.monotonic() - self._since:.0f} 秒"

    def start(self) -> None:
        """Load or train the assistant in a thread of its own."""
        threading.Thread(target=self._begin, daemon=True).start()

    def get(self, marks: Mapping[str, int]) -> Answers | None:
        """Whoever answers, with the entries of ``marks``; None: not ready yet.

        A newer model is loaded meanwhile, and the old one answers until it is there.
        """
        if self._answers is None:
            return None
        if marks.get("model", 0) > self._read["model"] and not self._loading.locked():
            threading.Thread(target=self._renew, daemon=True).start()
        mark = marks.get("entries", 0)
        if mark > self._read["entries"]:
            with self._lock:
                if mark > self._read["entries"]:  # else another thread learned them
                    self._learn(self._answers)
        return self._answers

    def _begin(self) -> None:
        try:
            with self._loading:
                self._load()
        except Exception as error:  # the page says so, and what was sent is kept
            log.exception("the assistant could not be loaded")
            self.failed = f"{type(error).__name__}: {error}"[:300]
            return
        self.ready.set()

    def _renew(self) -> None:
        if not self._loading.acquire(blocking=False):
            return
        try:
            self._load()
        except Exception:
            log.exception("the newer model could not be loaded, the old one answers")
        finally:
            self._loading.release()

    def _load(self) -> None:
        version, folder = newest(self.known, self.blobs, self.folder)
        mark, entries = self.known.entries()
        answers = self.make(folder, self._say, entries)
        with self._lock:
            self._answers, self._read = answers, {"entries": mark, "model": version}
        for old in self.folder.glob("model-*"):  # others may just read the last but one
            named = FOLDER.fullmatch(old.name)
            if named and named[2] and int(named[1]) < version - 1:
                shutil.rmtree(old, ignore_errors=True)

    def _learn(self, answers: Answers) -> None:
        mark, entries = self.known.entries()
        answers.update(entries)
        self._read["entries"] = mark

    def _say(self, told: str) -> None:
        self._told = "正在训练模型，只在第一次启动时做，约一分钟"
        log.warning("%s", told)


def newest(known: Known, blobs: Blobs, models: Path) -> tuple[int, Path]:
    """The version of the newest model, and the folder in ``models`` where it lies.

    0: none was published; in that folder the first start trains one.
    """
    row = known.model()
    if row is None:
        return 0, models / "model-0"
    folder = models / f"model-{row['version']}-{row['blob'][:16]}"
    if not folder.exists():
        unpack(blobs.get(row["blob"]), folder)
    return row["version"], folder


def pack(folder: Path) -> bytes:
    """The files of a folder as one zip, the same bytes for the same files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return held.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """Lay out what ``pack`` made; ``folder`` is there whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as held:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(Path(held, "whole"))
        try:
            Path(held, "whole").rename(folder)
        except OSError:  # another process was first
            if not folder.exists():
                raise
