"""What commands are told of a page's request: refused where no browser would send it."""

from __future__ import annotations

import argparse
from typing import Final

from aiohttp_cors_plugin._browser import FetchRequest, Sent, fetch, is_forbidden_header
from aiohttp_cors_plugin._origins import is_pattern_problem, parse_origin
from aiohttp_cors_plugin.cli._load import UsageError
from aiohttp_cors_plugin.cli._terminal import printable

_VALUES: Final = {"content-type": "application/json", "range": "bytes=0-"}


def origin(text: str) -> str:
    """The origin of a page, `null` too."""
    if text == "null" or parse_origin(text) is not None:
        return text
    example = "write what location.origin shows in a browser, such as 'https://app.example.com'"
    if "*" in text:
        raise argparse.ArgumentTypeError(
            f"{text!r} is a pattern, and a page has one origin; {example}"
        )
    if text.lower().startswith("file:"):
        raise argparse.ArgumentTypeError(f"{text!r}: pages of files send 'null'; write null")
    problem = is_pattern_problem(text, "--origin")
    words = f"{problem.reason}; {problem.fix}" if problem else f"is no origin; {example}"
    raise argparse.ArgumentTypeError(f"{text!r} {words}")


def header(text: str) -> tuple[str, str]:
    """A header that a script sets; the name alone has a value of the usual kind."""
    name, colon, value = text.partition(":")
    name = name.strip()
    value = value.strip() if colon else _VALUES.get(name.lower(), "1")
    if is_forbidden_header(name, value):
        raise argparse.ArgumentTypeError(
            f"{name!r}: browsers set that themselves, and let no script do it; leave it out"
        )
    return name, value


def first_sent(asked: FetchRequest) -> Sent:
    """What a browser sends first; raises UsageError where `fetch()` throws instead."""
    try:
        return next(fetch(asked))
    except StopIteration as end:
        raise UsageError(printable(end.value.message)) from None
