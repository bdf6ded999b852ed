"""A service for as long as a block of code lasts, asked from the same machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..runtime import optional

PATIENCE = 30.0  # seconds to start and to stop


@contextmanager
def running(app: Any) -> Iterator[Any]:
    """Serve an ASGI ``app`` on a free port of 127.0.0.1; lend a client that asks it.

    The client is an ``httpx.Client``; it and the server are closed when the block ends,
    also by an error. The server has a thread of its own, and an event loop in it, so
    that it runs beside that of a notebook.

    Raises:
        RuntimeError: it did not start within half a minute.
    """
    httpx, uvicorn = optional("httpx"), optional("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))

    def serve() -> None:
        with suppress(SystemExit):  # how uvicorn ends where an app fails to start
            server.run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    give_up = time.monotonic() + PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > give_up:
            server.should_exit = True
            raise RuntimeError("the service did not start; its log says why")
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        # the environment may name a proxy, which does not know this machine
        base = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
