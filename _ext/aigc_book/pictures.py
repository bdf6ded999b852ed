"""What belongs to a picture: its text alternative, its caption."""

from docutils import nodes
from sphinx.transforms import SphinxTransform

DRAWN = "：代码画出的图"  # ends what stands for missing words


class AltText(SphinxTransform):
    """Name a cell's picture after its caption, else after its section.

    An author says more with the cell metadata `mystnb: image: alt:`.
    """

    default_priority = 400  # before images are collected

    def apply(self, **kwargs):
        for image in self.document.findall(nodes.image):
            if not image.get("alt"):
                image["alt"] = caption(image) or section(image) + DRAWN


def caption(image):
    if isinstance(image.parent, nodes.figure):
        for sibling in image.parent.findall(nodes.caption):
            return sibling.astext()
    return ""


def section(node):
    """Return the title of the innermost section around a node."""
    while node is not None and not isinstance(node, nodes.section):
        node = node.parent
    return node.next_node(nodes.title).astext() if node else "本页"


def captioned(directive, figure):
    """Give a directive's figure its content as caption, its place and its name."""
    if directive.content:
        body = nodes.Element()
        directive.state.nested_parse(directive.content, directive.content_offset, body)
        figure += nodes.caption("", "", *body[0].children)
    directive.set_source_info(figure)
    directive.add_name(figure)
    return figure


def setup(app):
    app.add_transform(AltText)
