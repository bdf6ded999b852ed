"""Teach the search index the book's own words, so that compounds stay whole."""

import re
from pathlib import Path

from aigc_lib.project import terms

HAN = re.compile(r"[\u4e00-\u9fff]{2,}")  # of "KL 散度", jieba can learn 散度


def write_dictionary(app, config):
    """Hand jieba a user dictionary made from terms.yml.

    A high frequency keeps a compound whole; jieba's search mode still adds its parts.
    """
    path = Path(app.doctreedir) / "jieba.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    words = sorted({w for term in terms(app) for w in HAN.findall(term["zh"])})
    path.write_text("".join(f"{word} 100000\n" for word in words), "utf-8")
    config.html_search_options = {"dict": str(path)}


def setup(app):
    app.connect("config-inited", write_dictionary)
