"""What each of the five modules takes and gives; the diagram is drawn from that."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..models import Trainable


class DataModule(Protocol):
    """What the model learns from, and what it is judged by."""

    def load(self, feedback: Any) -> tuple[Any, Any]:
        """Return (train, held_out); ``feedback`` is what came back, or None."""


class ModelModule(Protocol):
    """What is trained."""

    def build(self, train: Any, seed: int) -> tuple[Trainable, Any]:
        """Return an untrained model, and ``train`` as the samples that it fits."""


class OptimisationModule(Protocol):
    """How it is trained."""

    def fit(
        self, model: Trainable, samples: Any, seed: int, folder: Path
    ) -> tuple[Trainable, Any]:
        """Return the trained model and its history; ``folder`` may hold checkpoints."""


class EvaluationModule(Protocol):
    """How good it is."""

    def evaluate(
        self, trained: Trainable, held_out: Any, seed: int
    ) -> Mapping[str, Any]:
        """Return figures by their names."""


class ApplicationModule(Protocol):
    """What it is for; ``feedback`` is what users have sent back so far, or None."""

    feedback: Any

    def deploy(self, trained: Trainable, seed: int, folder: Path) -> Any:
        """Put a model that has passed the gate where it is used; say where."""


@dataclass(frozen=True)
class Contract:
    """The part of a module in a run: its method, what that takes, gives and leaves.

    ``leaves`` is an attribute that the next run takes. ``title`` is for the diagram.
    """

    protocol: type
    method: str
    gives: tuple[str, ...]
    title: str
    leaves: tuple[str, ...] = ()

    @property
    def takes(self) -> tuple[str, ...]:
        """The arguments of the method, as the protocol has them."""
        stated = inspect.signature(getattr(self.protocol, self.method))
        return tuple(stated.parameters)[1:]  # without self

    def check(self, section: str, module: Any) -> None:
        """Refuse an object that does not keep this contract.

        Raises:
            ValueError: names the section, the object and what it lacks.
        """
        wanted = f"def {self.method}(self, {', '.join(self.takes)})"
        method = getattr(module, self.method, None)
        kind = type(module).__name__
        if not callable(method):
            raise ValueError(f"[{section}] {kind} has no {self.method}: add {wanted}")
        try:
            inspect.signature(method).bind(**dict.fromkeys(self.takes))
        except TypeError as error:
            raise ValueError(
                f"[{section}] {kind}.{self.method}: {error}; it must be {wanted}"
            ) from None
        for name in self.leaves:
            if not hasattr(module, name):
                raise ValueError(
                    f"[{section}] {kind} has no {name}: add it, None for none"
                )


CONTRACTS = {
    "data": Contract(DataModule, "load", ("train", "held_out"), "数据"),
    "model": Contract(ModelModule, "build", ("model", "samples"), "模型"),
    "optimisation": Contract(OptimisationModule, "fit", ("trained", "history"), "优化"),
    "evaluation": Contract(EvaluationModule, "evaluate", ("figures",), "评估"),
    "application": Contract(
        ApplicationModule, "deploy", ("deployed",), "应用", leaves=("feedback",)
    ),
}


def flows(contracts: Mapping[str, Contract] = CONTRACTS) -> list[tuple[str, str, str]]:
    """List what goes from which module to which: (from, to, name)."""
    return [
        (giver, taker, name)
        for giver, gives in contracts.items()
        for name in (*gives.gives, *gives.leaves)
        for taker, takes in contracts.items()
        if name in takes.takes
    ]


def diagram() -> str:
    """Draw the contracts and the gate as a flowchart in Mermaid's notation.

    Solid arrows are one run; a dashed one is what a later run takes.
    """
    lines = ["flowchart TB"]
    lines += [f'{name}["{c.title}<br/>{name}"]' for name, c in CONTRACTS.items()]
    lines += ['gate{"关卡"}', 'record["记录<br/>record.json"]']
    said: dict[tuple[str, str], list[str]] = {}
    for giver, taker, name in flows():
        if taker == "application":  # nothing gets there but through the gate
            giver = "gate"
        said.setdefault((giver, taker), []).append(name)
    for (giver, taker), names in said.items():
        arrow = "-.->" if taker == "data" else "-->"
        lines.append(f"{giver} {arrow}|{', '.join(names)}| {taker}")
    lines += ["evaluation -->|figures| gate", "gate -->|不论结果| record"]
    return "\n".join(lines)
