"""People by lot: no two alike, every part to be seen, every motion another picture."""

import xml.etree.ElementTree as ET

import pytest

from aigc_lib.data.made.people import MOTIONS, PARTS, POSSIBLE, figure, people


def test_no_two_are_alike_and_the_seed_decides():
    some = people(500, seed=0)
    assert len({figure(look) for look in some}) == 500
    assert people(500, seed=0) == some
    assert people(500, seed=1) != some
    every = {tuple(look.values()) for look in people(POSSIBLE, seed=0)}
    assert len(every) == POSSIBLE


@pytest.mark.parametrize("part", PARTS)
def test_every_option_is_drawn(part):
    (look,) = people(1, seed=3)
    drawn = {figure(look | {part: option}) for option in PARTS[part]}
    assert len(drawn) == len(PARTS[part])


def test_every_motion_is_another_well_formed_picture():
    (look,) = people(1, seed=4)
    drawn = [figure(look, motion, "<AI>") for motion in MOTIONS]
    shapes = {ET.tostring(ET.fromstring(svg), method="text") for svg in drawn}
    assert shapes == {b"<AI>"}
    assert all(motion in svg for motion, svg in zip(MOTIONS, drawn, strict=True))
    still = [
        svg.replace(motion, "") for motion, svg in zip(MOTIONS, drawn, strict=True)
    ]
    assert len(set(still)) == len(MOTIONS)


def test_bad_requests_are_refused():
    (look,) = people(1, seed=5)
    for n in (0, POSSIBLE + 1):
        with pytest.raises(ValueError, match=f"n={n}"):
            people(n, seed=0)
    with pytest.raises(ValueError, match="seed=-1"):
        people(1, seed=-1)
    with pytest.raises(ValueError, match="motion='飞'"):
        figure(look, "飞")
    with pytest.raises(ValueError, match="hat='fez'"):
        figure(look | {"hat": "fez"})
    with pytest.raises(ValueError, match="hair=None"):
        figure({k: v for k, v in look.items() if k != "hair"})
