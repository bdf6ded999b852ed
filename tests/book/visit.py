"""Open the pages of a built book in a browser whose network is cut."""

from dataclasses import dataclass, field
from urllib.parse import quote

PATIENCE = 120_000  # milliseconds; a busy machine is no defect of the book
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

LOOK = """() => ({
  math: document.querySelectorAll("span.math, div.math").length,
  typeset: document.querySelectorAll(":is(span, div).math:has(.katex math)").length,
  wrong: [...document.querySelectorAll(".katex-error")].map(e => e.outerHTML),
  diagrams: document.querySelectorAll("figure.diagram").length,
  drawn: document.querySelectorAll("figure.diagram svg[role=img][aria-label]").length,
  broken: [...document.images].filter(i => !i.naturalWidth).map(i => i.src),
})"""
# What sticks out of the screen and cannot be scrolled to inside a box of its own.
OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  const scrolls = e => getComputedStyle(e).overflowX !== "visible";
  const boxed = e => e.matches(".bd-article") ? false
    : scrolls(e) || boxed(e.parentElement);
  return [...document.querySelectorAll(".bd-article *")]
    .filter(e => e.getBoundingClientRect().right > width + 1)
    .filter(e => !boxed(e.parentElement))
    .map(e => `${e.tagName}.${e.className}`.slice(0, 80));
}"""
SETTLED = "async () => { await document.fonts.ready; }"


@dataclass
class Visit:
    """What the browser saw and did on one page."""

    seen: dict
    overflow: list
    complaints: list = field(default_factory=list)
    outside: list = field(default_factory=list)


class Visitor:
    """One browser window on one book; remembers what it saw on each page."""

    def __init__(self, browser, address, folder):
        self.address, self.folder = address, folder
        self.context = browser.new_context(
            viewport=DESK, color_scheme="light", locale="zh-CN"
        )
        self.context.set_default_timeout(PATIENCE)
        self.outside, self.complaints = [], []
        self.context.route("**/*", self.guard)
        self.visits = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.context.close()

    def guard(self, route):
        """Let through what the book serves; cut off and note everything else."""
        url = route.request.url
        if url.startswith(self.address):
            route.continue_()
        else:
            self.outside.append(url)
            route.abort()

    def open(self, page):
        """Open a page and wait until its fonts are there."""
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("console", self.listen)
        tab.goto(self.address + quote(page, safe="/?=&#"))
        tab.evaluate(SETTLED)
        return tab

    def listen(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    def pages(self):
        """List the book's pages, without the redirect that Jupyter Book writes."""
        found = (p.relative_to(self.folder) for p in self.folder.rglob("*.html"))
        return sorted(
            p.as_posix()
            for p in found
            if not p.parts[0].startswith("_") and p.as_posix() != "index.html"
        )

    def tour(self):
        """Visit every page once; return {page: Visit}."""
        for page in self.pages():
            if page not in self.visits:
                self.visits[page] = self.inspect(page)
        return self.visits

    def inspect(self, page):
        self.outside, self.complaints = [], []
        tab = self.open(page)
        seen = tab.evaluate(LOOK)
        tab.set_viewport_size(PHONE)
        overflow = tab.evaluate(OVERFLOW)
        tab.close()
        return Visit(seen, overflow, self.complaints, self.outside)
