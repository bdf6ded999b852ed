"""Series: the codec and its inverse, catalogued sets, and tables of one's own."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib import kinds
from aigc_lib.codecs.series import SeriesCodec
from aigc_lib.data import CATALOG, DataUnavailable, Series

PRICES = torch.tensor([[100.0, 5.0], [110.0, 4.0], [99.0, 6.0], [108.9, 5.5]])

# ---- codec ---------------------------------------------------------------------------


@given(
    st.lists(st.floats(0.1, 1e4), min_size=4, max_size=30),
    st.sampled_from(["log_return", "difference", "level"]),
)
def test_what_is_encoded_can_be_decoded(values, transform):
    x = torch.tensor(values, dtype=torch.float64)[:, None]
    x = torch.cat([x, torch.linspace(1, 2, len(x))[:, None] ** 2], 1)
    try:
        codec = SeriesCodec.train(x, ("a", "b"), transform=transform)
    except ValueError as error:
        assert "same step" in str(error)  # noqa: PT017
        return
    steps = codec.encode(x)
    assert steps.mean(0).abs().max() < 1e-3
    again = SeriesCodec(**codec.state()).decode(steps, x[0])
    torch.testing.assert_close(again, x[1:], rtol=1e-4, atol=1e-3)


def test_steps_by_hand():
    codec = SeriesCodec.train(PRICES, ("a", "b"), transform="difference", recent=2)
    rows = torch.tensor([[10.0, -1.0], [-11.0, 2.0], [9.9, -0.5]]).double()
    expected = (rows - rows.mean(0)) / rows.std(0)
    torch.testing.assert_close(codec.encode(PRICES), expected.float())
    torch.testing.assert_close(codec.recent, PRICES[-2:].double())
    log = SeriesCodec.train(PRICES[:, :1], ("a",))
    assert log.transform == "log_return"
    steps = log.increments(log.encode(PRICES[:, :1]))[:, 0].exp()
    torch.testing.assert_close(steps, torch.tensor([1.1, 0.9, 1.1]).double())


def test_windows_overlap_in_the_order_of_time():
    x = torch.arange(1.0, 12)[:, None] ** 2
    codec = SeriesCodec.train(x, ["a"])
    windows, steps = codec.windows(x, 4), codec.encode(x)
    assert windows.shape == (7, 1, 4)
    torch.testing.assert_close(windows[2, 0], steps[2:6, 0])


def test_negative_prices_become_differences():
    x = torch.tensor([[20.0], [-37.0], [10.0], [12.0]])
    assert SeriesCodec.train(x, ["wti"]).transform == "difference"
    with pytest.raises(ValueError, match=r"go down to -37.*difference"):
        SeriesCodec.train(x, ["wti"], transform="log_return")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SeriesCodec.train(PRICES[:2], "ab"), "N >= 3"),
        (lambda: SeriesCodec.train(PRICES, "a"), r"give \(N, 1\)"),
        (lambda: SeriesCodec.train(PRICES * math.nan, "ab"), "in 4 of 4 rows"),
        (lambda: SeriesCodec.train(torch.ones(9, 1), "a"), "'a' always takes the same"),
        (lambda: SeriesCodec.train(PRICES, "aa"), "each once"),
        (lambda: SeriesCodec("a", [0], [0]), "deviations above 0"),
        (lambda: SeriesCodec("a", [0], [1, 2]), r"std=\[1.*give 1 numbers"),
        (lambda: SeriesCodec("a", [0], [1], "returns"), "did you mean 'log_return'"),
        (lambda: SeriesCodec("a", [0], [1]).encode([[1.0]]), "a step needs two"),
        (lambda: SeriesCodec("a", [0], [1]).windows([[1.0], [2.0]], 3), "only 1 steps"),
        (
            lambda: SeriesCodec("ab", [0, 0], [1, 1]).decode(PRICES, [1]),
            r"start \(1,\)",
        ),
    ],
)
def test_what_is_no_series_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- catalogued sets -----------------------------------------------------------------

SETS = [card.name for card in CATALOG.values() if card.kind == "series"]


@pytest.mark.parametrize("name", SETS)
def test_a_catalogued_series_is_whole_and_in_order(name):
    try:
        train, test = (aigc.data.load(name, split=split) for split in ("train", "test"))
    except DataUnavailable:
        pytest.skip(f"{name} is not at hand")
    assert isinstance(train, Series)
    card = train.card
    for part in (train, test):
        assert len(part) == card.splits[part.split]
        assert part.x.shape == (len(part), *card.shape)
        assert part.x.isfinite().all()
        assert (np.diff(part.times) > np.timedelta64(0)).all()
    assert train.times[-1] < test.times[0]
    frame = train.frame
    assert tuple(frame.columns) == tuple(card.parameters["columns"])
    assert frame.index.is_monotonic_increasing


def test_known_values_of_the_oil_price():
    try:
        test = aigc.data.load("wti", split="test")
    except DataUnavailable:
        pytest.skip("wti is not at hand")
    assert test.x.min() == -36.98
    assert str(test.times[test.x[:, 0].argmin()])[:10] == "2020-04-20"
    train = aigc.data.load("wti")
    model, _ = kinds.build("series_flow", train, {"width": 8, "horizon": 2})
    assert model.codec.transform == "difference"
    assert len(model.codec.windows(test.x, 2)) == len(test) - 2


def test_the_gap_of_natural_gas_is_spanned():
    try:
        test = aigc.data.load("natural_gas", split="test")
    except DataUnavailable:
        pytest.skip("natural_gas is not at hand")
    assert np.datetime64("2018-01-05") not in test.times
    assert np.datetime64("2018-01-04") in test.times


def test_the_made_market_stands_in(monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path))
    for module in ("aigc_lib.data.store.download",):
        monkeypatch.setattr(module, _unreachable)
    data = aigc.data.load("wti", standin="made_market")
    assert data.is_standin
    assert data.stands_for == "wti"
    assert len(data) == 4_000


def _unreachable(*_):
    raise OSError("no network here")


# ---- own tables ----------------------------------------------------------------------


def rows(n=40, start="2024-01-01", form=str):
    days = np.datetime64(start) + np.arange(n)
    return [(form(day), 100 + i, 5 - 0.1 * i) for i, day in enumerate(days.tolist())]


def own(tmp_path, lines, header="date,price,volume", encoding="utf-8", **options):
    path = tmp_path / "mine.csv"
    text = "\n".join([header, *(",".join(map(str, line)) for line in lines)])
    path.write_bytes(text.encode(encoding))
    return aigc.data.load(path, series=True, **options)


def test_a_table_of_ones_own(tmp_path):
    train, test = own(tmp_path, rows()), own(tmp_path, rows(), split="test")
    assert (len(train), len(test)) == (36, 4)
    assert train.columns == ("price", "volume")
    assert train.x[0].tolist() == [100, 5]
    assert str(test.times[0])[:10] == "2024-02-06"
    assert train.card.kind == "series"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_chinese_header_in_any_encoding(tmp_path, encoding):
    lines = [
        (b, a, c) for a, b, c in rows(form=lambda d: f"{d.year}年{d.month}月{d.day}日")
    ]
    data = own(tmp_path, lines, "收盘价,日期,成交量", encoding)
    assert data.columns == ("收盘价", "成交量")
    assert str(data.times[0])[:10] == "2024-01-01"


@pytest.mark.parametrize(
    "form",
    [str, lambda d: d.strftime("%Y%m%d"), lambda d: f"{d.year}/{d.month}/{d.day}"],
)
def test_times_in_the_usual_ways(tmp_path, form):
    data = own(tmp_path, rows(form=form))
    assert (np.diff(data.times) == np.timedelta64(86_400, "s")).all()


def test_times_that_go_backwards_are_sorted_and_the_card_says_so(tmp_path):
    data = own(tmp_path, rows()[::-1])
    assert data.x[:3, 0].tolist() == [100, 101, 102]
    assert any("排序" in bias for bias in data.card.biases)
    assert not any("排序" in bias for bias in own(tmp_path, rows()).card.biases)


def test_a_time_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="1 times twice, such as 2024-01-01"):
        own(tmp_path, [*rows(), rows()[0]])


def test_what_is_missing_or_mixed_is_left_out_and_named(tmp_path):
    lines = [[*row, "x" if i == 7 else i] for i, row in enumerate(rows())]
    lines[3][1], lines[5][0], lines[6][2] = "", "yesterday", "inf"
    data = own(tmp_path, lines, "date,price,volume,note")
    assert data.columns == ("price", "volume")
    assert len(data) == 34  # of 37 rows that are left
    said = " ".join(data.card.left_out)
    assert "note" in said
    assert "mine.csv:5" in said
    assert "mine.csv:7" in said


def test_a_row_of_more_cells_is_left_out(tmp_path):
    lines = [*rows(), ("2024-03-01", 1, 234, 5)]  # 1,234 without quotes
    data = own(tmp_path, lines, split="test")
    assert data.x[-1, 0] == 139
    assert "单元格比列名多的行：1 个，mine.csv:42" in data.card.left_out


def test_commas_within_numbers(tmp_path):
    path = tmp_path / "mine.csv"
    lines = [f"{day};1,{price}.5;1,{price};3,5" for day, price, _ in rows()]
    path.write_text("\n".join(["day;price;count;share", *lines]))
    data = aigc.data.load(path, series=True)
    assert data.columns == ("price", "count")  # who knows what 3,5 is
    assert data.x[0].tolist() == [1100.5, 1100]


@pytest.mark.parametrize(
    ("clock", "read"),
    [
        *(("8:30", True), ("08:30:00.25", True), ("08:30:00+08:00", True)),
        *(("08:30Z", True), ("08:30 CST", True), ("08:30 PM", False)),
        ("08:30 7", False),
    ],
)
def test_what_stands_behind_the_clock(tmp_path, clock, read):
    lines = rows(form=lambda day: f"{day} {clock}")
    if read:
        assert str(own(tmp_path, lines).times[0]) == "2024-01-01T08:30:00"
    else:
        with pytest.raises(ValueError, match="is no time"):
            own(tmp_path, lines)


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        ([], "date,price", "only 0 rows|no column of numbers"),
        (rows(5), "date,price,volume", "only 5 rows"),
        (rows(), "2023-12-31,99,5", "names no columns"),
        ([(t, "up") for t, *_ in rows()], "date,price", "no column of numbers"),
        (rows(), "date,price,price", "name twice"),
        ([("13/02/2024", 1.0)] * 30, "date,price", "year first"),
    ],
)
def test_a_table_that_is_no_series_is_refused(tmp_path, lines, header, message):
    with pytest.raises(ValueError, match=message):
        own(tmp_path, lines, header)


def test_a_series_is_asked_for_and_only_of_ones_own_files(tmp_path):
    own(tmp_path, rows())
    assert aigc.data.load(tmp_path / "mine.csv").card.kind == "tables"
    with pytest.raises(ValueError, match="split='validation'"):
        aigc.data.load(tmp_path / "mine.csv", series=True, split="validation")
    (tmp_path / "other.csv").write_text("date,price\n")
    with pytest.raises(ValueError, match="holds 2 tables"):
        aigc.data.load(tmp_path, series=True)
    with pytest.raises(ValueError, match="series=True: for files of your own only"):
        aigc.data.load("made_market", series=True)
