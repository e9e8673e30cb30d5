"""Requests: what kind they are of, and stand-ins for them to ask routers and callables with."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import hdrs, web
from yarl import URL

from aiohttp_cors_plugin._origins import DEFAULT_PORTS, parse_origin
from aiohttp_cors_plugin._policy import origin_of


def request_key(name: str) -> Any:
    """A key under which a request keeps what only we read; aiohttp >= 3.14 wants a `RequestKey`."""
    return web.RequestKey(name, object) if hasattr(web, "RequestKey") else name


def is_preflight(request: web.BaseRequest) -> bool:
    """Whether a request is a CORS preflight: OPTIONS, `Origin`, `Access-Control-Request-Method`.

    Any other OPTIONS request is the application's own business.
    https://fetch.spec.whatwg.org/#cors-preflight-request

    Args:
        request: any request, in a middleware or a handler of your own.

    Returns:
        True where it has that method and both headers; whether it will pass is not judged.

    Example:
        >>> is_preflight(request)
        False

    """
    if request.method != hdrs.METH_OPTIONS:
        return False
    headers = request.headers
    return hdrs.ORIGIN in headers and hdrs.ACCESS_CONTROL_REQUEST_METHOD in headers


def announced_method(request: web.BaseRequest) -> str:
    """The method that a preflight announces; empty where it names none or several."""
    lines = request.headers.getall(hdrs.ACCESS_CONTROL_REQUEST_METHOD, [])
    return lines[0].strip(" \t") if len(lines) == 1 else ""


def is_same_origin(request: web.BaseRequest) -> bool:
    """Whether a request comes from the host and port that it goes to, or names no origin.

    The scheme is not compared: behind a proxy that ends TLS the application does not see it.

    Args:
        request: any request, a WebSocket handshake too.

    Returns:
        True where `Origin` names the host and port of `Host`, or is missing.

    Example:
        >>> if not is_same_origin(request):
        ...     raise web.HTTPForbidden

    """
    origin = origin_of(request)
    if origin is None:
        return True
    parsed = parse_origin(origin)
    hosts = request.headers.getall(hdrs.HOST, [])
    if parsed is None or len(hosts) != 1 or parsed.scheme not in ("http", "https"):
        return False
    default = DEFAULT_PORTS[parsed.scheme]
    name, separator, port = hosts[0].strip().lower().rpartition(":")
    if not separator or "]" in port:
        name, port = hosts[0].strip().lower(), str(default)
    return (name, port) == (parsed.host, str(parsed.port or default))


def match_of(request: web.Request) -> web.UrlMappingMatchInfo:
    """The match whose route answers, also where a middleware has put another in its place.

    `Request.match_info` goes on showing the one that was there when it was first looked at.
    """
    match: web.UrlMappingMatchInfo | None = getattr(request, "_match_info", None)
    return request.match_info if match is None else match


def is_no_fetch(request: web.Request) -> bool:
    """Whether no script waits for the answer: a form is sent, or a WebSocket opened."""
    headers = request.headers
    return headers.get("Sec-Fetch-Mode", "cors") != "cors" or hdrs.UPGRADE in headers


class Announced:
    """A request as its preflight announces it: the same in everything but the method.

    `web.Request.clone` would do, at 2.5 times the cost of the rest of a preflight.
    """

    def __init__(self, request: web.Request, method: str) -> None:
        self._request = request
        self.method = method
        self.rel_url: URL = request.rel_url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    # Special methods are looked up on the class: a request is a mutable mapping.
    def __getitem__(self, key: Any) -> Any:
        return self._request[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._request[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._request[key]

    def __contains__(self, key: object) -> bool:
        return key in self._request

    def __iter__(self) -> Iterator[Any]:
        return iter(self._request)

    def __len__(self) -> int:
        return len(self._request)

    def __bool__(self) -> bool:
        return True

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Custom resources may check that they are given a request.
        return type(self._request)

    def clone(self, *, method: str | None = None, **changes: Any) -> Announced:
        """As `web.Request.clone`: custom resources ask other routers with another path."""
        return Announced(self._request.clone(**changes), self.method if method is None else method)


class Reached(Announced):
    """A request at the match that the router has found for it, or for what it announces."""

    def __init__(self, request: web.Request, match: web.UrlMappingMatchInfo) -> None:
        super().__init__(request, request.method)
        self.match_info = self._match_info = match

    @property
    def app(self) -> web.Application:
        return self.match_info.apps[-1]

    @property
    def config_dict(self) -> Mapping[Any, Any]:
        return ChainMap(*reversed(self.match_info.apps))
