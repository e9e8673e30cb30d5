"""Requests as browsers send them; the rest is in `test_testing.py` and `test_check.py`."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientTimeout, TCPConnector

from aiohttp_cors_plugin._browser import Received, Sent
from aiohttp_cors_plugin._sending import decoded, received_by, send_as_browser
from tests.raw_server import Arrived, Headers, Reply, raw_server

LONG = b"x" * 300_000


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        pytest.param("GET", "/", (), None, id="a plain one"),
        pytest.param("patch", "/x", (), b"", id="patch is not PATCH"),
        pytest.param("CHICKEN", "/x", (), b"", id="any method"),
        pytest.param("GET", "/x?", (), None, id="an empty query"),
        pytest.param("GET", "//x/%41?y=%7e&z=a+b", (), None, id="nothing is decoded"),
        pytest.param("GET", "/", (("x-a", "\xe9\x01\xff"),), None, id="headers are bytes"),
        pytest.param("GET", "/", (("accept", "a"), ("User-Agent", "b")), None, id="once each"),
        pytest.param("POST", "/", (("Content-Type", "a/b"),), b"short", id="a body"),
        pytest.param("PUT", "/", (), LONG, id="a long one, without a type"),
    ],
)
async def test_a_request_goes_out_as_it_is(
    method: str, target: str, headers: Headers, body: bytes | None
) -> None:
    arrived: list[Arrived] = []

    def answer(one: Arrived) -> Reply:
        arrived.append(one)
        return Reply(299, (("X-Name", "\xc3\xbc"),), b"body")

    async with raw_server(answer) as server, TCPConnector() as connector:
        origin = f"http://127.0.0.1:{server.ports[0]}"
        sent = Sent(method, origin + target, headers, body is not None, False, is_preflight=False)
        options: Any = {"connector": connector, "timeout": ClientTimeout(total=10)}
        for host in (None, "api.example.com:81"):
            async with await send_as_browser(sent, body, host=host, **options) as response:
                assert received_by(response) == Received(
                    299, (("X-Name", "\xc3\xbc"), ("Content-Length", "4"))
                )
                assert await response.read() == b"body"
    added = {"accept": "*/*", "user-agent": arrived[0].headers["user-agent"]}
    added["accept-encoding"] = "gzip, deflate"
    if method not in ("GET", "HEAD"):
        added["content-length"] = str(len(body or b""))
    expected = added | {name.lower(): value for name, value in headers}
    for one, host in zip(arrived, (origin[7:], "api.example.com:81"), strict=True):
        expected["host"] = host
        assert one == Arrived(method, f"http://{host}{target}", expected, body or b"")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((("X-Long", "x" * 200_000),), id="a long line"),
        pytest.param(tuple((f"X-{n}", "1") for n in range(200)), id="many lines"),
        pytest.param((("Content-Encoding", "zstd"),), id="a coding that nobody here knows"),
    ],
)
async def test_a_head_is_read_as_browsers_read_it(lines: Headers) -> None:
    async with raw_server(lambda _: Reply(200, lines, b"x")) as server, TCPConnector() as connector:
        url = f"http://127.0.0.1:{server.ports[0]}/"
        sent = Sent("GET", url, (), False, False, is_preflight=False)
        timeout = ClientTimeout(total=10)
        async with await send_as_browser(sent, connector=connector, timeout=timeout) as response:
            assert received_by(response) == Received(200, (*lines, ("Content-Length", "1")))


BODY = b"a body, a body, a body"
GZIP = gzip.compress(BODY)
CODED = {  # by what it is: its coding, and itself
    "gzip": ("gzip", GZIP),
    "by another name": ("x-gzip", GZIP),
    "in any case": (" GZip", GZIP),
    "its beginning": ("gzip", GZIP[:-8]),
    "with more behind it": ("gzip", GZIP + b"more"),
    "deflate": ("deflate", zlib.compress(BODY)),
    "without its header": ("deflate", zlib.compress(BODY)[2:-4]),
    "none": ("", BODY),
    "identity": ("identity", BODY),
    "of Amazon's": ("aws-chunked", BODY),
}


def test_a_coding_is_undone() -> None:
    assert {one: decoded(body, coding) for one, (coding, body) in CODED.items()} == dict.fromkeys(
        CODED, BODY
    )
    assert {decoded(b"", coding) for coding in ("gzip", "deflate", "br", "")} == {b""}


@pytest.mark.parametrize(
    ("coding", "problem"),
    [
        ("gzip", "the body is not in Content-Encoding: gzip"),
        ("deflate", "the body is not in Content-Encoding: deflate"),
        ("br", "no decoder for a body in Content-Encoding: br"),
        ("ZSTD", "no decoder for a body in Content-Encoding: zstd"),
    ],
)
def test_a_coding_that_it_is_not_in(coding: str, problem: str) -> None:
    with pytest.raises(ClientPayloadError, match=problem):
        decoded(GZIP[5:], coding)
