"""What kind a request is of, and the stand-ins for it."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from aiohttp_cors_plugin import (
    CORS,
    is_preflight,
    is_same_origin,
    setup,
)
from aiohttp_cors_plugin._routing import (
    Announced,
    request_key,
)
from tests.answers import OPTIONS
from tests.app import APP, ok, preflight


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, True, id="no origin"),
        pytest.param({"Origin": "http://x.example", "Host": "x.example"}, True, id="same host"),
        pytest.param({"Origin": "https://x.example", "Host": "x.example"}, True, id="TLS proxy"),
        pytest.param(
            {"Origin": "https://x.example", "Host": "X.example:443"}, True, id="port said"
        ),
        pytest.param({"Origin": "http://x.example:81", "Host": "x.example:81"}, True, id="port"),
        pytest.param(
            {"Origin": "http://x.example:81", "Host": "x.example"}, False, id="other port"
        ),
        pytest.param({"Origin": "http://[::1]:81", "Host": "[::1]:81"}, True, id="IPv6"),
        pytest.param({"Origin": "http://[::1]", "Host": "[::1]"}, True, id="IPv6 without port"),
        pytest.param({"Origin": "http://y.example", "Host": "x.example"}, False, id="other host"),
        pytest.param({"Origin": "null", "Host": "null"}, False, id="null"),
        pytest.param({"Origin": "capacitor://localhost", "Host": "localhost"}, False, id="an app"),
    ],
)
async def test_is_same_origin(aiohttp_client: Any, headers: dict[str, str], expected: bool) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(is_same_origin(request))

    app = web.Application()
    app.router.add_get("/", answer)
    client = await aiohttp_client(app)
    assert await (await client.get("/", headers=headers)).json() is expected


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("OPTIONS", preflight("PUT"), True),
        ("OPTIONS", {"Origin": APP}, False),
        ("OPTIONS", {"Access-Control-Request-Method": "PUT"}, False),
        ("POST", preflight("PUT"), False),
    ],
)
async def test_is_preflight_and_allows_origin(
    aiohttp_client: Any, method: str, headers: dict[str, str], expected: bool
) -> None:
    seen = []

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append((is_preflight(request), await app[CORS].allows_origin(request)))
        response: web.StreamResponse = await handler(request)
        return response

    app = web.Application(middlewares=[look])
    app.router.add_route("*", "/", ok)
    setup(app, OPTIONS)
    app[CORS].override(next(iter(app.router.routes())), None) if expected else None
    client = await aiohttp_client(app)
    await client.request(method, "/", headers=headers)
    assert seen == [(expected, "Origin" in headers and not expected)]


def test_a_clone_of_the_question_may_have_another_method() -> None:
    announced = Announced(make_mocked_request("OPTIONS", "/a"), "PUT")
    assert announced.clone(rel_url="/b").method == "PUT"
    assert announced.clone(method="GET", rel_url="/b").path == "/b"
    assert announced.clone(method="GET").method == "GET"


def test_the_question_is_a_request_in_everything_but_the_method() -> None:
    request = make_mocked_request("OPTIONS", "/a?b=c", headers={"X": "y"})
    announced: Any = Announced(request, "PUT")
    key = request_key("key")
    announced[key] = 1
    assert isinstance(announced, web.Request)
    assert (announced.method, announced.path, announced.headers["X"]) == ("PUT", "/a", "y")
    assert (announced[key], key in announced, len(announced), [*announced]) == (1, True, 1, [key])
    del announced[key]
    assert not list(announced)
    assert announced
