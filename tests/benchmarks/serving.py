"""Requests into applications without a socket: real parser, router, handlers and serialisation."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, StreamWriter

from tests.benchmarks.measure import Turn


def raw_request(method: str, path: str, headers: dict[str, str]) -> bytes:
    """A request as Chromium would send it, without its cookies."""
    lines = {
        "Host": "api.example.com",
        "Connection": "keep-alive",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Accept": "*/*",
        **headers,
        "Sec-Fetch-Mode": "cors",
        "Accept-Encoding": "gzip, deflate, br",
        "Accept-Language": "en-GB,en;q=0.9",
    }
    written = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{written}\r\n".encode()


class _Nowhere(asyncio.Transport):
    """Takes what a response writes, and throws it away."""

    def write(self, data: Any) -> None: ...

    def writelines(self, list_of_data: Any) -> None: ...

    def is_closing(self) -> bool:
        return False


class _Protocol(BaseProtocol):
    ssl_context = None
    peername = sockname = ("127.0.0.1", 1)


class Served:
    """An application that is started, and answers requests made of bytes."""

    def __init__(self, app: web.Application) -> None:
        self.app = app
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Served:
        await self._runner.setup()
        self._loop = asyncio.get_running_loop()
        self._protocol: Any = _Protocol(self._loop)
        self._protocol.transport = _Nowhere()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def requests(self, raws: Iterator[bytes], count: int) -> list[web.Request]:
        """Requests that nothing has looked at: no cached property, no hash of a string is there."""
        parser = HttpRequestParser(self._protocol, self._loop, 2**16)
        made = []
        for raw in itertools.islice(raws, count):
            [(message, payload)], _, _ = parser.feed_data(raw)
            writer = StreamWriter(self._protocol, self._loop)
            task: Any = None
            made.append(self.app._make_request(message, payload, self._protocol, writer, task))
        return made

    async def handled(
        self, raws: Iterator[bytes], count: int
    ) -> list[tuple[web.Request, web.StreamResponse]]:
        """Requests with what their handlers returned, in the state in which hooks see them."""
        return [(request, await self._handle(request)) for request in self.requests(raws, count)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self.app._handle(request)
        except web.HTTPException as error:
            return error

    async def first_answer(self, raw: bytes) -> web.StreamResponse:
        return await self.answer(self.requests(iter([raw]), 1)[0])

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What aiohttp's server does between parser and socket."""
        response = await self._handle(request)
        await response.prepare(request)
        await response.write_eof()
        return response


def whole(served: Served, raws: Sequence[bytes]) -> Turn:
    """Router, middlewares, handler, hooks, serialisation.

    As in a server, each request is parsed right before it is answered: what was parsed long ago is
    no longer in the processor's cache.
    """

    asked = itertools.cycle(raws)

    async def turn(count: int) -> float:
        taken = 0.0
        for _ in range(count):
            (request,) = served.requests(asked, 1)
            start = time.perf_counter()
            await served.answer(request)
            taken += time.perf_counter() - start
        return taken / count

    return turn


def prepared(served: Served, raws: Sequence[bytes]) -> Turn:
    """`response.prepare()`: aiohttp's own headers, hooks, serialisation."""

    asked = itertools.cycle(raws)

    async def turn(count: int) -> float:
        pairs = await served.handled(asked, count)
        start = time.perf_counter()
        for request, response in pairs:
            await response.prepare(request)
        taken = (time.perf_counter() - start) / count
        for _, response in pairs:
            await response.write_eof()
        return taken

    return turn


def hooked(served: Served, raws: Sequence[bytes]) -> Turn:
    """The hooks of `on_response_prepare` alone, called as aiohttp calls them."""

    asked = itertools.cycle(raws)

    async def turn(count: int) -> float:
        pairs = await served.handled(asked, count)
        start = time.perf_counter()
        for request, response in pairs:
            await request._prepare_hook(response)
        return (time.perf_counter() - start) / count

    return turn
