"""The book's Sphinx extension, for tools that must say what the page says."""

import sys

from .chapter import ROOT

sys.path.append(str(ROOT / "_ext"))

from aigc_book import (
    clone,
    diagrams,
    flowchart,
    glossary,
    numbers,
    results,
    resulttable,
)

__all__ = [
    "clone",
    "diagrams",
    "flowchart",
    "glossary",
    "numbers",
    "results",
    "resulttable",
]
