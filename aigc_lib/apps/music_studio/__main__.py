"""``python -m aigc_lib.apps.music_studio`` starts the studio; other words, its commands."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data import cache_dir
from ...files import replacing
from ...runtime import settle_threads
from .. import database
from ..accounts import QUOTA, ROLES, Accounts
from ..backup import backup, restore
from ..jobs import Jobs
from . import store as tables
from .store import GRACE, Store
from .studio import Studio, Tunes

PROJECT = "music-studio"
HOUR = 3_600.0  # seconds between looks at what may be forgotten
FIRST = "me"  # the account of a studio that has none


def parser() -> argparse.ArgumentParser:
    """The arguments of the commands."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--folder",
        type=Path,
        default=cache_dir() / "music_studio",
        help="of the model and of the database (default: %(default)s)",
    )
    common.add_argument("--url", help="of the database (default: SQLite in the folder)")
    p = argparse.ArgumentParser(
        prog="python -m aigc_lib.apps.music_studio",
        description="A music studio in the browser. Without a command it is served.",
    )
    commands = p.add_subparsers(dest="command", required=True)

    def command(name: str, told: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=told, description=told, parents=[common])

    serve = command("serve", "serve the pages, and compose in the same process")
    serve.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    serve.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    serve.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="at once in this process; 0: workers elsewhere do them (default: 1)",
    )
    worker = command("worker", "compose, for servers with the same --url")
    worker.add_argument("--jobs", type=int, default=1, help="at once (default: 1)")
    account = command("account", "add or close an account, renew its key, list all")
    account.add_argument("what", choices=("add", "renew", "close", "list"))
    account.add_argument("name", nargs="?", default="")
    account.add_argument("--role", choices=ROLES, default="user")
    account.add_argument("--quota", type=int, default=QUOTA, help="jobs a day")
    for name, told in (
        ("feedback", "write what people thought of pieces, one JSON object a line"),
        ("backup", "write all accounts, pieces and jobs into one file"),
        ("restore", "fill an empty database from such a file"),
    ):
        command(name, told).add_argument("file", type=Path)
    load = command("load", "measure a studio of its own under load, and end")
    load.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    load.add_argument("--seconds", type=float, default=60, help="each (default: 60)")
    load.add_argument("--bars", type=int, default=4, help="of a piece (default: 4)")
    return p


def opened(arguments: Any) -> Store:
    """Return the store of the arguments, its tables as new as the program."""
    arguments.folder.mkdir(parents=True, exist_ok=True)
    url = arguments.url or f"sqlite:///{arguments.folder / 'studio.sqlite'}"
    made = database.engine(url)
    database.upgrade(made, tables.VERSIONS)
    return Store(made)


def all_tables() -> list[Any]:
    """The tables of a backup, in an order in which they can be filled."""
    return [*database.TABLES.sorted_tables, *tables.TABLES.sorted_tables]


def studio_at(folder: Path) -> Studio:
    """The studio whose model lies in ``folder``, or is trained there, once."""

    def load(say: Any) -> tuple[Any, Path]:
        from .learn import ready_composer

        path = folder / "composer.safetensors"
        if not path.exists():
            say("第一次启动：正在训练一个小模型，大约一分钟。")
        return ready_composer(path, say=print), path

    return Studio(load)


def known_tunes() -> Tunes:
    """The tunes of the training split, as far as they are at hand."""
    from ...data.pieces import pieces

    return Tunes(pieces)


def serve(arguments: Any) -> None:
    """Serve until a signal comes."""
    from ..web import serve as listen
    from .service import service

    store = opened(arguments)
    accounts, studio = Accounts(store.engine), studio_at(arguments.folder)
    jobs = Jobs(PROJECT, store.engine, studio.kinds(store))
    jobs.start({"quick": arguments.jobs} if arguments.jobs else None)
    tunes = known_tunes()

    def prepare() -> None:
        if arguments.jobs:
            studio.start().join()
        tunes.prepare()

    threading.Thread(target=prepare, daemon=True).start()
    threading.Thread(target=_forget, args=(store,), daemon=True).start()
    if not accounts.all():
        print(f"account {FIRST!r}, key: {accounts.add(FIRST, 'admin')}")
        print("keep the key: it is shown this once")
    print(f"http://{arguments.host}:{arguments.port}/", flush=True)
    working = studio if arguments.jobs else None
    app = service(store, accounts, jobs, tunes, working)
    listen(app, arguments.host, arguments.port, close=jobs.close)


def work(arguments: Any) -> None:
    """Compose until a signal comes."""
    store, studio = opened(arguments), studio_at(arguments.folder)
    jobs = Jobs(PROJECT, store.engine, studio.kinds(store))
    jobs.start({"quick": arguments.jobs})
    studio.start()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    print("working", flush=True)
    ended.wait()
    jobs.close()


def account(arguments: Any) -> None:
    """Add or close an account, renew its key, or list all."""
    accounts = Accounts(opened(arguments).engine)
    name = arguments.name
    if arguments.what == "add":
        print(accounts.add(name, arguments.role, arguments.quota))
    elif arguments.what == "renew":
        print(accounts.renew(name))
    elif arguments.what == "close":
        accounts.close(name)
    else:
        for row in accounts.all():
            state = "closed" if row["closed"] else "open"
            print(row["name"], row["role"], row["quota"], state)


def feedback(arguments: Any) -> None:
    """Write what people thought of pieces as lines of JSON."""
    n = 0
    store = opened(arguments)
    with (
        replacing(arguments.file) as temporary,
        open(temporary, "w", encoding="utf-8") as file,
    ):
        for row in store.opinions():
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            n += 1
    print(f"{n} opinions: {arguments.file}")


def save(arguments: Any) -> None:
    """Write a backup; the studio may run meanwhile."""
    made = opened(arguments).engine
    counts = backup(arguments.file, PROJECT, made, all_tables())
    print(f"{counts['rows']} rows: {arguments.file}")


def bring_back(arguments: Any) -> None:
    """Fill an empty database from a backup; open jobs are accepted anew."""
    store = opened(arguments)
    jobs = Jobs(PROJECT, store.engine, {})
    jobs.start()
    try:
        counts = restore(
            arguments.file, PROJECT, store.engine, all_tables(), jobs=jobs
        )
    finally:
        jobs.close()
    print(f"{counts['rows']} rows")


def load(arguments: Any) -> None:
    """Measure a studio of its own under load."""
    from .load import measured

    found = measured(
        arguments.clients, arguments.seconds, arguments.folder, bars=arguments.bars
    )
    print(json.dumps(found, indent=1))


COMMANDS = {
    "serve": serve,
    "worker": work,
    "account": account,
    "feedback": feedback,
    "backup": save,
    "restore": bring_back,
    "load": load,
}


def _forget(store: Store) -> None:
    while True:
        store.purge(GRACE)
        threading.Event().wait(HOUR)


def main(words: Sequence[str]) -> None:
    """Do what a command says; without one, serve."""
    words = list(words)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words.insert(0, "serve")
    arguments = parser().parse_args(words)
    settle_threads()
    COMMANDS[arguments.command](arguments)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
