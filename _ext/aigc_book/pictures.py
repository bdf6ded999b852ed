"""What belongs to a picture: its text alternative, its caption."""

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)


class AltText(SphinxTransform):
    """Warn of a picture without words: Sphinx would say the address of its file."""

    default_priority = 400  # before images are collected

    def apply(self, **kwargs):
        for image in self.document.findall(nodes.image):
            if not image.get("alt"):
                logger.warning(
                    "a picture under %r has no words for those who cannot see it: "
                    "in a cell write mystnb: image: alt:, in a directive :alt:",
                    section(image),
                    location=image,
                )


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
