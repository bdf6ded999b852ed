"""What the entry pages tell a reader to type or to open exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"]
GUIDES = [*PAGES, "chapters/00_preface/00_preface.md"]


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", GUIDES)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^(\w+):", text("Makefile"), flags=re.MULTILINE))
    asked = set(re.findall(r"(?:^|`)make (\w+)", text(page), flags=re.MULTILINE))
    assert asked
    assert asked <= targets


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!http)([^)#\s]+)\)", text(page))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_languages_give_the_same_commands():
    def commands(page):
        blocks = re.findall(
            r"```(?:bash|python)\n(.*?)```", text(page), flags=re.DOTALL
        )
        return [re.sub(r" +#.*", "", block) for block in blocks]

    assert commands("README.md") == commands("README.zh-CN.md")


def test_the_classroom_recipe_is_the_same_everywhere():
    recipe = re.findall(
        r"^.*(?:pip wheel|--no-index).*$", text(GUIDES[0]), re.MULTILINE
    )
    assert len(recipe) == 2
    for page in (GUIDES[1], GUIDES[3]):
        assert all(line in text(page) for line in recipe)
