"""Remembers what preflights found on a path, for as long as the router would say the same."""

from __future__ import annotations

from collections.abc import Collection
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
_MOUNTS: Final = frozenset({PrefixedSubAppResource, MatchedSubAppResource})
_RULES: Final = frozenset({type(None), Domain, MaskDomain})

T = TypeVar("T")


class Memory(Generic[T]):
    """What was found, by path and method, below one application.

    Forgotten when a resource is added anywhere, or a route to any resource that the router tries
    for the path, or when the options of any application change. Applications with routers,
    resources or rules of classes of their own are asked each time.
    """

    changes: ClassVar[int] = 0
    """Counts the changes of options, whoever's: one application's answers may tell of others."""

    def __init__(self, root: web.Application) -> None:
        self.root = root
        # What was found, and the number of routes of each resource that it depends on.
        self._found: dict[tuple[str, str, str], tuple[T, dict[web.AbstractResource, int]]] = {}
        self._apps: list[web.Application] = []
        self._views: list[Collection[web.AbstractResource]] = []  # of their routers
        self._changes, self._size = Memory.changes, -1
        self._is_usable = self._has_domains = False

    @classmethod
    def forget(cls) -> None:
        """Options have changed."""
        Memory.changes += 1

    def find(self, request: web.Request, method: str) -> T | None:
        """What was found for the method on the request's path, None where it has to be asked."""
        if self._size != sum(map(len, self._views)):
            self._look()
        elif self._changes != Memory.changes:
            self._changes = Memory.changes
            self._found.clear()
        known = self._found.get(self._key(request, method))
        if known is None:
            return None
        found, resources = known
        for resource, count in resources.items():
            if len(resource) != count:
                return None
        return found

    def keep(
        self, request: web.Request, method: str, found: T, taken: web.AbstractResource | None
    ) -> None:
        """Remember what the routers said, unless it may depend on more than is known here.

        `taken` is the resource that the routers chose.
        """
        key = self._key(request, method)
        if not self._is_usable or max(map(len, key)) > _LONGEST:
            return
        tried = {one for app in self._apps for one in tried_for(app.router, request.rel_url)}
        if taken not in tried:
            return
        if len(self._found) >= _MOST:
            self._found.clear()
        self._found[key] = found, {one: len(one) for one in tried if type(one) in LEAVES}

    def _key(self, request: web.Request, method: str) -> tuple[str, str, str]:
        host = request.headers.get(hdrs.HOST, "") if self._has_domains else ""
        return request.rel_url.raw_path, method, host

    def _look(self) -> None:
        self._found.clear()
        self._changes, self._size = Memory.changes, 0
        self._is_usable, self._has_domains = True, False
        self._apps, self._views = [self.root], []
        for app in self._apps:  # grows while it is walked
            self._is_usable &= type(app.router) is web.UrlDispatcher
            self._views.append(app.router.resources())
            self._size += len(self._views[-1])
            for resource in self._views[-1]:
                if type(resource) in LEAVES:
                    continue
                sub = mounted_app(resource)
                if sub is None:
                    self._is_usable = False
                    continue
                rule = resource.get_info().get("rule")
                self._is_usable &= type(resource) in _MOUNTS and type(rule) in _RULES
                self._has_domains |= rule is not None
                self._apps.append(sub)
