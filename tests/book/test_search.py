"""Search as a reader meets it: sections, the right one first, also from a disk."""

import json
import re
from pathlib import Path

import pytest

QUERIES = json.loads(Path(__file__).with_name("search_queries.json").read_text("utf-8"))
CHAPTER = "chapters/01_foundations/04_sample.html"
HITS = """items => items.map(item => ({
  title: item.querySelector("a").textContent,
  address: item.querySelector("a").getAttribute("href"),
  place: item.querySelector(".place").textContent,
  snippet: item.querySelector("p").textContent,
  marks: [...item.querySelectorAll("p mark")].map(mark => mark.textContent),
}))"""


def search(tab, words):
    tab.fill(".search-page .bd-search input", words)
    return tab.eval_on_selector_all("#search-results > li", HITS)


@pytest.fixture(scope="module")
def disk(sample, chromium):
    """The search page opened as a file, with the network cut."""
    context = chromium.new_context(offline=True)
    tab = context.new_page()
    tab.goto((sample / "search.html").as_uri())
    yield tab
    context.close()


def test_the_right_section_is_among_the_first_three(book, chromium):
    assert len(QUERIES) >= 40
    context = chromium.new_context(offline=True)
    tab = context.new_page()
    tab.goto((book / "search.html").as_uri())
    missed = []
    for query in QUERIES:
        hits = search(tab, query["query"])[:3]
        right = [
            hit
            for hit in hits
            if hit["place"].startswith(f"第 {query['chapter']} 章")
            and re.sub(r"^[\d.]+ ", "", hit["title"]) in query["sections"]
        ]
        if not right:
            missed.append((query["query"], [hit["title"] for hit in hits]))
    context.close()
    assert len(missed) <= len(QUERIES) // 10, missed


def test_hits_are_sections_with_marked_snippets(disk):
    first = search(disk, "模式坍塌")[0]
    assert first["title"] == "样例"
    assert first["address"].startswith(CHAPTER + "?highlight=")
    assert first["address"].partition("#")[2]
    assert first["place"] == "第 04 章 样例"
    assert first["marks"] == ["模式坍塌"]
    assert not re.search(r"[#¶\\{}]", first["snippet"])


@pytest.mark.parametrize("name", ["ELBO", "evidence lower bound", "证据下界"])
def test_a_term_is_found_by_each_of_its_names(disk, name):
    pages = {hit["address"].partition(".html")[0] for hit in search(disk, name)}
    assert pages == {"intro", "chapters/appendix/c_glossary"}


def test_an_exercise_is_a_hit_of_its_own(disk):
    hits = search(disk, "算一算")
    assert [hit["address"].split("#")[1] for hit in hits] == ["ex-04-3"]


def test_a_question_that_is_no_word_is_cut(disk):
    hits = search(disk, "大语言模型里的注意力机制 goodfellow")
    assert any(CHAPTER in hit["address"] for hit in hits)


def test_what_is_nowhere_is_said(disk):
    assert search(disk, "鹦鹉螺") == []
    assert "没有找到“鹦鹉螺”" in disk.inner_text("#search-summary")


def test_a_hit_leads_to_the_marked_place(disk):
    search(disk, "模式坍塌")
    disk.locator("#search-results a").first.click()
    disk.wait_for_selector("article span.highlighted, article mark")
    assert disk.locator(".highlighted").first.inner_text() == "模式坍塌"
    disk.go_back()


def test_only_the_search_page_loads_the_index(sample):
    for page in sample.rglob("*.html"):
        if page.name != "search.html":
            text = page.read_text("utf-8")
            assert "sections.js" not in text
            assert "searchindex" not in text
    assert not (sample / "searchindex.js").exists()
