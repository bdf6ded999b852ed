"""Knowledge tracing: DKT and attention beside counts, learners held out.

On ASSISTments 2009-10, rows of one problem joined, and on made learners, whose truth is
known. How long each network learns is chosen on a fifth of the training learners; then
it learns from all of them, with ``N`` seeds, and is judged once on the learners of the
test. AUC over all answers of the test, with 95% bootstrap intervals over learners;
differences are paired, of the first seed's model, and of the mean chance of all seeds.
"A row a skill" is the same network on the rows as the files have them, so that the
answer of a problem is read before its other rows are asked: the leak. "After the same
item" are the answers that follow one to the same item, which cannot belong to the same
problem, however it was joined. Exams: pupils held out, half of the items seen.
``STEPS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time
from functools import partial

import numpy as np
import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.data.answers import Answers
from aigc_lib.metrics.tracing import auc, auc_gain, auc_interval
from aigc_lib.models import KnowledgeTracer
from aigc_lib.models.counts import Counts
from aigc_lib.models.diagnosis import DINA, TwoPL, responses
from aigc_lib.simulators.learners import Learners
from benchmarks.record import kept, record, seeds

N, WINDOW = seeds(3), 200
LIMIT = int(os.environ.get("STEPS", 0))
LSTM = {
    "network": "recurrent",
    "width": 128,
    "dropout": 0.3,
    "learning_rate": 2e-3,
}
NETWORKS = {
    "DKT": LSTM | {"counts": False},
    "DKT with counts": LSTM,
    "attention with counts": {"network": "attention", "depth": 2},
}
LOOKS = {
    "DKT": (75, 150, 300, 600, 1_000, 1_400),
    "DKT with counts": (75, 150, 300, 600, 1_000, 1_400),
    "attention with counts": (50, 100, 200, 400, 600),
}
OURS, OTHER = "DKT with counts", "attention with counts"
PENALTIES = (0.03, 0.3, 3.0, 30.0)


def learned(name: str, train: Answers, steps: int, seed: int, **watching):
    """Train one network; return the model and the history."""
    torch.manual_seed(seed)
    model = KnowledgeTracer(train.items, **NETWORKS[name])
    history = aigc.fit(model, train.windows(WINDOW), steps=steps, seed=seed, **watching)
    return model, history


def tuned(train: Answers, name: str) -> dict:
    """Choose steps, or the penalty of counts, on a fifth of the training learners."""
    inner, held = train.divided()
    if name == "counts":
        scores = {
            p: auc(held.right, Counts(inner, penalty=p).probabilities(held))
            for p in PENALTIES
        }
        best = {"penalty": max(scores, key=scores.get)}
    else:
        looks = [min(LIMIT, look) for look in LOOKS[name]] if LIMIT else LOOKS[name]
        _, history = learned(
            name,
            inner,
            max(looks),
            0,
            cooldown=0.0,
            watch=lambda m: auc(held.right, m.probabilities(held)),
            watch_at=looks,
        )
        scores = history.watched
        best = {"steps": int(max(scores, key=scores.get))}
    print(name, best, scores, flush=True)
    return best | {"tries": {str(k): v for k, v in scores.items()}}


def measure(name: str, choice: dict, method: str, seed: int) -> dict:
    """Train one method with one seed on a data set, and say the answers of its test."""
    train, test = aigc.data.load(name), aigc.data.load(name, split="test")
    if method.endswith("a row a skill"):
        train, test = train.expanded(), test.expanded()
    kind = method.partition(",")[0]
    began = time.process_time()
    if kind == "counts":
        model = Counts(train, penalty=choice["counts"]["penalty"])
    else:
        model, _ = learned(kind, train, choice[kind]["steps"], seed)
    seconds = time.process_time() - began
    chances = model.probabilities(test)
    return {"seconds": seconds, "chances": chances.numpy().round(5).tolist()}


def repeated(data: Answers) -> Tensor:
    """Mark answers that follow one of the same learner to the same item, (M,)."""
    same = torch.zeros(len(data.item), dtype=torch.bool)
    same[1:] = data.item[1:] == data.item[:-1]
    same[data.starts[:-1][data.lengths > 0]] = False
    return same


def rows_of_set(name: str) -> tuple[list[dict], list[dict], dict]:
    """All methods on one data set: rows, paired gains, and what was chosen."""
    train, test = aigc.data.load(name), aigc.data.load(name, split="test")
    wide = test.expanded()
    choice = {
        kind: kept("tracing", f"{name} {kind} tuned", partial(tuned, train, kind))
        for kind in ("counts", *NETWORKS)
    }
    methods = {"counts": [0], "DKT": [0], OURS: N, OTHER: N}
    if name == "assistments":
        methods |= {f"{OURS}, a row a skill": [0], "counts, a row a skill": [0]}
    runs = {
        (method, seed): kept(
            "tracing",
            f"{name} {method} {seed}",
            partial(measure, name, choice, method, seed),
        )
        for method, own in methods.items()
        for seed in own
    }
    said = {
        method: [torch.tensor(runs[method, seed]["chances"]) for seed in own]
        for method, own in methods.items()
    }
    items = torch.stack(
        [train.right[train.item == i].double().sum() for i in range(len(train.items))]
    )
    asked = torch.bincount(train.item, minlength=len(train.items))
    said["share right of the item"] = [((items + 1) / (asked + 2))[test.item]]
    both = torch.stack([*said[OURS], *said[OTHER]]).logit(1e-6).mean(0)
    said["all networks with counts together"] = [both.sigmoid()]
    if name == "made_learners":
        world = Learners(test.card.splits["test"], seed=1)
        world.choose(test.card.parameters["rounds"])
        said["the truth"] = [torch.from_numpy(world.truth())]
    counts, rows = said["counts"][0], []
    for method, chances in said.items():
        data = wide if method.endswith("a row a skill") else test
        row = {"data": name, "method": method} | judged(data, chances)
        if data is test and method != "counts":
            row |= minus_counts(test, chances[0], counts)
        if (method, 0) in runs:
            row["seconds"] = runs[method, 0]["seconds"]
        rows.append(row)
        print(name, method, f"{row['auc']:.4f}", row["auc_of_seeds"], flush=True)
    return rows, gains_of(name, said, test), choice


def judged(data: Answers, chances: list[Tensor]) -> dict:
    """The figures of one method, whose seeds said ``chances``."""
    first, right, same = chances[0], data.right, repeated(data)
    return {
        "answers": len(right),
        "learners": len(data),
        "auc": auc(right, first),
        "auc_interval": list(auc_interval(right, first, data.learner)),
        "auc_of_seeds": [auc(right, each) for each in chances],
        "auc_after_same": auc(right[same], first[same]),
        "share_after_same": same.double().mean().item(),
    }


def minus_counts(data: Answers, new: Tensor, counts: Tensor) -> dict:
    """The gain over the chances of counts, paired over learners."""
    gain = auc_gain(data.right, new, counts, data.learner)
    return {"minus_counts": gain.mean, "minus_counts_interval": [gain.low, gain.high]}


def gains_of(
    name: str,
    said: dict[str, list[Tensor]],
    test: Answers,
    pairs: tuple[tuple[str, str], ...] = ((OURS, OTHER), (OURS, "DKT")),
) -> list[dict]:
    """The first of each pair minus the second, paired over learners."""
    rows = []
    for new, old in pairs:
        gain = auc_gain(test.right, said[new][0], said[old][0], test.learner)
        row = {"pair": f"{name}: {new} minus {old}", "gain": gain.mean}
        rows.append(row | {"gain_interval": [gain.low, gain.high]})
    return rows


# ---- exams ---------------------------------------------------------------------------


def exam(name: str) -> dict:
    """Half of the items of held-out pupils are seen, the others said by each model."""
    train, test = aigc.data.load(name), aigc.data.load(name, split="test")
    table, rng = responses(test, test.items), np.random.default_rng(0)
    hidden = rng.random(table.shape).argsort(1) < table.shape[1] // 2
    seen = test.some(slice(None))
    kept_rows = torch.from_numpy(~hidden.ravel())
    counts = kept_rows.reshape(table.shape).sum(1)
    starts = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
    seen = Answers(
        test.item[kept_rows], test.right[kept_rows], starts, test.items, test.learners
    )
    models = {"2PL": TwoPL(train)}
    if name != "math2":
        models["DINA"] = DINA(train)
    said = {method: model.predict(seen) for method, model in models.items()}
    said["share right of the item"] = np.tile(
        np.nanmean(responses(train, train.items), 0), (len(table), 1)
    )
    said["item and share right of the pupil"] = additive(train, table, hidden)
    learner = np.repeat(np.arange(len(table)), hidden.sum(1))
    right = table[hidden]
    answer = {}
    for method, chances in said.items():
        row = {"auc": auc(right, chances[hidden])}
        row["auc_interval"] = list(auc_interval(right, chances[hidden], learner))
        row["brier"] = float(((chances[hidden] - right) ** 2).mean())
        if method != "2PL":
            gain = auc_gain(right, said["2PL"][hidden], chances[hidden], learner)
            row["two_pl_minus"] = gain.mean
            row["two_pl_minus_interval"] = [gain.low, gain.high]
        answer[method] = row
    answer["pupils"] = len(table)
    return answer


def additive(train: Answers, table: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """A level for each item plus a slope times the logit of the pupil's seen share."""
    from sklearn.linear_model import LogisticRegression

    full, rng = responses(train, train.items), np.random.default_rng(1)
    masked = rng.random(full.shape).argsort(1) < full.shape[1] // 2

    def features(values: np.ndarray, away: np.ndarray) -> np.ndarray:
        right, asked = (values * ~away).sum(1), (~away).sum(1)
        share = (right + 1) / (asked + 2)
        logit = np.repeat(np.log(share / (1 - share)), values.shape[1])
        item = np.tile(np.eye(values.shape[1]), (len(values), 1))
        return np.column_stack([item, logit])

    model = LogisticRegression(max_iter=500)
    x = features(full, masked)
    model.fit(x[masked.ravel()], full[masked])
    return model.predict_proba(features(table, hidden))[:, 1].reshape(table.shape)


def main() -> None:
    rows, gains, exams, tries = [], [], [], {}
    for name in ("made_learners", "assistments"):
        own, paired, tries[name] = rows_of_set(name)
        rows, gains = rows + own, gains + paired
    for name in ("frcsub", "math1", "math2"):
        found = kept("tracing", f"exam {name}", partial(exam, name))
        pupils = found.pop("pupils")
        exams += [
            {"data": name, "method": method, "learners": pupils} | row
            for method, row in found.items()
        ]
    record(
        "tracing",
        rows,
        data="assistments, made_learners, frcsub, math1, math2",
        split="learners held out, see the cards; settings on a fifth of the training "
        "learners; exams: half of the items of held-out pupils are hidden",
        metric="AUC of each answer from those before it, all answers of the test; 95% "
        "bootstrap intervals over learners, differences paired",
        gains=gains,
        exams=exams,
        networks=NETWORKS,
        tries=tries,
        published={
            "source": "leap-kt, question level, learners held out, other preparation",
            "simpleKT": 0.7676,
            "DKT+": 0.7614,
            "DKT": 0.7598,
            "AKT": 0.7471,
        },
        seeds=list(N),
    )


if __name__ == "__main__":
    main()
