"""Third-party JavaScript, copied from node_modules into the built book."""

import filecmp
import shutil
from pathlib import Path

from sphinx.errors import ExtensionError

from .project import root

# file in node_modules -> file in _static/vendor. Both scripts are complete in
# themselves, so that pages also work when they are opened straight from a disk.
FILES = {
    "mathjax/es5/tex-svg-full.js": "mathjax.js",
    "mathjax/LICENSE": "mathjax.LICENSE.txt",
    "@mermaid-js/tiny/dist/mermaid.tiny.js": "mermaid.js",
    "@mermaid-js/tiny/LICENSE": "mermaid.LICENSE.txt",
}


def copy(app):
    if app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "vendor"
    target.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        path = root(app) / "node_modules" / source
        if not path.exists():
            raise ExtensionError(
                f"{path} is missing: run `npm ci` in {root(app)} (make book does it)"
            )
        if not (target / name).exists() or not filecmp.cmp(path, target / name):
            shutil.copyfile(path, target / name)


def setup(app):
    app.connect("builder-inited", copy)
