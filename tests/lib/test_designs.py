"""Designs and their rules: ranges, contradictions, pictures, judges."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_lib.codecs.designs import Derived, Rule, Space, contrast, crossed
from aigc_lib.data.made.designs import COLLECTIONS, SPACES
from aigc_lib.data.made.drawn import drawn, mixed, sheet
from aigc_lib.metrics.designs import DesignJudge


def space(*rules: Rule) -> Space:
    return Space(
        {"a": (0.0, 10.0), "b": (0.0, 10.0)},
        {"kind": ("x", "y"), "ink": ("#000000", "#777777")},
        rules,
        {"contrast": Derived(("ink",), lambda ink: contrast(ink, "#ffffff"))},
    )


def rows(**columns) -> pd.DataFrame:
    return pd.DataFrame({"kind": ["x"], "ink": ["#000000"], **columns})


def test_contrast_against_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#d13438", "#d13438") == 1
    # the lightest grey that passes 4.5 on white, an example that W3C names
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    with pytest.raises(ValueError, match="#rrggbb"):
        contrast("red", "#ffffff")


def test_a_rule_is_read_as_it_is_written():
    one = space(Rule("longer", {"a": 1, "b": -1}, 2, {"kind": ("x",)}))
    frame = pd.DataFrame(
        {
            "a": [5.0, 4.0, 3.0, 3.0],
            "b": [3.0, 3.0, 3.0, 3.0],
            "kind": ["x", "x", "x", "y"],
            "ink": ["#000000"] * 4,
        }
    )
    assert one.kept(frame)["longer"].tolist() == [True, False, False, True]
    assert str(one.rules[0]) == "1 a -1 b >= 2, when kind in x"


def test_derived_numbers_count_in_rules():
    one = space(Rule("seen", {"contrast": 1}, 4.5))
    frame = rows(a=[1.0], b=[1.0])
    assert one.keeps(frame).all()
    assert not one.keeps(frame.assign(ink="#777777")).any()  # 4.48


def test_rules_that_contradict_each_other_are_named_and_no_others():
    with pytest.raises(ValueError, match="contradict") as told:
        space(
            Rule("innocent", {"a": 1}, 1),
            Rule("a above b", {"a": 1, "b": -1}, 1),
            Rule("b above a", {"b": 1, "a": -1}, 1),
        )
    assert "a above b" in str(told.value)
    assert "b above a" in str(told.value)
    assert "innocent" not in str(told.value)


def test_a_contradiction_over_three_rules_and_one_with_a_range():
    with pytest.raises(ValueError, match="contradict"):
        space(
            Rule("1", {"a": 1, "b": 1}, 12),
            Rule("2", {"a": -1}, -5),
            Rule("3", {"b": -1}, -5),
        )
    with pytest.raises(ValueError, match="too much"):
        space(Rule("too much", {"a": 1}, 11))


def test_rules_for_different_choices_do_not_contradict():
    fine = space(
        Rule("up", {"a": 1}, 8, {"kind": ("x",)}),
        Rule("down", {"a": -1}, -2, {"kind": ("y",)}),
    )
    assert fine.contradiction() == []
    with pytest.raises(ValueError, match="contradict"):
        space(
            Rule("up", {"a": 1}, 8, {"kind": ("x", "y")}),
            Rule("down", {"a": -1}, -2, {"kind": ("x", "y")}),
        )


def test_choices_alone_can_contradict():
    with pytest.raises(ValueError, match="seen"):
        space(Rule("seen", {"contrast": 1}, 22))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(-12, 12)),
        min_size=1,
        max_size=4,
    )
)
def test_a_contradiction_is_where_no_corner_keeps_all(told):
    rules = [Rule(str(i), {"a": a, "b": b}, c) for i, (a, b, c) in enumerate(told)]
    if has_corner(told):
        assert space(*rules).contradiction() == []
        return
    with pytest.raises(ValueError, match="contradict"):
        space(*rules)


def has_corner(told) -> bool:
    """Whether two of the lines, or edges of the square, meet where all is kept."""
    lines = [*told, (1, 0, 0), (0, 1, 0), (-1, 0, -10), (0, -1, -10)]
    for i, (a, b, c) in enumerate(lines):
        for x, y, z in lines[i + 1 :]:
            if not (det := a * y - b * x):
                continue
            p, q = (c * y - b * z) / det, (a * z - c * x) / det
            if all(m * p + n * q >= least - 1e-9 for m, n, least in lines):
                return True
    return False


def test_bad_spaces():
    with pytest.raises(ValueError, match="low < high"):
        Space({"a": (1.0, 1.0)}, {"k": ("x", "y")}, ())
    with pytest.raises(ValueError, match="two values"):
        Space({"a": (0.0, 1.0)}, {"k": ("x", "x")}, ())
    with pytest.raises(ValueError, match="'c'"):
        space(Rule("r", {"c": 1}, 0))
    with pytest.raises(ValueError, match="'z'"):
        space(Rule("r", {"a": 1}, 0, {"kind": ("z",)}))
    with pytest.raises(ValueError, match="'sort'"):
        space(Rule("r", {"a": 1}, 0, {"sort": ("x",)}))


def test_bad_designs():
    one = space(Rule("r", {"a": 1}, 0))
    good = rows(a=[1.0], b=[1.0])
    with pytest.raises(ValueError, match="no rows"):
        one.keeps(good[:0])
    with pytest.raises(ValueError, match=r"a=11 in row 0.*from 0 to 10"):
        one.keeps(good.assign(a=11.0))
    with pytest.raises(ValueError, match="a=nan"):
        one.keeps(good.assign(a=np.nan))
    with pytest.raises(ValueError, match="lacks 'b'"):
        one.keeps(good.drop(columns="b"))
    with pytest.raises(ValueError, match="'q'"):
        one.keeps(good.assign(kind="q"))
    with pytest.raises(ValueError, match="n"):
        one.random(0)


@pytest.mark.parametrize("name", SPACES)
def test_collections_keep_the_rules_and_a_seed_is_a_seed(name):
    made = COLLECTIONS[name](60, seed=3)
    assert len(made) == 60
    assert SPACES[name].keeps(made).all()
    assert made.equals(COLLECTIONS[name](60, seed=3))
    assert not made.equals(COLLECTIONS[name](60, seed=4))
    assert made["family"].nunique() >= 4
    with pytest.raises(ValueError, match="n"):
        COLLECTIONS[name](0)


@pytest.mark.parametrize("name", SPACES)
def test_every_rule_is_broken_by_some_random_design_and_filtering_keeps_all(name):
    found = SPACES[name]
    assert (found.kept(found.random(4_000, seed=1)).mean() < 1).all()
    few = found.random(3, seed=2, filtered=True)
    assert len(few) == 3
    assert found.keeps(few).all()


@pytest.mark.parametrize("name", SPACES)
def test_pictures_are_svg_that_depend_on_every_parameter(name):
    known = SPACES[name]
    made = COLLECTIONS[name](200, seed=0)
    one = made.iloc[[0]]
    (picture,) = drawn(one, name)
    ET.fromstring(picture)
    ends = {c: (low + high) / 2 for c, (low, high) in known.numbers.items()}
    for column, value in ends.items():
        others = drawn(made.assign(**{column: value}).head(30), name)
        assert others != drawn(made.head(30), name), column
    for column, values in known.choices.items():
        if column == "layout":  # what the rules ask for, not what is drawn
            continue
        looks = {drawn(one.assign(**{column: v}), name)[0] for v in values}
        assert len(looks) == len(values), column


def test_drawing_refuses_what_is_no_design():
    one = COLLECTIONS["watches"](1)
    with pytest.raises(ValueError, match="bezel=99"):
        drawn(one.assign(bezel=99.0), "watches")
    with pytest.raises(ValueError, match="cars"):
        drawn(one, "cars")
    with pytest.raises(ValueError, match="pictures is empty"):
        sheet([], columns=3)
    assert mixed("#000000", "#ffffff", 0.5) == "#808080"


def test_sheet_places_all_pictures():
    pictures = drawn(COLLECTIONS["posters"](5), "posters")
    root = ET.fromstring(sheet(pictures, columns=2, width=100))
    assert root.get("viewBox") == "0 0 208 416"
    assert len(root) == 5


def judge_of(n: int = 300):
    frame = COLLECTIONS["watches"](2 * n, seed=0)
    return DesignJudge(SPACES["watches"], frame[:n], frame[n:]), frame


def test_copies_are_in_the_style_but_not_new():
    judge, frame = judge_of()
    told = judge(frame[:300]).figures()
    assert told["new"] == 0
    assert told["useful"] == 0
    assert told["kept"] == 1
    assert told["in_style"] > 0.7


def test_held_out_designs_are_what_the_level_says():
    judge, frame = judge_of()
    told = judge(frame[300:])
    assert told.new.mean() == pytest.approx(0.95, abs=0.01)
    assert told.in_style.all()
    assert told.coverage == 1


def test_random_designs_are_new_and_not_in_the_style():
    judge, _ = judge_of()
    told = judge(SPACES["watches"].random(300, seed=1)).figures()
    assert told["new"] > 0.99
    assert told["in_style"] < 0.2
    assert told["kept"] < 0.1


def test_what_breaks_rules_covers_nothing():
    judge, frame = judge_of()
    broken = frame[300:].assign(hour_length=75.0, minute_length=76.0)
    told = judge(broken)
    assert not told.kept.any()
    assert told.coverage == 0


def test_neighbours_are_the_nearest_others():
    judge, frame = judge_of(40)
    near = judge.neighbours(3)
    rows_ = judge.features(frame[:40][SPACES["watches"].columns])
    far = ((rows_[:, None] - rows_[None]) ** 2).sum(-1)
    np.fill_diagonal(far, np.inf)
    assert (near[:, 0] == far.argmin(1)).all()
    with pytest.raises(ValueError, match="k=40"):
        judge.neighbours(40)
    with pytest.raises(ValueError, match="k=40 with 40 held-out"):
        DesignJudge(SPACES["watches"], frame[:40], frame[40:], k=40)


def test_what_passes_keeps_the_rules_and_repeats_nothing():
    judge, frame = judge_of()
    assert not judge.passes(frame[:300]).any()  # copies
    fresh = COLLECTIONS["watches"](300, seed=5)
    assert 0.9 < judge.passes(fresh).mean() < 0.99
    assert not judge.passes(fresh.assign(hour_length=75.0, minute_length=76.0)).any()


def test_crossed_designs_lie_between_their_parents():
    frame = COLLECTIONS["watches"](2, seed=0)
    made = crossed(frame, np.array([[1], [0]]), 50, seed=1)
    for column in SPACES["watches"].columns:
        parents = frame[column].tolist()
        if isinstance(parents[0], str):
            assert set(made[column]) <= set(parents)
        else:
            assert made[column].between(min(parents), max(parents)).all()
    with pytest.raises(ValueError, match="neighbours"):
        crossed(frame, np.array([[1]]), 5)
