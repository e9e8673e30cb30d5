"""`setup`, and the handle that it returns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from yarl import URL

from aiohttp_cors_plugin._asking import verdict_on
from aiohttp_cors_plugin._explain import Explanation, explain
from aiohttp_cors_plugin._log import logger
from aiohttp_cors_plugin._origins import keeping_pieces
from aiohttp_cors_plugin._overrides import INHERIT, Marker, layer, rules_of
from aiohttp_cors_plugin._policy import origin_of
from aiohttp_cors_plugin._preflights import Preflights
from aiohttp_cors_plugin._requests import match_of
from aiohttp_cors_plugin._stamping import Stamping
from aiohttp_cors_plugin._state import STATE, State, governing
from aiohttp_cors_plugin._targets import locate
from aiohttp_cors_plugin.options import Changes, CorsOptions, Unpack

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
        TypeError: `app` is no `web.Application`, or its router no `web.UrlDispatcher`.
        CorsConfigError: `defaults` is none of these, or an empty sequence.
        RuntimeError: a second call for one application, or one that comes too late.

    Example:
        >>> app = web.Application()
        >>> cors = setup(app, CorsOptions(allow_origins=["https://app.example.com"]))

    """
    if not isinstance(app, web.Application):
        raise TypeError(f"setup() takes a web.Application, not {app!r:.200}")
    if not isinstance(app.router, web.UrlDispatcher):
        raise TypeError(
            f"setup() cannot walk {app.router!r:.200}, the router of this application; leave out "
            "the router, or derive its class from web.UrlDispatcher"
        )
    if CORS in app:
        raise RuntimeError(
            "setup() was called for this application before; use the Cors that it returned, "
            "app[CORS]: .override(target, ...) for a route, .reconfigure(...) for new defaults"
        )
    if app.on_response_prepare.frozen or app.on_startup.frozen:
        raise RuntimeError(
            "setup() comes too late: call it before add_subapp() or add_domain() mounts this "
            "application and before it starts, not in an on_startup handler"
        )
    announce = defaults is _NOT_GIVEN
    rules = rules_of(CorsOptions() if announce else defaults, "defaults")
    cors = Cors(app, rules, debug=debug, announce=announce)
    app[CORS] = cors
    return cors


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
        """Use `setup`, which makes it."""
        self._state = State(app, defaults, debug=bool(debug))
        self._follows_asyncio = debug is None
        self._announce = announce
        self._preflights = Preflights()
        app[STATE] = self._state
        self._state.adopt()
        app.on_response_prepare.append(Stamping(self._state, self._preflights.route).hook())
        app.on_startup.append(self._start)

    async def _start(self, app: web.Application) -> None:
        # Startup may run more than once, with two runners: everything here is idempotent.
        state = self._state
        if self._follows_asyncio:
            state.debug = asyncio.get_running_loop().get_debug()
        state.survey()
        if not app.pre_frozen:  # else a parent may have mounted it, which the first match tells
            state.routers.root.app = app
        state.survey_nested()
        self._attach()
        if self._announce and not state.started:
            logger.info(
                "CORS: any origin may read every route, without credentials; "
                "setup(app, CorsOptions(allow_origins=[...])) narrows it"
            )
        state.started = True

    def override(
        self,
        target: object,
        options: CorsOptions | Sequence[CorsOptions] | None = INHERIT,
        /,
        **changes: Unpack[Changes],
    ) -> None:
        """Give a target options of its own, before or after startup.

        A late target is attached to, a `*` route or a `web.View` too.

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
        layers, routes = locate(self._state, target)
        self._state.add_layer(layers, given, routes)
        if self._state.started and self._state.routers.lack_fronts(routes):
            self._attach()

    def reconfigure(self, defaults: CorsOptions | Sequence[CorsOptions] | None) -> None:
        """Swap the defaults of a running application; overrides stay on top of the new ones.

        A request sees the old policy or the new one, whole. A `CorsOptions` with a million
        origins takes a while to make: make it in a thread, and swap it in here, in the thread of
        the event loop.

        Args:
            defaults: as `setup` takes them: a `CorsOptions`, a sequence of them (rules), or None.

        Raises:
            CorsConfigError: `defaults` is none of these, or an override does not fit it, which
                before startup is left to the start; the old defaults stay in force.

        Example:
            >>> options = await asyncio.to_thread(CorsOptions, allow_origins=many_origins)
            >>> cors.reconfigure(options)

        """
        state = self._state
        table = state.make_table(rules_of(defaults, "defaults"))
        if state.started:  # else whatever is overridden may still change, too
            state.check_all(table)
        with keeping_pieces() as pieces:
            state.use(table)
        _let_go(pieces)

    def rescan(self) -> None:
        """Attach to what was added to the router after startup.

        Ordinary late routes are covered without it, and so are those that `override` is called
        for; other late `*` routes, `web.View`s, resource classes of your own and routes for OPTIONS
        are not. What an `on_startup` handler adds that was appended after `setup` is late, too.

        Raises:
            CorsConfigError: an override of a late route does not fit what it inherits.

        Example:
            >>> resource.add_route("*", handler)
            <ResourceRoute [*] <PlainResource  /late> -> ...
            >>> cors.rescan()

        """
        if self._state.started:
            self._state.survey()
            self._attach()

    def _attach(self) -> None:
        self._state.routers.attach(self._preflights, self._preflights.route)

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
        match = match_of(request)
        owner, origin = governing(match.apps), origin_of(request)
        if owner is None or origin is None:
            return False
        policy = owner.entry_of(match, request.method).policy
        if policy is None:
            return False
        return (await verdict_on(origin, policy, request, owner.failures)).rule is not None

    async def explain(
        self,
        method: str,
        path: str | URL,
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
            path: with the prefixes of sub-applications; a whole URL where domains matter; what
                `url_for` gives, too.
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
        return await explain(
            self._state,
            self._preflights,
            method,
            str(path),
            origin=origin,
            headers=headers,
            credentials=credentials,
        )


CORS: Final = web.AppKey("CORS", Cors)
"""The key under which `setup` keeps the handle: `app[CORS]`, `request.config_dict[CORS]`."""


def _let_go(pieces: list[Any]) -> None:
    """Free what a long list of origins was made of; in a running loop a piece at a time."""
    del pieces[-1:]
    if pieces:
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().call_soon(_let_go, pieces)
