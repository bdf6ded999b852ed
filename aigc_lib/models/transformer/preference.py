"""Learning from which of two answers is better (Rafailov et al. 2023)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid
from torch.optim import AdamW, Optimizer

from ...arguments import finite
from ..base import Trainable, Update
from .gpt import GPT, readable


def log_probability(net: torch.nn.Module, runs: Tensor) -> Tensor:
    """Sum over each run (B, T + 1) of the log probabilities of its learned tokens.

    In nats, (B,). Negative tokens are only read (see ``aigc_lib.codecs.tokens``).
    """
    tokens, learned = readable(runs[:, 1:]), runs[:, 1:] >= 0
    log_p = net(readable(runs[:, :-1])).log_softmax(-1)  # (B, T, V)
    of_tokens = log_p.gather(2, tokens[..., None])[..., 0]
    return (of_tokens * learned).sum(1)


def dpo_loss(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Direct preference optimisation, equation 7: -log sigmoid(beta (better - worse)).

    ``better`` and ``worse`` (B,) say by how many nats the model finds these answers
    likelier than the reference model does.
    """
    return -logsigmoid(beta * (better - worse)).mean()


class DPO(Trainable):
    """Tunes ``gpt`` itself towards better answers, held near to what it was.

    Trains on pairs (N, 2, T + 1): the better run, then the worse one, such as two
    results of ``aigc.data.prompted`` stacked on axis 1. ``beta`` is the price of going
    away from the beginning. Afterwards ``gpt`` is what writes, and what one usually
    saves.

    Raises:
        ValueError: ``beta`` or ``learning_rate`` not above 0.
    """

    modality = "text"

    def __init__(self, gpt: GPT, *, beta: float = 0.1, learning_rate: float = 1e-4):
        finite("beta", beta, above=0)
        finite("learning_rate", learning_rate, above=0)
        super().__init__()
        gpt.adopt_average("net")  # what samples is what gets tuned
        self.gpt = gpt
        self.reference = copy.deepcopy(gpt.net).requires_grad_(False)
        self.beta, self.learning_rate = beta, learning_rate

    def optimizers(self) -> dict[str, Optimizer]:
        """One AdamW for what learns of the policy: with LoRA, only that."""
        learned = [p for p in self.gpt.net.parameters() if p.requires_grad]
        return {"policy": AdamW(learned, self.learning_rate, weight_decay=0.0)}

    def training_step(self, batch: Tensor, update: Update) -> None:
        """Make the better answers (B, 0) likelier than the worse ones (B, 1)."""
        runs = batch.flatten(0, 1)
        self.reference.eval()  # no dropout: what it finds likely must stay put
        with torch.no_grad():
            before = log_probability(self.reference, runs)
        gain = (log_probability(self.gpt.net, runs) - before).unflatten(0, (-1, 2))
        update("policy", dpo_loss(gain[:, 0], gain[:, 1], self.beta))
