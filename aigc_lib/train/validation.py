"""The objective on data that a model does not learn from."""

from __future__ import annotations

import torch
from accelerate.utils import reduce
from torch import Tensor

from ..models.base import Trainable
from .randomness import seed_generators
from .samples import Batches

MOST = 2_048  # samples that one look takes


class _Recorder:
    """Stands in for ``Update``: notes the losses and changes nothing."""

    def __init__(self):
        self.totals: dict[str, Tensor] = {}
        self.count = 0

    def __call__(self, name: str, loss: Tensor) -> None:
        self.totals[name] = self.totals.get(name, 0) + loss.detach().float()


def validation_losses(
    model: Trainable, batches: Batches, seed: int
) -> dict[str, float]:
    """Return the mean of each loss over up to ``MOST`` samples, with averaged weights.

    Every process takes its share of them and gets the mean of all. The noise is the
    same at every look, so that its losses can be compared. Nothing of the model
    changes.
    """
    steps = min(batches.n, MOST) // batches.per_step
    record = _Recorder()
    state = model.get_extra_state() if _counts(model) else None
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    model.eval()
    with model.averaged():
        for step in range(steps):
            seed_generators(seed + step, model.device)
            model.training_step(batches[step], record)
    model.train()
    if state is not None:
        model.set_extra_state(state)
    for buffer, before in buffers:  # such as a codebook, which steps move by themselves
        buffer.copy_(before)
    model.zero_grad(set_to_none=True)
    means = {name: total / steps for name, total in record.totals.items()}
    return {name: reduce(mean, "mean").item() for name, mean in means.items()}


def _counts(model: Trainable) -> bool:
    return type(model).get_extra_state is not torch.nn.Module.get_extra_state
