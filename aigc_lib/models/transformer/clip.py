"""Texts and pictures as points of one space: what belongs together lies close."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence
from torch.optim import AdamW, Optimizer

from ...arguments import at_least, finite
from ...codecs.tokenizers import Tokenizer, check_several, check_text, tokenizer_from
from ...metrics.pictures import GIST, gist
from ..base import Trainable, Update, checked_pictures, in_parts
from ..classifier import PictureNet
from .encoder import without_empty_columns
from .encoder_nets import Encoder
from .pairs import contrast

EMPTY = -1  # a place without a token
PAIRS, PRIME = 8_192, 31_337  # places for pairs of tokens, by their remainder
SHARPEST = 100  # as in Radford et al. 2021, section 2.5
WAVES = 2_048  # random features of the coarse view
PACE = 0.1  # size of the weights that training begins with


class TextTower(nn.Module):
    """Tokens (B, T), -1 where there are none -> points (B, ``size``) of length 1.

    The sum of two readings. A bag adds up a direction for each token, and with ``runs``
    of 2 for each pair of neighbours within a word; it knows what is said. A Transformer
    describes each token in the light of all others, and the mean of that is projected;
    it knows what is said of what. It has the width ``hidden``, and adds nothing at
    first. Without ``depth`` there is only the bag, with ``runs`` of 0 only the
    Transformer. ``gap`` is the token between words, -1 if there is none.
    """

    def __init__(
        self,
        vocab_size: int,
        context: int,
        size: int,
        *,
        hidden: int,
        depth: int,
        heads: int,
        runs: int,
        dropout: float,
        gap: int,
    ):
        super().__init__()
        self.vocab_size, self.runs, self.gap = vocab_size, runs, gap
        self.dropout = dropout
        if runs:
            self.directions = nn.Embedding(vocab_size + (runs > 1) * PAIRS, size)
            self.weight = nn.Parameter(torch.ones(len(self.directions.weight)))
            # what training never meets is to weigh little beside what it does
            nn.init.normal_(self.directions.weight, std=0.1 * size**-0.5)
        if depth:
            sizes = {"depth": depth, "heads": heads, "width": hidden}
            self.encoder = Encoder(vocab_size, context, **sizes, dropout=dropout)
            self.project = nn.Linear(hidden, size, bias=False)
            if runs:
                nn.init.zeros_(self.project.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        seen = tokens >= 0
        x = self.bag(tokens) if self.runs else 0
        if hasattr(self, "encoder"):
            read = self.encoder(tokens) * seen[..., None]  # (B, T, hidden)
            x = x + self.project(read.sum(1) / seen.sum(1, keepdim=True))
        return normalize(x, dim=1)

    def parts(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Number tokens and pairs of texts, (B, T) -> (B, 2 T - 1); which are there."""
        parts, there = tokens.clamp_min(0), (tokens >= 0) & (tokens != self.gap)
        if self.runs > 1:
            pairs = (parts[:, :-1] * PRIME + parts[:, 1:]) % PAIRS + self.vocab_size
            parts = torch.cat([parts, pairs], 1)
            there = torch.cat([there, there[:, :-1] & there[:, 1:]], 1)
        return parts, there

    def bag(self, tokens: Tensor) -> Tensor:
        """Add up the directions of tokens and pairs: (B, T) -> (B, ``size``)."""
        parts, there = self.parts(tokens)
        weights = self.weight[parts] * there
        if self.training and self.dropout:
            weights = weights * (torch.rand_like(weights) >= self.dropout)
        x = (self.directions(parts) * weights[..., None]).sum(1)
        return normalize(x, dim=1)

    def begin(self, tokens: Tensor) -> None:
        """Weigh parts by their rarity in texts (N, T), direct them by their company.

        A part that k of the texts have weighs log(N / k) (Spärck Jones 1972); what none
        has weighs nothing. Directions are the leading singular vectors of the weighted
        bags, in which parts that come with the same others lie close (latent semantic
        analysis, Deerwester et al. 1990).
        """
        parts, there = self.parts(tokens)
        bags = torch.zeros(len(tokens), len(self.weight))
        bags.scatter_reduce_(1, parts, there.float(), "amax")
        count = bags.sum(0)
        met = count > 0
        weight = (len(bags) / count.clamp_min(1)).log() * met
        weight = weight / weight[met].mean().clamp_min(1e-6)
        width = self.directions.embedding_dim
        _, _, found = torch.svd_lowrank(
            normalize(bags * weight, dim=1), q=min(width, len(bags)), niter=4
        )
        self.weight.copy_(weight)
        self.directions.weight.zero_()
        self.directions.weight[:, : found.shape[1]] = (
            found / found[met].norm(dim=1).mean()
        )
        if hasattr(self, "project"):
            self.project.weight.zero_()


class PictureTower(nn.Module):
    """Pictures (B, C, S, S) in [-1, 1] -> points (B, ``size``) of length 1.

    The sum of two views. The coarse one is a linear map of random waves of the
    ``gist``, colours and edges: two pictures have similar waves if their gists lie
    close (Rahimi & Recht 2007). The fine one is what a small residual net sees.
    """

    def __init__(self, image_size: int, channels: int, width: int, size: int):
        super().__init__()
        self.look = PictureNet(image_size, channels, width)
        self.project = nn.Linear(4 * width, size, bias=False)
        self.coarse = nn.Linear(WAVES, size, bias=False)
        self.drop = nn.Dropout(0.3)
        self.register_buffer("middle", torch.zeros(GIST))
        self.register_buffer("spread", torch.ones(GIST))
        self.register_buffer("waves", torch.randn(GIST, WAVES) / GIST**0.5)
        self.register_buffer("phases", 2 * math.pi * torch.rand(WAVES))

    def forward(self, x: Tensor) -> Tensor:
        coarse = self.coarse(self.drop(self.seen(x)))
        return normalize(coarse + self.project(self.look(x)), dim=1)

    def seen(self, x: Tensor) -> Tensor:
        """Return the waves of pictures, (B, WAVES); their products are similarities."""
        z = (torch.cat(gist(x), 1) - self.middle) / self.spread
        return (2 / WAVES) ** 0.5 * torch.cos(z @ self.waves + self.phases)

    def begin(self, x: Tensor, points: Tensor, stiffness: float) -> None:
        """Guess points (N, ``size``) from the waves by ridge regression.

        Two pictures of the median distance have the similarity 1/e.
        """
        parts = gist(x)
        self.middle.copy_(torch.cat(parts, 1).mean(0))
        self.spread.copy_(
            torch.cat([part.std().expand(part.shape[1]) for part in parts])
        )
        z = (torch.cat(parts, 1) - self.middle) / self.spread
        typical = (
            torch.pdist(z[torch.randperm(len(z))[:1_000]]).median().clamp_min(1e-6)
        )
        self.waves.mul_(2**0.5 / typical * GIST**0.5)
        seen = self.seen(x)
        square = seen.T @ seen + stiffness * torch.eye(WAVES, device=x.device)
        found = torch.linalg.solve(square, seen.T @ (points - points.mean(0)))
        # only directions count: weights of a size that training moves at a good pace
        self.coarse.weight.copy_(found.T / found.std() * PACE)
        self.project.weight.zero_()


class CLIP(Trainable):
    """Places texts and pictures so that a text lies close to what it describes.

    Trains on batches of pictures (B, C, S, S) and tokens (B, T) of their texts, as
    ``aigc_lib.data.captions.Captioned`` gives them, by ``contrast``: find the text of
    each picture in the batch, and the picture of each text. Equal texts, and where a
    third part numbers groups (B,) pairs of one group, are no wrong answers to each
    other. How sharply points are compared, at most 100 times their cosine, is learned.
    With few pairs, ``begin`` first.

    Source: Radford et al. 2021 (its pictures' tower is a ResNet or a ViT; here the
    small residual net of ``PictureClassifier``).

    Raises:
        ValueError: sizes below 1, or that do not fit together; ``channels`` neither 1
            nor 3; ``runs`` not 0, 1 or 2; neither ``runs`` nor ``depth``.
    """

    sampled = ("texts", "pictures")
    least_batch = 2  # of one pair there is nothing to tell apart
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 256, "cooldown": 0.5}

    def __init__(
        self,
        tokenizer: Tokenizer | Mapping[str, Any],
        image_size: int = 32,
        channels: int = 3,
        width: int = 32,
        *,
        size: int = 256,
        hidden: int = 64,
        context: int = 64,
        depth: int = 2,
        heads: int = 4,
        runs: int = 2,
        dropout: float = 0.1,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.05,
    ):
        if channels not in (1, 3):  # for others there is no gist
            raise ValueError(f"channels={channels}: give 1 for grey, 3 for RGB")
        at_least(1, width=width, size=size, context=context)
        at_least(1, hidden=hidden)
        at_least(0, depth=depth)
        if runs not in (0, 1, 2):
            raise ValueError(f"runs={runs}: give 2 for pairs of tokens too, 1 or 0")
        if not runs and not depth:
            raise ValueError("runs=0, depth=0: one of them must read the text")
        finite("dropout", dropout, least=0, below=1)
        finite("learning_rate", learning_rate, above=0)
        finite("weight_decay", weight_decay, least=0)
        if isinstance(tokenizer, Mapping):  # from a file
            tokenizer = tokenizer_from(dict(tokenizer))
        super().__init__()
        self.tokenizer, self.context = tokenizer, context
        self.sample_shape = (channels, image_size, image_size)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.texts = TextTower(
            len(tokenizer),
            context,
            size,
            hidden=hidden,
            depth=depth,
            heads=heads,
            runs=runs,
            dropout=dropout,
            gap=_gap(tokenizer),
        )
        self.pictures = PictureTower(image_size, channels, width, size)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @torch.no_grad()
    def begin(self, x: Tensor, texts: Iterable[str], *, stiffness: float = 1.0) -> None:
        """Begin where closed forms end: pictures (N, C, S, S) and their N texts.

        The bag begins with rarity and latent semantic analysis, the pictures' tower
        with ridge regression from colours and edges to the bag's points, by a kernel;
        the nets beside them add nothing at first. Draws from torch's generator. For
        thousands of pairs, not for millions.

        Raises:
            ValueError: as ``encode_texts`` and ``encode_images``; not as many texts as
                pictures, fewer than two; ``stiffness`` not above 0; a model with
                ``runs`` of 0, which has no bag.
        """
        finite("stiffness", stiffness, above=0)
        if not self.texts.runs:
            raise ValueError("runs=0: there is no bag to begin with; give 1 or 2")
        tokens = self.encode(texts).to(self.device)
        x = checked_pictures(x, self.sample_shape, self.device)
        if not 2 <= len(x) == len(tokens):
            raise ValueError(
                f"{len(x)} pictures, {len(tokens)} texts: give pairs, >= 2"
            )
        self.texts.begin(tokens)
        with self.for_sampling("texts") as net:
            points = net.bag(tokens)
        self.pictures.begin(x, points, stiffness)

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW. Matrices decay; biases, norms and the scale do not."""
        learned = list(self.parameters())
        groups = [
            {
                "params": [p for p in learned if p.dim() >= 2],
                "weight_decay": self.weight_decay,
            },
            {"params": [p for p in learned if p.dim() < 2], "weight_decay": 0.0},
        ]
        return {"net": AdamW(groups, self.learning_rate)}

    def training_step(self, batch: tuple[Tensor, ...], update: Update) -> None:
        """Bring pairs together: pictures, tokens (B, T), perhaps groups (B,)."""
        x, tokens, *groups = batch
        logits = self.logits(without_empty_columns(tokens), x)
        for labels in (tokens.unique(dim=0, return_inverse=True)[1], *groups):
            same = labels[:, None] == labels[None]
            logits = logits.masked_fill(same.fill_diagonal_(False), -torch.inf)
        update("net", contrast(logits))

    def logits(self, tokens: Tensor, x: Tensor) -> Tensor:
        """Compare all with all: tokens (B, T), pictures (N, C, S, S) -> (B, N)."""
        scale = self.log_scale.exp().clamp(max=SHARPEST)
        return scale * self.texts(tokens) @ self.pictures(x).T

    def encode(self, texts: Iterable[str]) -> Tensor:
        """Return texts as tokens (N, T), -1 behind their ends, cut at the context.

        Raises:
            ValueError: no texts, an empty one, or one string instead of several.
        """
        check_several(texts)
        texts = [check_text("text", text) for text in texts]
        empty = sum(not text.strip() for text in texts)
        if not texts or empty:
            raise ValueError(
                f"texts: {len(texts)} of them, {empty} empty; give at least one, and "
                "none without a token"
            )
        rows = [self.tokenizer.encode(text)[: self.context] for text in texts]
        return pad_sequence(rows, True, EMPTY)

    def encode_texts(self, texts: Iterable[str]) -> Tensor:
        """Place texts: (N, ``size``) of length 1.

        Raises:
            ValueError: as ``encode``.
        """
        tokens = self.encode(texts).to(self.device)
        with self.for_sampling("texts") as net:
            return in_parts(net, tokens)

    def encode_images(self, x: Tensor) -> Tensor:
        """Place pictures, uint8 or in [-1, 1]: (N, C, S, S) -> (N, ``size``).

        Raises:
            ValueError: other pictures.
        """
        x = checked_pictures(x, self.sample_shape, self.device)
        with self.for_sampling("pictures") as net:
            return in_parts(net, x)

    def score(self, texts: Iterable[str], x: Tensor) -> Tensor:
        """How well each text fits each picture: cosines (texts, pictures) in [-1, 1].

        Raises:
            ValueError: as ``encode`` and ``encode_images``.
        """
        return self.encode_texts(texts) @ self.encode_images(x).T

    def classify(self, x: Tensor, labels: Iterable[str]) -> Tensor:
        """Return the number of the label that fits each picture best, (N,) int64.

        No picture of these classes has to be learned ("zero-shot"): labels are texts.

        Raises:
            ValueError: as ``score``.
        """
        return self.score(labels, x).argmax(0)


def _gap(tokenizer: Tokenizer) -> int:
    """The token between words, -1 where the tokenizer has none."""
    try:
        tokens = tokenizer.encode(" ")
    except ValueError:  # an alphabet without the space
        return -1
    known = len(tokens) == 1 and tokenizer.decode(tokens) == " "
    return int(tokens[0]) if known else -1
