"""Where the project's own data lies: terms, outline, results, JavaScript."""

from pathlib import Path

import yaml
from sphinx.errors import ConfigError


def root(app):
    """Return the project's folder: the nearest one upwards with a package.json.

    The book is built from a staged copy inside the project.
    """
    for folder in (Path(app.srcdir), *Path(app.srcdir).parents):
        if (folder / "package.json").exists():
            return folder
    raise ConfigError(f"no package.json above {app.srcdir}: build inside the project")


def terms(app):
    """Return the entries of terms.yml in the order of the file."""
    return yaml.safe_load((root(app) / "terms.yml").read_text("utf-8"))


def outline(app):
    """Return outline.yml: keywords, parts, chapters, topics."""
    return yaml.safe_load((root(app) / "outline.yml").read_text("utf-8"))


def chapter_pages(env):
    """Map chapter labels to the pages of this build: {"04": docname, "A": docname}."""
    pages = {}
    for docname in sorted(env.found_docs):
        folder, _, name = docname.rpartition("/")
        label = name.split("_")[0]
        if folder.startswith("chapters/") and (label.isdigit() or len(label) == 1):
            pages[label.upper()] = docname
    return pages
