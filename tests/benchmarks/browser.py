"""How many preflights a real Chromium sends: two visits to a page, five requests to one path."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from tests.benchmarks import peers
from tests.benchmarks.measure import Effort, Report
from tests.benchmarks.peers import AIOHTTP_CORS, BY_HAND, HARD_CODED, MIDDLEWARES, PLUGIN, Wanted

VARIANTS = (PLUGIN, AIOHTTP_CORS, MIDDLEWARES, BY_HAND, HARD_CODED)
REQUESTS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SCRIPT = """async ([url, method]) => {
    const body = method === "POST" ? '{"json": true}' : undefined;
    const headers = body ? {"Content-Type": "application/json"} : {};
    return (await fetch(url, {method, body, headers})).status;
}"""


async def measure(_effort: Effort) -> Report:
    report = Report("Preflights that Chromium sends")
    try:
        from playwright.async_api import async_playwright

        from tests.conftest import FLAGS, chromium_path  # which needs pytest
    except ImportError as error:
        report.text(f"Left out: {error}; `pip install -e .[bench]` brings it.")
        return report
    if (path := chromium_path()) is None:
        report.text("Left out: no Chromium on this machine.")
        return report
    rows = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        for variant in VARIANTS:
            visits = await _visits(browser, variant)
            if visits is not None:
                rows.append(
                    [
                        variant,
                        *(str(visits[0][m]) for m in REQUESTS),
                        *(str(v.total()) for v in visits),
                    ]
                )
        version = browser.version
        await browser.close()
    for words in peers.missing():
        report.text(words)
    report.text(
        f"Chromium {version}: GET, a POST with a JSON body, PUT, PATCH and DELETE to one path, one "
        "after the other, and the same from a second visit to the page a moment later; `max_age` "
        "is 600 s."
    )
    report.table(("variant", *REQUESTS, "first visit", "second visit"), rows)
    return report


async def _visits(browser: Any, variant: str) -> list[Counter[str]] | None:
    """The preflights of each visit, by the method announced."""
    seen: Counter[str] = Counter()

    async def count(request: web.Request, _response: web.StreamResponse) -> None:
        if request.method == "OPTIONS":
            seen[request.headers["Access-Control-Request-Method"]] += 1

    async with AsyncExitStack() as stack:
        page_app = web.Application()
        page_app.router.add_get("/", _page)
        origin = await _serve(page_app, stack)
        app = web.Application()
        resource = app.router.add_resource("/thing")
        by_hand = peers.answers_by_hand(variant)
        for method in REQUESTS:
            resource.add_route(method, _ok)
        if by_hand is not None:
            resource.add_route("OPTIONS", by_hand)
        if not peers.configure(variant, app, Wanted((origin,))):
            return None
        app.on_response_prepare.append(count)
        target = await _serve(app, stack)
        context = await browser.new_context()
        page = await context.new_page()
        visits = []
        for _ in range(2):
            seen.clear()
            await page.goto(f"{origin}/")
            for method in REQUESTS:
                status = await page.evaluate(SCRIPT, [f"{target}/thing", method])
                assert status == 200, (variant, method, status)
            visits.append(seen.copy())
        await context.close()
    return visits


async def _serve(app: web.Application, stack: AsyncExitStack) -> str:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>page</title>", content_type="text/html")


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="hello")
