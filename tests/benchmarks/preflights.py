"""Preflights, whole: router, middlewares, handler, hooks and the writing of the answer."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.app import cors_headers
from tests.app import preflight as preflight_headers
from tests.benchmarks import peers
from tests.benchmarks.measure import Budget, Effort, Report, in_turns, microseconds, ratios, spread
from tests.benchmarks.peers import AIOHTTP_CORS, BY_HAND, HARD_CODED, MIDDLEWARES, PLUGIN, Wanted
from tests.benchmarks.responses import APP, EVIL, origins
from tests.benchmarks.serving import Served, raw_request, whole

VARIANTS = (HARD_CODED, PLUGIN, AIOHTTP_CORS, MIDDLEWARES, BY_HAND)


@dataclass(frozen=True)
class Case:
    name: str
    path: str
    methods: str
    """What the plugin lists in `Access-Control-Allow-Methods`."""
    method: str = "PUT"
    origin: str = APP
    others: int = 0
    """Further resources in the router, all in front of this one."""
    prefix: str = "/other"
    budget: bool = False

    @property
    def is_refused(self) -> bool:
        return self.origin == EVIL

    @property
    def raw(self) -> bytes:
        headers = preflight_headers(self.method, self.origin, "content-type")
        return raw_request("OPTIONS", self.path, headers)

    @property
    def expected(self) -> Mapping[str, str]:
        if self.is_refused:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": APP,
            "Access-Control-Allow-Methods": self.methods,
            "Access-Control-Allow-Headers": "Accept, Accept-Language, Content-Language, "
            "Content-Type, Range",
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        }


def cases(effort: Effort) -> list[Case]:
    ten, thousand = 10, effort.size(1000, 20)
    gets, some = "GET, HEAD, PUT", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    listed = effort.size(1000, 20)
    return [
        Case("plain", "/plain", gets, budget=True),
        Case("one method only", "/single", "PUT"),
        Case("dynamic", "/items/7", gets, budget=True),
        Case("`*` route", "/any", some),
        Case("`web.View`", "/view", "GET, PUT"),
        Case("static", "/static/file.txt", "GET, HEAD", method="GET"),
        Case("nested sub-application", "/sub/deeper/thing", gets),
        Case("plain, refused", "/plain", "", origin=EVIL),
        Case(f"plain, {ten} more resources", "/plain", gets, others=ten),
        Case(f"plain, {thousand:,} more", "/plain", gets, others=thousand),
        Case(
            f"dynamic, {listed:,} more beside it", "/items/7", gets, others=listed, prefix="/items"
        ),
    ]


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


def application(variant: str, case: Case, wanted: Wanted) -> web.Application | None:
    """Every kind of route, with OPTIONS handlers where the variant wants them.

    None where the variant cannot give what is wanted.
    """
    by_hand = peers.answers_by_hand(variant)

    async def anything(request: web.Request) -> web.StreamResponse:
        if by_hand is not None and request.method == "OPTIONS":
            return await by_hand(request)  # type: ignore[no-any-return]
        return await _ok(request)

    def add(app: web.Application, path: str, *methods: str) -> None:
        resource = app.router.add_resource(path)
        for method in methods if by_hand is None else (*methods, "OPTIONS"):
            resource.add_route(method, anything)

    app = web.Application()
    for number in range(case.others):
        add(app, f"{case.prefix}/{{id}}/{number}", "GET")
    add(app, "/plain", "GET", "HEAD", "PUT")
    add(app, "/single", "PUT")
    add(app, "/items/{id}", "GET", "HEAD", "PUT")
    app.router.add_route("*", "/any", anything)
    app.router.add_view("/view", _view(variant, anything))
    static = app.router.add_static("/static", pathlib.Path(__file__).parent)
    if by_hand is not None:
        resource: Any = static
        resource.set_options_route(by_hand)
    sub, deeper = web.Application(), web.Application()
    add(deeper, "/thing", "GET", "HEAD", "PUT")
    if variant == AIOHTTP_CORS:  # has no way to cover a sub-application from outside
        peers.configure(variant, deeper, wanted)
    sub.add_subapp("/deeper", deeper)
    app.add_subapp("/sub", sub)
    return app if peers.configure(variant, app, wanted) else None


def _view(variant: str, answer: Any) -> type[web.View]:
    async def respond(view: web.View) -> web.StreamResponse:
        return await answer(view.request)  # type: ignore[no-any-return]

    names = ["get", "put"] if peers.answers_by_hand(variant) is None else ["get", "put", "options"]
    has_mixin = variant == AIOHTTP_CORS and peers.aiohttp_cors is not None
    mixin = [peers.aiohttp_cors.CorsViewMixin] if has_mixin else []
    return type("View", (web.View, *mixin), dict.fromkeys(names, respond))


def is_answered(case: Case, variant: str, response: web.StreamResponse) -> bool:
    """Whether a variant answers as wanted; the plugin has to, and a peer that ought to as well."""
    found = cors_headers(response)
    allowed = found.get("Access-Control-Allow-Origin")
    if variant == PLUGIN:
        assert found == case.expected, (case.name, found)
        assert response.status == (403 if case.is_refused else 204)
        return True
    if variant == AIOHTTP_CORS and case.path == "/any":
        assert response.status == 200, response.status  # refuses such routes: unanswered
        assert allowed is None
        return False
    if case.is_refused:
        return allowed is None
    assert response.status in (200, 204), (case.name, variant, response.status)
    assert allowed in (APP, "*"), (case.name, variant, found)
    return True


async def measure(effort: Effort) -> Report:
    report = Report("Preflights")
    rows = []
    for case in cases(effort):
        wanted = Wanted(origins(10))
        async with AsyncExitStack() as stack:
            turns = {}
            for variant in VARIANTS:
                app = application(variant, case, wanted)
                if app is None:
                    continue
                served = await stack.enter_async_context(Served(app))
                if is_answered(case, variant, await served.first_answer(case.raw)):
                    turns[variant] = whole(served, [case.raw])
            times = await in_turns(turns, effort)
        rows.append(
            [
                case.name,
                *(microseconds(spread(times[v])).show(1) if v in times else "-" for v in VARIANTS),
                *(
                    ratios(times, PLUGIN, v).show() if v in times else "-"
                    for v in (HARD_CODED, AIOHTTP_CORS)
                ),
            ]
        )
        if case.budget:
            for peer, limit in ((AIOHTTP_CORS, 0.9), (HARD_CODED, 1.5)):
                if peer in times:
                    what = f"preflight, whole, {case.name}, over {peer}"
                    report.budgets.append(Budget(what, limit, ratios(times, PLUGIN, peer)))
    for words in peers.missing():
        report.text(words)
    report.text(
        "In µs, without the socket; ten origins, PUT with a JSON body is announced (GET of the "
        "static file). A `-`: does not answer as wanted."
    )
    report.table(
        ("case", *VARIANTS, f"{PLUGIN} / {HARD_CODED}", f"{PLUGIN} / {AIOHTTP_CORS}"), rows
    )
    return report
