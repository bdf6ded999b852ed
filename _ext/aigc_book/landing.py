"""The landing page: a button to begin with, and routes through the book as it is."""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from .conceptmap import Map


class Start(SphinxDirective):
    """`{start} PAGE`: two buttons, to a page and to its notebook on Colab."""

    required_arguments = 1
    has_content = True

    def run(self):
        self.assert_has_content()
        page = self.arguments[0]
        begin = addnodes.pending_xref(
            "",
            nodes.inline("", "\n".join(self.content)),
            refdomain="std",
            reftype="doc",
            reftarget="/" + page,
            refexplicit=True,
            refdoc=self.env.docname,
            refwarn=True,
            classes=["begin"],
        )
        colab = nodes.reference("", "在 Colab 上打开", refuri=self.colab(page))
        return [
            nodes.paragraph("", "", begin, nodes.Text(" "), colab, classes=["start"])
        ]

    def colab(self, page):
        options = self.config.html_theme_options
        place = options["repository_url"].removeprefix("https://github.com")
        branch = options["repository_branch"]
        host = options["launch_buttons"]["colab_url"]
        return f"{host}/github{place}/blob/{branch}/{page}.ipynb"


class Route(Map):
    """`{route} NAME`: what it is for, and its chapters with what can be read today."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar = {"chapters": directives.unchanged_required}

    def draw(self, data):
        planned = {c["label"]: c["title"] for p in data["parts"] for c in p["chapters"]}
        labels = self.options["chapters"].split()
        if unknown := set(labels) - set(planned):
            raise self.error(f"route: outline.yml has no {', '.join(sorted(unknown))}")
        box = nodes.container(classes=["route"])
        box += nodes.paragraph("", self.arguments[0], classes=["route-name"])
        self.state.nested_parse(self.content, self.content_offset, box)
        line = nodes.paragraph(classes=["keywords"])
        for label in labels:
            line += self.link(label, nodes.Text(f"{label} {planned[label]}"))
            line += nodes.Text(" ")
        written = sum(label in self.pages for label in labels)
        box += line
        box += nodes.paragraph(
            "", f"{len(labels)} 章里已写成 {written} 章。", classes=["written"]
        )
        return box


def setup(app):
    app.add_directive("start", Start)
    app.add_directive("route", Route)
