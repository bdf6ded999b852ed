"""What works on this machine, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIBRARY = [
    *("torch", "torchvision", "numpy", "scikit-learn", "matplotlib"),
    *("tqdm", "safetensors", "accelerate"),
]
MODULES = {"scikit-learn": "sklearn", "jupyter-book": "jupyter_book"}
BOOK = ["jupyter-book", "jupytext", "papermill", "nbval", "ipykernel"]
CHROMIUM = [
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("chrome", "msedge"),
]
MAC_CHROMES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]
LEAST_DISK = 3e9  # bytes: environment, data sets and one built book


@dataclass
class Finding:
    """One thing that was looked at; ``remedy`` is what to run where it is not well."""

    name: str
    detail: str
    remedy: str = ""
    needed: bool = False  # without it the library itself does not work

    def __str__(self) -> str:
        mark = "ok" if not self.remedy else "MISSING" if self.needed else "-"
        line = f"  {mark:9}{self.name:16}{self.detail}"
        return line + (f"\n{'':27}-> {self.remedy}" if self.remedy else "")


def examine() -> int:
    """Print the findings; return 1 if the library lacks something, else 0."""
    broken = 0
    sections = {
        "machine": machine,
        "library": library,
        "data": data,
        "book": book,
    }
    for title, look in sections.items():
        print(title)
        for finding in look():
            print(finding)
            broken += finding.needed and bool(finding.remedy)
    print(f"{broken} needed thing(s) missing" if broken else "the library is ready")
    return int(broken > 0)


def machine() -> Iterator[Finding]:
    """Python, operating system and device."""
    old = sys.version_info < (3, 11)
    yield Finding(
        "Python",
        f"{platform.python_version()} in {sys.prefix}",
        "install Python 3.11 or newer" if old else "",
        needed=True,
    )
    yield Finding("system", f"{platform.platform()}, {os.cpu_count()} cores")
    try:
        from . import runtime

        run = runtime.start()
    except ImportError:
        yield Finding("device", "unknown without torch, see below")
    except ValueError as error:
        yield Finding("profile", str(error), "unset AIGC_PROFILE", needed=True)
    else:
        yield Finding("device", f"{runtime.describe_device(run.device)}")
        yield Finding("precision", "bfloat16" if run.bf16 else "float32")
        yield Finding("profile", f"{run.profile} (AIGC_PROFILE or detected)")
        if run.device.type == "cpu" and shutil.which("nvidia-smi"):
            yield Finding(
                "GPU",
                "there is an NVIDIA driver, but this torch cannot use it",
                "install the CUDA build of torch that pytorch.org names",
            )


def library() -> Iterator[Finding]:
    """The packages that the library imports, imported for real."""
    from . import __version__

    yield Finding("aigc_lib", f"{__version__} in {Path(__file__).parent}")
    for name in LIBRARY:
        yield _package(name, _pip(name), needed=True)


def data() -> Iterator[Finding]:
    """The folders that are searched, their room, and the sets that are in them."""
    try:
        from .data import CATALOG, cache_dir, find
    except ImportError as error:
        yield Finding("catalog", str(error), "mend the packages above")
        return
    own = os.environ.get("AIGC_DATA_DIR")
    gone = own and not Path(own).expanduser().is_dir()
    yield Finding(
        "AIGC_DATA_DIR",
        own or "not set",
        "no such folder: correct it or unset AIGC_DATA_DIR" if gone else "",
    )
    cache = cache_dir()
    nearest = next(path for path in (cache, *cache.parents) if path.exists())
    closed = not os.access(nearest, os.W_OK)
    yield Finding(
        "cache",
        str(cache),
        "set AIGC_CACHE_DIR to a folder that you can write to" if closed else "",
    )
    free = shutil.disk_usage(nearest).free
    yield Finding(
        "disk",
        f"{free / 1e9:.1f} GB free at {nearest}",
        "" if free >= LEAST_DISK else f"free {LEAST_DISK / 1e9:.0f} GB",
    )
    for card in CATALOG.values():
        if card.files:
            where = find(card.name)
            size = sum(file.bytes for file in card.files) / 1e6
            yield Finding(
                card.name,
                f"in {where}" if where else f"not here, {size:.0f} MB",
                "" if where else f"python -m aigc_lib data {card.name}",
            )


def book() -> Iterator[Finding]:
    """What building and testing the book takes beyond the library."""
    for name in BOOK:
        yield _package(name, f"{_PIP} -r requirements.txt")
    if _version("jupyter-book", "1").split(".")[0] != "1":
        yield Finding("jupyter-book", "needs 1.x", _pip("'jupyter-book<2'"))
    yield _program("make", ["make", "gmake"], _install("make", "make", "GnuWin32.Make"))
    yield _program("node", ["node"], _install("nodejs npm", "node", "OpenJS.NodeJS"))
    yield _program(
        "Chromium",
        [*CHROMIUM, *MAC_CHROMES],
        _install("chromium", "--cask chromium", "Google.Chrome"),
    )


_PIP = f"{Path(sys.executable).name} -m pip install"


def _pip(name: str) -> str:
    return f"{_PIP} {name}"


def _version(name: str, missing: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return missing


def _package(name: str, remedy: str, needed: bool = False) -> Finding:
    try:
        importlib.import_module(MODULES.get(name, name))
    except Exception as error:  # a broken binary raises anything, not only ImportError
        detail = f"{_version(name, 'not installed')}: {error}"
        return Finding(name, detail, remedy, needed)
    return Finding(name, _version(name, "version unknown"), needed=needed)


def _program(name: str, candidates: list[str], remedy: str) -> Finding:
    found = next(filter(None, map(shutil.which, candidates)), None)
    return Finding(name, found or "not found", "" if found else remedy)


def _install(apt: str, brew: str, winget: str) -> str:
    """The command of this system's package manager."""
    if shutil.which("apt-get"):
        return f"sudo apt-get install -y {apt}"
    if shutil.which("dnf"):
        return f"sudo dnf install -y {apt}"
    if sys.platform == "darwin":
        return f"brew install {brew}"
    if sys.platform == "win32":
        return f"winget install {winget}"
    return f"install {apt} with the package manager of this system"
