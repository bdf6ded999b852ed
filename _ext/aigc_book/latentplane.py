"""The `latent-plane` directive: a picture that becomes a model one can play with.

The pattern for every model alive in a page. `_static/demos/` holds NAME.onnx, NAME.png
and NAME.json (a tool makes them, see tools/train_latent_plane.py). The picture stands
on the page; the reader's browser puts the model in its place (book-latent-plane.js).
"""

import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from .pictures import captioned
from .project import root
from .vendor import copy_runtime, pack


class plane(nodes.General, nodes.Element):
    """The picture of a plane; `demo` names the decoder, `limit` its edge."""


class LatentPlane(SphinxDirective):
    """The plane of demo NAME; `alt` says what the picture shows, the content is the
    caption."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "name": directives.unchanged,
    }

    def run(self):
        if "alt" not in self.options:
            raise self.error("latent-plane: give :alt:, what the picture shows")
        name = self.arguments[0]
        facts = demo(self.env.app, name).with_suffix(".json")
        if not facts.exists():
            raise self.error(f"latent-plane: there is no {facts}")
        self.env.note_dependency(str(facts))
        limit = json.loads(facts.read_text("utf-8"))["limit"]
        image = nodes.image("", uri=f"/_static/demos/{name}.png")
        image["alt"] = self.options["alt"]
        figure = nodes.figure("", plane("", image, demo=name, limit=limit))
        figure["classes"].append("latent-plane")
        return [captioned(self, figure)]


def demo(app, name):
    """Return the path of a demo's files, without the ending."""
    return root(app) / "_static" / "demos" / name


def visit_plane(self, node):
    name = self.attval(node["demo"])
    self.body.append(f'<div class="plane" data-demo="{name}" ')
    self.body.append(f'data-limit="{node["limit"]}">')


def depart_plane(self, node):
    self.body.append("</div>\n")


def visit_nothing(self, node):
    pass


def add_model(app, pagename, templatename, context, doctree):
    """Bring the runtime (5 MB) into the book only where a page has a model."""
    if doctree is None or app.builder.format != "html":
        return
    for node in doctree.findall(plane):
        copy_runtime(app)
        source = demo(app, node["demo"]).with_suffix(".onnx")
        pack(source, Path(app.outdir) / "_static" / "demos")


def setup(app):
    plain = (visit_nothing, visit_nothing)
    app.add_node(plane, html=(visit_plane, depart_plane), text=plain, latex=plain)
    app.add_directive("latent-plane", LatentPlane)
    app.connect("html-page-context", add_model)
