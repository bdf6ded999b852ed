"""A table of words, as docutils wants it."""

from docutils import nodes


def table(head, rows, name):
    """Return a table of strings whose HTML class is `name`."""
    group = nodes.tgroup("", cols=len(head))
    for _ in head:
        group += nodes.colspec("", colwidth=1)
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *map(row, rows))
    return nodes.table("", group, classes=[name])


def row(cells):
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", c)) for c in cells))
