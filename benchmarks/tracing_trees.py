"""Knowledge tracing: boosted trees on the record beside DKT, and both joined.

Data, networks and figures are those of ``benchmarks.tracing``. The rounds of the trees
are chosen on a fifth of the training learners, and whether to join is seen there; then
all learn from all training learners, with ``N`` seeds, and are judged once on the
learners of the test. Joined is the mean of two logits, each the mean over the seeds.
The steps of DKT and the penalty of counts are those that ``benchmarks.tracing`` chose.
"""

from __future__ import annotations

import json
import time
from functools import partial

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data.answers import Answers
from aigc_lib.metrics.tracing import auc
from aigc_lib.models.counts import Counts, Trees
from benchmarks.record import ROOT, kept, record
from benchmarks.tracing import OURS, N, gains_of, judged, learned, minus_counts

ROUNDS = (100, 200, 400, 600)
TREES, JOINED = "boosted trees", "DKT with counts and trees"
PAIRS = ((TREES, OURS), (JOINED, OURS), (JOINED, TREES))


def said_by(
    method: str, train: Answers, asked: Answers, choice: dict, seed: int
) -> dict:
    """Train on ``train``; return the chances of ``asked``, and the seconds."""
    began = time.process_time()
    if method == "counts":
        model = Counts(train, penalty=choice["penalty"])
    elif method == TREES:
        model = Trees(train, rounds=choice["rounds"], seed=seed)
    else:
        model, _ = learned(method, train, choice["steps"], seed)
    seconds = time.process_time() - began
    return {"chances": model.probabilities(asked).tolist(), "seconds": seconds}


def chosen(name: str) -> dict:
    """What was chosen by others, and the rounds by the fifth of the learners."""
    before = json.loads((ROOT / "results" / "tracing.json").read_text("utf-8"))
    tries = before["tries"][name]
    choice = {
        "steps": tries[OURS]["steps"],
        "penalty": tries["counts"]["penalty"],
    }
    inner, held = aigc.data.load(name).divided()
    said = {}
    for rounds in ROUNDS:
        found = said_by(TREES, inner, held, {"rounds": rounds}, 0)
        said[rounds] = torch.tensor(found["chances"])
    scores = {rounds: auc(held.right, chances) for rounds, chances in said.items()}
    choice["rounds"] = max(scores, key=scores.get)
    dkt = torch.tensor(said_by(OURS, inner, held, choice, 0)["chances"])
    both = joined([dkt], [said[choice["rounds"]]])
    fifth = {OURS: auc(held.right, dkt), TREES: max(scores.values())}
    fifth[JOINED] = auc(held.right, both)
    print(name, choice, scores, fifth, flush=True)
    return choice | {"tries": {str(k): v for k, v in scores.items()}, "fifth": fifth}


def joined(*voices: list[Tensor]) -> Tensor:
    """Mean of the logits over the seeds of each voice, then over the voices: (M,)."""
    own = [torch.stack(voice).double().logit(1e-6).mean(0) for voice in voices]
    return torch.stack(own).mean(0).sigmoid()


def rows_of_set(name: str) -> tuple[list[dict], list[dict], dict]:
    """All methods on one data set: rows, paired gains, and what was chosen."""
    train, test = aigc.data.load(name), aigc.data.load(name, split="test")
    choice = kept("tracing_trees", f"{name} chosen", partial(chosen, name))
    said, seconds = {}, {}
    for method, own in {"counts": [0], OURS: N, TREES: N}.items():
        found = [
            kept(
                "tracing_trees",
                f"{name} {method} {seed}",
                partial(said_by, method, train, test, choice, seed),
            )
            for seed in own
        ]
        said[method] = [torch.tensor(each["chances"]) for each in found]
        seconds[method] = found[0]["seconds"]
    said[JOINED] = [joined(said[OURS], said[TREES])]
    rows = []
    for method, chances in said.items():
        row = {"data": name, "method": method} | judged(test, chances)
        if method != "counts":
            row |= minus_counts(test, chances[0], said["counts"][0])
        if method in seconds:
            row["seconds"] = seconds[method]
        if method in choice["fifth"]:
            row["auc_of_the_fifth"] = choice["fifth"][method]
        rows.append(row)
        print(name, method, f"{row['auc']:.4f}", row["auc_of_seeds"], flush=True)
    return rows, gains_of(name, said, test, PAIRS), choice


def main() -> None:
    rows, gains, choices = [], [], {}
    for name in ("made_learners", "assistments"):
        own, paired, choices[name] = rows_of_set(name)
        rows, gains = rows + own, gains + paired
    record(
        "tracing_trees",
        rows,
        data="assistments, made_learners",
        split="learners held out, see the cards; rounds on a fifth of the training "
        "learners",
        metric="AUC of each answer from those before it, all answers of the test; 95% "
        "bootstrap intervals over learners, differences paired",
        gains=gains,
        choices=choices,
        seeds=list(N),
    )


if __name__ == "__main__":
    main()
