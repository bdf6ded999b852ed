"""nbval compares what a twin keeps, though it passes cells that never ran unseen."""

import subprocess
import sys

import pytest

from tools.chapter import ROOT
from tools.sync import twin_path

NBVAL = (
    *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval-lax"),
    *("--nbval-sanitize-with", ROOT / "tests" / "notebooks" / "sanitize.cfg"),
)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("here: []", "here: [x]", 1), ("Figure size 640x480", "Figure size 6x4", 0)],
)
def test_changed_output_is_seen(synced, tmp_path, old, new, code):
    text = twin_path(synced).read_text(encoding="utf-8")
    twin = tmp_path / "99_tiny.ipynb"
    assert old in text
    twin.write_text(text.replace(old, new), encoding="utf-8")
    done = subprocess.run([*NBVAL, twin], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
