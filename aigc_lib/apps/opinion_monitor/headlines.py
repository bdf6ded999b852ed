"""What comes from outside: a headline is checked before anybody stores it."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

MOST_CHARACTERS = 300
MOST_OF_A_NAME = 80
OLDEST = timedelta(days=3_653)


class Headline(NamedTuple):
    """A headline, who sent it, the day it belongs to, and what tells it from others."""

    text: str
    source: str
    day: date
    key: str


def checked(item: Any, *, now: datetime | None = None) -> Headline:
    """Make a headline of what somebody sent.

    ``item`` is an object with ``text``; ``source``, ``id`` and ``time`` (ISO 8601; one
    without a zone is in UTC) may be there. Sent again, the same ``id`` of the same
    source is the same headline; without an ``id`` so is the same text on the same day.
    Control characters become spaces. A ``time`` may lie a day ahead, for clocks that
    differ, and ten years back: what is older is a wrong date, and the first days say
    what is usual.

    Raises:
        ValueError: it is none of this; the message says what to send instead.
    """
    if not isinstance(item, dict):
        raise ValueError('no object: send {"text": "...", "source": "..."}')
    if foreign := sorted(set(map(str, item)) - {"text", "source", "id", "time"}):
        raise ValueError(f"unknown field {foreign[0][:40]!r}: leave it out")
    text = _plain("text", item.get("text"), MOST_CHARACTERS)
    if not text:
        raise ValueError("text is empty: send the headline")
    source = _plain("source", item.get("source", ""), MOST_OF_A_NAME)
    own = item.get("id", "")
    if isinstance(own, int) and not isinstance(own, bool):
        own = str(own)
    own = _plain("id", own, MOST_OF_A_NAME)
    day = _day(item.get("time"), now or datetime.now(UTC))
    told = ["id", source, own] if own else ["text", source, day.isoformat(), text]
    key = hashlib.sha256("\0".join(told).encode()).hexdigest()
    return Headline(text, source, day, key)


def _plain(name: str, value: Any, most: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {type(value).__name__}: send a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half a character: send valid Unicode") from None
    kept = (" " if unicodedata.category(c).startswith("C") else c for c in value)
    value = " ".join("".join(kept).split())
    if len(value) > most:
        raise ValueError(f"{name} has {len(value)} characters: send at most {most}")
    return value


def _day(value: Any, now: datetime) -> date:
    if value is None:
        return now.astimezone(UTC).date()
    try:
        time = datetime.fromisoformat(value)
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"time={str(value)[:40]!r}: send ISO 8601, such as 2026-01-31T08:30:00Z"
        ) from None
    if time > now + timedelta(days=1):
        raise ValueError(f"time={value[:40]!r} lies in the future: mend the clock")
    if time < now - OLDEST:
        raise ValueError(f"time={value[:40]!r} lies over ten years back: mend the date")
    return time.date()
