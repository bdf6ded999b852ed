"""The random numbers of a run: fixed by its seed, and apart from those outside."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed what models and data may draw from: Python, NumPy, torch on ``device`` too.

    ``torch.manual_seed`` would also write down the call stack for every kind of device
    that is not in use; in a notebook this takes longer than a step of a small network.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        getattr(torch, device.type).manual_seed(seed)


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Leave the random generators outside as they were."""
    kind = "cuda" if device.type == "cpu" else device.type
    devices = [] if device.type == "cpu" else [device]
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices, device_type=kind):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def same_randomness() -> Iterator[None]:
    """Draw the same numbers each time, on the CPU; nothing outside changes."""
    cpu = torch.device("cpu")
    with own_randomness(cpu):
        seed_generators(0, cpu)
        yield
