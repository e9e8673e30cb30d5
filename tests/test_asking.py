"""Callables that go wrong, over and over; the rest of their tests is in `test_dynamic.py`."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CORS, CorsOptions, setup
from tests.app import APP, EVIL, cors_headers, ok, preflight


@pytest.mark.parametrize("answer", [OSError("the database is down"), "yes"], ids=repr)
async def test_a_broken_callable_does_not_fill_the_log(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, answer: object
) -> None:
    def decide(_request: web.Request, _origin: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    app = web.Application()
    app.router.add_get("/", ok)
    setup(app, CorsOptions(allow_origins=decide))
    client = await aiohttp_client(app)
    for _ in range(50):
        response = await client.get("/", headers={"Origin": APP})
        assert cors_headers(response) == {"Vary": "Origin"}
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_flood_of_refusals_does_not_hide_an_error(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aiohttp_cors_plugin")

    def decide(_request: web.Request, origin: str) -> bool:
        if origin == APP:
            raise OSError("the database is down")
        return False

    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=decide))
    client = await aiohttp_client(app)
    for number in range(150):
        await client.options("/", headers=preflight("PUT", f"https://a{number}.example.com"))
    await client.options("/", headers=preflight("PUT", APP))
    levels = [record.levelno for record in caplog.records]
    assert (levels.count(logging.INFO), levels.count(logging.ERROR)) == (100, 1)


async def test_a_clone_with_another_origin_is_asked_about_anew(aiohttp_client: Any) -> None:
    """And one with the same is not."""
    asked, told = [], []

    def decide(_request: web.Request, origin: str) -> bool:
        asked.append(origin)
        return origin == APP

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        cors = request.app[CORS]
        assert await cors.allows_origin(request)
        for origin in (APP, EVIL, APP):
            clone = request.clone(headers={"Origin": origin})
            clone._match_info = request.match_info
            told.append(await cors.allows_origin(clone))
        return await handler(request)

    app = web.Application(middlewares=[look])
    app.router.add_get("/", ok)
    setup(app, CorsOptions(allow_origins=decide))
    client = await aiohttp_client(app)
    response = await client.get("/", headers={"Origin": APP})
    assert cors_headers(response)["Access-Control-Allow-Origin"] == APP
    assert told == [True, False, True]
    assert asked == [APP, EVIL]


async def test_the_answer_of_a_callable_that_is_gone_is_nobody_elses(aiohttp_client: Any) -> None:
    """The next one may be where it was in memory."""

    def make(answer: bool) -> Any:
        return lambda _request, _origin: answer

    @web.middleware
    async def ask(request: web.Request, handler: Any) -> web.StreamResponse:
        assert await request.app[CORS].allows_origin(request)
        return await handler(request)

    async def swap(request: web.Request) -> web.Response:
        cors = request.app[CORS]
        cors.reconfigure(None)
        gc.collect()
        cors.reconfigure(CorsOptions(allow_origins=make(False)))
        return web.Response()

    app = web.Application(middlewares=[ask])
    app.router.add_get("/", swap)
    cors = setup(app, CorsOptions(allow_origins=make(True)))
    client = await aiohttp_client(app)
    for _ in range(5):
        assert cors_headers(await client.get("/", headers={"Origin": APP})) == {"Vary": "Origin"}
        cors.reconfigure(CorsOptions(allow_origins=make(True)))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot tell the two apart")
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_what_a_callable_waits_for_may_be_cancelled(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    async def decide(_request: web.Request, _origin: str) -> bool:
        loading = asyncio.get_running_loop().create_future()
        loading.cancel()
        return bool(await loading)

    app = web.Application()
    app.router.add_get("/", ok)
    setup(app, CorsOptions(allow_origins=decide))
    client = await aiohttp_client(app)
    response = await client.request(method, "/", headers=preflight("GET"))
    assert (response.status, cors_headers(response)) == (
        200 if method == "GET" else 403,
        {"Vary": "Origin"},
    )
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_whoever_cancels_the_request_ends_the_callable_too() -> None:
    started = asyncio.Event()

    async def decide(_request: web.Request, _origin: str) -> bool:
        started.set()
        await asyncio.sleep(60)
        return True

    app = web.Application()
    app.router.add_get("/", ok)
    explaining = asyncio.create_task(
        setup(app, CorsOptions(allow_origins=decide)).explain("GET", "/", origin=APP)
    )
    await started.wait()
    explaining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await explaining


async def test_a_callable_sees_the_route_that_is_announced(aiohttp_client: Any) -> None:
    seen = []

    def decide(request: web.Request, origin: str) -> bool:
        match = request.match_info
        seen.append((request.method, match.route.name, match.get_info()["formatter"], match["x"]))
        return match.route.name == "public" and request.app is app

    app = web.Application()
    app.router.add_put("/public/{x}", ok, name="public")
    cors = setup(app, CorsOptions(allow_origins=decide))
    client = await aiohttp_client(app)
    assert (await client.put("/public/7", headers={"Origin": APP})).status == 200
    assert (await client.options("/public/7", headers=preflight("PUT"))).status == 204
    assert (await cors.explain("PUT", "/public/7", origin=APP)).allowed
    assert seen == [
        (method, "public", "/public/{x}", "7") for method in ("PUT", "OPTIONS", "OPTIONS", "PUT")
    ]


async def test_what_a_callable_writes_into_the_match_is_not_there_for_the_next_preflight(
    aiohttp_client: Any,
) -> None:
    def decide(request: web.Request, origin: str) -> bool:
        match = request.match_info
        match.setdefault("allowed", origin)
        return match.pop("x") == "7" and match["allowed"] == APP

    app = web.Application()
    app.router.add_put("/{x}", ok)
    setup(app, CorsOptions(allow_origins=decide))
    client = await aiohttp_client(app)
    for origin, status in ((APP, 204), (EVIL, 403), (APP, 204)):
        assert (await client.options("/7", headers=preflight("PUT", origin))).status == status
