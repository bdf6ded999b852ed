"""The benchmarks of recommenders and bandits: what they compare is comparable."""

import pytest
import torch
from test_ranking import tastes

from benchmarks import bandit, ranking
from benchmarks.ranking import ABLATION, ALS, METHODS, OURS, grid, measured, rows_of_set

pytest.importorskip("implicit")


@pytest.fixture(scope="module")
def log():
    return tastes(300)["train"].log()


def test_a_grid_has_every_combination():
    assert grid(a=(1, 2), b=("x",)) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]


def test_the_peer_keeps_the_contract():
    """Its scores are those that it gives to the users that it was trained on."""
    world = tastes(300)
    model = ALS(world["train"], factors=8, alpha=10.0)
    batch = world["train"][:20]
    own = model.model.user_factors[:20] @ model.model.item_factors.T
    assert model.scores(batch).shape == (20, 40)
    # it stops after 15 rounds: a user's row is up to date but for the last step
    both = torch.stack([model.scores(batch).flatten(), torch.from_numpy(own).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.99
    taste = model.recommend([[f"i{i}" for i in range(6)]], 5)[0]
    assert all(int(name[1:]) < 20 for name in taste)
    assert len(model.recommend([[]], 5)[0]) == 5


def test_all_methods_are_judged_by_the_same_users(log, monkeypatch):
    monkeypatch.setattr(ranking, "K", 20)
    settings = {name: tries[0] for name, (_, tries) in METHODS.items()}
    settings |= {name: settings[OURS] | change for name, change in ABLATION.items()}
    for name in settings:
        if "steps" in settings[name]:
            settings[name] = settings[name] | {"steps": 2}
    settings |= dict.fromkeys(ranking.LATELY, ranking.SHIFTS[1])
    settings["implicit, ALS"] = {"factors": 4, "alpha": 1.0}
    folds = [measured(fold, log, settings) for fold in (1, 2)]
    rows = rows_of_set("made", {"settings": settings, "folds": folds})
    assert [row["method"] for row in rows] == list(settings)
    assert len({row["users"] for row in rows}) == 1
    for row in rows:
        low, high = row["ndcg_at_20_interval"]
        assert low <= row["ndcg_at_20"] <= high
        assert ("ours_minus_this" in row) == (row["method"] != OURS)
    best = max(rows, key=lambda row: row["ndcg_at_20"])
    assert "best_minus_this" not in best


def test_the_worlds_are_as_their_names_say():
    for name, rates in bandit.worlds().items():
        assert rates.shape == (bandit.REPLICATIONS, bandit.ARMS)
        if "twice" in name:
            assert rates[0].max() == 2 * rates[0].min()
    policies = bandit.policies(3)
    assert bandit.REFERENCE in policies
    tests = [p for name, p in policies.items() if name.startswith("A/B")]
    assert max(p.each * bandit.ARMS for p in tests) == bandit.VISITORS
    assert ranking.K == 100
