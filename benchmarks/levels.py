"""Sokoban levels: can what is generated be solved, is it new, of the difficulty asked?

A Transformer learns 10,000 levels in eight positions, in two orders of the same
tokens: row by row, and room first, then boxes, then player. It writes freely, and held
to what can be known while writing; then it learns from those of its own drafts that
the solver solves. Opponents: the same model that learns on for as many steps from the
levels alone, without the solver; a VAE, a Markov chain of tiles, learned
rooms with boxes and player by lot under the same constraint, and a program that plays
backwards, which learns nothing. One solver judges all. Paired by seed. Other held-out
levels, judged alike, say what the figures come to where nothing is generated.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pandas as pd
import torch

import aigc_lib as aigc
from aigc_lib.codecs.levels import SokobanLevel, sokoban_faults, turned
from aigc_lib.codecs.tables import TableCodec
from aigc_lib.data.made.levels import backwards
from aigc_lib.metrics.intervals import proportion_interval, student_gain
from aigc_lib.metrics.levels import expressive_range, grids_of, nearest, spread
from aigc_lib.models import TVAE
from aigc_lib.models.markov_tiles import MarkovTiles
from aigc_lib.models.transformer.levels import Held, LevelWriter
from aigc_lib.simulators.sokoban import Sokoban
from benchmarks.record import kept, record, seeds, summary

SEEDS, N = seeds(5), int(os.environ.get("N", 400))
EACH = 3 * N // 10  # of each difficulty
STEPS = int(os.environ.get("STEPS", 400))  # of training, each Transformer
VAE_STEPS, BATCH, WIDTH, DEPTH = 3 * STEPS, 128, 128, 3
ROUNDS, OWN, MORE = 2, 3 * N, STEPS // 4  # own drafts, and steps that learn from them
LIMIT = 20_000
# (temperature of the room, of what is placed in it); the order "rows" has one for all
SETTINGS = {
    "room": ((1.0, 1.0), (1.0, 0.5), (1.0, 0.2), (0.8, 0.5), (0.8, 0.2)),
    "rows": ((1.0, 1.0), (0.8, 0.8), (0.7, 0.7)),
}
FLOOR = 0.95  # of the spread of held-out levels, below which a setting is too narrow
EDGES = (range(20, 50, 4), range(4, 36, 4))  # open squares, pushes
SIGNS = " #$.@"  # sorted, as the codec of tables does
REAL, NAMES = "real levels", ("taught", "longer", "room, held", "room, free")
NAMES += ("rows, held", "rows, free", "VAE", "VAE, counted", "Markov chain")
NAMES += ("old rooms, by lot", "backwards", REAL)
Rows = tuple[str, ...]


@cache
def levels(split: str = "train") -> list[SokobanLevel]:
    return [SokobanLevel.read(text) for text in aigc.data.load("boxoban", split=split)]


@cache
def grids(split: str = "train") -> np.ndarray:
    return grids_of([level.rows for level in levels(split)])


# ---- the ways to make levels ---------------------------------------------------------


def writer(order: str, seed: int) -> tuple[LevelWriter, dict]:
    """Learn the levels in one order."""
    aigc.start(seed=seed)
    model = LevelWriter(order=order, width=WIDTH, depth=DEPTH)
    x = model.prepare(levels())
    began = time.perf_counter()
    options = {"ema": 0.995, "cooldown": 0.5}
    aigc.fit(model, x, steps=STEPS, batch_size=BATCH, seed=seed, **options)
    return model, {"steps": STEPS, "seconds": time.perf_counter() - began}


def taught(model: LevelWriter, seed: int) -> tuple[dict, np.ndarray]:
    """Learn further: half from the levels, half from own drafts that can be solved.

    Expert iteration: the model proposes, the solver selects. The difficulty of an own
    level is that of its bound, as of the others.
    """
    began, own, steps = time.perf_counter(), [], 0
    for turn in range(ROUNDS):
        drafts = written(model, OWN, 30 + 10 * seed + turn, placing=0.5)
        good = [SokobanLevel(rows) for rows in drafts if not sokoban_faults(rows)]
        plain = [level for level in good if not set("*+") & set(level.flat)]
        own += [level for level in plain if Sokoban(level).solve(LIMIT).solved]
        both = [model.prepare(levels()), model.prepare(own)]
        least = min(map(len, both))
        source = torch.Generator().manual_seed(seed)
        x = torch.cat(
            [b[torch.randperm(len(b), generator=source)[:least]] for b in both]
        )
        learn_on(model, x, seed + turn)
        steps += MORE
    took = time.perf_counter() - began
    told = {"teaching_steps": steps, "teaching_seconds": took, "own": len(own)}
    return told, grids_of([level.rows for level in own])


def learn_on(model: LevelWriter, x: torch.Tensor, seed: int) -> None:
    """One round of learning further, in ``MORE`` steps."""
    options = {"ema": 0.98, "cooldown": 0.5, "seed": seed}
    aigc.fit(model, x, steps=MORE, batch_size=BATCH, **options)


def longer(model: LevelWriter, seed: int) -> LevelWriter:
    """Return a copy that learned on as ``taught`` does, from the levels alone."""
    model = copy.deepcopy(model)
    x = model.prepare(levels())
    for turn in range(ROUNDS):
        learn_on(model, x, seed + turn)
    return model


def written(model: LevelWriter, n: int, seed: int, **options) -> list[Rows]:
    return model.codec.decode(model.sample(n, seed=seed, **options))


def by_lot(n: int, seed: int) -> list[Rows]:
    """Learned rooms; boxes and player by lot, held to the same squares."""
    rng = np.random.default_rng(seed)
    codec = LevelWriter(width=8, depth=1, heads=1).codec
    chosen = grids()[rng.integers(len(grids()), size=n)]
    signs = np.vectorize(chr)(chosen)
    tokens = codec.encode(signs)[:, : 1 + codec.packs]
    rule, source = Held(codec), torch.Generator().manual_seed(seed)
    while tokens.shape[1] < codec.length:
        even = rule(tokens, torch.zeros(n, len(codec))).softmax(-1)
        tokens = torch.cat([tokens, even.multinomial(1, generator=source)], 1)
    return codec.decode(tokens)


@cache
def squares() -> tuple[TableCodec, torch.Tensor]:
    """Levels as a table for the VAE: a column a square within the border."""
    inner = grids()[:, 1:-1, 1:-1].reshape(len(grids()), -1)
    every = np.repeat(np.array([[ord(s)] for s in SIGNS], inner.dtype), 64, 1)
    frame = pd.DataFrame(np.vectorize(chr)(np.concatenate([inner, every])))
    frame = frame.rename(columns=lambda k: f"s{k}")
    codec = TableCodec.fit(frame, kinds=dict.fromkeys(frame.columns, "category"))
    x = codec.encode(frame[: -len(SIGNS)])
    ways = np.arange(64).reshape(1, 8, 8)
    return codec, torch.cat([x[:, turned(ways, k).ravel().copy()] for k in range(8)])


def autoencoder(seed: int) -> tuple[TVAE, dict]:
    """Learn the same levels in the same positions."""
    codec, x = squares()
    aigc.start(seed=seed)
    model = TVAE(codec, latent_dim=32, hidden=512, beta=1.0)
    began = time.perf_counter()
    aigc.fit(model, x, steps=VAE_STEPS, batch_size=BATCH, seed=seed, cooldown=0.5)
    return model, {"steps": VAE_STEPS, "seconds": time.perf_counter() - began}


def counted(model: TVAE, n: int, seed: int) -> np.ndarray:
    """Put one player, four goals, four boxes on the likeliest squares, (n, 8, 8)."""
    with model.for_sampling("decoder"), torch.no_grad():
        logits = model.drawn(model.prior(n, seed=seed))
    p = logits.view(n, 64, len(SIGNS)).softmax(-1).numpy()
    out = np.where(p[..., 0] > p[..., 1], " ", "#")
    taken = np.zeros((n, 64), dtype=bool)
    for sign, count in (("@", 1), (".", 4), ("$", 4)):
        score = np.where(taken, -1.0, p[..., SIGNS.index(sign)])
        for row, best in enumerate(score.argsort(1)[:, -count:]):
            out[row, best], taken[row, best] = sign, True
    return out.reshape(n, 8, 8)


def framed(inner: np.ndarray) -> list[Rows]:
    """Put the border around inner squares (N, 8, 8) of signs."""
    side = "#" * 10
    return [(side, *(f"#{''.join(row)}#" for row in grid), side) for grid in inner]


def chain() -> MarkovTiles:
    return MarkovTiles(grids()[:, 1:-1, 1:-1])


# ---- the figures ---------------------------------------------------------------------


def judged(drafts: list[Rows], learned: np.ndarray | None = None) -> dict:
    """All figures of drafts, levels or not; new is what is not ``learned`` either."""
    good = [rows for rows in drafts if not sokoban_faults(rows)]
    found = [(rows, Sokoban(SokobanLevel(rows)).solve(LIMIT)) for rows in good]
    solved = [(rows, verdict) for rows, verdict in found if verdict.solved]
    gave_up = sum(verdict.answer == "gave up" for _, verdict in found)
    figures = {
        "form": len(good) / len(drafts),
        "solved": len(solved) / len(drafts),
        "of_form": len(solved) / max(1, len(good)),
        "gave_up": gave_up / len(drafts),
    }
    if len(solved) < 2:
        return figures | dict.fromkeys(("new", "solved_new"), 0.0) | blank()
    own = grids_of([rows for rows, _ in solved])
    known = grids() if learned is None else np.concatenate([grids(), learned])
    far = nearest(own, known)
    once = len({rows for rows, _ in solved})
    plane = figures_of([rows for rows, _ in solved], [len(v.pushes) for _, v in solved])
    return figures | {
        "new": float((far > 0).mean()),
        "solved_new": float((far > 0).sum() / len(drafts)),
        "once": once / len(solved),
        "distance": float(np.median(far)),
        "spread": spread(own),
        "pushes": float(np.mean([len(v.pushes) for _, v in solved])),
        **expressive_range(plane, reference(), EDGES),
    }


def blank() -> dict:
    return dict.fromkeys(
        ("once", "distance", "spread", "pushes", "overlap", "reached"), 0.0
    )


def figures_of(made: list[Rows], pushes: list[int]) -> np.ndarray:
    """Open squares and pushes of levels, (N, 2)."""
    return np.array(
        [(100 - "".join(r).count("#"), p) for r, p in zip(made, pushes, strict=True)]
    )


@cache
def reference() -> np.ndarray:
    """Where the held-out levels lie in the plane."""
    verdicts = [Sokoban(level).solve(LIMIT) for level in levels("test")[:N]]
    rows = [level.rows for level in levels("test")[:N]]
    return figures_of(rows, [len(verdict.pushes) for verdict in verdicts])


def real_ones(seed: int) -> list[Rows]:
    """Held-out levels that are not in the reference, as many as there are drafts."""
    others = [*levels("validation"), *levels("test")[N:]]
    order = np.random.default_rng(seed).permutation(len(others))
    return [others[k].rows for k in order[:N]]


def filtered(draw: Callable[[int, int], list[Rows]], n: int) -> dict:
    """Draw until ``n`` new levels are solved, and replay each solution."""
    began, accepted, drafts, replayed = time.perf_counter(), {}, 0, 0
    known = {level.rows for level in levels()}
    while len(accepted) < n:
        for rows in draw(n, drafts):
            drafts += 1
            if rows in known or sokoban_faults(rows) or len(accepted) == n:
                continue
            game = Sokoban(SokobanLevel(rows))
            verdict = game.solve(LIMIT)
            if verdict.solved:
                accepted[rows] = verdict
    took = time.perf_counter() - began
    for rows, verdict in accepted.items():
        game = Sokoban(SokobanLevel(rows))
        replayed += game.play(game.moves(verdict.pushes))[1] == game.goals
    return {"drafts": drafts, "seconds": took, "replayed": replayed / n}


def asked_and_reached(model: LevelWriter, seed: int, **told: float) -> dict:
    """Ask for each class, and count the pushes that the solver needs."""
    reached = []
    for kind in range(model.classes):
        drafts = written(model, EACH, 50 + seed, difficulty=kind, **told)
        good = [SokobanLevel(rows) for rows in drafts if not sokoban_faults(rows)]
        found = [Sokoban(level).solve(LIMIT) for level in good]
        reached.append([len(v.pushes) for v in found if v.solved])
    kinds = [model.kind(pushes) for pushes in reached]
    table = [np.bincount(k, minlength=model.classes) / len(k) for k in kinds]
    hits = [float((k == asked).mean()) for asked, k in enumerate(kinds)]
    return {
        "right": float(np.mean(hits)),
        "near": float(np.mean([(abs(k - a) < 2).mean() for a, k in enumerate(kinds)])),
        "solved": sum(map(len, reached)) / (EACH * model.classes),
        **{f"pushes {k}": float(np.mean(p)) for k, p in enumerate(reached)},
        **{f"row {k}": row.tolist() for k, row in enumerate(table)},
    }


def chosen(model: LevelWriter) -> dict:
    """The setting by the share solved and new of drafts that are not judged."""
    least, found = FLOOR * spread(grids("validation")), {}
    for room, things in SETTINGS[model.order]:
        drafts = written(model, 3 * N // 4, 7, temperature=room, placing=things)
        told = judged(drafts)
        names = ("form", "solved", "solved_new", "overlap", "once", "spread")
        found[f"{room}, {things}"] = {k: told[k] for k in names}
    wide = [k for k, told in found.items() if told["spread"] >= least] or [*found]
    best = max(wide, key=lambda k: found[k]["solved_new"])
    pair = [float(t) for t in best.split(", ")]
    return {"tried": found, "least": least, "best": pair}


def row_of(name: str, parts: list[dict]) -> dict:
    """Summarise a way over the seeds; "gain" is what 'taught' has more, by seed."""
    runs = [part[name] for part in parts]
    row = {"way": name} | summary(runs)
    if name in ("taught", REAL) or len(parts) < 2:
        return row
    for prefix, figure in (("", "solved_new"), ("overlap_", "overlap")):
        base = [part["taught"][figure] for part in parts]
        gain = student_gain(base, [run[figure] for run in runs])
        ends = {f"{prefix}gain_interval": [gain.low, gain.high]}
        row |= {f"{prefix}gain": gain.mean} | ends
    return row


# ---- the runs ------------------------------------------------------------------------


def of_orders(order: str, seed: int, warm: list | None) -> dict:
    """A Transformer of one order and seed: figures by way."""
    model, told = writer(order, seed)
    told["parameters"] = sum(p.numel() for p in model.parameters())
    part = {"training": told}
    if warm is None:
        part["temperature"] = chosen(model)
        warm = part["temperature"]["best"]
    told = {"temperature": warm[0], "placing": warm[1]}
    draw = partial(written, model, **told)
    part[f"{order}, free"] = judged(draw(N, 100 + seed, constrained=False))
    part[f"{order}, held"] = judged(draw(N, 100 + seed))
    if order == "room":
        more = longer(model, seed)
        part["longer"] = judged(written(more, N, 100 + seed, **told))
        teaching, own = taught(model, seed)
        part["taught"] = judged(draw(N, 100 + seed), own) | teaching
        began = time.perf_counter()
        draw(100, 1)
        part["hundred"] = time.perf_counter() - began
        part["filter"] = filtered(lambda n, k: draw(n, 10_000 * (seed + 1) + k), 100)
        part["asked"] = asked_and_reached(model, seed, **told)
        if seed == SEEDS[0]:
            part["shown"] = shown(model, **told)
    return part


def shown(model: LevelWriter, **told: float) -> list[list[str]]:
    """The first drafts of each class, as they come: rows of signs."""
    return [
        list(rows)
        for kind in range(model.classes)
        for rows in written(model, 3, 3, difficulty=kind, **told)
    ]


def of_opponents(seed: int) -> dict:
    """All that is no Transformer: figures by way."""
    model, told = autoencoder(seed)
    drawn = model.sample(N, seed=100 + seed).to_numpy().reshape(N, 8, 8)
    tiles = chain().sample(N, (8, 8), seed=100 + seed)
    own = [tuple(text.split("\n")) for text in backwards(N, 100 + seed)]
    return {
        "training": told,
        "VAE": judged(framed(drawn)),
        "VAE, counted": judged(framed(counted(model, N, 100 + seed))),
        "Markov chain": judged(framed(np.vectorize(chr)(tiles))),
        "old rooms, by lot": judged(by_lot(N, 100 + seed)),
        "backwards": judged(own),
        REAL: judged(real_ones(seed)),
    }


def main() -> None:
    parts: list[dict] = [{} for _ in SEEDS]
    warm: dict[str, list] = {}
    for order in ("room", "rows"):
        for seed, own in zip(SEEDS, parts, strict=True):
            run = partial(of_orders, order, seed, warm.get(order))
            found = kept("levels", f"{order} {seed}", run)
            if "temperature" in found:
                warm[order] = found["temperature"]["best"]
                own[f"{order} temperature"] = found.pop("temperature")
            own[f"{order} training"] = found.pop("training")
            own |= found
            print({k: v for k, v in own.items() if k != "shown"}, flush=True)
    for seed, own in zip(SEEDS, parts, strict=True):
        own |= kept("levels", f"others {seed}", partial(of_opponents, seed))
    rows = [row_of(name, parts) for name in NAMES]
    hits = round(sum(p["taught"]["solved_new"] for p in parts) * N)
    ends = proportion_interval(hits, N * len(parts))
    plain = [{k: v for k, v in p["asked"].items() if "row" not in k} for p in parts]
    tables = [[p["asked"][f"row {k}"] for k in range(4)] for p in parts]
    record(
        "levels",
        rows,
        pooled={"solved_new": hits / (N * len(parts)), "from": ends[0], "to": ends[1]},
        filter=summary([p["filter"] for p in parts]),
        hundred=summary([{"seconds": p["hundred"]} for p in parts]),
        asked=summary(plain),
        reached=[
            {"asked": str(k)} | {f"in {j}": share for j, share in enumerate(row)}
            for k, row in enumerate(np.mean(tables, 0).tolist())
        ],
        training=summary([p["room training"] for p in parts]),
        vae_training=summary([p["training"] for p in parts]),
        temperature={k: parts[0][f"{k} temperature"] for k in ("room", "rows")},
        shown=parts[0]["shown"],
        data="boxoban: 10,000 levels to learn from, in eight positions",
        split="the files of the source; range compared with test levels",
        n=f"{N} drafts a way and seed; {EACH} a class",
        metric=f"solver: A*, at most {LIMIT:,} positions; new: in no position a "
        "learned level; gains of 'taught' in 'solved_new' and 'overlap', Student's t",
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
