"""Quote a sentence, or let a small GPT compose the answer from what was found?

Questions of the test parts of cmrc2018 and drcd, each with its own passage, cut into
sentences. *Quoted*: the sentence that has most of the question, the three that have
most, and the clause that has most. *Composed*: a GPT reads the question and those three
sentences, and writes: whatever it likes; under ``Copying``, a run of one of them; and
that run filled up to whole clauses. It learned from the train questions of both sets,
and from gaps that were made in sentences of all passages: a shop knows its own texts
beforehand. No test question was learned. ``STEPS=2,2,2`` is a quick try.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.apps.service_desk.answers import in_common, unsupported
from aigc_lib.data import Characters, prompted
from aigc_lib.metrics.intervals import paired_gain
from aigc_lib.models import GPT
from benchmarks.desk_answers import asked, share
from benchmarks.record import kept, record, seeds

STEPS = [int(n) for n in os.environ.get("STEPS", "700,150,60").split(",")]
SEEDS = seeds(3)
SETS, QUESTIONS = ("cmrc2018", "drcd"), 300  # of each
SENTENCES, LETTERS, ASKED, ANSWER = 3, 160, 40, 40  # that the GPT reads, and writes
FIRST, COPIED, SHORT = 16, 9, 40  # letters to copy from, copied, of the short texts
LESSONS, PER_QUESTION = 13_000, 4
COMMON = 300  # characters that are not marked
MARKS = "".join(chr(0xE000 + i) for i in range(128))  # private, in no text
NET = {"context": 256, "depth": 2, "heads": 4, "width": 64}
NET |= {"optimizer": "muon", "learning_rate": 1e-2}
RECIPE = {"batch_size": 32, "ema": 0.98}
CLAUSE = re.compile(r"[^，,；;：:。！？!?]+")


class Read(NamedTuple):
    """What the GPT is asked: a question, and sentences, the likeliest first."""

    question: str
    sources: list[str]

    def prompt(self) -> str:
        """As one text; an answer follows."""
        return f"{self.question}|{''.join(self.sources)}|"


class Letters:
    """Common characters as they are; the rare ones of an example as numbered marks.

    So a small alphabet spells everything, in either script, and to copy what it never
    saw is what the GPT learns (Hermann et al. 2015 did so with names).
    """

    def __init__(self, texts: Iterable[str]):
        counts = Counter(c for text in texts for c in text)
        self.common = {c for c, _ in counts.most_common(COMMON)} | set("\n|")
        self.code = Characters("".join(sorted(self.common)) + MARKS)

    def table(self, prompt: str, random: Random) -> dict[str, str]:
        """The marks of the rare characters of a prompt, drawn; too many share one."""
        rare = dict.fromkeys(c for c in prompt if c not in self.common)
        marks = random.sample(MARKS, len(MARKS))
        return {c: marks[min(i, len(marks) - 1)] for i, c in enumerate(rare)}


class Copying:
    """A constraint of ``GPT.generate``: row i is a run of one of ``sources[i]``.

    It begins anywhere, goes on as the source does, and ends where it likes. Good for
    one generation only.
    """

    def __init__(self, sources: Sequence[Sequence[Tensor]], end: int):
        gap = torch.tensor([-1])  # is no token: no run goes across
        self.texts = [torch.cat([t for s in row for t in (s, gap)]) for row in sources]
        self.places = [torch.arange(len(text)) for text in self.texts]
        self.end, self.begun = end, False

    def __call__(self, tokens: Tensor, logits: Tensor) -> Tensor:
        """Return logits (B, V) without what no source goes on with."""
        bad = torch.ones_like(logits, dtype=torch.bool)
        bad[:, self.end] = not self.begun
        for row, text in enumerate(self.texts):
            places = self.places[row]
            if self.begun:  # those where the last token stands, one further
                places = places[text[places] == tokens[row, -1].cpu()] + 1
            self.places[row] = places
            nexts = text[places]
            bad[row, nexts[nexts >= 0]] = False
        self.begun = True
        return logits.masked_fill(bad, -torch.inf)


def to_read(question: str, passage: Sequence[str], letters: int = LETTERS) -> Read:
    """Take the sentences that have most of a question, as many letters as fit."""
    order = np.argsort(-in_common(question, passage), kind="stable")[:SENTENCES]
    sources, left = [], letters
    for i in order:
        if left > 0:
            sources.append(passage[i][:left])
            left -= len(passage[i])
    return Read(question[:ASKED], sources)


def follows(passage: Sequence[str], random: Random) -> tuple[Read, str] | None:
    """Some letters of a sentence ask for those behind them: all that copying is."""
    sentence = random.choice(passage)
    at, size = random.randrange(len(sentence)), random.randint(3, 6)
    begin = max(0, at - random.randrange(FIRST - 2 * size))
    source = sentence[begin : begin + FIRST]
    asked_for, answer = sentence[at : at + size], sentence[at + size : begin + FIRST]
    return (Read(asked_for, [source]), answer[:COPIED]) if answer else None


def gap(
    passage: Sequence[str], random: Random, letters: int = LETTERS
) -> tuple[Read, str] | None:
    """Hide a few letters of a sentence; what stands around them asks for them."""
    sentence = random.choice(passage)
    size, at = random.randint(2, 10), random.randrange(len(sentence))
    hidden = sentence[at : at + size]
    if len(hidden) < size or not hidden.isalnum():
        return None
    before = sentence[max(0, at - random.randint(2, 14)) : at]
    after = sentence[at + size : at + size + random.randint(0, 12)]
    around = f"{before}{random.choice(['什么', '多少', '谁', '哪'])}{after}"
    asked_for = "".join(c for c in around if random.random() > 0.15)
    read = to_read(f"{asked_for}？", passage, letters)
    found = any(hidden in source for source in read.sources)
    return (read, hidden) if found else None


def of_known(
    n: int, make: Callable[..., tuple[Read, str] | None], random: Random
) -> list[tuple[Read, str]]:
    """``n`` lessons from the texts that a shop knows beforehand: of all passages."""
    splits = [(name, split) for name in SETS for split in ("train", "test")]
    every = [tuple(p) for name, split in splits for _, p, _ in asked(name, split)]
    passages, found = list(dict.fromkeys(every)), []
    while len(found) < n:
        if made := make(random.choice(passages), random):
            found.append(made)
    return found


def real() -> list[tuple[Read, str]]:
    """The train questions whose answer stands in what is read."""
    found = []
    for question, passage, answers in (o for n in SETS for o in asked(n, "train")):
        read, answer = to_read(question, passage), answers[0][:ANSWER]
        if any(answer in source for source in read.sources):
            found.append((read, answer))
    return found


def trained(seed: int) -> tuple[GPT, Letters]:
    """Train one GPT: to copy, to fill gaps of short texts, to answer from long ones."""
    aigc.start(seed=seed)
    random = Random(seed)
    questions = real() * PER_QUESTION
    stages = [
        of_known(LESSONS, follows, random),
        of_known(LESSONS, partial(gap, letters=SHORT), random),
        [*questions, *of_known(len(questions), gap, random)],
    ]
    letters = Letters(read.prompt() for stage in stages for read, _ in stage)
    model = GPT(letters.code, **NET)
    for stage, steps in zip(stages, STEPS, strict=True):
        pairs = []
        for read, answer in stage:
            prompt = read.prompt()
            table = str.maketrans(letters.table(prompt, random))
            pairs.append((prompt.translate(table), answer.translate(table)))
        length = 1 + max(len(prompt) + len(answer) for prompt, answer in pairs)
        rows = prompted(pairs, letters.code, length=length)
        aigc.fit(model, rows, steps=steps, seed=seed, **RECIPE)
        model.adopt_average("net")
    return model, letters


def composed(model: GPT, letters: Letters, reads: Sequence[Read]) -> dict[str, list]:
    """Answer under the constraint and without it, each time the likeliest token."""
    random = Random(0)
    tables = [letters.table(read.prompt(), random) for read in reads]
    there = [str.maketrans(table) for table in tables]
    back = [str.maketrans({mark: c for c, mark in table.items()}) for table in tables]
    prompts = [r.prompt().translate(t) for r, t in zip(reads, there, strict=True)]
    code = letters.code

    def copying(rows: list[int]) -> Copying:
        texts = [[s.translate(there[i]) for s in reads[i].sources] for i in rows]
        sources = [[code.encode(s) for s in some] for some in texts]
        return Copying(sources, code.end_token("\n"))

    answers = {}
    for way, constraint in (("free", None), ("a run", copying)):
        said = model.answers(
            prompts, room=ANSWER, temperature=0.0, constraint_for=constraint
        )
        answers[way] = [s.translate(t) for s, t in zip(said, back, strict=True)]
    both = zip(answers["a run"], reads, strict=True)
    answers["clauses"] = [whole_clauses(run, read.sources) for run, read in both]
    return answers


def whole_clauses(run: str, sources: Sequence[str]) -> str:
    """Fill a run up to the clauses that it touches, in the first that has it."""
    source = next(source for source in sources if run in source)
    begin, end = source.index(run), source.index(run) + len(run)
    touched = [
        found.span()
        for found in CLAUSE.finditer(source)
        if found.start() < end and found.end() > begin
    ]
    return source[touched[0][0] : touched[-1][1]] if touched else run


def quoted(question: str, passage: Sequence[str]) -> dict[str, str]:
    """What is said without any model."""
    order = np.argsort(-in_common(question, passage), kind="stable")
    clauses = [c for sentence in passage for c in CLAUSE.findall(sentence)]
    return {
        "sentence": passage[order[0]],
        "three sentences": "\n".join(passage[i] for i in sorted(order[:SENTENCES])),
        "clause": clauses[int(in_common(question, clauses).argmax())],
    }


def judged(answers: Sequence[str], questions: Sequence[tuple]) -> dict[str, list]:
    """Say of each answer whether it is right, whether faithful, and how long."""
    both = list(zip(answers, questions, strict=True))
    return {
        "exact": [any(a in said for a in right) for said, (_, _, right) in both],
        "faithful": [
            any(map(str.isalnum, said)) and not unsupported(said, passage)
            for said, (_, passage, _) in both
        ],
        "letters": [len(said.replace("\n", "")) for said in answers],
    }


def questions_of(name: str) -> list[tuple[str, list[str], list[str]]]:
    """Questions of a test part, evenly taken."""
    every = asked(name, "test")
    return [every[int(i)] for i in np.linspace(0, len(every) - 1, QUESTIONS)]


def measure(seed: int) -> dict:
    """Train, answer, judge: {data: {way: {what: one figure a question}}}."""
    model, letters = trained(seed)
    found = {}
    for name in SETS:
        questions = questions_of(name)
        reads = [to_read(q, passage) for q, passage, _ in questions]
        answers = composed(model, letters, reads)
        found[name] = {way: judged(said, questions) for way, said in answers.items()}
        for way, said in answers.items():
            print(name, way, said[:8], flush=True)
    return found


def rows_of(name: str, runs: Sequence[dict]) -> list[dict]:
    """The rows of one set: quoted, then composed, means over the seeds."""
    questions = questions_of(name)
    said = [quoted(q, passage) for q, passage, _ in questions]
    figures = {way: [judged([s[way] for s in said], questions)] for way in said[0]}
    figures |= {way: [run[name][way] for run in runs] for way in runs[0][name]}
    rows, base = [], {}
    for way, results in figures.items():
        row = {"data": name, "way": way, "n": len(questions), "seeds": len(results)}
        for what in ("exact", "faithful", "letters"):
            each = np.array([result[what] for result in results], float)  # (seeds, N)
            mean = each.mean(0)
            old = base.setdefault(what, mean)
            row[what] = float(mean.mean())
            row[f"{what}_least"] = float(each.mean(1).min())
            row[f"{what}_greatest"] = float(each.mean(1).max())
            gain = paired_gain(mean, old)
            row[f"{what}_gain"] = gain.mean
            row[f"{what}_gain_interval"] = [gain.low, gain.high]
        if way == "clauses":  # beside a clause that was chosen without a model
            clause = np.array(figures["clause"][0]["exact"], float)
            gain = paired_gain(np.mean([r["exact"] for r in results], 0), clause)
            row |= {"over_clause": gain.mean}
            row |= {"over_clause_interval": [gain.low, gain.high]}
        rows.append(row)
    reads = [to_read(q, passage) for q, passage, _ in questions]
    there = [
        any(a in source for source in read.sources for a in right)
        for read, (_, _, right) in zip(reads, questions, strict=True)
    ]
    return [
        *rows,
        {"data": name, "way": "read", "n": len(there)} | share("exact", there),
    ]


def main() -> None:
    runs = [
        kept("desk_composed", f"{s}, {STEPS} steps", partial(measure, s)) for s in SEEDS
    ]
    rows = [row for name in SETS for row in rows_of(name, runs)]
    for row in rows:
        print({k: v for k, v in row.items() if "interval" not in k})
    record(
        "desk_composed",
        rows,
        data="cmrc2018, drcd (test parts), each question with its own passage",
        n=f"{QUESTIONS} questions of each set",
        metric="share of answers that hold a right one, share that the judge of the "
        "desk finds in the passage, letters; gains over the best sentence, 95% paired "
        "bootstrap over questions of the means over seeds",
        steps=STEPS,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
