"""`setup` on a real server: what every kind of request gets, header by header."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import (
    CORS,
    CorsConfigError,
    CorsOptions,
    is_preflight,
    is_same_origin,
    setup,
)
from tests.app import APP, EVIL, cors_headers, make_app, ok, preflight

OPTIONS = CorsOptions(
    allow_origins=[APP, "https://*.preview.example.com"],
    allow_credentials=True,
    allow_headers=["X-Token"],
    expose_headers=["X-Total"],
)
READABLE = {
    "Access-Control-Allow-Origin": APP,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "X-Total",
    "Vary": "Origin",
}
REFUSED = {"Vary": "Origin"}


def allowed(methods: str, origin: str = APP) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": (
            "Accept, Accept-Language, Content-Language, Content-Type, Range, X-Token"
        ),
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "file.txt").write_text("0123456789")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
async def client(aiohttp_client: Any, folder: Path) -> Any:
    app = make_app(folder)
    setup(app, OPTIONS)
    return await aiohttp_client(app)


ACTUAL = [
    pytest.param("GET", "/plain", {}, 200, id="plain resource"),
    pytest.param("HEAD", "/plain", {}, 200, id="HEAD"),
    pytest.param("PUT", "/plain", {}, 200, id="a second resource on one path"),
    pytest.param("GET", "/items/7", {}, 200, id="dynamic resource"),
    pytest.param("POST", "/any", {}, 200, id="any-method route"),
    pytest.param("GET", "/view", {}, 200, id="view"),
    pytest.param("POST", "/view", {}, 405, id="method that a view lacks"),
    pytest.param("GET", "/static/file.txt", {}, 200, id="static file"),
    pytest.param("GET", "/static/file.txt", {"Range": "bytes=2-4"}, 206, id="part of a file"),
    pytest.param(
        "GET",
        "/static/file.txt",
        {"If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"},
        304,
        id="unchanged file",
    ),
    pytest.param("GET", "/static/folder", {}, 403, id="folder of static files"),
    pytest.param("GET", "/static/none.txt", {}, 404, id="missing static file"),
    pytest.param("GET", "/sub", {}, 200, id="sub-application"),
    pytest.param("PATCH", "/sub/deeper/thing/1", {}, 200, id="nested sub-application"),
    pytest.param("GET", "/sub/nothing", {}, 404, id="404 in a sub-application"),
    pytest.param("GET", "/sub/thing", {}, 405, id="405 in a sub-application"),
    pytest.param("PUT", "/tenant", {"Host": "tenant.example.org"}, 200, id="domain"),
    pytest.param("GET", "/custom", {}, 200, id="custom resource"),
    pytest.param("GET", "/nothing", {}, 404, id="404"),
    pytest.param("DELETE", "/plain", {}, 405, id="405"),
    pytest.param("GET", "/boom", {}, 500, id="unhandled exception"),
    pytest.param("GET", "/redirect", {}, 302, id="redirect"),
    pytest.param("GET", "/slash", {}, 308, id="redirect by normalize_path_middleware"),
    pytest.param("GET", "/members/me", {}, 401, id="401 by a middleware"),
    pytest.param("GET", "/members/busy", {"Authorization": "x"}, 429, id="429 by a middleware"),
    pytest.param("GET", "/events", {}, 200, id="server-sent events"),
    pytest.param("OPTIONS", "/own", {}, 200, id="OPTIONS that is no preflight"),
    pytest.param("OPTIONS", "/plain", {}, 405, id="OPTIONS that nobody serves"),
    pytest.param("GET", "/plain", {"Expect": "nonsense"}, 417, id="failed expectation"),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), ACTUAL)
@pytest.mark.parametrize("origin", [APP, EVIL, None, "null"])
async def test_actual_response(
    client: Any, method: str, path: str, headers: dict[str, str], status: int, origin: str | None
) -> None:
    sent = headers if origin is None else {**headers, "Origin": origin}
    async with client.request(method, path, headers=sent, allow_redirects=False) as response:
        assert response.status == status
        assert cors_headers(response) == (READABLE if origin == APP else REFUSED)


async def test_too_large_a_body_is_a_readable_413(client: Any) -> None:
    response = await client.post("/body", data=b"x" * 2048, headers={"Origin": APP})
    assert (response.status, cors_headers(response)) == (413, READABLE)


async def test_cookies_on_a_raised_redirect_survive(client: Any) -> None:
    response = await client.get("/redirect", headers={"Origin": APP}, allow_redirects=False)
    assert "kept=yes" in response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        pytest.param(APP, READABLE, id="allowed origin: the policy's"),
        pytest.param(EVIL, REFUSED, id="refused origin: nothing"),
        pytest.param(None, REFUSED, id="no origin: nothing"),
    ],
)
async def test_headers_set_by_hand_are_replaced(
    client: Any, origin: str | None, expected: dict[str, str]
) -> None:
    response = await client.get("/hand", headers={"Origin": origin} if origin else {})
    assert cors_headers(response) == {**expected, "Vary": "Accept-Encoding, Origin"}


async def test_websocket_handshake_is_stamped(client: Any) -> None:
    async with client.ws_connect("/socket", origin=APP) as ws:
        assert cors_headers(ws._response) == READABLE
        assert await ws.receive_str() == "hello"


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


async def test_any_origin_is_a_constant_without_vary(aiohttp_client: Any) -> None:
    app = make_app()
    setup(app)
    client = await aiohttp_client(app)
    for origin in (APP, EVIL, "null", "nonsense", None):
        headers = {"Origin": origin} if origin else {}
        response = await client.get("/plain", headers=headers)
        assert cors_headers(response) == {"Access-Control-Allow-Origin": "*"}
    response = await client.options("/plain", headers=preflight("PUT", EVIL, "content-type"))
    assert (response.status, cors_headers(response)) == (
        204,
        {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD, PUT",
            "Access-Control-Allow-Headers": (
                "Accept, Accept-Language, Content-Language, Content-Type, Range"
            ),
            "Access-Control-Max-Age": "600",
        },
    )


async def test_setup_without_options_says_what_it_allows(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    setup(app)
    with caplog.at_level(logging.INFO, "aiohttp_cors_plugin"):
        await aiohttp_client(app)
    assert [r.levelname for r in caplog.records if r.name == "aiohttp_cors_plugin"] == ["INFO"]


async def test_without_defaults_everything_is_as_without_the_plugin(
    aiohttp_client: Any, folder: Path
) -> None:
    plain = await aiohttp_client(make_app(folder))
    app = make_app(folder)
    setup(app, None)
    covered = await aiohttp_client(app)
    for row in ACTUAL + PREFLIGHTS:
        method, path, headers = row.values[:3]  # type: ignore[misc]
        assert isinstance(headers, dict)
        for verb, sent in (
            (str(method), headers | {"Origin": APP}),
            ("OPTIONS", headers | preflight(str(method))),
        ):
            assert await whole(covered, verb, str(path), sent) == await whole(
                plain, verb, str(path), sent
            )


async def whole(client: Any, method: str, path: str, headers: dict[str, str]) -> Any:
    """Status, body and all headers of an answer, but for the date and the port."""
    async with client.request(method, path, headers=headers, allow_redirects=False) as response:
        shown = sorted((k, v) for k, v in response.headers.items() if k != "Date")
        return response.status, await response.read(), shown


@pytest.mark.parametrize("options", [OPTIONS, CorsOptions(), CorsOptions(allow_methods=["PUT"])])
async def test_requests_without_origin_are_answered_as_without_the_plugin(
    aiohttp_client: Any, folder: Path, options: CorsOptions
) -> None:
    plain = await aiohttp_client(make_app(folder))
    app = make_app(folder)
    setup(app, options)
    covered = await aiohttp_client(app)
    ours = ("Access-Control-", "Vary")
    for row in [*ACTUAL, *PREFLIGHTS]:
        method, path, headers = row.values[:3]  # type: ignore[misc]
        assert isinstance(headers, dict)
        if path == "/hand":
            continue
        for verb in (str(method), "OPTIONS"):
            status, content, shown = await whole(covered, verb, str(path), headers)
            expected = await whole(plain, verb, str(path), headers)
            assert (status, content) == expected[:2]
            assert [h for h in shown if not h[0].startswith(ours)] == [
                h for h in expected[2] if not h[0].startswith(ours)
            ]


# Lines that no browser sends


@pytest.fixture
async def server(aiohttp_server: Any, folder: Path) -> Any:
    app = make_app(folder)
    setup(app, OPTIONS)
    return await aiohttp_server(app)


async def raw(server: Any, *lines: bytes, method: bytes = b"OPTIONS") -> tuple[int, bytes]:
    """Send a request as it stands; the status and the head of the answer."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    request = b"\r\n".join([method + b" /any HTTP/1.1", b"Host: x", *lines, b"Connection: close"])
    writer.write(request + b"\r\n\r\n")
    head, _, _ = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), head


ACRM, ACRH = b"Access-Control-Request-Method: PUT", b"Access-Control-Request-Headers: "
O_LINE = b"Origin: " + APP.encode()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((O_LINE, O_LINE, ACRM), id="two Origin lines"),
        pytest.param((b"Origin: null", ACRM), id="null"),
        pytest.param((b"Origin:", ACRM), id="empty Origin"),
        pytest.param((O_LINE + b" https://x.example", ACRM), id="two origins in one line"),
        pytest.param((b"Origin: " + b"\xff\xfe", ACRM), id="bytes that are no UTF-8"),
        pytest.param((b"Origin: https://" + b"a" * 7000, ACRM), id="7000 characters of Origin"),
        pytest.param((O_LINE, ACRM, ACRM), id="the method twice"),
        pytest.param((O_LINE, b"Access-Control-Request-Method:"), id="an empty method"),
        pytest.param(
            (O_LINE, b"Access-Control-Request-Method: " + b"P" * 7000), id="a long method"
        ),
        pytest.param((O_LINE, ACRM, ACRH + b"x-other"), id="header that is not listed"),
        pytest.param(
            (O_LINE, ACRM, ACRH + b"x-token", ACRH + b"x-other"), id="second line of them"
        ),
        pytest.param((O_LINE, ACRM, ACRH + b"x token"), id="white space inside a name"),
        pytest.param((O_LINE, ACRM, ACRH + b"\xff"), id="bytes that are no token"),
        pytest.param(
            (O_LINE, ACRM, ACRH + b",".join(b"x-%d" % i for i in range(900))), id="900 names"
        ),
        pytest.param((O_LINE, ACRM, ACRH + b"," * 4000), id="4000 empty elements"),
    ],
)
async def test_bad_traffic_is_refused_and_answered(server: Any, lines: tuple[bytes, ...]) -> None:
    status, head = await raw(server, *lines)
    assert status == 403
    assert b"access-control-allow" not in head.lower()
    if lines[0] != O_LINE or O_LINE in lines[1:]:
        status, head = await raw(server, *lines, method=b"GET")
        assert status == 200
        assert b"access-control-allow" not in head.lower()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((ACRH + b"x-token", ACRH + b"content-type"), id="several lines"),
        pytest.param((ACRH + b" X-Token ,\t,content-type,,x-token",), id="white space and repeats"),
        pytest.param((ACRH + b"," * 64,), id="64 empty elements"),
        pytest.param((ACRH,), id="empty value"),
    ],
)
async def test_unusual_lists_of_headers_pass(server: Any, lines: tuple[bytes, ...]) -> None:
    status, _ = await raw(server, O_LINE, ACRM, *lines)
    assert status == 204


async def test_the_hook_is_total(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    cors = setup(app, OPTIONS)
    client = await aiohttp_client(app)
    monkeypatch.setattr(cors, "_stamper", lambda *_: 1 / 0)
    response = await client.get("/hand", headers={"Origin": EVIL})
    assert (response.status, cors_headers(response)) == (200, {"Vary": "Accept-Encoding"})
    assert "stamping failed" in caplog.text


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


# After startup


async def test_routes_added_after_startup(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_get("/first", ok)
    late = app.router.add_resource("/late")
    cors = setup(app, OPTIONS)
    client = await aiohttp_client(app)
    late.add_route("PUT", ok)
    response = await client.put("/late", headers={"Origin": APP})
    assert (response.status, cors_headers(response)) == (200, READABLE)
    response = await client.options("/late", headers=preflight("PUT"))
    assert (response.status, cors_headers(response)) == (204, allowed("PUT"))
    late.add_route("*", ok)
    cors.rescan()
    cors.rescan()
    response = await client.options("/late", headers=preflight("PATCH"))
    assert response.status == 204
    assert (await client.options("/late")).status == 200


async def test_two_runners_of_one_application(aiohttp_client: Any) -> None:
    app = make_app()
    setup(app, OPTIONS)
    first = await aiohttp_client(app)
    await app.startup()
    response = await first.options("/any", headers=preflight("PUT"))
    assert cors_headers(response)["Access-Control-Allow-Methods"].count("PUT") == 1


# Wrong use


def test_a_second_setup_says_what_to_do() -> None:
    app = web.Application()
    setup(app)
    with pytest.raises(RuntimeError, match=r"app\[CORS\].*override.*reconfigure"):
        setup(app)


@pytest.mark.parametrize("mount", ["prefix", "domain"])
def test_setup_of_a_mounted_sub_application_says_what_to_do(mount: str) -> None:
    parent, sub = web.Application(), web.Application()
    if mount == "prefix":
        parent.add_subapp("/sub", sub)
    else:
        parent.add_domain("x.example", sub)
    with pytest.raises(RuntimeError, match="before add_subapp"):
        setup(sub)
    assert CORS not in sub


@pytest.mark.parametrize("app", [None, object(), web.RouteTableDef()])
def test_setup_of_something_else_says_so(app: Any) -> None:
    with pytest.raises(TypeError, match=r"web\.Application"):
        setup(app)


@pytest.mark.parametrize(
    ("defaults", "code"),
    [
        ("*", "options-type"),
        (7, "options-type"),
        ([], "options-empty"),
        ([CorsOptions(), None], "options-type"),
        (CorsOptions, "options-type"),
    ],
)
def test_bad_defaults_are_refused_and_leave_nothing_behind(defaults: Any, code: str) -> None:
    app = web.Application()
    with pytest.raises(CorsConfigError) as caught:
        setup(app, defaults)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert CORS not in app
    assert not app.on_startup[1:]
    assert not app.on_response_prepare


async def test_a_method_that_cannot_arrive_is_warned_about(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    app.router.add_route("CHICKEN", "/farm", ok)
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    assert "CHICKEN" in caplog.text
    response = await client.options("/farm", headers=preflight("CHICKEN"))
    assert response.status == 204


# Debug mode


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
            [
                "Access-Control-Allow-Origin",
                "Access-Control-Allow-Credentials",
                "Access-Control-Allow-Methods",
                "Access-Control-Allow-Headers",
                "Vary",
            ],
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
            [
                "Access-Control-Allow-Origin",
                "Access-Control-Allow-Credentials",
                "Access-Control-Allow-Methods",
                "Access-Control-Allow-Headers",
                "Vary",
            ],
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


# Predicates


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
