"""Knowledge tracing: what a learner will get right, from the answers so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, embedding, pad
from torch.optim import AdamW, Optimizer

from ..arguments import at_least, finite, unknown, whole
from ..data.answers import NOTHING, PAST, Answers, Item, skills
from ..nets.attention import Block, initialize, rotations
from .base import PART, Trainable, Update

NETWORKS = ("recurrent", "attention")


class Recurrent(nn.Module):
    """An LSTM: (B, T, C) -> (B, T, C). All that is past goes through one state."""

    def __init__(self, width: int, depth: int, heads: int, dropout: float, window: int):
        super().__init__()
        between = dropout if depth > 1 else 0.0
        self.lstm = nn.LSTM(width, width, depth, batch_first=True, dropout=between)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


class Attention(nn.Module):
    """Our causal Transformer: (B, T, C) -> (B, T, C). It looks back ``window`` places.

    Longer rows are read in pieces of 2 ``window`` that overlap by half; of each but the
    first only the later half counts, so that every place has seen ``window`` others.
    """

    def __init__(self, width: int, depth: int, heads: int, dropout: float, window: int):
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        turns = rotations(2 * window, width // heads)
        self.register_buffer("turns", turns, persistent=False)
        self.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        found = [self.piece(x[:, : 2 * self.window])]
        for start in range(self.window, x.shape[1] - self.window, self.window):
            piece = self.piece(x[:, start : start + 2 * self.window])
            found.append(piece[:, self.window :])
        return torch.cat(found, 1)

    def piece(self, x: Tensor) -> Tensor:
        """Read at most 2 ``window`` places together."""
        turns = self.turns[:, : x.shape[1]]
        for block in self.blocks:
            x = block(x, turns)
        return self.norm(x)


class KnowledgeTracer(Trainable):
    """The probability that a learner's next answer is right.

    Made for ``items``, each a skill or the skills that it takes; trains on ``Answers``.
    What was answered, and whether rightly, is a vector; ``network`` reads these in
    order: "recurrent" as in deep knowledge tracing (Piech et al. 2015), "attention" as
    in SAKT (Pandey and Karypis 2019) and later ones. What it makes of the past and the
    item that is asked next go through a small perceptron to a logit. An item is the
    mean of its skills and something of its own. Everything but the network is the same
    for both.

    Raises:
        ValueError: no items, an item without skills or twice, or sizes that do not fit.
    """

    modality = "answers"
    sampled = ("net",)
    recipe: ClassVar[dict[str, Any]] = {
        "batch_size": 32,
        "ema": 0.99,
        "max_grad_norm": 1.0,
    }

    def __init__(
        self,
        items: Sequence[str | Sequence[str]] = ("skill",),
        *,
        network: str = "recurrent",
        width: int = 64,
        depth: int = 1,
        heads: int = 4,
        window: int = 100,
        counts: bool = True,
        dropout: float = 0.2,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.01,
    ):
        if network not in NETWORKS:
            raise unknown("network", network, NETWORKS)
        at_least(1, width=width, depth=depth, heads=heads, window=window)
        if width % (2 * heads):
            raise ValueError(
                f"width={width}, heads={heads}: give an even multiple of heads"
            )
        finite("dropout", dropout, least=0, below=1)
        finite("learning_rate", learning_rate, above=0)
        finite("weight_decay", weight_decay, least=0)
        known = tuple(skills(item) for item in items)
        if not known or len(set(known)) < len(known):
            raise ValueError(
                f"items: {len(known)}, {len(set(known))} different ones: give at least "
                "one, none twice"
            )
        super().__init__()
        self.items = known
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        network = {"recurrent": Recurrent, "attention": Attention}[network]
        self.net = _Tracer(
            known, width, dropout, counts, network(width, depth, heads, dropout, window)
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """AdamW; matrices decay, biases and norms do not."""
        groups = [
            {
                "params": [p for p in self.net.parameters() if p.dim() >= 2],
                "weight_decay": self.weight_decay,
            },
            {
                "params": [p for p in self.net.parameters() if p.dim() < 2],
                "weight_decay": 0.0,
            },
        ]
        return {"net": AdamW(groups, self.learning_rate, betas=(0.9, 0.99))}

    @property
    def sample_codes(self) -> int:
        """How many items there are; -1 is none."""
        return len(self.items)

    def training_step(self, batch: tuple[Tensor, ...], update: Update) -> None:
        """Say each answer of the rows (B, T) from those before it."""
        item, right, past = batch
        logits = self.net(item, right, past)
        there = item != NOTHING
        loss = binary_cross_entropy_with_logits(logits[there], right[there].float())
        update("net", loss)

    def probabilities(self, data: Answers) -> Tensor:
        """The probability that each answer is right, from those before it: (M,).

        On the CPU, float32, in the order of ``data.item``. The first answer of a
        learner is said from its item alone.

        Raises:
            ValueError: an item that the model does not know.
        """
        data, found = self._known(data), []
        with self.for_sampling("net") as net:
            for part in _parts(data):
                item, right, past = (x.to(self.device) for x in part)
                found.append(net(item, right, past).sigmoid()[item != NOTHING].cpu())
        return torch.cat(found)

    def mastery(self, data: Answers, *, then: tuple[int, int] | None = None) -> Tensor:
        """The probability that each learner's next answer would be right, by item.

        (U, items), after all that is in ``data``; and after one more answer of
        everybody, where ``then`` gives its item, by number, and 0 or 1.

        Raises:
            ValueError: an item that the model does not know, in ``then`` too, or an
            answer that is not 0 or 1.
        """
        if then is not None:
            item, right = (whole("then", part, 0) for part in then)
            if item >= len(self.items) or right > 1:
                raise ValueError(
                    f"then={then}: give the number of one of {len(self.items)} items, "
                    "and 0 or 1"
                )
        data, found = self._known(data), []
        asked = torch.arange(len(self.items), device=self.device)
        with self.for_sampling("net") as net:
            for part in _parts(data):
                item, right = (pad(x, (0, 1), value=NOTHING) for x in part[:2])
                last = (item != NOTHING).sum(1, keepdim=True)
                if then is not None:
                    item = item.scatter(1, last, int(then[0]))
                    right, last = right.scatter(1, last, int(then[1])), last + 1
                item, right = item.to(self.device), right.to(self.device)
                states = net.states(item, right)
                states = states[torch.arange(len(item))[:, None], last]  # (U, 1, C)
                past = net.record(item, right) if net.counts else None
                logits = net.logits(states, past, asked.expand(len(item), -1))
                found.append(logits.sigmoid().cpu())
        return torch.cat(found)

    def _known(self, data: Answers) -> Answers:
        """Return ``data`` in the numbers of the model's items."""
        if data.items == self.items:
            return data
        number = {item: i for i, item in enumerate(self.items)}
        place = torch.tensor([number.get(item, NOTHING) for item in data.items])
        asked = place[data.item] if len(data.item) else data.item
        if (asked == NOTHING).any():
            item: Item = data.items[data.item[asked == NOTHING][0]]
            known = ["、".join(one) for one in self.items]
            raise unknown("item", "、".join(item), known)
        return Answers(
            asked, data.right, data.starts, self.items, data.learners, data.name
        )


class _Tracer(nn.Module):
    """Items and answers to vectors, the network, and a perceptron for the logit."""

    def __init__(
        self,
        items: tuple[Item, ...],
        width: int,
        dropout: float,
        counts: bool,
        network: nn.Module,
    ):
        super().__init__()
        names = sorted({skill for item in items for skill in item})
        number = {name: i for i, name in enumerate(names)}
        share = torch.zeros(len(items), len(names))
        for i, item in enumerate(items):
            share[i, [number[skill] for skill in item]] = 1 / len(item)
        self.register_buffer("share", share, persistent=False)  # (items, skills)
        self.skill = nn.Embedding(len(names), width)
        self.own = nn.Embedding(len(items), width)
        self.answer = nn.Embedding(2 * len(names), width)  # wrong, then right
        self.begin = nn.Parameter(torch.zeros(width))
        self.network, self.dropout = network, nn.Dropout(dropout)
        self.counts = counts
        self.head = nn.Sequential(
            nn.Linear(2 * width + PAST * counts, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, 1),
        )
        for table in (self.skill, self.answer):
            nn.init.normal_(table.weight, std=0.1)
        nn.init.zeros_(self.own.weight)

    def forward(self, item: Tensor, right: Tensor, past: Tensor) -> Tensor:
        """Items and answers (B, T) -> logits (B, T) of each from those before it."""
        return self.logits(self.states(item[:, :-1], right[:, :-1]), past, item)

    def states(self, item: Tensor, right: Tensor) -> Tensor:
        """Answers (B, T) -> what is known before and after each, (B, T + 1, C).

        What stands behind the end of a row is read, but only by itself: no place looks
        at later ones.
        """
        wrong, correct = self.answer.weight.chunk(2)
        table = torch.cat([self.share @ wrong, self.share @ correct])  # (2 items, C)
        x = embedding(item.clamp_min(0) + len(self.share) * (right > 0), table)
        x = torch.cat([self.begin.expand(len(x), 1, -1), x], 1)
        return self.network(self.dropout(x))

    def record(self, item: Tensor, right: Tensor) -> Tensor:
        """Answers (U, T) -> ``past`` of each item, were it next: (U, items, 7)."""
        used = embedding(item.clamp_min(0), (self.share > 0).float())
        used = used * (item != NOTHING)[..., None]  # (U, T, S)
        answers = torch.stack([right == r for r in (0, 1)], -1).float()  # (U, T, 2)
        counts = torch.einsum("uts,utr->usr", used, answers)
        place = 1 + torch.arange(item.shape[1], device=item.device)[:, None]
        when, at = (used * place).max(1)  # (U, S): the last place, 0 if never
        last = torch.stack([right.gather(1, at) == r for r in (0, 1)], -1)
        last = last * (when > 0)[..., None]
        total = answers.sum(1)[:, None]  # (U, 1, 2)
        ago = (1 + total.sum(-1) - when) * (when > 0)
        skills = torch.cat([counts.log1p(), last, ago.log1p()[..., None]], -1)
        items = torch.einsum("is,usf->uif", self.share, skills)
        every = total.log1p().expand(-1, items.shape[1], -1)
        return torch.cat([items, every], -1)

    def logits(self, states: Tensor, past: Tensor | None, item: Tensor) -> Tensor:
        """States (..., C), past (..., 7) and the items asked (...) -> logits (...)."""
        table = self.share @ self.skill.weight + self.own.weight  # (items, C)
        asked = embedding(item.clamp_min(0), table)
        parts = [states.expand(asked.shape), asked]
        if self.counts:
            parts.append(past)
        return self.head(torch.cat(parts, -1))[..., 0].float()


def _parts(data: Answers) -> list[tuple[Tensor, ...]]:
    """Return the answers in batches, each of about as many learners as fit."""
    size = max(1, min(PART, 40_000 // max(1, int(data.lengths.max()))))
    return [data[slice(i, i + size)] for i in range(0, len(data), size)]
