"""Texts: what a data set of them offers, and the readers of its files."""

import json
import lzma
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

import aigc_lib as aigc
from aigc_lib.data import CATALOG, CorruptFile
from aigc_lib.data.readers.text import (
    form_of,
    read_dialogues,
    read_poems,
    read_questions,
    read_whole,
)
from aigc_lib.data.text import Record, collect

CARD = replace(
    CATALOG["banking77"], splits={"train": 3, "test": 1}, classes=("ask", "tell")
)
RECORDS = [
    Record("one", "tell", {"n": 1}),
    Record("two", "ask", {"n": 2}),
    Record("three", "tell", {"n": 1}),
]


def test_a_set_of_texts():
    data = collect(CARD, "train", RECORDS)
    assert list(data) == ["one", "two", "three"]
    assert data[1] == data[-2] == "two"
    assert data.y.tolist() == [1, 0, 1]
    assert data.joined("|") == "one|two|three"
    assert repr(data) == "banking77/train: 3 texts, 11 characters, 2 classes"
    assert not data.is_standin


def test_parts_of_a_set_keep_texts_labels_and_facts_together():
    data = collect(CARD, "train", RECORDS)
    for part in (data[::2], data[[0, 2]], data.where(n=1)):
        assert part.texts == ("one", "three")
        assert part.y.tolist() == [1, 1]
        assert [facts["n"] for facts in part.facts] == [1, 1]
    assert len(data.where(n=7)) == 0
    with pytest.raises(ValueError, match="fact='m': choose one of n"):
        data.where(m=1)
    mask = data.y == 1
    for chosen in (mask, mask.tolist()):
        with pytest.raises(ValueError, match="chosen is a mask of 3: give numbers"):
            data[chosen]
    assert data[mask.nonzero().flatten()].texts == ("one", "three")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (RECORDS[:2], "has 2 texts, its card says 3"),
        ([*RECORDS[:2], Record("x", "shout", {})], "has classes \\['shout'\\]"),
    ],
)
def test_records_that_contradict_the_card_are_refused(records, message):
    with pytest.raises(CorruptFile, match=message):
        collect(CARD, "train", records)


def test_a_whole_text_is_cut_at_nine_tenths(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("0123456789" * 3, encoding="utf-8")
    (train,), (test,) = (
        read_whole(CATALOG["tinyshakespeare"], split, [path])
        for split in ("train", "test")
    )
    assert (train.text, test.text) == ("0123456789" * 2 + "0123456", "789")


# ---- poems --------------------------------------------------------------------------

QUATRAIN = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


def poem(text, **facts):
    return {"title": "t", "author": "a", "paragraphs": [text], **facts}


def poems(folder, *written):
    path = folder / "poems.xz"
    lines = "\n".join(json.dumps(p, ensure_ascii=False) for p in written)
    path.write_bytes(lzma.compress(lines.encode()))
    return [path]


def read(paths, split="train"):
    return list(read_poems(CATALOG["chinese_poetry"], split, paths))


def test_what_is_no_clean_poem_is_left_out(tmp_path):
    paths = poems(
        tmp_path,
        poem(QUATRAIN),
        poem(QUATRAIN),  # again
        poem(QUATRAIN.replace("白", "□")),
        poem(QUATRAIN + "（一作高楼）"),
        poem(QUATRAIN.replace("白", "[白]")),
        poem(QUATRAIN.replace("白", "け")),
        poem("白日依山尽，黄河入海流。"),  # a fragment
    )
    (record,) = read(paths)
    assert record == (
        QUATRAIN,
        "五言绝句",
        {"title": "t", "author": "a", "form": "五言绝句"},
    )


def test_a_ci_is_known_by_its_tune(tmp_path):
    ci = {"rhythmic": "忆江南", "author": "a", "paragraphs": [QUATRAIN]}
    (record,) = read(poems(tmp_path, ci))
    assert record.label == "词"
    assert record.facts["title"] == "忆江南"


def test_every_twentieth_poem_is_for_the_test(tmp_path):
    written = [poem(QUATRAIN[:-2] + chr(0x4E00 + i) + "。") for i in range(45)]
    paths = poems(tmp_path, *written)
    train, test = read(paths), read(paths, "test")
    assert [record.text for record in test] == [
        w["paragraphs"][0] for w in (written[19], written[39])
    ]
    assert len(train) == 43
    assert not {r.text for r in train} & {r.text for r in test}


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        ([5] * 4, "五言绝句"),
        ([5] * 8, "五言律诗"),
        ([7] * 4, "七言绝句"),
        ([7] * 8, "七言律诗"),
        ([5] * 6, "其他"),
        ([5, 5, 5, 7], "其他"),
        ([4] * 8, "其他"),
    ],
)
def test_forms(lines, form):
    assert form_of("，".join("字" * n for n in lines) + "。") == form


@pytest.mark.parametrize("content", [b"no xz", lzma.compress(b"{}"[:1])])
def test_what_is_no_file_of_poems_is_refused(tmp_path, content):
    path = tmp_path / "poems.xz"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match="is no xz file of poems"):
        read([path])


# ---- questions and dialogues --------------------------------------------------------


def test_questions_lose_their_line_breaks(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text('text,category\n"a, b\n c",x\nd,y\n', encoding="utf-8")
    records = list(read_questions(CARD, "train", [path]))
    assert [(r.text, r.label) for r in records] == [("a, b c", "x"), ("d", "y")]


def test_dialogues_come_as_utterances(tmp_path):
    acts = [["Inform", "餐馆", "评分", "4"]]
    messages = [
        {"content": "你好", "role": "usr", "dialog_act": acts},
        {"content": "请讲", "role": "sys", "dialog_act": []},
    ]
    path = tmp_path / "val.json.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("val.json", json.dumps({"7": {"messages": messages}}))
    first, second = read_dialogues(CARD, "train", [path])
    assert (first.text, second.text) == ("你好", "请讲")
    assert first.facts == {
        "dialogue": "7",
        "role": "user",
        "acts": [("Inform", "餐馆", "评分", "4")],
    }
    assert second.label == "system"
    path.write_bytes(b"PK")
    with pytest.raises(CorruptFile, match="is no zip file of dialogues"):
        list(read_dialogues(CARD, "train", [path]))


# ---- the real files, where they are at hand -----------------------------------------


@pytest.mark.parametrize("name", ["tinyshakespeare", "banking77", "crosswoz"])
def test_the_real_sets_agree_with_their_cards(name):
    if aigc.data.find(name) is None:
        pytest.skip(f"{name} is not on this machine")
    for split in ("train", "test"):
        data = aigc.data.load(name, split=split)
        assert all(text for text in data)


def test_the_poems_agree_with_their_card():
    if aigc.data.find("chinese_poetry") is None:
        pytest.skip("chinese_poetry is not on this machine")
    data = aigc.data.load("chinese_poetry", split="test")
    assert {c for text in data for c in text}.isdisjoint("□（）[]《》{}")
    assert len(data.where(author="李白")) > 20


def test_numbers_of_numpy_and_torch_name_a_text_too():
    data = aigc.data.load("product_copy")
    for number in (np.int64(3), torch.tensor(3), np.array([3])[0]):
        assert data[number] == data[3]
    assert data[np.array([3, 4])].texts == data[3:5].texts
