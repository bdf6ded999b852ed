"""The instrument that was learned: a WaveNet, from its file, within a limit of time."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from pathlib import Path
from typing import Any

from torch import Tensor

from ...codecs.piece import Piece
from ...models import WaveNet, load
from ...models.wavenet.instrument import PITCHES, unplayable, wavenet_sound
from ..refused import Refused
from .wishes import sound_name

log = logging.getLogger(__name__)

WAVENET, TITLE = "wavenet", "WaveNet（学出来的）"
MOST_SECONDS = 60.0  # of one request, its waiting for others included
COMMAND = "python -m aigc_lib.apps.music_studio learn wavenet"
LOW, HIGH = sound_name(PITCHES[0]), sound_name(PITCHES[-1])
HOW = (
    f"WaveNet 弹旋律，其余由拨弦伴奏。它只学过 {LOW} 到 {HIGH}。"
    "声音一个样本一个样本地写，要等几秒；旋律里最长的音越长，等得越久。"
)
MISSING = (
    f"这里还没有 WaveNet。请管理员在服务器上运行一次 {COMMAND}"
    "（启动时写了 --folder，这里也写，在 learn 之前），练五分钟；之后不必重启。"
)
BROKEN = f"WaveNet 的文件读不了，或是别的模型。请管理员重新练：{COMMAND}。"


class Late(Refused):
    """The limit of time came before the sound."""

    def __init__(self) -> None:
        super().__init__(
            f"WaveNet 写了 {MOST_SECONDS:.0f} 秒还没写完，已停下。"
            "现在用的人多，或这台机器太慢：请过一会儿再试，或换一种音色。"
        )


class Player:
    """A WaveNet in a file, read when it is first needed, and again when it changes."""

    def __init__(self, path: Path):
        self.path, self._lock = path, threading.Lock()
        self._model: Any = None
        self._read: tuple[int, int] | None = None
        self._mark = ""

    def told(self) -> dict[str, Any]:
        """Say whether there is one, and what to know of it."""
        ready = self.path.exists()
        return {"ready": ready, "told": HOW if ready else MISSING}

    def sound(self, piece: Piece, *, until: float | None = None) -> tuple[Tensor, str]:
        """Play a piece; returns the sound (T,) and what names the model.

        ``until`` is a moment of ``time.monotonic``, else ``MOST_SECONDS`` from now.

        Raises:
            Refused: there is no model, or a note that it did not learn.
            Late: the moment came before the sound.
        """
        end = time.monotonic() + MOST_SECONDS if until is None else until
        model, mark = self._ready()
        if strange := unplayable(note.pitch for note in piece.voices[0]):
            names = "、".join(map(sound_name, strange[:3]))
            raise Refused(
                f"旋律里的 {names} 不在 WaveNet 学过的 {LOW} 到 {HIGH} 之内："
                "请移高或移低这些音，或换一种音色。"
            )

        def in_time(_: float) -> None:
            if time.monotonic() > end:
                raise Late

        return wavenet_sound(model, piece, progress=in_time), mark

    def _ready(self) -> tuple[Any, str]:
        with self._lock:
            try:
                now = self.path.stat()
            except FileNotFoundError:
                raise Refused(MISSING) from None
            state = now.st_mtime_ns, now.st_size
            if state != self._read:
                self._model, self._mark = self._load()
                self._read = state
            return self._model, self._mark

    def _load(self) -> tuple[Any, str]:
        try:
            mark = hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]
            model = load(self.path)
        except (OSError, ValueError):
            log.exception("the WaveNet could not be read")
            raise Refused(BROKEN) from None
        if not isinstance(model, WaveNet) or model.classes != len(PITCHES):
            raise Refused(BROKEN)
        return model.eval(), mark
