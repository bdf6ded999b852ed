"""Demand by an autoregressive network: each step a distribution of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus
from torch.optim import Optimizer

from ..arguments import at_least, finite, whole
from ..codecs.demand import DemandCodec, Panel, Windows
from ..runtime import optional
from .base import Batch, GenerativeModel, Update, in_parts

if TYPE_CHECKING:
    import pandas as pd

ITEM = 8  # numbers that stand for an item
PATHS = 20_000  # that go through the network at a time


def negative_binomial_nll(mean: Tensor, spread: Tensor, count: Tensor) -> Tensor:
    """Return -ln of the chance of ``count`` (...), in nats.

    Variance = mean + spread * mean²: Poisson where ``spread`` is 0, more than that in
    shops. Source: Salinas et al. 2020, equation 3.
    """
    shape = 1 / spread
    chance = torch.lgamma(count + shape) - torch.lgamma(shape) - torch.lgamma(count + 1)
    chance = chance - shape * torch.log1p(spread * mean)
    return -chance - count * (torch.log(spread * mean) - torch.log1p(spread * mean))


class DeepAR(GenerativeModel):
    """Forecasts ``horizon`` steps of many items from the ``past`` ones (DeepAR).

    A GRU reads, at each step, the demand of the step before and of a day or a week
    before, the calendar, what is known ahead (promotions), and which item it is; it
    says mean and spread of a negative binomial. All is measured by 1 + the mean of the
    past, so that slow and fast items look alike. Paths come one step after the other:
    what is drawn is read at the next step. The loss counts the horizon alone.

    ``codec`` is that of a ``Panel``; it is saved with the model. It learns from
    the windows of ``codecs.demand.Windows``.
    Source: Salinas, Flunkert, Gasthaus and Januschowski 2020.

    Raises:
        ValueError: sizes out of range, or a codec of another number of columns.
    """

    modality = "series"
    sampled = ("net",)
    tolerates_bf16 = False  # lgamma of large counts needs the digits
    recipe: ClassVar[dict[str, Any]] = {
        "batch_size": 64,
        "ema": 0.99,
        "cooldown": 0.5,
        "max_grad_norm": 5.0,
    }

    def __init__(
        self,
        columns: int = 1,
        horizon: int = 14,
        past: int = 28,
        width: int = 40,
        *,
        codec: DemandCodec | dict[str, Any] | None = None,
        learning_rate: float = 5e-3,
    ):
        super().__init__()
        at_least(1, columns=columns, horizon=horizon, past=past, width=width)
        finite("learning_rate", learning_rate, above=0)
        if codec is None:
            codec = DemandCodec([f"x{i}" for i in range(columns)])
        elif isinstance(codec, dict):  # from a file
            codec = DemandCodec(**codec)
        if len(codec.items) != columns:
            raise ValueError(f"columns={columns}: the codec has {len(codec.items)}")
        self.codec, self.columns = codec, columns
        self.horizon, self.past = horizon, past
        self.learning_rate = learning_rate
        self.seasons = [s for s in codec.seasons if s <= past]
        self.sample_shape = (3 + codec.features, past + horizon)
        self.net = DemandNet(columns, codec.features, len(self.seasons), width)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": torch.optim.Adam(self.net.parameters(), self.learning_rate)}

    def training_step(self, batch: Batch, update: Update) -> None:
        """The likelihood of the horizon, each step told the true ones before it."""
        demand, seen = batch[:, 0].clamp(min=0), (batch[:, 1] > 0).float()
        scale = self.scale(demand, seen)
        mean, spread, _ = self.net(*self.inputs(batch, demand, scale))
        loss = negative_binomial_nll(mean * scale[:, None], spread, demand)
        loss, seen = loss[:, self.past :], seen[:, self.past :]
        update("net", (seen * loss).sum() / seen.sum().clamp(min=1))

    def scale(self, demand: Tensor, seen: Tensor) -> Tensor:
        """Return 1 + the mean of the past (B,) of demand (B, T) where it was seen."""
        seen = seen[:, : self.past]
        total = (demand[:, : self.past] * seen).sum(1)
        return 1 + total / seen.sum(1).clamp(min=1)

    def inputs(
        self, batch: Tensor, demand: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what the net reads at each step (B, T, I), and the items (B,)."""
        seen = (batch[:, 1] > 0).float()
        lags = [
            pad(x, (lag, 0))[:, : x.shape[1]]
            for lag in (1, *self.seasons)
            for x in ((demand / scale[:, None]).log1p() * seen, seen)
        ]
        size = scale.log()[:, None].expand_as(demand)
        read = torch.cat([torch.stack([*lags, size], 2), batch[:, 3:].mT], 2)
        return read, batch[:, 2, 0].long().clamp(0, self.columns - 1)

    def forecast(
        self, panel: Panel, start: int, *, paths: int = 100, seed: int = 0
    ) -> np.ndarray:
        """Draw paths (N, paths, horizon) of the steps from ``start`` on.

        Sees the demand before ``start`` only, and what is known of the horizon.

        Raises:
            ValueError: another panel than that of the training, a ``start`` before the
                first whole past or too late for the horizon, ``paths`` < 1.
        """
        panel, paths = self.codec.checked(panel), whole("paths", paths, 1)
        first, last = start - self.past, start + self.horizon
        if whole("start", start) < self.past or last > len(panel.times):
            raise ValueError(
                f"start={start}: give {self.past} to {len(panel.times) - self.horizon}"
            )
        windows = Windows(panel.part(first, last), self.past + self.horizon)
        batch = windows[torch.arange(self.columns)]
        batch[:, :2, self.past :] = 0  # the future is not known
        generator = np.random.default_rng(whole("seed", seed, 0))
        each = max(1, PATHS // paths)
        return in_parts(
            lambda part: self._drawn(part, paths, generator), batch, size=each
        ).numpy()

    def _drawn(
        self, batch: Tensor, paths: int, generator: np.random.Generator
    ) -> Tensor:
        """Draw what follows the past of windows (B, C, T), (B, paths, horizon)."""
        demand, scale = batch[:, 0], self.scale(batch[:, 0], batch[:, 1])
        read, item = self.inputs(batch, demand, scale)
        with self.for_sampling("net") as net:
            *_, state = net(read[:, : self.past].to(self.device), item.to(self.device))
            read, item, scale, state = (
                x.repeat_interleave(paths, dim)
                for x, dim in ((read, 0), (item, 0), (scale, 0), (state, 1))
            )
            values = batch[:, :2].repeat_interleave(paths, 0)  # demand, seen
            for t in range(self.past, self.past + self.horizon):
                for k, lag in enumerate((1, *self.seasons)):
                    seen = values[:, 1, t - lag]
                    read[:, t, 2 * k] = (values[:, 0, t - lag] / scale).log1p() * seen
                    read[:, t, 2 * k + 1] = seen
                step = read[:, t : t + 1].to(self.device)
                mean, spread, state = net(step, item.to(self.device), state)
                shape = 1 / spread[:, 0].double().cpu().numpy()
                mean = (mean[:, 0].cpu() * scale).double().numpy()
                drawn = generator.negative_binomial(shape, shape / (shape + mean))
                values[:, 0, t] = torch.from_numpy(drawn).float()
                values[:, 1, t] = 1
        return values[:, 0, self.past :].reshape(-1, paths, self.horizon)

    def sample(self, n: int, *, seed: int | None = None) -> pd.DataFrame:
        """Draw ``n`` paths that follow the training: path, step (1 ...), and the items.

        Raises:
            ValueError: ``n`` < 1, or a codec that has kept no past.
            ModuleNotFoundError: pandas is missing.
        """
        pandas = optional("pandas")
        if self.codec.recent.shape[1] < self.past:
            raise ValueError(
                f"the codec keeps {self.codec.recent.shape[1]} steps: give it the last "
                f"past={self.past}, as DemandCodec.train does"
            )
        panel = self.codec.coming(self.horizon)
        seed = int(torch.randint(2**31, ()).item()) if seed is None else seed
        start = len(panel.times) - self.horizon
        made = self.forecast(panel, start, paths=n, seed=seed)
        index = pandas.MultiIndex.from_product(
            [range(n), range(1, self.horizon + 1)], names=["path", "step"]
        )
        rows = made.transpose(1, 2, 0).reshape(-1, self.columns)
        return pandas.DataFrame(rows, index, list(self.codec.items)).reset_index()


class DemandNet(nn.Module):
    """What is read (B, T, I) and items (B,) -> mean, spread (B, T), state (1, B, W)."""

    def __init__(self, items: int, features: int, seasons: int, width: int):
        super().__init__()
        self.item = nn.Embedding(items, ITEM)
        self.gru = nn.GRU(
            2 * (1 + seasons) + 1 + features + ITEM, width, batch_first=True
        )
        self.leave = nn.Linear(width, 2)

    def forward(
        self, read: Tensor, item: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        who = self.item(item)[:, None].expand(-1, read.shape[1], -1)
        out, state = self.gru(torch.cat([read, who], 2), state)
        mean, spread = softplus(self.leave(out)).unbind(2)
        return mean + 1e-4, spread + 1e-3, state
