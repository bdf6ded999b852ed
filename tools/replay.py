"""A pytest plugin: nbval judges a run that `make` has done, and runs nothing again.

    pytest -p tools.replay --replay _build/executed/smoke --nbval-lax chapters

nbval asks its kernel to execute the cells of a twin one by one; here it gets the
outputs of the executed chapter, provided that the code is the same.
"""

from collections import deque
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbFile

from . import chapter, sync


def pytest_addoption(parser):
    parser.addoption("--replay", type=Path, help="a folder of executed chapters")


def pytest_configure(config):
    folder = config.getoption("replay")
    if folder is None:
        return

    def setup(file: IPyNbFile) -> None:
        file.kernel = Replay(executed(folder, file.path.name))
        file.setup_sanitize_files()

    IPyNbFile.setup = setup


def executed(folder: Path, name: str) -> NotebookNode:
    """Return the executed chapter whose twin is called ``name``."""
    for path in folder.glob(f"*/{name}"):
        return nbformat.read(path, as_version=4)
    pytest.fail(f"no {name} in {folder}: run `make test`", pytrace=False)


class Replay:
    """Stands in for nbval's RunningKernel and answers with outputs that are there."""

    def __init__(self, notebook: NotebookNode):
        self.ran = deque(chapter.code_cells(notebook))
        self.messages: deque[dict] = deque()
        self.bootstrap = sync.BOOTSTRAP.format(repository=sync.repository())

    def execute_cell_input(self, source: str, allow_stdin: bool) -> str:
        """Queue the messages that a kernel would send while it runs ``source``.

        Raises:
            ValueError: the executed chapter has another cell at this place.
        """
        outputs = []
        if source != self.bootstrap:  # which stands in the twin only
            if not self.ran or self.ran[0].source != source:
                raise ValueError(f"not in the executed chapter: run `make`\n{source}")
            outputs = self.ran.popleft().outputs
        while self.ran and "injected-parameters" in chapter.tags(self.ran[0]):
            self.ran.popleft()
        for output in outputs:
            self._send(output.output_type, output)
        self._send("status", {"execution_state": "idle"})
        return "replayed"

    def _send(self, kind: str, content: dict) -> None:
        header = {"msg_id": "replayed"}
        self.messages.append(
            {"msg_type": kind, "content": content, "parent_header": header}
        )

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        return self.messages.popleft()

    def await_reply(self, message: str, timeout: float | None = None) -> None:
        """The reply is there."""

    def is_alive(self) -> bool:
        return True

    def stop(self) -> None:
        """There is no process."""
