"""The `quiz` directive: a chapter's five questions, from aigc_lib/check/quiz/chNN.json.

Without JavaScript each answer stands folded under its question; book-quiz.js adds the
button that checks. Everything is in the page: nothing is fetched.
"""

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from aigc_lib.check.quiz import read

from .project import root

logger = logging.getLogger(__name__)


class quiz(nodes.General, nodes.Element):
    """The form of all questions; `label` names it for screen readers."""


class question(nodes.General, nodes.Element):
    """One question: an `asked`, its `choice`s and its `reason`."""


class asked(nodes.General, nodes.TextElement):
    """What is asked."""


class choice(nodes.General, nodes.TextElement):
    """One possible answer: `value` counts from 0, `group` joins those of a question."""


class reason(nodes.General, nodes.Element):
    """The right answer and why, folded."""


class Quiz(SphinxDirective):
    """`{quiz} 04`; a warning that names the file while it is missing or wrong."""

    required_arguments = 1

    def run(self):
        chapter = self.arguments[0]
        path = root(self.env.app) / "aigc_lib" / "check" / "quiz" / f"ch{chapter}.json"
        self.env.note_dependency(str(path))
        try:
            questions = read(path)
        except FileNotFoundError:
            logger.warning("quiz: there is no %s", path, location=self.get_location())
            return []
        except ValueError as problem:
            logger.warning("quiz: %s", problem, location=self.get_location())
            return []
        form = quiz("", label=f"第 {chapter} 章的小测")
        self.set_source_info(form)
        for number, item in enumerate(questions, start=1):
            form += self.question(number, item)
        return [form]

    def question(self, number, item):
        box = question("", answer=item["answer"], ids=[item["id"]])
        box += asked("", f"{number}. ", *self.inline(item["question"]))
        for value, text in enumerate(item["choices"]):
            box += choice("", "", *self.inline(text), value=value, group=item["id"])
        right = self.inline(item["choices"][item["answer"]])
        why = self.inline(item["why"])
        box += reason(
            "",
            nodes.paragraph("", "", nodes.Text("答案："), *right, classes=["right"]),
            nodes.paragraph("", "", *why),
        )
        return box

    def inline(self, text):
        children, messages = self.parse_inline(text)
        return [*children, *messages]


def visit_quiz(self, node):
    self.body.append(f'<form class="quiz" aria-label="{node["label"]}">\n')


def visit_question(self, node):
    self.body.append(
        f'<fieldset class="question" id="{node["ids"][0]}" '
        f'data-answer="{node["answer"]}">\n'
    )


def visit_asked(self, node):
    self.body.append("<legend>")


def visit_choice(self, node):
    # Not every screen reader takes a formula for a name: its TeX is one.
    name = (
        f' aria-label="{self.attval(node.astext())}"'
        if node.next_node(nodes.math)
        else ""
    )
    self.body.append(
        f'<label><input type="radio" name="{node["group"]}" '
        f'value="{node["value"]}"{name}><span>'
    )


def visit_reason(self, node):
    self.body.append('<details class="reason"><summary>看答案</summary>\n')


def closing(text):
    return lambda self, node: self.body.append(text)


def visit_nothing(self, node):
    pass


HTML = {
    quiz: (visit_quiz, closing("</form>\n")),
    question: (visit_question, closing("</fieldset>\n")),
    asked: (visit_asked, closing("</legend>\n")),
    choice: (visit_choice, closing("</span></label>\n")),
    reason: (visit_reason, closing("</details>\n")),
}


def setup(app):
    plain = (visit_nothing, visit_nothing)
    for node, html in HTML.items():
        app.add_node(node, html=html, text=plain, latex=plain)
    app.add_directive("quiz", Quiz)
