"""Four voices of Bach in nats per frame, as the literature counts them.

A frame is what sounds at a quarter; whether a note is struck or held does not count,
nor do metre, key or the length of the piece help. RNN-RBM has 6.27 and RNN-NADE 5.56
nats (Boulanger-Lewandowski et al. 2012) on 382 chorales in 229 / 76 / 77; ours are
music21's four-part ones in the same shares, drawn anew, for which of them are in which
part is not known by their names. A frame of ours says who sings which note, which is
more than the set of notes that theirs says. "free" draws chorale by chorale, as theirs;
"apart" keeps melodies that begin alike together.

The net writes soprano, bass, tenor, alto, frame after frame; it reads ``CONTEXT``
tokens and is judged on every token once, with at least half of that as its past. It
trains on one core. ``SECONDS=20`` is a quick try.
"""

from __future__ import annotations

import os
import time

import torch
from torch import Tensor

import aigc_lib as aigc
from aigc_lib.codecs.piece import Piece
from aigc_lib.codecs.score import RANGES, ScoreCode
from aigc_lib.data.pieces import pieces
from aigc_lib.metrics.intervals import bootstrap_interval
from aigc_lib.models import GPT
from aigc_lib.models.transformer.gpt import readable
from benchmarks.record import in_turns, record, seeds, summary

ORDER = ("soprano", "bass", "tenor", "alto")
STEPS_A_FRAME = 4  # a quarter
CONTEXT, BATCH, KEYS = 128, 12, range(-5, 7)
SECONDS = int(os.environ.get("SECONDS", 200))
NET = {"depth": 4, "heads": 4, "width": 128, "dropout": 0.1}
SEEDS = seeds(3)
CODE = ScoreCode()
START = CODE.numbers["genre chorale"]


def frames(piece: Piece) -> list[list[int | None]]:
    """Return what each voice of ``ORDER`` sounds at every quarter, None for nothing."""
    n = -(-piece.length // STEPS_A_FRAME)
    lines = {}
    for name, voice in zip(RANGES, piece.voices, strict=True):
        lines[name] = line = [None] * n
        for note in voice:
            first, last = (-(-at // STEPS_A_FRAME) for at in (note.start, note.end))
            line[first:last] = [note.pitch] * (last - first)
    return [[lines[name][i] for name in ORDER] for i in range(n)]


def encoded(piece: Piece) -> Tensor:
    """Return the tokens (1 + 4 F,) of the frames, behind one that starts the piece."""
    words = [
        f"{name} {'.' if pitch is None else pitch}"
        for frame in frames(piece)
        for name, pitch in zip(ORDER, frame, strict=True)
    ]
    return torch.tensor([START, *(CODE.numbers[word] for word in words)])


def windows(tokens: Tensor, step: int) -> Tensor:
    """Cut a piece into rows (N, CONTEXT + 1) that learn, or judge, each token once.

    They overlap by all but ``step``; what overlaps is only read, and so is the filling.
    """
    rows, done, start = [], 1, 0
    while True:
        row = tokens[start : start + CONTEXT + 1].clone()
        row[: done - start] = ~row[: done - start]
        done = start + len(row)
        rows.append(torch.cat([row, (~tokens[:1]).expand(CONTEXT + 1 - len(row))]))
        if done >= len(tokens):
            return torch.stack(rows)
        start += step


def training(split: str, apart: bool) -> Tensor:
    """Return the rows of a split in all keys that the voices can sing."""
    rows = []
    for piece in pieces("chorale", split, apart=apart):
        tokens = encoded(piece)
        for shift in KEYS:
            moved = CODE.shift(shift)[tokens]
            if (moved >= 0).all():
                rows.append(windows(moved, CONTEXT))
    return torch.cat(rows)


@torch.no_grad()
def nats(model: GPT, piece: Piece) -> Tensor:
    """Return -log p of each voice in each frame (F, 4)."""
    rows = windows(encoded(piece), CONTEXT // 2)
    with model.for_sampling("net") as net:
        p = net(readable(rows[:, :-1])).double().log_softmax(-1)
    found = -p.gather(-1, readable(rows[:, 1:])[..., None])[..., 0]
    return found[rows[:, 1:] >= 0].view(-1, 4)


def measure(name: str, seed: int) -> dict:
    """Train once; judge on validation and test."""
    apart = name == "apart"
    aigc.start(seed=seed)
    rows = training("train", apart)
    model = GPT(vocab_size=len(CODE), context=CONTEXT, optimizer="muon", **NET)
    history = aigc.fit(model, rows, seconds=SECONDS, batch_size=BATCH, seed=seed)
    answer = {"seconds": SECONDS, "steps": history.steps[-1], "rows": len(rows)}
    for split in ("validation", "test"):
        began = time.perf_counter()
        found = [nats(model, p) for p in pieces("chorale", split, apart=apart)]
        every = torch.cat(found)
        answer[split] = every.sum(1).mean().item()
        answer[f"{split}_frames"] = len(every)
        answer[f"{split}_seconds"] = time.perf_counter() - began
        # pieces are the units: what is odd in one is odd in all of its frames
        sums = torch.tensor([[f.sum().item(), len(f)] for f in found])
        low, high = bootstrap_interval(
            sums, lambda s: float(s[:, 0].sum() / s[:, 1].sum())
        )
        answer |= {f"{split}_low": low, f"{split}_high": high}
        for voice, mean in zip(ORDER, every.mean(0).tolist(), strict=True):
            answer[f"{split}_{voice}"] = mean
    return answer


def main() -> None:
    runs = in_turns("music_chorales", ("free", "apart"), SEEDS, measure)
    rows = {name: summary(found) for name, found in runs.items()}
    for name, found in runs.items():
        rows[name]["runs"] = len(found)
        rows[name]["pieces"] = len(pieces("chorale", "test", apart=name == "apart"))
    record(
        "music_chorales",
        rows,
        published={"RNN-RBM": 6.27, "RNN-NADE": 5.56},
        data="music21's chorales in four voices, 221 / 74 / 73",
        split="free: chorale by chorale; apart: melodies that begin alike together",
        n={name: int(row["test_frames"]) for name, row in rows.items()},
        metric="nats per frame of a quarter, four voices together",
        interval="95%, bootstrap over the pieces of the test",
        seeds=list(SEEDS),
        seconds=SECONDS,
    )


if __name__ == "__main__":
    main()
