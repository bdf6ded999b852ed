"""The `clone` directive: how to get the project, with its address from _config.yml."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


def commands(repository, body):
    """Return the shell lines that fetch the project, then those of ``body``."""
    folder = repository.rstrip("/").rpartition("/")[2]
    return f"git clone {repository} && cd {folder}\n{body}".rstrip("\n")


class Clone(SphinxDirective):
    """`{clone}` with the commands that come after as its body."""

    has_content = True

    def run(self):
        repository = self.config.html_theme_options["repository_url"]
        text = commands(repository, "\n".join(self.content))
        return [nodes.literal_block(text, text, language="bash")]


def setup(app):
    app.add_directive("clone", Clone)
