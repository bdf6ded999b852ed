"""Models of tables: trained by ``fit``, sampled as frames, and on the command line."""

import itertools
import json

import numpy as np
import pytest
import torch

pd = pytest.importorskip("pandas")

import aigc_lib as aigc  # noqa: E402
from aigc_lib.__main__ import main  # noqa: E402
from aigc_lib.codecs.tables import TableCodec  # noqa: E402
from aigc_lib.models import CTGAN, MODELS, TVAE, TableFlow  # noqa: E402
from aigc_lib.models.tabular import OneHotCells, draw, draw_cells  # noqa: E402

SMALL = {
    "tvae": {"latent_dim": 4, "hidden": 64},
    "ctgan": {"latent_dim": 8, "hidden": 64, "pac": 4},
    "table_flow": {"width": 32, "depth": 1},
}
every_model = pytest.mark.parametrize("name", SMALL)


def loans(n=1_000, seed=0):
    """Loans whose repayment depends on the town, and the amount on the repayment."""
    rng = np.random.default_rng(seed)
    town = rng.choice(["Oslo", "Paris", "Rome"], n, p=[0.6, 0.3, 0.1])
    repaid = rng.random(n) < np.where(town == "Oslo", 0.9, 0.3)
    amount = np.where(repaid, rng.normal(10, 1, n), rng.normal(20, 1, n)).round(1)
    begun = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D")
    frame = pd.DataFrame({"town": town, "amount": amount, "begun": begun})
    frame["ended"] = begun + pd.to_timedelta(rng.integers(0, 30, n), "D")
    frame.loc[rng.random(n) < 0.3, "amount"] = np.nan
    return frame.assign(repaid=np.where(repaid, "yes", "no"))


@pytest.fixture(scope="module")
def trained():
    frame = loans()
    codec = TableCodec.fit(frame, constraints=["begun <= ended"], bins=10)
    models = {}
    for name, options in SMALL.items():
        torch.manual_seed(0)
        model = MODELS[name](codec, **options)
        data = model.samples(codec.encode(frame))
        aigc.fit(model, data, steps=250, batch_size=100, ema=0.98)
        models[name] = model
    return models


@every_model
def test_samples_are_frames_like_the_table(trained, name):
    frame, made = loans(), trained[name].sample(400, seed=0)
    assert made.shape == (400, 5)
    assert list(made.columns) == list(frame.columns)
    assert {n: t.kind for n, t in made.dtypes.items()} == {
        n: t.kind for n, t in frame.dtypes.items()
    }
    assert not (made["ended"] < made["begun"]).any()
    assert set(made["town"]) <= set(frame["town"])
    assert 0.1 < made["amount"].isna().mean() < 0.5


@every_model
def test_what_depends_on_what_is_learned(trained, name):
    made = trained[name].sample(3_000, seed=0)
    share = (made["repaid"] == "yes").groupby(made["town"]).mean()
    assert share["Oslo"] > share[["Paris", "Rome"]].max() + 0.2
    means = made.groupby("repaid")["amount"].mean()
    # a GAN takes longer: it has only begun to see this after 250 steps
    assert means["no"] > means["yes"] + (0.3 if name == "ctgan" else 4)


@every_model
def test_the_seed_decides(trained, name):
    model = trained[name]
    assert model.sample(50, seed=3).equals(model.sample(50, seed=3))
    assert not model.sample(50, seed=3).equals(model.sample(50, seed=4))


@every_model
def test_a_model_comes_back_with_its_codec(trained, name, tmp_path):
    model = trained[name]
    loaded = aigc.models.load(model.save(tmp_path / "t.safetensors"))
    assert loaded.codec == model.codec
    assert loaded.sample(20, seed=0).equals(model.sample(20, seed=0))


@every_model
def test_conditions_hold_in_every_row(trained, name):
    wanted = {"town": "Rome", "amount": (8, 25), "begun": ("2024-01-10", "2024-03-01")}
    made = trained[name].sample(60, seed=0, conditions=wanted)
    assert len(made) == 60
    assert (made["town"] == "Rome").all()
    assert made["amount"].between(8, 25).all()
    assert made["begun"].between("2024-01-10", "2024-03-01").all()
    later = trained[name].sample(
        20, seed=0, conditions={"ended": ("2024-03-01", "2024-12-31"), "amount": None}
    )
    assert (later["ended"] >= "2024-03-01").all()
    assert later["amount"].isna().all()


@every_model
def test_what_a_condition_says_changes_the_rest(trained, name):
    shares = [
        (
            trained[name].sample(500, seed=0, conditions={"town": town})["repaid"]
            == "yes"
        )
        for town in ("Oslo", "Paris")
    ]
    assert shares[0].mean() > shares[1].mean() + 0.2


def test_conditions_that_no_row_fulfils(trained):
    model = trained["tvae"]
    both = {
        "begun": ("2024-03-25", "2024-03-30"),
        "ended": ("2024-01-01", "2024-01-02"),
    }
    with pytest.raises(ValueError, match=r"only 0 of [\d,]+ drawn rows fulfil them"):
        model.sample(5, seed=0, conditions=both)
    with pytest.raises(ValueError, match="n=0: give at least 1"):
        model.sample(0)
    with pytest.raises(ValueError, match="town='Osl': choose one of Oslo, Paris"):
        model.sample(5, conditions={"town": "Osl"})


@every_model
def test_what_is_no_codec(name):
    with pytest.raises(ValueError, match=r"codec is list.*TableCodec.fit"):
        MODELS[name]([3, 4])


# ---- parts ---------------------------------------------------------------------------


def test_one_hot_cells():
    cells = OneHotCells([2, 3])(torch.tensor([[1, 0], [0, 2]]))
    assert cells.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]


def test_codes_are_drawn_by_their_probability_and_only_where_allowed():
    source = torch.Generator().manual_seed(0)
    p = torch.tensor([0.0, 0.2, 0.5, 0.3, 0.0])
    logits = p.log().expand(20_000, -1)
    shares = draw(logits, source).bincount(minlength=5) / 20_000
    torch.testing.assert_close(shares, p, atol=0.015, rtol=0)
    mask = torch.tensor([True, True, False, True, True])
    shares = draw(logits, source, mask).bincount(minlength=5) / 20_000
    expected = torch.tensor([0.0, 0.4, 0.0, 0.6, 0.0])
    torch.testing.assert_close(shares, expected, atol=0.015, rtol=0)
    both = draw_cells(torch.tensor([[0.0, 99, 99, 0, 0]] * 9), [2, 3], source)
    assert both.tolist() == [[1, 0]] * 9


def test_likelihood_of_cells_is_a_product_of_softmaxes():
    model = TVAE(TableCodec.blank(3), latent_dim=2, hidden=16)
    x = torch.randint(0, 10, (6, 3))
    decoded = torch.randn(4, 6, 30)
    terms = [
        torch.distributions.Categorical(logits=decoded[..., 10 * k : 10 * k + 10])
        .log_prob(x[:, k])
        .sum(0)
        for k in range(3)
    ]
    found = model.likelihood.log_prob(x, decoded).sum(0)
    torch.testing.assert_close(found, sum(terms))
    assert model.elbo(x).shape == (6,)
    assert (model.nll(x, k=10) > 0).all()


def test_the_bound_of_a_flow_is_exact_for_cells_that_are_independent():
    """With nothing to be learned from other cells, every order says the same."""
    torch.manual_seed(0)
    model = TableFlow(TableCodec.blank(3), width=8, depth=1)
    torch.nn.init.zeros_(model.net.leave.weight)
    torch.nn.init.normal_(model.net.leave.bias)
    x = torch.randint(0, 10, (5, 3))
    logits = model.net.leave.bias.split(10)
    truth = -sum(part.log_softmax(0)[x[:, k]] for k, part in enumerate(logits))
    with torch.no_grad():
        bounds = torch.stack([model.bound(x) for _ in range(4_000)]).mean(0)
    torch.testing.assert_close(bounds, truth, atol=0.15, rtol=0)


def test_a_flow_sums_to_one_over_all_rows_in_every_order():
    """Filling cell by cell is a distribution whatever the net says."""
    torch.manual_seed(0)
    model = TableFlow(TableCodec.blank(2), width=8, depth=1)
    for parameter in model.net.parameters():
        torch.nn.init.normal_(parameter)
    rows = torch.tensor(list(itertools.product(range(10), repeat=2)))
    for order in ((0, 1), (1, 0)):
        x = model.net.blanks.expand(100, -1).clone()
        log_p = torch.zeros(100)
        for k in order:
            logits = model.net(x).split(10, 1)[k]
            log_p += logits.log_softmax(1).gather(1, rows[:, k : k + 1])[:, 0]
            x[:, k] = rows[:, k]
        assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_training_by_sampling_favours_what_is_rare():
    frame = pd.DataFrame(
        {"k": ["a"] * 900 + ["b"] * 90 + ["c"] * 10, "j": list("xy") * 500}
    )
    codec = TableCodec.fit(frame)
    model = CTGAN(codec)
    rows, columns = model.samples(codec.encode(frame)).parts
    assert len(rows) == 2_000
    told = rows[columns == 0][:, 0].bincount() / 1_000
    weights = torch.tensor([901.0, 91, 11]).log()
    torch.testing.assert_close(told, weights / weights.sum(), atol=0.05, rtol=0)
    assert model.shares.tolist() == pytest.approx([0.9, 0.09, 0.01, 0.5, 0.5])
    condition = model.condition(rows, columns)
    assert (condition.sum(1) == 1).all()
    assert (condition[columns == 0][:, 3:] == 0).all()
    assert torch.equal(
        condition[columns == 1][:, 3:].argmax(1), rows[columns == 1][:, 1]
    )


def test_the_critic_sees_so_many_rows_at_once():
    codec = TableCodec.blank(3)
    model, seen = CTGAN(codec, latent_dim=4, hidden=16, pac=4), []
    model.discriminator.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    batch = codes, columns = torch.randint(0, 10, (14, 3)), torch.arange(14) % 3
    model.training_step(batch, lambda name, loss: loss.backward())
    real = torch.cat([model.one_hot(codes), model.condition(codes, columns)], 1)
    assert torch.equal(
        seen[0], torch.stack([real[k : k + 4].flatten() for k in (0, 4, 8)])
    )
    assert {x.shape for x in seen} == {seen[0].shape}
    model.eval()
    other = seen[0].clone()
    other[:, -len(real[0]) :] = 0  # the last row of each four
    assert (model.discriminator(other) != model.discriminator(seen[0])).all()


# ---- the command line ----------------------------------------------------------------


def run(*words):
    return main([str(word) for word in words])


@every_model
def test_from_a_table_of_ones_own_to_made_rows(name, tmp_path, capsys):
    path, out = tmp_path / "loans.csv", tmp_path / "t.safetensors"
    loans(400).to_csv(path, index=False)
    words = ["--steps", 3, "--batch-size", 40, "--out", out]
    words += ["--constraint", "begun <= ended", "--kind", "town=category"]
    words += [w for k, v in SMALL[name].items() for w in ("--set", f"{k}={v}")]
    assert run("fit", name, path, *words) == 0
    told = capsys.readouterr().err
    assert "loans.csv/train: " in told
    (line,) = [line.split() for line in told.splitlines() if line.startswith("ended")]
    assert line[1] == "date"
    assert line[-3:] == ["at", "least", "begun"]
    made = tmp_path / "made.csv"
    asked = ["--where", "town=Oslo|Rome", "--where", "begun=2024-01-01..2024-02-15"]
    assert run("sample", out, "--n", 50, *asked, "--out", made) == 0
    frame = pd.read_csv(made)
    assert len(frame) == 50
    assert set(frame["town"]) <= {"Oslo", "Rome"}
    assert (frame["begun"] <= "2024-02-15").all()
    assert (frame["ended"] >= frame["begun"]).all()
    capsys.readouterr()
    test = tmp_path / "my_test.csv"
    loans(120, seed=1).to_csv(test, index=False)
    assert run("evaluate", out, test, "--n", 200, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["real_rows"], figures["made_rows"]) == (120, 200)
    assert figures["target"] == "repaid"
    assert "membership" not in figures  # the training rows are not in this file
    assert run("evaluate", out, path, "--n", 200, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    for figure in ("accuracy_from_made", "auc_from_real", "membership"):
        assert 0 <= figures[figure] <= 1


def test_a_table_of_the_catalogue(tmp_path, capsys):
    if aigc.data.find("adult") is None:
        pytest.skip("adult is not here")
    out, made = tmp_path / "t.safetensors", tmp_path / "made.csv"
    small = [w for k, v in SMALL["tvae"].items() for w in ("--set", f"{k}={v}")]
    assert run("fit", "tvae", "adult", "--steps", 3, *small, "--out", out) == 0
    assert "adult/train: " in capsys.readouterr().err
    assert run("sample", out, "--n", 50, "--out", made) == 0
    frame = pd.read_csv(made)
    assert list(frame.columns) == list(aigc.data.load("adult").frame.columns)
    assert set(frame["income"]) <= {"<=50K", ">50K"}


def test_what_the_command_line_refuses(tmp_path, capsys):
    path, out = tmp_path / "loans.csv", tmp_path / "t.safetensors"
    loans(200).to_csv(path, index=False)
    words = ["--steps", 1, "--batch-size", 40, "--set", "width=8", "--out", out]
    for more, message in (
        (["--kind", "town"], "--kind town: write NAME=VALUE"),
        (["--kind", "town=word"], "kinds['town']='word': choose one of"),
        (["--constraint", "ended <= begun"], "rows break it, first row"),
        (["--target", "repayed"], "target='repayed': did you mean 'repaid'"),
        (["--image-size", 8], "holds tables, which take no image_size"),
    ):
        assert run("fit", "table_flow", path, *words, *more) == 2
        assert message in capsys.readouterr().err
    assert run("fit", "dcgan", path, "--steps", 1, "--out", out) == 2
    assert "is not made for tables" in capsys.readouterr().err
    assert run("fit", "table_flow", path, *words) == 0
    for more, message in (
        (["--where", "town=Osl"], "town='Osl': choose one of Oslo, Paris"),
        (["--where", "city=Oslo"], "--where='city'"),
        (["--prompt", "x"], "--prompt: for texts only, this model makes tables"),
        (["--out", tmp_path / "a.png"], ".csv or .tsv or .parquet"),
    ):
        assert run("sample", out, *more) == 2
        assert message in capsys.readouterr().err
    for name in ("a.tsv", "a.parquet", "a"):
        assert run("sample", out, "--n", 5, "--out", tmp_path / name) == 0
    assert len(pd.read_parquet(tmp_path / "a.parquet")) == 5
    assert pd.read_csv(tmp_path / "a.tsv", sep="\t").columns[0] == "town"
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n2,3\n3,4\n")
    assert run("evaluate", out, other) == 2
    assert "lacks the columns ['town'" in capsys.readouterr().err


def test_few_rows_are_not_learned_by_heart_when_some_are_held_out(tmp_path, capsys):
    path, out = tmp_path / "loans.csv", tmp_path / "t.safetensors"
    loans(120).to_csv(path, index=False)
    words = ["fit", "table_flow", path, "--steps", 300, "--batch-size", 50]
    words += ["--set", "width=128", "--set", "learning_rate=0.004", "--out", out]
    nats = {}
    test = loans(2_000, seed=5)
    for share in (None, 0.2):
        more = [] if share is None else ["--hold-out", share]
        assert run(*words, *more) == 0
        model = aigc.models.load(out)
        codes = model.codec.encode(test)
        with torch.no_grad(), model.averaged():
            bound = model.bound(codes, torch.Generator().manual_seed(0))
        nats[share] = bound.mean().item()
    assert nats[0.2] < nats[None] - 0.3
    capsys.readouterr()
    assert run(*words, "--hold-out", 2) == 2
    assert "share=2.0" in capsys.readouterr().err


def test_rows_are_drawn_as_if_each_went_through_the_net_alone(trained, monkeypatch):
    monkeypatch.setattr("aigc_lib.runtime.has_bf16", lambda device: False)
    model = trained["table_flow"]
    source, sizes = torch.Generator().manual_seed(5), model.codec.sizes
    x = model.net.blanks.expand(200, -1).clone()
    with model.averaged(), torch.no_grad():
        for k in torch.randperm(len(sizes), generator=source).tolist():
            x[:, k] = draw(model.net(x).split(sizes, 1)[k], source)
    drawn = model.drawn_codes(200, torch.Generator().manual_seed(5), {})
    assert (drawn == x).float().mean() > 0.999  # but for a rounding here and there


def test_rows_that_are_alike_go_through_the_net_once(trained, monkeypatch):
    model, asked = trained["table_flow"], []
    hidden = type(model.net).hidden

    def counted(net, total):
        asked.append(len(total))
        return hidden(net, total)

    monkeypatch.setattr(type(model.net), "hidden", counted)
    codes = model.drawn_codes(2_000, torch.Generator().manual_seed(0), {})
    sizes = model.codec.sizes
    assert asked[0] == 1  # all blank
    assert asked[1] <= max(sizes) + 1
    assert max(asked) <= len(codes.unique(dim=0)) < 2_000
