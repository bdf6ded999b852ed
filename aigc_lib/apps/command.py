"""How the command of a project ends: what its user can mend is said in one line."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from .. import console

if TYPE_CHECKING:  # not every command has a database
    from .accounts import Accounts


def as_command(main: Callable[[Sequence[str]], None]) -> None:
    """Call ``main`` with the words of the command line.

    A wrong argument, a file that cannot be used and a database that is away or refuses
    its password end the process with code 1 and one line; Ctrl-C ends it at once.
    """
    console.forgive()
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        os._exit(130)  # threads that work would hold it up, or complain
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except Exception as error:
        sql = sys.modules.get("sqlalchemy.exc")  # not every command has a database
        if sql is None or not isinstance(error, sql.OperationalError):
            raise
        sys.exit(f"error: the database does not answer: {error.orig}")


def port(text: str) -> int:
    """Read the number of a port for argparse: 0 lets the system choose one."""
    if not 0 <= (number := int(text)) < 2**16:
        raise argparse.ArgumentTypeError(f"{text}: give 0 to 65535")
    return number


def process(text: str) -> int:
    """Read the number of a process that runs, for argparse."""
    if not psutil.pid_exists(number := int(text)):
        raise argparse.ArgumentTypeError(f"{text}: no process has this number")
    return number


def folder_at(folder: Path) -> Path:
    """Make the folder of a project, and return its whole path.

    Raises:
        ValueError: nothing can be written there.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise ValueError(
            f"--folder {folder} cannot be written ({error.strerror}): choose another"
        ) from None


def free_port(host: str, number: int) -> int:
    """Return the port that a server can listen to: ``number``, or any for 0.

    Asked before anything is begun that a server that cannot listen would leave behind.

    Raises:
        ValueError: another program uses it, or this machine has no such host.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, number), family=family) as server:
            return server.getsockname()[1]
    except OSError as error:
        why = error.strerror.partition(" (")[0]  # Python adds what is said here
        raise ValueError(
            f"cannot listen to port {number} of {host} ({why}): end what uses it, or "
            "give another --port"
        ) from None


def first_account(accounts: Accounts, path: Path) -> None:
    """Make an administrator where there is no account at all, and say its key.

    It is kept in the file ``path`` too, where only its owner reads it.
    """
    if accounts.all():
        return
    path.unlink(missing_ok=True)  # others may read an old one
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    with open(os.open(path, flags, 0o600), "w") as file:
        key = accounts.add("admin", "admin", 100_000)  # where it can be kept
        file.write(f"{key}\n")
    print(f"The first account is admin; its key lies in {path}:\n{key}")


def change_account(accounts: Accounts, arguments: argparse.Namespace) -> None:
    """Do ``what`` the arguments say: add, renew, close or list."""
    name = arguments.name
    if arguments.what == "list":
        for row in accounts.all():
            state = "closed" if row["closed"] else "open"
            print(row["name"], row["role"], row["quota"], state)
    elif not name:
        raise ValueError("account: give its name")
    elif arguments.what == "add":
        print(accounts.add(name, arguments.role, arguments.quota))
    elif arguments.what == "renew":
        print(accounts.renew(name))
    else:
        accounts.close(name)


def work_until_ended(close: Callable[[], None]) -> None:
    """Wait, while other threads work, for a signal; then ``close`` and end at once."""
    print("working", flush=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    close()
    os._exit(0)  # a job does not hold it up: it is taken up again
