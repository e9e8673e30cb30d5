"""The five invariants over random applications and requests: DESIGN.md, section 4.

Each application is built twice from one description, with the plugin and without; `universe.py`
has the descriptions and the oracle. A counter-example prints as a program and the requests to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from aiohttp_cors_plugin._browser import FetchRequest, PreflightCache
from tests.universe import (
    ACTUALS,
    APP,
    ASKED,
    CORS_NAMES,
    EVIL,
    MALFORMED,
    ORIGINS,
    PATTERNS,
    REQUESTS,
    App,
    Client,
    Granted,
    Oracle,
    Refused,
    Request,
    Response,
    Rule,
    aimed,
    apps,
    browse,
    build,
    cors_of,
    others_of,
    serving,
)


class Several(tuple[Any, ...]):
    """Not printed: the one that failed is noted."""

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(f"<{len(self)} of them>")


class World(NamedTuple):
    app: App
    client: Client
    twin: Client
    oracle: Oracle


@contextlib.asynccontextmanager
async def world_of(app: App) -> AsyncIterator[World]:
    built, twin = build(app), build(app, plugin=False)
    async with serving(built["app"]) as client, serving(twin["app"]) as bare:
        yield World(app, client, bare, Oracle(app, twin))


@pytest.fixture(autouse=True)
def _said() -> Iterator[None]:
    """Callables that fail may be logged, and odd methods; a stamping hook that fails may not."""
    logger, wrong = logging.getLogger("aiohttp_cors_plugin"), []

    def look(record: logging.LogRecord) -> bool:
        if "allow_origins raised" not in record.msg and "C parser refuse" not in record.msg:
            wrong.append(record.getMessage())
        return False

    logger.addFilter(look)
    yield
    logger.removeFilter(look)
    assert not wrong


def profile(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
    )


def in_worlds(each: st.SearchStrategy[Any]) -> Callable[[Callable[..., Any]], Any]:
    """Runs a check in random worlds, a few in every run and many in a long one."""

    def decorate(check: Callable[..., Coroutine[Any, Any, None]]) -> Any:
        @given(apps(), st.lists(each, min_size=12, max_size=24).map(Several))
        def run(app: App, several: Sequence[Any]) -> None:
            async def in_world() -> None:
                async with world_of(app) as world:
                    for one in several:
                        request, *others = one if isinstance(one, tuple) else (one,)
                        request = aimed(app, request)
                        try:
                            await check(world, request, *others)
                        except BaseException:
                            note(f"# {request} {others}")
                            raise

            asyncio.run(in_world())

        @pytest.mark.parametrize(
            "examples", [40, pytest.param(600, marks=pytest.mark.long)], ids=["some", "many"]
        )
        def test(examples: int) -> None:
            profile(examples)(run)()

        test.__doc__ = check.__doc__
        return test

    return decorate


# --- 1. Truth -----------------------------------------------------------------------------------

FETCHES = st.tuples(
    ASKED,
    st.sampled_from([APP, *ORIGINS, "null"]),
    st.sampled_from(["omit", "same-origin", "include"]),
)


@in_worlds(FETCHES)
async def test_truth(world: World, request: Request, origin: str, credentials: Any) -> None:
    """A page reads exactly what the policy of the place lets it read, 404s too."""
    url = f"http://{request.host}{request.path}"
    fetch = FetchRequest(url, origin, request.method, request.headers, credentials=credentials)
    expected = await world.oracle.sight(fetch, world.twin)
    seen = await browse(world.client, fetch, PreflightCache())
    if expected is True:  # as without the plugin
        bare = await browse(world.twin, fetch, PreflightCache())
        assert (seen.resolved, seen.status) == (bare.resolved, bare.status)
        assert [*map(str, seen.headers)] == [*map(str, bare.headers)]
        return
    assert seen.resolved == bool(expected), seen
    if expected:
        status, names = expected
        assert (seen.status, {name for name, _ in seen.headers}) == (status, names)


@in_worlds(REQUESTS)
async def test_each_answer_is_the_oracles(world: World, request: Request) -> None:
    """Status, body and every header, of well-formed requests and others."""
    response, bare = await world.client.ask(request), await world.twin.ask(request)
    if bare.status == 400:  # of aiohttp's parser, and nobody can stamp it
        assert response.status == 400
        return
    stamped = None
    if request.is_preflight:
        expected = await world.oracle.preflight(request)
        if isinstance(expected, Granted):
            assert (response.status, cors_of(response)) == (expected.status, expected.headers)
            assert response.body == b""
            return
        if isinstance(expected, Refused):
            if not any(apps[-1].debug for apps in world.app.walk()):
                assert response.status == 403
                assert cors_of(response).keys() <= {"vary"}
            assert cors_of(response).get("vary", set()) in expected.varies
            return
    else:
        stamped = await world.oracle.stamped(request, bare)
    assert plain(response) == plain(bare)
    assert cors_of(response) == stamped if stamped is not None else same(response, bare)


def plain(response: Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """What CORS does not concern."""
    return response.status, response.body, others_of(response)


def same(one: Response, other: Response) -> bool:
    return plain(one) == plain(other) and [*filter(is_no_date, one.headers)] == [
        *filter(is_no_date, other.headers)
    ]


def is_no_date(line: tuple[str, str]) -> bool:
    return line[0] != "Date"


# --- 2. Closed ----------------------------------------------------------------------------------


@in_worlds(REQUESTS)
async def test_closed(world: World, request: Request) -> None:
    """An origin that no rule of the place allows never comes back; nothing drops a connection."""
    for origin in (request.origin or EVIL, *ORIGINS[:6]):
        sent = request.from_origins(origin)
        response = await world.client.ask(sent)
        if origin in response.lines("Access-Control-Allow-Origin") and origin != "*":
            rules = await rules_around(world.oracle, sent)
            allowed = any(world.oracle.allows(rule, origin) for rule in rules)
            assert allowed or same(response, await world.twin.ask(sent))


async def rules_around(oracle: Oracle, request: Request) -> list[Rule]:
    """Those of the place that is meant; of all methods there where nothing serves it."""
    announced = request.lines("Access-Control-Request-Method")
    method = announced[0] if request.is_preflight and announced[0] else request.method
    place = await oracle.reach(request, method)
    places = [place]
    if not place.is_served:
        places += [await oracle.reach(request, name) for name in oracle.methods]
    return [rule for found in places for rule in found.rules or ()]


# --- 3. Invisible -------------------------------------------------------------------------------


@in_worlds(REQUESTS)
async def test_invisible(world: World, request: Request) -> None:
    """Without an origin, and under None, the plugin is not there."""
    bare = request.from_origins()
    response, without = await world.client.ask(bare), await world.twin.ask(bare)
    rules = (await world.oracle.reach(bare, bare.method)).rules
    assert plain(response) == plain(without)
    if rules is None:
        assert same(response, without)
    elif rules[0]["allow_origins"] != "*":
        assert cors_of(response).keys() <= {"vary"}
    for origin in (request.origin or EVIL, *ORIGINS[:1]):
        actual = Request(request.method, request.path, (), request.host).from_origins(origin)
        if (await world.oracle.reach(actual, actual.method)).rules is None:
            assert same(await world.client.ask(actual), await world.twin.ask(actual))


# --- 4. Cache-safe ------------------------------------------------------------------------------


@in_worlds(REQUESTS)
async def test_cache_safe(world: World, request: Request) -> None:
    """What differs by the origin says so, in each of the different answers."""
    several = [(origin,) for origin in (*ORIGINS, *MALFORMED[:4])] + [ORIGINS[:2]]
    if request.method != "OPTIONS":  # else that is no preflight
        several.append(())
    answers = [await world.client.ask(request.from_origins(*origins)) for origins in several]
    different = {str([line for line in response.headers if is_cors(line)]) for response in answers}
    if len(different) > 1:
        for response in answers:
            names = {name.strip().lower() for name in ", ".join(response.lines("Vary")).split(",")}
            assert names & {"origin", "*"}, different


def is_cors(line: tuple[str, str]) -> bool:
    return line[0].lower() in {*CORS_NAMES, "timing-allow-origin"}


# --- 5. Whole -----------------------------------------------------------------------------------


@in_worlds(st.one_of(REQUESTS, ACTUALS))
async def test_whole(world: World, request: Request) -> None:
    """Each CORS header once, whatever a handler set by hand."""
    for sent in (request, request.from_origins(), request.from_origins(*ORIGINS[:2])):
        response = await world.client.ask(sent)
        names = [name.lower() for name, _ in filter(is_cors, response.headers)]
        if len(names) != len({*names}):
            assert same(response, await world.twin.ask(sent))
            if sent.is_preflight:
                assert await world.oracle.preflight(sent) is None
            else:
                assert (await world.oracle.reach(sent, sent.method)).rules is None


# --- The descriptions themselves ----------------------------------------------------------------


@pytest.mark.parametrize(
    "examples", [2, pytest.param(40, marks=pytest.mark.long)], ids=["some", "many"]
)
def test_a_printed_application_runs_and_has_the_same_routes(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "program.py"
    script = f"from __future__ import annotations\nimport runpy, sys\n{inspect.getsource(table)}"
    script += "print(table(runpy.run_path(sys.argv[1])['app']))"

    @profile(examples)
    @given(apps())
    def check(app: App) -> None:
        path.write_text(str(app))
        run = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, check=False
        )
        assert (run.stderr, run.stdout.strip()) == ("", table(build(app)["app"]))

    check()


def table(app: Any) -> str:
    """All routes of a program, those of mounted applications too."""
    found, waiting = [], [app]
    for one in waiting:
        for resource in one.router.resources():
            sub = resource.get_info().get("app")
            waiting += [] if sub is None else [sub]
            try:
                methods = [route.method for route in resource]
            except TypeError:
                methods = ["not told"]
            found.append(f"{resource.canonical} {methods}")
    return "\n".join(found)


def test_the_table_of_origins_is_about_all_patterns() -> None:
    matched = {origin for origins in PATTERNS.values() for origin in origins}
    assert matched < {*ORIGINS}
    assert EVIL not in matched
