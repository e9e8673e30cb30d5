"""What preflights found is remembered, and forgotten when the router would say something else."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from aiohttp_cors_plugin import CorsOptions, setup
from aiohttp_cors_plugin._memory import Memory
from tests.app import APP, Custom, cors_headers, ok, preflight


class Found:
    """What a preflight found, resting on resources with so many routes each."""

    def __init__(self, *resources: web.AbstractResource) -> None:
        self.resources = {resource: len(resource) for resource in resources}


def asking(path: str = "/plain", host: str = "localhost") -> web.Request:
    return make_mocked_request("OPTIONS", path, headers={"Host": host})


def plain_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/plain", ok)
    return app


def add_resource(app: web.Application) -> None:
    app.router.add_get("/new", ok)


def add_route(app: web.Application) -> None:
    next(iter(app.router.resources())).add_route("PUT", ok)  # type: ignore[attr-defined]


def change_options(_app: web.Application) -> None:
    Memory.forget()


def do_nothing(_app: web.Application) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        pytest.param(do_nothing, True, id="nothing happened"),
        pytest.param(add_resource, False, id="a resource is added"),
        pytest.param(add_route, False, id="a route is added to a resource that answered"),
        pytest.param(change_options, False, id="options changed somewhere"),
    ],
)
def test_what_is_kept_is_found_until_something_changes(change: Any, is_kept: bool) -> None:
    app = plain_app()
    memory: Memory[Found] = Memory(app)
    found = Found(*app.router.resources())
    assert memory.find(asking(), "GET") is None
    memory.keep(asking(), "GET", found)
    change(app)
    assert memory.find(asking(), "GET") is (found if is_kept else None)
    assert memory.find(asking(), "PUT") is None
    assert memory.find(asking("/other"), "GET") is None


def test_paths_that_differ_by_their_encoding_are_told_apart() -> None:
    """A router may tell them apart: `/a%2Fb` is one segment."""
    memory: Memory[Found] = Memory(plain_app())
    memory.find(asking(), "GET")
    memory.keep(asking("/a%2Fb"), "GET", found := Found())
    assert memory.find(asking("/a%2Fb"), "GET") is found
    assert memory.find(asking("/a/b"), "GET") is None
    assert memory.find(asking("/a%2Fb?x=1"), "GET") is found


def test_a_new_resource_in_a_nested_application_is_noticed() -> None:
    app, sub, deeper = plain_app(), web.Application(), plain_app()
    # As Home Assistant does, which registers resources while it runs.
    deeper.router.freeze = lambda: None  # type: ignore[method-assign]
    sub.add_subapp("/deeper", deeper)
    app.add_subapp("/sub", sub)
    memory: Memory[Found] = Memory(app)
    memory.find(asking(), "GET")
    memory.keep(asking(), "GET", found := Found())
    assert memory.find(asking(), "GET") is found
    deeper.router.add_get("/late", ok)
    assert memory.find(asking(), "GET") is None


@pytest.mark.parametrize("has_domain", [False, True])
def test_hosts_are_told_apart_where_there_are_domains(has_domain: bool) -> None:
    app = plain_app()
    if has_domain:
        app.add_domain("tenant.example.org", plain_app())
    memory: Memory[Found] = Memory(app)
    memory.find(asking(), "GET")
    memory.keep(asking(), "GET", found := Found())
    other = memory.find(asking(host="tenant.example.org"), "GET")
    assert other is (None if has_domain else found)


def test_what_a_resource_class_of_the_users_says_is_never_kept() -> None:
    app = plain_app()
    app.router.register_resource(Custom("/custom"))
    memory: Memory[Found] = Memory(app)
    memory.find(asking(), "GET")
    memory.keep(asking(), "GET", Found())
    assert memory.find(asking(), "GET") is None


def test_many_paths_and_long_ones_do_not_fill_the_memory() -> None:
    memory: Memory[Found] = Memory(plain_app())
    memory.find(asking(), "GET")
    memory.keep(asking("/" + "x" * 600), "GET", Found())
    assert memory.find(asking("/" + "x" * 600), "GET") is None
    a_request = asking()
    many = [a_request.clone(rel_url=f"/{number}") for number in range(1500)]
    for request in many:
        memory.keep(request, "GET", Found())
    remembered = [request for request in many if memory.find(request, "GET") is not None]
    assert 0 < len(remembered) <= 1024
    assert remembered[-1] is many[-1]


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
