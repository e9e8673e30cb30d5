"""Remembers what preflights found on a path, for as long as the router would say the same."""

from __future__ import annotations

from collections.abc import Collection, Sized
from typing import ClassVar, Final, Generic, TypeVar

from aiohttp import hdrs, web
from aiohttp.web_urldispatcher import (
    Domain,
    MaskDomain,
    MatchedSubAppResource,
    PrefixedSubAppResource,
)

from aiohttp_cors_plugin._routing import LEAVES, mounted_app, tried_for

_MOST: Final = 1024
_LONGEST: Final = 512  # characters of a path, and of a host
# What these reach depends on the method, the path and, with domains, the host. Subclasses may look
# at anything.
_ROUTERS: Final = frozenset({web.UrlDispatcher})
_MOUNTS: Final = frozenset({PrefixedSubAppResource, MatchedSubAppResource})
_RULES: Final = frozenset({type(None), Domain, MaskDomain})

T = TypeVar("T")


def _is_one_of(kinds: Collection[type], router: object) -> bool:
    """Whether a router or a resource resolves as its class does, and that is one of these."""
    return type(router) in kinds and "resolve" not in vars(router)


class Memory(Generic[T]):
    """What was found, by path and method, below one application.

    Forgotten when a resource is added to a router that is asked for the path, or a route to a
    resource that is tried for it, or when the options of any application change. Applications with
    routers, resources or rules of classes of their own, or with a `resolve` of their own, are asked
    each time.
    """

    changes: ClassVar[int] = 0
    """Counts the changes of options, whoever's: one application's answers may tell of others."""

    def __init__(self) -> None:
        self._root: web.Application | None = None
        # What was found; the resources of routers, and the routes of resources, that it rests on;
        # how many there were in all, since none is ever taken away.
        self._found: dict[tuple[str, ...], tuple[T, list[Sized], int]] = {}
        self._apps: list[web.Application] = []
        self._views: list[Collection[web.AbstractResource]] = []
        self._changes, self._size = Memory.changes, 0
        self._is_usable = self._has_domains = False

    @classmethod
    def forget(cls) -> None:
        """Options have changed."""
        Memory.changes += 1

    def find(self, root: web.Application, request: web.Request) -> T | None:
        """What was found for what a preflight announces, None where it has to be asked."""
        if root is not self._root:
            return None
        if self._changes != Memory.changes:
            self._changes = Memory.changes
            self._found.clear()
        known = self._found.get(self._key(request))
        if known is None:
            return None
        found, rests_on, number = known
        return found if sum(map(len, rests_on)) == number else None

    def keep(
        self,
        root: web.Application,
        request: web.Request,
        found: T,
        taken: web.AbstractResource | None,
    ) -> None:
        """Remember what the routers said, unless it may depend on more than is known here.

        `taken` is the resource that the routers chose.
        """
        if root is not self._root or self._size != sum(map(len, self._views)):
            self._look(root)
        key = self._key(request)
        if not self._is_usable or max(map(len, key)) > _LONGEST:
            return
        # Where there are no domains, only what is mounted on the path matters.
        apps = [*self._apps] if self._has_domains else [root]
        tried: set[web.AbstractResource] = set()
        for app in apps:  # grows while it is walked
            for one in tried_for(app.router, request.rel_url):
                tried.add(one)
                sub = mounted_app(one)
                if sub is not None and sub not in apps:
                    apps.append(sub)
        if taken not in tried:
            return
        if len(self._found) >= _MOST:
            self._found.clear()
        rests_on: list[Sized] = [app.router.resources() for app in apps]
        rests_on += [one for one in tried if type(one) in LEAVES]
        self._found[key] = found, rests_on, sum(map(len, rests_on))

    def _key(self, request: web.Request) -> tuple[str, ...]:
        headers = request.headers
        host = headers.get(hdrs.HOST, "") if self._has_domains else ""
        methods = headers.getall(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        return (host, request.rel_url.raw_path, *methods)

    def _look(self, root: web.Application) -> None:
        self._found.clear()
        self._root, self._changes, self._size = root, Memory.changes, 0
        self._is_usable, self._has_domains = True, False
        self._apps, self._views = [root], []
        for app in self._apps:  # grows while it is walked
            self._is_usable &= _is_one_of(_ROUTERS, app.router)
            self._views.append(app.router.resources())
            self._size += len(self._views[-1])
            for resource in self._views[-1]:
                if _is_one_of(LEAVES, resource):
                    continue
                sub = mounted_app(resource)
                if sub is None:
                    self._is_usable = False
                    continue
                rule = resource.get_info().get("rule")
                self._is_usable &= _is_one_of(_MOUNTS, resource) and type(rule) in _RULES
                self._has_domains |= rule is not None
                self._apps.append(sub)
