"""Readers of image files, on small files made here and on the real ones if at hand."""

import gzip
import io
import struct
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import aigc_lib as aigc
from aigc_lib.data import CATALOG, CorruptFile
from aigc_lib.data.readers.images import (
    read_cifar10,
    read_digits,
    read_idx,
    read_idx_pair,
    read_jpegs,
)

IMAGES = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
RAW = struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 4, 3) + IMAGES.tobytes()


def write(folder, raw):
    path = folder / "images.gz"
    path.write_bytes(gzip.compress(raw))
    return path


def test_idx_keeps_order_and_shape(tmp_path):
    images = read_idx(write(tmp_path, RAW), 3)
    assert images.dtype == torch.uint8
    assert np.array_equal(images.numpy(), IMAGES)


def test_idx_pair_adds_the_channel_axis(tmp_path):
    labels = tmp_path / "labels.gz"
    labels.write_bytes(gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 2) + b"\7\3"))
    x, y = read_idx_pair(CATALOG["mnist"], "train", [write(tmp_path, RAW), labels])
    assert x.shape == (2, 1, 4, 3)
    assert y.dtype == torch.int64
    assert y.tolist() == [7, 3]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\0\0\x0d\3" + RAW[4:], "magic number 0x00000d03, expected 0x00000803"),
        (b"\0\0\x08\1" + RAW[4:], "magic number 0x00000801, expected 0x00000803"),
        (b"", "magic number 0x, expected"),
        (RAW[:8], "its header says"),
        (RAW[:-1], "holds 23 values, its header says"),
        (RAW + b"\0", "holds 25 values, its header says"),
    ],
    ids=["type", "dimensions", "empty", "header", "short", "long"],
)
def test_idx_refuses_what_is_not_idx(tmp_path, raw, reason):
    with pytest.raises(CorruptFile, match=f"images.gz.*{reason}"):
        read_idx(write(tmp_path, raw), 3)


@pytest.mark.parametrize("cut", [5, 20, -4], ids=["header", "body", "checksum"])
def test_idx_refuses_a_truncated_gzip(tmp_path, cut):
    path = write(tmp_path, RAW)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorruptFile, match="no whole gzip file"):
        read_idx(path, 3)


def test_idx_refuses_another_format(tmp_path):
    path = tmp_path / "page.gz"
    path.write_bytes(b"<html>Please log in</html>")
    with pytest.raises(CorruptFile, match="no whole gzip file"):
        read_idx(path, 3)


# ---- CIFAR-10 -----------------------------------------------------------------------

SMALL = replace(CATALOG["cifar10"], splits={"train": 10, "test": 2})
RECORDS = np.random.default_rng(0).integers(0, 256, (10, 3073), dtype=np.uint8)
RECORDS[:, 0] %= 10


def archive(folder, members):
    path = folder / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return [path]


def batches(order=(1, 2, 3, 4, 5)):
    return {f"data_batch_{i}": RECORDS[2 * i - 2 : 2 * i].tobytes() for i in order}


def test_cifar10_planes_are_red_green_blue(tmp_path):
    pixels = np.zeros((3, 32, 32), np.uint8)
    pixels[0, 0, 1], pixels[1, 1, 0], pixels[2, 31, 31] = 10, 20, 30
    record = bytes([4]) + pixels.tobytes()
    x, y = read_cifar10(SMALL, "test", archive(tmp_path, {"test_batch": record * 2}))
    assert x.shape == (2, 3, 32, 32)
    assert y.tolist() == [4, 4]
    assert x[0, 0, 0, 1] == 10
    assert x[0, 1, 1, 0] == 20
    assert x[1, 2, 31, 31] == 30


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (4, 1, 5, 3, 2)])
def test_cifar10_batches_come_in_their_order_not_the_archive_s(tmp_path, order):
    x, y = read_cifar10(SMALL, "train", archive(tmp_path, batches(order)))
    assert np.array_equal(y.numpy(), RECORDS[:, 0])
    assert np.array_equal(x.numpy().reshape(10, -1), RECORDS[:, 1:])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data_batch_3": b"short"}, "data_batch_3.bin has 5 bytes, expected a file"),
        ({"data_batch_3": "/etc/passwd"}, "data_batch_3.bin has 0 bytes, expected a f"),
        ({"data_batch_3": None}, "lacks cifar-10-batches-bin/data_batch_3.bin"),
    ],
    ids=["short", "link", "missing"],
)
def test_cifar10_refuses_a_bad_member(tmp_path, change, reason):
    members = {k: v for k, v in (batches() | change).items() if v is not None}
    with pytest.raises(CorruptFile, match=reason):
        read_cifar10(SMALL, "train", archive(tmp_path, members))


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_cifar10_refuses_a_truncated_archive(tmp_path, keep):
    (path,) = archive(tmp_path, batches())
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(CorruptFile, match=r"no whole tar\.gz file"):
        read_cifar10(SMALL, "train", [path])


def test_cifar10_writes_nothing_to_disk(tmp_path):
    members = batches() | {"../../escape": b"x"}
    paths = archive(tmp_path, members)
    read_cifar10(SMALL, "train", paths)
    assert list(tmp_path.iterdir()) == paths


# ---- JPEGs in an archive ------------------------------------------------------------

CATS = replace(CATALOG["cifar10_cats"], splits={"train": 2, "test": 1})


def jpeg(colour, size=(32, 32)):
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "JPEG")
    return data.getvalue()


def jpegs(folder, members):
    path = folder / "cats.tar.xz"
    with tarfile.open(path, "w:xz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return [path]


def test_jpegs_come_by_name_and_split(tmp_path):
    red, blue, green = (jpeg(colour) for colour in ("red", "blue", "lime"))
    members = {"train/cat/1.jpg": blue, "train/cat/0.jpg": red, "test/cat/0.jpg": green}
    paths = jpegs(tmp_path, members)
    x, y = read_jpegs(CATS, "train", paths)
    assert x.shape == (2, 3, 32, 32)
    assert x.dtype == torch.uint8
    assert y.tolist() == [0, 0]
    assert x.float().mean((2, 3)).argmax(1).tolist() == [0, 2]
    assert read_jpegs(CATS, "test", paths)[0].float().mean((2, 3)).argmax(1) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"GIF89a" + bytes(100), "1.jpg is no JPEG"),
        (jpeg("red", (64, 32)), "1.jpg has 64 x 32 pixels, expected 32 x 32"),
        (bytes(20_000), "1.jpg has 20,000 bytes"),
    ],
    ids=["no jpeg", "size", "long"],
)
def test_jpegs_of_another_kind_are_refused(tmp_path, content, reason):
    paths = jpegs(
        tmp_path, {"train/cat/0.jpg": jpeg("red"), "train/cat/1.jpg": content}
    )
    with pytest.raises(CorruptFile, match=reason):
        read_jpegs(CATS, "train", paths)


def test_a_truncated_archive_of_jpegs_is_refused(tmp_path):
    (path,) = jpegs(tmp_path, {"train/cat/0.jpg": jpeg("red")})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptFile, match=r"no whole tar\.xz file"):
        read_jpegs(CATS, "train", [path])


# ---- scikit-learn's digits ----------------------------------------------------------


def test_digits_are_the_originals_enlarged():
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    train, test = aigc.data.load("digits"), aigc.data.load("digits", split="test")
    x, y = torch.cat([train.x, test.x]), torch.cat([train.y, test.y])
    assert (len(train), len(test)) == (1437, 360)
    assert np.array_equal(y.numpy(), labels)
    # bilinear enlargement by 3: the middle of each 3 x 3 block is the old pixel
    # and its right neighbour lies a third of the way to the next
    old = small.reshape(-1, 8, 8) * 255 / 16
    rows = x[:, 0, 3:-2:3].numpy()
    assert np.abs(rows[:, :, 3:-2:3] - old).max() <= 0.5
    between = (2 * old[:, :, :-1] + old[:, :, 1:]) / 3
    assert np.abs(rows[:, :, 4:-4:3] - between).max() <= 0.51
    border = x.clone()
    border[:, :, 2:-2, 2:-2] = 0
    assert border.max() == 0


def test_digits_take_the_shape_of_the_set_they_stand_for():
    card = replace(CATALOG["digits"], shape=(3, 32, 32))
    x, _ = read_digits(card, "test", [])
    assert x.shape == (360, 3, 32, 32)
    assert torch.equal(x[:, 0], x[:, 2])
    plain = aigc.data.load("digits", split="test").x
    assert torch.equal(x[:, :1, 4:28, 4:28], plain[:, :, 2:26, 2:26])


def test_digits_need_room():
    with pytest.raises(ValueError, match="at least 24 x 24"):
        read_digits(replace(CATALOG["digits"], shape=(1, 16, 16)), "train", [])


# ---- the real files -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_real_test_split(name):
    if aigc.data.find(name, "test") is None:
        pytest.skip(f"{name} is not at hand")
    data = aigc.data.load(name, split="test")
    assert data.x.shape == (10_000, 1, 28, 28)
    assert data.x.dtype == torch.uint8
    assert (data.x.min(), data.x.max()) == (0, 255)
    counts = data.y.bincount().tolist()
    assert len(counts) == 10
    if name == "fashion_mnist":
        assert counts == [1000] * 10
        assert data.classes[data.y[0]] == "Ankle boot"
    else:
        assert data.classes[data.y[0]] == "7"
