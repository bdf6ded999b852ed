"""Layers without their modules, for writing one token or one sample at a time."""

from __future__ import annotations

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


@contextmanager
def without_onednn() -> Iterator[None]:
    """Spare what oneDNN takes to set up: for one token, many times what GELU costs."""
    was = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = was
