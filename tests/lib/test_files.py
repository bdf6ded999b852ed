"""Whole files or none: whatever stands at the target, fails, or is killed."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from aigc_lib.files import DiskFull, check_writable, replacing

posix = pytest.mark.skipif(os.name != "posix", reason="needs links, devices and modes")
WRITERS = {
    "Python": lambda path: path.write_bytes(bytes(400_000)),
    "torch": lambda path: torch.save(torch.zeros(100_000), path),
    "safetensors": lambda path: save_file({"a": torch.zeros(100_000)}, path),
}


def write(path, content=b"new"):
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("old", [None, b"old"])
def test_the_file_is_there_whole_and_alone(tmp_path, old):
    path = tmp_path / "new" / "file.bin"
    if old:
        path.parent.mkdir()
        path.write_bytes(old)
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.name == path.name  # for writers that look at the ending
        assert path.read_bytes() == old if old else not path.exists()
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == {"file.bin"}


def test_a_block_that_raises_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def broken(temporary):
        temporary.write_bytes(b"half")
        raise KeyError

    with pytest.raises(KeyError), replacing(path) as temporary:
        broken(temporary)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"file.bin"}


@pytest.mark.parametrize("name", ["雨" * 78 + ".safetensors", "x" * 255])
def test_a_name_as_long_as_names_may_be(tmp_path, name):
    write(tmp_path / name)
    assert names(tmp_path) == {name}


def test_what_is_synced_was_opened_for_writing(tmp_path, monkeypatch):
    """Windows refuses to sync a handle that only reads."""
    fcntl = pytest.importorskip("fcntl")
    synced = []

    def sync(handle):
        synced.append(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE)

    monkeypatch.setattr(os, "fsync", sync)
    write(tmp_path / "file")
    assert synced
    assert os.O_RDONLY not in synced


# ---- permissions ---------------------------------------------------------------------


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path, writer):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "file") as temporary:
        writer(temporary)
    assert mode(tmp_path / "file") == mode(tmp_path / "plain")


@posix
def test_a_private_file_stays_private(tmp_path):
    path = tmp_path / "file"
    path.touch(0o600)
    write(path)
    assert mode(path) == 0o600


def test_the_umask_is_never_touched(tmp_path, monkeypatch):
    """It belongs to the process: while it is changed, other threads write with it."""

    def refuse(mask):
        raise AssertionError("os.umask was called")

    monkeypatch.setattr(os, "umask", refuse)
    write(tmp_path / "file")


def test_many_threads_write_one_file(tmp_path):
    contents = [bytes([i]) * 10_000 for i in range(8)]
    threads = [
        threading.Thread(target=write, args=(tmp_path / "file", content))
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_bytes() in contents
    assert names(tmp_path) == {"file"}


@posix
def test_a_write_protected_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"keep")
    real = os.access  # root may write everywhere
    monkeypatch.setattr(os, "access", lambda p, m: m != os.W_OK and real(p, m))
    with pytest.raises(PermissionError, match="write-protected"):
        write(path)
    assert path.read_bytes() == b"keep"
    with pytest.raises(ValueError, match=r"--out .*write-protected"):
        check_writable(path, "--out")


def test_what_cannot_be_replaced_is_told_by_its_name(tmp_path, monkeypatch):
    """A file that a container mounts alone, or one that may only grow."""

    def busy(source, target):
        raise OSError(errno.EBUSY, "Device or resource busy", source, None, target)

    (tmp_path / "model").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(OSError, match=r"busy: '[^>]*model'$"):
        write(tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"old"
    assert names(tmp_path) == {"model"}


# ---- no plain file -------------------------------------------------------------------


@posix
@pytest.mark.parametrize("there", [True, False], ids=["file", "nothing"])
def test_a_link_stays_and_its_file_is_replaced(tmp_path, there):
    real, link = tmp_path / "disk" / "real", tmp_path / "link"
    if there:
        real.parent.mkdir()
        real.write_bytes(b"old")
    (tmp_path / "between").symlink_to(real)
    link.symlink_to("between")
    write(link)
    assert link.is_symlink()
    assert not real.is_symlink()
    assert real.read_bytes() == b"new"
    assert names(real.parent) == {"real"}


@posix
def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic link"):
        write(tmp_path / "a")
    assert (tmp_path / "a").is_symlink()


@posix
@pytest.mark.parametrize("through_link", [False, True])
def test_a_device_is_written_into(tmp_path, through_link):
    null = tmp_path / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, Path("/dev/null").stat().st_rdev)
    except OSError:  # whoever may not make one cannot harm the real one either
        null = Path("/dev/null")
    path = null
    if through_link:
        path = tmp_path / "link"
        path.symlink_to(null)
    check_writable(path, "--out")
    write(path)
    assert null.is_char_device()
    assert path.is_symlink() == through_link


@posix
def test_a_pipe_gets_the_content(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    content = bytes(range(256)) * 2_000  # more than a pipe holds
    until = time.monotonic() + 20
    while reader.is_alive() and not got:
        try:
            write(pipe, content)
        except OSError:  # the reader has not opened it yet
            assert time.monotonic() < until
            time.sleep(0.01)
        else:
            reader.join(20)
    assert got == [content]
    assert pipe.is_fifo()


@posix
def test_a_pipe_without_a_reader_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nobody reads this pipe"):  # so fit rescues
        write(tmp_path / "pipe")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"path='.*folder' is a folder"):
        write(tmp_path / "folder")


# ---- no room -------------------------------------------------------------------------


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_named_whatever_the_writer_says(tmp_path, writer):
    """A limit on the size of files stands for the end of the disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        no_room = pytest.raises(DiskFull, match="file: there is no room on the disk")
        with no_room, replacing(path) as temporary:
            writer(temporary)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"file"}


def test_other_errors_of_a_writer_keep_their_number(tmp_path):
    with pytest.raises(OSError, match="file") as caught, replacing(tmp_path / "file"):
        raise RuntimeError("Error while serializing: I/O error (os error 13)")
    assert caught.value.errno == errno.EACCES
    with pytest.raises(RuntimeError, match="a bug"), replacing(tmp_path / "file"):
        raise RuntimeError("a bug")


# ---- killed --------------------------------------------------------------------------

KILLED = """if True:
    import sys, time
    from aigc_lib.files import replacing
    with replacing(sys.argv[1]) as temporary:
        temporary.write_bytes(b"half")
        (temporary.parent / "of the writer").write_bytes(b"more")
        print("ready", flush=True)
        time.sleep(60)
"""


@posix
def test_the_next_write_sweeps_up_after_a_killed_one(tmp_path):
    path = tmp_path / "file"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        left = names(tmp_path)
        write(path, b"first")
        assert names(tmp_path) == left | {"file"}  # it still writes: hands off
        process.kill()
    write(tmp_path / "another")
    assert names(tmp_path) == left | {"file", "another"}
    write(path, b"second")
    assert names(tmp_path) == {"file", "another"}


def test_a_container_gives_the_same_number_again(tmp_path):
    """What bears our own number and is not ours was left by one before us."""
    path = tmp_path / "file"
    with replacing(path) as temporary:
        left = temporary.parent.name[:-1] + "x"
        write(path, b"inner")  # a second write by this process leaves the first alone
        assert temporary.exists()
    (tmp_path / left).mkdir()
    write(path)
    assert names(tmp_path) == {"file"}


# ---- tried beforehand ----------------------------------------------------------------


def test_trying_leaves_nothing(tmp_path):
    check_writable(tmp_path / "new" / "deep" / "file", "--out")
    assert names(tmp_path) == set()


@posix
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".", " is a folder"),
        ("plain/file", "Not a directory"),
        ("x" * 256, "File name too long"),
        ("circle", "symbolic links"),
    ],
)
def test_what_could_not_be_written_is_refused(tmp_path, path, reason):
    (tmp_path / "plain").touch()
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ValueError, match=f"^--out .*{reason}"):
        check_writable(tmp_path / path, "--out")
    assert names(tmp_path) == {"plain", "circle"}


def test_a_folder_without_rights_is_told_by_the_file_that_is_meant(
    tmp_path, monkeypatch
):
    real = Path.mkdir

    def closed(self, *args, **options):  # root may write everywhere
        if self.name.startswith(".aigc-"):
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        real(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", closed)
    with pytest.raises(PermissionError) as caught:
        write(tmp_path / "model")
    assert caught.value.filename == str(tmp_path / "model")
