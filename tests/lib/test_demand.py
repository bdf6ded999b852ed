"""Demand: panels without holes, the readers, counts, and a deep forecaster."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

import aigc_lib as aigc
from aigc_lib import kinds
from aigc_lib.__main__ import main
from aigc_lib.codecs.demand import DAY, HOUR, DemandCodec, Panel, Windows
from aigc_lib.data import DataUnavailable
from aigc_lib.data.readers.demand import uncancelled
from aigc_lib.data.series import panel
from aigc_lib.decisions import forecasts
from aigc_lib.models import DeepAR
from aigc_lib.models.recurrent import negative_binomial_nll
from aigc_lib.simulators.demand import Shop

pandas = pytest.importorskip("pandas")
START = np.datetime64("2024-01-01", "s")  # a Monday


def days(*numbers):
    return START + DAY * np.array(numbers)


def made(items=3, steps=120, seed=0, **options):
    sales = Shop(**options).simulate(items, steps, seed)
    names = tuple(f"i{k}" for k in range(items))
    values = np.concatenate([sales.demand, sales.promotion]).T
    columns = (*names, *(f"PROMO{k}" for k in range(items)))
    return sales, Panel.of(days(*range(steps)), values, columns, known="PROMO")


# ---- panels --------------------------------------------------------------------------


def test_a_closed_day_is_not_a_day_without_demand():
    p = Panel.of(days(0, 1, 2, 4), [[1], [0], [2], [3]], ("a",))
    np.testing.assert_array_equal(p.demand, [[1, 0, 2, np.nan, 3]])
    assert p.step == DAY
    assert len(p) == 1
    assert p.seasons == (7,)
    rows = Windows(p, 5)[torch.arange(1)]
    assert rows[0, 0].tolist() == [1, 0, 2, 0, 3]
    assert rows[0, 1].tolist() == [1, 1, 1, 0, 1]


def test_the_calendar_says_weekday_and_hour():
    weekdays = Panel.of(days(*range(9)), np.ones((9, 1)), ("a",)).calendar()[:7]
    assert weekdays.argmax(0).tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]
    times = START + HOUR * np.arange(30)
    hours = Panel.of(times, np.ones((30, 1)), ("a",)).calendar()
    assert hours.shape == (24 + 7 + 2, 30)
    assert hours[:24].argmax(0).tolist() == [*range(24), *range(6)]
    np.testing.assert_allclose(hours[-2] ** 2 + hours[-1] ** 2, 1)


GOOD = np.ones((4, 1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Panel.of(days(0, 1, 2, 3), [[1], [2], [-3], [4]], ("pen",)),
            r"demand of 'pen' at 2024-01-03T00:00:00 is -3, below 0: a return is no",
        ),
        (
            lambda: Panel.of(days(0, 1, 2, 23), GOOD, ("a",)),
            r"20 steps are missing between 2024-01-03.* and 2024-01-24.*longest_gap=7",
        ),
        (lambda: Panel.of(days(0, 1, 1, 2), GOOD, ("a",)), "comes twice or too late"),
        (lambda: Panel.of(days(0, 2, 1, 3), GOOD, ("a",)), "comes twice or too late"),
        (lambda: Panel.of(days(0, 2, 4, 6), GOOD, ("a",)), "give hours, days or weeks"),
        (lambda: Panel.of(days(0, 1), np.ones((2, 1)), ("a",)), "give at least 3"),
        (lambda: Panel.of(days(0, 1, 2, 3), GOOD, ("a", "b")), r"give \(R,\) and"),
        (
            lambda: Panel.of(days(0, 1, 2, 3), np.full((4, 1), np.inf), ("a",)),
            "holds infinity",
        ),
        (
            lambda: Panel.of(
                days(0, 1, 2, 3), np.ones((4, 3)), ("a", "b", "Pa"), known="P"
            ),
            "names 1 columns beside 2 items",
        ),
        (lambda: Windows(made()[1], 500), "length=500: the panel has 120 steps"),
        (lambda: made()[1].part(5, 500), "start=5, stop=500"),
        (lambda: DemandCodec([]), "give at least one"),
        (lambda: DemandCodec(["a"], step=60), "step=60"),
    ],
)
def test_what_is_no_panel_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_gap_of_weeks_may_be_told_to_be_closed():
    p = Panel.of(days(0, 1, 2, 23), GOOD, ("a",), longest_gap=30)
    assert np.isnan(p.demand).sum() == 20


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(5, 40), st.integers(2, 5), st.integers(1, 3))
def test_windows_are_the_runs_of_each_item(items, steps, length, every):
    values = np.random.default_rng(0).poisson(3, (steps, items)).astype(float)
    p = Panel.of(days(*range(steps)), values, tuple(map(str, range(items))))
    windows = Windows(p, length, every)
    starts = range(0, steps - length + 1, every)
    assert len(windows) == items * len(starts)
    rows = windows[torch.arange(len(windows))]
    expected = [values[s : s + length, i] for i in range(items) for s in starts]
    np.testing.assert_array_equal(rows[:, 0], np.array(expected))
    assert rows[:, 2, 0].tolist() == [i for i in range(items) for _ in starts]


def test_a_codec_comes_back_from_plain_values():
    _, p = made()
    codec = DemandCodec.train(p, 10)
    state = json.loads(json.dumps(codec.state()))
    assert DemandCodec(**state).state() == codec.state()
    coming = DemandCodec(**state).coming(4)
    np.testing.assert_array_equal(coming.times[:10], p.times[-10:])
    assert coming.times[-1] == p.times[-1] + 4 * DAY
    np.testing.assert_array_equal(coming.demand[:, :10], p.demand[:, -10:])


# ---- readers -------------------------------------------------------------------------


def loaded(name):
    try:
        return [aigc.data.load(name, split=split) for split in ("train", "test")]
    except DataUnavailable:
        pytest.skip(f"{name} is not at hand")


def test_the_pasta_shop_was_closed_on_27_days():
    train, test = loaded("hierarchical_sales")
    p = panel(train, test)
    assert p.demand.shape == (118, 1_825)
    assert p.known.shape == (1, 118, 1_825)
    closed = np.isnan(p.demand).all(0)
    assert closed.sum() == np.isnan(p.demand).any(0).sum() == 27
    assert np.datetime64("2017-12-25") in p.times[closed]
    assert set(np.unique(p.known)) == {0, 1}
    assert "230 more" in repr(train)


def test_hours_of_bicycles():
    train, test = loaded("bike_hours")
    with pytest.raises(ValueError, match="36 steps are missing between 2012-10-29"):
        panel(train, test)
    p = panel(train, test, longest_gap=36)
    assert np.nansum(p.demand) == 3_292_679  # the total that its authors state
    assert p.step == HOUR


def test_weeks_of_the_web_shop_hold_no_order_that_was_cancelled():
    train, test = loaded("retail_weeks")
    p = panel(train, test)
    assert p.demand.shape == (200, 52)
    assert p.seasons == ()
    assert p.demand[:, 3].sum() == 0  # closed after Christmas
    total = p.demand[:, :40].sum(1)
    assert (total > 0).all()
    assert "23166" not in p.items  # 74,215 pieces, cancelled within minutes


def test_a_line_that_was_cancelled_whole_was_no_demand():
    day = np.datetime64("2024-01-01")
    later = day + np.timedelta64(30, "D")
    lines = [
        ("c", "x", 5, day),
        ("c", "x", -5, day),
        ("c", "x", 5, day),
        ("d", "x", 7, day),
        ("d", "x", -7, later),
        ("", "x", 2, day),
        ("", "x", -2, day),
        ("e", "x", 3, day),
        ("e", "x", -2, day),
    ]
    assert [number for _, number, _ in uncancelled(lines)] == [5, 7, 2, 3]


# ---- the likelihood ------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 500), st.floats(0.01, 5), st.integers(0, 800))
def test_the_likelihood_is_scipys(mean, spread, count):
    shape = 1 / spread
    expected = -nbinom.logpmf(count, shape, shape / (shape + mean))
    args = (torch.tensor(float(x), dtype=torch.float64) for x in (mean, spread, count))
    assert negative_binomial_nll(*args).item() == pytest.approx(
        expected, rel=1e-6, abs=1e-6
    )


def test_without_spread_it_is_poissons():
    mean, count = torch.tensor([3.0]).double(), torch.tensor([5.0]).double()
    found = negative_binomial_nll(mean, torch.tensor([1e-7]).double(), count)
    assert found.item() == pytest.approx(-poisson.logpmf(5, 3), abs=1e-5)


# ---- the forecaster ------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    sales, p = made(items=6, steps=400, promoted=0.3)
    codec = DemandCodec.train(p.part(0, 330), 21)
    torch.manual_seed(0)
    model = DeepAR(columns=6, horizon=7, past=21, width=24, codec=codec)
    windows = Windows(p.part(0, 330), 28)
    history = aigc.fit(model, windows, steps=250)
    return sales, p, model, history


def test_it_learns_weekday_and_promotion(trained):
    sales, p, model, _ = trained
    starts = range(330, 393, 7)
    paths = np.concatenate([model.forecast(p, t, paths=200, seed=t) for t in starts], 2)
    truth = sales.mean[:, 330:393]
    means = paths.mean(1)
    assert np.corrcoef(means.ravel(), truth.ravel())[0, 1] > 0.85
    promoted = sales.promotion[:, 330:393] > 0
    uplift = means[promoted].mean() / means[~promoted].mean()
    level = truth[promoted].mean() / truth[~promoted].mean()
    assert uplift == pytest.approx(level, rel=0.25)
    inside = (p.demand[:, 330:393] <= np.quantile(paths, 0.9, axis=1)).mean()
    assert 0.84 < inside < 0.97


def test_a_forecast_sees_nothing_of_what_it_forecasts(trained):
    _, p, model, _ = trained
    other = p.demand.copy()
    other[:, 340:] = 99
    changed = Panel(p.times, other, p.items, p.known, p.step)
    first, second = (model.forecast(x, 340, paths=20, seed=3) for x in (p, changed))
    np.testing.assert_array_equal(first, second)
    known = p.known.copy()
    known[..., 340:] = 1 - known[..., 340:]
    promoted = Panel(p.times, p.demand, p.items, known, p.step)
    assert (model.forecast(promoted, 340, paths=20, seed=3) != first).any()


def test_paths_are_whole_numbers_and_follow_the_seed(trained):
    _, p, model, _ = trained
    first, again, other = (model.forecast(p, 340, paths=5, seed=s) for s in (1, 1, 2))
    assert first.shape == (6, 5, 7)
    assert (first >= 0).all()
    assert (first % 1 == 0).all()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_closed_day_is_read_as_missing_not_as_zero(trained):
    _, p, model, _ = trained
    closed, empty = p.demand.copy(), p.demand.copy()
    closed[:, 332:340], empty[:, 332:340] = np.nan, 0
    means = [
        model.forecast(Panel(p.times, d, p.items, p.known, p.step), 340, seed=0).mean()
        for d in (p.demand, closed, empty)
    ]
    assert means[2] < 0.9 * means[1]
    assert means[1] == pytest.approx(means[0], rel=0.3)


def test_it_is_saved_with_its_past(trained, tmp_path):
    _, p, model, _ = trained
    again = aigc.models.load(model.save(tmp_path / "m"))
    frame = again.sample(4, seed=2)
    pandas.testing.assert_frame_equal(frame, model.sample(4, seed=2))
    assert list(frame) == ["path", "step", *p.items]
    assert len(frame) == 28


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, p: m.forecast(p, 5), "start=5: give 21 to"),
        (lambda m, p: m.forecast(p, len(p.times)), "start=400"),
        (lambda m, p: m.forecast(p, 340, paths=0), "paths=0"),
        (lambda m, p: m.forecast(made(items=2)[1], 100), "panel has 2 items"),
        (
            lambda m, p: m.forecast(
                Panel(p.times, p.demand, p.items, p.known[:0], p.step), 340
            ),
            "knows 0 things of the future, the model 1",
        ),
        (lambda m, p: DeepAR(columns=2, codec=m.codec), "columns=2: the codec has 6"),
        (lambda m, p: DeepAR(columns=2).sample(3), "keeps 0 steps"),
        (lambda m, p: DeepAR(horizon=0), "horizon=0"),
    ],
)
def test_what_it_cannot_forecast_is_refused(trained, call, message):
    _, p, model, _ = trained
    with pytest.raises(ValueError, match=message):
        call(model, p)


def test_the_command_line_fits_samples_and_judges_a_file_of_ones_own(tmp_path, capsys):
    sales, p = made(items=2, steps=300)
    frame = pandas.DataFrame(sales.demand.T, columns=["tea", "rice"])
    frame.insert(0, "date", p.times)
    frame.to_csv(tmp_path / "shop.csv", index=False)
    data, model = str(tmp_path / "shop.csv"), str(tmp_path / "m.safetensors")
    fit = ["fit", "deep_ar", data, "--steps", "3", "--set", "past=10"]
    assert main([*fit, "--set", "horizon=5", "--out", model]) == 0
    paths = tmp_path / "paths.csv"
    assert main(["sample", model, "--n", "3", "--out", str(paths)]) == 0
    drawn = pandas.read_csv(paths)
    assert list(drawn) == ["path", "step", "tea", "rice"]
    assert len(drawn) == 15
    figures = kinds.evaluate(
        aigc.models.load(model),
        aigc.data.load(data, split="test", series=True),
        n=5,
        seed=0,
    )
    assert figures["scored_values"] == 2 * 5 * 4
    assert figures["crps"] > 0
    frame.loc[3, "tea"] = -1
    frame.to_csv(tmp_path / "shop.csv", index=False)
    assert main(fit) == 2
    assert "below 0: a return is no demand" in capsys.readouterr().err


# ---- the made-up shop ----------------------------------------------------------------


def test_the_shop_draws_what_it_says():
    shop = Shop(shared=0.3)
    sales = shop.simulate(40, 700, seed=3)
    assert sales.demand.mean() == pytest.approx(sales.mean.mean(), rel=0.03)
    quiet = Shop().simulate(60, 700, seed=3)
    enough = (quiet.demand <= quiet.quantile(0.9)).mean()
    assert 0.9 <= enough < 0.95  # of whole numbers the quantile is on the safe side

    # a shared factor moves the total of a day more than chance alone
    def restless(s):
        z = (s.demand - s.mean).sum(0)
        alone = (s.mean + s.spread[:, None] * s.mean**2).sum(0)
        return (z**2 / alone).mean()

    assert restless(quiet) == pytest.approx(1, abs=0.15)
    assert restless(sales) > 1.8


@pytest.mark.parametrize(
    "wrong", [{"mean": 0}, {"season": 1}, {"promoted": 2}, {"shared": -1}]
)
def test_a_shop_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Shop(**wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda days: days.tz_localize("Europe/Berlin"), "without a zone"),
        (
            lambda days: [f"{day:%Y-%m-%d}T00:00+08:00" for day in days],
            "without a zone",
        ),
        (lambda days: ["2024/01/31"] * len(days), "give dates, such as"),
        (lambda days: np.array([*days[1:], "NaT"], "M8[s]"), "NaT"),
    ],
)
def test_times_that_are_no_days_of_one_clock_are_refused(change, message):
    days = pandas.date_range("2024-03-28", periods=9)
    sold = np.ones((9, 1))
    assert len(Panel.of(days, sold, ("a",)).times) == 9
    with pytest.raises(ValueError, match=message):
        Panel.of(change(days), sold, ("a",))


def test_names_of_items_are_different():
    days = np.arange("2024-03-28", "2024-04-06", dtype="M8[D]")
    with pytest.raises(ValueError, match="each name once"):
        Panel.of(days, np.ones((9, 2)), ("a", "a"))


def test_an_item_that_nobody_measured_has_no_score():
    real = np.array([[1.0, np.nan], [np.nan, np.nan]])
    made = np.ones((2, 2, 10))
    assert forecasts.judge(made[:1], real[:1]).crps.tolist() == [0]
    with pytest.raises(ValueError, match="of item 1 nothing was measured"):
        forecasts.judge(made, real)
