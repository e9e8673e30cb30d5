"""Overrides: what a route's options become, layer by layer, from the defaults to the route."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any, Final, NamedTuple, TypeVar

from aiohttp import hdrs, web

from aiohttp_cors_plugin._routing import routes_of, unwrapped, view_methods, view_of
from aiohttp_cors_plugin.errors import CorsConfigError, Problem
from aiohttp_cors_plugin.options import Changes, CorsOptions, Unpack, change_problems, changed

T = TypeVar("T")

Rules = tuple[CorsOptions, ...]


class Marker:
    """Stands for an argument that is left out; `shown` is what documentation says of it."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown


INHERIT: Final[Any] = Marker("<inherited>")
_ATTRIBUTE: Final = "__aiohttp_cors_plugin_overrides__"


def rules_of(given: object, option: str) -> Rules | None:
    """Normalise what a user gave as options; raises CorsConfigError naming `option`."""
    if given is None:
        return None
    if isinstance(given, CorsOptions):
        return (given,)
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        fix = "give a CorsOptions, a sequence of them, or None"
        if given is CorsOptions:
            fix = "write CorsOptions(...)"
        elif callable(given):
            fix = "write CorsOptions(allow_origins=...) around what decides about origins"
        raise CorsConfigError([Problem("options-type", option, given, "is no CorsOptions", fix)])
    problems = [
        Problem(
            "options-type", f"{option}[{i}]", rule, "is no CorsOptions", "give CorsOptions(...)"
        )
        for i, rule in enumerate(given)
        if not isinstance(rule, CorsOptions)
    ]
    if not given:
        problems.append(
            Problem(
                "options-empty", option, given, "is empty", "give one rule, or None for no CORS"
            )
        )
    for i, rule in enumerate(given[1:], 1):
        if not problems and isinstance(given[i - 1].allow_origins, str):
            reason = "is never reached: the rule before it decides for any origin"
            fix = "put the rule for any origin last"
            problems.append(Problem("rule-unreachable", f"{option}[{i}]", rule, reason, fix))
    if problems:
        raise CorsConfigError(problems)
    return tuple(given)


class Layer(NamedTuple):
    """One override: whole options, or single fields on top of what is inherited."""

    rules: Any  # Rules | None, or INHERIT
    changes: Mapping[str, object]

    @property
    def is_whole(self) -> bool:
        """Whether nothing of what is inherited is left."""
        return self.rules is not INHERIT

    def after(self, earlier: Sequence[Layer]) -> list[Layer]:
        """The layers of one target with this one on top; what it hides is left out."""
        if self.is_whole or not earlier:
            return [self]
        *below, last = earlier
        if last.is_whole:
            return [*earlier, self]
        return [*below, Layer(INHERIT, {**last.changes, **self.changes})]

    def on(self, inherited: Rules | None, source: str) -> Rules | None:
        """What this makes of what is inherited; raises CorsConfigError naming `source`."""
        if self.is_whole:
            return self.rules  # type: ignore[no-any-return]
        given = dict(self.changes)
        if inherited is None:
            reason, fix = "has no options to change", "give a whole CorsOptions"
            raise CorsConfigError([Problem("override-of-none", source, given, reason, fix)])
        only, *others = inherited
        if others:
            reason = f"inherits {len(inherited)} rules, and single fields fit one"
            fix = "give the whole sequence of CorsOptions"
            raise CorsConfigError([Problem("override-of-rules", source, given, reason, fix)])
        try:
            return (changed(only, self.changes),)
        except CorsConfigError as error:
            raise CorsConfigError(
                problem
                if not source
                else Problem(
                    problem.code,
                    f"{problem.option} of {source}",
                    problem.value,
                    problem.reason,
                    problem.fix,
                )
                for problem in error.problems
            ) from None


def layer(options: object, changes: Mapping[str, object]) -> Layer:
    """An override as its caller wrote it; what is wrong whatever it inherits is refused here."""
    if options is not INHERIT and changes:
        raise CorsConfigError(
            [
                Problem(
                    "override-both",
                    "override",
                    sorted(changes),
                    "gives whole options and single fields",
                    "write the fields into the CorsOptions, or leave the CorsOptions out",
                )
            ]
        )
    if options is not INHERIT:
        return Layer(rules_of(options, "options"), {})
    if not changes:
        reason, fix = "changes nothing", "give a CorsOptions, None, or fields such as max_age=60"
        raise CorsConfigError([Problem("override-empty", "override", {}, reason, fix)])
    if "options" in changes:
        fix = "give it without a name: override(target, CorsOptions(...)), @override(None)"
        reason = "is positional"
        raise CorsConfigError(
            [Problem("unknown-option", "options", changes["options"], reason, fix)]
        )
    frozen = freeze(changes)
    if problems := change_problems(frozen):
        raise CorsConfigError(problems)
    return Layer(INHERIT, frozen)


def freeze(changes: Mapping[str, object]) -> dict[str, object]:
    """A copy that can be read more than once, and that nobody changes later."""
    return {name: _frozen(value) for name, value in changes.items()}


def _frozen(value: object) -> object:
    if isinstance(value, str | bytes | Mapping | tuple | frozenset) or not isinstance(
        value, Iterable
    ):
        return value
    return frozenset(value) if isinstance(value, set) else tuple(value)


def override(
    options: CorsOptions | Sequence[CorsOptions] | None = INHERIT, /, **changes: Unpack[Changes]
) -> Callable[[T], T]:
    """Give a handler, a `web.View` class or a method of one options of its own.

    Args:
        options: a `CorsOptions`, a sequence of them (rules), or None for no CORS at all.
        changes: instead, single fields of `CorsOptions` on top of what would be inherited.

    Returns:
        The decorator. It returns what it decorates.

    Raises:
        CorsConfigError: an unknown field or a bad value, at once. Whether single fields fit what
            they inherit is known, and refused, when the application starts.

    Example:
        >>> @override(max_age=60)
        ... async def report(request): ...

    """
    if callable(options) and options is not CorsOptions:
        fix = "write the decorator with parentheses: @override(None), @override(max_age=60)"
        raise CorsConfigError(
            [Problem("options-type", "options", options, "is no CorsOptions", fix)]
        )
    given = layer(options, changes)

    def mark(target: T) -> T:
        try:
            setattr(target, _ATTRIBUTE, (*marks_on(target), given))
        except (AttributeError, TypeError):  # a bound method, say, or a class of Python's
            reason, fix = "cannot be decorated", "call Cors.override(...) with it instead"
            problem = Problem("override-target", "override", target, reason, fix)
            raise CorsConfigError([problem]) from None
        return target

    return mark


def marks_on(target: object) -> tuple[Layer, ...]:
    """The layers that the decorator left on this very object, innermost decorator first."""
    marks = getattr(target, _ATTRIBUTE, ())
    return marks if isinstance(marks, tuple) else ()


def marks_through(handler: object) -> tuple[Layer, ...]:
    """The layers that the decorator left on a handler and on what it wraps, innermost first."""
    found: tuple[Layer, ...] = ()
    for one in reversed([*unwrapped(handler)]):
        marks = marks_on(one)
        # `functools.wraps` copies those of the inner one outwards, partials do not.
        found = marks if marks[: len(found)] == found else (*found, *marks)
    return found


def _marked(view: type[web.View]) -> type[web.View]:
    """The class that was decorated, this one or one above it."""
    return next((cls for cls in view.__mro__ if _ATTRIBUTE in vars(cls)), view)


def _view_method(view: type[web.View], method: str) -> object:
    """A view's method as it was defined, as a `functools.partialmethod` perhaps."""
    return inspect.getattr_static(view, method.lower(), None)


def _name(target: object) -> str:
    if isinstance(target, web.AbstractResource):
        return target.canonical
    if isinstance(target, web.AbstractRoute):
        return f"{target.method} {'' if target.resource is None else target.resource.canonical}"
    names = (getattr(one, "__qualname__", "") for one in unwrapped(target))
    return next(filter(None, names), "") or repr(target)


class Overrides:
    """All overrides of one application, by what they were given for."""

    def __init__(self) -> None:
        self.of_routes: dict[web.AbstractRoute, list[Layer]] = {}
        self.of_resources: dict[web.AbstractResource, list[Layer]] = {}
        self.of_handlers: dict[object, list[Layer]] = {}

    def concern(self, route: web.AbstractRoute) -> bool:
        """Whether a route, or a method of its view, has any layers."""
        handler: object = route.handler
        if type(handler) is FunctionType and not (
            hasattr(handler, _ATTRIBUTE)
            or hasattr(handler, "__wrapped__")
            or self.of_routes
            or self.of_resources
            or self.of_handlers
        ):
            return False  # as most are, and there may be many
        return bool(self.layers(route) or self.methods_apart(route))

    def layers(self, route: web.AbstractRoute, method: str = "") -> list[tuple[str, Layer]]:
        """The layers of a route, the farthest first, each with its source in words.

        `method` matters to a `web.View`, whose methods have layers of their own.
        """
        view = view_of(route)
        found: list[tuple[str, Layer]] = []

        def add(kind: str, target: object, layers: Sequence[Layer]) -> None:
            if layers:
                found.extend((f"{kind} {_name(target)}", given) for given in layers)

        if view is not None:
            add("@override on", _marked(view), marks_on(view))
            add("override of", view, _given(self.of_handlers, view))
        if self.of_resources:
            add("override of", route.resource, _given(self.of_resources, route.resource))
        if view is not None:
            if method in hdrs.METH_ALL:
                function = _view_method(view, method)
                add("@override on", function, marks_through(function))
        else:
            add("@override on", route.handler, marks_through(route.handler))
            if self.of_handlers:
                for handler in reversed([*unwrapped(route.handler)]):
                    add("override of", handler, _given(self.of_handlers, handler))
        if self.of_routes:
            given_for = self._given_for(route)
            add("override of", given_for, _given(self.of_routes, given_for))
        return found

    def _given_for(self, route: web.AbstractRoute) -> web.AbstractRoute:
        """The route whose overrides count: of a HEAD route that `add_get` made, the GET route."""
        if _given(self.of_routes, route) or route.method != hdrs.METH_HEAD:
            return route
        beside = (
            other
            for other in routes_of(route.resource)
            if other.method == hdrs.METH_GET and _handler(other) == _handler(route)
        )
        return next(beside, route)

    def rules(
        self, route: web.AbstractRoute, defaults: Rules | None, source: str, method: str = ""
    ) -> tuple[Rules | None, str]:
        """The rules of a route and where they come from; raises CorsConfigError."""
        rules, sources = defaults, [source]
        for origin, given in self.layers(route, method):
            rules = given.on(rules, origin)
            sources = [origin] if given.is_whole else [*sources, origin]
        return rules, " + ".join(sources)

    def methods_apart(self, route: web.AbstractRoute) -> frozenset[str]:
        """The methods of a route's view that have layers of their own."""
        view = view_of(route)
        if view is None:
            return frozenset()
        methods = view_methods(view)
        return frozenset(m for m in methods if marks_through(_view_method(view, m)))


def _given(layers: Mapping[Any, Sequence[Layer]], target: object) -> Sequence[Layer]:
    try:
        return layers.get(target, ())
    except TypeError:  # unhashable: nothing can have been given for it
        return ()


def _handler(route: web.AbstractRoute) -> object:
    """The handler as the user gave it: aiohttp wraps one that is no coroutine function."""
    return getattr(route.handler, "__wrapped__", route.handler)
