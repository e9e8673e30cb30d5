"""Hostile input over raw sockets, on both of aiohttp's parsers.

Whatever is sent, the plugin does not raise, drops no connection, lets nothing pass that is not
configured, and writes nothing raw into the log. Each test ends with a look at the log.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from aiohttp import http_parser, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from aiohttp_cors_plugin import CorsOptions, _routing, setup
from aiohttp_cors_plugin._log import Repeats
from tests.app import APP as APP_TEXT
from tests.app import EVIL, cors_headers, ok

APP = APP_TEXT.encode()
TCHAR = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ALL_BYTES = [bytes([code]) for code in range(256)]
# RFC 9110, section 5.5: what no field value may contain.
CONTROLS = [byte for byte in ALL_BYTES if (byte < b" " and byte != b"\t") or byte == b"\x7f"]
FIELD_BYTES = [byte for byte in ALL_BYTES if byte not in CONTROLS]
# No port, no address: what these tests send has none.
SERIALISED = re.compile(rb"[a-z][a-z0-9+.-]*://[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
BELOW = re.compile(rb"https://([a-z0-9_-]+\.)+example\.com")

HOST, CLOSE = b"Host: x", b"Connection: close"
ORIGIN = b"Origin: " + APP
ACRM, ACRH = b"Access-Control-Request-Method: ", b"Access-Control-Request-Headers: "
PUT = ACRM + b"PUT"
SAFELISTED = "Accept, Accept-Language, Content-Language, Content-Type, Range"
# The headers of all answers here: what else turns up came out of a request.
KNOWN = """
    Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods
    Access-Control-Allow-Origin Access-Control-Max-Age Allow Connection Content-Length Content-Type
    Date Server Vary
""".split()


class Setting(NamedTuple):
    """Options, and what they give, told once more without the plugin."""

    rules: list[CorsOptions]
    grants: Callable[[bytes], str]  # the value of Access-Control-Allow-Origin, empty for none
    credentials: bool = False
    echoes: bool = False  # any header may be asked for, and is named in the answer
    debug: bool = False
    is_constant: bool = False

    @property
    def refused(self) -> tuple[int, dict[str, str]]:
        return 403, {} if self.is_constant else {"Vary": "Origin"}

    def shared(self, origin: bytes) -> dict[str, str]:
        """What every answer to a request from this origin carries."""
        vary = self.refused[1]
        if not (allowed := self.grants(origin)):
            return vary
        credentials = self.credentials and allowed != "*"
        return {
            "Access-Control-Allow-Origin": allowed,
            **({"Access-Control-Allow-Credentials": "true"} if credentials else {}),
            **vary,
        }

    def preflight(
        self,
        origin: bytes = APP,
        *,
        served: bool = True,
        names: str | None = "",
        methods: str = "GET, HEAD, PUT",
    ) -> tuple[int, dict[str, str]]:
        """What a preflight gets that asks for headers by these names (None: by what is none)."""
        shared = self.shared(origin)
        if not self.grants(origin):
            return (200, shared) if self.debug else self.refused
        if names is None and served:
            return self.refused
        shared["Access-Control-Allow-Methods"] = methods
        if listed := names if self.echoes else SAFELISTED:
            shared["Access-Control-Allow-Headers"] = listed
        if not served:  # browsers stop at the method that is not listed
            return (200, shared) if self.debug else self.refused
        if names and not self.echoes:
            return self.refused
        return 204, shared | {"Access-Control-Max-Age": "600"}


def exactly(origin: bytes) -> str:
    return APP_TEXT if origin == APP else ""


SETTINGS = {
    "list": Setting([CorsOptions(allow_origins=[APP_TEXT])], exactly),
    "wildcard": Setting(
        [CorsOptions(allow_origins=["https://*.example.com"], allow_credentials=True)],
        lambda origin: origin.decode() if BELOW.fullmatch(origin) else "",
        credentials=True,
    ),
    "any": Setting([CorsOptions()], lambda _: "*", is_constant=True),
    "any-header": Setting(
        [CorsOptions(allow_headers="*")], lambda _: "*", is_constant=True, echoes=True
    ),
    "rules": Setting(
        [
            CorsOptions(allow_origins=[APP_TEXT], allow_credentials=True, allow_headers="*"),
            CorsOptions(allow_headers="*"),
        ],
        lambda origin: exactly(origin) or "*",
        credentials=True,
        echoes=True,
    ),
    "callable": Setting(
        [
            CorsOptions(
                allow_origins=lambda _request, _origin: True,
                allow_credentials=True,
                allow_headers="*",
            )
        ],
        lambda origin: origin.decode() if SERIALISED.fullmatch(origin) else "",
        credentials=True,
        echoes=True,
    ),
    "debug": Setting(
        [CorsOptions(allow_origins=[APP_TEXT], allow_headers="*")],
        exactly,
        echoes=True,
        debug=True,
    ),
}


@pytest.fixture(params=["c", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of aiohttp's parsers reads the requests; without its extensions there is but one."""
    python = http_parser.HttpRequestParserPy
    if request.param == "python":
        monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", python)
        return "python"
    return "python" if http_parser.HttpRequestParser is python else "c"


@pytest.fixture(autouse=True)
def log(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Afterwards: no error but the parser's, or where a test is about one; nothing raw or long."""
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    yield
    for record in caplog.get_records("call"):
        if record.name == "aiohttp_cors_plugin":
            assert record.getMessage().isprintable()
            assert len(record.getMessage()) < 2000
            assert record.levelno < logging.ERROR or "failing" in request.node.name
        elif record.name == "aiohttp.server":
            assert record.exc_info is not None
            assert isinstance(record.exc_info[1], HttpProcessingError)


class Answer(NamedTuple):
    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def cors(self) -> tuple[int, dict[str, str]]:
        return self.status, cors_headers(self)

    @property
    def rest(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """All but what CORS is about, and the date."""
        ours = ("Access-", "Vary", "Date")
        others = [h for h in self.headers.items() if not h[0].startswith(ours)]
        return self.status, others, self.body


def read_answers(data: bytes) -> list[Answer]:
    """The answers of a connection; it fails on what is not well-formed."""
    answers = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        matched = re.fullmatch(rb"HTTP/\d\.\d (\d{3}) [ -~]+", first)
        assert matched, data
        headers: CIMultiDict[str] = CIMultiDict()
        for line in lines:
            name, _, value = line.decode("ascii").partition(": ")
            assert name in KNOWN, line
            assert value.isprintable(), line
            headers.add(name, value)
        length = int(headers.get("Content-Length", 0))
        assert len(rest) >= length, data
        if rest.startswith(b"CORS"):
            assert rest[: length - 1].decode().isprintable(), rest
        answers.append(Answer(int(matched[1]), headers, rest[:length]))
        data = rest[length:]
    return answers


async def talk(server: Any, *messages: bytes) -> list[Answer]:
    """What a server answers to messages in one write, until it closes the connection."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"".join(messages))
    received = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return read_answers(received)


def message(method: bytes, *lines: bytes, target: bytes = b"/") -> bytes:
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", HOST, *lines, b"", b""])


LAST = message(b"GET", CLOSE, target=b"/last")  # a 404, after which all is over


async def ask(server: Any, *messages: bytes) -> list[tuple[int, dict[str, str]]]:
    """Status and CORS headers of the answers to messages, sent at once over one connection."""
    *answers, last = await talk(server, *messages, LAST)
    assert last.status == 404
    return [answer.cors for answer in answers]


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/", ok)
    app.router.add_put("/", ok)
    return app


@pytest.fixture
async def plain(aiohttp_server: Any) -> Any:
    """The application without the plugin."""
    return await aiohttp_server(make_app())


@pytest.fixture(params=SETTINGS)
def setting(request: pytest.FixtureRequest) -> Setting:
    return SETTINGS[request.param]


@pytest.fixture
async def server(aiohttp_server: Any, setting: Setting) -> Any:
    app = make_app()
    setup(app, setting.rules, debug=setting.debug)
    return await aiohttp_server(app)


only_list = pytest.mark.parametrize("setting", [SETTINGS["list"]], ids=["list"])


# Bytes


def places(value: bytes, byte: bytes) -> list[bytes]:
    """A value with a byte before, in and behind it, where not every parser trims white space."""
    behind = [] if byte in b" \t" else [value + byte]
    return [byte + value, value[: len(value) // 2] + byte + value[len(value) // 2 :], *behind]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_every_byte_in_an_origin(server: Any, setting: Setting, method: str) -> None:
    expect = setting.preflight if method == "OPTIONS" else lambda o: (200, setting.shared(o))
    values = [value for byte in FIELD_BYTES for value in places(APP, byte)]
    messages = [message(method.encode(), b"Origin: " + value, PUT) for value in values]
    seen = dict(zip(values, await ask(server, *messages), strict=True))
    assert seen == {value: expect(value.strip(b" \t")) for value in values}


async def test_every_byte_in_an_announced_method(server: Any, setting: Setting) -> None:
    values = [value for byte in FIELD_BYTES for value in places(b"PUT", byte)]
    messages = [message(b"OPTIONS", ORIGIN, ACRM + value) for value in values]
    seen = dict(zip(values, await ask(server, *messages), strict=True))
    assert seen == {v: setting.preflight(served=v.strip(b" \t") == b"PUT") for v in values}


def names_in(value: bytes) -> str | None:
    """The names that a list of headers asks for, joined, or None where one of them is no token."""
    names = [name for name in value.lower().strip(b" \t").split(b",") if name]
    return None if any(name.strip(TCHAR) for name in names) else b", ".join(names).decode()


async def test_every_byte_in_a_requested_header(server: Any, setting: Setting) -> None:
    values = [value for byte in FIELD_BYTES for value in places(b"x-ab", byte)]
    messages = [message(b"OPTIONS", ORIGIN, PUT, ACRH + value) for value in values]
    seen = dict(zip(values, await ask(server, *messages), strict=True))
    assert seen == {value: setting.preflight(names=names_in(value)) for value in values}


@only_list
async def test_a_control_byte_is_refused(server: Any, plain: Any, setting: Setting) -> None:
    for byte in CONTROLS:
        for field in (ORIGIN, PUT, ACRH + b"x-ab"):
            name, _, value = field.partition(b": ")
            others = [line for line in (ORIGIN, PUT) if line != field]
            for place in places(value, byte):
                sent = message(b"OPTIONS", *others, name + b": " + place, CLOSE)
                (answer, *more), (bare, *_) = await talk(server, sent), await talk(plain, sent)
                assert not more
                if bare.status == 400:  # the Python parser of aiohttp 3.10 takes most of them
                    assert (answer.cors, answer.rest) == (bare.cors, bare.rest)
                else:
                    assert answer.cors == setting.refused


@only_list
async def test_a_byte_more_makes_another_header_or_none(
    server: Any, plain: Any, setting: Setting
) -> None:
    tokens = [byte for byte in ALL_BYTES if byte in TCHAR]
    actual = [message(b"GET", n + b": " + APP) for b in tokens for n in places(b"Origin", b)]
    assert await ask(server, *actual) == [(200, {"Vary": "Origin"})] * len(actual)
    names = [name for byte in tokens for name in places(ACRM[:-2], byte)]
    preflights = [message(b"OPTIONS", ORIGIN, name + b": PUT") for name in names]
    assert await ask(server, *preflights) == [(405, setting.shared(APP))] * len(names)
    for byte in ALL_BYTES:
        if byte not in TCHAR:
            sent = message(b"GET", b"Ori" + byte + b"gin: " + APP, CLOSE)
            (answer,), (bare,) = await talk(server, sent), await talk(plain, sent)
            assert answer.rest == bare.rest
            assert answer.cors[1] == ({} if bare.status == 400 else {"Vary": "Origin"})


# Lines

# The lines, the origin that they name, and the headers that they ask for, None where by no names.
LINES: dict[str, tuple[tuple[bytes, ...], bytes, str | None]] = {
    "an origin twice is none": ((ORIGIN, ORIGIN), b"null", ""),
    "two origins are none": ((ORIGIN, b"origin: " + EVIL.encode()), b"null", ""),
    "an empty line counts": ((b"Origin:", ORIGIN), b"null", ""),
    "an empty origin is one": ((b"Origin:",), b"", ""),
    "null is none": ((b"Origin: null",), b"null", ""),
    "any case of a name": ((b"oRIGIN: " + APP,), APP, ""),
    "no space behind the colon": ((b"Origin:" + APP,), APP, ""),
    "much space behind the colon": ((b"Origin: \t\t " + APP,), APP, ""),
    "case of a scheme": ((b"Origin: HTTPS://app.example.com",), b"HTTPS://app.example.com", ""),
    "case of a host": ((b"Origin: https://APP.example.com",), b"https://APP.example.com", ""),
    "an underscore is no dash": ((ORIGIN, b"Access_Control_Request_Headers: x-a"), APP, ""),
    "lists are joined": ((ORIGIN, ACRH + b"x-a", ACRH + b"x-b"), APP, "x-a, x-b"),
    "case and repeats": ((ORIGIN, ACRH + b"X-B,x-b,x-A"), APP, "x-b, x-a"),
    "space and gaps": ((ORIGIN, ACRH + b"\t , ,x-a ,\tx-b,,"), APP, "x-a, x-b"),
    "an empty list": ((ORIGIN, ACRH), APP, ""),
    "no comma, no list": ((ORIGIN, ACRH + b"x-a x-b"), APP, None),
    "a semicolon is no comma": ((ORIGIN, ACRH + b"x-a;x-b"), APP, None),
    "a value is no name": ((ORIGIN, ACRH + b"x-a: 1"), APP, None),
    "quotes": ((ORIGIN, ACRH + b'"x-a"'), APP, None),
    "other scripts": ((ORIGIN, ACRH + b"x-\xc3\xa4"), APP, None),
    "a letter that lowers to k": ((ORIGIN, ACRH + b"x-\xe2\x84\xaa"), APP, None),
}


async def test_lines(server: Any, setting: Setting) -> None:
    seen, expected = {}, {}
    for name, (lines, origin, names) in LINES.items():
        actual = message(b"GET", *lines)
        preflight = message(b"OPTIONS", *lines, b"access-control-request-METHOD:PUT")
        seen[name] = await ask(server, actual, preflight)
        expected[name] = [(200, setting.shared(origin)), setting.preflight(origin, names=names)]
    assert seen == expected


ANNOUNCED = [
    *b"put Put pUT PATCH DELETE POST GETT GE PUT,GET PUT;q=1 PUT/1.1 * ** - CHICKEN".split(),
    *b"OPTIONS OPTIONS,PUT CONNECT TRACE TRACK connect PRI NO-SUCH-METHOD NONE-OR-SEVERAL".split(),
    *(b"PUT GET", b'"PUT"', b"PU\tT", b"PUT\xc2\xa0", b"\xff\xfe", b"P" * 8000, b"%50UT", b"=PUT"),
]


async def test_methods_that_nobody_serves(server: Any, setting: Setting) -> None:
    messages = [message(b"OPTIONS", ORIGIN, ACRM + method) for method in ANNOUNCED]
    seen = dict(zip(ANNOUNCED, await ask(server, *messages), strict=True))
    # Debug mode does not help out with a method that browsers let pass without being told.
    expected = {method: setting.preflight(served=False) for method in ANNOUNCED}
    assert seen == expected | {b"POST": setting.refused}
    for lines in ([ACRM], [ACRM, ACRM], [PUT, PUT], [PUT, ACRM], [ACRM, PUT]):
        assert await ask(server, message(b"OPTIONS", ORIGIN, *lines)) == [setting.refused]


# Messages: what each is, where aiohttp's parser takes it. Where it refuses one, so do we.
CHUNKED, LENGTH = b"Transfer-Encoding: chunked", b"Content-Length: 4"
GET, OPTIONS = b"GET / HTTP/1.1", b"OPTIONS / HTTP/1.1"
USUAL = (HOST, ORIGIN, PUT)
MESSAGES: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "an actual request": ("actual", (GET, HOST, ORIGIN)),
    "a preflight": ("preflight", (OPTIONS, *USUAL)),
    "no host": ("actual", (GET, ORIGIN)),
    "a preflight without host": ("preflight", (OPTIONS, ORIGIN, PUT)),
    "two hosts": ("actual", (GET, HOST, b"Host: y", ORIGIN)),
    "a bad host": ("actual", (GET, b"Host: [\xff@", ORIGIN)),
    "HTTP/1.0": ("actual", (b"GET / HTTP/1.0", ORIGIN)),
    "a preflight of HTTP/1.0": ("preflight", (b"OPTIONS / HTTP/1.0", ORIGIN, PUT)),
    "HTTP/0.9": ("actual", (b"GET /", ORIGIN)),
    "HTTP/2.0": ("actual", (b"GET / HTTP/2.0", *USUAL)),
    "HTTP/9.9": ("actual", (b"GET / HTTP/9.9", *USUAL)),
    "a version in lower case": ("actual", (b"GET / http/1.1", *USUAL)),
    "something behind the version": ("actual", (b"GET / HTTP/1.1 x", *USUAL)),
    "the preface of HTTP/2": ("bad", (b"PRI * HTTP/2.0", b"", b"SM")),
    "TLS": ("bad", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",)),
    "no first line": ("bad", (b"", b"", b"")),
    "a line before the first": ("preflight", (b"", OPTIONS, *USUAL)),
    "space before the first line": ("preflight", (b" " + OPTIONS, *USUAL)),
    "two spaces in the first line": ("preflight", (b"OPTIONS  / HTTP/1.1", *USUAL)),
    "a folded origin": ("bad", (GET, HOST, ORIGIN[:15], b" " + ORIGIN[15:])),
    "a folded list": ("bad", (OPTIONS, *USUAL, ACRH + b"range,", b"\tx-a")),
    "a fold at the start": ("bad", (OPTIONS, b" a: b", *USUAL)),
    "bare line feeds": ("preflight", (b"\n".join([OPTIONS, *USUAL]),)),
    "bare carriage returns": ("bad", (b"\r".join([OPTIONS, *USUAL]),)),
    "a header behind a line feed": ("bad", (GET, HOST, ORIGIN + b"\nX: 1")),
    "a header behind a carriage return": ("bad", (GET, HOST, ORIGIN + b"\rX: 1")),
    "space before a colon": ("bad", (OPTIONS, HOST, ORIGIN, ACRM[:-2] + b" : PUT")),
    "no colon": ("bad", (OPTIONS, *USUAL, b"Origin")),
    "no name": ("bad", (OPTIONS, *USUAL, b": x")),
    "the whole server": ("nowhere", (b"OPTIONS * HTTP/1.1", *USUAL)),
    "an absolute target": ("preflight", (b"OPTIONS http://y/ HTTP/1.1", *USUAL)),
    "a target of another scheme": ("preflight", (b"OPTIONS ftp://y/ HTTP/1.1", *USUAL)),
    "an authority as target": ("nowhere", (b"OPTIONS y:80 HTTP/1.1", *USUAL)),
    "no target": ("preflight", (b"OPTIONS HTTP/1.1", *USUAL)),
    "a target without slash": ("nowhere", (b"OPTIONS x HTTP/1.1", *USUAL)),
    "bad escapes": ("nowhere", (b"OPTIONS /%zz%00%ff%0d%0aX:1 HTTP/1.1", *USUAL)),
    "a header in a path": ("actual", (b"GET /?%0d%0aX:1 HTTP/1.1", *USUAL)),
    "raw bytes in a path": ("nowhere", (b"OPTIONS /\xff\xfe HTTP/1.1", *USUAL)),
    "a zero byte in a path": ("nowhere", (b"OPTIONS /\x00 HTTP/1.1", *USUAL)),
    "a long path": ("nowhere", (b"OPTIONS /" + b"a" * 8000 + b" HTTP/1.1", *USUAL)),
    "a longer path": ("nowhere", (b"OPTIONS /" + b"a" * 9000 + b" HTTP/1.1", *USUAL)),
    "a path that goes up": ("nowhere", (b"OPTIONS /../x HTTP/1.1", *USUAL)),
    "a path of two slashes": ("nowhere", (b"OPTIONS //y/ HTTP/1.1", *USUAL)),
    "a query": ("preflight", (b"OPTIONS /?a=%0d%0a&b=<> HTTP/1.1", *USUAL)),
    "a fragment": ("preflight", (b"OPTIONS /#a HTTP/1.1", *USUAL)),
    "a body": ("preflight", (OPTIONS, *USUAL, LENGTH)),
    "a chunked body": ("preflight", (OPTIONS, *USUAL, CHUNKED)),
    "two lengths": ("bad", (OPTIONS, *USUAL, LENGTH, b"Content-Length: 5")),
    "a length and chunks": ("bad", (OPTIONS, *USUAL, LENGTH, CHUNKED)),
    "a bad length": ("bad", (OPTIONS, *USUAL, b"Content-Length: -1")),
    "an upgrade": ("preflight", (OPTIONS, *USUAL, b"Upgrade: websocket")),
    "an expectation": ("preflight", (OPTIONS, *USUAL, b"Expect: nonsense")),
    **{
        f"the method {method!r}": ("actual", (method + b" / HTTP/1.1", *USUAL))
        for method in (
            *b"DELETE PATCH POST get gEt FOO OPTIONSX XOPTIONS OPTIONS/ QUERY TRACE TRACK".split(),
            *b"CONNECT PROPFIND M-SEARCH SOURCE GET,PUT * - ! GET: {} [] <> \xff G\x00T".split(),
            *(b"", b"G\tT", b"A" * 100, b"A" * 9000),
        )
    },
    # Some versions of the Python parser write methods in upper case.
    **{
        f"the method {method!r}": ("either", (method + b" / HTTP/1.1", *USUAL))
        for method in (b"options", b"Options", b"oPTIONS")
    },
}


async def test_messages(server: Any, plain: Any, setting: Setting, parser: str) -> None:
    seen: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for name, (kind, lines) in MESSAGES.items():
        if name == "the method b'CONNECT'" and parser == "python":
            continue  # aiohttp waits for the end of the connection, with the plugin or without
        body = (
            b"4\r\nbody\r\n0\r\n\r\n" if CHUNKED in lines else b"body" if LENGTH in lines else b""
        )
        sent = b"\r\n".join([*lines, CLOSE, b"", body])
        answers, bare = await talk(server, sent), await talk(plain, sent)
        if bare[-1].status == 400:
            assert [(a.cors, a.rest) for a in answers] == [(a.cors, a.rest) for a in bare]
            continue
        seen[name] = [answer.cors for answer in answers]
        if kind == "preflight" or (kind == "either" and answers[0].status == 204):
            expected[name] = [setting.preflight()]
        elif kind == "nowhere":
            expected[name] = [setting.preflight(methods="PUT")]
        else:
            assert kind != "bad", name
            assert [answer.rest for answer in answers] == [answer.rest for answer in bare]
            expected[name] = [(bare[0].status, setting.shared(APP))]
    assert seen == expected
    assert len(seen) > 30


# Much of it, and little at a time

# The lines, and what they come to: other origins, headers by these names (None: refused).
MUCH: dict[str, tuple[list[bytes], bytes, str | None]] = {
    "64 names": (
        [ACRH + b",".join(b"x-%d" % n for n in range(64))],
        APP,
        ", ".join(f"x-{n}" for n in range(64)),
    ),
    "900 names": ([ACRH + b",".join(b"x-%d" % n for n in range(900))], APP, None),
    "100,000 names": ([ACRH + b",".join(b"x-%d" % n for n in range(100_000))], APP, None),
    "one name 10,000 times": ([ACRH + b",".join([b"x-a"] * 10_000)], APP, "x-a"),
    "a name of 8000 letters": ([ACRH + b"x" * 8000], APP, "x" * 8000),
    "a name of a million letters": ([ACRH + b"x" * 1_000_000], APP, None),
    "64 gaps": ([ACRH + b"," * 64 + b"x-a"], APP, "x-a"),
    "8000 gaps": ([ACRH + b"," * 8000], APP, None),
    "a million gaps": ([ACRH + b", " * 500_000], APP, None),
    "60,000 spaces": ([ACRH + b"x-a" + b" " * 60_000 + b",x-a"], APP, "x-a"),
    "a million spaces": ([ACRH + b"x-a" + b" \t" * 500_000 + b",x-a"], APP, None),
    "50 lines of names": ([ACRH + b"x-a"] * 50, APP, "x-a"),
    "1000 lines of names": ([ACRH + b"x-a"] * 1000, APP, None),
    "1000 origins": ([ORIGIN] * 1000, b"null", ""),
    **{
        f"an origin with much {what}": ([b"Origin: " + origin], b"-", "")
        for what, origin in {
            "of a letter": b"https://" + b"a" * 1_000_000,
            "of a letter at the front": b"a" * 1_000_000 + b"://app.example.com",
            "of everything": b"https://" + b"a-b." * 2000 + b"example.com",
            "labels": b"https://" + b"a." * 500_000 + b"example.com",
            "dots": b"https://app" + b"." * 1_000_000,
            "colons": b"https://[" + b":" * 1_000_000 + b"]",
            "digits": b"https://app.example.com:" + b"1" * 1_000_000,
            "schemes": b"a+://" * 200_000,
            "escapes": b"https://" + b"%61" * 300_000 + b".example.com",
            "bytes that are no UTF-8": b"https://" + b"\xff" * 1_000_000,
        }.items()
    },
}


@pytest.mark.parametrize("limit", [None, 2**23], ids=["the limits of aiohttp", "limits raised"])
async def test_much_of_it(aiohttp_server: Any, setting: Setting, limit: int | None) -> None:
    app, without = make_app(), make_app()
    setup(app, setting.rules, debug=setting.debug)
    limits = (
        {}
        if limit is None
        else dict.fromkeys(("max_line_size", "max_field_size", "max_headers"), limit)
    )
    server, plain = [await aiohttp_server(each, **limits) for each in (app, without)]
    seen, expected = {}, {}
    for name, (lines, origin, names) in MUCH.items():
        others = [ORIGIN, PUT] if lines[0].startswith(ACRH) else [PUT]
        sent = message(b"OPTIONS", *others, *lines, CLOSE)
        if limit is None and len(sent) > 50_000:
            continue  # the connection is closed before all of it is sent
        bare, answers = await talk(plain, sent), []
        for _ in range(3):  # one of them is enough; other processes do not count
            start = time.process_time()
            answers = await talk(server, sent)
            if (taken := time.process_time() - start) < 1:
                break
        assert taken < 1, name
        seen[name] = [answer.cors for answer in answers]
        expected[name] = [setting.preflight(origin, names=names)]
        if bare[0].status == 400:
            expected[name] = [answer.cors for answer in bare]
            assert limit is None
    assert seen == expected


async def test_pipelined_preflights_are_answered_in_order(aiohttp_server: Any) -> None:
    async def slowly(request: web.Request, origin: str) -> bool:
        for _ in range(50 - int(request.path[1:])):  # the later, the quicker
            await asyncio.sleep(0)
        return origin == APP_TEXT

    app = web.Application()
    routes = [app.router.add_put(f"/{n}", ok) for n in range(50)]
    cors = setup(app, CorsOptions(allow_origins=slowly))
    for n, route in enumerate(routes):
        cors.override(route, max_age=n)
    messages, expected = [], []
    for n in range(50):
        target = b"/%d" % n
        messages.append(message(b"OPTIONS", ORIGIN, PUT, target=target))
        expected.append((204, str(n)))
        if n % 5 == 0:
            messages.append(message(b"OPTIONS", b"Origin: https://evil", PUT, target=target))
            messages.append(message(b"PUT", ORIGIN, b"Content-Length: 2", target=target) + b"ab")
            expected += [(403, ""), (200, "")]
    seen = await ask(await aiohttp_server(app), *messages)
    assert [(s, headers.get("Access-Control-Max-Age", "")) for s, headers in seen] == expected


async def test_a_preflight_byte_by_byte(server: Any, setting: Setting) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    for byte in message(b"OPTIONS", ORIGIN, PUT, ACRH + b"x-a", CLOSE):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    (answer,) = read_answers(await asyncio.wait_for(reader.read(), 30))
    writer.close()
    assert answer.cors == setting.preflight(names="x-a")


@pytest.mark.parametrize("abort", [False, True], ids=["closes", "resets"])
async def test_a_client_that_goes_away(server: Any, setting: Setting, abort: bool) -> None:
    sent = message(b"OPTIONS", ORIGIN, PUT) * 3
    for end in range(0, len(sent) + 1, 9):
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(sent[:end])
        if abort:
            writer.transport.abort()
        writer.close()
    assert await ask(server, message(b"OPTIONS", ORIGIN, PUT)) == [setting.preflight()]


# What the user's own code makes of it


class Failing(web.DynamicResource):
    """A resource that answers OPTIONS, and fails when it is asked for anything else."""

    async def resolve(self, request: web.Request) -> Any:
        if request.method != "OPTIONS" and request.path.startswith("/failing"):
            raise RuntimeError("on purpose")
        return await super().resolve(request)


FORGED = b"%0d%0aERROR:root:forged%1b[31m%00%e2%80%a8%c2%85"


async def test_a_failing_resource_is_logged_in_one_line(
    aiohttp_server: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    app.router.register_resource(Failing("/failing/{name}"))
    setup(app, CorsOptions(allow_origins=[APP_TEXT]))
    server = await aiohttp_server(app)
    for method in (b"PUT", b"\xe2\x80\xa8ERROR", b"\xff", b"A" * 5000):
        for path in (FORGED, b"a" * 5000):
            sent = message(b"OPTIONS", ORIGIN, ACRM + method, target=b"/failing/" + path)
            monkeypatch.setattr(_routing, "_failures", Repeats())
            for _ in range(2):  # once a minute
                assert await ask(server, sent) == [(404, {})]
    found = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert [text[:31] for text in found] == ["a resource failed to resolve '/"] * 8


def raises(_request: web.Request, origin: str) -> bool:
    raise ValueError(origin)


@pytest.mark.parametrize(
    "predicate",
    [
        pytest.param(raises, id="raises"),
        pytest.param(lambda *_: "yes\r\nERROR:root:forged\x1b[31m", id="answers-with-lines"),
        pytest.param(lambda *_: "y" * 10_000, id="answers-at-length"),
        pytest.param(lambda *_: 1, id="answers-almost"),
    ],
)
async def test_a_failing_predicate_refuses_and_is_logged_in_one_line(
    aiohttp_server: Any, caplog: pytest.LogCaptureFixture, predicate: Any
) -> None:
    app = make_app()
    setup(app, CorsOptions(allow_origins=predicate, allow_credentials=True), debug=True)
    server = await aiohttp_server(app)
    origins = [APP, b"https://" + b"a." * 100 + b"example.com"]
    for origin in origins:
        lines = b"Origin: " + origin, PUT
        seen = await ask(server, message(b"GET", *lines), message(b"OPTIONS", *lines))
        assert seen == [(200, {"Vary": "Origin"})] * 2
    found = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert [text[:14] for text in found] == ["allow_origins "]  # once a minute
