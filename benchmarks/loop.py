"""What the training loop costs: ``fit`` against two hand-written loops, one DCGAN.

``bare`` is the least that trains the same model on the same data: index batches, no
log. ``usual`` is what tutorials write: a DataLoader over torchvision's pictures with
their transforms, and ``.item()`` in every step.
The three take turns, and the ratio is formed within a turn.
"""

from __future__ import annotations

import statistics
from functools import partial

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms

import aigc_lib as aigc
from aigc_lib.runtime import has_bf16, pick_device
from benchmarks.record import record
from benchmarks.timing import ratio, timed_turns

STEPS, TURNS, BATCH = 60, 5, 64


def step(model, optimizers, real) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of both players, as a reader would write it down."""
    generator, discriminator, loss = model.generator, model.discriminator, model.loss
    with torch.autocast(
        real.device.type, torch.bfloat16, enabled=has_bf16(real.device)
    ):
        fake = generator(torch.randn(len(real), model.latent_dim).to(real.device))
        d_loss = loss.discriminator(discriminator(real), discriminator(fake.detach()))
    optimizers["discriminator"].zero_grad()
    d_loss.backward()
    optimizers["discriminator"].step()
    with torch.autocast(
        real.device.type, torch.bfloat16, enabled=has_bf16(real.device)
    ):
        g_loss = loss.generator(discriminator(fake))
    optimizers["generator"].zero_grad()
    g_loss.backward(inputs=list(generator.parameters()))
    optimizers["generator"].step()
    return d_loss, g_loss


def average(model, decay=0.999) -> None:
    ours, theirs = model.averages["generator"], model.generator
    with torch.no_grad():
        torch._foreach_lerp_(
            list(ours.parameters()), list(theirs.parameters()), 1 - decay
        )
        for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
            mine.copy_(other)


def bare(model, x) -> None:
    optimizers = model.optimizers()
    order = torch.randperm(len(x), device=x.device)
    for batch in order[: STEPS * BATCH].split(BATCH):
        step(model, optimizers, x[batch].float().div_(127.5).sub_(1))
        average(model)
    wait(x.device)


class Pictures(torch.utils.data.Dataset):
    """What torchvision's FashionMNIST does for every picture."""

    def __init__(self, x):
        self.x = x.cpu()
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
        )

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.x[i, 0].numpy()))


def usual(model, x) -> None:
    optimizers = model.optimizers()
    loader = DataLoader(Pictures(x), batch_size=BATCH, shuffle=True)
    for _, batch in zip(range(STEPS), loader, strict=False):
        losses = step(model, optimizers, batch.to(x.device))
        average(model)
        [loss.item() for loss in losses]


def fit(model, x) -> None:
    aigc.fit(model, x, steps=STEPS, batch_size=BATCH)


def wait(device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    aigc.start()
    x = aigc.data.load("fashion_mnist").x.to(pick_device())
    loops = {"fit": fit, "bare": bare, "usual": usual}
    models = {name: aigc.models.DCGAN().to(x.device) for name in loops}
    for model in models.values():
        model.start_averaging()
    calls = {name: partial(loop, models[name], x) for name, loop in loops.items()}
    seconds = timed_turns(calls, TURNS)
    rows = [
        {"loop": name, "ms_per_step": 1e3 * statistics.median(times) / STEPS}
        | ratio(times, seconds["bare"])
        for name, times in seconds.items()
    ]
    record("loop", rows, data="fashion_mnist", batch_size=BATCH, turns=TURNS)


if __name__ == "__main__":
    main()
