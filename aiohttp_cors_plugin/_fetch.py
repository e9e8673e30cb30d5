"""The Fetch standard as data and small predicates: https://fetch.spec.whatwg.org/."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

ORIGIN: Final = "Origin"
VARY: Final = "Vary"
TIMING_ALLOW_ORIGIN: Final = "Timing-Allow-Origin"
ACCESS_CONTROL_REQUEST_METHOD: Final = "Access-Control-Request-Method"
ACCESS_CONTROL_REQUEST_HEADERS: Final = "Access-Control-Request-Headers"
ACCESS_CONTROL_ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
ACCESS_CONTROL_ALLOW_CREDENTIALS: Final = "Access-Control-Allow-Credentials"
ACCESS_CONTROL_ALLOW_METHODS: Final = "Access-Control-Allow-Methods"
ACCESS_CONTROL_ALLOW_HEADERS: Final = "Access-Control-Allow-Headers"
ACCESS_CONTROL_EXPOSE_HEADERS: Final = "Access-Control-Expose-Headers"
ACCESS_CONTROL_MAX_AGE: Final = "Access-Control-Max-Age"

# https://fetch.spec.whatwg.org/#http-responses
CORS_RESPONSE_HEADERS: Final = frozenset(
    {
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    }
)
CORS_REQUEST_HEADERS: Final = frozenset(
    {ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS}
)

# https://fetch.spec.whatwg.org/#methods
SAFELISTED_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
FORBIDDEN_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
COMMON_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

# What llhttp, aiohttp's C parser, takes in a request of HTTP/1.1; found by sending each name of
# its tables to servers on aiohttp 3.10.11 and 3.14.5. It knows the methods of RTSP and HTTP/2's
# PRI too, and refuses them.
PARSEABLE_METHODS: Final = frozenset(
    "ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR"
    " MKCOL MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH"
    " SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)

# https://fetch.spec.whatwg.org/#cors-safelisted-request-header
SAFELISTED_REQUEST_HEADERS: Final = (
    "Accept",
    "Accept-Language",
    "Content-Language",
    "Content-Type",
    "Range",
)
# https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
SAFELISTED_RESPONSE_HEADERS: Final = (
    "Cache-Control",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "Expires",
    "Last-Modified",
    "Pragma",
)
# https://fetch.spec.whatwg.org/#forbidden-response-header-name
FORBIDDEN_RESPONSE_HEADERS: Final = ("Set-Cookie", "Set-Cookie2")

# https://fetch.spec.whatwg.org/#forbidden-request-header. The three X- headers that override a
# method are forbidden only with some values, so they may be listed.
_FORBIDDEN_REQUEST_HEADERS: Final = frozenset(
    "accept-charset accept-encoding access-control-request-headers access-control-request-method"
    " connection content-length cookie cookie2 date dnt expect host keep-alive origin referer"
    " set-cookie te trailer transfer-encoding upgrade via".split()
)

# RFC 9110, section 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# Far more than a browser sends, and an upper bound on the work for one request.
MAX_REQUESTED_NAMES: Final = 128
MAX_EMPTY_ELEMENTS: Final = 128
MAX_REQUESTED_LENGTH: Final = 65536


def is_token(text: str) -> bool:
    """Whether a text is a token: what a method or a header name has to be. RFC 9110, 5.6.2."""
    return _TOKEN.fullmatch(text) is not None


def is_forbidden_request_header(name: str) -> bool:
    """Whether browsers keep scripts from setting a header, whatever the server allows.

    https://fetch.spec.whatwg.org/#forbidden-request-header
    """
    lower = name.lower()
    return lower in _FORBIDDEN_REQUEST_HEADERS or lower.startswith(("proxy-", "sec-"))


def parse_requested_headers(lines: Sequence[str]) -> tuple[str, ...] | None:
    """The names in the lines of `Access-Control-Request-Headers`, lower case, no repeats.

    None where an element is no token, or where there is more than any browser sends. Gateways
    split lines, and add white space and empty elements: RFC 9110, sections 5.3 and 5.6.1.
    """
    if sum(map(len, lines)) > MAX_REQUESTED_LENGTH or len(lines) > MAX_REQUESTED_NAMES:
        return None
    if not all(map(str.isascii, lines)):  # some other letters have an ASCII lower case
        return None
    elements = [element.strip(" \t").lower() for line in lines for element in line.split(",")]
    names = dict.fromkeys(filter(None, elements))
    empty = elements.count("")
    if len(names) > MAX_REQUESTED_NAMES or empty > MAX_EMPTY_ELEMENTS:
        return None
    return tuple(names) if all(map(is_token, names)) else None
