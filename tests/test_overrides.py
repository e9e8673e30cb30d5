"""Options of one's own for a route, a resource, a handler, a view: precedence and wrong use."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CorsConfigError, CorsOptions, override, setup
from tests.app import ADMIN, APP, EVIL, closed, codes, cors_headers, ok, preflight

DEFAULTS = CorsOptions(allow_origins=[APP], max_age=1)


async def max_age(client: Any, path: str, method: str = "PUT") -> str | None:
    response = await client.options(path, headers=preflight(method))
    return cors_headers(response).get("Access-Control-Max-Age")


# The levels of DESIGN's list, the farthest first; each sets max_age to its own number.
LEVELS = ("view class", "resource", "handler", "route")


def build(levels: tuple[str, ...], is_view: bool) -> tuple[web.Application, Any]:
    """An application whose one route has overrides on some levels: 2, 3, 4 and 5 seconds."""

    def mark(level: str, target: Any) -> Any:
        return override(max_age=LEVELS.index(level) + 2)(target) if level in levels else target

    async def put(*_: Any) -> web.Response:
        return web.Response()

    handler: Any = mark("handler", put)
    if is_view:
        handler = mark("view class", type("Thing", (web.View,), {"put": handler}))
    app = web.Application()
    route = app.router.add_route("*" if is_view else "PUT", "/", handler)
    return app, route


@pytest.mark.parametrize("late", [False, True], ids=["before startup", "after startup"])
@pytest.mark.parametrize("is_view", [False, True], ids=["function", "view"])
@pytest.mark.parametrize(
    "levels",
    [c for n in range(len(LEVELS) + 1) for c in itertools.combinations(LEVELS, n)],
    ids=lambda levels: "+".join(levels) or "defaults",
)
async def test_precedence(
    aiohttp_client: Any, levels: tuple[str, ...], is_view: bool, late: bool
) -> None:
    if not is_view and "view class" in levels:
        levels = tuple(level for level in levels if level != "view class")
    app, route = build(levels, is_view)
    cors = setup(app, DEFAULTS)

    def give() -> None:
        if "route" in levels:
            cors.override(route, max_age=5)
        if "resource" in levels:
            cors.override(route.resource, max_age=3)

    if not late:
        give()
    client = await aiohttp_client(app)
    if late:
        await max_age(client, "/")  # looked up before the override comes
        give()
    closest = max((LEVELS.index(level) + 2 for level in levels), default=1)
    assert await max_age(client, "/") == str(closest)


async def test_fields_add_up_from_far_to_near(aiohttp_client: Any) -> None:
    @override(max_age=7)
    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    route = app.router.add_put("/", handler)
    cors = setup(app, DEFAULTS)
    cors.override(route, allow_origins=[ADMIN])
    cors.override(route.resource, allow_headers=["X-One"], max_age=8)
    client = await aiohttp_client(app)
    response = await client.options("/", headers=preflight("PUT", ADMIN))
    shown = cors_headers(response)
    assert shown["Access-Control-Max-Age"] == "7"
    assert shown["Access-Control-Allow-Headers"].endswith("X-One")
    assert (await client.options("/", headers=preflight("PUT", APP))).status == 403


async def test_kinds_of_targets(aiohttp_client: Any) -> None:
    class Things:
        async def bound(self, _request: web.Request) -> web.Response:
            return web.Response()

        async def extra(self, _number: int, _request: web.Request) -> web.Response:
            return web.Response()

    class Thing(web.View):
        async def put(self) -> web.Response:
            return web.Response()

    things = Things()
    partial = functools.partial(things.extra, 1)

    async def inner(_request: web.Request) -> web.Response:
        return web.Response()

    @functools.wraps(inner)
    async def wrapper(request: web.Request) -> web.Response:
        return await inner(request)

    app = web.Application()
    put = app.router.add_put
    put("/bound", things.bound)
    put("/partial", partial)
    put("/wrapped", wrapper)
    app.router.add_view("/view", Thing)
    put("/named", ok, name="named")
    sub = web.Application()
    sub.router.add_put("/route", ok, name="below")
    app.add_subapp("/sub", sub)
    cors = setup(app, DEFAULTS)
    cors.override(things.bound, max_age=10)
    cors.override(partial, max_age=11)
    cors.override(inner, max_age=12)
    cors.override(Thing, max_age=13)
    cors.override(app.router["named"], max_age=14)
    cors.override(sub.router["below"], max_age=15)
    client = await aiohttp_client(app)
    paths = ("/bound", "/partial", "/wrapped", "/view", "/named", "/sub/route")
    assert [await max_age(client, path) for path in paths] == [str(n) for n in range(10, 16)]


async def test_a_get_route_covers_its_head_route_unless_that_has_its_own(
    aiohttp_client: Any,
) -> None:
    app = web.Application()
    both = app.router.add_get("/both", ok)
    own = app.router.add_get("/own", ok)
    cors = setup(app, DEFAULTS)
    cors.override(both, max_age=2)
    cors.override(own, max_age=2)
    assert own.resource is not None
    cors.override(next(r for r in own.resource if r.method == "HEAD"), max_age=3)
    client = await aiohttp_client(app)
    assert await max_age(client, "/both", "HEAD") == "2"
    assert await max_age(client, "/own", "HEAD") == "3"
    assert await max_age(client, "/own", "GET") == "2"


async def test_a_method_of_a_view_has_options_of_its_own(aiohttp_client: Any) -> None:
    class Thing(web.View):
        @override(None)
        async def get(self) -> web.Response:
            return web.Response()

        @override(allow_origins=[ADMIN])
        async def put(self) -> web.Response:
            return web.Response()

        async def delete(self) -> web.Response:
            return web.Response()

    app = web.Application()
    app.router.add_view("/", Thing)
    setup(app, DEFAULTS)
    client = await aiohttp_client(app)
    for method, origin in (("GET", None), ("PUT", ADMIN), ("DELETE", APP)):
        for asked in (APP, ADMIN):
            response = await client.request(method, "/", headers={"Origin": asked})
            expected = {} if origin is None else {"Vary": "Origin"}
            if asked == origin:
                expected["Access-Control-Allow-Origin"] = asked
            assert cors_headers(response) == expected
            response = await client.options("/", headers=preflight(method, asked))
            if origin is None:
                assert (response.status, cors_headers(response)) == (405, {})
                continue
            assert response.status == (204 if asked == origin else 403)
            if asked == origin:
                assert cors_headers(response)["Access-Control-Allow-Methods"] == method


async def test_one_answer_speaks_only_for_methods_of_equal_options(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_get("/", ok)
    app.router.add_put("/", ok)
    delete = app.router.add_delete("/", ok)
    patch = app.router.add_patch("/", ok)
    cors = setup(app, DEFAULTS)
    cors.override(delete, allow_origins=[APP, EVIL])
    cors.override(patch, max_age=1)
    client = await aiohttp_client(app)
    for method, listed in (("PUT", "GET, HEAD, PATCH, PUT"), ("DELETE", "DELETE")):
        response = await client.options("/", headers=preflight(method))
        assert cors_headers(response)["Access-Control-Allow-Methods"] == listed


async def test_rules_the_first_whose_origins_match_decides(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(
        app,
        [
            CorsOptions(allow_origins=[ADMIN], allow_credentials=True, max_age=5),
            CorsOptions(max_age=6),
        ],
    )
    client = await aiohttp_client(app)
    with_credentials = {
        "Access-Control-Allow-Origin": ADMIN,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }
    for origin, expected in (
        (ADMIN, with_credentials),
        (EVIL, {"Access-Control-Allow-Origin": "*", "Vary": "Origin"}),
        ("null", {"Access-Control-Allow-Origin": "*", "Vary": "Origin"}),
        (None, {"Vary": "Origin"}),
    ):
        response = await client.put("/", headers={"Origin": origin} if origin else {})
        assert cors_headers(response) == expected
    response = await client.options("/", headers=preflight("PUT", EVIL))
    assert cors_headers(response)["Access-Control-Max-Age"] == "6"


async def test_overrides_where_nothing_is_the_default(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_put("/closed", ok)
    route = app.router.add_put("/open", ok)
    cors = setup(app, None)
    client = await aiohttp_client(app)
    assert (await client.options("/open", headers=preflight("PUT"))).status == 405
    cors.override(route, DEFAULTS)
    assert await max_age(client, "/open") == "1"
    response = await client.put("/closed", headers={"Origin": APP})
    assert cors_headers(response) == {}


# Wrong use


@pytest.mark.parametrize(
    ("args", "changes", "code"),
    [
        pytest.param((), {"max_agee": 1}, "unknown-option", id="unknown field"),
        pytest.param((), {"max_age": -1}, "max-age-negative", id="bad value"),
        pytest.param((), {}, "override-empty", id="nothing"),
        pytest.param((DEFAULTS,), {"max_age": 1}, "override-both", id="both forms"),
        pytest.param(("*",), {}, "options-type", id="a string"),
        pytest.param((ok,), {}, "options-type", id="decorator without parentheses"),
    ],
)
def test_what_is_wrong_in_any_case_is_refused_at_the_call(
    args: tuple[Any, ...], changes: dict[str, Any], code: str
) -> None:
    app = web.Application()
    route = app.router.add_get("/", ok)
    cors = setup(app, DEFAULTS)
    with pytest.raises(CorsConfigError) as caught:
        cors.override(route, *args, **changes)
    assert codes(caught) == [code]
    with pytest.raises(CorsConfigError) as caught:
        override(*args, **changes)
    assert codes(caught) == [code]


@pytest.mark.parametrize(
    ("call", "fix"),
    [
        pytest.param(lambda: setup(web.Application(), CorsOptions), "write CorsOptions(...)"),  # type: ignore[arg-type]
        pytest.param(
            lambda: setup(web.Application(), ok),  # type: ignore[arg-type]
            "write CorsOptions(allow_origins=...) around what decides about origins",
        ),
        pytest.param(lambda: override(CorsOptions), "write CorsOptions(...)"),  # type: ignore[arg-type]
        pytest.param(
            lambda: override(ok),  # type: ignore[arg-type]
            "write the decorator with parentheses: @override(None), @override(max_age=60)",
        ),
        pytest.param(
            lambda: override(options=None),  # type: ignore[call-arg]
            "give it without a name: override(target, CorsOptions(...)), @override(None)",
        ),
    ],
)
def test_what_is_given_instead_of_options_decides_about_the_advice(call: Any, fix: str) -> None:
    with pytest.raises(CorsConfigError) as caught:
        call()
    assert [problem.fix for problem in caught.value.problems] == [fix]


async def test_a_decorated_class_that_is_derived_from_is_named() -> None:
    @override(max_age=5)
    class Base(web.View):
        async def get(self) -> web.Response:
            return await ok(self.request)

    class Derived(Base):
        pass

    app = web.Application()
    app.router.add_view("/", Derived)
    found = await setup(app, DEFAULTS).explain("GET", "/", origin=APP)
    assert found.source == f"defaults + @override on {Base.__qualname__}"


def test_a_bound_method_cannot_be_decorated() -> None:
    class Things:
        async def get(self, _request: web.Request) -> web.Response:
            return web.Response()

    with pytest.raises(CorsConfigError) as caught:
        override(None)(Things().get)
    assert codes(caught) == ["override-target"]


@pytest.mark.parametrize(
    ("defaults", "changes", "code"),
    [
        (None, {"max_age": 1}, "override-of-none"),
        ([DEFAULTS, CorsOptions()], {"max_age": 1}, "override-of-rules"),
        (CorsOptions(), {"allow_credentials": True}, "credentials-with-any-origin"),
    ],
)
async def test_fields_that_do_not_fit_are_refused_before_the_server_starts(
    defaults: Any, changes: dict[str, Any], code: str
) -> None:
    app = web.Application()
    first = app.router.add_get("/1", ok)
    second = app.router.add_post("/2", override(**changes)(_copy_of_ok()))
    cors = setup(app, defaults)
    cors.override(first, **changes)
    with pytest.raises(CorsConfigError) as caught:
        await web.AppRunner(app).setup()
    assert codes(caught) == [code] * 2
    assert second.method == "POST"


def _copy_of_ok() -> Any:
    async def copy(request: web.Request) -> web.Response:
        return await ok(request)

    return copy


async def test_fields_that_do_not_fit_a_running_application_change_nothing(
    aiohttp_client: Any,
) -> None:
    app = web.Application()
    app.router.add_put("/1", ok)
    route = app.router.add_put("/2", ok)
    cors = setup(app, DEFAULTS)
    cors.override(route, max_age=2)
    client = await aiohttp_client(app)
    with pytest.raises(CorsConfigError):
        cors.override(route, allow_credentials=True, allow_origins="*")
    with pytest.raises(CorsConfigError) as caught:
        cors.reconfigure([DEFAULTS, CorsOptions()])
    assert codes(caught) == ["override-of-rules"]
    assert [await max_age(client, path) for path in ("/1", "/2")] == ["1", "2"]
    cors.reconfigure(CorsOptions(allow_origins=[APP], max_age=9))
    assert [await max_age(client, path) for path in ("/1", "/2")] == ["9", "2"]


async def test_an_override_that_does_not_fit_a_late_route_leaves_no_policy(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    late = app.router.add_resource("/late")
    cors = setup(app, CorsOptions())
    client = await aiohttp_client(app)
    late.add_route("PUT", override(allow_credentials=True)(_copy_of_ok()))
    response = await client.put("/late", headers={"Origin": EVIL})
    assert cors_headers(response) == {}
    assert "does not fit" in caplog.text
    with pytest.raises(CorsConfigError):
        cors.rescan()


# Every pair of levels, for every kind of handler, wherever it is routed, before and after startup.

# The farthest first; what a wrapper wraps stands behind the wrapper itself.
ORDER = ("@class", "class", "resource", "@handler", "wrapped", "handler", "route")
WRAPPERS = ("resource", "@handler", "wrapped", "handler", "route")
Mark = Callable[[str, Any], Any]
Made = tuple[Any, dict[str, Any]]  # what is routed, and what `Cors.override` takes of it
Options = dict[str, Any]
Combination = tuple[tuple[str, str], ...]  # levels and the forms of what is given for them


def a_function(mark: Mark) -> Made:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    return mark("@handler", handler), {"handler": handler}


def a_bound_method(mark: Mark) -> Made:
    class Things:
        async def put(self, _request: web.Request) -> web.Response:
            return web.Response()

    mark("@handler", Things.put)
    things = Things()
    return things.put, {"wrapped": Things.put, "handler": things.put}


def a_partial(mark: Mark) -> Made:
    async def put(_number: int, _request: web.Request) -> web.Response:
        return web.Response()

    partial = functools.partial(mark("@handler", put), 7)
    return partial, {"wrapped": put, "handler": partial}


def a_wrapped_function(mark: Mark) -> Made:
    async def inner(_request: web.Request) -> web.Response:
        return web.Response()

    @functools.wraps(mark("@handler", inner))
    async def wrapper(request: web.Request) -> web.Response:
        return await inner(request)

    return wrapper, {"wrapped": inner, "handler": wrapper}


def a_wrapper(mark: Mark) -> Made:
    wrapper, targets = a_wrapped_function(lambda _, target: target)
    return mark("@handler", wrapper), targets


def a_view(mark: Mark) -> Made:
    class Thing(web.View):
        async def put(self) -> web.Response:
            return web.Response()

    mark("@handler", Thing.put)
    return mark("@class", Thing), {"class": Thing}


def a_folder(_mark: Mark) -> Made:
    return Path(__file__).parent, {}


HANDLERS: dict[str, tuple[Callable[[Mark], Made], tuple[str, ...]]] = {
    "a function": (a_function, ("resource", "@handler", "handler", "route")),
    "a bound method": (a_bound_method, WRAPPERS),
    "a partial": (a_partial, WRAPPERS),
    "a wrapped function": (a_wrapped_function, WRAPPERS),
    "a wrapper": (a_wrapper, WRAPPERS),
    "a view": (a_view, ("@class", "class", "resource", "@handler", "route")),
    "a folder": (a_folder, ("resource", "route")),
}


def by_table(app: web.Application, path: str, handler: Any) -> web.AbstractRoute:
    table = web.RouteTableDef()
    table.put(path)(handler)
    [route] = app.add_routes(table)
    return route


def below(app: web.Application, path: str, handler: Any) -> web.AbstractRoute:
    sub = web.Application()
    route = sub.router.add_put("/x", handler)
    app.add_subapp(path, sub)
    return route


# How a handler is routed: by what, and which request then reaches it.
PLACES: dict[str, tuple[Callable[[web.Application, str, Any], web.AbstractRoute], str, str]] = {
    "plain": (lambda app, path, it: app.router.add_put(f"{path}/x", it), "PUT", "/x"),
    "dynamic": (lambda app, path, it: app.router.add_put(path + "/{id}", it), "PUT", "/x"),
    "by a table": (lambda app, path, it: by_table(app, f"{path}/x", it), "PUT", "/x"),
    "below": (below, "PUT", "/x"),
    "by *": (lambda app, path, it: app.router.add_route("*", f"{path}/x", it), "PUT", "/x"),
    "HEAD of GET": (lambda app, path, it: app.router.add_get(f"{path}/x", it), "HEAD", "/x"),
    "static": (
        lambda app, path, it: next(r for r in app.router.add_static(path, it) if r.method == "GET"),
        "GET",
        "/__init__.py",
    ),
}
FORMS, UNFIT = ("fields", "whole", "rules", "none"), ("rules", "none")
BEFORE, AFTER, LATE = "before startup", "after startup", "routed after startup"


def products() -> Iterator[Any]:
    for handler, place, when in itertools.product(HANDLERS, PLACES, (BEFORE, AFTER, LATE)):
        if (handler == "a folder") is not (place == "static"):
            continue
        if handler == "a view" and place == "HEAD of GET":
            continue  # a view's methods are its own
        if when != LATE or place == "plain":
            yield pytest.param(handler, place, when, id=f"{handler}, {place}, {when}")


def given_by(form: str, number: int) -> Options | list[Options] | None:
    """What an override gives: single fields, rules, or None; told apart by its number."""
    fields: Options = {"max_age": number, "expose_headers": [f"X-{number}"]}
    whole = {"allow_origins": [APP, ADMIN], "allow_headers": [f"X-{number}"], **fields}
    rules = [whole, {"allow_origins": [EVIL]}]
    age = {"max_age": number}
    return {"age": age, "fields": fields, "whole": [whole], "rules": rules, "none": None}[form]


def number_of(index: int, level: str) -> int:
    return 10 * index + ORDER.index(level) + 10


def call(form: str, number: int) -> tuple[tuple[Any, ...], Options]:
    """The same as arguments of `override`."""
    given = given_by(form, number)
    if isinstance(given, dict):
        return (), given
    return (None if given is None else [CorsOptions(**rule) for rule in given],), {}


def outcome(
    row: Combination, counts: Callable[[str], bool] = lambda _level: True
) -> Options | None:
    """The options that a route ends up with: each level that counts on top of what is farther."""
    options: Options | None = {"allow_origins": [APP], "max_age": 1}
    for index, (level, form) in enumerate(row):
        if counts(level):
            given = given_by(form, number_of(index, level))
            if isinstance(given, dict):
                options = {**(options or {}), **given}
            else:
                options = given[0] if given else None
    return options


def combinations(levels: tuple[str, ...], forms: tuple[str, ...]) -> Iterator[Combination]:
    """Nothing, one override, two: each level before each that is nearer."""
    yield ()
    for level, form in itertools.product(levels, forms):
        yield ((level, form),)
    # One level twice: the later call, or the outer decorator, is on top of the other.
    for far, near in itertools.combinations_with_replacement(levels, 2):
        for first, second in itertools.product(forms, ("age", *forms[1:])):
            if first not in UNFIT or second != "age":
                yield (far, first), (near, second)


Answers = tuple[dict[str, str], int, dict[str, str]]


async def ask(client: Any, method: str, path: str) -> Answers:
    actual = await client.request(method, path, headers={"Origin": APP})
    assert actual.status == 200
    asked = await client.options(path, headers=preflight(method))
    return cors_headers(actual), asked.status, cors_headers(asked)


def answers(options: Options | None, methods: str, without: int) -> Answers:
    if options is None:
        return {}, without, {}
    readable = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
    names = ["Accept", "Accept-Language", "Content-Language", "Content-Type", "Range"]
    allowed = readable | {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": ", ".join([*names, *options.get("allow_headers", [])]),
        "Access-Control-Max-Age": str(options["max_age"]),
    }
    if exposed := options.get("expose_headers"):
        readable["Access-Control-Expose-Headers"] = exposed[0]
    return readable, 204, allowed


def decorating(row: Combination) -> Mark:
    """Applies the decorators of a row, the farther first."""

    def mark(level: str, target: Any) -> Any:
        for index, (marked, form) in enumerate(row):
            if marked == level:
                args, changes = call(form, number_of(index, level))
                target = override(*args, **changes)(target)
        return target

    return mark


def is_decorator(level: str) -> bool:
    return level.startswith("@")


@pytest.mark.parametrize(("handler", "place", "when"), [*products()])
async def test_the_nearer_of_two_overrides_wins(
    aiohttp_client: Any, handler: str, place: str, when: str
) -> None:
    make, levels = HANDLERS[handler]
    put, method, end = PLACES[place]
    rows = [*combinations(levels, FORMS if place == "plain" else ("fields", "whole", "none"))]
    app = web.Application()
    cors = setup(app, DEFAULTS)

    def build(path: str, row: Combination) -> Callable[[], None]:
        routed, targets = make(decorating(row))
        add: Callable[[], web.AbstractRoute]
        if when == LATE:
            add = functools.partial(app.router.add_resource(path + end).add_route, method, routed)
        else:
            route = put(app, path, routed)
            add = lambda: route  # noqa: E731

        def give() -> None:
            route = add()
            known = {**targets, "resource": route.resource, "route": route}
            # The nearer first, so that the order of the calls cannot be what decides.
            for index, (level, form) in sorted(
                enumerate(row), key=lambda item: -ORDER.index(item[1][0])
            ):
                if not is_decorator(level):
                    args, changes = call(form, number_of(index, level))
                    cors.override(known[level], *args, **changes)

        return give

    pending = [build(f"/{number}", row) for number, row in enumerate(rows)]
    if when == BEFORE:
        for give in pending:
            give()
    client = await aiohttp_client(app)
    is_any = place == "by *" and handler != "a view"
    methods = "PUT" if method == "PUT" else "GET, HEAD"
    if is_any:
        methods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    told = functools.partial(answers, methods=methods, without=200 if is_any else 405)
    if when == AFTER:  # what is remembered of a route has to be forgotten
        for number, row in enumerate(rows):
            expected = told(outcome(row, is_decorator))
            assert await ask(client, method, f"/{number}{end}") == expected, row
    if when != BEFORE:
        for give in pending:
            give()
    seen = {row: await ask(client, method, f"/{n}{end}") for n, row in enumerate(rows)}
    assert seen == {row: told(outcome(row)) for row in rows}


REFUSED = [
    pytest.param(handler, far, near, form, id=f"{handler}: fields as {near} on {form} as {far}")
    for handler in ("a function", "a partial", "a view")
    for far, near in itertools.combinations(HANDLERS[handler][1], 2)
    for form in UNFIT
]


@pytest.mark.parametrize("nearer_first", [False, True], ids=["farther first", "nearer first"])
@pytest.mark.parametrize(("handler", "far", "near", "form"), REFUSED)
async def test_fields_that_do_not_fit_what_is_farther_are_refused(
    aiohttp_client: Any, handler: str, far: str, near: str, form: str, nearer_first: bool
) -> None:
    row: Combination = ((far, form), (near, "age"))

    def build() -> tuple[web.Application, list[tuple[str, Callable[[], None]]]]:
        app = web.Application()
        routed, targets = HANDLERS[handler][0](decorating(row))
        route = app.router.add_put("/", routed)
        cors = setup(app, DEFAULTS)
        known = {**targets, "resource": route.resource, "route": route}
        calls: list[tuple[str, Callable[[], None]]] = []
        for index, (level, given) in enumerate(row):
            if not is_decorator(level):
                args, changes = call(given, number_of(index, level))
                calls.append(
                    (level, functools.partial(cors.override, known[level], *args, **changes))
                )
        return app, calls[::-1] if nearer_first else calls

    app, calls = build()
    for _, give in calls:
        give()
    with pytest.raises(CorsConfigError) as caught:
        await web.AppRunner(app).setup()
    assert codes(caught) == [f"override-of-{form}"]
    if not calls:
        return  # two decorators: there is nothing to call on a running application
    app, calls = build()
    client = await aiohttp_client(app)
    *first, (refused, last) = calls
    for _, give in first:
        give()
    expected = answers(outcome(row, lambda level: level != refused), "PUT", 405)
    for _ in range(2):
        assert await ask(client, "PUT", "/") == expected
        with pytest.raises(CorsConfigError) as caught:
            last()
        assert codes(caught) == [f"override-of-{form}"]


@pytest.mark.parametrize("kind", [list, set, iter])
async def test_a_list_that_is_changed_later_changes_nothing(aiohttp_client: Any, kind: Any) -> None:
    origins = [APP]
    given = kind(origins)
    app = web.Application()
    route = app.router.add_get("/", ok)
    cors = setup(app, CorsOptions(allow_origins=[ADMIN]))
    cors.override(route, allow_origins=given)
    if kind is not iter:
        given.clear()
    origins[:] = ["nonsense"]
    client = await aiohttp_client(app)
    for _ in range(2):
        response = await client.get("/", headers={"Origin": APP})
        assert cors_headers(response) == {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
        cors.reconfigure(CorsOptions(allow_origins=[ADMIN]))


class Answering:
    """A handler with a name of its own, that is no function."""

    @override(None)
    async def __call__(self, _request: web.Request) -> web.Response:
        return web.Response()


class Partly(web.View):
    @override(None)
    async def _put(self, number: int) -> web.Response:
        return web.Response(text=str(number))

    put = functools.partialmethod(_put, 7)


def no_coroutine(_request: web.Request) -> web.Response:
    return web.Response()


@pytest.mark.filterwarnings("ignore:Bare functions:DeprecationWarning")
async def test_decorators_are_found_however_the_handler_is_wrapped(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_put("/instance", Answering())
    app.router.add_put("/partial", functools.partial(closed))
    # A partial does not take the marks of what it wraps along: the outer change needs the inner.
    app.router.add_put("/both", override(DEFAULTS)(functools.partial(closed)))
    app.router.add_view("/method", Partly)
    setup(app, DEFAULTS)
    client = await aiohttp_client(app)
    for path, is_open in (
        ("/instance", False),
        ("/partial", False),
        ("/both", True),
        ("/method", False),
    ):
        response = await client.put(path, headers={"Origin": APP})
        assert response.status == 200
        assert bool(cors_headers(response)) is is_open, path


def test_a_change_around_a_partial_of_a_closed_handler_does_not_fit() -> None:
    app = web.Application()
    app.router.add_put("/", override(max_age=5)(functools.partial(closed)))
    cors = setup(app, DEFAULTS)
    with pytest.raises(CorsConfigError) as caught:
        cors._state.survey()
    assert codes(caught) == ["override-of-none"]


@pytest.mark.filterwarnings("ignore:Bare functions:DeprecationWarning")
async def test_the_head_of_a_handler_that_aiohttp_wraps_is_covered_too(aiohttp_client: Any) -> None:
    app = web.Application()
    get = app.router.add_get("/", no_coroutine)
    setup(app, DEFAULTS).override(get, None)
    client = await aiohttp_client(app)
    for method in ("GET", "HEAD"):
        assert cors_headers(await client.request(method, "/", headers={"Origin": APP})) == {}


class Account(web.View):
    async def get(self) -> web.Response:
        return web.Response()


def test_what_belongs_to_python_cannot_be_decorated() -> None:
    with pytest.raises(CorsConfigError) as caught:
        override(None)(int)
    assert codes(caught) == ["override-target"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"allow_origins": "*", "allow_credentials": True}, "credentials-with-any-origin"),
        ({"allow_origins": [APP], "vary": ["X-A"]}, "vary-without-callable"),
        ({"allow_origins": lambda _origin: True}, "origins-callable"),
    ],
)
def test_changes_that_fit_nothing_are_refused_at_the_call(
    changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(CorsConfigError) as caught:
        override(**changes)
    assert codes(caught) == [code]


@pytest.mark.parametrize(
    "changes",
    [
        {"allow_origins": ["http://a.example"], "allow_credentials": True},
        {"allow_origins": "*"},
        {"vary": ["X-A"]},
    ],
)
def test_changes_that_fit_something_are_not(changes: dict[str, Any]) -> None:
    assert override(**changes)


def test_a_rule_behind_one_for_any_origin_is_refused() -> None:
    with pytest.raises(CorsConfigError) as caught:
        setup(web.Application(), [CorsOptions(), DEFAULTS])
    (problem,) = caught.value.problems
    assert (problem.code, problem.option) == ("rule-unreachable", "defaults[1]")
    assert setup(web.Application(), [DEFAULTS, CorsOptions()])
