"""Blind pairs: the page tells nothing, records are read back, bad ones refused."""

import json
from random import Random

import pytest

from aigc_lib.decisions.choices import BlindForm, preference
from aigc_lib.metrics.intervals import proportion_interval


def picture(name: str) -> str:
    return f"<svg xmlns='x'><text>{name}</text></svg>"


PAIRS = [(picture(f"a{k}"), picture(f"b{k}")) for k in range(12)]


def answer(form: BlindForm, choose) -> str:
    sides = ["left" if choose(left, right) else "right" for left, right in form.shown]
    return json.dumps({"form": form.name, "choices": sides})


def test_whoever_always_takes_the_first_kind_is_read_so():
    form = BlindForm(PAIRS, seed=1)
    assert form.read(answer(form, lambda left, _: ">a" in left)) == [True] * 12
    assert form.read(answer(form, lambda left, _: ">b" in left)) == [False] * 12


def test_choices_come_back_in_the_order_given():
    form = BlindForm(PAIRS, seed=2)

    def likes_first_of_even(left, right):
        k = int("".join(c for c in left if c.isdigit()))
        return (">a" in left) == (k % 2 == 0)

    assert form.read(answer(form, likes_first_of_even)) == [
        k % 2 == 0 for k in range(12)
    ]


def test_sides_and_order_are_shuffled_by_the_seed():
    many = [(picture("a"), picture("b"))] * 400
    form = BlindForm(many, seed=3)
    assert 0.4 < sum(form.first_left) / 400 < 0.6
    assert BlindForm(PAIRS, seed=4).order != BlindForm(PAIRS, seed=5).order
    assert BlindForm(PAIRS, seed=4).shown == BlindForm(PAIRS, seed=4).shown


def test_the_page_holds_pictures_and_no_key():
    form = BlindForm(PAIRS, seed=6)
    page = form.page()
    assert "first_left" not in page
    assert str(form.first_left) not in page
    start = page.index("pairs=") + len("pairs=")
    told = json.JSONDecoder().raw_decode(page[start:].replace("<\\/", "</"))[0]
    assert [tuple(pair) for pair in told] == form.shown
    assert "http" not in page.replace("xmlns='http", "")
    assert 'sandbox="allow-scripts"' in form.frame()


def test_bad_forms_and_bad_records():
    form = BlindForm(PAIRS, seed=7)
    good = json.loads(answer(form, lambda *_: True))
    with pytest.raises(ValueError, match="pairs is empty"):
        BlindForm([])
    with pytest.raises(ValueError, match="SVG"):
        BlindForm([(picture("a"), "<img src=x>")])
    with pytest.raises(ValueError, match="SVG"):
        BlindForm([(picture("a"), "<svg><script>1</script></svg>")])
    with pytest.raises(ValueError, match="line that the form shows"):
        form.read("")
    with pytest.raises(ValueError, match="line that the form shows"):
        form.read("[1, 2]")
    with pytest.raises(ValueError, match="of the form"):
        form.read(json.dumps(good | {"form": "other"}))
    with pytest.raises(ValueError, match="11 choices for 12"):
        form.read(json.dumps(good | {"choices": good["choices"][1:]}))
    with pytest.raises(ValueError, match="one of"):
        form.read(json.dumps(good | {"choices": ["up"] * 12}))


def test_preference_is_a_share_with_wilsons_interval():
    told = preference([True] * 30 + [False] * 10)
    assert (told.wins, told.n, told.share) == (30, 40, 0.75)
    assert (told.low, told.high) == proportion_interval(30, 40)
    assert told.found
    assert not preference([True, False]).found
    with pytest.raises(ValueError, match="empty"):
        preference([])
    with pytest.raises(ValueError, match=r"firsts\[1\]='False': give True or False"):
        preference([True, "False"])


def test_the_interval_holds_a_known_taste_about_as_often_as_it_says():
    random, inside = Random(0), 0
    for _ in range(400):
        told = preference([random.random() < 0.62 for _ in range(60)])
        inside += told.low <= 0.62 <= told.high
    assert 0.92 < inside / 400 < 0.98
