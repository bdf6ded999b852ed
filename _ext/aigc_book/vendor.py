"""Third-party JavaScript, copied from node_modules into the built book."""

import base64
import filecmp
import gzip
import shutil
from pathlib import Path

from sphinx.errors import ExtensionError

from .project import root

# file in node_modules -> file in _static/vendor
FILES = {
    "minisearch/dist/umd/index.js": "minisearch.js",
    "minisearch/LICENSE.txt": "minisearch.LICENSE.txt",
}

# What runs a model in a page. The script would fetch the other two, which a page
# opened from a disk may not do: they are packed.
RUNTIME = "onnxruntime-web/dist/ort.wasm.min.js"
PACKED = ("ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def copy(app, files=FILES):
    """Copy `files` from node_modules to _static/vendor."""
    if app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "vendor"
    target.mkdir(parents=True, exist_ok=True)
    for source, name in files.items():
        path = installed(app, source)
        if not (target / name).exists() or not filecmp.cmp(path, target / name):
            shutil.copyfile(path, target / name)


def installed(app, source):
    """Return the path of a file in node_modules."""
    path = root(app) / "node_modules" / source
    if not path.exists():
        raise ExtensionError(
            f"{path} is missing: run `npm ci` in {root(app)} (make book does it)"
        )
    return path


def copy_runtime(app):
    """Bring onnxruntime-web into the book: 5 MB, so only where a page has a model."""
    copy(app, {RUNTIME: "ort.js"})
    for name in PACKED:
        source = installed(app, f"onnxruntime-web/dist/{name}")
        pack(source, Path(app.outdir) / "_static" / "vendor")


def pack(source, folder):
    """Write a file as a script: a page opened from a disk may load nothing else.

    NAME.js holds the file NAME, by gzip a quarter of the runtime's size, as base64;
    book-latent-plane.js unpacks it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = base64.b64encode(gzip.compress(source.read_bytes(), mtime=0)).decode()
    script = f'(window.packed ??= {{}})["{source.name}"] = "{content}";\n'
    (folder / f"{source.name}.js").write_text(script, "utf-8")


def setup(app):
    app.connect("builder-inited", copy)
