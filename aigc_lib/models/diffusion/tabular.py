"""A discrete flow of tables: from a row of blanks to a row, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, silu
from torch.optim import Optimizer

from ... import runtime
from ...arguments import at_least, finite
from ...codecs.tables import TableCodec
from ...optim import Muon
from ..base import GenerativeModel, Seed, Update, parts_of
from ..tabular import Tabular, codec_of, draw
from .denoiser import MATRIX_RATE
from .unet import zeroed

IN_ONE_ORDER = 10_000  # rows: of many, more are alike for longer


class CellNet(nn.Module):
    """Rows with blanks (B, C) int64 -> logits of all codes of all columns (B, S).

    A blank is one more code of its column. Every code has a vector of ``width``
    numbers, which are added up; ``depth`` residual blocks follow.
    """

    inner = ("blocks",)  # layers whose matrices Muon may train

    def __init__(self, sizes: list[int], width: int, depth: int):
        super().__init__()
        at_least(1, width=width, depth=depth)
        self.sizes = sizes
        starts = torch.tensor([0, *[size + 1 for size in sizes]]).cumsum(0)
        self.register_buffer("starts", starts[:-1], persistent=False)
        self.register_buffer("blanks", torch.tensor(sizes), persistent=False)
        self.enter = nn.EmbeddingBag(int(starts[-1]), width, mode="sum")
        nn.init.normal_(self.enter.weight, std=len(sizes) ** -0.5)
        self.blocks = nn.ModuleList(CellBlock(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, sum(sizes))

    def hidden(self, total: Tensor) -> Tensor:
        """Return what the last layer reads, for sums of vectors (B, width)."""
        h = total
        for block in self.blocks:
            h = block(h)
        return self.norm(h)

    def vectors(self, k: int, codes: Tensor) -> Tensor:
        """Return the vectors of codes of column ``k``: (B,) -> (B, width)."""
        return self.enter.weight[self.starts[k] + codes]

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(self.hidden(self.enter(x + self.starts))).float()


class CellBlock(nn.Module):
    """Two layers beside a shortcut."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, 2 * width)
        self.second = zeroed(nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(silu(self.first(self.norm(x))))


class TableFlow(Tabular, GenerativeModel):
    """Discrete flow matching with blanks as the source (Gat et al. 2024).

    At time t each cell of a row is filled with probability t and blank else; the net
    guesses the blank ones from the others. The flow fills them one after the other, in
    a random order, which is its limit of many small steps and a model of any order
    (Hoogeboom et al. 2022). So whatever is known of a row is simply filled in first,
    and ``conditions`` cost nothing: of one category they are exact.

    Trained on ``codec.encode(frame)``; without a ``codec`` on two numbers from 0 to 1.

    Raises:
        ValueError: no such ``codec``, ``width`` or ``depth`` below 1.
    """

    sampled = ("net",)
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 500, "cooldown": 0.8}

    def __init__(
        self,
        codec: TableCodec | Mapping | None = None,
        width: int = 256,
        depth: int = 3,
        *,
        learning_rate: float = 1e-3,
    ):
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        self.codec = codec_of(codec)
        self.sample_shape = (len(self.codec.sizes),)
        self.net = CellNet(self.codec.sizes, width, depth)
        self.learning_rate = learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """Muon for the matrices inside the network, AdamW for all else."""
        inner = [p for p in self.net.blocks.parameters() if p.dim() > 1]
        ids = {id(p) for p in inner}
        others = [p for p in self.net.parameters() if id(p) not in ids]
        rate = self.learning_rate
        return {
            "net": Muon(inner, others, matrix_rate=MATRIX_RATE * rate, other_rate=rate)
        }

    def training_step(self, x: Tensor, update: Update) -> None:
        """One step up the bound, with a random number of blanks in every row."""
        update("net", self.bound(x).mean())

    def bound(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a bound on -log p(x) in nats a row: codes (B, C) -> (B,).

        The number k of blanks is drawn evenly from 1 to C, and where they are: C / k
        times the cross-entropy of the blank cells (Hoogeboom et al. 2022, equation 5).
        """
        n, columns = x.shape
        place = torch.rand(n, columns, generator=generator, device=x.device).argsort(1)
        count = torch.randint(
            1, columns + 1, (n, 1), generator=generator, device=x.device
        )
        blank = place < count
        logits = self.net(torch.where(blank, self.net.blanks, x))
        nats = torch.stack(
            [
                cross_entropy(part, x[:, k], reduction="none")
                for k, part in enumerate(logits.split(self.codec.sizes, 1))
            ],
            1,
        )
        return (nats * blank).sum(1) * columns / count[:, 0]

    def drawn_codes(
        self, n: int, source: Seed, allowed: Mapping[int, Tensor]
    ) -> Tensor:
        """Draw ``n`` rows of codes; the columns of ``allowed`` come first."""
        with self.for_sampling("net") as net:
            parts = [
                self._filled(net, k, source, allowed) for k in parts_of(n, IN_ONE_ORDER)
            ]
        return torch.cat(parts)

    def _filled(
        self, net: CellNet, n: int, source: Seed, allowed: Mapping[int, Tensor]
    ) -> Tensor:
        bf16 = self.tolerates_bf16 and runtime.has_bf16(self.device)
        x = net.blanks.expand(n, -1).clone()
        # Rows that are alike so far go through the net as one: at first all of them.
        alike = torch.zeros(n, dtype=torch.int64, device=self.device)
        total = net.enter(x[:1] + net.starts)  # of the vectors: few of them change
        order = torch.randperm(len(self.codec.sizes), generator=source).tolist()
        order.sort(key=lambda k: k not in allowed)
        for k in order:
            size, start = self.codec.sizes[k], sum(self.codec.sizes[:k])
            rows = slice(start, start + size)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
                h = net.hidden(total)
            logits = linear(h.float(), net.leave.weight[rows], net.leave.bias[rows])
            x[:, k] = draw(logits[alike], source, allowed.get(k))
            kinds, alike = (alike * size + x[:, k]).unique(return_inverse=True)
            blank = net.vectors(k, net.blanks[k])
            total = total[kinds // size] + net.vectors(k, kinds % size) - blank
        return x
