"""Speech of the desk: replies read aloud by the server, and digits heard.

The page speaks by the browser itself; this is for browsers without a voice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from ..refused import Refused
from . import listening, speech
from .conversations import TooMuch

log = logging.getLogger(__name__)
AT_ONCE = 2  # replies read at the same time: each is a process of its own
WAITING = 4  # that wait for their turn: each holds a thread of the server
PATIENCE = 1.0  # seconds to wait for one's turn


class Voices:
    """What the server can say and hear; ``folder`` keeps the recogniser."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.speaks = find_spec("espeakng_loader") is not None
        self._listener: listening.Listener | None = None
        self._turn = threading.Semaphore(AT_ONCE)
        self._room = threading.Semaphore(AT_ONCE + WAITING)

    @property
    def hears(self) -> bool:
        """Whether the recogniser is ready."""
        return self._listener is not None

    def start(self, after: threading.Event) -> None:
        """Load or train the recogniser in a thread; without its data there is none.

        It waits for ``after``: what answers questions comes first.
        """
        threading.Thread(target=self._begin, args=(after,), daemon=True).start()

    def speak(self, text: str, language: str) -> bytes:
        """Read a text aloud: WAV.

        Raises:
            speech.Unavailable: the extra is missing.
            TooMuch: too many are read at the same time.
        """
        with self._in_turn():
            return speech.espeak(speech.speakable(text, language), language)

    def listen(self, wav: bytes, expect: str) -> listening.Heard:
        """Hear digits, or yes or no.

        Raises:
            Refused: no such sound, or nothing else can be heard.
            speech.Unavailable: the recogniser is not there.
            TooMuch: too many are heard at the same time.
        """
        if expect not in ("digits", "yes_no"):
            raise Refused("expect：只能听数字（digits）或是与否（yes_no）。")
        if self._listener is None:
            raise speech.Unavailable("这台服务器没有语音识别，请用键盘输入。")
        with self._in_turn():
            return self._listener.heard(wav, expect)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Let few work at once, and nobody hold up those who only write."""
        with ExitStack() as given_back:
            for gate, patience in (self._room, 0), (self._turn, PATIENCE):
                if not gate.acquire(timeout=patience):
                    raise TooMuch("现在朗读的人太多，请过一会儿再试。", 5)
                given_back.callback(gate.release)
            yield

    def _begin(self, after: threading.Event) -> None:
        after.wait()
        try:
            self._listener = listening.Listener.at(self.folder, say=log.info)
        except listening.Unavailable as error:
            log.info("no recogniser: %s", error)
        except Exception:
            log.exception("the recogniser could not be loaded")
