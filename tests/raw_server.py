"""A server made by hand: it answers with any bytes, and remembers what reached it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

Headers = tuple[tuple[str, str], ...]


class Arrived(NamedTuple):
    """A request as it came over the wire."""

    method: str
    url: str
    headers: dict[str, str]  # lower-case names; lines of one name are joined
    body: bytes


class Reply(NamedTuple):
    """An answer; its header lines go out as they are, malformed ones too."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""

    def encode(self, method: str) -> bytes:
        has_body = self.status not in (204, 304)
        length = (("Content-Length", str(len(self.body))),) if has_body else ()
        lines = [f"{name}: {value}\r\n" for name, value in (*self.headers, *length)]
        head = f"HTTP/1.1 {self.status} Reason\r\n{''.join(lines)}\r\n".encode("latin-1")
        return head if method == "HEAD" or not has_body else head + self.body


Handler = Callable[[Arrived], Reply]


class RawServer:
    """One handler behind any number of ports of the loopback interface."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.ports: list[int] = []
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.StreamWriter] = set()

    async def listen(self) -> int:
        """Open one more port, of IPv4's loopback address and of IPv6's where there is one."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        with contextlib.suppress(OSError):  # browsers try ::1 first for localhost
            sixth = await asyncio.start_server(self._serve, "::1", port, family=socket.AF_INET6)
            self._servers.append(sixth)
        self.ports.append(port)
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (arrived := await _read(reader)) is not None:
                writer.write(self.handler(arrived).encode(arrived.method))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for writer in self._connections:
            writer.close()
        for server in self._servers:
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 5)


async def _read(reader: asyncio.StreamReader) -> Arrived | None:
    """The next request of a connection, None where it ends."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head[:-4].split("\r\n")
    method, target, _version = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        before = [headers[name.lower()]] if name.lower() in headers else []
        headers[name.lower()] = ", ".join([*before, value.strip(" \t")])
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Arrived(method, f"http://{headers['host']}{target}", headers, body)


@contextlib.asynccontextmanager
async def raw_server(handler: Handler, ports: int = 1) -> AsyncIterator[RawServer]:
    server = RawServer(handler)
    try:
        for _ in range(ports):
            await server.listen()
        yield server
    finally:
        await server.close()
