"""The rivals of the flow of tables: what they make are rows of the same table."""

import numpy as np
import pytest

pytest.importorskip("pandas")

import pandas as pd

from benchmarks import table_rivals


def shop(n=400):
    rng = np.random.default_rng(0)
    kind = rng.choice(["tea", "books", None], n, p=[0.5, 0.4, 0.1])
    price = np.where(kind == "tea", 3, 20) + rng.integers(0, 5, n)
    tip = np.where(rng.random(n) < 0.8, 0.0, rng.random(n))
    columns = {"kind": kind, "price": price, "tip": tip}
    return pd.DataFrame(columns).astype({"kind": "str"})


def test_points_give_the_rows_back_and_lie_where_noise_lies():
    frame = shop()
    points = table_rivals.Points(frame)
    x = points.encode(frame, seed=0)
    assert x.shape == (len(frame), 3 + 1 + 1)  # tea, books, missing; two numbers
    pd.testing.assert_frame_equal(points.decode(x), frame)
    # four of five tips are zero, and yet no quantile is far from those of noise
    assert abs(x[:, 3:].mean()) < 0.1
    assert abs(x[:, 3:].std() - 1) < 0.1


def test_what_lies_outside_of_all_rows_is_the_least_and_the_greatest():
    frame = shop()
    rows = table_rivals.Points(frame).decode(np.array([[0, 0, 1, -9, 9]] * 2))
    assert rows["kind"].isna().all()
    assert (rows["price"] == frame["price"].min()).all()
    assert (rows["tip"] == frame["tip"].max()).all()


@pytest.mark.parametrize("name", table_rivals.RIVALS)
def test_rows_of_a_rival_have_the_columns_and_what_goes_together(name, monkeypatch):
    monkeypatch.setattr(table_rivals, "SECONDS", 2.0)
    monkeypatch.setattr(table_rivals, "ROWS", 400)
    frame = shop()
    points = table_rivals.Points(frame)
    x = points.encode(frame, seed=0)
    made = points.decode(table_rivals.RIVALS[name](x, 200, seed=0))
    assert made.dtypes.equals(frame.dtypes)
    assert len(made) == 200
    for column in frame:
        assert made[column].isin(frame[column]).all()
    price = made.groupby("kind")["price"].median()
    assert price["tea"] < 10 < price["books"]
