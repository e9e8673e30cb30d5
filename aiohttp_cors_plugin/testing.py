"""A client for tests that behaves like a page on an origin of your choice.

    async def test_a_page_reads_the_account(aiohttp_client):
        page = Page(await aiohttp_client(make_app()), "https://app.example.com")
        response = await page.fetch("/account", credentials="include")
        assert await response.json() == {"name": "x"}

It asks aiohttp's `TestClient` for whatever a browser would send, preflights included, and shows
what a browser would show to a script: the answer with the headers that the script can read, or a
`FetchError` with the reason.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientWebSocketResponse,
    FormData,
    hdrs,
)
from aiohttp.test_utils import TestClient
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aiohttp_cors_plugin._attachments import handles
from aiohttp_cors_plugin._browser import (
    FetchRequest,
    PreflightCache,
    Received,
    Sent,
    Verdict,
    fetch,
    get,
)
from aiohttp_cors_plugin._explain import request_for
from aiohttp_cors_plugin._fetch import VARY, is_token
from aiohttp_cors_plugin._origins import parse_origin
from aiohttp_cors_plugin._overrides import Marker
from aiohttp_cors_plugin._routing import resolve_as
from aiohttp_cors_plugin._sending import connect_as_browser, decoded, received_by, send_as_browser
from aiohttp_cors_plugin._urls import parse_url
from aiohttp_cors_plugin.plugin import CORS

__all__ = ["Exchange", "FetchError", "Page", "Response"]

Credentials = Literal["omit", "same-origin", "include"]
Mode = Literal["cors", "no-cors", "same-origin"]
Redirect = Literal["follow", "error", "manual"]

# The reasons of `_browser` that the application under test may know more about.
_OF_CORS: Final = ("allow-", "preflight-", "method-not-in-", "header-not-in-")
# Those that the guard of WebSockets has: it asks for nothing but the origin.
_OF_ORIGINS: Final = ("origin-", "predicate-")
# https://fetch.spec.whatwg.org/#null-body-status; and 0, where a script sees nothing at all.
_WITHOUT_BODY: Final = frozenset({0, 101, 103, 204, 205, 304})
_NOT_GIVEN: Final[Any] = Marker("<nothing>")


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """A request that a page sent, and what came back; made by `Page`.

    Attributes:
        method: the request's method.
        url: where it went, as browsers write it.
        headers: those that a browser decides on, `Cookie` among them; what aiohttp's client adds
            (`Host`, `User-Agent`) is left out.
        is_preflight: whether it is a preflight.
        status: the answer's status; 0 where nothing came back.
        response_headers: all headers of the answer.

    Example:
        >>> response = await page.fetch("/account", method="PUT", json={})
        >>> [exchange.is_preflight for exchange in response.requests]
        [True, False]

    """

    method: str
    url: str
    headers: CIMultiDictProxy[str]
    is_preflight: bool
    status: int
    response_headers: CIMultiDictProxy[str]

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        answer = f"{self.status}{_shown(self.response_headers)}" if self.status else "no answer"
        return f"{self.method} {self.url}{_shown(self.headers)} -> {answer}"


def _shown(headers: CIMultiDictProxy[str]) -> str:
    """What CORS is about, in brackets."""
    names = (hdrs.ORIGIN, hdrs.COOKIE, hdrs.LOCATION, VARY)
    lines = [
        f"{name}: {value}"
        for name, value in headers.items()
        if name.startswith("Access-Control-") or name in names
    ]
    return f" [{'; '.join(lines)}]" if lines else ""


class FetchError(Exception):
    """What `Page` raises: to a script no more than "Failed to fetch", here all that is known of it.

    Where the answer to the actual request was refused, the server *has* handled that request: a
    browser only keeps the answer from the script.

    Attributes:
        reason: a slug. For an application with this plugin the one that `Cors.explain` gives
            (`origin-not-listed`, in the README's table); else what the browser stumbled over
            (`allow-origin-missing`); `no-answer` where the connection failed.
        message: what Chromium's console says.
        explanation: what is configured and what to write instead, the `message` of `Cors.explain`;
            where the connection failed its exception; else empty.
        requests: the exchanges of this call, the refused one last.

    Example:
        >>> with pytest.raises(FetchError, match="origin-not-listed"):
        ...     await Page(client, "https://evil.example").fetch("/account")

    """

    def __init__(
        self, message: str, reason: str, explanation: str, requests: tuple[Exchange, ...]
    ) -> None:
        super().__init__(message, reason, explanation, requests)
        self.message = message
        self.reason = reason
        self.explanation = explanation
        self.requests = requests

    def __str__(self) -> str:
        slug = f"[{self.reason}]"
        why = self.explanation if slug in self.explanation else f"{self.explanation} {slug}".strip()
        return "\n".join([self.message, why, *map(str, self.requests)])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Response:
    """What a script can see of an answer, as the web's `Response`; made by `Page.fetch`.

    Attributes:
        type: `basic` (the page's own origin), `cors`, `opaque` (of `mode="no-cors"`) or
            `opaqueredirect` (of `redirect="manual"`). The last two show nothing: their status is
            0, their headers and body are empty.
        url: where the answer came from in the end.
        redirected: whether that is elsewhere than where the request went.
        status: the status.
        headers: those that the script can read; lines of one name are combined, and each byte is
            a letter (Latin-1), as in browsers.
        requests: the exchanges that it took, preflights and redirects included.

    Example:
        >>> response = await page.fetch("/account")
        >>> assert response.ok and "X-Total" in response.headers

    """

    type: str
    url: str
    redirected: bool
    status: int
    headers: CIMultiDictProxy[str]
    requests: tuple[Exchange, ...]
    _answer: ClientResponse | None = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is from 200 to 299."""
        return 200 <= self.status <= 299

    async def read(self) -> bytes:
        """The body, any number of times; waits for its end.

        Raises:
            aiohttp.ClientError: it broke off, the client was closed before, or its
                `Content-Encoding` is `br` or `zstd`, which are not asked for.
            asyncio.TimeoutError: it did not end within the client's timeout.

        """
        if self._answer is None:
            return b""
        coding = self._answer.headers.get(hdrs.CONTENT_ENCODING, "")
        return decoded(await self._answer.read(), coding)

    async def text(self) -> str:
        """The body as text: in UTF-8 whatever the headers say, as in a browser."""
        return (await self.read()).decode("utf-8-sig", "replace")

    async def json(self) -> Any:
        """The body read as JSON, whatever its `Content-Type`.

        Raises:
            json.JSONDecodeError: it is none.

        """
        return jsonlib.loads(await self.text())


class _Answer(NamedTuple):
    """What the network gave for one request: an answer, or why there is none."""

    response: ClientResponse | None = None
    failure: Exception | None = None

    @property
    def received(self) -> Received | None:
        return None if self.response is None else received_by(self.response)

    def leave(self) -> None:
        """Nobody will read the body, which may have no end."""
        if self.response is not None:
            self.response.release()


class Page:
    """A page on `origin`, whose script talks to the server behind a `TestClient`.

    Cookies are those of the client's session (`client.session.cookie_jar`): requests that a
    browser sends with credentials carry them and add to them, `Secure` ones also without TLS.
    `SameSite` is not judged: which names are one site, the test's server cannot tell. Headers and
    `auth` given to the client are no business of a page, and are not sent. Nor are `Referer` and
    `Sec-Fetch-Site`, `-Mode` and `-Dest`, which browsers do send: ask what a middleware makes of
    them with the client itself.

    Attributes:
        origin: the page's origin.
        requests: every exchange so far, to count preflights: `[r.is_preflight for r in ...]`.

    Args:
        client: as `aiohttp_client` and `AioHTTPTestCase` make it, with any server.
        origin: as `location.origin` shows it; `null` for a sandboxed frame.
        server: the server's own origin where browsers find it, `https://api.example.com`: for
            domains, absolute redirects, and pages of that very origin. Left out: what the
            client connects to, `http://127.0.0.1:` with a port.
        cache: whether preflights are remembered for as long as Chromium does.
        clock: the time in seconds, for the cache.

    Raises:
        TypeError: `client` is no `TestClient`.
        ValueError: `origin` or `server` is no origin.

    Example:
        >>> page = Page(await aiohttp_client(make_app()), "https://app.example.com")
        >>> response = await page.fetch("/account", method="PUT", json={"name": "x"})

    """

    def __init__(
        self,
        client: TestClient[Any, Any],
        origin: str,
        *,
        server: str | None = None,
        cache: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(client, TestClient):
            raise TypeError(f"Page takes aiohttp's TestClient, not {client!r:.200}")
        if origin != "null":
            _check_origin("origin", origin)
        if server is not None:
            _check_origin("server", server)
        self.origin = origin
        self.requests: list[Exchange] = []
        self._client = client
        self._server = server
        self._cache = PreflightCache(clock=clock) if cache else None

    async def fetch(
        self,
        url: str | URL,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        json: Any = _NOT_GIVEN,
        data: str | bytes | FormData | Mapping[str, str] | None = None,
        credentials: Credentials = "same-origin",
        mode: Mode = "cors",
        redirect: Redirect = "follow",
    ) -> Response:
        """As the web's `fetch()`, from this page.

        Returns as soon as the status and the headers are there; who reads the body waits for its
        end. One that nobody reads, or that never ends (server-sent events), stays open until the
        client is closed.

        Args:
            url: a path of the server under test, or a whole URL.
            method: `patch` is not `PATCH`, as in browsers.
            headers: what the script sets; what browsers set themselves (`Cookie`) is dropped.
            json: a body in JSON, of type `application/json`: so there is a preflight. None is
                `null`. With `mode="no-cors"` it is text, as in browsers.
            data: a body: text (`text/plain`), bytes (of no type), a mapping or `FormData` (a
                form).
            credentials: whether cookies are sent and stored: never (`omit`), for the page's own
                origin (`same-origin`), or always (`include`).
            mode: `cors`, `no-cors` or `same-origin`.
            redirect: `follow`, `error` or `manual`.

        Returns:
            What the script would get.

        Raises:
            FetchError: the script would get no answer. The server may have handled the request.
            RuntimeError: a redirect, or `url`, leads to another server than that under test.
            ValueError: an argument that `fetch()` does not have.

        Example:
            >>> await page.fetch("/account", method="DELETE", credentials="include")

        """
        _check_choice("credentials", credentials, get_args(Credentials))
        _check_choice("mode", mode, get_args(Mode))
        _check_choice("redirect", redirect, get_args(Redirect))
        body, content_type = await _encode(json, data, self._client.session.json_serialize)
        lines = CIMultiDict(headers)
        if json is not _NOT_GIVEN:
            lines.setdefault(hdrs.CONTENT_TYPE, "application/json")
        request = FetchRequest(
            str(url),
            self.origin,
            method,
            tuple(lines.items()),
            body is not None,
            credentials,
            mode,
            redirect,
            self._own_origin(),
            content_type,
        )
        steps, exchanges, answer = fetch(request, self._cache), list[Exchange](), _Answer()
        try:
            while True:
                sent = steps.send(answer.received)
                answer.leave()
                exchange, answer = await self._send(sent, body)
                exchanges.append(exchange)
        except StopIteration as end:
            verdict: Verdict = end.value
        requests = tuple(exchanges)
        has_body = verdict.status not in _WITHOUT_BODY
        if not has_body:
            answer.leave()
        if verdict.resolved:
            return Response(
                type=verdict.type,
                url=verdict.url,
                redirected=verdict.redirected,
                status=verdict.status,
                headers=_proxy(verdict.headers),
                requests=requests,
                _answer=answer.response if has_body else None,
            )
        reason, explanation = verdict.reason, repr(answer.failure) if answer.failure else ""
        if reason.startswith(_OF_CORS):
            explained = await self._explain(verdict.steps[-1].sent, request)
            reason, explanation = explained or (reason, explanation)
        raise FetchError(verdict.message, reason, explanation, requests) from answer.failure

    async def ws_connect(
        self, url: str | URL, *, protocols: Iterable[str] = ()
    ) -> ClientWebSocketResponse[Any]:
        """As the web's `new WebSocket()`: with the page's `Origin` and with cookies.

        Browsers apply no CORS to WebSockets: only the server can refuse one.

        Args:
            url: a path of the server under test, or a whole URL.
            protocols: the subprotocol that the script offers, or several.

        Returns:
            aiohttp's WebSocket; the client closes it at its end.

        Raises:
            FetchError: the handshake failed, which it also does where the server chose no
                subprotocol of those offered. `reason` is `handshake-refused`, or that of
                `Cors.explain` where the application refuses the origin with a 403; `no-answer`
                where the connection failed.
            RuntimeError: `url` leads to another server than that under test.
            ValueError: an argument that `new WebSocket()` throws at.

        Example:
            >>> socket = await page.ws_connect("/socket")

        """
        url, offered = str(url), [protocols] if isinstance(protocols, str) else [*protocols]
        _check_socket(url, offered)
        parsed = parse_url(url, parse_url(self._own_origin()))
        target = url if parsed is None else re.sub("^ws", "http", parsed.href)
        headers = ((hdrs.ORIGIN, self.origin),)
        sent = Sent(hdrs.METH_GET, target, headers, False, credentials=True, is_preflight=False)
        wire, lines, session = self._wire(sent), self._lines(sent), self._client.session
        assert session.connector is not None  # as in `_send`
        answers = list[ClientResponse]()
        socket: ClientWebSocketResponse[Any] | None = None
        failure: Exception | None = None
        try:
            socket = await connect_as_browser(
                sent._replace(url=wire, headers=tuple(lines.items())),
                offered,
                answers,
                host=self._host,
                connector=session.connector,
                timeout=session.timeout,
            )
        except (ClientError, OSError, asyncio.TimeoutError) as error:
            failure = error
        status, received = received_by(answers[-1]) if answers else Received(0)
        exchange = Exchange(
            sent.method, target, _proxy(lines.items()), False, status, _proxy(received)
        )
        self.requests.append(exchange)
        reason, explanation = "no-answer", repr(failure)
        words = "Connection closed before receiving a handshake response"
        if status:
            reason, explanation = "handshake-refused", ""
            words = f"Error during WebSocket handshake: Unexpected response code: {status}"
        if socket is not None:
            problem = _choice_problem(offered, get(received, hdrs.SEC_WEBSOCKET_PROTOCOL))
            if not problem:
                # Chromium stores none of a handshake that failed.
                session.cookie_jar.update_cookies(answers[-1].cookies, _secure(target))
                # Which the client closes at its end, as its own. There is no public name.
                self._client._websockets.append(socket)  # noqa: SLF001
                return socket
            answers[-1].close()  # as browsers do, without a word
            words = f"Error during WebSocket handshake: {problem}"
        if status == 403 and self.origin != self._own_origin():
            explained = await self._explain(sent, FetchRequest(target, self.origin))
            if explained is not None and explained[0].startswith(_OF_ORIGINS):
                reason, explanation = explained
        message = f"WebSocket connection to '{target.replace('http', 'ws', 1)}' failed: {words}"
        raise FetchError(message, reason, explanation, (exchange,)) from failure

    def _own_origin(self) -> str:
        """The origin of the server under test, as the page sees it."""
        return self._server or str(self._client.make_url("/").origin())

    def _wire(self, sent: Sent) -> str:
        """Where a request goes in truth."""
        own, parsed = self._own_origin(), parse_url(sent.url)
        if parsed is None or parsed.origin != own:
            raise RuntimeError(
                f"{sent.method} {sent.url} does not go to the server under test, {own}; if it is "
                'meant to be the same, say so with Page(..., server="https://..."), and if it is a '
                'redirect, redirect="manual" does not follow it'
            )
        return str(self._client.make_url("/").origin()) + sent.url[len(own) :]

    def _lines(self, sent: Sent) -> CIMultiDict[str]:
        """The headers of a request, with its cookies."""
        lines = CIMultiDict[str](sent.headers)
        if sent.credentials:
            cookies = self._client.session.cookie_jar.filter_cookies(_secure(sent.url)).values()
            if cookies:
                line = "; ".join(f"{one.key}={one.coded_value}" for one in cookies)
                # aiohttp keeps cookies as text, out of bytes in UTF-8.
                lines[hdrs.COOKIE] = line.encode("utf-8", "surrogateescape").decode("latin-1")
        return lines

    @property
    def _host(self) -> str | None:
        """The `Host` line, where it is another than aiohttp would write."""
        return None if self._server is None else self._server.partition("://")[2]

    async def _send(self, sent: Sent, body: bytes | None) -> tuple[Exchange, _Answer]:
        wire, lines, session = self._wire(sent), self._lines(sent), self._client.session
        assert session.connector is not None  # the server of a closed client has no URL
        try:
            response = await send_as_browser(
                sent._replace(url=wire, headers=tuple(lines.items())),
                body if sent.has_body else None,
                host=self._host,
                connector=session.connector,
                timeout=session.timeout,
            )
        except (ClientError, OSError, asyncio.TimeoutError) as error:
            answer = _Answer(failure=error)
        else:
            answer = _Answer(response)
            # Which the client closes at its end, as its own. There is no public name.
            self._client._responses.append(response)  # noqa: SLF001
            if sent.credentials:
                session.cookie_jar.update_cookies(response.cookies, _secure(sent.url))
        status, received = answer.received or Received(0)
        exchange = Exchange(
            sent.method,
            sent.url,
            _proxy(lines.items()),
            sent.is_preflight,
            status,
            _proxy(received),
        )
        self.requests.append(exchange)
        return exchange, answer

    async def _explain(self, sent: Sent, request: FetchRequest) -> tuple[str, str] | None:
        """Why the application refused a request; None where the plugin did not.

        Callables among the options are asked once more: a test can bear that.
        """
        app = self._client.app
        if app is None:
            return None
        method, headers = sent.method, sent.headers
        if sent.is_preflight:
            method = get(headers, hdrs.ACCESS_CONTROL_REQUEST_METHOD) or ""
            # Of the script's own headers: a redirect may have taken some away.
            names = (get(headers, hdrs.ACCESS_CONTROL_REQUEST_HEADERS) or "").split(",")
            headers = tuple(line for line in request.headers if line[0].lower() in names)
        match = await resolve_as(app, request_for(app, method, sent.url, {}), method)
        on_the_way = set() if match is None else {inner.get(CORS) for inner in match.apps}
        cors = next((cors for cors in handles(app) if cors in on_the_way), None)
        if cors is None:
            return None
        explanation = await cors.explain(
            method,
            sent.url,
            origin=get(sent.headers, hdrs.ORIGIN) or "",
            headers=CIMultiDict(headers),
            credentials=request.credentials == "include",
        )
        return None if explanation.reason is None else (explanation.reason, explanation.message)


class _Buffer:
    """What a payload is written to."""

    def __init__(self) -> None:
        self.content = b""

    async def write(self, chunk: bytes) -> None:
        self.content += chunk


async def _encode(json: Any, data: Any, dumps: Callable[[Any], str]) -> tuple[bytes | None, str]:
    """A body, whole since a redirect may send it again, and the type that it brings along, if any.

    https://fetch.spec.whatwg.org/#concept-bodyinit-extract
    """
    if json is not _NOT_GIVEN and data is not None:
        raise ValueError("a request has one body: give json or data")
    if json is not _NOT_GIVEN:
        data = dumps(json)
    if data is None:
        return None, ""
    if isinstance(data, str):
        return data.encode(), "text/plain;charset=UTF-8"
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data), ""
    payload = (data if isinstance(data, FormData) else FormData(data))()
    buffer: Any = _Buffer()
    await payload.write(buffer)
    return buffer.content, payload.headers[hdrs.CONTENT_TYPE]


def _proxy(lines: Iterable[tuple[str, str]]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(lines))


def _secure(url: str) -> URL:
    """For the cookie jar: as Chromium does, it keeps and sends `Secure` ones on loopback too."""
    return URL(url).with_scheme("https")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name}={value!r}: fetch() has {', '.join(map(repr, choices))}")


def _check_socket(url: str, protocols: list[str]) -> None:
    """https://websockets.spec.whatwg.org/#dom-websocket-websocket"""
    if "#" in url:
        raise ValueError(f"url={url!r}: new WebSocket() takes no fragment")
    if not all(map(is_token, protocols)) or len({*protocols}) < len(protocols):
        raise ValueError(f"protocols={protocols!r}: new WebSocket() takes tokens, each once")


def _choice_problem(offered: list[str], chosen: str | None) -> str:
    """What Chromium says of the subprotocol that a server chose: nothing where it is fine.

    https://websockets.spec.whatwg.org/#concept-websocket-establish
    """
    header = f"'{hdrs.SEC_WEBSOCKET_PROTOCOL}' header"
    if chosen is None:
        return f"Sent non-empty {header} but no response was received" if offered else ""
    if not offered:
        return f"Response must not include {header} if not present in request: {chosen}"
    if "," in chosen:
        return f"{header} must not appear more than once in a response"
    if chosen in offered:
        return ""
    return f"{header} value '{chosen}' in response does not match any of sent values"


def _check_origin(name: str, value: str) -> None:
    if parse_origin(value) is None:
        raise ValueError(
            f"{name}={value!r} is no origin; write what location.origin shows in a browser, "
            "like 'https://app.example.com'"
        )
