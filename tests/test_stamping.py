"""Actual responses: what every kind gets, header by header."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError, web
from aiohttp.test_utils import make_mocked_request

from aiohttp_cors_plugin import (
    CORS,
    CorsOptions,
    setup,
)
from aiohttp_cors_plugin._stamping import Stamping
from tests.answers import OPTIONS, READABLE, REFUSED
from tests.app import APP, EVIL, Custom, closed, cors_headers, make_app, ok, preflight, socket
from tests.reasons import LISTED, application

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

DEFAULTS = CorsOptions(allow_origins=[APP], max_age=1)


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


async def test_the_hook_is_total(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    monkeypatch.setattr(Stamping, "_stamper", lambda *_: 1 / 0)
    response = await client.get("/hand", headers={"Origin": EVIL})
    assert (response.status, cors_headers(response)) == (200, {"Vary": "Accept-Encoding"})
    assert "stamping failed" in caplog.text


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        pytest.param(APP, True, id="an allowed origin"),
        pytest.param(EVIL, False, id="another origin"),
        pytest.param("null", False, id="null"),
        pytest.param(None, True, id="no origin: no browser"),
        pytest.param("own", True, id="the request's own host"),
    ],
)
async def test_guarded_websockets(aiohttp_client: Any, origin: str | None, accepted: bool) -> None:
    app = web.Application()
    app.router.add_get("/socket", socket)
    setup(app, [CorsOptions(allow_origins=[APP], guard_websockets=True, allow_methods=["PUT"])])
    client = await aiohttp_client(app)
    if origin == "own":
        origin = f"http://{client.server.host}:{client.server.port}"
    if accepted:
        async with client.ws_connect("/socket", origin=origin) as ws:
            assert await ws.receive_str() == "hello"
    else:
        with pytest.raises(WSServerHandshakeError) as caught:
            await client.ws_connect("/socket", origin=origin)
        assert caught.value.status == 403
    # The server goes on, and requests that are no handshake are not guarded.
    assert (await client.get("/socket", headers={"Origin": EVIL})).status == 400


async def test_a_log_that_fails_drops_no_connection(aiohttp_client: Any) -> None:
    def fail_on(_record: logging.LogRecord) -> bool:
        raise OSError("the disk is full")

    logger = logging.getLogger("aiohttp_cors_plugin")
    client = await aiohttp_client(application(replace(LISTED, allow_methods=None), debug=False))
    logger.setLevel(logging.DEBUG)
    logger.addFilter(fail_on)
    try:
        for _ in range(2):
            response = await client.get("/things", headers={"Origin": EVIL})
            assert (response.status, cors_headers(response)) == (200, {"Vary": "Origin"})
    finally:
        logger.removeFilter(fail_on)
        logger.setLevel(logging.NOTSET)


async def test_a_route_without_a_resource_is_no_404(aiohttp_client: Any) -> None:
    class Single(Custom):
        async def resolve(self, request: web.Request) -> Any:
            if request.path != self._path:
                return None, set()
            return web.UrlMappingMatchInfo({}, _Bare(request.method, closed)), set()

    class _Bare(web.AbstractRoute):
        name = None

        def get_info(self) -> Any:
            return {}

        def url_for(self, **_: str) -> Any:
            raise NotImplementedError

    app = web.Application()
    app.router.register_resource(Single("/single"))
    setup(app, DEFAULTS)
    client = await aiohttp_client(app)
    for method in ("PUT", "GET"):
        response = await client.request(method, "/single", headers={"Origin": APP})
        assert (response.status, cors_headers(response)) == (200, {})
    assert (await client.options("/single", headers=preflight("PUT"))).status == 200


@pytest.mark.parametrize("is_own", [True, False])
async def test_routes_that_a_resource_makes_for_each_request_leave_nothing_behind(
    aiohttp_client: Any, is_own: bool
) -> None:
    class Making(web.PlainResource):
        async def resolve(self, request: web.Request) -> Any:
            if request.path != self._path:
                return None, set()
            resource = self if is_own else web.PlainResource(self._path)
            route = web.ResourceRoute(request.method, ok, resource)
            return web.UrlMappingMatchInfo({}, route), {request.method}

    app = web.Application()
    making = Making("/making")
    making.add_route("GET", ok)
    app.router.register_resource(making)
    cors = setup(app, DEFAULTS)
    client = await aiohttp_client(app)
    for _ in range(20):
        response = await client.put("/making", headers={"Origin": APP})
        assert cors_headers(response)["Access-Control-Allow-Origin"] == APP
    stamping: Any = cors._state.forgetting[0]
    assert (len(stamping.__self__._stampers), len(cors._state.table._entries)) == (1, 0)


@pytest.mark.parametrize("first", ["a.example", "b.example"])
@pytest.mark.parametrize("between", [0, 1])
async def test_an_application_below_two_others_is_governed_by_the_one_in_the_match(
    aiohttp_client: Any, first: str, between: int
) -> None:
    sub, root = web.Application(), web.Application()
    sub.router.add_put("/", ok)
    root.add_domain("a.example", sub)
    below = sub
    for app in (web.Application(), *(web.Application() for _ in range(between))):
        app.add_domain("b.example", below)
        setup(app, None if below is sub else DEFAULTS)
        below = app
    root.add_domain("b.example", below)
    setup(root, DEFAULTS)
    client = await aiohttp_client(root)
    for host in (first, "a.example", "b.example", "a.example"):
        response = await client.put("/", headers={"Origin": APP, "Host": host})
        assert bool(cors_headers(response)) is (host == "a.example"), host


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "asked before"])
async def test_a_match_that_a_middleware_puts_in_place_of_the_first_one_counts(
    aiohttp_client: Any, is_known: bool
) -> None:
    app = web.Application()

    @web.middleware
    async def send_on(request: web.Request, handler: Any) -> web.StreamResponse:
        if "to" in request.query:
            match = await app.router.resolve(request.clone(rel_url=request.query["to"]))
            match.add_app(app)
            request._match_info = match
            handler = match.handler
        return await handler(request)  # type: ignore[no-any-return]

    app.middlewares.append(send_on)
    app.router.add_get("/open", ok)
    app.router.add_get("/closed", closed)
    cors = setup(app, OPTIONS)
    app.router.add_get("/asking", allows)
    cors.override(app.router.add_get("/closed/asking", allows), None)
    client = await aiohttp_client(app)
    if is_known:
        for path in ("/open", "/closed"):
            await client.get(path, headers={"Origin": APP})
    for path, headers in (
        ("/open?to=/closed", {}),
        ("/closed?to=/open", READABLE),
    ):
        assert cors_headers(await client.get(path, headers={"Origin": APP})) == headers, path
    for path, answer in (("/asking?to=/closed/asking", False), ("/open?to=/asking", True)):
        response = await client.get(path, headers={"Origin": APP})
        assert await response.json() is answer, path


async def allows(request: web.Request) -> web.Response:
    return web.json_response(await request.app[CORS].allows_origin(request))


async def test_the_hook_can_do_without_private_names_of_aiohttp() -> None:
    app = web.Application()
    app.router.add_get("/", ok)
    setup(app, OPTIONS)
    app.freeze()
    request = make_mocked_request("GET", "/", headers={"Origin": APP})
    match = await app.router.resolve(request)
    match.add_app(app)
    response = web.Response()
    documented: Any = SimpleNamespace(method="GET", headers=request.headers, match_info=match)
    await app.on_response_prepare.send(documented, response)
    assert cors_headers(response) == READABLE
