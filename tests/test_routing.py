"""How OPTIONS resources attach: order, nested applications, questions put to the router."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from aiohttp_cors_plugin import CorsOptions, _routing, setup
from aiohttp_cors_plugin._requests import request_key
from aiohttp_cors_plugin._routing import (
    OptionsResource,
    PreflightMatch,
    Root,
    serves,
    unwrapped,
    view_methods,
)
from tests.app import (
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
)

OPTIONS = CorsOptions(allow_origins=[APP])


def succeeded(response: Any) -> bool:
    return response.status == 204 and cors_headers(response).get("Access-Control-Allow-Origin") in (
        APP,
        "*",
    )


async def test_registration_order_still_decides_between_resources(aiohttp_client: Any) -> None:
    def named(name: str) -> Any:
        async def handler(_request: web.Request) -> web.Response:
            return web.Response(text=name)

        return handler

    app = web.Application()
    app.router.add_get("/{a}/x", named("first"))
    app.router.add_route("*", "/{b:[^/]+}/{c}", named("any"))
    app.router.add_get("/{d}/{e}", named("last"))
    app.router.add_options("/{f}/{g}", named("options"))
    app.router.register_resource(Custom("/q/custom"))
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    assert await (await client.get("/q/x")).text() == "first"
    assert await (await client.get("/q/y")).text() == "any"
    assert await (await client.options("/q/x")).text() == "any"
    assert succeeded(await client.options("/q/x", headers=preflight("PUT")))


async def test_a_sub_application_alone_has_cors_in_a_parent_without(aiohttp_client: Any) -> None:
    sub = web.Application()
    sub.router.add_put("/thing", ok)
    sub.router.add_post("/none", ok)
    sub.router.add_options("/none", own_options)
    cors = setup(sub, OPTIONS)
    cors.override(next(iter(r for r in sub.router.routes() if r.method == "POST")), None)

    @web.middleware
    async def mark(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        response.headers["X-Middleware"] = "ran"
        return response

    def parent() -> web.Application:
        app = web.Application(middlewares=[mark])
        app.router.add_put("/mine", ok)
        # The parent takes a path below the sub-application's prefix: no CORS there.
        app.router.add_delete("/sub/thing", ok)
        return app

    app = parent()
    app.add_subapp("/sub", sub)
    client = await aiohttp_client(app)
    # The very first preflight, before the root is known, may be for a target without a policy.
    response = await client.options("/sub/none", headers=preflight("POST"))
    assert await response.text() == "my own OPTIONS"
    assert response.headers["X-Middleware"] == "ran"
    assert cors_headers(response) == {}
    for _ in range(2):
        response = await client.options("/sub/thing", headers=preflight("PUT"))
        assert succeeded(response)
        assert "X-Middleware" not in response.headers
    response = await client.options("/sub/thing", headers=preflight("DELETE"))
    assert (response.status, cors_headers(response)) == (405, {})
    response = await client.options("/mine", headers=preflight("PUT"))
    assert (response.status, cors_headers(response)) == (405, {})


async def test_the_first_preflight_of_a_sub_application_alone(aiohttp_client: Any) -> None:
    sub = web.Application()
    sub.router.add_put("/thing", ok)
    setup(sub, OPTIONS)
    app = web.Application()
    app.add_subapp("/sub", sub)
    client = await aiohttp_client(app)
    response = await client.options(
        "/sub/thing", headers=preflight("PUT") | {"Expect": "100-continue"}
    )
    assert succeeded(response)


async def test_nested_setups_the_nearest_governs(aiohttp_client: Any) -> None:
    inner = web.Application()
    inner.router.add_put("/thing", ok)
    inner.router.add_route("*", "/any", ok)
    setup(inner, CorsOptions(allow_origins=[EVIL], max_age=1))
    middle = web.Application()
    middle.router.add_put("/thing", ok)
    middle.add_subapp("/inner", inner)
    app = web.Application()
    app.router.add_put("/thing", ok)
    app.add_subapp("/middle", middle)
    setup(app, CorsOptions(allow_origins=[APP], max_age=2))
    client = await aiohttp_client(app)
    for path, origin, age in (
        ("/thing", APP, "2"),
        ("/middle/thing", APP, "2"),
        ("/middle/nothing", APP, "2"),
        ("/middle/inner/thing", EVIL, "1"),
        ("/middle/inner/any", EVIL, "1"),
        ("/middle/inner/nothing", EVIL, "1"),
    ):
        for asked in (APP, EVIL):
            response = await client.options(path, headers=preflight("PUT", asked))
            shown = cors_headers(response)
            if asked == origin:
                assert (response.status, shown["Access-Control-Max-Age"]) == (204, age), path
            else:
                assert (response.status, shown) == (403, {"Vary": "Origin"}), path
            for method in ("PUT", "DELETE"):
                response = await client.request(method, path, headers={"Origin": asked})
                expected = {"Access-Control-Allow-Origin": asked} if asked == origin else {}
                assert cors_headers(response) == {**expected, "Vary": "Origin"}, (path, method)


async def test_a_resource_that_fails_on_the_question_leaves_the_preflight_alone(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Custom):
        async def resolve(self, request: web.Request) -> Any:
            if request.method == "PUT":
                raise LookupError("on purpose")
            return await super().resolve(request)

    app = web.Application()
    app.router.register_resource(Failing("/failing"))
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    response = await client.options("/failing", headers=preflight("PUT"))
    assert (response.status, cors_headers(response)) == (200, {})
    assert "on purpose" in caplog.text


async def test_the_index_keeps_the_order_that_the_user_gave_it(aiohttp_client: Any) -> None:
    """Also where that is not the order of registration, and where something is not in it."""

    async def answers(has_plugin: bool) -> list[tuple[int, str]]:
        app = web.Application()
        catch_all = app.router.add_route("*", "/{tail:.*}", ok).resource
        app.router.add_get("/{name}", lambda_named)
        gone = app.router.add_route("*", "/{gone}/gone", ok).resource
        assert catch_all is not None
        assert gone is not None
        app.router.unindex_resource(catch_all)
        app.router.index_resource(catch_all)
        app.router.unindex_resource(gone)
        if has_plugin:
            setup(app, OPTIONS)
        client = await aiohttp_client(app)
        found = []
        for method, path in (("GET", "/foo"), ("PUT", "/foo"), ("GET", "/foo/gone")):
            response = await client.request(method, path)
            found.append((response.status, await response.text()))
        return found

    assert await answers(True) == await answers(False)


async def lambda_named(_request: web.Request) -> web.Response:
    return web.Response(text="named")


class Moving(Custom):
    """Whose place in the index nobody finds again."""

    canonical = "/moved"  # type: ignore[assignment]


async def test_what_cannot_be_taken_out_of_the_index_is_left_as_it_is(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    resource = Moving("/moving")
    app.router.register_resource(resource)
    app.router.add_route("*", "/there", ok)
    resource.canonical = "/elsewhere"  # type: ignore[misc]
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    assert "not in the router's index" in caplog.text
    assert succeeded(await client.options("/there", headers=preflight("PUT")))


async def test_without_the_index_of_the_router_the_order_is_that_of_registration(
    aiohttp_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it will be if aiohttp ever gives its index another name."""
    app = make_app()
    setup(app, OPTIONS)
    monkeypatch.setattr(_routing, "getattr", _without_index, raising=False)
    client = await aiohttp_client(app)
    for path, method in (
        ("/any", "PUT"),
        ("/view", "PUT"),
        ("/users/me", "POST"),
        ("/own", "POST"),
    ):
        for _ in range(2):
            assert succeeded(await client.options(path, headers=preflight(method)))
    assert await (await client.options("/own")).text() == "my own OPTIONS"


def _without_index(target: object, name: str, *default: Any) -> Any:
    return default[0] if name == "_resource_index" else getattr(target, name, *default)


class Alias(Custom):
    """Serves another path of the same application, as its router has it."""

    def __init__(self, app: web.Application) -> None:
        super().__init__("/v1")
        self._app = app

    async def resolve(self, request: web.Request) -> Any:
        path = request.rel_url.path
        if not path.startswith("/v1/"):
            return None, set()
        return await self._app.router.resolve(request.clone(rel_url=path[3:])), set()


async def test_a_resource_that_clones_the_question_asks_the_same(aiohttp_client: Any) -> None:
    app = make_app()
    app.router.register_resource(Alias(app))
    cors = setup(app, OPTIONS)
    cors.override(app.router["item"], None)
    client = await aiohttp_client(app)
    for method, path, status in (
        ("PUT", "/v1/plain", 204),
        ("PATCH", "/v1/plain", 403),
        ("GET", "/v1/items/7", 405),
        ("OPTIONS", "/v1/own", 204),
        ("OPTIONS", "/v1/plain", 403),
    ):
        response = await client.options(path, headers=preflight(method))
        assert (response.status, method, path) == (status, method, path)


async def test_a_resource_that_comes_to_answer_options_gets_its_place_again(
    aiohttp_client: Any,
) -> None:
    """Behind it stands one with an OPTIONS resource in front: both are put in once more."""
    app = web.Application()
    first = app.router.add_resource("/{one}")
    first.add_route("PUT", ok)
    app.router.add_route("*", "/{two}/{three}", ok)
    cors = setup(app, OPTIONS)
    client = await aiohttp_client(app)
    assert succeeded(await client.options("/a/b", headers=preflight("PUT")))
    first.add_route("OPTIONS", own_options)
    cors.rescan()
    for path, expected in (("/a", "my own OPTIONS"), ("/a/b", "OPTIONS")):
        assert expected in await (await client.options(path)).text()
        response = await client.options(path, headers=preflight("PUT"))
        assert succeeded(response)
        assert "OPTIONS" in cors_headers(response)["Access-Control-Allow-Methods"]
    assert [*map(len, app.router.resources())] == [2, 1]


async def test_a_resource_that_tells_nothing_of_itself_is_no_sub_application(
    aiohttp_client: Any,
) -> None:
    class Silent(Custom):
        def get_info(self) -> Any:
            raise NotImplementedError

    app = web.Application()
    app.router.register_resource(Silent("/silent"))
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    assert succeeded(await client.options("/silent", headers=preflight("GET")))
    response = await client.options("/silent", headers=preflight("PUT"))
    assert (response.status, cors_headers(response)) == (403, {"Vary": "Origin"})


async def test_a_resource_that_fails_on_a_method_that_nobody_has(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Strict(Custom):
        async def resolve(self, request: web.Request) -> Any:
            if request.method not in ("GET", "PUT", "OPTIONS"):
                raise LookupError("on purpose")
            return await super().resolve(request)

    app = web.Application()
    app.router.register_resource(Strict("/strict"))
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    response = await client.options("/strict", headers=preflight("GET"))
    assert succeeded(response)
    assert cors_headers(response)["Access-Control-Allow-Methods"] == "GET"
    assert "on purpose" in caplog.text


async def test_the_root_is_learned_through_several_levels(aiohttp_client: Any) -> None:
    """The outermost application has no plugin: the innermost is the first that is asked."""
    inner, middle, app = web.Application(), web.Application(), web.Application()
    inner.router.add_put("/thing", ok)
    setup(inner, OPTIONS)
    middle.router.add_put("/thing", ok)
    middle.add_subapp("/inner", inner)
    setup(middle, OPTIONS)
    app.add_subapp("/middle", middle)
    client = await aiohttp_client(app)
    for path in ("/middle/inner/thing", "/middle/thing"):
        assert succeeded(await client.options(path, headers=preflight("PUT")))


def test_the_match_of_a_preflight_leaves_that_of_the_announced_request_alone() -> None:
    app, other = web.Application(), web.Application()
    route = app.router.add_put("/", ok)
    target = web.UrlMappingMatchInfo({}, route)
    target.add_app(app)
    match = PreflightMatch(route, SimpleNamespace(target=target))
    assert (match.apps, match.current_app) == ((), app)
    match.reveal()
    assert match.apps == (app,)
    match.current_app = other
    assert (match.current_app, target.current_app) == (other, app)


def test_attached_resources_are_no_resources_of_the_users() -> None:
    app = make_app()
    before = list(app.router.resources())
    setup(app, OPTIONS)
    route = next(iter(app.router["plain"]))
    decider: Any = None  # asked only by preflights
    resource = OptionsResource(decider, Root(), route)
    assert (len(resource), list(resource), resource.canonical) == (0, [], "/")
    assert (resource.get_info(), resource.raw_match("/")) == ({}, False)
    for call in (resource.url_for, functools.partial(resource.add_prefix, "/x")):
        with pytest.raises(RuntimeError):
            call()
    assert list(app.router.resources()) == before


class Base(web.View):
    async def get(self) -> web.Response:
        return web.Response()

    async def post(self) -> web.Response:
        return web.Response()


class ReadOnly(Base):
    post = None  # type: ignore[assignment]


async def test_a_method_that_a_view_withdraws_is_not_served(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_view("/", ReadOnly)
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    assert (await client.post("/")).status == 405
    assert (await client.options("/", headers=preflight("POST"))).status == 403
    response = await client.options("/", headers=preflight("GET"))
    assert cors_headers(response)["Access-Control-Allow-Methods"] == "GET"


class Dispatching(web.View):
    async def _iter(self) -> web.StreamResponse:
        return web.Response()


@pytest.mark.parametrize(
    ("view", "method", "expected"),
    [
        pytest.param(Item, "GET", True, id="a method that the view has"),
        pytest.param(Item, "DELETE", False, id="one that it lacks"),
        pytest.param(Dispatching, "DELETE", True, id="a view that dispatches in its own way"),
    ],
)
def test_views(view: type[web.View], method: str, expected: bool) -> None:
    route = web.Application().router.add_view("/v", view)
    assert serves(route, method) is expected
    assert bool(view_methods(view)) is (view is Item)


def test_handlers_are_looked_through() -> None:
    class Things:
        async def get(self, extra: int, request: web.Request) -> web.Response:
            return web.Response(text=f"{extra} {request.path}")

    things = Things()
    partial = functools.partial(things.get, 7)

    @functools.wraps(things.get)
    async def wrapper(request: web.Request) -> web.Response:
        return await partial(request)

    assert list(unwrapped(wrapper)) == [wrapper, things.get, Things.get]
    wrapper.__wrapped__ = wrapper
    assert len(list(unwrapped(wrapper))) == 100
    assert list(unwrapped(partial)) == [partial, things.get, Things.get]
    partly = functools.partialmethod(Things.get, 7)
    assert list(unwrapped(partly)) == [partly, Things.get]
    called = Called()
    assert list(unwrapped(called)) == [called, Called.__call__, Called.get]
    assert list(unwrapped(called.get)) == [called.get, Called.get]
    assert list(unwrapped(Things)) == [Things]
    assert list(unwrapped(None)) == [None]


class Called:
    async def get(self, request: web.Request) -> web.Response:
        return web.Response(text=request.path)

    @functools.wraps(get)
    async def __call__(self, request: web.Request) -> web.Response:
        return await self.get(request)


ROOT, OUTER, INNER = (f"https://{name}.example.com" for name in ("root", "outer", "inner"))
HOST = {"Host": "tenant.example.org"}


@pytest.fixture
async def nested(aiohttp_client: Any) -> Any:
    """Three nested sub-applications: a domain with a setup, one without, one with its own."""

    def fill(app: web.Application, prefix: str = "") -> web.Application:
        app.router.add_put(f"{prefix}/thing", ok)
        app.router.add_get(f"{prefix}/boom", boom)
        return app

    outer, middle, inner = (fill(web.Application()) for _ in range(3))
    # Not on the domain's paths: which of the two goes first depends on aiohttp's version.
    root = fill(web.Application(), "/root")
    setup(inner, CorsOptions(allow_origins=[INNER], allow_headers=["X-Inner"], max_age=3))
    middle.add_subapp("/inner", inner)
    setup(outer, CorsOptions(allow_origins=[OUTER], allow_credentials=True, max_age=2))
    outer.add_subapp("/middle", middle)
    root.add_domain("tenant.example.org", outer)
    setup(root, CorsOptions(allow_origins=[ROOT], expose_headers=["X-Root"], max_age=1))
    return await aiohttp_client(root)


SAFE = "Accept, Accept-Language, Content-Language, Content-Type, Range"
GOVERNED = [
    pytest.param(
        "/root", {}, ROOT, {"Access-Control-Expose-Headers": "X-Root"}, "1", SAFE, id="root"
    ),
    pytest.param(
        "", HOST, OUTER, {"Access-Control-Allow-Credentials": "true"}, "2", SAFE, id="domain"
    ),
    pytest.param(
        "/middle",
        HOST,
        OUTER,
        {"Access-Control-Allow-Credentials": "true"},
        "2",
        SAFE,
        id="without a setup of its own",
    ),
    pytest.param("/middle/inner", HOST, INNER, {}, "3", f"{SAFE}, X-Inner", id="innermost"),
]


@pytest.mark.parametrize(("prefix", "host", "origin", "extra", "age", "headers"), GOVERNED)
async def test_three_nested_sub_applications(
    nested: Any,
    prefix: str,
    host: dict[str, str],
    origin: str,
    extra: dict[str, str],
    age: str,
    headers: str,
) -> None:
    for asked in (ROOT, OUTER, INNER):
        readable = {"Access-Control-Allow-Origin": origin, **extra} if asked == origin else {}
        for method, path, status in (
            ("PUT", "/thing", 200),
            ("PUT", "/nothing", 404),
            ("DELETE", "/thing", 405),
            ("GET", "/boom", 500),
        ):
            sent = {"Origin": asked, **host}
            response = await nested.request(method, prefix + path, headers=sent)
            assert (response.status, cors_headers(response)) == (
                status,
                {**readable, "Vary": "Origin"},
            )
        for path in ("/thing", "/nothing"):
            sent = preflight("PUT", asked) | host
            response = await nested.options(prefix + path, headers=sent)
            allowed = {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": "PUT",
                "Access-Control-Allow-Headers": headers,
                "Access-Control-Max-Age": age,
                "Vary": "Origin",
            }
            allowed |= {k: v for k, v in extra.items() if "Credentials" in k}
            assert (response.status, cors_headers(response)) == (
                (204, allowed) if asked == origin else (403, {"Vary": "Origin"})
            )
        response = await nested.options(
            f"{prefix}/thing", headers=preflight("DELETE", asked) | host
        )
        assert (response.status, cors_headers(response)) == (403, {"Vary": "Origin"})


async def test_a_parent_serves_paths_below_its_sub_application(aiohttp_client: Any) -> None:
    sub = web.Application()
    sub.router.add_delete("/both", ok)
    app = web.Application()
    app.router.add_get("/sub/both", ok)
    app.router.add_put("/sub/both", ok, name="put")
    app.router.add_get("/sub/parents", ok)
    hidden = app.router.add_get("/sub/hidden", _own(ok))
    app.add_subapp("/sub", sub)
    cors = setup(app, OPTIONS)
    cors.override(hidden, None)
    client = await aiohttp_client(app)
    for path, method, methods in (
        ("/sub/both", "PUT", "DELETE, GET, HEAD, PUT"),
        ("/sub/both", "DELETE", "DELETE, GET, HEAD, PUT"),
        ("/sub/parents", "GET", "GET, HEAD"),
        ("/sub/nothing", "PUT", "PUT"),
    ):
        response = await client.options(path, headers=preflight(method))
        assert response.status == 204
        assert cors_headers(response)["Access-Control-Allow-Methods"] == methods
    for path, status in (("/sub/both", 403), ("/sub/parents", 403), ("/sub/hidden", 404)):
        response = await client.options(path, headers=preflight("PATCH"))
        assert (response.status, "Access-Control-Allow-Origin" in response.headers) == (
            status,
            False,
        )


def _own(handler: Any) -> Any:
    async def own(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        return response

    return own


def index_of(app: web.Application) -> list[tuple[str, str, int]]:
    """What is at each place of the index, by identity."""
    places: Any = app.router._resource_index.items()
    return [(key, type(one).__name__, id(one)) for key, place in places for one in place]


async def test_what_answers_options_gets_one_resource_in_front_and_rescans_add_none(
    aiohttp_client: Any,
) -> None:
    app = make_app()
    cors = setup(app, OPTIONS)
    await aiohttp_client(app)
    before = index_of(app)
    fronts = [key for key, name, _ in before if name == "OptionsResource"]
    assert sorted(fronts) == ["/", "/any", "/custom", "/own", "/view"]
    for _ in range(2):
        cors.rescan()
        assert index_of(app) == before


async def test_resources_that_come_late_to_a_nested_application_are_found(
    aiohttp_client: Any,
) -> None:
    async def late(_request: web.Request) -> web.Response:
        return web.Response(text="late")

    app, sub = web.Application(), web.Application()
    sub.router.add_get("/early", ok)
    sub.router.freeze = lambda: None  # type: ignore[method-assign]
    app.add_subapp("/sub", sub)
    cors = setup(app, OPTIONS)
    client = await aiohttp_client(app)
    sub.router.add_route("*", "/sub/late", late)
    cors.override(late, allow_methods=["PUT"])
    cors.rescan()
    for method, passes in (("PUT", True), ("PATCH", False)):
        assert succeeded(await client.options("/sub/late", headers=preflight(method))) is passes


async def test_a_preflight_may_carry_what_others_keep_on_requests() -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, OPTIONS)
    app.freeze()
    await app.startup()
    request: Any = make_mocked_request("OPTIONS", "/", headers=preflight("PUT"))
    request[request_key("user")] = "somebody"
    assert (await app.router.resolve(request)).http_exception is None
