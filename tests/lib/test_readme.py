"""What the entry pages tell a reader to type or to open exists."""

import json
import re
from pathlib import Path

import pytest

from aigc_lib.data import CATALOG

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


def test_times_are_those_that_were_measured():
    english, chinese = (" ".join(text(page).split()) for page in PAGES[:2])
    record = json.loads(text("results/chapters.json"))
    a, b, c, d = (
        f"{end(row[profile] for row in record['rows']):.0f}"
        for profile in ("seconds", "smoke_seconds")
        for end in (min, max)
    )
    machine = record["hardware"].partition(" (")[0]
    told = f"of an {machine}: {a} to {b} seconds a chapter, in the smoke profile {c} to"
    assert f"{told} {d};" in english
    assert f"两个 {machine} 核" in chinese
    assert f"一章 {a} 到 {b} 秒，`smoke` 档 {c} 到 {d} 秒" in chinese

    clothes = json.loads(text("results/clothing.json"))["training"]["clothing"]
    assert 25 < clothes["seconds"] / 60 < 35
    assert "about half an hour of training" in english
    assert "训练了约半小时" in chinese


@pytest.mark.parametrize("page", PAGES[:2])
def test_every_service_is_named(page):
    apps = ROOT / "aigc_lib" / "apps"
    for guide in apps.glob("*/README.md"):
        assert f"({guide.relative_to(ROOT).as_posix()})" in text(page)
        assert f"\npython -m aigc_lib.apps.{guide.parent.name} --port" in text(page)


def test_both_languages_give_the_same_commands():
    def commands(page):
        blocks = re.findall(
            r"```(?:bash|python)\n(.*?)```", text(page), flags=re.DOTALL
        )
        return [re.sub(r" +#.*", "", block) for block in blocks]

    assert commands("README.md") == commands("README.zh-CN.md")


def test_the_classroom_recipe_is_the_same_everywhere():
    recipe = re.findall(r"^(?:make pack|python3 pack/).*?(?=  )", text(GUIDES[0]), re.M)
    assert recipe == ["make pack", "python3 pack/start.py"]
    for page in (GUIDES[1], GUIDES[3]):
        assert all(f"\n{line}  " in text(page) for line in recipe)


@pytest.mark.parametrize("page", PAGES[:2])
def test_the_classroom_section_names_what_is_special(page):
    """Sets without a mirror must be brought along, others may not be passed on."""
    section = text(page).partition("make pack   ")[2].partition("\n## ")[0]
    for card in CATALOG.values():
        if card.chapters and card.files and not card.mirrors and card.redistributable:
            assert f"`{card.name}`" in section
    chapters = {
        n for c in CATALOG.values() if not c.redistributable for n in c.chapters
    }
    for number in chapters:
        assert re.search(rf"(chapter |第 ){number}", section)
