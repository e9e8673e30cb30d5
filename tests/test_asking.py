"""Callables that go wrong, over and over; the rest of their tests is in `test_dynamic.py`."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, setup
from tests.app import APP, cors_headers, ok, preflight


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
