"""What a page's request would meet, as a record; and requests that were never sent, to ask with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from aiohttp_cors_plugin._asking import verdict_on
from aiohttp_cors_plugin._browser import (
    is_forbidden_header,
    normalize_method,
    unsafe_header_names,
)
from aiohttp_cors_plugin._fetch import SAFELISTED_METHODS, is_token
from aiohttp_cors_plugin._policy import Decision
from aiohttp_cors_plugin._preflights import (
    Preflights,
    judge,
    refusal_in_words,
)
from aiohttp_cors_plugin._reasons import REASONS, in_words
from aiohttp_cors_plugin._reports import WENT_PAST
from aiohttp_cors_plugin._requests import Reached
from aiohttp_cors_plugin._routing import resolve_as
from aiohttp_cors_plugin._state import State, governing
from aiohttp_cors_plugin._tables import Entry
from aiohttp_cors_plugin._urls import parse_url
from aiohttp_cors_plugin.errors import CorsConfigError


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


async def explain(
    state: State,
    preflights: Preflights,
    method: str,
    path: str,
    *,
    origin: str,
    headers: Mapping[str, str] | Iterable[str],
    credentials: bool,
) -> Explanation:
    """As `Cors.explain`."""
    if not is_token(method):
        raise ValueError(f"method={method!r} is no method; write a name such as 'PUT'")
    sent = read_headers(headers)
    state.survey_nested()
    method, root = normalize_method(method), state.routers.root.app or state.app
    unsafe = unsafe_header_names(sent)
    needs_preflight = method not in SAFELISTED_METHODS or bool(unsafe)
    actual = request_for(root, method, path, {hdrs.ORIGIN: origin, **dict(sent)})
    match = await resolve_as(root, actual, method)
    owner = None if match is None else governing(match.apps)
    entry = Entry(None, "none")
    if match is not None and owner is not None:
        entry = owner.entry_of(match, method)
    own, decision, stamped = entry, None, CIMultiDict[str]()
    reason, message = None, ""
    if needs_preflight:
        asked: dict[str, str] = {hdrs.ORIGIN: origin, hdrs.ACCESS_CONTROL_REQUEST_METHOD: method}
        if unsafe:
            asked[hdrs.ACCESS_CONTROL_REQUEST_HEADERS] = ",".join(unsafe)
        preflight = request_for(root, hdrs.METH_OPTIONS, path, asked)
        decision, entry, message = await _explain_preflight(preflights, root, preflight)
        reason = "no-policy" if decision is None else decision.reason
    if reason is None and match is not None and owner is not None and entry.policy is not None:
        request = cast(web.Request, Reached(actual, match))
        verdict = await verdict_on(origin, entry.policy, request, owner.failures)
        reason = entry.policy.stamp(verdict, method, stamped)
        subject = method if reason == "method-not-allowed" else origin
        if verdict.rule is not None and credentials and not verdict.rule.credentials:
            reason = reason or "credentials-not-allowed"
        if reason is not None:
            message = entry.policy.in_words(reason, subject, verdict.rule)
    elif reason is None:
        reason = "no-policy"
    if reason == "no-policy" and match is not None and owner is not None:
        if misfits := _misfits(owner, match.route):
            words = f"{REASONS[reason].sentence}, as its override does not fit"
            entry, message = own, f"{words}: {misfits} [{reason}]"
    return Explanation(
        allowed=reason is None,
        reason=reason,
        message=message or (in_words(reason, path) if reason else ""),
        method=method,
        path=path,
        origin=origin,
        route=match.route if match is not None and match.http_exception is None else None,
        source=entry.source,
        preflight=needs_preflight,
        preflight_status=None if decision is None else decision.status,
        preflight_headers=() if decision is None else tuple(decision.headers.items()),
        headers=tuple(stamped.items()),
    )


def _misfits(owner: State, route: web.AbstractRoute) -> str:
    """What is wrong with the overrides of a route; empty where they fit."""
    try:
        owner.table.compile(route)
    except CorsConfigError as error:
        return "; ".join(map(str, error.problems))
    return ""


async def _explain_preflight(
    preflights: Preflights, root: web.Application, preflight: web.Request
) -> tuple[Decision | None, Entry, str]:
    """The decision, None where the plugin has none; its entry; the reason in words."""
    about = await preflights.look_up(root, preflight)
    if about is None:
        return None, Entry(None, "none"), ""
    entry = Entry(about.policy, about.source)
    if about.owner.started:  # before, nothing is attached yet
        taken = await resolve_as(root, preflight, hdrs.METH_OPTIONS)
        owner = None if taken is None else governing(taken.apps)
        if taken is not None and owner is not None and owner.routers.lack_fronts([taken.route]):
            return None, entry, f"a preflight to {taken.route!r} {WENT_PAST} [no-policy]"
    decision = await judge(preflight, about)
    words = "" if decision.allowed else await refusal_in_words(preflight, about, decision)
    return decision, entry, words


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
