"""Running a chapter: alone, whole or not at all, and with its cost noted."""

import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from types import SimpleNamespace

import nbformat
import pytest

from tools import chapter
from tools.run import dependencies, main
from tools.table import table


def make_run(source, target, *options, **environment):
    """Run a chapter as the command does, without its start; the kernel is as always."""
    words = ["tools.run", str(source), str(target), "--profile", "smoke", *options]
    before, code = dict(os.environ), 0
    os.environ.update(environment)
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
    ):
        patch.setattr(sys, "argv", words)
        patch.chdir(chapter.ROOT)
        try:
            main()
        except SystemExit as end:
            code = 1
            print(end, file=err)
        finally:
            os.environ.clear()
            os.environ.update(before)
    return SimpleNamespace(
        returncode=code, stdout=out.getvalue(), stderr=err.getvalue()
    )


def test_runs_in_an_empty_folder_and_notes_the_cost(tmp_path, bare):
    source = bare(
        tmp_path / "05_x.md",
        "import os\nprint(profile, os.listdir(), os.environ['AIGC_DATA_DIR'])",
    )
    target = tmp_path / "out" / "05_x.ipynb"
    done = make_run(source, target, AIGC_DATA_DIR="some/data")
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(target, as_version=4)
    output = chapter.code_cells(notebook)[-1].outputs[0].text
    assert output == f"smoke [] {chapter.ROOT / 'some' / 'data'}\n"
    cost = notebook.metadata["aigc"]
    assert cost["profile"] == "smoke"
    assert cost["seconds"] > 0
    assert cost["peak_mb"] > 20
    assert "papermill" not in target.read_text()
    assert str(tmp_path) not in target.read_text()
    assert f"{cost['seconds']:.1f}" in table([target])


def test_make_learns_what_was_imported(tmp_path, bare):
    source = bare(
        tmp_path / "05_x.md", "from aigc_lib.codecs import melody", "print(1)"
    )
    target = tmp_path / "05_x.ipynb"
    done = make_run(source, target)
    assert done.returncode == 0, done.stderr
    first, *names = target.with_suffix(".d").read_text().splitlines()
    imported = first.removeprefix(f"{target}: ").split()
    assert {"aigc_lib/__init__.py", "aigc_lib/codecs/melody.py"} <= set(imported)
    assert not any("gan" in name or "check" in name for name in imported)
    assert names == [f"{name}:" for name in imported]


def test_data_come_with_their_package(tmp_path, bare):
    for name in (
        "nets/__init__.py",
        "nets/conv.py",
        "nets/unet.py",
        "data/x/card.json",
        "nets/w.safetensors",
        "data/__init__.py",
        "__init__.py",
        "weights.json",
        "check/quiz/ch05.json",
    ):
        path = tmp_path / "aigc_lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def found(source, *modules):
        paths = dependencies(source, modules, tmp_path)
        return {path.relative_to(tmp_path / "aigc_lib").as_posix() for path in paths}

    quiet = bare(tmp_path / "05_x.md", "1")
    assert found(quiet, "aigc_lib.nets", "aigc_lib.nets.conv", "aigc_lib.old_name") == {
        "nets/__init__.py",
        "nets/conv.py",
        "nets/w.safetensors",
    }
    assert found(quiet, "aigc_lib.data") == {"data/__init__.py", "data/x/card.json"}
    starts_a_process = bare(tmp_path / "05_x.md", "!python -m aigc_lib doctor")
    assert len(found(starts_a_process, "aigc_lib")) == 8


def test_new_text_beside_old_outputs(tmp_path, bare):
    source, target = tmp_path / "05_x.md", tmp_path / "05_x.ipynb"
    bare(source, "import time\nprint(time.time_ns())")
    assert make_run(source, target).returncode == 0
    before = nbformat.read(target, as_version=4)
    os.utime(target, ns=(1, 1))
    source.write_text(source.read_text().replace("# x", "# y"), encoding="utf-8")
    done = make_run(source, target, "--if-code-changed")
    assert "no new code" in done.stdout, done.stderr
    after = nbformat.read(target, as_version=4)
    assert after.cells[0].source == "# y"
    last = [chapter.code_cells(n)[-1] for n in (before, after)]
    assert last[0].outputs == last[1].outputs
    assert after.metadata["aigc"] == before.metadata["aigc"]
    assert target.stat().st_mtime_ns > 1
    bare(source, "import time\nprint(time.time_ns(), 2)")
    done = make_run(source, target, "--if-code-changed")
    assert "running" in done.stdout, done.stderr


def test_the_smoke_profile_computes_in_plain_arithmetic(tmp_path, bare):
    source = bare(
        tmp_path / "05_x.md",
        "import torch\nimport aigc_lib as aigc\nrun = aigc.start(profile)\n"
        "level = torch.backends.cpu.get_cpu_capability()\n"
        "print(run.bf16, torch.get_num_threads(), level)",
    )
    done = make_run(source, tmp_path / "05_x.ipynb", OMP_NUM_THREADS="2", AIGC_BF16="1")
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(tmp_path / "05_x.ipynb", as_version=4)
    assert chapter.code_cells(notebook)[-1].outputs[0].text == "False 1 AVX2\n"


def test_failure_shows_the_cell_and_spares_the_target(tmp_path, bare):
    source = bare(tmp_path / "05_x.md", "print('fine')", "y = {}\ny['gone']")
    target = tmp_path / "out" / "05_x.ipynb"
    target.parent.mkdir()
    target.write_text("the last good one")
    failed = make_run(source, target)
    assert failed.returncode == 1
    assert "y['gone']" in failed.stderr
    assert "KeyError: 'gone'" in failed.stderr
    assert target.read_text() == "the last good one"
    left = target.with_suffix(".failed.ipynb")
    assert str(left) in failed.stderr
    assert "fine" in left.read_text()
    bare(source, "1")
    assert make_run(source, target).returncode == 0
    assert not left.exists()


def test_dead_kernel_is_told_apart(tmp_path, bare):
    source = bare(tmp_path / "05_x.md", "import os\nos._exit(9)")
    failed = make_run(source, tmp_path / "05_x.ipynb")
    assert failed.returncode == 1
    assert "the kernel died" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(("seconds", "over"), [(15.0, False), (15.1, True)])
def test_table_marks_what_is_over_its_budget(tmp_path, seconds, over):
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["aigc"] = {
        "profile": "smoke",
        "seconds": seconds,
        "peak_mb": 1,
    }
    chapter.write(notebook, tmp_path / "05_x.ipynb")
    assert ("over 15 s" in table([tmp_path / "05_x.ipynb"])) == over
