"""The pack for a class without internet: complete, checked, and at work offline."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from aigc_lib.data import CATALOG, find
from tools import chapter, pack
from tools.chapter import ROOT, sources
from tools.pack import Archive, PackFailed

# What a cable pulled out does to Python: no name is found, no host is reached.
CUT = """
import socket
def cut(*_, **__):
    raise OSError("the network is cut")
socket.getaddrinfo = socket.socket.connect = socket.socket.connect_ex = cut
"""


def wheel(folder, name="tiny", version="1.0"):
    """Make a wheel of one line."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"version = '{version}'\n")
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", f"{name}/__init__.py,,\n{info}/RECORD,,\n")
    return path


def archive(path, **other):
    facts = {
        "package": path.name.split("-")[0],
        "version": path.name.split("-")[1],
        "url": path.as_uri().replace("+", "%2B"),
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return Archive(**facts | other)


@pytest.fixture
def shelf(tmp_path):
    """Where the index would have the wheels."""
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def print_book(folder):
    (folder / "html" / "chapters").mkdir(parents=True)
    (folder / "html" / "index.html").write_text("the book")
    (folder / "html" / "chapters" / "x.html").write_text("a page")
    return folder / "html"


@pytest.fixture
def book(tmp_path):
    return print_book(tmp_path)


@pytest.fixture(scope="module")
def few():
    """Only two sets: one to carry along, one that may not be passed on."""
    names = ("chinese_poetry", "cifar10_cats")
    if not find(names[0]):
        pytest.skip(f"{names[0]} is not on this machine: set AIGC_DATA_DIR")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "CATALOG", {name: CATALOG[name] for name in names})
        yield


@pytest.fixture(scope="module")
def packed(tmp_path_factory, few):
    """A pack with one tiny wheel beside the library's, made once."""
    folder = tmp_path_factory.mktemp("packed")
    wanted = [archive(wheel(folder, version="1.0+cpu"))]
    pack.pack(folder / "pack", "cuda", print_book(folder), wanted)
    return folder / "pack"


@pytest.fixture
def made(packed, tmp_path):
    """A copy of the pack, as a student carries it home, and the cut network."""
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "sitecustomize.py").write_text(CUT)
    return shutil.copytree(packed, tmp_path / "the pack")


@pytest.fixture
def built(packed, monkeypatch):
    """Spare a test that packs again the building of the library."""
    (ours,) = packed.glob("wheels/aigc_lib*")
    monkeypatch.setattr(pack, "library_wheel", lambda to: Path(shutil.copy(ours, to)))
    return ours


def start(out, *options):
    """Run start.py as a student does, with the network cut."""
    return subprocess.run(
        [sys.executable, out / "start.py", "--install", *options],
        env={"PYTHONPATH": str(out.parent / "cut"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def test_a_console_without_chinese_installs_too():
    script = ROOT / "tools" / "classroom" / "start.py"
    done = subprocess.run(
        [sys.executable, script, "--help"],
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert r"\u53ea\u5b89\u88c5 only install" in done.stdout


def test_a_class_without_network_has_all_it_needs(made):
    held = {p.relative_to(made).as_posix() for p in made.rglob("*.*") if p.is_file()}
    twins = {f"chapters/{s.parent.name}/{s.stem}.ipynb" for s in sources()}
    assert twins | {"book/index.html", "book/chapters/x.html", "start.py"} <= held
    done = start(made)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (made / "book" / "index.html").as_uri() in done.stdout

    student = made / ".venv" / "bin" / "python"
    where = {
        "PYTHONPATH": f"{made.parent / 'cut'}:{sysconfig.get_path('purelib')}",
        "AIGC_DATA_DIR": str(made / "data"),
        "AIGC_CACHE_DIR": str(made.parent / "cache"),
    }
    code = """
import aigc_lib as aigc, tiny
print(aigc.__file__, tiny.version)
poems = aigc.data.load("chinese_poetry")
print(len(poems), poems.is_standin)
try:
    aigc.data.load("mnist")
except OSError as error:
    print(type(error).__name__, "the network is cut" in str(error))
"""
    said = subprocess.run(
        [student, "-c", code], cwd=made, env=where, capture_output=True, text=True
    )
    first, *others = said.stdout.splitlines()
    assert first.startswith(str(made / ".venv")), said.stderr
    assert first.endswith("1.0+cpu")
    assert others == ["66220 False", "DataUnavailable True"]


def test_a_damaged_copy_is_told_and_its_repair_goes_on(made):
    (path,) = (made / "wheels").glob("tiny*")
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0")
    done = start(made)
    assert done.returncode != 0
    assert "重新拷贝 wheels" in done.stderr
    path.write_bytes(whole)
    done = start(made)
    assert done.returncode == 0, done.stderr
    assert "installing" in done.stdout
    shutil.rmtree(made / "wheels")  # nothing is installed twice
    done = start(made)
    assert done.returncode == 0, done.stderr
    assert "installing" not in done.stdout


@pytest.mark.parametrize(("what", "other"), [("python", "3.9"), ("system", "Plan9")])
def test_another_machine_is_told(made, what, other):
    facts = json.loads((made / "pack.json").read_text())
    facts["for"][what] = other
    (made / "pack.json").write_text(json.dumps(facts))
    done = start(made)
    assert done.returncode != 0
    assert f"{what} {other}" in done.stderr
    assert not (made / ".venv").exists()


def test_what_is_in_it_and_what_is_not_is_said(made):
    said = (made / "README.md").read_text("utf-8")
    assert "全唐诗与宋词" in said
    assert "CIFAR-10 的猫：许可不明，不转发" in said
    assert not list((made / "data").rglob("cats*"))
    sums = (made / "data" / "SHA256SUMS").read_text().splitlines()
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=made / "data").returncode == 0
    assert len(sums) == len(CATALOG["chinese_poetry"].files)


def test_what_happens_without_a_set_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "CATALOG", CATALOG)  # not only the few
    facts = {"for": {"python": "3.11", "system": "Linux", "machine": "x86_64"}}
    facts |= {"torch": "cpu", "installed_bytes": 0}
    said = pack.guide(tmp_path, facts, [], {"vglc": "not here"})
    assert "程序造的" in said
    assert "stop" not in said
    said = pack.guide(tmp_path, facts, [], {"german_credit": "not here"})
    assert "第 12、14 章会停下来" in said
    assert "chapters 12 and 14 stop" in said


def test_other_sets_have_a_standin():
    """A cell that loads one names its stand-in, or first looks whether it is there."""
    stopped = set()
    for source in sources():
        for cell in chapter.code_cells(chapter.read(source)):
            if "data.load(" in cell.source and not re.search(
                r"standin|data\.find|OSError", cell.source
            ):
                stopped |= set(re.findall(r'"(\w+)"', cell.source))
    needed = {card.name for card in CATALOG.values() if card.files}
    assert stopped & needed == set(pack.NO_STANDIN)


def test_answers_and_old_pages_do_not_travel(made, book, built):
    (made / "chapters" / "00_preface" / "00_preface.ipynb").write_text("my answers")
    (made / "book" / "old.html").write_text("gone")
    (made / "wheels" / "tiny-0.9-py3-none-any.whl").write_text("old")
    (tiny,) = (made / "wheels").glob("tiny-1*")
    pack.pack(made, "cuda", book, [archive(tiny)])
    assert "my answers" not in "".join(
        p.read_text("utf-8") for p in made.glob("chapters/*/*.ipynb")
    )
    assert not (made / "book" / "old.html").exists()
    assert not list(made.glob("wheels/tiny-0.9*"))


def test_an_interrupted_pack_goes_on(tmp_path, shelf, book, built, monkeypatch):
    monkeypatch.setattr(pack, "BATCH", 0)
    one, two = (archive(wheel(shelf, name)) for name in ("one", "two"))
    broken = archive(shelf / "two-1.0-py3-none-any.whl", sha256="0" * 64)
    out = tmp_path / "out"
    with pytest.raises(PackFailed, match="same command goes on"):
        pack.pack(out, "cuda", book, [one, broken])
    assert not (out / "pack.json").exists()
    before = one.wheel(out / "wheels").stat().st_mtime_ns
    pack.pack(out, "cuda", book, [one, two])
    assert one.wheel(out / "wheels").stat().st_mtime_ns == before
    assert two.wheel(out / "wheels")
    assert not list(out.glob(".part*"))


def test_a_wheel_cut_short_is_fetched_again(tmp_path, shelf):
    wanted = archive(wheel(shelf))
    pack.fetch([wanted], tmp_path / "wheels")
    path = wanted.wheel(tmp_path / "wheels")
    whole = path.read_bytes()
    for damaged in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:]):
        path.write_bytes(damaged)
        pack.fetch([wanted], tmp_path / "wheels")
        assert path.read_bytes() == whole


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path, shelf, book, few):
    huge = archive(wheel(shelf), bytes=10**15)
    with pytest.raises(PackFailed, match=r"2000000\.0 GB are needed"):
        pack.pack(tmp_path / "out", "cuda", book, [huge])
    assert list((tmp_path / "out").iterdir()) == []


def test_without_a_book_there_is_no_pack(tmp_path, shelf, few):
    with pytest.raises(PackFailed, match="run make book first"):
        pack.pack(tmp_path / "out", "cuda", tmp_path, [archive(wheel(shelf))])


def locked(*names, **others):
    wheels = [
        {"url": f"https://host/{n}", "size": i, "hashes": {"sha256": str(i)}}
        for i, n in enumerate(names)
    ]
    return {"packages": [{"name": "X_y", "version": "1", "wheels": wheels} | others]}


def test_the_wheel_that_fits_best_is_chosen():
    major, minor = sys.version_info[:2]
    names = [
        "x_y-1-py3-none-any.whl",
        "x_y-1-cp27-cp27m-win32.whl",
        f"x_y-1-cp{major}{minor}-none-any.whl",
        "x_y-1-py2.py3-none-any.whl",
    ]
    (found,) = pack.archives(locked(*names))
    assert (found.package, found.bytes, found.name) == ("x-y", 2, names[2])
    (found,) = pack.archives(locked("x_y-1%2Bcpu-py3-none-any.whl"))
    assert found.name == "x_y-1+cpu-py3-none-any.whl"
    source = {"url": "https://host/x.tar.gz", "size": 9, "hashes": {"sha256": "9"}}
    (found,) = pack.archives(locked(names[1], sdist=source))
    assert found.bytes == 9
    with pytest.raises(PackFailed, match="X_y: no wheel for this Python"):
        pack.archives(locked(names[1]))


@pytest.mark.parametrize(
    ("torch", "remedy"), [("cuda", "run the same command"), ("cpu", "TORCH=cuda")]
)
def test_an_index_out_of_reach_is_told(tmp_path, monkeypatch, torch, remedy):
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))
    with pytest.raises(PackFailed, match=remedy):
        pack.lock(torch)
