"""The page for every reader: axe-core, phones, fingers, paper, slow lines."""

import re

import pytest
from visit import LOOKS, PATIENCE, PHONE, offenders

CHAPTER = "chapters/01_foundations/04_sample.html"
LIMIT = 1_500_000  # bytes of a page before its figures, and of the index of the search
ORIGIN = "element => element.getBoundingClientRect().top"


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious(visitor, look):
    assert not offenders(visitor, lambda v: v.faults[look])


FAINT = "color: #eee; background: #fff"
FAULTY = [
    (
        f'<p style="{FAINT}" hidden>unseen</p><p style="{FAINT}">faint</p>',
        "color-contrast",
        {"light", "dark"},
    ),
    (
        f'<pre class="highlight"><span style="{FAINT}">faint</span></pre>',
        "color-contrast",
        {"light", "dark"},
    ),
    ('<img src="">', "image-alt", {"light"}),
    (
        '<div style="width: 9em; overflow: auto" tabindex="-1">'
        f'<p style="width: 99em">{99 * "x "}</p></div>',
        "scrollable-region-focusable",
        {"light", "phone"},
    ),
]


@pytest.mark.parametrize(("mark", "rule", "looks"), FAULTY)
def test_axe_would_find_it(sample_visitor, sample, mark, rule, looks):
    page = (sample / CHAPTER).with_name("faulty.html")
    text = (sample / CHAPTER).read_text("utf-8")
    page.write_text(text.replace("</article>", f"{mark}</article>", 1), "utf-8")
    try:
        faults = sample_visitor.inspect(CHAPTER.replace("04_sample", "faulty")).faults
    finally:
        page.unlink()
    assert {look for look, found in faults.items() if rule in str(found)} == looks


def test_every_page_is_light_before_its_figures(visitor):
    heavy = {}
    for page, visit in visitor.tour().items():
        assert visit.bytes
        index = sum(n for url, n in visit.bytes.items() if url.endswith("/sections.js"))
        text = (visitor.folder / page).read_text("utf-8")
        pictures = sum(map(len, re.findall(r"data:[a-z]+/[^\"']+", text)))
        total = sum(visit.bytes.values()) - pictures - index
        if max(total, index) > LIMIT:
            heavy[page] = total, sorted(visit.bytes.items(), key=lambda s: -s[1])[:5]
    assert not heavy


def test_the_book_carries_no_sources_and_no_icon_script(html):
    assert not (html / "_sources").exists()
    assert not list(html.rglob("fontawesome.js"))
    style = (html / "_static/styles/pydata-sphinx-theme.css").read_text("utf-8")
    assert ".fa-school" not in style
    assert "fa-solid-900" not in style
    icons = (html / "_static" / "icons.css").read_text("utf-8")
    for name in ("bars", "list", "magnifying-glass", "github", "arrow-up"):
        assert f".fa-{name} {{ --icon: url(" in icons


def test_every_icon_has_a_shape_and_a_size(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    icons = tab.eval_on_selector_all(
        ".bd-header-article i",
        """all => all.filter(i => i.offsetParent).map(i => {
          const { maskImage, width } = getComputedStyle(i);
          return [i.className, maskImage.startsWith("url("), parseFloat(width) > 10];
        })""",
    )
    assert len(icons) >= 4
    assert not [name for name, shape, wide in icons if not (shape and wide)]
    tab.close()


def test_diagrams_can_be_read_at_their_size(visitor):
    assert not offenders(visitor, lambda v: [h for h in v.letters if h < 12.99])


@pytest.fixture
def finger(sample, chromium):
    context = chromium.new_context(
        offline=True, viewport=PHONE, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.goto((sample / CHAPTER).as_uri())
    yield tab
    context.close()


def test_a_tap_on_a_term_shows_its_hint_and_a_second_follows(finger):
    term = finger.locator("a.term", has_text="LLM")
    term.tap()
    assert "large language model" in finger.inner_text("#hint-bubble")
    assert finger.locator("#hint-bubble").is_visible()
    assert CHAPTER in finger.url
    term.tap()
    finger.wait_for_url("**/c_glossary.html#term-large-language-model")


def test_a_swipe_over_the_latent_plane_scrolls_the_page(finger):
    plane = finger.locator(".latent-plane .plane")
    plane.scroll_into_view_if_needed()
    finger.wait_for_selector(".latent-plane .plane[data-ready]")
    before = plane.evaluate(ORIGIN)
    box = plane.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = finger.context.new_cdp_session(finger)
    for step in range(16):
        kind = "touchMove" if step else "touchStart"
        points = [{"x": x, "y": y - 10 * step}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        finger.wait_for_timeout(16)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert plane.evaluate(ORIGIN) < before - 50


def test_nothing_is_cut_on_a_phone(finger):
    for selector in ("div.cell_input pre", "p code", ".run-card"):
        cut = finger.eval_on_selector_all(
            selector, "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length"
        )
        assert cut == 0 or selector == "p code", selector
        outside = finger.eval_on_selector_all(
            selector,
            "all => all.filter(e => e.getBoundingClientRect().right > 376).length",
        )
        assert outside == 0, selector


def test_a_long_line_of_output_wraps(finger):
    wide = finger.eval_on_selector_all(
        ".cell_output pre",
        "all => all.map(e => e.scrollWidth - e.closest('.cell_output').clientWidth)",
    )
    assert max(wide) <= 1


def test_folded_code_says_what_it_draws(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    summary = tab.locator("details.hide summary")
    assert summary.inner_text().strip() == "画图的代码：一条蓝线"
    tab.close()


def test_sounds_have_names(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    label = tab.locator("audio").get_attribute("aria-label")
    assert label == "一节：第 1 段声音"
    tab.close()


def test_a_moving_picture_can_be_stopped(sample_visitor, sample, chromium):
    tab = sample_visitor.open(CHAPTER)
    button = tab.locator("button.motion")
    assert button.inner_text() == "暂停动画"
    button.click()
    assert button.inner_text() == "播放动画"
    assert tab.locator("img[alt=looping]").get_attribute("src")[:14] == "data:image/png"
    button.click()
    assert tab.locator("img[alt=looping]").get_attribute("src")[:14] == "data:image/gif"
    tab.close()
    context = chromium.new_context(offline=True, reduced_motion="reduce")
    tab = context.new_page()
    tab.goto((sample / CHAPTER).as_uri())
    tab.wait_for_selector("button.motion:has-text('播放动画')")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper(sample_visitor, scheme):
    tab = sample_visitor.context.new_page()
    tab.emulate_media(color_scheme=scheme)
    tab.goto(sample_visitor.address + CHAPTER)
    tab.emulate_media(media="print", color_scheme=scheme)
    for hidden in (".solution", "details.hide", "audio", "button.motion", ".copybtn"):
        assert tab.locator(hidden).count(), hidden
        assert not any(e.is_visible() for e in tab.locator(hidden).all()), hidden
    assert tab.locator(".exercise").first.is_visible()
    colours = tab.evaluate(
        """() => [document.body, document.querySelector(".bd-article p"),
        document.querySelector(".highlight pre span")].map((e, i) =>
        getComputedStyle(e)[i ? "color" : "backgroundColor"].match(/[\\d.]+/g)
        .slice(0, 3).reduce((sum, c) => sum + Number(c), 0) / 765)"""
    )
    assert colours[0] > 0.95
    assert max(colours[1:]) < 0.5
    tab.set_viewport_size({"width": 700, "height": 900})
    clipped = tab.eval_on_selector_all(
        ".bd-article pre",
        """all => all.filter(
        e => e.offsetParent && e.scrollWidth > e.clientWidth + 1).length""",
    )
    assert clipped == 0
    tab.close()
