"""Do dialogues that nobody held teach the encoder what customers ask?

Two people of kdconv_travel talk about sights; a question is to find its entry, a sight
and one of its properties, among all that either part speaks of. Most questions name no
sight: the one named last in the dialogue is put in front of them, a rule that did
better on the train part than to read the last turns or all of them. Judged on questions
of the test part about sights that no train dialogue speaks of.

Every encoder learns the names of all entries: the knowledge is there before anybody
asks. ``few`` are 8 train dialogues, another 8 for each seed, ``all`` the 75. Added to
them is one question for every entry, whose slots are filled from the entry: real ones
with their names changed, templates written by hand, what a small GPT that read the same
dialogues writes behind a real turn (a paraphrase), and dialogues that it writes alone.
As many steps for all. ``STEPS=5`` is a quick try.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import NamedTuple

import numpy as np

import aigc_lib as aigc
from aigc_lib.apps.service_desk.retrieval import ByMeaning, ByWords
from aigc_lib.data import Characters, prompted
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.models import GPT
from aigc_lib.models.transformer.pairs import PairEncoder
from benchmarks.desk_retrieval import ranks
from benchmarks.record import in_turns, record, seeds

STEPS, WRITING = (int(os.environ.get("STEPS", n)) for n in (150, 150))
SEEDS, FEW, LONGEST = seeds(5), 8, 60  # dialogues; letters of a turn that the GPT reads
NET = {"ngrams": 2, "buckets": 2**14, "width": 192, "longest": 120}
NET |= {"spread": 0.2, "learning_rate": 4e-3}
WRITER = {"context": 144, "depth": 2, "heads": 4, "width": 96, "optimizer": "muon"}
NAME, ASKS = "＠", re.compile("[？?吗]")  # the slot of a sight's name; a question
SLOTS = dict(
    zip(
        ("门票", "地址", "电话", "开放时间", "建议游玩时间", "周边景点", "Information"),
        "①②③④⑤⑥⑦",
        strict=True,
    )
)
BY_HAND = {
    "门票": (
        "进去要买票吗？",
        "＠的票价是多少？",
        "进＠要花多少钱？",
        "收费吗，贵不贵？",
    ),
    "地址": (
        "它在哪儿？",
        "＠在什么位置？",
        "怎么过去，在哪条路上？",
        "具体地点是哪里？",
    ),
    "电话": (
        "联系方式有吗？",
        "＠的号码是多少？",
        "我想先打过去问问，打哪个号？",
        "怎么联系他们？",
    ),
    "开放时间": (
        "几点开门？",
        "＠什么时候能进？",
        "几点关门？",
        "周一开不开，营业到几点？",
    ),
    "建议游玩时间": (
        "要逛多久？",
        "在＠得花几个小时？",
        "玩一圈要多长时间？",
        "半天够吗？",
    ),
    "周边景点": (
        "附近还有什么好玩的？",
        "＠旁边有别的地方可以去吗？",
        "顺路还能去哪儿？",
        "边上有什么推荐？",
    ),
    "Information": (
        "介绍一下它吧，有什么特色？",
        "＠是个什么样的地方？",
        "你了解它的历史吗？",
        "那里有什么好看的？",
    ),
}


class Asked(NamedTuple):
    """A question, the turns before it, and the entries that the answer speaks of."""

    dialogue: int
    turns: list[str]
    entries: list[tuple[str, str]]
    before: str  # the last two turns, slots for the name and the values
    now: str

    @property
    def what(self) -> str:
        """The property that is asked for."""
        return self.entries[0][1]


@cache
def dialogues(split: str) -> list[list[tuple[str, list]]]:
    """Turns with their triples, a list a dialogue."""
    found: dict[int, list] = {}
    data = aigc.data.load("kdconv_travel", split=split)
    for text, facts in zip(data.texts, data.facts, strict=True):
        found.setdefault(facts["dialogue"], []).append((text, facts["triples"]))
    return list(found.values())


@cache
def knowledge() -> dict[tuple[str, str], list[str]]:
    """Values by sight and property: the entries."""
    found: dict[tuple[str, str], list[str]] = {}
    for dialogue in (*dialogues("train"), *dialogues("test")):
        for name, what, value in (t for _, triples in dialogue for t in triples):
            values = found.setdefault((name, what), [])
            values += [value] * (value not in values)
    return found


def texts() -> list[str]:
    return [f"{name} {what} {' '.join(v)}" for (name, what), v in knowledge().items()]


def questions(some: Sequence[list]) -> list[Asked]:
    """Turns that ask, and are answered from the knowledge."""
    found = []
    for number, dialogue in enumerate(some):
        for i, ((text, _), (_, triples)) in enumerate(pairwise(dialogue)):
            if triples and ASKS.search(text):
                entries = list(dict.fromkeys((n, what) for n, what, _ in triples))
                last = ["", *(emptied(*turn, entries[0][0]) for turn in dialogue)]
                turns = [text for text, _ in dialogue[: i + 1]]
                found.append(Asked(number, turns, entries, *last[i : i + 2]))
    return found


def emptied(text: str, triples: list, name: str) -> str:
    """Put slots in place of values, and of the name."""
    for _, what, value in triples:
        text = text.replace(value.rstrip("。"), SLOTS[what])
    return text.replace(name, NAME)[:LONGEST]


def filled(text: str, entry: tuple[str, str], random: Random) -> str | None:
    """Fill the slots from the knowledge about a sight; None where that is not known."""
    for what, slot in SLOTS.items():
        if slot in text:
            if (entry[0], what) not in knowledge():
                return None
            text = text.replace(slot, random.choice(knowledge()[entry[0], what]))
    return text.replace(NAME, entry[0])


def topic(turns: Sequence[str]) -> str:
    """The sight that was named last."""
    said = "\n".join(turns)
    names = {name for name, _ in knowledge() if name in said}
    return max(names, key=lambda n: (said.rfind(n) + len(n), len(n)), default="")


FORMS: dict[str, Callable[[Sequence[str]], str]] = {
    "question": lambda turns: turns[-1],
    "all turns": "\n".join,
    "name and question": lambda turns: f"{topic(turns)} {turns[-1]}",
}
read = FORMS["name and question"]


def by_what(some: Sequence[Asked]) -> dict[str, list[str]]:
    """Real questions, emptied, by the property that they ask for."""
    found: dict[str, list[str]] = {}
    for one in some:
        found.setdefault(one.what, []).append(one.now)
    return found


def from_list(turns: dict[str, list[str]], random: Random) -> dict:
    """For every entry one of the turns that ask for its property."""
    asked = [entry for entry in knowledge() if entry[1] in turns]
    return {entry: random.choice(turns[entry[1]]) for entry in asked}


def writer(some: Sequence[Asked], seed: int) -> GPT:
    """Train a GPT to ask for a property behind a turn, and in other words."""
    turns, random = by_what(some), Random(seed)
    lessons = [(f"{one.before}|{SLOTS[one.what]}|", one.now) for one in some]
    lessons += [(f"{one.now}|", random.choice(turns[one.what])) for one in some * 4]
    tokenizer = Characters.train(["\n|", *(a + b for a, b in lessons)])
    model = GPT(tokenizer, learning_rate=3e-3, dropout=0.1, **WRITER)
    rows = prompted(lessons, tokenizer, length=2 * LONGEST + 4)
    aigc.fit(model, rows, steps=WRITING, batch_size=32, seed=seed, ema=0.98)
    return model


def held(model: GPT, turns: dict[str, list[str]], seed: int) -> dict:
    """Let it hold a dialogue about every sight, one question for each property."""
    random, left = Random(seed), {}
    for name, what in knowledge():
        left.setdefault(name, []).extend([what] * (what in turns))
    last, found = dict.fromkeys(left, ""), {}
    for whats in left.values():
        random.shuffle(whats)
    for place in range(len(SLOTS)):
        now = [(name, whats[place]) for name, whats in left.items() if whats[place:]]
        if now:
            prompts = [f"{last[name]}|{SLOTS[what]}|" for name, what in now]
            said = written(model, prompts, seed * len(SLOTS) + place)
            found |= zip(now, said, strict=True)
            last |= {name: text for (name, _), text in zip(now, said, strict=True)}
    return found


def written(model: GPT, prompts: Sequence[str], seed: int) -> list[str]:
    return model.answers(prompts, room=LONGEST, seed=seed, temperature=0.8)


def pairs_of(turns: dict[tuple[str, str], str], random: Random) -> list:
    """Fill the turns; keep those that ask, and name no other sight last."""
    found = []
    for entry, turn in turns.items():
        text = filled(turn, entry, random)
        if text and ASKS.search(text) and topic([entry[0], text]) == entry[0]:
            found.append((read([entry[0], text]), entry))
    return found


def trained(parts: Sequence[list], seed: int) -> PairEncoder:
    """Train on the names of the entries, and as much of each other part."""
    names = [(f"{name} {what}", (name, what)) for name, what in knowledge()]
    pairs = list(names)
    for part in parts:
        pairs += [part[i % len(part)] for i in range(len(names) if part else 0)]
    aigc.start(seed=seed)
    model, text = PairEncoder(**NET), dict(zip(knowledge(), texts(), strict=True))
    model.rarity(texts())
    number = {entry: i for i, entry in enumerate(knowledge())}
    rows = model.pairs(
        [asked for asked, _ in pairs],
        [text[entry] for _, entry in pairs],
        [number[entry] for _, entry in pairs],
    )
    aigc.fit(model, rows, steps=STEPS, seed=seed, ema=0.98, cooldown=1.0)
    return model


def places(scores: np.ndarray, asked: Sequence[Asked]) -> list[float]:
    """The place of the best entry of each answer."""
    number = {entry: i for i, entry in enumerate(knowledge())}
    rights = [[number[entry] for entry in one.entries] for one in asked]
    both = zip(rights, scores, strict=True)
    return ranks(scores, [max(some, key=row.item) for some, row in both]).tolist()


def written_for(real: Sequence[Asked], seed: int) -> dict[str, dict]:
    """A turn for every entry, from each source that read no more than ``real``."""
    random, turns, model = Random(seed), by_what(real), writer(real, seed)
    reworded = from_list(turns, random)
    said = written(model, [f"{turn}|" for turn in reworded.values()], seed)
    return {
        "real ones refilled": from_list(turns, random),
        "templates by hand": from_list(BY_HAND, random),
        "paraphrases by a GPT": dict(zip(reworded, said, strict=True)),
        "dialogues by a GPT": held(model, turns, seed),
    }


def drawn(name: str, seed: int) -> list[list]:
    """The train dialogues that are learned from."""
    every = list(dialogues("train"))
    Random(seed).shuffle(every)
    return every[: {"none": 0, "few": FEW, "all": len(every)}[name]]


def judged() -> list[Asked]:
    """Test questions about sights that no train dialogue speaks of."""
    known = {n for some in dialogues("train") for _, ts in some for n, *_ in ts}
    return [
        one
        for one in questions(dialogues("test"))
        if not known & {name for name, _ in one.entries}
    ]


def measure(name: str, seed: int) -> dict:
    """Places of the test questions, by what was added to the dialogues."""
    aigc.start(seed=seed)
    real, answer = questions(drawn(name, seed)), {"pairs": 0}
    own = [(read(one.turns), entry) for one in real for entry in one.entries]
    added, judge, known = {"nothing": []}, judged(), {one.now for one in real}
    answer["pairs"] = len(own)
    for way, turns in (written_for(real, seed) if name == "few" else {}).items():
        added[way] = pairs_of(turns, Random(seed))
        answer[f"kept, {way}"] = len(added[way])
        answer[f"copies, {way}"] = float(np.mean([t in known for t in turns.values()]))
        print(way, [text for text, _ in added[way][::200]], flush=True)
    for way, part in added.items():
        encoder = trained([own, part], seed)
        meaning = ByMeaning(texts(), encoder).scores([read(o.turns) for o in judge])
        answer[f"|{way}"] = places(meaning, judge)
    return answer


def by_dialogue(each: np.ndarray) -> np.ndarray:
    """Means over the questions of a dialogue, which are not independent."""
    numbers = np.array([one.dialogue for one in judged()])
    return np.array([each[numbers == number].mean() for number in np.unique(numbers)])


def row_of(some: Sequence[list], base: Sequence[list]) -> dict:
    """Figures and gains of places (seeds, questions), means over the seeds."""
    row = {}
    for what, of in (("recall_at_5", lambda at: at <= 5), ("mrr", lambda at: 1 / at)):
        mine, old = (
            by_dialogue(of(np.array(p)).mean(0).astype(float)) for p in (some, base)
        )
        gain = paired_gain(mine, old)
        row |= {what: float(mine.mean()), f"{what}_gain": gain.mean}
        row[f"{what}_gain_interval"] = [gain.low, gain.high]
    if len(some) == len(base):
        both = zip(some, base, strict=True)
        gaps = [np.mean(1 / np.array(a)) - np.mean(1 / np.array(b)) for a, b in both]
        row["seeds_better"] = int(np.sum(np.array(gaps) > 0))
    return row


def main() -> None:
    runs = in_turns("desk_dialogues", ("none", "few", "all"), SEEDS, measure)
    judge, rows = judged(), []
    base = [run["|nothing"] for run in runs["few"]]
    for form, reads in FORMS.items():
        scores = ByWords(texts()).scores([reads(one.turns) for one in judge])
        found = row_of([places(scores, judge)], base)
        rows.append({"learned": "BM25", "added": form} | found)
    for name, results in runs.items():
        for way in [key[1:] for key in results[0] if key.startswith("|")]:
            some = [run[f"|{way}"] for run in results]
            found = row_of(some, base)
            if name == "few":  # the same dialogues, and no model
                refilled = [run["|real ones refilled"] for run in results]
                over = row_of(some, refilled)
                found |= {f"over_{key}": value for key, value in over.items()}
            rows.append({"learned": name, "added": way} | found)
    record(
        "desk_dialogues",
        rows,
        data="kdconv_travel",
        split="train to learn and to choose how to read; test questions about sights "
        "that no train dialogue speaks of",
        n=f"{len(judge)} questions of {len({one.dialogue for one in judge})} dialogues "
        f"among {len(knowledge())} entries",
        questions=len(judge),
        dialogues=len({one.dialogue for one in judge}),
        entries=len(knowledge()),
        unnamed=float(
            np.mean(
                [
                    not any(name in one.turns[-1] for name, _ in one.entries)
                    for one in judge
                ]
            )
        ),
        metric="recall@5 and mean reciprocal rank, means over dialogues; gains against "
        "few real ones alone (over_: with real ones refilled), 95% "
        "paired bootstrap over dialogues (means over seeds)",
        details={
            key: [run[key] for run in runs["few"]]
            for key in runs["few"][0]
            if not key.startswith("|")
        },
        steps={"encoder": STEPS, "GPT": WRITING},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
