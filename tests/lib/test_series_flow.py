"""A flow of series: closed forms before training, a rule learned, the command line."""

import json

import numpy as np
import pytest
import torch

import aigc_lib as aigc
from aigc_lib import kinds
from aigc_lib.__main__ import main
from aigc_lib.codecs.series import SeriesCodec
from aigc_lib.models.diffusion.series import DECAY, SeriesFlow

pandas = pytest.importorskip("pandas")


def untrained(**options):
    torch.manual_seed(0)
    return SeriesFlow(**{"width": 8} | options)


def test_an_untrained_flow_makes_noise_of_the_volatility_of_the_past():
    """Its velocity is 0, so the quantiles are those of sinh of a normal, times it."""
    model = untrained(horizon=1, past=5)
    known = torch.tensor([[[0.0, 0, 0, 0, 0]], [[0.0, 0, 0, 0, 3]]])
    scale = model.volatility(known)[:, 0, 0]
    calm = DECAY**5
    torch.testing.assert_close(
        scale, torch.tensor([calm**0.5, (calm + (1 - DECAY) * 9) ** 0.5])
    )
    levels = torch.tensor([0.01, 0.5, 0.9])
    expected = scale[:, None] * torch.special.ndtri(levels).sinh()
    torch.testing.assert_close(model.quantiles(known, levels), expected)
    drawn = model.follow(known.repeat_interleave(4_000, 0), seed=0, steps=2)
    back = (drawn.view(2, -1) / scale[:, None]).asinh()
    torch.testing.assert_close(back.std(1), torch.ones(2), rtol=0.05, atol=0)


def test_common_steps_have_the_volatility_one():
    model = untrained(past=30, horizon=1)
    known = torch.randn(20_000, 1, 30, generator=torch.Generator().manual_seed(0))
    assert model.volatility(known).square().mean().item() == pytest.approx(1, abs=0.02)
    assert untrained().volatility(torch.zeros(3, 1, 0)).tolist() == [[[1.0]]] * 3


def test_it_learns_what_follows():
    """The next step is minus the last one, and half of a second column."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3_000, 2, 4, generator=generator)
    x[:, 0, 3] = -x[:, 0, 2] + 0.1 * x[:, 0, 3]
    x[:, 1, 3] = 0.5 * x[:, 0, 3]
    model = untrained(columns=2, past=3, horizon=1, width=16)
    aigc.fit(model, x, steps=150, batch_size=64)
    made = model.follow(x[:500, :, :3], seed=1)[..., 0]
    torch.testing.assert_close(made.T.corrcoef()[0, 1].item(), 1.0, atol=0.1, rtol=0)
    error = (made[:, 0] + x[:500, 0, 2]).square().mean().item()
    assert error < 0.15  # 2 for paths that know nothing


def test_quantiles_are_those_of_the_samples():
    x = torch.randn(2_000, 1, 3, generator=torch.Generator().manual_seed(0))
    x[:, :, 2] = x[:, :, 2].exp()  # skewed
    model = untrained(past=2, horizon=1)
    aigc.fit(model, x, steps=60, batch_size=128)
    known = x[:1, :, :2]
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    drawn = model.follow(known.expand(4_000, -1, -1), seed=0).flatten()
    found = drawn.quantile(torch.tensor(levels))
    torch.testing.assert_close(
        model.quantiles(known, levels)[0], found, rtol=0.1, atol=0.08
    )


# ---- frames --------------------------------------------------------------------------


def oil(n=300):
    steps = np.random.default_rng(0).standard_normal((n, 2)) / 50
    return 100 * np.exp(steps.cumsum(0))


def test_paths_begin_where_the_past_ends():
    values = torch.from_numpy(oil())
    codec = SeriesCodec.train(values, ("brent", "wti"), recent=11)
    model = untrained(columns=2, past=10, horizon=3, codec=codec)
    frame = model.sample(2_000, seed=0)
    assert list(frame.columns) == ["path", "step", "brent", "wti"]
    assert len(frame) == 6_000
    first = frame[frame["step"] == 1]
    assert np.log(first["brent"] / values[-1, 0].item()).std() < 0.1
    assert first["wti"].median() == pytest.approx(values[-1, 1].item(), rel=0.02)
    spread = frame.groupby("step")["brent"].std()
    assert spread.is_monotonic_increasing
    pandas.testing.assert_frame_equal(frame, model.sample(2_000, seed=0))
    wide = pandas.DataFrame(oil() * 2, columns=["wti", "brent"])
    wide["note"] = "x"
    later = model.sample(500, past=wide, seed=0)
    start = wide["brent"].iloc[-1]
    assert later[later["step"] == 1]["brent"].median() == pytest.approx(start, rel=0.02)
    torch.testing.assert_close(
        torch.tensor(model.sample(4, past=values, seed=1).to_numpy()),
        torch.tensor(model.sample(4, seed=1).to_numpy()),
    )


def test_a_saved_model_keeps_its_codec(tmp_path):
    codec = SeriesCodec.train(oil(), ("brent", "wti"), recent=4)
    model = untrained(columns=2, past=3, horizon=2, codec=codec)
    loaded = aigc.models.load(model.save(tmp_path / "m.safetensors"))
    assert loaded.codec.state() == codec.state()
    pandas.testing.assert_frame_equal(loaded.sample(3, seed=0), model.sample(3, seed=0))


def test_without_a_codec_steps_are_sampled():
    frame = untrained(columns=2, horizon=4).sample(2_000, seed=0)
    assert list(frame.columns) == ["path", "step", "x0", "x1"]
    assert np.arcsinh(frame["x1"]).std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: untrained(columns=0), "columns=0"),
        (lambda: untrained(past=-1), "past=-1"),
        (lambda: untrained(codec=SeriesCodec("ab", [0, 0], [1, 1])), "the codec has 2"),
        (lambda: untrained().sample(0), "n=0"),
        (lambda: untrained(past=3).sample(2), "past has 0 rows"),
        (lambda: untrained(past=3).sample(2, past=np.ones((3, 1))), "at least 4 rows"),
        (lambda: untrained().sample(1, past=np.full((3, 1), np.nan)), "3 of 3 rows"),
        (
            lambda: untrained().sample(1, past=pandas.DataFrame({"y": [1.0]})),
            "no column 'x0'",
        ),
        (lambda: untrained(past=3).follow(), "known=None"),
        (lambda: untrained(past=3).follow(torch.zeros(2, 1, 4)), r"\(2, 1, 4\)"),
        (lambda: untrained().follow(), "n=0"),
        (lambda: untrained().follow(n=1, solver="rk4"), "solver='rk4'"),
        (lambda: untrained().quantiles(torch.zeros(1, 1, 0), [0.5]), "horizon=32"),
        (
            lambda: untrained(horizon=1).quantiles(torch.zeros(1, 1, 0), [1.0]),
            "between 0 and 1",
        ),
        (lambda: untrained().inpaint(), "fills no gaps"),
        (
            lambda: aigc.fit(untrained(past=3), torch.zeros(9, 1, 5), steps=1),
            r"shape \(1, 5\)",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- command line --------------------------------------------------------------------


def run(*words):
    return main([str(word) for word in words])


SMALL = ("--steps", 5, "--set", "width=8", "--set", "horizon=3")


@pytest.mark.parametrize("past", [0, 6])
def test_from_the_command_line(tmp_path, capsys, past):
    model, table = tmp_path / "m.safetensors", tmp_path / "made.csv"
    options = (*SMALL, "--set", f"past={past}", "--out", model)
    assert run("fit", "series_flow", "made_market", *options) == 0
    assert run("sample", model, "--n", 4, "--out", table) == 0
    made = pandas.read_csv(table)
    assert list(made.columns) == ["path", "step", "price"]
    assert len(made) == 12
    assert (made["price"] > 0).all()
    capsys.readouterr()
    assert run("evaluate", model, "made_market", "--n", 60, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["real_windows"] == 60
    assert figures["made_std"] > 0.3
    assert ("crps_first_step" in figures) == bool(past)
    if past:
        assert 0.6 < figures["share_in_90_percent"] <= 1


def test_ones_own_table_from_the_command_line(tmp_path, capsys):
    path, model = tmp_path / "prices.csv", tmp_path / "m.safetensors"
    frame = pandas.DataFrame(oil(), columns=["a", "b"])
    frame.insert(0, "date", pandas.date_range("2020-01-01", periods=len(frame)))
    frame.to_csv(path, index=False)
    assert run("fit", "series_flow", path, *SMALL, "--out", model) == 0
    assert run("evaluate", model, path) == 0
    assert run("fit", "series_flow", "ring8", *SMALL, "--out", model) == 2
    assert "is not made for points" in capsys.readouterr().err
    assert run("evaluate", model, "made_market") == 2
    assert "evaluate it on the same columns" in capsys.readouterr().err
    assert run("sample", model, "--out", tmp_path / "made.png") == 2
    assert "a .csv file" in capsys.readouterr().err


def test_better_scores_for_the_market_that_it_was_trained_on():
    data = aigc.data.load("made_market")
    test = aigc.data.load("made_market", split="test")
    model, windows = kinds.build(
        "series_flow", data, {"past": 8, "horizon": 1, "width": 8}
    )
    good = kinds.evaluate(model, test, n=40, seed=0)
    with torch.no_grad():
        model.net.leave.bias.fill_(2.0)  # paths that drift away
    bad = kinds.evaluate(model, test, n=40, seed=0)
    assert good["crps_first_step"] < bad["crps_first_step"]
    assert len(windows) == 4_000 - 9
