"""Every chapter keeps the contract, and the contract catches those that do not."""

import json
import shutil

import pytest

from tools import chapter, check, sync

CHAPTERS = chapter.sources()


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", check.RULES, ids=lambda rule: rule.__name__)
def test_chapter_keeps(rule, source):
    broken = list(rule(check.Chapter(source)))
    assert not broken, "\n".join(broken)


def problems(source, synced=None):
    if synced:
        shutil.copy(synced, sync.twin_path(source))
    return check.problems(source, root=source.parents[2])


def test_miniature_chapter_keeps_it_all(tiny, synced):
    assert problems(tiny, synced) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("# 小章", "小章", "no title"),
        ("学习目标", "目标", "no 学习目标"),
        ("profile = None", "profile = 'cpu'", "must read `profile = None`"),
        (":tags: [parameters]", ":tags: [other]", "must be tagged `parameters`"),
        ("double(21)", "import os", "all imports"),
        ("run\n```", "```", "last expression"),
        ("double(21)", "\n".join("double(1)" for _ in range(25)), "27 lines"),
        ("double(21)", f"double({'1' * 90})", "88 columns"),
        ("double(21)", "!ls", "runs 'ls'"),
        ("double(21)", "%pip install x", "runs '%pip'"),
        ("from pathlib", "import requests\nfrom pathlib", "imports requests"),
        ("double(21)", "aigc.fetch_openml()", "uses fetch_openml"),
        ("return 2 * x", "return x + x", "differs from aigc_lib.toy.double"),
        ("toy.double", "toy.triple", "the library has no aigc_lib.toy.triple"),
        ("def double(x)", "def twice(x)", "does not define double"),
        ("## 小结", "## 总结", "must end with"),
        (":label: ex-99-5", ":label: ex-98-5", "write ex-99-1"),
        ("{solution-start} ex-99-5", "{solution-start} ex-99-6", "has no solution"),
        ("check.ch99.double(lambda x: 3 * x)", "True", "solution of ex-99-3"),
        ("{exercise-start} 两倍\n:label: ex-99-5", "{note}", "4 exercises"),
        ('print("here', 'aigc.load(standin="digits")\nprint("here', "a stand-in"),
    ],
)
def test_contract_catches(tiny, old, new, complaint):
    text = tiny.read_text(encoding="utf-8")
    assert old in text
    tiny.write_text(text.replace(old, new), encoding="utf-8")
    assert any(complaint in problem for problem in problems(tiny)), problems(tiny)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("FD 12.345678\n", "a float with more than 4 decimals"),
        ("4.2e-09\n", "a float with more than 4 decimals"),
        ("<object at 0x7f00deadbeef>\n", "a memory address"),
        ("/home/someone/x\n", "a path of this machine"),
    ],
)
def test_contract_catches_fleeting_output(tiny, synced, text, complaint):
    twin = json.loads(synced.read_text(encoding="utf-8"))
    cell = next(c for c in twin["cells"] if c.get("outputs"))
    cell["outputs"][0]["text"] = text
    sync.twin_path(tiny).write_text(json.dumps(twin), encoding="utf-8")
    assert any(complaint in problem for problem in problems(tiny))


@pytest.mark.parametrize("line", ["!python -m aigc_lib doctor", "round(3.14159, 2)"])
def test_contract_allows(tiny, synced, line):
    tiny.write_text(tiny.read_text(encoding="utf-8").replace("double(21)", line))
    assert all(
        "twin" in p or "is not the notebook" in p for p in problems(tiny, synced)
    )
