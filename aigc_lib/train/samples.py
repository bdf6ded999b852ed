"""From the reader's data to the batches of a run: checks, a fingerprint, the order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from ..data.samples import Images, Samples
from ..models.base import Trainable
from .randomness import same_randomness

LOOKED_AT = 1_024  # samples that are digested into the fingerprint
AT_ONCE = 16  # samples that are looked at together
BOUNDLESS = ("points", "series", "sounds")  # models of these learn from floats
SHORT = (torch.int8, torch.int16, torch.int32, torch.uint16, torch.uint32)
NOT_FINITE = "data holds NaN or infinite values: remove those samples"


class Indexed(Protocol):
    """What ``fit`` trains on: a length, and batches by the numbers of their samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor) -> Tensor | tuple[Tensor, ...]: ...


def as_samples(data: Any, model: Trainable) -> Indexed:
    """Return ``data`` as batches of what ``model`` trains on.

    - A data set of ``aigc_lib.data``, or anything with ``x`` and ``y``: the samples,
      and the labels for a conditional model.
    - Tensors or arrays (N, ...), one or several of one length, as they are.
    - Anything else with a length that is indexed by a tensor of numbers.

    Pixels in uint8 are scaled to [-1, 1], but for those that an index gives: samples of
    a data set of images, or (N, C, H, W) for a model of images. Other whole numbers are
    no coordinates. Of what is indexed the first samples are checked, of all else every
    one.

    Raises:
        ValueError: none of these; values that are not finite; samples, codes or labels
            that are not what the model is made for.
    """
    parts = _parts(data, model)
    indexed = parts is None
    if indexed:
        parts = _first_parts(data)
    else:
        if model.sample_codes is not None:
            parts[0] = _whole(parts[0])
        if model.conditional:
            parts[1:2] = map(_whole, parts[1:2])
    card = getattr(data, "card", None)  # what the data are, else what the model takes
    images = (card.kind if card else model.modality) == "images"
    images = images and parts[0].dim() == 4
    samples = data if indexed else (Images if images else Samples)(*parts)
    _check_shape(parts[0], model)
    if not images or indexed:
        _check_floats(parts[0], model)
    if model.sample_codes is not None:
        _check_codes(parts[0], model)
    for i, part in enumerate(parts):
        _check_values(part, pixels=images and i == 0, scaled=not indexed)
    if model.conditional:
        _check_labels(parts, model)
    return samples


def _first_parts(data: Indexed) -> tuple[Tensor, ...]:
    """Return the parts of the first samples of what is indexed."""
    try:
        with same_randomness():
            first = data[torch.arange(1)]  # one number indexes a string, too
            x = first[0] if isinstance(first, tuple) else first
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"data gives {type(x).__name__}: an index must give a tensor, or a "
                    "tuple of tensors"
                )
            first = data[torch.arange(min(AT_ONCE, len(data)))]
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError(
            f"data is {type(data).__name__}, which no torch.arange indexes "
            f"({error!r:.80}): give tensors (N, ...)"
        ) from error
    return first if isinstance(first, tuple) else (first,)


def _parts(data: Any, model: Trainable) -> list[Tensor] | None:
    """Return the tensors of ``data``, or None where it is to be indexed as it is."""
    if hasattr(data, "x") and not isinstance(data, Tensor | np.ndarray):
        if not model.conditional:
            return [_tensor(data.x)]
        y = getattr(data, "y", None)
        if y is None:
            raise ValueError(
                "data has no labels: a conditional model needs one whole number for "
                "each sample, as data.y"
            )
        return [_tensor(data.x), _tensor(y)]
    if isinstance(data, Samples):
        return list(data.parts)
    if isinstance(data, tuple | list):
        return [_tensor(part) for part in data]
    if isinstance(data, Tensor | np.ndarray):
        return [_tensor(data)]
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return None
    raise ValueError(
        f"data is {type(data).__name__}: give a data set of aigc_lib.data, tensors "
        "(N, ...), or anything with a length and an index"
    )


def _tensor(value: Any) -> Tensor:
    if isinstance(value, np.ndarray):
        if np.ma.is_masked(value):
            raise ValueError("data holds masked values: fill or remove them")
        # backwards, or with the other end first, torch takes none
        value = np.asarray(value, value.dtype.newbyteorder("="), order="C")
    try:
        x = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        x = None
    if x is None or x.dim() < 1:
        raise ValueError(
            f"data is {type(value).__name__}: give a data set of aigc_lib.data or a "
            "tensor (N, ...)"
        )
    float8 = x.is_floating_point() and x.itemsize == 1
    if x.layout is not torch.strided or x.is_meta or float8:
        raise ValueError(
            f"data is {x.dtype}, {x.layout}, on {x.device}: give x.to_dense(), "
            "x.float() or what else has all numbers in memory"
        )
    return x


def _check_shape(x: Tensor, model: Trainable) -> None:
    """Refuse samples ``x`` of another shape than the model's."""
    wanted, shape = model.sample_shape, tuple(x.shape[1:])
    if wanted is not None and shape != tuple(wanted):
        raise ValueError(
            f"data holds samples of shape {shape}, {type(model).__name__} is made for "
            f"{tuple(wanted)}: make the model for that shape, or bring the data to it"
        )


def _check_floats(x: Tensor, model: Trainable) -> None:
    """Refuse whole numbers for a model that would take them for coordinates."""
    if model.modality in BOUNDLESS and not x.is_floating_point():
        raise ValueError(
            f"data holds {x.dtype}, {type(model).__name__} learns from floating point: "
            "give x.float(); x / 127.5 - 1 for pixels of uint8, x / 32768 for sounds "
            "of int16"
        )


def _whole(x: Tensor) -> Tensor:
    """Return whole numbers of any length as int64, which indices must be."""
    return x if x.is_floating_point() or x.dtype == torch.bool else x.long()


def _check_codes(x: Tensor, model: Trainable) -> None:
    """Refuse what is no code of a model of tokens, items or cells.

    On a GPU an index too large would end the whole process.
    """
    name = type(model).__name__
    if x.is_floating_point() or x.dtype == torch.bool:
        raise ValueError(
            f"data holds {x.dtype}, {name} learns from whole numbers: give tokens, "
            "items or cells as its codec or tokenizer numbers them"
        )
    if not x.numel():
        return
    most, columns = torch.as_tensor(model.sample_codes), x.reshape(-1, x.shape[-1])
    least = torch.zeros_like(most) if most.ndim else -most  # ~t is t, passed over
    low, high = columns.amin(0).cpu(), columns.amax(0).cpu()
    if (low < least).any() or (high >= most).any():
        raise ValueError(
            f"data holds numbers from {low.min()} to {high.max()}, {name} knows 0 to "
            f"{most.max() - 1}: make the model with more, or give what it is made for"
        )


def _check_values(x: Tensor, *, pixels: bool, scaled: bool) -> None:
    """Refuse what is not finite, and pixels of another range; uint8 may be scaled."""
    wanted = "floating point in [-1, 1], x / 127.5 - 1"
    if scaled:
        wanted = f"uint8 (0 to 255), or {wanted}"
    if not x.is_floating_point():
        if pixels and not (scaled and x.dtype == torch.uint8):
            raise ValueError(f"data holds images of {x.dtype}: give {wanted}")
        return
    if not x.numel():
        return
    low, high = (bound.item() for bound in x.aminmax())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(NOT_FINITE)
    if pixels and max(-low, high) > 1.001:
        raise ValueError(
            f"data holds images from {low:.4g} to {high:.4g}: give {wanted}"
        )


def _check_labels(parts: Sequence[Tensor], model: Trainable) -> None:
    """Refuse labels that are no class of a conditional ``model``."""
    y = parts[1] if len(parts) > 1 else None
    if y is None or y.dim() != 1 or y.is_floating_point() or y.dtype == torch.bool:
        found = "none" if y is None else f"{tuple(y.shape)} {y.dtype}"
        raise ValueError(
            f"data has labels {found}: a conditional model needs one whole number for "
            "each sample, as the second part"
        )
    y = _whole(y)
    classes = getattr(model, "classes", None)
    if classes is not None:
        count = classes if isinstance(classes, int) else len(classes)  # their names
        if not 0 <= y.min() <= y.max() < count:
            raise ValueError(
                f"data.y goes from {y.min()} to {y.max()}, the model has classes 0 to "
                f"{count - 1}: make it with more classes, or choose other data"
            )


def fingerprint(samples: Indexed) -> str:
    """Digest the length and up to ``LOOKED_AT`` samples, evenly spread.

    So a checkpoint knows its data, at little cost. Samples that look different every
    time are looked at with a fixed seed.

    Raises:
        ValueError: there are values among them that are not finite.
    """
    with same_randomness():
        return _digest(samples)


def _digest(samples: Indexed) -> str:
    n = len(samples)
    digest, finite = hashlib.sha256(str(n).encode()), torch.tensor(True)
    for rows in torch.linspace(0, n - 1, min(n, LOOKED_AT)).long().split(AT_ONCE):
        batch = samples[rows]
        for part in batch if isinstance(batch, tuple) else (batch,):
            digest.update(f"{tuple(part.shape)} {part.dtype}".encode())
            part = part.detach().cpu().contiguous()
            finite &= part.isfinite().all()
            digest.update(part.view(torch.uint8).numpy().tobytes())
    if not finite:
        raise ValueError(NOT_FINITE)
    return digest.hexdigest()


class Batches:
    """The batch of each step: every epoch a new order, fixed by the seed.

    Samples that can be moved lie on the device, where they fit; others stay where they
    are, and each batch is brought there.

    Raises:
        ValueError: fewer samples than one step of all processes takes.
    """

    def __init__(
        self,
        samples: Indexed,
        batch_size: int,
        seed: int,
        accelerator: Accelerator,
    ):
        self.per_step = batch_size * accelerator.num_processes
        self.n, self.batch_size, self.seed = len(samples), batch_size, seed
        if self.n < self.per_step:
            raise ValueError(
                f"data holds {self.n} samples, one step takes {self.per_step}: "
                f"choose batch_size <= {self.n // accelerator.num_processes}"
            )
        self.rank, self.device = accelerator.process_index, accelerator.device
        self.moved = hasattr(samples, "to") and _fits(samples, self.device)
        self.samples = samples.to(self.device) if self.moved else samples
        self.epoch = -1

    def __getitem__(self, step: int) -> Tensor | tuple[Tensor, ...]:
        epoch, k = divmod(step, self.n // self.per_step)
        if epoch != self.epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.n)
            self.order, self.epoch = torch.from_numpy(order), epoch
            if self.moved:
                self.order = self.order.to(self.device)
        start = k * self.per_step + self.rank * self.batch_size
        batch = self.samples[self.order[start : start + self.batch_size]]
        return self.brought(batch)

    def brought(self, batch: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
        """Return a batch on the device, its numbers as float32; one part as such."""
        if not isinstance(batch, Tensor):
            parts = tuple(map(self.brought, batch))
            return parts if len(parts) > 1 else parts[0]
        dtype = torch.float32 if batch.is_floating_point() else None
        labels = batch.dim() == 1 and batch.dtype == torch.uint8
        if labels or batch.dtype in SHORT:  # as NumPy's on Windows
            dtype = torch.int64
        return batch.to(self.device, dtype)


def _fits(samples: Any, device: torch.device) -> bool:
    """Tell whether the samples take less than half of what a GPU has free."""
    if device.type != "cuda" or not hasattr(samples, "bytes"):
        return True
    return samples.bytes < torch.cuda.mem_get_info(device)[0] / 2
