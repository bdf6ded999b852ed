"""The writer of product copy: how often it lies, by the way it was taught and writes.

Counted in steps, so that it may be measured on a busy machine. One pre-trained GPT is
asked by prompts alone, tuned whole and through LoRA, then helped by another try, by
preferences and by the constraint. All write for the same 1,000 unseen sets of
attributes; the judge of ``aigc_lib.data.product_copy`` counts.
"""

from __future__ import annotations

import copy
import time
from random import Random

import torch

import aigc_lib as aigc
from aigc_lib.apps.copywriter import Copywriter, choices, chosen, judged, pairs
from aigc_lib.data.made.product_copy import check_copy, prompt_of, stated, vocabulary
from aigc_lib.models import GPT
from aigc_lib.models.transformer.lora import add_lora, merge_lora
from aigc_lib.models.transformer.preference import DPO
from benchmarks.record import kept, record, seeds, summary

PRETRAINING, TUNING, PREFERRING, SEEDS = 200, 500, 40, seeds(3)
PRODUCTS, LENGTH, N, DRAFTS = 6, 96, 1_000, 600
NET = {"context": LENGTH, "depth": 2, "heads": 4, "width": 96, "optimizer": "muon"}
BATCH = {"batch_size": 32, "ema": 0.98}


def stock() -> aigc.data.Texts:
    """The training lines of the first products that are not too long."""
    data = aigc.data.load("product_copy")
    shop = set(data.classes[:PRODUCTS])
    return data[
        [
            i
            for i, (text, facts) in enumerate(zip(data.texts, data.facts, strict=True))
            if facts["品类"] in shop and len(prompt_of(facts) + text) < LENGTH
        ]
    ]


def unseen(train: aigc.data.Texts) -> list[dict]:
    """Draw N sets of attributes that no line of ``train`` has, all different."""
    source, found = Random(0), {}
    seen = {frozenset(stated(facts)) for facts in train.facts}
    shop = sorted({facts["品类"] for facts in train.facts})
    while len(found) < N:
        product = source.choice(shop)
        known = choices(product)
        one = [source.choice(known[name]) for name in ("颜色", "材质", "场景或人群")]
        points = source.sample(known["卖点"], source.choice((1, 2)))
        facts = chosen(product, one[0], one[1], points, one[2])
        if (said := frozenset(stated(facts))) not in seen:
            found[said] = facts
    return list(found.values())


def measure(seed: int, train: aigc.data.Texts, test: list[dict]) -> dict:
    """Train with ``seed``; return a row of figures for each way to write."""
    aigc.start(seed=seed)
    words = [value for _, value in vocabulary()]
    tokenizer = aigc.data.Characters.train(
        ["\n", *train.texts, *map(prompt_of, train.facts), *words]
    )
    base = GPT(tokenizer, learning_rate=3e-3, **NET)
    text = tokenizer.encode(train.joined() + "\n")
    windows = aigc.data.Windows(text, 65)
    aigc.fit(base, windows, steps=PRETRAINING, seed=seed, **BATCH)
    x = pairs(train.facts, train.texts, tokenizer, length=LENGTH + 1)
    rows = {}

    def enter(name: str, model: GPT, write, learned: int = 0) -> None:
        began = time.perf_counter()
        lines = write(Copywriter(model, train.texts[:2_000]))
        rows[name] = judged(lines, test) | {
            "learned": learned,
            "ms_a_line": 1e3 * (time.perf_counter() - began) / len(lines),
        }
        print(seed, name, rows[name], flush=True)

    def plain(writer: Copywriter) -> list[str]:
        return writer.write(test, seed=seed)

    def tuned(model: GPT) -> int:
        learned = sum(p.numel() for p in model.net.parameters() if p.requires_grad)
        aigc.fit(model, x, steps=TUNING, seed=seed, cooldown=0.3, **BATCH)
        return learned

    enter("prompting", base, plain)
    lora, full = copy.deepcopy(base), copy.deepcopy(base)
    add_lora(lora, rank=16, alpha=32, layers=("qkv", "mix", "0", "2"))
    learned = tuned(lora)
    merge_lora(lora)
    enter("LoRA", lora, plain, learned)
    full.adopt_average("net")
    learned = tuned(full)
    enter("full fine-tuning", full, plain, learned)
    enter("best of 4", full, lambda w: w.best_of(test, 4, seed=seed), learned)
    preferring = copy.deepcopy(full)
    prefer(preferring, train, seed)
    enter("DPO", preferring, plain, learned)
    enter(
        "constraint",
        full,
        lambda w: w.write(test, truthful=True, seed=seed),
        learned,
    )
    return rows


def prefer(model: GPT, train: aigc.data.Texts, seed: int) -> None:
    """Prefer what ``model`` wrote right to what it wrote wrong for the same facts."""
    facts, writer = train.facts[:DRAFTS], Copywriter(model)
    drafts = writer.write(facts, seed=seed + 1)
    better = writer.best_of(facts, 4, seed=seed + 1)
    told = [
        i
        for i, known in enumerate(facts)
        if not check_copy(drafts[i], known).true and check_copy(better[i], known).true
    ]
    both = [
        pairs(
            [facts[i] for i in told],
            [lines[i] for i in told],
            model.tokenizer,
            length=2 * LENGTH,
        )
        for lines in (better, drafts)
    ]
    runs = torch.stack(both, 1)[:, :, : LENGTH + 1]
    dpo = DPO(model, beta=0.1, learning_rate=1e-4)
    aigc.fit(
        dpo,
        runs,
        steps=PREFERRING,
        batch_size=min(16, len(runs)),
        ema=0.0,
        seed=seed,
    )


def main() -> None:
    train = stock()
    test = unseen(train)
    runs = [
        kept("product_copy", str(seed), lambda seed=seed: measure(seed, train, test))
        for seed in SEEDS
    ]
    record(
        "product_copy",
        [{"recipe": name} | summary([run[name] for run in runs]) for name in runs[0]],
        data=f"product_copy, {PRODUCTS} products, {len(train)} lines to learn from",
        split="sets of attributes that no training line has",
        n=len(test),
        metric="share of lines with a missing or invented attribute",
        steps={"pretraining": PRETRAINING, "tuning": TUNING, "DPO": PREFERRING},
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
