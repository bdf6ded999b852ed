"""Two books under test: the small one of `fixture/`, always, and the one just built."""

import os
import shutil
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bookbuild
import pytest
from visit import Visitor

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))
sys.path.insert(0, str(ROOT / "tests" / "lib"))  # what both kinds of tests use

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def missing(what, remedy):
    """Skip the test and say why; in CI, where nothing may be missing, fail."""
    message = f"not run, because {what}: {remedy}"
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The small book, built once."""
    if not (ROOT / "node_modules").exists():
        missing("the page's JavaScript is not there", "make install")
    folder = tmp_path_factory.mktemp("sample")
    bookbuild.lay_out(folder)
    finished, html = bookbuild.build(folder)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return html


@pytest.fixture(scope="session")
def book():
    """The real book, as `make book` or `make test` left it."""
    html = Path(os.environ.get("AIGC_BOOK", ROOT / "_build" / "html"))
    if not (html / "intro.html").exists():
        missing(f"there is no book in {html}", "make book")
    return html


@pytest.fixture(params=["sample", "book"])
def html(request):
    """Each of the two books in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def chromium():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing("no Chromium was found", "Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def sample_visitor(sample, chromium):
    with served(sample) as address, Visitor(chromium, address, sample) as visitor:
        yield visitor


@pytest.fixture(scope="session")
def book_visitor(book, chromium):
    with served(book) as address, Visitor(chromium, address, book) as visitor:
        yield visitor


@pytest.fixture(params=["sample", "book"])
def visitor(request):
    """A browser that reaches nothing but one of the two books."""
    return request.getfixturevalue(f"{request.param}_visitor")


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    """Serve a folder on this machine's own address for as long as the block lasts."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
