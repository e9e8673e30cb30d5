"""The README's section on moving over, run: each pair of blocks configures one application twice.

A grid of fetches is judged for both by what a browser would do. Where the outcomes differ, exactly
one of the reasons in `RULES` applies, and the README's table tells how often.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiohttp_cors_plugin._browser import FetchRequest, Headers, Received, Sent, Verdict, fetch, get
from tests.app import ADMIN, APP, EVIL, boom, events, ok, own_options

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8") if README.exists() else ""
SECTION = TEXT.partition("<!-- moving over -->\n")[2].partition("<!-- moved over -->\n")[0]
pytestmark = pytest.mark.skipif(not TEXT, reason="the README is in the source tree only")
BLOCKS = {
    (name, side): code
    for side, names, code in re.findall(
        r"^<!-- (before|after): ([\w, -]+) -->\n```py\n(.*?)^```$",
        SECTION,
        re.DOTALL | re.MULTILINE,
    )
    for name in names.split(", ")
}
TABLE = {
    cells[0]: tuple(map(int, cells[1:]))
    for cells in re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| (\d+) \|$", SECTION, re.MULTILINE)
}

# --- The application ----------------------------------------------------------------------------

SITE = "http://api.example.org"
LOCAL, LOOKALIKE = "http://localhost:3000", "http://localhost.evil.example"
ORIGINS = (APP, ADMIN, LOCAL, LOOKALIKE, EVIL, "null")
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
JSON: Headers = (("Content-Type", "application/json"),)
CREDENTIALS: tuple[Literal["omit", "include"], ...] = ("omit", "include")
HEADERS: tuple[Headers, ...] = (
    *((), JSON, (("X-Token", "1"),), (("Authorization", "1"),)),
    (("X-Other", "1"),),
)
EVERY_KIND = (
    "/things /things/1 /users/me /any /view /own /missing /boom /moved /events /hand /members"
    " /static/file.txt /nothing"
).split()
HELLO = ["/hello", "/nothing"]
STATIC = ["/static/file.txt", "/static/none", "/nothing"]
URLS = ["/api/hello", "/api/nothing", "/private", "/nothing"]


class Recipe(NamedTuple):
    """The paths that its grid has, and the pages that may read anything by the new options."""

    paths: Sequence[str]
    pages: Sequence[str] = (APP,)


# By the columns of the README's table.
RECIPES = (
    {"middleware": Recipe(EVERY_KIND, (APP, ADMIN))},
    {
        "loop": Recipe(EVERY_KIND),
        "origins": Recipe(HELLO, ORIGINS),
        "overrides": Recipe([*HELLO, "/private"], (APP, ADMIN)),
        "methods": Recipe([*HELLO, "/narrow"]),
        "views": Recipe(HELLO),
        "static": Recipe(STATIC),
        "everything": Recipe(HELLO, ORIGINS),
        "everything-listed": Recipe(HELLO, (APP, LOCAL)),
        "everything-asked": Recipe(HELLO, (APP, ADMIN)),
    },
    {
        "cors-middleware": Recipe(EVERY_KIND, (APP, LOCAL)),
        "allow-all": Recipe(HELLO, ORIGINS),
        "urls": Recipe(URLS),
    },
)
NAMED = {name: recipe for column in RECIPES for name, recipe in column.items()}


async def total(_request: web.Request) -> web.Response:
    return web.json_response([], headers={"X-Total": "1", "ETag": '"e"'})


async def missing(_request: web.Request) -> web.Response:
    raise web.HTTPNotFound


async def moved(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/things")


async def by_hand(_request: web.Request) -> web.Response:
    return web.Response(headers={"Access-Control-Allow-Origin": "*"})


class Item(web.View):
    async def get(self) -> web.Response:
        return web.Response()

    async def put(self) -> web.Response:
        return web.Response()


@web.middleware
async def authenticate(request: web.Request, handler: Any) -> web.StreamResponse:
    if request.path == "/members" and "X-Token" not in request.headers:
        raise web.HTTPUnauthorized
    response: web.StreamResponse = await handler(request)
    return response


def names_of(folder: Path) -> dict[str, Any]:
    """What the README says that its blocks find there."""
    routes = [
        *(web.get("/things", total), web.post("/things", ok)),
        *(web.get("/things/{id}", total), web.delete("/things/{id}", ok)),
        web.put("/things", ok),  # apart: another resource on one path
        *(web.post("/users/me", ok), web.get("/users/{id}", total), web.put("/users/{id}", ok)),
        *(web.route("*", "/any", ok), web.view("/view", Item)),
        *(web.post("/own", ok), web.options("/own", own_options)),
        *(web.get("/missing", missing), web.get("/boom", boom), web.get("/moved", moved)),
        *(web.get("/events", events), web.get("/hand", by_hand)),
        *(web.get("/members", total), web.put("/members", ok)),
        web.static("/static", folder),
    ]
    given = {"routes": routes, "handler": total, "folder": folder, "authenticate": authenticate}
    return {"web": web, "app": web.Application(), **given}


# --- Fetches over a socket ----------------------------------------------------------------------


class Network:
    """One connection to a server; what was answered before is not asked again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: dict[tuple[str, str, Headers], Received | None] = {}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def fetch(self, request: FetchRequest) -> Verdict:
        steps, received = fetch(request), None
        try:
            while True:
                received = await self.answer(steps.send(received))
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict

    async def answer(self, sent: Sent) -> Received | None:
        key = (sent.method, sent.url, sent.headers)  # cookies change nothing here
        if key not in self.answers:
            self.answers[key] = await self._ask(sent)
        return self.answers[key]

    async def _ask(self, sent: Sent) -> Received | None:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        lines = [f"{sent.method} {sent.url.removeprefix(SITE)} HTTP/1.1", "Host: api.example.org"]
        lines += [f"{name}: {value}" for name, value in sent.headers]
        writer.write("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            return None
        first, *lines = head[:-4].split("\r\n")
        fields = (line.split(": ", 1) for line in lines)
        received = Received(int(first.split()[1]), tuple((name, value) for name, value in fields))
        if get(received.headers, "Transfer-Encoding") == "chunked":
            while (await reader.readline()).strip() != b"0":
                await reader.readline()
            await reader.readline()
        else:
            await reader.readexactly(int(get(received.headers, "Content-Length") or 0))
        if get(received.headers, "Connection") == "close":
            self.close()
        return received

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    def mixed_up(self) -> int:
        """The GETs of which a cache could give one origin what is another's."""
        seen: dict[tuple[str, Headers], dict[str, bool]] = {}
        for (method, url, headers), received in self.answers.items():
            if method == "GET" and received is not None:
                allowed = get(received.headers, "Access-Control-Allow-Origin") or ""
                vary = "origin" in (get(received.headers, "Vary") or "").lower()
                others = tuple(line for line in headers if line[0] != "Origin")
                allows = seen.setdefault((url, others), {})
                allows[allowed] = allows.get(allowed, True) and vary
        return sum(len(allows) > 1 and not all(allows.values()) for allows in seen.values())


class Case(NamedTuple):
    """One fetch whose outcome differs."""

    recipe: str
    request: FetchRequest
    before: Verdict
    after: Verdict

    @property
    def path(self) -> str:
        return self.request.url.removeprefix(SITE)

    @property
    def is_lookalike(self) -> bool:
        """Whether the page is one that an expression without an end lets in."""
        return self.recipe == "cors-middleware" and self.request.origin == LOOKALIKE

    @property
    def refused(self) -> tuple[bool, int]:
        """What came back where it failed before: of a preflight? the status."""
        sent, received = self.before.steps[-1]
        return sent.is_preflight, 0 if received is None else received.status


def is_gained(case: Case, status: int = 0) -> bool:
    """Whether a page can read now what it could not, an error excepted if not named."""
    gained = case.after.resolved and not case.before.resolved
    return gained and (case.after.status == status if status else case.after.status < 400)


def is_lost(case: Case) -> bool:
    return case.before.resolved and not case.after.resolved


def is_apart(case: Case) -> bool:
    """Whether the first resource on the path is not the one that serves the method."""
    split = {"/things": ("PUT",), "/users/me": ("GET", "PUT")}
    return case.request.method in split.get(case.path, ())


KINDS = ("/any", "/view", "/own")
RULES: dict[str, Callable[[Case], bool]] = {
    "an error, or a redirect that a handler raises, carried no headers": lambda case: (
        case.after.resolved
        and case.before.reason == "allow-origin-missing"
        and case.refused[0] is False
        and (case.refused[1] >= 400 or case.after.redirected)
    ),
    "no preflight passed for a path that nobody serves: its 404 was unreadable": lambda case: (
        is_gained(case, 404) and case.refused == (True, 404)
    ),
    "an authentication middleware answered preflights": lambda case: (
        case.after.resolved and case.refused == (True, 401)
    ),
    "the methods were a list, and the router serves more": lambda case: (
        case.after.resolved
        and case.request.method == "PATCH"
        and case.before.reason == "method-not-in-allow-methods"
    ),
    "a stream had sent its headers before the middleware set more": lambda case: (
        is_gained(case) and case.path == "/events" and case.refused == (False, 200)
    ),
    "`*` routes, `web.View`s or resources with an OPTIONS route were left out": lambda case: (
        is_gained(case)
        and case.path in KINDS
        and case.recipe in ("middleware", "loop")
        and case.before.reason != "method-not-in-allow-methods"
    ),
    "preflights reached the first of two resources on a path": lambda case: (
        is_gained(case) and case.recipe == "loop" and is_apart(case) and case.refused == (True, 403)
    ),
    "a static resource refused every preflight": lambda case: (
        case.after.resolved and case.recipe == "static" and case.refused == (True, 403)
    ),
    "a JSON body needed `Content-Type` in the list": lambda case: (
        case.after.resolved
        and case.request.headers == JSON
        and case.refused[0] is True
        and case.refused[1] in (200, 403)
        and case.recipe != "static"
        and case.path not in KINDS
        and not is_apart(case)
        and case.before.reason != "method-not-in-allow-methods"
    ),
    "an assertion or a `KeyError` in the hook dropped the connection": lambda case: (
        case.after.resolved and case.before.reason == "no-answer"
    ),
    "a header that a handler set by hand let other origins in": lambda case: (
        is_lost(case)
        and (case.path, case.before.status) == ("/hand", 200)
        and not case.is_lookalike
    ),
    "a preflight promised what the path does not serve: the page read a 405, or a 401": (
        lambda case: (
            is_lost(case)
            and case.before.status in (401, 405)
            and case.after.steps[-1].sent.is_preflight
            and not case.is_lookalike
        )
    ),
    "`^https?://localhost` let `http://localhost.evil.example` in": lambda case: (
        is_lost(case) and case.is_lookalike
    ),
    '`"*"` with credentials let any site act as the user': lambda case: (
        is_lost(case) and case.recipe.startswith("everything")
    ),
    "`allow_methods` did not hold GET, which needs no preflight": lambda case: (
        is_lost(case) and case.path == "/narrow" and case.request.method == "GET"
    ),
}
FETCHES, DIFFER = "fetches", "of which the outcome differs"
MIXED_UP = "GETs of which a cache could give one page what is another's, for want of `Vary`"


class Outcome(NamedTuple):
    fetches: int
    pages: set[str]  # that can read anything after
    mixed_up: tuple[int, int]  # before, after
    cases: list[Case]


def sight(verdict: Verdict) -> tuple[object, ...]:
    """What a script can tell, but for what is the server's or of CORS itself."""
    own = ("access-control-", "date", "server", "vary")
    headers = [line for line in verdict.headers if not line[0].startswith(own)]
    return verdict.resolved, verdict.status, verdict.redirected, headers


async def outcome(recipe: str, paths: Sequence[str], folder: Path) -> Outcome:
    grid = product(paths, ORIGINS, METHODS, HEADERS, CREDENTIALS)
    requests = [
        FetchRequest(SITE + path, origin, method, headers, credentials=credentials)
        for path, origin, method, headers, credentials in grid
    ]
    verdicts, mixed_up = [], []
    for side in ("before", "after"):
        names = names_of(folder)
        exec(compile(BLOCKS[recipe, side], f"{side}: {recipe}", "exec"), names)
        server = TestServer(names["app"], host="127.0.0.1")
        await server.start_server(access_log=None)
        assert server.port is not None
        network = Network(server.port)
        verdicts.append([await network.fetch(request) for request in requests])
        mixed_up.append(network.mixed_up())
        network.close()
        await server.close()
    cases = [Case(recipe, *case) for case in zip(requests, *verdicts, strict=True)]
    differing = [case for case in cases if sight(case.before) != sight(case.after)]
    pages = {case.request.origin for case in cases if case.after.resolved}
    return Outcome(len(cases), pages, (mixed_up[0], mixed_up[1]), differing)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("static")
    (folder / "file.txt").write_text("file")

    async def run() -> dict[str, Outcome]:
        return {name: await outcome(name, one.paths, folder) for name, one in NAMED.items()}

    return asyncio.run(run())


def rules_of(case: Case) -> list[str]:
    return [name for name, applies in RULES.items() if applies(case)]


def test_every_block_is_run() -> None:
    assert sorted(BLOCKS) == sorted(product(NAMED, ("after", "before")))
    assert len(re.findall("^```py", SECTION, re.MULTILINE)) == len(set(BLOCKS.values()))


@pytest.mark.parametrize("recipe", NAMED)
def test_every_difference_has_one_reason(recipe: str, outcomes: dict[str, Outcome]) -> None:
    found = outcomes[recipe]
    unclear = [(case, rules) for case in found.cases if len(rules := rules_of(case)) != 1]
    assert not unclear, f"{len(unclear)} of {len(found.cases)}: {unclear[0]}"
    assert 0 < len(found.cases) < found.fetches / 2


@pytest.mark.parametrize("recipe", NAMED)
def test_the_pages_that_read_are_those_meant(recipe: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[recipe].pages == set(NAMED[recipe].pages)


@pytest.mark.parametrize("recipe", NAMED)
def test_no_cache_mixes_up_what_is_sent_now(recipe: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[recipe].mixed_up[1] == 0


def test_the_table_counts_what_happened(outcomes: dict[str, Outcome]) -> None:
    columns = []
    for names in RECIPES:
        found = [outcomes[name] for name in names]
        counted = Counter(rules_of(case)[0] for one in found for case in one.cases)
        columns.append(
            {
                FETCHES: sum(one.fetches for one in found),
                DIFFER: sum(len(one.cases) for one in found),
                **{name: counted[name] for name in RULES},
                MIXED_UP: sum(one.mixed_up[0] for one in found),
            }
        )
    rows = {name: tuple(column[name] for column in columns) for name in columns[0]}
    assert all(map(any, rows.values())), "a reason that never applies"
    table = "\n".join(f"| {name} | {' | '.join(map(str, row))} |" for name, row in rows.items())
    assert rows == TABLE, f"the README's table ought to be\n{table}"
