"""A picture as a few words of a small language: an autoencoder with a codebook."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...arguments import at_least, finite, multiple_of
from ..base import Trainable, Update, checked_pictures, in_parts
from .pictures import FACTOR, GROUPS, MapDecoder, MapEncoder, optimizer_of

REFRESH = 10  # rounds of k-means that place the codes on the first batch
DEAD = 0.1  # a code that fewer vectors a batch choose, on average, is placed anew


def nearest(z: Tensor, codes: Tensor) -> Tensor:
    """Return the number of the closest of ``codes`` (K, D) to each of z (..., D)."""
    return torch.cdist(z.flatten(0, -2), codes).argmin(-1).view(z.shape[:-1])


def straight_through(z: Tensor, quantised: Tensor) -> Tensor:
    """Return ``quantised`` forwards; backwards its gradient goes to ``z`` unchanged.

    Source: Bengio et al. 2013; for codes van den Oord et al. 2017, section 3.2.
    """
    return z + (quantised - z).detach()


def perplexity(tokens: Tensor, size: int) -> float:
    """Return how many codes are in use, 1 to ``size``: e to the entropy of shares.

    Equal shares of k codes give k; codes that are hardly ever chosen hardly count.
    """
    shares = torch.bincount(tokens.flatten(), minlength=size).double()
    shares = shares / shares.sum()
    return torch.special.entr(shares).sum().exp().item()


class Codebook(nn.Module):
    """``size`` vectors of ``dim`` numbers, each the mean of the vectors that chose it.

    No gradient moves them: counts and sums of the last batches do (van den Oord et al.
    2017, appendix A.1). They begin where k-means puts them on the first batch, and a
    code that nobody chooses any more is put on a vector of the present batch
    (Dhariwal et al. 2020, section 3.1).
    """

    def __init__(self, size: int, dim: int, decay: float = 0.97):
        super().__init__()
        self.decay = decay
        self.register_buffer("codes", torch.zeros(size, dim))
        self.register_buffer("counts", torch.zeros(size))
        self.register_buffer("sums", torch.zeros(size, dim))

    @torch.no_grad()
    def learn(self, z: Tensor) -> None:
        """Move the codes towards the vectors z (N, D) that choose them."""
        if not self.counts.any():
            self.codes.copy_(drawn(z, len(self.codes)))
            for _ in range(REFRESH):
                counts, sums = self.chosen(z)
                means = sums / counts.clamp_min(1)[:, None]
                self.codes.copy_(torch.where(counts[:, None] > 0, means, self.codes))
            self.counts.copy_(counts)
            self.sums.copy_(counts[:, None] * self.codes)
        counts, sums = self.chosen(z)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        dead = self.counts < DEAD
        fresh = drawn(z, len(self.codes))
        self.sums.copy_(torch.where(dead[:, None], fresh, self.sums))
        self.counts.masked_fill_(dead, 1.0)
        self.codes.copy_(self.sums / self.counts[:, None])

    def chosen(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many of z (N, D) choose each code, (K,), and their sums (K, D)."""
        tokens = nearest(z, self.codes)
        counts = torch.bincount(tokens, minlength=len(self.codes)).to(z)
        return counts, torch.zeros_like(self.codes).index_add_(0, tokens, z)


def drawn(z: Tensor, n: int) -> Tensor:
    """Draw ``n`` of the vectors z (N, D), again and again the same if N < ``n``."""
    order = torch.randperm(len(z), device=z.device)
    return z[order.repeat(-(-n // len(z)))[:n]]


class VQVAE(Trainable):
    """An autoencoder whose code is a map of whole numbers (van den Oord et al. 2017).

    Each vector of the encoder's map (D, S/4, S/4) is replaced by the nearest of
    ``num_codes`` codes. The decoder learns by the mean squared error of the pixels,
    the encoder by the same gradient passed straight through, and by the ``commitment``
    to its codes; the ``Codebook`` follows on its own. What comes out is for a prior
    that is learned afterwards: numbers drawn by lot would be no picture, see
    ``Painter``.

    Raises:
        ValueError: ``image_size`` no multiple of 4, ``num_codes`` below 2, an odd
            ``code_dim`` or ``width``, ``learning_rate`` of 0 or less, a negative
            ``commitment``.
    """

    tolerates_bf16 = False  # which code is nearest is a matter of small differences

    def __init__(
        self,
        image_size: int = 32,
        channels: int = 3,
        num_codes: int = 128,
        width: int = 32,
        *,
        code_dim: int = 16,
        commitment: float = 0.25,
        learning_rate: float = 3e-3,
    ):
        multiple_of(FACTOR, image_size=image_size)
        at_least(1, channels=channels)
        at_least(2, num_codes=num_codes)
        multiple_of(GROUPS, width=width)
        multiple_of(2, code_dim=code_dim)
        finite("commitment", commitment, least=0)
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        self.sample_shape = (channels, image_size, image_size)
        self.side, self.num_codes = image_size // FACTOR, num_codes
        # what is mean and log-variance of a MapVAE is one vector here
        self.encoder = MapEncoder(channels, code_dim // 2, width)
        self.codebook = Codebook(num_codes, code_dim)
        self.decoder = MapDecoder(channels, code_dim, width)
        self.commitment, self.learning_rate = commitment, learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """Muon for the matrices inside both networks, AdamW for all else, no decay."""
        networks = (self.encoder, self.decoder)
        return {"error": optimizer_of(networks, self.learning_rate)}

    def training_step(self, x: Tensor, update: Update) -> None:
        """One step: the error of the pictures, and how far vectors are from codes."""
        z = self.encoder(x).permute(0, 2, 3, 1)  # (B, S/4, S/4, D)
        self.codebook.learn(z.detach().flatten(0, 2))
        quantised = self.codebook.codes[nearest(z, self.codebook.codes)]
        error = (self.drawn(straight_through(z, quantised)) - x).square().mean()
        commitment = (z - quantised).square().mean()
        update("error", error + self.commitment * commitment)

    def drawn(self, quantised: Tensor) -> Tensor:
        """Codes (B, S/4, S/4, D) -> pictures (B, C, S, S), unbounded."""
        return self.decoder(quantised.permute(0, 3, 1, 2))

    def encode(self, x: Tensor) -> Tensor:
        """Return the tokens (N, S/4, S/4) int64 of pictures (N, C, S, S).

        Pictures are uint8 or in [-1, 1].

        Raises:
            ValueError: other pictures.
        """
        x = checked_pictures(x, self.sample_shape, self.device)
        with self.for_sampling("encoder") as encoder:
            return in_parts(
                lambda part: nearest(
                    encoder(part).permute(0, 2, 3, 1), self.codebook.codes
                ),
                x,
            )

    def decode(self, tokens: Tensor) -> Tensor:
        """Return pictures (N, C, S, S) in [-1, 1] of tokens (N, S/4, S/4) int64.

        Raises:
            ValueError: tokens of another shape, or numbers of no code.
        """
        side = self.side
        if tokens.dim() != 3 or tokens.shape[1:] != (side, side):
            raise ValueError(
                f"tokens have shape {tuple(tokens.shape)}: give (N, {side}, {side})"
            )
        if not 0 <= tokens.min() <= tokens.max() < self.num_codes:
            raise ValueError(
                f"tokens go from {tokens.min()} to {tokens.max()}: give numbers from 0 "
                f"to {self.num_codes - 1}"
            )
        with self.for_sampling("decoder"), torch.no_grad():
            codes = self.codebook.codes
            return in_parts(
                lambda part: self.drawn(codes[part]), tokens.to(self.device)
            ).clamp(-1, 1)
