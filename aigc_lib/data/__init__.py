"""Data sets by name, each with a card; ``CATALOG`` lists them."""

from .catalog import CATALOG, Card, File
from .dataset import Dataset, load
from .download import CorruptFile, DataUnavailable
from .store import cache_dir, find, obtain

__all__ = [
    "CATALOG",
    "Card",
    "CorruptFile",
    "DataUnavailable",
    "Dataset",
    "File",
    "cache_dir",
    "find",
    "load",
    "obtain",
]
