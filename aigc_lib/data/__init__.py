"""Data sets by name, each with a card; ``CATALOG`` lists them."""

from ..codecs.tokenizers import BytePairs, Characters
from ..codecs.tokens import Windows, prompted
from .answers import Answers
from .catalog import CATALOG, Card, File
from .dataset import Dataset, load
from .download import CorruptFile, DataUnavailable
from .ratings import Ratings
from .series import Series
from .store import cache_dir, find, obtain
from .table import Table
from .text import Texts

__all__ = [
    "CATALOG",
    "Answers",
    "BytePairs",
    "Card",
    "Characters",
    "CorruptFile",
    "DataUnavailable",
    "Dataset",
    "File",
    "Ratings",
    "Series",
    "Table",
    "Texts",
    "Windows",
    "cache_dir",
    "find",
    "load",
    "obtain",
    "prompted",
]
