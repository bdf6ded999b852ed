"""Made scenes: what is drawn, what is said of it, and who reads it back."""

import re

import pytest
import torch

import aigc_lib as aigc
from aigc_lib.data.made.scenes import (
    AREAS,
    COLOURS,
    NOVEL,
    PLACES,
    SHAPES,
    SIZES,
    UNCLEAR,
    WORDINGS,
    Thing,
    coverage,
    describe,
    draw,
    judge,
    of_split,
    scenes,
    seen,
)
from aigc_lib.data.made.shots import shots

RED = Thing("red", "circle", "large", "left")
BLUE = Thing("blue", "triangle", "small", "right")


def test_a_sentence_says_what_the_scene_holds():
    assert describe([RED, BLUE]) == "左边一个红色的大圆，右边一个蓝色的小三角"
    assert describe([RED, BLUE], 3) == "大号的红圆在左边，小号的蓝三角在右边"
    assert describe([RED, BLUE], 4) == "红色的大圆在蓝色的小三角的左边"
    assert describe([BLUE, RED], 4) == "蓝色的小三角在红色的大圆的右边"
    assert len({describe([RED, BLUE], k) for k in range(WORDINGS)}) == WORDINGS


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_covers_its_area(shape):
    for radius in (4.0, 6.0, 12.0):
        cover = coverage(shape, 16.3, 15.8, radius, 32)
        assert cover.sum() == pytest.approx(AREAS[shape] * radius**2, rel=0.02)
        assert ((cover > 0) & (cover < 1)).sum() > 0  # edges are smoothed


def test_every_single_thing_is_read_as_it_was_drawn():
    things = [
        Thing(c, s, z, p)
        for c in COLOURS
        for s in SHAPES
        for z in SIZES
        for p in PLACES
    ]
    assert all(seen(draw([thing])) == (thing,) for thing in things)


@pytest.mark.parametrize("size", [32, 48])
def test_drawn_scenes_are_read_with_an_error_below_one_in_a_hundred(size):
    made = scenes(400, seed=11, size=size)
    verdict = judge(made.x, made.things)
    assert 1 - verdict.everything.float().mean() <= 0.01
    noisy = made.x[:100].float() + 10 * torch.randn(100, 3, size, size)
    noisy = noisy.clamp(0, 255).byte()
    assert judge(noisy, made.things[:100]).everything.float().mean() >= 0.99


def test_pictures_of_models_are_read_as_well():
    picture = draw([RED, BLUE], seed=3)
    assert seen(picture.float() / 127.5 - 1) == seen(picture) == (RED, BLUE)


def test_what_is_no_shape_is_unclear():
    ring = draw([RED._replace(place="middle")])
    hole = draw([RED._replace(place="middle", size="small")])
    ring[:, hole[1] < 100] = 240
    assert [thing.shape for thing in seen(ring)] == [UNCLEAR]
    patched = draw([RED._replace(place="middle")])
    patched[:, :16] = torch.where(
        patched[:, :16] < 230, torch.tensor([31, 90, 200])[:, None, None], 240
    )
    assert UNCLEAR in seen(patched)[0]
    assert seen(torch.full((3, 32, 32), 240, dtype=torch.uint8)) == ()


def test_each_kind_of_mistake_is_told_apart():
    asked = [RED, BLUE]
    wrong = {
        "colour": [RED._replace(colour="blue"), BLUE._replace(colour="red")],
        "shape": [RED, BLUE._replace(shape="square")],
        "size": [RED, BLUE._replace(size="large")],
        "place": [RED._replace(place="right"), BLUE._replace(place="left")],
    }
    for kind, things in wrong.items():
        verdict = judge(draw(things)[None], [asked])
        assert not verdict.everything
        assert {k for k in wrong if not getattr(verdict, k)} == {kind}
    assert not any(judge(draw([RED])[None], [asked]))  # one thing is missing
    assert all(judge(draw([BLUE, RED])[None], [asked]))  # the order is of no matter


def test_scenes_are_drawn_by_their_seed():
    a, b = scenes(6, seed=2), scenes(6, seed=2)
    assert torch.equal(a.x, b.x)
    assert (a.texts, a.things) == (b.texts, b.things)
    assert a.texts != scenes(6, seed=3).texts
    assert a.x.shape == (6, 3, 32, 32)
    assert a.x.dtype == torch.uint8


def test_new_combinations_are_only_where_they_belong():
    def pairs(made):
        return [{(t.colour, t.shape) for t in things} for things in made.things]

    known, novel = pairs(scenes(800, seed=1)), pairs(scenes(100, seed=1, novel=True))
    assert not set(NOVEL) & set().union(*known)
    assert all(set(NOVEL) & found for found in novel)
    # nothing else is new: every colour and every shape has been met
    assert len(set().union(*known)) == len(COLOURS) * len(SHAPES) - len(NOVEL)


def test_the_card_gives_the_same_pictures():
    data, made = aigc.data.load("scenes", split="novel"), of_split("novel")
    assert torch.equal(data.x, made.x)
    assert data.y.tolist() == [len(things) - 1 for things in made.things]
    assert not torch.equal(data.x, aigc.data.load("scenes", split="test").x)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="n=0"):
        scenes(0)
    with pytest.raises(ValueError, match="size=8"):
        scenes(1, size=8)
    with pytest.raises(ValueError, match="colour='pink'"):
        draw([RED._replace(colour="pink")])
    with pytest.raises(ValueError, match="opposite sides"):
        draw([RED, RED])
    with pytest.raises(ValueError, match="wording=6"):
        describe([RED], 6)
    with pytest.raises(ValueError, match="split='dev'"):
        of_split("dev")
    with pytest.raises(ValueError, match=r"give \(3, S, S\)"):
        seen(torch.zeros(1, 32, 32))
    with pytest.raises(ValueError, match="2 pictures, 1 scenes"):
        judge(torch.zeros(2, 3, 32, 32), [[RED]])


# ---- storyboards -------------------------------------------------------------------

CAST = {"守库人": ("blue", "triangle", "small"), "箱子": ("red", "circle", "large")}


def test_a_script_becomes_scenes_whose_roles_keep_their_looks():
    script = "\n箱子在左边，守库人在右边。\n  守库人在中间\n"
    assert shots(script, CAST) == [(RED, BLUE), (BLUE._replace(place="middle"),)]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("守库人在左边\n守库人推箱子", "shot 2, '守库人推箱子': say only who is where"),
        ("守库人在左边，老板在右边", "'老板' has no look; known are 守库人, 箱子"),
        ("守库人在左边，箱子在上边", "shot 1: things are at"),
        ("守库人在门口", "say only who is where"),
        (" \n", "script is empty"),
    ],
)
def test_what_cannot_be_drawn_is_refused(script, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        shots(script, CAST)
