"""The book's Sphinx extension, for tools that must say what the page says."""

import sys

from .chapter import ROOT

sys.path.append(str(ROOT / "_ext"))

from aigc_book import (
    cells,
    clone,
    diagrams,
    flowchart,
    glossary,
    numbers,
    results,
    resulttable,
)

__all__ = [
    "cells",
    "clone",
    "diagrams",
    "flowchart",
    "glossary",
    "numbers",
    "results",
    "resulttable",
]
