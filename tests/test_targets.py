"""What overrides are given for: handlers however they are wrapped, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CorsConfigError, CorsOptions, setup
from tests.app import APP, Custom, closed, codes, cors_headers, ok, preflight

DEFAULTS = CorsOptions(allow_origins=[APP], max_age=1)


def test_a_foreign_target_is_refused_at_the_call() -> None:
    other = web.Application()
    route = other.router.add_get("/", ok)
    nested = web.Application()
    governed = nested.router.add_get("/x", ok)
    setup(nested)
    app = web.Application()
    mount = app.add_subapp("/nested", nested)
    cors = setup(app, DEFAULTS)

    for target, code in (
        (route, "target-foreign"),
        (route.resource, "target-foreign"),
        (ok, "target-foreign"),
        (governed, "target-foreign"),
        (mount, "target-subapp"),
        ("/path", "target-type"),
    ):
        with pytest.raises(CorsConfigError) as caught:
            cors.override(target, max_age=1)
        assert codes(caught) == [code]


async def test_an_unhashable_handler_is_overridden_by_its_route(aiohttp_client: Any) -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        async def __call__(self, request: web.Request) -> web.Response:
            return await ok(request)

    handler: Any = Unhashable()
    app = web.Application()
    with pytest.warns(DeprecationWarning, match="Bare functions"):
        route = app.router.add_post("/", handler)
    app.router.add_get("/other", ok)
    cors = setup(app, DEFAULTS)
    with pytest.raises(CorsConfigError) as caught:
        cors.override(handler, max_age=1)
    assert codes(caught) == ["target-unhashable"]
    cors.override(ok, max_age=2)  # that handlers have overrides does not hurt it
    cors.override(route, max_age=1)
    client = await aiohttp_client(app)
    for path, method, age in (("/", "POST", "1"), ("/other", "GET", "2")):
        response = await client.options(path, headers=preflight(method))
        assert cors_headers(response)["Access-Control-Max-Age"] == age


class Account(web.View):
    async def get(self) -> web.Response:
        return web.Response()


def test_targets_that_are_served_in_another_way_are_told_what_to_do() -> None:
    app, sub = web.Application(), web.Application()
    app.router.add_view("/account", Account)
    shared = app.router.add_resource("/shared")
    one = shared.add_route("GET", ok)
    other = app.router.add_resource("/other")
    other.register_route(one)  # type: ignore[attr-defined]
    app.add_subapp("/sub", sub)
    cors = setup(app, DEFAULTS)
    for target, code in (
        (Account.get, "target-view-method"),
        (sub, "target-subapp"),
        (app, "target-type"),
        (other, "target-shared"),
        ([], "target-type"),
    ):
        with pytest.raises(CorsConfigError) as caught:
            cors.override(target, None)
        assert codes(caught) == [code]


class Unhashable(Custom):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other


class UnhashableRoute(web.ResourceRoute):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other


async def test_what_cannot_be_hashed_is_covered_by_the_defaults(aiohttp_client: Any) -> None:
    app = web.Application()
    resource = Unhashable("/resource")
    app.router.register_resource(resource)
    plain = app.router.add_resource("/route")
    route = UnhashableRoute("PUT", closed, plain)
    plain.register_route(route)  # type: ignore[attr-defined]
    open_route = plain.add_route("POST", ok)
    cors = setup(app, DEFAULTS)
    for target in (resource, route):
        with pytest.raises(CorsConfigError) as caught:
            cors.override(target, None)
        assert codes(caught) == ["target-unhashable"]
    cors.override(open_route, max_age=1)
    client = await aiohttp_client(app)
    cors.override(plain, max_age=2)
    for _ in range(2):
        for method, path, expected in (
            ("GET", "/resource", {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}),
            ("PUT", "/route", {}),
            ("POST", "/route", {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}),
        ):
            response = await client.request(method, path, headers={"Origin": APP})
            assert (response.status, cors_headers(response)) == (200, expected)
    assert (await client.options("/resource", headers=preflight("GET"))).status == 204
    assert (await client.options("/route", headers=preflight("PUT"))).status == 405
    assert (await client.options("/route", headers=preflight("POST"))).status == 204
