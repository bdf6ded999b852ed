"""What the benchmark of levels computes itself: its opponents, ceiling and gains."""

import pytest
import torch

from aigc_lib.data.store import find
from aigc_lib.models.transformer.levels import LevelWriter
from benchmarks import levels, platform_levels


@pytest.mark.skipif(find("boxoban") is None, reason="boxoban is not here")
def test_real_ones_are_neither_learned_nor_of_the_reference(monkeypatch):
    monkeypatch.setattr(levels, "N", 300)
    compared = {level.rows for level in levels.levels("test")[:300]}
    learned = {level.rows for level in levels.levels()}
    drawn = levels.real_ones(0)
    assert len(set(drawn)) == 300
    assert not set(drawn) & (compared | learned)
    assert set(levels.real_ones(1)) != set(drawn)


def test_who_learns_on_leaves_the_other_as_it_was(monkeypatch):
    monkeypatch.setattr(levels, "MORE", 2)
    monkeypatch.setattr(levels, "BATCH", 4)
    some = [levels.SokobanLevel.read(text) for text in levels.backwards(4, seed=0)]
    monkeypatch.setattr(levels, "levels", lambda split="train": some)
    monkeypatch.setattr(levels, "Sokoban", None)  # the solver is not asked
    model = LevelWriter(order="room", width=16, depth=1, heads=2)
    before = [p.clone() for p in model.parameters()]
    more = levels.longer(model, seed=0)
    assert all(
        torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)
    )
    assert any(
        not torch.equal(a, b) for a, b in zip(before, more.parameters(), strict=True)
    )


def test_gains_are_those_of_who_was_taught():
    parts = [
        {
            name: {"solved_new": 0.5 + 0.01 * seed, "overlap": 0.7}
            for name in levels.NAMES
        }
        for seed in range(3)
    ]
    for part in parts:
        part["taught"] = {
            "solved_new": part["longer"]["solved_new"] + 0.2,
            "overlap": 0,
        }
    row = levels.row_of("longer", parts)
    assert row["gain"] == pytest.approx(0.2)
    assert row["gain_interval"] == pytest.approx([0.2, 0.2])
    assert row["overlap_gain"] == pytest.approx(-0.7)
    assert row["solved_new"] == 0.51
    for name in ("taught", levels.REAL):
        assert "gain" not in levels.row_of(name, parts)
    assert "gain" not in levels.row_of("longer", parts[:1])


FLAT = ["--X", "--X"]
PIPE = ["-<X", "->X"]


def test_the_longest_run_that_stands_in_a_known_level():
    known = [["a", "b", "c", "d"], ["x", "y"]]
    assert platform_levels.longest_run(["z", "b", "c", "d", "x"], known) == 3
    assert platform_levels.longest_run(["d", "x", "y"], known) == 2  # not across levels
    assert platform_levels.longest_run(["q"], known) == 0


def test_half_pipes_are_seen_from_both_sides():
    assert platform_levels.pipes_are_whole([*FLAT, *PIPE, *FLAT])
    assert not platform_levels.pipes_are_whole([*FLAT, PIPE[0], *FLAT])
    assert not platform_levels.pipes_are_whole([*FLAT, PIPE[1], *FLAT])
    assert platform_levels.pipes_are_whole([PIPE[1], *FLAT, PIPE[0]])  # cut by the edge


def test_a_draft_ends_where_one_can_stand(monkeypatch):
    monkeypatch.setattr(platform_levels, "levels", lambda split: [FLAT * 3])
    hole = ["---"] * 2
    found = platform_levels.verdict([*FLAT, *PIPE, *hole], limit=2)
    assert found["exit"] is False
    assert found["crossed"] is found["whole"] is found["new"] is True
    assert found["all_three"] is True
    assert platform_levels.verdict(FLAT * 2, limit=2)["new"] is False
    assert platform_levels.verdict(hole, limit=2)["crossed"] is False
    far = [*FLAT, *hole * 20, *FLAT]
    assert platform_levels.verdict(far, limit=2)["crossed"] is False


def test_chains_are_compared_with_one_column():
    figures = dict.fromkeys(platform_levels.FIGURES, 0.5)
    runs = [{"1": figures, "4": figures | {"new": 0.2}}] * 3
    row = platform_levels.row_of("4", runs)
    assert row["new_gain"] == pytest.approx(-0.3)
    assert row["crossed_gain_interval"] == pytest.approx([0, 0])
    assert "new_gain" not in platform_levels.row_of("1", runs)
