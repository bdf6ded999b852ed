"""Layers without their modules, for writing one token or one sample at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear


def direct(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the function of a layer; for one token its module costs as much again."""
    if type(layer) is nn.Linear:
        return partial(linear, weight=layer.weight, bias=layer.bias)
    if type(layer) is nn.GELU:
        return partial(gelu, approximate=layer.approximate)
    if type(layer) is nn.LayerNorm:
        options = {"weight": layer.weight, "bias": layer.bias, "eps": layer.eps}
        return partial(layer_norm, normalized_shape=layer.normalized_shape, **options)
    return layer  # such as one with a LoRA around it


_spared = {"users": 0, "before": True}
_lock = threading.Lock()


@contextmanager
def without_onednn() -> Iterator[None]:
    """Spare what oneDNN takes to set up: for one token, many times what GELU costs.

    The switch is one for the process: the last of several threads puts it back.
    """
    with _lock:
        if not _spared["users"]:
            _spared["before"] = torch.backends.mkldnn.enabled
        _spared["users"] += 1
        torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        with _lock:
            _spared["users"] -= 1
            if not _spared["users"]:
                torch.backends.mkldnn.enabled = _spared["before"]
