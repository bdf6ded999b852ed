"""Ctrl-C during training: the step is finished, and nothing is lost."""

from __future__ import annotations

import os
import signal
import threading


class Interruption:
    """Waits for the end of the step when Ctrl-C is pressed; pressed twice, it stops."""

    def __init__(self):
        self.asked = False

    def __enter__(self) -> Interruption:
        self.here = threading.current_thread() is threading.main_thread()
        if self.here:
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self.here:
            signal.signal(signal.SIGINT, self.before)

    def _ask(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def how_to_go_on(checkpoint: str | os.PathLike | None, step: int) -> str:
    if checkpoint is None:
        return (
            f"stopped after step {step}; with checkpoint= (on the command line: "
            "--checkpoint) it could be resumed"
        )
    return (
        f"stopped after step {step}, saved in {checkpoint}: the same call goes on there"
    )
