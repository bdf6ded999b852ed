"""Several drafts of one piece, written side by side: those that fit survive."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...codecs.score import INSIDE, ScoreCode, Slot
from ...nets.attention import KVCache, Transformer
from ..base import noise_source
from .rules import Rule
from .sampling import drawn_from

FREE = -1  # stands where a token is to be chosen


class Drafts:
    """One writing of a form, in ``rows`` drafts: see ``Composer``.

    ``fixed`` (T,) holds the tokens that are written already, and FREE elsewhere; there
    all ``rules`` say what may stand. ``seed`` as in ``Composer.write``.
    """

    def __init__(
        self,
        code: ScoreCode,
        form: Sequence[Slot],
        fixed: Tensor,
        rules: Sequence[Rule],
        *,
        rows: int,
        seed: int | None = None,
        temperature: float = 1.0,
    ):
        self.form, self.fixed, self.rules = form, fixed, rules
        self.rows, self.temperature = rows, temperature
        self.noise = noise_source(seed)
        self.tokens = fixed.repeat(rows, 1)  # (B, T)
        # logarithms: how likely the net finds what each draft was made to take
        self.weights = torch.zeros(rows, dtype=torch.float64)
        kinds = {slot.kind for slot in form}
        self.ids = {k: code.allowed(k).nonzero().flatten() for k in kinds}
        self.counts = [slot.is_learned for slot in form]
        self.inside = code.numbers[f"place {INSIDE}"]

    def run(
        self,
        net: Transformer,
        cache: KVCache,
        progress: Callable[[float], Any] | None = None,
    ) -> Tensor:
        """Write to the end; return one of the drafts, (T,), drawn by its weight.

        Raises:
            ValueError: no draft can keep to the rules.
        """
        end, i = len(self.form), 0
        logits: Tensor | None = None
        while i < end:
            known = self._known(i)
            if known == i:
                self._choose(i, logits)
                known = i + 1
            elif logits is not None:
                self._weigh(i, logits)
            logits = self._read(i, known, net, cache)
            if known < end:
                logits = logits[self._survivors(cache)]
            i = known
            if progress:
                progress(i / end)
        if not self.weights.isfinite().any():
            raise _impossible(self.form[-1])
        return self.tokens[drawn_from(self._shares()[None], self.noise)[0]]

    def _known(self, i: int) -> int:
        """Return the end of the run of written slots that begins at ``i``."""
        while i < len(self.form) and self.fixed[i] != FREE:
            i += 1
        return i

    def _read(self, i: int, known: int, net: Transformer, cache: KVCache) -> Tensor:
        """Let the net read slots ``i`` to ``known``; return what it expects next."""
        while True:
            if cache.length == net.context:
                self._forget(i, net, cache)
            end = min(known, i + net.context - cache.length)
            part = self.tokens[:, i:end].to(cache.pairs.device)
            if end - i == 1 and cache.length:
                out = net.step(part[:, 0], cache)[:, None].cpu()
            else:
                out = net(part, cache).cpu()  # (B, n, V)
            for j in range(i + 1, min(end + 1, known)):
                self._weigh(j, out[:, j - i - 1])
            if end == known:
                return out[:, -1]
            i = end

    def _forget(self, i: int, net: Transformer, cache: KVCache) -> None:
        """Begin a new past before slot ``i``: the conditions and the last bars."""
        least = i - net.context // 2
        recent = (
            j for j in range(least, i) if self.form[j].bar != self.form[j - 1].bar
        )
        start = next(recent, least)
        head = self.tokens[:, :5].clone()
        head[:, 4] = self.inside
        past = torch.cat([head, self.tokens[:, start:i]], 1)
        cache.clear()
        net(past[:, -net.context + 1 :].to(cache.pairs.device), cache)

    def _weigh(self, i: int, logits: Tensor) -> None:
        """Count how likely the written token of slot ``i`` was."""
        if self.counts[i]:
            place = (self.ids[self.form[i].kind] == self.fixed[i]).nonzero().item()
            self.weights += self._log_p(i, logits)[:, place]

    def _log_p(self, i: int, logits: Tensor) -> Tensor:
        ids = self.ids[self.form[i].kind]
        return (logits[:, ids].double() / self.temperature).log_softmax(1)

    def _choose(self, i: int, logits: Tensor) -> None:
        """Draw the token of slot ``i`` for each draft, from what is legal there."""
        ids = self.ids[self.form[i].kind]
        legal = torch.ones(self.rows, len(ids), dtype=torch.bool)
        for rule in self.rules:
            mask = rule.legal(i, self.tokens[:, :i])
            if mask is not None:
                legal = legal & mask[..., ids]
        p = self._log_p(i, logits).masked_fill(~legal, -torch.inf)
        total = p.logsumexp(1, keepdim=True)
        self.weights += total[:, 0]
        if not self.weights.isfinite().any():
            raise _impossible(self.form[i])
        shares = (p - total).exp()
        shares[~legal.any(1)] = 1.0  # this draft is dead: it will not survive
        self.tokens[:, i] = ids[drawn_from(shares, self.noise)]

    def _shares(self) -> Tensor:
        return (self.weights - self.weights.max()).softmax(0)

    def _survivors(self, cache: KVCache) -> Tensor:
        """Draw the drafts anew when few have all the weight: (B,) of whom they are.

        Evenly spaced on the sum of the shares: less luck than a draw for each
        (Kitagawa 1996).
        """
        shares = self._shares()
        if not self.weights.isfinite().any() or 1 / (shares**2).sum() > self.rows / 2:
            return torch.arange(self.rows)
        start = torch.rand(1, generator=self.noise, dtype=torch.float64)
        points = (torch.arange(self.rows) + start) / self.rows
        chosen = torch.searchsorted(shares.cumsum(0), points, right=True)
        chosen = chosen.clamp(max=self.rows - 1)
        self.tokens = self.tokens[chosen]
        seen = cache.pairs[..., : cache.length, :]
        seen.copy_(seen[:, :, chosen.to(seen.device)])
        mean = self.weights.logsumexp(0) - math.log(self.rows)
        self.weights = mean.repeat(self.rows)
        return chosen


def _impossible(slot: Slot) -> ValueError:
    return ValueError(
        f"bar {slot.bar}: no draft keeps to the wishes and to what is written; wish "
        "for less, or leave more free"
    )
