"""Knowledge tracing: what the past may tell, what is learned, AUC and its interval."""

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

import aigc_lib as aigc
from aigc_lib import kinds
from aigc_lib.data.answers import Answers
from aigc_lib.metrics import tracing
from aigc_lib.models import KnowledgeTracer
from aigc_lib.models.tracing import Attention

ITEMS = ("加", "乘", ("乘", "加"))
networks = pytest.mark.parametrize("network", ["recurrent", "attention"])


def small(network, **options):
    torch.manual_seed(0)
    return KnowledgeTracer(ITEMS, network=network, width=16, window=8, **options)


def some(n=6, length=40, seed=0):
    rng = np.random.default_rng(seed)
    return Answers.of(
        {
            str(u): [
                (ITEMS[i], int(r))
                for i, r in zip(
                    rng.integers(3, size=length - u),
                    rng.integers(2, size=length - u),
                    strict=True,
                )
            ]
            for u in range(n)
        },
        items=ITEMS,
    )


@networks
def test_nothing_of_what_comes_later_is_known(network):
    model, data = small(network), some(1)
    before = model.probabilities(data)
    assert before.shape == (40,)
    for place in (0, 7, 8, 20, 39):
        right = data.right.clone()
        right[place:] = 1 - right[place:]
        other = Answers(data.item, right, data.starts, data.items, data.learners)
        after = model.probabilities(other)
        assert torch.allclose(before[: place + 1], after[: place + 1], atol=1e-6)
        if place < 39:
            assert not torch.allclose(before[place + 1], after[place + 1], atol=1e-6)


@networks
def test_a_learner_alone_and_among_others(network):
    model, data = small(network), some()
    together = model.probabilities(data)
    for u in range(len(data)):
        rows = slice(data.starts[u], data.starts[u + 1])
        alone = model.probabilities(data.some(slice(u, u + 1)))
        assert torch.allclose(alone, together[rows], atol=1e-5)


@networks
def test_mastery_is_the_next_probability(network):
    model, data = small(network), some()
    for item, right in ((0, 1), (2, 0)):
        longer = Answers.of(
            {
                name: [
                    *((data.items[i], r) for i, r in _own(data, u)),
                    (data.items[item], right),
                    (data.items[1], 1),
                ]
                for u, name in enumerate(data.learners)
            },
            items=ITEMS,
        )
        said = model.probabilities(longer)
        ends = longer.starts[1:]
        assert torch.allclose(said[ends - 2], model.mastery(data)[:, item], atol=1e-5)
        after = model.mastery(data, then=(item, right))
        assert torch.allclose(said[ends - 1], after[:, 1], atol=1e-5)


def _own(data, u):
    rows = slice(data.starts[u], data.starts[u + 1])
    return zip(data.item[rows].tolist(), data.right[rows].tolist(), strict=True)


@networks
def test_learners_of_no_and_of_one_answer(network):
    model = small(network)
    data = Answers.of({"new": [], "one": [("加", 1)], "two": [("加", 1)] * 2})
    said = model.probabilities(data)
    assert torch.allclose(said[0], said[1])  # nothing is known before the first
    assert model.mastery(data).shape == (3, 3)
    assert torch.allclose(model.mastery(data)[0, 0], said[0], atol=1e-6)
    nobody = data.some(slice(1))
    assert model.probabilities(nobody).shape == (0,)
    aigc.fit(model, data, steps=2, batch_size=3)


def test_pieces_see_at_least_a_window():
    torch.manual_seed(0)
    net = Attention(16, 2, 2, 0.0, 5).eval()
    x = torch.randn(2, 33, 16)
    whole = net(x)
    assert whole.shape == x.shape
    changed = x.clone()
    changed[:, 20] += torch.randn(16)
    moved = (net(changed) - whole).abs().amax((0, 2)) > 1e-6
    assert not moved[:20].any()
    assert moved[20:26].all()  # each place sees itself and five before it
    assert torch.allclose(net(x[:, :10]), whole[:, :10], atol=1e-6)


def follows(n, seed, length=16):
    """Learners who are always right from their third answer on, but for some noise."""
    rng = np.random.default_rng(seed)
    return Answers.of(
        {
            f"{seed} {u}": [
                ("加", int(rng.random() < (0.05 if place < 3 else 0.95)))
                for place in range(length)
            ]
            for u in range(n)
        }
    )


@networks
def test_it_learns_what_counts_alone_cannot_say(network):
    torch.manual_seed(0)
    model = KnowledgeTracer(["加"], network=network, width=16, learning_rate=1e-2)
    aigc.fit(model, follows(200, 0), steps=120, batch_size=50)
    test = follows(100, 1)
    best = np.tile([0.05] * 3 + [0.95] * 13, 100)
    assert tracing.auc(test.right, model.probabilities(test)) > (
        tracing.auc(test.right, best) - 0.03
    )


@networks
def test_saved_and_loaded(network, tmp_path):
    model, data = small(network), some()
    loaded = aigc.models.load(model.save(tmp_path / "m"))
    assert loaded.items == model.items
    assert torch.equal(loaded.probabilities(data), model.probabilities(data))


def test_items_by_name_and_those_unknown():
    model, data = small("recurrent"), some()
    turned = Answers.of(
        {
            n: [(data.items[i], r) for i, r in _own(data, u)]
            for u, n in enumerate("012345")
        }
    )
    assert turned.items != model.items
    assert torch.allclose(model.probabilities(turned), model.probabilities(data))
    with pytest.raises(ValueError, match="item='微积分'"):
        model.probabilities(Answers.of({"a": [("微积分", 1)]}))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"network": "magic"}, "network='magic'"),
        ({"width": 6}, "width=6, heads=4"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"items": ()}, "items: 0"),
        ({"items": ("加", ("加",))}, "items: 2, 1 different"),
        ({"items": ("",)}, "item=''"),
        ({"window": 0}, "window=0"),
    ],
)
def test_bad_arguments(options, says):
    with pytest.raises(ValueError, match=says):
        KnowledgeTracer(**({"items": ITEMS} | options))


# ---- AUC -----------------------------------------------------------------------------


def drawn(n=400, seed=0):
    rng = np.random.default_rng(seed)
    right = rng.integers(2, size=n)
    chances = (right + 2 * rng.standard_normal(n)).round(1)  # many are equal
    return right, chances, rng.integers(40, size=n)


def test_auc_against_two_oracles():
    right, chances, _ = drawn()
    u = mannwhitneyu(chances[right == 1], chances[right == 0]).statistic
    assert tracing.auc(right, chances) == pytest.approx(
        u / (right.sum() * (1 - right).sum())
    )
    assert tracing.auc(right, chances) == pytest.approx(roc_auc_score(right, chances))


def test_intervals_by_copying_whole_learners():
    right, chances, learner = drawn()
    other = np.random.default_rng(1).standard_normal(len(right))
    rng, found = np.random.default_rng(5), []
    names = np.unique(learner)
    for _ in range(50):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=40)
        rows = np.repeat(np.arange(len(right)), times[learner])
        found.append([roc_auc_score(right[rows], x[rows]) for x in (chances, other)])
    one, two = np.array(found).T
    options = {"resamples": 50, "seed": 5}
    low, high = tracing.auc_interval(right, chances, learner, **options)
    assert [low, high] == pytest.approx(np.quantile(one, [0.025, 0.975]))
    gain = tracing.auc_gain(right, chances, other, learner, **options)
    assert gain[1:] == pytest.approx(np.quantile(one - two, [0.025, 0.975]))
    same = tracing.auc_gain(right, chances, 2 * chances + 1, learner, **options)
    assert tuple(same) == (0, 0, 0)


def test_auc_refuses():
    right, chances, learner = drawn()
    for bad, says in (
        ((right * 0, chances), "all alike"),
        ((right + 1, chances), "other values"),
        ((right, chances[:3]), "one number"),
        ((right, chances * np.nan), "NaN"),
    ):
        with pytest.raises(ValueError, match=says):
            tracing.auc(*bad)
    with pytest.raises(ValueError, match="an interval needs two"):
        tracing.auc_interval(right, chances, learner * 0)
    with pytest.raises(ValueError, match="give one each"):
        tracing.auc_interval(right, chances, learner[:50])


def test_from_the_catalogue_to_figures():
    data = aigc.data.load("made_learners")
    model, rows = kinds.build("knowledge_tracer", data, {"width": 16})
    aigc.fit(model, rows, steps=3)
    test = aigc.data.load("made_learners", split="test")
    figures = kinds.evaluate(model, test, n=20, seed=0)
    assert figures["learners"] == 20
    assert figures["auc_from"] < figures["auc"] < figures["auc_to"]
