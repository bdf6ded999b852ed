"""Flowcharts: what the notation means, and a picture that can be read."""

import re

import pytest
from aigc_book import flowchart
from aigc_book.flowchart import WrongFlowchart, draw, parse


def test_every_arrow_and_box():
    chart = parse(
        "flowchart LR\n"
        '  a["甲 (1)"] --> b("乙<br/>二") -->|是| c{"丙？"}\n'
        '  a -. "慢" .-> d((+)) --- e\n'
        "  b -- 说 --> d -.- a -.-> e ==> a\n"
        "  %% a comment\n"
    )
    assert chart.direction == "LR"
    assert chart.boxes == {
        "a": ("box", "甲 (1)"),
        "b": ("rounded", "乙\n二"),
        "c": ("diamond", "丙？"),
        "d": ("circle", "+"),
        "e": ("box", "e"),
    }
    assert chart.edges == [
        ("a", "b", "", False, True),
        ("b", "c", "是", False, True),
        ("a", "d", "慢", True, True),
        ("d", "e", "", False, False),
        ("b", "d", "说", False, True),
        ("d", "a", "", True, False),
        ("a", "e", "", True, True),
        ("e", "a", "", False, True),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("sequenceDiagram", "begin with 'flowchart LR'"),
        ("flowchart LR\n a -->", "leads nowhere"),
        ("flowchart LR\n a ~~> b", "no arrow at"),
        ("flowchart LR\n --> b", "no box at"),
    ],
)
def test_what_is_not_understood_is_quoted(line, complaint):
    with pytest.raises(WrongFlowchart, match=re.escape(complaint)):
        parse(line)


def size(svg):
    return [int(n) for n in re.search(r'width="(\d+)" height="(\d+)"', svg).groups()]


LONG = "flowchart LR\n" + "\n".join(
    f'a{i}["第 {i} 步"] --> a{i + 1}' for i in range(12)
)


def test_what_is_too_wide_is_turned():
    assert size(draw(LONG, "x"))[0] < 200 < flowchart.PAGE
    short = 'flowchart LR\n a["一"] --> b["二"]'
    width, height = size(draw(short, "x"))
    assert width > height


def test_text_is_large_and_named():
    svg = draw('flowchart TB\n a["一 & <二>"] -->|"三"| b', 'say "so" & go')
    sizes = [float(s) for s in re.findall(r'font-size="([\d.]+)"', svg)]
    assert sizes
    assert min(sizes) >= 13
    assert 'aria-label="say &quot;so&quot; &amp; go"' in svg
    assert "一 &amp; &lt;二&gt;" in svg
    assert "<title>" not in svg
    assert "id=" not in svg
