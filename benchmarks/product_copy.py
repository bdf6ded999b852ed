"""The writer of product copy: how often it lies, by the way it was taught and writes.

Counted in steps, so that it may be measured on a busy machine. One pre-trained GPT is
asked by prompts alone, tuned whole and through LoRA, then helped by another try, by
preferences and by the constraint. All write for the same 1,000 unseen sets of
attributes; the judge of ``aigc_lib.data.made.product_copy`` counts. Learning rates
are chosen before, by what one seed writes for other sets of attributes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
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
PRODUCTS, LENGTH, N, VALIDATION, DRAFTS = 6, 96, 1_000, 500, 600
RATES = {
    "LoRA": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "full fine-tuning": (1e-3, 3e-3, 1e-2, 3e-2),
    "DPO": (3e-5, 1e-4, 3e-4),
}
FIGURES = ["wrong", "missing", "invented"]
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


def unseen(train: aigc.data.Texts) -> tuple[list[dict], list[dict]]:
    """Draw sets of attributes that no line of ``train`` has: to choose by, to test on.

    All are different, so that nothing is tested on what it was chosen by.
    """
    source, found = Random(0), {}
    seen = {frozenset(stated(facts)) for facts in train.facts}
    shop = sorted({facts["品类"] for facts in train.facts})
    while len(found) < N + VALIDATION:
        product = source.choice(shop)
        known = choices(product)
        one = [source.choice(known[name]) for name in ("颜色", "材质", "场景或人群")]
        points = source.sample(known["卖点"], source.choice((1, 2)))
        facts = chosen(product, one[0], one[1], points, one[2])
        if (said := frozenset(stated(facts))) not in seen:
            found[said] = facts
    drawn = list(found.values())
    return drawn[N:], drawn[:N]


class Shop:
    """One seed: the pre-trained model, the data, and the ways to teach it."""

    def __init__(self, seed: int, train: aigc.data.Texts):
        aigc.start(seed=seed)
        self.seed, self.train = seed, train
        words = [value for _, value in vocabulary()]
        tokenizer = aigc.data.Characters.train(
            ["\n", *train.texts, *map(prompt_of, train.facts), *words]
        )
        self.base = GPT(tokenizer, learning_rate=3e-3, **NET)
        windows = aigc.data.Windows(tokenizer.encode(train.joined() + "\n"), 65)
        aigc.fit(self.base, windows, steps=PRETRAINING, seed=seed, **BATCH)
        self.x = pairs(train.facts, train.texts, tokenizer, length=LENGTH + 1)

    def tuned(self, name: str, rate: float) -> tuple[GPT, int]:
        """Tune a copy of ``base``; return it and how many weights it learned."""
        model = copy.deepcopy(self.base)
        if name == "LoRA":
            add_lora(model, rank=16, alpha=32, layers=("qkv", "mix", "0", "2"))
        else:
            model.adopt_average("net")
        model.learning_rate = rate
        learned = sum(p.numel() for p in model.net.parameters() if p.requires_grad)
        aigc.fit(model, self.x, steps=TUNING, seed=self.seed, cooldown=0.3, **BATCH)
        if name == "LoRA":
            merge_lora(model)
        return model, learned

    def told_apart(self, model: GPT) -> torch.Tensor:
        """Pairs (N, 2, T + 1) of what ``model`` wrote: right, then wrong."""
        facts, writer = self.train.facts[:DRAFTS], Copywriter(model)
        drafts = writer.write(facts, seed=self.seed + 1)
        better = writer.best_of(facts, 4, seed=self.seed + 1)
        told = [
            i
            for i, known in enumerate(facts)
            if not check_copy(drafts[i], known).true
            and check_copy(better[i], known).true
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
        return torch.stack(both, 1)[:, :, : LENGTH + 1]

    def preferring(self, model: GPT, runs: torch.Tensor, rate: float) -> GPT:
        """Tune a copy of ``model`` towards the first of each pair."""
        model = copy.deepcopy(model)
        aigc.fit(
            DPO(model, beta=0.1, learning_rate=rate),
            runs,
            steps=PREFERRING,
            batch_size=min(16, len(runs)),
            ema=0.0,
            seed=self.seed,
        )
        return model


def search(seed: int, train: aigc.data.Texts, validation: list[dict]) -> dict:
    """What goes wrong with ``validation``, by recipe and learning rate.

    For each the share of wrong lines, attributes missing and attributes invented.
    """
    shop, found = Shop(seed, train), {}

    def score(model: GPT) -> list[float]:
        row = judged(Copywriter(model).write(validation, seed=seed), validation)
        return [row[key] for key in FIGURES]

    models = {}
    for name in ("LoRA", "full fine-tuning"):
        models = {rate: shop.tuned(name, rate)[0] for rate in RATES[name]}
        found[name] = {str(rate): score(model) for rate, model in models.items()}
        print("validation", name, found[name], flush=True)
    full = models[best(found["full fine-tuning"])]
    runs = shop.told_apart(full)
    found["DPO"] = {
        str(rate): score(shop.preferring(full, runs, rate)) for rate in RATES["DPO"]
    }
    print("validation DPO", found["DPO"], flush=True)
    return found


def best(scores: dict[str, list[float]]) -> float:
    """Return the rate with the fewest wrong lines; of equal ones, the least missing.

    Who writes no word of the shop invents nothing: that comes last.
    """
    return float(min(scores, key=scores.get))


def measure(
    seed: int, train: aigc.data.Texts, test: list[dict], rates: dict[str, float]
) -> dict:
    """Train with ``seed``; return a row of figures for each way to write."""
    shop, rows = Shop(seed, train), {}

    def enter(
        name: str,
        model: GPT,
        learned: int = 0,
        write: Callable[[Copywriter], list[str]] = lambda w: w.write(test, seed=seed),
    ) -> None:
        began = time.perf_counter()
        lines = write(Copywriter(model, train.texts[:2_000]))
        rows[name] = judged(lines, test) | {
            "learned": learned,
            "ms_a_line": 1e3 * (time.perf_counter() - began) / len(lines),
        }
        print(seed, name, rows[name], flush=True)

    enter("prompting", shop.base)
    enter("LoRA", *shop.tuned("LoRA", rates["LoRA"]))
    full, learned = shop.tuned("full fine-tuning", rates["full fine-tuning"])
    enter("full fine-tuning", full, learned)
    enter("best of 4", full, learned, lambda w: w.best_of(test, 4, seed=seed))
    preferring = shop.preferring(full, shop.told_apart(full), rates["DPO"])
    enter("DPO", preferring, learned)
    enter(
        "constraint",
        full,
        learned,
        lambda w: w.write(test, truthful=True, seed=seed),
    )
    return rows


def main() -> None:
    train = stock()
    validation, test = unseen(train)
    scores = kept(
        "product_copy", "validation", lambda: search(SEEDS[0], train, validation)
    )
    rates = {name: best(found) for name, found in scores.items()}
    runs = [
        kept(
            "product_copy",
            str(seed),
            lambda seed=seed: measure(seed, train, test, rates),
        )
        for seed in SEEDS
    ]
    record(
        "product_copy",
        [{"recipe": name} | summary([run[name] for run in runs]) for name in runs[0]],
        data=f"product_copy, {PRODUCTS} products, {len(train)} lines to learn from",
        split="sets of attributes that no training line has, nor a set chosen by",
        n=len(test),
        metric="share of lines with a missing or invented attribute",
        steps={"pretraining": PRETRAINING, "tuning": TUNING, "DPO": PREFERRING},
        validation={
            "n": len(validation),
            "seed": SEEDS[0],
            "figures": FIGURES,
            "scores": scores,
        },
        learning_rates=rates,
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
