"""A GPT of 0.8 million parameters on Shakespeare's characters, in nanoGPT's time.

``reference`` does what nanoGPT's train.py does with the settings that its README gives
for a processor: 4 layers of 4 heads and 128 numbers, context 64, 2,000 steps of 12
random windows in float32. How long its steps take is the time that ``fit`` gets for our
GPT of the same size, with the batch, optimiser and precision of our choice. Both are
judged by the mean loss over the same windows, which ask for every character of the last
tenth once.

What a step costs is compared at equal work in short blocks that take turns: 12 windows
of 64, AdamW, learned positions for both. The ratio is formed within a turn.

Where there is a GPU, all runs on it, and a net of the size that nanoGPT's README gives
for one is trained too: 6 layers of 6 heads and 384 numbers, context 256.
"""

from __future__ import annotations

import math
import statistics
import time

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    cross_entropy,
    gelu,
    linear,
    scaled_dot_product_attention,
)
from torch.optim import AdamW

import aigc_lib as aigc
from aigc_lib.data import Characters, Windows
from aigc_lib.models import GPT
from aigc_lib.models.transformer.gpt import next_token_loss
from aigc_lib.runtime import pick_device
from benchmarks.record import in_turns, kept, record, seeds, summary
from benchmarks.timing import ratio, timed_turns

CONTEXT, DEPTH, HEADS, WIDTH = 64, 4, 4, 128
STEPS, BATCH, SEEDS = 2_000, 12, seeds(3)
TURNS, BLOCK = 5, 60  # blocks of steps that take turns
OUR_BATCH = 24
GPU_SECONDS = 60


class ReferenceBlock(nn.Module):
    """One block of the reference: attention and perceptron, no biases."""

    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, bias=False)
        self.norm2 = nn.LayerNorm(WIDTH, bias=False)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.mix = nn.Linear(WIDTH, WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.mix(mixed.transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.norm2(x))))


class Reference(nn.Module):
    """GPT-2 with learned positions (Radford et al. 2019), tokens (B, T) -> logits."""

    def __init__(self, vocab_size: int, context: int = CONTEXT):
        super().__init__()
        self.token = nn.Embedding(vocab_size, WIDTH)
        self.position = nn.Embedding(context, WIDTH)
        self.blocks = nn.Sequential(*(ReferenceBlock() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                inner = name.endswith(("mix.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * DEPTH) if inner else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.position.weight[: tokens.shape[1]]
        return linear(self.norm(self.blocks(x)), self.token.weight)


class ReferenceRun:
    """The loop of the reference, which can stop and go on."""

    def __init__(self, text: Tensor, vocab_size: int):
        device = pick_device()
        self.text, self.step = text.to(device), 0
        self.net = Reference(vocab_size).to(device)
        parameters = list(self.net.parameters())
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimizer = AdamW(groups, 1e-3, betas=(0.9, 0.99))

    def rate(self) -> float:
        """Rise for 100 steps, then fall from 1e-3 to 1e-4 like a cosine."""
        if self.step < 100:
            return 1e-3 * (self.step + 1) / 101
        done = min(1.0, (self.step - 100) / (STEPS - 100))
        return 1e-4 + (1e-3 - 1e-4) * (1 + math.cos(math.pi * done)) / 2

    def train(self, steps: int) -> None:
        for _ in range(steps):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate()
            starts = torch.randint(len(self.text) - CONTEXT, (BATCH,)).tolist()
            x = torch.stack([self.text[i : i + CONTEXT] for i in starts])
            y = torch.stack([self.text[i + 1 : i + 1 + CONTEXT] for i in starts])
            loss = cross_entropy(self.net(x).flatten(0, 1), y.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.step += 1
            loss.item()  # it writes a line for every step


def nats(net: nn.Module, windows: Windows) -> float:
    """Return the mean loss over all windows in float32, the same way for both."""
    with torch.no_grad():
        losses = [
            next_token_loss(net(part[:, :-1]), part[:, 1:]) * len(part)
            for part in windows.to(pick_device())[:].split(64)
        ]
    return torch.stack(losses).sum().item() / len(windows)


def ours(tokenizer: Characters, **options: str) -> GPT:
    """Return our GPT of the size of the reference."""
    sizes = {"context": CONTEXT, "depth": DEPTH, "heads": HEADS, "width": WIDTH}
    return GPT(tokenizer, **sizes, **options)


def measure(seed: int, tokenizer: Characters, text: Tensor, test: Windows) -> dict:
    """Train the reference, then ours for as long, and judge both."""
    aigc.start(seed=seed)
    run = ReferenceRun(text, len(tokenizer))
    began = time.perf_counter()
    run.train(STEPS)
    seconds = time.perf_counter() - began
    aigc.start(seed=seed)
    model = ours(tokenizer, optimizer="muon")
    windows = Windows(text, CONTEXT + 1)
    history = aigc.fit(model, windows, seconds=seconds, batch_size=OUR_BATCH, seed=seed)
    with model.for_sampling("net") as net:
        loss = nats(net, test)
    return {
        "seconds": seconds,
        "reference_loss": nats(run.net, test),
        "loss": loss,
        "steps": history.steps[-1],
    }


def at_equal_work(tokenizer: Characters, text: Tensor) -> dict:
    """Time blocks of steps of both, in turns: AdamW, 12 windows, no averaging."""
    aigc.start(seed=0)
    run, model = (
        ReferenceRun(text, len(tokenizer)),
        ours(tokenizer, positions="learned"),
    )
    windows = Windows(text, CONTEXT + 1)
    loops = {
        "reference": lambda: run.train(BLOCK),
        "fit": lambda: aigc.fit(model, windows, steps=BLOCK, batch_size=BATCH, ema=0.0),
    }
    took = timed_turns(loops, TURNS)
    return {
        f"{name}_ms_per_step": 1e3 * statistics.median(seconds) / BLOCK
        for name, seconds in took.items()
    } | ratio(took["fit"], took["reference"])


def large(tokenizer: Characters, text: Tensor, held: Tensor) -> dict | str:
    """Train the large net on a GPU; judge it at the end.

    nanoGPT's is 1.4697, after three minutes of an A100 (its README).
    """
    if pick_device().type != "cuda":
        return "not measured yet: there was no GPU"
    aigc.start(seed=0)
    sizes = {"context": 256, "depth": 6, "heads": 6, "width": 384, "dropout": 0.2}
    model = GPT(tokenizer, optimizer="muon", learning_rate=1e-3, **sizes)
    windows = Windows(text, 257)
    history = aigc.fit(model, windows, seconds=GPU_SECONDS, batch_size=64)
    with model.for_sampling("net") as net:
        loss = nats(net, Windows(held, 257, step=256))
    return {"loss": loss, "seconds": GPU_SECONDS, "steps": history.steps[-1]}


def main() -> None:
    aigc.start()
    train, held = (
        aigc.data.load("tinyshakespeare", split=split).joined()
        for split in ("train", "test")
    )
    tokenizer = Characters.train([train])
    text, rest = tokenizer.encode(train), tokenizer.encode(held)
    test = Windows(rest, CONTEXT + 1, step=CONTEXT)
    work = kept("tinyshakespeare", "equal work", lambda: at_equal_work(tokenizer, text))
    print(work, flush=True)
    (runs,) = in_turns(
        "tinyshakespeare",
        ["loss"],
        SEEDS,
        lambda _, seed: measure(seed, tokenizer, text, test),
    ).values()
    record(
        "tinyshakespeare",
        [summary(runs)],
        equal_work=work,
        gpu=large(tokenizer, text, rest),
        data="tinyshakespeare, characters",
        split="the first nine tenths for training, the last for judging",
        n=len(test),
        metric="nats per character over windows of 64 that do not overlap, at the end",
        seeds=list(SEEDS),
    )


if __name__ == "__main__":
    main()
