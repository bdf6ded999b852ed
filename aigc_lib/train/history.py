"""What a training run leaves behind: losses over steps, and whatever was watched."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class History:
    """Losses, averaged between two log points, and the results of ``watch``.

    ``steps`` and ``elapsed`` (seconds of training) have one entry per log point, and
    so has each list in ``losses``; a loss that begins later has NaN before.
    ``validation`` maps the name of a loss to its values on held-out data by step, and
    ``best_step`` is where it was lowest, if that was asked for. ``watched`` maps a step
    to what ``watch`` returned.
    """

    steps: list[int] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    watched: dict[int, Any] = field(default_factory=dict)
    validation: dict[str, dict[int, float]] = field(default_factory=dict)
    best_step: int | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training so far, without those spent on ``watch``."""
        return self.elapsed[-1] if self.elapsed else 0.0

    def log(self, step: int, elapsed: float, losses: dict[str, float]) -> None:
        """Add one log point."""
        self.steps.append(step)
        self.elapsed.append(elapsed)
        for name in self.losses.keys() | losses.keys():
            values = self.losses.setdefault(name, [math.nan] * (len(self.steps) - 1))
            values.append(losses.get(name, math.nan))

    def validate(self, step: int, losses: dict[str, float]) -> None:
        """Add what the losses are on held-out data."""
        for name, value in losses.items():
            self.validation.setdefault(name, {})[step] = value

    def state_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers; tensors that were watched stay tensors."""
        return asdict(self)

    def plot(self, ax=None):
        """Draw every loss over the steps and return the axes."""
        import matplotlib.pyplot as plt

        if ax is None:
            ax = plt.subplots(figsize=(6, 3))[1]
        for name, values in self.losses.items():
            alone = "." if sum(map(math.isfinite, values)) == 1 else ""
            (line,) = ax.plot(self.steps, values, marker=alone, label=name)
            if curve := self.validation.get(name):
                style = {"color": line.get_color(), "linestyle": "--"}
                ax.plot(*zip(*curve.items(), strict=True), **style, label="held out")
        ax.set(xlabel="step", ylabel="loss")
        if self.losses:
            ax.legend(frameon=False)
        return ax

    def __repr__(self) -> str:
        last = ", ".join(
            f"{name} {values[-1]:.3f}" for name, values in self.losses.items()
        )
        steps = self.steps[-1] if self.steps else 0
        return f"{steps:,} steps in {self.seconds:.1f} s; {last}"
