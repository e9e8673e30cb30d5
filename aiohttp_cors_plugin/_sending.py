"""Sends requests as browsers do, where aiohttp's client would not."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientRequest


def request_class(method: str) -> type[ClientRequest]:
    """What sends the method as it is: aiohttp makes `PATCH` of `patch`, and browsers do not."""

    class Request(ClientRequest):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.method = method

    return Request
