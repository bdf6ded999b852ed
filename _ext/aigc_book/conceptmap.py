"""The map of the book from outline.yml: links to chapters that exist."""

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from .project import chapter_pages, outline, root


class Map(SphinxDirective):
    """Shared by both directives: the outline and links into this build."""

    def run(self):
        app = self.env.app
        self.env.note_dependency(str(root(app) / "outline.yml"))
        self.env.note_dependency(str(self.env.srcdir / "_toc.yml"))
        self.pages = chapter_pages(self.env)
        return [self.draw(outline(app))]

    def link(self, label, *children):
        """Return children as a link to the chapter, or as they are without one."""
        if label not in self.pages:
            return nodes.inline("", "", *children, classes=["to-come"])
        return addnodes.pending_xref(
            "",
            nodes.inline("", "", *children),
            refdomain="std",
            reftype="doc",
            reftarget="/" + self.pages[label],
            refexplicit=True,
            refdoc=self.env.docname,
            refwarn=True,
        )


class ConceptMap(Map):
    """`{concept-map}`: part, chapter, topic."""

    def draw(self, data):
        book = nodes.container(classes=["concept-map"])
        for part in data["parts"]:
            box = nodes.container(classes=["part"])
            box += nodes.paragraph("", part["title"], classes=["part-title"])
            chapters = nodes.bullet_list(classes=["chapters"])
            for chapter in part["chapters"]:
                chapters += self.chapter(chapter)
            box += chapters
            book += box
        return book

    def chapter(self, chapter):
        label = str(chapter["label"])
        here = label in self.pages
        title = nodes.paragraph("", classes=["chapter-title"])
        title += self.link(
            label,
            nodes.inline("", label, classes=["label"]),
            nodes.Text(" " + chapter["title"]),
        )
        if not here:
            title += nodes.inline("", "待写", classes=["badge"])
        topics = nodes.paragraph("", "、".join(chapter["topics"]), classes=["topics"])
        state = "written" if here else "planned"
        return nodes.list_item("", title, topics, classes=["chapter", state])


class Keywords(Map):
    """`{keywords}`: the words of the title page, each leading to its chapter."""

    def draw(self, data):
        line = nodes.paragraph(classes=["keywords"])
        for keyword in data["keywords"]:
            line += self.link(str(keyword["chapter"]), nodes.Text(keyword["word"]))
            line += nodes.Text(" ")
        return line


def setup(app):
    app.add_directive("concept-map", ConceptMap)
    app.add_directive("keywords", Keywords)
