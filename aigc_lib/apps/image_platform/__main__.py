"""``python -m aigc_lib.apps.image_platform`` starts the platform; see its README."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Sequence
from pathlib import Path

from ...console import place
from ...data import cache_dir
from ...runtime import settle_threads
from ..accounts import QUOTA, ROLES
from ..backup import backup, restore
from ..command import (
    as_command,
    change_account,
    first_account,
    folder_at,
    free_port,
    port,
    process,
    work_until_ended,
)
from ..database import in_file
from ..web import serve
from .feedback import written
from .load import load
from .platform import PROJECT, WORK, Platform
from .service import service
from .store import ALL
from .trainer import add_file

FIRST = "first-key.txt"


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    p = argparse.ArgumentParser(
        prog="python -m aigc_lib.apps.image_platform",
        description="Generate, edit and keep pictures.",
    )
    p.add_argument(
        "--folder",
        type=place,
        default=cache_dir() / "image_platform",
        help="of the database, the pictures and checkpoints (default: %(default)s)",
    )
    p.add_argument("--url", help="of the database (default: SQLite in the folder)")
    p.add_argument("--blobs", help="of the pictures (default: file:// in the folder)")
    p.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    p.add_argument("--port", type=port, default=8000, help="(default: %(default)s)")
    commands = p.add_subparsers(dest="command")
    one = commands.add_parser("serve", help="serve, and work (the default)")
    one.add_argument("--accept-only", action="store_true", help="workers do the work")
    # what was given before the word "serve" stays where nothing is given after it
    one.add_argument("--host", default=argparse.SUPPRESS)
    one.add_argument("--port", type=port, default=argparse.SUPPRESS)
    commands.add_parser("worker", help="only work, beside a server")
    one = commands.add_parser("account", help="add, renew, close or list accounts")
    one.add_argument("what", choices=("add", "renew", "close", "list"))
    one.add_argument("name", nargs="?", default="")
    one.add_argument("--role", choices=ROLES, default="user")
    one.add_argument("--quota", type=int, default=QUOTA, help="pictures a day")
    one = commands.add_parser("model", help="publish a model from a file")
    one.add_argument("file", type=place)
    one.add_argument("--title", required=True)
    one.add_argument("--classes", default="", help="names, with commas between")
    for name, told in (
        ("backup", "write all there is into a file"),
        ("restore", "fill an empty platform from such a file"),
        ("feedback", "write what people said of pictures, as data"),
    ):
        one = commands.add_parser(name, help=told)
        one.add_argument("file", type=place)
    one = commands.add_parser("load", help="a load test of a server on this machine")
    one.add_argument("key", help="of an account with enough quota")
    one.add_argument("--clients", type=int, default=16)
    one.add_argument("--seconds", type=float, default=300.0)
    one.add_argument("--pid", type=process, help="of the server, to watch its memory")
    return p


def main(words: Sequence[str]) -> None:
    """Run one command."""
    arguments = parser().parse_args(words)
    if arguments.command == "load":
        url = f"http://{arguments.host}:{arguments.port}"
        asked = {k: getattr(arguments, k) for k in ("clients", "seconds", "pid")}
        print(json.dumps(load(url, arguments.key, **asked), indent=1))
        return
    settle_threads()
    folder = folder_at(arguments.folder)
    url = arguments.url or in_file(folder / "platform.sqlite")
    blobs = arguments.blobs or (folder / "blobs").as_uri()
    platform = Platform(url, blobs, folder)
    command = arguments.command or "serve"
    globals()[f"_{command}"](platform, arguments, folder)


def _serve(platform: Platform, arguments: argparse.Namespace, folder: Path) -> None:
    number = free_port(arguments.host, arguments.port)
    alone = not getattr(arguments, "accept_only", False)
    platform.start(WORK if alone else None)
    first_account(platform.accounts, folder / FIRST)
    threading.Thread(target=platform.prepare, daemon=True).start()
    app = service(platform)
    print(f"http://{arguments.host}:{number}", flush=True)
    serve(app, arguments.host, number, close=platform.close)


def _worker(platform: Platform, arguments: argparse.Namespace, folder: Path) -> None:
    platform.start(WORK)
    work_until_ended(platform.close)


def _account(platform: Platform, arguments: argparse.Namespace, folder: Path) -> None:
    change_account(platform.accounts, arguments)


def _model(platform: Platform, arguments: argparse.Namespace, folder: Path) -> None:
    classes = [name.strip() for name in arguments.classes.split(",") if name.strip()]
    add_file(platform.store, arguments.file, arguments.title, classes)


def _backup(platform: Platform, arguments: argparse.Namespace, folder: Path) -> None:
    store = platform.store
    told = backup(arguments.file, PROJECT, store.engine, ALL, store.blobs, store.needed)
    print(f"{told['rows']} rows and {told['blobs']} files in {arguments.file}")


def _restore(platform: Platform, arguments: argparse.Namespace, folder: Path) -> None:
    platform.start()
    store = platform.store
    told = restore(
        arguments.file, PROJECT, store.engine, ALL, store.blobs, platform.jobs
    )
    platform.close()
    print(f"{told['rows']} rows and {told['blobs']} files from {arguments.file}")


def _feedback(platform: Platform, arguments: argparse.Namespace, folder: Path) -> None:
    n, gone = written(platform.store, arguments.file)
    left_out = f"; {gone} left out, their pictures are gone" if gone else ""
    print(f"{n} opinions in {arguments.file}{left_out}")


if __name__ == "__main__":
    as_command(main)
