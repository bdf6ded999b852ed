"""Mult-VAE: a variational autoencoder of what users took, which recommends the rest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ... import runtime
from ...arguments import at_least, finite, whole
from ...data.ratings import NOTHING, rows_of
from ..base import Update, in_parts, noise_source
from ..ranking import Recommender, named
from .bounds import kl_to_standard_normal, reparameterize
from .vae import VAE, mean_and_log_var


class Multinomial(nn.Module):
    """So many items drawn from one distribution: the decoder gives its logits.

    The number of ways to order them does not depend on the decoder and is left out.
    """

    def log_prob(self, x: Tensor, decoded: Tensor) -> Tensor:
        """log p(x | z) in nats, x counts: (..., items) -> (...)."""
        return (x * decoded.log_softmax(-1)).sum(-1)

    def mean(self, decoded: Tensor) -> Tensor:
        """The probability of each item, (..., items)."""
        return decoded.softmax(-1)


class HistoryEncoder(nn.Module):
    """Rows of 0 and 1 (B, items) -> what q(z | x) needs, (B, ``outputs``).

    Rows are brought to length 1: who took much does not shout.
    """

    def __init__(self, items: int, hidden: int, outputs: int):
        super().__init__()
        self.net = _perceptron(items, hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(normalize(x))


def _perceptron(*sizes: int) -> nn.Sequential:
    first, last = (nn.Linear(*pair) for pair in pairwise(sizes))
    for layer in (first, last):
        nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.Tanh(), last)


class MultVAE(Recommender, VAE):
    """A VAE whose likelihood is multinomial (Liang et al. 2018, Mult-VAE^PR).

    Made for ``items``, their names or their number. Trains on lists of item numbers
    (B, T), -1 behind their ends, such as ``aigc.data.load("online_retail")``.

    The weight of the KL term grows from 0 to ``beta`` over the first ``anneal_steps``
    steps: a whole one from the beginning makes the model forget who the user is. With
    ``anneal_steps`` = 0 it is ``beta`` all the time; with ``beta`` = 1 too the
    objective is the evidence lower bound. ``dropout`` is the share of a user's items
    that the encoder is not shown in training, while the decoder must tell all of them.

    Raises:
        ValueError: fewer than two items or two of one name, a size below 1, a share
            outside [0, 1), negative ``beta`` or ``anneal_steps``.
    """

    modality = "ratings"
    sampled = ("encoder", "decoder")
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 256, "ema": 0.99}

    def __init__(
        self,
        items: Sequence[str] | int = 1_000,
        latent_dim: int = 100,
        hidden: int = 300,
        *,
        dropout: float = 0.5,
        beta: float = 0.2,
        anneal_steps: int = 500,
        learning_rate: float = 2e-3,
    ):
        names = named(items)
        at_least(1, latent_dim=latent_dim, hidden=hidden)
        at_least(0, anneal_steps=anneal_steps)
        finite("dropout", dropout, least=0, below=1)
        super().__init__(
            latent_dim=latent_dim,
            sample_shape=(len(names),),
            encoder=HistoryEncoder(len(names), hidden, 2 * latent_dim),
            decoder=_perceptron(latent_dim, hidden, len(names)),
            beta=beta,
            learning_rate=learning_rate,
        )
        self.items, self.anneal_steps, self.dropout = names, anneal_steps, dropout
        self.likelihood = Multinomial()
        self.modality = "ratings"
        self.sample_shape = None  # lists come, of any length
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def weight_of_kl(self) -> Tensor:
        """What the KL term weighs after the steps so far: () in [0, ``beta``]."""
        share = self.steps / self.anneal_steps if self.anneal_steps else 1.0
        return self.beta * torch.as_tensor(share, device=self.device).clamp(max=1.0)

    @property
    def sample_codes(self) -> int:
        """How many items there are; -1 is none."""
        return len(self.items)

    def training_step(self, batch: Tensor, update: Update) -> None:
        """One step up the bound, with the KL term as heavy as it is by now.

        In validation it has its full weight and nothing is hidden: losses must be
        comparable.
        """
        items, seen, weight = len(self.items), batch, self.beta
        if self.training:
            if self.dropout:
                hidden = torch.rand(batch.shape, device=batch.device) < self.dropout
                seen = batch.masked_fill(hidden, NOTHING)
            weight = self.weight_of_kl()
            self.steps += 1
        mu, log_var = self.encode(rows_of(seen, items))
        decoded = self.decoded(reparameterize(mu, log_var))
        distortion = -self.likelihood.log_prob(rows_of(batch, items), decoded)
        rate = kl_to_standard_normal(mu, log_var)
        update("negative_elbo", distortion.mean() + weight * rate.mean())

    def scores(self, batch: Tensor) -> Tensor:
        """Logits of all items for the lists (B, T), from the mean of q(z | x)."""
        rows = rows_of(batch.to(self.device), len(self.items))
        with (
            self.for_sampling("encoder") as encoder,
            self.for_sampling("decoder") as to,
        ):
            mu, _ = mean_and_log_var(encoder(rows))
            return to(mu).float().cpu()

    def taken(self, n: int, *, length: int = 10, seed: int | None = None) -> Tensor:
        """Make up ``n`` users with ``length`` different items each: (n, length) int64.

        One z a user from the prior; items come one by one, without putting back.

        Raises:
            ValueError: ``n`` < 1, or a ``length`` above the number of items.
        """
        length = whole("length", length)
        if not 1 <= length <= len(self.items):
            raise ValueError(f"length={length}: give 1 to {len(self.items)} items")
        source = noise_source(seed)
        with self.for_sampling("decoder") as decoder:

            def drawn(z: Tensor) -> Tensor:
                logits = decoder(z).float().cpu()
                noise = torch.empty_like(logits).exponential_(generator=source)
                # the largest of logits and Gumbel noise: Plackett and Luce's draws
                return (logits - noise.log()).topk(length).indices

            return in_parts(drawn, self.prior(n, seed=source))

    def sample(self, n: int, *, length: int = 10, seed: int | None = None):
        """Make up ``n`` users as a frame with the columns user and item.

        As ``taken``, by names; for training another model, or to see what was learned.

        Raises:
            ValueError: as ``taken``.
            ModuleNotFoundError: no pandas.
        """
        taken = self.taken(n, length=length, seed=seed)
        users = [f"made {row // length + 1}" for row in range(n * length)]
        items = [self.items[item] for item in taken.flatten().tolist()]
        return runtime.optional("pandas").DataFrame({"user": users, "item": items})
