"""What the benchmark of made-up data says of its runs: pairs, intervals, curves."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from aigc_lib.data import Table
from benchmarks import synthetic as bench
from benchmarks import synthetic_curve, synthetic_curve_table, synthetic_cutout
from benchmarks import synthetic_studies as studies


def runs():
    found = {}
    for study in ("images 10", "images 100"):
        found[study] = [
            {"real only": 0.7 + k / 100, "made": 0.72 + k / 100, "mixup": 0.7 - k / 100}
            | {"flips and shifts": 0.71 + k / 100, "copies closer": 0.5}
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


def test_the_curve_compares_pictures_of_the_same_seed():
    results = [
        {"real only": 0.8 + k / 100}
        | {f"{share:.0%}, made": 0.4 + k / 100 for share in studies.SHARES}
        | {f"{share:.0%}, alone": 0.45 + k / 100 for share in studies.SHARES[1:]}
        for k in range(5)
    ]
    rows = {row["share"]: row for row in synthetic_curve.by_share(results)}
    assert list(rows) == ["0%", "10%", "25%", "50%", "75%", "100%"]
    assert rows["0%"]["made"] == pytest.approx(0.42)
    assert "alone" not in rows["0%"]
    assert rows["25%"]["made_minus_alone"] == pytest.approx(-0.05)
    assert rows["25%"]["made_minus_alone_interval"] == pytest.approx([-0.05, -0.05])
    assert rows["75%"]["made_minus_real"] == pytest.approx(-0.4)
    assert rows["100%"]["made"] == rows["100%"]["alone"] == pytest.approx(0.82)


def test_a_curve_of_two_ways_to_fill_up():
    figures = {"25%, made": 0.6, "25%, lent": 0.8, "25%, alone": 0.5, "0%, lent": 0.7}
    results = [{"real only": 0.9 + k / 100} | figures for k in range(5)]
    rows = synthetic_curve.by_share(results, (0, 0.25), ("made", "lent"))
    none, some, whole = rows
    assert "made" not in none
    assert none["lent_minus_real"] == pytest.approx(-0.22)
    assert some["made_minus_alone"] == pytest.approx(0.1)
    assert some["lent_minus_alone"] == pytest.approx(0.3)
    assert whole["made"] == whole["lent"] == whole["alone"] == pytest.approx(0.92)


def test_a_flow_saw_the_rows_at_hand_or_all_of_them(monkeypatch):
    bench, saw = synthetic_curve_table, []
    x = np.random.default_rng(0).normal(size=9_000)
    frame = pd.DataFrame({"x": x, "y": ["no", "yes"] * 4_500})
    table = Table(frame, "y", "made_up", "train", None)
    monkeypatch.setattr(bench.aigc.data, "load", lambda name, split: table)

    def trained(known, *_):
        saw.append(set(known["x"]))
        made = known.iloc[:1].assign(x=-float(len(known)))
        sample = lambda n, seed: made.loc[[0] * n]  # noqa: E731
        return type("Model", (), {"sample": staticmethod(sample)})

    monkeypatch.setattr(bench, "trained", trained)
    monkeypatch.setattr(bench, "auc", lambda rows, *_: rows["x"])
    found = bench.replaced(0)
    all_rows = set(found[bench.REAL])
    assert [len(rows) for rows in saw] == [4_000, 1_000, 2_000, 3_000]
    assert all(rows <= all_rows for rows in saw)
    for name, seen in (("25%, made", 1_000), ("25%, lent", 4_000)):
        values = found[name]
        assert len(values) == 4_000
        assert set(values[:1_000]) == set(found["25%, alone"]) == saw[1]
        assert set(values[1_000:]) == {-float(seen)}
    assert set(found["0%, lent"]) == {-4_000.0}


def test_the_trees_of_the_curve_are_judged_on_their_ranking():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=4_000)})
    frame["y"] = np.where(frame["x"] + rng.normal(size=4_000) > 1, "yes", "no")
    score = synthetic_curve_table.auc(frame[:2_000], frame[2_000:], "y", 0)
    best = roc_auc_score(frame["y"][2_000:], frame["x"][2_000:])
    assert best - 0.05 < score < best


def test_squares_are_cut_out_and_labels_stay():
    x, y = torch.ones(50, 1, 28, 28), torch.eye(10)[torch.arange(50) % 10]
    cut = synthetic_cutout.RECIPES["cutout of 14"]
    pictures, labels = cut(x, y, torch.Generator().manual_seed(0))
    hidden = (pictures == -1).flatten(1).sum(1)
    assert 0 < hidden.min() < hidden.max() <= 15 * 15
    assert torch.equal(labels, y)
    assert (x == 1).all()


def test_what_is_left_out_is_made_up_for(monkeypatch):
    x, y = torch.arange(1_000.0).view(-1, 1, 1, 1), torch.arange(1_000) % 10
    monkeypatch.setattr(
        studies, "pictures", lambda per_class, seed: (x, y, None, None, x, y)
    )
    made = -torch.ones(studies.MADE, 1, 1, 1)
    model = type("Model", (), {"sample": lambda *_, **__: made})()
    monkeypatch.setattr(studies, "generator", lambda *_: model)
    monkeypatch.setattr(studies, "taught", lambda x, y, **_: (x, y))
    monkeypatch.setattr(studies, "accuracy", lambda taught, *_: taught)
    found = studies.replaced(0)
    real, _ = found["25%, alone"]
    both, labels = found["25%, made"]
    assert len(real) == 250
    assert len(both) == len(labels) == 1_000
    assert (both == -1).sum() == 750
    assert torch.equal(both[:250], real)
    assert (found["0%, made"][0] == -1).all()
    assert torch.equal(found[studies.REAL][0], x)


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
