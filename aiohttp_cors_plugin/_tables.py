"""One configuration, whole: what each route has under given defaults and overrides."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from aiohttp import web

from aiohttp_cors_plugin._overrides import Overrides, Rules
from aiohttp_cors_plugin._policy import Policy
from aiohttp_cors_plugin.errors import CorsConfigError

logger = logging.getLogger("aiohttp_cors_plugin")


class Entry(NamedTuple):
    """What a route came to have; a view's methods can differ from the rest of it."""

    policy: Policy | None
    source: str
    apart: Mapping[str, Entry] = {}

    def of(self, method: str) -> Entry:
        return self.apart.get(method, self)


class Table:
    """One configuration, whole: a request that holds it sees no mixture of two."""

    def __init__(
        self,
        defaults: Rules | None,
        overrides: Overrides,
        lasts: Callable[[web.AbstractRoute], bool],
    ) -> None:
        """`lasts` tells of which routes the entries may be remembered."""
        self.rules = defaults
        self._overrides = overrides
        self._lasts = lasts
        self._entries: dict[web.AbstractRoute, Entry] = {}
        # Equal options are one policy; those that overrides have replaced are let go.
        self._policies: weakref.WeakValueDictionary[Rules, Policy] = weakref.WeakValueDictionary()
        self.default = Entry(self._policy(defaults), "defaults")

    def _policy(self, rules: Rules | None) -> Policy | None:
        if rules is None:
            return None
        try:
            policy = self._policies.get(rules)
        except TypeError:  # a callable that cannot be hashed
            return Policy(rules)
        if policy is None:
            policy = self._policies[rules] = Policy(rules)
        return policy

    def compile(self, route: web.AbstractRoute) -> Entry:
        """The entry of a route; raises CorsConfigError where an override does not fit."""
        policy, source, _ = self._compile(route)
        methods = self._overrides.methods_apart(route)
        return Entry(policy, source, {method: self._compile(route, method) for method in methods})

    def _compile(self, route: web.AbstractRoute, method: str = "") -> Entry:
        rules, source = self._overrides.rules(route, self.rules, method)
        policy = self.default.policy if rules is self.rules else self._policy(rules)
        return Entry(policy, source)

    def entry(self, route: web.AbstractRoute) -> Entry:
        """As `compile`, remembered; an override that does not fit a late route leaves no policy."""
        entry = self._entries.get(route)
        if entry is None:
            try:
                entry = self.compile(route)
            except CorsConfigError:
                logger.exception("no CORS for %r: its override does not fit", route)
                entry = Entry(None, "an override that does not fit")
            if self._lasts(route):
                self._entries[route] = entry
        return entry

    def forget(self, routes: Iterable[web.AbstractRoute]) -> None:
        for route in routes:
            self._entries.pop(route, None)
