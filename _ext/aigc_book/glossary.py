"""The glossary page, made from terms.yml, and the hover on every {term}."""

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
        self.env.note_dependency(str(root(self.env.app) / "terms.yml"))
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
    """Give each resolved {term} its definition as a hint."""

    default_priority = 20  # after references are resolved (10)
    formats = ("html",)

    def run(self, **kwargs):
        links = self.document.findall(nodes.reference)
        found = [link for link in links if is_term(link)]
        if not found:
            return
        definitions = {anchor(term): describe(term) for term in terms(self.app)}
        for reference in found:
            uri = reference.get("refuri") or "#" + reference["refid"]
            node_id = uri.partition("#")[2]
            text = reference.astext()
            reference.replace_self(
                hinted(
                    "",
                    text,
                    tip=definitions[node_id],
                    refuri=uri,
                    classes=["term"],
                )
            )


def is_term(reference):
    text = reference.next_node(nodes.inline)
    return text is not None and "std-term" in text["classes"]


def describe(term):
    names = "，".join(filter(None, (term["en"], term.get("abbr"))))
    return f"{term['zh']}（{names}）：{term['definition']}"


def setup(app):
    app.add_directive("terms", Glossary)
    app.add_post_transform(Hover)
