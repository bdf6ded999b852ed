"""The `mermaid` directive: a figure whose flowchart is drawn when the book is built."""

from importlib import import_module
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from .flowchart import WrongFlowchart, draw


class diagram(nodes.General, nodes.Element):
    """A drawing in SVG with its text alternative."""


class Mermaid(SphinxDirective):
    """A diagram; `alt` says what it shows to readers who cannot see it.

    Its lines stand in the page, or `from` names a function of the library that returns
    them: `aigc_lib.pipeline.diagram`.
    """

    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "caption": directives.unchanged,
        "from": directives.unchanged_required,
        "name": directives.unchanged,
    }

    def run(self):
        if "from" not in self.options:
            self.assert_has_content()
        if "alt" not in self.options:
            raise self.error("mermaid: give :alt:, what the diagram shows")
        code, alt = content(self.options, "\n".join(self.content)), self.options["alt"]
        try:
            svg = draw(code, alt)
        except WrongFlowchart as problem:
            raise self.error(f"mermaid: {problem}") from problem
        figure = nodes.figure("", diagram("", svg=svg, alt=alt))
        figure["classes"].append("diagram")
        if "caption" in self.options:
            children, messages = self.parse_inline(self.options["caption"])
            figure += nodes.caption(self.options["caption"], "", *children)
            figure += messages
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]


def content(options, body):
    """Return the lines of a diagram: what `from` in the library says, or `body`."""
    if "from" not in options:
        return body
    module, _, function = options["from"].rpartition(".")
    return getattr(import_module(module), function)()


def visit_diagram(self, node):
    # The keyboard scrolls what is wider than the page.
    self.body.append(f'<div class="drawing" tabindex="0">{node["svg"]}</div>\n')
    raise nodes.SkipNode


def visit_text(self, node):
    self.add_text(f"[{node['alt']}]")
    raise nodes.SkipNode


def setup(app):
    app.add_node(diagram, html=(visit_diagram, None), text=(visit_text, None))
    app.add_directive("mermaid", Mermaid)
