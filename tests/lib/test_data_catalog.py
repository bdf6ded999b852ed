"""The cards: complete, consistent, and the same in ``datasets/``."""

import re
from pathlib import Path

import pytest

from aigc_lib.data import CATALOG, catalog

FOLDER = Path(__file__).parents[2] / "datasets"
CHAPTERS = {
    page.name[:2]: page.read_text(encoding="utf-8")
    for page in (FOLDER.parent / "chapters").glob("*/[0-9]*.md")
}


def test_the_sets_of_the_course_are_there():
    images = {"fashion_mnist", "mnist", "cifar10", "digits"}
    toys = {"ring8", "grid25", "two_moons", "blob"}
    texts = {"tinyshakespeare", "chinese_poetry", "banking77", "crosswoz"}
    made = {"product_copy", "service", "finance_headlines"}
    assert images | toys | texts | made <= set(CATALOG)


@pytest.mark.parametrize("card", CATALOG.values(), ids=CATALOG)
def test_a_card_says_all_that_a_reader_must_know(card):
    for fact in (card.summary, card.licence, card.source, card.citation, card.biases):
        assert fact
    assert {"train", "test"} <= set(card.splits)
    assert set(card.splits) <= {"train", "validation", "test", "scaffolds", "novel"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in card.files)
    assert all(file.bytes > 0 for file in card.files)
    assert all(re.fullmatch(r"https?://.+/", mirror) for mirror in card.mirrors)
    assert card.files or not card.mirrors
    if card.files and not card.mirrors:
        assert "没有下载地址" in card.markdown()


@pytest.mark.parametrize("card", CATALOG.values(), ids=CATALOG)
def test_the_page_in_datasets_is_up_to_date(card):
    page = FOLDER / f"{card.name}.md"
    assert page.read_text(encoding="utf-8") == card.markdown(), (
        "run: python datasets/write_cards.py"
    )


@pytest.mark.parametrize("card", CATALOG.values(), ids=CATALOG)
def test_a_card_names_the_chapters_that_load_it(card):
    call = re.compile(rf"""data\.load\(\s*["']{card.name}["']""")
    loading = {number for number, text in CHAPTERS.items() if call.search(text)}
    assert loading <= set(card.chapters)


def test_every_page_in_datasets_has_a_card():
    assert {page.stem for page in FOLDER.glob("*.md")} == set(CATALOG)


def test_files_of_a_split():
    card = CATALOG["mnist"]
    assert len(card.files) == 4
    assert all("t10k" in file.path for file in card.files_of("test"))
    assert len(card.files_of("test")) == 2
    assert CATALOG["cifar10"].files_of("test") == CATALOG["cifar10"].files


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("fashion-mnist", "fashion_mnist"), ("MNIST", "mnist"), ("ring", "ring8")],
)
def test_an_unknown_name_gets_a_proposal(typed, meant):
    with pytest.raises(ValueError, match=f"name='{typed}': did you mean '{meant}'"):
        catalog.lookup(typed)


def test_a_name_like_no_other_gets_the_list():
    with pytest.raises(ValueError, match=r"name='xyz': choose one of .*cifar10"):
        catalog.lookup("xyz")
