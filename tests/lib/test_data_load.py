"""``aigc.data.load``: its arguments, its result, and the stand-in."""

from dataclasses import replace

import pytest

import aigc_lib as aigc
from aigc_lib.data import CATALOG, CorruptFile, DataUnavailable, dataset


@pytest.fixture
def nothing_at_hand(monkeypatch, tmp_path):
    """No data folder, an empty cache and mirrors that do not answer."""
    monkeypatch.delenv("AIGC_DATA_DIR", raising=False)
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path))
    for name, card in CATALOG.items():
        if card.mirrors:
            card = replace(card, mirrors=("http://127.0.0.1:9/",))
            monkeypatch.setitem(CATALOG, name, card)


def test_unknown_split():
    with pytest.raises(ValueError, match="split='tset': did you mean 'test'"):
        aigc.data.load("ring8", split="tset")


def test_unknown_name():
    with pytest.raises(ValueError, match="name='fashion': did you mean"):
        aigc.data.load("fashion")


@pytest.mark.parametrize("standin", ["mnist", "ring8", "digit"])
def test_a_stand_in_must_always_be_at_hand(standin):
    with pytest.raises(ValueError, match=f"standin='{standin}'"):
        aigc.data.load("fashion_mnist", standin=standin)


def test_without_stand_in_the_set_is_missing(nothing_at_hand):
    with pytest.raises(DataUnavailable, match="fashion_mnist is not on this machine"):
        aigc.data.load("fashion_mnist")
    assert aigc.data.find("fashion_mnist") is None
    assert aigc.data.find("digits")


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10"])
def test_the_stand_in_says_what_it_is(nothing_at_hand, capsys, name):
    data = aigc.data.load(name, split="test", standin="digits")
    assert data.is_standin
    assert data.name == "digits"
    assert data.stands_for == name
    assert data.x.shape[1:] == CATALOG[name].shape
    assert data.classes == CATALOG["digits"].classes
    assert f"standing in for {name}" in repr(data)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "替身" in err
    assert CATALOG[name].title in err
    assert f"python -m aigc_lib data {name}" in err


def test_in_a_notebook_the_stand_in_shows_a_banner(
    nothing_at_hand, capsys, monkeypatch
):
    shown = []
    monkeypatch.setattr(dataset, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", shown.append)
    aigc.data.load("mnist", standin="digits")
    assert capsys.readouterr() == ("", "")
    (banner,) = shown
    assert "替身" in banner.data
    assert "python -m aigc_lib data mnist" in banner.data


def test_a_terminal_is_no_notebook():
    assert not dataset._in_notebook()


def test_what_is_at_hand_needs_no_stand_in(capsys):
    data = aigc.data.load("digits", standin="digits")
    assert not data.is_standin
    assert data.stands_for is None
    assert capsys.readouterr().err == ""


def test_repr_says_what_a_reader_asks_first():
    text = "digits/train: 1,437 samples of 1 x 28 x 28 uint8, 10 classes"
    assert repr(aigc.data.load("digits")) == text
    assert "10,000 samples of 2 float32, 8 classes" in repr(aigc.data.load("ring8"))


def test_a_card_shows_itself_in_a_notebook():
    card = aigc.data.load("digits").card
    shown = card._repr_markdown_()
    assert "**Digits**" in shown
    assert card.licence in shown
    assert not any(line.startswith("#") for line in shown.splitlines())


@pytest.mark.parametrize(
    "change", [{"splits": {"train": 1436, "test": 360}}, {"classes": ("0", "1")}]
)
def test_data_that_contradict_their_card_are_refused(monkeypatch, change):
    from aigc_lib.data.readers.images import read_digits

    card = CATALOG["digits"]
    monkeypatch.setitem(CATALOG, "digits", replace(card, **change))
    monkeypatch.setattr(
        "aigc_lib.data.readers.images.read_digits",
        lambda _, split, paths: read_digits(card, split, paths),
    )
    with pytest.raises(CorruptFile, match=r"its card (says|has)"):
        aigc.data.load("digits")
