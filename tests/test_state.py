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


@pytest.mark.parametrize("is_new", [False, True], ids=["late route", "late resource"])
@pytest.mark.parametrize("is_known", [False, True], ids=["nobody asked", "asked before"])
async def test_defaults_that_a_late_decorated_route_does_not_fit_are_refused(
    aiohttp_client: Any, is_new: bool, is_known: bool
) -> None:
    @override(max_age=5)
    async def late(request: web.Request) -> web.Response:
        return await ok(request)

    app = web.Application()
    app.router.freeze = lambda: None  # type: ignore[method-assign]  # as Home Assistant does
    resource = app.router.add_resource("/")
    cors = setup(app, DEFAULTS)
    client = await aiohttp_client(app)
    if is_new:
        resource = app.router.add_resource("/late")
    resource.add_route("PUT", late)
    if is_known:
        await client.put(resource.canonical)
    for _ in range(2):
        with pytest.raises(CorsConfigError) as caught:
            cors.reconfigure(None)
        assert codes(caught) == ["override-of-none"]
        response = await client.options(resource.canonical, headers=preflight("PUT"))
        assert cors_headers(response)["Access-Control-Max-Age"] == "5"
        cors.reconfigure(DEFAULTS)


@pytest.mark.parametrize("is_late", [False, True], ids=["at startup", "running"])
async def test_changes_of_a_resource_without_routes_have_to_fit_the_defaults(
    aiohttp_client: Any, is_late: bool
) -> None:
    app = web.Application()
    cors = setup(app, DEFAULTS)
    cors.override(app.router.add_resource("/"), max_age=5)
    if is_late:
        await aiohttp_client(app)
        with pytest.raises(CorsConfigError) as caught:
            cors.reconfigure(None)
    else:
        cors.reconfigure(None)
        with pytest.raises(CorsConfigError) as caught:
            await web.AppRunner(app).setup()
    assert codes(caught) == ["override-of-none"]
    assert caught.value.problems[0].option == "override of /"


@pytest.mark.parametrize("is_mounted_first", [False, True])
@pytest.mark.parametrize("fits", [None, 0, 1, 2])
async def test_what_does_not_fit_in_nested_applications_is_told_at_once(
    is_mounted_first: bool, fits: int | None
) -> None:
    apps = [web.Application() for _ in range(3)]
    innermost, inner, root = apps

    def set_up(number: int) -> None:
        route = apps[number].router.add_get(f"/{number}", ok)
        setup(apps[number], DEFAULTS if fits == number else None).override(route, max_age=5)

    set_up(0)
    if is_mounted_first:
        inner.add_subapp("/innermost", innermost)
    set_up(1)
    if is_mounted_first:
        root.add_subapp("/inner", inner)
    set_up(2)
    if not is_mounted_first:
        inner.add_subapp("/innermost", innermost)
        root.add_subapp("/inner", inner)
    with pytest.raises(CorsConfigError) as caught:
        await web.AppRunner(root).setup()
    paths = ["/inner/innermost/0", "/inner/1", "/2"]
    told = {problem.option for problem in caught.value.problems}
    assert told == {f"override of GET {p}" for n, p in enumerate(paths) if n != fits}


async def test_explain_before_startup_changes_nothing_about_what_may_be_configured(
    aiohttp_client: Any,
) -> None:
    app = web.Application()
    route = app.router.add_put("/", ok)
    cors = setup(app, DEFAULTS)
    cors.override(route, max_age=3)
    assert (await cors.explain("PUT", "/", origin=APP)).allowed
    cors.reconfigure(None)
    cors.override(route, DEFAULTS)
    client = await aiohttp_client(app)
    assert (await client.options("/", headers=preflight("PUT"))).status == 204


@pytest.mark.parametrize("kind", ["*", "OPTIONS", "view"])
@pytest.mark.parametrize("target", ["route", "resource"])
async def test_an_override_of_a_late_target_attaches_to_it(
    aiohttp_client: Any, kind: str, target: str
) -> None:
    class View(web.View):
        async def put(self) -> web.Response:
            return await ok(self.request)

    app = web.Application()
    resource = app.router.add_resource("/late")
    cors = setup(app, DEFAULTS)
    client = await aiohttp_client(app)
    routes = [resource.add_route("*" if kind == "view" else kind, View if kind == "view" else ok)]
    if kind == "OPTIONS":
        routes.append(resource.add_route("PUT", ok))
    cors.override(resource if target == "resource" else routes[-1], max_age=3)
    response = await client.options("/late", headers=preflight("PUT"))
    assert (response.status, response.headers["Access-Control-Max-Age"]) == (204, "3")


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
