"""Open the course that lies beside this file; install it first where it is not yet.

把这个文件夹里的课程打开；还没安装的，先安装。不需要网络。

    python3 start.py              install if need be, then open JupyterLab
    python3 start.py --install    only install

Nothing but Python itself is needed, and nothing outside this folder is touched.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PINS = HERE / "requirements.txt"
STAMP = VENV / "installed"


def stop(chinese: str, english: str) -> None:
    raise SystemExit(f"{chinese}\n{english}")


def facts() -> dict:
    """Read what this pack is; stop where it does not fit this machine."""
    try:
        known = json.loads((HERE / "pack.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        stop(
            "这个包没有打完：在有网络的机器上再运行一次 make pack，然后重新拷贝。",
            "This pack is not complete: run make pack again where it was made.",
        )
    here = {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "system": platform.system(),
        "machine": platform.machine(),
    }
    for what, needed in known["for"].items():
        if here[what] != needed:
            stop(
                f"这个包是给 {what} {needed} 打的，这里是 {here[what]}："
                "换用相同的 Python 和系统，或者在相同的机器上重新打包。",
                f"This pack is for {what} {needed}, here is {here[what]}: use the "
                "same Python and system, or pack on a machine like this one.",
            )
    return known


def is_installed() -> bool:
    """Tell whether all that the pins name was installed from here."""
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()
    return STAMP.exists() and STAMP.read_text("utf-8") == digest


def install(known: dict) -> None:
    """Make .venv and fill it from wheels/; an interrupted call is continued."""
    needed, free = known["installed_bytes"], shutil.disk_usage(HERE).free
    if not VENV.exists() and free < needed:
        stop(
            f"磁盘不够：安装要 {needed / 1e9:.1f} GB，只剩 {free / 1e9:.1f} GB。",
            f"The disk is too full: {needed / 1e9:.1f} GB are needed.",
        )
    print(f"安装到 {VENV}（{needed / 1e9:.1f} GB）…… installing", flush=True)
    if not PYTHON.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)])
        if made.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            stop(
                "这个 Python 造不出虚拟环境。Debian 和 Ubuntu 缺的是 python3-venv 包。",
                "This Python makes no venv. Debian and Ubuntu lack python3-venv.",
            )
    pip = [str(PYTHON), "-m", "pip", "--isolated", "--disable-pip-version-check"]
    wanted = ["--no-index", "--find-links", str(HERE / "wheels"), "--no-deps"]
    wanted += ["--no-cache-dir", "--require-hashes", "-r", str(PINS)]
    if subprocess.run([*pip, "install", *wanted]).returncode:
        stop(
            "没有装上，原因在上面。文件损坏的，重新拷贝 wheels；再运行一次会接着装。",
            "Not installed: pip says why. Copy wheels again if a file is damaged; the "
            "next call goes on.",
        )
    tried = [str(PYTHON), "-c", f"import {', '.join(known['imports'])}"]
    if subprocess.run(tried).returncode:
        stop("装上了，却导入不了：上面写着原因。", "Installed, but not importable.")
    STAMP.write_text(hashlib.sha256(PINS.read_bytes()).hexdigest(), "utf-8")


def environment() -> dict:
    """Return the variables under which the course finds its data."""
    return os.environ | {
        "AIGC_DATA_DIR": str(HERE / "data"),
        "JUPYTER_CONFIG_PATH": str(HERE / "jupyter"),
    }


def main() -> None:
    for stream in (sys.stdout, sys.stderr):  # a console without Chinese shows \u4e2d
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--install", action="store_true", help="只安装 only install")
    only = parser.parse_args().install
    known = facts()
    if not is_installed():
        install(known)
    print(f"装好了 installed: {VENV}")
    if (HERE / "book").exists():
        print(f"整本书 the book: {(HERE / 'book' / 'index.html').as_uri()}")
    if only:
        return
    lab = [str(PYTHON), "-m", "jupyterlab", f"--notebook-dir={HERE / 'chapters'}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        lab += ["--allow-root", "--ServerApp.ip=127.0.0.1"]  # from here alone
    raise SystemExit(subprocess.call(lab, env=environment()))


if __name__ == "__main__":
    main()
