"""`check` against servers with one mistake each, against good ones, and against none."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import json
import re
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientConnectorError, ClientOSError, ServerDisconnectedError, web

from aiohttp_cors_plugin import CorsOptions, setup
from aiohttp_cors_plugin._browser import REASONS
from aiohttp_cors_plugin.cli import check, main
from aiohttp_cors_plugin.cli._diagnosis import PROBLEMS
from tests.app import APP, EVIL, ok
from tests.raw_server import Arrived, Headers, RawServer, Reply, raw_server

ACAO = "Access-Control-Allow-Origin"
ACAC = ("Access-Control-Allow-Credentials", "true")
METHODS = ("Access-Control-Allow-Methods", "GET, PUT, PATCH")
NAMES = ("Access-Control-Allow-Headers", "X-Trace, Authorization")
EXPOSED, SPACES = "Access-Control-Expose-Headers", "X-Total X-Page"
VARY = ("Vary", "Origin")
AGE = ("Age", "42")
PUT = ("--method", "PUT")
TRACE = ("--header", "X-Trace: secret")
CREDENTIALS = ("--credentials",)
TOKEN = ("--header", "Authorization: Bearer secret")
HTML = b"<html>a page</html>"

Answer = Callable[[str | None], Reply]


def always(*lines: tuple[str, str], status: int = 200, body: bytes = b"") -> Answer:
    return lambda _: Reply(status, lines, body)


def allows(*origins: str, also: Headers = (), vary: Headers = (VARY,), status: int = 200) -> Answer:
    """Compares the origin with a list, as it should be done."""
    return lambda origin: Reply(
        status,
        (*vary, *(((ACAO, str(origin)), *also) if origin in origins else ())),
    )


def matches(pattern: str, *also: tuple[str, str], vary: Headers = (VARY,)) -> Answer:
    """Compares it with a regular expression, as it happens to be done."""
    return lambda origin: Reply(
        200, (*vary, *(((ACAO, origin), *also) if origin and re.search(pattern, origin) else ()))
    )


def constant(value: str, *also: tuple[str, str], status: int = 200) -> Answer:
    return always((ACAO, value), *also, status=status)


GOOD = allows(APP, also=(ACAC,))
GOOD_PREFLIGHT = allows(APP, also=(ACAC, METHODS, NAMES), status=204)


class Planted(NamedTuple):
    """A server with a mistake, what to ask it, and what has to be said."""

    arguments: tuple[str, ...]
    codes: tuple[str, ...]
    words: str
    actual: Answer = GOOD
    preflight: Answer = GOOD_PREFLIGHT
    origin: str = APP
    message: str = ""


def row(name: str, *values: Any, **fields: Any) -> Any:
    return pytest.param(Planted(*values, **fields), id=name)


def misfit(
    name: str, code: str, value: str, words: str, *also: tuple[str, str], **fields: Any
) -> Any:
    return row(name, (), (code,), words, constant(value, *also), **fields)


def other_copy(origin: str | None) -> Reply:
    return Reply(200, ((ACAO, EVIL), ("X-Cache", "HIT from edge")))


MISTAKES = [
    # 1, 14: more than one value.
    row(
        "two-lines",
        (),
        ("allow-origin-repeated",),
        "let one side send it: often a proxy",
        always((ACAO, APP), (ACAO, APP)),
        message="contains multiple values",
    ),
    row(
        "two-lines-that-differ",
        (),
        ("allow-origin-repeated",),
        "",
        always((ACAO, "*"), (ACAO, APP)),
    ),
    misfit("twice-in-one-line", "allow-origin-repeated", f"{APP}, {APP}", "more than once"),
    misfit("wildcard-joined", "allow-origin-repeated", f"*, {APP}", "more than once"),
    misfit("list", "allow-origin-list", f"{APP}, {EVIL}", "names several origins"),
    misfit("list-by-spaces", "allow-origin-list", f"{APP} {EVIL}", "names several origins"),
    # 2: redirected preflights.
    *(
        row(
            f"redirect-{name}",
            PUT,
            ("preflight-redirect",),
            words,
            preflight=always(*([("Location", location)]), status=status),
            message="Redirect is not allowed for a preflight request",
        )
        for name, location, status, words in (
            ("slash", "/x/?a=1", 308, "differs by the slash at the end"),
            ("https", "https://127.0.0.1/x", 301, "from http to https"),
            ("login", "https://id.example.com/login?next=/x", 302, "looks like a login page"),
            ("elsewhere", "https://api.example.com/y", 307, "answer OPTIONS before anything"),
            ("itself", "/x", 307, "or answer OPTIONS before"),
            ("elsewhere-here", "/y", 307, "to http://127.0.0.1"),
            ("nowhere", "http://[", 302, "to http://["),
        )
    ),
    # The same of the request itself.
    *(
        row(
            f"redirect-without-{name}",
            arguments,
            ("allow-origin-missing-on-redirect",),
            words,
            always(("Location", location), status=status),
            message="No 'Access-Control-Allow-Origin' header is present",
        )
        for name, location, status, arguments, words in (
            ("slash", "/x/", 301, (), "which differs by the slash at the end, without Access-"),
            ("https", "https://127.0.0.1/x", 308, (), "ask for https://127.0.0.1/x itself"),
            ("login", "/login?next=/x", 302, TRACE, "answer with 401 and the headers instead"),
            ("elsewhere", "https://api.example.com/y", 307, (), "https://api.example.com/y itself"),
            ("elsewhere-here", "/y", 303, TRACE, f"itself, or send '{ACAO}: {APP}' with redirects"),
            (
                "nowhere",
                "http://[",
                302,
                (),
                "answer is 302 Found, a redirect to http://[, without",
            ),
        )
    ),
    row("redirect-nowhere", (), ("allow-origin-missing",), "pages may read", always(status=302)),
    # 3: Vary.
    row(
        "vary-missing-everywhere",
        (),
        ("vary-missing",),
        f"to {APP}, a request without Origin, another origin",
        allows(APP, vary=()),
    ),
    row(
        "vary-only-where-allowed",
        (),
        ("vary-missing",),
        "on that to a request without Origin, another origin:",
        lambda origin: Reply(200, ((ACAO, origin), VARY) if origin == APP else ()),
    ),
    row(
        "wildcard-only-with-origin",
        (),
        ("vary-missing",),
        "a request without Origin",
        lambda origin: Reply(200, ((ACAO, "*"),) if origin else ()),
    ),
    row(
        "vary-of-something-else",
        ("--method", "head"),
        ("vary-missing",),
        "Vary: Origin",
        allows(APP, vary=(("Vary", "Accept-Encoding"),)),
    ),
    # 4, 5: preflights that never reach the rules.
    *(
        row(
            f"preflight-{status}",
            PUT,
            (code,),
            words,
            preflight=always(status=status, body=HTML),
        )
        for status, code, words in (
            (401, "preflight-unauthorized", "preflights never carry credentials"),
            (407, "preflight-unauthorized", "preflights never carry credentials"),
            (403, "preflight-forbidden", f"does not allow {APP}"),
            (404, "preflight-not-served", "no route for OPTIONS"),
            (405, "preflight-not-served", "405 Method Not Allowed"),
            (501, "preflight-not-served", "no route for OPTIONS"),
            (500, "preflight-status", "browsers want 200 to 299"),
            (599, "preflight-status", "got 599,"),
        )
    ),
    row(
        "preflight-405-with-headers",
        PUT,
        ("preflight-not-served",),
        "no route for OPTIONS",
        preflight=allows(APP, status=405),
        message="It does not have HTTP ok status",
    ),
    # 6: any origin, and null.
    row(
        "reflected-with-credentials",
        (),
        ("origin-reflected",),
        "https://cors-check.invalid was",
        matches("", ACAC),
    ),
    row(
        "reflected-by-preflights",
        PUT,
        ("origin-reflected",),
        "every site can read and act as the user",
        preflight=matches("", ACAC, METHODS),
    ),
    row(
        "reflected-to-a-post",
        ("--method", "POST", "--send"),
        ("origin-reflected",),
        "every site",
        matches("", ACAC),
        matches("", ACAC),
    ),
    row("null-allowed", (), ("null-allowed",), "sandboxed frame", allows(APP, "null")),
    row("null-asked", (), ("null-allowed",), "sandboxed frame", allows("null"), origin="null"),
    row("null-constant", (), ("null-allowed",), "sandboxed", constant("null"), origin="null"),
    # 7, 12: credentials.
    row(
        "wildcard-refused",
        CREDENTIALS,
        ("allow-origin-wildcard-with-credentials",),
        "leave credentials out on both sides",
        constant("*"),
        message="must not be the wildcard '*'",
    ),
    row(
        "wildcard-beside-credentials",
        (),
        ("allow-origin-wildcard-with-credentials",),
        "does not go with credentials",
        constant("*", ACAC),
    ),
    row(
        "credentials-missing",
        CREDENTIALS,
        ("allow-credentials-missing",),
        "the answer has no Access-Control-Allow-Credentials",
        constant(APP),
    ),
    row(
        "credentials-missing-on-preflight",
        (*PUT, *CREDENTIALS),
        ("allow-credentials-missing",),
        "the preflight's answer has no Access-Control-Allow-Credentials",
        preflight=allows(APP, also=(METHODS,)),
    ),
    row(
        "credentials-True",
        CREDENTIALS,
        ("allow-credentials-invalid",),
        "in lower case",
        constant(APP, (ACAC[0], "True")),
    ),
    row(
        "credentials-twice-and-not-asked-for",
        (),
        ("allow-credentials-invalid",),
        "true, true",
        constant(APP, ACAC, ACAC),
    ),
    # 8, 9: methods and headers.
    row(
        "header-missing",
        (*PUT, *TRACE, "--header", "X-B", "--header", "X-A: 1"),
        ("header-not-in-allow-headers",),
        "does not list x-a, x-b",
        message="Request header field x-a is not allowed",
    ),
    row(
        "authorization-under-wildcard",
        (*TRACE, *TOKEN),
        ("authorization-under-wildcard",),
        "*, Authorization",
        preflight=allows(APP, also=(METHODS, (NAMES[0], "*"))),
    ),
    row(
        "wildcard-of-headers-with-credentials",
        (*TRACE, *CREDENTIALS),
        ("header-not-in-allow-headers",),
        "'*' does not count with credentials",
        preflight=allows(APP, also=(ACAC, METHODS, (NAMES[0], "*"))),
    ),
    row(
        "method-missing",
        ("--method", "DELETE"),
        ("method-not-in-allow-methods",),
        "add DELETE to",
        message="Method DELETE is not allowed",
    ),
    row("patch", ("--method", "patch"), ("method-case",), "write 'PATCH' in the page"),
    row(
        "methods-malformed",
        PUT,
        ("allow-methods-malformed",),
        "without quotes",
        preflight=allows(APP, also=((METHODS[0], '["PUT"]'),)),
    ),
    row(
        "headers-malformed",
        PUT,
        ("allow-headers-malformed",),
        "without quotes",
        preflight=allows(APP, also=(METHODS, (NAMES[0], "(X-Trace)"))),
    ),
    # What the page may read.
    *(
        row(
            f"exposed-{name}",
            arguments,
            (code,),
            words,
            allows(APP, also=(ACAC, *((EXPOSED, value) for value in values))),
        )
        for name, arguments, code, words, values in (
            ("spaces", (), "expose-headers-malformed", "hide them all: X-Total X-Page", [SPACES]),
            ("json", (), "expose-headers-malformed", "quotes or brackets", ['["X-Total"]']),
            ("twice", (), "expose-headers-malformed", "X-A, X B", ["X-A", "X B"]),
            ("all", (), "expose-headers-wildcard-with-credentials", "list the headers", ["*"]),
            ("all-asked", CREDENTIALS, "expose-headers-wildcard-with-credentials", "", ["*"]),
        )
    ),
    # 10: nearly the origin.
    misfit("trailing-slash", "allow-origin-trailing-slash", f"{APP}/", "ends with a slash"),
    misfit("path", "allow-origin-path", f"{APP}/shop", "such as a path"),
    misfit("fragment", "allow-origin-path", f"{APP}#x", "such as a path"),
    misfit("user", "allow-origin-path", "https://me@app.example.com", "such as a path"),
    misfit("case", "allow-origin-case", "https://App.example.com", "has upper case"),
    misfit("http-for-https", "allow-origin-scheme", "http://app.example.com", "another scheme"),
    misfit("no-scheme", "allow-origin-no-scheme", "app.example.com", "lacks the scheme"),
    misfit("no-scheme-port", "allow-origin-no-scheme", "App.example.com:443", f"write '{APP}'"),
    misfit("no-scheme-slash", "allow-origin-no-scheme", "app.example.com/", "lacks the scheme"),
    misfit(
        "no-scheme-of-an-app",
        "allow-origin-no-scheme",
        "localhost",
        "lacks the scheme",
        origin="capacitor://localhost",
    ),
    misfit("default-port", "allow-origin-port", f"{APP}:443", "another port"),
    misfit("other-port", "allow-origin-port", f"{APP}:8443", "another port"),
    misfit(
        "missing-port",
        "allow-origin-port",
        "http://localhost",
        "write 'http://localhost:3000'",
        origin="http://localhost:3000",
    ),
    misfit("pattern", "allow-origin-pattern", "https://*.example.com", "is a pattern"),
    misfit("no-url", "allow-origin-invalid", "true", "is no origin: 'true'"),
    misfit("empty", "allow-origin-invalid", "", "is no origin"),
    misfit("comma", "allow-origin-invalid", f"{APP},", f"is no origin: '{APP},' [allow"),
    misfit("comma-before", "allow-origin-invalid", f",{EVIL}", "is no origin"),
    misfit("no-host", "allow-origin-invalid", "data:x", "is no origin"),
    misfit("host-and-port", "allow-origin-invalid", "evil.example.org:443", "is no origin"),
    misfit("another-app", "allow-origin-mismatch", "capacitor://localhost", "another origin's"),
    misfit("another", "allow-origin-mismatch", EVIL, "another origin's"),
    misfit("null-to-all", "allow-origin-mismatch", "null", "another origin's"),
    misfit("to-null", "null-not-allowed", APP, "an origin of its own", origin="null"),
    row("null", (), ("null-not-allowed",), "do not allow null", always(), origin="null"),
    row("nothing", (), ("allow-origin-missing",), "if its pages may read this", always()),
    row(
        "nothing-and-404",
        (),
        ("allow-origin-missing",),
        "look why it is 404 Not Found",
        always(status=404),
    ),
    # 11, 13: one of two.
    row(
        "error-without",
        TRACE,
        ("errors-without-headers",),
        "(500 Internal Server Error)",
        always(status=500),
    ),
    row("404-without", TRACE, ("errors-without-headers",), "nginx", always(status=404)),
    row(
        "preflight-only",
        TRACE,
        ("allow-origin-on-preflight-only",),
        "send the header with both",
        always(),
    ),
    row(
        "actual-only",
        PUT,
        ("allow-origin-on-actual-only",),
        "the answer to a GET allows",
        preflight=always(status=204),
        message="No 'Access-Control-Allow-Origin' header",
    ),
    row(
        "actual-only-of-head",
        ("--method", "HEAD", *TRACE),
        ("allow-origin-on-actual-only",),
        "the answer to a HEAD allows",
        preflight=always(),
    ),
    row(
        "neither",
        PUT,
        ("allow-origin-missing",),
        "the preflight's answer has no",
        always(),
        always(),
    ),
    # 15: caches.
    row(
        "cached-copy",
        (),
        ("cached-copy",),
        "a cache answered (X-Cache: HIT from edge)",
        other_copy,
    ),
    row("cached-by-age", (), ("cached-copy",), "(Age: 42)", constant(EVIL, AGE)),
    row(
        "cached-other-port",
        (),
        ("cached-copy",),
        "empty the cache",
        constant(f"{APP}:8443", ("CF-Cache-Status", "HIT")),
    ),
    row(
        "cached-without",
        (),
        ("allow-origin-missing",),
        "perhaps with the copy of a request without Origin",
        always(("Cache-Status", "edge; hit")),
    ),
    misfit("not-cached", "allow-origin-mismatch", EVIL, "another", ("X-Cache", "MISS")),
    # 16: Access-Control-Max-Age.
    *(
        row(
            f"max-age-{name}",
            PUT,
            ("max-age-invalid",),
            words,
            preflight=allows(
                APP, also=(METHODS, *(("Access-Control-Max-Age", value) for value in values))
            ),
        )
        for name, values, words in (
            ("negative", ["-1"], "Max-Age: -1'"),
            ("unit", ["10 minutes"], "10 minutes"),
            ("fraction", ["1.5"], "1.5"),
            ("twice", ["600", "600"], "600, 600"),
            ("empty", [""], "Max-Age: '"),
        )
    ),
    # 17: look-alikes.
    row(
        "ends-alike",
        (),
        ("look-alike-prefix-allowed",),
        "https://appxexample.com",
        matches(r"example\.com$"),
    ),
    row(
        "unescaped-dot",
        (),
        ("look-alike-prefix-allowed",),
        "escape the dots",
        matches(r"^https://app.example\.com$"),
    ),
    row(
        "ends-alike-bare",
        (),
        ("look-alike-prefix-allowed",),
        "https://corscheckexample.com",
        matches(r"example\.com$"),
        origin="https://example.com",
    ),
    row(
        "ends-alike-second-level",
        (),
        ("look-alike-prefix-allowed",),
        "https://wwwxshop.co.uk:8443",
        matches(r"shop\.co\.uk:8443$"),
        origin="https://www.shop.co.uk:8443",
    ),
    row(
        "begins-alike",
        (),
        ("look-alike-suffix-allowed",),
        "https://app.example.com.cors-check.invalid",
        matches(r"^https://app\.example\.com"),
    ),
    row(
        "begins-alike-in-preflights",
        PUT,
        ("look-alike-suffix-allowed",),
        "give regular expressions an end",
        preflight=matches(r"^https://app\.example\.com", METHODS),
    ),
    row(
        "contains",
        (),
        ("look-alike-prefix-allowed", "look-alike-suffix-allowed"),
        "",
        matches(r"example.com"),
    ),
    row(
        "address-begins-alike",
        (),
        ("look-alike-suffix-allowed",),
        "http://10.0.0.1.cors-check.invalid",
        matches(r"^http://10\.0\.0\.1"),
        origin="http://10.0.0.1",
    ),
    # Several at once, in order, each once.
    row(
        "several",
        (*PUT, "--send"),
        ("allow-credentials-invalid", "max-age-invalid", "null-allowed"),
        "",
        allows(APP, also=((ACAC[0], "yes"),)),
        allows(
            APP,
            "null",
            also=((ACAC[0], "yes"), METHODS, ("Access-Control-Max-Age", "never")),
        ),
    ),
]


def planted(case: Planted, seen: list[Arrived] | None = None) -> Callable[[Arrived], Reply]:
    def handler(arrived: Arrived) -> Reply:
        if seen is not None:
            seen.append(arrived)
        is_preflight = "access-control-request-method" in arrived.headers
        return (case.preflight if is_preflight else case.actual)(arrived.headers.get("origin"))

    return handler


class Printed(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(problem["code"] for problem in self.json["problems"])

    @property
    def words(self) -> str:
        return " ".join(self.out.split())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, in a thread: the server that it asks needs this loop."""
    monkeypatch.setenv("COLUMNS", "80")

    async def call(url: str, *arguments: str, origin: str = APP) -> Printed:
        command = ["check", url, "--origin", origin, *arguments]
        status = await asyncio.to_thread(main, command)
        return Printed(status, *capsys.readouterr())

    return call


def url_of(server: RawServer, path: str = "/x") -> str:
    return f"http://127.0.0.1:{server.ports[0]}{path}"


@pytest.mark.parametrize("case", MISTAKES)
async def test_a_mistake_has_its_name_and_its_words(case: Planted, run: Any) -> None:
    seen: list[Arrived] = []
    async with raw_server(planted(case, seen)) as server:
        told = await run(url_of(server), *case.arguments, "--json", origin=case.origin)
        asked = len(seen)
        text = await run(url_of(server), *case.arguments, origin=case.origin)
    assert told.codes == case.codes
    assert (told.status, text.status, told.err, text.err) == (1, 1, "", "")
    assert case.message in (told.json["message"] or "")
    assert told.json["allowed"] is (told.json["reason"] is None)
    for problem in told.json["problems"]:
        assert (
            f"problem: {problem['reason']} [{problem['code']}] fix: {problem['fix']}" in text.words
        )
    assert case.words in text.words
    unsaid = "Allowed: " if told.json["allowed"] else "fetch() rejects; Chromium lets it pass."
    assert (told.json["message"] or unsaid) in text.words
    assert ("Chromium's console says" in text.words) is (told.json["message"] is not None)
    assert "No problems found" not in text.words
    assert all(len(line) <= 80 or " " not in line[5:] for line in text.out.splitlines())
    # What was printed is what was sent, and no more than promised.
    assert [step["sent"]["method"] for step in told.json["steps"]] == [
        one.method for one in seen[:asked]
    ]
    assert sum(step["kind"] == "probe" for step in told.json["steps"]) <= 5
    sent = {step["sent"]["method"] for step in told.json["steps"] if step["kind"] == "probe"}
    assert sent <= {"GET", "HEAD", "OPTIONS"}
    assert "secret" not in told.out + text.out


def test_every_problem_has_a_server_with_it() -> None:
    planted_codes = {code for case in MISTAKES for code in case.values[0].codes}
    # Others have tests of their own, below.
    rest = {code for code in PROBLEMS if code not in planted_codes}
    assert rest == {
        "host-not-found",
        "connection-refused",
        "timed-out",
        "tls-failed",
        "not-http",
        "connection-failed",
        "refused-by-plugin",
        "redirect-makes-origin-null",
        "redirect-location-multiple",
        "redirect-location-invalid",
        "redirect-scheme",
        "redirect-too-many",
        "redirect-has-credentials",
    }


def test_every_reason_of_a_browser_has_words() -> None:
    """But for those that are told apart further, or told before anything is sent."""
    before = list(REASONS).index("no-answer")
    refined = {
        "no-answer",
        "redirect-mode-error",
        "redirect-leaves-origin",
        "allow-origin-multiple",
    }
    assert {*list(REASONS)[before:]} - refined <= {*PROBLEMS}


# --- Good servers -------------------------------------------------------------------------------

FINE = [
    row("constant-wildcard", (), (), "", constant("*")),
    row("constant-origin", (), (), "", constant(APP)),
    row("list", (), (), "", GOOD),
    row("list-with-credentials", CREDENTIALS, (), "", GOOD),
    row("head", ("--method", "HEAD"), (), "", GOOD),
    row("vary-any", (), (), "", allows(APP, vary=(("Vary", "*"),))),
    row(
        "vary-in-two-lines", (), (), "", allows(APP, vary=(("vary", "Accept"), ("vary", "origin")))
    ),
    row("nothing-kept", (), (), "", allows(APP, vary=(("Cache-Control", "No-Store"),))),
    row("reflected-without-credentials", (), (), "", matches("")),
    row("reflected-null", (), (), "", matches(""), origin="null"),
    row("readable-500", (), (), "gets the answer, 500 Internal", allows(APP, status=500)),
    row("exposed", (), (), "", constant("*", (EXPOSED, "X-Total, X-Page"))),
    row("exposed-all", (), (), "", constant("*", (EXPOSED, "*"))),
    row("exposed-by-name", CREDENTIALS, (), "", allows(APP, also=(ACAC, (EXPOSED, "*, X-Total")))),
    row(
        "exposed-to-preflights",
        PUT,
        (),
        "",
        preflight=allows(APP, also=(METHODS, (EXPOSED, "a b"))),
    ),
    row("subdomains", (), (), "", matches(r"^https://([a-z]+\.)?example\.com$")),
    row("credentials-false", (), (), "", constant(APP, (ACAC[0], "false"))),
    row("put", PUT, (), "PUT was not sent"),
    row("put-sent", (*PUT, "--send"), (), "200 OK"),
    row("put-without-vary", PUT, (), "", preflight=allows(APP, also=(METHODS,), vary=())),
    row("post-sent", ("--method", "POST", "--send"), (), "200 OK"),
    row("headers", (*TRACE, *TOKEN), (), "gets the answer"),
    row(
        "wildcards",
        (*PUT, *TRACE),
        (),
        "",
        preflight=constant("*", (METHODS[0], "*"), (NAMES[0], "*")),
    ),
    row(
        "max-age",
        PUT,
        (),
        "",
        preflight=allows(APP, also=(METHODS, ("Access-Control-Max-Age", "0"))),
    ),
    row(
        "options",
        ("--method", "options"),
        (),
        "",
        preflight=allows(APP, also=((METHODS[0], "OPTIONS"),)),
    ),
    row("ipv6", (), (), "", allows("http://[::1]:3000"), origin="http://[::1]:3000"),
    row("app-scheme", (), (), "", allows("capacitor://localhost"), origin="capacitor://localhost"),
    row("busy-with-probes", (), (), "", lambda o: GOOD(o) if o == APP else Reply(429)),
    row("failing-on-probes", (), (), "", lambda o: GOOD(o) if o == APP else Reply(500)),
]


@pytest.mark.parametrize("case", FINE)
async def test_no_false_alarm(case: Planted, run: Any) -> None:
    async with raw_server(planted(case)) as server:
        told = await run(url_of(server), *case.arguments, "--json", origin=case.origin)
        text = await run(url_of(server), *case.arguments, origin=case.origin)
    assert told.codes == ()
    assert (told.status, text.status, told.err, text.err) == (0, 0, "", "")
    assert (told.json["allowed"], told.json["reason"], told.json["message"]) == (True, None, None)
    assert "No problems found." in text.words
    assert case.words in text.words


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(CorsOptions(), id="defaults"),
        pytest.param(CorsOptions(allow_headers="*", expose_headers="*"), id="everything"),
        pytest.param(CorsOptions(allow_origins=[APP], allow_headers=["X-Trace"]), id="one-origin"),
        pytest.param(
            CorsOptions(
                allow_origins=[APP, "https://*.example.com", "https://*-x.example.org"],
                allow_credentials=True,
                allow_headers=["X-Trace"],
                max_age=None,
            ),
            id="patterns",
        ),
        pytest.param(
            CorsOptions(allow_origins=lambda _, origin: origin == APP, allow_headers="*"),
            id="callable",
        ),
        pytest.param(
            [
                CorsOptions(allow_origins=[APP], allow_headers="*", allow_credentials=True),
                CorsOptions(allow_origins="*"),
            ],
            id="rules",
        ),
    ],
)
async def test_our_own_servers_are_fine(
    options: Any, debug: bool, run: Any, aiohttp_server: Any
) -> None:
    app = web.Application()
    app.router.add_get("/x", ok)
    app.router.add_put("/x", ok)
    setup(app, options, debug=debug)
    url = str((await aiohttp_server(app)).make_url("/x"))
    names = TRACE if options != CorsOptions() else ()
    for arguments in ((), ("--method", "HEAD"), names, PUT, (*PUT, *names), (*PUT, "--send")):
        told = await run(url, *arguments, "--json")
        assert (told.status, told.codes) == (0, ())


# --- As aiohttp's users write it ----------------------------------------------------------------

Lines = dict[str, str]
ORIGINS = [APP, "https://admin.example.com"]
ALLOWED = {NAMES[0]: "X-Trace, Content-Type", METHODS[0]: "GET, POST, PUT, DELETE, PATCH"}


def signal(lines: Callable[[str | None], Lines], *middlewares: Any) -> web.Application:
    """Headers on whatever is answered, and a route for everything."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(lines(request.headers.get("Origin")))

    app = web.Application(middlewares=middlewares)
    app.on_response_prepare.append(add)
    app.router.add_route("*", "/x", ok)
    return app


def fixed(**lines: str) -> web.Application:
    """The same headers for everybody."""
    named = {name.replace("_", "-"): value for name, value in lines.items()}
    return signal(lambda _: ALLOWED | {ACAO: APP, "Vary": "Origin"} | named)


def those(is_allowed: Callable[[str], object], **more: str) -> web.Application:
    """The origin back, if it is allowed; `Vary` always."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return signal(
        lambda origin: (
            {"Vary": "Origin"}
            | (ALLOWED | {ACAO: origin} | named if origin and is_allowed(origin) else {})
        )
    )


def behind(*middlewares: Any) -> web.Application:
    app = web.Application(middlewares=middlewares)
    app.router.add_route("*", "/x", ok)
    return app


@web.middleware
async def proxy(request: web.Request, handler: Any) -> Any:
    response = await handler(request)
    response.headers.add(ACAO, APP)
    return response


@web.middleware
async def token(request: web.Request, handler: Any) -> Any:
    if "Authorization" not in request.headers:
        raise web.HTTPUnauthorized
    return await handler(request)


@web.middleware
async def login(request: web.Request, handler: Any) -> Any:
    if "session" not in request.cookies:
        raise web.HTTPFound("/login")
    return await handler(request)


@web.middleware
async def encryption(request: web.Request, handler: Any) -> Any:
    if not request.secure:
        raise web.HTTPPermanentRedirect(request.url.with_scheme("https"))
    return await handler(request)


@web.middleware
async def on_what_is_returned(request: web.Request, handler: Any) -> Any:
    is_preflight = request.method == "OPTIONS"
    response = web.Response(status=204) if is_preflight else await handler(request)
    response.headers.update(ALLOWED | {ACAO: APP, "Vary": "Origin"})
    return response


@web.middleware
async def validation(_request: web.Request, _handler: Any) -> Any:
    raise web.HTTPBadRequest


@web.middleware
async def stream(request: web.Request, _handler: Any) -> Any:
    response = web.StreamResponse()
    await response.prepare(request)
    return response


def slashed() -> web.Application:
    app = signal(lambda _: ALLOWED | {ACAO: APP}, web.normalize_path_middleware())
    app.router.add_route("*", "/slash/", ok)
    return app


def without_options() -> web.Application:
    async def add(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers[ACAO] = "*"

    app = web.Application()
    app.on_response_prepare.append(add)
    app.router.add_put("/x", ok)
    return app


def by_hand(preflight: Lines, actual: Lines) -> web.Application:
    """A handler each."""

    async def options(_request: web.Request) -> web.Response:
        return web.Response(status=204, headers=preflight)

    async def other(_request: web.Request) -> web.Response:
        return web.json_response({}, headers=actual)

    app = web.Application()
    app.router.add_options("/x", options)
    app.router.add_get("/x", other)
    app.router.add_put("/x", other)
    return app


OF_USERS: dict[str, tuple[Callable[[], web.Application], tuple[str, ...], tuple[str, ...]]] = {
    "a proxy adds the header too": (
        lambda: behind(proxy, proxy),
        (),
        ("allow-origin-repeated",),
    ),
    "normalize_path_middleware redirects preflights": (slashed, PUT, ("preflight-redirect",)),
    "so does what demands https": (lambda: behind(encryption), PUT, ("preflight-redirect",)),
    "and what demands a login": (lambda: behind(login), PUT, ("preflight-redirect",)),
    "an authentication asks preflights": (
        lambda: behind(token),
        PUT,
        ("preflight-unauthorized",),
    ),
    "no route for OPTIONS": (without_options, PUT, ("preflight-not-served",)),
    "no header at all": (lambda: signal(lambda _: {}), (), ("allow-origin-missing",)),
    "headers after the stream has begun": (
        lambda: behind(proxy, stream),
        (),
        ("allow-origin-missing",),
    ),
    "headers on successes only": (
        lambda: behind(on_what_is_returned, validation),
        TRACE,
        ("errors-without-headers",),
    ),
    "headers on preflights only": (
        lambda: by_hand(ALLOWED | {ACAO: APP}, {}),
        TRACE,
        ("allow-origin-on-preflight-only",),
    ),
    "headers on the rest only": (
        lambda: by_hand({}, {ACAO: APP}),
        PUT,
        ("allow-origin-on-actual-only",),
    ),
    "no Vary": (
        lambda: signal(lambda origin: {ACAO: origin} if origin in ORIGINS else {}),
        (),
        ("vary-missing",),
    ),
    "all origins in one header": (
        lambda: fixed(Access_Control_Allow_Origin=", ".join(ORIGINS)),
        (),
        ("allow-origin-list",),
    ),
    "a pattern": (
        lambda: fixed(Access_Control_Allow_Origin="https://*.example.com"),
        (),
        ("allow-origin-pattern",),
    ),
    "a slash": (
        lambda: fixed(Access_Control_Allow_Origin=f"{APP}/"),
        (),
        ("allow-origin-trailing-slash",),
    ),
    "http for https": (
        lambda: fixed(Access_Control_Allow_Origin="http://app.example.com"),
        (),
        ("allow-origin-scheme",),
    ),
    "a host": (
        lambda: fixed(Access_Control_Allow_Origin="app.example.com"),
        (),
        ("allow-origin-no-scheme",),
    ),
    "any origin with credentials": (
        lambda: signal(lambda _: {ACAO: "*", ACAC[0]: "true"}),
        CREDENTIALS,
        ("allow-origin-wildcard-with-credentials",),
    ),
    "True": (
        lambda: those(ORIGINS.__contains__, Access_Control_Allow_Credentials=str(True)),
        CREDENTIALS,
        ("allow-credentials-invalid",),
    ),
    "every origin back, with credentials": (
        lambda: those(bool, Access_Control_Allow_Credentials="true"),
        (),
        ("origin-reflected",),
    ),
    "null is listed": (
        lambda: those(
            [*ORIGINS, "null"].__contains__,
        ),
        (),
        ("null-allowed",),
    ),
    "re.match without an end": (
        lambda: those(re.compile(r"https://[a-z]+\.example\.com").match),
        (),
        ("look-alike-suffix-allowed",),
    ),
    "str.endswith": (
        lambda: those(lambda origin: origin.endswith("example.com")),
        (),
        ("look-alike-prefix-allowed",),
    ),
    "in": (
        lambda: those(lambda origin: "example.com" in origin),
        (),
        ("look-alike-prefix-allowed", "look-alike-suffix-allowed"),
    ),
    "a header is not listed": (fixed, TOKEN, ("header-not-in-allow-headers",)),
    "any header, and a token": (
        lambda: fixed(Access_Control_Allow_Headers="*"),
        TOKEN,
        ("authorization-under-wildcard",),
    ),
    "a method is not listed": (
        lambda: fixed(Access_Control_Allow_Methods="GET, POST"),
        PUT,
        ("method-not-in-allow-methods",),
    ),
    "patch": (fixed, ("--method", "patch"), ("method-case",)),
    "a list in JSON": (
        lambda: fixed(Access_Control_Allow_Methods=json.dumps(["GET", "PUT"])),
        PUT,
        ("allow-methods-malformed",),
    ),
    "a timedelta": (
        lambda: fixed(Access_Control_Max_Age=str(timedelta(minutes=10))),
        PUT,
        ("max-age-invalid",),
    ),
    "spaces for commas": (
        lambda: fixed(Access_Control_Expose_Headers="X-Total X-Page"),
        (),
        ("expose-headers-malformed",),
    ),
    "everything exposed, with credentials": (
        lambda: those(
            ORIGINS.__contains__,
            Access_Control_Allow_Credentials="true",
            Access_Control_Expose_Headers="*",
        ),
        CREDENTIALS,
        ("expose-headers-wildcard-with-credentials",),
    ),
}


@pytest.mark.parametrize("mistake", OF_USERS)
async def test_a_mistake_of_a_user_has_its_name(
    mistake: str, run: Any, aiohttp_server: Any
) -> None:
    make, arguments, codes = OF_USERS[mistake]
    server = await aiohttp_server(make())
    url = server.make_url("/slash" if make is slashed else "/x")
    told = await run(str(url), *arguments, "--json")
    assert (told.status, told.codes) == (1, codes)


# --- Our own reasons ----------------------------------------------------------------------------


async def refusing(aiohttp_server: Any, debug: bool) -> str:
    app = web.Application()
    app.router.add_put("/x", ok)
    setup(app, CorsOptions(allow_origins=[APP], allow_headers=["X-Trace"]), debug=debug)
    return str((await aiohttp_server(app)).make_url("/x"))


@pytest.mark.parametrize(
    ("arguments", "origin", "slug", "words"),
    [
        pytest.param(PUT, EVIL, "origin-not-listed", f"fix: add '{EVIL}' to allow", id="origin"),
        pytest.param(
            (*PUT, "--header", "X-B"),
            APP,
            "header-not-allowed",
            "'x-b'; allow_headers=('x-trace',) [header-not-allowed] fix: add 'x-b' to",
            id="header",
        ),
        pytest.param(
            ("--method", "DELETE"),
            APP,
            "method-not-served",
            "fix: add a route for 'DELETE', or use",
            id="method",
        ),
    ],
)
async def test_in_debug_mode_the_server_says_why(
    arguments: tuple[str, ...], origin: str, slug: str, words: str, run: Any, aiohttp_server: Any
) -> None:
    url = await refusing(aiohttp_server, debug=True)
    told = await run(url, *arguments, "--json", origin=origin)
    text = await run(url, *arguments, origin=origin)
    assert (told.status, told.codes, told.json["server_reason"]) == (1, (slug,), slug)
    assert "problem: the server says: " in text.words
    assert words.lower() in text.words.lower()


async def test_a_reason_with_a_long_configuration(run: Any, aiohttp_server: Any) -> None:
    rules = [
        CorsOptions(allow_origins=[f"https://{a}-{b}.{'long' * 10}.example.com" for b in range(20)])
        for a in range(40)
    ]
    app = web.Application()
    app.router.add_put("/x", ok)
    setup(app, rules, debug=True)
    told = await run(str((await aiohttp_server(app)).make_url("/x")), *PUT, "--json")
    assert (told.codes, told.json["server_reason"]) == (("origin-not-listed",), "origin-not-listed")
    assert told.json["problems"][0]["fix"].startswith(f"add '{APP}' to allow_origins")


async def test_without_debug_mode_the_log_says_why(run: Any, aiohttp_server: Any) -> None:
    url = await refusing(aiohttp_server, debug=False)
    told = await run(url, *PUT, "--json", origin=EVIL)
    assert (told.status, told.codes) == (1, ("refused-by-plugin",))
    assert told.json["server_reason"] is None


@pytest.mark.parametrize(
    ("body", "code", "reason", "fix"),
    [
        pytest.param(
            "CORS preflight refused: words of a later version: 'x' [origin-not-listed]",
            "origin-not-listed",
            "the server says: words of a later version: 'x'",
            "add it to allow_origins if its pages may read this",
            id="other-words",
        ),
        pytest.param(
            "CORS preflight refused: a; add 'x' to allow_headers [header-not-allowed]\n<!-- [] -->",
            "header-not-allowed",
            "the server says: a",
            "add 'x' to allow_headers",
            id="more-behind-it",
        ),
        pytest.param(
            "CORS preflight refused: a [no-such-reason]",
            "refused-by-plugin",
            *PROBLEMS["refused-by-plugin"],
            id="other-reason",
        ),
        pytest.param(
            "CORS preflight refused: \x1b[2J\n; add \x07x to allow_headers [header-not-allowed]",
            "header-not-allowed",
            "the server says: \\x1b[2J\\n",
            "add \\x07x to allow_headers",
            id="escaped",
        ),
    ],
)
async def test_a_servers_words_are_not_trusted(
    body: str, code: str, reason: str, fix: str, run: Any
) -> None:
    answer = always(status=403, body=body.encode())
    async with raw_server(planted(Planted((), (), "", preflight=answer))) as server:
        told = await run(url_of(server), *PUT, "--json")
        text = await run(url_of(server), *PUT)
    assert told.json["problems"] == [{"code": code, "reason": reason, "fix": fix}]
    assert text.out.isascii()
    assert text.out.replace("\n", "").isprintable()


# --- What goes over the wire --------------------------------------------------------------------


async def test_the_steps_are_printed_as_they_were(run: Any) -> None:
    case = Planted((), (), "")
    seen: list[Arrived] = []
    async with raw_server(planted(case, seen)) as server:
        url = url_of(server)
        text = await run(url, *PUT, *TRACE, "--send")
        told = await run(url, *PUT, *TRACE, "--send", "--json")
    assert text.out.splitlines() == [
        "1. Preflight: may the page send this?",
        f"   > OPTIONS {url}",
        "   > Accept: */*",
        "   > Access-Control-Request-Method: PUT",
        "   > Access-Control-Request-Headers: x-trace",
        f"   > Origin: {APP}",
        "   < 204 No Content",
        "   < Vary: Origin",
        f"   < {ACAO}: {APP}",
        f"   < {': '.join(ACAC)}",
        f"   < {': '.join(METHODS)}",
        f"   < {': '.join(NAMES)}",
        "   passed",
        "",
        "2. The request itself",
        f"   > PUT {url}",
        "   > X-Trace: ...",
        "   > Accept: */*",
        f"   > Origin: {APP}",
        "   < 200 OK",
        "   < Vary: Origin",
        f"   < {ACAO}: {APP}",
        f"   < {': '.join(ACAC)}",
        "   passed",
        "",
        "Probes: what others get",
        "Request    Origin                                      Answer",
        "preflight  https://cors-check.invalid                  204, no allow header",
        "preflight  null                                        204, no allow header",
        "preflight  https://appxexample.com                     204, no allow header",
        "preflight  https://app.example.com.cors-check.invalid  204, no allow header",
        "",
        "Allowed: fetch() gets the answer, 200 OK.",
        "No problems found.",
    ]
    assert (seen[1].method, seen[1].headers["x-trace"], seen[1].body) == ("PUT", "secret", b"")
    assert told.json | {"steps": []} == {
        "url": url,
        "origin": APP,
        "method": "PUT",
        "allowed": True,
        "reason": None,
        "message": None,
        "server_reason": None,
        "request_sent": True,
        "problems": [],
        "steps": [],
    }
    assert told.json["steps"][1] == {
        "kind": "request",
        "sent": {
            "method": "PUT",
            "url": url,
            "headers": [["X-Trace", "..."], ["Accept", "*/*"], ["Origin", APP]],
        },
        "received": {
            "status": 200,
            "headers": [[*VARY], [ACAO, APP], [*ACAC], ["Content-Length", "0"]],
        },
    }


@pytest.mark.parametrize("method", ["PUT", "DELETE", "patch", "PATCH", "PURGE"])
async def test_what_may_change_something_is_not_sent(method: str, run: Any) -> None:
    seen: list[Arrived] = []
    listed = (METHODS[0], f"PUT, DELETE, PATCH, PURGE, {method}")
    case = Planted((), (), "", preflight=allows(APP, also=(listed,)))
    async with raw_server(planted(case, seen)) as server:
        text = await run(url_of(server), "--method", method)
        told = await run(url_of(server), "--method", method, "--json")
    assert {one.method for one in seen} == {"OPTIONS"}
    assert f"{method} was not sent, as it might change something" in text.words
    assert "Allowed: the preflight passes." in text.words
    assert (told.status, told.json["request_sent"]) == (0, False)


async def test_patch_goes_out_as_it_is(run: Any) -> None:
    seen: list[Arrived] = []
    case = Planted((), (), "", preflight=allows(APP, also=((METHODS[0], "patch"),)))
    async with raw_server(planted(case, seen)) as server:
        told = await run(url_of(server), "--method", "patch", "--send", "--json")
    assert told.status == 0
    assert [one.method for one in seen[:2]] == ["OPTIONS", "patch"]


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("X-A: b: c", "x-a", "b: c"),
        ("X-A:", "x-a", ""),
        ("X-A", "x-a", "1"),
        ("content-type", "content-type", "application/json"),
        ("Range", "range", "bytes=0-"),
    ],
)
async def test_headers_as_they_are_given(argument: str, name: str, value: str, run: Any) -> None:
    seen: list[Arrived] = []
    case = Planted((), (), "", preflight=allows(APP, also=((NAMES[0], "x-a, content-type"),)))
    async with raw_server(planted(case, seen)) as server:
        told = await run(url_of(server), "--header", argument, "--json")
    actual = next(one for one in seen if one.method == "GET")
    assert (told.status, actual.headers[name]) == (0, value)
    assert ("content-type" in actual.headers) is (name == "content-type")


async def test_the_url_goes_out_as_browsers_write_it(run: Any) -> None:
    seen: list[Arrived] = []
    async with raw_server(planted(Planted((), (), ""), seen)) as server:
        url = url_of(server, "/a|b/../x?a=b c&x=%41%7E&s=a+b'#part")
        told = await run(url, "--json")
    assert (told.status, told.json["url"]) == (0, url)
    assert {one.url for one in seen} == {url_of(server, "/x?a=b%20c&x=%41%7E&s=a+b%27")}


async def test_session_cookies_are_not_printed(run: Any) -> None:
    case = Planted((), (), "", constant("*", ("Set-Cookie", "session=secret")))
    async with raw_server(planted(case)) as server:
        told = await run(url_of(server), "--json")
        text = await run(url_of(server))
    assert "secret" not in told.out + text.out
    assert ["Set-Cookie", "..."] in told.json["steps"][0]["received"]["headers"]


async def test_the_text_of_a_preflights_answer_is_shown(run: Any) -> None:
    case = Planted((), (), "", preflight=always(status=400, body=b"Disallowed\x1b CORS origin"))
    async with raw_server(planted(case)) as server:
        text = await run(url_of(server), *PUT)
    assert "   < body: Disallowed\\x1b CORS origin\n" in text.out


async def test_the_text_may_be_compressed(run: Any) -> None:
    gzipped = always(("Content-Encoding", "gzip"), status=400, body=gzip.compress(b"Disallowed"))
    async with raw_server(planted(Planted((), (), "", preflight=gzipped))) as server:
        text = await run(url_of(server), *PUT)
    assert "   < body: Disallowed\n" in text.out


async def test_of_a_long_or_broken_body_the_beginning_is_enough(run: Any) -> None:
    broken = (("Content-Encoding", "br"),)
    for case in (
        Planted((), (), "", preflight=always(status=400, body=b"x" * 1_000_000)),
        Planted((), (), "", preflight=always(*broken, status=400, body=b"\x0b\x00\x80hi\x03")),
    ):
        async with raw_server(planted(case)) as server:
            told = await run(url_of(server), *PUT, "--json")
        assert told.codes == ("preflight-status",)


# --- Redirects ----------------------------------------------------------------------------------


def redirecting(lines: Headers, also: Answer = GOOD) -> Callable[[Arrived], Reply]:
    """Redirects /x, and answers everywhere else."""

    def handler(arrived: Arrived) -> Reply:
        if arrived.url.endswith("/x"):
            return Reply(302, ((ACAO, APP), *lines))
        return also(arrived.headers.get("origin"))

    return handler


async def test_redirects_are_followed(run: Any) -> None:
    async with raw_server(redirecting((("Location", "/y"),))) as server:
        told = await run(url_of(server), "--json")
    steps = [(step["kind"], step["sent"]["url"][-2:]) for step in told.json["steps"]]
    assert steps[:2] == [("request", "/x"), ("request", "/y")]
    assert (told.status, told.codes) == (0, ())


LED = "problem: at {url}, after redirects: "


@pytest.mark.parametrize(
    ("arguments", "status", "answer", "codes", "words", "probed"),
    [
        pytest.param(
            (),
            301,
            matches("", ACAC, vary=()),
            ("origin-reflected", "vary-missing"),
            f"{LED}any origin is allowed, with credentials",
            ["GET", "GET"],
            id="reflected",
        ),
        pytest.param(
            ("--method", "HEAD"),
            308,
            allows(APP, "null"),
            ("null-allowed",),
            f"{LED}the origin null is allowed",
            ["HEAD"] * 5,
            id="of HEAD",
        ),
        pytest.param(
            ("--method", "POST", "--send"),
            303,
            matches(r"example\.com$"),
            ("look-alike-prefix-allowed",),
            "Probes: what others get at {url} Request",
            ["GET"] * 5,
            id="of a GET after a POST",
        ),
        pytest.param(
            ("--method", "POST", "--send"),
            307,
            matches("", ACAC),
            ("origin-reflected",),
            LED,
            ["OPTIONS"],
            id="of a POST",
        ),
        pytest.param(
            (*PUT, "--send"),
            307,
            matches("", ACAC, METHODS),
            ("origin-reflected",),
            LED,
            ["OPTIONS"],
            id="of a preflight",
        ),
        pytest.param(
            TRACE,
            302,
            lambda origin: None,
            ("allow-origin-on-actual-only",),
            f"{LED}the answer to a GET allows",
            ["GET"],
            id="of a preflight that lacks the header",
        ),
        pytest.param((), 302, GOOD, (), "what others get at {url} Request", ["GET"] * 5, id="fine"),
    ],
)
async def test_probed_is_where_redirects_end(
    arguments: tuple[str, ...],
    status: int,
    answer: Any,
    codes: tuple[str, ...],
    words: str,
    probed: list[str],
    run: Any,
) -> None:
    def handler(arrived: Arrived) -> Reply:
        origin = arrived.headers.get("origin")
        is_preflight = "access-control-request-method" in arrived.headers
        if arrived.url.endswith("/x"):
            location = () if is_preflight else (("Location", "/y"),)
            return Reply(200 if is_preflight else status, ((ACAO, "*"), METHODS, NAMES, *location))
        return answer(origin) or Reply(200, () if is_preflight else ((ACAO, APP),))

    async with raw_server(handler) as server:
        told = await run(url_of(server), *arguments, "--json")
        text = await run(url_of(server), *arguments)
        url = url_of(server, "/y")
    assert (told.status, told.codes) == (1 if codes else 0, codes)
    probes = [step["sent"] for step in told.json["steps"] if step["kind"] == "probe"]
    assert [sent["method"] for sent in probes] == probed
    assert {sent["url"] for sent in probes} == {url}
    assert words.format(url=url) in text.words


async def test_null_that_redirects_make_is_probed_on_the_other_host(run: Any) -> None:
    async with raw_server(planted(Planted((), (), "", allows("null")))) as other:
        location = url_of(other, "/there")
        async with raw_server(redirecting((("Location", location),))) as server:
            told = await run(url_of(server), "--json")
    (problem,) = told.json["problems"]
    assert (told.status, problem["code"]) == (1, "null-allowed")
    assert problem["fix"].endswith(f"ask for {location} itself, as redirects make its origin null")
    assert {one["sent"]["url"] for one in told.json["steps"][1:]} == {location}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((("Location", "/y"), ("Location", "/z")), "redirect-location-multiple"),
        ((("Location", "http://["),), "redirect-location-invalid"),
        ((("Location", "ftp://example.com/"),), "redirect-scheme"),
        ((("Location", "/x"),), "redirect-too-many"),
        ((("Location", "http://me:pw@127.0.0.1/"),), "redirect-has-credentials"),
    ],
)
async def test_redirects_that_lead_nowhere(lines: Headers, code: str, run: Any) -> None:
    async with raw_server(redirecting(lines)) as server:
        told = await run(url_of(server), "--json")
    assert (told.status, told.codes) == (1, (code,))


async def test_a_redirect_that_the_origin_null_meets_is_not_to_be_mended(run: Any) -> None:
    """Not even with the header."""
    answer = always(("Location", "/further"), status=302)
    async with raw_server(planted(Planted((), (), "", answer))) as other:
        location = url_of(other, "/there")
        async with raw_server(redirecting((("Location", location),))) as server:
            told = await run(url_of(server), "--json")
    assert (told.status, told.codes) == (1, ("redirect-makes-origin-null",))


async def test_a_redirect_to_another_origin_makes_the_origin_null(run: Any) -> None:
    async with raw_server(planted(Planted((), (), "", GOOD))) as other:
        location = url_of(other, "/there")
        async with raw_server(redirecting((("Location", location),))) as server:
            told = await run(url_of(server), "--json")
    (problem,) = told.json["problems"]
    assert (told.status, problem["code"]) == (1, "redirect-makes-origin-null")
    assert f"of {location}, where the request was redirected," in problem["reason"]
    assert problem["fix"].startswith(f"let the page ask for {location} itself")


# --- No answer ----------------------------------------------------------------------------------


async def failed(
    run: Any, url: str, *arguments: str, net_error: str | None = None
) -> tuple[str, str]:
    told = await run(url, *arguments, "--json")
    text = await run(url, *arguments)
    (problem,) = told.json["problems"]
    assert (told.status, text.status, told.err, text.err) == (1, 1, "", "")
    assert (told.json["reason"], told.json["steps"][0]["received"]) == ("no-answer", None)
    assert "   no answer\n" in text.out
    message = net_error and f"Failed to load resource: net::{net_error}"
    assert told.json["message"] == message
    said = f"; Chromium's console says\n  {message}\n" if message else ".\n"
    assert f"Failed: fetch() rejects{said}" in text.out
    assert "\n" not in problem["reason"]
    return problem["code"], problem["reason"]


async def test_nothing_listens(run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    for host in (address, address.replace("127.0.0.1", "localhost")):
        found = await failed(run, f"http://{host}/", net_error="ERR_CONNECTION_REFUSED")
        assert found == ("connection-refused", f"nothing listens at {host}")


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known")])
async def test_a_name_without_address(
    error: OSError, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = await failed(run, "https://nope.example/", net_error="ERR_NAME_NOT_RESOLVED")
    assert found == ("host-not-found", "the name nope.example has no address")


async def test_a_name_that_cannot_be_one(run: Any) -> None:
    name = f"{'a' * 70}.example"
    found = await failed(run, f"https://{name}/", net_error="ERR_NAME_NOT_RESOLVED")
    assert found[0] == "host-not-found"


async def test_a_server_that_is_silent(run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        found = await failed(run, url, "--timeout", "0.2")
    assert found == ("timed-out", "no answer came within 0.2 seconds")


def speaks(sent: bytes | None) -> Any:
    """A server that answers with these bytes and closes, or resets the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            if sent is None:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                writer.transport.abort()
            else:
                writer.write(sent)
                await writer.drain()
        writer.close()

    return asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("sent", "code", "words", "net_error"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not-http", "no answer of HTTP: ", None),
        (b"", "connection-failed", "the server closed it without", "ERR_EMPTY_RESPONSE"),
        (b"HTTP/1.1 200 OK\r\nAccess-Con", "connection-failed", "in the middle of", None),
        (b"HTTP/1.1 200 OK\r\nX-A: b\r\n", "connection-failed", "in the middle of", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "connection-failed", "in the middle of", None),
        (None, "connection-failed", "", "ERR_CONNECTION_RESET"),
    ],
)
async def test_a_server_of_something_else(
    sent: bytes | None, code: str, words: str, net_error: str | None, run: Any
) -> None:
    async with await speaks(sent) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        found = await failed(run, url, net_error=net_error)
    assert found[0] == code
    assert words in found[1]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (OSError("several went wrong"), "several went wrong"),
        (OSError(), "OSError"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_other_failures_are_told_in_the_systems_words(error: OSError, expected: str) -> None:
    key: Any = type("Key", (), {"host": "x", "port": 1, "ssl": True})
    for one in (ClientConnectorError(key, error), error):
        found, net_error = check._failure(one, "http://x:1/", 10)
        assert (found.code, net_error) == ("connection-failed", "")
        assert expected in found.reason
        assert found.fix == "look whether the server is up, and whether it wants https:// here"


@pytest.mark.parametrize(
    "error",
    [
        ServerDisconnectedError(),
        ClientOSError(errno.ECONNRESET, "Connection reset by peer"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_of_tls_the_console_may_say_something_else(error: Exception, scheme: str) -> None:
    """Where the server demands a certificate of the client, say."""
    found, net_error = check._failure(error, f"{scheme}://x:1/", 10)
    assert (found.code, net_error != "") == ("connection-failed", scheme == "http")


@pytest.mark.parametrize("reads", [False, True])
async def test_a_handshake_that_is_cut(reads: bool, run: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reads:
            await reader.read(1000)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        found = await failed(run, f"https://{host}/")
        told = await run(f"https://{host}/", "--json")
    said = f"the connection to {host} failed: the server closed it during the TLS handshake"
    assert found == ("connection-failed", said)
    fix = "look whether the server is up, whether it speaks TLS 1.2 or later here, and whether"
    assert told.json["problems"][0]["fix"].startswith(fix)


@contextlib.asynccontextmanager
async def tls_server(tmp_path: Path) -> AsyncIterator[str]:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_tls(run: Any, tmp_path: Path) -> None:
    async with tls_server(tmp_path) as host:
        found = await failed(run, f"https://{host}/", net_error="ERR_CERT_AUTHORITY_INVALID")
    assert found[0] == "tls-failed"
    assert found[1].startswith(f"there is no secure connection to {host}: self")


async def test_https_to_a_server_without_tls(run: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)  # aiohttp's parser in Python would wait for a line
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        told = await run(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "--json")
    # Newer versions of OpenSSL have other words for it.
    said = "Failed to load resource: net::ERR_SSL_PROTOCOL_ERROR"
    assert (told.codes, told.json["message"] in (None, said)) == (("tls-failed",), True)


@pytest.mark.browser
async def test_what_the_console_says_of_failures(
    chromium: Any, run: Any, aiohttp_server: Any, tmp_path: Path
) -> None:
    home = str((await aiohttp_server(web.Application())).make_url("/"))
    tab, said = await chromium.new_page(), list[str]()
    await tab.goto(home)
    tab.on("console", lambda message: said.append(message.text))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with (
        tls_server(tmp_path) as host,
        await speaks(b"") as empty,
        await speaks(b"HTTP/1.1 200 OK\r\nAccess-Con") as half,
        await speaks(None) as reset,
    ):
        ports = [server.sockets[0].getsockname()[1] for server in (empty, half, reset)]
        urls = [f"http://127.0.0.1:{one}/" for one in (port, *ports)]
        urls += [f"https://{host}/", home.replace("http:", "https:"), "http://nope.invalid/"]
        messages = []
        for url in urls:
            said.clear()
            await tab.evaluate("url => fetch(url).catch(() => null)", url)
            message = (await run(url, "--json")).json["message"]
            for _ in range(50):
                if message not in said:
                    await asyncio.sleep(0.1)
            assert message is None or message in said, url
            messages.append(message)
    assert messages[2] is None  # Chromium reads half a head, or speaks of the headers
    assert messages.count(None) <= 2


@pytest.mark.parametrize("last", [1, 2, 3])
async def test_where_a_probe_gets_no_answer_the_rest_is_left_out(last: int, run: Any) -> None:
    """The server answers so many requests, and closes the connection on the next."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        count += 1
        if count <= last:
            found = re.search(r"^Origin: (.*)\r$", head, re.MULTILINE)
            writer.write(GOOD(found[1] if found else None).encode("GET")[:-2])
            writer.write(b"Connection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        told = await run(url, "--json")
        count = 0
        text = await run(url)
    answered = [step["received"] is not None for step in told.json["steps"]]
    assert answered == [True] * last + [False]
    assert (told.status, told.codes) == (0, ())
    assert text.words.count("no answer") == 1


async def test_where_the_actual_request_gets_no_answer_after_a_bad_preflight(run: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"OPTIONS"):
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        told = await run(url, *PUT, "--json")
    assert (told.status, told.codes) == (1, ("allow-origin-missing",))


# --- Usage --------------------------------------------------------------------------------------

URL = "https://api.example.com/x"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([URL], "--origin", id="no-origin"),
        pytest.param(["--origin", APP], "URL", id="no-url"),
        pytest.param(["api.example.com/x", "--origin", APP], "write 'https://api", id="no-scheme"),
        pytest.param(
            ["localhost:8080/x", "--origin", APP], "write 'http://localhost:8080/x'", id="local"
        ),
        *(
            pytest.param([given, "--origin", APP], f"{said}; write '{meant}'", id=given)
            for given, said, meant in (
                ("http:/a.example/x", "lacks a slash", "http://a.example/x"),
                ("HTTPS:a.example/x", "lacks a slash", "HTTPS://a.example/x"),
                ("//a.example/x", "has no scheme", "https://a.example/x"),
                ("//localhost/x", "has no scheme", "http://localhost/x"),
                ("http:8080/x", "has no scheme", "https://http:8080/x"),
                (
                    "a.example/?u=ws://b.example",
                    "has no scheme",
                    "https://a.example/?u=ws://b.example",
                ),
            )
        ),
        pytest.param(["ws://a.example/x", "--origin", APP], "is no URL of HTTP", id="websocket"),
        pytest.param(["http://a.example:x/", "--origin", APP], "is no URL: ", id="bad-port"),
        pytest.param(["https://", "--origin", APP], "'https://' is no URL: ", id="no-host"),
        pytest.param(
            ["https://me:pw@a.example/", "--origin", APP], "includes credentials", id="user-in-url"
        ),
        pytest.param([URL, "--origin", "app.example.com"], f"write '{APP}'", id="bare-origin"),
        pytest.param([URL, "--origin", f"{APP}/"], f"write '{APP}'", id="origin-with-slash"),
        pytest.param([URL, "--origin", "https://*.example.com"], "is a pattern", id="pattern"),
        pytest.param([URL, "--origin", "*"], "is a pattern", id="wildcard"),
        pytest.param([URL, "--origin", "file:///tmp/x.html"], "write null", id="file"),
        pytest.param([URL, "--origin", f"{'a' * 600}://b"], "is no origin", id="long-origin"),
        pytest.param(
            [URL, "--origin", "https://api.example.com"], "have one origin", id="same-origin"
        ),
        pytest.param([URL, "--origin", APP, "--method", "TRACE"], "is unsupported", id="trace"),
        pytest.param([URL, "--origin", APP, "--method", "a b"], "not a valid", id="no-method"),
        pytest.param([URL, "--origin", APP, "--header", "Cookie: a"], "leave it out", id="cookie"),
        pytest.param([URL, "--origin", APP, "--header", "a b: c"], "Invalid name", id="bad-name"),
        pytest.param(
            [URL, "--origin", APP, "--header", "a: b\nc"], "Invalid value", id="bad-value"
        ),
        pytest.param(
            [URL, "--origin", APP, "--method", "POST"],
            "--header 'Content-Type: application/json'",
            id="post-without-preflight",
        ),
        pytest.param([URL, "--origin", APP, "--timeout", "0"], "no number of", id="no-time"),
        pytest.param([URL, "--origin", APP, "--timeout", "nan"], "no number of", id="nan"),
        pytest.param([URL, "--origin", APP, "--timeout", "soon"], "no number of", id="no-number"),
        pytest.param([URL, "--origin", APP, "--timeout", "1e9"], "up to 3600", id="too-long"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_write(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["check", *arguments])
    printed = capsys.readouterr()
    assert (caught.value.code, printed.out) == (2, "")
    assert words in printed.err


def test_the_help_tells_what_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["check", "--help"])
    assert caught.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Of any other method only the preflight is sent" in words
    assert "--send sends that too" in words


def test_ctrl_c_ends_it_quietly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(coroutine: Any) -> None:
        coroutine.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)
    assert main(["check", URL, "--origin", APP]) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("origin", "status"), [(APP, 0), (EVIL, 1), ("no", 2)])
async def test_as_a_process(origin: str, status: int) -> None:
    command = (sys.executable, "-m", "aiohttp_cors_plugin", "check")
    async with raw_server(planted(Planted((), (), ""))) as server:
        process = await asyncio.create_subprocess_exec(
            *command, url_of(server), "--origin", origin, stdout=-1, stderr=-1
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == status
    assert (b"\x1b" in out, b"Traceback" in err) == (False, False)
    assert (out == b"", err == b"") == (status == 2, status != 2)


def make_certificate(certificate: Path, key: Path) -> None:
    """A certificate that nobody vouches for."""
    command = ["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
