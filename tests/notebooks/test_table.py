"""What `make book` prints at its end."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.table import differences, main, table


def notebook(path, *texts, checked=True):
    cells = [
        new_code_cell(
            f"cell({k})",
            metadata={"tags": ["nbval-check-output"] if checked else []},
            outputs=[new_output("stream", text=text)],
        )
        for k, text in enumerate(texts)
    ]
    run = {"profile": "cpu", "seconds": 91.0, "peak_mb": 7}
    nbformat.write(new_notebook(cells=cells, metadata={"aigc": run}), path)
    return path


def test_a_chapter_over_its_budget_is_marked(tmp_path):
    lines = table([notebook(tmp_path / "04_gan.ipynb")]).splitlines()
    assert lines[1].endswith("over 90 s")


def test_a_checked_cell_that_says_otherwise_is_named(tmp_path):
    twins = tmp_path / "twins"
    twins.mkdir()
    run = notebook(tmp_path / "04_gan.ipynb", "sum: True\nfar: False\n", "(2, 3)\n")
    notebook(twins / run.name, "sum: True\nfar: True\n", "(2, 3)\n")
    (found,) = differences([run], twins)
    assert found.startswith("04_gan: checked cell 1 says 'far: False'")
    notebook(twins / run.name, "sum: True\nfar: False\n", "(2, 3)\nmore\n")
    (found,) = differences([run], twins)
    assert "says None" in found


def test_a_checked_cell_that_the_twin_lacks_is_named(tmp_path):
    twins = tmp_path / "twins"
    twins.mkdir()
    run = notebook(tmp_path / "04_gan.ipynb", "sum: True\n", "more\n")
    notebook(twins / run.name, "sum: True\n")
    (found,) = differences([run], twins)
    assert found == "04_gan: checked cell 2 is not in its twin"


def test_what_is_not_checked_may_differ(tmp_path):
    twins = tmp_path / "twins"
    twins.mkdir()
    run = notebook(tmp_path / "04_gan.ipynb", "loss 1\n", checked=False)
    assert not list(differences([run], twins))  # no twin at all
    notebook(twins / run.name, "loss 2\n", checked=False)
    assert not list(differences([run], twins))


def test_the_command_explains_itself(tmp_path, monkeypatch, capsys):
    strange = tmp_path / "notes.txt"
    strange.write_text("[1]")
    for given, status in (("--help", 0), (str(strange), 2), (str(tmp_path / "no"), 2)):
        monkeypatch.setattr("sys.argv", ["table", given])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == status
    said = capsys.readouterr()
    assert "EXECUTED.ipynb" in said.out
    assert said.err.count("is no notebook") == 2
    path = notebook(tmp_path / "a.ipynb", "1")
    monkeypatch.setattr("sys.argv", ["table", str(path)])
    main()
    assert "sum" in capsys.readouterr().out
