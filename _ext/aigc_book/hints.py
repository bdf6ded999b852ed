"""Words with a hint: shown on hover, on keyboard focus and on tap (book-hints.js)."""

from docutils import nodes


class hinted(nodes.Inline, nodes.TextElement):
    """Inline text; `tip` is the hint, `refuri` an optional link."""


def visit_hint(self, node):
    tip = self.attval(node["tip"])
    classes = " ".join(["hint", *node["classes"]])
    if "refuri" in node:
        uri = self.attval(node["refuri"])
        self.body.append(f'<a class="{classes}" href="{uri}" data-tip="{tip}">')
        self.context.append("</a>")
    else:
        self.body.append(f'<span class="{classes}" tabindex="0" data-tip="{tip}">')
        self.context.append("</span>")


def depart_hint(self, node):
    self.body.append(self.context.pop())


def visit_nothing(self, node):
    pass


def setup(app):
    plain = (visit_nothing, visit_nothing)
    app.add_node(hinted, html=(visit_hint, depart_hint), text=plain, latex=plain)
