"""The codec of tables: every frame there and back, and what it refuses."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pd = pytest.importorskip("pandas")

from aigc_lib.codecs.columns import MOST, OTHER, binned  # noqa: E402
from aigc_lib.codecs.tables import TableCodec  # noqa: E402


def people(n=400, seed=0):
    rng = np.random.default_rng(seed)
    begun = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D")
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "height": rng.normal(170, 9, n).round(1),
            "income": np.where(
                rng.random(n) < 0.7, 0, rng.lognormal(10, 1, n).round(2)
            ),
            "town": rng.choice(["北京", "Paris", "Oslo"], n, p=[0.7, 0.2, 0.1]),
            "member": rng.random(n) < 0.4,
            "visits": np.where(rng.random(n) < 0.3, np.nan, rng.integers(0, 9, n)),
            "begun": begun,
            "ended": begun + pd.to_timedelta(rng.integers(0, 30, n), "D"),
        }
    )


def there_and_back(frame, seed=0, **options):
    codec = TableCodec.fit(frame, **options)
    source = torch.Generator().manual_seed(seed)
    return codec.decode(codec.encode(frame), generator=source)


def refused(call, *arguments, **options):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call(*arguments, **options)
    return str(caught.value)


# ---- there and back ------------------------------------------------------------------


def test_what_a_column_is_taken_for():
    schema = TableCodec.fit(people(), constraints=["begun <= ended"]).schema()
    assert schema["kind"].to_dict() == {
        **dict.fromkeys(["age", "height", "income"], "number"),
        **{"town": "category", "member": "category", "visits": "number"},
        **{"begun": "date", "ended": "date"},
    }
    assert schema.index[schema["missing"]].tolist() == ["visits"]
    assert schema.loc["visits", "codes"] == 10  # nine values and none
    assert schema.loc["ended", "note"] == "at least begun"


def test_categories_frequent_numbers_and_gaps_come_back_exactly():
    frame = people()
    back = there_and_back(frame)
    for name in ("town", "member", "visits"):
        pd.testing.assert_series_equal(back[name], frame[name], check_dtype=False)
    assert ((back["income"] == 0) == (frame["income"] == 0)).all()
    assert list(back.columns) == list(frame.columns)
    assert {name: kind.kind for name, kind in back.dtypes.items()} == {
        name: kind.kind for name, kind in frame.dtypes.items()
    }


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=300), st.integers(2, 20))
def test_a_number_comes_back_within_its_bin(values, bins):
    frame = pd.DataFrame({"x": [float(v) for v in values] + [0.5]})
    codec = TableCodec.fit(frame, bins=bins, kinds={"x": "number"})
    codes = codec.encode(frame)
    back = codec.decode(codes)
    assert torch.equal(codec.encode(back), codes)
    (column,) = codec.columns
    for value, code in zip(back["x"], codes[:, 0].tolist(), strict=True):
        assert column.knots[code][0] <= value <= column.knots[code][-1]


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200),
    st.integers(2, 30),
)
def test_bins_cover_all_values_in_order_and_share_the_weight(values, most):
    values = np.sort(np.array(values))
    knots = list(binned(values, most))
    assert knots[0][0] == values[0]
    assert knots[-1][-1] == values[-1]
    ends = [(k[0], k[-1]) for k in knots]
    assert all(a <= b for a, b in ends)
    assert all(one[1] < other[0] for one, other in pairwise(ends))
    inside = [((values >= a) & (values <= b)).sum() for a, b in ends]
    assert sum(inside) == len(values)
    # what is no single value holds at most two shares of the weight
    wide = [n for n, (a, b) in zip(inside, ends, strict=True) if a < b]
    assert max(wide, default=0) <= 2 * len(values) / most + 1
    assert len(knots) <= 2 * most + 1


def test_the_distribution_within_bins_is_kept():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.lognormal(0, 1.5, 20_000)})
    back = there_and_back(frame, bins=16)["x"]
    real, made = np.sort(frame["x"]), np.sort(back)
    share = np.searchsorted(made, real) / len(made) - np.arange(len(real)) / len(real)
    assert np.abs(share).max() < 0.02
    assert back.mean() == pytest.approx(frame["x"].mean(), rel=0.05)


def test_numbers_outside_of_the_table_go_to_the_ends():
    codec = TableCodec.fit(pd.DataFrame({"x": [1.0, 2.0, 5.0]}))
    codes = codec.encode(pd.DataFrame({"x": [-9.0, 1.5, 3.0, 99.0]}))
    assert codec.decode(codes)["x"].tolist() == [1, 2, 5, 5]


def test_decimals_are_kept():
    frame = people()
    back = there_and_back(frame)
    assert np.allclose(back["height"], back["height"].round(1))
    assert back["age"].dtype == np.int64


@pytest.mark.parametrize("scale", [1e-6, 1e-12, 1e-20, 1e-300, 1.0, 1e12, 1e20, 1e300])
def test_numbers_of_any_size_come_back(scale):
    for numbers in (np.arange(1.0, 9), np.random.default_rng(0).normal(size=500)):
        frame = pd.DataFrame({"x": scale * numbers})
        back = there_and_back(frame)["x"]
        assert np.corrcoef(back / scale, numbers)[0, 1] > 0.9
        assert back.max() <= frame["x"].max() * (1 + 1e-9)


def test_times_that_pass_are_no_words():
    frame = pd.DataFrame({"took": pd.to_timedelta(np.arange(60), "h")})
    assert "'took' holds a Timedelta" in refused(TableCodec.fit, frame)


def test_dates_in_texts_and_with_hours():
    frame = pd.DataFrame({"day": ["2024-02-29", "2024/3/1", None] * 5})
    codec = TableCodec.fit(frame)
    assert codec.schema().loc["day", "kind"] == "date"
    back = codec.decode(codec.encode(frame))["day"]
    assert back[:2].tolist() == [pd.Timestamp("2024-02-29"), pd.Timestamp("2024-03-01")]
    assert back.isna().sum() == 5
    hours = pd.DataFrame({"at": pd.to_datetime(["2024-01-01 13:45:10"] * 3)})
    assert there_and_back(hours)["at"].equals(hours["at"].astype("datetime64[s]"))
    zoned = hours.assign(at=hours["at"].dt.tz_localize("Asia/Shanghai"))
    assert there_and_back(zoned)["at"][0] == pd.Timestamp("2024-01-01 05:45:10")


def test_numbers_with_commas_are_no_categories():
    frame = pd.DataFrame({"price": [f"{i},5" for i in range(60)], "x": 0.5})
    for kinds in ({}, {"price": "number"}):
        told = refused(TableCodec.fit, frame, kinds=kinds)
        assert "'price' holds '0,5'" in told
        assert "decimal=','" in told
    codec = TableCodec.fit(frame, kinds={"price": "category"})
    assert codec.columns[0].kind == "category"
    few = frame.assign(price=[("1,2", "2", "1,3")[i % 3] for i in range(60)])
    assert TableCodec.fit(few).columns[0].kind == "category"  # lists of codes


def test_full_width_digits_are_numbers():
    frame = pd.DataFrame({"x": [f"－{i}．５" for i in range(60)]})
    codec = TableCodec.fit(frame)
    assert codec.columns[0].kind == "number"
    assert codec.columns[0].numbers(frame["x"]).tolist() == [
        -i - 0.5 for i in range(60)
    ]


def test_kinds_can_be_corrected():
    frame = pd.DataFrame({"zip": [10115, 20095, 80331] * 20, "x": range(1, 61)})
    assert TableCodec.fit(frame).schema().loc["zip", "kind"] == "number"
    codec = TableCodec.fit(frame, kinds={"zip": "category", "x": "skip"})
    assert codec.sizes == [3]
    assert codec.decode(codec.encode(frame))["zip"].equals(frame["zip"])
    assert "kinds='zap': did you mean 'zip'" in refused(
        TableCodec.fit, frame, kinds={"zap": "number"}
    )
    assert "kinds['zip']='word': choose one of number, date" in refused(
        TableCodec.fit, frame, kinds={"zip": "word"}
    )
    assert "all of them skipped" in refused(
        TableCodec.fit, frame, kinds={"zip": "skip", "x": "skip"}
    )


def test_the_state_is_json_and_complete():
    frame = people()
    codec = TableCodec.fit(frame, constraints=["begun <= ended"])
    again = TableCodec.from_state(json.loads(json.dumps(codec.state())))
    assert again == codec
    assert torch.equal(again.encode(frame), codec.encode(frame))


def test_the_order_of_the_rows_does_not_matter():
    frame = people()
    assert TableCodec.fit(frame) == TableCodec.fit(frame.iloc[::-1])


# ---- constraints ---------------------------------------------------------------------


@given(st.integers(0, 10**6))
def test_constraints_hold_in_every_row_that_is_decoded(seed):
    rng = np.random.default_rng(seed)
    low = rng.normal(0, 5, 60).round(1)
    middle = low + rng.exponential(3, 60).round(2)
    frame = pd.DataFrame({"high": middle + 1, "low": low, "middle": middle})
    frame.loc[rng.random(60) < 0.2, "low"] = np.nan
    codec = TableCodec.fit(frame, constraints=["middle <= high", "low <= middle"])
    # any codes at all, also such as no row had
    codes = torch.stack([torch.randint(k, (500,)) for k in codec.sizes], 1)
    made = codec.decode(codes)
    assert not (made["middle"] < made["low"]).any()
    assert not (made["high"] < made["middle"]).any()
    back = codec.decode(codec.encode(frame))
    assert back["low"].isna().equals(frame["low"].isna())
    assert (back["high"] - frame["high"]).abs().max() < 30


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (["a < b"], "constraint 'a < b': write 'low <= high'"),
        (["a <= c"], "choose one of a, b, k"),
        (["a <= k"], "'a' is a number, 'k' a category"),
        (["a <= a"], "give two columns"),
        (["a <= b", "b <= a"], "they go in a circle"),
        (["a <= b", "a <= b"], "the upper end of one of them only"),
        (["b <= a"], "3 rows break it, first row 0 with 2 and 1"),
    ],
)
def test_what_is_no_constraint(constraints, message):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [2, 3, 4], "k": list("xyz")})
    assert message in refused(TableCodec.fit, frame, constraints=constraints)


# ---- what is refused, and what is treated --------------------------------------------


def test_empty_frames():
    for frame in (pd.DataFrame(), pd.DataFrame({"x": []}), pd.DataFrame(index=[1, 2])):
        assert "give at least one of each" in refused(TableCodec.fit, frame)
    codec = TableCodec.fit(pd.DataFrame({"x": [1, 2]}))
    assert "give at least one" in refused(codec.encode, pd.DataFrame({"x": []}))
    assert "frame is list: give a pandas DataFrame" in refused(TableCodec.fit, [1])


def test_constant_and_empty_columns_stay_what_they_are():
    frame = pd.DataFrame({"one": [7] * 9, "word": ["a"] * 9, "none": [np.nan] * 9})
    codec = TableCodec.fit(frame)
    assert codec.sizes == [1, 1, 1]
    back = codec.decode(codec.encode(frame))
    assert back["one"].tolist() == [7] * 9
    assert back["word"].tolist() == ["a"] * 9
    assert back["none"].isna().all()
    assert "had none in the table" in refused(codec.encode, frame.assign(none=1.0))


def test_an_unseen_category_and_an_unseen_gap():
    codec = TableCodec.fit(pd.DataFrame({"town": ["Paris", "Oslo"] * 5}))
    new = pd.DataFrame({"town": ["Oslo", "Pari"]})
    assert "town='Pari'" in refused(codec.encode, new)
    gap = pd.DataFrame({"town": ["Oslo", None]})
    assert "'town' has a missing value, and had none" in refused(codec.encode, gap)
    assert "frame lacks the columns ['town']" in refused(
        codec.encode, pd.DataFrame({"city": ["Oslo"]})
    )


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinity_is_refused(bad):
    frame = pd.DataFrame({"x": [1.0, 2.0, bad]})
    message = "'x' holds infinity in 1 of 3 rows, first in row 2"
    assert message in refused(TableCodec.fit, frame)
    codec = TableCodec.fit(frame[:2])
    assert message in refused(codec.encode, frame)


def test_numbers_and_words_in_one_column():
    mixed = pd.DataFrame({"x": [*range(50), "unknown", "?"]})
    message = refused(TableCodec.fit, mixed)
    assert "2 of 52 cells are no numbers, first 'unknown' in row 50" in message
    as_numbers = there_and_back(mixed, kinds={"x": "number"})["x"]
    assert as_numbers.isna().sum() == 2
    as_words = there_and_back(mixed, kinds={"x": "category"})["x"]
    assert as_words.tolist() == [str(x) for x in mixed["x"]]
    grades = pd.DataFrame({"x": ["1", "2", "A", "B"] * 30})  # few: codes of something
    assert TableCodec.fit(grades).schema().loc["x", "kind"] == "category"
    texts = pd.DataFrame({"x": [f"{k}.5" for k in range(60)]})
    assert TableCodec.fit(texts).schema().loc["x", "kind"] == "number"
    lists = pd.DataFrame({"x": [[1], [2]]})
    assert "'x' holds a list" in refused(TableCodec.fit, lists)


def test_a_million_categories():
    rng = np.random.default_rng(0)
    ids = pd.DataFrame({"id": np.arange(10**6), "k": rng.integers(0, 3, 10**6)})
    ids["id"] = "customer " + ids["id"].astype(str)
    schema = TableCodec.fit(ids).schema()
    assert schema.loc["id", "kind"] == "skip"
    assert "1,000,000 different texts in 1,000,000 rows" in schema.loc["id", "note"]
    few = ids[:5_000].copy()
    few.loc[few.index[:50], "id"] = "customer A"
    codec = TableCodec.fit(few, kinds={"id": "category"})
    assert codec.sizes[0] == MOST
    back = codec.decode(codec.encode(few))["id"]
    assert (back[:50] == "customer A").all()
    assert (back == OTHER).sum() == 4_950 - (MOST - 2)
    new = codec.encode(pd.DataFrame({"id": ["somebody"], "k": [0]}))
    assert codec.decode(new)["id"][0] == OTHER


def test_a_column_that_counts_the_rows_is_skipped():
    frame = pd.DataFrame({"row": range(1, 301), "x": np.arange(300) % 7})
    codec = TableCodec.fit(frame)
    assert codec.schema().loc["row", "note"] == "counts the rows"
    assert list(codec.decode(codec.encode(frame)).columns) == ["x"]


def test_names_that_are_none():
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert "two columns named 'a'" in refused(TableCodec.fit, twice)
    assert "named 0: give texts" in refused(TableCodec.fit, pd.DataFrame([[1, 2]]))


def test_codes_that_are_none():
    codec = TableCodec.fit(pd.DataFrame({"x": [1, 2], "k": ["a", "b"]}))
    assert "codes has shape (3, 1): give (N, 2)" in refused(
        codec.decode, torch.zeros(3, 1)
    )
    bad = torch.tensor([[0, 0], [0, 2]])
    assert "codes has 2 for 'k': give numbers from 0 to 1" in refused(codec.decode, bad)


# ---- conditions ----------------------------------------------------------------------


def test_conditions_name_codes_and_judge_rows():
    frame = people(2_000)
    codec = TableCodec.fit(frame, constraints=["begun <= ended"])
    wanted = {
        "town": ["Oslo", "Paris"],
        "age": (30, 40),
        "visits": None,
        "begun": ("2024-02-01", "2024-02-10"),
    }
    allowed = codec.allowed(wanted)
    codes = codec.encode(frame)
    hinted = torch.stack([allowed[k][codes[:, k]] for k in allowed], 1).all(1).numpy()
    truth = (
        frame["town"].isin(["Oslo", "Paris"])
        & frame["age"].between(30, 40)
        & frame["visits"].isna()
        & frame["begun"].between("2024-02-01", "2024-02-10")
    )
    assert (codec.fulfils(frame, wanted) == truth).all()
    assert truth.any()
    assert (hinted >= truth).all()  # no row that fulfils them is shut out
    assert codec.allowed({"ended": ("2024-02-01", "2024-02-10")}) == {}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"city": "Oslo"}, "conditions='city'"),
        ({"town": "Osl"}, "town='Osl'"),
        ({"town": None}, "'town' has a missing value"),
        ({"age": (40, 30)}, "conditions['age']=(40, 30): give a value, or two"),
        ({"age": (1, 2, 3)}, "give a value, or two"),
        ({"age": 500}, "no value of the table lies there: choose from 18 to 89"),
        ({"age": "old"}, "give a value, or two"),
    ],
)
def test_conditions_that_are_none(conditions, message):
    codec = TableCodec.fit(people())
    assert message in refused(codec.allowed, conditions)
