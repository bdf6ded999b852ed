"""Formulas set by KaTeX at build time: no script in the page, MathML for the ears."""

import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from .project import root
from .typeset import TypesettingFailed, typeset
from .vendor import installed

logger = logging.getLogger(__name__)


def set_formula(node, tex, display):
    """Return the HTML of a formula; a warning and its source where TeX is wrong."""
    try:
        return typeset("formula", tex, display)
    except TypesettingFailed as problem:
        logger.warning("formula: %s", problem, location=node)
        return ""


def visit_math(self, node):
    html = set_formula(node, node.astext(), False) or self.encode(node.astext())
    self.body.append(f'<span class="math">{html}</span>')
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    for part in [node.astext()] if node["nowrap"] else node.astext().split("\n\n"):
        if part.strip():
            html = set_formula(node, aligned(part, node["nowrap"]), True)
            # The keyboard scrolls what is wider than the page.
            self.body.append(f'<div class="formula" tabindex="0">{html}</div>')
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "此公式的链接")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def aligned(tex, nowrap):
    """Give lines that are broken or aligned by hand the environment they need."""
    bare = not nowrap and not re.search(r"\\begin\{|\\tag\b", tex)
    if bare and re.search(r"\\\\|(?<!\\)&", tex):
        return rf"\begin{{aligned}}{tex}\end{{aligned}}"
    return tex


def copy_style(app, exception):
    """Bring KaTeX's style and fonts into the book, in the one format that all read."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "vendor" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    style = installed(app, "katex/dist/katex.min.css").read_text("utf-8")
    style = re.sub(r',url\([^)]*\) format\("(?:woff|truetype)"\)', "", style)
    (target / "katex.css").write_text(style, "utf-8")
    dist = root(app) / "node_modules" / "katex"
    shutil.copyfile(dist / "LICENSE", target / "LICENSE.txt")
    for font in (dist / "dist" / "fonts").glob("*.woff2"):
        shutil.copyfile(font, target / "fonts" / font.name)


def setup(app):
    app.add_html_math_renderer("katex", (visit_math, None), (visit_math_block, None))
    app.add_css_file("vendor/katex/katex.css")
    app.connect("build-finished", copy_style)
