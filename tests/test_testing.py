"""The client for users' own tests; where there is a Chromium, beside it."""

from __future__ import annotations

import asyncio
import unittest
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientConnectionError, CookieJar, FormData, web
from aiohttp.test_utils import AioHTTPTestCase, RawTestServer, TestClient, TestServer

from aiohttp_cors_plugin import CORS, CorsOptions, override, setup
from aiohttp_cors_plugin.testing import Exchange, FetchError, Page, Response
from tests.app import ADMIN, APP, EVIL, make_app

LISTED = CorsOptions(
    allow_origins=[APP],
    allow_headers=["X-Tenant"],
    expose_headers=["X-Total"],
    allow_credentials=True,
)
ANYONE = CorsOptions()


async def echo(request: web.Request) -> web.Response:
    """What arrived; with a header to read and one to hide."""
    seen = {
        "type": request.headers.get("Content-Type"),
        "cookie": request.headers.get("Cookie"),
        "host": request.host,
        "body": (await request.read()).decode(),
    }
    return web.json_response(seen, headers={"X-Total": "3", "X-Secret": "4"})


@override(None)
async def without_cors(request: web.Request) -> web.Response:
    return await echo(request)


async def login(_request: web.Request) -> web.Response:
    response = web.Response(text="\ufeffwelcome")
    response.set_cookie("session", "s 1", secure=True, httponly=True, samesite="None")
    response.set_cookie("plain", "p")
    return response


async def logout(_request: web.Request) -> web.Response:
    response = web.Response()
    response.del_cookie("session")
    return response


async def away(_request: web.Request) -> web.Response:
    raise web.HTTPFound("https://elsewhere.example/thing#part")


async def moved(request: web.Request) -> web.Response:
    raise web.HTTPTemporaryRedirect(request.query["to"])


async def drop(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def application(options: Any = LISTED, **settings: Any) -> web.Application:
    app = make_app()
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/login", login)
    app.router.add_get("/logout", logout)
    app.router.add_get("/away", away)
    app.router.add_route("*", "/moved", moved)
    app.router.add_get("/drop", drop)
    app.router.add_put("/none", without_cors)
    if options != "no plugin":
        setup(app, options, **settings)
    return app


async def page_on(aiohttp_client: Any, app: web.Application, origin: str = APP, **kw: Any) -> Page:
    return Page(await aiohttp_client(app), origin, **kw)


def sent(exchanges: Any) -> list[str]:
    """The exchanges in short."""
    return [
        f"{one.method} {one.url.split('/', 3)[3]} {one.status}{' first' * one.is_preflight}"
        for one in exchanges
    ]


# --- What the script sees -----------------------------------------------------------------------


class Seen(NamedTuple):
    """What the script may read, and what was sent for it."""

    exchanges: list[str]
    status: int = 200
    type: str = "cors"
    headers: tuple[str, ...] = ("content-length", "content-type", "x-total")
    origin: str = APP
    options: Any = LISTED


PLAIN = ("content-length", "content-type")
READS = [
    pytest.param({}, Seen(["GET echo 200"]), id="a plain GET needs no preflight"),
    pytest.param(
        {"method": "POST", "data": "x"}, Seen(["POST echo 200"]), id="nor does a POST of text"
    ),
    pytest.param(
        {"method": "POST", "json": {}},
        Seen(["OPTIONS echo 204 first", "POST echo 200"]),
        id="JSON brings its type, and with it a preflight",
    ),
    pytest.param(
        {"method": "POST", "json": [], "headers": [("content-type", "text/plain")]},
        Seen(["POST echo 200"]),
        id="a type that the script gives stays",
    ),
    pytest.param(
        {"method": "put", "headers": {"X-Tenant": "a", "Cookie": "b"}},
        Seen(["OPTIONS echo 204 first", "PUT echo 200"]),
        id="put is PUT; Cookie is not for scripts to set",
    ),
    pytest.param(
        {"url": "/nothing"}, Seen(["GET nothing 404"], 404, headers=PLAIN), id="a 404 is readable"
    ),
    pytest.param({"url": "/boom"}, Seen(["GET boom 500"], 500, headers=PLAIN), id="so is a 500"),
    pytest.param(
        {"url": "/members/me", "method": "PUT"},
        Seen(
            ["OPTIONS members/me 204 first", "PUT members/me 401"],
            401,
            headers=PLAIN,
        ),
        id="and a middleware's 401",
    ),
    pytest.param(
        {"options": "no plugin", "mode": "no-cors"},
        Seen(["GET echo 200"], 0, "opaque", ()),
        id="an opaque answer shows nothing",
    ),
    pytest.param(
        {"url": "/redirect", "redirect": "manual"},
        Seen(["GET redirect 302"], 0, "opaqueredirect", ()),
        id="nor does a redirect that is not followed",
    ),
    pytest.param(
        {"url": "/moved?to=/echo", "method": "PUT", "data": "x"},
        Seen(
            [
                "OPTIONS moved?to=/echo 204 first",
                "PUT moved?to=/echo 307",
                "OPTIONS echo 204 first",
                "PUT echo 200",
            ]
        ),
        id="each hop has its preflight",
    ),
    pytest.param(
        {"options": ANYONE, "origin": "null"},
        Seen(["GET echo 200"], headers=PLAIN),
        id="any origin, null too",
    ),
    pytest.param(
        {"options": None, "server": EVIL, "origin": EVIL, "method": "PUT"},
        Seen(["PUT echo 200"], 200, "basic", (*PLAIN, "date", "server", "x-secret", "x-total")),
        id="the page's own origin reads everything, without CORS",
    ),
    pytest.param(
        {"url": "http://tenant.example.org/tenant", "method": "PUT"}
        | {"server": "http://tenant.example.org"},
        Seen(["OPTIONS tenant 204 first", "PUT tenant 200"], headers=PLAIN),
        id="a domain",
    ),
]


@pytest.mark.parametrize(("call", "seen"), READS)
async def test_what_a_script_reads(aiohttp_client: Any, call: dict[str, Any], seen: Seen) -> None:
    call = {"url": "/echo", "options": LISTED, "origin": APP} | call
    app = application(call.pop("options"))
    settings = {name: call.pop(name) for name in ("server", "origin") if name in call}
    page = await page_on(aiohttp_client, app, **settings)
    response = await page.fetch(**call)
    assert sent(response.requests) == sent(page.requests) == seen.exchanges
    assert (response.type, response.status) == (seen.type, seen.status)
    assert response.ok is (seen.status == 200)
    assert tuple(sorted(response.headers)) == seen.headers
    assert response.redirected is ("moved" in call["url"])
    assert (await response.read() == b"") is (not seen.status)


@pytest.mark.parametrize(
    ("body", "content_type", "arrives"),
    [
        pytest.param({"json": {"a": "ü"}}, "application/json", '{"a": "\\u00fc"}', id="JSON"),
        pytest.param({"data": "ü"}, "text/plain;charset=UTF-8", "ü", id="text"),
        pytest.param({"data": ""}, "text/plain;charset=UTF-8", "", id="no text is text"),
        pytest.param({"data": b"b"}, None, "b", id="bytes have no type"),
        pytest.param({"data": bytearray(b"b")}, None, "b", id="nor has a bytearray"),
        pytest.param(
            {"data": {"a": "1 2"}}, "application/x-www-form-urlencoded", "a=1+2", id="a form"
        ),
        pytest.param({}, None, "", id="nothing"),
    ],
)
async def test_a_body_and_its_type(
    aiohttp_client: Any, body: dict[str, Any], content_type: str | None, arrives: str
) -> None:
    page = await page_on(aiohttp_client, application())
    response = await page.fetch("/echo", method="POST", **body)
    assert await response.json() == {
        "type": content_type,
        "cookie": None,
        "host": response.url.split("/")[2],
        "body": arrives,
    }


async def test_a_form_with_a_file_survives_a_redirect(aiohttp_client: Any) -> None:
    page = await page_on(aiohttp_client, application())
    form = FormData()
    form.add_field("file", b"content", filename="name.txt")
    response = await page.fetch("/moved?to=/echo", method="POST", data=form)
    echoed = await response.json()
    kind, _, boundary = echoed["type"].partition("; boundary=")
    assert (kind, sent(response.requests)) == (
        "multipart/form-data",
        ["POST moved?to=/echo 307", "POST echo 200"],
    )
    assert echoed["body"].startswith(f"--{boundary}\r\n")
    assert echoed["body"].endswith(f"\r\n\r\ncontent\r\n--{boundary}--\r\n")


async def test_text_is_utf_8_without_its_mark(aiohttp_client: Any) -> None:
    response = await (await page_on(aiohttp_client, application())).fetch("/login")
    assert await response.text() == "welcome"
    assert await response.read() == b"\xef\xbb\xbfwelcome"


# --- What is refused ----------------------------------------------------------------------------


class Refused(NamedTuple):
    reason: str
    exchanges: list[str]


GET = ["GET echo 200"]
REFUSED_PUT = ["OPTIONS echo 403 first"]
REFUSED = [
    pytest.param(
        {"origin": EVIL}, Refused("origin-not-listed", GET), id="an answer that was made in vain"
    ),
    pytest.param(
        {"origin": EVIL, "method": "PUT"},
        Refused("origin-not-listed", REFUSED_PUT),
        id="a preflight for another origin",
    ),
    pytest.param({"origin": "null"}, Refused("origin-null", GET), id="a sandboxed frame"),
    pytest.param(
        {"headers": {"X-Trace": "1", "X-Tenant": "a"}},
        Refused("header-not-allowed", REFUSED_PUT),
        id="a header",
    ),
    pytest.param(
        {"url": "/plain", "method": "DELETE"},
        Refused("method-not-served", ["OPTIONS plain 403 first"]),
        id="a method that the path does not serve",
    ),
    pytest.param(
        {"method": "patch"}, Refused("method-not-served", REFUSED_PUT), id="patch is not PATCH"
    ),
    pytest.param(
        {"options": CorsOptions(allow_origins=[APP], allow_methods=["GET"]), "method": "PUT"},
        Refused("method-not-allowed", REFUSED_PUT),
        id="a method that is not allowed",
    ),
    pytest.param(
        {"options": CorsOptions(allow_origins=[APP]), "credentials": "include"},
        Refused("credentials-not-allowed", GET),
        id="credentials",
    ),
    pytest.param(
        {"options": ANYONE, "credentials": "include", "method": "PUT"},
        Refused("credentials-not-allowed", ["OPTIONS echo 204 first"]),
        id="credentials and any origin",
    ),
    pytest.param(
        {"options": CorsOptions(allow_origins=lambda _request, _origin: False)},
        Refused("predicate-refused", GET),
        id="a callable",
    ),
    pytest.param(
        {"url": "/none", "method": "PUT"},
        Refused("no-policy", ["OPTIONS none 405 first"]),
        id="a route without CORS",
    ),
    pytest.param(
        {"url": "/moved?to=/none", "headers": {"X-Tenant": "a"}},
        Refused(
            "no-policy",
            ["OPTIONS moved?to=/none 204 first", "GET moved?to=/none 307", "OPTIONS none 405 first"],
        ),
        id="the end of a redirect",
    ),
    pytest.param(
        {"options": "no plugin"}, Refused("allow-origin-missing", GET), id="no plugin, no CORS"
    ),
    pytest.param(
        {"options": "no plugin", "url": "/hand"},
        Refused("allow-origin-mismatch", ["GET hand 200"]),
        id="CORS by hand",
    ),
    pytest.param({"mode": "same-origin"}, Refused("mode-same-origin", []), id="a mode"),
    pytest.param({"data": "x"}, Refused("body-not-allowed", []), id="a GET with a body"),
    pytest.param({"url": "data:,x"}, Refused("url-scheme", []), id="a scheme"),
    pytest.param({"url": "http://[::1"}, Refused("url-invalid", []), id="no URL"),
    pytest.param(
        {"url": "/redirect", "redirect": "error"},
        Refused("redirect-mode-error", ["GET redirect 302"]),
        id="a redirect",
    ),
    pytest.param({"url": "/drop"}, Refused("no-answer", ["GET drop 0"]), id="a dropped connection"),
]


@pytest.mark.parametrize(("call", "refused"), REFUSED)
@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
async def test_what_is_refused(
    aiohttp_client: Any, call: dict[str, Any], refused: Refused, debug: bool
) -> None:
    call = {"url": "/echo", "options": LISTED, "origin": APP} | call
    app, origin = application(call.pop("options"), debug=debug), call.pop("origin")
    page = await page_on(aiohttp_client, app, origin)
    with pytest.raises(FetchError) as caught:
        await page.fetch(**call)
    error = caught.value
    # Debug mode answers 200 where the browser stops by itself.
    expected = [line.replace(" 403 ", " 200 ") if debug else line for line in refused.exchanges]
    assert (error.reason, sent(error.requests)) == (refused.reason, expected)
    assert page.requests == [*error.requests]
    assert isinstance(error.__cause__, ClientConnectionError) is (refused.reason == "no-answer")
