"""Callables that go wrong, over and over; the rest of their tests is in `test_dynamic.py`."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, setup
from tests.app import APP, cors_headers, ok


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
