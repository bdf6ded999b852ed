"""SASRec: a Transformer that reads what a user took and says what comes next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer

from ...arguments import finite, whole
from ...nets.attention import Transformer
from ..base import Trainable, Update
from ..ranking import Recommender, named


class SASRec(Recommender, Trainable):
    """Self-attention over the latest ``context`` items (Kang and McAuley 2018).

    Made for ``items``, their names or their number. Trains on lists of item numbers
    (B, T), -1 behind their ends, oldest first. A list begins with a token of its own,
    so that a new user has something to go on from. Each item is compared with
    ``negatives`` others, drawn for the whole batch, that stand for all of them; with
    None, with all. The paper compares with a single one, which is what such models
    mostly suffer from (Klenitskiy and Vasilev 2023).

    Raises:
        ValueError: fewer than two items or two of one name, and what ``Transformer``
            refuses.
    """

    modality = "ratings"
    sampled = ("net",)
    recipe: ClassVar[dict[str, Any]] = {"batch_size": 128, "ema": 0.99}

    def __init__(
        self,
        items: Sequence[str] | int = 1_000,
        *,
        context: int = 50,
        depth: int = 2,
        heads: int = 2,
        width: int = 64,
        dropout: float = 0.2,
        positions: str = "learned",
        negatives: int | None = 256,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.1,
    ):
        names = named(items)
        context = whole("context", context, 1)
        if negatives is not None:
            negatives = whole("negatives", negatives, 1)
        finite("learning_rate", learning_rate, above=0)
        finite("weight_decay", weight_decay, least=0)
        super().__init__()
        self.items, self.context, self.negatives = names, context, negatives
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.net = Transformer(
            len(names) + 1,  # the last token begins every list
            context + 1,
            depth=depth,
            heads=heads,
            width=width,
            dropout=dropout,
            positions=positions,
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """AdamW; matrices decay, biases and norms do not."""
        matrices = [p for p in self.net.parameters() if p.dim() >= 2]
        vectors = [p for p in self.net.parameters() if p.dim() < 2]
        groups = [
            {"params": matrices, "weight_decay": self.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return {"net": AdamW(groups, self.learning_rate, betas=(0.9, 0.99), fused=True)}

    @property
    def sample_codes(self) -> int:
        """How many items there are; -1 is none."""
        return len(self.items)

    def training_step(self, batch: Tensor, update: Update) -> None:
        """Say each item of the lists (B, T) from those before it."""
        recent = self.recent(batch, self.context + 1)
        states = self.net.states(self.begun(recent[:, :-1]))
        there = recent >= 0
        update("net", self.loss(states[there], recent[there]))

    def loss(self, states: Tensor, wanted: Tensor) -> Tensor:
        """Mean cross-entropy in nats of states (M, C) for the items ``wanted`` (M,).

        With ``negatives`` the sum over all items is estimated from that many, drawn
        evenly; one that is wanted itself does not count against itself.
        """
        weight, items = self.net.token.weight, len(self.items)
        if self.negatives is None or self.negatives >= items:
            return cross_entropy((states @ weight[:items].T).float(), wanted)
        drawn = torch.randint(items, (self.negatives,), device=wanted.device)
        others = (states @ weight[drawn].T).float()  # (M, negatives)
        others = others + math.log((items - 1) / self.negatives)
        others = others.masked_fill(drawn == wanted[:, None], -torch.inf)
        right = (states * weight[wanted]).sum(-1, keepdim=True).float()
        return (torch.cat([right, others], 1).logsumexp(1) - right[:, 0]).mean()

    def recent(self, batch: Tensor, most: int) -> Tensor:
        """The last ``most`` items of each list: (B, T) -> (B, min(T, most))."""
        most = min(most, batch.shape[1])
        start = ((batch >= 0).sum(1, keepdim=True) - most).clamp_min(0)
        return batch.gather(1, start + torch.arange(most, device=batch.device))

    def begun(self, batch: Tensor) -> Tensor:
        """Put the first token before lists: (B, T) -> tokens (B, T + 1).

        What stands behind the end of a list is read as an item, but only by itself: no
        place looks at later ones.
        """
        first = batch.new_full((len(batch), 1), len(self.items))
        return torch.cat([first, batch.clamp_min(0)], 1)

    def scores(self, batch: Tensor) -> Tensor:
        """Logits of the next item for the lists (B, T)."""
        batch = self.recent(batch.to(self.device), self.context)
        with self.for_sampling("net") as net:
            logits = net(self.begun(batch))  # (B, T + 1, items + 1)
        last = (batch >= 0).sum(1)
        return logits[torch.arange(len(batch)), last, :-1].cpu()
