"""The quiz in the page: by keyboard, offline, and without its answers on paper."""

import pytest

CHAPTER = "chapters/01_foundations/04_sample.html"
FIRST, SECOND = "#q-04-1", "#q-04-2"


@pytest.fixture
def tab(sample_visitor):
    tab = sample_visitor.open(CHAPTER)
    yield tab
    assert sample_visitor.complaints == []
    tab.close()


def verdict(tab, question):
    return tab.locator(f"{question} output").inner_text()


def test_five_questions_with_typeset_formulas(tab):
    assert tab.locator("form.quiz fieldset").count() == 5
    assert tab.locator(f"{FIRST} label").count() == 3
    assert tab.locator(f"{FIRST} legend").inner_text().startswith("1. 判别器最优时")
    assert tab.locator(f"{SECOND} legend code").inner_text() == "stop"


def test_keyboard_alone_answers_a_question(tab):
    tab.locator(f"{SECOND} input").first.focus()
    tab.keyboard.press("Tab")  # past the choices
    assert tab.evaluate("document.activeElement.textContent") == "检查"
    tab.keyboard.press("Enter")
    assert verdict(tab, SECOND) == "先选一个答案。"
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowDown")
    assert verdict(tab, SECOND) == ""
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert verdict(tab, SECOND).startswith("不对")
    assert not tab.locator(f"{SECOND} .reason p").first.is_visible()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert verdict(tab, SECOND) == "答对了。"
    assert "因为是丙。" in tab.locator(f"{SECOND} .reason").inner_text()


def test_a_screen_reader_hears_question_choice_and_verdict(tab):
    group = tab.get_by_role("group", name="1. 判别器最优时")
    assert group.get_by_role("radio").count() == 3
    assert group.get_by_role("radio", name="1.0").count() == 1
    assert group.get_by_role("status").count() == 1


def test_paper_has_no_answers(tab):
    tab.locator(f"{FIRST} summary").click()
    assert tab.locator(f"{FIRST} .reason p").first.is_visible()
    tab.emulate_media(media="print")
    assert not tab.locator("form.quiz .reason p").first.is_visible()
    assert not tab.locator("form.quiz button").first.is_visible()
    assert tab.locator(f"{FIRST} label").first.is_visible()


def test_without_javascript_the_answer_can_be_unfolded(sample, chromium):
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((sample / CHAPTER).as_uri())
    assert tab.locator(".quiz button").count() == 0
    tab.locator(f"{FIRST} summary").click()
    assert tab.locator(f"{FIRST} .reason .right").is_visible()
    context.close()
