"""Where the code runs: device, precision, profile, seed; notebook, CI or terminal."""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import random
from dataclasses import dataclass, field
from types import ModuleType
from typing import TypeVar

import numpy as np
import torch

from . import __version__
from .arguments import whole

PROFILES = ("smoke", "cpu", "gpu")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # those that torch reads
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's numbers for them, from malloc.h
T = TypeVar("T")
_started: str | None = None  # the profile of the last ``start``


@dataclass(frozen=True)
class Run:
    """The circumstances of one run of a chapter; its ``repr`` is the run card.

    ``bf16`` tells whether the device computes in bfloat16 natively.
    """

    profile: str
    device: torch.device
    bf16: bool
    seed: int
    versions: str = field(repr=False)

    def pick(self, *, smoke: T, cpu: T, gpu: T) -> T:
        """Return the value that belongs to the profile of this run."""
        return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[self.profile]

    def __repr__(self) -> str:
        precision = "bfloat16" if self.bf16 else "float32"
        return (
            f"profile {self.profile} · {describe_device(self.device)} · {precision} · "
            f"seed {self.seed} · {self.versions}"
        )


def start(profile: str | None = None, *, seed: int = 0) -> Run:
    """Choose device and profile, settle the threads, seed every random generator.

    ``profile`` is ``"smoke"`` (a check that takes seconds), ``"cpu"`` (a laptop) or
    ``"gpu"``. Without it the environment variable ``AIGC_PROFILE`` decides, and
    without that the hardware: ``"gpu"`` where CUDA is at hand, else ``"cpu"``.

    Raises:
        ValueError: unknown profile, wherever it came from; negative seed.
    """
    origin = "profile" if profile is not None else "AIGC_PROFILE"
    profile = profile or os.environ.get("AIGC_PROFILE") or None
    chosen = pick_device()
    if profile is None:
        profile = "gpu" if chosen.type == "cuda" else "cpu"
    if profile not in PROFILES:
        raise ValueError(f"{origin}={profile!r}: choose one of {', '.join(PROFILES)}")
    seed = whole("seed", seed, 0)
    settle_threads()
    keep_memory()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if chosen.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what is left in float32
    global _started
    _started = profile
    return Run(profile, chosen, has_bf16(chosen), seed, describe_versions())


def hurried() -> bool:
    """Tell whether ``start`` has begun a smoke run, whose figures nobody looks at."""
    return _started == "smoke"


def settle_threads() -> int:
    """Let torch compute on half of the processor's cores and return how many that are.

    The threads of one operation wait for the slowest: where another process keeps one
    of their cores busy, all of them lose many times its share. Half leaves room
    for neighbours, and on small networks the other half gains little
    (``make bench ONLY=shared_machine`` shows both). Who sets ``OMP_NUM_THREADS`` has
    chosen.
    """
    if not any(os.environ.get(name) for name in THREAD_VARIABLES):
        torch.set_num_threads(max(1, physical_cores() // 2))
    return torch.get_num_threads()


def keep_memory() -> bool:
    """Let the process keep what tensors free, and return whether its C library can.

    glibc gives large blocks back at once. The next step asks for the same ones again,
    and the kernel clears them page by page: for a small GPT a quarter of its time.
    """
    try:
        tune = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; Windows
        return False
    return bool(tune(TRIM_THRESHOLD, 2**30) and tune(MMAP_THRESHOLD, 2**30))


def physical_cores() -> int:
    """Count the cores that this process may use: affinity and containers considered."""
    from joblib import cpu_count

    return cpu_count(only_physical_cores=True)


def pick_device() -> torch.device:
    """Return the best device at hand: CUDA, then Apple's MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def has_bf16(device: torch.device) -> bool:
    """Tell whether ``device`` is to compute in bfloat16: where it does so natively.

    The environment variable ``AIGC_BF16`` overrules that: ``0`` never, ``1`` always.
    ``torch.cuda.is_bf16_supported()`` answers True on a T4, which only emulates it;
    hence the compute capability. A CPU without the instructions is up to 500 times
    slower in bfloat16 than in float32.

    Raises:
        ValueError: another value of ``AIGC_BF16``.
    """
    asked = os.environ.get("AIGC_BF16", "")
    if asked not in ("", "0", "1"):
        raise ValueError(f"AIGC_BF16={asked!r}: set it to 0, 1 or not at all")
    if asked:
        return asked == "1"
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":
        return bool(
            torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
    return False


def describe_device(device: torch.device) -> str:
    """Name the device as a reader would: ``"NVIDIA T4"`` or ``"cpu, 2 threads"``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} thread{'s' * (threads > 1)}"
    return device.type


def describe_versions() -> str:
    """Name the versions that decide what the numbers look like."""
    return (
        f"aigc_lib {__version__} · torch {torch.__version__} · "
        f"Python {platform.python_version()}"
    )


def quiet() -> bool:
    """Tell whether progress bars would only fill a log: AIGC_QUIET, CI, pytest."""
    return any(
        os.environ.get(name, "").strip().lower()
        not in ("", "0", "n", "no", "f", "false", "off")
        for name in ("AIGC_QUIET", "CI", "PYTEST_CURRENT_TEST")
    )


def in_colab() -> bool:
    """Tell whether this is a Google Colab kernel."""
    return "COLAB_RELEASE_TAG" in os.environ


def optional(package: str, *, install: str | None = None) -> ModuleType:
    """Import a package that the core does without, or say how to get it.

    Raises:
        ModuleNotFoundError: it is missing; the message has the command.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{package} is missing: pip install {install or package}"
        ) from error
