"""An application for the command line: every kind of options, and something risky about most."""

from __future__ import annotations

import re
from datetime import timedelta

from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, override, setup
from tests.app import APP, Custom, ok


async def is_tenant(_request: web.Request, origin: str) -> bool:
    return origin == APP


class Item(web.View):
    async def get(self) -> web.Response:
        return web.Response()

    @override(None)
    async def put(self) -> web.Response:
        return web.Response()


def make_app() -> web.Application:
    app = web.Application()
    catalogue = app.router.add_get("/catalogue", ok)
    app.router.add_put("/account", ok)
    app.router.add_view("/items/{id}", Item)
    app.router.add_route("*", "/any", ok)
    app.router.add_options("/own", ok)
    late = app.router.add_route("FROBNICATE", "/odd", ok)
    reports = app.router.add_get("/reports", ok)
    app.router.add_post("/reports", ok)
    app.router.register_resource(Custom("/custom"))
    options = CorsOptions(
        allow_origins=[
            APP,
            "https://*.example.com",
            "http://localhost:*",
            "http://old.example.com",
        ],
        allow_credentials=True,
        allow_insecure_origins=True,
        expose_headers="*",
    )
    cors = setup(app, options)
    cors.override(catalogue, CorsOptions())
    cors.override(late, CorsOptions(allow_methods=["GET"]))
    cors.override(
        reports, CorsOptions(allow_origins=[re.compile(r"https://[a.z]+.example\.com")], max_age=5)
    )
    cors.override(reports.resource, allow_methods=["GET"])
    sub = web.Application()
    sub.router.add_post("/orders", ok)
    setup(
        sub,
        [
            CorsOptions(allow_origins=is_tenant, allow_credentials=True, allow_headers=["X-A"]),
            CorsOptions(allow_headers="*"),
        ],
    )
    app.add_subapp("/sub", sub)
    tenant = web.Application()
    tenant.router.add_get("/tenant", ok)
    app.add_domain("*.example.org", tenant)
    return app


async def make_app_later() -> web.Application:
    app = web.Application()
    setup(app, None)

    async def add(app: web.Application) -> None:
        app.router.add_get("/late", ok)

    app.on_startup.append(add)
    return app


def make_app_of(argv: list[str]) -> web.Application:
    assert argv == []
    return make_app()


def make_broken() -> web.Application:
    app = web.Application()
    route = app.router.add_get("/", ok)
    setup(app, None).override(route, max_age=60)
    return app


def make_two_rules() -> web.Application:
    app = web.Application()
    app.router.add_put("/", ok)
    pages = CorsOptions(
        allow_origins=["https://*.example.com", re.compile("https://a")],
        allow_methods=["PUT"],
        allow_headers=["X-A"],
        expose_headers="*",
        max_age=timedelta(minutes=1),
    )
    tenants = CorsOptions(
        allow_origins=is_tenant, allow_credentials=True, max_age=None, vary=["X-Tenant"]
    )
    setup(app, [pages, tenants])
    return app


def make_inner() -> web.Application:
    """Only the sub-application has a setup, and its callable asks for what the parent has."""
    key = web.AppKey("key", str)

    def is_known(request: web.Request, origin: str) -> bool:
        return origin == request.config_dict[key]

    app, sub = web.Application(), web.Application()
    app[key] = APP
    app.router.add_post("/none", ok)
    sub.router.add_post("/orders", ok)
    setup(sub, CorsOptions(allow_origins=is_known))
    app.add_subapp("/sub", sub)
    return app


def make_thousand() -> web.Application:
    app = web.Application()
    for number in range(1000):
        app.router.add_get(f"/things/{number}", ok)
    setup(app)
    return app


def make_cafe() -> web.Application:
    app = web.Application()
    app.router.add_get("/caf\xe9", ok)
    return app


def needs(one: int, two: int) -> None:
    raise AssertionError((one, two))


def fails() -> None:
    raise TypeError("on purpose")


bare = web.Application()
bare.router.add_get("/", ok)
empty = web.Application()
number = 7


class Inner:
    app = bare
