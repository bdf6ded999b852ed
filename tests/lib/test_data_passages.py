"""Readers of questions on passages, of grounded dialogues, of spoken digits."""

import gzip
import io
import json
import tarfile
import wave

import numpy as np
import pytest

import aigc_lib as aigc
from aigc_lib.data import CATALOG, CorruptFile
from aigc_lib.data.readers.passages import read_grounded, read_passages
from aigc_lib.data.readers.sounds import read_digits

SQUAD = {
    "data": [
        {
            "title": f"条目{i}",
            "paragraphs": [
                {
                    "id": f"p{i}",
                    "context": " 长城东起虎山。",
                    "qas": [
                        {
                            "question": "长城东起哪里？",
                            "answers": [{"text": "虎山"}, {"text": "虎山"}],
                        }
                    ],
                }
            ],
        }
        for i in range(4)
    ]
}


def packed(path, content):
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    return [path]


def test_questions_know_their_passage(tmp_path):
    paths = packed(tmp_path / "a.gz", SQUAD)
    own = list(read_passages(CATALOG["cmrc2018"], "test", paths))
    assert len(own) == 4  # a file for each split
    assert own[0].text == "长城东起哪里？"
    assert own[0].facts["passage"] == "长城东起虎山。"
    assert own[0].facts["answers"] == ["虎山"]
    split = {
        name: {r.facts["title"] for r in read_passages(CATALOG["drcd"], name, paths)}
        for name in ("train", "test")
    }
    assert split == {"train": {"条目0", "条目2"}, "test": {"条目1", "条目3"}}


def test_dialogues_know_what_they_speak_of(tmp_path):
    dialogue = {
        "messages": [
            {"message": "知道故宫吗"},
            {
                "message": "门票60元",
                "attrs": [{"name": "故宫", "attrname": "门票", "attrvalue": "60元"}],
            },
        ]
    }
    paths = packed(tmp_path / "d.gz", [dialogue] * 3)
    found = list(read_grounded(CATALOG["kdconv_travel"], "train", paths))
    assert [r.label for r in found] == ["user", "system"] * 2
    assert found[1].facts["triples"] == [("故宫", "门票", "60元")]
    assert found[2].facts["dialogue"] == 2


@pytest.mark.parametrize("reader", [read_passages, read_grounded])
def test_damaged_files_are_named(tmp_path, reader):
    path = tmp_path / "x.gz"
    for content in (b"", b"nothing", gzip.compress(b"{"), gzip.compress(b'{"a": 1}')):
        path.write_bytes(content)
        with pytest.raises(CorruptFile, match=r"x\.gz"):
            list(reader(CATALOG["drcd"], "train", [path]))


def recording(n):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8_000)
        out.writeframes(np.full(n, 16_384, "<i2").tobytes())
    return file.getvalue()


def test_digits_are_ordered_by_speaker_and_padded(tmp_path):
    path = tmp_path / "r.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for name in ("3_bob_7", "1_bob_6", "2_ann_5", "9_ann_4", "readme"):
            content = recording(10_000 if name == "3_bob_7" else 100)
            info = tarfile.TarInfo(f"recordings/{name}.wav")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    x, y = read_digits(CATALOG["fsdd"], "train", [path])
    assert y.tolist() == [2, 1, 3]  # ann, bob, bob
    assert x.shape == (3, 8_192)
    assert x[0, :100].eq(0.5).all()
    assert x[0, 100:].eq(0).all()
    assert x[2].eq(0.5).all()  # cut
    assert read_digits(CATALOG["fsdd"], "test", [path])[1].tolist() == [9]
    path.write_bytes(b"no archive")
    with pytest.raises(CorruptFile, match="no archive"):
        read_digits(CATALOG["fsdd"], "train", [path])


@pytest.mark.parametrize("name", ["cmrc2018", "drcd", "kdconv_travel", "fsdd"])
def test_the_real_sets_are_as_their_cards_say(name):
    if aigc.data.find(name) is None:
        pytest.skip(f"{name} is not at hand")
    train, test = (aigc.data.load(name, split=s) for s in ("train", "test"))
    if name == "fsdd":
        assert train.y.view(6, 10, -1).float().std(2).max() == 0
        assert train.x.abs().amax(1).min() > 0
    elif name != "kdconv_travel":
        passages = [
            {facts["passage"] for facts in part.facts} for part in (train, test)
        ]
        assert not passages[0] & passages[1]
        held = [
            any(a in facts["passage"] for a in facts["answers"]) for facts in test.facts
        ]
        assert np.mean(held) > 0.99
