"""Flow matching for series: what may come next, as many paths as are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import silu

from ...arguments import at_least, unknown
from ...codecs.series import SeriesCodec, as_double
from ...runtime import optional
from ..base import Batch, Update, in_parts, standard_normal
from .embedding import TimeAndLabel
from .flow import FlowMatching
from .solvers import SOLVERS
from .unet import zeroed

if TYPE_CHECKING:
    import pandas as pd

DECAY = 0.94  # of the weights of past squares (RiskMetrics 1996)
BLOCKS = 3


class SeriesFlow(FlowMatching):
    """Paths of ``horizon`` steps of ``columns`` series, after ``past`` steps before.

    Learns from windows (N, columns, past + horizon) of standardised steps, as
    ``SeriesCodec.windows`` gives them. With ``past`` = 0 it makes windows as they come.
    Else it makes what may follow a past: all is measured by the volatility of that
    past, a weighted mean of its squares (and of 1, the square of a common step), so
    that a calm and a restless week look alike; the net is told the volatility too. The
    flow runs in asinh of that: what is rare and far out comes near, and the way back
    gives tails heavier than those of the normal noise that it starts from.

    ``codec`` brings samples back to values, and is saved with the model; without one
    the samples are steps and begin at 0.

    Raises:
        ValueError: sizes out of range, or a codec of another number of columns.
    """

    modality = "series"
    tolerates_bf16 = False  # tails are asked for; the net is small anyway

    def __init__(
        self,
        columns: int = 1,
        horizon: int = 32,
        past: int = 0,
        width: int = 64,
        *,
        codec: SeriesCodec | dict[str, Any] | None = None,
        learning_rate: float = 2e-3,
    ):
        at_least(1, columns=columns, horizon=horizon, width=width)
        at_least(0, past=past)
        if codec is None:
            names = [f"x{i}" for i in range(columns)]
            codec = SeriesCodec(names, [0.0] * columns, [1.0] * columns, "level")
        elif isinstance(codec, dict):  # from a file
            codec = SeriesCodec(**codec)
        if len(codec.columns) != columns:
            raise ValueError(
                f"columns={columns}: the codec has {len(codec.columns)}, "
                f"{', '.join(codec.columns)}"
            )
        super().__init__(
            sample_shape=(columns, past + horizon),
            net=SeriesNet(columns, past, width),
            learning_rate=learning_rate,
        )
        self.modality = "series"
        self.codec, self.columns = codec, columns
        self.horizon, self.past = horizon, past

    def training_step(self, batch: Batch, update: Update) -> None:
        """One regression, as ``FlowMatching``'s, in units of the volatility."""
        known, future = batch.split([self.past, self.horizon], 2)
        scale = self.volatility(known)
        data = (future / scale).asinh()
        noise = torch.randn_like(data)
        t = torch.randn(len(data), device=data.device).sigmoid()
        guess = self.net(self.path.at(data, noise, t), t, known / scale, scale)
        update("net", (guess - self.path.velocity(data, noise)).square().mean())

    def volatility(self, known: Tensor) -> Tensor:
        """Return the scale (B, C, 1) of steps (B, C, P): 1 where P is 0."""
        ages = torch.arange(self.past, device=known.device).flip(0)
        weights = (1 - DECAY) * DECAY**ages  # of the squares; the rest is for 1
        mean = (weights * known.square()).sum(2, keepdim=True) + DECAY**self.past
        return mean.sqrt()

    def sample(
        self,
        n: int,
        *,
        past: ArrayLike | pd.DataFrame | None = None,
        seed: int | None = None,
        steps: int = 8,
    ) -> pd.DataFrame:
        """Draw ``n`` paths of values as a frame: path, step (1 ...), and the columns.

        ``past``: the values before them, the last ``past`` + 1 rows or more, in the
        order of the codec's columns (a frame may have others beside); without it the
        last ones of the training data. Paths begin at its last row.

        Raises:
            ValueError: ``n`` or ``steps`` < 1, or a past that is too short or that the
                codec refuses.
            ModuleNotFoundError: pandas is missing.
        """
        pandas = optional("pandas")
        values = self._values(past)
        known = None
        if self.past:
            known = self.codec.encode(values[-self.past - 1 :]).T.expand(n, -1, -1)
        made = self.follow(known, n=n, seed=seed, steps=steps)
        paths = self.codec.decode(made.mT, values[-1])  # (n, T, C)
        index = pandas.MultiIndex.from_product(
            [range(n), range(1, self.horizon + 1)], names=["path", "step"]
        )
        columns = list(self.codec.columns)
        frame = pandas.DataFrame(paths.flatten(0, 1).numpy(), index, columns)
        return frame.reset_index()

    def follow(
        self,
        known: Tensor | None = None,
        *,
        n: int | None = None,
        seed: int | None = None,
        steps: int = 8,
        solver: str = "midpoint",
    ) -> Tensor:
        """Draw one path for each past (N, C, P): steps (N, C, horizon), on the CPU.

        ``known`` are standardised steps, as the codec gives them. A model without a
        past takes ``n`` instead.

        Raises:
            ValueError: a past of another shape, none where one is needed, ``n`` or
                ``steps`` < 1, unknown ``solver``.
        """
        known = self._known(known, n)
        noise = standard_normal(len(known), self.columns, self.horizon, seed=seed)
        return self._follow(known, noise, steps, solver)

    def quantiles(self, known: Tensor, levels: ArrayLike, *, steps: int = 8) -> Tensor:
        """Return quantiles (N, L) of the next step after each past (N, 1, P).

        For one column and one step. The paths of a flow do not cross, so along one
        dimension it keeps the order: the quantile of the noise is carried to that of
        the steps. One path a level, and no luck of drawing.

        Raises:
            ValueError: another number of columns or steps, a past that does not fit,
                levels outside (0, 1).
        """
        if self.columns != 1 or self.horizon != 1:
            raise ValueError(
                f"columns={self.columns}, horizon={self.horizon}: only one column and "
                "one step have an order, draw samples with follow"
            )
        levels = torch.as_tensor(levels, dtype=torch.float64).flatten()
        if not len(levels) or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"levels={levels.tolist()}: give shares between 0 and 1")
        known = self._known(known, None)
        noise = torch.special.ndtri(levels).float().repeat(len(known))[:, None, None]
        known = known.repeat_interleave(len(levels), 0)
        return self._follow(known, noise, steps, "midpoint").view(-1, len(levels))

    def _follow(self, known: Tensor, noise: Tensor, steps: int, solver: str) -> Tensor:
        if solver not in SOLVERS:
            raise unknown("solver", solver, SOLVERS)
        times = self.times(steps)

        def some(known: Tensor, noise: Tensor) -> Tensor:
            known, noise = known.to(self.device), noise.to(self.device)
            scale = self.volatility(known)

            def velocity(x: Tensor, t: Tensor) -> Tensor:
                return net(x, t, known / scale, scale)

            return (scale * SOLVERS[solver](velocity, noise, times).sinh()).cpu()

        with self.for_sampling("net") as net:
            return in_parts(some, known, noise)

    def inpaint(self, *_: Any, **__: Any) -> Tensor:
        """Not for series: give what is known as the past.

        Raises:
            ValueError: always.
        """
        raise ValueError("a SeriesFlow fills no gaps: make one with past=..., sample")

    def _known(self, known: Tensor | None, n: int | None) -> Tensor:
        if known is None:
            if self.past:
                raise ValueError(
                    f"known=None: this model follows {self.past} steps, give them as "
                    f"(N, {self.columns}, {self.past})"
                )
            at_least(1, n=n if n is not None else 0)
            return torch.zeros(n, self.columns, 0)
        if known.dim() != 3 or known.shape[1:] != (self.columns, self.past):
            raise ValueError(
                f"known has shape {tuple(known.shape)}: give (N, {self.columns}, "
                f"{self.past}), the standardised steps before"
            )
        if not known.isfinite().all():
            raise ValueError("known holds NaN or infinity: drop those windows")
        return known

    def _values(self, past: ArrayLike | pd.DataFrame | None) -> Tensor:
        """Return the values (R, C) before the paths."""
        if past is None:
            values = self.codec.recent
            if not len(values) and self.codec.transform == "level" and not self.past:
                values = torch.zeros(1, self.columns, dtype=torch.float64)
        elif hasattr(past, "columns"):
            if missing := [c for c in self.codec.columns if c not in past.columns]:
                raise ValueError(
                    f"past has no column {missing[0]!r}: give those of the training, "
                    f"{', '.join(self.codec.columns)}"
                )
            values = as_double(past[list(self.codec.columns)])
        else:
            values = as_double(past)
        if len(values) <= self.past:
            raise ValueError(
                f"past has {len(values)} rows: this model follows {self.past} steps, "
                f"give at least {self.past + 1} rows of values"
            )
        return self.codec.checked(values)


class SeriesNet(nn.Module):
    """Steps (B, C, T), times (B,), the past (B, C, P) and its scale -> (B, C, T).

    Convolutions along the time, each block looking twice as far as the one before. The
    time of the flow and the past scale and shift what enters a block.

    Raises:
        ValueError: a size below 1.
    """

    inner = ("blocks",)  # layers whose matrices Muon may train

    def __init__(self, columns: int, past: int, width: int):
        super().__init__()
        self.time = TimeAndLabel(2 * width)
        self.known = nn.Sequential(
            nn.Linear(columns * (past + 1), 2 * width),
            nn.SiLU(),
            nn.Linear(2 * width, 2 * width),
        )
        self.enter = nn.Conv1d(columns, width, 3, padding=1)
        self.blocks = nn.ModuleList(SeriesBlock(width, 2**i) for i in range(BLOCKS))
        self.leave = zeroed(nn.Conv1d(width, columns, 1))

    def forward(self, x: Tensor, t: Tensor, known: Tensor, scale: Tensor) -> Tensor:
        told = torch.cat([known.asinh(), scale.log()], 2)  # outliers drawn in
        condition = self.time(t) + self.known(told.flatten(1))
        h = self.enter(x)
        for block in self.blocks:
            h = block(h, condition)
        return self.leave(h).float()


class SeriesBlock(nn.Module):
    """Two layers beside a shortcut; the condition scales and shifts what enters."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(2 * width, 2 * width)
        self.first = nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.second = zeroed(nn.Conv1d(2 * width, width, 1))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition)[:, :, None].chunk(2, 1)
        h = self.norm(x.mT).mT * (1 + scale) + shift
        return x + self.second(silu(self.first(h)))
