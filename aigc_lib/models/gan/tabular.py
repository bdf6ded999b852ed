"""A generative adversarial network of tables, told one category of each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax

from ...arguments import at_least, finite, whole
from ...codecs.tables import TableCodec
from ...data.samples import Samples
from ..base import Batch, Seed, Update, parts_of
from ..tabular import OneHotCells, Tabular, codec_of, draw, draw_cells
from .game import GAN

TEMPERATURE = 0.2  # of the softmax that stands in for a draw in training


class CTGAN(Tabular, GAN):
    """A conditional GAN of the rows of a table (Xu et al. 2019, section 4).

    Each row is told one of its categories. Training by sampling: the column is drawn
    evenly and the category by the logarithm of its count, so that rare ones are learned
    too; the generator pays where it does not obey. With ``pac`` above 1 the critic sees
    so many rows at a time, and so a lack of variety (PacGAN, Lin et al. 2018): the
    paper has 10, which leaves a tenth of the examples, and columns that belong together
    are learned much later. Cells are drawn by Gumbel noise on logits, and gradients go
    through a softmax of low temperature. Numbers are softmaxes too: where the paper has
    a Gaussian within each mode, the codec has bins. A table without categories is
    conditioned on the bins of its numbers.

    Trained on ``model.samples(codec.encode(frame))``; without a ``codec`` on two
    numbers from 0 to 1.

    Raises:
        ValueError: no such ``codec``, a size below 1, and all that ``GAN`` refuses.
    """

    tolerates_bf16 = False  # the critic's slope is measured, and logits grow
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 500, "ema": 0.99}

    def __init__(
        self,
        codec: TableCodec | Mapping | None = None,
        latent_dim: int = 128,
        hidden: int = 256,
        pac: int = 1,
        *,
        loss: str = "wasserstein",
        gradient_penalty: float = 10.0,
        learning_rates: tuple[float, float] = (1e-3, 1e-3),
        betas: tuple[float, float] = (0.5, 0.9),
    ):
        at_least(1, latent_dim=latent_dim, hidden=hidden, pac=pac)
        codec = codec_of(codec)
        sizes = codec.sizes
        kinds = [column.kind for column in codec.coded]
        told = [k for k, kind in enumerate(kinds) if kind == "category"]
        told = told or list(range(len(sizes)))
        condition, total = sum(sizes[k] for k in told), sum(sizes)
        super().__init__(
            Growing(latent_dim + condition, hidden, total),
            Critic(pac, total + condition, hidden),
            latent_dim=latent_dim,
            loss=loss,
            spectral_norm=False,
            gradient_penalty=finite("gradient_penalty", gradient_penalty, least=0),
            r1=0.0,
            learning_rates=learning_rates,
            betas=betas,
        )
        self.codec, self.pac, self.least_batch = codec, pac, pac
        self.sample_shape = (len(sizes),)
        self.told = told
        self.one_hot = OneHotCells(sizes)
        self.one_hot_told = OneHotCells([sizes[k] for k in told])
        shares = [torch.full((sizes[k],), 1 / sizes[k]) for k in told]
        self.register_buffer("shares", torch.cat(shares))  # ``samples`` knows better
        owner = torch.cat([torch.full((sizes[k],), i) for i, k in enumerate(told)])
        masks = owner == torch.arange(len(told))[:, None]
        self.register_buffer("masks", masks.float(), persistent=False)

    def samples(self, codes: Tensor, *, seed: int = 0) -> Samples:
        """Return rows drawn for training, each with the column that it is told.

        For each column as many rows as there are; the category is drawn by the
        logarithm of its count, the row evenly among those that have it.
        """
        source = torch.Generator().manual_seed(whole("seed", seed))
        rows, columns, shares = [], [], []
        for i, k in enumerate(self.told):
            counts = codes[:, k].bincount(minlength=self.codec.sizes[k])
            weights = (counts + 1).log()  # 0 for what no row has
            chosen = weights.multinomial(len(codes), replacement=True, generator=source)
            first = counts.cumsum(0) - counts
            place = torch.rand(len(codes), generator=source) * counts[chosen]
            place = place.long().clamp(max=counts[chosen] - 1)
            rows.append(codes[:, k].argsort(stable=True)[first[chosen] + place])
            columns.append(torch.full((len(codes),), i))
            shares.append(counts / len(codes))
        self.shares.copy_(torch.cat(shares))
        return Samples(codes[torch.cat(rows)], torch.cat(columns))

    def condition(self, codes: Tensor, columns: Tensor) -> Tensor:
        """Return what a row is told: the one-hot code of one column (B, T), else 0."""
        return self.one_hot_told(codes[:, self.told]) * self.masks[columns]

    def training_step(self, batch: Batch, update: Update) -> None:
        """One step of the critic, then one of the generator, told the same."""
        codes, columns = (part[: len(part) // self.pac * self.pac] for part in batch)
        condition = self.condition(codes, columns)
        real = torch.cat([self.one_hot(codes), condition], 1)
        inputs = torch.cat([self.prior(len(codes)), condition], 1)
        logits = self.generator(inputs)
        fake = torch.cat([self._softly_drawn(logits), condition], 1)
        packed = [x.reshape(len(x) // self.pac, -1) for x in (real, fake)]
        loss = self.discriminator_loss(packed[0], packed[1].detach())
        update("discriminator", loss)
        loss = self.loss.generator(self.discriminator(packed[1]))
        update("generator", loss + self._disobedience(logits, codes, columns))

    def _softly_drawn(self, logits: Tensor) -> Tensor:
        """Softmax over each column's codes, with Gumbel noise: (B, S) -> (B, S)."""
        noise = -torch.empty_like(logits).exponential_().log()
        noisy = (logits + noise) / TEMPERATURE
        return torch.cat([softmax(c, 1) for c in noisy.split(self.codec.sizes, 1)], 1)

    def _disobedience(self, logits: Tensor, codes: Tensor, columns: Tensor) -> Tensor:
        """Mean cross-entropy of the column that each row was told."""
        parts = logits.split(self.codec.sizes, 1)
        nats = torch.stack(
            [cross_entropy(parts[k], codes[:, k], reduction="none") for k in self.told],
            1,
        )
        return nats.gather(1, columns[:, None]).mean()

    def drawn_codes(
        self, n: int, source: Seed, allowed: Mapping[int, Tensor]
    ) -> Tensor:
        """Draw ``n`` rows of codes; of what is ``allowed`` they are told one column."""
        sizes = [self.codec.sizes[k] for k in self.told]
        shares = [part.cpu() for part in self.shares.split(sizes)]
        asked = [i for i, k in enumerate(self.told) if k in allowed]
        found = []
        for k in parts_of(n):
            choices = torch.tensor(asked[:1] or list(range(len(self.told))))
            columns = choices[torch.randint(len(choices), (k,), generator=source)]
            codes = torch.zeros(k, len(self.codec.sizes), dtype=torch.long)
            for i in columns.unique().tolist():
                here = columns == i
                logits = shares[i].log().expand(int(here.sum()), -1)
                drawn = draw(logits, source, allowed.get(self.told[i]))
                codes[here, self.told[i]] = drawn
            told = self.condition(codes.to(self.device), columns.to(self.device))
            noise = self.prior(k, seed=source)
            logits = self.generated(torch.cat([noise, told], 1))
            found.append(draw_cells(logits, self.codec.sizes, source))
        return torch.cat(found)


class Growing(nn.Module):
    """Each of two hidden layers also hands on what it was given: (B, I) -> (B, O)."""

    def __init__(self, inputs: int, hidden: int, outputs: int):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(size, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
            for size in (inputs, inputs + hidden)
        )
        self.leave = nn.Linear(inputs + 2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([layer(x), x], 1)
        return self.leave(x)


class Critic(nn.Sequential):
    """``pac`` rows beside one another (P, pac * size) -> one number each (P,)."""

    def __init__(self, pac: int, size: int, hidden: int):
        super().__init__(
            nn.Linear(pac * size, hidden),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.5),
            nn.Linear(hidden, 1),
            nn.Flatten(0),
        )
