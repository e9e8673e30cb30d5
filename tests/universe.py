"""Random applications as plain data, and an oracle that knows what each of them has to answer.

An `App` is data; `program` writes it as a program, with the plugin or without, and that program is
what is built: a counter-example prints as what ran. The oracle asks the application without the
plugin, its twin, where the announced request goes, and reads the policy of that place out of the
data. Which pattern matches which origin stands in a table, so nothing is parsed here.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import inspect
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import aiohttp
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from aiohttp_cors_plugin._browser import (
    Exchange,
    FetchRequest,
    PreflightCache,
    Received,
    Verdict,
    fetch,
    unsafe_header_names,
)
from aiohttp_cors_plugin._fetch import PARSEABLE_METHODS

# --- What programs are made of: their sources are printed with them -----------------------------


def answering(name: str, status: int = 200, headers: Any = (), how: str = "returned") -> Any:
    """A handler, for a route or a method of a view, that says its name."""

    async def handler(request: Any) -> web.StreamResponse:
        request = getattr(request, "request", request)
        lines = CIMultiDict([("X-Route", name), ("X-B", "2"), ("Set-Cookie", "c=1"), *headers])
        if how == "broken":
            raise RuntimeError(name)
        if how == "raised":
            raise web.HTTPNotFound(text=name, headers=lines)
        if how == "streamed":
            response = web.StreamResponse(status=status, headers=lines)
            await response.prepare(request)
            await response.write(name.encode())
            return response
        return web.Response(status=status, text=name, headers=lines)

    handler.__name__ = name
    return handler


class Custom(web.AbstractResource):
    """A resource class of a user's, that makes a route for each request and tells of none."""

    def __init__(self, path: str, handler: Any, methods: Sequence[str]) -> None:
        super().__init__()
        self._path, self._handler, self._methods = path, handler, {*methods}

    @property
    def canonical(self) -> str:
        return self._path

    async def resolve(self, request: web.Request) -> Any:
        if request.path != self._path:
            return None, set()
        if request.method not in self._methods:
            return None, self._methods
        route = web.ResourceRoute(request.method, self._handler, self)
        return web.UrlMappingMatchInfo({}, route), self._methods

    def url_for(self, **_: str) -> URL:
        return URL(self._path)

    def add_prefix(self, prefix: str) -> None:
        self._path = prefix + self._path

    def get_info(self) -> Any:
        return {"path": self._path}

    def raw_match(self, path: str) -> bool:
        return False

    def __len__(self) -> int:
        raise TypeError("not told")

    def __iter__(self) -> Any:
        raise TypeError("not told")


@web.middleware
async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuses what has no credentials, preflights that reach it included."""
    if "Authorization" not in request.headers:
        raise web.HTTPUnauthorized(text="who are you?", headers={"X-A": "1"})
    response: web.StreamResponse = await handler(request)
    return response


def is_odd(_request: web.Request, origin: str) -> bool:
    return len(origin) % 2 == 1


async def is_even(_request: web.Request, origin: str) -> bool:
    return len(origin) % 2 == 0


def fails(_request: web.Request, origin: str) -> bool:
    raise RuntimeError(origin)


STATIC = Path(aiohttp.__file__).parent
SOURCES = {
    part.__name__: inspect.getsource(part)
    for part in (answering, Custom, guard, is_odd, is_even, fails)
}
HEAD = """\
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

STATIC = Path(aiohttp.__file__).parent
"""
WITH_PLUGIN = "from aiohttp_cors_plugin import CorsOptions, override, setup\n"
TAIL = 'if __name__ == "__main__":\n    web.run_app(app, host="127.0.0.1", port=8080)\n'

# --- Descriptions -------------------------------------------------------------------------------

Rule = Mapping[str, Any]  # what CorsOptions(...) is called with
Rules = tuple[Rule, ...]


@dataclass(frozen=True)
class Whole:
    """Whole options: one CorsOptions, several in order, or None."""

    rules: Rules | None

    def __str__(self) -> str:
        if self.rules is None:
            return "None"
        each = [f"CorsOptions({arguments(rule)})" for rule in self.rules]
        return each[0] if len(each) == 1 else f"[{', '.join(each)}]"


@dataclass(frozen=True)
class Changes:
    """Single fields."""

    fields: Rule

    def __str__(self) -> str:
        return arguments(self.fields)


Layer = Whole | Changes | None


def arguments(fields: Rule) -> str:
    return ", ".join(
        f"{name}={value.__name__ if callable(value) else repr(value)}"
        for name, value in fields.items()
    )


@dataclass(frozen=True)
class Route:
    """One registration. `methods` matter to routes of one method, views and custom resources."""

    kind: Literal["get", "method", "any", "view", "custom", "static"]
    path: str
    methods: tuple[str, ...] = ("GET",)
    answer: Rule = dataclasses.field(default_factory=dict)  # what answering() is called with
    decorated: Layer = None  # the handler, or the view class
    decorated_methods: tuple[Layer, ...] = ()  # of a view, in the order of `methods`
    by_handler: Layer = None
    by_resource: Layer = None
    by_route: Layer = None
    late: bool = False
    name: str = ""

    @property
    def keys(self) -> set[str]:
        """What may stand once on one resource."""
        if self.kind in ("any", "view"):
            return {"*"}
        return {"GET", "HEAD"} if self.kind == "get" else {*self.methods}

    @property
    def is_plain(self) -> bool:
        """Whether it goes on a resource that others may share."""
        return self.kind in ("get", "method", "any", "view")


@dataclass(frozen=True)
class App:
    """An application; without `defaults`, without a setup of its own."""

    routes: tuple[Route, ...] = ()
    defaults: Whole | None = None
    debug: bool = False
    guarded: bool = False  # by a middleware
    mounts: tuple[tuple[str, App], ...] = ()  # below a prefix, or a domain
    name: str = "app"

    def __str__(self) -> str:
        return program(self)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(f"\n\n{self}\n")

    def walk(self, above: tuple[App, ...] = ()) -> Iterator[tuple[App, ...]]:
        """Every application, each after those that it is mounted on."""
        apps = (*above, self)
        yield apps
        for _, sub in self.mounts:
            yield from sub.walk(apps)


def governing(apps: Sequence[App]) -> App | None:
    """The nearest application with a setup of its own."""
    return next((app for app in reversed(apps) if app.defaults is not None), None)


def resources_of(app: App) -> list[list[Route]]:
    """The routes, those of one resource together: aiohttp uses the last one again for its path."""
    groups: list[list[Route]] = []
    for route in app.routes:
        last = groups[-1][-1] if groups else None
        apart = app.mounts and last and last.late != route.late  # what is mounted lies between
        if last and last.is_plain and route.is_plain and last.path == route.path and not apart:
            groups[-1].append(route)
        else:
            groups.append([route])
    return groups


# --- Descriptions as programs -------------------------------------------------------------------


def program(app: App, *, plugin: bool = True) -> str:
    """A program that builds `app`, and serves it where it is run."""
    lines = [line for apps in reversed([*app.walk()]) for line in _build(apps[-1], plugin)]
    for apps in app.walk():
        owner = governing(apps)
        if plugin and owner is not None:
            routes = [route for route in apps[-1].routes if not route.late]
            lines += [line for route in routes for line in _overrides(route, owner)]
    late = [route for route in app.routes if route.late]
    if late:
        lines.append("async def late(_app):")
        lines += [f"    {line}" for route in late for line in _register(route, "app", plugin)]
        if plugin:
            lines += [f"    {line}" for route in late for line in _overrides(route, app)]
            if any(route.keys & {"*", "OPTIONS"} or route.kind == "custom" for route in late):
                lines.append("    cors_app.rescan()")
        lines.append("app.on_startup.append(late)")
    body = "\n".join(lines)
    parts = [source for name, source in SOURCES.items() if name in body]
    return "\n\n".join([HEAD + WITH_PLUGIN * plugin, *parts, body, TAIL])


def _build(app: App, plugin: bool) -> Iterator[str]:
    yield f"{app.name} = web.Application({'middlewares=[guard]' * app.guarded})"
    for route in app.routes:
        if not route.late:
            yield from _register(route, app.name, plugin)
    if plugin and app.defaults is not None:
        yield f"cors_{app.name} = setup({app.name}, {app.defaults}, debug={app.debug})"
    for place, sub in app.mounts:
        how = "add_subapp" if place.startswith("/") else "add_domain"
        yield f"{app.name}.{how}({place!r}, {sub.name})"


def _register(route: Route, app: str, plugin: bool) -> Iterator[str]:
    name, path = route.name, repr(route.path)

    def mark(layer: Layer) -> str:
        return f"override({layer})" if plugin and layer is not None else ""

    answer = "".join(f", {key}={value!r}" for key, value in route.answer.items())
    if route.kind == "view":
        if marked := mark(route.decorated):
            yield f"@{marked}"
        yield f"class {name}(web.View):"
        for method, layer in zip(route.methods, route.decorated_methods, strict=True):
            yield f"    {method.lower()} = {mark(layer)}(answering('{name}'{answer}))"
    elif route.kind != "static":
        yield f"{name} = {mark(route.decorated)}(answering('{name}'{answer}))"
    if route.kind == "custom":
        yield f"route_{name} = Custom({path}, {name}, {route.methods})"
        yield f"{app}.router.register_resource(route_{name})"
        return
    yield (
        f"route_{name} = {app}.router."
        + {
            "get": f"add_get({path}, {name})",
            "method": f"add_route({route.methods[0]!r}, {path}, {name})",
            "any": f"add_route('*', {path}, {name})",
            "view": f"add_view({path}, {name})",
            "static": f"add_static({path}, STATIC, name='{name}')",
        }[route.kind]
    )


def _overrides(route: Route, owner: App) -> Iterator[str]:
    whole = f"route_{route.name}"
    resource = f"{whole}.resource" if route.is_plain else whole
    for target, layer in (
        (resource, route.by_resource),
        (route.name, route.by_handler),
        (whole, route.by_route),
    ):
        if layer is not None:
            yield f"cors_{owner.name}.override({target}, {layer})"


def build(app: App, *, plugin: bool = True) -> dict[str, Any]:
    """The namespace that the program leaves; the application is `app`."""
    namespace: dict[str, Any] = {"__name__": "universe"}
    exec(compile(program(app, plugin=plugin), "<description>", "exec"), namespace)
    return namespace


# --- Policies, from the data --------------------------------------------------------------------

_FIELDS: Rule = {
    "allow_origins": "*",
    "allow_credentials": False,
    "allow_methods": None,
    "allow_headers": [],
    "expose_headers": [],
    "max_age": 600,
    "preflight_status": 204,
    "vary": [],
    "expose_timing": False,
}


class MisfitError(Exception):
    """Single fields that do not fit what they inherit."""


def layers_of(route: Route, group: Sequence[Route], method: str) -> list[Layer]:
    """The layers of a route, the farthest first: DESIGN.md, section 2."""
    of_resource = [other.by_resource for other in group]
    if route.kind != "view":
        return [*of_resource, route.decorated, route.by_handler, route.by_route]
    own = dict(zip(route.methods, route.decorated_methods, strict=True)).get(method)
    return [route.decorated, route.by_handler, *of_resource, own, route.by_route]


def apply_layers(defaults: Rules | None, layers: Sequence[Layer]) -> Rules | None:
    def filled(rule: Rule, inherited: Rule = _FIELDS) -> Rule:
        whole = {**inherited, **rule}
        return {**whole, "allow_methods": None} if whole["allow_methods"] == "*" else whole

    rules = None if defaults is None else tuple(map(filled, defaults))
    for layer in layers:
        if isinstance(layer, Whole):
            rules = None if layer.rules is None else tuple(map(filled, layer.rules))
        elif isinstance(layer, Changes):
            if rules is None or len(rules) != 1:
                raise MisfitError
            rules = (filled(layer.fields, rules[0]),)
            if rules[0]["vary"] and not callable(rules[0]["allow_origins"]):
                raise MisfitError
            if rules[0]["allow_credentials"] and rules[0]["allow_origins"] == "*":
                raise MisfitError
    return rules


# --- Random descriptions ------------------------------------------------------------------------

APP, EVIL = "https://app.example.com", "https://evil.example.net"
AIMED = "AIMED"  # stands for a method that is served where the request goes
# By pattern, which of the origins below it stands for.
PATTERNS: Mapping[Any, frozenset[str]] = {
    APP: frozenset({APP}),
    "https://*.example.com": frozenset(
        {APP, "https://a.b.example.com", "https://pr-.example.com", "https://pr-7.example.com"}
    ),
    "https://pr-*.example.com": frozenset({"https://pr-7.example.com"}),
    "http://localhost:*": frozenset({"http://localhost", "http://localhost:3000"}),
    "capacitor://localhost": frozenset({"capacitor://localhost"}),
    re.compile(r"https://(app|one)\.example\.com"): frozenset({APP}),
}
ORIGINS = (
    *(APP, EVIL, f"{APP}.evil.example", "https://example.com"),
    *sorted({one for matched in PATTERNS.values() for one in matched} - {APP}),
)
MALFORMED = (
    *("null", "", "NULL", "*", f"{APP}/", f"{APP}:443", APP.upper(), f"{APP} x"),
    *(f"{APP}, {EVIL}", f"{APP} {APP}", "https://exämple.com", "//x", "a" * 999),
    *("https://.example.com", "https://a..example.com", "http://localhost:99999", "null, null"),
)
PATHS = (
    *("/a", "/a", "/a/b", "/{x}", "/a/{x}", "/{x}/b", r"/{x:[a-z]+}", r"/a{tail:.*}", "/{x}/{y}"),
    *("/c/", "/s/a", "/s/{x}", "/s/s/a"),
)
FILLED = {"/{x}": "/a", "/a/{x}": "/a/a", "/{x}/b": "/a/b", "/s/{x}": "/s/a", "/{x}/{y}": "/a/b"}
FILLED |= {r"/{x:[a-z]+}": "/a", r"/a{tail:.*}": "/a"}
PLACES = tuple(
    "/a /a /a/b /b /c /c/ /s /s/ /s/a /s/a/b /s/b /s/s/a /s/s /s/s/s/a /t/a /t / /7 /a/7"
    " /av /f/py.typed /f/none /s/f/py.typed /s/f/none /no/such/place/7 /c/7"
    " /%61 /a?x=1 /s/%C3%A4".split()
)
METHODS = ("GET", "GET", "HEAD", "POST", "PUT", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND")
ODD_METHODS = ("CHICKEN", "patch", "put", "TRACE", "CONNECT", "", "GET, PUT", "a b", "*", "QUERY")
DOMAINS = ("d.example", "*.e.example")
HOSTS = ("api.example", "api.example", "d.example", "x.e.example")
BY_HAND = [
    *[("Access-Control-Allow-Origin", EVIL), ("Access-Control-Allow-Origin", "*")],
    *[("access-control-allow-credentials", "true"), ("Access-Control-Expose-Headers", "X-Hand")],
    *[("Access-Control-Max-Age", "9"), ("Access-Control-Allow-Methods", "PUT")],
    ("Access-Control-Allow-Headers", "X-Key"),
]
ANSWERS: tuple[Rule, ...] = (
    *({}, {}, {"headers": [("X-A", "1"), ("Cache-Control", "no-store")]}),
    {"headers": BY_HAND},
    {"headers": BY_HAND, "how": "raised"},
    {"headers": BY_HAND, "how": "streamed"},
    {"headers": [("Vary", "Accept"), ("vary", "Cookie")], "status": 201},
    {"headers": [("Vary", "*")], "how": "streamed"},
    {"headers": [("Vary", "origin")], "status": 304},
    {"how": "broken"},
    {"status": 204},
)


@functools.cache
def rules(patterns: tuple[Any, ...]) -> st.SearchStrategy[Rule]:
    """What one CorsOptions is called with; always a valid one."""
    own = st.one_of(
        st.lists(st.sampled_from(patterns), min_size=1, max_size=3, unique=True),
        st.sampled_from([is_odd, is_odd, is_even, fails]),
    )
    optional: dict[str, st.SearchStrategy[Any]] = {
        "allow_methods": st.sampled_from([None, None, "*", ["GET"], ["PUT", "GET", "PROPFIND"]]),
        "allow_headers": st.sampled_from([["X-Key"], "*", ["Authorization", "x-key"]]),
        "expose_headers": st.sampled_from([["X-A"], "*", ["x-b", "X-Route"]]),
        "max_age": st.sampled_from([None, 0, 60]),
        "preflight_status": st.just(200),
        "expose_timing": st.just(True),
    }
    anyone = st.fixed_dictionaries({"allow_origins": st.just("*")}, optional=optional)
    some = st.fixed_dictionaries(
        {"allow_origins": own},
        optional={
            **optional,
            "allow_credentials": st.just(True),
            "vary": st.just(["X-Tenant"]),
        },
    )
    return st.one_of(some, anyone).map(_settled)


def _settled(rule: dict[str, Any]) -> Rule:
    if not callable(rule["allow_origins"]):
        rule.pop("vary", None)
    return rule


def _reachable(rules: Sequence[Rule]) -> Rules:
    """Up to the first for any origin, behind which rules are refused."""
    anyone = [n for n, rule in enumerate(rules) if rule["allow_origins"] == "*"]
    return tuple(rules[: anyone[0] + 1] if anyone else rules)


@functools.cache
def wholes(patterns: tuple[Any, ...]) -> st.SearchStrategy[Whole]:
    one = rules(patterns)
    several = st.lists(one, min_size=2, max_size=3).map(_reachable)
    return st.one_of(one.map(lambda rule: (rule,)), one.map(lambda rule: (rule,)), several).map(
        Whole
    )


@functools.cache
def changes(patterns: tuple[Any, ...]) -> st.SearchStrategy[Changes]:
    fields = {
        "allow_origins": st.lists(st.sampled_from(patterns), min_size=1, max_size=2, unique=True),
        "allow_credentials": st.booleans(),
        "allow_methods": st.sampled_from([["GET"], ["PUT"], None]),
        "allow_headers": st.just(["X-Key"]),
        "expose_headers": st.just(["X-A"]),
        "max_age": st.sampled_from([60, 600]),
    }
    return st.fixed_dictionaries({}, optional=fields).filter(bool).map(Changes)


@functools.cache
def routes(patterns: tuple[Any, ...]) -> st.SearchStrategy[Route]:
    """Routes whose paths are numbers: few of them, so that they meet."""
    some = st.one_of(
        st.just(Whole(None)), st.just(Whole(None)), wholes(patterns), changes(patterns)
    )
    layer = st.one_of(*[st.none()] * 4, some)
    layers = {"decorated": layer, "by_handler": layer, "by_resource": layer, "by_route": layer}
    common = {"answer": st.sampled_from(ANSWERS), "late": st.sampled_from([False, False, True])}

    def of(kind: str, **more: Any) -> st.SearchStrategy[Route]:
        return st.builds(Route, st.just(kind), number, **{**common, **layers, **more})

    one_method = st.sampled_from([*METHODS, "OPTIONS", "CHICKEN"]).map(lambda method: (method,))
    number, nothing = st.integers(0, 5).map(str), st.none()
    view = st.lists(st.sampled_from(METHODS[1:9]), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: of(
            "view",
            methods=st.just(tuple(names)),
            decorated_methods=st.tuples(*[layer] * len(names)),
        )
    )
    custom = of(
        "custom",
        methods=st.sampled_from([("GET",), ("GET", "OPTIONS"), ("PUT", "PROPFIND")]),
        by_handler=nothing,
        by_route=nothing,
    )
    static = of("static", decorated=nothing, by_handler=nothing, by_route=nothing)
    method = of("method", methods=one_method)
    return st.one_of(method, method, of("get"), of("any"), view, custom, static)


@st.composite
def apps(
    draw: st.DrawFn,
    patterns: tuple[Any, ...] = tuple(PATTERNS),
    domains: tuple[str, ...] = DOMAINS,
    depth: int = 0,
) -> App:
    """An application and what is mounted on it, three deep."""
    paths = PATHS if depth == 0 else ("", *PATHS)
    subs: list[tuple[str, App]] = []
    if depth < 3 and draw(st.integers(0, 2 + depth)) == 0:
        places = ["/s", "/t", *domains] if depth == 0 else ["/s", "/t"]
        several = draw(st.lists(st.sampled_from(places), min_size=1, max_size=2, unique=True))
        subs.extend((place, draw(apps(patterns, domains, depth + 1))) for place in several)
    setups = st.one_of(wholes(patterns), wholes(patterns), st.just(Whole(None)), st.none())
    pool = draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3))

    def at_path(route: Route) -> Route:
        path = pool[int(route.path) % len(pool)]
        if route.kind == "custom":
            path = FILLED.get(path, path) or "/a"
        return dataclasses.replace(route, path="/f" if route.kind == "static" else path)

    found = App(
        tuple(map(at_path, draw(st.lists(routes(patterns), min_size=2, max_size=6)))),
        draw(setups),
        draw(st.sampled_from([False] * 4 + [True])),
        draw(st.sampled_from([False] * 7 + [True])),
        tuple(subs),
    )
    return found if depth else mended(found)


def mended(app: App, above: tuple[App, ...] = (), number: list[int] | None = None) -> App:
    """The same with names, and without what cannot be built."""
    number = [0] if number is None else number
    name = f"app{number[0]}" if above else "app"
    number[0] += 1
    owner = governing((*above, app))
    kept: list[Route] = []
    for late in (False, True):
        for route in app.routes:
            if (route.late and not above and app.defaults is not None) is not late:
                continue
            if owner is None:
                # What an application without a plugin does before a preflight gets to one with it
                # is its own business, so nothing there is on the way.
                if "{" in route.path or route.path.startswith("/s") or not route.path:
                    continue
                route = dataclasses.replace(route, by_handler=None, by_resource=None, by_route=None)  # noqa: PLW2901
            number[0] += 1
            route = dataclasses.replace(route, late=late, name=f"r{number[0]}")  # noqa: PLW2901
            group = resources_of(App((*kept, route), mounts=app.mounts))[-1][:-1]
            if any(route.keys & other.keys or "*" in other.keys for other in group):
                continue
            kept.append(route)
    defaults = None if owner is None or owner.defaults is None else owner.defaults.rules
    groups = resources_of(App(tuple(kept), mounts=app.mounts))
    fitting = tuple(
        route if _fits(group, defaults) else _without_changes(route)
        for group in groups
        for route in group
    )
    found = dataclasses.replace(app, routes=fitting, name=name, mounts=())
    mounts = tuple((place, mended(sub, (*above, found), number)) for place, sub in app.mounts)
    return dataclasses.replace(found, mounts=mounts)


def _fits(group: Sequence[Route], defaults: Rules | None) -> bool:
    if any(route.late for route in group):  # whose overrides come one by one, each checked
        return False
    try:
        for route in group:
            for method in ("", *route.methods):
                apply_layers(defaults, layers_of(route, group, method))
    except MisfitError:
        return False
    return True


def _without_changes(route: Route) -> Route:
    def whole(layer: Layer) -> Layer:
        if not isinstance(layer, Changes):
            return layer
        return Whole(({**layer.fields, "allow_origins": layer.fields.get("allow_origins", [APP])},))

    return dataclasses.replace(
        route,
        decorated=whole(route.decorated),
        decorated_methods=tuple(map(whole, route.decorated_methods)),
        by_handler=whole(route.by_handler),
        by_resource=whole(route.by_resource),
        by_route=whole(route.by_route),
    )


# --- Requests -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()  # in order, repeated ones too
    host: str = "api.example"

    def __str__(self) -> str:
        """The same to the printed program, by curl."""
        lines = "".join(f" -H '{name}: {value}'" for name, value in self.headers)
        url = f"http://127.0.0.1:8080{self.path}"
        return f"curl -i -X '{self.method}' -H 'Host: {self.host}'{lines} '{url}'"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def lines(self, name: str) -> list[str]:
        return [value.strip(" \t") for key, value in self.headers if key.lower() == name.lower()]

    @property
    def origin(self) -> str | None:
        found = self.lines("Origin")
        return None if not found else found[0] if len(found) == 1 else "several"

    @property
    def is_preflight(self) -> bool:
        announced = self.lines("Access-Control-Request-Method")
        return self.method == "OPTIONS" and bool(self.lines("Origin")) and bool(announced)

    def from_origins(self, *origins: str) -> Request:
        others = tuple(line for line in self.headers if line[0] != "Origin")
        return dataclasses.replace(
            self, headers=(*(("Origin", origin) for origin in origins), *others)
        )


TEXTS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc"]),
    max_size=30,
)


_ONE_ORIGIN = st.one_of(
    st.just(APP), st.sampled_from(ORIGINS), st.sampled_from(ORIGINS), st.sampled_from(MALFORMED)
)
_ORIGIN_LINES = st.one_of(
    st.tuples(_ONE_ORIGIN),
    st.tuples(_ONE_ORIGIN),
    st.just(()),
    st.tuples(TEXTS),
    st.tuples(_ONE_ORIGIN, _ONE_ORIGIN),
)
_ANNOUNCED = st.one_of(
    st.just((AIMED,)),
    st.just((AIMED,)),
    st.tuples(st.sampled_from(METHODS)),
    st.tuples(st.sampled_from(ODD_METHODS)),
    st.one_of(st.tuples(TEXTS), st.just(("PUT", "PUT"))),
)
_ASKED_LINES = st.one_of(
    st.just(()),
    st.tuples(
        st.sampled_from(["x-key", "authorization,x-key", "content-type", "a b", " ,, X-KEY ,"])
    ),
    st.lists(
        st.one_of(
            st.sampled_from(["x-key", "a b", "x-key;", ",".join(f"x{n}" for n in range(64))]),
            TEXTS,
        ),
        max_size=2,
    ),
)
_AUTHORIZATION = st.sampled_from([(), *[(("Authorization", "t"),)] * 3])


def _lines(name: str, values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for value in values)


def _preflight(
    origins: Sequence[str], announced: Sequence[str], asked: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    return (
        *_lines("Origin", origins),
        *_lines("Access-Control-Request-Method", announced),
        *_lines("Access-Control-Request-Headers", asked),
    )


# A number stands for a place that the application serves, which has yet to be drawn.
_PLACED = {
    "path": st.one_of(st.sampled_from(PLACES), *[st.integers(0, 99).map(str)] * 3),
    "host": st.sampled_from(HOSTS),
}
PREFLIGHTS = st.builds(
    Request,
    st.just("OPTIONS"),
    headers=st.builds(_preflight, _ORIGIN_LINES, _ANNOUNCED, _ASKED_LINES),
    **_PLACED,
)
ACTUALS = st.builds(
    Request,
    st.sampled_from([AIMED, AIMED, *METHODS]),
    headers=st.builds(
        lambda origins, more: (*_lines("Origin", origins), *more), _ORIGIN_LINES, _AUTHORIZATION
    ),
    **_PLACED,
)
REQUESTS = st.one_of(PREFLIGHTS, ACTUALS)
"""What may arrive over the wire, well formed or not."""

ASKED = st.builds(
    Request,
    st.sampled_from([*[AIMED] * 4, *METHODS, "CHICKEN", "patch"]),
    st.one_of(st.sampled_from(PLACES[:-3]), *[st.integers(0, 99).map(str)] * 3),
    st.sampled_from(
        [
            *((), (), (("X-Key", "1"),), (("Content-Type", "application/json"),)),
            *((("Authorization", "t"), ("x-key", "1")), (("X-Other", "1"),)),
        ]
    ),
    st.just(HOSTS[0]),
)
"""What a script may ask for: without `Origin`."""


def places_of(
    app: App, host: str = HOSTS[0], prefix: str = ""
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """A host, a path and methods that the application serves there, for each of its routes."""
    for route in app.routes:
        path = prefix + FILLED.get(route.path, route.path) + "/py.typed" * (route.kind == "static")
        yield host, path or "/", ("PUT", "PATCH") if route.kind == "any" else route.methods
    for place, sub in app.mounts:
        if place.startswith("/"):
            yield from places_of(sub, host, prefix + place)
        else:
            yield from places_of(sub, place.replace("*", "x"), prefix)


def aimed(app: App, request: Request) -> Request:
    """The request at what the application serves, where its path is a number."""
    methods: tuple[str, ...] = ("PUT",)
    host, path = request.host, request.path
    if not path.startswith("/"):
        places = [*places_of(app)] or [(host, "/", methods)]
        host, path, methods = places[int(path) % len(places)]
    method = methods[len(request.headers) % len(methods)]
    headers = tuple((name, method if value == AIMED else value) for name, value in request.headers)
    if request.method != AIMED:
        method = request.method
    elif method not in PARSEABLE_METHODS:
        method = "PUT"  # the other would not arrive
    return Request(method, path, headers, host)


# --- Serving ------------------------------------------------------------------------------------

QUIET = logging.getLogger("tests.universe")
QUIET.disabled = True


class Response(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def lines(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def only(self, name: str) -> str | None:
        """The value of a header that is there once or not at all."""
        lines = self.lines(name)
        assert len(lines) < 2, (name, lines)
        return lines[0] if lines else None


class Client:
    """Sends requests to a server of aiohttp's over a pair of sockets, byte for byte."""

    def __init__(self, server: Callable[[], Any]) -> None:
        self._server = server
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: Request) -> Response:
        if self._writer is None:
            ours, theirs = socket.socketpair()
            await asyncio.get_running_loop().connect_accepted_socket(self._server, sock=theirs)
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
        assert self._reader is not None
        lines = [f"{name}: {value}\r\n" for name, value in request.headers]
        first = f"{request.method} {request.path} HTTP/1.1\r\nHost: {request.host}\r\n"
        self._writer.write(f"{first}{''.join(lines)}\r\n".encode())
        try:
            return await self._read(request.method)
        except asyncio.IncompleteReadError:
            raise AssertionError("the connection was dropped without a response") from None

    async def _read(self, method: str) -> Response:
        reader = self._reader
        assert reader is not None
        head = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
        first, *rest = head[:-4].split("\r\n")
        headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in rest))
        response = Response(int(first.split(" ")[1]), headers, b"")
        if method != "HEAD" and response.status not in (204, 304):
            body = b""
            if response.only("Transfer-Encoding") == "chunked":
                body = await reader.readuntil(b"0\r\n\r\n")
            elif length := response.only("Content-Length"):
                body = await reader.readexactly(int(length))
            response = response._replace(body=body)
        if response.only("Connection") == "close" or response.status == 400:
            await self.close()
        return response

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()
            self._reader = self._writer = None


@contextlib.asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[Client]:
    """A started application, without a port."""
    runner = web.AppRunner(app, access_log=None, logger=QUIET)
    await runner.setup()
    server = runner.server
    assert server is not None
    client = Client(server)
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


async def browse(client: Client, request: FetchRequest, cache: PreflightCache) -> Verdict:
    """What a page gets that calls `fetch()`, by `_browser.py`."""
    steps: Exchange = fetch(request, cache)
    received = None
    try:
        while True:
            sent = steps.send(received)
            host, _, path = sent.url.partition("://")[2].partition("/")
            answer = await client.ask(Request(sent.method, f"/{path}", sent.headers, host))
            received = Received(answer.status, answer.headers)
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


# --- The oracle ---------------------------------------------------------------------------------

COMMON = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
SAFE_NAMES = ("accept", "accept-language", "content-language", "content-type", "range")
CORS_NAMES = (
    *("access-control-allow-origin", "access-control-allow-credentials"),
    *("access-control-allow-methods", "access-control-allow-headers"),
    *("access-control-expose-headers", "access-control-max-age"),
)
# Scripts read these without being told, and the others of the second set never.
SAFELISTED = {
    *("cache-control", "content-language", "content-length", "content-type", "expires"),
    *("last-modified", "pragma"),
}
NEVER_LISTED = SAFELISTED | {"set-cookie", "set-cookie2", *CORS_NAMES}
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)


class Target(NamedTuple):
    """Where a request goes: `route` is None where the router says 404 or 405."""

    route: Route | None
    status: int
    rules: Rules | None  # of the route, or of the nearest defaults
    is_own: bool  # whether the route is for this method alone
    is_served: bool
    depth: int  # of the applications
    allowed: frozenset[str] = frozenset()  # of a 405


def _is_custom(target: Target) -> bool:
    return target.route is not None and target.route.kind == "custom"


class Granted(NamedTuple):
    status: int
    headers: dict[str, Any]  # sets where the order is free


class Refused(NamedTuple):
    varies: list[set[str]]  # each of them would do


class Oracle:
    """What the application with the plugin has to answer, from the description and the twin."""

    def __init__(
        self,
        app: App,
        twin: dict[str, Any],
        patterns: Mapping[Any, frozenset[str]] = PATTERNS,
    ) -> None:
        self.app = app
        self._twin = twin
        self._patterns = patterns
        self._chains = {apps[-1].name: apps for apps in app.walk()}
        self._routes = {
            route.name: (route, group, apps)
            for apps in app.walk()
            for group in resources_of(apps[-1])
            for route in group
        }
        self.methods = sorted(
            {*COMMON, *(m for route, _, _ in self._routes.values() for m in route.methods)}
        )
        self._stand_in = make_mocked_request("GET", "/")
        self._reached: dict[tuple[str, str, str], Target] = {}

    async def reach(self, request: Request, method: str) -> Target:
        """Where the request would go with another method: the twin's own router says it."""
        key = (request.host, request.path, method)
        if key not in self._reached:
            url = URL(request.path, encoded=True)
            headers = {"Host": request.host}
            stand_in = self._stand_in.clone(method=method, rel_url=url, headers=headers)
            match = await self._twin["app"].router.resolve(stand_in)
            match.add_app(self._twin["app"])
            self._reached[key] = self._target(match, method)
        return self._reached[key]

    def _target(self, match: Any, method: str) -> Target:
        if match.http_exception is not None:
            names = {id(self._twin[name]): name for name in self._chains}
            owner = governing(self._chains[names[id(match.apps[-1])]])
            rules = None if owner is None else self._rules_of(owner)
            error, depth = match.http_exception, len(match.apps)
            allowed = frozenset(getattr(error, "allowed_methods", ()))
            return Target(None, error.status, rules, False, False, depth, allowed)
        name = match.handler.__name__ if match.route.name is None else match.route.name
        route, group, apps = self._routes[name]
        owner = governing(apps)
        rules = None
        if owner is not None and owner.defaults is not None:
            rules = apply_layers(owner.defaults.rules, layers_of(route, group, method))
        served = method not in ("CONNECT", "TRACE", "TRACK", "")
        if route.kind == "view":
            served = method in route.methods
        elif route.kind == "any":
            served = served and method in PARSEABLE_METHODS
        is_own = route.kind not in ("any", "view")
        return Target(route, 0, rules, is_own, served, len(apps))

    def _rules_of(self, owner: App) -> Rules | None:
        return None if owner.defaults is None else apply_layers(owner.defaults.rules, ())

    def allows(self, rule: Rule, origin: str) -> bool:
        allowed = rule["allow_origins"]
        if allowed == "*":
            return True
        if origin not in {*ORIGINS, *(o for known in self._patterns.values() for o in known)}:
            return False
        if callable(allowed):
            return allowed in (is_odd, is_even) and len(origin) % 2 == (allowed is is_odd)
        return any(origin in self._patterns[pattern] for pattern in allowed)

    def rule_for(self, rules: Rules, origin: str | None) -> Rule | None:
        if rules[0]["allow_origins"] == "*":
            return rules[0]
        if origin is None:
            return None
        return next((rule for rule in rules if self.allows(rule, origin)), None)

    def vary(self, rules: Rules) -> set[str]:
        if rules[0]["allow_origins"] == "*":
            return set()
        return {"origin", *(name.lower() for rule in rules for name in rule["vary"])}

    # Preflights

    async def preflight(self, request: Request) -> Granted | Refused | None:
        """None: the application's own business. DESIGN.md, section 3."""
        lines = request.lines("Access-Control-Request-Method")
        method = lines[0] if len(lines) == 1 else ""
        target = await self.reach(request, method or "-")
        others = {name: await self.reach(request, name) for name in self.methods if name != method}
        others = {name: other for name, other in others.items() if other.is_served}
        any_method = await self.reach(request, "NO-SUCH-METHOD")
        if any_method.route is not None or any_method.depth > 1:
            # No 405 tells of all methods, and custom resources do not tell of theirs.
            told = {*COMMON, *any_method.allowed}
            others = {m: o for m, o in others.items() if m in told or not _is_custom(o)}
        if not target.is_served:
            is_nowhere = target.route is None and target.status == 404 and not others
            if is_nowhere:
                if target.rules is None:
                    return None
                if method in PARSEABLE_METHODS and method not in ("CONNECT", "TRACE"):
                    return self._judge(request, target.rules, method, {method})
                return Refused([self.vary(target.rules)])
            policies = [other.rules for other in others.values() if other.rules is not None]
            return Refused([self.vary(rules) for rules in policies]) if policies else None
        if target.rules is None:
            return None
        served = {
            name
            for name, other in others.items()
            if other.rules == target.rules and (other.is_own or name in COMMON)
        }
        return self._judge(request, target.rules, method, {method, *served})

    def _judge(
        self, request: Request, rules: Rules, method: str, served: set[str]
    ) -> Granted | Refused:
        vary = self.vary(rules)
        origin = request.origin
        rule = self.rule_for(rules, origin)
        if rule is None:
            return Refused([vary])
        if rule["allow_methods"] is not None:
            served = {name for name in served if self.is_method_allowed(rule, name)}
        lines = request.lines("Access-Control-Request-Headers")
        names = {name.strip(" \t").lower() for line in lines for name in line.split(",")} - {""}
        allowed = {*SAFE_NAMES, *(name.lower() for name in rule["allow_headers"])}
        if rule["allow_headers"] == "*":
            allowed = names
        if any(TOKEN.fullmatch(name) is None for line in lines for name in _elements(line)):
            return Refused([vary])
        if method not in served or not names <= allowed:
            return Refused([vary])
        headers: dict[str, Any] = {
            "access-control-allow-origin": "*" if rule["allow_origins"] == "*" else origin,
            "access-control-allow-methods": served,
            "access-control-allow-headers": allowed,
        }
        if rule["allow_credentials"]:
            headers["access-control-allow-credentials"] = "true"
        if rule["max_age"] is not None:
            headers["access-control-max-age"] = str(rule["max_age"])
        headers["vary"] = vary
        filled = {name: value for name, value in headers.items() if value not in (set(), [])}
        return Granted(rule["preflight_status"], filled)

    def is_method_allowed(self, rule: Rule, method: str) -> bool:
        allowed = rule["allow_methods"]
        return allowed is None or method in allowed or (method == "HEAD" and "GET" in allowed)

    # Actual responses

    async def stamped(self, request: Request, bare: Response) -> dict[str, Any] | None:
        """The CORS headers that an actual response ends up with; None: those of the twin."""
        rules = (await self.reach(request, request.method)).rules
        if rules is None:
            return None
        rule = self.rule_for(rules, request.origin)
        own = {name for line in bare.lines("Vary") for name in _elements(line.lower())}
        vary = own if "*" in own else own | self.vary(rules)
        headers: dict[str, Any] = {"vary": vary} if vary else {}
        if rule is None or not self.is_method_allowed(rule, request.method):
            return headers
        allowed = "*" if rule["allow_origins"] == "*" else request.origin
        headers["access-control-allow-origin"] = allowed
        if rule["allow_credentials"]:
            headers["access-control-allow-credentials"] = "true"
        if rule["expose_timing"]:
            headers["timing-allow-origin"] = allowed
        exposed = {name.lower() for name in rule["expose_headers"]}
        if exposed == {"*"} and rule["allow_credentials"]:
            there = {name.lower() for name, _ in bare.headers} | ({"vary"} if vary else set())
            exposed = there - NEVER_LISTED
        if exposed:
            headers["access-control-expose-headers"] = exposed
        return headers

    # What a page sees

    async def sight(self, fetch: FetchRequest, twin: Client) -> tuple[int, set[str]] | bool:
        """The status and the headers that a page reads, False for nothing.

        True where no policy says anything about it: then it is as without the plugin.
        """
        host, _, path = fetch.url.removeprefix("http://").partition("/")
        origin = ("Origin", fetch.origin)
        request = Request(fetch.method, f"/{path}", (origin, *fetch.headers), host)
        unsafe = unsafe_header_names(fetch.headers)
        if fetch.method not in ("GET", "HEAD", "POST") or unsafe:
            lines: tuple[tuple[str, str], ...] = (
                origin,
                ("Access-Control-Request-Method", fetch.method),
            )
            if unsafe:
                lines += (("Access-Control-Request-Headers", ",".join(unsafe)),)
            preflight = await self.preflight(Request("OPTIONS", request.path, lines, host))
            if preflight is None:
                return True
            if isinstance(preflight, Refused) or not passes(fetch, preflight.headers):
                return False
        bare = await twin.ask(request)
        if bare.status == 400:  # of aiohttp's parser, for a method that has a route all the same
            return False
        stamped = await self.stamped(request, bare)
        if stamped is None:
            return True
        if not passes(fetch, stamped):
            return False
        there = {name.lower() for name, _ in bare.headers} - {*CORS_NAMES} | stamped.keys()
        exposed = stamped.get("access-control-expose-headers", set())
        if exposed == {"*"} and fetch.credentials != "include":
            exposed = there
        return bare.status, (there & (SAFELISTED | exposed)) - {"set-cookie"}


def passes(fetch: FetchRequest, headers: Mapping[str, Any]) -> bool:
    """The CORS check of a browser."""
    allowed = headers.get("access-control-allow-origin")
    if fetch.credentials != "include":
        return allowed in ("*", fetch.origin)
    return allowed == fetch.origin and "access-control-allow-credentials" in headers


def _elements(line: str) -> list[str]:
    return [name for name in (part.strip(" \t") for part in line.split(",")) if name]


def cors_of(response: Response) -> dict[str, Any]:
    """All CORS headers of a response, each once, lists as sets without regard to case."""
    found: dict[str, Any] = {}
    for name in ("vary", "timing-allow-origin", *CORS_NAMES):
        lines = response.lines(name)
        if not lines:
            continue
        value = ", ".join(lines)
        assert len(lines) == 1 or name == "vary", (name, lines)
        if name in ("vary", "access-control-allow-headers", "access-control-expose-headers"):
            found[name] = {*_elements(value.lower())}
        else:
            found[name] = {*_elements(value)} if name.endswith("methods") else value
    return found


def others_of(response: Response) -> list[tuple[str, str]]:
    """The headers that CORS is not about, without the clock's."""
    left_out = {*CORS_NAMES, "vary", "timing-allow-origin", "date"}
    return [(name, value) for name, value in response.headers if name.lower() not in left_out]
