"""Random applications in a real browser: what pages see is what the configuration says.

Pages on five origins and a sandboxed one fetch from applications of `universe.py` on ports of
their own. What each sees is held against the oracle, which knows the description and the twin
without the plugin, and against `_browser.py` with the same application.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from aiohttp_cors_plugin._browser import FetchRequest, PreflightCache, Verdict
from tests.universe import ASKED, QUIET, App, Oracle, Request, aimed, apps, browse, build, serving

pytestmark = pytest.mark.browser

SEED = 20260702
HOSTS = ("127.0.0.1", "localhost", "a.localhost", "b.a.localhost", "ab.localhost")
# Fetches everything, 12 side by side: the status and the headers, or null where fetch() rejects.
RUN = """async ([base, calls]) => {
  const seen = calls.map(() => null);
  let next = 0;
  const worker = async () => {
    while (next < calls.length) {
      const number = next++;
      const [path, init] = calls[number];
      try {
        const response = await fetch(base + path, {...init, cache: "no-store"});
        await response.arrayBuffer();
        seen[number] = [response.status, [...response.headers]];
      } catch (error) {}
    }
  };
  await Promise.all(Array.from({length: 12}, worker));
  return seen;
}"""
SANDBOX = """() => new Promise(resolve => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = "<!doctype html><title>sandbox</title>";
  frame.onload = resolve;
  document.body.append(frame);
})"""


@contextlib.asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[int]:
    """A started application on a port."""
    runner = web.AppRunner(app, access_log=None, logger=QUIET, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
async def pages(chromium: Any) -> AsyncIterator[dict[str, Any]]:
    """A frame for each origin."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>page</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    context = await chromium.new_context()
    async with listening(app) as port:
        frames = {}
        for host in HOSTS:
            opened = await context.new_page()
            await opened.goto(f"http://{host}:{port}/")
            frames[f"http://{host}:{port}"] = opened.main_frame
        first = frames[f"http://127.0.0.1:{port}"]
        await first.evaluate(SANDBOX)
        (frames["null"],) = first.child_frames
        yield frames
        await context.close()


def patterns_of(port: int) -> Mapping[Any, frozenset[str]]:
    """By pattern, which of the pages' origins it stands for."""
    one, localhost, a, b, ab = (f"http://{host}:{port}" for host in HOSTS)
    return {
        one: frozenset({one}),
        f"http://*.localhost:{port}": frozenset({a, b, ab}),
        f"http://a*.localhost:{port}": frozenset({ab}),
        "http://localhost:*": frozenset({localhost}),
        "http://*.a.localhost:*": frozenset({b}),
        re.compile(rf"http://(127\.0\.0\.1|a\.localhost):{port}"): frozenset({one, a}),
    }


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """The same examples in every run."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @seed(SEED)
    @given(strategy)
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    return found[:count]


def call(fetch: FetchRequest, path: str) -> tuple[str, dict[str, Any]]:
    headers = [list(line) for line in fetch.headers]
    return path, {"method": fetch.method, "headers": headers, "credentials": fetch.credentials}


def seen_by(verdict: Verdict) -> Any:
    """A verdict as the script returns it, without the clock."""
    return without_date([verdict.status, verdict.headers]) if verdict.resolved else None


def without_date(seen: Any) -> Any:
    if seen is None:
        return None
    return seen[0], [tuple(line) for line in seen[1] if line[0] != "date"]


async def disagreements(
    app: App,
    patterns: Mapping[Any, frozenset[str]],
    pages: Mapping[str, Any],
    asked: list[tuple[Request, Any]],
) -> tuple[int, list[str]]:
    """How many fetches resolved, and all that a page saw otherwise than predicted."""
    twin = build(app, plugin=False)
    oracle = Oracle(app, twin, patterns)
    resolved, wrong = 0, list[str]()
    aim = [(aimed(app, request), credentials) for request, credentials in asked]
    async with (
        listening(build(app)["app"]) as port,
        serving(build(app)["app"]) as client,
        serving(twin["app"]) as bare,
    ):
        base = f"http://127.0.0.1:{port}"
        for origin, frame in pages.items():
            fetches = [
                FetchRequest(
                    base + request.path,
                    origin,
                    request.method,
                    request.headers,
                    credentials=credentials,
                )
                for request, credentials in aim
            ]
            calls = [
                call(one, request.path) for one, (request, _) in zip(fetches, aim, strict=True)
            ]
            results = await asyncio.wait_for(frame.evaluate(RUN, [base, calls]), 60)
            for fetch, result in zip(fetches, results, strict=True):
                seen = without_date(result)
                resolved += seen is not None
                predicted = seen_by(await browse(client, fetch, PreflightCache()))
                said = await oracle.sight(fetch, bare)
                if said is True:
                    configured = seen == seen_by(await browse(bare, fetch, PreflightCache()))
                elif said is False:
                    configured = seen is None
                else:
                    names = {name for name, _ in result[1]} if result is not None else None
                    configured = seen is not None and (seen[0], names) == said
                if seen != predicted or not configured:
                    wrong.append(f"{fetch}\n  {seen=}\n  {predicted=}\n  {said=}\n{app}")
    return resolved, wrong


@pytest.mark.parametrize(
    ("examples", "size"),
    [
        pytest.param(5, 360, id="some"),
        pytest.param(64, 3_840, id="many", marks=pytest.mark.long),
    ],
)
async def test_pages_see_what_the_configuration_says(
    pages: dict[str, Any], examples: int, size: int
) -> None:
    port = int(next(iter(pages)).rpartition(":")[2])
    patterns = patterns_of(port)
    descriptions = drawn(apps(tuple(patterns), domains=()), examples)
    requests = drawn(st.tuples(ASKED, st.sampled_from(["omit", "omit", "include"])), 200)
    choose = random.Random(SEED)
    resolved, wrong = 0, list[str]()
    for app in descriptions:
        several = choose.choices(requests, k=size // examples // len(pages))
        number, found = await disagreements(app, patterns, pages, several)
        resolved, wrong = resolved + number, wrong + found
    assert not wrong, f"{len(wrong)} of {size}\n" + "\n".join(wrong[:2])
    assert size // 20 < resolved < size * 9 // 10, f"{resolved} of {size}"
