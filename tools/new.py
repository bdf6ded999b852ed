"""Begin a chapter from the template: make chapter NAME=13_retail.

    python -m tools.new 13_retail [--part 02_cases]

Writes the source, its checkers with their test, its quiz, and its entry in _toc.yml.
What an author has to write is marked 【待写】; the contract names the files where a
mark is left.
"""

import argparse
import json
import re
from pathlib import Path

import yaml

from aigc_lib import console
from aigc_lib.check.quiz import QUESTIONS
from aigc_lib.files import replacing

from . import chapter

TEMPLATE = Path(__file__).with_name("template")
UNWRITTEN = "【待写】"
# (kind, stars, checker, what the task asks): seven exercises of five kinds.
EXERCISES = (
    ("预测", "★", "predict", "先写下答案，再运行。"),
    ("实现", "★", "write", "书页上抄不到的一个函数：输入、输出、形状。"),
    ("诊断", "★★", "diagnose", "一段坏掉的训练和它的曲线：错在哪里，凭什么证据。"),
    ("推导", "★★", "derive", "推出一个式子，写成函数，用数值核对。"),
    ("实现", "★★", "write", "书页上抄不到的一个函数：输入、输出、形状。"),
    ("预测", "★★", "predict", "先写下答案，再运行。"),
    ("开放", "★★★", "beat", "在预算之内超过一条底线，写明本书自己的得分。"),
)
# A section a line: title, and what belongs there. A case keeps the contract of cases.
SECTIONS = {
    "02_cases": (
        ("一个数字能回答的问题", "一句话的问题；回答它要量什么。"),
        ("数据", "来历与许可；先按客户、时间或设备切开，再生成任何东西。"),
        ("可能赢的基线", "闭式解、最近邻、季节朴素或经验规则，同样用心地调。"),
        ("生成的做法", "先是印得出来的小例子，再是类，再是真实数据。"),
        ("结果与区间", "至少五个种子；差的均值与 95% 区间，由代码说出有没有证据。"),
        ("泄漏、抄袭与隐私", "生成的数据用在哪里，就在哪里查。"),
        ("商业结论", "赚多少、省多少，多不确定；怎样会出错；什么会改变决定。"),
    ),
    "": (
        ("看得见的小例子", "能整个印出来的数；让读者先猜再运行。"),
        ("从零写一遍", "带 `lib:` 标签的定义，与库里的是同一份。"),
        ("真实的数据", "基线、指标、样本数；每幅图先介绍，再读。"),
        ("用在哪里，不用在哪里", "否决了什么做法，为什么。"),
    ),
}


class Refused(Exception):
    """There is such a chapter, or there is none to be; the message says what to do."""


def make(name: str, part: str = "", root: Path = chapter.ROOT) -> list[Path]:
    """Write the files of the chapter ``name`` and return them.

    Raises:
        Refused: the name is no chapter's, the outline does not plan it, or one of its
            files exists; nothing is written.
    """
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", name):
        raise Refused(f"NAME={name}: write two digits and a word: NAME=13_retail")
    number = name[:2]
    planned, title = place(number, root)
    part = part or planned["folder"]
    if part != planned["folder"]:
        raise Refused(
            f"PART={part}: outline.yml has chapter {number} in {planned['folder']}"
        )
    others = [s.stem for s in chapter.sources(root=root) if s.name[:2] == number]
    if others:
        raise Refused(f"there is a chapter {number} already: {others[0]}")
    words = {"__NN__": number, "__TITLE__": title}
    source = root / "chapters" / part / f"{name}.md"
    texts = {
        source: source_text(part, words),
        root / "aigc_lib" / "check" / f"ch{number}.py": template("checkers.py", words),
        root / "tests" / "lib" / f"test_check_ch{number}.py": template(
            "test_checkers.py", words
        ),
        root / "aigc_lib" / "check" / "quiz" / f"ch{number}.json": quiz(number),
    }
    for path in texts:
        if path.exists():
            raise Refused(f"{path.relative_to(root)} exists; nothing was written")
    contents = enter(root, planned["title"], f"chapters/{part}/{name}", number, title)
    for path, text in (texts | {root / "_toc.yml": contents}).items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    chapter.tidy(source)
    return [*texts, root / "_toc.yml"]


def outline(root: Path) -> dict:
    """Return the book as it is planned."""
    return yaml.safe_load((root / "outline.yml").read_text(encoding="utf-8"))


def place(number: str, root: Path) -> tuple[dict, str]:
    """Return the part of the outline that plans chapter ``number``, and its title."""
    for part in outline(root)["parts"]:
        for planned in part["chapters"]:
            if str(planned["label"]) == number:
                return part, planned["title"]
    raise Refused(f"outline.yml plans no chapter {number}: enter it there first")


def template(name: str, words: dict[str, str]) -> str:
    """Return a template with its words filled in."""
    text = (TEMPLATE / name).read_text(encoding="utf-8")
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def source_text(part: str, words: dict[str, str]) -> str:
    """Return the source of a new chapter, its sections and exercises to be written."""
    sections = [
        f"(sec-{words['__NN__']}-{k})=\n## {title}\n\n{UNWRITTEN}{what}"
        for k, (title, what) in enumerate(SECTIONS.get(part, SECTIONS[""]), start=1)
    ]
    sections[0] += "\n\n" + template("figure.md", words).strip()
    exercises = [
        template(
            "exercise.md",
            words
            | {"__K__": str(k), "__KIND__": kind, "__STARS__": stars}
            | {"__NAME__": name, "__HINT__": hint},
        )
        for k, (kind, stars, name, hint) in enumerate(EXERCISES, start=1)
    ]
    tail = template("tail.md", words | {"__EXERCISES__": "\n".join(exercises).strip()})
    body = "\n\n".join([template("head.md", words).strip(), *sections, tail])
    return f"---\n{yaml.safe_dump(chapter.HEAD, sort_keys=False)}---\n\n{body}"


def quiz(number: str) -> str:
    """Return five questions in the form of a quiz file, to be written."""
    questions = [
        {
            "id": f"q-{number}-{k}",
            "question": f"{UNWRITTEN}题目 {k}？",
            "choices": [f"{UNWRITTEN}选项 {i}" for i in range(4)],
            "answer": k % 4,
            "why": f"{UNWRITTEN}为什么是它，别的错在哪里。",
        }
        for k in range(1, QUESTIONS + 1)
    ]
    made = {"chapter": number, "questions": questions}
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"


def enter(root: Path, part: str, file: str, number: str, title: str) -> str:
    """Return _toc.yml with the chapter in its part, in the order of the outline."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    order = [p["title"] for p in outline(root)["parts"]]
    parts = {p["caption"]: p["chapters"] for p in toc["parts"]}
    parts.setdefault(part, []).append({"file": file, "title": f"{number} {title}"})
    parts[part].sort(key=lambda c: Path(c["file"]).name)
    lines = [f"{key}: {value}" for key, value in toc.items() if key != "parts"]
    lines.append("parts:")
    for caption in sorted(parts, key=order.index):
        lines += [f"  - caption: {caption}", "    chapters:"]
        for entry in parts[caption]:
            first, *others = entry.items()
            lines.append(f"      - {first[0]}: {first[1]}")
            lines += [f"        {key}: {value}" for key, value in others]
    return "\n".join(lines) + "\n"


def main() -> None:
    console.forgive()
    parser = argparse.ArgumentParser(prog="python -m tools.new")
    parser.add_argument("name", help="two digits and a word: 13_retail")
    parser.add_argument("--part", default="", help="its folder; the outline knows it")
    args = parser.parse_args()
    try:
        written = make(args.name, args.part)
    except Refused as refusal:
        raise SystemExit(str(refusal)) from None
    number = args.name[:2]
    for path in written:
        print(f"  {path.relative_to(chapter.ROOT)}")
    print(
        f"Write what is marked {UNWRITTEN}: make lab opens the chapter as a notebook.\n"
        "New terms go into terms.yml, works into references.bib. Then:\n"
        f"  make sync CHAPTER={number}\n"
        f"  make book CHAPTER={number}\n"
        f"  .venv/bin/python -m tools.check --chapter {number}\n"
        f"  .venv/bin/python -m pytest tests/lib/test_check_ch{number}.py\n"
        "CONTRIBUTING.md says the rest."
    )


if __name__ == "__main__":
    main()
