"""The reader's twin: Markdown that Colab shows, empty answers, folded solutions."""

import base64
import json
import re

import nbformat
import pytest

from aigc_lib.pipeline import CONTRACTS
from tools import chapter, labels, sync
from tools.reader import Reader, Unreadable

GAN = chapter.sources("04_gan")[0]
# What is left when fences and code are taken out: there nothing may be MyST.
CODE = re.compile(
    r"^ *(`{3,})[^{\n]*\n.*?^ *\1 *$|(?<![}`])(`+)[^`\n].*?\2", re.M | re.S
)
RAW = {
    "a role": re.compile(r"\{[\w:-]+\}`"),
    "a directive": re.compile(r"^ *(?:`{3,}|:{3,})\{", re.M),
    "a colon fence": re.compile(r"^ *:{3,}", re.M),
    "a label": re.compile(r"^\([\w.-]+\)= *$", re.M),
    "a labelled formula": re.compile(r"\$\$ *\([\w.:-]+\) *$", re.M),
}


def left_over(text):
    """Name the MyST in ``text`` that a reader would see as such."""
    directives = RAW["a directive"].findall(text)
    prose = CODE.sub("", text)
    found = [name for name, pattern in RAW.items() if pattern.search(prose)]
    return found or (["a directive"] if directives else [])


@pytest.mark.parametrize("source", chapter.sources(), ids=lambda path: path.stem)
def test_no_role_or_directive_is_left_in_any_readers_twin(source):
    notebook = nbformat.read(sync.reader_path(source), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not left_over(cell.source), cell.source[:500]


@pytest.mark.parametrize(
    "text",
    [
        "见 {ref}`x`",
        "{cite:p}`x`",
        "```{mermaid}\nA-->B\n```",
        ":::{note}\n:::",
        ":::\n",
        "(ch04)=\n# x",
        "$$x$$ (eq-1)",
        "```python\nx\n```\n```{quiz} 04\n```",
    ],
)
def test_left_over_sees(text):
    assert left_over(text)


@pytest.mark.parametrize("text", ["`` {ref}`x` ``", "```\n{ref}`x`\n```", "$x_{a}$"])
def test_left_over_lets_pass(text):
    assert not left_over(text)


@pytest.fixture
def render():
    return Reader(GAN).markdown


SITE = labels.site()
REPOSITORY = labels.repository()
PAGE = f"{SITE}chapters/01_foundations/04_gan.html"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            "GAN {cite:p}`goodfellow2014gan`。",
            "GAN（[Goodfellow 等，2014](https://arxiv.org/abs/1406.2661)）。",
        ),
        (
            "{cite:t}`press2017using` 说",
            "[Press 和 Wolf（2017）](https://arxiv.org/abs/1608.05859) 说",
        ),
        ("{ref}`ex-04-3`", f"[练习 4.3]({PAGE}#ex-04-3)"),
        ("{ref}`这里 <ch04>`", f"[这里]({PAGE}#ch04)"),
        ("{ref}`ch04`", f"[第 4 章 生成对抗网络]({PAGE}#ch04)"),
        ("{ref}`sec-gan-plane`", f"[4.1 平面上的一局游戏]({PAGE}#sec-gan-plane)"),
        (
            "{doc}`01 <01_overview>`",
            f"[01]({SITE}chapters/01_foundations/01_overview.html)",
        ),
        (
            "{term}`GAN`",
            f"[GAN]({SITE}chapters/appendix/c_glossary.html"
            "#term-generative-adversarial-network)",
        ),
        ("{eq}`eq-gan-js`", f"[式 (4.5)]({PAGE}#equation-eq-gan-js)"),
        ("$$V=2$$ (eq-gan-js)", r"$$V=2\tag{4.5}$$"),
        ("{math}`x^2`", "$x^2$"),
        ("`` {ref}`x` ``", "`` {ref}`x` ``"),
        ("```\n{ref}`x`\n```", "```\n{ref}`x`\n```"),
        ("(sec-x)=\n### 标题", "### 标题"),
        ("## 一节", "## 4.1　一节"),
        ("## 练习", "## 练习"),
        (
            ":::{admonition} 定义\n:class: note\n一。\n\n二。\n:::",
            "> **定义**\n>\n> 一。\n>\n> 二。",
        ),
        ("```{note}\n一。\n```", "> **注**\n>\n> 一。"),
        (
            ":::{dropdown} 更多\n一。\n:::",
            "<details><summary>更多</summary>\n\n一。\n\n</details>",
        ),
        ("```{math}\nx\n```", "$$\nx\n$$"),
        (
            "```{clone}\nmake lab\n```",
            f"```bash\ngit clone {REPOSITORY} && cd {REPOSITORY.split('/')[-1]}\n"
            "make lab\n```",
        ),
    ],
)
def test_what_stands_for_what(render, source, shown):
    assert render(source) == shown


def test_result_is_read_from_the_results(render):
    assert re.fullmatch(r"\d+\.\d", render("{result}`dcgan:rows.0.fd|.1f`"))
    in_a_table = render(r"| FD | {result}`dcgan:rows.0.fd\|.1f` |")
    assert re.fullmatch(r"\| FD \| \d+\.\d \|", in_a_table)


def test_a_sound_of_the_results_can_be_heard(render):
    text = render('```{result-sound} music_chorale.wav\n:label: 四"小节\n```')
    assert text.startswith('<audio controls aria-label="四&quot;小节" src="data:audio/')
    assert render("```{result-sound} none.wav\n:label: 无\n```") == ""


def test_table_of_results_is_filled(render):
    text = render("```{result-table} image_models\nmodel 模型\nfd|.1f FD ↓\n```")
    assert text.startswith("| 模型 | FD ↓ |\n| --- | --- |\n| ")
    assert len(text.split("\n| ")) > 5


def test_diagram_is_a_picture_with_its_words(render):
    options = ":alt: 甲到乙\n:caption: 两步。\n"
    text = render(f'```{{mermaid}}\n{options}flowchart LR\n a["甲"] --> b["乙"]\n```')
    assert text.startswith("![甲到乙](data:image/svg+xml;base64,")
    assert text.endswith("\n\n**图 4.1**　两步。")


def test_diagram_of_the_library_is_drawn_from_it(render):
    text = render("```{mermaid}\n:alt: 五个模块\n:from: aigc_lib.pipeline.diagram\n```")
    picture = re.search(r"data:image/svg\+xml;base64,([^)]+)\)", text)[1]
    svg = base64.b64decode(picture).decode()
    assert all(f">{section}<" in svg for section in CONTRACTS)


@pytest.mark.parametrize(
    "source",
    [
        "{ref}`nowhere`",
        "{cite:p}`nobody2000`",
        "{term}`没有的词`",
        "{result}`dcgan:nothing`",
        "{made-up}`x`",
        "```{made-up}\n```",
    ],
)
def test_what_cannot_be_said_is_refused(render, source):
    with pytest.raises(Unreadable, match=r"04_gan\.md"):
        render(source)


def markdown(notebook):
    return [c.source for c in notebook.cells if c.cell_type == "markdown"]


@pytest.fixture
def twin(synced):
    return nbformat.read(sync.reader_path(synced), as_version=4)


def test_exercise_has_an_empty_answer_and_a_folded_solution(twin):
    where = next(i for i, c in enumerate(twin.cells) if "练习 99.3" in c.source)
    heading, task, answer, solution = twin.cells[where : where + 4]
    assert heading.source == "### 练习 99.3　★★ 诊断：错在哪"
    assert task.source.startswith("写 `double(x)`。")
    assert answer.cell_type == "code"
    assert answer.source == "# 你的答案\n\n# aigc.check.ch99.double(double)"
    assert solution.source == (
        "<details><summary>解答</summary>\n\n乘以 3。\n\n```python\n"
        "check.ch99.double(lambda x: 3 * x)\n```\n\n```text\nTrue\n```\n\n</details>"
    )


def test_folded_code_is_folded_in_colab_and_jupyterlab(twins):
    complete = nbformat.read(sync.twin_path(twins), as_version=4)
    (drawn,) = (c for c in complete.cells if "mystnb" in c.metadata)
    drawn.metadata["tags"] = ["hide-input"]
    made = Reader(twins, twins.parents[2]).notebook(complete)
    (cell,) = (c for c in made.cells if "mystnb" in c.metadata)
    assert cell.source == "# @title 画图的代码：一条斜线。\ndrawn = double(1)"
    assert cell.metadata["cellView"] == "form"
    assert cell.metadata["jupyter"] == {"source_hidden": True}
    assert not any("cellView" in c.metadata for c in made.cells if c is not cell)


def scored(source, **row):
    """Return the reader's twin of ``source`` where the results hold ``row``."""
    (task,) = (e for e in chapter.exercises(chapter.read(source)) if e.is_open)
    row = {"verdict": "得分 7，底线 5", "solution": task.stamp} | row
    results = source.parents[2] / "results"
    results.mkdir(exist_ok=True)
    text = json.dumps({"rows": {task.label: row}})
    (results / "open_exercises.json").write_text(text, "utf-8")
    return markdown(sync.readers_twin(source))


def test_the_books_own_score_stands_under_an_open_task(twins):
    assert not any("检查器说" in text for text in markdown(sync.readers_twin(twins)))
    text = scored(twins)
    (at,) = (i for i, t in enumerate(text) if "检查器说" in t)
    assert text[at] == "书里的解在 `cpu` 档交上去，检查器说：得分 7，底线 5。"
    assert text[at - 2] == "### 练习 99.5　★★★ 开放：更快"
    assert text[at + 1].startswith("<details><summary>解答")


def test_the_score_of_another_solution_is_not_told(twins):
    assert not any("检查器说" in text for text in scored(twins, solution="older"))


@pytest.mark.parametrize("source", chapter.sources(), ids=lambda path: path.stem)
def test_every_open_exercise_tells_the_books_own_score(source):
    """After another solution: make book, make bench ONLY=open_exercises, make sync."""
    opened = [e for e in chapter.exercises(chapter.read(source)) if e.is_open]
    shown = markdown(nbformat.read(sync.reader_path(source), as_version=4))
    assert len([t for t in shown if "检查器说" in t]) == len(opened) > 0


def test_no_code_cell_holds_a_solution(twin):
    assert not any("double(lambda" in c.source for c in chapter.code_cells(twin))


def test_quiz_folds_its_answers(twin):
    (text,) = (t for t in markdown(twin) if "aigc.check.quiz" in t)
    assert text.count("<summary>看答案</summary>") == 5
    assert "**1.** $2 \\times 1$ 是多少？\n\n- 0　2\n- 1　3\n- 2　`1`" in text


def test_only_checked_outputs_stand_in_it(twin):
    for cell in chapter.code_cells(twin):
        assert bool(cell.outputs) == (chapter.CHECKED in chapter.tags(cell))


def test_numbers_of_labels_are_those_of_the_book(tiny):
    text = tiny.read_text("utf-8").replace(
        "## 文档勘误",
        "(sec-a)=\n## 甲\n\n$$x$$ (eq-a)\n\n```{mermaid}\n:caption: 图\n:name: fig-a\n"
        'flowchart LR\n a["甲"]\n```\n\n(sec-b)=\n## 乙\n\n$$y$$ (eq-b)\n\n## 文档勘误',
    )
    tiny.write_text(text, "utf-8")
    found = {k: t.text for k, t in labels.targets(tiny).items()}
    assert found == {
        "ch99": "第 99 章 小章",
        "sec-a": "99.1 甲",
        "eq-a": "式 (99.1)",
        "fig-a": "图 99.2",
        "sec-b": "99.2 乙",
        "eq-b": "式 (99.2)",
        **{f"ex-99-{k}": f"练习 99.{k}" for k in range(1, 8)},
    }
