"""What commands are told of a page's request: `check` and `explain` read it alike."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from aiohttp_cors_plugin._browser import FetchRequest
from aiohttp_cors_plugin.cli import _arguments
from aiohttp_cors_plugin.cli._load import UsageError
from tests.app import APP


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (_arguments.origin, APP, APP),
        (_arguments.origin, "null", "null"),
        (_arguments.origin, "capacitor://localhost", "capacitor://localhost"),
        (_arguments.header, "X-One", ("X-One", "1")),
        (_arguments.header, "X-One :  a: b ", ("X-One", "a: b")),
        (_arguments.header, "X-One:", ("X-One", "")),
        (_arguments.header, "content-type", ("content-type", "application/json")),
    ],
)
def test_what_a_page_can_have(read: Callable[[str], Any], text: str, expected: Any) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (_arguments.origin, "app.example.com", f"has no scheme; write '{APP}'"),
        (_arguments.origin, f"{APP}/", f"write '{APP}'"),
        (_arguments.origin, "https://*.example.com", "is a pattern"),
        (_arguments.origin, "file:///x", "write null"),
        (_arguments.origin, "", "is empty"),
        (_arguments.origin, f"{'a' * 600}://b", "is no origin; write what location.origin shows"),
        (_arguments.header, "Cookie: a", "leave it out"),
        (_arguments.header, "X-HTTP-Method-Override: TRACE", "leave it out"),
    ],
)
def test_what_it_cannot_have(read: Callable[[str], Any], text: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        read(text)
    assert words in str(caught.value)


def test_what_fetch_throws_for_is_wrong_usage() -> None:
    asked = FetchRequest("https://api.example.com/", APP, "put")
    assert _arguments.first_sent(asked).is_preflight
    with pytest.raises(UsageError, match=r"'P\\u000AT' is not a valid HTTP method"):
        _arguments.first_sent(asked._replace(method="P\nT"))
