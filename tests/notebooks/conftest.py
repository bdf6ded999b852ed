"""A whole chapter in miniature, to hold the tools and the contract to their word."""

import json

import pytest

from tools import chapter, sync

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""

EXERCISE = """\
```{{exercise-start}} {title}
:label: ex-99-{k}
```
写 `double(x)`。写完运行 `aigc.check.ch99.double(double)`。
```{{exercise-end}}
```

```{{solution-start}} ex-99-{k}
:class: dropdown
```
乘以 {k}。

```{{code-cell}} ipython3
:tags: [nbval-check-output]
check.ch99.double(lambda x: {k} * x)
```
```{{solution-end}}
```
"""
TITLES = (
    *("★ 预测：几倍", "★ 实现：两倍", "★★ 诊断：错在哪", "★★ 实现：导数"),
    *("★★★ 开放：更快", "★ 实现：三倍", "★ 实现：四倍"),
)
QUIZ = {
    "chapter": "99",
    "questions": [
        {
            "id": f"q-99-{k}",
            "question": f"$2 \\times {k}$ 是多少？",
            "choices": [str(2 * k), str(2 * k + 1), f"`{k}`"],
            "answer": k % 3,
            "why": "数一数。",
        }
        for k in range(1, 6)
    ],
}

TINY = (
    HEADER
    + """\
(ch99)=
# 小章

## 学习目标

- 跑起来。

```{code-cell} ipython3
:tags: [parameters]
profile = None
```

```{code-cell} ipython3
from pathlib import Path
from types import SimpleNamespace

import aigc_lib as aigc

aigc.start = str  # the real one would import torch
```

```{code-cell} ipython3
run = aigc.start(profile)
run
```

```{code-cell} ipython3
:tags: [lib:aigc_lib.toy.double]
def double(x):
    return 2 * x
```

```{code-cell} ipython3
---
mystnb:
  figure:
    caption: 一条线。
  image:
    alt: 一条斜线。
---
drawn = double(1)
```

```{code-cell} ipython3
:tags: [nbval-check-output]
print("here:", [p.name for p in Path.cwd().iterdir() if p.suffix != ".ipynb"])
print("<Figure", "size 640x480 with 1 Axes>")
```

```{code-cell} ipython3
print("not kept")
check = SimpleNamespace(ch99=SimpleNamespace(double=lambda f: f(2) % 2 == 0))
double(21)
```

## 文档勘误

- **E001** 四倍写成了两倍。

## 练习

```{quiz} 99
```

"""
    + "\n".join(EXERCISE.format(k=k, title=t) for k, t in enumerate(TITLES, 1))
    + """
## 小结

完。

## 参考文献
"""
)


def write_bare(path, *codes):
    """Write a chapter of code cells alone: quick to run, as it imports nothing."""
    cells = (f"```{{code-cell}} ipython3\n{code}\n```\n" for code in codes)
    first = "```{code-cell} ipython3\n:tags: [parameters]\nprofile = None\n```\n"
    path.write_text("\n".join([HEADER + "# x\n", first, *cells]), encoding="utf-8")
    return path


@pytest.fixture
def bare():
    return write_bare


def lay_out(root):
    """Write a project that holds the miniature chapter; return the chapter's source."""
    for name, text in {
        "aigc_lib/toy.py": 'def double(x: int):\n    """Twice."""\n    return 2 * x\n',
        "aigc_lib/check/ch99.py": "",
        "aigc_lib/check/quiz/ch99.json": json.dumps(QUIZ),
        "tests/lib/test_check_ch99.py": "",
        "_toc.yml": "chapters:\n  - file: chapters/09_tiny/99_tiny\n",
        "outline.yml": 'parts: [{chapters: [{label: "99"}, {label: "98"}]}]\n',
        "chapters/09_tiny/99_tiny.md": TINY,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    source = root / "chapters" / "09_tiny" / "99_tiny.md"
    chapter.tidy(source)
    return source


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The source of the miniature chapter, in a tree of its own."""
    monkeypatch.setattr(sync, "STAMPS", tmp_path / "stamps")
    return lay_out(tmp_path)


@pytest.fixture(scope="session")
def synced(tmp_path_factory):
    """The miniature chapter with its twins, run once for all who only read it."""
    source = lay_out(tmp_path_factory.mktemp("synced"))
    stamps, sync.STAMPS = sync.STAMPS, source.parent / "stamps"
    try:
        sync.sync(source)
    finally:
        sync.STAMPS = stamps
    return source


@pytest.fixture
def twins(tiny, synced):
    """The source of a miniature chapter of the test's own, with its twins."""
    for path in (sync.twin_path, sync.reader_path):
        path(tiny).parent.mkdir(parents=True, exist_ok=True)
        path(tiny).write_bytes(path(synced).read_bytes())
    return tiny
