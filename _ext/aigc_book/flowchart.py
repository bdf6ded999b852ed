"""Flowcharts in Mermaid's notation, laid out by Graphviz at the size they are read.

Understood: `flowchart LR|TB`, boxes `a["text"]`, `a("text")`, `a{"text"}`,
`a(("text"))`, arrows `-->`, `-.->`, `==>`, lines `---`, `-.-`, and words on them:
`-->|text|`, `-. "text" .->`, `-- text -->`. A `<br/>` breaks a line.
"""

import re
import unicodedata
from dataclasses import dataclass

from .typeset import TypesettingFailed, typeset

SIZE, LINE = 14, 20  # pixels: text, and from line to line
PAGE = 690  # pixels: the width of the text at 1280
SHAPES = {"[": "box", "(": "rounded", "{": "diamond", "((": "circle"}
BOX = re.compile(
    r"(?P<id>\w+)(?:(?P<open>\(\(|\[|\(|\{)\s*(?P<text>\"[^\"]*\"|[^\"\])}]*?)\s*"
    r"(?P<close>\)\)|\]|\)|\}))?"
)
ARROW = re.compile(
    r"\s*(?:"
    r"(?P<plain>-->|-\.->|==>|---|-\.-)(?:\|(?P<after>[^|]*)\|)?"
    r"|(?P<start>-\.|--|==)\s*(?P<within>\"[^\"]*\"|[^\"\n]*?)\s*(?P<end>\.->|\.-|-->|==>)"
    r")\s*"
)


class WrongFlowchart(ValueError):
    """A line that is no flowchart in the notation above; the message quotes it."""


@dataclass
class Flowchart:
    """Direction, boxes {id: (shape, text)}, edges (from, to, text, dotted, arrow)."""

    direction: str
    boxes: dict
    edges: list


def parse(code):
    """Read Mermaid's notation.

    Raises:
        WrongFlowchart: a line is not understood.
    """
    lines = [line.strip() for line in code.splitlines()]
    lines = [line for line in lines if line and not line.startswith("%%")]
    head = re.fullmatch(r"(?:flowchart|graph) (LR|RL|TB|TD|BT)", lines[0])
    if not head:
        raise WrongFlowchart(f"{lines[0]!r}: begin with 'flowchart LR' or 'TB'")
    chart = Flowchart(head[1].replace("TD", "TB"), {}, [])
    for line in lines[1:]:
        read_line(chart, line)
    return chart


def read_line(chart, line):
    """Read one chain of boxes and arrows into ``chart``."""
    position, last, arrow = 0, None, None
    while position < len(line):
        box = BOX.match(line, position)
        if not box:
            raise WrongFlowchart(f"{line!r}: no box at {line[position:]!r}")
        name, position = box["id"], box.end()
        if box["open"]:
            chart.boxes[name] = (SHAPES[box["open"]], clean(box["text"]))
        chart.boxes.setdefault(name, ("box", name))
        if arrow:
            text = clean(arrow["after"] or arrow["within"] or "")
            kind = arrow["plain"] or arrow["start"] + arrow["end"]
            chart.edges.append((last, name, text, "." in kind, ">" in kind))
        last, arrow = name, ARROW.match(line, position)
        if position < len(line):
            if not arrow:
                raise WrongFlowchart(f"{line!r}: no arrow at {line[position:]!r}")
            position = arrow.end()
            if position == len(line):
                raise WrongFlowchart(f"{line!r}: the last arrow leads nowhere")


def clean(text):
    return re.sub(r"\s*<br\s*/?>\s*", "\n", text.strip().strip('"'))


def width(text):
    """Return the width of a line of text in pixels, near enough for a box."""
    wide = sum(unicodedata.east_asian_width(c) in "WFA" for c in text)
    return SIZE * (wide + 0.56 * (len(text) - wide))


def dot(chart, direction):
    """Write a chart in Graphviz's language; lengths there are inches of 72 pixels."""
    out = [
        f'digraph {{ rankdir={direction}; bgcolor="none"; nodesep=0.16; ranksep=0.35;',
        f'node [fontsize={SIZE} fixedsize=true fontname="sans-serif" fillcolor=white];',
        f'edge [fontsize={SIZE - 1} fontname="sans-serif" arrowsize=0.7];',
    ]
    for name, (shape, text) in chart.boxes.items():
        lines = text.split("\n")
        across, up = max(map(width, lines)) + 20, LINE * len(lines) + 16
        if shape == "diamond":
            across, up = 1.35 * across + 20, 1.9 * up
        if shape == "circle":
            across = up = max(across, up)
        style = "rounded,filled" if shape == "rounded" else "filled"
        shape = "box" if shape == "rounded" else shape
        label = quoted(text)
        out.append(
            f"{name} [label={label} shape={shape} style={quoted(style)} "
            f"width={across / 72:.2f} height={up / 72:.2f}];"
        )
    for start, end, text, dotted, arrow in chart.edges:
        style = "dashed" if dotted else "solid"
        said = f" label={table(text)}" if text else ""
        free = "" if arrow else " dir=none"
        out.append(f"{start} -> {end} [style={style}{said}{free}];")
    return "\n".join([*out, "}"])


def quoted(text):
    return (
        '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    )


def table(text):
    """Return a label that keeps the room we measured: Graphviz has no Chinese font."""
    across = max(map(width, text.split("\n"))) + 8
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cell = f'<TD WIDTH="{across:.0f}" HEIGHT="{LINE}">{escaped}</TD>'
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2"><TR>{cell}</TR></TABLE>>'


def draw(code, alt, page=PAGE):
    """Return the SVG of a flowchart: no wider than the page where turning it helps.

    Raises:
        WrongFlowchart: the notation is not understood.
    """
    chart = parse(code)
    turned = "TB" if chart.direction in ("LR", "RL") else "LR"
    drawn = []
    for direction in (chart.direction, turned):
        try:
            svg = typeset("diagram", dot(chart, direction))
        except TypesettingFailed as problem:
            raise WrongFlowchart(str(problem)) from problem
        across, up = map(
            float, re.search(r'width="(.+?)pt" height="(.+?)pt"', svg).groups()
        )
        drawn.append((across, up, svg))
        if across <= page:
            break
    across, up, svg = min(drawn) if across > page else drawn[-1]
    return finished(svg, across, up, alt)


def finished(svg, across, up, alt):
    """Strip what is for Graphviz alone, and name the picture."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<title>.*?</title>\n?|<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:id|xmlns:xlink)="[^"]*"', "", svg)
    said = alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    size = f'width="{across:.0f}" height="{up:.0f}" role="img" aria-label="{said}"'
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', size, svg, count=1).strip()
