"""What the benchmark of made-up data says of its runs: pairs, intervals, curves."""

import numpy as np
import pytest
import torch

from benchmarks import synthetic as bench
from benchmarks import synthetic_studies as studies


def runs():
    found = {}
    for study in ("images 10", "images 100"):
        found[study] = [
            {"real only": 0.7 + k / 100, "made": 0.72 + k / 100, "mixup": 0.7 - k / 100}
            | {"flips and shifts": 0.71 + k / 100, "copies closer": 0.5}
            | {"real 0, made": 0.4, "real 0.1, made": 0.5, "real 0.1, alone": 0.45}
            for k in range(5)
        ]
    found["table"] = [
        {"real only: AUC": 0.7, "SMOTE: AUC": 0.7 + (-1) ** k / 100} for k in range(5)
    ]
    for number, scheme in enumerate(bench.SCHEMES):
        found[f"generations {scheme}"] = [
            {"variance": [1.0, 0.5, 0.1 * number + k / 1_000]} for k in range(5)
        ]
    return found


def test_gains_are_paired_with_real_only():
    rows = {row["id"]: row for row in bench.against_real(runs())}
    made = rows["images 10 made"]
    assert made["value"] == pytest.approx(0.74)
    assert made["gain"] == pytest.approx(0.02)  # in every seed: the interval is a point
    assert (made["from"], made["to"]) == pytest.approx((0.02, 0.02), abs=1e-6)
    assert made["found"]
    assert "gain" not in rows["images 10 real only"]
    smote = rows["table SMOTE: AUC"]
    assert smote["figure"] == "AUC"
    assert not smote["found"]
    assert smote["from"] < 0 < smote["to"]
    assert not any("copies" in name or "alone" in name for name in rows)


def test_the_books_table_gets_what_it_asks_for():
    all_runs = runs()
    found = bench.gains(bench.against_real(all_runs), all_runs)
    wanted = {"data", "recipe", "against", "figure", "gain", "from", "to"}
    assert all(set(row) == wanted for row in found)
    against = [row for row in found if row["against"] != bench.REAL]
    assert [row["gain"] for row in against] == pytest.approx([0.01, 0.01])
    assert not any(row["recipe"].startswith("real") for row in found)


def test_the_curve_ends_with_all_that_is_real():
    rows = {row["share"]: row for row in bench.by_share(runs()["images 100"])}
    assert rows["0%"]["made"] == 0.4
    assert "alone" not in rows["0%"]
    assert rows["10%"]["alone"] == 0.45
    assert rows["100%"]["made"] == pytest.approx(0.72)


def test_generations_are_medians_over_the_seeds():
    rows = {row["scheme"]: row for row in bench.by_generation(runs())}
    first, last = rows["replace"], rows["accumulate"]
    assert first["variance_first"] == 0.5
    assert first["variance_last"] == pytest.approx(0.002)
    assert last["variance_gain"][0] == pytest.approx(0.3)


def test_real_pictures_of_training_and_elsewhere_do_not_meet(monkeypatch):
    class Set:
        def __init__(self, n):
            self.y = torch.arange(n) % 10
            self.x = (torch.arange(n) % 256).to(torch.uint8).view(n, 1, 1, 1)
            self.x = self.x.expand(n, 1, 28, 28)

        def __len__(self):
            return len(self.y)

    monkeypatch.setattr(studies.aigc.data, "load", lambda name, split="train": Set(200))
    x, y, more_x, *_ = studies.pictures(3, 0)
    assert y.bincount().tolist() == [3] * 10
    values, others = (set(part[:, 0, 0, 0].tolist()) for part in (x, more_x))
    assert not values & others
    assert len(others) == 170


def test_smote_of_the_benchmark_balances():
    pytest.importorskip("imblearn")
    x = np.random.default_rng(0).standard_normal((50, 3))
    y = (np.arange(50) < 8).astype(int)
    a, b = studies.balanced(x, y, 0)
    assert b.mean() == 0.5
    assert len(a) == 84
