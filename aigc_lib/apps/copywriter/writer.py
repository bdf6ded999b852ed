"""The writer of product copy: attributes in, lines out, each with its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from torch import Tensor

from ...codecs.tokenizers import Tokenizer
from ...data import prompted
from ...data.made.product_copy import check_copy, prompt_of, stated, vocabulary
from ...metrics.intervals import proportion_interval
from ...metrics.text import distinct_lines
from ...models.transformer.constraint import Exactly, Phrases
from ...models.transformer.gpt import GPT

Facts = dict[str, Any]


def pairs(
    facts: Iterable[Facts], texts: Iterable[str], tokenizer: Tokenizer, *, length: int
) -> Tensor:
    """Encode attributes and their lines as samples (N, length): lines are learned."""
    prompts = map(prompt_of, facts)
    both = zip(prompts, texts, strict=True)
    return prompted(both, tokenizer, length=length)


def said(facts: Facts) -> set[str]:
    """Return the words that a line with these facts must hold."""
    return {value for _, value in stated(facts)}


class Copywriter:
    """A GPT that was tuned on ``pairs``, and the three ways to let it write.

    ``lines`` show how the words are used in true copy (see ``Phrases``).
    """

    def __init__(self, gpt: GPT, lines: Iterable[str] = (), *, room: int = 64):
        self.gpt, self.lines, self.room = gpt, lines, room

    @cached_property
    def phrases(self) -> Phrases:
        """What truthful writing watches: half a second of work that others save."""
        words = [value for _, value in vocabulary()]
        return Phrases(words, self.gpt.tokenizer, self.lines)

    def write(
        self,
        facts: Sequence[Facts],
        *,
        truthful: bool = False,
        seed: int = 0,
        **sampling: Any,
    ) -> list[str]:
        """Write one line for each; ``truthful`` ones keep to the facts by constraint.

        ``sampling`` as in ``aigc_lib.models.transformer.sampling.Sampling``.

        Raises:
            ValueError: ``truthful``, and the model has no tokenizer of characters.
        """
        wanted = [said(known) for known in facts]

        def exactly(rows: list[int]) -> Exactly:
            return Exactly(self.phrases, [wanted[i] for i in rows], room=self.room)

        return self.gpt.answers(
            [prompt_of(known) for known in facts],
            room=self.room,
            seed=seed,
            constraint_for=exactly if truthful else None,
            **sampling,
        )

    def best_of(
        self, facts: Sequence[Facts], n: int, *, seed: int = 0, **sampling: Any
    ) -> list[str]:
        """Write until the judge is content, at most ``n`` lines for each facts."""
        lines = self.write(facts, seed=seed, **sampling)
        for k in range(1, n):
            wrong = [
                i for i, line in enumerate(lines) if not check_copy(line, facts[i]).true
            ]
            if not wrong:
                break
            again = [facts[i] for i in wrong]
            new = self.write(again, seed=seed + k * 1_000, **sampling)
            for i, line in zip(wrong, new, strict=True):
                lines[i] = line
        return lines


def judged(lines: Sequence[str], facts: Sequence[Facts]) -> dict[str, float]:
    """Count what is wrong with ``lines``: share of wrong ones, and errors a line.

    ``low`` and ``high`` are the ends of the 95% interval of ``wrong``.
    """
    verdicts = [check_copy(*pair) for pair in zip(lines, facts, strict=True)]
    wrong = sum(not verdict.true for verdict in verdicts)
    low, high = proportion_interval(wrong, len(lines))
    return {
        "n": len(lines),
        "wrong": wrong / len(lines),
        "low": low,
        "high": high,
        "missing": sum(len(verdict.missing) for verdict in verdicts) / len(lines),
        "invented": sum(len(verdict.invented) for verdict in verdicts) / len(lines),
        "distinct": distinct_lines(lines),
    }


def told(verdict) -> str:
    """Say a verdict in a few Chinese words."""
    if verdict.true:
        return "属实"
    parts = [
        f"{name}：" + "、".join(f"{attribute} {value}" for attribute, value in found)
        for name, found in (("漏了", verdict.missing), ("编了", verdict.invented))
        if found
    ]
    return "；".join(parts)
