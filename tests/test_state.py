"""One application's state: overrides and defaults that change, before startup and after."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CORS, CorsConfigError, CorsOptions, override, setup
from tests.app import ADMIN, APP, EVIL, codes, cors_headers, ok, preflight

DEFAULTS = CorsOptions(allow_origins=[APP], max_age=1)


async def test_overrides_of_a_running_application_leave_nothing_behind(aiohttp_client: Any) -> None:
    app = web.Application()
    route = app.router.add_get("/", ok)
    cors = setup(app, CorsOptions(allow_origins=[ADMIN]))
    client = await aiohttp_client(app)
    for number in range(100):
        if number % 10 == 0:
            cors.override(route, CorsOptions(allow_origins=[APP], max_age=number))
        cors.override(route, expose_headers=[f"X-{number}"])
        response = await client.get("/", headers={"Origin": APP})
        assert response.headers["Access-Control-Expose-Headers"] == f"X-{number}"
    gc.collect()
    assert len(cors._state.overrides.of_routes[route]) == 2
    assert len(cors._state.table._policies) == 2


@pytest.mark.parametrize("late", [False, True], ids=["before startup", "running"])
async def test_an_override_counts_after_somebody_asked_what_there_is(
    aiohttp_client: Any, late: bool
) -> None:
    app = web.Application()
    route = app.router.add_put("/", ok)
    cors = setup(app, CorsOptions(allow_origins=[APP, ADMIN]))
    client = await aiohttp_client(app) if late else None
    assert (await cors.explain("PUT", "/", origin=APP)).allowed
    cors.override(route, allow_origins=[ADMIN])
    client = client or await aiohttp_client(app)
    assert (await cors.explain("PUT", "/", origin=APP)).reason == "origin-not-listed"
    assert (await client.options("/", headers=preflight("PUT"))).status == 403
    assert cors_headers(await client.put("/", headers={"Origin": APP})) == {"Vary": "Origin"}
    assert (await client.options("/", headers=preflight("PUT", ADMIN))).status == 204


async def test_defaults_that_a_late_decorated_route_does_not_fit_are_refused(
    aiohttp_client: Any,
) -> None:
    app = web.Application()
    resource = app.router.add_resource("/")
    cors = setup(app, DEFAULTS)
    client = await aiohttp_client(app)
    resource.add_route("PUT", override(max_age=5)(no_coroutine_too))
    for _ in range(2):
        response = await client.options("/", headers=preflight("PUT"))
        assert cors_headers(response)["Access-Control-Max-Age"] == "5"
        with pytest.raises(CorsConfigError) as caught:
            cors.reconfigure(None)
        assert codes(caught) == ["override-of-none"]
        cors.reconfigure(DEFAULTS)


async def no_coroutine_too(_request: web.Request) -> web.Response:
    return web.Response()


async def test_changes_of_a_resource_whose_routes_come_later_are_checked_at_the_call(
    aiohttp_client: Any,
) -> None:
    app = web.Application()
    resource = app.router.add_resource("/")
    cors = setup(app, None)
    await aiohttp_client(app)
    with pytest.raises(CorsConfigError) as caught:
        cors.override(resource, max_age=5)
    assert codes(caught) == ["override-of-none"]
    assert cors._state.overrides.of_resources[resource] == []
    cors.override(resource, DEFAULTS)
    cors.override(resource, max_age=5)


async def test_reconfigure_before_startup(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    cors = setup(app, CorsOptions(allow_origins=[ADMIN]))
    cors.reconfigure(CorsOptions(allow_origins=[APP]))
    cors.rescan()
    client = await aiohttp_client(app)
    assert (await client.options("/", headers=preflight("PUT"))).status == 204


async def test_defaults_are_those_of_the_application_that_has_them(aiohttp_client: Any) -> None:
    inner, middle, domain, root = (web.Application() for _ in range(4))
    for app in (inner, middle, domain, root):
        app.router.add_put("/thing", ok)
        setup(app, CorsOptions(allow_origins=[APP]))
    domain.router.add_put("/elsewhere", ok)
    middle.add_subapp("/inner", inner)
    root.add_subapp("/middle", middle)
    root.add_domain("*.example.org", domain)
    for _ in range(2):
        for path, source in (
            ("/thing", "defaults"),
            ("/middle/thing", "defaults of /middle"),
            ("/middle/inner/thing", "defaults of /middle/inner"),
            ("/middle/inner/nothing", "defaults of /middle/inner"),
            ("http://a.example.org/elsewhere", "defaults of *.example.org"),
        ):
            assert (await root[CORS].explain("PUT", path, origin=EVIL)).source == source
        if not root.frozen:
            await aiohttp_client(root)


async def test_a_mounted_application_learns_of_its_parents_from_its_first_response(
    aiohttp_client: Any,
) -> None:
    sub, root = web.Application(), web.Application()
    sub.router.add_get("/thing", ok)
    cors = setup(sub, CorsOptions(allow_origins=[APP]))
    root.router.add_get("/other", ok)
    root.add_subapp("/sub", sub)
    client = await aiohttp_client(root)
    await client.get("/sub/thing")
    assert (await cors.explain("GET", "/sub/thing", origin=APP)).allowed
    assert (await cors.explain("GET", "/other", origin=APP)).reason == "no-policy"
