"""Clothes and emoji: their readers, their split, captions, changes of pictures."""

import csv
import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_lib.data import CATALOG, load
from aigc_lib.data.augment import Varied, flipped, reframed, relit
from aigc_lib.data.captions import (
    Captioned,
    Twinned,
    kinds_of_emoji,
    words_of_emoji,
)
from aigc_lib.data.catalog import Card
from aigc_lib.data.download import CorruptFile
from aigc_lib.data.readers import images
from aigc_lib.data.samples import Samples
from aigc_lib.data.store import find


def card(shape=(3, 8, 8), classes=("a", "b")):
    return Card(
        name="t",
        title="t",
        kind="images",
        reader="",
        shape=shape,
        splits={"train": 2},
        classes=classes,
        summary="",
        licence="",
        source="",
        citation="",
        biases=(),
    )


def jpeg(colour, size=(8, 8), form="JPEG"):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, form)
    return file.getvalue()


def archive(path, members, rows):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
        text = io.StringIO()
        out = csv.writer(text)
        out.writerows([("file", "split", "class"), *rows])
        file.writestr("labels.csv", text.getvalue())
    return path


def test_photographs_come_in_the_order_of_their_table(tmp_path):
    members = {"x.jpg": jpeg("red"), "y.jpg": jpeg("blue"), "z.jpg": jpeg("lime")}
    rows = [("z.jpg", "train", "b"), ("x.jpg", "test", "a"), ("y.jpg", "train", "a")]
    path = archive(tmp_path / "c.zip", members, rows)
    x, y = images.read_clothing(card(), "train", [path])
    assert x.shape == (2, 3, 8, 8)
    assert x.dtype == torch.uint8
    assert y.tolist() == [1, 0]
    assert x[0, :, 4, 4].argmax() == 1
    assert x[1, :, 4, 4].argmax() == 2


@pytest.mark.parametrize(
    "data",
    [jpeg("red", form="PNG"), jpeg("red", size=(9, 8)), b"no picture"],
)
def test_a_photograph_that_is_none_is_told(tmp_path, data):
    path = archive(tmp_path / "c.zip", {"x.jpg": data}, [("x.jpg", "train", "a")])
    with pytest.raises(CorruptFile):
        images.read_clothing(card(), "train", [path])


def test_a_missing_member_and_a_broken_archive_are_told(tmp_path):
    path = archive(tmp_path / "c.zip", {}, [("x.jpg", "train", "a")])
    with pytest.raises(CorruptFile):
        images.read_clothing(card(), "train", [path])
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(CorruptFile):
        images.read_clothing(card(), "train", [path])


def emoji_files(folder, names):
    """A sprite with one colour a tile, half transparent, and its table."""
    sprite = np.zeros((64, 48 * 64, 4), np.uint8)
    for k in range(len(names)):
        sprite[:, 64 * k : 64 * (k + 1)] = (10 * k, 0, 200, 128)
    Image.fromarray(sprite).save(folder / "s.png")
    with (folder / "s.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("name_en", "name_zh", "keywords_zh"))
        out.writerows(names)
    return [folder / "s.png", folder / "s.csv"]


NAMES = [
    ("man running", "男跑", "跑|男"),
    ("red heart", "红心", "心"),
    ("cat", "猫", "猫"),
]


def test_emoji_lie_on_white_at_half_the_size(tmp_path):
    known = card((3, 32, 32), tuple(zh for _, zh, _ in NAMES))
    paths = emoji_files(tmp_path, NAMES)
    found = {
        split: images.read_emoji(known, split, paths) for split in ("train", "test")
    }
    numbers = torch.cat([y for _, y in found.values()])
    assert sorted(numbers.tolist()) == [0, 1, 2]
    for x, y in found.values():
        assert x.shape[1:] == (3, 32, 32)
        for picture, k in zip(x, y.tolist(), strict=True):
            share = 128 / 255
            wanted = [10 * k * share + 255 * (1 - share), 127, 200 * share + 127]
            assert torch.allclose(
                picture.float().mean((1, 2)), torch.tensor(wanted), atol=1.5
            )
    assert images.emoji_words(known, paths)["男跑"] == ("跑", "男")


def test_emoji_of_other_names_are_told(tmp_path):
    paths = emoji_files(tmp_path, NAMES)
    with pytest.raises(CorruptFile):
        images.read_emoji(card((3, 32, 32), ("x", "y", "z")), "train", paths)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("man running", "woman running facing right"),
        ("family: man, boy", "family: woman, woman, girl"),
        ("kiss: man, man", "kiss"),
        ("person", "woman"),
        ("mx claus", "Claus"),
    ],
)
def test_variants_are_on_one_side(one, other):
    assert images.stem(one) == images.stem(other)
    assert images.emoji_split(one) == images.emoji_split(other)


def test_the_names_on_the_card_have_the_split_that_it_counts():
    known = CATALOG["openmoji"]
    assert len(set(known.classes)) == sum(known.splits.values())
    assert "等 1,923 个" in known.markdown()


@pytest.mark.skipif(find("clothing") is None, reason="clothing is not here")
def test_clothes_are_what_their_card_says():
    parts = {split: load("clothing", split=split) for split in ("train", "test")}
    for part in parts.values():
        assert set(part.y.tolist()) == set(range(10))
    seen = {picture.numpy().tobytes() for picture in parts["train"].x}
    assert not any(picture.numpy().tobytes() in seen for picture in parts["test"].x)


@pytest.mark.skipif(find("openmoji") is None, reason="openmoji is not here")
def test_no_stem_of_emoji_is_on_both_sides():
    from aigc_lib.data.store import obtain

    known = CATALOG["openmoji"]
    with obtain(known)[1].open(encoding="utf-8", newline="") as file:
        english = [row["name_en"] for row in csv.DictReader(file)]
    stems = {}
    for split in ("train", "test"):
        rows = load("openmoji", split=split).y.tolist()
        stems[split] = {images.stem(english[k]) for k in rows}
    assert not stems["train"] & stems["test"]


@pytest.mark.skipif(find("openmoji") is None, reason="openmoji is not here")
def test_every_emoji_has_words_and_a_kind():
    kinds, words = kinds_of_emoji(), words_of_emoji()
    assert set(kinds) == set(words) == set(CATALOG["openmoji"].classes)
    assert kinds["旗: 中国"] == "flags"
    assert "animals-nature" in {kinds["熊猫"], kinds["狗"]}
    assert all(each and all(each) for each in words.values())


def test_a_text_belongs_to_its_picture():
    x = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 3, 2, 2)
    names, words = (
        list("甲乙丙丁"),
        [("一", "二"), (), ("三",), ("四", "五", "六", "七")],
    )
    told = []

    def encode(texts):
        told.extend(texts)
        return torch.zeros(len(texts), 1, dtype=torch.long)

    data = Captioned(x.contiguous(), names, words, encode)
    torch.manual_seed(0)
    rows = torch.tensor([3, 1, 0] * 60)
    pictures, tokens = data[rows]
    assert tokens.shape == (180, 1)
    assert torch.allclose(pictures[:, 0, 0, 0], rows / 127.5 - 1)
    for k, text in zip(rows.tolist(), told, strict=True):
        assert text == names[k] or set(text.split()) <= set(words[k])
    assert {
        len(t.split()) for k, t in zip(rows.tolist(), told, strict=True) if k == 3
    } == {1, 2, 3}
    assert set(told[1::3]) == {"乙"}
    with pytest.raises(ValueError, match="one of each"):
        Captioned(x, names[:3], words, encode)


def test_pictures_look_different_every_time_and_the_same_with_one_seed():
    x = torch.randint(256, (6, 3, 16, 16), dtype=torch.uint8)
    data = Varied(x, torch.arange(6), lambda x, g: relit(reframed(flipped(x, g))))
    rows = torch.tensor([4, 2])
    torch.manual_seed(0)
    first, labels = data[rows]
    second, _ = data[rows]
    torch.manual_seed(0)
    again, _ = data[rows]
    assert labels.tolist() == [4, 2]
    assert first.abs().max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_training_on_varied_pictures_goes_on_exactly(tmp_path):
    from aigc_lib.models import PictureClassifier
    from aigc_lib.train import fit

    x = torch.randint(256, (24, 3, 16, 16), dtype=torch.uint8)
    data = Varied(x, torch.arange(24) % 3, flipped)

    def trained(*lengths, checkpoint=None):
        torch.manual_seed(0)
        model = PictureClassifier(16, 3, 3, 4)
        for steps in lengths:
            options = {"batch_size": 8, "cooldown": 0, "checkpoint": checkpoint}
            fit(model, data, steps=steps, **options)
        return model.probabilities(x)

    torch.manual_seed(1)
    whole = trained(6)
    assert torch.equal(whole, trained(3, 6, checkpoint=tmp_path / "run"))


def test_no_change_of_frame_or_light_is_no_change():
    x = torch.rand(3, 3, 16, 16) * 1.8 - 0.9
    assert torch.allclose(reframed(x, 0, 0, 0), x, atol=1e-5)
    assert torch.allclose(relit(x, 0), x, atol=1e-6)
    zoomed = reframed(torch.zeros(2, 3, 8, 8) + 0.3, 0.2, 10, 0.1)
    assert torch.allclose(zoomed, torch.full_like(zoomed, 0.3), atol=1e-5)


def test_the_frame_moves_by_no_more_than_is_allowed():
    x = torch.full((64, 1, 32, 32), -1.0)
    x[:, :, 14:18, 14:18] = 1.0
    moved = reframed(x, 0, 0, 0.1, torch.Generator().manual_seed(0))
    weight = moved.add(1)[:, 0]
    place = (weight.sum(1) * torch.arange(32)).sum(1) / weight.sum((1, 2))
    assert (place - 15.5).abs().max() <= 3.3
    assert place.std() > 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda x: reframed(x, zoom=1.0), "zoom"),
        (lambda x: reframed(x, turn=-1.0), "turn"),
        (lambda x: relit(x, 1.0), "strength"),
    ],
)
def test_changes_that_make_no_sense_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong(torch.zeros(2, 3, 8, 8))


def test_pictures_are_changed_and_groups_come_along():
    x = torch.full((3, 3, 2, 2), 255, dtype=torch.uint8)
    data = Captioned(
        x,
        list("甲乙丙"),
        [()] * 3,
        lambda texts: torch.zeros(len(texts), 1),
        change=lambda pictures: -pictures,
        groups=torch.tensor([7, 8, 7]),
    )
    pictures, _, groups = data[torch.tensor([2, 1])]
    assert (pictures == -1).all()
    assert groups.tolist() == [7, 8]
    with pytest.raises(ValueError, match="groups of as many"):
        Captioned(x, list("甲乙丙"), [()] * 3, len, groups=torch.zeros(2))


def test_half_of_a_batch_are_twins_of_the_other_half():
    plain, numbers = torch.arange(10.0), torch.arange(10)
    kinds = [Samples(100 * k + plain, numbers) for k in range(3)]
    data = Twinned(*kinds)
    assert len(data) == 10
    torch.manual_seed(0)
    seen = set()
    for _ in range(20):
        x, rows = data[torch.tensor([4, 2, 9, 0, 1])]
        assert rows[:3].tolist() == rows[3:].tolist()
        assert sorted(rows[:3].tolist()) == [2, 4, 9]
        assert torch.equal(x[:3], rows[:3].float())
        assert torch.equal(x[3:] % 100, x[:3])
        seen |= set((x[3:] // 100).tolist())
    assert seen == {1.0, 2.0}
    with pytest.raises(ValueError, match="give one twin of each"):
        Twinned(kinds[0], Samples(torch.zeros(3)))
