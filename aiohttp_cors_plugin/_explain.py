"""What a page's request would meet, as a record; and requests that were never sent, to ask with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web
from yarl import URL

from aiohttp_cors_plugin._browser import is_forbidden_header
from aiohttp_cors_plugin._urls import parse_url


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What a page's request would meet; made by `Cors.explain`.

    Attributes:
        allowed: whether the browser would let the script read the response, a 404 too.
        reason: why not, as a slug of the README's table; None where it would.
        message: the same in a sentence, with what is configured and what to write instead; in
            tests the `explanation` of a `FetchError`, whose `message` is the browser's.
        method: the method as browsers send it.
        path: the path asked for.
        origin: the page's origin.
        route: the route that the request reaches; None for a 404 or a 405.
        source: where the options come from: `defaults`, or which overrides; `none` without any.
        preflight: whether a browser would send a preflight first.
        preflight_status: the status of its answer; None without one, and where it is not the
            plugin's business.
        preflight_headers: the CORS headers of that answer.
        headers: those of the response itself; empty where a refused preflight comes before it.

    Example:
        >>> explanation = await cors.explain("GET", "/report", origin="https://app.example.com")
        >>> assert explanation.allowed, explanation.message
        >>> dict(explanation.headers)["Access-Control-Allow-Origin"]
        'https://app.example.com'

    """

    allowed: bool
    reason: str | None
    message: str
    method: str
    path: str
    origin: str
    route: web.AbstractRoute | None
    source: str
    preflight: bool
    preflight_status: int | None
    preflight_headers: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]


def request_for(app: web.Application, method: str, path: str, headers: Mapping[str, str]) -> Any:
    """A request as it would arrive; `path` may be a whole URL, where the host matters.

    Raises:
        ValueError: neither of them.

    """
    # unittest.mock is slow to import, and nothing but explanations needs it.
    from aiohttp.test_utils import make_mocked_request  # noqa: PLC0415

    host = "localhost"
    if not path.startswith("/"):  # `//x` is a path, too
        url = parse_url(path)
        if url is None or url.origin == "null":
            raise ValueError(f"path={path!r} is neither a path nor a URL; write '/{path}'")
        host, path = url.origin.partition("://")[2], url.href[len(url.origin) :]
    target, _, query = path.partition("#")[0].partition("?")
    rel_url = URL.build(path=target, query_string=query, encoded=True)
    request = make_mocked_request(method, "/", {hdrs.HOST: host, **headers}, app=app)
    return request.clone(rel_url=rel_url)


def read_headers(headers: Mapping[str, str] | Iterable[str]) -> list[tuple[str, str]]:
    """What a script sets, without what browsers drop; of mere names, with empty values.

    Raises:
        TypeError: a bare string.

    """
    if isinstance(headers, str):
        raise TypeError(f"headers={headers!r} is no list of names; write [{headers!r}]")
    pairs = headers.items() if isinstance(headers, Mapping) else [(name, "") for name in headers]
    return [pair for pair in pairs if not is_forbidden_header(*pair)]
