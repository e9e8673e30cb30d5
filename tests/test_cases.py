"""What broke for users of other libraries: the index in `cases.py`, and tests that it lacked."""

from __future__ import annotations

import ast
import asyncio
import configparser
import functools
import itertools
import logging
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractView
from multidict import CIMultiDict
from yarl import URL

import aiohttp_cors_plugin
from aiohttp_cors_plugin import CORS, CorsConfigError, CorsOptions, override, setup
from aiohttp_cors_plugin._origins import OriginList
from tests.app import (
    ADMIN,
    APP,
    EVIL,
    Custom,
    Item,
    boom,
    cors_headers,
    make_app,
    ok,
    own_options,
    preflight,
    socket,
)
from tests.cases import CASES, SECTIONS
from tests.test_layers import ORDER, tree_of

TESTS = Path(__file__).parent
LISTED = CorsOptions(allow_origins=[APP])
READABLE = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
REFUSED = {"Vary": "Origin"}
SAFE = "Accept, Accept-Language, Content-Language, Content-Type, Range"


def allowed(methods: str, age: str = "600", origin: str = APP) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": SAFE,
        "Access-Control-Max-Age": age,
        "Vary": "Origin",
    }


# The index


@functools.cache
def collected() -> dict[str, list[str]]:
    """The parameter ids of every test, by file and function; an empty one where it has none."""
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "", str(TESTS))
    done = subprocess.run(
        (*command, "-p", "no:cacheprovider"),
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = defaultdict(list)
    for line in done.stdout.splitlines():
        node, bracket, parameters = line.removeprefix("tests/").partition("[")
        if "::" in node:
            found[node].append(parameters.removesuffix("]") if bracket else "")
    return found


def test_no_case_is_left_out() -> None:
    numbers = [f"{section}{n}" for section, count in SECTIONS.items() for n in range(1, count + 1)]
    assert list(CASES) == numbers


@pytest.mark.parametrize("number", CASES)
def test_a_case_names_tests_that_exist_or_is_argued_out(number: str) -> None:
    case = CASES[number]
    assert case.what
    assert case.tests or case.reason
    for name in case.tests:
        node, _, parameter = name.partition("[")
        rows = collected().get(node, [])
        assert rows, f"no such test: {node}"
        # A part of an id names every row that has this part: all origins, for one.
        wanted = f"-{parameter.removesuffix(']')}-" if parameter else ""
        assert any(wanted in f"-{row}-" for row in rows), f"no such row: {name}"


# Routing


@pytest.mark.parametrize("late", [False, True], ids=["before startup", "after startup"])
async def test_a_loop_over_all_routes_may_override_each(
    aiohttp_client: Any, tmp_path: Path, late: bool
) -> None:
    (tmp_path / "file").touch()
    sub = web.Application()
    sub.router.add_delete("/thing", ok)
    app = web.Application()
    app.router.add_put("/twice", ok)
    app.router.add_route("*", "/any", ok)
    app.router.add_view("/view", Item)
    app.router.add_post("/twice", ok)
    app.router.add_options("/own", own_options)
    app.router.add_post("/own", ok)
    app.router.add_static("/static", tmp_path)
    app.add_subapp("/sub", sub)
    cors = setup(app, LISTED)
    before = [*app.router.routes()]

    def loop() -> None:
        for number in (4, 5):
            for route in app.router.routes():  # not a copy: nothing grows meanwhile
                cors.override(route, max_age=number)

    if not late:
        loop()
    client = await aiohttp_client(app)
    if late:
        loop()
    assert [*app.router.routes()] == before
    for method, path, methods in (
        ("PUT", "/twice", "POST, PUT"),
        ("POST", "/twice", "POST, PUT"),
        ("PATCH", "/any", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ("PUT", "/view", "GET, PUT"),
        ("POST", "/own", "OPTIONS, POST"),
        ("HEAD", "/static/file", "GET, HEAD"),
        ("DELETE", "/sub/thing", "DELETE"),
    ):
        response = await client.options(path, headers=preflight(method))
        assert (response.status, cors_headers(response)) == (204, allowed(methods, "5"))
        response = await client.request(method, path, headers={"Origin": APP})
        assert (response.status, cors_headers(response)) == (200, READABLE)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/", id="the root"),
        pytest.param("/a", id="the empty path of a sub-application"),
        pytest.param("/a/", id="its slash"),
        pytest.param("/a/b", id="the empty path one deeper"),
        pytest.param("/a/b/", id="the slash one deeper"),
        pytest.param("/ab", id="a path that begins like the prefix"),
        pytest.param("/a/bc", id="one deeper, the same"),
    ],
)
async def test_index_routes_and_prefixes(aiohttp_client: Any, path: str) -> None:
    deeper, sub, app = (web.Application() for _ in range(3))
    deeper.router.add_put("", ok)
    deeper.router.add_put("/", ok)
    sub.add_subapp("/b", deeper)
    sub.router.add_put("", ok)
    sub.router.add_put("/", ok)
    sub.router.add_put("/bc", ok)
    app.add_subapp("/a", sub)
    app.router.add_put("/", ok)
    app.router.add_put("/ab", ok)
    setup(app, LISTED)
    client = await aiohttp_client(app)
    response = await client.options(path, headers=preflight("PUT"))
    assert (response.status, cors_headers(response)) == (204, allowed("PUT"))
    response = await client.put(path, headers={"Origin": APP})
    assert (response.status, cors_headers(response)) == (200, READABLE)
    assert (await response.json())["path"] == path


SPELLINGS = """
    /private/x /private/%78 /%70rivate/x /private%2Fx /private%2fx /Private/x /PRIVATE/x
    /private/a+b /private/a%2Bb /private/a%20b /private/ /private /private// /private//x
    //private/x /./private/x /private/./x /private/../x /private/../private/x /x/../private/x
    /private/%2e%2e/x /x/%2e%2e/private/x /private/x;y /private;/x /private/x?/private /x?/private/x
    /private/%00 /private/%0a /x
""".split()


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_whatever_route_answers_its_own_policy_applies(
    aiohttp_client: Any, spelling: str
) -> None:
    @override(allow_origins=[ADMIN])
    async def private(_request: web.Request) -> web.Response:
        return web.Response(text=ADMIN)

    async def public(_request: web.Request) -> web.Response:
        return web.Response(text=APP)

    app = web.Application()
    app.router.add_put("/private/{name}", private)
    app.router.add_put("/{tail:.*}", public)
    setup(app, LISTED)
    client = await aiohttp_client(app)
    url = URL(f"http://{client.host}:{client.port}{spelling}", encoded=True)
    for asked in (APP, ADMIN):
        async with client.session.put(url, headers={"Origin": asked}) as response:
            assert response.status == 200
            reader = await response.text()
            expected = {"Access-Control-Allow-Origin": asked} if asked == reader else {}
            assert cors_headers(response) == {**expected, "Vary": "Origin"}
        async with client.session.options(url, headers=preflight("PUT", asked)) as response:
            seen = (response.status, cors_headers(response))
            assert seen == (
                (204, allowed("PUT", origin=asked)) if asked == reader else (403, REFUSED)
            )
    if spelling in ("/private/x", "/x"):  # both do answer
        assert reader == (ADMIN if spelling == "/private/x" else APP)


# Sub-applications


async def test_a_view_of_a_sub_application_finds_the_setup_of_its_parent(
    aiohttp_client: Any,
) -> None:
    class Thing(web.View):
        async def get(self) -> web.Response:
            found = CORS in self.request.app, self.request.config_dict[CORS] is cors
            return web.json_response(found)

        async def put(self) -> web.Response:
            return web.Response()

    app, sub = web.Application(), web.Application()
    sub.router.add_view("/thing", Thing)
    app.add_subapp("/sub", sub)
    cors = setup(app, LISTED)
    client = await aiohttp_client(app)
    response = await client.get("/sub/thing", headers={"Origin": APP})
    assert (await response.json(), cors_headers(response)) == ([False, True], READABLE)
    for method, status in (("PUT", 200), ("DELETE", 405)):
        response = await client.request(method, "/sub/thing", headers={"Origin": APP})
        assert (response.status, cors_headers(response)) == (status, READABLE)
    response = await client.options("/sub/thing", headers=preflight("PUT"))
    assert (response.status, cors_headers(response)) == (204, allowed("GET, PUT"))


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug mode of asyncio"])
@pytest.mark.parametrize("setup_first", [False, True], ids=["mounted first", "setup first"])
async def test_the_life_cycle_of_a_sub_application(
    aiohttp_client: Any, setup_first: bool, debug: bool
) -> None:
    def hook(name: str) -> Any:
        async def note(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers["X-Order"] = f"{response.headers.get('X-Order', '')}{name}"

        return note

    asyncio.get_running_loop().set_debug(debug)
    app, sub = web.Application(), web.Application()
    app.on_response_prepare.append(hook("parent"))
    sub.on_response_prepare.append(hook("sub"))
    later, failing = sub.router.add_resource("/later"), sub.router.add_resource("/boom")
    if setup_first:
        setup(app, LISTED)
    app.add_subapp("/sub", sub)
    if not setup_first:
        setup(app, LISTED)
    app.router.add_put("/mine", ok)
    # The router of a mounted application takes no resources any more, but its resources routes.
    later.add_route("PUT", ok)
    failing.add_route("GET", boom)
    client = await aiohttp_client(app)
    for method, path, status, order in (
        ("PUT", "/sub/later", 200, "parentsub"),
        ("GET", "/sub/boom", 500, "parentsub"),
        ("PUT", "/mine", 200, "parent"),
    ):
        response = await client.request(method, path, headers={"Origin": APP})
        assert (response.status, cors_headers(response)) == (status, READABLE)
        assert response.headers["X-Order"] == order
        response = await client.options(path, headers=preflight(method))
        assert (response.status, cors_headers(response)) == (204, allowed(method))
        assert response.headers["X-Order"] == order


# Views


class Foreign(AbstractView):
    """A view that is no `web.View`, as other libraries bring them."""

    def __await__(self) -> Any:
        return ok(self.request).__await__()


class Dispatching(web.View):
    """A view that finds its methods in its own way."""

    async def _iter(self) -> web.StreamResponse:
        return await ok(self.request)


class Inherited(Item):
    """A view whose methods come from elsewhere, with one for OPTIONS."""

    async def options(self) -> web.Response:
        return await own_options(self.request)


EVERY = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"


@pytest.mark.parametrize("by_table", [False, True], ids=["by the router", "by a table"])
@pytest.mark.parametrize(
    ("view", "status", "methods"),
    [
        pytest.param(Item, 405, "GET, PUT", id="a bare view"),
        pytest.param(Inherited, 405, "GET, OPTIONS, PUT", id="inherited methods"),
        pytest.param(Dispatching, 200, EVERY, id="a dispatch of its own"),
        pytest.param(Foreign, 200, EVERY, id="no web.View at all"),
    ],
)
async def test_a_view_need_not_inherit_from_us(
    aiohttp_client: Any, view: type[AbstractView], status: int, methods: str, by_table: bool
) -> None:
    app = web.Application()
    if by_table:
        table = web.RouteTableDef()
        table.view("/")(view)
        app.add_routes(table)
    else:
        app.router.add_view("/", view)
    setup(app, LISTED)
    client = await aiohttp_client(app)
    for method, expected in (("PUT", 200), ("DELETE", status)):
        for headers, shown in (({"Origin": APP}, READABLE), ({}, REFUSED)):
            response = await client.request(method, "/", headers=headers)
            assert (response.status, cors_headers(response)) == (expected, shown)
        response = await client.options("/", headers=preflight(method))
        assert (response.status, cors_headers(response)) == (
            (204, allowed(methods)) if expected == 200 else (403, REFUSED)
        )


# OPTIONS that is no preflight


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="neither header"),
        pytest.param({"Origin": APP}, id="no method announced"),
        pytest.param({"Access-Control-Request-Method": "PUT"}, id="no origin"),
        pytest.param(
            {"Origin": APP, "Access-Control-Request-Headers": "x-a"}, id="only headers announced"
        ),
    ],
)
@pytest.mark.parametrize(
    "path",
    "/own /any /view /handling /plain /items/7 /static/file /sub /sub/any /custom /nothing"
    " /members/me /slash".split(),
)
async def test_any_other_options_is_the_applications_own(
    aiohttp_client: Any, tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    (tmp_path / "file").touch()
    seen = []
    for covered in (False, True):
        app = make_app(tmp_path)
        app.router.add_view("/handling", Inherited)
        if covered:
            setup(app, LISTED)
        client = await aiohttp_client(app)
        async with client.options(path, headers=headers, allow_redirects=False) as response:
            if covered:
                assert cors_headers(response) == (READABLE if "Origin" in headers else REFUSED)
            own = {k: v for k, v in response.headers.items() if k not in (*READABLE, "Date")}
            seen.append((response.status, await response.read(), own))
    assert seen[0] == seen[1]


# Errors


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug mode of asyncio"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/middleware", 500, id="a middleware raises"),
        pytest.param("/rebuilt", 503, id="a middleware makes another response"),
        pytest.param("/400", 400, id="a handler refuses what it reads"),
        pytest.param("/422", 422, id="a handler validates"),
        pytest.param("/overridden", 409, id="a decorated handler raises"),
        pytest.param("/broken", 500, id="a decorated handler fails"),
    ],
)
async def test_errors_are_readable_wherever_they_are_made(
    aiohttp_client: Any, path: str, status: int, debug: bool
) -> None:
    @web.middleware
    async def layer(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/middleware":
            raise RuntimeError("on purpose")
        response: web.StreamResponse = await handler(request)
        if request.path == "/rebuilt":
            return web.json_response({"was": response.status}, status=503)
        return response

    async def refuse(request: web.Request) -> web.Response:
        raise {"/400": web.HTTPBadRequest, "/422": web.HTTPUnprocessableEntity}[request.path]

    @override(allow_origins=[ADMIN])
    async def conflict(request: web.Request) -> web.Response:
        raise web.HTTPConflict if request.path == "/overridden" else RuntimeError("on purpose")

    asyncio.get_running_loop().set_debug(debug)
    app = web.Application(middlewares=[layer])
    handlers = {"/400": refuse, "/422": refuse, "/overridden": conflict, "/broken": conflict}
    app.router.add_put(path, handlers.get(path, ok))
    setup(app, LISTED)
    client = await aiohttp_client(app)
    reader = ADMIN if handlers.get(path) is conflict else APP
    for asked in (APP, ADMIN, None):
        response = await client.put(path, headers={"Origin": asked} if asked else {})
        expected = {"Access-Control-Allow-Origin": asked} if asked == reader else {}
        assert (response.status, cors_headers(response)) == (status, {**expected, **REFUSED})


# Caches, and what one request leaves for another


@pytest.mark.parametrize(
    "origins",
    [
        pytest.param([APP], id="one origin"),
        pytest.param(["https://*.example.com"], id="one wildcard"),
        pytest.param(["https://app.example.com:*"], id="any port of one host"),
        pytest.param([re.compile(r"https://[a-z]+\.example\.com")], id="one regular expression"),
        pytest.param(lambda _request, origin: origin == APP, id="a callable"),
    ],
)
async def test_a_list_of_one_varies_too(aiohttp_client: Any, origins: Any) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=origins))
    client = await aiohttp_client(app)
    for headers, expected in (
        ({"Origin": APP}, READABLE),
        ({"Origin": EVIL}, REFUSED),
        ({}, REFUSED),
    ):
        for path in ("/", "/nothing"):
            response = await client.put(path, headers=headers)
            assert cors_headers(response) == expected


async def test_cookies_and_authorization_change_nothing(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_put("/any", ok)
    listed = app.router.add_put("/listed", ok)
    cors = setup(app)
    cors.override(listed, LISTED)
    client = await aiohttp_client(app)
    for path, expected in (("/any", {"Access-Control-Allow-Origin": "*"}), ("/listed", READABLE)):
        for secret in ({}, {"Cookie": "a=1"}, {"Authorization": "Bearer x"}):
            for headers in ({"Origin": APP}, preflight("POST")):
                response = await client.put(path, headers={**headers, **secret})
                assert (response.status, cors_headers(response)) == (200, expected)


async def test_names_echoed_to_one_page_do_not_reach_another(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    options = CorsOptions(allow_origins=[APP], allow_credentials=True, allow_headers="*")
    setup(app, options)
    client = await aiohttp_client(app)

    async def ask(names: str | None) -> None:
        response = await client.options("/", headers=preflight("PUT", APP, names))
        expected = {**allowed("PUT"), "Access-Control-Allow-Credentials": "true"}
        del expected["Access-Control-Allow-Headers"]
        if names is not None:
            expected["Access-Control-Allow-Headers"] = names
        assert (response.status, cors_headers(response)) == (204, expected)

    for _ in range(2):
        await ask("authorization, x-0")
        await ask(None)
    await asyncio.gather(*(ask(f"x-{n}") for n in range(50)))


async def test_what_users_change_afterwards_reaches_no_other_response(aiohttp_client: Any) -> None:
    origins, methods, headers, exposed = [APP], ["PUT"], ["X-One"], ["X-Total"]

    async def meddle(_request: web.Request, response: web.StreamResponse) -> None:
        for name in [*cors_headers(response)]:
            response.headers[name] += ", changed"

    app = web.Application()
    app.router.add_put("/", ok)
    setup(
        app,
        CorsOptions(
            allow_origins=origins,
            allow_methods=methods,
            allow_headers=headers,
            expose_headers=exposed,
        ),
    )
    app.on_response_prepare.append(meddle)  # behind ours
    for given in (origins, methods, headers, exposed):
        given[:] = ["CHANGED"]
    client = await aiohttp_client(app)
    readable = {**READABLE, "Access-Control-Expose-Headers": "X-Total"}
    listed = {**allowed("PUT"), "Access-Control-Allow-Headers": f"{SAFE}, X-One"}
    for _ in range(2):
        response = await client.put("/", headers={"Origin": APP})
        assert cors_headers(response) == {k: f"{v}, changed" for k, v in readable.items()}
        response = await client.options("/", headers=preflight("PUT"))
        assert cors_headers(response) == {k: f"{v}, changed" for k, v in listed.items()}


async def test_a_request_compiles_and_parses_nothing(
    aiohttp_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    origins = [APP, *(f"https://*.t{n}.example.com" for n in range(100))]
    setup(app, CorsOptions(allow_origins=origins))
    client = await aiohttp_client(app)
    await client.put("/")  # routes are looked up on first use

    def never(*_: object, **__: object) -> None:
        raise AssertionError("at run time")

    for name in ("_origins.parse_pattern", "options.parse_pattern", "options.read_origins"):
        monkeypatch.setattr(f"aiohttp_cors_plugin.{name}", never)
    monkeypatch.setattr("aiohttp_cors_plugin._policy.Rule.__init__", never)
    monkeypatch.setattr("aiohttp_cors_plugin._policy.Policy.__init__", never)
    for origin, expected in ((APP, READABLE), (EVIL, REFUSED), ("https://t1.example.com", REFUSED)):
        response = await client.put("/", headers={"Origin": origin})
        assert cors_headers(response) == expected
    response = await client.options("/", headers=preflight("PUT", "https://a.t7.example.com"))
    expected = allowed("PUT", origin="https://a.t7.example.com")
    assert (response.status, cors_headers(response)) == (204, expected)


# Origins


@pytest.mark.parametrize(
    "origin",
    "https://barfoo.com https://foobar.com https://oo.com https://foo.combar.com"
    " https://bar.com.foo.com.net https://com https://foo.com.bar https://ba.com".split(),
)
def test_names_that_share_a_tail_are_apart(origin: str) -> None:
    exact = ["https://foo.com", "https://bar.com"]
    wild = ["https://*.foo.com", "https://*.bar.com", "https://f*.o.com"]
    for patterns in (exact, wild, exact + wild):
        assert not OriginList(patterns).matches(origin)
    assert all(OriginList(exact + wild).matches(good) for good in exact)


@pytest.mark.parametrize(
    "text",
    [
        r"https://.*\.example\.com",
        r"https://[a-z]+\.example\.com",
        r"^https://app\.example\.com$",
        r"https://app\.example\.com",
        r"https://(a|b)\.example\.com",
        r"https?://app.example.com",
        r"https://app.example.com.*",
        r".*",
        r"https://.+",
    ],
)
def test_text_is_never_taken_for_a_regular_expression(text: str) -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions(allow_origins=[text])
    assert [problem.option for problem in caught.value.problems] == ["allow_origins[0]"]


# Preflights


@pytest.mark.parametrize(
    "method", ["PU", "UT", "U", "XPUT", "PUTX", "PUT,", "GET,", "ET", "HEA", ", "]
)
@pytest.mark.parametrize("methods", [None, ["GET", "PUT"]], ids=["what is served", "a list"])
async def test_a_part_of_a_method_is_another_method(
    aiohttp_client: Any, method: str, methods: list[str] | None
) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    app.router.add_get("/", ok)
    app.router.add_route("*", "/any", ok)
    setup(app, CorsOptions(allow_origins=[APP], allow_methods=methods))
    client = await aiohttp_client(app)
    for path in ("/", "/any", "/nothing"):
        response = await client.options(path, headers=preflight(method))
        assert (response.status, cors_headers(response)) == (403, REFUSED)


@pytest.mark.parametrize(("status", "length"), [(200, "0"), (204, None), (299, "0")])
async def test_the_status_of_a_preflight_is_a_choice_and_its_body_empty(
    aiohttp_client: Any, status: int, length: str | None
) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=[APP], preflight_status=status))
    client = await aiohttp_client(app)
    for _ in range(2):  # on one connection: nothing is left over, nothing is waited for
        response = await client.options("/", headers=preflight("PUT"))
        assert (response.status, cors_headers(response)) == (status, allowed("PUT"))
        # RFC 9110, 8.6: no Content-Length in a 204.
        assert (await response.read(), response.headers.get("Content-Length")) == (b"", length)
        assert "Transfer-Encoding" not in response.headers


STEPS = ("setup", "middleware", "route", "mount")


@pytest.mark.parametrize("steps", [*itertools.permutations(STEPS)], ids=", ".join)
async def test_the_order_of_setup_middlewares_and_routes_does_not_matter(
    aiohttp_client: Any, steps: tuple[str, ...]
) -> None:
    @web.middleware
    async def nobody(request: web.Request, handler: Any) -> web.StreamResponse:
        raise web.HTTPUnauthorized

    app, sub = web.Application(), web.Application()
    sub.router.add_put("/x", ok)
    does: dict[str, Callable[[], object]] = {
        "setup": lambda: setup(app, LISTED),
        "middleware": lambda: app.middlewares.append(nobody),
        "route": lambda: app.router.add_put("/x", ok),
        "mount": lambda: app.add_subapp("/sub", sub),
    }
    for step in steps:
        does[step]()
    client = await aiohttp_client(app)
    for path in ("/x", "/sub/x"):
        response = await client.options(path, headers=preflight("PUT"))
        assert (response.status, cors_headers(response)) == (204, allowed("PUT"))
        response = await client.put(path, headers={"Origin": APP})
        assert (response.status, cors_headers(response)) == (401, READABLE)


@pytest.mark.parametrize("network", ["Private", "Local"])
@pytest.mark.parametrize("options", [LISTED, CorsOptions()], ids=["a list", "any origin"])
async def test_a_question_about_the_network_is_not_answered(
    aiohttp_client: Any, options: CorsOptions, network: str
) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, options)
    client = await aiohttp_client(app)
    asked = {f"Access-Control-Request-{network}-Network": "true"}
    seen = []
    for headers in ({}, asked):
        response = await client.options("/", headers=preflight("PUT") | headers)
        seen.append((response.status, {k: v for k, v in response.headers.items() if k != "Date"}))
    assert seen[0] == seen[1]
    assert not [name for name in seen[1][1] if "network" in name.lower()]


# Responses


@pytest.mark.parametrize(
    ("origin", "expected"), [(APP, READABLE), (EVIL, REFUSED), (None, REFUSED)]
)
async def test_lines_that_were_there_twice(
    aiohttp_client: Any, origin: str | None, expected: dict[str, str]
) -> None:
    """Ours are merged into one answer, those of others are kept."""
    theirs = [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Link", "</a>; rel=next"),
        ("Link", "</b>; rel=prev"),
    ]
    ours = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Origin", EVIL),
        ("access-control-allow-credentials", "true"),
        ("ACCESS-CONTROL-ALLOW-CREDENTIALS", "true"),
        ("Access-Control-Expose-Headers", "X-A"),
        ("Access-Control-Expose-Headers", "X-B"),
        ("Access-Control-Allow-Methods", "*"),
        ("Vary", "Cookie"),
        ("vary", "Accept"),
    ]

    async def proxy(_request: web.Request) -> web.Response:
        return web.Response(headers=CIMultiDict([*theirs, *ours]))

    app = web.Application()
    app.router.add_get("/", proxy)
    setup(app, LISTED)
    client = await aiohttp_client(app)
    response = await client.get("/", headers={"Origin": origin} if origin else {})
    assert cors_headers(response) == {**expected, "Vary": "Cookie, Accept, Origin"}
    assert [line for line in response.headers.items() if line in theirs] == theirs


async def test_a_websocket_that_is_not_guarded_opens_for_everybody(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_get("/", socket)
    setup(app, LISTED)
    client = await aiohttp_client(app)
    for origin, expected in ((APP, READABLE), (EVIL, REFUSED), (None, REFUSED)):
        async with client.ws_connect("/", origin=origin) as ws:
            assert await ws.receive_str() == "hello"
            assert cors_headers(ws._response) == expected


async def test_events_arrive_while_the_stream_is_open_and_after_a_reconnect(
    aiohttp_client: Any,
) -> None:
    received = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        number = int(request.headers.get("Last-Event-ID", "0")) + 1
        await response.write(f"id: {number}\ndata: x\n\n".encode())
        await asyncio.wait_for(received.wait(), 10)
        received.clear()
        return response

    app = web.Application()
    app.router.add_get("/", stream)
    setup(app, LISTED)
    client = await aiohttp_client(app)
    last: dict[str, str] = {}
    for number in ("1", "2", "3"):
        headers = {"Origin": APP, "Accept": "text/event-stream", **last}
        async with client.get("/", headers=headers) as response:
            assert (response.status, cors_headers(response)) == (200, READABLE)
            assert await response.content.readline() == f"id: {number}\n".encode()
            received.set()
            await response.read()
        last = {"Last-Event-ID": number}


# Callables


async def _is_app(_request: Any, origin: str) -> bool:
    return origin == APP


class Asked:
    async def __call__(self, request: Any, origin: str) -> bool:
        return await _is_app(request, origin)

    async def method(self, request: Any, origin: str) -> bool:
        return await _is_app(request, origin)

    def task(self, request: Any, origin: str) -> Any:
        return asyncio.ensure_future(_is_app(request, origin))


async def _third(_extra: int, request: Any, origin: str) -> bool:
    return await _is_app(request, origin)


@pytest.mark.parametrize(
    "predicate",
    [
        pytest.param(_is_app, id="a coroutine function"),
        pytest.param(functools.partial(_third, 7), id="a partial of one"),
        pytest.param(Asked(), id="an object with an async call"),
        pytest.param(Asked().method, id="a bound method"),
        pytest.param(Asked().task, id="a function that returns a task"),
        pytest.param(lambda _, origin: _is_app(None, origin), id="a lambda around one"),
        pytest.param(
            functools.wraps(_is_app)(lambda _, origin: origin == APP), id="a sync wrapper"
        ),
    ],
)
async def test_an_answer_is_awaited_whatever_gave_it(
    aiohttp_client: Any, predicate: Callable[..., Any]
) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=predicate))
    client = await aiohttp_client(app)
    for origin, expected in ((APP, READABLE), (EVIL, REFUSED)):
        response = await client.put("/", headers={"Origin": origin})
        assert cors_headers(response) == expected
        response = await client.options("/", headers=preflight("PUT", origin))
        assert (response.status, cors_headers(response)) == (
            (204, allowed("PUT")) if origin == APP else (403, REFUSED)
        )


# The log


async def test_a_request_cannot_forge_a_line_of_the_log(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Custom):
        async def resolve(self, request: web.Request) -> Any:
            if request.method == "OPTIONS":
                return await super().resolve(request)
            raise LookupError("on purpose")

    path = "/x\r\n2026 INFO forged"
    app = web.Application()
    app.router.register_resource(Failing(path))
    setup(app, LISTED)
    client = await aiohttp_client(app)
    with caplog.at_level(logging.DEBUG, "aiohttp_cors_plugin"):
        url = URL(f"http://{client.host}:{client.port}/x%0d%0a2026%20INFO%20forged", encoded=True)
        await client.session.options(url, headers=preflight("PUT"))
    ours = [r.getMessage() for r in caplog.records if r.name == "aiohttp_cors_plugin"]
    assert len(ours) == 2  # the failure, and the preflight that is left to the application
    for message in ours:
        assert "forged" in message
        assert not re.search(r"[\r\n]", message)


# The code, and what is said of it where it is installed


@pytest.mark.parametrize("module", ORDER)
def test_everything_is_annotated_and_no_optional_is_implicit(module: str) -> None:
    bare = []
    for node in ast.walk(tree_of(module)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        a = node.args
        if node.returns is None and node.name != "__init__":
            bare.append(f"{node.name} -> ?")
        named = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        bare += [
            f"{node.name}({argument.arg})"
            for argument in named
            if argument.annotation is None and argument.arg not in ("self", "cls")
        ]
        defaults: list[tuple[ast.arg, ast.expr | None]]
        defaults = [*zip([*a.posonlyargs, *a.args][::-1], a.defaults[::-1], strict=False)]
        defaults += zip(a.kwonlyargs, a.kw_defaults, strict=True)
        bare += [
            f"{node.name}({argument.arg}=None)"
            for argument, default in defaults
            if default is not None
            and ast.unparse(default) == "None"
            and not re.search("None|object|Any", ast.unparse(argument.annotation or default))
        ]
    assert bare == []
    assert (Path(aiohttp_cors_plugin.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("module", ORDER)
def test_nothing_private_is_imported_from_elsewhere(module: str) -> None:
    names = []
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    others = [n for n in names if n.split(".")[0] not in ("aiohttp_cors_plugin", "__future__")]
    assert [n for n in others if any(part.startswith("_") for part in n.split("."))] == []


def test_no_version_is_capped_and_nothing_stands_in_for_the_standard_library() -> None:
    parser = configparser.ConfigParser()
    parser.read(TESTS.parent / "setup.cfg")
    options = parser["options"]
    assert options["python_requires"] == ">=3.10"
    needed = [line for line in options["install_requires"].splitlines() if line and line[0] != "#"]
    assert [re.sub(r">=[0-9.]+$", "", line) for line in needed] == ["aiohttp", "multidict"]
