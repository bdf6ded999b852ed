"""Pictures from outside: each the right one or a clear message, and nothing else."""

import io
import struct
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import anyio
import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("sqlalchemy")
pytest.importorskip("obstore")
pytest.importorskip("fastapi")

from fastapi.testclient import TestClient
from tiny_platform import aged, platform_at

from aigc_lib.apps.image_platform import service as services
from aigc_lib.apps.image_platform import upload
from aigc_lib.apps.image_platform.check import Verdict
from aigc_lib.apps.image_platform.service import service
from aigc_lib.apps.image_platform.upload import LEAST, OTHER, one, read, unpacked
from aigc_lib.apps.local import running

RED, BLUE = (200, 30, 40), (30, 40, 190)


def saved(image, form="PNG", **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def halves(size=(64, 64), mode="RGB", left=RED, right=BLUE):
    """Red at the left, blue at the right."""
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image.convert(mode)


def chunk(kind, data):
    sums = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + sums


def png_of(width, height, rows=b""):
    """A PNG whose header says a size, with the pixels that are given, or none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def turned(degrees):
    """Red at the left to whom reads the EXIF data, and stored turned."""
    exif = Image.Exif()
    exif[0x0112] = {90: 6, 180: 3, 270: 8}[degrees]
    return saved(halves().rotate(degrees, expand=True), "JPEG", exif=exif, quality=95)


def sixteen():
    grey = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    return saved(Image.fromarray(grey))


def animated():
    frames = [halves(), Image.new("RGB", (64, 64), "white")]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def transparent():
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 32, 64))
    return saved(image)


def zipped(*entries, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for name, data in entries:
            file.writestr(name, data)
    return out.getvalue()


TOO_MANY = zipped(*((f"{k}/", b"") for k in range(60)))
PNG, JPEG = saved(halves()), saved(halves(), "JPEG", quality=95)
LONG_TEXT = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 20_000_000))
GOOD = {  # what comes out: the colours at the left and at the right
    "png": (PNG, RED, BLUE),
    "jpeg": (JPEG, RED, BLUE),
    "webp": (saved(halves(), "WEBP", lossless=True), RED, BLUE),
    "bmp": (saved(halves(), "BMP"), RED, BLUE),
    "large": (saved(halves((3_000, 2_000)), "JPEG", quality=90), RED, BLUE),
    "wide": (saved(halves((2_000, 64))), RED, BLUE),
    "palette": (saved(halves().quantize(8)), RED, BLUE),
    "cmyk": (saved(halves(mode="CMYK"), "JPEG", quality=95), RED, BLUE),
    "tiff cmyk": (saved(halves(mode="CMYK"), "TIFF"), RED, BLUE),
    "exif 90": (turned(90), RED, BLUE),
    "exif 180": (turned(180), RED, BLUE),
    "exif 270": (turned(270), RED, BLUE),
    "16 bits": (sixteen(), None, None),
    "animated": (animated(), RED, BLUE),
    "transparent": (transparent(), RED, (255, 255, 255)),
    "png and zip": (PNG + zipped(("evil.sh", b"rm -rf /")), RED, BLUE),
    "jpeg and html": (JPEG + b"<script>alert(1)</script>", RED, BLUE),
    "grey": (saved(halves(mode="L")), None, None),
    "8 pixels": (saved(halves((8, 8))), RED, BLUE),
}
BAD = {
    "empty": b"",
    "text": b"no picture",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "program": b"\x7fELF" + bytes(500),
    "pdf": b"%PDF-1.4\n%%EOF",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n(id) system\n",
    "cut png": PNG[: len(PNG) // 2],
    "cut jpeg": JPEG[: len(JPEG) // 3],
    "only a header": PNG[:30],
    "noise": bytes(np.random.default_rng(0).integers(0, 256, 5_000, dtype=np.uint8)),
    "1 x 30,000": saved(Image.new("RGB", (1, 30_000), RED)),
    "30,000 x 1": saved(Image.new("RGB", (30_000, 1), RED)),
    "1 x 1": saved(Image.new("RGB", (1, 1), RED)),
    "bomb of pixels": png_of(50_000, 50_000),
    "bomb of pixels within PIL's limit": png_of(8_000, 8_000),
    "no pixels": png_of(64, 64),
    "0 pixels": png_of(0, 0),
    "bomb of text": PNG[:33] + LONG_TEXT + PNG[33:],
    "float tiff": saved(Image.fromarray(np.zeros((64, 64), np.float32)), "TIFF"),
    "damaged check sum": PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:],
}


def colours(x):
    side = x.shape[-1]
    return x[:, side // 2, side // 4], x[:, side // 2, -side // 4]


def is_near(pixel, colour):
    return (pixel.float() - torch.tensor(colour).float()).abs().max() < 24


@pytest.mark.parametrize("name", GOOD)
def test_the_right_picture(name):
    data, left, right = GOOD[name]
    x = one(data, 64)
    assert (x.shape, x.dtype) == ((3, 64, 64), torch.uint8)
    if left:
        assert is_near(colours(x)[0], left)
        assert is_near(colours(x)[1], right)
    if name == "16 bits":
        assert x[0, 0].float().mean() < 10
        assert x[0, -1].float().mean() > 245


@pytest.mark.parametrize("name", BAD)
def test_a_clear_message(name):
    with pytest.raises(ValueError, match="。") as error:
        one(BAD[name], 64)
    told = str(error.value)
    assert len(told) < 60
    assert "/tmp" not in told


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploads")
    with platform_at(folder, work=None) as platform:
        app = service(platform)
        client = TestClient(app, raise_server_exceptions=False)
        key = platform.accounts.add("ann")
        client.headers["Authorization"] = f"Bearer {key}"
        client.platform, client.folder = platform, folder
        yield client


def good(n=LEAST):
    """Pictures of two classes, by folders."""
    return [
        (
            f"album/{'cats' if i % 2 else 'dogs'}/{i}.png",
            saved(halves(left=(9 * i, 9, 9))),
        )
        for i in range(n)
    ]


def sent(client, *files, title="mine"):
    parts = [("files", (name, data)) for name, data in files]
    return client.post("/api/albums", files=parts, data={"title": title})


def listing(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_forty_bad_files_among_good_ones(client):
    bad = [(f"album/cats/{name}.png", data) for name, data in BAD.items()]
    fine = [(f"album/dogs/{name}.png", data) for name, (data, *_) in GOOD.items()]
    told = sent(client, *good(), *bad, *fine).json()
    assert told["n"] == LEAST + len(GOOD)
    assert len(told["refused"]) == len(BAD)
    assert told["classes"] == ["cats", "dogs"]
    account = client.platform.accounts.by_name("ann").id
    row = client.platform.store.album(told["id"], account)
    x, y = unpacked(client.platform.store.blobs.get(row["blob"]))
    assert x.shape == (told["n"], 3, 64, 64)
    assert y.bincount().tolist() == [LEAST // 2, LEAST // 2 + len(GOOD)]


def test_nothing_is_half_stored(client):
    before = listing(client.folder / "blobs")
    albums = client.get("/api/albums").json()
    few = sent(client, *good(LEAST - 1), ("x.png", b"bad"))
    assert few.status_code == 422
    assert f"至少要 {LEAST} 张" in few.json()["error"]
    assert "x.png" in few.json()["error"]
    assert sent(client).status_code == 422
    assert listing(client.folder / "blobs") == before
    assert client.get("/api/albums").json() == albums


def test_a_picture_many_times_is_one_picture(client):
    answer = sent(client, *[(f"{i}.png", PNG) for i in range(LEAST)])
    assert answer.status_code == 422
    assert "只有 1 张（相同的算一张）" in answer.json()["error"]


def test_a_zip_file_is_a_folder(client):
    told = sent(client, ("album.zip", zipped(*good()))).json()
    assert (told["n"], told["classes"]) == (LEAST, ["cats", "dogs"])
    flat = [(name.rpartition("/")[2], data) for name, data in good()]
    assert sent(client, *flat).json()["classes"] == [OTHER]


PATHS = [
    "../../evil.png",
    "/etc/evil.png",
    "album/../../evil.png",
    "C:/evil.png",
    "..\\..\\evil.png",
    "\\\\server\\evil.png",
]


def test_names_with_path_parts_go_nowhere(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entries = [(name, PNG) for name in PATHS]
    told = sent(client, ("a.zip", zipped(*good(), *entries))).json()
    assert told["n"] == LEAST
    assert len(told["refused"]) == len(PATHS)
    assert not list(tmp_path.rglob("evil*"))
    loose = sent(client, *good(), ("../../x/evil.png", PNG)).json()
    assert loose["n"] == LEAST + 1
    assert not list(tmp_path.rglob("evil*"))
    assert not list(client.folder.rglob("evil*"))


def test_zip_files_that_are_traps(client):
    bomb = zipped(("bomb.png", bytes(30 * 2**20)))
    nested = zipped(("inner.zip", zipped(("x.png", PNG))))
    traps = {
        "bomb": bomb,
        "nested": nested,
        "nameless": zipped((".", PNG[:20])),
        "cut": zipped(*good())[:-30],
        "overlapping": b"PK\x03\x04" + bytes(100),
    }
    for name, data in traps.items():
        told = sent(client, *good(), (f"{name}.zip", data)).json()
        assert told["n"] == LEAST, name
        assert len(told["refused"]) >= 1, name


def test_a_zip_file_with_a_password(client):
    data = bytearray(zipped(*good(1)))
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    told = sent(client, *good(), ("locked.zip", bytes(data))).json()
    assert told["n"] == LEAST
    assert "密码" in told["refused"][0][1]


def test_too_much_at_once(client, monkeypatch):
    monkeypatch.setattr(upload, "MOST_FILES", 25)
    assert sent(client, *good(26)).status_code in (400, 422)
    assert sent(client, ("a.zip", zipped(*good(26)))).status_code == 422
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZipFile", None)  # what lists too much is not opened
        answer = sent(client, ("a.zip", TOO_MANY))
    assert answer.status_code == 422
    assert "超过 25 个" in answer.json()["error"]
    monkeypatch.setattr(upload, "MOST_ALL", 2_000)
    answer = sent(client, *good())
    assert answer.status_code == 422
    assert "分几次" in answer.json()["error"]


def test_a_title_is_short(client):
    files = [("files", (name, data)) for name, data in good()]
    answer = client.post("/api/albums", files=files, data={"title": "A" * 5_000})
    assert answer.status_code == 400


def test_a_title_is_no_file(client):
    files = [("files", (name, data)) for name, data in good()]
    files.append(("title", ("evil.txt", b"x")))
    number = client.post("/api/albums", files=files).json()["id"]
    (album,) = (a for a in client.get("/api/albums").json() if a["id"] == number)
    assert album["title"] == "我的图片"


def test_an_album_is_deleted_with_its_file_by_its_owner(client, monkeypatch):
    blobs = client.platform.store.blobs
    before = set(blobs)
    new, twin = (sent(client, *good(LEAST + 5)).json()["id"] for _ in "ab")
    url = f"/api/albums/{new}"
    other = TestClient(client.app)
    other.headers["Authorization"] = f"Bearer {client.platform.accounts.add('bob')}"
    assert other.delete(url).status_code == 404
    monkeypatch.setattr(upload, "MOST_ALBUMS", len(client.get("/api/albums").json()))
    assert "先删掉" in sent(client, *good()).json()["error"]
    assert client.delete(url).json() == {"deleted": True}
    assert client.delete(url).status_code == 404
    aged(client.platform, blobs)
    client.platform.clear()
    assert len(set(blobs) - before) == 1  # the twin's
    assert client.delete(f"/api/albums/{twin}").status_code == 200
    client.platform.clear()
    assert set(blobs) == before
    assert sent(client, *good()).status_code == 201
    assert client.get("/api/audit").json()[1]["action"] == "album.delete"


def test_two_uploads_at_once_are_not_one_too_many(client, monkeypatch):
    albums = client.get("/api/albums").json()
    with monkeypatch.context() as patch:
        patch.setattr(upload, "MOST_ALBUMS", len(albums))
        # so the second found it, before the first was kept
        patch.setattr(client.platform.store, "albums", lambda account: albums[1:])
        answer = sent(client, *good())
    assert answer.status_code == 422
    assert "先删掉" in answer.json()["error"]
    assert client.get("/api/albums").json() == albums


def test_an_account_has_only_so_many_open_jobs(client, monkeypatch):
    platform = client.platform
    eager = TestClient(client.app)
    eager.headers["Authorization"] = f"Bearer {platform.accounts.add('eager')}"
    album = sent(eager, *good()).json()["id"]
    wish, learn = {"model": 1, "label": "红", "n": 1}, {"title": "mine", "steps": 20}
    monkeypatch.setattr(platform.jobs, "most_open", 1)
    assert eager.post("/api/pictures", json=wish).status_code == 202
    before = [eager.get(f"/api/{x}").json() for x in ("me", "jobs", "audit")]
    for path, asked in (("pictures", wish), (f"albums/{album}/train", learn)):
        answer = eager.post(f"/api/{path}", json=asked)
        assert answer.status_code == 429
        assert "等待的任务太多" in answer.json()["error"]
    assert [eager.get(f"/api/{x}").json() for x in ("me", "jobs", "audit")] == before
    assert client.post("/api/pictures", json=wish).status_code == 202  # another's


@pytest.mark.parametrize(
    ("path", "place", "name"),
    [
        ("/check/picture", services.check, "checked"),
        ("/api/import", services.portable, "imported"),
        ("/api/albums", services, "_keep"),
    ],
)
def test_what_is_sent_at_once_is_read_in_turns(client, monkeypatch, path, place, name):
    inside, seen = [], []

    def reading(*_):
        inside.append(None)
        seen.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return Verdict(False, "")

    for most in ("CHECKED", "READ"):
        monkeypatch.setattr(services, most, 1)
    monkeypatch.setattr(place, name, reading)
    sending = {"headers": {"Authorization": client.headers["Authorization"]}}
    sending["files"] = {"files": ("a.png", PNG)}
    with running(service(client.platform)) as server, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(server.post, path, **sending) for _ in range(4)]
        assert all(each.result().is_success for each in waiting)
    assert seen == [1] * 4


def test_a_picture_that_does_not_come_takes_nobodys_place(client, monkeypatch):
    monkeypatch.setattr(services, "CHECKED", 1)
    app = service(client.platform)
    scope = {"type": "http", "method": "POST", "path": "/check/picture"}
    scope |= {"headers": [], "query_string": b""}

    async def status(receive):
        told = []

        async def send(message):
            told.append(message)

        await app(scope, receive, send)
        return told[0]["status"]

    async def whole():
        return {"type": "http.request", "body": PNG, "more_body": False}

    async def beside_one_that_does_not_come():
        async with anyio.create_task_group() as group:
            group.start_soon(status, anyio.sleep_forever)
            await anyio.wait_all_tasks_blocked()
            found = await status(whole)
            group.cancel_scope.cancel()
        return found

    assert anyio.run(beside_one_that_does_not_come) == 200
    monkeypatch.setattr(services, "PATIENCE", 0.01)
    assert anyio.run(status, anyio.sleep_forever) == 408


def test_an_account_sends_only_few_uploads_at_once(client, monkeypatch):
    monkeypatch.setattr(services, "MOST_SENT", 0)
    files = {"files": ("a.png", PNG)}
    for path in ("/api/albums", "/api/import"):
        answer = client.post(path, files=files)
        assert answer.status_code == 429
        assert "Retry-After" in answer.headers


def test_what_systems_add_is_passed_over():
    extra = [(".DS_Store", b"x"), ("__MACOSX/a/._1.png", b"x"), ("Thumbs.db", b"x")]
    assert read([*good(), *extra]).refused == []


def test_a_label_is_a_line_of_text():
    name = "a/<script>\x00\n\u202e" + "x" * 100 + "/1.png"
    album = read([*good(), (name, PNG)])
    (label,) = set(album.classes) - {"cats", "dogs"}
    assert len(label) <= 40
    assert label.isprintable()


def test_a_chunk_that_the_reader_refuses_is_a_damaged_file():
    """Pillow's own words are English: nobody but the log is to see them."""
    chunk = b"pHYs\0"  # too short
    broken = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    whole = saved(halves())
    end = whole.rindex(b"IEND") - 4
    with pytest.raises(ValueError, match="文件损坏"):
        upload.opened(whole[:end] + broken + whole[end:])
