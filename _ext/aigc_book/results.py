"""Measured figures from results/: nobody types them, and a missing one stops."""

import base64
import html
import json
import os
import re
from pathlib import Path
from typing import ClassVar

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective, SphinxRole

from .hints import hinted
from .pictures import captioned
from .project import root

NAMES = yaml.safe_load(Path(__file__).with_name("names.yml").read_text("utf-8"))


class MissingResult(LookupError):
    """The file or the key does not exist; the message says which do."""


def lookup(folder, target):
    """Return (value, record) for `file:key.key` under the results folder.

    Keys walk through objects by name, and through lists by position or by what a row
    begins with: `image_models:rows.vae.fd` goes on when the order changes. Where one
    word does not tell rows apart, several do: `ranking:rows.movietweetings & EASE`; a
    number goes by its column: `credit_bias:rows.bias=2.0 & real.gap`.
    """
    name, _, keys = target.partition(":")
    path = folder / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.json"))) or "none yet"
        raise MissingResult(
            f"no {path.name} in results/ (there: {known}); `make bench`"
        )
    record = value = json.loads(path.read_text("utf-8"))
    for key in re.findall(r"(?:=\d+\.\d+|[^.])+", keys):
        try:
            value = row(value, key) if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            there = list(value) if isinstance(value, dict | list) else value
            raise MissingResult(f"{path.name}: no {key!r} in {there!r}") from None
    return value, record


def row(rows, key):
    """Return the one row that `key` names, else the one at that position."""
    words = key.split(" & ")
    found = [r for r in rows if isinstance(r, dict) and answers(r, words)]
    if len(found) > 1:
        raise MissingResult(f"{key!r} names {len(found)} rows: add ` & ` and a word")
    return found[0] if found else rows[int(key)]


def answers(row, words):
    """Whether a row has all words, the first at its head or with a column's name."""
    columns = {f"{name}={value}" for name, value in row.items()}
    texts = {value for value in row.values() if isinstance(value, str)}
    head = {next(iter(row.values()))} & texts
    return words[0] in head | columns and set(words) <= texts | columns


def written(value, spec=""):
    """Write a value as a reader expects it; spec is Python's format language."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, str):
        return NAMES.get(value, value)
    if not isinstance(value, int | float):
        raise MissingResult(f"is not a single figure but {type(value).__name__}")
    return format(value, spec or ("," if isinstance(value, int) else ".4g"))


def provenance(name, record):
    """Say where a figure comes from, in the words of its record."""
    known = [str(record[k]) for k in ("hardware", "commit", "date") if k in record]
    return " · ".join([f"results/{name}.json", *known])


def gained(folder, target, spec=""):
    """Write a difference with its interval, and whether that leaves anything to claim.

    The interval of KEY is what stands beside it: KEY_interval, or from and to.

    Raises:
        MissingResult: no interval there; otherwise as `lookup`.
    """
    value, record = lookup(folder, target)
    above, _, key = target.rpartition(".")
    beside, _ = lookup(folder, above)
    ends = beside.get(f"{key}_interval") or [beside.get(end) for end in ("from", "to")]
    if None in ends:
        raise MissingResult(f"{target}: no {key}_interval, no from and to beside it")
    figures = [written(each, spec or "+.4g") for each in (value, *ends)]
    text = "{} [{}, {}]".format(*figures)
    if ends[0] <= 0 <= ends[1]:
        text += "，没有证据表明有增益"
    return text, record


class Result(SphinxRole):
    """{result}`file:key.key` or {result}`file:key.key|.1f`."""

    def read(self, folder, target, spec):
        value, record = lookup(folder, target)
        return written(value, spec), record

    def run(self):
        target, _, spec = self.text.partition("|")
        folder = root(self.env.app) / "results"
        name = target.partition(":")[0]
        try:
            text, record = self.read(folder, target.strip(), spec.strip())
        except (MissingResult, ValueError) as problem:
            message = self.inliner.reporter.error(
                f"result {self.text!r}: {problem}", line=self.lineno
            )
            return [nodes.problematic("", self.rawtext)], [message]
        self.env.note_dependency(str(folder / f"{name}.json"))
        tip = provenance(name, record)
        return [hinted("", text, tip=tip, classes=["result"])], []


class GainRole(Result):
    """{gain}`file:key.key|+.1%`: a difference, its interval, and what it allows."""

    def read(self, folder, target, spec):
        return gained(folder, target, spec)


class ResultFigure(SphinxDirective):
    """A picture from results/; nothing at all while it has not been made."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "width": directives.length_or_percentage_or_unitless,
        "name": directives.unchanged,
    }

    def run(self):
        path = made(self, "alt", "what the picture shows")
        if path is None:
            return []
        uri = "/" + os.path.relpath(path, self.env.srcdir).replace(os.sep, "/")
        image = nodes.image("", uri=uri, alt=self.options["alt"])
        if "width" in self.options:
            image["width"] = self.options["width"]
        figure = nodes.figure("", image, classes=["result-figure"])
        return [captioned(self, figure)]


class ResultSound(SphinxDirective):
    """A sound from results/, in the page itself; nothing while it has not been made."""

    required_arguments = 1
    option_spec: ClassVar = {"label": directives.unchanged_required}

    def run(self):
        path = made(self, "label", "what one hears")
        if path is None:
            return []
        return [nodes.raw("", player(path, self.options["label"]), format="html")]


def made(directive, words, meaning):
    """Return the file in results/ that a directive names, None where it is not yet.

    Raises:
        DirectiveError: the option ``words`` is missing.
    """
    if words not in directive.options:
        raise directive.error(f"{directive.name}: give :{words}:, {meaning}")
    path = root(directive.env.app) / "results" / directive.arguments[0]
    directive.env.note_dependency(str(path))
    return path if path.exists() else None


def player(path, label):
    """Return the HTML of a player that carries its WAV file."""
    data = base64.b64encode(path.read_bytes()).decode()
    source = f"data:audio/wav;base64,{data}"
    return f'<audio controls aria-label="{html.escape(label)}" src="{source}"></audio>'


def setup(app):
    app.add_role("result", Result())
    app.add_role("gain", GainRole())
    app.add_directive("result-figure", ResultFigure)
    app.add_directive("result-sound", ResultSound)
