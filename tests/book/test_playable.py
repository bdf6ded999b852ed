"""A level played in a real browser moves as the rules of the library say."""

import json
import random

import pytest

from aigc_lib.codecs.levels import SokobanLevel
from aigc_lib.data.made.levels import backwards
from aigc_lib.playable import playable
from aigc_lib.simulators.sokoban import Sokoban, bits

KEYS = {"u": "ArrowUp", "d": "ArrowDown", "l": "ArrowLeft", "r": "ArrowRight"}


@pytest.fixture(scope="module")
def levels():
    return [SokobanLevel.read(text) for text in backwards(2, 6)]


@pytest.fixture
def tab(chromium, levels):
    context = chromium.new_context(offline=True, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.set_content(f"<html><body>{playable(levels).data}</body></html>")
    yield page
    context.close()


def state(tab):
    player, boxes, won = json.loads(tab.locator(".soko").get_attribute("data-state"))
    return tuple(player), {tuple(map(int, b.split(","))) for b in boxes}, won


def said(game, player, boxes):
    places = [{divmod(k, game.width) for k in bits(part)} for part in (player, boxes)]
    return places[0].pop(), places[1], boxes == game.goals


def test_random_keys_and_the_solution_move_as_the_rules_say(tab, levels):
    game, rng = Sokoban(levels[0]), random.Random(1)
    board = tab.locator(".board")
    moves = "".join(rng.choice("udlr") for _ in range(60))
    for move in moves:
        board.press(KEYS[move])
    assert state(tab) == said(game, *game.play(moves))
    board.press("r")
    assert state(tab) == said(game, game.player, game.boxes)
    for move in game.moves(game.solve().pushes):
        board.press(KEYS[move])
    assert state(tab)[2]
    assert "过关" in tab.locator("output").inner_text()


def test_buttons_undo_reset_and_next_fit_a_phone(tab, levels):
    game = Sokoban(levels[0])
    start = said(game, game.player, game.boxes)
    buttons = tab.locator(".soko button")
    for k in range(buttons.count()):
        box = buttons.nth(k).bounding_box()
        assert box["width"] >= 44
        assert box["height"] >= 44
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    for way in ("ArrowUp", "ArrowLeft", "ArrowDown", "ArrowRight"):
        tab.locator(f'[data-act="{way}"]').click()
    for _ in range(4):
        tab.locator('[data-act="undo"]').click()
    assert state(tab) == start
    tab.locator('[data-act="next"]').click()
    other = Sokoban(levels[1])
    assert state(tab) == said(other, other.player, other.boxes)
    assert tab.locator("pre").is_hidden()
