"""Build the small book of `fixture/` with the real configuration and extension."""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[2]
FIXTURE = Path(__file__).parent / "fixture"

TEXT = """\
(ch04)=
# 样例

本页讲{term}`模式坍塌`、{term}`LLM`，也提到大语言模型里的注意力机制。量得的速度：
{result}`speed:steps_per_second|.1f` 步/秒，共 {result}`speed:steps` 步，
FD {result}`speed:runs.0.fd`。{cite:p}`goodfellow2014gan`

```{clone}
make lab
```

(sec-sample)=
## 一节

见{ref}`sec-sample`、{ref}`fig-sample`、{ref}`ex-04-3`、{eq}`eq-sample`、{ref}`ch04`。

$$
\\mathrm{JS}(p\\,\\|\\,q) \\le \\log 2, \\quad
\\boldsymbol{\\theta} \\in \\mathbb{R}^d
$$ (eq-sample)

```{mermaid}
:alt: 噪声经生成器变成样本，样本与真实数据一起进入判别器
:caption: GAN 的数据流
:name: fig-sample
flowchart LR
  z["噪声 z"] --> G["生成器 G"] --> D["判别器 D"]
  x["真实数据 x"] --> D
```

```{latent-plane} latent_plane
:alt: 一张网格，每格是解码器在平面上这一点画出的衣物
拖动圆点，看解码器画什么。
```
"""
EXERCISE = """\
## 练习

```{quiz} 04
```

注意力机制与 `注意力机制`。注意力机制再来一次。

```{exercise-start} ★ 预测：和
:label: ex-04-3
```
算一算 $1+1$。
```{exercise-end}
```

```{solution-start} ex-04-3
:class: dropdown
```
答案是 2。
```{solution-end}
```
"""
ENDING = """\
## 参考文献

```{bibliography}
:filter: docname in docnames
```
"""


GIF = (
    "<img alt='looping' src='data:image/gif;base64,R0lGODlhAgACAIAAAAAAAP///yH5BAAKAA"
    "AAIf8LTkVUU0NBUEUyLjADAQAAACwAAAAAAgACAAACAkQBADs='>"
)


def notebook():
    """Return an executed chapter: text, picture, hidden cell, exercise, run record."""
    png = (FIXTURE / "results" / "picture.png").read_bytes()
    picture = {"image/png": base64.b64encode(png).decode()}
    card = "profile cpu · cpu, 2 threads · float32 · seed 0 · aigc_lib 0.1.0"
    banner = '<div class="aigc-standin">替身数据</div>'
    cells = [
        new_markdown_cell(TEXT),
        code("run", "execute_result", {"text/plain": card}),
        drawing("aigc.plots.grid(images)", picture, "十件衣服"),
        code("load()", "display_data", {"text/html": banner}),
        new_code_cell("# " + 86 * "x"),
        code("play()", "display_data", {"text/html": f"<audio controls></audio>{GIF}"}),
        code("long", "execute_result", {"text/plain": 30 * "long " + "\n1\n2"}),
        drawing("secret = 1", picture, "一条蓝线", "hide-input"),
        new_markdown_cell(EXERCISE),
        new_markdown_cell(ENDING),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    record = {"profile": "cpu", "seconds": 47.2, "peak_mb": 1536}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "aigc": record})


def drawing(source, picture, alt, *tags):
    """Return a cell that shows a picture."""
    cell = code(source, "display_data", picture)
    cell.metadata = {"tags": list(tags), "mystnb": {"image": {"alt": alt}}}
    return cell


def code(source, kind, data):
    count = {"execution_count": 1} if kind == "execute_result" else {}
    return new_code_cell(
        source, execution_count=1, outputs=[new_output(kind, data=data, **count)]
    )


def lay_out(folder):
    """Put the fixture, the real configuration and the extension into `folder`."""
    shutil.copytree(FIXTURE, folder, dirs_exist_ok=True)
    for name in ("_config.yml", "references.bib", "package.json"):
        shutil.copy(ROOT / name, folder)
    for name in ("_ext", "_static"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    chapter = folder / "chapters" / "01_foundations" / "04_sample.ipynb"
    chapter.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(), chapter)


def build(folder):
    """Build the book in `folder`; return the finished process and the HTML folder."""
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [str(jupyter_book), "build", str(folder), "-W", "--keep-going"]
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    return finished, folder / "_build" / "html"
