"""From logits to the next token: temperature, top-k, top-p, repetition penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...arguments import finite, whole


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen; the rules apply in the order of the fields.

    ``repetition_penalty`` makes what is already there less likely (Keskar et al. 2019,
    section 4.1). ``temperature`` divides the logits; 0 always takes the likeliest
    token ("greedy"). ``top_k`` keeps the k likeliest tokens, ``top_p`` the smallest set
    that holds at least that probability (Holtzman et al. 2020).

    Raises:
        ValueError: a number out of range.
    """

    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        finite("repetition_penalty", self.repetition_penalty, above=0)
        finite("temperature", self.temperature, least=0)
        if self.top_k is not None:
            whole("top_k", self.top_k, 1)
        if self.top_p is not None:
            finite("top_p", self.top_p, above=0, most=1)

    def probabilities(self, logits: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return the probabilities (B, V) of the next token after ``seen`` (B, T)."""
        logits = self._penalized(logits, seen)
        if self.temperature == 0:
            return one_hot(logits.argmax(-1), logits.shape[-1]).float()
        if self.temperature != 1:
            # the greatest becomes 0, so that no temperature makes it infinite
            logits = logits.float() - logits.amax(-1, keepdim=True)
            logits = logits / max(self.temperature, torch.finfo(torch.float32).tiny)
        if self.top_k is not None:
            logits = keep_top_k(logits, self.top_k)
        if self.top_p is not None:
            logits = keep_top_p(logits, self.top_p)
        return logits.softmax(-1)

    def draw(
        self,
        logits: Tensor,
        seen: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw the next token (B,); ``generator`` lives on the CPU.

        Raises:
            ValueError: no token is possible, for the logits hold NaN or only minus
                infinity.
        """
        if self.temperature == 0:
            best, token = self._penalized(logits, seen).max(-1)
            if best.device.type == "cpu":  # elsewhere looking means waiting
                _check_possible(best.isfinite())
            return token
        probabilities = self.probabilities(logits, seen).cpu()
        _check_possible(~probabilities.isnan())
        return drawn_from(probabilities, generator).to(logits.device)

    def _penalized(self, logits: Tensor, seen: Tensor | None) -> Tensor:
        if seen is None or self.repetition_penalty == 1:
            return logits
        return penalized(logits, seen, self.repetition_penalty)


def drawn_from(
    probabilities: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw a token (B,) from each row of ``probabilities`` (B, V), all on the CPU.

    Added up from the first, they exceed a uniform number at the token drawn: one random
    number for a row, where ``torch.multinomial`` takes V of them, most of its time.
    """
    ends = probabilities.double().cumsum(1)
    uniform = torch.rand(len(ends), 1, generator=generator, dtype=ends.dtype)
    drawn = torch.searchsorted(ends, uniform * ends[:, -1:], right=True)[:, 0]
    return drawn.clamp(max=ends.shape[1] - 1)  # where rounding made it all of the sum


def _check_possible(possible: Tensor) -> None:
    if not possible.all():
        raise ValueError(
            "logits hold NaN or leave no token possible: see whether the model "
            "diverged, or whether a constraint forbids everything"
        )


def penalized(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Divide positive logits (B, V) of tokens ``seen`` (B, T), multiply negative."""
    old = logits.gather(1, seen)
    return logits.scatter(1, seen, torch.where(old > 0, old / penalty, old * penalty))


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Set all but the ``k`` largest logits (B, V) to minus infinity."""
    values, kept = logits.topk(min(k, logits.shape[-1]))
    return torch.full_like(logits, -torch.inf).scatter(1, kept, values)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens until their probability reaches ``p``: at least one."""
    values, order = logits.sort(descending=True)
    probabilities = values.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities  # of all that are likelier
    values = values.masked_fill(before >= p, -torch.inf)
    return torch.empty_like(logits).scatter(1, order, values)
