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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

MODULES = {"scikit-learn": "sklearn", "pillow": "PIL"}  # where import has another name
CHROMIUM = [
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("chrome", "msedge"),
]
MAC_CHROMES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]
LEAST_DISK = 7e9  # bytes: the environment of the book, most of it CUDA libraries


@dataclass
class Finding:
    """One thing that was looked at; ``remedy`` is what to run where it is not well."""

    name: str
    detail: str
    remedy: str = ""
    needed: bool = False  # without it the library itself does not work

    def __str__(self) -> str:
        mark = "ok" if not self.remedy else "MISSING" if self.needed else "-"
        line = f"  {mark:9}{self.name:15} {self.detail}"
        return line + (f"\n{'':27}-> {self.remedy}" if self.remedy else "")


def examine() -> int:
    """Print the findings; return 1 if the library lacks something, else 0."""
    broken = 0
    sections = {
        "machine": machine,
        "library": library,
        "extras": extras,
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
    except Exception as error:  # a driver or a build of torch that is broken
        yield Finding("device", str(error), "install torch anew", needed=True)
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
    try:
        needs = requirements()
    except ImportError as error:  # PackageNotFoundError is one
        yield Finding("requirements", f"unknown: {error}", f"{_PIP} .", needed=True)
        return
    for need in needs[""]:
        yield _package(need, needed=True)


def extras() -> Iterator[Finding]:
    """What only some chapters and commands need, by the name of each extra."""
    for extra, needs in _extras().items():
        if extra not in BOOK:
            found = [_installed(need) for need in needs]
            remedies = [pin for pin, _, well in found if not well]
            yield Finding(
                extra,
                ", ".join(detail for _, detail, _ in found),
                f"{_PIP} {' '.join(remedies)}" if remedies else "",
            )


def data() -> Iterator[Finding]:
    """The folders that are searched, their room, and the sets that are in them."""
    try:
        from .data import CATALOG, cache_dir, find
    except ImportError as error:
        yield Finding("catalog", str(error), "mend the packages above")
        return
    own = os.environ.get("AIGC_DATA_DIR")
    place = os.path.expanduser(own or "")
    closed = "may not be read" if os.path.isdir(place) else "no such folder"
    if not own or os.access(place, os.R_OK | os.X_OK):
        closed = ""
    yield Finding(
        "AIGC_DATA_DIR",
        own or "not set",
        f"{closed}: correct it or unset AIGC_DATA_DIR" if closed else "",
    )
    remedy = "set AIGC_CACHE_DIR to a folder that you can write to"
    try:
        cache = cache_dir()
    except OSError as error:
        yield Finding("cache", str(error), remedy)
        cache = Path.cwd()
    else:
        nearest = _nearest(cache)
        closed = not os.access(nearest, os.W_OK | os.X_OK)
        yield Finding("cache", str(cache), remedy if closed else "")
    nearest = _nearest(cache)
    free = shutil.disk_usage(nearest).free
    yield Finding(
        "disk",
        f"{free / 1e9:.1f} GB free at {nearest}",
        "" if free >= LEAST_DISK else f"free {LEAST_DISK / 1e9:.0f} GB",
    )
    for card in CATALOG.values():
        if card.files:
            where = find(card.name)
            chapters = " ".join(card.chapters) or "none"
            need = f"{card.bytes / 1e6:.0f} MB, chapters: {chapters}"
            yield Finding(
                card.name,
                f"in {where}" if where else f"not here, {need}",
                "" if where else f"python -m aigc_lib data {card.name}",
            )


def book() -> Iterator[Finding]:
    """What building and testing the book takes beyond the library."""
    for extra, needs in _extras().items():
        for need in needs if extra in BOOK else ():
            yield _package(need)
    yield _program("make", ["make", "gmake"], _install("make", "make", "GnuWin32.Make"))
    yield _program("node", ["node"], _install("nodejs npm", "node", "OpenJS.NodeJS"))
    yield _program(
        "Chromium",
        [*CHROMIUM, *MAC_CHROMES],
        _install("chromium", "--cask chromium", "Google.Chrome"),
    )
    yield from _font()


def _font() -> Iterator[Finding]:
    try:
        from .plots import chinese_here
    except ImportError:
        return  # library() has said it
    font = chinese_here()
    yield Finding(
        "Chinese font",
        font or "none: Chinese words in figures are boxes",
        "" if font else "install one; Debian: sudo apt-get install -y fonts-noto-cjk",
    )


_PIP = f"{Path(sys.executable).name} -m pip install"
BOOK = ("book", "dev")  # extras that only building and testing the book takes


def requirements() -> dict[str, list[Requirement]]:
    """Return what the installed package asks for, by extra; "" is the library itself.

    Raises:
        ImportError: it is not installed, or what reads requirements is not.
    """
    from packaging.requirements import Requirement

    told = importlib.metadata.metadata("aigc-lib")
    needs = [Requirement(line) for line in told.get_all("Requires-Dist") or ()]
    needs = [need for need in needs if need.name != "aigc-lib"]  # an extra of extras
    found = {}
    for extra in ("", *(told.get_all("Provides-Extra") or ())):
        found[extra] = [
            need
            for need in needs
            if ("extra" in str(need.marker)) == bool(extra)
            and (need.marker is None or need.marker.evaluate({"extra": extra}))
        ]
    return found


def _extras() -> dict[str, list[Requirement]]:
    try:
        return {extra: needs for extra, needs in requirements().items() if extra}
    except ImportError:
        return {}  # library() has said it


def _installed(need: Requirement) -> tuple[str, str, bool]:
    """Return what to install for ``need``, what there is, and whether that will do."""
    pin = f'"{need.name}{need.specifier}"' if need.specifier else need.name
    try:
        version = importlib.metadata.version(need.name)
    except importlib.metadata.PackageNotFoundError:
        return pin, f"{need.name} not installed", False
    if not need.specifier.contains(version, prereleases=True):
        return pin, f"{need.name} {version}, needs {need.specifier}", False
    return pin, f"{need.name} {version}", True


def _package(need: Requirement, needed: bool = False) -> Finding:
    """Look at one package; what the library needs is imported for real."""
    pin, detail, well = _installed(need)
    detail = detail.removeprefix(need.name).strip()
    if well and needed:
        try:
            importlib.import_module(MODULES.get(need.name, need.name))
        except Exception as error:  # a broken binary raises anything
            detail, well = f"{detail}: {error}", False
    return Finding(need.name, detail, "" if well else f"{_PIP} {pin}", needed)


def _nearest(folder: Path) -> Path:
    """Return the closest folder above that there is, as far as this user may look."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))


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
