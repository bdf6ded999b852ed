"""What this book adds to Sphinx: local scripts, terms, results, maps, run cards."""

from importlib import import_module

PARTS = (
    *("cells", "clone", "conceptmap", "diagrams", "download", "formulas", "glossary"),
    *("hints", "icons", "landing", "latentplane", "numbers", "pictures", "quiz"),
    *("results", "resulttable", "runcard", "search", "vendor", "words"),
)


def setup(app):
    for part in PARTS:
        import_module(f".{part}", __name__).setup(app)
    return {
        "version": "0.1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
