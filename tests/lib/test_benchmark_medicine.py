"""Parts of the benchmarks of chapter 19: who learns from what."""

import numpy as np
import pytest
import torch

from benchmarks import molecules, molecules_longer, xrays, xrays_shifts


def test_a_tenth_is_one_of_each_kind_and_another_one_each_seed():
    train = xrays.parts("phantoms")["train"]
    x, kind = xrays.tenth("phantoms", 0)
    for k in range(4):
        assert (kind == k).sum() == round(0.1 * int((train.kind == k).sum()))
    other, _ = xrays.tenth("phantoms", 1)
    assert not torch.equal(x, other)
    seen = {picture.numpy().tobytes() for picture in train.x}
    assert all(picture.numpy().tobytes() in seen for picture in x)


def test_splits_of_phantoms_share_no_picture():
    parts = xrays.parts("phantoms")
    seen = [{x.numpy().tobytes() for x in part.x} for part in parts.values()]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    assert set(parts["test"].group) == {"large body", "small body"}


def test_balanced_repeats_and_joined_adds():
    real = torch.arange(6.0).view(6, 1, 1, 1), torch.tensor([0, 0, 0, 0, 1, 2])
    x, kind = xrays.balanced(real)
    assert torch.bincount(kind).tolist() == [4, 4, 4]
    assert set(x.flatten().tolist()) == set(range(6))
    x, kind = xrays.joined(real, torch.full((3, 1, 1, 1), -1.0))
    assert x[6:].flatten().tolist() == [-1] * 3
    assert kind[6:].tolist() == [0, 1, 2]


def test_gains_are_paired_by_seed():
    ways = {
        name: {"auc": 0.5}
        for name in (
            *("flow", "VAE", "flips and shifts", "rare ones more often", "as they are"),
            *("shifts", "all of the training split"),
        )
    }
    runs = [
        {"figures": ways | {"flow": {"auc": 0.5 + gain}}} for gain in (0.1, 0.2, 0.3)
    ]
    found = xrays.gains(runs, "x")
    flow = [g for g in found if (g["recipe"], g["against"]) == ("flow", "shifts")]
    assert not flow
    (flow,) = [g for g in found if g["recipe"] == "flow" and "flips" in g["against"]]
    assert flow["gain"] == pytest.approx(0.2)
    assert flow["from"] < 0.1
    assert flow["to"] > 0.3


def test_shifts_are_compared_with_shifts(monkeypatch):
    changes, sizes = [], []

    def detector(x, kind, change, seed):
        changes.append(change)
        sizes.append(len(x))
        assert len(x) == len(kind)

    monkeypatch.setattr(xrays_shifts, "detector", detector)
    monkeypatch.setattr(xrays_shifts, "judged", lambda name, net: {"auc": 0.5})
    monkeypatch.setattr(xrays_shifts, "drawn", lambda how, real, seed: real[0][:5])
    found = xrays_shifts.measure("phantoms", 0)["figures"]
    assert list(found) == ["shifts", *xrays_shifts.WITH.values()]
    assert set(changes) == {xrays.shifts}
    assert sizes == [sizes[0], sizes[0] + 5, sizes[0] + 5]


def test_rows_of_molecules_keep_the_seeds_apart(monkeypatch):
    monkeypatch.setattr(molecules, "N", 100)
    runs = {"a": [{"b": {"valid": share}} for share in (0.9, 1.0, 0.95)]}
    (row,) = molecules.summarised(runs)
    assert (row["method"], row["valid"]) == ("b", 0.95)
    assert (row["valid_min"], row["valid_max"]) == (0.9, 1.0)
    assert row["valid_interval"][0] < 285 / 300 < row["valid_interval"][1]


def test_what_is_judged_is_compared_with_held_out_ones(monkeypatch):
    real = ["CCO", "c1ccccc1", "CCN"]
    from aigc_lib.metrics import molecules as chemistry

    facts = {"properties": chemistry.properties(real), "scaffolds": {"c1ccccc1"}}
    monkeypatch.setattr(molecules, "references", lambda: facts)
    monkeypatch.setattr(molecules, "known", lambda: frozenset(["CCO"]))
    found = molecules.judged([*real, "C1CC1", "C(("], 1.0, 2.0)
    assert found["valid"] == 0.8
    assert found["new"] == 0.75
    assert found["new_scaffolds"] == 0.5  # of two with a ring
    assert np.isfinite(found["distance"])


def test_a_longer_gpt_writes_in_four_ways(monkeypatch):
    asked, tried = [], []

    def learned(*how):
        asked.append(how)
        return None, None, 0.0

    def written(model, tokenizer, seed, *, n, temperature):
        tried.append((seed, n, temperature))
        return ["C" if temperature <= 0.6 or k % 2 else "C(" for k in range(n)]

    monkeypatch.setattr(molecules_longer, "learned_gpt", learned)
    monkeypatch.setattr(molecules_longer, "written", written)
    monkeypatch.setattr(
        molecules_longer,
        "by_ways",
        lambda taught, seed, ways: {name: {"asked": how} for name, how in ways.items()},
    )
    found = molecules_longer.measure(molecules_longer.NAME, 1)
    assert asked == [(1, molecules_longer.STEPS, molecules_longer.EMA)]
    assert molecules_longer.STEPS > 2 * molecules.STEPS
    ways = [row["asked"] for row in found.values()]
    assert ways == [{}, {"temperature": 0.8}, {"keeps": True}, {"temperature": 0.6}]
    assert found[molecules_longer.CHOSEN]["temperature"] == 0.6
    # on other strings than those that are judged, from the highest down
    assert tried == [(501, molecules_longer.TRIED, t) for t in (0.8, 0.7, 0.6)]
