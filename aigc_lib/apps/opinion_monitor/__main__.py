"""``python -m aigc_lib.apps.opinion_monitor`` starts the monitor and its page.

``… backup FILE`` writes all headlines into a file, ``… restore FILE`` reads it back.
"""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from ...console import place
from ...data import cache_dir
from ...runtime import optional, settle_threads
from ..backup import backup, restore
from ..command import as_command, folder_at, free_port, port
from ..database import in_file
from ..web import serve
from .made import MadeFeed
from .monitor import FileFeed, Monitor
from .page import page
from .reader import Reader
from .service import service
from .store import TABLES, Store
from .trend import RUN_LENGTH
from .words import Words

PROJECT = "opinion-monitor"
LOCAL = ("localhost", "127.0.0.1", "::1")
MADE = "标题由句式生成，公司不存在，日期也是虚构的。"
BY_WORDS = (
    "情感照词表：有坏消息的词记负面，没有坏的、有好消息的词记正面，两样都没有记中性。"
)


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    p = argparse.ArgumentParser(
        prog="python -m aigc_lib.apps.opinion_monitor",
        description="Read headlines, show trends, ring alarms.",
    )
    p.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    p.add_argument("--port", type=port, default=8000, help="(default: %(default)s)")
    p.add_argument(
        "--name",
        action="append",
        default=[],
        help="what browsers call it, where a proxy passes the name on; may be given "
        "again for another (default: the names of this machine, if it listens to this "
        "machine alone)",
    )
    p.add_argument(
        "--folder",
        type=place,
        default=cache_dir() / "opinion_monitor",
        help="of the classifiers and of the database (default: %(default)s)",
    )
    p.add_argument("--url", help="of the database (default: SQLite in the folder)")
    p.add_argument(
        "--feed",
        default="made",
        help="made: the made-up stream; none: HTTP only; or a file of headlines, one a "
        "line, that may grow (default: %(default)s)",
    )
    p.add_argument(
        "--words",
        help="a file of words of bad news, one a line, instead of those in words.py; "
        "none: a classifier tells the sentiment (default: the lists in words.py)",
    )
    p.add_argument(
        "--run-length",
        type=float,
        default=RUN_LENGTH,
        help="quiet days to a false alarm, for each topic; more: fewer alarms, and "
        "later ones (default: %(default)s)",
    )
    commands = p.add_subparsers(dest="command")
    for name, told in (
        ("backup", "write all headlines into a file, while the monitor runs"),
        ("restore", "fill an empty database from such a file"),
    ):
        one = commands.add_parser(name, help=told)
        one.add_argument("file", type=place)
    return p


def names_of(host: str, given: Collection[str]) -> set[str] | None:
    """Return what a server at ``host`` may be called; None: whatever it is.

    One that listens to this machine alone has no login before it, and is called by this
    machine's names, or by those ``given``: of a proxy, say, that passes its own on.
    """
    if not (_is_loopback(host) or given):
        return None
    names = (urlsplit(f"//{name}").hostname or "" for name in (host, *given))
    return {*LOCAL, *names} - {""}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def site(monitor: Monitor, note: str = "", names: Collection[str] | None = None) -> Any:
    """Return the ASGI application of service and page.

    ``note`` is that of ``page``, ``names`` those of ``service``.

    Raises:
        ModuleNotFoundError: gradio is missing.
    """
    return optional("gradio").mount_gradio_app(
        service(monitor, names),
        page(monitor, note),
        path="/",
        max_file_size=0,  # Gradio takes uploads, whatever is on the page: here none
        footer_links=[],  # too pale to read
    )


def words_of(told: str | None) -> Words | None:
    """What ``--words`` says; None: a classifier tells the sentiment.

    Raises:
        OSError: no such file.
        ValueError: a file that is no list of words.
    """
    if told == "none":
        return None
    return Words.at(place(told)) if told else Words()


def main(words: Sequence[str]) -> None:
    """Start the monitor, which Ctrl-C ends, or run one command."""
    arguments = parser().parse_args(words)
    settle_threads()
    arguments.folder = folder_at(arguments.folder)
    url = arguments.url or in_file(arguments.folder / "headlines.sqlite")
    if arguments.command:
        do = {"backup": backup, "restore": restore}[arguments.command]
        tables = TABLES.sorted_tables
        told = do(arguments.file, PROJECT, Store(url).engine, tables)
        way = "in" if arguments.command == "backup" else "from"
        print(f"{told['rows']} rows {way} {arguments.file}")
        return
    number = free_port(arguments.host, arguments.port)
    if arguments.feed in ("made", "none"):
        feed = MadeFeed() if arguments.feed == "made" else None
    else:
        feed = FileFeed(place(arguments.feed))
    listed = words_of(arguments.words)
    store = Store(url)
    monitor = Monitor(store, run_length=arguments.run_length)
    store.read_by(listed.mark if listed else "classifier")
    note = (MADE if arguments.feed == "made" else "") + (BY_WORDS if listed else "")
    app = site(monitor, note, names_of(arguments.host, arguments.name))
    monitor.start(feed, lambda say: Reader.at(arguments.folder, words=listed, say=say))
    print(f"页面：http://{arguments.host}:{number}/", flush=True)
    serve(app, arguments.host, number, close=monitor.stop)


if __name__ == "__main__":
    as_command(main)
