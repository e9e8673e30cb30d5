"""`setup`, and the handle that it returns: the stamping hook and the answer to preflights."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Final, cast

from aiohttp import hdrs, web
from multidict import CIMultiDict

from aiohttp_cors_plugin._asking import verdict_on
from aiohttp_cors_plugin._browser import normalize_method, unsafe_header_names
from aiohttp_cors_plugin._explain import Explanation, read_headers, request_for
from aiohttp_cors_plugin._fetch import (
    CORS_RESPONSE_HEADERS,
    SAFELISTED_METHODS,
    is_token,
)
from aiohttp_cors_plugin._log import Refusal, Repeats, log_refusal, logger
from aiohttp_cors_plugin._memory import Memory
from aiohttp_cors_plugin._origins import DEFAULT_PORTS, keeping_pieces, parse_origin
from aiohttp_cors_plugin._overrides import INHERIT, Layer, Marker, Overrides, Rules, layer, rules_of
from aiohttp_cors_plugin._policy import (
    Decision,
    Policy,
    Report,
    RequestLike,
    ResponseLike,
    Rule,
    origin_of,
)
from aiohttp_cors_plugin._reasons import in_words
from aiohttp_cors_plugin._routing import (
    PreflightMatch,
    Reached,
    Routers,
    announced_method,
    is_preflight,
    may_be_announced,
    mounted_app,
    resolve_as,
    routes_of,
    serves,
    targets_beside,
    unwrapped,
    view_methods,
    view_of,
)
from aiohttp_cors_plugin._tables import Entry, Table
from aiohttp_cors_plugin.errors import CorsConfigError, Problem
from aiohttp_cors_plugin.options import Changes, CorsOptions, Unpack

Stamper = Callable[[Any, Any], Awaitable[None] | None]

_PIECES_AT_ONCE: Final = 16
# Decisions on one path and method, and characters of what they are remembered by.
_MOST_KEPT: Final = 16
_LONGEST_KEPT: Final = 256
_NOT_GIVEN: Final[Any] = Marker("CorsOptions()")


def setup(
    app: web.Application,
    defaults: CorsOptions | Sequence[CorsOptions] | None = _NOT_GIVEN,
    *,
    debug: bool | None = None,
) -> Cors:
    """Make an application answer cross-origin requests.

    Args:
        app: the application, before it starts and before it is mounted as a sub-application.
        defaults: the options of every route that has no override: one `CorsOptions`; a sequence
            of them (rules: the first whose origins match the request's `Origin` decides); or None
            (no CORS anywhere but on overridden targets). Left out: any origin, no credentials.
        debug: whether refusals explain themselves to the browser; None follows asyncio's debug
            mode. Never lets a refused request through.

    Returns:
        The handle, also at `app[CORS]`.

    Raises:
        TypeError: `app` is no `web.Application`.
        CorsConfigError: `defaults` is none of these, or an empty sequence.
        RuntimeError: a second call for one application, or one that comes too late.

    Example:
        >>> app = web.Application()
        >>> cors = setup(app, CorsOptions(allow_origins=["https://app.example.com"]))

    """
    if not isinstance(app, web.Application):
        raise TypeError(f"setup() takes a web.Application, not {app!r:.200}")
    if CORS in app:
        raise RuntimeError(
            "setup() was called for this application before; use the Cors that it returned, "
            "app[CORS]: .override(target, ...) for a route, .reconfigure(...) for new defaults"
        )
    if app.on_response_prepare.frozen:
        raise RuntimeError(
            "setup() comes too late: call it before add_subapp() or add_domain() mounts this "
            "application and before it starts"
        )
    announce = defaults is _NOT_GIVEN
    rules = rules_of(CorsOptions() if announce else defaults, "defaults")
    cors = Cors(app, rules, debug=debug, announce=announce)
    app.on_response_prepare.append(cors._hook())
    app.on_startup.append(cors._start)
    app[CORS] = cors
    return cors


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


@dataclass(slots=True)
class Announcement:
    """What a preflight is about: who governs the announced request, and by which policy."""

    owner: Cors
    table: Table
    policy: Policy
    source: str
    root: web.Application
    method: str
    is_served: bool
    target: web.UrlMappingMatchInfo
    place: str
    """The canonical path of the resource that is meant; empty where nothing is served."""
    served: list[str] | None = None
    """The methods that one answer may speak for, once they are known."""
    decisions: dict[tuple[str, ...], Decision] = field(default_factory=dict)
    """What was granted, by origin and requested headers, where nobody has to be asked."""


class _Match(PreflightMatch):
    def __init__(self, route: web.AbstractRoute, announcement: Announcement) -> None:
        super().__init__(route, announcement.target)
        self.announcement = announcement


class Cors:
    """The handle of an application's CORS support; made by `setup`, kept at `app[CORS]`.

    Example:
        >>> cors = setup(app, CorsOptions(allow_origins=["https://app.example.com"]))
        >>> cors.override(app.router["report"], max_age=60)

    """

    def __init__(
        self,
        app: web.Application,
        defaults: tuple[CorsOptions, ...] | None,
        *,
        debug: bool | None,
        announce: bool,
    ) -> None:
        """Use `setup`, which makes it and hooks it into the application."""
        self._app = app
        self._debug = bool(debug)
        self._follows_asyncio = debug is None
        self._announce = announce
        self._overrides = Overrides()
        self._routers = Routers(app, lambda sub: CORS in sub)
        self._source = "defaults"
        self._table = self._make_table(defaults)
        self._overridden: dict[int, web.AbstractRoute] = {}
        self._started = False
        # Of the table that is in force.
        self._stampers: dict[web.AbstractRoute, Stamper] = {}
        self._error_stamper: Stamper | None = None
        self._repeats = Repeats()
        self._failures = Repeats()  # of callables: no flood of refusals hides them
        self._memory: Memory[Announcement] | None = None
        self._route = web.ResourceRoute(hdrs.METH_OPTIONS, _answer, _nowhere)
        self._stampers[self._route] = _leave_alone

    def override(
        self,
        target: object,
        options: CorsOptions | Sequence[CorsOptions] | None = INHERIT,
        /,
        **changes: Unpack[Changes],
    ) -> None:
        """Give a target options of its own, before or after startup.

        Args:
            target: a resource, a route, a handler or a `web.View` class of this application. On a
                GET route it covers the HEAD route that `add_get` put beside it.
            options: a `CorsOptions`, a sequence of them (rules), or None for no CORS at all.
            changes: instead, single fields of `CorsOptions` on top of what would be inherited.

        Raises:
            CorsConfigError: an unknown field, a bad value, or a target that this application does
                not serve; after startup also fields that do not fit what they inherit. Nothing is
                changed then.

        Example:
            >>> cors.override(app.router["report"], max_age=60)

        """
        given = layer(options, changes)
        layers, routes = self._locate(target)
        before = [*layers]
        layers[:] = given.after(layers)
        if self._started:
            try:
                self._check(self._table, routes)
                if not routes:  # they may come later
                    self._table.apply(layers, "target")
            except CorsConfigError:
                layers[:] = before
                raise
            self._overridden.update((id(route), route) for route in routes)
        # Before startup too: `explain` may have looked.
        remembered = [route for route in routes if isinstance(route, Hashable)]
        self._table.forget(remembered)
        for route in remembered:
            self._stampers.pop(route, None)
        Memory.forget()

    def reconfigure(self, defaults: CorsOptions | Sequence[CorsOptions] | None) -> None:
        """Swap the defaults of a running application; overrides stay on top of the new ones.

        A request sees the old policy or the new one, whole. A `CorsOptions` with a million
        origins takes a while to make: make it in a thread, and swap it in here.

        Args:
            defaults: as `setup` takes them: a `CorsOptions`, a sequence of them (rules), or None.

        Raises:
            CorsConfigError: `defaults` is none of these, or an override does not fit it; the old
                defaults stay in force.

        Example:
            >>> options = await asyncio.to_thread(CorsOptions, allow_origins=many_origins)
            >>> cors.reconfigure(options)

        """
        table = self._make_table(rules_of(defaults, "defaults"))
        self._check(table, (self._overridden | self._table.overridden).values())
        with keeping_pieces() as pieces:
            self._use(table)
        _let_go(pieces)

    def rescan(self) -> None:
        """Attach to what was added to the router after startup.

        Ordinary late routes are covered without it; late `*` routes, `web.View`s, resource
        classes of your own and routes for OPTIONS are not.

        Raises:
            CorsConfigError: an override of a late route does not fit what it inherits.

        Example:
            >>> resource.add_route("*", handler)
            <ResourceRoute [*] <PlainResource  /late> -> ...
            >>> cors.rescan()

        """
        if self._started:
            self._survey()
            self._routers.attach(self._decide, self._route)

    async def allows_origin(self, request: web.Request) -> bool:
        """Whether the policy of the request's route admits the request's origin.

        For middlewares and WebSocket handlers. False without an `Origin`, and where no policy
        applies. The method is not judged.

        Args:
            request: one that the router has resolved: in a middleware or a handler.

        Returns:
            True where pages of the origin may read the answer; a callable among the options that
            raises counts as a refusal.

        Example:
            >>> if not await app[CORS].allows_origin(request):
            ...     raise web.HTTPForbidden

        """
        match = request.match_info
        owner, origin = _governing(match.apps), origin_of(request)
        if owner is None or origin is None:
            return False
        policy = owner._entry_of(match, request.method).policy
        if policy is None:
            return False
        return (await verdict_on(origin, policy, request, owner._failures)).rule is not None

    async def explain(
        self,
        method: str,
        path: str,
        *,
        origin: str,
        headers: Mapping[str, str] | Iterable[str] = (),
        credentials: bool = False,
    ) -> Explanation:
        """Say what a page's request would meet, and why, without serving it.

        The router is asked, and so are callables among the options; no handler runs. Works before
        startup too. What the page's own origin reads without CORS is not looked at.

        Args:
            method: as given to `fetch()`; `put` counts as `PUT`, `patch` stays as it is.
            path: with the prefixes of sub-applications; a whole URL where domains matter.
            origin: the page's, as `location.origin` shows it.
            headers: the request headers that the script sets, with values or just names.
            credentials: whether it goes with cookies: `credentials: "include"`.

        Returns:
            The decision, with the reason and the headers.

        Raises:
            ValueError: `method` or `path` is none.
            TypeError: `headers` is a bare string.

        Example:
            >>> explanation = await cors.explain("PUT", "/account", origin="https://x.example")
            >>> print(explanation.reason)
            origin-not-listed

        """
        if not is_token(method):
            raise ValueError(f"method={method!r} is no method; write a name such as 'PUT'")
        sent = read_headers(headers)
        self._survey_nested()
        method, root = normalize_method(method), self._routers.root.app or self._app
        unsafe = unsafe_header_names(sent)
        needs_preflight = method not in SAFELISTED_METHODS or bool(unsafe)
        actual = request_for(root, method, path, {hdrs.ORIGIN: origin, **dict(sent)})
        match = await resolve_as(root, actual, method)
        owner = None if match is None else _governing(match.apps)
        entry = Entry(None, "none")
        if match is not None and owner is not None:
            entry = owner._entry_of(match, method)
        decision, stamped = None, CIMultiDict[str]()
        reason, message = None, ""
        if needs_preflight:
            asked: dict[str, str] = {
                hdrs.ORIGIN: origin,
                hdrs.ACCESS_CONTROL_REQUEST_METHOD: method,
            }
            if unsafe:
                asked[hdrs.ACCESS_CONTROL_REQUEST_HEADERS] = ",".join(unsafe)
            preflight = request_for(root, hdrs.METH_OPTIONS, path, asked)
            decision, entry, message = await self._explain_preflight(root, preflight)
            reason = "no-policy" if decision is None else decision.reason
        if reason is None and match is not None and owner is not None and entry.policy is not None:
            request = cast(web.Request, Reached(actual, match))
            verdict = await verdict_on(origin, entry.policy, request, owner._failures)
            reason = entry.policy.stamp(verdict, method, stamped)
            subject = method if reason == "method-not-allowed" else origin
            if verdict.rule is not None and credentials and not verdict.rule.credentials:
                reason = reason or "credentials-not-allowed"
            if reason is not None:
                message = entry.policy.in_words(reason, subject, verdict.rule)
        elif reason is None:
            reason = "no-policy"
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

    async def _explain_preflight(
        self, root: web.Application, preflight: web.Request
    ) -> tuple[Decision | None, Entry, str]:
        """The decision, None where the plugin has none; its entry; the reason in words."""
        decided = self._decide(root, preflight)
        match = decided if isinstance(decided, _Match) else await decided
        if match is None:
            return None, Entry(None, "none"), ""
        about = match.announcement
        decision = await about.owner._judge(preflight, about)
        words = "" if decision.allowed else await self._in_words(preflight, about, decision)
        return decision, Entry(about.policy, about.source), words

    def _options_of(self, route: web.AbstractRoute, method: str) -> tuple[Policy | None, str]:
        """The compiled options of a route that is governed from here, and where they come from.

        For our own tools; raises CorsConfigError where an override does not fit.
        """
        entry = self._table.compile(route).of(method)
        return entry.policy, entry.source

    # Configuration

    def _make_table(self, defaults: Rules | None) -> Table:
        return Table(defaults, self._overrides, self._routers.lasts, self._source)

    def _use(self, table: Table) -> None:
        """Put a configuration in force; what was worked out under the one before is dropped."""
        self._overridden |= self._table.overridden
        self._table = table
        self._stampers.clear()
        self._stampers[self._route] = _leave_alone
        self._error_stamper = None
        self._memory = None
        Memory.forget()

    def _survey_nested(self) -> None:
        """Let nested applications that have a setup know where they are."""
        self._routers.discover()
        for place, nested in self._routers.nested.items():
            cors = nested[CORS]
            cors._routers.root.parent = self._routers.root
            if cors._source == "defaults":
                cors._source = f"defaults of {place}"
                cors._use(cors._make_table(cors._table.rules))
            cors._survey_nested()

    def _locate(self, target: object) -> tuple[list[Layer], list[web.AbstractRoute]]:
        """Where the layers of a target are kept, and the routes that it stands for."""
        overrides, routers = self._overrides, self._routers
        if not callable(target) and not isinstance(
            target, web.AbstractRoute | web.AbstractResource
        ):
            reason = "is no resource, route, handler or web.View class"
            fix = "give what add_get() or router[name] returns, or the handler"
            raise _target_error("target-type", target, reason, fix)
        if isinstance(target, web.Application) or (
            isinstance(target, web.AbstractResource) and mounted_app(target) is not None
        ):
            fix = "override its routes, or call setup() for it before it is mounted"
            raise _target_error("target-subapp", target, "is a sub-application", fix)
        if not isinstance(target, Hashable):
            fix = "override its route, its resource or its handler instead"
            raise _target_error("target-unhashable", target, "is not hashable", fix)
        routes: list[web.AbstractRoute]
        if isinstance(target, web.AbstractRoute):
            routes = [*routes_of(target.resource)]
            if target.resource in routers and any(route is target for route in routes):
                return overrides.of_routes.setdefault(target, []), routes
        elif isinstance(target, web.AbstractResource):
            routes = [*routes_of(target)]
            if any(route.resource is not target for route in routes):
                fix = "override the routes one by one"
                raise _target_error("target-shared", target, "has routes of another resource", fix)
            if target in routers:
                return overrides.of_resources.setdefault(target, []), routes
        else:
            served = [
                route
                for resource in routers.resources()
                for route in routes_of(resource)
                if mounted_app(resource) is None
            ]
            routes = [route for route in served if _leads_to(route, target)]
            if routes:
                return overrides.of_handlers.setdefault(target, []), routes
            if any(_is_method(view, target) for view in filter(None, map(view_of, served))):
                fix = "decorate it with @override(...), or override the whole view"
                raise _target_error("target-view-method", target, "is a method of a web.View", fix)
        reason = "is not served by this application, or by a sub-application with its own setup"
        fix = "add it to the router first, or ask the Cors of that application"
        raise _target_error("target-foreign", target, reason, fix)

    def _check(self, table: Table, routes: Iterable[web.AbstractRoute]) -> None:
        """Raise all that is wrong with the overrides of these routes, at once."""
        problems: dict[str, Problem] = {}
        for route in routes:
            try:
                table.compile(route)
            except CorsConfigError as error:
                problems |= {str(problem): problem for problem in error.problems}
        if problems:
            raise CorsConfigError(problems.values())

    def _survey(self) -> None:
        """Look at all routes: which have overrides, do these fit, will their methods arrive."""
        overridden = []
        for resource in self._routers.resources():
            if mounted_app(resource) is not None:
                continue
            for route in routes_of(resource):
                if self._overrides.layers(route) or self._overrides.methods_apart(route):
                    overridden.append(route)
                if route.method != hdrs.METH_ANY and not may_be_announced(route.method):
                    logger.warning(
                        "%r: browsers or aiohttp's C parser refuse the method %s",
                        route,
                        route.method,
                    )
        self._check(self._table, overridden)
        self._overridden.update((id(route), route) for route in overridden)

    async def _start(self, app: web.Application) -> None:
        # Startup may run more than once, with two runners: everything here is idempotent.
        if self._follows_asyncio:
            self._debug = asyncio.get_running_loop().get_debug()
        self._survey()
        if not app.pre_frozen:  # else a parent may have mounted it, which the first match tells
            self._routers.root.app = app
        self._survey_nested()
        self._routers.attach(self._decide, self._route)
        if self._announce and not self._started:
            logger.info(
                "CORS: any origin may read every route, without credentials; "
                "setup(app, CorsOptions(allow_origins=[...])) narrows it"
            )
        self._started = True

    # Requests

    def _entry_of(
        self, match: web.UrlMappingMatchInfo, method: str, table: Table | None = None
    ) -> Entry:
        """The entry of what the router found; of 404s and 405s, the defaults."""
        table = table or self._table
        if match.http_exception is not None:
            return table.default
        return table.entry(match.route).of(method)

    def _hook(self) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
        """`on_response_prepare`: total, since an exception here drops the connection."""
        stampers, first_time = self._stampers, self._stamp_first

        async def stamp(request: web.Request, response: web.StreamResponse) -> None:
            try:
                try:
                    stamper = stampers[request.match_info.route]
                except (KeyError, TypeError):  # new, or of a class that cannot be hashed
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
        match = request.match_info
        if self._routers.root.app is None and match.apps:
            self._routers.root.app = match.apps[0]
        owner = _governing(match.apps)
        stamper = self._stamper(match, owner)
        if owner is not None and owner._routers.lasts(match.route):
            self._stampers[match.route] = stamper
        return stamper(request, response)

    def _stamp_governed(
        self, request: web.Request, response: web.StreamResponse
    ) -> Awaitable[None] | None:
        """Stamp a response of a route that has been another application's to stamp.

        An application that is mounted twice may be below different ones with a setup.
        """
        match = request.match_info
        owner = _governing(match.apps)
        return self._stamper(match, owner)(request, response) if owner is self else None

    def _stamper(self, match: web.UrlMappingMatchInfo, owner: Cors | None) -> Stamper:
        """What stamps the responses of a route that `owner` governs."""
        route = match.route
        if isinstance(match, PreflightMatch):
            return _leave_alone
        if owner is not self:
            return self._stamp_governed
        if match.http_exception is not None:
            if self._error_stamper is None:
                stamper = self._stamper_of(self._table.default)
                self._error_stamper = self._unless_preflight(stamper)
            return self._error_stamper
        entry = self._table.entry(route)
        stamper = self._stamper_of(entry)
        if entry.apart:
            apart = {method: self._stamper_of(other) for method, other in entry.apart.items()}
            stamper = _by_method(stamper, apart)
        if route.method in (hdrs.METH_ANY, hdrs.METH_OPTIONS):
            stamper = self._unless_preflight(stamper)
        return stamper

    def _stamper_of(self, entry: Entry) -> Stamper:
        """Synchronous wherever nothing has to be asked, since every response pays for it."""
        policy, source = entry.policy, entry.source
        if policy is None:
            return functools.partial(self._leave_to_application, source)
        report = functools.partial(self._report, policy, source)
        stamp: Stamper = policy.stamper(report)
        if policy.needs_asking or policy.guards_websockets:
            stamp = functools.partial(self._stamp_asking, policy, source)
        return _noticing_cookies(stamp, report) if self._debug else stamp

    async def _stamp_asking(
        self, policy: Policy, source: str, request: web.Request, response: web.StreamResponse
    ) -> None:
        origin = origin_of(request)
        verdict = await verdict_on(origin, policy, request, self._failures)
        if (
            verdict.rule is None
            and response.status == 101
            and policy.guards_websockets
            and not is_same_origin(request)
        ):
            # Browsers do not apply CORS to WebSockets, and send cookies with the handshake.
            # https://fetch.spec.whatwg.org/#websocket-protocol
            self._report_handshake(policy, source, request, verdict.reason or "")
            raise web.HTTPForbidden(text="WebSocket refused: origin not allowed\n")
        reason = policy.stamp(verdict, request.method, response.headers)
        if reason is not None and origin is not None:
            self._report(policy, source, request, reason, verdict.rule)

    def _unless_preflight(self, stamper: Stamper) -> Stamper:
        """A preflight that was not answered here is the application's own business."""
        alone = functools.partial(self._leave_to_application, "none")
        return lambda request, response: (alone if is_preflight(request) else stamper)(
            request, response
        )

    def _leave_to_application(
        self, source: str, request: web.Request, response: web.StreamResponse
    ) -> None:
        """Change nothing; note that a script may read nothing, unless a header says so."""
        if hdrs.ORIGIN in request.headers and logger.isEnabledFor(logging.DEBUG):
            if hdrs.ACCESS_CONTROL_ALLOW_ORIGIN not in response.headers:
                self._report(None, source, request, "no-policy")

    def _report(
        self,
        policy: Policy | None,
        source: str,
        request: web.Request,
        reason: str,
        rule: Rule | None = None,
    ) -> None:
        """Log a response that its script may not read."""
        if (
            not logger.isEnabledFor(logging.DEBUG)
            or is_same_origin(request)
            or _is_no_fetch(request)
        ):
            return
        what, method = "response hidden", request.method
        if is_preflight(request):
            what, method = "preflight left to the application", announced_method(request)
        origin = origin_of(request) or ""
        subject = {"method-not-allowed": method, "no-policy": ""}.get(reason, origin)
        refusal = Refusal(what, method, _place(request), origin, reason, subject, source)
        if (remark := self._repeats.remark(refusal)) is not None:
            words = in_words(reason, request.path)
            if policy is not None:
                words = policy.in_words(reason, subject, rule)
            log_refusal(logging.DEBUG, refusal, request, words + remark)

    def _report_handshake(
        self, policy: Policy, source: str, request: web.Request, reason: str
    ) -> None:
        """Log a WebSocket that is refused: unlike a response that is hidden, nobody gets it."""
        origin = origin_of(request) or ""
        place = _place(request)
        refusal = Refusal("handshake refused", "GET", place, origin, reason, origin, source)
        if logger.isEnabledFor(logging.INFO):
            if (remark := self._repeats.remark(refusal)) is not None:
                words = policy.in_words(reason, origin)
                log_refusal(logging.INFO, refusal, request, words + remark)

    def _decide(
        self, root: web.Application, request: web.Request
    ) -> _Match | Awaitable[_Match | None]:
        """The match that answers a preflight, None where no policy says anything about it."""
        method = announced_method(request)
        if self._memory is None or self._memory.root is not root:
            self._memory = Memory(root)
        announcement = self._memory.find(request, method)
        if announcement is None:
            return self._look_up(root, request, method, self._memory)
        return _Match(self._route, announcement)

    async def _look_up(
        self,
        root: web.Application,
        request: web.Request,
        method: str,
        memory: Memory[Announcement],
    ) -> _Match | None:
        announcement = await self._ask(root, request, method)
        if announcement is None:
            return None
        if announcement.is_served:
            memory.keep(request, method, announcement, announcement.target.route.resource)
        return _Match(self._route, announcement)

    async def _ask(
        self, root: web.Application, request: web.Request, method: str
    ) -> Announcement | None:
        """Ask the routers what a preflight is about."""
        target = await resolve_as(root, request, method or "NONE-OR-SEVERAL")
        owner = None if target is None else _governing(target.apps)
        if target is None or owner is None:
            return None
        table = owner._table
        error, meant = target.http_exception, target
        if error is None and serves(target.route, method):
            entry: Entry | None = table.entry(target.route).of(method)
            is_served = True
        else:
            is_nowhere = error is not None and not isinstance(error, web.HTTPMethodNotAllowed)
            beside: dict[str, web.UrlMappingMatchInfo] = {}
            # A sub-application's 404 hides what its parents serve on the same path.
            if not is_nowhere or len(target.apps) > 1:
                beside = await targets_beside(root, request, target, method)
            if is_nowhere and not beside:
                entry, is_served = table.default, may_be_announced(method)
            else:
                entry, is_served = _entry_among(beside), False
                meant = next(iter(beside.values()), target)
        if entry is None or entry.policy is None:
            return None
        resource = meant.route.resource
        place = "" if resource is None else resource.canonical
        return Announcement(
            owner, table, entry.policy, entry.source, root, method, is_served, target, place
        )

    async def _judge(self, request: web.Request, announcement: Announcement) -> Decision:
        """The decision on a preflight that the router brought here."""
        policy, method = announcement.policy, announcement.method
        if not announcement.is_served and not self._debug:
            return policy.refusal("method-not-served", method)
        origin, *lines = key = _asked(request)
        # Callables see the announced request's match; hooks see its applications in `request` too.
        reached = cast(web.Request, Reached(request, announcement.target))
        verdict = await verdict_on(origin, policy, reached, self._failures)
        served: Sequence[str] = [method] if announcement.is_served else ()
        if verdict.rule is not None:
            served = await self._served(request, announcement)
        decision = policy.preflight(
            verdict,
            origin=origin,
            method=method,
            served=served,
            requested_headers=lines,
            debug=self._debug,
        )
        # Refusals are not worth it: whoever likes can have ever new ones.
        if decision.allowed and not policy.needs_asking and sum(map(len, key)) <= _LONGEST_KEPT:
            if len(announcement.decisions) >= _MOST_KEPT:
                announcement.decisions.clear()
            announcement.decisions[key] = decision
        return decision

    async def _served(self, request: web.Request, announcement: Announcement) -> list[str]:
        """The methods that one answer may speak for: those that reach equal options."""
        served = announcement.served
        if served is None:
            method, target = announcement.method, announcement.target
            targets = await targets_beside(announcement.root, request, target, method)
            served = [method] if announcement.is_served else []
            served += [m for m, match in targets.items() if _governs(announcement, match, m)]
            served.sort()
            announcement.served = served
        return served

    async def _refused(self, request: web.Request, match: _Match, decision: Decision) -> str:
        """Log a refused preflight; the body of its answer, which off debug mode reveals nothing."""
        about = match.announcement
        refusal = Refusal(
            "preflight refused",
            about.method,
            about.place,
            origin_of(request) or "",
            decision.reason or "",
            decision.subject[:200],
            about.source,
        )
        remark = None
        if logger.isEnabledFor(logging.INFO):
            remark = self._repeats.remark(refusal)
        if remark is None and not self._debug:
            return "CORS preflight refused\n"
        words = await self._in_words(request, about, decision)
        if remark is not None:
            log_refusal(logging.INFO, refusal, request, words + remark)
        return f"CORS preflight refused{': ' + words if self._debug else ''}\n"

    async def _in_words(self, request: web.Request, about: Announcement, decision: Decision) -> str:
        served: Iterable[str] = ()
        if decision.reason == "method-not-served":
            served = await targets_beside(about.root, request, about.target, about.method)
        return about.policy.in_words(decision.reason or "", decision.subject, decision.rule, served)


CORS: Final = web.AppKey("CORS", Cors)
"""The key under which `setup` keeps the handle: `app[CORS]`, `request.config_dict[CORS]`."""


def _let_go(pieces: list[Any]) -> None:
    """Free what a long list of origins was made of; in a running loop a bit at a time."""
    del pieces[-_PIECES_AT_ONCE:]
    if pieces:
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().call_soon(_let_go, pieces)


def _governing(apps: Iterable[web.Application]) -> Cors | None:
    """The handle of the innermost application that has one."""
    found = None
    for app in apps:
        found = app.get(CORS, found)
    return found


def _governs(announcement: Announcement, target: web.UrlMappingMatchInfo, method: str) -> bool:
    """Whether a preflight's policy, or one of equal options, is that of another target too."""
    owner = _governing(target.apps)
    if owner is None:
        return False
    # The table that the preflight began with: it is judged by one configuration whole.
    table = announcement.table if owner is announcement.owner else None
    policy, other = announcement.policy, owner._entry_of(target, method, table).policy
    return other is not None and (other is policy or other.options == policy.options)


def _entry_among(targets: dict[str, web.UrlMappingMatchInfo]) -> Entry | None:
    """An entry with a policy of any of these routes, one that varies by origin if there is one."""
    found = None
    for method, match in targets.items():
        owner = _governing(match.apps)
        entry = None if owner is None else owner._entry_of(match, method)
        if entry is not None and entry.policy is not None:
            if found is None or entry.policy.vary:
                found = entry
    return found


def _target_error(code: str, target: object, reason: str, fix: str) -> CorsConfigError:
    return CorsConfigError([Problem(code, "target", target, reason, fix)])


def _is_method(view: type[web.View], target: object) -> bool:
    return any(getattr(view, method.lower()) is target for method in view_methods(view))


def _leads_to(route: web.AbstractRoute, target: object) -> bool:
    handler: Any = route.handler
    if isinstance(handler, FunctionType) and not handler.__dict__:
        return handler is target  # nearly all, and there may be many: it wraps nothing
    return handler is target or any(one == target for one in unwrapped(handler))


# Stampers


def _leave_alone(_request: RequestLike, _response: ResponseLike) -> None:
    return None


def _by_method(common: Stamper, apart: Mapping[str, Stamper]) -> Stamper:
    return lambda request, response: apart.get(request.method, common)(request, response)


def _is_no_fetch(request: web.Request) -> bool:
    """Whether no script waits for the answer: a form is sent, or a WebSocket opened."""
    headers = request.headers
    return headers.get("Sec-Fetch-Mode", "cors") != "cors" or hdrs.UPGRADE in headers


def _place(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


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


# The answer to preflights


_nowhere: Final[Any] = web.PlainResource("/")


def _asked(request: web.BaseRequest) -> tuple[str, ...]:
    """What a preflight is judged by: its origin, and the lines of names of headers."""
    lines = request.headers.getall(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ())
    return (origin_of(request) or "", *lines)


async def _answer(request: web.Request) -> web.StreamResponse:
    match = request.match_info
    assert isinstance(match, _Match)
    match.reveal()
    announcement = match.announcement
    owner = announcement.owner
    decision = announcement.decisions.get(_asked(request))
    if decision is None:
        decision = await owner._judge(request, announcement)
    response = web.Response(status=decision.status, headers=decision.headers.copy())
    if decision.reason is not None:
        response.body = (await owner._refused(request, match, decision)).encode()
        response.headers[hdrs.CONTENT_TYPE] = "text/plain; charset=utf-8"
    return response
