"""Composer: a GPT that fills in the form of a piece, whatever stands in it already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...arguments import finite, whole
from ...codecs.piece import METRES, MOODS, NAMES, Piece, read_key, wide_scale
from ...codecs.score import BEGINNING, MOST_BARS, ScoreCode, Slot, beat_steps
from ...nets.attention import KVCache
from .drafts import FREE, Drafts
from .gpt import GPT
from .rules import (
    HOLD,
    ChordTones,
    InOrder,
    NoParallels,
    Only,
    Rule,
    Wishes,
    Within,
)

KEPT = ("pitches", "rhythm")
DRAFTS = 24
Progress = Callable[[float], Any]


class Composer(GPT):
    """A GPT on the tokens of ``codecs.score``; ``layouts`` are those of its code.

    To compose is to draw from p(free slots | slots that are written, wishes). The net
    knows p(next | before) only: a harmony would not know the melody that is to come.
    Therefore several drafts are written side by side. Each weighs as much as the net
    finds likely what it was made to take; when few have all the weight, all are drawn
    anew by it. With ever more drafts this becomes the conditional distribution: a
    particle filter (Gordon, Salmond and Smith 1993), on texts as in Lew et al. 2023.

    All that composes takes ``seed``, ``temperature`` (below 1 prefers what is likely),
    ``wishes``, ``drafts``, their number, and ``progress``, called with the share that
    is done; a ``ValueError`` says that wishes contradict what is written. Of a piece
    that is longer than the context the net sees the conditions and the last bars.

    Raises:
        ValueError: as ``GPT`` and ``ScoreCode``.
    """

    modality = "music"

    def __init__(
        self,
        layouts: dict[str, Any] | None = None,
        *,
        context: int = 256,
        depth: int = 4,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.1,
        optimizer: str = "muon",
        learning_rate: float = 3e-3,
        weight_decay: float = 0.1,
    ):
        code = ScoreCode(layouts)
        super().__init__(
            vocab_size=len(code),
            context=context,
            depth=depth,
            heads=heads,
            width=width,
            dropout=dropout,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
        self.code = code

    def nats(self, piece: Piece, *, length: int | None = None) -> float:
        """Return -log p(piece | key, metre, genre), all its voices and chords."""
        return sum(self.nats_by_bar(piece, length=length))

    def nats_by_bar(self, piece: Piece, *, length: int | None = None) -> list[float]:
        """Return -log p of each bar, given those before it: where a piece surprises.

        A piece of more than ``length`` tokens (as many as the context unless given) is
        read in parts that overlap; each bar counts once, with the longer past.
        """
        found = [0.0] * piece.bars
        form = self.code.form(piece.genre, piece.metre, piece.bars)
        limit, done = self.context if length is None else length, 0
        with self.for_sampling("net") as net, torch.no_grad():
            for first, tokens in self.code.parts(piece, limit, mood="any"):
                skipped = next(i for i, slot in enumerate(form) if slot.bar == first)
                slots = form[:5] + form[skipped : skipped + len(tokens) - 5]
                logits = net(tokens[None, :-1].to(self.device))[0].double().cpu()
                legal = torch.stack([self.code.allowed(s.kind) for s in slots[1:]])
                p = logits.masked_fill(~legal, -torch.inf).log_softmax(1)
                p = p.gather(1, tokens[1:, None])[:, 0].tolist()
                for slot, each in zip(slots[1:], p, strict=True):
                    if slot.is_learned and slot.bar >= done:
                        found[slot.bar] -= each
                done = slots[-1].bar + 1
        return found

    # ---- what it can do --------------------------------------------------------------

    def compose(
        self,
        genre: str = "folk",
        *,
        metre: str = "4/4",
        key: str = "G major",
        mood: str | None = None,
        bars: int = 8,
        **options: Any,
    ) -> Piece:
        """Write a piece of so many bars from nothing."""
        form = self._form(genre, metre, bars)
        fixed = self.told(form, genre, metre, key, mood)
        return self.code.decode(self.write(form, fixed, **options))

    def go_on(self, piece: Piece, *, bars: int = 8, **options: Any) -> Piece:
        """Prolong a piece by so many bars; what is there stays, note for note."""
        piece = self.code.snapped(piece)
        total = piece.bars + whole("bars", bars, 1)
        form = self._form(piece.genre, piece.metre, total)
        fixed = self.told(form, piece.genre, piece.metre, piece.key)
        old, end = self.code.encode(piece), piece.before + piece.length
        close = total * piece.bar_steps - piece.pickup  # the pickup fills the last bar
        fresh: dict[int, Tensor] = {}  # no new note prolongs one that is there
        for i, slot in enumerate(form):
            if fixed[i] != FREE:
                continue
            if slot.at < end:
                fixed[i] = old[i]
            elif slot.at >= close:
                fixed[i] = self.code.numbers["outside"]
            elif slot.at < end + beat_steps(piece.metre):
                first = not any(form[j].kind == slot.kind for j in fresh)
                if first and slot.kind != "chord":
                    fresh[i] = self.code.allowed(slot.kind).clone()
                    fresh[i][self.code.numbers[f"{slot.kind} {HOLD}"]] = False
        return self._finished(piece, form, fixed, [Only(fresh)], options)

    def harmonise(
        self, piece: Piece, *, genre: str | None = None, **options: Any
    ) -> Piece:
        """Set chords, or further voices, to the first voice, which stays as it is.

        ``genre`` decides which; it is the piece's own unless given. Chords and lower
        voices of the piece are not looked at.
        """
        genre = piece.genre if genre is None else genre
        voices = (piece.voices[0],) * len(self.code.layout(genre).voices)
        piece = replace(piece, genre=genre, voices=voices, chords=())
        free = {*self.code.layout(genre).voices[1:], "chord"}
        return self._filled(piece, lambda slot: slot.kind in free, options)

    def vary(
        self,
        piece: Piece,
        *,
        keep: str = "pitches",
        bars: tuple[int, int] | None = None,
        **options: Any,
    ) -> Piece:
        """Change the melody from the first of ``bars`` up to the last, not included.

        Keep the "pitches" of each bar, in their order, and find another rhythm; or keep
        the "rhythm" and find other pitches. Chords and other voices stay.
        """
        if keep not in KEPT:
            raise ValueError(f"keep={keep!r}: choose one of {', '.join(KEPT)}")
        piece = self.code.snapped(piece)
        chosen = self._bars(piece, bars)
        voice = self.code.layout(piece.genre).voices[0]
        form = self._form(piece.genre, piece.metre, piece.bars)
        old = self.code.encode(piece)
        pitches = self.code.pitches(voice)
        rule: Rule = InOrder(self.code, form, old, voice, chosen)
        if keep == "rhythm":
            notes = torch.zeros(len(self.code), dtype=torch.bool)
            notes[list(pitches)] = True
            begun = [i for i, token in enumerate(old.tolist()) if token in pitches]
            rule = Only(dict.fromkeys(begun, notes))

        def is_free(slot: Slot, token: int) -> bool:
            if slot.kind != voice or slot.bar not in chosen:
                return False
            return token in pitches or (
                keep == "pitches" and token != self.code.numbers["outside"]
            )

        free = [is_free(*pair) for pair in zip(form, old.tolist(), strict=True)]
        fixed = torch.where(torch.tensor(free), FREE, old)
        return self._finished(piece, form, fixed, [rule], options)

    def fill(self, piece: Piece, *, bars: tuple[int, int], **options: Any) -> Piece:
        """Write anew from the first of ``bars`` up to the last, not included.

        All voices and chords of these bars; what stands before and behind stays, and
        decides which draft fits.
        """
        chosen = self._bars(self.code.snapped(piece), bars)

        def is_free(slot: Slot) -> bool:
            return slot.bar in chosen and slot.kind not in ("bar", "beat")

        return self._filled(piece, is_free, options)

    # ---- how it does it --------------------------------------------------------------

    def write(
        self,
        form: Sequence[Slot],
        fixed: Tensor,
        *,
        rules: Sequence[Rule] = (),
        wishes: Wishes | None = None,
        seed: int | None = 0,
        temperature: float = 1.0,
        drafts: int = DRAFTS,
        progress: Progress | None = None,
    ) -> Tensor:
        """Fill in the slots of ``form`` where ``fixed`` (T,) is FREE: tokens (T,).

        Raises:
            ValueError: wishes that contradict what is written, a number out of range.
        """
        wishes = Wishes() if wishes is None else wishes
        temperature = finite("temperature", temperature, above=0)
        rows = whole("drafts", drafts, 1)
        _, metre, key = (w.split(" ", 1)[1] for w in self.code.words_of(fixed[:3]))
        within = Within(self.code, form, fixed, wishes, wide_scale(*read_key(key)))
        rules = [within, *rules]
        if wishes.chord_tones:
            rules.append(ChordTones(self.code, form, metre))
        if wishes.no_parallels:
            rules.append(NoParallels(self.code, form))
        writer = Drafts(
            self.code, form, fixed, rules, rows=rows, seed=seed, temperature=temperature
        )
        with self._writing() as net:
            return writer.run(net, KVCache(net, rows), progress)

    def _form(self, genre: str, metre: str, bars: int) -> list[Slot]:
        if bars > MOST_BARS:
            raise ValueError(f"bars={bars}: a piece has at most {MOST_BARS}")
        return self.code.form(genre, metre, bars)

    def told(
        self,
        form: Sequence[Slot],
        genre: str,
        metre: str,
        key: str,
        mood: str | None = None,
    ) -> Tensor:
        """Return tokens (T,) of the conditions, bars and beats; FREE elsewhere.

        Raises:
            ValueError: no such mood or key.
        """
        if mood is not None and mood not in MOODS:
            raise ValueError(f"mood={mood!r}: choose one of {', '.join(MOODS)}")
        tonic, mode = read_key(key)
        told = {
            "genre": genre,
            "metre": metre,
            "key": f"{NAMES[tonic]} {mode}",
            "mood": mood or "any",
            "place": BEGINNING,
        }
        size, beat, bars = METRES[metre], beat_steps(metre), form[-1].bar + 1
        tokens = []
        for kind, bar, at in form:
            value = told.get(kind)
            if kind == "bar":
                value = bars - bar
            elif kind == "beat":
                value = at % size // beat + 1
            word = f"{kind} {value}"
            tokens.append(FREE if value is None else self.code.numbers[word])
        return torch.tensor(tokens)

    def _filled(
        self, piece: Piece, is_free: Callable[[Slot], bool], options: dict[str, Any]
    ) -> Piece:
        piece = self.code.snapped(piece)
        form = self._form(piece.genre, piece.metre, piece.bars)
        old = self.code.encode(piece)
        free = torch.tensor([is_free(slot) for slot in form])
        free &= old != self.code.numbers["outside"]
        return self._finished(piece, form, torch.where(free, FREE, old), [], options)

    def _finished(
        self,
        piece: Piece,
        form: Sequence[Slot],
        fixed: Tensor,
        rules: Sequence[Rule],
        options: dict[str, Any],
    ) -> Piece:
        fixed[3] = self.code.numbers["mood any"]
        tokens = self.write(form, fixed, rules=rules, **options)
        return self.code.decode(tokens, title=piece.title, tempo=piece.tempo)

    def _bars(self, piece: Piece, bars: tuple[int, int] | None) -> range:
        first, last = (0, piece.bars) if bars is None else bars
        first, last = whole("first", first, 0), whole("last", last)
        if not first < last <= piece.bars:
            raise ValueError(f"bars={first, last}: there are {piece.bars}, from 0")
        return range(first, last)
