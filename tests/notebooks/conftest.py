"""A whole chapter in miniature, to hold the tools and the contract to their word."""

import pytest

from tools import sync

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
```{{exercise-start}} 两倍
:label: ex-99-{k}
```
写 `double(x)`。
```{{exercise-end}}
```

```{{solution-start}} ex-99-{k}
:class: dropdown
```
```{{code-cell}} ipython3
:tags: [nbval-check-output]
check.ch99.double(lambda x: {k} * x)
```
```{{solution-end}}
```
"""

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

无。

## 练习

"""
    + "\n".join(EXERCISE.format(k=k) for k in range(1, 6))
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


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The source of the miniature chapter, in a tree of its own."""
    monkeypatch.setattr(sync, "STAMPS", tmp_path / "stamps")
    library = tmp_path / "aigc_lib" / "toy.py"
    library.parent.mkdir()
    library.write_text('def double(x: int):\n    """Twice."""\n    return 2 * x\n')
    source = tmp_path / "chapters" / "09_tiny" / "99_tiny.md"
    source.parent.mkdir(parents=True)
    source.write_text(TINY, encoding="utf-8")
    return source


@pytest.fixture(scope="session")
def synced(tmp_path_factory):
    """The twin of the miniature chapter, run once for all tests that only read it."""
    source = tmp_path_factory.mktemp("synced") / "99_tiny.md"
    source.write_text(TINY, encoding="utf-8")
    stamps, sync.STAMPS = sync.STAMPS, source.parent / "stamps"
    try:
        sync.sync(source)
    finally:
        sync.STAMPS = stamps
    return sync.twin_path(source)
