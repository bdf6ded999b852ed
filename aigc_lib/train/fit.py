"""The training loop: flat, exact to resume, the same in a notebook and on many GPUs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor
from tqdm import tqdm

from .. import runtime
from ..codecs.tokens import Windows
from ..models.base import GenerativeModel
from . import checkpoint as checkpoints
from .average import move_average, warmed_up
from .history import History
from .update import Update

LOG_EVERY = 50  # steps; the only moment at which the host waits for the device
RECIPE = {"batch_size": 64, "ema": 0.998, "cooldown": 0.3}  # where nobody has another


def fit(
    model: GenerativeModel,
    data: Any,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    ema: float | None = None,
    cooldown: float | None = None,
    checkpoint: str | os.PathLike | None = None,
    save_every: int = 500,
    watch: Callable[[GenerativeModel], Any] | None = None,
    watch_at: Collection[int] = (),
) -> History:
    """Train ``model`` on ``data`` for ``steps`` steps or ``seconds`` seconds.

    ``data`` is a data set of ``aigc_lib.data``, a tensor (N, ...) or ``Windows`` of a
    text; uint8 is scaled to [-1, 1]. A conditional model also gets the labels of the
    data set. The whole set lies on the device and batches are picked by index: for data
    that fits into memory this is many times faster than a ``DataLoader``.

    ``ema`` is the decay of the moving average that ``model.sample`` uses, 0 for none.
    Over the last share ``cooldown`` of the run the learning rates fall linearly to 0.
    Of these two and ``batch_size``, what is not given is that of ``model.recipe``, else
    0.998, 0.3 and 64.

    With ``checkpoint`` the run is saved every ``save_every`` steps and at the end, and
    a later call with the same arguments goes on where the file stops: on a CPU the
    result equals that of an uninterrupted run bit for bit. ``watch(model)`` is called
    after the steps in ``watch_at`` (0: before the first) and its results are kept in
    ``history.watched``; with a checkpoint they must be tensors or plain values.

    Networks run in bfloat16 where the device computes in it natively and the model
    tolerates it; weights and optimisers stay in float32.

    With several processes (``accelerate launch`` or ``torchrun``) each process takes
    its own share of every batch, of ``batch_size`` samples, and gradients are averaged.

    Raises:
        ValueError: neither or both of ``steps`` and ``seconds``, a number out of range,
            data that is no tensor, holds less than one batch, is not finite or lacks
            the labels of a conditional model or has others than it knows, or a
            checkpoint of another run.
        TrainingDiverged: a loss is no longer finite.
    """
    if (steps is None) == (seconds is None):
        raise ValueError(f"steps={steps}, seconds={seconds}: give one of the two")
    asked = {"batch_size": batch_size, "ema": ema, "cooldown": cooldown}
    asked = {name: value for name, value in asked.items() if value is not None}
    chosen = RECIPE | model.recipe | asked
    batch_size, ema, cooldown = (chosen[name] for name in RECIPE)
    numbers = {"steps": steps, "seconds": seconds, "batch_size": batch_size}
    for name, value in (numbers | {"save_every": save_every}).items():
        if value is not None and value <= 0:
            raise ValueError(f"{name}={value}: give a number above 0")
    if not 0 <= ema < 1:
        raise ValueError(f"ema={ema}: a decay lies in [0, 1)")
    if not 0 <= cooldown <= 1:
        raise ValueError(f"cooldown={cooldown}: a share of the run lies in [0, 1]")

    accelerator = Accelerator()
    device = accelerator.device
    bf16 = model.tolerates_bf16 and runtime.has_bf16(device)
    if seconds is not None and accelerator.num_processes > 1:
        raise ValueError(f"seconds={seconds}: several processes need steps instead")
    x = as_tensor(data).to(device)
    batches = Batches(len(x), batch_size, seed, accelerator)
    labels = as_labels(data, len(x), model).to(device) if model.conditional else None
    model.to(device).train()
    # all start from the same weights and buffers: spectral normalisation has some
    broadcast([tensor.data for tensor in (*model.parameters(), *model.buffers())])
    if ema:
        model.start_averaging()
    else:  # sample would prefer an older average to what is learned now
        model.averages.clear()
    update = Update(model, accelerator)
    history, step, clock = History(), 0, Clock()

    run = {"model": type(model).__name__, "config": model.config, "samples": len(x)}
    run |= {"batch_size": batch_size, "seed": seed, "ema": ema, "cooldown": cooldown}
    if cooldown:  # the learning rates depend on where the run is to end
        run |= {"steps": steps, "seconds": seconds}
    if checkpoint and (state := checkpoints.read(checkpoint, run)):
        model.load_state_dict(state["model"])
        update.load_state_dict(state["optimizers"])
        history, step = History(**state["history"]), state["step"]
        clock = Clock(state["seconds"])

    def look() -> None:
        if watch and step in watch_at and step not in history.watched:
            with clock.stopped():
                result = watch(model)
            model.train()
            if checkpoint and not checkpoints.is_plain(result):
                raise ValueError(
                    f"watch returned {type(result).__name__}: a checkpoint keeps "
                    "tensors, numbers, strings, and lists, tuples or dicts of them"
                )
            history.watched[step] = result

    def save() -> None:
        with clock.stopped():
            state = {"model": model.state_dict(), "optimizers": update.state_dict()}
            state |= {"run": run, "step": step, "seconds": clock.seconds}
            checkpoints.write(checkpoint, state | {"history": history.state_dict()})

    done = clock.seconds if seconds else step
    main = accelerator.is_main_process
    quiet = runtime.quiet() or not main
    bar = tqdm(
        total=steps or seconds,
        initial=done,
        disable=quiet,
        bar_format=None if steps else "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}",
    )
    with bar, own_randomness(device):
        look()
        while done < (steps or seconds):
            # Step and process alone decide the noise: there is no state to save.
            words = np.random.SeedSequence([seed, step, accelerator.process_index])
            torch.manual_seed(int(words.generate_state(1)[0]))
            chosen = batches[step]
            batch = x[chosen]
            if batch.dtype == torch.uint8:
                batch = batch.float().div_(127.5).sub_(1)
            if model.conditional:
                batch = batch, labels[chosen]
            left = 1 - done / (steps or seconds)
            update.scale_learning_rates(min(1.0, left / cooldown) if cooldown else 1.0)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                model.training_step(batch, update)
            for name, average in model.averages.items():
                move_average(average, getattr(model, name), warmed_up(ema, step))
            step += 1
            look()
            done = clock.seconds if seconds else step
            finished = done >= (steps or seconds)
            if step % LOG_EVERY == 0 or finished:
                history.log(step, clock.seconds, update.mean_losses(step))
                bar.set_postfix({k: f"{v[-1]:.3f}" for k, v in history.losses.items()})
            bar.update(done - bar.n)
            if main and checkpoint and (step % save_every == 0 or finished):
                save()
    return history


class Batches:
    """The samples of each step, by index: every epoch a new order, fixed by the seed.

    Raises:
        ValueError: fewer samples than one step of all processes takes.
    """

    def __init__(self, n: int, batch_size: int, seed: int, accelerator: Accelerator):
        self.per_step = batch_size * accelerator.num_processes
        if n < self.per_step:
            raise ValueError(
                f"data holds {n} samples, one step takes {self.per_step}: "
                f"choose batch_size <= {n // accelerator.num_processes}"
            )
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.rank, self.device = accelerator.process_index, accelerator.device
        self.epoch = -1

    def __getitem__(self, step: int) -> Tensor:
        epoch, k = divmod(step, self.n // self.per_step)
        if epoch != self.epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.n)
            self.order, self.epoch = torch.from_numpy(order).to(self.device), epoch
        start = k * self.per_step + self.rank * self.batch_size
        return self.order[start : start + self.batch_size]


class Clock:
    """Seconds of training; ``stopped`` leaves out what is not training."""

    def __init__(self, seconds: float = 0.0):
        self.start = time.perf_counter() - seconds

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @contextmanager
    def stopped(self) -> Iterator[None]:
        before = time.perf_counter()
        yield
        self.start += time.perf_counter() - before


def as_tensor(data: Any) -> Tensor | Windows:
    """Return the samples of a data set, or the tensor or the windows themselves.

    Raises:
        ValueError: no tensor, no batch axis, or values that are not finite.
    """
    if isinstance(data, Windows):
        return data
    x = getattr(data, "x", data)
    if not isinstance(x, Tensor) or x.dim() < 2:
        raise ValueError(
            f"data is {type(data).__name__}: give a data set of aigc_lib.data or a "
            "tensor (N, ...)"
        )
    if x.is_floating_point() and not x.isfinite().all():
        raise ValueError("data holds NaN or infinite values: remove those samples")
    return x


def as_labels(data: Any, n: int, model: GenerativeModel) -> Tensor:
    """Return the labels of a data set, (N,) int64.

    Raises:
        ValueError: there are none, not one whole number per sample, or one that is no
            class of ``model``.
    """
    y = getattr(data, "y", None)
    whole = isinstance(y, Tensor) and not y.is_floating_point()
    if not whole or y.shape != (n,):
        raise ValueError(
            f"data has labels {tuple(y.shape) if whole else type(y).__name__}: a "
            f"conditional model needs data.y with {n} whole numbers"
        )
    classes = getattr(model, "classes", None)
    if classes is not None:
        count = classes if isinstance(classes, int) else len(classes)  # their names
        if not 0 <= y.min() <= y.max() < count:
            raise ValueError(
                f"data.y goes from {y.min()} to {y.max()}, the model has classes 0 to "
                f"{count - 1}: make it with more classes, or choose other data"
            )
    return y.long()


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Leave the random generators outside as they were."""
    kind = "cuda" if device.type == "cpu" else device.type
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type=kind):
        yield
