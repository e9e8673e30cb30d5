"""A small universe, covered completely: options, origins, credentials, methods, headers, kinds.

What is expected is written down from the table in DESIGN.md, section 3, as plainly as it goes. Most
of it asks the policy itself, the rest a served application with a route of each kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from multidict import CIMultiDict

from aiohttp_cors_plugin import CorsOptions, setup
from aiohttp_cors_plugin._browser import (
    FetchRequest,
    Received,
    Sent,
    fetch,
    unsafe_header_names,
)
from aiohttp_cors_plugin._policy import Policy
from tests.app import Item, ok, own_options
from tests.universe import CORS_NAMES, STATIC, Custom, Request, Response, cors_of, serving

APP, BRANCH = "https://app.example.com", "https://a.b.example.com"
LOCAL, EVIL = "http://localhost:3000", "https://evil.example.net"
SAFELISTED = {"accept", "accept-language", "content-language", "content-type", "range"}
READABLE_ANYWAY = {
    *("cache-control", "content-language", "content-length", "content-type", "expires"),
    *("last-modified", "pragma"),
}
COMMON = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


class Universe(NamedTuple):
    """Values to combine, each with each."""

    # What is given as allow_origins, and which of the origins that admits.
    allow_origins: Mapping[str | tuple[str, ...], set[str]]
    allow_credentials: Sequence[bool]
    allow_methods: Sequence[Any]
    allow_headers: Sequence[Any]
    expose_headers: Sequence[Any]
    max_age: Sequence[Any]
    origins: Sequence[str]
    credentials: Sequence[Any]
    methods: Sequence[str]
    headers: Sequence[Any]
    served: Sequence[Sequence[str]]


WHOLE = Universe(
    {
        "*": {APP, BRANCH, LOCAL, EVIL, "null", f"{APP}/"},
        (APP,): {APP},
        ("https://*.example.com",): {APP, BRANCH},
        (APP, "http://localhost:*"): {APP, LOCAL},
    },
    [False, True],
    [None, ["GET"], ["PUT", "DELETE"]],
    [[], ["X-Key"], "*", ["Authorization", "X-Key"]],
    [[], ["X-A"], "*"],
    [600, None],
    [APP, BRANCH, LOCAL, EVIL, "null", f"{APP}/"],
    ["omit", "include"],
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"],
    [
        {},
        {"X-Key": "1"},
        {"Content-Type": "application/json"},
        {"Authorization": "t", "X-Key": "1"},
        {"Content-Type": "text/plain", "X-Other": "1"},
    ],
    [("GET", "HEAD"), tuple(sorted(COMMON))],
)
SLICE = WHOLE._replace(
    allow_origins={key: WHOLE.allow_origins[key] for key in ("*", ("https://*.example.com",))},
    allow_methods=[None, ["PUT", "DELETE"]],
    allow_headers=[[], ["X-Key"], "*"],
    expose_headers=[["X-A"], "*"],
    origins=[BRANCH, EVIL, "null"],
    methods=["GET", "POST", "PUT", "PATCH"],
    headers=WHOLE.headers[:4],
)
SIZES = [
    pytest.param(SLICE, 13_824, id="a slice"),
    pytest.param(WHOLE, 362_880, id="the whole", marks=pytest.mark.long),
]


class Given(NamedTuple):
    """The options, as they were given, and the origins that they admit."""

    fields: Mapping[str, Any]
    admitted: set[str]

    def allows_method(self, method: str) -> bool:
        allowed = self.fields["allow_methods"]
        return allowed is None or method in allowed or (method == "HEAD" and "GET" in allowed)

    def allows_header(self, name: str) -> bool:
        allowed = self.fields["allow_headers"]
        return allowed == "*" or name in SAFELISTED or name in {n.lower() for n in allowed}

    def shared(self, origin: str) -> dict[str, Any]:
        """What preflights and actual responses have in common, where the origin is admitted."""
        anyone = self.fields["allow_origins"] == "*"
        headers = {"access-control-allow-origin": "*" if anyone else origin}
        if self.fields["allow_credentials"]:
            headers["access-control-allow-credentials"] = "true"
        return headers

    @property
    def vary(self) -> dict[str, Any]:
        return {} if self.fields["allow_origins"] == "*" else {"vary": {"origin"}}


def options_of(universe: Universe) -> Iterator[Given]:
    for origins, credentials, *others in itertools.product(*universe[:6]):
        if origins == "*" and credentials:
            continue  # refused when it is made
        names = ("allow_methods", "allow_headers", "expose_headers", "max_age")
        fields = {"allow_origins": origins, "allow_credentials": credentials}
        yield Given(
            {**fields, **dict(zip(names, others, strict=True))}, universe.allow_origins[origins]
        )


# --- What is expected ---------------------------------------------------------------------------


def expected_preflight(
    given: Given, origin: str, method: str, names: Sequence[str], served: Sequence[str]
) -> tuple[int, dict[str, Any]]:
    if (
        origin not in given.admitted
        or method not in served
        or not given.allows_method(method)
        or not all(given.allows_header(name) for name in names)
    ):
        return 403, given.vary
    allowed = {name.lower() for name in given.fields["allow_headers"]} | SAFELISTED
    if given.fields["allow_headers"] == "*":
        allowed = {*names}
    headers = {
        **given.shared(origin),
        **given.vary,
        "access-control-allow-methods": {name for name in served if given.allows_method(name)},
    }
    if allowed:
        headers["access-control-allow-headers"] = allowed
    if given.fields["max_age"] is not None:
        headers["access-control-max-age"] = str(given.fields["max_age"])
    return 204, headers


def expected_stamp(
    given: Given, origin: str | None, method: str, there: set[str]
) -> dict[str, Any]:
    """The CORS headers of an actual response, which has the headers `there` besides."""
    anyone = given.fields["allow_origins"] == "*"
    if (origin not in given.admitted and not anyone) or not given.allows_method(method):
        return given.vary
    headers = {**given.shared(origin or ""), **given.vary}
    exposed = {name.lower() for name in given.fields["expose_headers"]}
    if exposed == {"*"} and given.fields["allow_credentials"]:
        exposed = (there | given.vary.keys()) - READABLE_ANYWAY - {"set-cookie"}
    if exposed:
        headers["access-control-expose-headers"] = exposed
    return headers


def expected_sight(given: Given, asked: FetchRequest, served: Sequence[str]) -> Any:
    """The status and the headers that a script reads, None where it gets nothing."""
    names = unsafe_header_names(asked.headers)
    if asked.method not in ("GET", "HEAD", "POST") or names:
        status, _ = expected_preflight(given, asked.origin, asked.method, names, served)
        if status == 403:
            return None
    if asked.origin not in given.admitted or not given.allows_method(asked.method):
        return None
    if asked.credentials == "include" and not given.fields["allow_credentials"]:
        return None  # "*" is among these
    there = {name.lower() for name, _ in THERE}
    stamped = expected_stamp(given, asked.origin, asked.method, there)
    exposed = stamped.get("access-control-expose-headers", set())
    there |= stamped.keys()
    readable = there if exposed == {"*"} else there & (exposed | READABLE_ANYWAY)
    return 200 if asked.method in served else 405, readable - {"set-cookie"}


# --- The policy itself --------------------------------------------------------------------------

THERE = (("X-A", "1"), ("X-B", "2"), ("Content-Type", "text/plain"), ("Set-Cookie", "c=1"))
BY_HAND = (
    ("Access-Control-Allow-Origin", EVIL),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", "X-B"),
    ("Access-Control-Max-Age", "1"),
)


class Server:
    """A policy, as a browser sees it."""

    def __init__(self, policy: Policy, served: Sequence[str], *, debug: bool = False) -> None:
        self.policy, self.served, self.debug = policy, served, debug

    def preflight(self, origin: str, method: str, names: Sequence[str]) -> Response:
        decision = self.policy.preflight(
            self.policy.judge(origin),
            origin=origin,
            method=method,
            served=self.served,
            requested_headers=[",".join(names)] if names else [],
            debug=self.debug,
        )
        return Response(decision.status, tuple(decision.headers.items()), b"")

    def actual(self, origin: str, method: str) -> Response:
        headers = CIMultiDict([*THERE, *BY_HAND])
        self.policy.stamp(self.policy.judge(origin), method, headers)
        return Response(200 if method in self.served else 405, tuple(headers.items()), b"")

    def answer(self, sent: Sent) -> Received:
        lines = dict(sent.headers)
        answer = self.actual(lines["Origin"], sent.method)
        if sent.is_preflight:
            names = lines.get("Access-Control-Request-Headers", "").split(",")
            method = lines["Access-Control-Request-Method"]
            answer = self.preflight(lines["Origin"], method, [*filter(None, names)])
        return Received(answer.status, answer.headers)


def sight_of(asked: FetchRequest, server: Server) -> Any:
    """The status and the headers that the script reads, None where it gets nothing."""
    steps, received = fetch(asked), None
    try:
        while True:
            received = server.answer(steps.send(received))
    except StopIteration as end:
        verdict = end.value
    if not verdict.resolved:
        return None
    return verdict.status, {name for name, _ in verdict.headers}


@pytest.mark.parametrize(("universe", "size"), SIZES)
def test_the_policy(universe: Universe, size: int) -> None:
    """The whole answer to each preflight, the headers of each response, what a script reads."""
    count = 0
    wrong = []
    for given in options_of(universe):
        policy = Policy([CorsOptions(**given.fields)])
        for served in universe.served:
            server, debugged = Server(policy, served), Server(policy, served, debug=True)
            for origin, credentials, method, headers in itertools.product(
                universe.origins, universe.credentials, universe.methods, universe.headers
            ):
                asked = FetchRequest(
                    "http://api.example/",
                    origin,
                    method,
                    tuple(headers.items()),
                    credentials=credentials,
                )
                names = unsafe_header_names(asked.headers)
                answer = server.preflight(origin, method, names)
                stamped = server.actual(origin, method)
                found = (
                    (answer.status, cors_of(answer)),
                    cors_of(stamped),
                    sight_of(asked, server),
                    sight_of(asked, debugged),
                )
                sight = expected_sight(given, asked, served)
                expected = (
                    expected_preflight(given, origin, method, names, served),
                    expected_stamp(given, origin, method, {name.lower() for name, _ in THERE}),
                    sight,
                    sight,  # debug mode lets nothing else through
                )
                count += 1
                if found != expected:
                    wrong.append(f"{given} {served} {asked}\n{found}\n{expected}")
    assert not wrong, "\n".join([f"{len(wrong)} of {count}", *wrong[:3]])
    assert count == size


# --- A served application -----------------------------------------------------------------------

# Each kind of target, and the methods that it serves.
KINDS = {
    "/get": {"GET", "HEAD"},
    "/put": {"PUT"},
    "/any": COMMON,
    "/view": {"GET", "PUT"},
    "/custom": {"GET", "OPTIONS"},
    "/files/py.typed": {"GET", "HEAD"},
    "/own": {"POST", "OPTIONS"},
    "/split": {"GET", "HEAD", "PATCH"},
    "/sub/thing": {"DELETE"},
    "/late": {"PATCH"},
    "/none": {"PUT", "OPTIONS"},  # under None
    "/nowhere": set[str](),
}
ARRIVING = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND")
ANNOUNCED = (*ARRIVING, "CHICKEN", "put", "TRACE", "")
FEW = WHOLE._replace(
    allow_origins=SLICE.allow_origins,
    allow_methods=[None, ["PUT", "DELETE"]],
    allow_headers=[["X-Key"]],
    expose_headers=["*"],
    max_age=[600],
    origins=[BRANCH, EVIL],
    headers=[{}, {"Authorization": "t", "X-Key": "1"}],
)
MANY = WHOLE._replace(
    allow_methods=[None, ["GET"]], expose_headers=["*"], max_age=[600], headers=WHOLE.headers[1:]
)


def make_app(given: Given) -> web.Application:
    app = web.Application()
    app.router.add_get("/get", ok)
    app.router.add_get("/split", ok)
    app.router.add_put("/put", ok)
    app.router.add_patch("/split", ok)
    app.router.add_route("*", "/any", ok)
    app.router.add_view("/view", Item)
    app.router.register_resource(Custom("/custom", ok, ("GET", "OPTIONS")))
    app.router.add_static("/files", STATIC)
    app.router.add_post("/own", ok)
    app.router.add_options("/own", own_options)
    under_none = [app.router.add_put("/none", ok), app.router.add_options("/none", own_options)]
    sub = web.Application()
    sub.router.add_delete("/thing", ok)
    app.add_subapp("/sub", sub)
    cors = setup(app, CorsOptions(**given.fields))
    for route in under_none:
        cors.override(route, None)

    async def add_late(app: web.Application) -> None:
        app.router.add_patch("/late", ok)

    app.on_startup.append(add_late)
    return app


def expected_answer(
    given: Given, path: str, origin: str, method: str, names: Sequence[str]
) -> tuple[int, dict[str, Any]]:
    """To a preflight."""
    if path == "/none":
        return 200, {}  # by the application's own handler
    served = KINDS[path]
    if path in ("/any", "/nowhere") and method in ARRIVING:
        served = served | {method}
    return expected_preflight(given, origin, method, names, sorted(served))


def expected_actual(
    given: Given, path: str, origin: str | None, method: str, there: set[str]
) -> tuple[int, dict[str, Any]]:
    is_served = method in KINDS[path] or path == "/any"
    status = 200 if is_served else 404 if path == "/nowhere" else 405
    if path == "/none" and is_served:
        return status, {}
    return status, expected_stamp(given, origin, method, there)


@pytest.mark.parametrize(
    ("universe", "size"),
    [
        pytest.param(FEW, 5_184, id="a slice"),
        pytest.param(MANY, 231_168, id="the whole", marks=pytest.mark.long),
    ],
)
async def test_the_application(universe: Universe, size: int) -> None:
    """Status and CORS headers of preflights and actual responses, on each kind of target."""
    count = 0
    for given in options_of(universe):
        async with serving(make_app(given)) as client:
            for path, origin, method, headers in itertools.product(
                KINDS, universe.origins, ANNOUNCED, universe.headers
            ):
                names = sorted(name.lower() for name in headers)
                lines = [("Origin", origin), ("Access-Control-Request-Method", method)]
                if names:
                    lines.append(("Access-Control-Request-Headers", ",".join(names)))
                request = Request("OPTIONS", path, tuple(lines))
                response = await client.ask(request)
                expected = expected_answer(given, path, origin, method, names)
                assert (response.status, cors_of(response)) == expected, (given, request)
                count += 1
            for path, sent, method in itertools.product(KINDS, [*universe.origins, None], ARRIVING):
                request = Request(method, path)
                response = await client.ask(request.from_origins(sent) if sent else request)
                there = {name.lower() for name, _ in response.headers} - {*CORS_NAMES, "vary"}
                expected = expected_actual(given, path, sent, method, there)
                assert (response.status, cors_of(response)) == expected, (given, request, sent)
                count += 1
    assert count == size
