"""Every chapter keeps the contract, and the contract catches those that do not."""

import ast
import functools
import json
import re

import pytest

from tools import chapter, check, sync

CHAPTERS = chapter.sources()
read = functools.cache(check.Chapter)  # once for all rules


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", check.RULES, ids=lambda rule: rule.__name__)
def test_chapter_keeps(rule, source):
    broken = list(rule(read(source)))
    assert not broken, "\n".join(broken)


def problems(source):
    return check.problems(source, root=source.parents[2])


def test_miniature_chapter_keeps_it_all(twins):
    assert problems(twins) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("# 小章", "小章", "no title"),
        ("学习目标", "目标", "no 学习目标"),
        (":tags: [parameters]", "---\ntags: [parameters]\n---", "saving it in Jupyter"),
        ("- 跑起来。", "- 【待写】", "99_tiny.md is marked 【待写】 1 times"),
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
        ("{exercise-start} ★★★ 开放：更快\n:label: ex-99-5", "{note}", "6 exercises"),
        ("★★★ 开放", "★★ 开放", "no exercise has ★★★"),
        ("★★★ 开放：", "★★★ 开放:", "write ★ to ★★★ and a kind"),
        ("★★ 诊断：", "诊断：", "the title of ex-99-3"),
        ("★★ 诊断：", "★★ 挑战：", "the title of ex-99-3"),
        ("★ 预测", "★ 实现", "exercises of 3 kinds"),
        ("`aigc.check.ch99.double(double)`", "检查", "the task of ex-99-1 names no"),
        ("```{quiz} 99\n", "```{quiz} 98\n", "first exercise, comes ```{quiz} 99"),
        ("- 跑起来。", "见第 97 章。", "outline.yml plans no 第 97 章"),
        ("- 跑起来。", "见第 98 章。", "write 第 98 章（尚未写成）"),
        ('print("here', 'aigc.load(standin="digits")\nprint("here', "a stand-in"),
        ("caption: 一条线。", "name: fig-99-1", "no Chinese caption"),
        ("caption: 一条线。", "caption: a line", "no Chinese caption"),
        ("alt: 一条斜线。", "alt: a line", "no Chinese text alternative"),
        ("  image:\n    alt: 一条斜线。\n", "", "no Chinese text alternative"),
        ("double(21)", "aigc.plots.grid(x)", '(print("not kept")) has no Chinese cap'),
        ("double(21)", "for x in y:\n    ax.plot(x)", "no Chinese text alternative"),
        ("double(21)", "SVG(x)", "no Chinese caption"),
        (
            "- 跑起来。",
            "```{mermaid}\n:alt: 甲到乙。\nflowchart LR\n  a --> b\n```",
            "the figure of {mermaid} has no Chinese caption",
        ),
        (
            "- 跑起来。",
            "```{result-figure} flow.png\n:name: fig-99-2\n\n衣服。\n```",
            "the figure of {result-figure} flow.png has no Chinese text alternative",
        ),
        ("- 跑起来。", "- 跑起来，不像E012。", "E012 stands under '学习目标'"),
        ("double(21)", "double(21)  # E012", "E012 stands under '学习目标'"),
        ("完。", "E012 改了。", "E012 stands under '小结'"),
        (
            "check.ch99.double(lambda x: 5 * x)",
            "print('judged:', check.ch99.double(lambda x: 5 * x))",
            "the solution of ex-99-5 shows no score",
        ),
    ],
)
def test_contract_catches(tiny, old, new, complaint):
    text = tiny.read_text(encoding="utf-8")
    assert old in text
    tiny.write_text(text.replace(old, new), encoding="utf-8")
    assert any(complaint in problem for problem in problems(tiny)), problems(tiny)


@pytest.mark.parametrize(
    ("code", "drawn"),
    [
        ("aigc.plots.grid(x)", True),
        ("plots.figure(1, 2)[1][0].set(title=plots.INK)", True),
        ("with no_grad():\n    history.plot();", True),
        ("SVG(sheet(boards))", True),
        ("def show(x):\n    plots.grid(x)", False),
        ("ways = {'line': lambda x: ax.plot(x)}", False),
        ("print(plots.INK)", False),
    ],
)
def test_what_draws(code, drawn):
    assert check.draws(ast.parse(code)) == drawn


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("result", True),
        ("print(result)", True),
        ("aigc.check.ch16.order(order)", True),
        ("print('beats the floor:', bool(result))", False),
        ("print(aigc.check.ch09.next_frames(next_frames).passed)", False),
        ("print(bool(aigc.check.ch16.order(order)))", False),
    ],
)
def test_what_shows_a_score(line, shows):
    assert check.shows_a_result(ast.parse(line).body[0]) == shows


@pytest.mark.parametrize("there", [True, False])
def test_contract_follows_a_package_to_the_module(tiny, there):
    library = tiny.parents[2] / "aigc_lib"
    (library / "toy.py").rename(library / "home.py")
    (library / "toy").mkdir()
    line = "from ..home import double\n" if not there else "from .inner import double\n"
    (library / "toy" / "__init__.py").write_text(line, encoding="utf-8")
    (library / "home.py").rename(library / "toy" / "inner.py")
    missing = "the library has no aigc_lib.toy.double"
    assert any(missing in problem for problem in problems(tiny)) == (not there)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("aigc_lib/check/quiz/ch99.json", "there is no quiz: aigc_lib/check/quiz/ch99"),
        ("aigc_lib/check/ch99.py", "there is no aigc_lib/check/ch99.py"),
        ("tests/lib/test_check_ch99.py", "there is no tests/lib/test_check_ch99.py"),
    ],
)
def test_contract_misses_a_file(tiny, name, complaint):
    (tiny.parents[2] / name).unlink()
    assert any(complaint in problem for problem in problems(tiny))


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("_toc.yml", "99_tiny", "99_tin", "_toc.yml has no entry chapters/09_tiny/99"),
        ("_toc.yml", "99_tiny", "99_tiny2", "_toc.yml has no entry"),
        ("outline.yml", '"99"', '"97"', "outline.yml has no chapter 99"),
        ("aigc_lib/check/quiz/ch99.json", '"answer": 2', '"answer": 3', "answer is 3"),
    ],
)
def test_contract_reads_the_books_own_files(tiny, name, old, new, complaint):
    path = tiny.parents[2] / name
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert any(complaint in problem for problem in problems(tiny)), problems(tiny)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("第 98 章（尚未写成）", False),
        ("第 4 章", True),
        ("第 04 章", True),
        ("{ref}`第 4 章 <ch04>`", False),
        ("{ref}`第 4 章的 GAN <sec-gan>`", False),
        ("第 4 章{ref}`sec-gan`", False),
        ("[第 04 章](../04_gan)", False),
        ("第 99 章", False),
    ],
)
def test_named_chapters_are_links(tiny, text, broken):
    other = tiny.with_name("04_other.md")
    other.write_text("---\njupytext:\n---\n", encoding="utf-8")
    tiny.write_text(tiny.read_text("utf-8").replace("- 跑起来。", text), "utf-8")
    found = list(
        check.links_the_chapters_it_names(check.Chapter(tiny, tiny.parents[2]))
    )
    assert bool(found) == broken, found


@pytest.mark.parametrize("name", ["99_tiny.md", "00_tiny.md"])
def test_exercises_of_one_kind_are_too_few_kinds(tiny, name):
    text = re.sub(r"★+ (预测|诊断|推导|开放)：", "★ 实现：", tiny.read_text("utf-8"))
    tiny.write_text(text, "utf-8")
    rule = check.has_exercises_of_several_kinds
    found = list(rule(check.Chapter(tiny.rename(tiny.with_name(name)))))
    assert found == ["exercises of 1 kinds; at least 4", "no exercise has ★★★"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("FD 12.345678\n", "a float with more than 4 decimals"),
        ("4.2e-09\n", "a float with more than 4 decimals"),
        ("<object at 0x7f00deadbeef>\n", "a memory address"),
        ("/home/someone/x\n", "a path of this machine"),
    ],
)
def test_contract_catches_fleeting_output(twins, text, complaint):
    twin = json.loads(sync.twin_path(twins).read_text(encoding="utf-8"))
    cell = next(c for c in twin["cells"] if c.get("outputs"))
    cell["outputs"][0]["text"] = text
    sync.twin_path(twins).write_text(json.dumps(twin), encoding="utf-8")
    assert any(complaint in problem for problem in problems(twins))


@pytest.mark.parametrize(
    ("printed", "line", "caught"),
    [
        ("grows: False\n", "", True),
        ("{16: False, 128: True}\n", "", True),
        ("grows: False\n", "# assert not grows", True),
        ("grows: False\n", "assert 2 < 3", False),
        ("Falsehoods: 2\n", "", False),
        ("通过 不是的都回答 False\n", "", False),
    ],
)
def test_a_printed_false_is_asserted(twins, printed, line, caught):
    twin = json.loads(sync.twin_path(twins).read_text(encoding="utf-8"))
    cell = next(c for c in twin["cells"] if c.get("outputs"))
    cell["source"] = "".join([*cell["source"], "\n", line])
    cell["outputs"][0]["text"] = printed
    sync.twin_path(twins).write_text(json.dumps(twin), encoding="utf-8")
    complaint = "prints False: assert what the page claims"
    assert any(complaint in problem for problem in problems(twins)) == caught


def test_contract_catches_a_solution_that_does_not_pass(twins):
    twin = json.loads(sync.twin_path(twins).read_text(encoding="utf-8"))
    *_, cell = (c for c in twin["cells"] if c.get("outputs"))
    cell["outputs"][0]["data"]["text/plain"] = "未通过：应当是 7"
    sync.twin_path(twins).write_text(json.dumps(twin), encoding="utf-8")
    assert "the solution of ex-99-7 does not pass: 未通过：应当是 7" in problems(twins)


@pytest.mark.parametrize("line", ["!python -m aigc_lib doctor", "round(3.14159, 2)"])
def test_contract_allows(twins, line):
    twins.write_text(twins.read_text(encoding="utf-8").replace("double(21)", line))
    assert all("twin" in p or "is not the notebook" in p for p in problems(twins))
