"""What the benchmarks of inspection and job shops compute themselves."""

import numpy as np
import pytest
import torch

from aigc_lib.data.store import find
from benchmarks import inspection, inspection_normals, inspection_together, jobshop


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(inspection, "STEPS", 4)
    monkeypatch.setattr(inspection, "SEARCH", 2)
    monkeypatch.setattr(inspection, "STARTS", (0.5,))


def test_every_detector_is_judged_on_cloth(hurried, monkeypatch):
    whole = inspection.cloth(0)
    assert not set(map(bytes, whole["train"].numpy())) & set(
        map(bytes, whole["test"].numpy())
    )
    small = {key: whole[key][:70] for key in whole}
    monkeypatch.setitem(inspection.SETS, "cloth", lambda seed: small)
    found = inspection.inspect("cloth", 0)
    assert set(found["ways"]) == set(inspection.WAYS)
    for way, row in found["ways"].items():
        assert 0 <= row["auroc"] <= 1
        assert ("aupro" in row) == (way != inspection.SIMPLE)
        assert {"scratch", "hole", "stain", "slip"} < set(row)
    assert found["picked"]["share"] in inspection.SHARES
    assert found["picked"]["descriptor"] in ("garments", "pixels")


@pytest.mark.skipif(find("bsdata") is None, reason="bsdata is not here")
def test_no_place_is_learned_and_judged():
    data = inspection.patches(32)
    judged = 0
    for number in range(5):
        parts = inspection.bsdata(number)
        kept = [set(map(bytes, parts[k].numpy())) for k in ("train", "validation")]
        test = set(map(bytes, parts["test"].numpy()))
        assert not test & (kept[0] | kept[1])
        assert not kept[0] & kept[1]
        ill = set(map(bytes, data.x[data.defect].numpy()))
        assert not ill & (kept[0] | kept[1])  # nothing but normals is learned
        judged += len(parts["test"])
    assert judged == len(data.x)


def test_pasted_defects_are_compared_with_the_detectors_too():
    def figures(auroc, place):
        return {"auroc": auroc + 0.01 * place, "alarms": 0.3}

    levels = dict(zip(inspection.ARMS, (0.86, 0.95, 0.82, 0.91), strict=True))
    trials = [
        {way: figures(level, place) for way, level in levels.items()}
        for place in range(5)
    ]
    detectors = {inspection.PCA: 0.89, inspection.MEMORY: 0.88}
    found = [
        {"ways": {way: figures(level, place) for way, level in detectors.items()}}
        for place in range(5)
    ]
    gains = inspection.classifier_gains(trials, found)
    assert len(gains) == 2 * (3 + 4)
    for way, other in [
        (inspection.PASTED, inspection.PCA),
        (inspection.NONE, inspection.MEMORY),
        (inspection.DRAWN, inspection.REAL),
    ]:
        gain = gains[f"classifier, auroc, {way} against {other}"]
        # places differ, the difference within a place does not
        expected = levels[way] - (levels | detectors)[other]
        np.testing.assert_allclose(list(gain.values()), expected, atol=1e-6)
        assert gains[f"classifier, alarms, {way} against {other}"]["gain"] == 0


def test_ways_count_by_the_spread_of_their_normals():
    """The unit of a distance, and the zero and unit of logits, change nothing."""
    together, generator = inspection_together, np.random.default_rng(0)
    x, usual = np.exp(generator.normal(size=(2, 50)))
    level = together.in_normals(inspection.PCA, x, usual)
    np.testing.assert_allclose(
        level, together.in_normals(inspection.PCA, 7 * x, 7 * usual)
    )
    np.testing.assert_allclose(
        level, together.in_normals(inspection.MARKER, 2 * np.log(x), 2 * np.log(usual))
    )
    itself = together.in_normals(inspection.MEMORY, usual, usual)
    np.testing.assert_allclose([itself.mean(), itself.std()], [0, 1], atol=1e-12)


def test_what_all_together_regain_and_lose_is_counted():
    """At 10 of 100 normals: two defects above them, one only just not."""
    defect = np.arange(103) >= 100
    scores = np.append(np.arange(100.0), [89.0, 90.0, 200.0])
    assert inspection_together.above(scores, defect).tolist() == [False, True, True]
    stopped = {
        inspection.PCA: [True, True, False, False, False],
        inspection.MEMORY: [True, False, True, False, False],
        inspection.MARKER: [False, False, False, True, False],
        inspection_together.TOGETHER: [True, True, False, True, True],
    }
    found = inspection_together.misses({k: np.array(v) for k, v in stopped.items()})
    names = "missed", "regained", "lost", "defects"
    counts = {way: tuple(row[name] for name in names) for way, row in found.items()}
    assert counts == {
        inspection.PCA: (3, 2, 0, 5),
        inspection.MEMORY: (3, 3, 1, 5),
        inspection.MARKER: (4, 3, 0, 5),
        inspection_together.TOGETHER: (1, 0, 0, 5),
        inspection_together.ANY: (1, 1, 1, 5),
    }


def test_three_are_judged_together_on_cloth(hurried, monkeypatch):
    """The mean stands between its parts; nothing but the three is trained."""
    whole = inspection.cloth(0)
    small = {key: whole[key][:70] for key in whole}
    monkeypatch.setitem(inspection.SETS, "cloth", lambda seed: small)
    monkeypatch.setattr(inspection, "DCGAN", None)
    found = inspection_together.inspect("cloth", 0)
    ways = found["ways"]
    assert set(ways) == {*inspection_together.PARTS, inspection_together.TOGETHER}
    each = [row["auroc"] for row in ways.values()]
    assert min(each[:3]) < each[3] < 1.0001
    assert ways[inspection.PCA]["auroc"] > 0.9
    summary = inspection_together.summed([found, found])
    assert len(summary["alike"]) == 6
    pca = summary["missed"][inspection.PCA]
    assert pca["missed"] == 2 * found["missed"][inspection.PCA]["missed"]


def test_brightness_and_contrast_are_two_numbers():
    normals = torch.randint(90, 110, (200, 1, 8, 8), dtype=torch.uint8)
    usual, bright = normals[:1], normals[:1] + 60
    low, high = inspection.simple(normals, torch.cat([usual, bright]))
    assert high > 100 * max(low, 1)
    shuffled = usual.flatten()[torch.randperm(64)].view(1, 1, 8, 8)
    assert inspection.simple(normals, shuffled) == pytest.approx(low)


def test_a_week_is_planned_and_broken(monkeypatch):
    pytest.importorskip("ortools")
    generator = np.random.default_rng(0)

    def week(number):
        machines = np.stack([generator.permutation(3) for _ in range(4)])
        shop = jobshop.jobshop.JobShop(machines, generator.integers(5, 30, (4, 3)))
        drawn = generator.gamma(6, 1 / 6, (3, 40, 4))
        lots = [jobshop.jobshop.lots(shop, q, np.ones(4)) for q in drawn]
        sources = dict(zip((jobshop.PAST, jobshop.OURS, "real"), lots, strict=True))
        return {"shop": shop.with_due(1.5), **sources, jobshop.TRUTH: lots[2]}

    monkeypatch.setattr(jobshop, "week", week)
    monkeypatch.setattr(jobshop, "EFFORT", 0.1)
    monkeypatch.setattr(jobshop, "TRIALS", 2)
    jobshop.best_rule.cache_clear()
    found = jobshop.planned(0)
    ways = (jobshop.PLAIN, jobshop.PAST, jobshop.OURS, jobshop.TRUTH)
    # chosen by the very weeks that it is judged on, the truth is never late more
    assert found[jobshop.TRUTH]["late"] == min(found[way]["late"] for way in ways)
    for way in (*ways, jobshop.RULE, jobshop.RULES):
        assert found[way]["tail"] >= found[way]["late"]
    down = jobshop.broken(0)
    jobshop.best_rule.cache_clear()
    assert down["before"]["late"] <= down[jobshop.KEPT]["late"]
    assert down[jobshop.ANEW]["late"] <= down[jobshop.KEPT]["late"] + 1e-9


def test_moved_copies_are_the_normals_elsewhere():
    x = torch.randint(256, (5, 1, 32, 32), dtype=torch.uint8)
    assert torch.equal(inspection_normals.moved(x, 0, most=0), x)
    found = inspection_normals.moved(x, 0)
    for old, new in zip(x[:, 0], found[:, 0], strict=True):
        inner = new[2:-2, 2:-2]
        assert any(
            torch.equal(inner, old[i : i + 28, j : j + 28])
            for i in range(5)
            for j in range(5)
        )
    assert not torch.equal(found, x)


@pytest.mark.skipif(find("bsdata") is None, reason="bsdata is not here")
def test_normals_are_drawn_from_what_is_learned(hurried, monkeypatch):
    whole = inspection.bsdata(0)
    few = {key: whole[key][:70] for key in ("train", "validation")}
    last = {key: whole[key][-60:] for key in ("test", "defect")}
    monkeypatch.setattr(inspection_normals, "bsdata", lambda _: whole | few | last)
    seen = []

    def watched(parts, seed, ways):
        seen.append(parts["train"])
        return inspection.detectors(parts, seed, ways)

    monkeypatch.setattr(inspection_normals, "detectors", watched)
    found = inspection_normals.inspect(0)
    assert set(found["ways"]) == set(inspection_normals.WAYS)
    assert [len(x) for x in seen] == [70, 140, 140]
    assert all(torch.equal(x[:70], few["train"]) for x in seen)
    assert not torch.equal(seen[1][70:], seen[2][70:])


def test_what_was_added_is_compared_with_nothing_added():
    levels = dict.fromkeys(inspection_normals.WAYS, 0.8)
    levels[f"{inspection.PCA}, {inspection_normals.DRAWN}"] = 0.9
    found = [
        {"ways": {w: {"auroc": v + place, "alarms": 0.5} for w, v in levels.items()}}
        for place in (0.01, 0.02, 0.03)
    ]
    gains = inspection_normals.gains(found)
    got = {key: value["gain"] for key, value in gains.items()}
    changed = f"auroc, {inspection.PCA}, {inspection_normals.DRAWN}"
    assert got.pop(changed) == pytest.approx(0.1)
    assert set(got.values()) == {0}
