"""Preflights: what every kind of route gets, header by header, and what debug mode tells."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import (
    CORS,
    CorsOptions,
    setup,
)
from tests.answers import OPTIONS, REFUSED, allowed
from tests.app import APP, EVIL, cors_headers, make_app, ok, preflight

PREFLIGHTS = [
    pytest.param("GET", "/plain", {}, "GET, HEAD, PUT", id="plain resource"),
    pytest.param("PUT", "/plain", {}, "GET, HEAD, PUT", id="a second resource on one path"),
    pytest.param("GET", "/users/me", {}, "DELETE, GET, HEAD, POST", id="GET of overlapping paths"),
    pytest.param("POST", "/users/me", {}, "DELETE, GET, HEAD, POST", id="POST of overlapping ones"),
    pytest.param("DELETE", "/users/7", {}, "DELETE, GET, HEAD", id="dynamic resource"),
    pytest.param(
        "PATCH", "/any", {}, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT", id="any-method route"
    ),
    pytest.param(
        "PROPFIND",
        "/any",
        {},
        "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PROPFIND, PUT",
        id="WebDAV method on an any-method route",
    ),
    pytest.param("PUT", "/view", {}, "GET, PUT", id="view"),
    pytest.param("POST", "/own", {}, "OPTIONS, POST", id="a resource with its own OPTIONS"),
    pytest.param("GET", "/static/file.txt", {}, "GET, HEAD", id="static file"),
    pytest.param("GET", "/sub", {}, "GET, HEAD", id="sub-application"),
    pytest.param("DELETE", "/sub/thing", {}, "DELETE", id="below a sub-application"),
    pytest.param("PATCH", "/sub/deeper/thing/1", {}, "PATCH", id="nested sub-application"),
    pytest.param("PUT", "/tenant", {"Host": "tenant.example.org"}, "PUT", id="domain"),
    pytest.param("GET", "/custom", {}, "GET, OPTIONS", id="custom resource"),
    pytest.param("PUT", "/members/me", {}, "GET, HEAD, PUT", id="behind authentication"),
    pytest.param("PUT", "/nothing", {}, "PUT", id="a path that nobody serves"),
    pytest.param("PUT", "/sub/nothing", {}, "PUT", id="the same in a sub-application"),
    pytest.param("GET", "/slash", {}, "GET", id="a path that a middleware redirects"),
]


@pytest.mark.parametrize(("method", "path", "headers", "methods"), PREFLIGHTS)
async def test_preflight(
    client: Any, method: str, path: str, headers: dict[str, str], methods: str
) -> None:
    for origin in (APP, "https://pr-7.preview.example.com"):
        sent = preflight(method, origin, "content-type, X-TOKEN,,") | headers
        response = await client.options(path, headers=sent, allow_redirects=False)
        assert response.status == 204
        assert cors_headers(response) == allowed(methods, origin)
    refused = await client.options(path, headers=preflight(method, EVIL) | headers)
    assert (refused.status, cors_headers(refused)) == (403, REFUSED)
    refused = await client.options(path, headers=preflight(method, APP, "x-other") | headers)
    assert (refused.status, cors_headers(refused)) == (403, REFUSED)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        pytest.param("/plain", "DELETE", id="method without a route"),
        pytest.param("/view", "POST", id="method that a view lacks"),
        pytest.param("/any", "CHICKEN", id="method that no parser lets in"),
        pytest.param("/plain", "put", id="wrong case"),
        pytest.param("/any", "patch", id="wrong case on an any-method route"),
        pytest.param("/any", "TRACE", id="forbidden method"),
        pytest.param("/nothing", "CONNECT", id="forbidden method, unknown path"),
        pytest.param("/nothing", "CHICKEN", id="unparseable method, unknown path"),
        pytest.param("/any", "", id="no method"),
        pytest.param("/plain", "GET, PUT", id="several methods"),
        pytest.param("/sub/thing", "PUT", id="not served by the sub-application"),
        pytest.param("/static/file.txt", "PUT", id="static files"),
    ],
)
async def test_preflight_for_a_method_that_is_not_served(
    client: Any, path: str, method: str
) -> None:
    response = await client.options(path, headers=preflight(method))
    assert (response.status, cors_headers(response)) == (403, REFUSED)
    assert await response.text() == "CORS preflight refused\n"


async def test_hooks_of_the_user_see_preflights_with_their_application(
    aiohttp_client: Any,
) -> None:
    app = make_app()
    seen = []

    async def hook(request: web.Request, response: web.StreamResponse) -> None:
        seen.append((request.app, request.config_dict[CORS], dict(request.match_info)))
        response.headers["X-Seen"] = "1"

    app.on_response_prepare.append(hook)
    cors = setup(app, OPTIONS)
    client = await aiohttp_client(app)
    for headers in ({}, {"Expect": "100-continue"}):
        response = await client.options("/items/7", headers=preflight("GET") | headers)
        assert (response.status, response.headers["X-Seen"]) == (204, "1")
    assert seen == [(app, cors, {"id": "7"})] * 2


# What a refusal in debug mode has where the origin passed.
PASSED = [
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Vary",
]


@pytest.mark.parametrize(
    ("path", "headers", "status", "expected", "reason"),
    [
        pytest.param(
            "/plain", preflight("PUT", EVIL), 200, ["Vary"], "origin-not-listed", id="origin"
        ),
        pytest.param(
            "/plain",
            preflight("DELETE"),
            200,
            PASSED,
            "method-not-served",
            id="method",
        ),
        pytest.param(
            "/plain", preflight("POST"), 403, ["Vary"], "method-not-served", id="safelisted method"
        ),
        pytest.param("/any", preflight(""), 403, ["Vary"], "method-not-served", id="no method"),
        pytest.param(
            "/plain",
            preflight("PUT", APP, "x-other"),
            200,
            PASSED,
            "header-not-allowed",
            id="header",
        ),
    ],
)
async def test_debug_mode_explains_and_never_lets_through(
    aiohttp_client: Any,
    path: str,
    headers: dict[str, str],
    status: int,
    expected: list[str],
    reason: str,
) -> None:
    app = make_app()
    setup(app, OPTIONS, debug=True)
    client = await aiohttp_client(app)
    response = await client.options(path, headers=headers)
    shown = cors_headers(response)
    assert (response.status, sorted(shown)) == (status, sorted(expected))
    assert f"[{reason}]" in await response.text()
    methods = shown.get("Access-Control-Allow-Methods", "none").split(", ")
    if reason == "method-not-served":
        assert headers["Access-Control-Request-Method"] not in methods
    assert "x-other" not in shown.get("Access-Control-Allow-Headers", "").lower()


async def test_refusals_are_not_kept(aiohttp_client: Any) -> None:
    """Whoever likes can have ever new ones."""
    app = web.Application()
    app.router.add_get("/plain", ok)
    cors = setup(app, CorsOptions(allow_origins=[APP]))
    client = await aiohttp_client(app)
    for number in range(50):
        sent = preflight("GET", f"https://{number}.example.net", f"x-{number}")
        assert (await client.options("/plain", headers=sent)).status == 403
    await client.options("/plain", headers=preflight("GET"))
    memory = cors._preflights._memory
    (announcement, *_), *others = memory._found.values()
    assert (len(announcement.decisions), others) == (1, [])


@pytest.mark.parametrize("method", ["GET", "PUT", "PROPFIND", "REPORT"])
async def test_a_rarer_method_in_front_of_an_any_method_route_is_listed_whatever_is_announced(
    aiohttp_client: Any, method: str
) -> None:
    app, sub = web.Application(), web.Application()
    for at, path in ((app, "/me"), (sub, "/me")):
        at.router.add_route("PROPFIND", path, ok)
        at.router.add_route("REPORT", "/{name}", ok)
        at.router.add_route("*", "/{name:m.}", ok)
    app.add_subapp("/sub", sub)
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    listed = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PROPFIND, PUT, REPORT"
    for path in ("/me", "/sub/me"):
        response = await client.options(path, headers=preflight(method))
        assert cors_headers(response) == allowed(listed), path


async def test_a_method_that_cannot_arrive_is_refused_where_any_route_of_the_path_has_options(
    aiohttp_client: Any,
) -> None:
    app = web.Application()
    app.router.add_route("REPORT", "/me", ok)
    cors = setup(app, OPTIONS)
    cors.override(app.router.add_route("*", "/{name}", ok), None)
    client = await aiohttp_client(app)
    response = await client.options("/me", headers=preflight("CHICKEN"))
    assert (response.status, cors_headers(response)) == (403, REFUSED)
