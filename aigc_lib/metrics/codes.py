"""How well codes that were found without labels name the classes."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..arrays import tensor


def matched_accuracy(codes: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """Share of samples whose code is its class, under the best one-to-one matching.

    ``codes`` and ``labels``: (N,) whole numbers >= 0. Returns the share, 0 to 1, and
    the class that each code stands for, (K,), -1 where classes ran out. The matching
    is chosen with the labels: by chance alone the share is above 1 / K.

    Source: Kuhn 1955 (the matching).

    Raises:
        ValueError: not two (N,) tensors of whole numbers >= 0.
    """
    codes, labels = tensor("codes", codes), tensor("labels", labels)
    for name, value in {"codes": codes, "labels": labels}.items():
        if value.dim() != 1 or not len(value) or value.is_floating_point():
            raise ValueError(
                f"{name} is {value.dtype} of shape {tuple(value.shape)}: give (N,) "
                "whole numbers"
            )
        if value.min() < 0:
            raise ValueError(f"{name} holds {value.min().item()}: numbers are >= 0")
    if len(codes) != len(labels):
        raise ValueError(f"codes={len(codes)}, labels={len(labels)}: give as many")
    codes, labels = codes.cpu().long(), labels.cpu().long()
    table = torch.zeros(int(codes.max()) + 1, int(labels.max()) + 1)
    table.index_put_((codes, labels), torch.ones(len(codes)), accumulate=True)
    rows, columns = map(torch.as_tensor, linear_sum_assignment(table, maximize=True))
    meaning = torch.full((len(table),), -1)
    meaning[rows] = columns
    return table[rows, columns].sum().item() / len(codes), meaning
