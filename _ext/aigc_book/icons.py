"""The icons that the pages use, as CSS: the theme's script and fonts weigh 1.8 MB."""

import re
from pathlib import Path
from urllib.parse import quote

import pydata_sphinx_theme

THEME = Path("_static") / "scripts" / "fontawesome.js"
STYLE = Path("_static") / "styles" / "pydata-sphinx-theme.css"
# In the theme's style: 2,000 icons that no page uses, and the fonts that hold them.
UNUSED = re.compile(
    r"(?:\.fa-[\w-]+:before,?)+\{[^{}]*\}|@font-face\{[^{}]*Font ?Awesome[^{}]*\}"
)
DESIGN = ("sphinx-design", "design-tabs")
NAME = re.compile(r"\bfa-([a-z][a-z0-9-]*)")
SHAPE = r'(?<![\w-])"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","([^"]+)"'
BASE = """\
:is(.fa-solid, .fas, .fa-brands, .fab, .fa-regular, .far) {
  display: inline-block;
  width: 1.25em;
  height: 1em;
  background: currentColor;
  vertical-align: -0.125em;
  -webkit-mask: var(--icon) center / contain no-repeat;
  mask: var(--icon) center / contain no-repeat;
}
.fa-lg { font-size: 1.25em; }
"""


def write(app, exception):
    """Write the style of the icons in use, and leave the script out of the book."""
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    pages = (p for p in out.rglob("*.html") if "_static" not in p.parts)
    used = {name for p in pages for name in NAME.findall(p.read_text("utf-8"))}
    script = source(app).read_text("utf-8")
    rules = [BASE]
    for name in sorted(used):
        if shape := re.search(SHAPE.format(name=name), script):
            width, height, path = shape.groups()
            svg = (
                f'<svg xmlns="http://www.w3.org/2000/svg" '
                f'viewBox="0 0 {width} {height}"><path d="{path}"/></svg>'
            )
            rules.append(
                f'.fa-{name} {{ --icon: url("data:image/svg+xml,{quote(svg)}"); }}\n'
            )
    (out / "_static" / "icons.css").write_text("".join(rules), "utf-8")
    for leftover in (out / "_static").rglob("*.map"):
        leftover.unlink()
    (out / THEME).unlink(missing_ok=True)
    style = (out / STYLE).read_text("utf-8").replace("Font Awesome\\ 6", "FontAwesome")
    (out / STYLE).write_text(UNUSED.sub("", style), "utf-8")


def source(app):
    """Return the theme's script, wherever it is installed."""

    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme"
    return theme / "static" / "scripts" / "fontawesome.js"


def leave_out(app, pagename, templatename, context, doctree):
    """Load the style of tabs and cards only where a page has some."""
    if 'class="sd-' in context.get("body", ""):
        return
    for kind in ("css_files", "script_files"):
        context[kind] = [
            one
            for one in context[kind]
            if not any(name in str(getattr(one, "filename", "")) for name in DESIGN)
        ]


def setup(app):
    app.add_css_file("icons.css")
    app.connect("html-page-context", leave_out, priority=900)
    app.connect("build-finished", write)
