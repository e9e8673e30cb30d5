"""What the plugin knows of one application, found from the applications of a match."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final

from aiohttp import hdrs, web

from aiohttp_cors_plugin._log import Repeats, logger
from aiohttp_cors_plugin._memory import Memory
from aiohttp_cors_plugin._overrides import Layer, Overrides, Rules
from aiohttp_cors_plugin._reports import Reports
from aiohttp_cors_plugin._routing import Routers, may_be_announced, mounted_app, routes_of
from aiohttp_cors_plugin._tables import Entry, Table
from aiohttp_cors_plugin.errors import CorsConfigError, Problem

Forget = Callable[["Sequence[web.AbstractRoute] | None"], None]
"""Drops what was worked out for some routes, or for all."""


class State:
    """What the plugin knows of one application that has a setup of its own."""

    def __init__(self, app: web.Application, defaults: Rules | None, *, debug: bool) -> None:
        self.app = app
        self.debug = debug
        self.started = False
        self.overrides = Overrides()
        self.routers = Routers(app, lambda sub: STATE in sub)
        self.reports = Reports()
        self.failures = Repeats()  # of callables: no flood of refusals hides them
        self.forgetting: list[Forget] = []
        self._source = "defaults"
        self.table = self.make_table(defaults)
        # By identity: route classes of users need not be hashable.
        self._overridden: dict[int, web.AbstractRoute] = {}

    # What is in force

    def entry_of(
        self, match: web.UrlMappingMatchInfo, method: str, table: Table | None = None
    ) -> Entry:
        """The entry of what the router found; of 404s and 405s, the defaults."""
        table = table or self.table
        if match.http_exception is not None:
            return table.default
        return table.entry(match.route).of(method)

    def governs_alone(self, route: web.AbstractRoute) -> bool:
        """Whether no application further in has the route too: it may be mounted twice."""
        below = [nested[STATE] for nested in self.routers.nested.values()]
        return all(
            route.resource not in state.routers and state.governs_alone(route) for state in below
        )

    def make_table(self, defaults: Rules | None) -> Table:
        """A configuration of these defaults and the overrides that there are."""
        return Table(defaults, self.overrides, self.routers.lasts, self._source)

    def use(self, table: Table) -> None:
        """Put a configuration in force; what was worked out under the one before is dropped."""
        self._overridden |= self.table.overridden
        self.table = table
        for forget in self.forgetting:
            forget(None)
        Memory.forget()

    def forget(self, routes: Iterable[web.AbstractRoute]) -> None:
        """Work out anew what these routes have."""
        remembered = [route for route in routes if isinstance(route, Hashable)]
        self.table.forget(remembered)
        for forget in self.forgetting:
            forget(remembered)
        Memory.forget()

    # Whether it fits

    def check(self, table: Table, routes: Iterable[web.AbstractRoute]) -> None:
        """Raise all that is wrong with the overrides of these routes, at once."""
        problems: dict[str, Problem] = {}
        for route in routes:
            try:
                table.compile(route)
            except CorsConfigError as error:
                problems |= {str(problem): problem for problem in error.problems}
        if problems:
            raise CorsConfigError(problems.values())

    def check_overridden(self, table: Table) -> None:
        """The same for all routes that are known to have overrides."""
        self.check(table, (self._overridden | self.table.overridden).values())

    def add_layer(
        self, layers: list[Layer], given: Layer, routes: Sequence[web.AbstractRoute]
    ) -> None:
        """Lay an override on top of those of a target, which stands for these routes.

        On a running application it has to fit; else nothing is changed.
        """
        before = [*layers]
        layers[:] = given.after(layers)
        if self.started:
            try:
                self.check(self.table, routes)
                if not routes:  # they may come later
                    self.table.apply(layers, "target")
            except CorsConfigError:
                layers[:] = before
                raise
            self._overridden.update((id(route), route) for route in routes)
        self.forget(routes)  # before startup too: `explain` may have looked

    def survey(self) -> None:
        """Look at all routes: which have overrides, do these fit, will their methods arrive."""
        overridden = []
        for resource in self.routers.resources():
            if mounted_app(resource) is not None:
                continue
            for route in routes_of(resource):
                if self.overrides.layers(route) or self.overrides.methods_apart(route):
                    overridden.append(route)
                if route.method != hdrs.METH_ANY and not may_be_announced(route.method):
                    logger.warning(
                        "%r: browsers or aiohttp's C parser refuse the method %s",
                        route,
                        route.method,
                    )
        self.check(self.table, overridden)
        self._overridden.update((id(route), route) for route in overridden)

    def survey_nested(self) -> None:
        """Let nested applications that have a setup know where they are."""
        self.routers.discover()
        for place, nested in self.routers.nested.items():
            state = nested[STATE]
            state.routers.root.parent = self.routers.root
            state.call_defaults(f"defaults of {place}")
            state.survey_nested()

    def call_defaults(self, source: str) -> None:
        """Say whose the defaults are; the first place of what is mounted twice counts."""
        if self._source == "defaults":
            self._source = source
            self.use(self.make_table(self.table.rules))


STATE: Final = web.AppKey("aiohttp_cors_plugin", State)


def governing(apps: Iterable[web.Application]) -> State | None:
    """The state of the innermost application that has one."""
    found = None
    for app in apps:
        found = app.get(STATE, found)
    return found


def states_below(root: web.Application) -> list[State]:
    """The states of an application and of what is mounted on it, the outermost first.

    They are told where they are: before startup they do not know.
    """
    found = [*_states_below(root)]
    for state in found:
        state.routers.root.app = root
        state.survey_nested()
    return found


def _states_below(app: web.Application) -> Iterator[State]:
    if STATE in app:
        yield app[STATE]
    for resource in app.router.resources():
        if (sub := mounted_app(resource)) is not None:
            yield from _states_below(sub)
