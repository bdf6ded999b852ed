"""The first start of each service: seconds until there is a page, and all is ready.

Each is started by its command in an empty folder, with SQLite, as ``five_minutes`` does
it: data are on this machine, no trained model of the service is. A page may be the
login; a service is ready when what it trains at a first start is there.
"""

from __future__ import annotations

from functools import partial

from benchmarks.five_minutes import SERVICES, running
from benchmarks.record import kept, record

NAME = "first_start"


def started(service: str) -> dict[str, float]:
    """Start one service, and stop it as soon as it is ready."""
    with running(service) as one:
        return {"page_after": one.page_after, "ready_after": one.ready_after}


def main() -> None:
    rows = []
    for service in SERVICES:
        found = kept(NAME, service, partial(started, service))
        print(service, found, flush=True)
        rows.append({"service": service, **found})
    record(
        NAME,
        rows,
        metric="seconds after the command; looked at five times a second",
        starts=1,
    )


if __name__ == "__main__":
    main()
