"""The page of the copywriter: what may be chosen, and what its button does."""

from __future__ import annotations

from collections.abc import Sequence

from ...data.made.grammar import phrases
from ...data.made.product_copy import check_copy
from ...runtime import optional
from ..refused import Refused
from .writer import Copywriter, Facts, told

MOST_SEED = 2**31


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
        Refused: not one or two selling points.
    """
    if not 1 <= len(points) <= 2:
        raise Refused("卖点：请选一个或两个。")
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
            if seed is None or not 0 <= seed < MOST_SEED:  # an emptied field is None
                raise Refused(f"种子：请填 0 到 {MOST_SEED - 1:,} 的整数。")
        except Refused as error:
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
