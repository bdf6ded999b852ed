"""Open the pages of a built book in a browser whose network is cut."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 120_000  # milliseconds; a busy machine is no defect of the book
PHONE, DESK = {"width": 375, "height": 800}, {"width": 1280, "height": 900}

LOOK = """() => ({
  math: document.querySelectorAll("span.math, div.math").length,
  typeset: document.querySelectorAll(":is(span, div).math:has(.katex math)").length,
  wrong: [...document.querySelectorAll(".katex-error")].map(e => e.outerHTML),
  diagrams: document.querySelectorAll("figure.diagram").length,
  drawn: document.querySelectorAll("figure.diagram svg[role=img][aria-label]").length,
  broken: [...document.images].filter(i => !i.naturalWidth).map(i => i.src),
  stars: [...document.querySelectorAll(".bd-article :is(p, li, td)")].map(e => {
    const words = e.cloneNode(true);
    for (const part of words.querySelectorAll("code, pre, .math")) part.remove();
    return words.textContent.match(/.{0,20}[*][*].{0,20}/)?.[0];
  }).filter(Boolean),
  glyphs: [...document.querySelectorAll("body :not(.highlight *, .katex, .katex *)")]
    .flatMap(e => ["::before", "::after"].map(s => [e, getComputedStyle(e, s)]))
    .filter(([, { content, display }]) =>
      /[\ue000-\uf8ff]/.test(content) && display !== "none")
    .map(([e, { content }]) => `${e.outerHTML.slice(0, 80)} ${escape(content)}`),
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
# Pictures that are not shown in their own shape.
BENT = """() => [...document.querySelectorAll(".bd-article img")].filter(i => {
  const { clientWidth: w, clientHeight: h, naturalWidth: own, naturalHeight: high } = i;
  const edge = parseFloat(getComputedStyle(i).padding) * 2;
  return h && Math.abs((w - edge) / (h - edge) / (own / high) - 1) > 0.03;
}).map(i => i.alt)"""
# Most of a long page are the coloured words of its code, the parts of its formulas and
# a button at each listing. axe need not judge each: of words one of each colour stays,
# of buttons one; formulas become boxes.
THIN = """() => {
  const boxes = [...document.querySelectorAll(".katex")].map(
    e => [e, e.getBoundingClientRect()]);
  const words = [...document.querySelectorAll(".highlight span:not(:has(span))")].map(
    e => [e, e.closest(".cell_input, .cell_output")?.className
             + ` ${e.className} ${getComputedStyle(e).color}`]);
  for (const [e, { width, height }] of boxes) {
    e.replaceChildren();
    e.style.cssText = `display: inline-block; width: ${width}px; height: ${height}px`;
  }
  const seen = new Set();
  for (const [e, kind] of words) {
    if (seen.has(kind)) e.replaceWith(e.textContent);
    seen.add(kind);
  }
  for (const e of [...document.querySelectorAll("button.copybtn")].slice(1)) e.remove();
}"""
# Colours go by the classes around a word: axe judges one of each kind that is seen, and
# what held the others takes its time no more.
ONE_OF_A_KIND = """() => {
  const seen = new Set(), spare = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    let kind = "", at = text.parentElement;
    if (!text.data.trim()) continue;
    if (at.checkVisibility())
      for (let up = 0; up < 5 && at; up++, at = at.parentElement)
        kind += `${at.tagName} ${at.getAttribute("class")} ${at.style.cssText}|`;
    if (!kind || seen.has(kind)) spare.push(text);
    seen.add(kind);
  }
  for (const text of spare) {
    let empty = text;
    for (let at; at = empty.parentElement, at !== document.body; empty = at) {
      empty.remove();
      if (at.textContent.trim() || at.querySelector("input")) break;
    }
  }
}"""
SERIOUS = """async (options = {}) => {
  const { violations } = await axe.run({ resultTypes: ["violations"], ...options });
  return violations
    .filter(({ impact }) => ["critical", "serious"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)} (${nodes.length})`);
}"""
# Schemes and sizes at which axe looks, and what differs between them.
LOOKS = {"phone": ("light", PHONE), "light": ("light", DESK), "dark": ("dark", DESK)}
SMALL = {"runOnly": ["scrollable-region-focusable", "target-size"]}
COLOURS = {"runOnly": ["color-contrast"]}
ALL_ELSE = {"rules": {"color-contrast": {"enabled": False}}}
LETTERS = """() => [...document.querySelectorAll(".drawing text")].map(
  t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a)"""
# Pictures, and a model that comes when its plane is near.
FIGURE = re.compile(r"^data:|\.(png|svg|gif|jpe?g)$|/vendor/ort|/demos/")
THEME = 500  # milliseconds until the theme has noticed a new size
AT_ONCE = "* { transition: none !important }"  # no colour is caught half way
SETTLED = "async () => { await document.fonts.ready; }"


@dataclass
class Visit:
    """What the browser saw and did on one page.

    ``bent`` are the pictures that a phone shows in another shape than theirs.
    ``letters`` are the heights of the letters in its diagrams in pixels, at the desk
    and on a phone; ``faults`` what axe-core finds serious, by look; ``bytes`` the sizes
    of what was fetched, figures apart, by address.
    """

    seen: dict
    overflow: list
    bent: list
    letters: list
    faults: dict
    bytes: dict
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
        self.outside, self.complaints, self.sizes = [], [], {}
        self.context.route("**/*", self.guard)
        self.tab = None
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

    def open(self, page, scheme="light"):
        """Open a page in a tab of its own."""
        return self.go(self.new_tab(), page, scheme)

    def new_tab(self):
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("console", self.listen)
        tab.on("response", self.weigh)
        return tab

    def go(self, tab, page, scheme="light"):
        """Lead a tab to a page and wait until its fonts are there."""
        tab.emulate_media(color_scheme=scheme)
        tab.goto(self.address + quote(page, safe="/?=&#"))
        tab.evaluate(SETTLED)
        return tab

    def weigh(self, response):
        url = response.url.partition("?")[0]
        if not FIGURE.search(url):
            self.sizes[url] = int(response.headers.get("content-length", 0))

    def listen(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    @staticmethod
    def resize(tab, size):
        """Give the window a size; the theme notices another one after a while."""
        if tab.viewport_size != size:
            tab.set_viewport_size(size)
            tab.wait_for_timeout(THEME)

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
        """Load a page once and look at it in every way.

        All pages in one tab: a new one would take its browser another second.
        """
        self.outside, self.complaints, self.sizes = [], [], {}
        tab = self.tab = self.tab or self.new_tab()
        self.resize(tab, DESK)
        self.go(tab, page)
        tab.wait_for_load_state("networkidle")
        seen = tab.evaluate(LOOK)
        letters = tab.evaluate(LETTERS)
        self.resize(tab, PHONE)
        letters += tab.evaluate(LETTERS)
        overflow, bent = tab.evaluate(OVERFLOW), tab.evaluate(BENT)
        tab.evaluate(THIN)
        tab.add_style_tag(content=AT_ONCE)
        tab.add_script_tag(path=AXE)
        faults = {"phone": self.look(tab, "phone", SMALL)}
        faults["light"] = self.look(tab, "light", ALL_ELSE)
        tab.evaluate(ONE_OF_A_KIND)
        faults["light"] += self.look(tab, "light", COLOURS)
        faults["dark"] = self.look(tab, "dark", COLOURS)
        told = (self.sizes, self.complaints, self.outside)
        return Visit(seen, overflow, bent, letters, faults, *told)

    def look(self, tab, look, rules):
        """Return what axe-core finds serious by these rules."""
        scheme, size = LOOKS[look]
        tab.emulate_media(color_scheme=scheme)
        self.resize(tab, size)
        return tab.evaluate(SERIOUS, rules)


def offenders(visitor, fault):
    """Return {page: fault} for the pages that have one."""
    faults = {page: fault(visit) for page, visit in visitor.tour().items()}
    return {page: found for page, found in faults.items() if found}
