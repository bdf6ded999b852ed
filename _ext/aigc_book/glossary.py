"""The glossary page, made from terms.yml, and the hover on every {term}."""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from .hints import hinted
from .project import chapter_pages, root, terms


def by_sound(term):
    """Sort key: GB 18030 keeps common characters in the order of their pinyin."""
    return term["zh"].encode("gb18030")


def anchor(term):
    return nodes.make_id("term-" + term["en"])


class Glossary(SphinxDirective):
    """`{terms}`: every entry of terms.yml, target of the role {term}."""

    def run(self):
        std = self.env.get_domain("std")
        listing = nodes.definition_list("", classes=["glossary"])
        for term in sorted(terms(self.env.app), key=by_sound):
            node_id = anchor(term)
            heading = nodes.term("", term["zh"], ids=[node_id])
            heading += nodes.inline("", " " + term["en"], classes=["term-en"])
            if term.get("abbr"):
                heading += nodes.inline("", " " + term["abbr"], classes=["term-abbr"])
            for name in (term["zh"], term["en"], term.get("abbr")):
                if name:
                    std.note_object("term", name, node_id, location=heading)
            body = nodes.paragraph("", term["definition"])
            page = chapter_pages(self.env).get(term["chapter"])
            if page:
                body += self.link(term["chapter"], page)
            listing += nodes.definition_list_item(
                "", heading, nodes.definition("", body)
            )
        # The node of Sphinx's own glossary; the order is made above.
        return [addnodes.glossary("", listing, sorted=False)]

    def link(self, chapter, page):
        text = nodes.inline("", f"第 {chapter} 章", classes=["term-chapter"])
        return addnodes.pending_xref(
            "",
            text,
            refdomain="std",
            reftype="doc",
            reftarget="/" + page,
            refexplicit=True,
            refdoc=self.env.docname,
            refwarn=True,
        )


class Hover(SphinxPostTransform):
    """Give terms their definition as a hint.

    Every {term} has it, and so has the first mention of a term in each section of a
    chapter, so that a reader who jumps in finds one near by.
    """

    default_priority = 20  # after references are resolved (10)
    formats = ("html",)

    def run(self, **kwargs):
        if self.document.next_node(addnodes.glossary):
            return
        self.terms = {term["zh"]: term for term in terms(self.app)}
        longest_first = sorted(self.terms, key=len, reverse=True)
        self.names = re.compile("|".join(map(re.escape, longest_first)))
        for link in list(self.document.findall(is_term)):
            uri = link.get("refuri") or "#" + link["refid"]
            node_id = uri.partition("#")[2]
            term = next(t for t in self.terms.values() if anchor(t) == node_id)
            link.replace_self(self.hint(link.astext(), term, uri))
        if self.env.docname.startswith("chapters/"):
            self.mark_first_mentions()

    def mark_first_mentions(self):
        marked = set()  # (section, term)
        for text in list(self.document.findall(nodes.Text)):
            section = part(text)
            if isinstance(text.parent, hinted):
                marked.add((section, text.astext()))
            if not is_prose(text):
                continue
            pieces, end = [], 0
            for match in self.names.finditer(text):
                if (section, match[0]) not in marked:
                    marked.add((section, match[0]))
                    pieces.append(nodes.Text(text[end : match.start()]))
                    pieces.append(self.hint(match[0], self.terms[match[0]]))
                    end = match.end()
            if pieces:
                text.parent.replace(text, [*pieces, nodes.Text(text[end:])])

    def hint(self, text, term, uri=None):
        node = hinted("", text, tip=describe(term), classes=["term"])
        uri = uri or self.address(term)
        if uri:
            node["refuri"] = uri
        return node

    def address(self, term):
        """Return the link to the glossary, or None where this build has none."""
        objects = self.env.get_domain("std").objects
        if ("term", term["zh"]) not in objects:
            return None
        docname, node_id = objects["term", term["zh"]]
        uri = self.app.builder.get_relative_uri(self.env.docname, docname)
        return f"{uri}#{node_id}"


# Text that a reader reads as running prose stands directly in one of these.
PROSE = (nodes.paragraph, nodes.strong, nodes.emphasis)
NOT_PROSE = (nodes.reference, nodes.title, nodes.caption, nodes.term, nodes.citation)


def ancestors(node):
    while node := node.parent:
        yield node


def is_prose(text):
    return isinstance(text.parent, PROSE) and not any(
        isinstance(node, NOT_PROSE) or "topics" in node["classes"]
        for node in ancestors(text)
    )


def part(node):
    """Return the section of the second level around a node, or None before the first.

    That is the last but one section on the way up; the last is the whole page.
    """
    sections = [node for node in ancestors(node) if isinstance(node, nodes.section)]
    return sections[-2] if len(sections) > 1 else None


def is_term(node):
    return isinstance(node, nodes.reference) and any(
        "std-term" in child["classes"] for child in node.findall(nodes.inline)
    )


def describe(term):
    names = "，".join(filter(None, (term["en"], term.get("abbr"))))
    return f"{term['zh']}（{names}）：{term['definition']}"


def note_terms(app, doctree):
    """Set a page anew when terms.yml changes, because any page can have hints."""
    app.env.note_dependency(str(root(app) / "terms.yml"))


def setup(app):
    app.connect("doctree-read", note_terms)
    app.add_directive("terms", Glossary)
    app.add_post_transform(Hover)
