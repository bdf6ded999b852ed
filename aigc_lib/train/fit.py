"""The training loop: flat, exact to resume, the same in a notebook and on many GPUs."""

from __future__ import annotations

import copy
import math
import os
import sys
from collections.abc import Callable, Collection
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from tqdm import tqdm

from .. import runtime
from ..arguments import finite, whole
from ..models.base import Trainable
from . import checkpoint as checkpoints
from . import events as event_files
from .average import mover, warmed_up
from .clock import Clock
from .history import History
from .interruption import Interruption, how_to_go_on
from .randomness import own_randomness, seed_generators
from .samples import Batches, as_samples, fingerprint
from .update import Update, clipping
from .validation import MOST, validation_losses

LOG_EVERY = 50  # steps; the only moment at which the host waits for the device
RECIPE = {  # where nobody has another
    "batch_size": 64,
    "ema": 0.998,
    "cooldown": 0.3,
    "max_grad_norm": None,
}


def fit(
    model: Trainable,
    data: Any,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    ema: float | None = None,
    cooldown: float | None = None,
    max_grad_norm: float | None = None,
    validate: Any = None,
    validate_at: Collection[int] | None = None,
    keep_best: bool = False,
    checkpoint: str | os.PathLike | None = None,
    save_every: int = 500,
    watch: Callable[[Trainable], Any] | None = None,
    watch_at: Collection[int] = (),
    log_dir: str | os.PathLike | None = None,
) -> History:
    """Train ``model`` on ``data`` for ``steps`` steps or ``seconds`` seconds.

    ``data`` is a data set of ``aigc_lib.data``, one tensor (N, ...) or several of one
    length, or anything with a length that an index of numbers (B,) turns into a tensor
    or a tuple of tensors (see ``samples.as_samples``). A conditional model gets the
    labels as the second part. What can be moved and fits lies on the device, and
    batches are picked by index: for data in memory this is many times faster than a
    ``DataLoader``.

    ``ema`` is the decay of the moving average of the weights that are used afterwards,
    0 for none. Over the last share ``cooldown`` of the run the learning rates fall
    linearly to 0. Gradients of a norm above ``max_grad_norm`` are scaled down to it. Of
    these and ``batch_size``, what is not given is that of ``model.recipe``, else 0.998,
    0.3, no limit and 64.

    With ``validate``, data like ``data``, the losses on it are noted in
    ``history.validation`` after the steps in ``validate_at`` (every tenth part of the
    run, or every 500 steps of one that is timed, where it is not given). ``keep_best``
    leaves the model with the weights whose validation loss was lowest.

    With ``checkpoint`` the run is saved every ``save_every`` steps and at the end, and
    when Ctrl-C is pressed; a later call with the same arguments goes on where the file
    stops: on a CPU the result equals that of an uninterrupted run bit for bit. A call
    with more ``steps`` or ``seconds`` prolongs the run; the learning rates then follow
    the new length. ``watch(model)`` is called after the steps in ``watch_at`` (0:
    before the first) and its results are kept in ``history.watched``; with a checkpoint
    they must be tensors or plain values. Into ``log_dir`` go the losses as event files
    of TensorBoard.

    Networks run in bfloat16 where the device computes in it natively and the model
    tolerates it; weights and optimisers stay as they are.

    With several processes (``accelerate launch`` or ``torchrun``) each process takes
    its own share of every batch, of ``batch_size`` samples, and gradients are averaged.

    Raises:
        ValueError: neither or both of ``steps`` and ``seconds``, a number out of range,
            weights that are not float32, data that the model is not made for (see
            ``samples.as_samples``), fewer samples than one batch, ``keep_best`` without
            ``validate`` or with several losses, or a checkpoint of another run.
        TrainingDiverged: a loss or a weight is no longer finite; what is not finite is
            never saved.
        ModuleNotFoundError: ``log_dir`` without tensorboard.
    """
    if (steps is None) == (seconds is None):
        raise ValueError(f"steps={steps}, seconds={seconds}: give one of the two")
    steps = None if steps is None else whole("steps", steps, 1)
    seconds = None if seconds is None else finite("seconds", seconds, above=0)
    seed, save_every = whole("seed", seed, 0), whole("save_every", save_every, 1)
    watch_at = _steps("watch_at", watch_at)
    if validate_at is not None:
        validate_at = _steps("validate_at", validate_at)
    chosen = _recipe(
        model,
        batch_size=batch_size,
        ema=ema,
        cooldown=cooldown,
        max_grad_norm=max_grad_norm,
    )
    batch_size, ema, cooldown, max_grad_norm = (chosen[name] for name in RECIPE)

    accelerator = Accelerator()
    device = accelerator.device
    bf16 = model.tolerates_bf16 and runtime.has_bf16(device)
    if (dtype := next(model.parameters()).dtype) != torch.float32:
        raise ValueError(f"the weights are {dtype}: call model.float() before fit")
    if seconds is not None and accelerator.num_processes > 1:
        raise ValueError(f"seconds={seconds}: several processes need steps instead")
    samples = as_samples(data, model)
    batches = Batches(samples, batch_size, seed, accelerator)
    if validate is not None:
        held_out = as_samples(validate, model)
        share = min(len(held_out), MOST) // accelerator.num_processes
        size = max(1, min(batch_size, share))
        held_out = Batches(held_out, size, seed, accelerator)
    elif keep_best:
        raise ValueError("keep_best=True: give data to validate on, as validate=")
    model.to(device).train()
    # all start from the same weights and buffers: spectral normalisation has some
    broadcast([tensor.data for tensor in (*model.parameters(), *model.buffers())])
    if ema:
        model.start_averaging()
    else:  # sample would prefer an older average to what is learned now
        model.averages.clear()
    changes = [clipping(max_grad_norm)] if max_grad_norm else []
    update = Update(model, accelerator, changes)
    if keep_best and len(update.optimizers) > 1:
        raise ValueError(
            f"keep_best=True: {type(model).__name__} has several losses, "
            f"{', '.join(sorted(update.optimizers))}, and none of them says which "
            "model is best: leave it out (on the command line: --hold-out), and judge "
            "samples with watch="
        )
    history, step, clock, best = History(), 0, Clock(), None

    run = {"model": type(model).__name__, "config": model.config}
    run |= {"data": fingerprint(samples), "seed": seed} | chosen
    if validate is not None:
        run |= {"validate": fingerprint(held_out.samples)}
    if checkpoint and (state := checkpoints.read(checkpoint, run)):
        model.load_state_dict(state["model"])
        update.load_state_dict(state["update"])
        history, step = History(**state["history"]), state["step"]
        clock, best = Clock(state["seconds"]), state["best"]
        _announce_prolonged(state["length"], [steps, seconds], step, cooldown)

    def look() -> None:
        if watch and step in watch_at and step not in history.watched:
            with clock.stopped():
                result = checkpoints.plain(watch(model))
            model.train()
            if checkpoint and not checkpoints.is_plain(result):
                raise ValueError(
                    f"watch returned {type(result).__name__}: a checkpoint keeps "
                    "tensors, numbers, strings, and lists, tuples or dicts of them"
                )
            history.watched[step] = result

    def compare() -> None:
        nonlocal best
        due = _validation_steps(steps) if validate_at is None else validate_at
        if validate is None or not (step in due or finished):
            return
        with clock.stopped():
            losses = validation_losses(model, held_out, seed)
            history.validate(step, losses)
            if not keep_best:
                return
            (loss,) = losses.values()
            if math.isfinite(loss) and (best is None or loss < best["loss"]):
                weights = copy.deepcopy(model.state_dict())
                best = {"loss": loss, "step": step, "weights": weights}

    def save() -> None:
        with clock.stopped():
            update.check_finite(step)
            state = {"model": model.state_dict(), "update": update.state_dict()}
            state |= {"run": run, "length": [steps, seconds], "best": best}
            state |= {"step": step, "seconds": clock.seconds}
            checkpoints.write(checkpoint, state | {"history": history.state_dict()})

    total, done = steps or seconds, clock.seconds if seconds else step
    finished = done >= total
    main = accelerator.is_main_process
    bar = tqdm(
        total=total,
        initial=min(done, total),
        disable=runtime.quiet() or not main,
        bar_format=None if steps else "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}",
    )
    events = event_files.opened(log_dir, step) if log_dir is not None and main else None
    averages = [mover(kept, getattr(model, k)) for k, kept in model.averages.items()]
    with bar, own_randomness(device), events or nullcontext(), Interruption() as stop:
        look()
        while not finished:
            # Step and process alone decide the noise: there is no state to save.
            words = np.random.SeedSequence([seed, step, accelerator.process_index])
            seed_generators(int(words.generate_state(1)[0]), device)
            left = 1 - done / total
            update.scale_learning_rates(min(1.0, left / cooldown) if cooldown else 1.0)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                model.training_step(batches[step], update)
            for move in averages:
                move(warmed_up(ema, step))
            step += 1
            look()
            done = clock.seconds if seconds else step
            finished = done >= total
            compare()
            if step % LOG_EVERY == 0 or finished:
                history.log(step, clock.seconds, update.mean_losses(step))
                bar.set_postfix({k: f"{v[-1]:.3f}" for k, v in history.losses.items()})
                if events:
                    event_files.write(events, history)
            bar.update(min(done, total) - bar.n)
            if (
                main
                and checkpoint
                and (step % save_every == 0 or finished or stop.asked)
            ):
                save()
            if stop.asked and not finished:
                raise KeyboardInterrupt(how_to_go_on(checkpoint, step))
    update.check_finite(step)
    if best is not None:
        model.load_state_dict(best["weights"])
        history.best_step = best["step"]
    return history


def _recipe(model: Trainable, **asked: Any) -> dict[str, Any]:
    """Return what was asked for, else what suits the model, else what suits most.

    Raises:
        ValueError: a number out of range, or a batch that the model cannot learn from.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    found = RECIPE | model.recipe | given
    least = model.least_batch
    found["batch_size"] = size = whole("batch_size", found["batch_size"], 1)
    if size < least:
        raise ValueError(
            f"batch_size={size}: {type(model).__name__} needs at least {least}"
        )
    found["ema"] = finite("ema", found["ema"], least=0, below=1)
    found["cooldown"] = finite("cooldown", found["cooldown"], least=0, most=1)
    if found["max_grad_norm"] is not None:
        found["max_grad_norm"] = finite(
            "max_grad_norm", found["max_grad_norm"], above=0
        )
    return found


def _steps(name: str, value: Collection[int]) -> Collection[int]:
    """Return the steps of a collection, or of anything that gives them once.

    Raises:
        ValueError: no collection, or one of something else than steps.
    """
    try:
        if isinstance(value, range):  # maybe a long one
            return value
        return {whole(name, step, 0) for step in value}
    except TypeError:
        raise ValueError(
            f"{name}={value!r}: give several steps, such as [100, 1000]"
        ) from None


def _validation_steps(steps: int | None) -> Collection[int]:
    """Where to validate unless told: ten times, or every 500 steps of a timed run."""
    every = max(1, steps // 10) if steps else 500
    return range(every, (steps or sys.maxsize) + 1, every)


def _announce_prolonged(before: list, now: list, step: int, cooldown: float) -> None:
    if before == now:
        return
    first, second = (f"{s} steps" if s else f"{t} seconds" for s, t in (before, now))
    text = f"The run of {first} is at step {step} and goes on to {second}."
    if cooldown:
        text += f" Learning rates fall to 0 over the last {cooldown:.0%} of that."
    print(text, file=sys.stderr)
