"""Sends requests as browsers do, where aiohttp's client would not."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiohttp import (
    BaseConnector,
    ClientConnectionError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    TraceConfig,
    hdrs,
)
from yarl import URL

from aiohttp_cors_plugin._browser import Received, Sent

# Chromium reads heads of 256 KiB, in any number of lines; some versions of aiohttp count them.
_LIMITS: Final[dict[str, Any]] = {
    name: 256 * 1024
    for name in ("max_line_size", "max_field_size", "max_headers")
    if name in inspect.signature(ClientSession).parameters
}
# The content codings of zlib; the header of `deflate` may be missing.
_GZIP: Final = zlib.MAX_WBITS + 16
_UNREADABLE: Final = ("br", "zstd")


async def send_as_browser(
    sent: Sent,
    body: bytes | None = None,
    *,
    host: str | None = None,
    connector: BaseConnector,
    timeout: ClientTimeout,
) -> ClientResponse:
    """Send one request; its answer as soon as the head is there. `host` is the line of that name.

    The body is the caller's to read or to release, as it came: `decoded` undoes its coding.
    """
    async with _session(sent, connector=connector, timeout=timeout) as session:
        response = await session.request(
            sent.method,
            URL(sent.url, encoded=True),
            headers={hdrs.ACCEPT_ENCODING: "gzip, deflate"}
            | ({} if host is None else {hdrs.HOST: host}),
            data=body,
            allow_redirects=False,
            skip_auto_headers=(hdrs.CONTENT_TYPE, *(name for name, _ in sent.headers)),
        )
    if response.status == 101:  # behind which browsers wait for the answer
        response.close()
        raise ClientConnectionError("101 Switching Protocols, which nobody asked for")
    return response


async def connect_as_browser(
    sent: Sent,
    protocols: Sequence[str],
    answers: list[ClientResponse],
    *,
    host: str | None = None,
    connector: BaseConnector,
    timeout: ClientTimeout,
) -> ClientWebSocketResponse[Any]:
    """Open a WebSocket; `answers` takes the answer, also one that opens none.

    Redirects fail, as browsers follow none of a handshake:
    https://websockets.spec.whatwg.org/#concept-websocket-establish
    """

    async def note(_session: object, _context: object, params: Any) -> None:
        answers.append(params.response)

    async def refuse(session: object, context: object, params: Any) -> None:
        await note(session, context, params)
        params.response.close()
        raise ClientConnectionError("a redirect, which browsers do not follow here")

    trace = TraceConfig()
    trace.on_request_end.append(note)
    trace.on_request_redirect.append(refuse)
    settings: Any = {"connector": connector, "timeout": timeout, "trace_configs": [trace]}
    async with _session(sent, **settings) as session:
        return await session.ws_connect(
            URL(sent.url, encoded=True),
            headers=None if host is None else {hdrs.HOST: host},
            protocols=protocols,
        )


def _session(sent: Sent, **settings: Any) -> ClientSession:
    """For this request alone: without cookies, headers or authentication but its own.

    A .netrc would authenticate preflights.
    """

    class Request(ClientRequest):
        async def send(self, conn: Any) -> ClientResponse:
            conn.protocol.transport = _Head(sent, conn.protocol)
            return await super().send(conn)

    return ClientSession(
        connector_owner=False,
        cookie_jar=DummyCookieJar(),
        request_class=Request,
        # aiohttp takes an answer in a coding that it cannot undo for none at all.
        auto_decompress=False,
        **_LIMITS,
        **settings,
    )


def received_by(response: ClientResponse) -> Received:
    """The head of an answer as browsers read it: one letter for each byte of a header.

    https://infra.spec.whatwg.org/#isomorphic-decode
    """
    lines = (
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
    )
    return Received(response.status, tuple(lines))


def decoded(body: bytes, coding: str) -> bytes:
    """A body, or the beginning of one, without its `Content-Encoding`; others stay as they are.

    Raises:
        ClientPayloadError: it is not in this coding, or in one that browsers know and this does
            not: `br`, `zstd`.

    """
    coding = coding.strip().lower()
    if body and coding in _UNREADABLE:
        raise ClientPayloadError(f"no decoder for a body in Content-Encoding: {coding}")
    if not body or coding not in ("gzip", "x-gzip", "deflate"):
        return body
    wbits = zlib.MAX_WBITS if coding == "deflate" else _GZIP
    if coding == "deflate" and body[0] & 15 != zlib.DEFLATED:  # without the header of zlib
        wbits = -wbits
    try:
        return zlib.decompressobj(wbits).decompress(body)
    except zlib.error as error:
        raise ClientPayloadError(f"the body is not in Content-Encoding: {coding}") from error


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
