"""Sends requests as browsers do, where aiohttp's client would not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import (
    BaseConnector,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    hdrs,
)
from yarl import URL

from aiohttp_cors_plugin._browser import Received, Sent


async def send_as_browser(
    sent: Sent,
    body: bytes | None = None,
    *,
    host: str | None = None,
    connector: BaseConnector,
    timeout: ClientTimeout,
) -> ClientResponse:
    """Send one request; its answer as soon as the head is there. `host` is the line of that name.

    The body is the caller's to read or to release.
    """

    class Request(ClientRequest):
        async def send(self, conn: Any) -> ClientResponse:
            conn.protocol.transport = _Head(sent, conn.protocol)
            return await super().send(conn)

    # A session for this request alone: without cookies, headers or authentication but its own;
    # .netrc would authenticate preflights.
    async with ClientSession(
        connector=connector,
        connector_owner=False,
        cookie_jar=DummyCookieJar(),
        request_class=Request,
        timeout=timeout,
    ) as session:
        return await session.request(
            sent.method,
            URL(sent.url, encoded=True),
            headers={} if host is None else {hdrs.HOST: host},
            data=body,
            allow_redirects=False,
            skip_auto_headers=(hdrs.CONTENT_TYPE, *(name for name, _ in sent.headers)),
        )


def received_by(response: ClientResponse) -> Received:
    """The head of an answer as browsers read it: one letter for each byte of a header.

    https://infra.spec.whatwg.org/#isomorphic-decode
    """
    lines = (
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
    )
    return Received(response.status, tuple(lines))


class _Head:
    """A transport until the first write: the head of a request, which goes out as browsers have it.

    aiohttp makes `PATCH` of `patch`, drops a `?` at the end, refuses some letters in headers and
    writes others in UTF-8.
    """

    def __init__(self, sent: Sent, protocol: Any) -> None:
        self._sent = sent
        self._protocol = protocol
        self._transport = protocol.transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self.writelines([data])

    def writelines(self, chunks: Iterable[bytes]) -> None:
        sent, (_, _, rest) = self._sent, b"".join(chunks).partition(b"\r\n")
        lines = [
            f"{sent.method} /{sent.url.split('/', 3)[3]} HTTP/1.1",
            *map(": ".join, sent.headers),
            "",
        ]
        self._protocol.transport = self._transport
        self._transport.write("\r\n".join(lines).encode("latin-1") + rest)
