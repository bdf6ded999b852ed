"""What a slot of a piece may take, given what a draft has before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ...arguments import whole
from ...codecs.piece import HIGHEST, LOWEST, chord_classes
from ...codecs.score import RANGES, ScoreCode, Slot, is_strong

HOLD = "-"
REST = 0  # a MIDI number that nothing here sounds


@dataclass(frozen=True)
class Wishes:
    """What new notes must keep to.

    The first voice stays from ``low`` to ``high``, MIDI numbers; with ``in_key`` all
    voices stay in the key (in minor with raised sixth and seventh); with
    ``chord_tones`` the melody sounds a tone of the chord on strong beats; with
    ``no_parallels`` no new note makes a parallel fifth or octave with another voice.

    Raises:
        ValueError: no MIDI numbers of a piano, or ``low`` above ``high``.
    """

    low: int = LOWEST
    high: int = HIGHEST
    in_key: bool = False
    chord_tones: bool = False
    no_parallels: bool = False

    def __post_init__(self) -> None:
        low, high = whole("low", self.low, LOWEST), whole("high", self.high)
        if not low <= high <= HIGHEST:
            raise ValueError(
                f"low={low}, high={high}: give a range within {LOWEST}..{HIGHEST}"
            )


class Rule(Protocol):
    """Says what a free slot may take."""

    def legal(self, i: int, tokens: Tensor) -> Tensor | None:
        """Return (V,) or (B, V) bool for slot ``i`` after ``tokens`` (B, i).

        None where the rule has nothing to say.
        """


class Only:
    """Certain slots take only these tokens: masks (V,) by the number of the slot."""

    def __init__(self, masks: Mapping[int, Tensor]):
        self.masks = masks

    def legal(self, i: int, tokens: Tensor) -> Tensor | None:
        """As ``Rule``."""
        return self.masks.get(i)


class Within:
    """No slot is outside; notes keep to range and key; none goes on from nothing.

    Raises:
        ValueError: wishes that leave a voice no note.
    """

    def __init__(
        self,
        code: ScoreCode,
        form: Sequence[Slot],
        fixed: Tensor,
        wishes: Wishes,
        scale: set[int] | frozenset[int],
    ):
        first = code.layout(code.words_of(fixed[:1])[0].split(" ")[1]).voices[0]
        outside = code.numbers["outside"]
        usual: dict[str, Tensor] = {}
        for kind in {slot.kind for slot in form}:
            mask = code.allowed(kind).clone()
            mask[outside] = False
            low, high = (wishes.low, wishes.high) if kind == first else (0, 127)
            for i, pitch in code.pitches(kind).items():
                mask[i] = low <= pitch <= high
                mask[i] &= not wishes.in_key or pitch % 12 in scale
            if code.pitches(kind) and not mask[list(code.pitches(kind))].any():
                raise ValueError(f"wishes={wishes}: no note is left for the {kind}")
            usual[kind] = mask
        self.masks, before = [], {}
        for slot, token in zip(form, fixed.tolist(), strict=True):
            mask = usual[slot.kind]
            if before.get(slot.kind, outside) == outside and slot.bar >= 0:
                mask = mask.clone()
                mask[code.numbers.get(f"{slot.kind} {HOLD}", outside)] = False
            before[slot.kind] = token
            self.masks.append(mask)

    def legal(self, i: int, tokens: Tensor) -> Tensor | None:
        """As ``Rule``."""
        return self.masks[i]


class ChordTones:
    """On strong beats the first voice sounds a tone of the chord.

    Raises:
        ValueError: a form without chords.
    """

    def __init__(self, code: ScoreCode, form: Sequence[Slot], metre: str):
        kinds = [slot.kind for slot in form]
        if "chord" not in kinds:
            raise ValueError("chord_tones=True: this genre writes no chords")
        self.voice = kinds[kinds.index("chord") + 1]
        self.chords = [i for i, kind in enumerate(kinds) if kind == "chord"]
        self.sung = [i for i, kind in enumerate(kinds) if kind == self.voice]
        self.strong = {i for i in self.sung if is_strong(metre, form[i].at)}
        self.holds = code.numbers[f"chord {HOLD}"], code.numbers[f"{self.voice} {HOLD}"]
        pitches = code.pitches(self.voice)
        # (V, V): whether the chord has the pitch; where there is no chord, all fit
        self.fits = torch.ones(len(code), len(code), dtype=torch.bool)
        for chord, word in enumerate(code.tokens):
            kind, _, name = word.partition(" ")
            if kind == "chord" and name != HOLD and (own := chord_classes(name)):
                for i, pitch in pitches.items():
                    self.fits[chord, i] = pitch % 12 in own

    def legal(self, i: int, tokens: Tensor) -> Tensor | None:
        """As ``Rule``."""
        if i not in self.strong:
            return None
        same, goes_on = self.holds
        chord = latest(tokens, [c for c in self.chords if c < i], same)
        held = latest(tokens, [s for s in self.sung if s < i], goes_on)
        legal = self.fits[chord].clone()
        legal[:, goes_on] = self.fits[chord, held]
        return legal


class NoParallels:
    """No voice moves with one that is written from a fifth or octave into another.

    Of the voices that begin a note at one time, the later in the layout gives way: the
    first of them is never hindered.
    """

    def __init__(self, code: ScoreCode, form: Sequence[Slot]):
        self.form = form
        voices = [
            kind for kind in dict.fromkeys(s.kind for s in form) if kind in RANGES
        ]
        self.slots = {
            voice: [i for i, slot in enumerate(form) if slot.kind == voice]
            for voice in voices
        }
        self.before = {v: voices[:k] for k, v in enumerate(voices)}
        self.holds = {voice: code.numbers[f"{voice} {HOLD}"] for voice in voices}
        # what a token sounds, in MIDI numbers; REST where it sounds nothing
        self.sounds = torch.full((len(code),), REST)
        for voice in voices:
            for token, pitch in code.pitches(voice).items():
                self.sounds[token] = pitch
        self.ranks = {voice: rank for rank, voice in enumerate(RANGES)}

    def legal(self, i: int, tokens: Tensor) -> Tensor | None:
        """As ``Rule``."""
        voice = self.form[i].kind
        if not self.before.get(voice):
            return None
        own = self._heard(voice, i, tokens)[:, None]  # (B, 1), before this step
        new = self.sounds[None]  # (1, V), if this token is chosen
        legal = torch.ones(len(tokens), len(self.sounds), dtype=torch.bool)
        start = self.slots[voice].index(i)
        for other in self.before[voice]:
            now_at = self.slots[other][start]
            was = self._heard(other, now_at, tokens)[:, None]
            now = self._heard(other, now_at + 1, tokens)[:, None]
            above = self.ranks[other] < self.ranks[voice]
            wide, wide_now = (was - own, now - new) if above else (own - was, new - now)
            perfect = (wide % 12 == wide_now % 12) & ((wide % 12) % 7 == 0)
            moves = (new - own) * (now - was) > 0
            sounding = (own > REST) & (was > REST) & (now > REST) & (new > REST)
            legal &= ~(perfect & moves & sounding)
        return legal

    def _heard(self, voice: str, i: int, tokens: Tensor) -> Tensor:
        """Return what a voice sounds (B,) just before slot ``i``."""
        places = [s for s in self.slots[voice] if s < i]
        return self.sounds[latest(tokens, places, self.holds[voice])]


class InOrder:
    """In each of ``bars`` the voice begins the notes that it began there, in order."""

    def __init__(
        self,
        code: ScoreCode,
        form: Sequence[Slot],
        old: Tensor,
        voice: str,
        bars: range,
    ):
        self.size, self.goes_on = len(code), code.numbers[f"{voice} {HOLD}"]
        self.begins = torch.zeros(len(code), dtype=torch.bool)
        self.begins[list(code.pitches(voice))] = True
        outside = code.numbers["outside"]
        self.of: dict[int, tuple[list[int], list[int]]] = {}  # slots and notes of a bar
        for bar in bars:
            slots = [
                i
                for i, slot in enumerate(form)
                if (slot.kind, slot.bar) == (voice, bar) and old[i] != outside
            ]
            notes = [int(old[i]) for i in slots if self.begins[old[i]]]
            self.of |= dict.fromkeys(slots, (slots, notes))

    def legal(self, i: int, tokens: Tensor) -> Tensor | None:
        """As ``Rule``."""
        if i not in self.of:
            return None
        slots, notes = self.of[i]
        done = self.begins[tokens[:, [s for s in slots if s < i]]].sum(1)  # (B,)
        following = torch.tensor([*notes, self.goes_on])
        legal = torch.zeros(len(tokens), self.size, dtype=torch.bool)
        legal.scatter_(1, following[done][:, None], True)
        left = sum(s >= i for s in slots)
        legal[:, self.goes_on] = len(notes) - done < left
        return legal


def latest(tokens: Tensor, places: list[int], hold: int) -> Tensor:
    """Return the last token (B,) at ``places`` that is not ``hold``; else ``hold``."""
    line = tokens[:, places]
    order = torch.arange(1, len(places) + 1)
    at = ((line != hold) * order).amax(1) if places else torch.zeros(len(line)).long()
    padded = torch.cat([line.new_full((len(line), 1), hold), line], 1)
    return padded.gather(1, at[:, None])[:, 0]
