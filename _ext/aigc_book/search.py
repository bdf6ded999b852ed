"""Search by section: what the built pages say, gathered for assets/search.js.

Sphinx's own index knows pages, cuts no Chinese in the reader's browser, and fetches
its snippets, which a page opened from a disk may not do. So it is not built.
"""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

from .project import chapter_pages, terms

ASSETS = Path(__file__).parent / "assets"
TEMPLATES = Path(__file__).parent / "templates"
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
# What is no prose of the book, or repeats it.
LEFT_OUT = {
    *("cell", "citation", "eqno", "headerlink", "katex-html", "reason", "run-card"),
    *(
        "concept-map",
        "keywords",
        "solution",
        "toggle-button",
        "drawing",
        "backrefs",
        "caption-number",
    ),
    *("section-number", "result-facts", "check"),
}
BACK = {"文档勘误", "练习", "小结", "参考文献", "学习目标"}
GREEKS = {"alpha": "α", "beta": "β", "gamma": "γ", "epsilon": "ε", "theta": "θ"}
GREEKS |= {"lambda": "λ", "mu": "μ", "sigma": "σ", "pi": "π", "varepsilon": "ε"}
GREEK = re.compile(rf"\\({'|'.join(GREEKS)})(?![a-z])")
TITLES = ("h1", "h2", "h3", "h4")


class Sections(HTMLParser):
    """The sections of a page's article: anchor, title, text, the terms in bold."""

    def __init__(self):
        super().__init__()
        self.found, self.open, self.stack = [], [], []
        self.article = self.skipped = 0
        self.title = self.bold = False
        self.tex = ""

    def handle_starttag(self, tag, pairs):
        given = dict(pairs)
        classes = set((given.get("class") or "").split())
        if tag in VOID:
            return
        self.stack.append(tag)
        here = len(self.stack)
        if tag == "article":
            self.article = here
        if tag == "annotation":
            self.tex = ""
        if not self.article or self.skipped:
            return
        if classes & LEFT_OUT or tag in ("math", "script", "style", "button"):
            self.skipped = here
        begins = tag == "section" or "exercise" in classes or tag == "dt"
        if begins and given.get("id"):
            self.open.append((here, new_section(given["id"], tag)))
            self.found.append(self.open[-1][1])
        if self.open:
            kind = self.open[-1][1]["tag"]
            self.title |= tag in TITLES or (tag == kind == "dt")
            self.title |= kind == "div" and "admonition-title" in classes
            self.bold |= tag in ("strong", "b")

    def handle_endtag(self, tag):
        if tag in VOID or tag not in self.stack:
            return
        while self.stack:
            here, last = len(self.stack), self.stack.pop()
            if self.skipped == here:
                self.skipped = 0
                if last == "math":
                    self.say(spoken(self.tex))
            if self.article == here:
                self.article = 0
            if self.open and self.open[-1][0] == here and last != "dt":
                self.open.pop()
            if last in (*TITLES, "p", "dt"):
                self.title = False
            if last in ("strong", "b"):
                self.bold = False
            if last in ("p", "li", "td", "th", "dt", "dd", "label", "legend"):
                self.say(" ")
            if last == "dl" and self.open and self.open[-1][1]["tag"] == "dt":
                self.open.pop()
            if last == tag:
                break

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "annotation":
            self.tex += data
        if self.article and self.open and not self.skipped:
            self.say(data)

    def say(self, text):
        if not self.open or self.skipped or not self.article:
            return
        section = self.open[-1][1]
        if self.title:
            section["title"] += text
        else:
            section["text"] += text
            if self.bold and text.strip():
                section["defines"].append(text.strip())


def new_section(anchor, tag):
    return {"anchor": anchor, "tag": tag, "title": "", "text": "", "defines": []}


def spoken(tex):
    """Return a formula that is as plain as a word, an ellipsis for any other."""
    tex = GREEK.sub(lambda found: GREEKS[found[1]], tex)
    return tex if re.fullmatch(r"[\w\s.,:()|=<>+*/~^-]{1,20}", tex) else "…"


def tidy(text):
    return re.sub(r"\s+", " ", text).strip()


def gather(app):
    """Return every section of the book that has words, with its place and address."""
    numbers = app.env.toc_secnumbers
    labels = {docname: label for label, docname in chapter_pages(app.env).items()}
    gathered = []
    for docname in sorted(app.env.found_docs):
        page = Path(app.outdir) / f"{docname}.html"
        if not page.exists():
            continue
        parser = Sections()
        parser.feed(page.read_text("utf-8"))
        chapter = labels.get(docname, "")
        title = app.env.titles[docname].astext()
        above = ""
        for section in parser.found:
            name, text = tidy(section["title"]), tidy(section["text"])
            number = numbers.get(docname, {}).get("#" + section["anchor"]) or ()
            shown = f"{'.'.join(map(str, number))} {name}".strip()
            if section["tag"] == "section":
                above = name if name in BACK else ""
            kind = "glossary" if section["tag"] == "dt" else "back" if above else "text"
            if not name or not (text or section["tag"] == "section"):
                continue
            gathered.append(
                {
                    "address": f"{docname}.html#{section['anchor']}",
                    "chapter": chapter,
                    "chapterTitle": title,
                    "title": name,
                    "shown": shown,
                    "place": f"第 {chapter} 章 {title}" if chapter.isdigit() else title,
                    "kind": kind,
                    "text": text,
                    "defines": sorted(set(section["defines"])),
                }
            )
    return gathered


def write(app, exception):
    """Write the index beside the script that searches it."""
    if exception or app.builder.name != "html":
        return
    folder = Path(app.outdir) / "_static" / "search"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ASSETS / "search.js", folder / "search.js")
    names = [
        {
            "names": [term[k] for k in ("zh", "en", "abbr") if term.get(k)],
            "chapter": term["chapter"],
        }
        for term in terms(app)
    ]
    index = {"sections": gather(app), "terms": names}
    written = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (folder / "sections.js").write_text(f"window.bookSections = {written};\n", "utf-8")


def search_page(app):
    yield "search", {}, "search.html"


def settle(app, config):
    config.templates_path.append(str(TEMPLATES))


def no_index(app):
    if app.builder.name == "html":
        app.builder.search = False


def setup(app):
    app.connect("config-inited", settle)
    app.connect("builder-inited", no_index)
    app.connect("html-collect-pages", search_page)
    app.connect("build-finished", write)
