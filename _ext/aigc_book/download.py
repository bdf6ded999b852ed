"""The download button gives the reader's notebook, not the source of the page."""

import shutil
from pathlib import Path

from .project import root


def offer(app, pagename, templatename, context, doctree):
    """Point the theme's download button at the reader's twin, beside the page."""
    if app.builder.name != "html":
        return
    twin = root(app) / f"{pagename}.ipynb"
    for group in context.get("header_buttons", ()):
        if group["label"] != "download-buttons":
            continue
        buttons = {button["label"]: button for button in group["buttons"]}
        source = buttons.pop("download-source-button")
        if twin.exists():
            target = Path(app.outdir) / f"{pagename}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(twin, target)
            source |= {"text": ".ipynb", "url": target.name, "tooltip": "下载笔记本"}
            buttons = {"download-source-button": source, **buttons}
        group["buttons"] = list(buttons.values())


def setup(app):
    app.connect("html-page-context", offer, priority=900)  # after the theme's buttons
