"""A service that lives as long as its block."""

import fastapi
import httpx
import pytest

from aigc_lib.apps.local import running


def app():
    made = fastapi.FastAPI()

    @made.get("/double")
    def double(x: int):
        return 2 * x

    return made


def test_it_answers_and_stops():
    with running(app()) as client, running(app()) as other:
        assert client.base_url.port != other.base_url.port
        assert client.base_url.host == "127.0.0.1"
        assert client.get("/double", params={"x": 21}).json() == 42
        assert other.get("/double", params={"x": "a"}).status_code == 422
        address = str(client.base_url)
    with httpx.Client(trust_env=False) as late, pytest.raises(httpx.ConnectError):
        late.get(address)


def test_it_stops_after_an_error():
    addresses = []

    def fail():
        with running(app()) as client:
            addresses.append(str(client.base_url))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with httpx.Client(trust_env=False) as late, pytest.raises(httpx.ConnectError):
        late.get(addresses[0])


def test_an_app_that_cannot_start_is_said():
    class Broken:
        async def __call__(self, scope, receive, send):
            message = await receive()
            assert message["type"] == "lifespan.startup"
            await send({"type": "lifespan.startup.failed", "message": "no model"})

    with pytest.raises(RuntimeError, match="did not start"), running(Broken()):
        pass
