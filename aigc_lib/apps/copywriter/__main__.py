"""``python -m aigc_lib.apps.copywriter writer.safetensors`` opens the page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ...data import load
from ...models import GPT
from ...runtime import settle_threads
from ..command import as_command
from .page import page
from .writer import Copywriter


def main(arguments: Sequence[str]) -> None:
    """Open the page on the model that ``arguments`` name.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file without a GPT.
    """
    parser = argparse.ArgumentParser(prog="python -m aigc_lib.apps.copywriter")
    parser.add_argument("model", help="file of a GPT that was tuned on product copy")
    gpt = GPT.load(parser.parse_args(arguments).model)
    lines = load("product_copy").texts
    settle_threads()
    page(Copywriter(gpt, lines)).launch()


if __name__ == "__main__":
    as_command(main)
