"""LoRA: fine-tuning by a matrix of low rank beside each frozen one (Hu et al. 2022).

Once by hand, once by the peft library.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from ...arguments import finite, whole
from ...runtime import optional
from ..base import Trainable

LAYERS = ("qkv", "mix")  # of our attention, as the paper does


class LoRALinear(nn.Module):
    """W x + b + alpha / rank * B A x, where only A (rank, in) and B (out, rank) learn.

    B begins at 0, so that training begins at the model as it was.

    Raises:
        ValueError: ``rank`` < 1, or ``alpha`` not above 0.
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__()
        rank, alpha = whole("rank", rank, 1), finite("alpha", alpha, above=0)
        self.linear = linear.requires_grad_(False)
        weight = linear.weight
        a = torch.randn(rank, linear.in_features) / math.sqrt(linear.in_features)
        self.a = nn.Parameter(a.to(weight))
        self.b = nn.Parameter(weight.new_zeros(linear.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.scale * (x @ self.a.T @ self.b.T)

    def merged(self) -> nn.Linear:
        """Return the one layer that computes the same."""
        with torch.no_grad():
            self.linear.weight += self.scale * self.b @ self.a
        return self.linear.requires_grad_(True)


def add_lora(
    model: Trainable,
    *,
    rank: int = 8,
    alpha: float = 16.0,
    layers: Collection[str] = LAYERS,
) -> None:
    """Freeze ``model.net`` as it samples now, and put a LoRA on its linear ``layers``.

    Only these then learn in ``fit``. Call ``merge_lora`` before the model is saved.

    Raises:
        ValueError: no such layer, a LoRA is there already, or ``rank`` < 1.
    """
    net = model.net
    if any(isinstance(module, LoRALinear) for module in net.modules()):
        raise ValueError("model has a LoRA already: merge_lora(model) first")
    found = [
        (parent, name, LoRALinear(child, rank, alpha))
        for parent in net.modules()
        for name, child in parent.named_children()
        if name in layers and isinstance(child, nn.Linear)
    ]
    if not found:
        raise ValueError(f"layers={tuple(layers)}: the net has no such linear layers")
    model.adopt_average("net")  # what samples is what gets tuned
    net.requires_grad_(False)
    for parent, name, lora in found:
        setattr(parent, name, lora)


def merge_lora(model: Trainable) -> None:
    """Add every LoRA to its frozen layer: the same answers, at the old price."""
    for net in (model.net, *model.averages.values()):
        for parent in list(net.modules()):
            for name, child in parent.named_children():
                if isinstance(child, LoRALinear):
                    setattr(parent, name, child.merged())
    model.net.requires_grad_(True)
    model.averages.requires_grad_(False)


# ---- the same through the peft library -----------------------------------------------


def add_peft_lora(
    model: Trainable,
    *,
    rank: int = 8,
    alpha: float = 16.0,
    layers: Collection[str] = LAYERS,
) -> None:
    """As ``add_lora``, by ``peft.get_peft_model``: ``model.net`` becomes a PeftModel.

    Call ``merge_peft_lora`` before the model is saved; ``model.net.save_pretrained``
    writes the LoRA alone.

    Raises:
        ModuleNotFoundError: peft is missing.
        ValueError: no such layer, or a LoRA is there already.
    """
    peft = optional("peft")
    if isinstance(model.net, peft.PeftModel):
        raise ValueError("model has a LoRA already: merge_peft_lora(model) first")
    model.adopt_average("net")  # what samples is what gets tuned
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(layers))
    model.net = peft.get_peft_model(model.net, config)


def merge_peft_lora(model: Trainable) -> None:
    """Add the LoRA to its layers and take peft away again."""
    model.net = model.net.merge_and_unload()
    for name, average in model.averages.items():
        model.averages[name] = average.merge_and_unload()
    model.net.requires_grad_(True)
