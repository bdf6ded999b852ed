"""What may be asked of the studio: each request checked, each refusal in Chinese."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...codecs.piece import (
    GENRES,
    HIGHEST,
    LOWEST,
    METRES,
    MODES,
    MOODS,
    MOST_TITLE,
    NAMES,
    TEMPO,
    Piece,
)
from ...codecs.score import LAYOUTS, MOST_BARS, RANGES, ordered
from ..refused import Refused

MOST_NOTES, MOST_SECONDS = 4_000, 600  # of a piece, which has MOST_BARS at most
MOST_NEW_BARS = 32  # in one job
MOST_SEED = 2**31 - 1
TEMPERATURE = 0.1, 2.0
KEEP = {"pitches": "音高", "rhythm": "节奏"}
KINDS = {
    "compose": "写一首新的",
    "go_on": "续写",
    "harmonise": "配和声",
    "vary": "变奏",
    "fill": "填空",
}
GENRE_NAMES = {"folk": "民谣", "chorale": "四部众赞歌", "pop": "流行（规则造的）"}
MOOD_NAMES = {"lively": "活泼", "gentle": "轻柔", "sad": "忧伤", "tense": "紧张"}
MODE_NAMES = {"major": "大调", "minor": "小调"}
KEYS = tuple(f"{name} {mode}" for mode in MODES for name in NAMES)
JOINERS = "\u200c\u200d"  # of letters and of emoji
REASONS = {
    1: ("旋律好听", "和声顺", "节奏合适", "合情绪", "有新意"),
    -1: ("不成旋律", "和声刺耳", "节奏乱", "不合情绪", "太单调", "像现有的曲子"),
}
WISHES = {"low", "high", "in_key", "chord_tones", "no_parallels"}
COMMON = {"kind", "parent", "seed", "temperature", "wishes", "title"}
FIELDS = {
    "compose": {"genre", "metre", "key", "mood", "bars", "tempo"},
    "go_on": {"bars"},
    "harmonise": {"genre"},
    "vary": {"keep", "bars"},
    "fill": {"bars"},
}


def key_name(key: str) -> str:
    """A key in Chinese: "G major" -> "G 大调"."""
    tonic, _, mode = key.partition(" ")
    return f"{tonic} {MODE_NAMES[mode]}"


def checked(sent: Any, before: Piece | None = None) -> dict[str, Any]:
    """Return a request with all its fields, as a job keeps it.

    ``before`` is the piece that all kinds but "compose" begin with.

    Raises:
        Refused: names the field, the value and the remedy.
    """
    kind = _one_of("kind", _object("请求", sent).get("kind"), KINDS)
    unknown = sorted(set(sent) - COMMON - FIELDS[kind])
    if unknown:
        raise Refused(f"{unknown[0][:40]!r} 不是“{KINDS[kind]}”的字段，请去掉。")
    if kind != "compose" and before is None:
        raise Refused("parent：请先画一段或选一首曲子，再从它开始。")
    request = {
        "kind": kind,
        "seed": _whole("seed", sent.get("seed", 0), 0, MOST_SEED),
        "temperature": _number(
            "temperature", sent.get("temperature", 1.0), *TEMPERATURE
        ),
        "wishes": _wishes(sent.get("wishes", {})),
    }
    if kind == "compose":
        request |= {
            "genre": _one_of("genre", sent.get("genre", "folk"), GENRES),
            "metre": _one_of("metre", sent.get("metre", "4/4"), METRES),
            "key": _one_of("key", sent.get("key", "G major"), KEYS),
            "mood": None,
            "tempo": _number("tempo", sent.get("tempo", 100), *TEMPO),
            "title": _title(sent.get("title", "")),
        }
        if sent.get("mood") is not None:
            request["mood"] = _one_of("mood", sent["mood"], MOODS)
    else:
        _writable(before)
    if kind == "harmonise":
        request["genre"] = _one_of("genre", sent.get("genre", before.genre), GENRES)
    genre = request.get("genre") or before.genre
    if request["wishes"].get("chord_tones") and not LAYOUTS[genre].chords:
        raise Refused(
            f"wishes.chord_tones：{GENRE_NAMES[genre]}不写和弦，请取消这一项。"
        )
    if kind in ("compose", "go_on"):
        bars = _whole("bars", sent.get("bars", 8), 1, MOST_NEW_BARS)
        if before and before.bars + bars > MOST_BARS:
            raise Refused(f"续写后会超过 {MOST_BARS} 小节，请少写一些。")
        request["bars"] = bars
    elif kind in ("vary", "fill"):
        request["bars"] = _span(sent.get("bars"), before.bars)
    if kind == "fill" and request["bars"][1] - request["bars"][0] >= before.bars:
        raise Refused("bars：不能把每一小节都填掉，请留下至少一小节。")
    if kind == "vary":
        request["keep"] = _one_of("keep", sent.get("keep", "pitches"), KEEP)
    return request


def _writable(piece: Piece) -> None:
    """Refuse a beginning that the model could not write down note for note."""
    layout = LAYOUTS[piece.genre]
    names, genre = ordered(layout), GENRE_NAMES[piece.genre]
    if not piece.voices[0]:
        raise Refused("第一声部还没有音符：请先画几个音。")
    if len(piece.voices) != len(names):
        raise Refused(f"{genre}要 {len(names)} 个声部，这里有 {len(piece.voices)} 个。")
    for number, (name, voice) in enumerate(zip(names, piece.voices, strict=True), 1):
        low, high = RANGES[name]
        for start, steps, pitch in voice:
            if not low <= pitch <= high:
                raise Refused(
                    f"第 {number} 声部的 {sound_name(pitch)} 超出了模型的音域："
                    f"请留在 {sound_name(low)} 到 {sound_name(high)} 之内。"
                )
            if (piece.before + start) % layout.grid or steps % layout.grid:
                raise Refused(f"{genre}写到八分音符为止：请把更短的音改长。")


def sound_name(pitch: int) -> str:
    """The name of a MIDI number: 60 -> "C4"."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def checked_piece(sent: Any) -> Piece:
    """Return a piece that came from outside, if it is one and not too long.

    Raises:
        Refused: says what is wrong, and what there may be.
    """
    try:
        piece = Piece.from_json(_object("piece", sent))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused(f"曲子的内容不对：{str(error)[:200]}") from None
    _title(piece.title)
    return fitting(piece)


def fitting(piece: Piece) -> Piece:
    """Return ``piece``, its title on one line, if the studio takes one of its size.

    Raises:
        Refused: it is too long, or empty.
    """
    notes = sum(map(len, piece.voices))
    if not notes:
        raise Refused("曲子里没有音符：请先画几个音。")
    if piece.bars > MOST_BARS or notes > MOST_NOTES or piece.seconds > MOST_SECONDS:
        raise Refused(
            f"曲子有 {piece.bars} 小节、{notes} 个音、{piece.seconds:.0f} 秒；"
            f"最多 {MOST_BARS} 小节、{MOST_NOTES} 个音、{MOST_SECONDS} 秒。"
        )
    return replace(piece, title=plain(piece.title))


def opinion(sent: Any) -> tuple[int, list[str], str]:
    """Return thumb (1 or -1), reasons and words of a judgement.

    Raises:
        Refused: another thumb, a reason that is none of its, too many words.
    """
    sent = _object("评价", sent)
    thumb = sent.get("thumb")
    if isinstance(thumb, bool) or thumb not in (1, -1):
        raise Refused("thumb：赞是 1，踩是 -1。")
    reasons = sent.get("reasons", [])
    if not isinstance(reasons, list) or any(r not in REASONS[thumb] for r in reasons):
        raise Refused(f"reasons：请从这些里选：{'、'.join(REASONS[thumb])}。")
    words = sent.get("words", "")
    if not isinstance(words, str) or len(words) > 500:
        raise Refused("words：请写 500 字以内。")
    return thumb, sorted(set(reasons)), plain(words)


def plain(words: str) -> str:
    """Return words on one line, without signs that do not print.

    Joiners stay where they join something: a family of emoji is one sign with them, and
    words of Persian are spelled with them.
    """
    kept = "".join(c if c.isprintable() or c in JOINERS else " " for c in words)
    parts = (word.strip(JOINERS) for word in kept.split())
    return " ".join(part for part in parts if part)


def title_of(sent: Any) -> str:
    """Return a title, which must not be empty.

    Raises:
        Refused: none, or one that is too long.
    """
    title = _title(sent)
    if not title:
        raise Refused("title：请写一个标题。")
    return title


def _title(sent: Any) -> str:
    if not isinstance(sent, str) or len(sent) > MOST_TITLE:
        raise Refused(f"title：请写 {MOST_TITLE} 字以内。")
    return plain(sent)


def _object(name: str, sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise Refused(f"{name}：请给一个 JSON 对象。")
    return sent


def _one_of(name: str, value: Any, choices: Any) -> str:
    if not isinstance(value, str) or value not in choices:
        raise Refused(
            f"{name}={str(value)[:40]!r}：请从这些里选：{'、'.join(choices)}。"
        )
    return value


def _number(name: str, value: Any, least: float, most: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not least <= value <= most:
        raise Refused(f"{name}={str(value)[:40]!r}：请给 {least:g} 到 {most:g} 的数。")
    return value


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if _number(name, value, least, most) != int(value):
        raise Refused(f"{name}={value!r}：请给 {least} 到 {most} 的整数。")
    return int(value)


def _span(value: Any, bars: int) -> list[int]:
    """Check [first, last) bars, counted from 0."""
    if not isinstance(value, list) or len(value) != 2:
        raise Refused("bars：请给两个数，从第几小节到第几小节之前（从 0 数）。")
    first = _whole("bars", value[0], 0, bars - 1)
    last = _whole("bars", value[1], first + 1, bars)
    if last - first > MOST_NEW_BARS:
        raise Refused(f"bars：一次最多改 {MOST_NEW_BARS} 小节。")
    return [first, last]


def _wishes(sent: Any) -> dict[str, Any]:
    wishes: dict[str, Any] = {}
    for name, value in _object("wishes", sent).items():
        if name not in WISHES:
            raise Refused(f"wishes：请只用 {'、'.join(sorted(WISHES))}。")
        if value is None:
            continue
        if name in ("low", "high"):
            wishes[name] = _whole(f"wishes.{name}", value, LOWEST, HIGHEST)
        elif not isinstance(value, bool):
            raise Refused(f"wishes.{name}：请给 true 或 false。")
        else:
            wishes[name] = value
    if wishes.get("high", HIGHEST) - wishes.get("low", LOWEST) < 7:
        raise Refused("wishes：最高音要比最低音高至少七个半音。")
    return wishes
