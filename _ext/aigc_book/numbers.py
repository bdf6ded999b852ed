"""Numbers that carry the chapter and stay when chapters are added: 4.1, 图 4.1.

A chapter's number is the label of its file (04_gan: 4). Sections of the second level,
captioned figures and tables and labelled formulas count within their chapter; an
exercise has the number in its label (ex-04-3: 练习 4.3).
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.transforms.post_transforms import SphinxPostTransform

from .project import chapter_pages

# Every chapter has these, so a number would say nothing.
UNNUMBERED = {"学习目标", "文档勘误", "练习", "小结", "参考文献"}
EXERCISE = re.compile(r"ex-(\w+)-(\d+)")
FORMATS = {"figure": "图 %s", "table": "表 %s", "code-block": "代码 %s"}
EQUATION = "式 ({number})"


def number(label):
    """Return the number of a chapter: "04" is 4, an appendix keeps its letter."""
    return int(label) if label.isdigit() else label


class ByChapter(TocTreeCollector):
    """Sphinx's own numbering, which counts pages from 1, on the chapters' numbers."""

    def assign_section_numbers(self, env):
        old, env.toc_secnumbers = env.toc_secnumbers, {}
        for label, docname in chapter_pages(env).items():
            if docname in env.tocs:
                chapter = number(label)
                env.toc_secnumbers[docname] = numbered(env.tocs[docname], chapter)
        return changed(old, env.toc_secnumbers)

    def assign_figure_numbers(self, env):
        old = env.toc_fignumbers
        super().assign_figure_numbers(env)
        for kinds in env.toc_fignumbers.values():
            exercises = kinds.get("exercise", {})
            for name in exercises:
                if label := EXERCISE.fullmatch(name):
                    exercises[name] = (number(label[1]), int(label[2]))
        return changed(old, env.toc_fignumbers)


def numbered(toc, chapter):
    """Number the entries of a page's own table of contents; return {anchor: number}."""
    found, count = {}, 0
    for reference in toc.findall(nodes.reference):
        anchor, depth = reference["anchorname"], 0
        node = reference
        while node is not toc:
            node = node.parent
            depth += isinstance(node, nodes.bullet_list)
        value = (chapter,) if depth == 1 else ()
        if depth == 2 and reference.astext() not in UNNUMBERED:
            count += 1
            value = (chapter, count)
        found[anchor] = value
        reference["secnumber"] = value if depth == 2 else ()
    return found


def changed(old, new):
    """List the pages whose numbers are not what they were: they are written again."""
    return [docname for docname in new if new[docname] != old.get(docname)]


class ShowNumbers(SphinxPostTransform):
    """A {ref} without words of its own to a section or a figure shows its number."""

    default_priority = 5  # before references are resolved (10)

    def run(self, **kwargs):
        std = self.env.get_domain("std")
        for node in self.document.findall(addnodes.pending_xref):
            if node.get("reftype") != "ref" or node.get("refexplicit"):
                continue
            docname, anchor, title = std.labels.get(node["reftarget"], ("", "", ""))
            kinds = self.env.toc_fignumbers.get(docname, {})
            if anchor in kinds.get("figure", {}) or anchor in kinds.get("table", {}):
                node["reftype"] = "numref"
                continue
            sections = self.env.toc_secnumbers.get(docname, {})
            value = sections.get("#" + anchor)
            if value:
                said = f"{'.'.join(map(str, value))} {title}"
            elif anchor and value is None and self.is_title(docname, title):
                said = f"第 {sections[''][0]} 章 {title}"
            else:
                continue
            node["refexplicit"] = True
            node.children = [nodes.inline("", said, classes=["std", "std-ref"])]

    def is_title(self, docname, title):
        """Tell whether a title is that of a whole chapter."""
        titles = self.env.titles
        return "" in self.env.toc_secnumbers.get(docname, {}) and (
            title == titles[docname].astext()
        )


class PlainTitles(SphinxPostTransform):
    """Mend what sphinx-exercise writes: brackets in titles, ids that repeat."""

    default_priority = 25  # after its titles are made (20 to 22)

    def run(self, **kwargs):
        for section in self.document.findall(nodes.section):
            ids = section["ids"]
            section["ids"] = [i for i in ids if i[-8:] != "-content"] or ids[:0]
        for title in self.document.findall(nodes.title):
            for text in list(title.findall(nodes.Text)):
                if text in (" (", ")") and "-" in title.parent.get("label", ""):
                    text.parent.replace(text, nodes.Text(" " if "(" in text else ""))


def settle(app, config):
    """Name what is numbered, and put our collector in the place of Sphinx's."""
    config.numfig_format = {**FORMATS, **config.numfig_format}
    config.math_eqref_format = EQUATION
    for listener in app.events.listeners["env-get-updated"]:
        owner = getattr(listener.handler, "__self__", None)
        if type(owner) is TocTreeCollector:
            owner.disable(app)
            break
    app.add_env_collector(ByChapter)


def setup(app):
    app.connect("config-inited", settle)
    app.add_post_transform(ShowNumbers)
    app.add_post_transform(PlainTitles)
