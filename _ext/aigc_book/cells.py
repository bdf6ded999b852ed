"""What a cell shows: folded drawing code and sounds have names, long lines wrap."""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

from .pictures import section

DRAWING = "画图的代码"  # what stands for code that is folded
COLUMNS = 88  # what fits beside both side bars of a 1280 px screen
AUDIO = re.compile(r"<audio(?![^>]*aria-label)")


class Cells(SphinxTransform):
    """Mend the cells of a notebook."""

    default_priority = 410

    def apply(self, **kwargs):
        sounds = 0
        for cell in self.document.findall(nodes.container):
            element = cell.get("nb_element")
            folded = element == "cell_code" and cell.get("hide_mode")
            if folded and (said := drawn(cell)):
                cell["prompt_show"] = f"{DRAWING}：{said}"
            if element == "cell_code_output":
                for block in cell.findall(nodes.literal_block):
                    lines = block.astext().strip().split("\n")
                    # A line alone is no table: it wraps on a phone as well.
                    if len(lines) == 1 or max(map(len, lines)) > COLUMNS:
                        block["classes"].append("wrap")
        for raw in self.document.findall(nodes.raw):
            if "<audio" in raw.astext():
                sounds += 1
                label = f'<audio aria-label="{section(raw)}：第 {sounds} 段声音"'
                raw.children = [nodes.Text(AUDIO.sub(label, raw.astext()))]


def drawn(cell):
    """Return what a cell's picture shows, "" for a cell without one."""
    for image in cell.findall(nodes.image):
        return image.get("alt", "")
    return ""


def visit_citation(self, node):
    """Write works as a list: no screen reader knows docutils' roles for them."""
    if not isinstance(node.previous_sibling(), nodes.citation):
        self.body.append('<ul class="citation-list">\n')
    self.body.append(self.starttag(node, "li", CLASS="citation"))
    for label in node.findall(nodes.label):
        node.remove(label)  # works are cited by author and year


def depart_citation(self, node):
    self.body.append("</li>\n")
    if not isinstance(node.next_node(descend=False, siblings=True), nodes.citation):
        self.body.append("</ul>\n")


def setup(app):
    app.add_transform(Cells)
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
