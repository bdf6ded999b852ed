"""Answers as speech: how to say them, and who says them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor

from ...arguments import unknown
from ...codecs.sound import SAMPLE_RATE
from ..refused import Refused

VOICES = {"zh": "cmn", "en": "en-us"}
MOST = 600  # characters that are spoken
DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
DIGITS["1"] = "幺"  # as numbers of orders and telephones are read
NUMBER = re.compile(r"\d{5,}|(?<=尾号)\d+|(?<=ending in )\d+")
DAY = re.compile(r"(20\d{2})-(\d{2})-(\d{2})")


class Unavailable(RuntimeError):
    """What is needed to speak or to listen is not on this machine."""


def speakable(text: str, language: str = "zh") -> str:
    """Spell out what a synthesiser would read wrongly.

    Long numbers are read digit by digit, days as days; marks and the list of sources
    are left out.
    """
    text = re.sub(r"（来源：[^）]*）|\(Source: [^)]*\)", "", text)
    if language == "zh":
        text = DAY.sub(
            lambda day: f"{int(day[1])}年{int(day[2])}月{int(day[3])}日", text
        )
        text = re.sub(r"(\d+):00", r"\1点", text)
        text = NUMBER.sub(lambda n: " ".join(DIGITS[d] for d in n[0]), text)
    else:
        text = NUMBER.sub(lambda n: " ".join(n[0]), text)
    text = re.sub(r"[“”\"《》「」*#_|<>]", " ", text)
    return " ".join(text.split())[:MOST]


def espeak(
    text: str,
    language: str = "zh",
    *,
    voice: str | None = None,
    rate: int = 165,
    pitch: int = 50,
    timeout: float = 10.0,
) -> bytes:
    """Speak ``text``: a WAV file, 16 bit mono at 22,050 Hz, from a process of its own.

    ``voice`` is one of eSpeak NG's ("en-us+f3"), ``rate`` in words a minute. The text
    goes in as data: nothing in it is a command or markup.

    Raises:
        Unavailable: ``espeakng-loader`` is missing, or the process failed.
        Refused: nothing to say.
        ValueError: an unknown language.
    """
    if language not in VOICES:
        raise unknown("language", language, VOICES)
    text = text.replace("\0", " ").strip()[:MOST]
    if not text:
        raise Refused("text 是空的：没有可念的")
    library, data = _espeak_files()
    script = Path(__file__).with_name("espeak_process.py")
    command = [sys.executable, "-I", str(script), str(library), str(data)]
    command += [voice or VOICES[language], str(int(rate)), str(int(pitch))]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=timeout
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"eSpeak NG did not speak: {error}") from None
    if done.returncode or done.stdout[:4] != b"RIFF":
        reason = done.stderr.decode(errors="replace").strip()[-200:]
        raise Unavailable(f"eSpeak NG did not speak: {reason or done.returncode}")
    return done.stdout


def _espeak_files() -> tuple[Path, Path]:
    """Find the library and its data without loading it into this process."""
    from importlib.util import find_spec

    found = find_spec("espeakng_loader")
    if found is None or not found.origin:
        raise Unavailable("espeakng-loader is missing: pip install espeakng-loader")
    folder = Path(found.origin).parent
    names = {"win32": "espeak-ng.dll", "darwin": "libespeak-ng.dylib"}
    library = folder / names.get(sys.platform, "libespeak-ng.so")
    return library, folder / "espeak-ng-data"


def joined(sounds: list[Tensor], *, gap: float = 0.2, edge: float = 0.1) -> Tensor:
    """Put sounds (T,) one after the other, silence between them: (T,) at 8 kHz."""
    silence = torch.zeros(round(gap * SAMPLE_RATE))
    ends = torch.zeros(round(edge * SAMPLE_RATE))
    parts = [ends]
    for i, sound in enumerate(sounds):
        parts += [silence] * (i > 0) + [sound]
    return torch.cat([*parts, ends])
