"""What callers hold, as arrays: lists, NumPy, pandas, and tensors of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, DTypeLike
from torch import Tensor

NUMBERS = "biuf"  # kinds of NumPy's types: bool, whole numbers, floating point


def array(name: str, values: Any, dtype: DTypeLike = None) -> np.ndarray:
    """Return ``values`` as a NumPy array, of ``dtype`` if that is given.

    Tensors may want a gradient, be bfloat16, or lie on another device.

    Raises:
        ValueError: what is no array, such as rows of different lengths; masked values,
            for the mask would be lost; and where numbers are asked for, words, dates or
            complex numbers.
    """
    if np.ma.is_masked(values):
        raise ValueError(f"{name} holds masked values: fill or remove them")
    if isinstance(values, list | tuple):
        values = [array(name, x) if isinstance(x, Tensor) else x for x in values]
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    try:
        x = np.asarray(values)
        if x.dtype == object:  # columns of pandas that may lack something, for one
            plain = np.asarray(x.tolist())
            x = plain if plain.dtype.kind in NUMBERS else x  # names stay as they are
        if dtype is not None:
            if x.dtype.kind in "cmM":
                raise TypeError
            x = x.astype(dtype, copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={values!r:.80}: give numbers") from None
    return x


def tensor(name: str, values: ArrayLike | Tensor) -> Tensor:
    """Return ``values`` as a tensor; one that is a tensor stays as it is.

    Raises:
        ValueError: no numbers.
    """
    if isinstance(values, Tensor):
        return values
    x = array(name, values)
    if x.dtype.kind not in NUMBERS or x.dtype.itemsize > 8:
        raise ValueError(f"{name}={values!r:.80}: give numbers")
    # copied: torch takes neither steps backwards nor bytes in another order
    return torch.from_numpy(x.astype(x.dtype.newbyteorder("="), order="C"))
