"""The run card under a chapter: where, how long and on what data it ran."""

import json
import re
from html import escape
from pathlib import Path

PROFILES = {"smoke": "smoke（只验证能跑通）", "cpu": "cpu", "gpu": "gpu"}


RUN_CARD = re.compile(r"profile \w+ · (.+?) · ")  # what `aigc.start` shows
STAND_IN = 'class="aigc-standin"'  # the banner of `aigc.data.load`


def read(app, docname):
    """Return what is known of the run of a page: metadata and cell outputs; or None."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return None
    notebook = json.loads(path.read_text("utf-8"))
    run = notebook["metadata"].get("aigc")
    if not run:
        return None
    shown = "\n".join(texts(notebook))
    card = RUN_CARD.search(shown)
    return {**run, "device": card and card[1], "standin": STAND_IN in shown}


def texts(notebook):
    """Yield the text and HTML that the cells put out."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            for kind in ("text/plain", "text/html"):
                yield "".join(output.get("data", {}).get(kind, ""))


def facts(run):
    """List the run's facts as (name, value), in the reader's words."""
    seconds, megabytes = run["seconds"], run.get("peak_mb")
    time = f"{seconds:.0f} 秒" if seconds < 90 else f"{seconds / 60:.1f} 分钟"
    return {
        "档位": PROFILES[run["profile"]],
        "设备": run["device"] or "",
        "用时": time,
        "内存峰值": f"{megabytes / 1000:.1f} GB" if megabytes else "",
        "数据": "用了替身" if run["standin"] else "",
    }


def add_card(app, pagename, templatename, context, doctree):
    run = read(app, pagename) if doctree is not None else None
    if run:
        items = "".join(
            f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>"
            for name, value in facts(run).items()
            if value
        )
        label = "本页的运行记录"
        context["body"] += (
            f'<aside class="run-card" aria-label="{label}"><dl>{items}</dl></aside>'
        )


def setup(app):
    app.connect("html-page-context", add_card)
