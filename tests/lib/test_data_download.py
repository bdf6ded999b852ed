"""Downloads that go wrong in every way a network and a disk can go wrong."""

import errno
import gzip
import hashlib
import multiprocessing
import os
import signal
import socket
import struct
import tempfile
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import aigc_lib as aigc
from aigc_lib.data import CATALOG, Card, CorruptFile, DataUnavailable, File
from aigc_lib.data.download import SILENT, download

BODY = bytes(range(256)) * 4096  # 1 MiB
NAME = "set/train.bin"


class Site(BaseHTTPRequestHandler):
    """Serves ``server.body``; the first folder of the address says how badly."""

    def do_GET(self):
        how, body = self.path.split("/")[1], self.server.body
        asked = self.headers.get("Range")
        self.server.requests.append((how, asked))
        if how == "missing":
            return self.send_error(404)
        start = int(asked[6:-1]) if asked and how != "norange" else 0
        if how == "wrong":
            body = b"x" * len(body)
        if how in ("declared", "oversize"):
            body += b"more"
        self.send_response(206 if start else 200)
        if start:
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.send_header("Content-Range", span)
        if how != "oversize":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = len(body)
        if how == "slow":
            time.sleep(0.3)
        if how == "short" and self.server.drops > 0:
            self.server.drops -= 1
            end = start + (end - start) // 2
        if how == "stall" and not start:
            end //= 2
        self.wfile.write(body[start:end])
        if how == "stall" and not start:
            self.wfile.flush()
            self.server.release.wait(20)

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.body, server.requests, server.drops = BODY, [], 1
    server.release = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def fresh_session():
    """No host has failed yet."""
    SILENT.clear()
    yield
    SILENT.clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache and no data folder."""
    monkeypatch.delenv("AIGC_DATA_DIR", raising=False)
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def describe(body, path=NAME, split=None):
    return File(path, len(body), hashlib.sha256(body).hexdigest(), split)


FILE = describe(BODY)


def left_behind(folder):
    """Every file under ``folder`` but the lock."""
    return {p.name for p in folder.rglob("*") if p.is_file()} - {".lock"}


def fetch(site, folder, *ways):
    return download(FILE, [f"{site.url}{way}/" for way in ways], folder)


def test_a_file_arrives_whole(site, folder):
    assert fetch(site, folder, "good").read_bytes() == BODY
    assert left_behind(folder) == {"train.bin"}


def test_the_next_mirror_is_tried(site, folder):
    assert fetch(site, folder, "missing", "wrong", "good").read_bytes() == BODY
    assert left_behind(folder) == {"train.bin"}


def test_a_dropped_connection_is_resumed(site, folder):
    assert fetch(site, folder, "short").read_bytes() == BODY
    assert site.requests == [("short", None), ("short", f"bytes={len(BODY) // 2}-")]


def test_a_connection_that_always_drops_is_given_up(site, folder):
    site.drops = 10**6
    with pytest.raises(OSError, match=r"connection closed after [\d,]+ of 1,048,576"):
        fetch(site, folder, "short")


def test_a_server_that_ignores_range_starts_over(site, folder):
    part = folder / f"{NAME}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:1000])
    assert fetch(site, folder, "norange").read_bytes() == BODY
    assert site.requests == [("norange", "bytes=1000-")]


def test_a_bad_beginning_is_dropped_and_fetched_again(site, folder):
    part = folder / f"{NAME}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    assert fetch(site, folder, "good").read_bytes() == BODY
    assert site.requests == [("good", "bytes=1000-"), ("good", None)]


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("wrong", r"has sha256 \w+, expected"),
        ("declared", r"server has 1,048,580 bytes, expected 1,048,576"),
        ("oversize", r"server sends more than 1,048,576 bytes"),
        ("missing", r"HTTP Error 404"),
    ],
)
def test_a_bad_body_leaves_nothing(site, folder, way, reason):
    with pytest.raises(OSError, match=rf"/{way}/train.bin: .*{reason}"):
        fetch(site, folder, way)
    assert left_behind(folder) == set()


@pytest.fixture
def deaf():
    """The address of a host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_a_silent_host_costs_one_wait_a_session(site, folder, deaf, monkeypatch):
    server, url = deaf
    with monkeypatch.context() as impatient:
        impatient.setattr("aigc_lib.data.download.TIMEOUT", 0.05)
        with pytest.raises(OSError, match="timed out"):
            download(FILE, [url], folder)
    server.setblocking(False)
    server.accept()[0].close()
    assert fetch(site, folder, "good").read_bytes() == BODY  # another host
    (folder / NAME).unlink()
    with pytest.raises(OSError, match=r"not tried again in this session: .*timed out"):
        download(FILE, [url], folder)
    with pytest.raises(BlockingIOError):  # nobody knocked a second time
        server.accept()
    with pytest.raises(OSError, match="not tried again"):
        download(replace(FILE, path="set/other.bin"), [url], folder)


@pytest.mark.parametrize("way", ["missing", "wrong", "short"])
def test_a_host_that_answers_is_asked_again(site, folder, way):
    site.drops = 10**6
    for _ in range(2):
        with pytest.raises(OSError, match=f"/{way}/"):
            fetch(site, folder, way)
    assert not SILENT


def test_a_full_disk_is_not_the_fault_of_the_mirrors(site, folder, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("aigc_lib.data.download._transfer", full)
    with pytest.raises(OSError, match=r"^\[Errno \d+\] No space left on device$"):
        fetch(site, folder, "good", "good")
    assert not SILENT


def in_new_process(function, *arguments):
    """Start ``function`` in a fork, which needs no new import of torch."""
    process = multiprocessing.get_context("fork").Process(
        target=function, args=arguments
    )
    process.start()
    return process


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@needs_fork
def test_two_processes_at_once_share_one_download(site, folder):
    processes = [in_new_process(fetch, site, folder, "slow") for _ in range(2)]
    for process in processes:
        process.join(20)
    assert [process.exitcode for process in processes] == [0, 0]
    assert site.requests == [("slow", None)]
    assert (folder / NAME).read_bytes() == BODY
    assert left_behind(folder) == {"train.bin"}


@needs_fork
def test_a_killed_download_is_resumed(site, folder):
    process = in_new_process(fetch, site, folder, "stall")
    part = folder / f"{NAME}.part"
    until = time.monotonic() + 20
    while not part.exists() or not part.stat().st_size:
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(20)
    assert not (folder / NAME).exists()
    done = part.stat().st_size
    assert fetch(site, folder, "stall").read_bytes() == BODY
    assert site.requests[1:] == [("stall", f"bytes={done}-")]
    assert left_behind(folder) == {"train.bin"}


# ---- through aigc.data.load ---------------------------------------------------------


def idx(values, *shape):
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    return gzip.compress(header + bytes(values))


IMAGES, LABELS = idx(range(24), 2, 4, 3), idx([1, 0], 2)


@pytest.fixture
def tiny(monkeypatch):
    """A set of two images, 4 x 3, whose mirror does not answer."""
    card = Card(
        name="tiny",
        title="Tiny",
        kind="images",
        reader="readers.images:read_idx_pair",
        shape=(1, 4, 3),
        splits={"train": 2},
        classes=("a", "b"),
        summary="",
        licence="",
        source="",
        citation="",
        biases=(),
        mirrors=("http://127.0.0.1:9/",),
        files=(describe(IMAGES, "tiny/x.gz"), describe(LABELS, "tiny/y.gz")),
    )
    monkeypatch.setitem(CATALOG, "tiny", card)
    return card


@pytest.fixture
def served(tiny, site, monkeypatch):
    """The same set, with a mirror that answers."""
    card = replace(tiny, mirrors=(f"{site.url}good/",))
    monkeypatch.setitem(CATALOG, "tiny", card)


def put(folder, images=IMAGES, labels=LABELS):
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny/x.gz").write_bytes(images)
    (folder / "tiny/y.gz").write_bytes(labels)


def test_the_data_folder_comes_before_the_cache(tiny, folder, tmp_path, monkeypatch):
    put(folder)
    assert aigc.data.find("tiny") == folder
    monkeypatch.setenv("AIGC_DATA_DIR", str(tmp_path / "own"))
    assert aigc.data.find("tiny") == folder
    put(tmp_path / "own")
    assert aigc.data.find("tiny") == tmp_path / "own"
    data = aigc.data.load("tiny")
    assert data.x.flatten().tolist() == list(range(24))
    assert data.x.shape == (2, 1, 4, 3)
    assert data.y.tolist() == [1, 0]


def test_a_download_lands_in_the_cache(served, folder, site):
    assert aigc.data.find("tiny") is None
    site.body = LABELS
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny/x.gz").write_bytes(IMAGES)
    assert len(aigc.data.load("tiny")) == 2
    assert left_behind(folder) == {"x.gz", "y.gz"}
    assert aigc.data.find("tiny") == folder


def test_without_file_and_network_the_error_says_what_to_do(tiny, folder):
    with pytest.raises(DataUnavailable) as caught:
        aigc.data.load("tiny")
    for part in (
        "AIGC_DATA_DIR: not set",
        str(folder / "tiny/x.gz"),
        "http://127.0.0.1:9/x.gz",
        "python -m aigc_lib data tiny",
        "AIGC_CACHE_DIR",
    ):
        assert part in str(caught.value)
    assert isinstance(caught.value, OSError)
    assert left_behind(folder) == set()


@pytest.mark.parametrize(
    ("images", "reason"),
    [(IMAGES[:-9], r"bytes, expected"), (IMAGES[:-1] + b"!", r"sha256 .*, expected")],
    ids=["truncated", "wrong checksum"],
)
def test_a_damaged_file_of_the_reader_is_named(
    tiny, folder, tmp_path, monkeypatch, images, reason
):
    monkeypatch.setenv("AIGC_DATA_DIR", str(tmp_path / "own"))
    put(tmp_path / "own", images)
    with pytest.raises(CorruptFile, match=rf"x\.gz has .*{reason}.*AIGC_DATA_DIR"):
        aigc.data.load("tiny", standin="digits")


def test_a_damaged_file_in_the_cache_is_replaced(served, folder, site):
    put(folder, labels=LABELS[:-5])
    site.body = LABELS
    assert aigc.data.load("tiny").y.tolist() == [1, 0]
    assert (folder / "tiny/y.gz").read_bytes() == LABELS


def test_a_damaged_file_in_the_cache_stays_unread_without_network(tiny, folder):
    put(folder, labels=LABELS[:-5])
    with pytest.raises(DataUnavailable, match=r"y\.gz has \d+ bytes, expected"):
        aigc.data.load("tiny")


needs_ids = pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no user ids here")


@pytest.fixture
def read_only_cache(monkeypatch):
    """A cache that this process cannot write, even where tests run as root."""
    monkeypatch.delenv("AIGC_DATA_DIR", raising=False)
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        cache = Path(name) / "cache"
        cache.mkdir()
        monkeypatch.setenv("AIGC_CACHE_DIR", str(cache))

        def close(mode=0o555):
            cache.chmod(mode)
            if root:
                os.seteuid(65534)

        root = os.geteuid() == 0
        yield cache, close
        if root:
            os.seteuid(0)
        cache.chmod(0o755)


@needs_ids
def test_a_read_only_cache_that_lacks_the_set(served, site, read_only_cache):
    _, close = read_only_cache
    close()
    with pytest.raises(DataUnavailable, match=r"(?s)Permission denied.*AIGC_CACHE_DIR"):
        aigc.data.load("tiny")
    assert site.requests == []


@needs_ids
def test_a_read_only_cache_that_holds_the_set(tiny, read_only_cache):
    cache, close = read_only_cache
    put(cache)
    close()
    assert len(aigc.data.load("tiny")) == 2


@needs_ids
def test_folders_that_may_not_be_looked_into(served, folder, read_only_cache):
    """A container's user whose HOME belongs to another."""
    cache, close = read_only_cache
    put(cache)
    close(0o000)
    assert aigc.data.find("tiny") is None
    with pytest.raises(DataUnavailable, match=r"(?s)permission denied.*AIGC_CACHE_DIR"):
        aigc.data.load("tiny")


@pytest.mark.parametrize("variable", ["AIGC_CACHE_DIR", "XDG_CACHE_HOME", None])
def test_a_user_without_a_home(tiny, monkeypatch, tmp_path, variable):
    def homeless(path):
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    for name in ("AIGC_CACHE_DIR", "XDG_CACHE_HOME", "AIGC_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "~/cache")
    monkeypatch.setattr("pathlib.Path.expanduser", homeless)
    monkeypatch.setattr("sys.platform", "linux")
    assert aigc.data.find("tiny") is None
    assert len(aigc.data.load("ring8")) == 10_000  # needs no folder at all
    with pytest.raises(DataUnavailable, match=r"(?s)no home folder.*AIGC_CACHE_DIR"):
        aigc.data.load("tiny")
    monkeypatch.setenv("AIGC_DATA_DIR", str(tmp_path))
    put(tmp_path)
    assert len(aigc.data.load("tiny")) == 2


def test_cache_dir_follows_the_system(monkeypatch, tmp_path):
    monkeypatch.delenv("AIGC_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("sys.platform", "linux")
    assert aigc.data.cache_dir() == tmp_path / "xdg" / "aigc"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert aigc.data.cache_dir() == tmp_path / ".cache" / "aigc"
    monkeypatch.setattr("sys.platform", "darwin")
    assert aigc.data.cache_dir() == tmp_path / "Library" / "Caches" / "aigc"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert aigc.data.cache_dir() == tmp_path / "local" / "aigc"
