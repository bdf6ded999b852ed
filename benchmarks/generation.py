"""How fast a GPT writes: with the cache, and by reading its window again every time.

The uncached loop does what nanoGPT's generate does: it reads the last tokens again, as
many as the context holds, to write one more. Ours is ``GPT.generate`` and
``GPT.stream``, which read a new token once. When the context is full they forget its
older half and read the newer half again; so they write on with half a context to a
whole one in sight, where the uncached loop always sees a whole one.

Measured for one text, which begins with one token and grows without sampling: until the
context is full ("filling"), and from there on for as many tokens again ("full"). Of
the uncached loop, whose step costs the same once the context is full, ``FULL_STEPS``
steps are timed there. The ways take turns, and the ratio is formed within a turn. While
the context fills, all texts must be the same; beyond it, those of ``GPT.generate`` with
and without its cache, which forget alike.

The net of 4 layers of 4 heads and 128 numbers has learned for some seconds, so that its
text is one; what it says does not matter for the speed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import aigc_lib as aigc
from aigc_lib.data import Characters, Windows
from aigc_lib.models import GPT
from benchmarks.record import record

CONTEXTS, TURNS, FULL_STEPS = (64, 512), 5, 32
TRAINING = 300  # steps of 24 windows of 64


def reread(net: nn.Module, tokens: Tensor, n: int, context: int) -> Tensor:
    """Append the ``n`` likeliest tokens to ``tokens`` (1, T), with no cache."""
    with torch.no_grad():
        for _ in range(n):
            logits = net(tokens[:, -context:])[:, -1]
            tokens = torch.cat([tokens, logits.argmax(-1, keepdim=True)], 1)
    return tokens


def writer(context: int) -> GPT:
    """Return a small GPT that has read some Shakespeare, 64 characters at a time."""
    aigc.start(seed=0)
    text = aigc.data.load("tinyshakespeare").joined()
    tokenizer = Characters.train([text])
    model = GPT(tokenizer, context=context, optimizer="muon")
    windows = Windows(tokenizer.encode(text), 65)
    aigc.fit(model, windows, steps=TRAINING, batch_size=24)
    return model


def seconds(call: Callable[[], object]) -> float:
    """Return how long ``call`` takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ways(model: GPT, net: nn.Module) -> dict[str, tuple[int, Callable]]:
    """Return what takes turns: how many tokens it writes, and the call."""
    context, start = model.context, model.tokenizer.encode("\n")[None]
    filled = model.generate(start, context - 1, temperature=0)  # (1, context)
    n = context - 1
    return {
        "filling, uncached": (n, lambda: reread(net, start, n, context)),
        "filling, generate": (n, lambda: model.generate(start, n, temperature=0)),
        "filling, stream": (n, lambda: model.complete("", n, temperature=0)),
        "full, uncached": (
            FULL_STEPS,
            lambda: reread(net, filled, FULL_STEPS, context),
        ),
        "full, generate": (
            context,
            lambda: model.generate(filled, context, temperature=0),
        ),
    }


def check(model: GPT, net: nn.Module) -> None:
    """Raise ``AssertionError`` where two ways write different texts."""
    context, start = model.context, model.tokenizer.encode("\n")[None]
    cached = model.generate(start, 2 * context, temperature=0)
    again = model.generate(start, 2 * context, temperature=0, cache=False)
    assert torch.equal(cached, again)
    fills = reread(net, start, context - 1, context)
    assert torch.equal(cached[:, :context], fills)
    text = model.complete("", context - 1, temperature=0)
    assert text == model.tokenizer.decode(fills[0, 1:])


def measure(context: int) -> list[dict]:
    """Return one row per way of writing at this context."""
    model = writer(context)
    with model.for_sampling("net") as net:
        check(model, net)
        calls = ways(model, net)
        speeds = {name: [] for name in calls}
        for turn in range(TURNS + 1):
            for name, (n, call) in calls.items():
                speed = n / seconds(call)
                if turn:  # the first warms up
                    speeds[name].append(speed)
    rows = []
    for name, found in speeds.items():
        kind = name.partition(",")[0]
        base = speeds[f"{kind}, uncached"]
        ratios = [ours / theirs for ours, theirs in zip(found, base, strict=True)]
        rows.append(
            {
                "context": context,
                "way": name,
                "tokens_per_second": statistics.median(found),
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    rows = [row for context in CONTEXTS for row in measure(context)]
    record(
        "generation",
        rows,
        data="tinyshakespeare, characters",
        rows_of_a_batch=1,
        sampling="greedy",
        turns=TURNS,
    )


if __name__ == "__main__":
    main()
