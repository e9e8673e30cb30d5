"""What a variant adds to an actual response, and how that grows with routes and origins.

Two times are taken. One is that of `response.prepare()`: aiohttp's own headers, the hooks of
`on_response_prepare`, and the writing of the headers. Everything that a hook adds to a response is
in it, the bytes of its headers included, and little else is, so that the difference from the same
application without CORS is a tenth of what is measured or more: the budget is judged by it. The
other is that of a whole response without its socket, from the router to the last write, which
middlewares are in too; a difference there is a few parts in a hundred, and its quartiles tell.
The hooks alone are timed as well; there a second header seems to cost nothing to send.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from tests.app import cors_headers
from tests.benchmarks.measure import (
    Budget,
    Effort,
    Report,
    Spread,
    Times,
    Turn,
    added,
    added_ratios,
    in_turns,
    microseconds,
)
from tests.benchmarks.peers import (
    AIOHTTP_CORS,
    BY_HAND,
    HOOK,
    MIDDLEWARES,
    NONE,
    PLUGIN,
    Wanted,
    configure,
    hooks_every_response,
    missing,
)
from tests.benchmarks.serving import Served, hooked, prepared, raw_request, whole

APP = "https://app.example.com"
EVIL = "https://evil.example.net"
VARIANTS = (NONE, HOOK, PLUGIN, AIOHTTP_CORS, MIDDLEWARES, BY_HAND)
EXPOSED = ("X-Total", "X-Page", "ETag")


@functools.cache
def origins(number: int) -> tuple[str, ...]:
    """A list with APP in its middle, since some of the peers read it from its beginning."""
    others = [f"https://site{n}.example.com" for n in range(number - 1)]
    return (*others[: number // 2], APP, *others[number // 2 :])


def patterns(number: int) -> tuple[str, ...]:
    return (*(f"https://*.site{n}.example.com" for n in range(number - 1)), "https://*.example.com")


@dataclass(frozen=True)
class Case:
    name: str
    wanted: Wanted
    expected: Mapping[str, str]
    """All CORS headers that the plugin sends."""
    origin: str | None = APP
    vary: str = ""
    budget: float = 0

    @property
    def raw(self) -> bytes:
        return raw_request("GET", "/catalogue", {"Origin": self.origin} if self.origin else {})

    def response(self) -> web.Response:
        return web.Response(text="hello", headers={"Vary": self.vary} if self.vary else None)


def cases(effort: Effort) -> list[Case]:
    ten, many = origins(10), origins(effort.size(1_000_000, 1000))
    echoed = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
    anyone = {"Access-Control-Allow-Origin": "*"}
    credentials = {**echoed, "Access-Control-Allow-Credentials": "true"}
    exposed = {**anyone, "Access-Control-Expose-Headers": "ETag, X-Page, X-Total"}
    vary = {**echoed, "Vary": "Accept-Encoding, Origin"}
    refused = {"Vary": "Origin"}
    return [
        Case("any origin", Wanted(), anyone, budget=1.3),
        Case("any origin, no `Origin`", Wanted(), anyone, None),
        Case("any origin, 3 exposed headers", Wanted(expose=EXPOSED), exposed),
        Case("10 origins", Wanted(ten), echoed, budget=1.6),
        Case("10 origins, no `Origin`", Wanted(ten), refused, None),
        Case("10 origins, another one asks", Wanted(ten), refused, EVIL),
        Case("10 origins, `Vary` is there", Wanted(ten), vary, vary="Accept-Encoding"),
        Case("10 origins, credentials", Wanted(ten, credentials=True), credentials),
        Case(f"{len(many):,} origins", Wanted(many), echoed, budget=1.6),
        Case("10 wildcard patterns", Wanted(patterns(10)), echoed, budget=1.6),
        Case("3 rules", Wanted((APP,), rules=3), echoed),
    ]


def check(case: Case, variant: str, response: web.StreamResponse) -> None:
    """A benchmark that measures a wrong answer measures nothing."""
    found, allowed = cors_headers(response), "Access-Control-Allow-Origin"
    assert response.status == 200, (case.name, variant, response.status)
    if variant == PLUGIN:
        assert found == case.expected, (case.name, found)
    elif variant == NONE:
        assert allowed not in found
    elif variant == HOOK:
        assert found[allowed] == "*"
    elif case.origin is None:  # a peer may leave out what a cache needs
        assert found.get(allowed, "*") == "*", (case.name, variant, found)
    elif allowed in case.expected:
        assert found[allowed] in (case.origin, "*"), (case.name, variant, found)
    else:
        assert allowed not in found, (case.name, variant, found)


Applications = Mapping[str, Served]


async def serve(case: Case, stack: AsyncExitStack) -> Applications:
    """The application of a case, once for each variant that can do what it wants."""
    served = {}
    for variant in VARIANTS:

        async def catalogue(_request: web.Request) -> web.Response:
            return case.response()

        app = web.Application()
        app.router.add_get("/catalogue", catalogue)
        if configure(variant, app, case.wanted):
            served[variant] = await stack.enter_async_context(Served(app))
            check(case, variant, await served[variant].first_answer(case.raw))
    return served


async def measure(effort: Effort) -> Report:
    report = Report("Actual responses")
    by_prepare, by_whole = [], []
    for case in cases(effort):
        async with AsyncExitStack() as stack:
            served = await serve(case, stack)
            raws, hooks = [case.raw], {v: s for v, s in served.items() if hooks_every_response(v)}
            prepare = await in_turns({v: prepared(s, raws) for v, s in hooks.items()}, effort)
            alone = await in_turns({v: hooked(s, raws) for v, s in hooks.items()}, effort)
            all_of_it = await in_turns({v: whole(s, raws) for v, s in served.items()}, effort)
        by_prepare.append(_prepare_row(case, prepare, alone))
        by_whole.append(_whole_row(case, all_of_it))
        report.budgets += _budgets(case, prepare)
    for words in missing():
        report.text(words)
    report.text(
        "Added to `response.prepare()`, in µs: the hooks, and the writing of what they set. The "
        "last column has the hooks alone."
    )
    report.table(
        (
            "case",
            HOOK,
            PLUGIN,
            AIOHTTP_CORS,
            f"{PLUGIN} / {HOOK}",
            f"{PLUGIN} / {AIOHTTP_CORS}",
            f"hooks alone, {PLUGIN} / {HOOK}",
        ),
        by_prepare,
    )
    report.text(
        f"Added to a whole response without its socket, in µs, over what it takes with {NONE} "
        "(first column)."
    )
    report.table(("case", *VARIANTS), by_whole)
    await _growth(report, effort)
    return report


def _shown(times: Times, variant: str, digits: int = 2) -> str:
    if variant not in times:
        return "-"
    return microseconds(added(times, variant, NONE)).show(digits)


def _prepare_row(case: Case, prepare: Times, alone: Times) -> list[str]:
    has_peer = AIOHTTP_CORS in prepare
    return [
        case.name,
        *(_shown(prepare, variant) for variant in (HOOK, PLUGIN, AIOHTTP_CORS)),
        added_ratios(prepare, PLUGIN, HOOK, NONE).show(),
        added_ratios(prepare, PLUGIN, AIOHTTP_CORS, NONE).show() if has_peer else "-",
        added_ratios(alone, PLUGIN, HOOK, NONE).show(),
    ]


def _whole_row(case: Case, times: Times) -> list[str]:
    without = microseconds(added(times | {"nothing": [0.0] * len(times[NONE])}, NONE, "nothing"))
    return [case.name, without.show(), *(_shown(times, variant) for variant in VARIANTS[1:])]


def _budgets(case: Case, times: Times) -> list[Budget]:
    if not case.budget:
        return []
    of_hook = added_ratios(times, PLUGIN, HOOK, NONE)
    made = [Budget(f"added to a response, {case.name}, over a bare hook", case.budget, of_hook)]
    if case.wanted.origins is not None and AIOHTTP_CORS in times:
        of_peer = added_ratios(times, PLUGIN, AIOHTTP_CORS, NONE)
        made.append(Budget(f"added to a response, {case.name}, over aiohttp-cors", 0.25, of_peer))
    return made


async def _growth(report: Report, effort: Effort) -> None:
    most = effort.size(100_000, 100)
    sizes = [10**power for power in range(7) if 10**power <= most]
    report.text(
        "Growth with the number of routes: the hooks alone, added µs; up to 10,000 of the routes "
        "are asked for, in random order."
    )
    await _grow(report, effort, "routes", sizes, _with_routes)
    most = effort.size(1_000_000, 1000)
    sizes = [10**power for power in range(7) if 10**power <= most]
    report.text(
        "Growth with the number of origins: the same; the same origin each time, and up to 10,000 "
        "different ones."
    )
    await _grow(report, effort, "origins, one asks", sizes, functools.partial(_with_origins, 1))
    different = functools.partial(_with_origins, 10_000)
    await _grow(report, effort, "origins, many ask", sizes, different)


Build = Callable[[int, str], tuple[web.Application, list[bytes]]]


async def _grow(report: Report, effort: Effort, what: str, sizes: list[int], build: Build) -> None:
    """All sizes in one run, since they are compared with each other."""
    async with AsyncExitStack() as stack:
        turns: dict[str, Turn] = {}
        for size in sizes:
            for variant in (NONE, PLUGIN):
                app, raws = build(size, variant)
                served = await stack.enter_async_context(Served(app))
                allowed = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
                found = cors_headers(await served.first_answer(raws[0]))
                assert (found.keys() == allowed.keys()) == (variant == PLUGIN)
                random.Random(1).shuffle(raws)
                turn = turns[f"{variant} {size}"] = hooked(served, raws)
                await turn(len(raws))  # each route is looked at once, the first time
        times = await in_turns(turns, effort)
    rows = []
    first = f"{PLUGIN} {sizes[0]}", f"{NONE} {sizes[0]}"
    for size in sizes:
        mine, none = f"{PLUGIN} {size}", f"{NONE} {size}"
        ratio: Spread = _ratio_of_added(times, (mine, none), first)
        rows.append([f"{size:,}", microseconds(added(times, mine, none)).show(), ratio.show()])
    report.table((what, "added", f"over {sizes[0]}"), rows)


def _ratio_of_added(times: Times, pair: tuple[str, str], other: tuple[str, str]) -> Spread:
    differences = {
        "mine": [a - b for a, b in zip(times[pair[0]], times[pair[1]], strict=True)],
        "other": [a - b for a, b in zip(times[other[0]], times[other[1]], strict=True)],
        "nothing": [0.0] * len(times[pair[0]]),
    }
    return added_ratios(differences, "mine", "other", "nothing")


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


def _with_routes(number: int, variant: str) -> tuple[web.Application, list[bytes]]:
    app = web.Application()
    for n in range(number):
        app.router.add_route("GET", f"/r{n}", _ok)
    configure(variant, app, Wanted((APP,)))
    step = max(1, number // 10_000)
    return app, [raw_request("GET", f"/r{n}", {"Origin": APP}) for n in range(0, number, step)]


def _with_origins(different: int, number: int, variant: str) -> tuple[web.Application, list[bytes]]:
    app = web.Application()
    app.router.add_get("/catalogue", _ok)
    listed = origins(number)
    configure(variant, app, Wanted(listed))
    asked = [APP] if different == 1 else listed[:: max(1, number // different)]
    return app, [raw_request("GET", "/catalogue", {"Origin": origin}) for origin in asked]
