"""The client for users' own tests; where there is a Chromium, beside it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import random
import unittest
from typing import Any, NamedTuple

import pytest
from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientPayloadError,
    CookieJar,
    FormData,
    web,
)
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from aiohttp.test_utils import AioHTTPTestCase, RawTestServer, TestClient, TestServer
from yarl import URL

from aiohttp_cors_plugin import CORS, CorsOptions, override, setup
from aiohttp_cors_plugin.testing import FetchError, Page
from tests import shop
from tests.app import ADMIN, APP, EVIL, make_app, ok, socket
from tests.test_sending import CODED

LISTED = CorsOptions(
    allow_origins=[APP],
    allow_headers=["X-Tenant"],
    expose_headers=["X-Total"],
    allow_credentials=True,
)
ANYONE = CorsOptions()


async def arrived_in(request: web.Request) -> dict[str, str | None]:
    return {
        "type": request.headers.get("Content-Type"),
        "cookie": request.headers.get("Cookie"),
        "host": request.host,
        "body": (await request.read()).decode(),
    }


async def echo(request: web.Request) -> web.Response:
    """What arrived; with a header to read and one to hide."""
    return web.json_response(
        await arrived_in(request), headers={"X-Total": "3 \xfc", "X-Secret": "4"}
    )


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
    see_other = "see" in request.query
    raise (web.HTTPSeeOther if see_other else web.HTTPTemporaryRedirect)(request.query["to"])


RUNNING = web.AppKey("RUNNING", set)  # the streams that somebody may be reading


async def endless(request: web.Request) -> web.StreamResponse:
    status = int(request.query.get("status", 200))
    # Without CORS Chromium looks into the bodies of other types first.
    headers = {"Location": "/echo", "Content-Type": "text/css"}
    response = web.StreamResponse(status=status, headers=headers)
    task = asyncio.current_task()
    request.app[RUNNING].add(task)
    try:
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        await asyncio.Event().wait()
    finally:
        request.app[RUNNING].remove(task)
    return response


@override(None)
async def endless_without_cors(request: web.Request) -> web.StreamResponse:
    return await endless(request)


async def broken(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "50"})
    await response.prepare(request)
    await response.write(b"half")
    return await drop(request)


async def long(_request: web.Request) -> web.Response:
    """A head beyond aiohttp's limits."""
    many = {f"X-{n}": "1" for n in range(200)}
    return web.Response(headers={"Content-Security-Policy": "x" * 40_000} | many)


async def reset(_request: web.Request) -> web.Response:
    return web.Response(status=205, text="text")


async def switch(_request: web.Request) -> web.Response:
    response = web.Response(status=101)
    response.force_close()
    return response


async def coded(request: web.Request) -> web.Response:
    coding, body = CODED[request.query_string]
    return web.Response(body=body, headers={"Content-Encoding": coding})


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
    app[RUNNING] = set()
    app.router.add_route("*", "/endless", endless)
    app.router.add_get("/endless/none", endless_without_cors)
    app.router.add_get("/broken", broken)
    app.router.add_get("/long", long)
    app.router.add_get("/reset", reset)
    app.router.add_get("/switch", switch)
    app.router.add_get("/coded", coded)
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
        pytest.param({"json": None}, "application/json", "null", id="null is JSON"),
        pytest.param(
            {"json": {}, "mode": "no-cors"},
            "text/plain;charset=UTF-8",
            "{}",
            id="JSON without CORS is text",
        ),
        pytest.param(
            {"data": "x", "mode": "no-cors", "headers": {"Content-Type": "application/json"}},
            "text/plain;charset=UTF-8",
            "x",
            id="so is what a script calls JSON",
        ),
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
    seen: list[dict[str, Any]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(await arrived_in(request))
        return web.Response()

    app = web.Application()
    app.router.add_post("/note", note)
    setup(app, LISTED)
    page = await page_on(aiohttp_client, app)
    await page.fetch("/note", method="POST", **body)
    host = page.requests[-1].url.split("/")[2]
    assert seen == [{"type": content_type, "cookie": None, "host": host, "body": arrives}]


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


async def test_a_redirect_can_take_the_body_away(aiohttp_client: Any) -> None:
    page = await page_on(aiohttp_client, application())
    response = await page.fetch("/moved?to=/echo&see", method="POST", data="x")
    echoed = await response.json()
    assert (echoed["type"], echoed["body"]) == (None, "")
    assert sent(response.requests) == ["POST moved?to=/echo&see 303", "GET echo 200"]


@pytest.mark.parametrize(
    ("url", "call", "outcome"),
    [
        pytest.param("/endless", {}, 200, id="it resolves"),
        pytest.param("/endless?status=302", {}, 200, id="so does a redirect"),
        pytest.param("/endless/none", {"mode": "no-cors"}, 0, id="a script sees nothing of it"),
        pytest.param("/endless?status=302", {"redirect": "manual"}, 0, id="nor of a redirect"),
        pytest.param("/endless?status=205", {}, 205, id="nor of a status that has no body"),
        pytest.param("/endless/none", {}, "no-policy", id="a refusal does not wait for its end"),
        pytest.param(
            "/endless?status=302", {"redirect": "error"}, "redirect-mode-error", id="whatever for"
        ),
    ],
)
async def test_a_body_without_an_end(url: str, call: dict[str, Any], outcome: object) -> None:
    """Nothing is left over, read or not; asyncio's debug mode would tell."""
    asyncio.get_running_loop().set_debug(True)
    tasks, app, seen = asyncio.all_tasks(), application(), []
    async with TestClient(TestServer(app)) as client:
        page = Page(client, APP)
        try:
            seen += [await page.fetch(url, **call), await page.fetch(url, **call)]
            told: object = seen[1].status
        except FetchError as error:
            told = error.reason
        assert told == outcome
        await asyncio.sleep(0.05)
        assert len(app[RUNNING]) == (2 if url == "/endless" else 0)
        if url == "/endless":
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(seen[0].read(), 0.1)
    if url == "/endless":
        with pytest.raises(ClientConnectionError):
            await seen[1].text()
    seen.clear()
    gc.collect()
    assert (asyncio.all_tasks(), app[RUNNING]) == (tasks, set())


async def test_a_body_that_breaks_off(aiohttp_client: Any) -> None:
    page = await page_on(aiohttp_client, application())
    response = await page.fetch("/broken")
    assert response.status == 200
    for _ in range(2):
        with pytest.raises(ClientPayloadError):
            await response.json()


@pytest.mark.parametrize(
    ("coding", "text"),
    [
        pytest.param("gzip", "text", id="one that was asked for"),
        pytest.param("identity", "text", id="none"),
        pytest.param("br", "broken", id="one that was not asked for"),
    ],
)
async def test_a_content_encoding(aiohttp_client: Any, coding: str, text: str) -> None:
    async def compressed(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "gzip, deflate"
        body = gzip.compress(b"text") if coding == "gzip" else b"text"
        return web.Response(body=body, headers={"Content-Encoding": coding, "X-Total": "3"})

    app = web.Application()
    app.router.add_get("/things", compressed)
    setup(app, LISTED)
    response = await (await page_on(aiohttp_client, app)).fetch("/things")
    assert (response.status, response.headers["X-Total"]) == (200, "3")
    try:
        read = await response.text()
    except ClientPayloadError:
        read = "broken"
    assert read == text


async def test_headers_are_bytes(aiohttp_client: Any) -> None:
    """aiohttp writes them in UTF-8, and reads what is none as surrogates."""
    arrived: list[str] = []

    async def note(request: web.Request) -> web.Response:
        arrived.extend(request.headers.get(name, "") for name in ("X-Tenant", "Cookie"))
        return web.Response(headers={"X-Total": "3 \xfc", "Set-Cookie": "a=\u20ac"})

    app = web.Application()
    app.router.add_get("/things", note)
    setup(app, LISTED)
    page = await page_on(aiohttp_client, app)
    for _ in range(2):
        response = await page.fetch(
            "/things", headers={"X-Tenant": "caf\xe9"}, credentials="include"
        )
    assert response.headers["X-Total"] == "3 \xc3\xbc"
    assert arrived[:3] == ["caf\udce9", "", "caf\udce9"]
    assert arrived[3] in ("", "a=€", 'a="€"')  # some versions of aiohttp keep no such cookie


async def test_a_205_has_no_body(aiohttp_client: Any) -> None:
    response = await (await page_on(aiohttp_client, application())).fetch("/reset")
    assert (response.status, await response.read()) == (205, b"")


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
            [
                "OPTIONS moved?to=/none 204 first",
                "GET moved?to=/none 307",
                "OPTIONS none 405 first",
            ],
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
    pytest.param(
        {"url": "//me:pw@x.example/"},
        Refused("url-has-credentials", []),
        id="a URL with a password",
    ),
    pytest.param({"url": "http://[::1"}, Refused("url-invalid", []), id="no URL"),
    pytest.param(
        {"url": "/redirect", "redirect": "error"},
        Refused("redirect-mode-error", ["GET redirect 302"]),
        id="a redirect",
    ),
    pytest.param({"url": "/switch"}, Refused("no-answer", ["GET switch 0"]), id="another protocol"),
    pytest.param(
        {"url": "/drop", "origin": EVIL},
        Refused("no-answer", ["GET drop 0"]),
        id="a dropped connection, whoever asked",
    ),
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


async def test_a_value_that_needs_a_preflight_though_its_name_does_not(aiohttp_client: Any) -> None:
    page = await page_on(aiohttp_client, application())
    with pytest.raises(FetchError) as caught:
        await page.fetch("/body", headers={"Accept": "application/vnd.example(v2)"})
    assert caught.value.reason == "method-not-served"
    assert sent(caught.value.requests) == ["OPTIONS body 403 first"]


async def test_a_refused_answer_was_made_all_the_same(aiohttp_client: Any) -> None:
    made: list[str] = []

    async def make(request: web.Request) -> web.Response:
        made.append(request.headers["Origin"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/things", make)
    setup(app, LISTED)
    with pytest.raises(FetchError, match="origin-not-listed"):
        await (await page_on(aiohttp_client, app, EVIL)).fetch("/things", method="POST", data="x")
    assert made == [EVIL]


async def test_an_error_reads_well(aiohttp_client: Any) -> None:
    page = await page_on(aiohttp_client, application(), server="http://api.example.com")
    with pytest.raises(FetchError) as caught:
        await page.fetch("/echo", headers={"X-Trace": "1"})
    assert str(caught.value).splitlines() == [
        f"Access to fetch at 'http://api.example.com/echo' from origin '{APP}' has been blocked by"
        " CORS policy: Response to preflight request doesn't pass access control check: No"
        " 'Access-Control-Allow-Origin' header is present on the requested resource.",
        "allow_headers does not list a request header: 'x-trace'; allow_headers=('X-Tenant',);"
        " add 'x-trace' to allow_headers [header-not-allowed]",
        "OPTIONS http://api.example.com/echo [Access-Control-Request-Method: GET;"
        f" Access-Control-Request-Headers: x-trace; Origin: {APP}] -> 403 [Vary: Origin]",
    ]
    assert repr(caught.value.requests[0]).startswith("<OPTIONS http://api.example.com/echo [")


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        (
            "/drop",
            [r"ServerDisconnectedError\(.*\) \[no-answer\]", r"GET \S+/drop \[.*\] -> no an"],
        ),
        ("data:,x", [r"\[url-scheme\]"]),
    ],
)
async def test_an_error_without_cors_too(aiohttp_client: Any, url: str, lines: list[str]) -> None:
    page = await page_on(aiohttp_client, application())
    with pytest.raises(FetchError, match="\n".join(lines)):
        await page.fetch(url)


# --- One reason everywhere ----------------------------------------------------------------------

SEED = 20260702
ANY_METHOD = "GET HEAD POST PUT DELETE PATCH OPTIONS patch QUERY CHICKEN".split()
PATHS = (
    "/plain /body /items/1 /users/1 /users/me /any /view /own /boom /members/me"
    " /members/busy /slash/ /custom /sub /sub/thing /sub/any /sub/deeper/thing/1 /nothing"
    " /sub/nothing /none /echo?a=%41'%20b /%70lain"
).split()
SCRIPTS = (
    ("X-Tenant", "a"),
    ("X-Trace", "1"),
    ("Authorization", "Bearer t"),
    ("Content-Type", "application/json"),
    ("Content-Type", "text/plain"),
    ("Accept", "application/vnd.example(v2)"),
    ("Accept", "a/b"),
    ("Accept-Language", "en_US"),
    ("Range", "bytes=-5"),
    ("Range", "bytes=0-"),
)


def knows(_request: web.Request, origin: str) -> bool:
    if origin == ADMIN:
        raise OSError("the database is down")
    return origin == APP


SHARED = [
    LISTED,
    ANYONE,
    CorsOptions(allow_origins=[APP], allow_methods=["GET", "PUT"], allow_headers=["X-Trace"]),
    CorsOptions(allow_origins=knows, allow_headers="*"),
    [
        CorsOptions(allow_origins=["https://*.example.com"], allow_credentials=True),
        CorsOptions(allow_origins="*", allow_headers=["Authorization"]),
    ],
    None,
]


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("options", SHARED, ids=range(len(SHARED)))
async def test_a_page_the_log_and_explain_give_one_reason(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, options: Any, debug: bool
) -> None:
    app = application(options, debug=debug)
    cors, pick = app[CORS], random.Random(f"{SEED} {SHARED.index(options)} {debug}")
    cors.override(app.router["item"], CorsOptions(allow_origins=[EVIL], allow_methods=["DELETE"]))
    cors._state.reports._repeats.remark = lambda kind: ""  # type: ignore[method-assign]  # each is logged
    client = await aiohttp_client(app)
    caplog.set_level("DEBUG", "aiohttp_cors_plugin")
    reasons: set[str] = set()
    for _ in range(40):
        page = Page(client, pick.choice([APP, ADMIN, EVIL, "null", "http://app.example.com"]))
        credentials: Any = pick.choice(["omit", "same-origin", "include"])
        method, path = pick.choice(ANY_METHOD), pick.choice(PATHS)
        headers = dict(pick.sample(SCRIPTS, pick.choice([0, 0, 1, 2])))
        asked = (method, path, page.origin, headers, credentials)
        caplog.clear()
        reason = None
        try:
            await page.fetch(path, method=method, headers=headers, credentials=credentials)
        except FetchError as error:
            reason = error.reason
        logged = [one.cors_reason for one in caplog.records if hasattr(one, "cors_reason")]
        explanation = await cors.explain(
            method,
            path,
            origin=page.origin,
            headers=headers,
            credentials=credentials == "include",
        )
        assert explanation.reason == reason, asked
        # Of what has no options there is no record; cookies are none where none are sent.
        if reason not in ("no-policy", "credentials-not-allowed"):
            assert logged == ([] if reason is None else [reason]), asked
        reasons.add(reason or "")
    assert len(reasons) > 1


# --- Preflights remembered ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "later", "preflights"),
    [
        pytest.param({}, 599, 1, id="for as long as max_age says"),
        pytest.param({}, 600, 2, id="and no longer"),
        pytest.param({"cache": False}, 0, 2, id="not at all"),
    ],
)
async def test_preflights_are_remembered(
    aiohttp_client: Any, settings: dict[str, Any], later: int, preflights: int
) -> None:
    now = [0.0]
    page = await page_on(aiohttp_client, application(), clock=lambda: now[0], **settings)
    await page.fetch("/echo", method="PUT")
    now[0] += later
    await page.fetch("/echo", method="PUT")
    assert [one.is_preflight for one in page.requests].count(True) == preflights
    assert [one.method for one in page.requests].count("PUT") == 2


@pytest.mark.parametrize(
    ("second", "preflights"),
    [
        pytest.param({"method": "DELETE", "json": {}}, 1, id="for every method of the path"),
        pytest.param({"headers": {"X-Tenant": "a"}}, 1, id="and every header"),
        pytest.param({"url": "/any", "method": "PUT"}, 2, id="not for another path"),
        pytest.param({"method": "PUT", "credentials": "include"}, 2, id="nor with credentials"),
    ],
)
async def test_one_preflight_speaks(
    aiohttp_client: Any, second: dict[str, Any], preflights: int
) -> None:
    page = await page_on(aiohttp_client, application())
    await page.fetch("/echo", method="PUT")
    await page.fetch(**{"url": "/echo"} | second)
    assert [one.is_preflight for one in page.requests].count(True) == preflights


async def test_pages_remember_apart(aiohttp_client: Any) -> None:
    client = await aiohttp_client(application())
    for page in (Page(client, APP), Page(client, APP)):
        response = await page.fetch("/echo", method="PUT")
        assert sent(response.requests) == ["OPTIONS echo 204 first", "PUT echo 200"]


# --- Cookies ------------------------------------------------------------------------------------

BOTH = 'session="s 1"; plain=p'


@pytest.mark.parametrize(
    ("origin", "stores", "sends", "cookie"),
    [
        pytest.param(APP, "include", "include", BOTH, id="include"),
        pytest.param(APP, "same-origin", "include", None, id="not stored for another origin"),
        pytest.param(APP, "omit", "include", None, id="not stored with omit"),
        pytest.param(APP, "include", "same-origin", None, id="not sent to another origin"),
        pytest.param(APP, "include", "omit", None, id="not sent with omit"),
        pytest.param("own", "same-origin", "same-origin", BOTH, id="the page's own origin"),
        pytest.param("own", "same-origin", "omit", None, id="omit on the page's own origin"),
    ],
)
async def test_cookies(
    aiohttp_client: Any, origin: str, stores: Any, sends: Any, cookie: str | None
) -> None:
    server = "https://api.example.com"
    app = application()
    page = await page_on(aiohttp_client, app, server if origin == "own" else origin, server=server)
    await page.fetch("/login", credentials=stores)
    response = await page.fetch("/echo", method="PUT", credentials=sends)
    assert await response.json() == {
        "type": None,
        "cookie": cookie,
        "host": "api.example.com",
        "body": "",
    }
    # A preflight carries none, whatever follows.
    assert [one.headers.get("Cookie") for one in response.requests if one.is_preflight] in (
        [],
        [None],
    )
    assert response.requests[-1].headers.get("Cookie") == cookie
    assert "set-cookie" not in response.headers


async def test_cookies_are_those_of_the_client(aiohttp_client: Any) -> None:
    client = await aiohttp_client(application(), headers={"X-Of-Client": "1"})
    await client.get("/login")
    page = Page(client, APP)
    response = await page.fetch("/echo", credentials="include")
    assert (await response.json())["cookie"] == BOTH
    await page.fetch("/logout", credentials="include")
    assert {one.key for one in client.session.cookie_jar} == {"plain"}
    # The client's own headers are not the page's: X-Of-Client would have been refused.
    assert (await page.fetch("/echo", method="PUT")).ok


async def test_a_redirect_stores_its_cookie_on_the_way(aiohttp_client: Any) -> None:
    page = await page_on(aiohttp_client, application())
    response = await page.fetch("/redirect", credentials="include")
    assert (response.status, response.redirected, response.url.endswith("/plain")) == (
        200,
        True,
        True,
    )
    assert [one.headers.get("Cookie") for one in response.requests] == [None, "kept=yes"]


# --- WebSockets ---------------------------------------------------------------------------------

GUARDED = CorsOptions(allow_origins=[APP], guard_websockets=True)


@pytest.mark.parametrize(
    ("origin", "options", "url"),
    [
        pytest.param(APP, GUARDED, "/socket", id="an origin that is listed"),
        pytest.param(EVIL, LISTED, "/socket", id="any origin where there is no guard"),
        pytest.param("null", "no plugin", "ws://api.example.com/socket", id="a whole URL"),
        pytest.param("http://api.example.com", GUARDED, "/socket", id="the server's own"),
    ],
)
async def test_a_socket_opens(aiohttp_client: Any, origin: str, options: Any, url: str) -> None:
    page = await page_on(
        aiohttp_client, application(options), origin, server="http://api.example.com"
    )
    await page.fetch("/login", credentials="include", mode="no-cors")
    socket = await page.ws_connect(url)
    assert await socket.receive_str() == "hello"
    handshake = page.requests[-1]
    assert dict(handshake.headers) == {"Origin": origin, "Cookie": BOTH}
    assert (handshake.url, handshake.status) == ("http://api.example.com/socket", 101)
    assert handshake.response_headers["Upgrade"] == "websocket"


@pytest.mark.parametrize(
    ("origin", "url", "reason", "status", "words"),
    [
        pytest.param(EVIL, "/socket", "origin-not-listed", 403, "code: 403", id="by the guard"),
        pytest.param(APP, "/forbidden", "handshake-refused", 403, "code: 403", id="by a handler"),
        pytest.param(
            "own", "/forbidden", "handshake-refused", 403, "code: 403", id="for its own page"
        ),
        pytest.param(APP, "/nothing", "handshake-refused", 404, "code: 404", id="by a 404"),
        pytest.param(
            APP, "/moved?to=/socket", "handshake-refused", 307, "code: 307", id="by a redirect"
        ),
        pytest.param(APP, "/drop", "no-answer", 0, "closed before", id="by nobody"),
    ],
)
async def test_a_socket_is_refused(
    aiohttp_client: Any, origin: str, url: str, reason: str, status: int, words: str
) -> None:
    @override(None)
    async def forbid(_request: web.Request) -> web.Response:
        raise web.HTTPForbidden

    app = application(GUARDED)
    app.router.add_get("/forbidden", forbid)
    client = await aiohttp_client(app)
    own = str(client.make_url("/").origin())
    page = Page(client, own if origin == "own" else origin)
    with pytest.raises(FetchError) as caught:
        await page.ws_connect(url)
    assert caught.value.reason == reason
    assert [one.status for one in caught.value.requests] == [status]
    assert page.requests == [*caught.value.requests]
    assert caught.value.message.startswith(f"WebSocket connection to 'ws{own[4:]}{url}' failed: ")
    assert words in caught.value.message
    assert (f"[{reason}]" in caught.value.explanation) is (reason == "origin-not-listed")


async def choose(request: web.Request) -> web.WebSocketResponse:
    """A socket of the subprotocols that the query tells, whatever was offered."""
    socket = web.WebSocketResponse()
    for chosen in request.query.getall("chosen", []):
        socket.headers.add("Sec-WebSocket-Protocol", chosen)
    socket.set_cookie(f"chose-{request.query_string.encode().hex()}", "yes")
    task = asyncio.current_task()
    request.app[RUNNING].add(task)
    try:
        await socket.prepare(request)
        await socket.receive()
    finally:
        request.app[RUNNING].remove(task)
    return socket


NO_CHOICE = "Sent non-empty 'Sec-WebSocket-Protocol' header but no response was received"
UNASKED = "Response must not include 'Sec-WebSocket-Protocol' header if not present in request: a"
OTHER = "'Sec-WebSocket-Protocol' header value '{}' in response does not match any of sent values"
REPEATED = "'Sec-WebSocket-Protocol' header must not appear more than once in a response"
CHOICES = [
    pytest.param((), "", "", id="none offered, none chosen"),
    pytest.param(("a",), "?chosen=a", "", id="the one that was offered"),
    pytest.param("chat", "?chosen=chat", "", id="one without a list"),
    pytest.param(("a", "b"), "?chosen=b", "", id="one of two"),
    pytest.param(("a", "A"), "?chosen=A", "", id="upper case is another one"),
    pytest.param(("a",), "", NO_CHOICE, id="none chosen"),
    pytest.param((), "?chosen=a", UNASKED, id="none offered, one chosen"),
    pytest.param(("a",), "?chosen=b", OTHER.format("b"), id="one that was not offered"),
    pytest.param(("a",), "?chosen=A", OTHER.format("A"), id="in upper case"),
    pytest.param(("a",), "?chosen=", OTHER.format(""), id="an empty one"),
    pytest.param(("a", "b"), "?chosen=a&chosen=b", REPEATED, id="two chosen"),
    pytest.param(("a", "b"), "?chosen=a,%20b", REPEATED, id="two in one line"),
]


def choosing() -> web.Application:
    app = web.Application()
    app[RUNNING] = set()
    app.router.add_get("/choose", choose)
    return app


@pytest.mark.parametrize(("offered", "query", "words"), CHOICES)
async def test_a_subprotocol(aiohttp_client: Any, offered: Any, query: str, words: str) -> None:
    app = choosing()
    page = await page_on(aiohttp_client, app)
    if not words:
        socket = await page.ws_connect(f"/choose{query}", protocols=offered)
        assert socket.protocol == (query.removeprefix("?chosen=") or None)
        return
    with pytest.raises(FetchError) as caught:
        await page.ws_connect(f"/choose{query}", protocols=offered)
    assert caught.value.reason == "handshake-refused"
    assert caught.value.message.endswith(f" failed: Error during WebSocket handshake: {words}")
    assert [one.status for one in caught.value.requests] == [101]
    for _ in range(100):  # the server, too, is rid of it
        if not app[RUNNING]:
            break
        await asyncio.sleep(0.01)
    assert app[RUNNING] == set()


async def test_a_socket_asks_for_the_url_as_it_is_written(aiohttp_client: Any) -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.WebSocketResponse:
        seen.append(request.raw_path)
        socket = web.WebSocketResponse()
        socket.headers["X-Name"] = "ü"
        await socket.prepare(request)
        return socket

    app = web.Application()
    app.router.add_get("/a/socket", note)
    page = await page_on(aiohttp_client, app)
    await page.ws_connect("/a/b/../socket?a=%41 b'")
    assert seen == ["/a/socket?a=%41%20b%27"]
    assert page.requests[0].response_headers["X-Name"] == "Ã¼"


async def greet(request: web.Request) -> web.StreamResponse:
    """A socket that tells what its handshake brought, and sets a cookie, opened or not."""
    response: web.StreamResponse = web.WebSocketResponse()
    if "status" in request.query:
        response = web.Response(status=int(request.query["status"]), headers={"Location": "/"})
    response.set_cookie("greeted", "yes")
    await response.prepare(request)
    if isinstance(response, web.WebSocketResponse):
        names = ("Cookie", "Host", "Authorization", "X-Of-Client")
        await response.send_json({name: request.headers.get(name) for name in names})
    return response


@pytest.mark.parametrize("server", ["https://api.example.com", None])
async def test_a_socket_has_the_cookies_of_its_host_and_nothing_of_the_clients(
    aiohttp_client: Any, server: str | None
) -> None:
    app = web.Application()
    app.router.add_get("/greet", greet)
    app.router.add_get("/login", login)
    own = {"Authorization": "Bearer t", "X-Of-Client": "1"}
    client = await aiohttp_client(app, headers=own)
    page = Page(client, EVIL, server=server)
    for query in ("?status=403", "?status=302"):
        with pytest.raises(FetchError):
            await page.ws_connect(f"/greet{query}")
    await page.fetch("/login", credentials="include", mode="no-cors")
    host = "api.example.com" if server else client.make_url("/").authority
    for cookie in (BOTH, f"{BOTH}; greeted=yes"):
        socket = await page.ws_connect("/greet")
        assert await socket.receive_json() == {
            "Cookie": cookie,
            "Host": host,
            "Authorization": None,
            "X-Of-Client": None,
        }
    stored = client.session.cookie_jar.filter_cookies(URL(f"https://{host}/"))
    assert [*stored] == ["session", "plain", "greeted"]


async def test_a_socket_that_a_test_leaves_open_is_closed_with_the_client() -> None:
    asyncio.get_running_loop().set_debug(True)
    async with TestClient(TestServer(choosing())) as client:
        socket = await Page(client, APP).ws_connect("/choose")
    assert socket.closed


# --- Servers ------------------------------------------------------------------------------------


async def test_a_sub_application_with_a_setup_of_its_own_says_why(aiohttp_client: Any) -> None:
    app, inner = web.Application(), web.Application()
    inner.router.add_put("/things", echo)
    setup(inner, LISTED)
    app.add_subapp("/inner", inner)
    page = await page_on(aiohttp_client, app, EVIL)
    with pytest.raises(FetchError, match="origin-not-listed"):
        await page.fetch("/inner/things", method="PUT")
    with pytest.raises(FetchError, match="allow-origin-missing"):
        await page.fetch("/nothing")


async def test_a_callable_of_a_sub_application_sees_its_parents_when_it_is_asked_again(
    aiohttp_client: Any,
) -> None:
    page = await page_on(aiohttp_client, shop.make_inner(), EVIL)
    with pytest.raises(FetchError, match="predicate-refused"):
        await page.fetch("/sub/orders", method="POST")


async def test_a_server_that_is_no_application(aiohttp_client: Any) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        allowed = {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": "*"}
        if request.path == "/open":
            return web.Response(headers=allowed)
        return web.Response(headers={"Access-Control-Allow-Origin": EVIL, "X-Other": "1"})

    page = Page(await aiohttp_client(RawTestServer(answer)), APP)
    assert (await page.fetch("/open", method="PUT")).ok
    with pytest.raises(FetchError, match="allow-origin-mismatch") as caught:
        await page.fetch("/closed")
    assert str(caught.value).endswith(f" -> 200 [Access-Control-Allow-Origin: {EVIL}]")


async def test_a_method_goes_out_as_browsers_send_it(aiohttp_client: Any) -> None:
    """aiohttp's client would make PATCH of it, which this application serves."""

    async def allow(_request: web.Request) -> web.Response:
        return web.Response(
            headers={"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "patch"}
        )

    app = web.Application()
    app.router.add_patch("/things", allow)
    app.router.add_options("/things", allow)
    page = await page_on(aiohttp_client, app)
    try:
        requests = (await page.fetch("/things", method="patch")).requests
    except FetchError as error:
        requests = error.requests
    # The parser in Python takes the method, and in later versions makes PATCH of it.
    statuses = (200, 405) if HttpRequestParser is HttpRequestParserPy else (400,)
    first, second = sent(requests)
    assert first == "OPTIONS things 200 first"
    assert second in [f"patch things {status}" for status in statuses]


async def test_a_resource_that_fails_leaves_the_browsers_reason(aiohttp_client: Any) -> None:
    """The router cannot be asked, so the plugin knows nothing either."""

    class Broken(web.PlainResource):
        async def resolve(self, request: web.Request) -> Any:
            if not isinstance(request.task, asyncio.Task):
                raise OSError("not for questions")
            return await super().resolve(request)

    app = web.Application()
    resource = Broken("/things")
    resource.add_route("GET", echo)
    app.router.register_resource(resource)
    setup(app, LISTED)
    with pytest.raises(FetchError, match="allow-origin-missing"):
        await (await page_on(aiohttp_client, app, EVIL)).fetch("/things")


async def test_another_answer_than_the_plugins_leaves_the_browsers_reason(
    aiohttp_client: Any,
) -> None:
    async def strip(_request: web.Request, response: web.StreamResponse) -> None:
        del response.headers["Access-Control-Allow-Origin"]

    app = application()
    app.on_response_prepare.append(strip)
    with pytest.raises(FetchError, match=r"^.*\n\[allow-origin-missing\]\n"):
        await (await page_on(aiohttp_client, app)).fetch("/echo")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("/away", "GET https://elsewhere.example/thing does not go to the server under test, http"),
        ("https://elsewhere.example/thing", "elsewhere.example/thing does not go to the server"),
        ("//elsewhere.example", "GET http://elsewhere.example/ does not go to the server under"),
    ],
)
async def test_another_server_is_out_of_reach(aiohttp_client: Any, url: str, problem: str) -> None:
    page = await page_on(aiohttp_client, application())
    with pytest.raises(RuntimeError, match=problem):
        await page.fetch(url)
    with pytest.raises(RuntimeError, match="not go to the server under test"):
        await page.ws_connect("ws://elsewhere.example")
    assert sent(page.requests) == (["GET away 302"] if url == "/away" else [])


# --- Wrong use ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"origin": "https://app.example.com/"}, "origin='https://app.example.com/' is no origin"),
        ({"origin": "app.example.com"}, "origin='app.example.com' is no origin; write what"),
        ({"server": "null"}, "server='null' is no origin"),
        ({"credentials": "included"}, "credentials='included': fetch.. has 'omit', 'same-origin'"),
        ({"mode": "navigate"}, "mode='navigate': fetch"),
        ({"redirect": True}, "redirect=True: fetch.. has 'follow', 'error', 'manual'"),
        ({"json": {}, "data": "x"}, "one body"),
    ],
)
async def test_what_fetch_does_not_have(
    aiohttp_client: Any, arguments: dict[str, Any], problem: str
) -> None:
    client = await aiohttp_client(application())
    settings = {name: arguments.pop(name) for name in ("origin", "server") if name in arguments}
    with pytest.raises(ValueError, match=problem):
        await Page(client, **{"origin": APP} | settings).fetch("/echo", **arguments)


@pytest.mark.parametrize(
    ("url", "protocols", "problem"),
    [
        ("/choose#", (), "url='/choose#': new WebSocket.. takes no fragment"),
        ("/choose", ["a", "a"], r"protocols=\['a', 'a'\]: new WebSocket.. takes tokens, each once"),
        ("/choose", ["a b"], r"protocols=\['a b'\]: new"),
        ("/choose", [""], r"protocols=\[''\]: new"),
        ("/choose", "\xe9", r"protocols=\['\xe9'\]: new"),
    ],
)
async def test_what_a_web_socket_does_not_take(
    aiohttp_client: Any, url: str, protocols: Any, problem: str
) -> None:
    page = await page_on(aiohttp_client, choosing())
    with pytest.raises(ValueError, match=problem):
        await page.ws_connect(url, protocols=protocols)
    assert page.requests == []


def test_a_page_needs_a_test_client() -> None:
    wrong: Any = web.Application()
    with pytest.raises(TypeError, match="Page takes aiohttp's TestClient, not <Application"):
        Page(wrong, APP)


# --- unittest -----------------------------------------------------------------------------------


class WithAiohttp(AioHTTPTestCase):
    """Not collected here: run by the test below, as `python -m unittest` would."""

    __test__ = False

    async def get_application(self) -> web.Application:
        return application()

    async def test_a_page(self) -> None:
        page = Page(self.client, APP)
        response = await page.fetch("/echo", method="PUT", json={"a": 1})
        assert (await response.json())["body"] == '{"a": 1}'
        with pytest.raises(FetchError, match="origin-not-listed"):
            await Page(self.client, ADMIN).fetch("/echo", method="PUT")
        await page.ws_connect("/socket")


class WithoutAiohttp(unittest.IsolatedAsyncioTestCase):
    __test__ = False

    async def test_a_page(self) -> None:
        async with TestClient(
            TestServer(application()), cookie_jar=CookieJar(unsafe=True)
        ) as client:
            response = await Page(client, APP).fetch("/login", credentials="include")
            assert response.ok
            assert len(client.session.cookie_jar) == 2


@pytest.mark.parametrize("case", [WithAiohttp, WithoutAiohttp])
def test_unittest(case: type[unittest.TestCase]) -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


# --- Chromium -----------------------------------------------------------------------------------

JSON: dict[str, Any] = {"headers": {"Content-Type": "application/json"}}
# What `fetch()` is given in both; a body of text or a form in JavaScript and in Python.
CALLS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("/echo", {}, "", {}),
    ("/echo", {"method": "PUT", "headers": {"X-Tenant": "a", "Sec-X": "b"}}, "", {}),
    ("/echo", {"method": "POST"}, '"text"', {"data": "text"}),
    ("/echo", {"method": "POST"}, "new Uint8Array([98])", {"data": b"b"}),
    ("/echo", {"method": "POST"}, 'new URLSearchParams({a: "1 2"})', {"data": {"a": "1 2"}}),
    ("/echo", {"method": "PATCH", "headers": {"Content-Type": "a/b"}}, '"x"', {"data": "x"}),
    ("/echo", {"headers": {"X-Trace": "1"}}, "", {}),
    ("/echo", {"headers": [["X-Tenant", "1"], ["x-tenant", "2"], ["X-TENANT", "3"]]}, "", {}),
    ("/echo", {"method": "POST", "mode": "no-cors"} | JSON, '"x"', {"data": "x"}),
    ("/echo", {"method": "POST", "mode": "no-cors"} | JSON, '"{}"', {"json": {}}),
    ("/echo", {"method": "POST"} | JSON, '"{}"', {"json": {}}),
    ("/login", {"credentials": "same-origin"}, "", {}),
    ("/echo", {"credentials": "include"}, "", {}),
    ("/login", {"credentials": "include"}, "", {}),
    ("/echo", {"credentials": "include", "method": "PUT"}, "", {}),
    ("/echo", {"credentials": "omit"}, "", {}),
    ("/redirect", {"credentials": "include"}, "", {}),
    ("/redirect", {"redirect": "manual"}, "", {}),
    ("/redirect", {"redirect": "error"}, "", {}),
    ("/none", {"method": "PUT"}, "", {}),
    ("/echo", {"mode": "no-cors", "credentials": "include"}, "", {}),
    ("/nothing", {}, "", {}),
    ("/plain", {"method": "patch"}, "", {}),
    ("/echo?a=b c&x=%41%7E&s=a+b'", {}, "", {}),
    ("/echo?", {"headers": {"X-Tenant": "caf\xe9"}}, "", {}),
    ("/broken", {}, "", {}),
    ("/long", {}, "", {}),
    ("/reset", {}, "", {}),
    ("/switch", {}, "", {}),
    *((f"/coded?{one}", {}, "", {}) for one in CODED),
    ("/endless", {}, "", {}),
    ("/endless/none", {}, "", {}),
    ("/endless/none", {"mode": "no-cors"}, "", {}),
    ("/endless?status=302", {"redirect": "manual"}, "", {}),
    ("/endless?status=302", {}, "", {}),
]
FETCH = """async ([url, init, body]) => {
  if (body) init.body = eval(body);
  try {
    const r = await fetch(url, init);
    const text = url.includes("/endless") ? "" : await r.text().catch(() => "broken");
    const headers = [...r.headers].filter(([name]) => !["content-length", "date"].includes(name));
    return [r.type, r.status, r.url, r.redirected, headers, text];
  } catch (error) { return "rejected"; }
}"""


class Arrived(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]


def watched(arrived: list[Arrived]) -> web.Application:
    """The application, with what reaches it; and a page, for a page's own origin."""

    async def note(request: web.Request, _response: web.StreamResponse) -> None:
        names = ("Origin", "Cookie", "Access-Control-Request-Method", "Content-Type")
        names = (*names, "Access-Control-Request-Headers", "X-Tenant", "Sec-X", "Accept")
        lines = request.headers
        found = {name: " | ".join(lines.getall(name)) for name in names if name in lines}
        if "Content-Type" in found:  # a browser's form names its charset too, when it is UTF-8
            found["Content-Type"] = found["Content-Type"].split(";")[0]
        if request.path not in ("/page", "/favicon.ico"):
            arrived.append(Arrived(request.method, request.raw_path, found))

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>page</title>", content_type="text/html")

    app = application(
        CorsOptions(
            allow_origins=["http://127.0.0.1:*"],
            allow_headers=["X-Tenant"],
            expose_headers=["X-Total"],
            allow_credentials=True,
        )
    )
    app.on_response_prepare.append(note)
    app.router.add_get("/page", page)
    return app


@pytest.mark.browser
@pytest.mark.parametrize("own", [False, True], ids=["another origin", "its own"])
async def test_it_is_chromium(chromium: Any, aiohttp_client: Any, own: bool) -> None:
    """Each call in turn, with the cookies and the preflights that the calls before it left."""
    arrived: list[Arrived] = []
    client = await aiohttp_client(watched(arrived))
    other = await aiohttp_client(watched([]))
    home = (client if own else other).make_url("/page")
    page = Page(client, str(home.origin()))
    context = await chromium.new_context()
    tab = await context.new_page()
    await tab.goto(str(home))
    for path, init, script, body in CALLS:
        url = f"{client.make_url('/').origin()}{path}"
        arrived.clear()
        expected = await asyncio.wait_for(tab.evaluate(FETCH, [url, init, script]), 10)
        by_chromium = arrived.copy()
        arrived.clear()
        seen: Any = "rejected"
        with contextlib.suppress(FetchError):
            response = await page.fetch(url, **init, **body)
            text = ""
            if "/endless" not in url:
                try:
                    text = await response.text()
                except ClientError:
                    text = "broken"
            headers = [
                [*line]
                for line in response.headers.items()
                if line[0] not in ("content-length", "date")
            ]
            seen = [
                response.type,
                response.status,
                response.url,
                response.redirected,
                headers,
                text,
            ]
        if "URLSearchParams" in script:
            seen[-1] = seen[-1].replace("urlencoded", "urlencoded;charset=UTF-8")
        assert (seen, arrived) == (expected, by_chromium), (path, init)
    await context.close()


OPEN = """([url, protocols]) => new Promise(resolve => {
  try {
    const socket = new WebSocket(url, protocols);
    socket.onopen = () => { resolve(socket.protocol); socket.close(); };
    socket.onerror = () => resolve("error");
  } catch (error) { resolve(error.name); }
})"""


@pytest.mark.browser
async def test_its_sockets_are_chromiums(chromium: Any, aiohttp_client: Any) -> None:
    client = await aiohttp_client(choosing())
    home = await aiohttp_client(watched([]))
    page = Page(client, str(home.make_url("/").origin()))
    context = await chromium.new_context()
    tab = await context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    await tab.goto(str(home.make_url("/page")))
    base = str(client.make_url("/choose")).replace("http", "ws", 1)
    calls = [(f"{base}{query}", offered) for offered, query, _ in (row.values for row in CHOICES)]
    calls += [(f"{base}#", ()), (base, ("a", "a")), (base, ("a b",)), (base, ("",))]
    for url, offered in calls:
        said.clear()
        expected = await asyncio.wait_for(tab.evaluate(OPEN, [url, offered]), 10)
        words = ""
        try:
            seen = (await page.ws_connect(url, protocols=offered)).protocol or ""
        except FetchError as error:
            seen, words = "error", error.message
        except ValueError:
            seen = "SyntaxError"
        assert seen == expected, (url, offered)
        for _ in range(50):  # the console comes by another way than the result
            if not words or words in said:
                break
            await asyncio.sleep(0.1)
        assert not words or words in said, (words, said)
    stored = {cookie["name"] for cookie in await context.cookies()}
    assert {one.key for one in client.session.cookie_jar} == stored
    await context.close()


async def test_urls_of_yarl_do_as_well(aiohttp_client: Any) -> None:
    app = web.Application()
    resource = app.router.add_resource("/things/{name}")
    resource.add_route("PUT", ok)
    app.router.add_get("/socket", socket)
    cors = setup(app, CorsOptions(allow_origins=[APP]))
    client = await aiohttp_client(app)
    page = Page(client, APP)
    for url in (resource.url_for(name="7"), client.make_url("/things/7")):
        assert (await page.fetch(url, method="PUT")).status == 200
        assert (await cors.explain("PUT", url, origin=APP)).allowed
    await (await page.ws_connect(client.make_url("/socket"))).close()
