"""Recommenders: closed forms and oracles, one contract, and that they learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib import kinds
from aigc_lib.data.ratings import Histories, Log, divided, rows_of
from aigc_lib.metrics import ranking
from aigc_lib.models import ranking as recommenders
from aigc_lib.models.ranking import EASE, ItemKNN, Popularity, judged
from aigc_lib.models.transformer.ranking import SASRec
from aigc_lib.models.vae.ranking import Multinomial, MultVAE


def tastes(users=400, items=40, seed=0, ordered=False):
    """Two tastes: items below and above the half; ``ordered`` ones come in a row."""
    generator = np.random.default_rng(seed)
    half, who, what, when = items // 2, [], [], []
    for user in range(users):
        taste = user % 2
        if ordered:  # each item is followed by the next in the ring of its taste
            begin = generator.integers(half)
            chosen = [(begin + k) % half for k in range(12)]
        else:
            chosen = generator.permutation(half)[:12]
        who += [f"u{user}"] * len(chosen)
        what += [f"i{taste * half + i}" for i in chosen]
        when += [100 * k + user % 50 for k in range(len(chosen))]
    return divided(Log(who, what, when))


@pytest.fixture(scope="module")
def world():
    return tastes()


def all_of(data):
    torch.manual_seed(0)
    return {
        "popularity": Popularity(data),
        "recent": Popularity(data, recent=0.3),
        "knn": ItemKNN(data),
        "ease": EASE(data, 10.0),
        "mult_vae": MultVAE(data.items, 4, 16),
        "sasrec": SASRec(data.items, context=8, width=16, depth=1),
    }


every = pytest.mark.parametrize(
    "name", ["popularity", "recent", "knn", "ease", "mult_vae", "sasrec"]
)


# ---- one contract --------------------------------------------------------------------


@every
def test_nothing_is_recommended_twice_or_again(name, world):
    test = world["test"]
    ranked = all_of(test)[name].ranked(test, 20)
    assert ranked.shape == (len(test), 20)
    for row, before in zip(ranked.tolist(), test.history[:].tolist(), strict=True):
        assert len(set(row)) == 20
        assert not set(row) & set(before)


@every
def test_a_user_without_purchases_gets_a_list(name, world):
    train = world["train"]
    model = all_of(train)[name]
    empty, one = model.recommend([[], [train.items[0]]], k=5)
    assert len(set(empty)) == len(set(one)) == 5
    assert train.items[0] not in one
    if name in ("knn", "ease", "popularity"):
        popular = train.popularity.argsort(descending=True, stable=True)[:5]
        counts = dict(zip(train.items, train.popularity.tolist(), strict=True))
        assert [counts[i] for i in empty] == train.popularity[popular].tolist()


@every
def test_a_list_does_not_depend_on_the_others_of_its_batch(name, world):
    test = world["test"]
    model = all_of(world["train"])[name]
    alone = torch.cat([model.scores(test[u : u + 1]) for u in range(4)])
    torch.testing.assert_close(model.scores(test[:4]), alone, atol=1e-5, rtol=1e-4)


@every
def test_a_list_may_have_all_items(name, world):
    train = world["train"]
    model = all_of(train)[name]
    (some,) = model.recommend([train.items[:-2]], k=5)
    assert set(some) == set(train.items[-2:])
    with pytest.raises(ValueError, match="there are 40 items"):
        model.recommend([[]], k=41)


@every
def test_what_a_model_does_not_know_is_named(name, world):
    model = all_of(world["train"])[name]
    with pytest.raises(ValueError, match="item='bread': the model was not trained"):
        model.recommend([["i0", "bread"]])
    with pytest.raises(ValueError, match="give a list for each user"):
        model.recommend(["i0"])
    with pytest.raises(ValueError, match="histories are of 7 items"):
        model.ranked(Histories.of([[1]], 7))
    with pytest.raises(ValueError, match="nothing is held out"):
        judged(model, world["train"])


@every
def test_users_go_through_in_parts(name, world, monkeypatch):
    test = world["test"]
    model = all_of(world["train"])[name]
    (whole, ranked) = judged(model, test, k=20)
    monkeypatch.setattr("aigc_lib.models.base.PART", 7)
    (parts, again) = judged(model, test, k=20)
    assert torch.equal(ranked, again)
    assert torch.equal(whole["ndcg_at_20"], parts["ndcg_at_20"])


def test_judged_is_the_metrics_by_hand(world):
    test = world["test"]
    model = ItemKNN(world["train"])
    figures, ranked = judged(model, test, k=10)
    for u in range(len(test)):
        later = set(test.later[u : u + 1].flatten().tolist()) - {-1}
        found = torch.tensor([[i in later for i in ranked[u].tolist()]])
        count = torch.tensor([len(later)])
        assert figures["ndcg_at_10"][u] == ranking.ndcg(found, count)
        assert figures["recall_at_10"][u] == ranking.recall(found, count)


# ---- closed forms --------------------------------------------------------------------


@pytest.mark.parametrize("users", [25, 120])  # fewer than the 40 items, and more
def test_ease_is_the_solution_of_its_problem(users):
    data = tastes(users)["train"]
    x = data.history.matrix().toarray().astype(np.float64)
    penalty = 7.0
    b = np.zeros((x.shape[1], x.shape[1]))
    for j in range(len(b)):  # ridge regression of each item on the others
        others = [i for i in range(len(b)) if i != j]
        gram = x[:, others].T @ x[:, others] + penalty * np.eye(len(others))
        b[others, j] = np.linalg.solve(gram, x[:, others].T @ x[:, j])
    batch = data.history[:5]
    expected = rows_of(batch, len(b)).double().numpy() @ b
    model = EASE(data, penalty)
    assert (model.x is None) == (len(data) >= len(data.items))
    np.testing.assert_allclose(model.scores(batch).numpy(), expected, atol=1e-5)


def test_ease_refuses_what_it_cannot_invert(world, monkeypatch):
    monkeypatch.setattr(recommenders, "LARGEST", 39)
    with pytest.raises(ValueError, match="40 items: the smaller number is inverted"):
        EASE(world["train"])
    with pytest.raises(ValueError, match="penalty"):
        EASE(world["train"], 0)


@given(st.integers(0, 1_000), st.integers(1, 40))
def test_neighbours_by_hand(seed, neighbours):
    data = tastes(40, seed=seed)["train"]
    x = data.history.matrix().toarray()
    shared, length = x.T @ x, np.sqrt(x.sum(0))
    near = shared / (np.outer(length, length) + 3.0)
    np.fill_diagonal(near, 0)
    model = ItemKNN(data, neighbours, shrink=3.0)
    for fan in range(len(near)):  # column: what each owned item says of it
        kept = np.sort(near[fan])[::-1][:neighbours]
        mine = model.near.toarray()[:, fan]
        if neighbours < len(near):
            expected = np.where(near[fan] >= kept[-1], near[fan], 0)
        else:
            expected = near[fan]
        np.testing.assert_allclose(mine, expected, atol=1e-6)


def test_neighbours_rank_as_those_of_implicit():
    """All neighbours, no shrinking: its cosines, its sums, its order."""
    peer = pytest.importorskip("implicit.nearest_neighbours")
    data = tastes(120)["train"]
    x, size = data.history.matrix(), len(data.items)
    oracle = peer.CosineRecommender(K=size, num_threads=1)
    oracle.fit(x, show_progress=False)
    _, expected = oracle.recommend(np.arange(len(data)), x, N=8)
    assert len(np.unique(expected.round(4))) > len(data)
    model = ItemKNN(data, neighbours=size, shrink=0)
    found = model.scores(data.history[:]).gather(1, model.ranked(data, 8))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)  # equals may swap


def test_what_is_popular_lately():
    rows = [("a", "old", 1), ("b", "old", 2), ("c", "old", 3), ("a", "new", 90)]
    rows += [("b", "new", 95), ("d", "old", 4), ("d", "new", 99), ("e", "old", 5)]
    rows += [
        (f"visitor {k}", item, t)
        for k in range(20)
        for item, t in (("old", 6), ("new", 300))
    ]
    users, items, times = zip(*rows, strict=True)
    log = Log(users, items, times)
    train = divided(log, least_items=1, least_users=1, before=0.6)["train"]
    assert Popularity(train).recommend([[]], 1) == [["old"]]
    assert Popularity(train, recent=0.1).recommend([[]], 1) == [["new"]]
    with pytest.raises(ValueError, match=r"recent=0.1: these data have no times"):
        Popularity(divided(log._replace(times=None), least_items=1)["train"], 0.1)


def test_a_model_that_knows_popularity_only_becomes_what_is_popular_lately(world):
    train = world["train"]

    class Shares(Popularity):
        def scores(self, batch):
            return (super().scores(batch) + 1).log()

    now = Popularity(train, recent=0.2).counts.round() + 1
    mine = recommenders.Lately(Shares(train), train, recent=0.2).scores(train[:2])
    torch.testing.assert_close(mine.softmax(1), (now / now.sum()).expand(2, -1))
    none = recommenders.Lately(Shares(train), train, recent=0.2, weight=0)
    assert torch.equal(none.scores(train[:2]), Shares(train).scores(train[:2]))
    with pytest.raises(ValueError, match="the model was made for 3"):
        recommenders.Lately(MultVAE(3, 2, 4), train)
    with pytest.raises(ValueError, match="weight=-1"):
        recommenders.Lately(Shares(train), train, weight=-1)


def test_better_than_chance_where_taste_decides(world):
    """Of 28 items that are left, the 8 of one's own taste come before the other 20."""
    figures = {
        name: judged(model, world["test"], k=10)[0]["recall_at_10"].mean().item()
        for name, model in all_of(world["train"]).items()
    }
    assert figures["knn"] > 1.5 * figures["popularity"]
    assert figures["ease"] > 1.5 * figures["popularity"]


# ---- Mult-VAE ------------------------------------------------------------------------


def test_the_multinomial_is_torchs():
    x = torch.tensor([[2.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    for row, each in zip(x, logits, strict=True):
        whole = torch.distributions.Multinomial(3, logits=each)
        ways = torch.lgamma(torch.tensor(4.0)) - torch.lgamma(row + 1).sum()
        mine = Multinomial().log_prob(row, each)
        torch.testing.assert_close(mine + ways, whole.log_prob(row))
    torch.testing.assert_close(Multinomial().mean(logits).sum(1), torch.ones(2))


def test_the_kl_term_grows_and_stays(tmp_path):
    model = MultVAE(5, 2, 4, beta=0.4, anneal_steps=4)
    data = Histories.of([[0, 1, 2], [3], [1, 4]] * 4, 5)
    seen = []

    def watch(model):
        seen.append(model.weight_of_kl().item())

    aigc.fit(model, data, steps=6, batch_size=4, watch=watch, watch_at=range(7))
    assert seen == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    loaded = MultVAE.load(model.save(tmp_path / "m"))
    assert loaded.weight_of_kl().item() == pytest.approx(0.4)
    assert MultVAE(5, 2, 4, beta=0.4, anneal_steps=0).weight_of_kl() == (
        pytest.approx(0.4)
    )


def test_the_objective_is_the_bound_that_it_names():
    """Without dropout and annealing, beta 1: minus the evidence lower bound."""
    model = MultVAE(6, 2, 4, dropout=0, beta=1, anneal_steps=0)
    batch = torch.tensor([[0, 2, -1], [1, 3, 5]])
    losses = {}
    torch.manual_seed(3)
    model.training_step(batch, losses.__setitem__)
    torch.manual_seed(3)
    bound = model.elbo(rows_of(batch, 6))
    torch.testing.assert_close(losses["negative_elbo"], -bound.mean())


def test_validation_changes_no_weight_of_the_kl_term():
    model = MultVAE(5, 2, 4, anneal_steps=10)
    data = Histories.of([[0, 1, 2], [3], [1, 4]] * 4, 5)
    aigc.fit(model, data, steps=5, batch_size=4, validate=data, validate_at=(2, 5))
    assert model.steps == 5


def test_items_are_hidden_in_training_only():
    torch.manual_seed(0)
    model = MultVAE(50, 4, 8, dropout=0.5)
    batch, seen, encode = torch.arange(50).expand(400, -1), [], model.encode
    model.encode = lambda x: seen.append(x) or encode(x)
    model.training_step(batch, lambda name, loss: None)
    assert seen[0].mean().item() == pytest.approx(0.5, abs=0.02)
    model.eval()
    model.training_step(batch, lambda name, loss: None)
    assert seen[1].mean() == 1
    assert torch.equal(model.scores(batch[:1]), encode_scores(model, batch[:1]))


def encode_scores(model, batch):
    """The scores by the parts of the paper: the decoder at the mean of q."""
    model.encode = type(model).encode.__get__(model)
    with torch.no_grad():
        return model.decoded(model.encode(rows_of(batch, 50))[0])


def test_an_interrupted_run_is_the_same(tmp_path):
    data = Histories.of([[0, 1, 2], [3], [1, 4]] * 8, 5)

    def fresh():
        torch.manual_seed(0)
        return MultVAE(5, 2, 4, anneal_steps=6)

    whole, parts = fresh(), fresh()
    aigc.fit(whole, data, steps=8, batch_size=4, cooldown=0)
    path = tmp_path / "run.pt"
    aigc.fit(parts, data, steps=4, batch_size=4, cooldown=0, checkpoint=path)
    parts = fresh()
    aigc.fit(parts, data, steps=8, batch_size=4, cooldown=0, checkpoint=path)
    for mine, theirs in zip(
        whole.state_dict().values(), parts.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda items: MultVAE(items, 8, 64, anneal_steps=50),
        lambda items: SASRec(items, context=12, width=32, depth=1),
    ],
)
def test_a_model_learns_a_taste(make, world):
    torch.manual_seed(0)
    model = make(world["train"].items)
    chance = judged(model, world["test"], k=10)[0]["recall_at_10"].mean()
    history = aigc.fit(model, world["train"], steps=150, batch_size=64)
    (losses,) = history.losses.values()
    assert losses[-1] < losses[0]
    learned = judged(model, world["test"], k=10)[0]["recall_at_10"].mean()
    assert learned > 1.5 * chance
    half = len(world["train"].items) // 2
    taste = [f"i{i}" for i in range(half)]
    (some,) = model.recommend([[i for i in taste[:4] if i in model.items]], k=10)
    assert sum(item in taste for item in some) >= 9


def test_sasrec_learns_the_order_that_bags_do_not_see():
    world = tastes(ordered=True, seed=1)
    torch.manual_seed(0)
    model = SASRec(world["train"].items, context=12, width=32, depth=1, dropout=0.0)
    aigc.fit(model, world["train"], steps=300, batch_size=64)
    next_one = judged(model, world["test"], k=1)[0]["recall_at_1"].mean()
    bag = judged(EASE(world["train"], 10.0), world["test"], k=1)[0][
        "recall_at_1"
    ].mean()
    assert next_one > 0.9
    assert next_one > bag + 0.1


def test_no_place_sees_what_comes_later():
    torch.manual_seed(0)
    model = SASRec(9, context=6, width=8).eval()
    batch = torch.tensor([[1, 2, 3, 4]])
    changed = torch.tensor([[1, 2, 7, 8]])
    one, other = (model.net(model.begun(b)) for b in (batch, changed))
    torch.testing.assert_close(one[:, :3], other[:, :3])
    assert not torch.allclose(one[:, 3:], other[:, 3:])


def test_drawn_negatives_stand_for_all_items():
    """Their mean over many draws comes close to the sum over all."""
    torch.manual_seed(0)
    few = SASRec(300, width=8, negatives=100)
    torch.nn.init.normal_(few.net.token.weight, std=0.5)
    states, wanted = torch.randn(40, 8), torch.randint(300, (40,))
    drawn = torch.stack([few.loss(states, wanted) for _ in range(300)]).mean()
    few.negatives = None
    exact = few.loss(states, wanted)
    logits = states @ few.net.token.weight[:300].T
    torch.testing.assert_close(exact, torch.nn.functional.cross_entropy(logits, wanted))
    assert drawn.item() == pytest.approx(exact.item(), rel=0.02)


def test_only_the_latest_items_are_read():
    model = SASRec(9, context=3, width=8)
    batch = torch.tensor([[1, 2, 3, 4, 5], [6, 7, -1, -1, -1]])
    assert model.recent(batch, 3).tolist() == [[3, 4, 5], [6, 7, -1]]
    latest = model.scores(torch.tensor([[3, 4, 5]]))
    torch.testing.assert_close(model.scores(batch)[:1], latest)


def test_made_up_users_follow_the_decoder():
    torch.manual_seed(0)
    model = MultVAE(4, 1, 2)
    with torch.no_grad():  # the same logits whatever z says
        model.decoder[-1].weight.zero_()
        model.decoder[-1].bias.copy_(torch.tensor([0.5, 0.3, 0.15, 0.05]).log())
    taken = model.taken(20_000, length=2, seed=1)
    share = taken[:, 0].bincount(minlength=4) / len(taken)
    expected = torch.tensor([0.5, 0.3, 0.15, 0.05])
    torch.testing.assert_close(share, expected, atol=0.012, rtol=0)
    after = taken[taken[:, 0] == 0, 1].bincount(minlength=4)
    torch.testing.assert_close(
        after / after.sum(), torch.tensor([0, 0.6, 0.3, 0.1]), atol=0.015, rtol=0
    )
    assert (taken[:, 0] != taken[:, 1]).all()
    assert torch.equal(taken, model.taken(20_000, length=2, seed=1))


def test_made_up_users_come_as_a_frame():
    pytest.importorskip("pandas")
    model = MultVAE(("tea", "milk", "bread"), 2, 4)
    frame = model.sample(4, length=2, seed=0)
    assert list(frame.columns) == ["user", "item"]
    assert len(frame) == 8
    assert frame.user.nunique() == 4
    assert set(frame.item) <= {"tea", "milk", "bread"}
    assert not frame.duplicated().any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": 1}, "items: 1 names"),
        ({"items": ("a", "a")}, "items: 2 names, 1 different"),
        ({"items": "tea"}, "items='tea': give a list"),
        ({"items": 5, "dropout": 1.0}, "dropout=1.0"),
        ({"items": 5, "beta": -1}, "beta=-1"),
        ({"items": 5, "beta": float("nan")}, "beta=nan"),
        ({"items": 5, "anneal_steps": -1}, "anneal_steps=-1"),
        ({"items": 5, "hidden": 0}, "hidden=0"),
    ],
)
def test_a_configuration_that_makes_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        MultVAE(**options)


@pytest.mark.parametrize("options", [{"context": 0}, {"heads": 3}, {"items": 1}])
def test_a_sequence_model_that_makes_no_sense(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        SASRec(**({"items": 5} | options))


def test_a_model_that_has_diverged_says_so(world):
    model = MultVAE(world["test"].items, 4, 8)
    with torch.no_grad():
        model.decoder[-1].bias[0] = torch.nan
    with pytest.raises(ValueError, match="scores holds NaN"):
        model.ranked(world["test"])


# ---- the handler ---------------------------------------------------------------------


def test_evaluate_counts_what_the_model_does_not_know(world):
    torch.manual_seed(0)
    model, data = kinds.handler("ratings").build(
        "mult_vae", world["train"], {"hidden": 8}
    )
    assert model.items == world["train"].items
    assert len(data) == len(world["train"])
    found = kinds.handler("ratings").evaluate(model, world["test"], 5_000, 0)
    assert found["users"] == len(world["test"])
    assert found["items_unknown_to_the_model"] == 0
    assert found["ndcg_at_40_from"] <= found["ndcg_at_40"] <= found["ndcg_at_40_to"]
    fewer = MultVAE(world["train"].items[:30], 4, 8)
    found = kinds.handler("ratings").evaluate(fewer, world["test"], 10, 0)
    assert found["items_unknown_to_the_model"] == 10
    assert found["users"] == 10
