"""The reader's own texts: a novel, a folder of texts, JSON lines with classes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aigc_lib as aigc
from aigc_lib.data.own import texts
from aigc_lib.data.own.folder import LeftOut

NOVEL = "\n".join(f"第{i}回 话说天下大势，分久必合，合久必分。" for i in range(100))


def jsonl(path, lines):
    rows = (
        x if isinstance(x, str) else json.dumps(x, ensure_ascii=False) for x in lines
    )
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def reviews(tmp_path):
    return jsonl(
        tmp_path / "reviews.jsonl",
        [
            {"text": f"第 {i} 条评价", "label": i % 2, "stars": i % 5}
            for i in range(200)
        ],
    )


def refused(name, **options):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        aigc.data.load(name, **options)
    return str(caught.value)


# ---- one text ------------------------------------------------------------------------


def test_a_novel_is_cut_where_whole_files_are(tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text(NOVEL, encoding="utf-8")
    (train,) = aigc.data.load(path)
    (test,) = aigc.data.load(str(path), split="test")
    assert train + test == NOVEL
    assert len(train) == int(0.9 * len(NOVEL))
    data = aigc.data.load(tmp_path)  # the same in a folder of its own
    assert data.texts == (train,)
    assert data.y is None
    assert data.classes == ()
    assert "前九成" in data.card.summary


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_however_it_is_written(encoding, ends):
    assert texts.decoded(NOVEL.replace("\n", ends).encode(encoding)) == NOVEL


@given(st.text().filter(lambda t: not set(t) & {"\0", "\r"}))
def test_every_text_in_utf_8_comes_back(text):
    assert texts.decoded(b"\xef\xbb\xbf" + text.encode()) == text


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x7fELF\0\0\1", "no text"),
        (b"caf\xe9 cr\xe8me", "neither UTF-8 nor GB18030"),
        (b"\xff\xfe\0", "neither"),
    ],
)
def test_what_is_no_text(raw, reason, tmp_path):
    with pytest.raises(LeftOut, match=reason):
        texts.decoded(raw)
    (tmp_path / "novel.txt").write_bytes(raw)
    assert f"no file can be used (novel.txt: {reason}" in refused(tmp_path)


def test_too_little_and_too_much(tmp_path, monkeypatch):
    (tmp_path / "novel.txt").write_text("short")
    assert "one text of 5 characters only" in refused(tmp_path / "novel.txt")
    (tmp_path / "novel.txt").write_text("  \n")
    assert "novel.txt: empty" in refused(tmp_path / "novel.txt")
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("long enough")
    monkeypatch.setattr(texts, "MOST_BYTES", 30)
    assert "holds more than 0 MiB of text" in refused(tmp_path)
    monkeypatch.setattr(texts, "MOST_BYTES", 8)
    assert "larger than" in refused(tmp_path)


# ---- many texts ----------------------------------------------------------------------


def test_json_lines_with_classes(reviews):
    train, test = (aigc.data.load(reviews, split=s) for s in ("train", "test"))
    assert len(train) + len(test) == 200
    assert 5 < len(test) < 40
    assert train.classes == test.classes == ("0", "1")
    for data in (train, test):
        for text, facts, y in zip(data, data.facts, data.y, strict=True):
            i = int(text.split()[1])
            assert (y, facts) == (i % 2, {"stars": i % 5})
    assert len(train.where(stars=3)) > 20
    assert not set(train) & set(test)
    assert train.card.unit == "条"


def test_the_same_text_is_never_on_both_sides(tmp_path):
    lines = [{"text": f"评价 {i % 30}", "label": "好"} for i in range(300)]
    path = jsonl(tmp_path / "r.jsonl", lines)
    train, test = (aigc.data.load(path, split=s) for s in ("train", "test"))
    assert len(train) + len(test) == 300
    assert not set(train) & set(test)


def test_lines_that_cannot_be_used_are_left_out(tmp_path):
    bad = {
        "{": "no JSON",
        "[1, 2]": "no JSON object",
        '{"label": "x"}': 'no "text"',
        '{"text": 7, "label": "x"}': 'no "text"',
        '{"text": "  ", "label": "x"}': 'no "text"',
        '{"text": "\\ud83d", "label": "x"}': "half a character",
        '{"text": "a", "label": 0.5}': '"label" is 0.5',
        '{"text": "a", "label": ["x"]}': '"label" is ["x"]',
        '{"text": "a"}': "no label, and others have one",
        '{"text": "a", "label": ""}': "no label, and others have one",
        "[" * 100_000: "no JSON",
    }
    path = jsonl(tmp_path / "r.jsonl", [*bad, ""])
    message = refused(jsonl(tmp_path / "bad.jsonl", list(bad)[:8]))
    for number, reason in enumerate(list(bad.values())[:3], 1):
        assert f"bad.jsonl:{number}: {reason}" in message
    good = [{"text": str(i), "label": label} for i, label in enumerate("abc" * 9)]
    jsonl(path, [*bad, "", *good, {"text": "z", "label": True}])
    data = aigc.data.load(path)
    assert sum(data.card.splits.values()) == 28
    assert data.classes == ("a", "b", "c", "true")
    left = "\n".join(data.card.left_out)
    assert "r.jsonl:1" in left  # the card names the line
    assert "没有 label：2 个，r.jsonl:9、r.jsonl:10" in left


def test_a_folder_of_texts_by_class(tmp_path):
    for label in ("诗", "词"):
        (tmp_path / label).mkdir()
        for i in range(20):
            (tmp_path / label / f"{label}{i}.txt").write_text(f"{label}的第 {i} 篇")
    (tmp_path / "诗" / "cover.png").touch()
    parts = [aigc.data.load(tmp_path, split=s) for s in ("train", "test")]
    assert sum(map(len, parts)) == 40
    for data in parts:
        assert data.classes == ("词", "诗")
        assert all(
            text[0] == data.classes[y] for text, y in zip(data, data.y, strict=True)
        )
        assert data.facts[0]["file"].endswith(".txt")
    assert "类型不符（.png）：1 个" in parts[0].card.left_out[0]


def test_files_that_are_splits(tmp_path):
    for split, n in {"train": 20, "dev": 3, "test": 5}.items():
        lines = [{"text": f"{split} {i}", "label": i % 2} for i in range(n)]
        jsonl(tmp_path / f"{split}.jsonl", lines)
    for split, n in {"train": 20, "validation": 3, "test": 5}.items():
        data = aigc.data.load(tmp_path, split=split)
        assert len(data) == n
        assert data.y.tolist() == [i % 2 for i in range(n)]


def test_texts_without_classes_have_none(tmp_path):
    for i in range(9):
        (tmp_path / f"{i}.txt").write_text(f"第 {i} 篇")
    data = aigc.data.load(tmp_path)
    assert data.y is None
    assert data.classes == ()
    assert "image_size=28" in refused(tmp_path, image_size=28)
