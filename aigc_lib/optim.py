"""Muon: steps that are equally long in every direction of a weight matrix.

The gradient of a matrix is mostly a few large directions; Adam follows those and
learns the small ones late. Muon gives all singular values of the step the same size
(Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from .runtime import has_bf16


class Muon(Optimizer):
    """Muon for ``matrices``, AdamW without decay for the ``others``.

    A kernel (out, in, h, w) counts as the matrix (out, in h w). ``torch.optim.Muon``
    takes neither kernels nor the other parameters of the same loss. With ``rough``
    directions are found in bfloat16, as in Jordan's own code, where the device computes
    in it natively: of a small batch they would take most of the time.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        *,
        matrix_rate: float,
        other_rate: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        rough: bool = False,
    ):
        self.rough = rough
        others = [{"params": list(others)}]  # a group may be empty, a list not
        self.adam = AdamW(others, other_rate, betas, weight_decay=0.0, fused=True)
        first = {"params": list(matrices), "lr": matrix_rate, "momentum": momentum}
        super().__init__([first, *self.adam.param_groups], {})

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradients, where there are any."""
        matrices, *others = self.param_groups
        # rates and restored states arrive in this optimiser's own dictionaries
        self.adam.param_groups, self.adam.state = others, self.state
        self.adam.step()
        momentum = matrices["momentum"]
        for weight in matrices["params"]:
            if weight.grad is None:
                continue
            if "mean" not in self.state[weight]:
                self.state[weight]["mean"] = torch.zeros_like(weight)
            mean = self.state[weight]["mean"].lerp_(weight.grad, 1 - momentum)
            ahead = weight.grad.lerp(mean, momentum).flatten(1)  # Nesterov's momentum
            rows, columns = ahead.shape
            size = matrices["lr"] * max(1, rows / columns) ** 0.5
            rough = self.rough and has_bf16(weight.device)
            ahead = orthogonal(ahead.bfloat16() if rough else ahead)
            weight.add_(ahead.view_as(weight), alpha=-size)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Replace the singular values of ``matrix`` (M, N) by values near 1, 0.7 to 1.2.

    Applies an odd polynomial again and again, which moves singular values in (0, 1]
    towards 1 and leaves the directions alone: only products, no decomposition.
    """
    x = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        b = torch.addmm(a, a, a, beta=-4.7750, alpha=2.0315)
        x = torch.addmm(x, b, x, beta=3.4445)
    return x.mT if matrix.shape[0] > matrix.shape[1] else x
