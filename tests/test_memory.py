"""What preflights found is remembered, and forgotten when the router would say something else."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.web_urldispatcher import (
    AbstractRuleMatching,
    MatchedSubAppResource,
    PrefixedSubAppResource,
)

from aiohttp_cors_plugin import CorsOptions, override, setup
from aiohttp_cors_plugin._memory import Memory
from aiohttp_cors_plugin._routing import tried_for
from tests.app import ADMIN, APP, Custom, cors_headers, make_app, ok, preflight


def asking(path: str = "/plain", *, method: str = "GET", host: str = "localhost") -> web.Request:
    headers = {"Host": host, "Access-Control-Request-Method": method}
    return make_mocked_request("OPTIONS", path, headers=headers)


def plain_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/plain", ok)
    app.router.add_get("/{other}", ok)
    return app


def remembering(app: web.Application, request: web.Request | None = None) -> Memory[str]:
    """A memory that knows what a GET reaches, if it may know that at all."""
    memory: Memory[str] = Memory()
    request = request or asking()
    assert memory.find(app, request) is None
    tried = tried_for(app.router, request.rel_url)
    memory.keep(app, request, "found", next(tried))
    return memory


def add_resource(app: web.Application) -> None:
    app.router.add_get("/new", ok)


def add_route(app: web.Application, number: int) -> None:
    list(app.router.resources())[number].add_route("PUT", ok)  # type: ignore[attr-defined]


def do_nothing(_app: web.Application) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        pytest.param(do_nothing, True, id="nothing happened"),
        pytest.param(add_resource, False, id="a resource is added"),
        pytest.param(functools.partial(add_route, number=0), False, id="a route to what answered"),
        pytest.param(
            functools.partial(add_route, number=1), False, id="a route to what did not answer"
        ),
        pytest.param(lambda _app: Memory.forget(), False, id="options changed somewhere"),
    ],
)
def test_what_is_kept_is_found_until_something_changes(change: Any, is_kept: bool) -> None:
    app = plain_app()
    memory = remembering(app)
    change(app)
    assert memory.find(app, asking()) == ("found" if is_kept else None)
    assert memory.find(app, asking(method="PUT")) is None
    assert memory.find(app, asking("/other")) is None


def test_what_is_kept_first_is_found_whatever_changed_before() -> None:
    app = plain_app()
    memory: Memory[str] = Memory()
    Memory.forget()
    memory.keep(app, asking(), "found", next(iter(app.router.resources())))
    assert memory.find(app, asking()) == "found"


def test_another_root_knows_nothing_of_it() -> None:
    app, other = plain_app(), plain_app()
    memory = remembering(app)
    assert memory.find(other, asking()) is None
    memory.keep(other, asking(), "else", next(iter(other.router.resources())))
    assert (memory.find(other, asking()), memory.find(app, asking())) == ("else", None)


def test_paths_that_differ_by_their_encoding_are_told_apart() -> None:
    """A router may tell them apart: `/a%2Fb` is one segment."""
    app = plain_app()
    memory = remembering(app, asking("/a%2Fb"))
    assert memory.find(app, asking("/a%2Fb")) == "found"
    assert memory.find(app, asking("/a%2Fb?x=1")) == "found"
    assert memory.find(app, asking("/a/b")) is None


@pytest.mark.parametrize(("path", "is_kept"), [("/plain", True), ("/sub/deeper/plain", False)])
def test_a_new_resource_in_a_nested_application_matters_where_the_path_leads(
    path: str, is_kept: bool
) -> None:
    app, sub, deeper = plain_app(), web.Application(), plain_app()
    # As Home Assistant does, which registers resources while it runs.
    deeper.router.freeze = lambda: None  # type: ignore[method-assign]
    sub.add_subapp("/deeper", deeper)
    app.add_subapp("/sub", sub)
    memory, request = Memory[str](), asking(path)
    router = app.router if is_kept else deeper.router
    memory.keep(app, request, "found", next(tried_for(router, request.rel_url)))
    assert memory.find(app, request) == "found"
    deeper.router.add_get("/late", ok)
    assert memory.find(app, request) == ("found" if is_kept else None)


@pytest.mark.parametrize("has_domain", [False, True])
def test_hosts_are_told_apart_where_there_are_domains(has_domain: bool) -> None:
    app = plain_app()
    if has_domain:
        app.add_domain("tenant.example.org", plain_app())
        app.add_domain("*.example.net", plain_app())
    memory = remembering(app)
    assert memory.find(app, asking()) == "found"
    other = memory.find(app, asking(host="tenant.example.org"))
    assert other == (None if has_domain else "found")


class Header(AbstractRuleMatching):
    """A rule that looks at something else than the host."""

    @property
    def canonical(self) -> str:
        return "header"

    def get_info(self) -> Any:
        return {"rule": self}

    async def match(self, request: web.Request) -> bool:
        return "X-Version" in request.headers


class Prefixed(PrefixedSubAppResource):
    pass


class Router(web.UrlDispatcher):
    pass


def with_a_rule() -> web.Application:
    app, sub = plain_app(), plain_app()
    app._add_subapp(functools.partial(MatchedSubAppResource, Header(), sub), sub)
    return app


def with_a_mount() -> web.Application:
    app, sub = plain_app(), plain_app()
    app._add_subapp(functools.partial(Prefixed, "/sub", sub), sub)
    return app


def with_a_resource() -> web.Application:
    app = plain_app()
    app.router.register_resource(Custom("/custom"))
    return app


def with_a_router() -> web.Application:
    app = web.Application()
    app._router = Router()
    app.router.add_get("/plain", ok)
    return app


def with_a_patched_router() -> web.Application:
    app = plain_app()
    app.router.resolve = app.router.resolve  # type: ignore[method-assign]
    return app


def with_a_patched_resource() -> web.Application:
    app = plain_app()
    resource: Any = next(iter(app.router.resources()))
    resource.resolve = resource.resolve
    return app


@pytest.mark.parametrize(
    "make",
    [
        with_a_rule,
        with_a_mount,
        with_a_resource,
        with_a_router,
        with_a_patched_router,
        with_a_patched_resource,
    ],
)
def test_what_classes_of_the_users_say_is_never_kept(make: Any) -> None:
    """They may look at anything in a request."""
    app = make()
    assert remembering(app).find(app, asking()) is None


def test_what_the_router_did_not_take_from_its_index_is_never_kept() -> None:
    app = plain_app()
    memory: Memory[str] = Memory()
    memory.find(app, asking())
    for taken in (None, next(iter(plain_app().router.resources()))):
        memory.keep(app, asking(), "found", taken)
        assert memory.find(app, asking()) is None


def test_many_paths_and_long_ones_do_not_fill_the_memory() -> None:
    app = plain_app()
    taken = list(app.router.resources())[1]
    memory: Memory[str] = Memory()
    a_request = asking()
    memory.find(app, a_request)
    memory.keep(app, long := asking("/" + "x" * 600), "found", taken)
    assert memory.find(app, long) is None
    many = [a_request.clone(rel_url=f"/{number}") for number in range(1500)]
    for request in many:
        memory.keep(app, request, "found", taken)
    remembered = [request for request in many if memory.find(app, request) is not None]
    assert 0 < len(remembered) <= 1024
    assert remembered[-1] is many[-1]


@pytest.mark.parametrize(
    "path",
    [
        *("/plain", "/items/7", "/users/me", "/users/7", "/any", "/view", "/own", "/slash/"),
        *("/sub", "/sub/thing", "/sub/deeper/thing/7", "/static/app.py", "/static/none"),
        *("/items/%61", "/items/a%2Fb", "/items/%C3%A4", "/%70lain", "/items/a%25b"),
    ],
)
async def test_the_router_takes_nothing_else_than_what_it_tries(path: str, tmp_path: Any) -> None:
    """On every version of aiohttp: the index is private to it."""
    app = make_app(tmp_path)
    apps = [app]
    for one in apps:
        infos = (resource.get_info() for resource in one.router.resources())
        apps += [info["app"] for info in infos if "app" in info]
    found = 0
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        request = make_mocked_request(method, path)
        match = await app.router.resolve(request)
        if match.route.resource is not None:
            found += 1
            tried = [r for one in apps for r in tried_for(one.router, request.rel_url)]
            assert match.route.resource in tried
    assert found


def at(*methods: str, late: str = "") -> Any:
    """A client whose routes are those that `late` adds to, and what adds."""

    async def start(aiohttp_client: Any) -> tuple[Any, Any]:
        @override(allow_origins=[ADMIN])
        async def secret(_request: web.Request) -> web.Response:
            return web.Response()

        app = web.Application()
        near = app.router.add_resource("/users/me")
        for method in methods:
            near.add_route(method, ok)
        far = app.router.add_resource("/users/{id}")
        far.add_route("PUT", ok)
        setup(app, CorsOptions(allow_origins=[APP, ADMIN]))
        return await aiohttp_client(app), functools.partial(near.add_route, late, secret)

    return start


@pytest.mark.parametrize(
    "start", [at(late="PUT"), at("POST", late="PUT")], ids=["no routes", "another route"]
)
@pytest.mark.parametrize("first", [APP, "https://evil.example.net"])
async def test_a_route_in_front_of_what_answered_is_noticed(
    aiohttp_client: Any, start: Any, first: str
) -> None:
    client, add = await start(aiohttp_client)
    for origin, status in ((first, 204 if first == APP else 403), (APP, 204)):
        response = await client.options("/users/me", headers=preflight("PUT", origin))
        assert response.status == status
    add()
    for origin, status in ((APP, 403), (ADMIN, 204)):
        response = await client.options("/users/me", headers=preflight("PUT", origin))
        assert response.status == status


async def test_a_route_that_is_added_later_is_in_the_next_answer(aiohttp_client: Any) -> None:
    app = web.Application()
    resource = app.router.add_resource("/items/{id}")
    resource.add_route("GET", ok)
    setup(app, CorsOptions(allow_origins=[APP]))
    client = await aiohttp_client(app)

    async def methods(announced: str) -> str | None:
        response = await client.options("/items/7", headers=preflight(announced))
        return cors_headers(response).get("Access-Control-Allow-Methods")

    for _ in range(2):
        assert await methods("GET") == "GET"
        assert await methods("PUT") is None
    resource.add_route("PUT", ok)
    for _ in range(2):
        assert await methods("GET") == "GET, PUT"
        assert await methods("PUT") == "GET, PUT"
