"""The writer of product copy: attributes in, lines out, each with its verdict.

``python -m aigc_lib.apps.copywriter writer.safetensors`` opens the page.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..data import load, prompted
from ..data.grammar import phrases
from ..data.product_copy import check_copy, prompt_of, stated, vocabulary
from ..data.tokenizers import Tokenizer
from ..metrics.intervals import proportion_interval
from ..metrics.text import distinct_lines
from ..models.constraint import Exactly, Phrases
from ..models.gpt import GPT
from ..runtime import optional

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


def answers(
    gpt: GPT,
    prompts: Sequence[str],
    *,
    room: int,
    seed: int = 0,
    end: str = "\n",
    constraint_for=None,
    **sampling: Any,
) -> list[str]:
    """Let ``gpt`` go on from each prompt until ``end``, at most ``room`` tokens.

    Prompts of one length are answered together. ``constraint_for(rows)`` makes the
    constraint of these rows.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    tokens = [gpt.tokenizer.encode(prompt) for prompt in prompts]
    for i, row in enumerate(tokens):
        by_length[len(row)].append(i)
    stop, found = int(gpt.tokenizer.encode(end)), [""] * len(prompts)
    for length, rows in sorted(by_length.items()):
        written = gpt.generate(
            torch.stack([tokens[i] for i in rows]),
            room,
            seed=None if seed is None else seed * 1_000 + length,
            stop_token=stop,
            constraint=constraint_for(rows) if constraint_for else None,
            **sampling,
        )
        for i, text in zip(rows, gpt.texts(written[:, length:].cpu()), strict=True):
            found[i] = text.partition(end)[0]
    return found


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

        ``sampling`` as in ``aigc_lib.models.sampling.Sampling``.

        Raises:
            ValueError: ``truthful``, and the model has no tokenizer of characters.
        """
        wanted = [said(known) for known in facts]

        def exactly(rows: list[int]) -> Exactly:
            return Exactly(self.phrases, [wanted[i] for i in rows], room=self.room)

        return answers(
            self.gpt,
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


# ---- the page ------------------------------------------------------------------------


def choices(product: str) -> dict[str, list[str]]:
    """What may be said of a product: colours, materials, selling points, occasions.

    An occasion is a scene or an audience: a line of this corpus speaks of one of them.
    """
    grammar = phrases("product_copy")
    known = grammar["品类"][product]
    return {
        "颜色": list(grammar["颜色"]),
        "材质": list(known["材质"]),
        "卖点": list(known["卖点"]),
        "场景或人群": known["场景"] + known["人群"],
    }


def chosen(
    product: str, colour: str, material: str, points: Sequence[str], occasion: str
) -> Facts:
    """Make facts of what was chosen on the page.

    Raises:
        ValueError: not one or two selling points.
    """
    if not 1 <= len(points) <= 2:
        raise ValueError(f"卖点={list(points)}: choose one or two")
    scene = occasion in phrases("product_copy")["品类"][product]["场景"]
    return {
        "品类": product,
        "颜色": colour,
        "材质": material,
        "卖点": tuple(points),
        "场景" if scene else "人群": occasion,
    }


def table(
    writer: Copywriter, facts: Facts, n: int, *, seed: int = 0, truthful: bool = True
) -> list[list[str]]:
    """Return ``n`` rows of a line and its verdict: what the button of the page does."""
    lines = writer.write([facts] * n, truthful=truthful, seed=seed)
    return [[line, told(check_copy(line, facts))] for line in lines]


def page(writer: Copywriter):
    """Return the page as ``gradio.Blocks``; ``page(writer).launch()`` opens it.

    Raises:
        ModuleNotFoundError: gradio is missing.
    """
    gr = optional("gradio")

    def first(known: dict[str, list[str]], name: str):
        return known[name][:1] if name == "卖点" else known[name][0]

    def offered(product: str) -> list:
        known = choices(product)
        return [gr.update(choices=known[k], value=first(known, k)) for k in known]

    def write(*inputs) -> list[list[str]]:
        *facts, n, seed, truthful = inputs
        try:
            known = chosen(*facts)
        except ValueError as error:
            raise gr.Error(str(error)) from None
        return table(writer, known, int(n), seed=int(seed), truthful=truthful)

    products = list(phrases("product_copy")["品类"])
    known = choices(products[0])
    with gr.Blocks(title="商品文案") as blocks:
        gr.Markdown("# 商品文案\n商品是虚构的。每一行都由核对器与所选的属性逐项比过。")
        with gr.Row():
            product = gr.Dropdown(products, value=products[0], label="品类")
            attributes = [
                gr.Dropdown(
                    known[name],
                    value=first(known, name),
                    multiselect=name == "卖点",
                    max_choices=2 if name == "卖点" else None,
                    label=name,
                )
                for name in known
            ]
        with gr.Row():
            n = gr.Slider(1, 20, value=5, step=1, label="写几行")
            seed = gr.Number(0, precision=0, label="种子")
            truthful = gr.Checkbox(True, label="约束：只说所选的属性")
        button = gr.Button("写", variant="primary")
        written = gr.Dataframe(headers=["文案", "核对"], interactive=False, wrap=True)
        product.change(offered, product, attributes)
        button.click(write, [product, *attributes, n, seed, truthful], written)
    return blocks


def main(arguments: Sequence[str]) -> None:
    """Open the page on the model that ``arguments`` name."""
    parser = argparse.ArgumentParser(prog="python -m aigc_lib.apps.copywriter")
    parser.add_argument("model", help="file of a GPT that was tuned on product copy")
    path = parser.parse_args(arguments).model
    lines = load("product_copy").texts
    page(Copywriter(GPT.load(path), lines)).launch()


if __name__ == "__main__":
    main(sys.argv[1:])
