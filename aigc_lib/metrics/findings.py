"""Reports of findings in which every statement can be traced, or is called out.

A finding is what somebody measured: which lung, which third of it, what it looks like,
which share it takes. Code writes the sentences; and a text that somebody else wrote is
read again, statement by statement. What the findings do not say must not be said:
neither a disease, nor what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import finite, unknown, whole
from ..arrays import array

SIDES, ZONES, LOOKS = (
    ("右肺", "左肺"),
    ("上野", "中野", "下野"),
    ("片状影", "积液", "结节"),
)
SEEN = (
    "{side}{zone}见{look}，约占该肺{share}%",
    "{side}{zone}有{look}，占该肺约{share}%",
)
CLEAR = ("{side}未见病灶", "{side}没有看到病灶")
# What no finding can say: a disease, a cause, a course, an advice.
BEYOND = re.compile(
    "肺炎|感染|结核|肿瘤|恶性|良性|癌|诊断|考虑|提示|可能|建议|应当|需要|复查|治疗|服用|住院|"
    "好转|加重|无需|正常人|放心"
)
STATEMENT = re.compile(
    rf"(?P<side>{'|'.join(SIDES)})(?P<zone>{'|'.join(ZONES)})?"
    rf"(?P<no>未见|没有看到|无|没有)?(?:见|有)?(?P<look>{'|'.join(LOOKS)}|病灶)"
    r"(?:，?约?占该肺约?(?P<share>\d+)%)?"
)


class Finding(NamedTuple):
    """What was measured: ``share`` is a whole percentage of that lung, 1 to 100."""

    side: str
    zone: str
    look: str
    share: int

    def checked(self) -> Finding:
        """Return the finding.

        Raises:
            ValueError: a side, zone or look outside the vocabulary, or no such share.
        """
        for name, words in (("side", SIDES), ("zone", ZONES), ("look", LOOKS)):
            if getattr(self, name) not in words:
                raise unknown(name, getattr(self, name), words)
        share = whole("share", finite("share", self.share, least=1, most=100))
        return self._replace(share=share)


class Statement(NamedTuple):
    """A sentence, and the number of the finding that it says; -1: a lung is clear."""

    text: str
    finding: int


class Audit(NamedTuple):
    """What the sentences of a report are.

    ``traced`` say a finding, or rightly that a lung is clear; ``foreign`` say something
    else, or what no finding can say; ``missing`` are findings that no sentence says.
    """

    traced: list[Statement]
    foreign: list[str]
    missing: list[Finding]

    @property
    def true(self) -> bool:
        """Whether all is said, and nothing else."""
        return not (self.foreign or self.missing)


def measured(mask: ArrayLike, lungs: ArrayLike, look: str) -> list[Finding]:
    """Measure a lesion: mask and lungs are (H, W) bool, the picture's left comes first.

    The patient's right lung is on the left of the picture. The zone is that of the
    lesion's centre; a share below 1% counts as 1.

    Raises:
        ValueError: other shapes, an unknown look, or a half without a lung.
    """
    mask, lungs = array("mask", mask, bool), array("lungs", lungs, bool)
    if mask.ndim != 2 or mask.shape != lungs.shape:
        raise ValueError(f"mask {mask.shape} and lungs {lungs.shape}: give two (H, W)")
    found, middle = [], mask.shape[1] // 2
    for side, half in zip(SIDES, (np.s_[:, :middle], np.s_[:, middle:]), strict=True):
        lung, lesion = lungs[half], mask[half] & lungs[half]
        if not lung.any():
            raise ValueError(
                f"lungs has none on the side of {side}: is it one picture?"
            )
        if not lesion.any():
            continue
        rows = np.flatnonzero(lung.any(1))
        place = (np.nonzero(lesion)[0].mean() - rows[0]) / (rows[-1] + 1 - rows[0])
        share = max(1, round(100 * lesion.sum() / lung.sum()))
        zone = ZONES[min(2, int(3 * place))]
        found.append(Finding(side, zone, look, share).checked())
    return found


def report(findings: Sequence[Finding], *, seed: int = 0) -> list[Statement]:
    """Write one sentence a finding, and one for each lung without any.

    Raises:
        ValueError: a finding outside the vocabulary.
    """
    random, said = Random(whole("seed", seed, 0)), []
    findings = [finding.checked() for finding in findings]
    for side in SIDES:
        own = [i for i, f in enumerate(findings) if f.side == side]
        for i in own:
            text = random.choice(SEEN).format(**findings[i]._asdict())
            said.append(Statement(text, i))
        if not own:
            said.append(Statement(random.choice(CLEAR).format(side=side), -1))
    return said


def joined(statements: Iterable[Statement]) -> str:
    """Return a report as one text."""
    return "".join(f"{one.text}。" for one in statements)


def audit(text: str, findings: Sequence[Finding]) -> Audit:
    """Trace every sentence of ``text`` to the findings.

    A sentence counts as traced when all of it is one statement, and that is a finding
    with its side, zone, look and share, or says that a lung without findings is clear.
    Everything else is foreign, words of ``BEYOND`` above all.

    Raises:
        ValueError: a finding outside the vocabulary.
    """
    place = {finding.checked(): i for i, finding in enumerate(findings)}
    traced, foreign = [], []
    for sentence in re.split(r"[。；！？\n]+", text):
        if not (sentence := sentence.strip()):
            continue
        number = _number(sentence, place)
        if number is None or BEYOND.search(sentence):
            foreign.append(sentence)
        else:
            traced.append(Statement(sentence, number))
    said = {one.finding for one in traced}
    missing = [one for one, i in place.items() if i not in said]
    return Audit(traced, foreign, missing)


def _number(sentence: str, place: dict[Finding, int]) -> int | None:
    """Return the number of the finding that a sentence says, -1 of a clear lung."""
    told = STATEMENT.fullmatch(sentence)
    if not told:
        return None
    side, zone, no, look, share = told.group("side", "zone", "no", "look", "share")
    if no:
        clear = look == "病灶" and zone is None and share is None
        return -1 if clear and all(f.side != side for f in place) else None
    if zone is None or share is None or look == "病灶":
        return None
    return place.get(Finding(side, zone, look, int(share)))
