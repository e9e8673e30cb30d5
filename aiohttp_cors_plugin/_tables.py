"""One configuration, whole: what each route has under given defaults and overrides."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from aiohttp import web

from aiohttp_cors_plugin._log import Repeats, logger
from aiohttp_cors_plugin._overrides import Layer, Overrides, Rules
from aiohttp_cors_plugin._policy import Policy
from aiohttp_cors_plugin.errors import CorsConfigError

_misfits: Final = Repeats()


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
        source: str = "defaults",
    ) -> None:
        """`lasts` tells of which routes the entries may be remembered; `source` names defaults."""
        self.rules = defaults
        self._overrides = overrides
        self._lasts = lasts
        self._entries: dict[web.AbstractRoute, Entry] = {}
        self.overridden: dict[int, web.AbstractRoute] = {}
        """Those of the routes remembered here that do not just have the defaults, by identity."""
        # Equal options are one policy; those that overrides have replaced are let go.
        self._policies: weakref.WeakValueDictionary[Rules, Policy] = weakref.WeakValueDictionary()
        self.default = Entry(self._policy(defaults), source)

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

    def apply(self, layers: Iterable[Layer], name: str) -> None:
        """Raise CorsConfigError where layers on top of the defaults do not fit."""
        rules = self.rules
        for layer in layers:
            rules = layer.on(rules, name)

    def _compile(self, route: web.AbstractRoute, method: str = "") -> Entry:
        rules, source = self._overrides.rules(route, self.rules, self.default.source, method)
        policy = self.default.policy if rules is self.rules else self._policy(rules)
        return Entry(policy, source)

    def entry(self, route: web.AbstractRoute) -> Entry:
        """As `compile`, remembered; an override that does not fit a late route leaves no policy."""
        try:
            entry = self._entries.get(route)
        except TypeError:  # of a class that cannot be hashed
            entry = None
        if entry is None:
            try:
                entry = self.compile(route)
            except CorsConfigError as error:
                # Resources may make a new route for each request.
                if (remark := _misfits.remark(str(error))) is not None:
                    logger.exception("no CORS for %r: its override does not fit%s", route, remark)
                entry = Entry(None, "an override that does not fit")
            if self._lasts(route):
                self._entries[route] = entry
                if entry.apart or entry.source != self.default.source:
                    self.overridden[id(route)] = route
        return entry

    def forget(self, routes: Iterable[web.AbstractRoute]) -> None:
        for route in routes:
            self._entries.pop(route, None)
