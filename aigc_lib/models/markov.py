"""Markov chains: the next note, or the next token, by those just before it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from random import Random
from typing import NamedTuple

from ..arguments import at_least, finite, unknown, whole
from ..codecs.piece import METRES, Piece, read_key

END = "end"
# How many values there may be: lengths and the end, pitches and the rest, steps
SIZES = {"steps": 129, "pitch": 62, "pickup": max(METRES.values())}
# that ``tuned`` tries
TRUSTS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4)


class Event(NamedTuple):
    """A note or a rest: steps above the tonic or None, length, place in the bar."""

    pitch: int | None
    steps: int
    place: int


def events_of(piece: Piece) -> list[Event]:
    """Return notes and rests of the first voice, in order."""
    events, end = [], 0
    for start, steps, pitch in piece.voices[0]:
        if start > end:
            place = (piece.before + end) % piece.bar_steps
            events.append(Event(None, start - end, place))
        place = (piece.before + start) % piece.bar_steps
        events.append(Event(pitch - 60 - piece.tonic, steps, place))
        end = start + steps
    if piece.length > end:
        place = (piece.before + end) % piece.bar_steps
        events.append(Event(None, piece.length - end, place))
    return events


class Interpolated:
    """p(symbol | contexts), the contexts from the most to the least special.

    Counts of each are mixed with what the next one says; ``trusts`` tell how often a
    context must be seen to count for half (Jelinek & Mercer 1980; MacKay & Peto 1995).
    Last comes a uniform distribution over ``size`` symbols.
    """

    def __init__(self, orders: int, size: int):
        self.counts: list[dict[Hashable, Counter]] = [{} for _ in range(orders)]
        self.size, self.trusts = size, [1.0] * orders

    def see(self, symbol: Hashable, contexts: Sequence[Hashable]) -> None:
        """Count one symbol."""
        for counts, context in zip(self.counts, contexts, strict=True):
            counts.setdefault(context, Counter())[symbol] += 1

    def p(self, symbol: Hashable, contexts: Sequence[Hashable]) -> float:
        """Return the probability of a symbol."""
        p = 1 / self.size
        pairs = zip(self.counts, self.trusts, contexts, strict=True)
        for counts, trust, context in reversed(list(pairs)):
            if context in counts:
                own = counts[context]
                p = (own[symbol] + trust * p) / (own.total() + trust)
        return p

    def draw(self, contexts: Sequence[Hashable], random: Random) -> Hashable:
        """Draw a symbol that was seen; nothing comes from the uniform distribution."""
        while True:
            for counts, trust, context in zip(
                self.counts, self.trusts, contexts, strict=True
            ):
                own = counts.get(context, Counter())
                if random.random() * (own.total() + trust) < own.total():
                    return random.choices([*own], [*own.values()])[0]


class MarkovMelody:
    """Notes and rests, each by the ``order`` before it, in steps above the tonic.

    The length comes first: by the lengths before it, the place in the bar and the
    metre. Then the pitch: by the pitches before it, and whether its beat is the first.
    What was seen rarely is mixed with shorter contexts (see ``Interpolated``).

    Raises:
        ValueError: ``order`` below 1, or no pieces.
    """

    def __init__(self, pieces: Iterable[Piece], *, order: int = 2):
        self.order = whole("order", order, 1)
        seen = [self._symbols(piece) for piece in pieces]
        if not seen:
            raise ValueError("pieces is empty: give at least one")
        self.parts: dict[str, Interpolated] = {}
        for kind, symbol, contexts in itertools.chain(*seen):
            if kind not in self.parts:
                self.parts[kind] = Interpolated(len(contexts), SIZES[kind])
            self.parts[kind].see(symbol, contexts)

    def tuned(self, pieces: Iterable[Piece]) -> MarkovMelody:
        """Choose each trust by what it makes of ``pieces``, held out; twice around."""
        drawn: dict[str, list] = {kind: [] for kind in self.parts}
        for kind, *rest in itertools.chain(*map(self._symbols, pieces)):
            drawn[kind].append(rest)
        for _, (kind, part) in itertools.product(range(2), self.parts.items()):
            for i in range(len(part.trusts)):
                found = {}
                for trust in TRUSTS:
                    part.trusts[i] = trust
                    found[trust] = -sum(math.log(part.p(*each)) for each in drawn[kind])
                part.trusts[i] = min(found, key=found.get)
        return self

    def nats(self, piece: Piece) -> float:
        """Return -log p(melody | key, metre)."""
        return -sum(
            math.log(finite("p", self.parts[kind].p(symbol, contexts), above=0))
            for kind, symbol, contexts in self._symbols(piece)
        )

    def sample(self, *, metre: str, key: str, bars: int, seed: int = 0) -> Piece:
        """Write the first ``bars`` bars of a melody, the pickup's among them.

        An end that comes earlier is drawn again; the last note ends with the last bar.

        Raises:
            ValueError: no such metre or key, ``bars`` < 1, or a negative seed.
        """
        if metre not in METRES:
            raise unknown("metre", metre, METRES)
        (tonic, mode), bar = read_key(key), METRES[metre]
        known = self.parts["pickup"].counts[-1][()]  # of all metres
        random, pickup = Random(whole("seed", seed, 0)), bar if min(known) < bar else 0
        while pickup >= bar:  # of a longer metre
            pickup = self.parts["pickup"].draw((metre, ()), random)
        length = whole("bars", bars, 1) * bar - -pickup % bar
        steps, pitches = ["start"] * self.order, ["start"] * self.order
        notes, at = [], 0
        while at < length:
            place = (at - pickup) % bar
            one = self.parts["steps"].draw(self._lengths(metre, place, steps), random)
            if one == END:
                continue
            before = self._pitches(mode, place == 0, one, pitches)
            pitch = self.parts["pitch"].draw(before, random)
            if pitch is not None:
                notes.append((at, min(one, length - at), 60 + tonic + pitch))
            steps.append(one)
            pitches.append(pitch)
            at += one
        return Piece(voices=[notes], length=length, metre=metre, key=key, pickup=pickup)

    def _lengths(self, metre: str, place: int, steps: list) -> tuple[Hashable, ...]:
        """What a length depends on, from the most to the least special."""
        here = metre, place
        contexts = [(*here, *steps[-k:]) for k in range(self.order, 0, -1)]
        return (*contexts, here, tuple(steps[-1:]), ())

    def _pitches(
        self, mode: str, first: bool, steps: int, pitches: list
    ) -> tuple[Hashable, ...]:
        """What a pitch depends on; ``first``: its beat is the first of the bar."""
        contexts = [(mode, *pitches[-k:]) for k in range(self.order, 0, -1)]
        return ((first, steps, *contexts[0]), *contexts, (mode, first), ())

    def _symbols(
        self, piece: Piece
    ) -> list[tuple[str, Hashable, tuple[Hashable, ...]]]:
        """Return all that is drawn for a melody: what, its value, its contexts."""
        metre, mode = piece.metre, piece.mode
        found = [("pickup", piece.pickup, (metre, ()))]
        steps: list[Hashable] = ["start"] * self.order
        pitches: list[Hashable] = ["start"] * self.order
        place = piece.before
        for event in [*events_of(piece), None]:
            value = END if event is None else event.steps
            found.append(("steps", value, self._lengths(metre, place, steps)))
            if event is None:
                break
            before = self._pitches(mode, event.place == 0, event.steps, pitches)
            found.append(("pitch", event.pitch, before))
            steps.append(event.steps)
            pitches.append(event.pitch)
            place = (event.place + event.steps) % piece.bar_steps
        return found


class MarkovText:
    """Tokens by the ``order`` before them: the longest context that was seen decides.

    Texts begin and end with ``end``, a token. A context that no text had is cut from
    its far end until one had it (Katz 1987, without his discounts): so nothing is drawn
    that never followed.

    Raises:
        ValueError: ``order`` below 0, or no texts.
    """

    def __init__(self, texts: Iterable[Sequence[int]], *, order: int, end: int):
        self.order, self.end = whole("order", order, 0), end
        self.counts: dict[tuple[int, ...], Counter] = {}
        for text in texts:
            line = [end] * order + [*text, end]
            for i in range(order, len(line)):
                for k in range(order + 1):
                    context = tuple(line[i - k : i])
                    self.counts.setdefault(context, Counter())[line[i]] += 1
        if not self.counts:
            raise ValueError("texts is empty: give at least one")

    def sample(self, n: int, *, seed: int = 0, longest: int = 100) -> list[list[int]]:
        """Write ``n`` texts of at most ``longest`` tokens.

        Raises:
            ValueError: ``n`` or ``longest`` < 1, or a negative seed.
        """
        at_least(1, n=n, longest=longest)
        random, found = Random(whole("seed", seed, 0)), []
        drawers: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
        for _ in range(n):
            line = [self.end] * self.order
            while len(line) < self.order + longest:
                context = tuple(line[len(line) - self.order :])
                while context not in self.counts:
                    context = context[1:]
                if context not in drawers:
                    counts = self.counts[context]
                    drawers[context] = (
                        [*counts],
                        [*itertools.accumulate(counts.values())],
                    )
                tokens, ends = drawers[context]
                token = random.choices(tokens, cum_weights=ends)[0]
                if token == self.end:
                    break
                line.append(token)
            found.append(line[self.order :])
        return found
