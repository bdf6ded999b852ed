"""What models of tables have in common: a codec, and samples that come as a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..arguments import at_least
from ..codecs.tables import TableCodec
from ..runtime import optional
from .base import Seed, noise_source

if TYPE_CHECKING:
    from pandas import DataFrame

AT_ONCE = 50_000  # rows that are drawn before they are looked at
PATIENCE = 1_000  # rows that may be drawn for each one that is wanted


class Tabular:
    """A model whose samples are rows of codes (N, C) int64 that its ``codec`` reads.

    Comes before the model's other parent. ``drawn_codes`` is what a subclass defines.
    """

    modality = "tables"
    codec: TableCodec

    @property
    def sample_codes(self) -> tuple[int, ...]:
        """How many codes each column has."""
        return tuple(self.codec.sizes)

    def samples(self, codes: Tensor) -> Tensor:
        """Return what ``fit`` takes for the codes (N, C) of a table."""
        return codes

    def drawn_codes(
        self, n: int, source: torch.Generator | None, allowed: Mapping[int, Tensor]
    ) -> Tensor:
        """Draw ``n`` rows; ``allowed`` codes are a hint that saves rejections."""
        raise NotImplementedError

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> DataFrame:
        """Draw ``n`` rows as a frame, all of which fulfil ``conditions``.

        ``conditions`` maps a column to a value, a list of categories, a pair (from, to)
        of numbers or dates, or None for missing: {"income": ">50K", "age": (30, 40)}.
        Rows that do not fulfil them are drawn again.

        Raises:
            ValueError: ``n`` < 1, conditions that the codec does not know, or that
                hardly any row fulfils.
        """
        pd = optional("pandas")
        at_least(1, n=n)
        source = noise_source(seed)
        conditions = dict(conditions or {})
        allowed = self.codec.allowed(conditions)
        frames: list[DataFrame] = []
        found = drawn = 0
        while found < n:
            rate = max(found, 1) / drawn if drawn else 1.0
            size = min(AT_ONCE, max(int(1.1 * (n - found) / rate), 100))
            size = size if conditions else min(AT_ONCE, n - found)
            codes = self.drawn_codes(size, source, allowed)
            frame = self.codec.decode(codes, generator=source)
            frame = frame[self.codec.fulfils(frame, conditions)].iloc[: n - found]
            frames.append(frame)
            drawn, found = drawn + size, found + len(frame)
            if drawn > max(PATIENCE * (found + 1), AT_ONCE) and found < n:
                raise ValueError(
                    f"conditions={conditions}: only {found} of {drawn:,} drawn rows "
                    "fulfil them: ask for less"
                )
        return pd.concat(frames, ignore_index=True)


def codec_of(codec: TableCodec | Mapping[str, Any] | None) -> TableCodec:
    """Return the codec that a constructor was given; its state comes from a file.

    Raises:
        ValueError: something else.
    """
    if codec is None:
        return TableCodec.blank()
    if isinstance(codec, Mapping):
        return TableCodec.from_state(codec)
    if not isinstance(codec, TableCodec):
        raise ValueError(
            f"codec is {type(codec).__name__}: give one made by TableCodec.fit(frame)"
        )
    return codec


class OneHotCells(nn.Module):
    """Codes (B, C) -> (B, sum of ``sizes``), a one for each cell."""

    def __init__(self, sizes: list[int]):
        super().__init__()
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)
        self.total = sum(sizes)

    def forward(self, codes: Tensor) -> Tensor:
        ones = torch.zeros(len(codes), self.total, device=codes.device)
        return ones.scatter_(1, codes + self.starts, 1.0)


def draw(logits: Tensor, source: Seed, allowed: Tensor | None = None) -> Tensor:
    """Draw a code for each row of logits: (B, K) -> (B,), of ``allowed`` (K,) ones."""
    if allowed is not None:
        logits = logits.masked_fill(~allowed.to(logits.device), -torch.inf)
    reached = logits.double().softmax(1).cumsum(1)
    u = torch.rand(len(logits), 1, generator=source, dtype=torch.float64)
    u = u.to(logits.device) * reached[:, -1:]
    return (reached <= u).sum(1).clamp(max=logits.shape[1] - 1)


def draw_cells(logits: Tensor, sizes: list[int], source: Seed) -> Tensor:
    """Draw a code for each cell: (B, sum of sizes) -> (B, C) int64."""
    columns = logits.split(sizes, 1)
    return torch.stack([draw(column, source) for column in columns], 1)
