"""The download button gives the reader's notebook, not the source of the page."""

import shutil
from pathlib import Path

from .project import root


def offer(app, pagename, templatename, context, doctree):
    """Point the theme's download button at the reader's twin, beside the page."""
    if app.builder.name != "html":
        return
    twin = twin_of(app, pagename)
    for group in context.get("header_buttons", ()):
        if group["label"] != "download-buttons":
            continue
        buttons = {button["label"]: button for button in group["buttons"]}
        source = buttons.pop("download-source-button")
        if twin.exists():
            source |= {"text": ".ipynb", "url": twin.name, "tooltip": "下载笔记本"}
            buttons = {"download-source-button": source, **buttons}
        group["buttons"] = list(buttons.values())


def bring(app, exception):
    """Put the twins beside the pages, also beside those that were not written anew."""
    if exception or app.builder.name != "html":
        return
    for pagename in app.env.found_docs:
        twin = twin_of(app, pagename)
        if twin.exists():
            shutil.copyfile(twin, Path(app.outdir) / f"{pagename}.ipynb")


def twin_of(app, pagename):
    """Return where the reader's twin of a page lies, if the page has one."""
    return root(app) / f"{pagename}.ipynb"


def setup(app):
    app.connect("build-finished", bring)
    app.connect("html-page-context", offer, priority=900)  # after the theme's buttons
