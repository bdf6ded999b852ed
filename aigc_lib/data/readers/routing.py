"""Reader of routing problems of the literature, with what is known of their optima."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..catalog import Card
from ..download import CorruptFile
from ..text import Record

FOLDERS = {"train": ("CVRP/", "TSP/"), "test": ("VRPTW/",)}


def read_routing(card: Card, split: str, paths: list[Path]) -> Iterator[Record]:
    """Read instances as texts; facts: name, set, best and whether it is optimal.

    The best of an instance with windows is the shortest way, whatever the trucks.
    """
    try:
        with zipfile.ZipFile(paths[0]) as file:
            names = [n for n in file.namelist() if n.startswith(FOLDERS[split])]
            known = {
                n.split("/")[0]: json.loads(file.read(n))
                for n in names
                if n.endswith("BKS.json")
            }
            for name in sorted(names):
                if name.endswith(".json"):
                    continue
                kind, stem = name.split("/")[0], Path(name).stem
                told = known[kind].get(f"{stem}_distance") or known[kind][stem]
                facts = {
                    "name": stem,
                    "set": name.split("/")[-2],
                    "best": told["best_known_cost"],
                    "optimal": bool(told.get("proven_optimal")),
                }
                yield Record(file.read(name).decode(), None, facts)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CorruptFile(f"{paths[0]} holds no such instances: {error}") from None
