"""``python -m aigc_lib doctor``: what it sees, and what it says to do."""

import errno
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from aigc_lib import doctor
from aigc_lib.__main__ import main

ROOT = Path(__file__).parents[2]


def run(*words):
    return main([str(word) for word in words])


def findings(part):
    return {finding.name: finding for finding in part()}


@pytest.fixture
def asks(monkeypatch):
    """Make the installed package ask for other things than it does."""
    real = importlib.metadata.metadata

    def ask(*lines, extras=()):
        told = real("aigc-lib")
        for field in ("Requires-Dist", "Provides-Extra"):
            del told[field]
        for line in lines:
            told["Requires-Dist"] = line
        for extra in extras:
            told["Provides-Extra"] = extra
        monkeypatch.setattr("importlib.metadata.metadata", lambda name: told)

    return ask


def test_every_requirement_of_the_package_is_looked_at():
    lines = [Requirement(line) for line in importlib.metadata.requires("aigc-lib")]
    base = {need.name for need in lines if need.marker is None}
    assert {"torch", "scipy", "scikit-learn"} <= base
    assert set(findings(doctor.library)) == {"aigc_lib", *base}
    extras = set(importlib.metadata.metadata("aigc-lib").get_all("Provides-Extra"))
    assert set(findings(doctor.extras)) == extras - {"book", "dev"}
    assert {"jupyter-book", "nbval", "pytest"} <= set(findings(doctor.book))
    assert "aigc-lib" not in findings(doctor.book)


def test_a_package_that_is_too_old_is_missing(asks):
    asks("torch>=999", "numpy", "scipy>=1,<2", "pillow==1.*")
    found = findings(doctor.library)
    assert found["torch"].detail.endswith(", needs >=999")
    assert found["torch"].remedy.endswith('pip install "torch>=999"')
    assert found["torch"].needed
    assert found["pillow"].remedy
    assert not found["numpy"].remedy
    assert not found["scipy"].remedy
    assert run("doctor") == 1


def test_an_extra_names_only_what_it_lacks(asks):
    asks(
        "numpy; extra == 'x'",
        "no-such-package>=2; extra == 'x'",
        "not-for-us; extra == 'x' and python_version < '3'",
        extras=["x"],
    )
    (found,) = doctor.extras()
    assert found.name == "x"
    assert re.fullmatch(r"numpy [\d.]+, no-such-package not installed", found.detail)
    assert found.remedy.endswith('pip install "no-such-package>=2"')
    assert "not-for-us" not in str(found)
    assert not found.needed  # the library itself lacks nothing
    assert run("doctor") == 0


def test_a_folder_that_was_never_installed(monkeypatch, capsys):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.metadata", missing)
    assert run("doctor") == 1
    text = capsys.readouterr().out
    assert "requirements" in text
    assert "\nbook\n" in text  # and it goes on


def test_disk_space_is_what_the_readme_says():
    told = re.search(r"(\d+) GB of disk", (ROOT / "README.md").read_text("utf-8"))
    assert int(told[1]) * 1e9 == doctor.LEAST_DISK


def test_no_home_folder(monkeypatch, capsys):
    def homeless(path):
        raise RuntimeError("Could not determine home directory.")

    for name in ("AIGC_CACHE_DIR", "XDG_CACHE_HOME", "AIGC_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.expanduser", homeless)
    monkeypatch.setattr("sys.platform", "linux")
    assert run("doctor") == 0
    text = capsys.readouterr().out
    assert "no home folder is known here" in text
    assert "-> set AIGC_CACHE_DIR" in text
    assert "\nbook\n" in text
    assert run("data") == 0
    assert "cache: no home folder is known here" in capsys.readouterr().out


def test_folders_that_may_not_be_looked_into(monkeypatch, tmp_path):
    """As a user of a container whose HOME is root's; tests may run as root."""
    closed = tmp_path / "closed"
    closed.mkdir()
    stat, access = os.stat, os.access

    def refuse(path, *arguments, **options):
        if closed in Path(os.fspath(path)).parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    def deny(path, mode, **options):
        within = closed in (Path(path), *Path(path).parents)
        return not within and access(path, mode, **options)

    monkeypatch.setenv("AIGC_CACHE_DIR", str(closed / "cache"))
    monkeypatch.setenv("AIGC_DATA_DIR", str(closed))
    monkeypatch.setattr("os.stat", refuse)
    monkeypatch.setattr("os.access", deny)
    found = findings(doctor.data)
    assert found["cache"].remedy.startswith("set AIGC_CACHE_DIR")
    assert found["AIGC_DATA_DIR"].remedy.startswith("may not be read")
    assert found["mnist"].remedy == "python -m aigc_lib data mnist"


def test_doctor_is_content_here(capsys):
    assert run("doctor") == 0
    text = capsys.readouterr().out
    assert f"ok       torch           {torch.__version__.split('+')[0]}" in text
    assert "the library is ready" in text


def test_doctor_names_the_command_for_what_is_missing(capsys, monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    monkeypatch.setenv("AIGC_DATA_DIR", str(gone))
    monkeypatch.setenv("AIGC_CACHE_DIR", str(tmp_path))
    only_apt = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(doctor.shutil, "which", only_apt.get)
    assert run("doctor") == 0  # the library itself lacks nothing
    text = capsys.readouterr().out
    for remedy in (
        "python -m aigc_lib data fashion_mnist",
        "sudo apt-get install -y chromium",
        "sudo apt-get install -y nodejs npm",
        "correct it or unset AIGC_DATA_DIR",
    ):
        assert f"-> {remedy}" in text or f"-> no such folder: {remedy}" in text


def test_doctor_survives_without_torch():
    code = """if True:
        import sys
        from aigc_lib import doctor
        from aigc_lib.__main__ import main
        for need in doctor.requirements()[""]:  # import of None fails at once
            if need.name != "packaging":
                sys.modules[doctor.MODULES.get(need.name, need.name)] = None
        sys.exit(main(["doctor"]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert 'pip install "torch>=' in done.stdout
    assert "Traceback" not in done.stderr
