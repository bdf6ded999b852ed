"""From data to a deployed model: five modules behind contracts, and a gate.

A run is one TOML file with a section for each module::

    name = "clothes"
    seed = 0
    [data]
    name = "fashion_mnist"
    [model]
    name = "vae"
    hidden = 256
    [optimisation]
    steps = 6000
    [evaluation]
    n = 1000
    gate = ["frechet_distance <= 60", "recall >= 0.1"]
    [application]
    to = "served/clothes.safetensors"
    feedback = "returned"

``read("clothes.toml").run()`` in a notebook and ``python -m aigc_lib run clothes.toml``
in a terminal or in CI do the same. Any module can be replaced by an object of one's own
that keeps its contract: ``pipeline.data = Mine()``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import runtime
from ..arguments import unknown, whole
from ..data.own import is_own
from ..data.parts import digest
from ..files import replacing
from ..models import MODELS
from ..options import typed
from .contracts import CONTRACTS, Contract, diagram, flows
from .gate import Check, Gate
from .modules import (
    OF_TABLES,
    STANDARD,
    Application,
    Data,
    Evaluation,
    Model,
    Optimisation,
)

__all__ = [
    "CONTRACTS",
    "Application",
    "Check",
    "Contract",
    "Data",
    "Evaluation",
    "Gate",
    "Model",
    "Optimisation",
    "Outcome",
    "Pipeline",
    "configured",
    "diagram",
    "flows",
    "read",
]


@dataclass
class Outcome:
    """What a run leaves: its record, and the model whether it was deployed or not.

    ``record`` is the content of ``folder / "record.json"``: the configuration, the
    figures before and after training, each rule of the gate, what was deployed.
    """

    record: dict[str, Any]
    folder: Path
    model: Any

    @property
    def passed(self) -> bool:
        """Whether the gate let the model through."""
        return self.record["outcome"] == "deployed"

    def __repr__(self) -> str:
        rules = [
            f"  {'pass' if c['passed'] else 'FAIL'}  {c['rule']}: {_short(c['value'])}"
            for c in self.record["gate"]
        ]
        return "\n".join([f"{self.record['run']}: {self.record['outcome']}", *rules])


@dataclass
class Pipeline:
    """Five modules and a gate; ``run`` follows the contracts in their order."""

    data: Any
    model: Any
    optimisation: Any
    evaluation: Any
    application: Any
    gate: Gate
    name: str = "run"
    seed: int = 0

    @property
    def config(self) -> dict[str, Any]:
        """What makes the run, as plain values."""
        modules = {section: _settings(getattr(self, section)) for section in CONTRACTS}
        modules["evaluation"]["gate"] = list(self.gate.rules)
        return {"name": self.name, "seed": self.seed} | _plain(modules)

    @property
    def id(self) -> str:
        """The name of the run, and a digest of its configuration and what came back."""
        text, feedback = json.dumps(self.config, sort_keys=True), self.application
        feedback = getattr(feedback, "feedback", None)
        if isinstance(feedback, str | os.PathLike):
            text += digest(feedback)
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def check(self) -> None:
        """Refuse modules that do not keep their contracts.

        Raises:
            ValueError: names the section and what is missing.
        """
        for section, contract in CONTRACTS.items():
            contract.check(section, getattr(self, section))

    def run(self, folder: str | os.PathLike = "runs") -> Outcome:
        """Do everything, from loading to deploying, and keep a record of it.

        The record is ``folder / id / "record.json"``, whatever happens. Before any
        training the untrained model is evaluated, so that a figure that the gate asks
        for in vain, or a gate that lets anything through, costs seconds. The same run,
        started again, goes on where its checkpoint stops.

        Raises:
            ValueError: a module that does not keep its contract, refuses its arguments,
                or a gate that the untrained model passes; section, key, value, remedy.
            TrainingDiverged: a loss or a weight is no longer finite.
        """
        self.check()
        place = Path(folder) / self.id
        record = {
            "run": place.name,
            "outcome": "running",
            "config": self.config,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "hardware": runtime.describe_device(runtime.pick_device()),
            "versions": runtime.describe_versions(),
            **dict.fromkeys(("before", "figures", "deployed", "history")),
            "gate": [],
            "seconds": {},
        }
        known = {"seed": self.seed, "folder": place}
        known["feedback"] = self.application.feedback
        try:
            for section in CONTRACTS:
                if section == "application" and not all(
                    rule["passed"] for rule in record["gate"]
                ):
                    break
                with _within(section, record, place):
                    known |= self._follow(section, known)
                    if section == "model":
                        with _naming("evaluation"):
                            record["before"] = self._rehearse(known)
                    if section == "evaluation":
                        record["figures"] = dict(known["figures"])
                        record["gate"] = [
                            asdict(rule) for rule in self.gate.judge(known["figures"])
                        ]
                record["history"] = known.get("history")
                record["deployed"] = known.get("deployed")
            record["outcome"] = "deployed" if "deployed" in known else "refused"
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            record["outcome"] = "interrupted" if stopped else "failed"
            record["error"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            _write(record, place)
        return Outcome(_plain(record), place, known["trained"])

    def _follow(self, section: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """Give a module what its contract says; return what it gives, by name."""
        contract, module = CONTRACTS[section], getattr(self, section)
        taken = {name: known[name] for name in contract.takes}
        given = getattr(module, contract.method)(**taken)
        if len(contract.gives) == 1:
            given = (given,)
        return dict(zip(contract.gives, given, strict=True))

    def _rehearse(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Evaluate the untrained model: the gate must know its figures and refuse."""
        known = {**known, "trained": known["model"]}
        figures = self._follow("evaluation", known)["figures"]
        if all(rule.passed for rule in self.gate.judge(figures)):
            raise ValueError(
                f"gate={list(self.gate.rules)}: the untrained model "
                "passes it, so that it would let anything through: ask for more"
            )
        return dict(figures)


def read(path: str | os.PathLike) -> Pipeline:
    """Read the configuration of a run from a TOML file in UTF-8.

    Raises:
        FileNotFoundError: no file at ``path``.
        ValueError: no TOML, or what ``configured`` refuses.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file: write the configuration there")
    try:
        config = tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{path}: no UTF-8: save it in that encoding") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: no TOML: {error}") from None
    return configured({"name": Path(path).stem} | config)


def configured(config: Mapping[str, Any]) -> Pipeline:
    """Make a pipeline of ``config``: a section for each module, ``name`` and ``seed``.

    Raises:
        ValueError: a section or a key that is missing or unknown, or a value that is
            not of its kind; names section, key, value and remedy.
    """
    for key in config:
        if key not in (*CONTRACTS, "name", "seed"):
            raise unknown("section", key, (*CONTRACTS, "name", "seed"))
    made = {}
    for section in CONTRACTS:
        values = config.get(section)
        if not isinstance(values, Mapping):
            raise ValueError(f"[{section}] is missing: write this section, {HOW}")
        values = dict(values)
        with _naming(section):
            if section == "evaluation":
                made["gate"] = Gate(_rules(values.pop("gate", None)))
            made[section] = _module(STANDARD[section], values)
    data, modality = made["data"], MODELS[made["model"].name].modality
    if data.kind is None and modality in OF_TABLES and is_own(data.name):
        made["data"] = replace(data, kind=modality)
    name = config.get("name", "run")
    good = isinstance(name, str) and name.isprintable() and name.strip()
    if not good or set(name) & set('/\\:*?"<>|'):
        raise ValueError(f"name={name!r}: give a word that a folder can be named by")
    return Pipeline(**made, name=name, seed=whole("seed", config.get("seed", 0), 0))


HOW = 'such as [data] and below it name = "fashion_mnist"'


def _module(kind: type, values: dict[str, Any]) -> Any:
    """Make a standard module of what its section says."""
    if hasattr(kind, "section"):
        return kind.section(**values)
    values = typed(kind, values)
    for each in fields(kind):
        if each.name not in values and each.default is each.default_factory:
            raise ValueError(f"{each.name} is missing: give it")
    return kind(**values)


def _rules(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(
            f'gate={value!r}: give a list of rules, such as ["recall >= 0.5"]'
        )
    return tuple(value)


@contextmanager
def _naming(section: str) -> Iterator[None]:
    """Say in which section a bad value stands."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith("["):
            raise
        raise ValueError(f"[{section}] {error}") from error


@contextmanager
def _within(section: str, record: dict[str, Any], place: Path) -> Iterator[None]:
    """Time one module, name it in errors, and keep what is known so far."""
    began = time.perf_counter()
    with _naming(section):
        yield
    record["seconds"][section] = round(time.perf_counter() - began, 3)
    _write(record, place)


def _write(record: dict[str, Any], place: Path) -> None:
    with replacing(place / "record.json") as temporary:
        text = json.dumps(_plain(record), ensure_ascii=False, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")


def _settings(module: Any) -> dict[str, Any]:
    """What a module was made with: its section, or its class and fields."""
    values = asdict(module) if is_dataclass(module) else {}
    values |= values.pop("options", None) or {}
    if type(module) not in STANDARD.values():
        values = {"class": type(module).__qualname__} | values
    return {key: value for key, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    """Turn ``value`` into what JSON holds; what is not finite becomes a word."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "state_dict"):  # a history
        return _plain(value.state_dict())
    if hasattr(value, "item") and not getattr(value, "ndim", 0):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return (
        value if value is None or isinstance(value, bool | int | float) else str(value)
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
