"""``python -m aigc_lib.apps.opinion_monitor`` starts the monitor and its page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data import cache_dir
from ...runtime import optional, settle_threads
from ..command import as_command
from .made import MadeFeed
from .monitor import FileFeed, Monitor
from .page import page
from .reader import Reader
from .service import service
from .store import Store

NOTE = "标题由句式生成，公司不存在，日期也是虚构的。"


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    p = argparse.ArgumentParser(
        prog="python -m aigc_lib.apps.opinion_monitor",
        description="Read headlines, show trends, ring alarms.",
    )
    p.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    p.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    p.add_argument(
        "--folder",
        type=Path,
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
    return p


def site(monitor: Monitor, note: str = "") -> Any:
    """Return the ASGI application of service and page; ``note`` as of ``page``.

    Raises:
        ModuleNotFoundError: gradio is missing.
    """
    # Gradio takes uploads, whatever is on the page: this one takes none
    return optional("gradio").mount_gradio_app(
        service(monitor), page(monitor, note), path="/", max_file_size=0
    )


def main(words: Sequence[str]) -> None:
    """Start the monitor; Ctrl-C ends it."""
    arguments = parser().parse_args(words)
    uvicorn, _ = optional("uvicorn"), optional("gradio")  # before models are trained
    settle_threads()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    url = arguments.url or f"sqlite:///{arguments.folder / 'headlines.sqlite'}"
    if arguments.feed in ("made", "none"):
        feed = MadeFeed() if arguments.feed == "made" else None
    else:
        feed = FileFeed(Path(arguments.feed))
    store = Store(url)
    monitor = Monitor(store, Reader.at(arguments.folder))
    monitor.start(feed)
    note = NOTE if arguments.feed == "made" else ""
    app = site(monitor, note)
    try:
        uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning")
    finally:
        monitor.stop()


if __name__ == "__main__":
    as_command(main)
