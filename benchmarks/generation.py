"""How fast a GPT writes: with the cache, and by reading its window again every time.

The reference does what nanoGPT's generate does, with its net: it reads the last tokens
again, as many as the context holds, to write one more. "uncached" does the same with
our net, and so tells what the cache alone gains. Ours is ``GPT.generate`` and
``GPT.stream``, which read a new token once. When the context is full they forget its
older half and read the newer half again; so they write on with half a context to a
whole one in sight, where the other two always see a whole one.

Measured for one text, which begins with one token and grows without sampling: until the
context is full ("filling"), and from there on ("full"). Of the loops that read again,
whose steps then cost the same, ``FULL_STEPS`` are timed; of ours, whose steps do not,
``LONG`` tokens, or as many as the context holds. The ways take turns, and the ratio to
the reference is formed within a turn. While the context fills, all texts of our net
must be the same; beyond it, those of ``GPT.generate`` with and without its cache, which
forget alike.

The nets have 4 layers of 4 heads and 128 numbers. Ours has learned for some seconds, so
that its text is one; what they say does not matter for the speed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor, nn

import aigc_lib as aigc
from aigc_lib.data import Characters, Windows
from aigc_lib.models import GPT
from benchmarks.record import record
from benchmarks.timing import ratio, timed_turns
from benchmarks.tinyshakespeare import Reference

TURNS, FULL_STEPS, LONG = {64: 15, 512: 3}, 32, 256  # turns at each context
TRAINING = 300  # steps of 24 windows of 64


def reread(net: nn.Module, tokens: Tensor, n: int, context: int) -> Tensor:
    """Append the ``n`` likeliest tokens to ``tokens`` (1, T), with no cache."""
    with torch.no_grad():
        for _ in range(n):
            logits = net(tokens[:, -context:])[:, -1]
            tokens = torch.cat([tokens, logits.argmax(-1, keepdim=True)], 1)
    return tokens


def trained() -> GPT:
    """Return a small GPT that has read some Shakespeare, 64 characters at a time."""
    aigc.start(seed=0)
    text = aigc.data.load("tinyshakespeare").joined()
    tokenizer = Characters.train([text])
    model = GPT(tokenizer, context=64, optimizer="muon")
    windows = Windows(tokenizer.encode(text), 65)
    aigc.fit(model, windows, steps=TRAINING, batch_size=24)
    return model


def with_context(model: GPT, context: int) -> GPT:
    """Return the same GPT, which can read ``context`` tokens at once."""
    other = GPT(model.tokenizer, context=context).eval()
    with model.for_sampling("net") as net:
        other.net.load_state_dict(net.state_dict())
    return other


def ways(model: GPT, net: nn.Module) -> dict[str, tuple[int, Callable]]:
    """Return what takes turns: how many tokens it writes, and the call."""
    context, start = model.context, model.tokenizer.encode("\n")[None]
    filled = model.generate(start, context - 1, temperature=0)  # (1, context)
    n, reference = context - 1, Reference(len(model.tokenizer), context)
    more = max(context, LONG)
    return {
        "filling, reference": (n, lambda: reread(reference, start, n, context)),
        "filling, uncached": (n, lambda: reread(net, start, n, context)),
        "filling, generate": (n, lambda: model.generate(start, n, temperature=0)),
        "filling, stream": (n, lambda: model.complete("", n, temperature=0)),
        "full, reference": (
            FULL_STEPS,
            lambda: reread(reference, filled, FULL_STEPS, context),
        ),
        "full, uncached": (
            FULL_STEPS,
            lambda: reread(net, filled, FULL_STEPS, context),
        ),
        "full, generate": (more, lambda: model.generate(filled, more, temperature=0)),
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


def measure(model: GPT, turns: int) -> list[dict]:
    """Return one row per way of writing at the context of the model."""
    with model.for_sampling("net") as net:
        check(model, net)
        wanted = ways(model, net)
        times = timed_turns({name: call for name, (_, call) in wanted.items()}, turns)
    a_token = {
        name: [seconds / wanted[name][0] for seconds in took]
        for name, took in times.items()
    }
    rows = []
    for name, seconds in a_token.items():
        base = a_token[name.partition(",")[0] + ", reference"]
        speed = {"tokens_per_second": 1 / statistics.median(seconds)}
        row = {"context": model.context, "way": name} | speed
        rows.append(row | ratio(base, seconds))
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    model = trained()
    rows = []
    for context, turns in TURNS.items():
        rows += measure(with_context(model, context), turns)
    record(
        "generation",
        rows,
        data="tinyshakespeare, characters",
        rows_of_a_batch=1,
        sampling="greedy",
        turns={str(context): turns for context, turns in TURNS.items()},
    )


if __name__ == "__main__":
    main()
