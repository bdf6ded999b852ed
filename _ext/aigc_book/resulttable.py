"""The `result-table` directive: the rows of a results file, printed as a table.

    ```{result-table} image_models
    model 模型
    fd|.1f FD ↓
    parameters 参数
    ```

A line is a column: its key in the rows, a format if need be (as in the role {result}),
its heading. Where `benchmarks.record.summary` wrote several runs, a cell shows the
median and, in brackets, the least and the greatest value.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .project import root
from .results import NAMES, MissingResult, lookup, written
from .tables import table

# What a record says of its rows, in the order of the line below the table.
FACTS = {
    "data": "数据",
    "split": "划分",
    "n": "样本",
    "metric": "指标",
    "seconds": "秒数",
    "seeds": "种子",
    "interval": "区间",
    "hardware": "硬件",
    "commit": "提交",
    "date": "日期",
}


class ResultTable(SphinxDirective):
    """The rows of results/NAME.json; a hint how to measure them while it is missing."""

    required_arguments = 1
    has_content = True

    def run(self):
        self.assert_has_content()
        name, folder = self.arguments[0], root(self.env.app) / "results"
        path = folder / f"{name}.json"
        self.env.note_dependency(str(path))
        if not path.exists():
            return [not_measured(name)]
        try:
            columns = [column(line) for line in self.content if line.strip()]
            rows, record = lookup(folder, f"{name}:rows")
            rows = list(rows.values()) if isinstance(rows, dict) else rows
            cells = [[cell(row, *c[:2]) for c in columns] for row in rows]
        except (MissingResult, ValueError) as problem:
            raise self.error(f"result-table {name}: {problem}") from problem
        drawn = table([heading for *_, heading in columns], cells, "result-table")
        self.set_source_info(drawn)
        line = nodes.paragraph("", facts(record), classes=["result-facts"])
        return [drawn, line]


def column(line):
    """Read "key|format heading" as (key, format, heading)."""
    target, _, heading = line.strip().partition(" ")
    if not heading:
        raise ValueError(f"column {line!r} has no heading: write 'key heading'")
    key, _, spec = target.partition("|")
    return key, spec, heading.strip()


def cell(row, key, spec):
    """Write the value of a row, with its range where it summarises several runs."""
    if key not in row:
        known = [k for k in row if not k.endswith(("_min", "_max"))]
        raise MissingResult(f"no column {key!r} in the rows; there are {known}")
    text = written(row[key], spec)
    ends = [written(row[k], spec) for k in (f"{key}_min", f"{key}_max") if k in row]
    return f"{text}（{' 至 '.join(ends)}）" if set(ends) - {text} else text


def facts(record):
    """Say in one line how the rows were measured."""

    def said(value):
        if isinstance(value, list):
            return "、".join(map(str, value))
        if isinstance(value, dict):  # one figure for each data set
            return "、".join(f"{said(k)} {written(v, '.0f')}" for k, v in value.items())
        if isinstance(value, float):
            return written(value, ".0f")
        return NAMES.get(value, str(value))

    told = {key: said(record[key]) for key in FACTS if record.get(key) is not None}
    if record.get("dirty"):
        told["commit"] = told.get("commit", "无") + "（有未提交的改动）"
    return "；".join(f"{FACTS[key]}：{text}" for key, text in told.items())


def not_measured(name):
    command = nodes.literal("", f"make bench ONLY={name}")
    return nodes.admonition(
        "",
        nodes.title("", "尚未测量"),
        nodes.paragraph("", "这张表还没有数。量它的命令：", command, nodes.Text("。")),
        classes=["result-table"],
    )


def setup(app):
    app.add_directive("result-table", ResultTable)
