"""A chapter from the template has the form of one; what is to be written is marked."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tools import chapter, check, new
from tools.new import UNWRITTEN, Refused, make


@pytest.fixture
def root(tmp_path):
    """The book as it is, so far as a new chapter meets it."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("aigc_lib", "outline.yml", "_toc.yml", "_config.yml"):
        whole = chapter.ROOT / name
        if whole.is_dir():
            shutil.copytree(whole, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(whole, tmp_path)
    for source in chapter.sources():
        target = tmp_path / source.relative_to(chapter.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    (tmp_path / "tests" / "lib").mkdir(parents=True)
    shared = chapter.ROOT / "tests" / "lib" / "checker_tests.py"
    shutil.copy(shared, tmp_path / "tests" / "lib")
    return tmp_path


@pytest.fixture
def unwritten(root):
    """The number and title of a chapter that the outline plans and nobody wrote."""
    written = {source.name[:2] for source in chapter.sources(root=root)}
    for part in new.outline(root)["parts"]:
        for planned in part["chapters"]:
            number = str(planned["label"])
            if part["folder"] == "04_outlook" and number not in written:
                return number, planned["title"]
    pytest.skip("every chapter of part four is written")


def test_only_what_is_to_be_written_is_missing(root, unwritten):
    number, title = unwritten
    source = make(f"{number}_sample", root=root)[0]
    assert source == root / "chapters" / "04_outlook" / f"{number}_sample.md"
    assert f"\n# {title}\n" in source.read_text("utf-8")
    marked, twin = [], []
    for problem in check.problems(source, root):
        (marked if UNWRITTEN in problem else twin).append(problem)
    assert twin == [f"tests/notebooks/twins/{number}_sample.ipynb does not exist"]
    named = {problem.split(" is marked")[0] for problem in marked}
    assert named == {
        f"chapters/04_outlook/{number}_sample.md",
        f"aigc_lib/check/ch{number}.py",
        f"aigc_lib/check/quiz/ch{number}.json",
        f"tests/lib/test_check_ch{number}.py",
    }


def test_it_runs_before_a_word_is_written(root, unwritten):
    number, _ = unwritten
    source = make(f"{number}_sample", root=root)[0]
    code = "\n".join(c.source for c in chapter.code_cells(chapter.read(source)))
    here = {"cwd": root, "env": os.environ | {"PYTHONPATH": str(root)}}
    code += f"\nprint(aigc.check.ch{number}.predict(...))"
    python = [sys.executable, "-c", code]
    done = subprocess.run(python, **here, capture_output=True, text=True)
    assert "还没有写完" in done.stdout, done.stderr
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tests.append(f"tests/lib/test_check_ch{number}.py")
    done = subprocess.run(tests, **here, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_its_place_in_the_book(root, unwritten):
    number, title = unwritten
    before = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    make(f"{number}_sample", root=root)
    after = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    entry = {"file": f"chapters/04_outlook/{number}_sample"}
    entry["title"] = f"{number} {title}"
    found = [c for part in after["parts"] for c in part["chapters"]]
    assert found.count(entry) == 1
    for part in after["parts"]:
        part["chapters"] = [c for c in part["chapters"] if c != entry]
    after["parts"] = [part for part in after["parts"] if part["chapters"]]
    assert after == before
    order = [p["title"] for p in new.outline(root)["parts"]]
    captions = [part["caption"] for part in after["parts"]]
    assert captions == sorted(captions, key=order.index)


def test_other_entries_stay_as_they_are_written(root, unwritten):
    number, _ = unwritten
    before = (root / "_toc.yml").read_text("utf-8").splitlines()
    make(f"{number}_sample", root=root)
    after = (root / "_toc.yml").read_text("utf-8").splitlines()
    assert [line for line in before if line not in after] == []
    assert len(after) - len(before) in (2, 4)


@pytest.mark.parametrize("part", new.outline(chapter.ROOT)["parts"])
def test_folders_of_the_outline_are_those_of_the_book(part):
    labels = {str(planned["label"]) for planned in part["chapters"]}
    for page in chapter.ROOT.glob("chapters/*/*_*.md"):  # others open a part
        label = page.name.split("_")[0].upper()
        assert (label in labels) == (page.parent.name == part["folder"])


@pytest.mark.parametrize(
    ("name", "part", "complaint"),
    [
        ("sample", "", "write two digits and a word"),
        ("1_sample", "", "write two digits and a word"),
        ("99_sample", "", "outline.yml plans no chapter 99"),
        ("04_other", "", "there is a chapter 04 already: 04_gan"),
        ("31_sample", "02_cases", "outline.yml has chapter 31 in 04_outlook"),
    ],
)
def test_what_cannot_be_a_chapter_is_refused(root, name, part, complaint):
    with pytest.raises(Refused, match=re.escape(complaint)):
        make(name, part, root)


def test_nothing_is_overwritten(root, unwritten):
    number, _ = unwritten
    own = root / "aigc_lib" / "check" / f"ch{number}.py"
    own.write_text("mine")
    before = sorted(root.rglob("*"))
    with pytest.raises(Refused, match=f"ch{number}.py exists; nothing was written"):
        make(f"{number}_sample", root=root)
    assert own.read_text() == "mine"
    assert sorted(root.rglob("*")) == before


def test_a_case_has_the_sections_of_a_case(root):
    text = new.source_text("02_cases", {"__NN__": "13", "__TITLE__": "x"})
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert headings[1:-4] == [title for title, _ in new.SECTIONS["02_cases"]]
    assert headings[-4:] == check.ENDING
