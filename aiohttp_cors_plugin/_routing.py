"""The application's routers: walk them, attach OPTIONS resources, ask what another method reaches.

Of aiohttp's private names, two are used: `Application._handle` (in `_Unrooted`), and
`UrlDispatcher._resource_index` (in `tried_for` and `_places`), which it can do without.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import (
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from types import FunctionType
from typing import Any, Final, Protocol

from aiohttp import hdrs, web
from yarl import URL

from aiohttp_cors_plugin._fetch import COMMON_METHODS, FORBIDDEN_METHODS, PARSEABLE_METHODS
from aiohttp_cors_plugin._log import Repeats, logger
from aiohttp_cors_plugin._requests import Announced, is_preflight, request_key

_Resolved = tuple[web.UrlMappingMatchInfo | None, set[str]]
_NO_METHOD: Final = "NO-SUCH-METHOD"
_failures: Final = Repeats()
LEAVES: Final = frozenset({web.PlainResource, web.DynamicResource, web.StaticResource})
"""aiohttp's own kinds of resources that have routes."""


# Set on a preflight that is the application's own business: a middleware may resolve it again,
# with another path, and must not find us there either.
_PASSED: Final = request_key("aiohttp_cors_plugin_passed")


async def resolve_as(
    root: web.Application, request: web.Request, method: str
) -> web.UrlMappingMatchInfo | None:
    """What the application would do with the request, were its method another one.

    None where a resource of the user's fails on the question.
    """
    try:
        match = await root.router.resolve(Announced(request, method))  # type: ignore[arg-type]
        match.add_app(root)
    except Exception as error:
        remark = _failures.remark((id(root), type(error)))
        if remark is not None:
            words = "a resource failed to resolve %.200r as %.50r%s"
            logger.exception(words, request.path, method, remark)
        return None
    return match


async def targets_beside(
    root: web.Application, request: web.Request, target: web.UrlMappingMatchInfo, method: str
) -> dict[str, web.UrlMappingMatchInfo]:
    """What every other method with a route on the request's path reaches, by method."""
    bare = await resolve_as(root, request, _NO_METHOD)
    if bare is None:
        return {}
    error = bare.http_exception
    methods = set(error.allowed_methods) if isinstance(error, web.HTTPMethodNotAllowed) else set()
    if error is None or len(bare.apps) > 1:
        # A route for any method takes many, of which those count that people use; and an answer
        # out of a sub-application tells nothing of what its parents serve on the same path. What
        # has a route of its own is found on the resources that answer, or are asked before them.
        asked = [bare.route.resource, target.route.resource]
        for app in {*bare.apps, *target.apps}:
            asked += tried_for(app.router, request.rel_url)
        methods |= {*COMMON_METHODS, *(r.method for one in asked for r in routes_of(one))}
    methods -= {method, hdrs.METH_ANY}
    found = {}
    for other in sorted(methods):
        match = await resolve_as(root, request, other)
        if match is not None and match.http_exception is None and serves(match.route, other):
            found[other] = match
    return found


def place_of(match: web.UrlMappingMatchInfo) -> str:
    """The canonical path of the resource that was found; empty where nothing is served."""
    resource = match.route.resource
    return "" if resource is None else resource.canonical


def routes_of(resource: web.AbstractResource | None) -> tuple[web.AbstractRoute, ...]:
    """The routes of a resource, none where it does not tell."""
    try:
        return () if resource is None else tuple(resource)
    except Exception:  # a resource class of the user's
        return ()


def view_of(route: web.AbstractRoute) -> type[web.View] | None:
    """The `web.View` class behind a route, if that is what answers."""
    handler: object = route.handler
    return handler if isinstance(handler, type) and issubclass(handler, web.View) else None


def view_methods(view: type[web.View]) -> frozenset[str]:
    """The methods that a view class serves; empty for one that dispatches in its own way."""
    # One that is None is withdrawn, to aiohttp too.
    served = (m for m in hdrs.METH_ALL if getattr(view, m.lower(), None) is not None)
    return frozenset(served)


def serves(route: web.AbstractRoute, method: str) -> bool:
    """Whether a route that the router found for a method would really run for it."""
    if method in FORBIDDEN_METHODS or not method:
        return False
    if route.method == hdrs.METH_ANY and method not in PARSEABLE_METHODS:
        return False
    methods = view_methods(view) if (view := view_of(route)) is not None else None
    return not methods or method in methods


def may_be_announced(method: str) -> bool:
    """Whether aiohttp would let a request with this method in at all."""
    return method in PARSEABLE_METHODS and method not in FORBIDDEN_METHODS


def unwrapped(handler: Any) -> Iterator[Any]:
    """A callable and what it leads to, outermost first.

    Through `functools.wraps`, partials, bound methods and the `__call__` of instances.
    """
    for _ in range(100):  # a wrapper that names itself as wrapped would never end
        yield handler
        if type(handler) is FunctionType and not hasattr(handler, "__wrapped__"):
            return  # as most are
        if isinstance(handler, functools.partial | functools.partialmethod):
            handler = handler.func
        # Before what it wraps: a bound method shows the attributes of its function.
        elif (function := getattr(handler, "__func__", None)) is not None:
            handler = function
        elif (wrapped := getattr(handler, "__wrapped__", None)) is not None:
            handler = wrapped
        elif isinstance(call := getattr(type(handler), "__call__", None), FunctionType):  # noqa: B004
            handler = call
        else:
            return


def tried_for(router: web.UrlDispatcher, url: URL) -> Iterator[web.AbstractResource]:
    """The resources that a router of aiohttp's asks for a path, whatever the method."""
    # No public way leads to the index, and the list of all resources may be long.
    index: Mapping[str, list[web.AbstractResource]] = getattr(router, "_resource_index", {})
    path = part = url.path_safe
    while True:
        for resource in index.get(part, ()):
            pattern = resource.get_info().get("pattern") if type(resource) in LEAVES else None
            if pattern is None or pattern.fullmatch(path) is not None:
                yield resource
        if part == "/":
            return
        part = part.rpartition("/")[0] or "/"


def mounted_app(resource: web.AbstractResource) -> web.Application | None:
    """The sub-application that a resource leads to, if it is one."""
    if type(resource) in LEAVES:  # nearly all, and there may be many
        return None
    try:
        app = resource.get_info().get("app")
    except Exception:  # a resource class of the user's
        return None
    return app if isinstance(app, web.Application) else None


class About(Protocol):
    """What a preflight is about."""

    target: web.UrlMappingMatchInfo
    """The match of the announced request."""


class PreflightMatch(web.UrlMappingMatchInfo):
    """The match of a preflight that is answered for another one, that of the announced request.

    It is that one to whoever asks: variables of the path, application, applications around it.
    Only while aiohttp looks for middlewares it has no applications, so that none is run: a browser
    sends a preflight without credentials, and an authentication layer would refuse it.
    https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
    """

    __slots__ = ("_current", "_revealed", "about")

    def __init__(self, route: web.AbstractRoute, about: About) -> None:
        super().__init__(about.target, route)  # copies the variables
        self.about = about
        self._revealed = False
        self._current: web.Application | None = None

    @property
    def apps(self) -> tuple[web.Application, ...]:
        return self.about.target.apps if self._revealed else ()

    @property
    def current_app(self) -> web.Application:
        return self._current or self.about.target.current_app

    @current_app.setter
    def current_app(self, app: web.Application) -> None:
        self._current = app  # the target may be that of other preflights too

    @property
    def expect_handler(self) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
        return _expect_nothing

    def reveal(self) -> None:
        """From here on, handlers and hooks may ask for the applications."""
        self._revealed = True


async def _expect_nothing(request: web.Request) -> None:
    """A preflight has no body to wait for, so nothing is expected before its answer."""


class _Unrooted(web.UrlMappingMatchInfo):
    """The first preflight in a sub-application whose parents have no plugin.

    The root is known only once aiohttp has collected the applications of the match. From then on
    the router can be asked, so the request goes through it once more.
    """

    def __init__(self, route: web.AbstractRoute, learn: Callable[[web.Application], None]) -> None:
        super().__init__({}, route)
        self._learn = learn

    @property
    def apps(self) -> tuple[web.Application, ...]:
        return ()

    @property
    def expect_handler(self) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
        return _expect_nothing

    @property
    def handler(self) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        return self._again

    async def _again(self, request: web.Request) -> web.StreamResponse:
        root = super().apps[0]
        self._learn(root)
        # No public way leads from here through the middlewares, as without the plugin.
        return await root._handle(request)  # noqa: SLF001


class Root:
    """The outermost application, as far as it is known; what is mounted asks its parent's."""

    __slots__ = ("_app", "parent")

    def __init__(self) -> None:
        self._app: web.Application | None = None
        self.parent: Root | None = None

    @property
    def app(self) -> web.Application | None:
        return self._app if self.parent is None else self.parent.app

    @app.setter
    def app(self, app: web.Application) -> None:
        if self.parent is None:
            self._app = app
        else:
            self.parent.app = app


class Decider(Protocol):
    """Finds out what a preflight is about, None where that is nothing."""

    def known(self, root: web.Application, request: web.Request) -> About | None:
        """What is remembered, if anything is."""
        ...

    def look_up(self, root: web.Application, request: web.Request) -> Awaitable[About | None]:
        """What the routers say; None where the plugin has nothing to say."""
        ...


class OptionsResource(web.AbstractResource):
    """Answers preflights, and nothing else, at the place of `inner` in its router.

    With `inner`, it stands in front of that resource and takes the preflights that `inner` would
    take; without, it is the fallback of a router, reached by what no other resource answers.
    """

    def __init__(
        self,
        decider: Decider,
        root: Root,
        route: web.AbstractRoute,
        inner: web.AbstractResource | None = None,
    ) -> None:
        super().__init__()
        self._decider = decider
        self.root = root
        self._route = route
        self._inner = inner

    async def resolve(self, request: web.Request) -> _Resolved:
        # Our own question must not be answered by us: any method would seem to be served.
        asks: type = type(request)
        if asks is Announced:
            return None, set()
        # A request that keeps nothing is spared the look-up, an exception inside of aiohttp.
        if not is_preflight(request) or (len(request) and _PASSED in request):
            return None, set()
        if self._inner is not None:
            taken, _ = await self._inner.resolve(request)
            if taken is None:
                return None, set()
        root = self.root.app
        if root is None:
            return _Unrooted(self._route, self._learn), set()
        about = self._decider.known(root, request)
        if about is None:
            about = await self._decider.look_up(root, request)
        if about is None:
            request[_PASSED] = True
            return None, set()
        return PreflightMatch(self._route, about), set()

    def _learn(self, root: web.Application) -> None:
        self.root.app = root

    @property
    def canonical(self) -> str:
        return "/" if self._inner is None else self._inner.canonical

    def url_for(self, **_: str) -> URL:
        raise RuntimeError("an OPTIONS resource for preflights has no URL of its own")

    def add_prefix(self, prefix: str) -> None:
        raise RuntimeError("attached only after every sub-application is mounted")

    def get_info(self) -> Any:
        return {} if self._inner is None else self._inner.get_info()

    def raw_match(self, path: str) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())


class Routers:
    """The routers of an application and of the sub-applications without a plugin of their own."""

    def __init__(self, app: web.Application, governs_itself: Callable[[web.Application], bool]):
        self.app = app
        self.root = Root()
        self.nested: list[tuple[web.AbstractResource, web.Application]] = []
        """Those with a plugin of their own, each with the resource that leads to it."""
        self._governs_itself = governs_itself
        self._seen: dict[web.Application, int] = {}
        # By identity: resource classes of users need not be hashable.
        self._resources: dict[int, web.AbstractResource] = {}
        self._fronts: dict[int, OptionsResource] = {}
        self._fallbacks: set[web.Application] = set()

    def discover(self) -> list[web.AbstractResource]:
        """The resources that are new since the last call, in the order of each router."""
        new: list[web.AbstractResource] = []
        apps = [self.app, *(app for app in self._seen if app is not self.app)]
        for app in apps:  # grows while it is walked
            resources = app.router.resources()
            start = self._seen.get(app, 0)
            self._seen[app] = len(resources)
            for resource in itertools.islice(resources, start, None):
                self._resources[id(resource)] = resource
                new.append(resource)
                if (sub := mounted_app(resource)) is None or sub in self._seen:
                    continue
                if self._governs_itself(sub):
                    self.nested.append((resource, sub))
                else:
                    self._seen[sub] = 0
                    apps.append(sub)
        return new

    def __contains__(self, resource: object) -> bool:
        if id(resource) not in self._resources:
            self.discover()
        return id(resource) in self._resources

    def lasts(self, route: web.AbstractRoute) -> bool:
        """Whether a route stays: aiohttp makes one for each 404, and resource classes may do so."""
        resource = route.resource
        return (
            isinstance(resource, web.Resource | web.StaticResource)
            and isinstance(route, Hashable)
            and resource in self
            and any(known is route for known in routes_of(resource))
        )

    def resources(self) -> Iterable[web.AbstractResource]:
        """All resources known so far."""
        self.discover()
        return tuple(self._resources.values())

    def lack_fronts(self, routes: Iterable[web.AbstractRoute]) -> bool:
        """Whether preflights to one of these routes would go past us: it was added later."""
        return any(
            route.resource is not None and self._lacks_front(route.resource) for route in routes
        )

    def routes(self) -> Iterator[web.AbstractRoute]:
        """All routes, of resources that tell."""
        for resource in self.resources():
            if mounted_app(resource) is None:
                yield from routes_of(resource)

    def count_routes(self) -> int:
        """How many routes there are now, of resources that tell."""
        return sum(
            len(resource) if type(resource) in LEAVES else len(routes_of(resource))
            for resource in self.resources()
            if mounted_app(resource) is None
        )

    def attach(self, decider: Decider, route: web.AbstractRoute) -> None:
        """Put OPTIONS resources where preflights need them; what has one is left alone."""
        self.discover()
        for app in self._seen:
            if app not in self._fallbacks:
                self._fallbacks.add(app)
                app.router.index_resource(OptionsResource(decider, self.root, route))
            self._attach_in_front(app, decider, route)

    def _attach_in_front(
        self, app: web.Application, decider: Decider, route: web.AbstractRoute
    ) -> None:
        """Resources that answer OPTIONS themselves get ours in front of them.

        The order in the index decides between resources that it has in one place: from the first
        that needs one of ours on, all of them are put in once more.
        """
        router = app.router
        for place in _places(router):
            lacking = (i for i, resource in enumerate(place) if self._lacks_front(resource))
            first, taken = next(lacking, len(place)), []
            for resource in place[first:]:
                try:
                    router.unindex_resource(resource)
                    taken.append(resource)
                except (KeyError, ValueError):
                    logger.warning("%r is not in the router's index; left as it is", resource)
            for resource in taken:
                if self._lacks_front(resource):
                    front = OptionsResource(decider, self.root, route, resource)
                    self._fronts[id(resource)] = front
                    router.index_resource(front)
                router.index_resource(resource)

    def _lacks_front(self, resource: web.AbstractResource) -> bool:
        if isinstance(resource, OptionsResource) or id(resource) in self._fronts:
            return False
        return _answers_options(resource)


def mount_of(resource: web.AbstractResource) -> str:
    """The prefix, or the domain, below which a sub-application is mounted."""
    rule: Any = resource.get_info().get("rule")
    return resource.canonical if rule is None else rule.get_info().get("domain", rule.canonical)


def _places(router: web.UrlDispatcher) -> list[Sequence[web.AbstractResource]]:
    """The resources that a router's index has in one place, in its order, for each place."""
    # No public way leads to it; the order of registration is the same, unless users change it.
    index = getattr(router, "_resource_index", None)
    return [list(router.resources())] if index is None else list(index.values())


def _answers_options(resource: web.AbstractResource) -> bool:
    if type(resource) not in LEAVES:
        if mounted_app(resource) is not None:
            return False  # its router has a fallback of its own
        if not isinstance(resource, web.Resource | web.StaticResource):
            return True  # what it does cannot be known
    return any(route.method in (hdrs.METH_ANY, hdrs.METH_OPTIONS) for route in resource)
