"""A variational autoencoder of strings: molecules as points that can be walked between.

A recurrent decoder can tell most of a string from what it has written so far, and then
needs no z. That is why its KL term enters slowly, and why a share of what it reads is
hidden (Bowman et al. 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer

from ...arguments import at_least, finite
from ...codecs.molecules import END, Atoms
from ...codecs.tokenizers import check_several
from ..base import GenerativeModel, Update, in_parts, noise_source, standard_normal
from .bounds import kl_to_standard_normal, reparameterize

READ = 32  # numbers that stand for a sign


class StringVAE(GenerativeModel):
    """A VAE of strings: a GRU reads one into z, another writes it again from z.

    Trains on rows of tokens (N, T), T <= ``length`` + 1, each a whole string closed by
    the line break and filled up with it (``rows``). Of the tokens that the decoder
    reads a share ``hidden_share`` is hidden. The KL term has the weight ``beta`` after
    ``warm_up`` steps, and grows to it from 0.

    Source: Gómez-Bombarelli et al. 2018; Bowman et al. 2016 for what keeps z in use.

    Raises:
        ValueError: sizes, shares or weights out of range.
    """

    modality = "text"
    sampled = ("net",)
    tolerates_bf16 = False  # GRUs on a CPU have no such kernels
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 128, "max_grad_norm": 5.0}

    def __init__(
        self,
        tokenizer: Atoms | Mapping[str, Any],
        length: int = 60,
        latent_dim: int = 64,
        width: int = 256,
        *,
        beta: float = 0.1,
        warm_up: int = 500,
        hidden_share: float = 0.1,
        learning_rate: float = 2e-3,
    ):
        super().__init__()
        if isinstance(tokenizer, Mapping):  # from a file
            tokenizer = Atoms(tokenizer["alphabet"])
        at_least(1, length=length, latent_dim=latent_dim, width=width, warm_up=warm_up)
        finite("beta", beta, least=0)
        finite("hidden_share", hidden_share, least=0, below=1)
        finite("learning_rate", learning_rate, above=0)
        self.tokenizer, self.length, self.latent_dim = tokenizer, length, latent_dim
        self.beta, self.warm_up, self.hidden_share = beta, warm_up, hidden_share
        self.learning_rate = learning_rate
        self.end = tokenizer.end_token(END)
        self.net = StringNet(len(tokenizer), latent_dim, width)
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.long))

    def optimizers(self) -> dict[str, Optimizer]:
        rate = self.learning_rate
        return {"net": AdamW(self.net.parameters(), rate, weight_decay=0.0)}

    def rows(self, texts: Sequence[str]) -> Tensor:
        """Return the tokens of strings, (N, length + 1), closed and filled up.

        Raises:
            ValueError: no strings, one that is too long, or that the tokenizer refuses;
                one string instead of several.
        """
        check_several(texts)
        if not len(texts):
            raise ValueError("texts is empty: give at least one string")
        found = torch.full((len(texts), self.length + 1), self.end)
        for row, text in zip(found, texts, strict=True):
            tokens = self.tokenizer.encode(text)
            if not 0 < len(tokens) <= self.length:
                raise ValueError(
                    f"text={text!r:.60} takes {len(tokens)} tokens: give 1 to "
                    f"{self.length}"
                )
            row[: len(tokens)] = tokens
        return found

    @property
    def sample_codes(self) -> int:
        """How many signs there are, with the end."""
        return len(self.tokenizer)

    def training_step(self, batch: Tensor, update: Update) -> None:
        """The negative bound of the strings (B, T), KL term weighted.

        In validation it has its full weight and nothing is hidden: losses must be
        comparable.
        """
        hidden_share, weight = 0.0, self.beta
        if self.training:
            hidden_share = self.hidden_share
            self.steps_done += 1
            weight *= (self.steps_done / self.warm_up).clamp(max=1)
        lengths = (batch != self.end).sum(1)  # and the end is there
        longest = int(lengths.max()) + 1
        batch = batch[:, :longest]
        mu, log_var = self.net.encode(batch, lengths)
        read = torch.cat([torch.full_like(batch[:, :1], self.end), batch[:, :-1]], 1)
        hidden = torch.rand(read.shape, device=read.device) < hidden_share
        logits, _ = self.net.decode(read, reparameterize(mu, log_var), hidden=hidden)
        nats = cross_entropy(logits.mT, batch, reduction="none")  # (B, T)
        # the first end counts, what fills up does not
        counted = torch.arange(longest, device=batch.device) <= lengths[:, None]
        rate = kl_to_standard_normal(mu, log_var).mean()
        update("net", (nats * counted).sum(1).mean() + weight * rate)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return the means of z, (N, latent_dim).

        Raises:
            ValueError: as ``rows``.
        """
        with self.for_sampling("net") as net, torch.inference_mode():

            def read(rows: Tensor) -> Tensor:
                rows = rows.to(self.device)
                return net.encode(rows, (rows != self.end).sum(1))[0]

            return in_parts(read, self.rows(texts))

    def decode(
        self, z: Tensor, *, temperature: float = 1.0, seed: int | None = None
    ) -> list[str]:
        """Write a string from each z (N, latent_dim); 0 takes the likeliest signs.

        Raises:
            ValueError: z of another width, or a negative temperature.
        """
        if z.dim() != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                f"z has shape {tuple(z.shape)}: give (N, {self.latent_dim})"
            )
        finite("temperature", temperature, least=0)
        source = noise_source(seed)
        with self.for_sampling("net") as net, torch.inference_mode():

            def written(z: Tensor) -> Tensor:
                token = torch.full((len(z), 1), self.end, device=self.device)
                state, signs = None, []
                for _ in range(self.length):
                    logits, state = net.decode(token, z, state)
                    logits = logits[:, -1].float().cpu()
                    if temperature:
                        chances = (logits / temperature).softmax(1)
                        token = torch.multinomial(chances, 1, generator=source)
                    else:
                        token = logits.argmax(1, keepdim=True)
                    signs.append(token)
                    token = token.to(self.device)
                return torch.cat(signs, 1)

            rows = in_parts(written, z.to(self.device))
        return [self.tokenizer.decode(row).partition(END)[0] for row in rows]

    def sample(
        self, n: int, *, seed: int | None = None, temperature: float = 1.0
    ) -> list[str]:
        """Write ``n`` strings from z of the standard normal.

        Raises:
            ValueError: ``n`` < 1, or as ``decode``.
        """
        at_least(1, n=n)
        z = standard_normal(n, self.latent_dim, seed=seed)
        again = None if seed is None else seed + 1
        return self.decode(z, temperature=temperature, seed=again)


class StringNet(nn.Module):
    """Tokens (B, T) -> mean and log-variance; with z -> logits (B, T, V): two GRUs."""

    def __init__(self, signs: int, latent_dim: int, width: int):
        super().__init__()
        self.embed = nn.Embedding(signs + 1, READ)  # the last one hides a sign
        self.reader = nn.GRU(READ, width, batch_first=True)
        self.code = nn.Linear(width, 2 * latent_dim)
        self.start = nn.Linear(latent_dim, width)
        self.writer = nn.GRU(READ + latent_dim, width, batch_first=True)
        self.leave = nn.Linear(width, signs)

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read rows as far as ``lengths`` (B,) go: what fills them up says nothing."""
        states, _ = self.reader(self.embed(tokens))
        last = states[torch.arange(len(tokens), device=tokens.device), lengths]
        mu, log_var = self.code(last).float().chunk(2, 1)
        return mu, log_var.clamp(-12, 6)

    def decode(
        self,
        read: Tensor,
        z: Tensor,
        state: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        if hidden is not None:
            read = read.masked_fill(hidden, self.embed.num_embeddings - 1)
        seen = torch.cat(
            [self.embed(read), z[:, None].expand(-1, read.shape[1], -1)], 2
        )
        if state is None:
            state = self.start(z).tanh()[None]
        out, state = self.writer(seen, state.to(seen.dtype))
        return self.leave(out).float(), state
