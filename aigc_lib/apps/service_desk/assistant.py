"""The assistant: understand, find, quote; or ask, or say no, or call a person."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from ... import runtime
from ...files import replacing
from ...models import MaskedLM
from ...models.transformer.pairs import PairEncoder
from ..refused import Refused
from .answers import Source, quoted, told
from .dialogue import Dialogue, Found, Suggestion, Turn
from .evidence import Evidence, evidence_of, fitted_evidence
from .knowledge import Entry, shop
from .orders import (
    NUMBERS,
    OWN,
    PERSONAL,
    STATUS,
    Order,
    another,
    identified_in,
    order_answer,
)
from .phrasebook import ALSO, FOR_PEOPLE, GREETING, SAYS, THANKS
from .retrieval import E5, Index, Places
from .slots import FULL_WIDTH, angry, language, slots, wants_person
from .training import trained_encoder
from .understanding import Said, Understanding, Understood, made, real_outsiders

LONGEST = 500  # characters of a question that are read


class _Read(NamedTuple):
    """A question, read and looked up."""

    understood: Understood | None
    found: tuple[Found, ...]
    evidence: float


class Assistant:
    """Answers customers with what it can quote; see ``reply``.

    It runs no instruction, whoever wrote it: words of customers and of entries are
    read by classifiers and compared, never followed. Of what it says, each sentence is
    fixed, filled from the customer's own order, or quoted from an approved entry.
    ``shop`` is the name of another shop than the made-up one, where it serves one.
    """

    shop: str | None = None

    def __init__(
        self,
        understanding: Understanding,
        encoder: Places,
        evidence: Mapping[str, Evidence],
        entries: Sequence[Entry],
        *,
        corrections: Sequence[Mapping[str, str]] = (),
    ):
        self.understanding, self.encoder = understanding, encoder
        self.evidence, self.corrections = dict(evidence), tuple(corrections)
        self.update(entries)

    # ---- making and keeping ----------------------------------------------------------

    @classmethod
    def at(
        cls,
        folder: Path | str,
        *,
        entries: Sequence[Entry] | None = None,
        say: Callable[[str], None] = print,
        **options: Any,
    ) -> Self:
        """Load what lies in ``folder``; what is missing is trained, once.

        ``entries`` are the knowledge, without them that of the made-up shop. Training
        takes less than a minute on one core; ``options`` are those of ``trained``.

        Raises:
            ValueError: a file that is there, but nothing of this kind.
        """
        folder = Path(folder)
        entries = shop().entries if entries is None else tuple(entries)
        if not (folder / "desk.json").exists():
            say(f"training the assistant, once, less than a minute: {folder}")
            cls.trained(entries, **options).save(folder)
        try:
            kept = json.loads((folder / "desk.json").read_text("utf-8"))
            evidence = {k: Evidence.of(v) for k, v in kept["evidence"].items()}
            corrections = kept["corrections"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{folder / 'desk.json'} is not the assistant's ({error!r}): delete "
                "the folder, and it is trained again"
            ) from None
        own = folder / "pairs.safetensors"  # without it, E5 was used
        return cls(
            Understanding.load(folder),
            PairEncoder.load(own).to(runtime.pick_device()) if own.exists() else E5(),
            evidence,
            entries,
            corrections=corrections,
        )

    @classmethod
    def trained(
        cls,
        entries: Sequence[Entry],
        *,
        corrections: Sequence[Mapping[str, str]] = (),
        said: Sequence[Said] | None = None,
        encoder: Places | None = None,
        bert: MaskedLM | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> Self:
        """Train all parts on what customers ``said``, and on ``corrections``.

        An ``encoder`` that others trained, such as ``retrieval.E5()``, is taken as it
        is; the reader of intents begins with the weights of ``bert``, where one is
        given. A shop of few entries learns from those of the made-up one as well, how
        customers ask and how much evidence is enough; it quotes its own alone.

        Without ``said`` it is what the made-up customers say, and real people who want
        no shop, where such sets are at hand. Fewer ``steps`` are quicker, and worse.
        """
        data = [*made("train"), *real_outsiders()] if said is None else list(said)
        asked = [
            Said(one["text"], one["intent"]) for one in corrections if one.get("intent")
        ]
        known = {one.intent for one in data}
        asked = [one for one in asked if one.intent in known] * 5  # few, and right
        options = {} if steps is None else {"steps": steps}
        understanding = Understanding.trained(
            [*data, *asked], bert=bert, seed=seed, **options
        )
        own = {entry.id for entry in entries}
        taught = [*entries, *(one for one in shop().entries if one.id not in own)]
        if encoder is None:
            encoder = trained_encoder(taught, data, corrections, seed=seed, **options)
        assistant = cls(understanding, encoder, {}, taught, corrections=corrections)
        assistant.evidence = fitted_evidence(assistant)
        assistant.update(entries)
        return assistant

    def save(self, folder: Path | str) -> None:
        """Write all but the entries into ``folder``; ``desk.json`` comes last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.understanding.save(folder)
        if isinstance(self.encoder, PairEncoder):
            self.encoder.save(folder / "pairs.safetensors")
        else:
            (folder / "pairs.safetensors").unlink(missing_ok=True)
        kept = {
            "evidence": {k: e.to_json() for k, e in self.evidence.items()},
            "corrections": [dict(one) for one in self.corrections],
        }
        with replacing(folder / "desk.json") as temporary:
            temporary.write_text(
                json.dumps(kept, ensure_ascii=False, indent=1), "utf-8"
            )

    def learn(self, corrections: Sequence[Mapping[str, str]], **options: Any) -> Self:
        """Return a new assistant, trained with these corrections as well.

        Each is {"text": what the customer wrote, "intent": the right one or "范围外",
        "entry": the id of the right entry or ""}.

        Raises:
            ValueError: one without a text, or with neither an intent nor an entry that
                is known.
        """
        intents = {*self.intents, "范围外"}
        ids = {entry.id for entry in self.entries}
        for one in corrections:
            if not str(one.get("text", "")).strip() or not (
                one.get("intent") in intents or one.get("entry") in ids
            ):
                raise ValueError(
                    f"correction {dict(one)!r:.80}: give a text, and an intent or an "
                    "entry that the assistant knows"
                )
        return self.taught((*self.corrections, *corrections), **options)

    def taught(self, corrections: Sequence[Mapping[str, str]], **options: Any) -> Self:
        """Return a new assistant for the same entries, trained with these corrections.

        An encoder that others trained is kept.

        Raises:
            ValueError: its reader of intents began as a BERT, and ``options`` bring
                none to begin from again.
        """
        if not isinstance(self.encoder, PairEncoder):
            options = {"encoder": self.encoder} | options
        if self.understanding.net.bert and "bert" not in options:
            raise ValueError(
                "bert is missing: the reader of intents began as one, and begins there "
                "again; the command train --bert FOLDER learns all corrections"
            )
        return type(self).trained(self.entries, corrections=corrections, **options)

    def update(self, entries: Sequence[Entry]) -> None:
        """Replace the knowledge at once; a reply under way ends with the old one."""
        entries = tuple(entries)
        languages = sorted({entry.language for entry in entries})
        # one attribute, so that whoever reads it sees the old one or the new one
        self._now = (entries, {k: self._index(entries, k) for k in languages})

    def _index(
        self, entries: Sequence[Entry], spoken: str
    ) -> tuple[list[Entry], Index]:
        own = [e for e in entries if e.approved and e.language == spoken]
        taught: dict[str, list[str]] = {}  # how customers asked for an entry
        for one in self.corrections:
            taught.setdefault(one.get("entry", ""), []).append(one["text"])
        rows = [
            (text, i)
            for i, e in enumerate(own)
            for text in (e.title, *e.questions, *taught.get(e.id, ()), e.text)
        ]
        texts, owners = zip(*rows, strict=True) if rows else ((), ())
        return own, Index(texts, owners, self.encoder)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The knowledge, approved or not."""
        return self._now[0]

    @property
    def knowledge(self) -> dict[str, tuple[list[Entry], Index]]:
        """Of each language the approved entries, and the index that finds them."""
        return self._now[1]

    @property
    def intents(self) -> tuple[str, ...]:
        """All intents, by their Chinese names."""
        return self.understanding.intents

    def disclosure(self, spoken: str = "zh") -> str:
        """Say what answers here; the page must show it."""
        if self.shop:
            return SAYS[spoken]["own disclosure"].format(shop=self.shop)
        return SAYS[spoken]["disclosure"].format(said=shop().said)

    # ---- answering -------------------------------------------------------------------

    def understood(self, text: str) -> Understood | None:
        """Read what a customer wants; None in English, which no reader has learned."""
        known = language(text) == "zh"
        return self.understanding.read([text])[0] if known else None

    def read(self, text: str) -> _Read:
        """Read one question, look it up, and weigh the evidence."""
        spoken = language(text)
        own, index = self.knowledge.get(spoken, ((), None))
        understood = self.understood(text)
        if index is None or not own:
            return _Read(understood, (), 0.0)
        hits = index.search(text)
        found = tuple(Found(own[hit.text], hit.score) for hit in hits)
        described = evidence_of(hits, [f.entry for f in found], understood, text)
        weighed = self.evidence.get(spoken)
        return _Read(understood, found, weighed.share(described) if weighed else 0.0)

    def reply(
        self,
        dialogue: Dialogue,
        text: str,
        *,
        orders: Sequence[Order] | None = (),
        today: date | None = None,
    ) -> Turn:
        """Answer what a customer says; ``orders`` are this customer's own, no others.

        None: nobody has logged in, and who asks about an order is told to.

        Raises:
            Refused: nothing was said, or a person has taken over.
        """
        text = " ".join(text.split())[:LONGEST]
        if not text:
            raise Refused("text 是空的：请写下问题")
        if dialogue.handed_off:
            raise Refused("已经转给人工：先用 given_back() 交还")
        spoken = language(text)
        before = dialogue
        named = slots(text, today or date.today())
        four = re.fullmatch(r"\D{0,6}\d{4}\D{0,4}", text)
        if four and dialogue.waiting_for == "order":
            named["tail"] = re.sub(r"\D", "", text).translate(FULL_WIDTH)
        dialogue = replace(dialogue, slots=_with(dialogue.slots, named))
        dialogue = dialogue.said("customer", text)
        say = SAYS[spoken]

        if GREETING.fullmatch(text) or THANKS.fullmatch(text):
            kind = "greeting" if GREETING.fullmatch(text) else "thanks"
            answer = say[kind].format(shop=self.shop or shop().name)
            return self._turn(dialogue, "greeting", answer, spoken)
        if wants_person(text):
            return self._handoff(dialogue, spoken, "asked")
        if angry(text):
            return self._handoff(dialogue, spoken, "angry")

        read = self.read(text)
        if read.evidence < self._needed(spoken) and before.turns and ALSO.search(text):
            together = self.read(f"{before.last_question} {text}")
            read = together if together.evidence >= self._needed(spoken) else read
        wanted = self._wanted(read, spoken)
        if wanted is None and named.keys() & NUMBERS and STATUS.search(text):
            wanted = "查物流"
        if wanted in FOR_PEOPLE:
            return self._handoff(dialogue, spoken, FOR_PEOPLE[wanted], read)
        waiting = dialogue.waiting_for == "order" and named.keys() & NUMBERS
        identified = identified_in(orders or (), text, named)
        follows = any(another(text, one) for one in identified)
        if (waiting or follows) and dialogue.intent in PERSONAL:
            wanted = dialogue.intent
        own = waiting or identified or named or OWN.search(text)
        if wanted in PERSONAL and own:
            if not identified and not named:  # the one spoken of before
                old = dialogue.slots
                numbers = {name: old[name] for name in NUMBERS & old.keys()}
                identified = identified_in(orders or (), "", numbers)
            return self._personal(dialogue, spoken, wanted, read, orders, identified)
        if read.found and read.evidence >= self._needed(spoken):
            sources = quoted(text, read.found[0].entry)
            dialogue = replace(dialogue, misses=0, waiting_for=None, intent=wanted)
            answer = told(sources, spoken)
            return self._turn(
                dialogue, "quoted", answer, spoken, read, wanted, sources=sources
            )
        return self._miss(dialogue, spoken, read, "unknown", "unknown twice")

    def suggest(
        self,
        dialogue: Dialogue,
        n: int = 3,
        *,
        orders: Sequence[Order] = (),
        today: date | None = None,
    ) -> tuple[Suggestion, ...]:
        """Propose answers to the last thing the customer said, the best first."""
        text = dialogue.last_question
        if not text or n < 1:
            return ()
        spoken, named = language(text), slots(text, today or date.today())
        found = []
        identified = identified_in(orders, text, _with(dialogue.slots, named))
        if len(identified) == 1:
            sources = order_answer(dict(identified[0]), spoken)
            found.append(Suggestion(told(sources, spoken), sources, 1.0))
        for one in self.read(text).found:
            sources = quoted(text, one.entry)
            found.append(Suggestion(told(sources, spoken), sources, one.score))
        return tuple(found[:n])

    # ---- parts of a reply ------------------------------------------------------------

    def _needed(self, spoken: str) -> float:
        return self.evidence[spoken].needed if spoken in self.evidence else 2.0

    def _wanted(self, read: _Read, spoken: str) -> str | None:
        if read.understood is not None:
            return read.understood.intent
        if spoken == "en" and read.found and read.evidence >= self._needed(spoken):
            return read.found[0].entry.intent or None
        return None

    def _personal(
        self,
        dialogue: Dialogue,
        spoken: str,
        wanted: str,
        read: _Read,
        orders: Sequence[Order] | None,
        identified: list[Order],
    ) -> Turn:
        dialogue = replace(dialogue, intent=wanted)
        if orders is None:  # whether there is such an order is not said
            dialogue = replace(dialogue, waiting_for="order")
            return self._turn(
                dialogue, "question", SAYS[spoken]["login"], spoken, read, wanted
            )
        asked_by_number = dialogue.slots.keys() & NUMBERS
        if not identified and len(orders) == 1 and not asked_by_number:
            identified = list(orders)
        if len(identified) == 1:
            sources = order_answer(dict(identified[0]), spoken)
            dialogue = replace(dialogue, misses=0, waiting_for=None)
            answer = told(sources, spoken)
            return self._turn(
                dialogue, "template", answer, spoken, read, wanted, sources=sources
            )
        if asked_by_number and not identified:
            turn = self._miss(dialogue, spoken, read, "no order", "no order twice")
            return replace(
                turn,
                intent=wanted,
                dialogue=replace(turn.dialogue, waiting_for="order", intent=wanted),
            )
        dialogue = replace(dialogue, waiting_for="order")
        return self._turn(
            dialogue, "question", SAYS[spoken]["order"], spoken, read, wanted
        )

    def _miss(
        self, dialogue: Dialogue, spoken: str, read: _Read, what: str, twice: str
    ) -> Turn:
        if dialogue.misses >= 1:
            return self._handoff(dialogue, spoken, twice, read)
        dialogue = replace(dialogue, misses=dialogue.misses + 1, waiting_for=None)
        return self._turn(dialogue, "unknown", SAYS[spoken][what], spoken, read)

    def _handoff(
        self, dialogue: Dialogue, spoken: str, why: str, read: _Read | None = None
    ) -> Turn:
        dialogue = replace(dialogue, handed_off=True, waiting_for=None)
        sorry = why in ("angry", "complaint")
        answer = SAYS[spoken]["sorry" if sorry else "handoff"]
        return self._turn(dialogue, "handoff", answer, spoken, read, handoff=why)

    @staticmethod
    def _turn(
        dialogue: Dialogue,
        kind: str,
        answer: str,
        spoken: str,
        read: _Read | None = None,
        wanted: str | None = None,
        *,
        sources: tuple[Source, ...] = (),
        handoff: str | None = None,
    ) -> Turn:
        understood = read.understood if read else None
        sure = understood.confidence if understood else read.evidence if read else 0.0
        if wanted is None and understood:
            wanted = understood.intent
        return Turn(
            answer,
            kind,
            dialogue.said("assistant", answer),
            language=spoken,
            intent=wanted,
            confidence=float(np.clip(sure, 0, 1)),
            sources=sources,
            slots=dict(dialogue.slots),
            handoff=handoff,
            retrieved=read.found if read else (),
        )


def _with(old: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """Slots so far and those of a new text, of which an order replaces the old one."""
    if named.keys() & NUMBERS:
        old = {name: value for name, value in old.items() if name not in NUMBERS}
    return {**old, **named}
