"""Melodies of ABC and MIDI files: the same texts that catalogued melodies are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...codecs.abc import Event, read_abc
from ...codecs.melody import STEPS, on_grid
from ..readers.music import beginning
from ..text import Record, Texts, collect
from .folder import BY_FOLDER, Files, Found, LeftOut, content, divided
from .midi import MOST_STEPS, off_grid, upper_voice
from .texts import decoded

MOST_BYTES = 8 * 2**20  # of one file
BY_BEGINNING = (
    "按开头八个音程的散列值分成训练与测试，约九比一：开头相同的曲子总在同一边。"
)


def read(files: Files, split: str) -> Texts:
    """Read the tunes of ABC files, and the upper voice of MIDI files.

    The class is the sub-folder. A tune that is not understood, has other times or
    pitches than ``codecs.melody`` or came before is left out. Tunes that begin with
    the same intervals go to the same split.

    Raises:
        ValueError: no two tunes that can be used.
        ModuleNotFoundError: MIDI files, and music21 is missing.
    """
    records: dict[str, Record] = {}
    given: list[str] = []
    sorted_in = any(file.label for file in files.found)
    for file in files.found:
        label = files.class_of(file.label) if sorted_in else None
        try:
            for shown, facts, text in _tunes(files, file):
                if text in records:
                    files.leave_out(shown, LeftOut("the same tune again", "重复的曲子"))
                else:
                    records[text] = Record(text, label, facts)
                    given.append(file.split)
        except LeftOut as reason:
            files.leave_out(file.shown, reason)
    tunes = list(records.values())
    files.enough(tunes, "tune")
    numbers, splits = divided(split, [str(beginning(t.text)) for t in tunes], given)
    labels = {tune.label for tune in tunes}
    card = files.card(
        kind="text",
        shape=(),
        splits=splits,
        classes=tuple(sorted(labels - {None})),
        unit="首",
        summary=f"从 `{files.title}` 读入的旋律：每个字符是一个十六分音符，音符写作编码"
        "等于其 MIDI 编号的字符，`-` 是延续，`.` 是休止。"
        f"{BY_FOLDER if any(given) else BY_BEGINNING}",
        biases=(
            "只留最高的一行旋律；反复不展开。",
            "比十六分音符更细的节奏（如三连音）写不出来，这样的曲子没有收入。",
        ),
    )
    return collect(card, split, [tunes[i] for i in numbers])


def _tunes(files: Files, file: Found) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield where each tune of a file stands, what is known of it, and its melody."""
    raw = content(file.path, MOST_BYTES)
    if file.path.suffix.lower() != ".abc":
        yield file.shown, {"file": file.shown}, upper_voice(raw)
        return
    refused: list[ValueError] = []
    try:
        for tune in read_abc(decoded(raw), left_out=refused):
            shown = f"{file.shown}, {tune.facts['title'] or '?'}"
            if not (text := _on_grid(tune.events)):
                files.leave_out(shown, off_grid())
                continue
            yield shown, {"file": file.shown} | tune.facts, text
    except LeftOut:
        raise
    except ValueError as error:
        raise LeftOut(str(error), "没有 X: 开头的曲子") from None
    for error in refused:
        place, _, why = str(error).partition(", ")
        reason = LeftOut(f"not understood ({why})", "记谱读不懂")
        files.leave_out(f"{file.shown}, {place}", reason)


def _on_grid(events: list[Event]) -> str | None:
    """Write events as a melody; None if times, pitches or length are not ours."""
    long = sum(event.quarters for event in events) * STEPS > MOST_STEPS
    return None if long else on_grid(events)
