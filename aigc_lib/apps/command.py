"""How the command of a project ends: what its user can mend is said in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from .. import console


def as_command(main: Callable[[Sequence[str]], None]) -> None:
    """Call ``main`` with the words of the command line.

    A wrong argument, a file that cannot be used and a database that is away or refuses
    its password end the process with code 1 and one line.
    """
    console.forgive()
    try:
        main(sys.argv[1:])
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
