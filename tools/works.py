"""Works of the bibliography, as a notebook names and lists them."""

from functools import cache
from pathlib import Path

from pybtex.database import Entry, parse_file
from pybtex.plugin import find_plugin

from .chapter import ROOT


@cache
def works(path: Path = ROOT / "references.bib") -> dict[str, Entry]:
    """Return the entries of the bibliography by key."""
    return dict(parse_file(path).entries)


def link(entry: Entry) -> str:
    """Return the DOI's address, else the URL, else nothing."""
    fields = entry.fields
    if "doi" in fields:
        return "https://doi.org/" + fields["doi"]
    if "eprint" in fields and "url" not in fields:
        return "https://arxiv.org/abs/" + fields["eprint"]
    return fields.get("url", "")


def authors(entry: Entry) -> str:
    """Return the surnames as a citation has them: one, two, or the first and 等."""
    people = entry.persons.get("author") or []
    names = [" ".join(p.prelast_names + p.last_names).strip("{}") for p in people]
    if not names:
        return entry.fields.get("organization", "").strip("{}")
    return f"{names[0]} 等" if len(names) > 2 else " 和 ".join(names)


def cite(keys: str, textual: bool) -> str:
    """Write a citation in Markdown: （作者，年）, or 作者（年） in a sentence.

    Raises:
        ValueError: the bibliography has no such work.
    """
    said = []
    for key in map(str.strip, keys.split(",")):
        if key not in works():
            raise ValueError(f"references.bib has no {key!r}")
        entry = works()[key]
        who, year, address = authors(entry), entry.fields["year"], link(entry)
        name = f"{who}（{year}）" if textual else f"{who}，{year}"
        said.append(f"[{name}]({address})" if address else name)
    return "、".join(said) if textual else f"（{'；'.join(said)}）"


def listed(keys: set[str]) -> str:
    """Return the works as a list in Markdown, in the order of their authors."""
    style = find_plugin("pybtex.style.formatting", "unsrt")()
    backend = find_plugin("pybtex.backends", "markdown")()
    chosen = sorted((authors(works()[k]), works()[k].fields["year"], k) for k in keys)
    entries = style.format_entries([works()[key] for *_, key in chosen])
    lines = (entry.text.render(backend).replace("\n", " ") for entry in entries)
    return "\n".join(f"- {line}" for line in lines)
