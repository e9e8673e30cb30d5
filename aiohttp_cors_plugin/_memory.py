"""Remembers what preflights found on a path, for as long as the router would say the same."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from aiohttp import hdrs, web

from aiohttp_cors_plugin._routing import is_matched_by_rule, mounted_app

_MOST: Final = 1024
_LONGEST: Final = 512  # characters of a path
# What these reach depends on the method, the path and, with domains, the host.
_KNOWN: Final = frozenset({web.PlainResource, web.DynamicResource, web.StaticResource})


class Found(Protocol):
    """What is remembered; `resources` are those that it depends on, with the number of routes."""

    resources: dict[web.AbstractResource, int]


T = TypeVar("T", bound=Found)


class Memory(Generic[T]):
    """What was found, by path and method, below one application.

    Forgotten when a resource is added anywhere, or a route to a resource that answered, or the
    options of any application change. Applications with resource classes of their own are asked
    each time.
    """

    changes: ClassVar[int] = 0
    """Counts the changes of options, whoever's: one application's answers may tell of others."""

    def __init__(self, root: web.Application) -> None:
        self.root = root
        self._found: dict[tuple[str, str, str], T] = {}
        self._views: list[Collection[web.AbstractResource]] = []
        self._changes, self._size = -1, -1
        self._is_usable = self._has_domains = False

    @classmethod
    def forget(cls) -> None:
        """Options have changed."""
        Memory.changes += 1

    def find(self, request: web.Request, method: str) -> T | None:
        """What was found for the method on the request's path, None where it has to be asked."""
        if self._changes != Memory.changes or self._size != sum(map(len, self._views)):
            self._look()
        found = self._found.get(self._key(request, method))
        if found is None:
            return None
        for resource, count in found.resources.items():
            if len(resource) != count:
                return None
        return found

    def keep(self, request: web.Request, method: str, found: T) -> None:
        """Remember what the routers said."""
        key = self._key(request, method)
        if self._is_usable and max(map(len, key)) <= _LONGEST:
            if len(self._found) >= _MOST:
                self._found.clear()
            self._found[key] = found

    def _key(self, request: web.Request, method: str) -> tuple[str, str, str]:
        host = request.headers.get(hdrs.HOST, "") if self._has_domains else ""
        return request.rel_url.raw_path, method, host

    def _look(self) -> None:
        self._found.clear()
        self._changes = Memory.changes
        self._is_usable, self._has_domains = True, False
        self._views = []
        apps = [self.root]
        for app in apps:  # grows while it is walked
            self._views.append(app.router.resources())
            for resource in self._views[-1]:
                if type(resource) in _KNOWN:
                    continue
                sub = mounted_app(resource)
                if sub is None:
                    self._is_usable = False
                else:
                    self._has_domains |= is_matched_by_rule(resource)
                    apps.append(sub)
        self._size = sum(map(len, self._views))
