"""Each part of a person changes what is seen, under whatever hat."""

import pytest

from aigc_lib.data.made.people import MOTIONS, PARTS, figure, people


@pytest.fixture
def seen(chromium):
    page = chromium.new_page(viewport={"width": 100, "height": 156})

    def shot(svg):
        page.set_content(f"<body style='margin:0'>{svg}</body>")
        return page.screenshot()

    yield shot
    page.close()


@pytest.mark.parametrize("hat", PARTS["hat"])
def test_another_option_is_another_picture(seen, hat):
    look = people(1, seed=0)[0] | {"hat": hat}
    for part in [part for part in PARTS if part != "hat"]:
        shots = {seen(figure(look | {part: option})) for option in PARTS[part]}
        assert len(shots) == len(PARTS[part]), part
    assert len({seen(figure(look, motion)) for motion in MOTIONS}) == len(MOTIONS)
