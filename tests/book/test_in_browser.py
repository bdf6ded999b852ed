"""What a reader meets: the built pages in a real browser, with the network cut."""

import pytest
from visit import PATIENCE, offenders

CHAPTER = "chapters/01_foundations/04_sample.html"
BRIGHTNESS = """() => {
  const rgb = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);
  return rgb.slice(0, 3).reduce((sum, c) => sum + Number(c), 0) / 765;
}"""


def test_formulas_are_typeset(visitor):
    assert sum(visit.seen["math"] for visit in visitor.tour().values())
    assert not offenders(visitor, lambda v: v.seen["math"] - v.seen["typeset"])
    assert not offenders(visitor, lambda v: v.seen["wrong"])


def test_diagrams_are_drawn(visitor):
    assert not offenders(visitor, lambda v: v.seen["diagrams"] - v.seen["drawn"])


def test_pictures_load(visitor):
    assert not offenders(visitor, lambda v: v.seen["broken"])


def test_bold_words_are_bold(visitor):
    """A closing ** between 。 and a letter closes nothing: a blank helps."""
    assert not offenders(visitor, lambda v: v.seen["stars"])


def test_no_sign_needs_a_font_that_is_left_out(visitor):
    assert not offenders(visitor, lambda v: v.seen["glyphs"])


def test_pictures_keep_their_shape(visitor):
    assert not offenders(visitor, lambda v: v.bent)


def test_no_page_asks_another_host(visitor):
    assert not offenders(visitor, lambda v: v.outside)


def test_no_page_reports_an_error(visitor):
    assert not offenders(visitor, lambda v: v.complaints)


def test_no_page_is_wider_than_a_phone(visitor):
    assert not offenders(visitor, lambda v: v.overflow)


def test_pages_open_straight_from_a_disk(sample, chromium):
    """A class without internet gets the book as a folder, not from a server."""
    context = chromium.new_context(offline=True)
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.goto((sample / CHAPTER).as_uri())
    assert tab.locator(".katex").count() > 1
    tab.goto((sample / "search.html").as_uri() + "?q=模式坍塌")
    tab.wait_for_selector("#search-results p mark")
    context.close()


@pytest.mark.parametrize("page", [CHAPTER, "search.html"])
def test_one_search_box(sample_visitor, page):
    tab = sample_visitor.open(page)
    boxes = tab.locator(".search-button__button, .bd-search input").all()
    assert sum(box.is_visible() for box in boxes) == 1
    tab.close()


def test_search_box_leads_to_the_results(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    tab.locator(".search-button__button >> visible=true").click()
    tab.locator("dialog .bd-search input").fill("模式坍塌")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results > li")
    assert "search.html?q=" in tab.url
    tab.close()


def test_dark_mode(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    assert tab.evaluate(BRIGHTNESS) > 0.9
    while tab.evaluate("document.documentElement.dataset.theme") != "dark":
        tab.click(".theme-switch-button")
    tab.wait_for_function(f"() => ({BRIGHTNESS})() < 0.2")
    tab.close()


@pytest.mark.parametrize("how", ["hover", "focus"])
def test_a_term_shows_its_definition(sample_visitor, how):
    tab = sample_visitor.open(CHAPTER)
    bubble = tab.locator("#hint-bubble")
    assert not bubble.is_visible()
    getattr(tab.locator("a.term").first, how)()
    assert bubble.is_visible()
    assert "mode collapse" in bubble.inner_text()
    box = bubble.bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    tab.keyboard.press("Escape")
    assert not bubble.is_visible()
    tab.close()


def test_first_mentions_in_each_section_have_a_hint(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    first = tab.locator("section:has(> h1) > p a.term").all_inner_texts()
    assert first == ["模式坍塌", "LLM", "大语言模型", "注意力机制"]
    second = tab.locator("section:has(> h2) > p a.term").all_inner_texts()
    assert second == ["注意力机制"]
    tab.close()


def test_code_of_88_columns_fits_a_small_screen(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    code = tab.locator("div.cell_input pre", has_text="xxxx")
    assert code.evaluate("pre => pre.scrollWidth - pre.clientWidth") <= 0
    tab.close()


def test_a_term_leads_to_the_glossary(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    tab.locator("a.term", has_text="LLM").click()
    tab.wait_for_url("**/c_glossary.html#term-large-language-model")
    tab.close()


def test_a_figure_tells_where_it_was_measured(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    figure = tab.locator(".result").first
    assert figure.inner_text() == "1234.6"
    figure.focus()
    assert tab.inner_text("#hint-bubble") == "results/speed.json · a machine"
    tab.close()


def test_copy_buttons(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    cells = tab.locator("div.cell_input").count()
    assert cells == tab.locator("div.cell_input button.copybtn").count() > 0
    tab.close()


def test_buttons_are_chinese(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    labels = tab.eval_on_selector_all(
        ".bd-header-article button, .bd-header-article a, .toggle-button",
        "all => all.map(e => e.ariaLabel || e.title || e.innerText.trim())",
    )
    foreign = {label for label in labels if label.isascii()}
    assert foreign <= {"Colab", ".ipynb", ".pdf", ""}
    tab.close()
