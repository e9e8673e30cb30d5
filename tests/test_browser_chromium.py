"""`_browser.py` beside a real Chromium: generated fetches, and not one disagreement.

Each case is a few `fetch()` calls and a table of answers, malformed ones too, under paths of its
own. Chromium runs them from pages on three kinds of origin; the model runs them on the same table.
Compared are what the script sees, every request that reached the server with the headers that
matter, and the words of the console.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest

from aiohttp_cors_plugin._browser import (
    FetchRequest,
    Headers,
    PreflightCache,
    Received,
    Sent,
    Verdict,
    fetch,
    get,
)
from tests.raw_server import Arrived, RawServer, Reply, raw_server

pytestmark = pytest.mark.browser

SEED = 20260702
CASES = 2400
COOKIE = "c=1"
# Runs the cases, 24 side by side and the fetches of one case in turn; what the script sees.
RUN = """async cases => {
  const see = async ([url, init]) => {
    try {
      const r = await fetch(url, init);
      return {type: r.type, status: r.status, url: r.url, redirected: r.redirected,
              headers: [...r.headers]};
    } catch (error) { return {error: error.message}; }
  };
  const seen = cases.map(() => []);
  let next = 0;
  const worker = async () => {
    while (next < cases.length) {
      const number = next++;
      for (const call of cases[number]) seen[number].push(await see(call));
    }
  };
  await Promise.all(Array.from({length: 24}, worker));
  return seen;
}"""
TEXT = "text/plain;charset=UTF-8"  # what a body that is a string brings


class Route(NamedTuple):
    """The answers of one path: to its preflights, the last one over and over, and to the rest."""

    preflights: tuple[Reply, ...]
    actual: Reply


class Case(NamedTuple):
    requests: tuple[FetchRequest, ...]
    routes: dict[str, Route]  # by path


class Site:
    """Answers by the table, and remembers: one for Chromium, another one for the model."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.seen: dict[str, list[Arrived]] = defaultdict(list)
        self.preflights: dict[str, int] = defaultdict(int)

    def answer(self, arrived: Arrived) -> Reply:
        path = arrived.url.split("/", 3)[3]
        if path == "page":
            return Reply(
                200, (("Content-Type", "text/html"),), b"<!doctype html><title>page</title>"
            )
        self.seen[path.split("/")[0]].append(arrived)
        route = self.routes.get(path)
        if route is None:
            return Reply(404)
        if "access-control-request-method" not in arrived.headers:
            return route.actual
        self.preflights[path] += 1
        return route.preflights[min(self.preflights[path], len(route.preflights)) - 1]

    def network(self, sent: Sent) -> Received:
        headers = {name.lower(): get(sent.headers, name) or "" for name, _ in sent.headers}
        if sent.credentials:
            headers["cookie"] = COOKIE
        reply = self.answer(Arrived(sent.method, sent.url, headers, b"x" * sent.has_body))
        length = () if reply.status in (204, 304) else (("Content-Length", str(len(reply.body))),)
        return Received(reply.status, (*reply.headers, *length))


def predict(case: Case, site: Site, cache: PreflightCache | None = None) -> list[Verdict]:
    site.routes.update(case.routes)
    cache = PreflightCache() if cache is None else cache
    return [run(request, site, cache) for request in case.requests]


def run(request: FetchRequest, site: Site, cache: PreflightCache) -> Verdict:
    steps, received = fetch(request, cache), None
    try:
        while True:
            received = site.network(steps.send(received))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


def call(request: FetchRequest) -> tuple[str, dict[str, Any]]:
    """The arguments of the same `fetch()` in JavaScript."""
    init: dict[str, Any] = {
        "method": request.method,
        "headers": request.headers,
        "credentials": request.credentials,
        "mode": request.mode,
        "redirect": request.redirect,
    }
    if request.has_body:
        init["body"] = "x"
    return request.url, init


def is_thrown(verdict: Verdict) -> bool:
    """Whether `fetch()` itself threw: then the words are the exception's, not the console's."""
    return verdict.message.startswith("Failed to execute")


def sight(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the script sees it."""
    if not verdict.resolved:
        return {"error": verdict.message if is_thrown(verdict) else "Failed to fetch"}
    return {
        "type": verdict.type,
        "status": verdict.status,
        "url": verdict.url,
        "redirected": verdict.redirected,
        "headers": [list(line) for line in verdict.headers],
    }


# What Chromium adds or rewrites on the way, whatever the script said; `Range` in its HTTP cache.
UNWATCHED = frozenset(
    "accept-encoding accept-language cache-control connection content-length host range referer"
    " user-agent".split()
)


def trace(arrived: Sequence[Arrived], *, cookies: bool) -> list[tuple[str, str, dict[str, str]]]:
    """What reached a server: methods, URLs and the headers that matter."""
    return [
        (
            one.method,
            one.url,
            {
                name: value
                for name, value in sorted(one.headers.items())
                if name not in UNWATCHED
                and not name.startswith("sec-")
                and (cookies or name != "cookie")
            },
        )
        for one in arrived
    ]


class World(NamedTuple):
    """The pages, by their origins, and the servers that the cases may ask."""

    frame: Any
    origin: str
    servers: tuple[str, ...]
    cookies: bool  # compared only where no cookie is withheld for being another site's


class Lab(NamedTuple):
    site: Site
    server: RawServer
    worlds: dict[str, World]
    console: list[tuple[str, str]]  # the text, and the URL that it is about


@pytest.fixture
async def lab(chromium: Any) -> AsyncIterator[Lab]:
    site = Site()
    async with raw_server(site.answer, ports=3) as server:
        page_port, *ports = server.ports
        console: list[tuple[str, str]] = []
        worlds = {}
        context = await chromium.new_context()
        for host in ("127.0.0.1", "localhost"):
            page = await context.new_page()
            page.on("console", lambda said: console.append((said.text, said.location["url"])))
            origin = f"http://{host}:{page_port}"
            await page.goto(f"{origin}/page")
            await page.evaluate("cookie => { document.cookie = cookie; }", COOKIE)
            others = tuple(f"http://127.0.0.1:{port}" for port in ports)
            if host == "localhost":
                others = (others[0], f"http://localhost:{ports[1]}")
            worlds[host] = World(page.main_frame, origin, (origin, *others), host != "localhost")
        first = worlds["127.0.0.1"]
        await first.frame.evaluate(
            """() => new Promise(resolve => {
              const frame = document.createElement("iframe");
              frame.sandbox = "allow-scripts";
              frame.srcdoc = "<!doctype html><title>sandbox</title>";
              frame.onload = resolve;
              document.body.append(frame);
            })"""
        )
        (sandbox,) = first.frame.child_frames
        worlds["sandbox"] = World(sandbox, "null", first.servers, False)
        yield Lab(site, server, worlds, console)
        await context.close()


# --- Generated cases ----------------------------------------------------------------------------

METHODS = (
    *("GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "PUT", "DELETE", "PATCH", "OPTIONS"),
    *("patch", "put", "Post", "CHICKEN", "QUERY", "*", "connect", "TRACE", "a b", ""),
)
LONG = "a" * 128
REQUEST_HEADERS: dict[str, tuple[str, ...]] = {
    "X-Foo": ("1", "", "a, b"),
    "x-bar": ("2",),
    "X_Under": ("3",),
    "Authorization": ("Bearer t",),
    "Content-Type": (
        *("text/plain", "application/json", "Multipart/Form-Data; boundary=x", "text/plain;a=b:c"),
        *("application/x-www-form-urlencoded", "", "text/ plain", "text/plain ; x", "text"),
        *("text/plain\t", "a/b", "text/plain, a/b", f"text/plain;{LONG}", "text/plain;\xe9"),
    ),
    "Accept": ("a/b", "a(b", LONG, LONG + "a", "\xe9", "a\tb", "a\x01b", "a{b", "", "a\x7f"),
    "Accept-Language": ("en", "en_US", "de-DE, en;q=0.5", "", LONG + "a"),
    "Content-Language": ("en", "e\xe9", "*", "a\tb"),
    "Range": ("bytes=0-", "bytes=0-5", "bytes=5-1", "bytes=-5", "bytes=0-1,3-4", "items=0-"),
    "X-HTTP-Method-Override": ("TRACE", "GET, connect", "PUT", '"a,TRACE"', '"a",TRACK'),
    "X-Method-Override": ("trace ", "TRACES"),
    "Sec-Foo": ("1",),
    "Proxy-Foo": ("1",),
    "Cookie": ("stolen=1",),
    "Origin": ("https://other.example",),
    "Access-Control-Request-Method": ("PUT",),
    "DNT": ("1",),
}
RESPONSE_HEADERS: Headers = (
    ("X-A", "1"),
    ("X-B", "2"),
    ("x-a", "3"),
    ("ETag", '"e"'),
    ("Set-Cookie2", "x=1"),
    ("Content-Type", "text/plain"),
    ("Content-Language", "en"),
    ("Expires", "0"),
    ("Last-Modified", "Thu, 02 Jul 2026 00:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("Vary", "Origin"),
    ("*", "star"),
)
EXPOSED = (
    *("*", "X-A", "x-a, X-B", "*, X-A", "X-A, a b", "Set-Cookie, Set-Cookie2, X-A", ",, X-B ,"),
    *("", '"X-A"', "ETag\t,\tVary", "@@"),
)
ALLOW_METHODS = (
    *("*", "PUT, DELETE, PATCH, OPTIONS", "PUT,DELETE,PATCH,OPTIONS,patch,CHICKEN,QUERY"),
    *("GET, POST", "put, patch", "", ", ,PUT,", "PUT;DELETE", "PUT, a b", '"PUT"', "PUT\t,\t*"),
    *("*, PUT", "PUT DELETE", "@@", "CHICKEN"),
)
EVERY_NAME = (
    "x-foo, X-BAR, X_Under, Authorization, content-type, accept, accept-language,"
    " Content-Language, range, X-HTTP-Method-Override, x-method-override"
)
ALLOW_HEADERS = (
    *("*", "*", EVERY_NAME, EVERY_NAME, EVERY_NAME, "X-Foo", "", "x-bar,,", "a b", "X-Foo; x-bar"),
    *("*, authorization", '"*"', "X-Foo\tx-bar", "content-type"),
)
MAX_AGES = ("0", "5", "60", "00", "007", "junk", "", "1.5", "5s", "86400", "5, 5")
UNUSABLE = {
    "data:text/plain,x": "ERR_UNSAFE_REDIRECT",
    "http://[": "ERR_INVALID_REDIRECT",
    "http://x:99999/": "ERR_INVALID_REDIRECT",
}


def wrong_origins(origin: str) -> tuple[str, ...]:
    return (
        *(f"{origin}/", origin.upper(), f"{origin}, {origin}", f"{origin} *", f"{origin},"),
        *("https://other.example", "null", "NULL", "", "example.com", "http://", "**", "*, *"),
        *(
            "https://*.example.com",
            "http://[::1",
            "localhost:8080",
            '"*"',
            "http:/x",
            "//x.example",
        ),
    )


class Generator:
    """Cases of one world, from a seed."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)

    def maybe(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, *values: Any) -> Any:
        return self.random.choice(values)

    def case(self, number: str) -> Case:
        roll = self.random.random()
        if roll < 0.12:
            return self.cached(number)
        first = self.request(f"{self.pick(*self.world.servers)}/{number}/0")
        routes = {}
        hops = self.pick(0, 0, 0, 0, 1, 1, 2, 3)
        for hop in range(hops + 1):
            following = f"{number}/{hop + 1}" if hop < hops else None
            routes[f"{number}/{hop}"] = self.route(first, following)
        return Case((first,), routes)

    def cached(self, number: str) -> Case:
        """Some fetches of one URL, whose answers say nothing new: see the departures."""
        url = f"{self.pick(*self.world.servers[1:])}/{number}/0"
        requests = []
        for _ in range(self.pick(2, 3, 4)):
            request = self.request(url)
            requests.append(request._replace(mode="cors", redirect="follow"))
        everything = any(get(request.headers, "Authorization") for request in requests)
        included = any(request.credentials == "include" for request in requests)
        preflight = self.preflight(everything or included, no_wildcard=included)
        ages = ("0", "60", None)
        access = (
            ("Access-Control-Allow-Origin", self.world.origin),
            ("Access-Control-Allow-Credentials", "true"),
        )
        actual = Reply(200, (*access, ("Cache-Control", "no-store")))
        age = self.pick(*ages) if self.world.origin != "null" else "0"
        headers = tuple(line for line in preflight.headers if line[0] != "Access-Control-Max-Age")
        if age is not None:
            headers += (("Access-Control-Max-Age", age),)
        return Case(
            tuple(requests), {f"{number}/0": Route((preflight._replace(headers=headers),), actual)}
        )

    def request(self, url: str) -> FetchRequest:
        method = self.pick(*METHODS)
        mode = self.pick(*["cors"] * 6, "same-origin", "no-cors")
        if mode == "no-cors" and self.world.origin == "null":
            method = "POST"
        headers: list[tuple[str, str]] = []
        if self.maybe(0.7):
            names = self.random.sample(sorted(REQUEST_HEADERS), self.pick(0, 1, 1, 2, 3))
            headers.extend((name, self.pick(*REQUEST_HEADERS[name])) for name in names)
        if self.maybe(0.1):
            headers.append(("x-foo", "again"))
        if self.maybe(0.02):
            headers.append(self.pick(("a b", "1"), ("x-c", "a\nb"), ("", "1"), ("x-c", "\0")))
        body = (method.upper() not in ("GET", "HEAD") and self.maybe(0.4)) or self.maybe(0.02)
        return FetchRequest(
            url,
            self.world.origin,
            method,
            tuple(headers),
            body,
            self.pick("omit", "same-origin", "include", "include"),
            mode,
            self.pick("follow", "follow", "follow", "follow", "error", "manual"),
            body_type=TEXT if body else "",
        )

    def access(self, right: float = 0.85) -> Headers:
        """`Access-Control-Allow-Origin` and `-Credentials`, often right."""
        origin = self.world.origin
        if not self.maybe(right):
            lines: list[tuple[str, str]] = []
            for _ in range(self.pick(0, 1, 1, 1, 2)):
                value = self.pick(origin, "*", *wrong_origins(origin))
                lines.append(
                    (self.pick("Access-Control-Allow-Origin", "access-control-allow-origin"), value)
                )
        else:
            lines = [
                ("Access-Control-Allow-Origin", self.pick(origin, origin, origin, "*", "null"))
            ]
        if self.maybe(0.7):
            lines.append(("Access-Control-Allow-Credentials", "true"))
        elif self.maybe(0.5):
            value = self.pick("True", "TRUE", "false", "", "1", "true, true", "'true'")
            lines.append(("Access-Control-Allow-Credentials", value))
        return tuple(lines)

    def preflight(self, authorized: bool, *, no_wildcard: bool = False) -> Reply:
        headers = list(self.access())
        methods, names = ALLOW_METHODS, ALLOW_HEADERS
        if authorized:  # what Chromium lets the wildcard cover is among the departures
            names = tuple(f"{value}, authorization" if value == "*" else value for value in names)
        if no_wildcard:
            methods = tuple(value for value in methods if "*" not in value)
            names = tuple(value for value in names if "*" not in value)
        if self.maybe(0.9):
            headers.append(("Access-Control-Allow-Methods", self.pick(*methods[:3], *methods)))
        if self.maybe(0.1):
            headers.append(("access-control-allow-methods", self.pick(*methods)))
        if self.maybe(0.9):
            headers.append(("Access-Control-Allow-Headers", self.pick(*names[:5], *names)))
        if self.maybe(0.1):
            headers.append(("Access-Control-Allow-Headers", self.pick(*names)))
        if self.maybe(0.3):
            headers.append(("Access-Control-Max-Age", self.pick(*MAX_AGES)))
        status = self.pick(200, 204)
        if self.maybe(0.12):
            status = self.pick(
                201, 206, 299, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 500
            )
        if 300 < status < 309 and self.maybe(0.5):
            headers.append(("Location", "/elsewhere"))
        return Reply(status, tuple(headers))

    def route(self, request: FetchRequest, following: str | None) -> Route:
        authorized = get(request.headers, "Authorization") is not None
        headers = [*self.access(0.92), *self.random.sample(RESPONSE_HEADERS, self.pick(0, 3, 9))]
        if self.maybe(0.5):
            headers.append(("Access-Control-Expose-Headers", self.pick(*EXPOSED)))
        if self.maybe(0.1):
            headers.append(("Access-Control-Expose-Headers", self.pick(*EXPOSED)))
        status = self.pick(
            200, 200, 200, 201, 204, 205, 206, 300, 304, 400, 401, 403, 404, 500, 503, 700
        )
        if following is not None:
            status = self.pick(301, 302, 303, 307, 308)
            headers.append(("Location", self.location(request, following)))
        elif self.maybe(0.04) and request.redirect != "error":
            status = self.pick(301, 302, 303, 307, 308)
        body = self.pick(b"", b"body")
        return Route((self.preflight(authorized),), Reply(status, tuple(headers), body))

    def location(self, request: FetchRequest, following: str) -> str:
        plain = request.mode == "no-cors" and request.method.upper() != "GET"
        if plain or self.maybe(0.4):
            return self.pick(f"/{following}", f"../{following}", f"/{following}#part")
        server = self.pick(*self.world.servers)
        if self.maybe(0.04) and request.redirect != "manual":
            return self.pick(*UNUSABLE)
        if self.maybe(0.06) and request.mode == "cors" and server != self.world.origin:
            server = server.replace("//", self.pick("//u:p@", "//u@", "//:p@"))
        return f"{server}/{following}"


async def compare(lab: Lab, world: World, cases: dict[str, Case]) -> tuple[int, list[str]]:
    """Run the cases in Chromium and in the model: the number of fetches, the disagreements."""
    for case in cases.values():
        lab.site.routes.update(case.routes)
    lab.console.clear()
    calls = [[call(request) for request in case.requests] for case in cases.values()]
    seen = await asyncio.wait_for(world.frame.evaluate(RUN, calls), 300)
    wrong = []
    model = Site()
    verdicts = {number: predict(case, model) for number, case in cases.items()}
    for (number, case), results in zip(cases.items(), seen, strict=True):
        predicted = [sight(verdict) for verdict in verdicts[number]]
        expected = trace(model.seen[number], cookies=world.cookies)
        arrived = trace(lab.site.seen[number], cookies=world.cookies)
        if (results, arrived) != (predicted, expected):
            wrong.append(
                f"{case}\n  chromium {results}\n  model    {predicted}\n  chromium {arrived}"
                f"\n  model    {expected}\n  {[verdict.reason for verdict in verdicts[number]]}"
            )
    wrong += await compare_console(lab, verdicts)
    return sum(len(case.requests) for case in cases.values()), wrong


async def compare_console(lab: Lab, verdicts: dict[str, list[Verdict]]) -> list[str]:
    """Whether the console says of each refusal what the verdict says."""
    missing: list[str] = []
    for _ in range(50):  # the console comes by another way than the result
        said: dict[str, set[str]] = defaultdict(set)
        for text, url in lab.console:
            for number in re.findall(r"//[^/]+/([^/']+)/\d", f"{text} {url}"):
                said[number].add(text.strip())
        missing = [
            f"{verdict.message!r} is not among {said[number]}"
            for number, several in verdicts.items()
            for verdict in several
            if not is_thrown(verdict) and verdict.message and not wordings(verdict) & said[number]
        ]
        if not missing:
            return []
        await asyncio.sleep(0.1)
    return missing


def wordings(verdict: Verdict) -> set[str]:
    """The message, in the forms that Chromium may give it."""
    if not verdict.steps:
        return {verdict.message}
    sent, received = verdict.steps[-1]
    if verdict.reason == "redirect-leaves-origin":  # with the frame's own URL
        return {re.sub(r"(frame with URL [^ ]*/)", r"\1page", verdict.message)}
    if verdict.reason == "header-not-in-allow-headers":  # of several, whichever comes first there
        names = (get(sent.headers, "Access-Control-Request-Headers") or "").split(",")
        return {verdict.message.replace(f" {verdict.subject} ", f" {name} ") for name in names}
    # A Location that cannot be followed is found before the CORS check.
    location = received and get(received.headers, "Location")
    bad = UNUSABLE.get(location or "")
    return {verdict.message, f"Failed to load resource: net::{bad}"}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "sandbox"])
async def test_generated_fetches(lab: Lab, name: str) -> None:
    world = lab.worlds[name]
    generator = Generator(world, SEED + len(name))
    cases = {f"{name}-{n}": generator.case(f"{name}-{n}") for n in range(CASES // 3)}
    count, wrong = await compare(lab, world, cases)
    assert not wrong, f"{len(wrong)} of {count}\n" + "\n".join(wrong[:5])
    assert count >= CASES // 3


# What a script writes, or a server in a Location, behind the path; and what arrives.
WRITTEN = {
    "?a=b c&x=%41%7E&s=a+b'": "?a=b%20c&x=%41%7E&s=a+b%27",
    '/"a^b`{c}<d>%zz': "/%22a%5Eb%60%7Bc%7D%3Cd%3E%zz",
    "/x\\./y/%2e%2e/z?": "/x/z?",
    "?sign=%2f+%2F==#\xe9 ": "?sign=%2f+%2F==",
}
BYTES = {"?\xc3\xbc \xfc": "?%C3%BC%20%FC", "/\xe2\x82\xac": "/%E2%82%AC"}


async def test_urls_arrive_as_the_standard_serialises_them(lab: Lab) -> None:
    world = lab.worlds["127.0.0.1"]
    access = (("Access-Control-Allow-Origin", world.origin), ("Cache-Control", "no-store"))
    page, cases = f"{world.origin}/page", {}
    for n, (written, arrives) in enumerate((WRITTEN | BYTES).items()):
        for kind in ("whole", "relative", "location"):
            number = f"{kind}{n}"
            base = "" if kind == "relative" else world.servers[1]
            url = f"{base}/{number}/0" + ("" if kind == "location" else written)
            routes = {f"{number}/0{arrives}": Route((), Reply(200, access))}
            if kind == "location":
                location = (("Location", f"{number}/../0{written}"), *access)
                url = f"{base}/{number}/0"
                routes[f"{number}/0"] = Route((), Reply(302, location))
            if kind == "location" or written in WRITTEN:
                cases[number] = Case((FetchRequest(url, world.origin, base=page),), routes)
    count, wrong = await compare(lab, world, cases)
    assert not wrong, "\n".join(wrong)
    assert count == 3 * len(WRITTEN) + len(BYTES)
    found = {one.url.split("/", 3)[3] for several in lab.site.seen.values() for one in several}
    assert {path for case in cases.values() for path in case.routes} == found - {"favicon.ico"}


# --- Departures ---------------------------------------------------------------------------------


class Departure(NamedTuple):
    """One that `_browser.py` tells of: what the standard makes of a case, what Chromium does."""

    standard: str
    chromium: str
    requests: Sequence[dict[str, Any]]
    preflights: Sequence[dict[str, str]] = ({},)
    actual: Reply = Reply()
    following: Reply | None = None  # after a redirect
    world: str = "127.0.0.1"
    server: int = 1  # 0: the page's own origin


PUT, DELETE = {"method": "PUT"}, {"method": "DELETE"}
METHODS_NAME, NAMES_NAME = "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"
AGE_NAME = "Access-Control-Max-Age"
FOO, BAR, TOKEN = ({"headers": ((name, "1"),)} for name in ("X-Foo", "X-Bar", "Authorization"))
INCLUDE = {"credentials": "include"}


def location(value: str) -> Reply:
    return Reply(302, (("Location", value),))


DEPARTURES = {
    "the wildcard covers Authorization": Departure(
        "OPTIONS -> rejected", "OPTIONS GET -> 200", [TOKEN], [{NAMES_NAME: "*"}]
    ),
    "but not out of the cache": Departure(
        "OPTIONS GET OPTIONS -> 200 rejected",
        "OPTIONS GET OPTIONS GET -> 200 200",
        [FOO, TOKEN],
        [{NAMES_NAME: "*"}],
    ),
    **{
        f"{name}: {value} needs no preflight": Departure(
            "OPTIONS -> rejected", "GET -> 200", [{"headers": ((name, value),)}]
        )
        for name, value in (
            ("Device-Memory", "0.5"),
            ("Downlink", "1.5"),
            ("DPR", "2"),
            ("ECT", "4g"),
            ("Intervention", "any"),
            ("RTT", "50"),
            ("Save-Data", "on"),
            ("Viewport-Width", "800"),
            ("Width", "800"),
        )
    },
    "User-Agent is dropped": Departure(
        "OPTIONS -> rejected", "GET -> 200", [{"headers": (("User-Agent", "mine"),)}]
    ),
    "two values of 65 bytes are judged together": Departure(
        "GET -> 200", "OPTIONS -> rejected", [{"headers": (("Accept", "a" * 65),) * 2}]
    ),
    "two types of content are judged together": Departure(
        "GET -> 200", "OPTIONS -> rejected", [{"headers": (("Content-Type", "text/plain"),) * 2}]
    ),
    "a range beyond 63 bits is no simple one": Departure(
        "GET -> 200", "OPTIONS -> rejected", [{"headers": (("Range", f"bytes={2**63}-"),)}]
    ),
    "an error on redirects ignores one without a Location": Departure(
        "GET -> rejected", "GET -> 302", [{"redirect": "error"}], actual=Reply(302)
    ),
    "an empty Location is none": Departure(
        "GET " * 21 + "-> rejected", "GET -> 302", [{}], actual=location("")
    ),
    "equal Locations are one": Departure(
        "GET -> rejected",
        "GET GET -> 200",
        [{}],
        actual=Reply(302, location("{1}").headers * 2),
        following=Reply(),
    ),
    "a password on a redirect within the page's origin": Departure(
        "GET GET -> 200",
        "GET -> rejected",
        [{}],
        actual=location("{u:p@0}"),
        following=Reply(),
        server=0,
    ),
    "a password on a redirect without CORS": Departure(
        "GET GET -> 0",
        "GET -> rejected",
        [{"mode": "no-cors"}],
        actual=location("{u:p@1}"),
        following=Reply(),
    ),
    "a redirect without CORS hides the origin": Departure(
        "POST POST -> 0",
        "POST POST/null -> 0",
        [{"mode": "no-cors", "method": "POST"}],
        actual=Reply(307, location("{1}").headers),
        following=Reply(),
        server=0,
    ),
    "an opaque origin is sent with credentials": Departure(
        "GET GET -> 0 0",
        "GET GET/null -> 0 0",
        [{"mode": "no-cors"}, {"mode": "no-cors", **INCLUDE}],
        world="sandbox",
    ),
    "the cache outlives a refusal of the actual answer": Departure(
        "OPTIONS PUT OPTIONS PUT -> rejected rejected",
        "OPTIONS PUT PUT -> rejected rejected",
        [PUT, PUT],
        [{METHODS_NAME: "PUT"}],
        Reply(200, (("Access-Control-Allow-Origin", "null"),)),
    ),
    "the last answer replaces the one before": Departure(
        "OPTIONS PUT OPTIONS DELETE PUT -> 200 200 200",
        "OPTIONS PUT OPTIONS DELETE OPTIONS -> 200 200 rejected",
        [PUT, DELETE, PUT],
        [{METHODS_NAME: "PUT"}, {METHODS_NAME: "DELETE"}],
    ),
    "a literal asterisk stays one in the cache: methods": Departure(
        "OPTIONS PUT DELETE -> 200 200",
        "OPTIONS PUT OPTIONS -> 200 rejected",
        [{**PUT, **INCLUDE}, {**DELETE, **INCLUDE}],
        [{METHODS_NAME: "PUT, *"}],
    ),
    "a literal asterisk stays one in the cache: headers": Departure(
        "OPTIONS GET GET -> 200 200",
        "OPTIONS GET OPTIONS -> 200 rejected",
        [{**FOO, **INCLUDE}, {**BAR, **INCLUDE}],
        [{NAMES_NAME: "X-Foo, *"}],
    ),
    **{
        f"a maximum age of {age} is 0": Departure(
            "OPTIONS PUT PUT -> 200 200",
            "OPTIONS PUT OPTIONS PUT -> 200 200",
            [PUT, PUT],
            [{METHODS_NAME: "PUT", AGE_NAME: age}],
        )
        for age in ("-1", "+0")
    },
    "nothing is kept for an opaque origin": Departure(
        "OPTIONS/null PUT/null PUT/null -> 200 200",
        "OPTIONS/null PUT/null OPTIONS/null PUT/null -> 200 200",
        [PUT, PUT],
        [{METHODS_NAME: "PUT"}],
        world="sandbox",
    ),
    "nothing is kept for an origin that redirects hide": Departure(
        "OPTIONS PUT OPTIONS/null PUT/null PUT PUT/null -> 200 200",
        "OPTIONS PUT OPTIONS/null PUT/null PUT OPTIONS/null PUT/null -> 200 200",
        [PUT, PUT],
        [{METHODS_NAME: "PUT"}],
        actual=Reply(307, location("{2}").headers),
        following=Reply(),
    ),
}


def case_of(departure: Departure, world: World, number: str) -> Case:
    def allowed(reply: Reply, origin: str) -> Reply:
        lines: Headers = ()
        for name, value in reply.headers:
            place = re.fullmatch(r"\{(.*@)?(\d)\}", value)
            if place is not None:
                server = world.servers[int(place[2])].replace("//", f"//{place[1] or ''}")
                value = f"{server}/{number}/1"  # noqa: PLW2901
            lines += ((name, value),)
        if not any(name == "Access-Control-Allow-Origin" for name, _ in lines):
            lines += (("Access-Control-Allow-Origin", origin),)
        lines += (("Access-Control-Allow-Credentials", "true"), ("Cache-Control", "no-store"))
        return Reply(reply.status, lines)

    url = f"{world.servers[departure.server]}/{number}/0"
    requests = tuple(FetchRequest(url, world.origin, **init) for init in departure.requests)

    def route(actual: Reply, origin: str) -> Route:
        replies = (Reply(204, tuple(lines.items())) for lines in departure.preflights)
        return Route(tuple(allowed(reply, origin) for reply in replies), allowed(actual, origin))

    routes = {f"{number}/0": route(departure.actual, world.origin)}
    if departure.following is not None:
        hidden = "{2}" in str(departure.actual.headers)
        routes[f"{number}/1"] = route(departure.following, "null" if hidden else world.origin)
    return Case(requests, routes)


def summary(arrived: Sequence[Arrived], results: Sequence[dict[str, Any]]) -> str:
    methods = (one.method + "/null" * (one.headers.get("origin") == "null") for one in arrived)
    ends = (str(result.get("status", "rejected")) for result in results)
    return f"{' '.join(methods)} -> {' '.join(ends)}"


async def test_departures_are_as_told(lab: Lab) -> None:
    for name, world in lab.worlds.items():
        rows = {title: row for title, row in DEPARTURES.items() if row.world == name}
        cases = {
            f"{name}-departure-{n}": case_of(row, world, f"{name}-departure-{n}")
            for n, row in enumerate(rows.values())
        }
        model = Site()
        verdicts = [predict(case, model) for case in cases.values()]
        for case in cases.values():
            lab.site.routes.update(case.routes)
        calls = [[call(request) for request in case.requests] for case in cases.values()]
        seen = await asyncio.wait_for(world.frame.evaluate(RUN, calls), 60)
        standard = {
            title: summary(model.seen[number], [sight(verdict) for verdict in several])
            for title, number, several in zip(rows, cases, verdicts, strict=True)
        }
        chromium = {
            title: summary(lab.site.seen[number], results)
            for title, number, results in zip(rows, cases, seen, strict=True)
        }
        assert standard == {title: row.standard for title, row in rows.items()}
        assert chromium == {title: row.chromium for title, row in rows.items()}


async def test_how_long_answers_are_kept(lab: Lab) -> None:
    """The default is five seconds; Chromium: also of a number that is too large to read."""
    world = lab.worlds["127.0.0.1"]
    ages = {None: 1, "junk": 1, "5": 1, "60": 0, "7200": 0, "99999999": 0, "9" * 30: 0, "0": 2}
    now = 0.0
    cache = PreflightCache(clock=lambda: now)
    model, requests = Site(), []
    access = (("Access-Control-Allow-Origin", world.origin), ("Cache-Control", "no-store"))
    for n, age in enumerate(ages):
        headers = (*access, (METHODS_NAME, "PUT"), *([(AGE_NAME, age)] if age is not None else []))
        route = Route((Reply(204, headers),), Reply(200, access))
        lab.site.routes[f"age{n}/0"] = model.routes[f"age{n}/0"] = route
        requests.append(FetchRequest(f"{world.servers[1]}/age{n}/0", world.origin, **PUT))
    for wait in (0, 1, 5.5):
        await asyncio.sleep(wait)
        now += wait
        await world.frame.evaluate(RUN, [[call(request) for request in requests]])
        for request in requests:
            run(request, model, cache)
    arrived, predicted = (
        [site.preflights[f"age{n}/0"] - 1 for n in range(len(ages))] for site in (lab.site, model)
    )
    assert predicted == list(ages.values())
    assert arrived == [1 if age == "9" * 30 else times for age, times in ages.items()]
