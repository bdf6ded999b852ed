"""What happens between a loss and new weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from ..models.base import Trainable, not_finite

REMEDY = "lower the learning rate, or add a penalty on the gradient"
Change = Callable[[str, list[Tensor]], None]  # (optimiser, its parameters)


class TrainingDiverged(ArithmeticError):
    """A loss became infinite or not a number."""


class Update:
    """``update(name, loss)``: backward, gradient average, optimiser step, log.

    Gradients are computed for the parameters of that one optimiser only. So the
    generator's step costs the discriminator no weight gradients, and nobody has to
    freeze or zero the other player. That is also why gradients are averaged here and
    not by DistributedDataParallel, which expects every parameter in every backward
    pass.

    ``changes`` are called in turn between backward and step, with the name of the
    optimiser and its parameters: the one place where gradients are changed.
    """

    def __init__(
        self, model: Trainable, accelerator: Accelerator, changes: Sequence[Change] = ()
    ):
        self.model, self.accelerator, self.changes = model, accelerator, changes
        self.optimizers = model.optimizers()
        self.parameters = {  # averages and what a LoRA froze learn nothing
            name: [
                p
                for group in optimizer.param_groups
                for p in group["params"]
                if p.requires_grad
            ]
            for name, optimizer in self.optimizers.items()
        }
        self.learning_rates = {
            name: [group["lr"] for group in optimizer.param_groups]
            for name, optimizer in self.optimizers.items()
        }
        self.totals: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def __call__(self, name: str, loss: Tensor) -> None:
        parameters = self.parameters[name]
        self.optimizers[name].zero_grad()
        with torch.autocast(self.accelerator.device.type, enabled=False):
            self.accelerator.backward(loss, inputs=parameters)
        if self.accelerator.num_processes > 1:
            self._average_gradients(parameters)
        for change in self.changes:
            change(name, parameters)
        self.optimizers[name].step()
        self.totals[name] = self.totals.get(name, 0) + loss.detach().float()
        self.counts[name] = self.counts.get(name, 0) + 1

    def scale_learning_rates(self, factor: float) -> None:
        """Set every learning rate to ``factor`` times the one the model chose."""
        for name, optimizer in self.optimizers.items():
            rates = self.learning_rates[name]
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = factor * rate

    def _average_gradients(self, parameters: list[Tensor]) -> None:
        """Replace every gradient by its mean over the processes, in one message."""
        # a layer that takes no part yet has none, in every process alike
        gradients = [p.grad for p in parameters if p.grad is not None]
        joined = torch.cat([g.flatten() for g in gradients])
        joined = self.accelerator.reduce(joined, reduction="mean")
        parts = joined.split([g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean_losses(self, step: int) -> dict[str, float]:
        """Return each loss averaged since the last call: the one wait for the device.

        Raises:
            TrainingDiverged: a mean is not finite.
        """
        names = sorted(self.totals)
        means = torch.stack([self.totals[name] / self.counts[name] for name in names])
        means = self.accelerator.reduce(means, reduction="mean").tolist()
        self.totals, self.counts = {}, {}
        losses = dict(zip(names, means, strict=True))
        for name, value in losses.items():
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"loss {name!r} is {value} at step {step}: {REMEDY}"
                )
        return losses

    def check_finite(self, step: int) -> None:
        """Refuse to go on with what ``not_finite`` names.

        Raises:
            TrainingDiverged: there is something.
        """
        if name := not_finite(self.model):
            raise TrainingDiverged(f"{name} is not finite at step {step}: {REMEDY}")

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every optimiser, and the losses since the last log."""
        optimizers = {name: o.state_dict() for name, o in self.optimizers.items()}
        return {"optimizers": optimizers, "totals": self.totals, "counts": self.counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        device = self.accelerator.device
        self.totals = {k: total.to(device) for k, total in state["totals"].items()}
        self.counts = dict(state["counts"])


def clipping(most: float) -> Change:
    """Return the change that scales gradients whose joint norm is above ``most``."""

    def clip(name: str, parameters: list[Tensor]) -> None:
        torch.nn.utils.clip_grad_norm_(parameters, most)

    return clip
