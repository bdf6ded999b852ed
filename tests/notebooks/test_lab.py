"""JupyterLab: a chapter opens as a notebook, and saving it changes what was edited."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from urllib.error import URLError
from urllib.request import Request, urlopen

import nbformat
import outside
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

from tools import chapter
from tools.chapter import ROOT

Manager = build_sync_jupytext_contents_manager_class(LargeFileManager)
KERNEL = {  # of an installed ipykernel, as JupyterLab writes it
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
GAN = "chapters/01_foundations/04_gan.md"


@pytest.fixture(scope="module")
def server():
    """Start `make lab` as it is; yield a function that asks it."""
    token = "as-in-the-address"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"LAB=--no-browser --port={port} --IdentityProvider.token={token}"
    lab = subprocess.Popen(
        ["make", "-o", ".venv/.ready", "lab", options],
        cwd=ROOT,
        env=outside.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def ask(path):
        headers = {"Authorization": f"token {token}"}
        address = f"http://127.0.0.1:{port}/{path}"
        with urlopen(Request(address, headers=headers)) as answer:
            return json.load(answer)

    try:
        while lab.poll() is None:
            with suppress(URLError):  # until it listens
                ask("api/status")
                break
            time.sleep(0.2)
        yield ask
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        lab.wait()


def test_double_click_opens_a_chapter_as_a_notebook(server):
    docmanager = server("lab/api/settings/@jupyterlab/docmanager-extension:plugin")
    viewers = docmanager["schema"]["properties"]["defaultViewers"]["default"]
    assert viewers["markdown"] == "Jupytext Notebook"
    opened = server(f"api/contents/{GAN}?type=notebook")["content"]
    expected = chapter.read(ROOT / GAN).cells
    assert [c["source"] for c in opened["cells"]] == [c.source for c in expected]


@pytest.mark.parametrize(("user", "root"), [("0", True), ("1000", False)])
def test_root_is_let_in_from_this_machine_alone(tmp_path, user, root):
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    done = subprocess.run(
        ["make", "--dry-run", "-o", ".venv/.ready", "lab"],
        cwd=ROOT,
        env=outside.environment() | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    for option in ("--allow-root", "--ServerApp.ip=127.0.0.1", "You are root"):
        assert (option in done.stdout) == root


def save(source, folder, edit=lambda notebook: None):
    """Open a copy of ``source`` as JupyterLab does, run it, edit it and save it."""
    copy = folder / source.name
    shutil.copy(source, copy)
    manager = Manager(root_dir=str(folder))
    notebook = manager.get(copy.name, type="notebook", content=True)["content"]
    info = {"name": "python", "version": "3.12.1", "pygments_lexer": "ipython3"}
    notebook.metadata["language_info"] = nbformat.from_dict(info)
    notebook.metadata["kernelspec"] = nbformat.from_dict(KERNEL)
    for number, cell in enumerate(chapter.code_cells(notebook), start=1):
        cell.execution_count = number
        cell.metadata |= {"trusted": True, "execution": {"iopub.status.busy": "now"}}
        cell.outputs = [nbformat.v4.new_output("stream", text="printed\n")]
    edit(notebook)
    manager.save({"type": "notebook", "format": "json", "content": notebook}, copy.name)
    return copy.read_text("utf-8").splitlines()


@pytest.mark.parametrize("source", chapter.sources(), ids=lambda path: path.stem)
def test_saving_changes_nothing_that_was_not_edited(source, tmp_path):
    assert save(source, tmp_path) == source.read_text("utf-8").splitlines()


def test_one_line_edited_is_one_line_changed(tiny, tmp_path):
    def edit(notebook):
        (cell,) = [c for c in notebook.cells if "double(21)" in c.source]
        cell.source = cell.source.replace("double(21)", "double(22)")

    before, after = tiny.read_text("utf-8").splitlines(), save(tiny, tmp_path, edit)
    changed = [pair for pair in zip(before, after, strict=True) if len(set(pair)) > 1]
    assert changed == [("double(21)", "double(22)")]


def test_a_plain_page_gets_no_head(tmp_path):
    page = ROOT / "chapters" / "appendix" / "c_glossary.md"
    assert save(page, tmp_path) == page.read_text("utf-8").splitlines()


def test_layout_of_the_authors_own_is_replaced_and_said(tiny):
    text = tiny.read_text("utf-8")
    tiny.write_text(
        text.replace(":tags: [parameters]\n", "---\ntags: [parameters]\n---")
    )
    assert chapter.tidy(tiny)
    assert tiny.read_text("utf-8") == text
    assert not chapter.tidy(tiny)
