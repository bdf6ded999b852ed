"""A program started many times: forked from a process that has imported it already.

What takes long in the start of a project is importing torch. For tests that kill a
project again and again ``Program`` holds a process that has done so and forks it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
FAILED = "The forked program failed."


class Program:
    """Runs ``main(words)`` of a module in processes that start at once.

    ``also`` names modules to import before; ``log`` is where the processes write;
    ``env`` is added to their environment, ``folder`` to where modules are found.
    """

    def __init__(
        self,
        module: str,
        *also: str,
        log: Path,
        env: dict[str, str] | None = None,
        folder: Path | None = None,
    ):
        self.running: set[int] = set()
        self.log = log
        env = os.environ | (env or {})
        if folder:
            places = filter(None, [str(folder), env.get("PYTHONPATH")])
            env = env | {"PYTHONPATH": os.pathsep.join(places)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.forked", module, *also],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *words: object, log: Path | None = None) -> int:
        """Start a process and return its number."""
        line = [str(log or self.log), *map(str, words)]
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        number = int(self.process.stdout.readline())
        self.running.add(number)
        return number

    def run(self, *words: object) -> str:
        """Run a command to its end; returns what it prints.

        Raises:
            RuntimeError: it failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            said = Path(folder, "said")
            number = self.start(*words, log=said)
            self.wait(number)
            text = said.read_text("utf-8")
        if FAILED in text:
            raise RuntimeError(text)
        return text.strip()

    def kill(self, number: int, how: int = signal.SIGKILL) -> None:
        """Send a signal and wait until the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, how)
        self.wait(number)

    def wait(self, number: int) -> None:
        """Wait until a process is gone."""
        while psutil.pid_exists(number):
            time.sleep(0.01)
        self.running.discard(number)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exception: object) -> None:
        for number in list(self.running):
            self.kill(number)
        self.process.stdin.close()
        self.process.wait(30)


def main(module: str, *also: str) -> None:
    """Fork at each line of the input: as JSON, where to write, and the words."""
    program = [importlib.import_module(name) for name in (*also, module)][-1]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are gone at once
    answers = sys.stdout
    for line in sys.stdin:
        if number := os.fork():
            print(number, file=answers, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log, *words = json.loads(line)
        with open(log, "a") as file:
            for own in (1, 2):
                os.dup2(file.fileno(), own)
        os.close(0)
        code = 1
        try:
            program.main(words)
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
            print(FAILED, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
