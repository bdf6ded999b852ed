"""The `mermaid` directive: a figure whose diagram the reader's browser draws."""

import re
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class diagram(nodes.General, nodes.Element):
    """Mermaid source with its text alternative."""


class Mermaid(SphinxDirective):
    """A diagram; `alt` says what it shows to readers who cannot see it."""

    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged,
        "caption": directives.unchanged,
        "name": directives.unchanged,
    }

    def run(self):
        self.assert_has_content()
        code = "\n".join(self.content)
        alt = self.options.get("alt") or self.options.get("caption") or labels(code)
        figure = nodes.figure("", diagram("", code=code, alt=alt))
        figure["classes"].append("diagram")
        if "caption" in self.options:
            children, messages = self.parse_inline(self.options["caption"])
            figure += nodes.caption(self.options["caption"], "", *children)
            figure += messages
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]


def labels(code):
    """Name a diagram after its boxes, for want of better words."""
    found = re.findall(r'"([^"]+)"', code)
    return "示意图：" + "、".join(re.sub(r"<br\s*/?>", "", label) for label in found)


def visit_diagram(self, node):
    self.body.append(
        f'<pre class="mermaid" role="img" aria-label="{self.attval(node["alt"])}">'
        f"{self.encode(node['code'])}</pre>\n"
    )
    raise nodes.SkipNode


def visit_text(self, node):
    self.add_text(f"[{node['alt']}]")
    raise nodes.SkipNode


def add_script(app, pagename, templatename, context, doctree):
    """Load Mermaid (2.5 MB) only where a page has a diagram."""
    if doctree is not None and doctree.next_node(diagram):
        app.add_js_file("vendor/mermaid.js", loading_method="defer")


def setup(app):
    app.add_node(diagram, html=(visit_diagram, None), text=(visit_text, None))
    app.add_directive("mermaid", Mermaid)
    app.connect("html-page-context", add_script)
