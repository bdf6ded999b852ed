"""What the built files say: links, resources, pictures, words."""

import filecmp
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
REPOSITORY = CONFIG["repository"]["url"]
COLAB = CONFIG["launch_buttons"]["colab_url"]

# Attributes through which a browser fetches something by itself.
FETCHED = {
    "script": "src",
    "img": "src",
    "source": "src",
    "audio": "src",
    "video": "src",
    "iframe": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}
ONLY_NAMED = {"canonical", "next", "prev", "author", "license", "copyright", "search"}
OUTSIDE = re.compile(r"^(https?:)?//")
OUTSIDE_FILE = re.compile(r"https?://[^\s\"'`<>)]+\.(?:m?js|css|woff2?|ttf)\b")
OUTSIDE_CSS = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]+")


class Page(HTMLParser):
    """The parts of a page that tests ask for."""

    def __init__(self, path):
        super().__init__()
        self.links, self.fetched, self.pictures, self.every_id = [], [], [], []
        self.code, self.text, self._inside = [], [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, pairs):
        attributes = dict(pairs)
        self._inside.append(tag) if tag in ("script", "style") else None
        if "id" in attributes:
            self.every_id.append(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "img":
            self.pictures.append(attributes)
        relation = set(attributes.get("rel", "").split())
        if attributes.get(FETCHED.get(tag)) and not relation & ONLY_NAMED:
            self.fetched.append(attributes[FETCHED[tag]])
        if "style" in attributes:
            self.code.append(attributes["style"])

    @property
    def ids(self):
        return set(self.every_id)

    def handle_endtag(self, tag):
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data):
        (self.code if self._inside else self.text).append(data)


@cache
def read(html):
    paths = (p for p in html.rglob("*.html") if "_static" not in p.parts)
    return {path: Page(path) for path in paths}


@pytest.fixture
def pages(html):
    return read(html)


def test_no_page_names_an_outside_script_style_font_or_picture(pages):
    named = {
        (path.name, url)
        for path, page in pages.items()
        for url in page.fetched
        if OUTSIDE.match(url)
    }
    named |= {
        (path.name, found)
        for path, page in pages.items()
        for code in page.code
        for found in OUTSIDE_FILE.findall(code) + OUTSIDE_CSS.findall(code)
    }
    assert not named


def test_no_style_names_an_outside_host(html):
    for path in html.rglob("*.css"):
        assert not OUTSIDE_CSS.findall(path.read_text("utf-8")), path


def test_fetched_files_exist(pages):
    for path, page in pages.items():
        for url in page.fetched:
            if not url.startswith(("data:", "#")):
                assert (path.parent / unquote(url.partition("?")[0])).exists(), url


def test_links_and_anchors_resolve(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            target, anchor = urldefrag(link)
            if re.match(r"[a-z]+:", target) or link in ("#", ""):
                continue
            other = (path.parent / unquote(target)).resolve() if target else path
            known = pages[other].ids if other in pages else None
            if not other.exists() or (anchor and unquote(anchor) not in (known or ())):
                broken.append((path.name, link))
    assert not broken


def test_every_picture_says_what_it_shows(pages):
    """Sphinx writes the file's address where an author wrote nothing."""
    for path, page in pages.items():
        for picture in page.pictures:
            alt = picture.get("alt") or ""
            assert alt.strip(), (path.name, picture)
            assert alt != picture["src"], (path.name, picture)
            assert "_images/" not in alt, (path.name, picture)


def test_no_page_shows_a_failure(pages):
    marks = ("Traceback (most recent call last)", "system-message", "Unknown directive")
    for path, page in pages.items():
        words = "".join(page.text)
        assert not [mark for mark in marks if mark in words], path


def test_no_page_shows_a_role_as_it_was_written(pages):
    """In a table the bar of a role ends its cell, unless it is escaped."""
    for path, page in pages.items():
        assert not re.findall(r"\{[a-z:]+\}`[^`]{0,80}", "".join(page.text)), path


def test_no_page_tells_where_it_was_built(pages):
    private = (str(ROOT), "site-packages", str(Path.home()) + "/")
    for path, page in pages.items():
        words = "".join(page.text)
        assert not [place for place in private if place in words], path


def test_chapters_open_on_colab_as_notebooks(html):
    branch = f"{COLAB}/github{REPOSITORY.removeprefix('https://github.com')}/blob/main"
    found = [p.relative_to(html).with_suffix(".ipynb") for p in html.rglob("??_*.html")]
    notebooks = [p for p in found if p.name[:2].isdigit()]
    assert notebooks
    for notebook in notebooks:
        links = Page(html / notebook.with_suffix(".html")).links
        colab = [link for link in links if link.startswith(COLAB)]
        assert colab == [f"{branch}/{notebook.as_posix()}"]
        assert notebook.name in links  # the reader's notebook, to download
        assert (html / notebook).exists()


def test_pages_offer_the_repository_and_a_report(pages):
    for path, page in pages.items():
        if "chapters" in path.parts:
            assert REPOSITORY in page.links
            assert any(f"{REPOSITORY}/issues/new" in link for link in page.links)


def test_chapters_follow_each_other(sample):
    page = (sample / "chapters/01_foundations/04_sample.html").read_text("utf-8")
    assert re.search(r'class="left-prev"[^>]*href="../../intro.html"', page, re.DOTALL)
    assert re.search(r'class="right-next"[^>]*c_glossary.html"', page, re.DOTALL)


def test_page_words_are_chinese(sample):
    page = (sample / "chapters/01_foundations/04_sample.html").read_text("utf-8")
    for word in (
        "画图的代码",
        "练习 4.3",
        "解答",
        "展开",
        "上一页",
        "本页目录",
        "搜索",
    ):
        assert word in page, word
    for word in ("Show code cell", "Click to show", "Solution to", "Exercise"):
        assert word not in page, word


def test_numbers_carry_the_chapter(sample):
    """The page is the second of its book, and its chapter is 4."""
    page = (sample / "chapters/01_foundations/04_sample.html").read_text("utf-8")
    article = page.partition("<article")[2]
    words = re.sub(r"<[^>]*>", "", article)
    assert "见4.1 一节、图 4.1、练习 4.3、式 (4.1)、第 4 章 样例。" in words
    for shown in ("4 样例", "4.1 一节", "图 4.1", "(4.1)", "练习 4.3 ★ 预测：和"):
        assert shown in re.sub(r"\s+", " ", words), shown
    unnumbered = re.findall(r"<h2>(练习|参考文献)<", article)
    assert unnumbered == ["练习", "参考文献"]


def test_ids_are_unique(pages):
    for path, page in pages.items():
        assert not [i for i, n in Counter(page.every_id).items() if n > 1], path


def test_the_download_is_the_readers_notebook(book):
    twins = [t for t in ROOT.glob("chapters/*/*.ipynb") if ".edited" not in t.name]
    assert twins
    for twin in twins:
        offered = book / twin.relative_to(ROOT)
        assert filecmp.cmp(offered, twin, shallow=False), twin.name
        assert f"git+{REPOSITORY}" in offered.read_text("utf-8")  # it installs
        page = offered.with_suffix(".html").read_text("utf-8")
        assert f'href="{twin.name}"' in page


def test_the_project_is_fetched_from_where_it_lies(sample):
    words = "".join(Page(sample / "chapters/01_foundations/04_sample.html").text)
    assert f"git clone {REPOSITORY} && cd" in words
    assert "\nmake lab" in words


def test_run_card(sample):
    page = (sample / "chapters/01_foundations/04_sample.html").read_text("utf-8")
    card = re.search(r'<aside class="run-card".*?</aside>', page, re.DOTALL)[0]
    for fact in ("cpu", "cpu, 2 threads", "47 秒", "1.5 GB", "替身"):
        assert fact in card, fact


def test_map_links_only_chapters_that_exist(sample):
    page = (sample / "intro.html").read_text("utf-8")
    chapters = re.findall(r'<li class="chapter (\w+)">(.*?)</li>', page, re.DOTALL)
    assert [state for state, _ in chapters] == ["written", "planned"]
    assert "04_sample.html" in chapters[0][1]
    assert "href" not in chapters[1][1]
    assert "待写" in chapters[1][1]


def test_citations_stay_on_their_page(sample):
    """Two pages cite the same work; each links to its own list."""
    for name in ("intro.html", "chapters/01_foundations/04_sample.html"):
        page = Page(sample / name)
        cited = [link for link in page.links if link.startswith("#id")]
        assert any(link[1:] in page.ids for link in cited), name


def test_picture_not_yet_made_leaves_no_trace(sample):
    page = (sample / "intro.html").read_text("utf-8")
    assert "一张量出来的图" in page
    assert re.search(
        r'<audio controls aria-label="一声" src="data:audio/wav;base64,', page
    )
    assert "还没有的图" not in page


def test_table_of_results(sample):
    page = (sample / "intro.html").read_text("utf-8")
    table = re.search(r'<table class="[^"]*result-table.*?</table>', page, re.DOTALL)[0]
    rows = [re.findall(r"<p>(.*?)</p>", row) for row in table.split("<tr")[1:]]
    assert rows == [
        ["模型", "FD ↓", "步数"],
        ["DCGAN", "9.6（9.0 至 10.1）", "2,939"],
        ["VAE", "31.2", "4,000"],
    ]
    assert "种子：0、1；硬件：a machine；提交：abc123（有未提交的改动）" in page


def test_table_not_yet_measured_says_how(sample):
    words = "".join(Page(sample / "intro.html").text)
    assert "尚未测量" in words
    assert "make bench ONLY=not_yet" in words
