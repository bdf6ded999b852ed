"""A likelihood whose pixels are not independent given z: each sees those before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pad, unfold

REACH = 4  # pixels that the net sees to the left, to the right and above


class Autoregressive(nn.Module):
    """Black or white pixels, drawn row by row, each given z and its neighbours so far.

    p(x | z) = prod p(x_i | z, x_<i), after the PixelVAE (Gulrajani et al. 2017) with
    one difference that makes many z for one image cheap: the logit of a pixel is
    g_0 + sum_c g_c d_c, where the decoder gives d at every pixel and a small net reads
    g from the 40 pixels above and to the left, once per image. For binary images.

    What is so near is settled by the neighbours, and z is left with what they cannot
    know: which digit, and where.
    """

    maps = 4  # channels that the decoder has to give

    def __init__(self, sample_shape: tuple[int, ...] = (1, 28, 28), hidden: int = 32):
        super().__init__()
        self.width = 2 * REACH + 1
        self.seen = self.width**2 // 2  # the patch in reading order, before its middle
        self.net = nn.Sequential(
            nn.Linear(self.seen, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1 + self.maps),
        )
        nn.init.zeros_(self.net[-1].weight)
        with torch.no_grad():  # at first d_1 alone is the logit
            self.net[-1].bias.copy_(torch.eye(1 + self.maps)[1])

    def logits(self, x: Tensor, decoded: Tensor) -> Tensor:
        """Logits of white, (..., B, 1, S, S), of images (B, 1, S, S) in {-1, 1}."""
        patches = unfold(x, self.width, padding=REACH)[:, : self.seen]
        terms = self.net(patches.mT).float().mT.unflatten(-1, x.shape[-2:])
        return terms[:, :1] + (terms[:, 1:] * decoded).sum(-3, keepdim=True)

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        """log p(x | z) in nats, x in {-1, 1}: (..., B, 4, S, S) -> (..., B)."""
        logits = self.logits(x, decoded)
        return ((x + 1) / 2 * logits + logsigmoid(-logits)).flatten(-3).sum(-1)

    @torch.no_grad()
    def mean(self, decoded: Tensor) -> Tensor:
        """Draw without chance, (N, 4, S, S) -> (N, 1, S, S) in {-1, 1}.

        No expected image is at hand. Each pixel takes its more probable value, given
        those before it.
        """
        n, _, rows, columns = decoded.shape
        canvas = pad(decoded.new_zeros(n, rows, columns), [REACH] * 4)
        for i in range(rows):
            for j in range(columns):
                patch = canvas[:, i : i + self.width, j : j + self.width].flatten(1)
                terms = self.net(patch[:, : self.seen]).float()
                logit = terms[:, 0] + (terms[:, 1:] * decoded[:, :, i, j]).sum(1)
                canvas[:, i + REACH, j + REACH] = torch.where(logit > 0, 1.0, -1.0)
        return canvas[:, None, REACH : REACH + rows, REACH : REACH + columns]
