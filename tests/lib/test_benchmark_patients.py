"""The patients' table of chapter 19: splits, baselines, gains; without training."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("imblearn")

from aigc_lib.metrics.tables import privacy
from benchmarks import patients


def test_no_patient_is_in_both_halves():
    train, test = patients.halves(0)
    both = pd.concat([train, test])
    assert (len(train), len(test)) == (284, 285)
    assert not both.duplicated().any()
    shares = [(half["diagnosis"] == "malignant").mean() for half in (train, test)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)
    other, _ = patients.halves(1)
    assert not train.equals(other)


def test_gaussian_keeps_the_columns_and_what_ties_them():
    a = np.random.default_rng(0).normal(size=600)
    frame = pd.DataFrame({"a": a, "b": np.exp(-a), "y": np.where(a > 0, "n", "y")})
    made = patients.gaussian(frame, "y", seed=0)
    assert (made["y"] == frame["y"]).all()
    for label in "ny":
        old, new = (part[part["y"] == label] for part in (frame, made))
        assert new["b"].between(old["b"].min(), old["b"].max()).all()
        assert new["b"].median() == pytest.approx(old["b"].median(), rel=0.15)
        assert new["a"].corr(new["b"], "spearman") < -0.99
    assert not set(made["a"]) & set(frame["a"])


def test_a_little_noise_hides_no_patient():
    train, test = patients.halves(0)
    little = privacy(train, test, patients.copies(train, 0.1, seed=0))
    assert little["copies"] == 0  # no two rows are equal, and yet
    assert little["membership"] > 0.99
    much = privacy(train, test, patients.copies(train, 1.0, seed=0))
    assert 0.5 < much["membership"] < little["membership"]


def test_a_made_table_is_compared_with_real_rows_and_with_a_guess():
    def run(value):
        figures = ("AUC", "balanced accuracy", "calibration error")
        named = [(name, 0.1) for name in figures]
        named += [(f"added {name}", 0.2) for name in figures]
        return {name: value + more for name, more in named} | {"membership": value}

    runs = {method: [run(0.6), run(0.7)] for method in patients.MADE}
    runs["real"] = [run(0.5), run(0.6)]
    found = {row["what"]: row["gain"] for row in patients.gains(runs)}
    assert found["tvae: AUC"] == pytest.approx(0.1)
    assert found["real + tvae: AUC"] == pytest.approx(0.2)
    assert found["tvae: membership"] == pytest.approx(0.15)
    assert found["tvae over gaussian: AUC"] == pytest.approx(0)
