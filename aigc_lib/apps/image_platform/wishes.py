"""What may be asked of the image platform, checked before anything is accepted."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .studio import MOST_N

REASONS = ("像", "清楚", "颜色好", "不像", "模糊", "颜色怪", "有残缺", "太像别的图")
JOINERS = "\u200c\u200d"  # of letters and of emoji


def plain(text: str) -> str:
    """Return a text that every database can hold, without signs that nobody sees.

    Raises:
        ValueError: there are control characters, half ones, or signs of format other
            than joiners in it.
    """
    hidden = ("Cc", "Cf", "Cs")
    if any(unicodedata.category(c) in hidden and c not in JOINERS for c in text):
        raise ValueError("there are signs in it that nobody sees")
    return text


Label = Annotated[str, Field(max_length=40), AfterValidator(plain)]
Title = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(plain)]
Number = Annotated[int, Field(ge=1, lt=2**31)]  # of a row
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Guidance = Annotated[float, Field(ge=0, le=8)]
Steps = Annotated[int, Field(ge=2, le=100)]
Strength = Annotated[float, Field(gt=0, le=1)]


class Wish(BaseModel):
    """Nothing that is not named may be in a request."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Make(Wish):
    """Draw ``n`` pictures of a label."""

    model: Number
    label: Label = ""
    n: Annotated[int, Field(ge=1, le=MOST_N)] = 4
    seed: Seed = 0
    guidance: Guidance = 2.0
    steps: Steps = 20


class Edit(Wish):
    """What all edits have in common."""

    steps: Steps = 20
    seed: Seed = 0
    guidance: Guidance = 2.0


class Paint(Edit):
    """Draw anew where the ``mask`` has a 1: as many lines as signs in a line."""

    action: Literal["paint"]
    mask: Annotated[
        list[Annotated[str, Field(pattern="^[01]{1,128}$")]],
        Field(min_length=1, max_length=128),
    ]
    label: Label = ""


class Vary(Edit):
    """Draw ``n`` relatives: the more ``strength``, the farther."""

    action: Literal["vary"]
    strength: Strength = 0.5
    n: Annotated[int, Field(ge=1, le=MOST_N)] = 4


class Change(Edit):
    """Another class, the same style."""

    action: Literal["change"]
    label: Label
    strength: Strength = 0.7


class Walk(Edit):
    """``n`` pictures between this one and another."""

    action: Literal["walk"]
    other: Number
    n: Annotated[int, Field(ge=1, le=MOST_N)] = 6


class Move(Edit):
    """Away from what has the label ``minus``, towards what has ``plus``."""

    action: Literal["move"]
    plus: Label
    minus: Label
    amount: Annotated[float, Field(ge=-3, le=3)] = 1.0


AnyEdit = Annotated[Paint | Vary | Change | Walk | Move, Field(discriminator="action")]


class Train(Wish):
    """Learn to draw an album."""

    title: Title
    steps: Annotated[int, Field(ge=20, le=20_000)] = 2_000


class Switch(Wish):
    """Something on or off."""

    on: bool


class Opinion(Wish):
    """What somebody thinks of a picture."""

    good: bool
    reasons: Annotated[list[Literal[REASONS]], Field(max_length=len(REASONS))] = []
