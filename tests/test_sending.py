"""Requests as browsers send them; the rest is in `test_testing.py` and `test_check.py`."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from aiohttp_cors_plugin._sending import request_class
from tests.raw_server import Arrived, Reply, raw_server


@pytest.mark.parametrize("method", ["patch", "PATCH", "CHICKEN", "GET"])
async def test_a_method_goes_out_as_it_is(method: str) -> None:
    arrived: list[Arrived] = []

    def answer(one: Arrived) -> Reply:
        arrived.append(one)
        return Reply(200)

    options: dict[str, Any] = {"request_class": request_class(method)}
    async with (
        raw_server(answer) as server,
        ClientSession(**options) as session,
        session.request(method, f"http://127.0.0.1:{server.ports[0]}/") as response,
    ):
        assert response.status == 200
    assert [one.method for one in arrived] == [method]
