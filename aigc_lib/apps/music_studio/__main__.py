"""``python -m aigc_lib.apps.music_studio`` starts the studio; see its README."""

from __future__ import annotations

import argparse
import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...console import place
from ...data import cache_dir
from ...files import replacing
from ...runtime import settle_threads
from .. import database
from ..accounts import QUOTA, Accounts
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
from ..jobs import Jobs
from . import store as tables
from .player import Player
from .store import Store
from .studio import WORK, Studio, Tunes

log = logging.getLogger(__name__)

PROJECT = "music-studio"
MODEL, FIRST = "composer.safetensors", "first-key.txt"  # in the folder
INSTRUMENT = "wavenet.safetensors"
HOUR = 3_600.0  # seconds between looks at what may be forgotten


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    p = argparse.ArgumentParser(
        prog="python -m aigc_lib.apps.music_studio",
        description="Draw a beginning, let a model go on, hear it, take it away.",
    )
    p.add_argument(
        "--folder",
        type=place,
        default=cache_dir() / "music_studio",
        help="of the database and of the model (default: %(default)s)",
    )
    p.add_argument("--url", help="of the database (default: SQLite in the folder)")
    p.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    p.add_argument("--port", type=port, default=8000, help="(default: %(default)s)")
    commands = p.add_subparsers(dest="command")
    one = commands.add_parser("serve", help="serve, and compose (the default)")
    one.add_argument("--accept-only", action="store_true", help="workers compose")
    # what was given before the word "serve" stays where nothing is given after it
    one.add_argument("--host", default=argparse.SUPPRESS)
    one.add_argument("--port", type=port, default=argparse.SUPPRESS)
    commands.add_parser("worker", help="only compose, beside a server")
    one = commands.add_parser("account", help="add, renew, close or list accounts")
    one.add_argument("what", choices=("add", "renew", "close", "list"))
    one.add_argument("name", nargs="?", default="")
    one.add_argument("--role", choices=("user", "admin"), default="user")
    one.add_argument("--quota", type=int, default=QUOTA, help="jobs a day")
    one = commands.add_parser("learn", help="train the composer, or the instrument")
    which = ("composer", "wavenet")
    one.add_argument("what", nargs="?", choices=which, default=which[0])
    one.add_argument("--seconds", type=float, help="(800; of the WaveNet 300)")
    for name, told in (
        ("backup", "write all there is into a file"),
        ("restore", "fill an empty studio from such a file"),
        ("feedback", "write what people thought of pieces, as data"),
    ):
        one = commands.add_parser(name, help=told)
        one.add_argument("file", type=place)
    one = commands.add_parser("load", help="a load test of a server on this machine")
    one.add_argument("key", help="of an account with enough quota")
    one.add_argument("--clients", type=int, default=16)
    one.add_argument("--seconds", type=float, default=300.0)
    one.add_argument("--bars", type=int, default=4, help="of a piece")
    one.add_argument("--pid", type=process, help="of the server, to watch its memory")
    return p


def main(words: Sequence[str]) -> None:
    """Run one command."""
    arguments = parser().parse_args(words)
    command = arguments.command or "serve"
    if command == "load":
        from .load import load

        url = f"http://{arguments.host}:{arguments.port}"
        names = ("clients", "seconds", "bars", "pid")
        asked = {name: getattr(arguments, name) for name in names}
        print(json.dumps(load(url, arguments.key, **asked), indent=1))
        return
    settle_threads()
    arguments.folder = folder_at(arguments.folder)
    url = arguments.url or database.in_file(arguments.folder / "studio.sqlite")
    made = database.engine(url)
    database.upgrade(made, tables.VERSIONS)
    globals()[f"_{command}"](Store(made), arguments)


def all_tables() -> list[Any]:
    """The tables of a backup, in an order in which they can be filled."""
    return [*database.TABLES.sorted_tables, *tables.TABLES.sorted_tables]


def studio_at(folder: Path) -> Studio:
    """The studio whose model lies in ``folder``, or is trained there, once."""

    def load(say: Callable[[str], None]) -> tuple[Any, Path]:
        from .learn import ready_composer

        path = folder / MODEL
        if not path.exists():
            say("第一次启动：正在读曲子、训练一个小模型，一两分钟，只有这一次。")
        return ready_composer(path), path

    return Studio(load)


def _serve(store: Store, arguments: argparse.Namespace) -> None:
    from ...data.pieces import pieces
    from ..web import serve
    from .files import warm
    from .service import service

    number = free_port(arguments.host, arguments.port)
    accounts, studio = Accounts(store.engine), studio_at(arguments.folder)
    alone, tunes = not getattr(arguments, "accept_only", False), Tunes(pieces)
    jobs = Jobs(PROJECT, store.engine, studio.kinds(store))
    jobs.start(WORK if alone else None)
    first_account(accounts, arguments.folder / FIRST)

    def prepare() -> None:
        if alone:
            studio.start().join()
        tunes.prepare()
        warm()

    threading.Thread(target=prepare, daemon=True).start()
    threading.Thread(target=_forget, args=(store,), daemon=True).start()
    player = Player(arguments.folder / INSTRUMENT)
    app = service(store, accounts, jobs, tunes, studio if alone else None, player)
    print(f"http://{arguments.host}:{number}", flush=True)
    serve(app, arguments.host, number, close=jobs.close)


def _worker(store: Store, arguments: argparse.Namespace) -> None:
    studio = studio_at(arguments.folder)
    jobs = Jobs(PROJECT, store.engine, studio.kinds(store))
    jobs.start(WORK)
    studio.start()
    work_until_ended(jobs.close)


def _learn(store: Store, arguments: argparse.Namespace) -> None:
    from .learn import LONGER, trained_composer, trained_wavenet

    of_all = {
        "composer": (trained_composer, MODEL, "when it starts again"),
        "wavenet": (trained_wavenet, INSTRUMENT, "at the next sound"),
    }
    trained, name, when = of_all[arguments.what]
    path, seconds = arguments.folder / name, arguments.seconds
    if seconds is None:
        seconds = LONGER[arguments.what]
    trained(seconds=seconds).save(path)
    print(f"{path}: the studio takes it up {when}")


def _account(store: Store, arguments: argparse.Namespace) -> None:
    change_account(Accounts(store.engine), arguments)


def _feedback(store: Store, arguments: argparse.Namespace) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in store.opinions()]
    with replacing(arguments.file) as temporary:
        temporary.write_text("".join(lines), "utf-8")
    print(f"{len(lines)} opinions in {arguments.file}")


def _backup(store: Store, arguments: argparse.Namespace) -> None:
    told = backup(arguments.file, PROJECT, store.engine, all_tables())
    print(f"{told['rows']} rows in {arguments.file}")


def _restore(store: Store, arguments: argparse.Namespace) -> None:
    jobs = Jobs(PROJECT, store.engine, {})
    jobs.start()
    told = restore(arguments.file, PROJECT, store.engine, all_tables(), jobs=jobs)
    jobs.close()
    print(f"{told['rows']} rows from {arguments.file}")


def _forget(store: Store) -> None:
    while True:
        try:
            store.purge()
        except Exception:  # a database that is away comes back
            log.exception("clearing up failed; it goes on")
        threading.Event().wait(HOUR)


if __name__ == "__main__":
    as_command(main)
