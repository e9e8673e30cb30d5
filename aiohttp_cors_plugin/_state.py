"""What the plugin knows of one application, found from the applications of a match."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final

from aiohttp import hdrs, web

from aiohttp_cors_plugin._log import Repeats, logger
from aiohttp_cors_plugin._memory import Memory
from aiohttp_cors_plugin._overrides import Layer, Overrides, Rules
from aiohttp_cors_plugin._reports import Reports
from aiohttp_cors_plugin._routing import (
    Routers,
    may_be_announced,
    mount_of,
    mounted_app,
    routes_of,
)
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
        self.above: State | None = None
        """That of the application around this one, as far as it is known."""
        self.overrides = Overrides()
        self.routers = Routers(app, lambda sub: STATE in sub)
        self.reports = Reports()
        self.failures = Repeats()  # of callables: no flood of refusals hides them
        self.forgetting: list[Forget] = []
        self._source = "defaults"
        self.table = self.make_table(defaults)
        # By identity: route classes of users need not be hashable.
        self._overridden: dict[int, web.AbstractRoute] = {}
        self._surveyed = 0  # routes

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
        below = [nested[STATE] for _, nested in self.routers.nested]
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
        if problems := _misfits_of(table, routes):
            raise CorsConfigError(problems.values())

    def misfits(self, table: Table) -> dict[str, Problem]:
        """What is wrong with all overrides, those of late routes too, by the sentence for it."""
        if self._surveyed != self.routers.count_routes():
            self._look()
        return self._all_misfits(table)

    def _all_misfits(self, table: Table) -> dict[str, Problem]:
        problems = _misfits_of(table, (self._overridden | self.table.overridden).values())
        for resource, layers in self.overrides.of_resources.items():
            if not routes_of(resource):  # they may come later
                try:
                    table.apply(layers, f"override of {resource.canonical}")
                except CorsConfigError as error:
                    problems |= _by_sentence(error)
        return problems

    def check_all(self, table: Table) -> None:
        """Raise all that is wrong with the overrides, if this configuration comes into force."""
        if problems := self.misfits(table):
            raise CorsConfigError(problems.values())

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
        self._overridden |= {id(route): route for route in routes}
        self.forget(routes)  # before startup too: `explain` may have looked

    def survey(self) -> None:
        """Look at all routes: which have overrides, do these fit, will their methods arrive.

        What does not fit is told together with what does not in the applications around.
        """
        for route in self._look():
            logger.warning(
                "%r: browsers or aiohttp's C parser refuse the method %s", route, route.method
            )
        if problems := self._all_misfits(self.table):
            outermost = self
            while outermost.above is not None:
                outermost = outermost.above
            for state in _states_below(outermost.app):
                problems |= state.misfits(state.table)
            raise CorsConfigError(problems.values())

    def _look(self) -> list[web.AbstractRoute]:
        """Note which routes have overrides; returns those whose methods will not arrive."""
        lost, self._surveyed = [], 0
        for route in self.routers.routes():
            self._surveyed += 1
            if self.overrides.concern(route):
                self._overridden[id(route)] = route
            if route.method != hdrs.METH_ANY and not may_be_announced(route.method):
                lost.append(route)
        return lost

    def survey_nested(self) -> None:
        """Let nested applications that have a setup know where they are."""
        self.routers.discover()
        for resource, nested in self.routers.nested:
            state = nested[STATE]
            state.above, state.routers.root.parent = self, self.routers.root
            state.call_defaults(f"defaults of {mount_of(resource)}")
            state.survey_nested()

    def adopt(self) -> None:
        """Let applications that are mounted already know whose they are, if not where."""
        self.routers.discover()
        for _, nested in self.routers.nested:
            nested[STATE].above = self
            nested[STATE].adopt()

    def call_defaults(self, source: str) -> None:
        """Say whose the defaults are; the first place of what is mounted twice counts."""
        if self._source == "defaults":
            self._source = source
            self.use(self.make_table(self.table.rules))


def _misfits_of(table: Table, routes: Iterable[web.AbstractRoute]) -> dict[str, Problem]:
    problems: dict[str, Problem] = {}
    for route in routes:
        try:
            table.compile(route)
        except CorsConfigError as error:
            problems |= _by_sentence(error)
    return problems


def _by_sentence(error: CorsConfigError) -> dict[str, Problem]:
    return {str(problem): problem for problem in error.problems}


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
