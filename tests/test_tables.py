"""One configuration, whole."""

from __future__ import annotations

import gc

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CorsConfigError, CorsOptions, override
from aiohttp_cors_plugin._overrides import Layer, Overrides
from aiohttp_cors_plugin._routing import Routers
from aiohttp_cors_plugin._tables import Table
from tests.app import ADMIN, APP, Custom, ok

LISTED = (CorsOptions(allow_origins=[APP]),)


class Account(web.View):
    async def get(self) -> web.Response:
        return web.Response()

    @override(None)
    async def put(self) -> web.Response:
        return web.Response()


def test_an_entry_is_made_once_and_equal_options_are_one_policy() -> None:
    app = web.Application()
    one, two, view = (
        app.router.add_post("/one", ok),
        app.router.add_post("/two", ok),
        app.router.add_view("/account", Account),
    )
    overrides = Overrides()
    overrides.of_routes[one] = [Layer((CorsOptions(allow_origins=[ADMIN]),), {})]
    overrides.of_routes[two] = [Layer((CorsOptions(allow_origins=[ADMIN]),), {})]
    table = Table(LISTED, overrides, lambda _route: True)
    assert table.entry(one) is table.entry(one)
    assert table.entry(one).policy is table.entry(two).policy
    assert table.entry(view).policy is table.default.policy
    assert (table.entry(view).of("PUT").policy, table.entry(view).of("GET").source) == (
        None,
        "defaults",
    )
    del overrides.of_routes[one], overrides.of_routes[two]
    table.forget([one, two])
    gc.collect()
    assert table.entry(one).policy is table.default.policy
    assert Table(None, overrides, lambda _route: True).default.policy is None


def test_an_override_that_does_not_fit_leaves_no_policy(caplog: pytest.LogCaptureFixture) -> None:
    app = web.Application()
    route = app.router.add_post("/", override(max_age=5)(ok_too))
    table = Table(None, Overrides(), lambda _route: True)
    with pytest.raises(CorsConfigError):
        table.compile(route)
    assert table.entry(route).policy is None
    assert table.entry(route).source == "an override that does not fit"
    table.entry(app.router.add_patch("/other", override(max_age=5)(ok_too)))
    assert [record.levelname for record in caplog.records] == ["ERROR"]  # not for each response


async def test_routes_that_come_and_go_are_not_remembered() -> None:
    app = web.Application()
    stays = app.router.add_get("/", ok)
    routers = Routers(app, lambda _sub: False)
    assert routers.lasts(stays)
    assert routers.lasts(next(iter(app.router.add_static("/static", "."))))
    for goes in (
        web.ResourceRoute("GET", ok, stays.resource),  # type: ignore[arg-type]
        web.ResourceRoute("GET", ok, Custom("/custom")),
        web.PlainResource("/").add_route("GET", ok),  # of a resource that a resource made
    ):
        assert not routers.lasts(goes)
        table = Table(LISTED, Overrides(), routers.lasts)
        assert table.entry(goes) is not table.entry(goes)


async def ok_too(_request: web.Request) -> web.Response:
    return web.Response()
