"""The blind form and the speaking face work in a real browser, without a network."""

import pytest
import torch

from aigc_lib.codecs.spectrum import HOP
from aigc_lib.decisions.choices import BlindForm
from aigc_lib.playable import lips, speaking

SECONDS = 0.8


def picture(name):
    return f"<svg xmlns='http://www.w3.org/2000/svg'><text y='20'>{name}</text></svg>"


@pytest.fixture
def tab(chromium):
    context = chromium.new_context(offline=True, viewport={"width": 700, "height": 500})
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    yield page
    assert not faults
    context.close()


def take(page, wanted, keys):
    """Choose ``wanted`` of the pair that is shown, by its arrow key or by a click."""
    side = "left" if page.locator("#left").inner_text() == wanted else "right"
    assert page.locator(f"#{side}").inner_text() == wanted
    if keys:
        page.locator("body").press(f"Arrow{side.title()}")
    else:
        page.locator(f"#{side}").click()


@pytest.mark.parametrize("framed", [False, True])
def test_keys_and_mouse_leave_a_record_that_is_read_back(tab, framed):
    form = BlindForm([(picture(f"a{k}"), picture(f"b{k}")) for k in range(6)], seed=3)
    tab.set_content(form.frame() if framed else form.page())
    page = tab.frame_locator("iframe") if framed else tab
    likes = [True, True, False, True, False, False]
    for shown, k in enumerate(form.order):
        assert f"第 {shown + 1} 对，共 6 对" in page.locator("#told").inner_text()
        assert page.locator("textarea").is_hidden()
        take(page, f"{'a' if likes[k] else 'b'}{k}", keys=shown % 2)
    page.locator("#end").wait_for()
    assert page.locator("#pair").is_hidden()
    assert form.read(page.locator("textarea").input_value()) == likes
    page.locator("body").press("ArrowLeft")  # nothing is left to choose
    assert form.read(page.locator("textarea").input_value()) == likes


def test_the_mouth_is_where_the_sound_is(tab):
    n = int(8_000 * SECONDS)
    mouths = torch.linspace(0, 1, n // HOP + 1)[:, None].expand(-1, 2)
    tab.set_content(speaking(torch.zeros(n), mouths).data)
    shown = "() => Number(document.querySelector('.mouth').getAttribute('ry'))"
    assert tab.evaluate(shown) == lips(0, 0.5)[1]  # shut before it plays
    tab.evaluate(
        """() => {
          const mouth = document.querySelector(".mouth"), seen = window.seen = [];
          const look = () => seen.push(Number(mouth.getAttribute("ry")));
          new MutationObserver(look).observe(mouth, { attributes: true });
          const audio = document.querySelector("audio");
          audio.muted = true; return audio.play();
        }"""
    )
    tab.wait_for_function("document.querySelector('audio').ended")
    seen = tab.evaluate("window.seen")
    assert seen
    assert seen == sorted(seen)  # it opens, as told
    for share in (0.25, 0.5, 0.75):
        place = share * SECONDS
        tab.evaluate(f"document.querySelector('audio').currentTime = {place}")
        low, high = (lips(share + step, 0.5)[1] for step in (-0.1, 0.1))
        tab.wait_for_function(f"({shown})() > {low} && ({shown})() < {high}")
