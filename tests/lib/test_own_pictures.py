"""A folder of the reader's own pictures, used like a data set."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import aigc_lib as aigc
from aigc_lib.data.own import folder, pictures
from aigc_lib.data.own.folder import Files, for_test

RED, GREEN, BLUE, WHITE = (200, 30, 40), (20, 180, 60), (30, 40, 190), (255, 255, 255)


def halves(size=(64, 64), left=RED, right=BLUE):
    """A picture whose left half has one colour and whose right half has another."""
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def pixels(path, channels=3, size=32):
    return pictures.square(path, channels, size).float()


def colours(x):
    """The colours in the middle of the left and of the right half, each (C,)."""
    side = x.shape[2]
    return x[:, side // 2, side // 4], x[:, side // 2, -side // 4]


@pytest.fixture
def album(tmp_path):
    """Forty pictures of two classes, cats red and dogs blue, of many sizes."""
    for name, colour in {"cats": RED, "dogs": BLUE}.items():
        (tmp_path / name).mkdir()
        for i in range(20):
            picture = Image.new("RGB", (30 + 2 * i, 70 - i), colour)
            picture.save(tmp_path / name / f"{name}{i}.png")
    return tmp_path


# ---- what comes out ------------------------------------------------------------------


def test_a_folder_is_a_data_set(album):
    train = aigc.data.load(album)
    test = aigc.data.load(str(album), split="test")
    assert train.x.dtype == torch.uint8
    assert train.x.shape == (len(train), 3, 32, 32)  # half of them have 39 or more
    assert len(train) + len(test) == 40
    assert len(test) > 0
    assert train.card.splits == {"train": len(train), "test": len(test)}
    assert train.classes == ("cats", "dogs")
    assert not train.is_standin
    for data in (train, test):
        for x, y in zip(data.x, data.y, strict=True):
            assert x[:, 0, 0].tolist() == list([RED, BLUE][y])
    assert repr(train).startswith(f"{album.name}/train: {len(train)} samples of 3 x 32")


def test_the_card_says_what_was_read_and_what_was_not(album):
    for i in range(5):
        (album / f"notes{i}.txt").write_text("hello")
    (album / ".DS_Store").write_bytes(b"x")
    (album / "cats" / "broken.png").write_bytes(b"\x89PNG but no more")
    data = aigc.data.load(album)
    text = data.card.markdown()
    assert "你自己的文件" in data.card.licence
    assert f'aigc.data.load("{album}")' in text
    assert "- 类型不符（.txt）：5 个，如 notes0.txt、notes1.txt、notes2.txt\n" in text
    assert "- 隐藏的文件：1 个，.DS_Store\n" in text
    assert "cats/broken.png" in text.replace(os.sep, "/")
    assert len(data.card.left_out) == 3
    assert "see .card" in repr(data)


def test_cropped_to_the_middle_and_scaled_as_asked(tmp_path):
    wide = Image.new("RGB", (300, 100), RED)
    wide.paste(GREEN, (100, 0, 200, 100))
    wide.save(tmp_path / "wide.png")
    wide.transpose(Image.Transpose.TRANSPOSE).save(tmp_path / "tall.png")
    for size in (28, 64, 120):  # smaller and larger than the picture
        x = aigc.data.load(tmp_path, image_size=size).x
        assert x.shape[1:] == (3, size, size)
        assert (x == torch.tensor(GREEN, dtype=torch.uint8).view(3, 1, 1)).all()


@pytest.mark.parametrize(("side", "size"), [(10, 28), (31, 28), (32, 32), (900, 64)])
def test_without_a_wish_the_size_is_that_of_the_pictures(tmp_path, side, size):
    for i in range(3):
        Image.new("L", (side + 5, side), 7 * i).save(tmp_path / f"{i}.png")
    x = aigc.data.load(tmp_path).x
    assert x.shape[1:] == (1, size, size)  # all grey: one channel


def test_grey_as_asked(tmp_path):
    for i in range(3):
        halves().save(tmp_path / f"{i}.png")
    x = aigc.data.load(tmp_path, channels=1, image_size=32).x
    for got, colour in zip(colours(x[0]), (RED, BLUE), strict=True):
        red, green, blue = colour
        assert abs(got.item() - (0.299 * red + 0.587 * green + 0.114 * blue)) <= 1
    Image.new("L", (9, 9), 77).save(tmp_path / "grey.png")
    assert aigc.data.load(tmp_path).x.shape[1] == 3  # not all of them are grey


SAVED = {
    "rgb.png": lambda: halves(),
    "rgb.bmp": lambda: halves(),
    "rgb.webp": lambda: halves(),
    "palette.png": lambda: halves().quantize(4),
    "palette.gif": lambda: halves().quantize(4),
    "tiff.tiff": lambda: halves(),
    "jpeg.jpg": lambda: halves(),
    "cmyk.jpg": lambda: halves().convert("CMYK"),
    "cmyk.tif": lambda: halves().convert("CMYK"),
    "alpha.png": lambda: halves().convert("RGBA"),
    "large.JPG": lambda: halves((1_000, 700)),
    "misnamed.gif": None,
}


@pytest.mark.parametrize("name", SAVED)
def test_every_mode_keeps_its_colours(tmp_path, name):
    path = tmp_path / name
    if SAVED[name]:
        SAVED[name]().save(path)
    else:  # what counts is the content
        halves().save(path, "PNG")
    x = pixels(path)
    near = 0 if path.suffix in (".png", ".bmp") else 12  # CMYK and JPEG are lossy
    for got, colour in zip(colours(x), (RED, BLUE), strict=True):
        assert (got - torch.tensor(colour)).abs().max() <= near


def test_sixteen_bits_keep_their_upper_eight(tmp_path):
    values = np.array([[0, 257, 65_535, 32_768]], np.uint16).repeat(4, 0)
    Image.fromarray(values).save(tmp_path / "deep.png")
    x = pixels(tmp_path / "deep.png", 1, 4)
    assert x[0, 0].tolist() == [0, 1, 255, 128]
    assert pictures.looked_at(tmp_path / "deep.png") == (4, True)


def test_one_bit_is_black_and_white(tmp_path):
    halves((64, 64), (0, 0, 0), WHITE).convert("1").save(tmp_path / "bits.png")
    left, right = colours(pixels(tmp_path / "bits.png", 1))
    assert (left.item(), right.item()) == (0, 255)


def test_transparency_is_white(tmp_path):
    picture = halves().convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 0))
    picture.save(tmp_path / "clear.png")
    assert (pixels(tmp_path / "clear.png") == 255).all()
    grey = Image.new("LA", (8, 8), (0, 0))
    grey.save(tmp_path / "grey.png")
    assert (pixels(tmp_path / "grey.png", 1, 8) == 255).all()
    palette = halves().quantize(4)
    blue = palette.getpixel((60, 5))
    palette.save(tmp_path / "palette.png", transparency=blue)
    left, right = colours(pixels(tmp_path / "palette.png"))
    assert left.tolist() == list(RED)
    assert right.tolist() == list(WHITE)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_270)],
)
def test_turned_as_the_camera_says(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = halves((40, 40))
    picture.save(tmp_path / "turned.png", exif=exif)
    picture.transpose(turn).save(tmp_path / "upright.png")
    expected = pixels(tmp_path / "upright.png")
    assert torch.equal(pixels(tmp_path / "turned.png"), expected)
    picture.save(tmp_path / "as_it_lies.png")
    assert not torch.equal(pixels(tmp_path / "as_it_lies.png"), expected)


def test_of_an_animation_the_first_frame(tmp_path):
    frames = [Image.new("RGB", (20, 20), c) for c in (GREEN, RED, BLUE)]
    for name in ("moving.gif", "moving.png", "moving.webp"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        x = pixels(path, 3, 20)
        assert (x - torch.tensor(GREEN).view(3, 1, 1)).abs().max() <= 2


# ---- what is left out ----------------------------------------------------------------


def reasons(path):
    """What is not used, by name, and why."""
    files = Files.at(path)
    files.keep((".png", ".jpg"))
    for file in files.found:
        try:
            pictures.looked_at(file.path)
            pictures.square(file.path, 3, 28)
        except folder.LeftOut as reason:
            files.leave_out(file.shown, reason)
    return {name.replace(os.sep, "/"): why.reason for name, why in files.left_out}


def test_damaged_files_are_left_out(album):
    (album / "text.png").write_text("no picture at all")
    (album / "empty.png").touch()
    (album / "script.png").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    )
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    for name in ("half.png", "half.jpg"):
        Image.fromarray(noise).save(album / name)
        whole = (album / name).read_bytes()
        (album / name).write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.ones((9, 9), np.float32)).save(album / "float.png", "TIFF")
    found = reasons(album)
    assert found.keys() == {
        "text.png",
        "empty.png",
        "script.png",
        "half.png",
        "half.jpg",
        "float.png",
    }
    assert found["text.png"] == found["script.png"] == found["empty.png"]
    assert found["text.png"] == "no picture, whatever its name says"
    assert "damaged" in found["half.png"]
    assert "damaged" in found["half.jpg"]
    assert "white is not known" in found["float.png"]
    assert len(aigc.data.load(album).card.left_out) == 3


def png_of(width, height):
    """A PNG file that claims a size and holds next to nothing."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_945, 20_000, 2**31 - 1])
def test_a_bomb_is_not_unpacked(album, side):
    (album / "bomb.png").write_bytes(png_of(side, side))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "pixels, more than" in reasons(album)["bomb.png"].replace(
            "has more than 80,000,000 pixels", "pixels, more than"
        )
        assert len(aigc.data.load(album)) > 30


def test_a_file_too_large(album, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 1_000)
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(album / "big.png")
    assert "larger than" in reasons(album)["big.png"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_and_devices_are_not_followed(album, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    halves().save(outside / "secret.png")
    (album / "link.png").symlink_to(outside / "secret.png")
    (album / "folder").symlink_to(outside)
    (album / "round").symlink_to(album)
    (album / "dangling.png").symlink_to(album / "nothing")
    os.mkfifo(album / "pipe.png")  # who opened it would wait for ever
    found = reasons(album)
    links = {"link.png", "folder", "round", "dangling.png"}
    assert found.keys() == links | {"pipe.png"}
    assert all(found[name].startswith("a link") for name in links)
    assert found["pipe.png"] == "no plain file"
    assert len(aigc.data.load(album / ".")) + 0 == len(aigc.data.load(album))
    named = outside / "named"  # a link that the reader names is followed
    named.symlink_to(album)
    assert len(aigc.data.load(named)) == len(aigc.data.load(album))


def test_hidden_files_and_folders(album):
    (album / ".thumbnails").mkdir()
    halves().save(album / ".thumbnails" / "small.png")
    (album / "__MACOSX").mkdir()
    halves().save(album / "__MACOSX" / "ghost.png")
    halves().save(album / "cats" / "._cat.png")
    hidden = {".thumbnails", "__MACOSX", "cats/._cat.png"}
    assert reasons(album) == dict.fromkeys(hidden, "hidden")


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="POSIX")
def test_a_folder_that_may_not_be_read(album):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (album / "closed").mkdir()
    (album / "closed").chmod(0)
    try:
        assert "cannot be opened" in reasons(album)["closed"]
    finally:
        (album / "closed").chmod(0o700)


# ---- bad input -----------------------------------------------------------------------


def refused(name, **options):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        aigc.data.load(name, **options)
    return str(caught.value)


def test_nothing_to_learn_from(tmp_path):
    assert "this folder is empty" in refused(tmp_path)
    (tmp_path / ".hidden.png").touch()
    assert "no file can be used (.hidden.png: hidden)" in refused(tmp_path)
    for i in range(5):
        (tmp_path / f"{i}.png").write_text("no picture")
    message = refused(tmp_path)
    assert message.count("no picture, whatever its name says") == 2  # after the hidden
    assert message.endswith("; and 3 more)")
    halves().save(tmp_path / "only.png")
    assert "one picture only" in refused(tmp_path)
    assert "one picture only" in refused(tmp_path / "only.png")
    assert "is not there" in refused(tmp_path / "pictures")
    assert "is not there" in refused("~/there/is/no/such/folder")
    assert "is not there" in refused("no-such-novel.txt")


@pytest.mark.skipif(os.name != "posix", reason="no such names there")
def test_a_pipe_of_the_shell_is_there_and_is_no_file():
    read, write = os.pipe()  # what <(...) and /dev/stdin are
    assert "is neither a file nor a folder" in refused(f"/dev/fd/{read}")
    os.close(read)
    os.close(write)


def test_files_of_another_kind(tmp_path):
    (tmp_path / "table.xlsx").write_text("PK")
    for name in (tmp_path, tmp_path / "table.xlsx"):
        assert "sheets of Excel, which cannot be loaded" in refused(name)
    (tmp_path / "photo.heic").touch()
    assert "sheets" in refused(tmp_path)
    message = refused(tmp_path / "photo.heic")
    assert "photo.heic: .heic is none of .jpg, .jpeg, .png" in message
    (tmp_path / "novel.txt").write_text("once upon a time")
    assert "as many texts as sheets" in refused(tmp_path)


def test_sub_folders_that_are_splits_are_the_splits(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "cats").mkdir(parents=True)
        for i in range(4):
            halves().save(tmp_path / split / "cats" / f"{split}{i}.png")
    (tmp_path / "cover.png").write_bytes(b"x")
    for split in ("train", "test"):
        data = aigc.data.load(tmp_path, split=split)
        assert len(data) == 4
        assert data.classes == ("cats",)
        assert data.card.splits == {"train": 4, "test": 4}
        assert "不在任何一部分里：1 个，cover.png" in data.card.left_out
    assert "choose one of train, test" in refused(tmp_path, split="validation")
    (tmp_path / "test").rename(tmp_path / "valid")
    assert len(aigc.data.load(tmp_path, split="validation")) == 4
    (tmp_path / "valid").rename(tmp_path / "owls")
    assert aigc.data.load(tmp_path).classes == ("owls", "train")


def test_options_that_do_not_fit(album):
    for options, reason in [
        ({"split": "val"}, "split='val'"),
        ({"standin": "digits"}, "standin='digits'"),
        ({"image_size": 3}, "image_size=3"),
        ({"image_size": 5_000}, "image_size=5000"),
        ({"image_size": float("nan")}, "image_size=nan"),
        ({"channels": 2}, "channels=2"),
        ({"seconds": 1.0}, "holds pictures, which take no seconds"),
    ]:
        assert reason in refused(album, **options)
    for option in ("image_size", "channels", "seconds"):
        assert f"{option}=1: for files of your own" in refused("digits", **{option: 1})


def test_more_than_fits(album, monkeypatch):
    monkeypatch.setattr(folder, "MOST_FILES", 39)
    assert "more than 39 files" in refused(album)
    monkeypatch.setattr(folder, "MOST_FILES", 40)
    monkeypatch.setattr(pictures, "MOST_MEMORY", 40 * 3 * 28 * 28)
    assert "image_size=32: 40 pictures" in refused(album, image_size=32)
    assert len(aigc.data.load(album, image_size=28))


def test_a_name_of_the_catalogue_goes_first(album, monkeypatch):
    (album / "cats").rename(album / "digits")
    monkeypatch.chdir(album)
    assert aigc.data.load("digits").card.licence.startswith("CC BY")
    assert aigc.data.load("./digits").classes == ("digits",)
    assert aigc.data.load("dogs").classes == ("dogs",)
    assert "did you mean 'digits'" in refused("digit")
    assert "the path of files of your own" in refused("digit")
    assert "name=''" in refused("")


def test_files_beside_sub_folders_are_a_class_of_their_own(album):
    halves().save(album / "loose.png")
    data = aigc.data.load(album)
    assert set(data.classes) == {"cats", "dogs", album.name}


# ---- train and test ------------------------------------------------------------------

names = st.lists(st.text(min_size=1), min_size=2, max_size=60, unique=True)


@given(names, st.integers(0, 60))
def test_the_same_file_goes_to_the_same_split(keys, n):
    whole = dict(zip(keys, for_test(keys), strict=True))
    assert dict(zip(reversed(keys), for_test(keys[::-1]), strict=True)) == whole
    assert any(whole.values())  # there is always something to test
    part = for_test(keys[:n])
    if any(whole[key] for key in keys[:n]) and sum(part) > 1:
        assert part == [whole[key] for key in keys[:n]]


def test_about_one_in_ten_is_for_the_test():
    n = 20_000
    share = sum(for_test([f"IMG_{i}.jpg" for i in range(n)])) / n
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / n) ** 0.5


def test_names_are_the_same_on_all_systems():
    composed = for_test([f"caf\u00e9{i}.png" for i in range(99)])
    assert sum(composed) > 1
    assert composed == for_test([f"cafe\u0301{i}.png" for i in range(99)])


def test_a_file_stays_in_its_split_when_others_come_and_go(album):
    def shade(split):
        x = aigc.data.load(album, split=split).x
        return {int(a) for a, b, c in x[:, :, 0, 0] if a == b == c}

    for i in range(30):
        Image.new("L", (40, 40), 8 * i).save(album / f"grey{i}.png")
    before = {split: shade(split) for split in ("train", "test")}
    assert not before["train"] & before["test"]
    assert len(before["train"]) > 15
    assert before["test"]
    (album / "grey3.png").rename(album / "cats" / "grey3.png")
    for i in range(10):
        (album / "dogs" / f"dogs{i}.png").unlink()
    assert shade("test") <= before["test"]
    assert shade("train") <= before["train"]
