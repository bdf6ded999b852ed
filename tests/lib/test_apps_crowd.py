"""Many clients at once: what they meet is counted, errors as well."""

import os
import time

import pytest

pytest.importorskip("fastapi", reason="the project's extra is not installed")
pytest.importorskip("psutil", reason="the project's extra is not installed")

from fastapi import FastAPI, Request

from aigc_lib.apps.crowd import caller, crowd, quantile
from aigc_lib.apps.local import running


@pytest.fixture(scope="module")
def address():
    app = FastAPI()

    @app.get("/who")
    def who(request: Request) -> str:
        return request.headers["authorization"]

    with running(app) as client:
        yield str(client.base_url)


def test_what_clients_meet(address):
    def visit(http, dice):
        assert http.get("/who").json() == "Bearer secret"
        yield "number", dice.randrange(10**9)
        time.sleep(0.05)
        yield "seconds", 0.05

    met = crowd(address, "secret", visit, clients=3, seconds=0.4, pid=os.getpid())
    numbers = met.values["number"]
    assert len(numbers) == len(met.values["seconds"]) >= 6
    assert len(set(numbers)) == len(numbers), "each client has dice of its own"
    assert not met.errors
    assert all(mib > 50 for mib in met.memory)
    assert met.quantiles("seconds", "a_") == {"a_p50": 0.05, "a_p95": 0.05}
    assert 0.4 <= met.row()["seconds"] < 5


def test_an_error_is_noted_and_the_client_comes_again(address, monkeypatch):
    monkeypatch.setattr("aigc_lib.apps.crowd.TIRED", 0.01)

    def visit(http, dice):
        yield "seen", 1.0
        http.get("/nowhere").raise_for_status()
        yield "never", 1.0

    met = crowd(address, "k", visit, clients=2, seconds=0.3)
    assert len(met.errors) == len(met.values["seen"]) > 2
    assert "404" in met.errors[0]
    assert not met.values["never"]
    assert not met.memory
    assert met.row()["errors"] == len(met.errors)
    assert met.quantiles("never") == {"p50": None, "p95": None}


def test_a_proxy_of_the_environment_is_not_asked(address, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with caller(address, "k") as http:
        assert http.get("/who").json() == "Bearer k"


def test_quantiles():
    assert quantile(list(range(1, 100)), 0.5) == 50
    assert quantile(list(range(1, 101)), 0.95) == 95.95
    assert quantile([3.0], 0.5) == 3.0
    assert quantile([], 0.5) is None
