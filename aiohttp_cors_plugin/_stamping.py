"""`on_response_prepare`: stamps the responses of an application, what made them does not matter.

Every response pays for what the hook does, so it takes the route from `Request._match_info` and
`UrlMappingMatchInfo._route`, private names of aiohttp that it can do without: the properties of
the same names cost as much as the header that is set, and the request's does not notice when a
middleware replaces the match.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import hdrs, web

from aiohttp_cors_plugin._asking import verdict_on
from aiohttp_cors_plugin._fetch import CORS_RESPONSE_HEADERS
from aiohttp_cors_plugin._log import logger
from aiohttp_cors_plugin._policy import Policy, Report, RequestLike, ResponseLike, origin_of
from aiohttp_cors_plugin._requests import is_preflight, is_same_origin, match_of
from aiohttp_cors_plugin._routing import PreflightMatch
from aiohttp_cors_plugin._state import State, governing
from aiohttp_cors_plugin._tables import Entry

Stamper = Callable[[Any, Any], Awaitable[None] | None]


class Stamping:
    """What stamps the responses of each route, worked out for the first one and remembered."""

    def __init__(self, state: State, preflights: web.AbstractRoute) -> None:
        """`preflights` is the route of our own answers, which are whole as they are."""
        self._state = state
        self._preflights = preflights
        self._stampers: dict[web.AbstractRoute, Stamper] = {}
        self._error_stamper: Stamper | None = None
        self._forget(None)
        state.forgetting.append(self._forget)

    def _forget(self, routes: Sequence[web.AbstractRoute] | None) -> None:
        if routes is None:
            self._stampers.clear()
            self._stampers[self._preflights] = _leave_alone
            self._error_stamper = None
        for route in routes or ():
            self._stampers.pop(route, None)

    def hook(self) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
        """`on_response_prepare`: total, since an exception here drops the connection."""
        stampers, first_time = self._stampers, self._stamp_first

        async def stamp(request: web.Request, response: web.StreamResponse) -> None:
            try:
                try:
                    stamper = stampers[request._match_info._route]  # type: ignore[union-attr]  # noqa: SLF001
                # New, of a class that cannot be hashed, or there are no such names any longer.
                except (KeyError, TypeError, AttributeError):
                    stamper = first_time
                pending = stamper(request, response)
                if pending is not None:
                    await pending
            except web.HTTPForbidden:  # the WebSocket guard; aiohttp's handshake passes it on
                raise
            except Exception:
                for name in CORS_RESPONSE_HEADERS:
                    response.headers.popall(name, None)
                with contextlib.suppress(Exception):  # it may be the logging that fails
                    logger.exception("no CORS headers on the response: stamping failed")

        return stamp

    def _stamp_first(
        self, request: web.Request, response: web.StreamResponse
    ) -> Awaitable[None] | None:
        """Stamp the first response of a route; what stamps it is remembered, if the route lasts."""
        match, root = match_of(request), self._state.routers.root
        if root.app is None and match.apps:
            root.app = match.apps[0]
        owner = governing(match.apps)
        stamper = self._stamper(match, owner)
        if owner is not None and owner.routers.lasts(match.route):
            is_alone = owner.governs_alone(match.route)
            self._stampers[match.route] = stamper if is_alone else self._stamp_governed
        return stamper(request, response)

    def _stamp_governed(
        self, request: web.Request, response: web.StreamResponse
    ) -> Awaitable[None] | None:
        """Stamp a response of a route that is another application's to stamp at times.

        An application that is mounted twice may be below different ones with a setup.
        """
        match = match_of(request)
        owner = governing(match.apps)
        return self._stamper(match, owner)(request, response) if owner is self._state else None

    def _stamper(self, match: web.UrlMappingMatchInfo, owner: State | None) -> Stamper:
        """What stamps the responses of a route that `owner` governs."""
        route = match.route
        if isinstance(match, PreflightMatch):
            return _leave_alone
        if owner is not self._state:
            return self._stamp_governed
        if match.http_exception is not None:
            if self._error_stamper is None:
                stamper = self._stamper_of(self._state.table.default)
                self._error_stamper = self._unless_preflight(stamper)
            return self._error_stamper
        entry = self._state.table.entry(route)
        stamper = self._stamper_of(entry)
        if entry.apart:
            apart = {method: self._stamper_of(other) for method, other in entry.apart.items()}
            stamper = _by_method(stamper, apart)
        if route.method in (hdrs.METH_ANY, hdrs.METH_OPTIONS):
            stamper = self._unless_preflight(stamper, None if entry.policy is None else route)
        return stamper

    def _stamper_of(self, entry: Entry) -> Stamper:
        """Synchronous wherever nothing has to be asked, since every response pays for it."""
        policy, source = entry.policy, entry.source
        if policy is None:
            return functools.partial(self._leave_to_application, source)
        report = functools.partial(self._state.reports.hidden, policy, source)
        stamp: Stamper = policy.stamper(report)
        if policy.needs_asking or policy.guards_websockets:
            stamp = functools.partial(self._stamp_asking, policy, source)
        return _noticing_cookies(stamp, report) if self._state.debug else stamp

    async def _stamp_asking(
        self, policy: Policy, source: str, request: web.Request, response: web.StreamResponse
    ) -> None:
        origin = origin_of(request)
        verdict = await verdict_on(origin, policy, request, self._state.failures)
        if (
            verdict.rule is None
            and response.status == 101
            and policy.guards_websockets
            and not is_same_origin(request)
        ):
            # Browsers do not apply CORS to WebSockets, and send cookies with the handshake.
            # https://fetch.spec.whatwg.org/#websocket-protocol
            self._state.reports.handshake(policy, source, request, verdict.reason or "")
            raise web.HTTPForbidden(text="WebSocket refused: origin not allowed\n")
        reason = policy.stamp(verdict, request.method, response.headers)
        if reason is not None and origin is not None:
            self._state.reports.hidden(policy, source, request, reason, verdict.rule)

    def _unless_preflight(
        self, stamper: Stamper, covered: web.AbstractRoute | None = None
    ) -> Stamper:
        """A preflight that was not answered here is the application's own business.

        Unless a route that is covered was added too late for ours to stand in front of it.
        """

        def stamp(request: web.Request, response: web.StreamResponse) -> Awaitable[None] | None:
            if not is_preflight(request):
                return stamper(request, response)
            if covered is not None and self._state.routers.lack_fronts([covered]):
                self._state.reports.went_past(covered)
            else:
                self._leave_to_application("none", request, response)
            return None

        return stamp

    def _leave_to_application(
        self, source: str, request: web.Request, response: web.StreamResponse
    ) -> None:
        """Change nothing; note that a script may read nothing, unless a header says so."""
        if hdrs.ORIGIN in request.headers and logger.isEnabledFor(logging.DEBUG):
            if hdrs.ACCESS_CONTROL_ALLOW_ORIGIN not in response.headers:
                self._state.reports.hidden(None, source, request, "no-policy")


def _leave_alone(_request: RequestLike, _response: ResponseLike) -> None:
    return None


def _by_method(common: Stamper, apart: Mapping[str, Stamper]) -> Stamper:
    return lambda request, response: apart.get(request.method, common)(request, response)


def _noticing_cookies(stamp: Stamper, report: Report) -> Stamper:
    """In debug mode: a browser hides the response to a request with credentials too.

    It sends cookies to another origin with those alone.
    https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
    """

    def notice(request: web.Request, response: web.StreamResponse) -> None:
        if (
            hdrs.COOKIE in request.headers
            and hdrs.ACCESS_CONTROL_ALLOW_ORIGIN in response.headers
            and hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS not in response.headers
        ):
            report(request, "credentials-not-allowed")

    async def notice_after(
        stamping: Awaitable[None], request: web.Request, response: web.StreamResponse
    ) -> None:
        await stamping
        notice(request, response)

    def noticing(request: web.Request, response: web.StreamResponse) -> Awaitable[None] | None:
        stamping = stamp(request, response)
        if stamping is not None:
            return notice_after(stamping, request, response)
        notice(request, response)
        return None

    return noticing
