"""The browser's side: what a script's `fetch()` sends, and what the script may read of the answer.

The algorithms of the Fetch standard, strings in, records out. `fetch` yields each request that a
browser would send, takes what came back, and returns a `Verdict`:

    steps, received = fetch(FetchRequest(url, origin="https://app.example.com")), None
    try:
        while True:
            received = await network(steps.send(received))  # None where no answer came
    except StopIteration as end:
        verdict = end.value

Left out, as CORS decides none of it: mixed content, blocked ports, content security policies,
`Cross-Origin-Resource-Policy`, opaque response blocking, service workers, the HTTP cache, answers
to 401, 407 and 421 other than showing them to the script, referrer policies other than the
default, the headers `Referer` and `Sec-Fetch-*`, and the preflights that only streams and the
upload listeners of XMLHttpRequest force.

Each rule names its section of https://fetch.spec.whatwg.org/. Comments that begin with "Chromium:"
tell where Chromium 156 departs from it; the tests hold both to what is said there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from aiohttp_cors_plugin._fetch import (
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD,
    FORBIDDEN_METHODS,
    FORBIDDEN_RESPONSE_HEADERS,
    ORIGIN,
    SAFELISTED_METHODS,
    SAFELISTED_REQUEST_HEADERS,
    SAFELISTED_RESPONSE_HEADERS,
    is_forbidden_request_header,
    is_token,
)
from aiohttp_cors_plugin._urls import Url, parse_url

Headers = tuple[tuple[str, str], ...]
"""Header lines in order: names in any case, values without white space around them."""

ACCEPT: Final = SAFELISTED_REQUEST_HEADERS[0]
AUTHORIZATION: Final = "Authorization"
CONTENT_TYPE: Final = SAFELISTED_REQUEST_HEADERS[3]
LOCATION: Final = "Location"

# In the order of the table; a table of another length would not unpack.
_ACCEPT, _ACCEPT_LANGUAGE, _CONTENT_LANGUAGE, _CONTENT_TYPE, _RANGE = (
    name.lower() for name in SAFELISTED_REQUEST_HEADERS
)
_SAFELISTED_RESPONSE: Final = frozenset(name.lower() for name in SAFELISTED_RESPONSE_HEADERS)
_FORBIDDEN_RESPONSE: Final = frozenset(name.lower() for name in FORBIDDEN_RESPONSE_HEADERS)
# https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
_NON_WILDCARD: Final = frozenset({AUTHORIZATION.lower()})
# https://fetch.spec.whatwg.org/#request-body-header-name
_BODY_HEADERS: Final = frozenset(
    {"content-encoding", "content-location", _CONTENT_LANGUAGE, _CONTENT_TYPE}
)
# https://fetch.spec.whatwg.org/#forbidden-request-header, step 3
_METHOD_OVERRIDES: Final = frozenset(
    {"x-http-method", "x-http-method-override", "x-method-override"}
)
# https://fetch.spec.whatwg.org/#concept-method-normalize
_NORMALIZED_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
_SAFELISTED_TYPES: Final = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
_REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})  # .../#redirect-status
_MOST_REDIRECTS: Final = 20
_DEFAULT_MAX_AGE: Final = 5
MOST_MAX_AGE: Final = 7200
"""The longest that Chromium keeps the answer to a preflight, in seconds."""

# https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte
_UNSAFE_BYTE: Final = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGES: Final = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_SIMPLE_RANGE: Final = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_DELTA_SECONDS: Final = re.compile(r"[0-9]+")
_MIME_TYPE: Final = re.compile(r"([^/]+)/([^;]+)(?:;.*)?", re.DOTALL)
_OUTSIDE_QUOTES: Final = re.compile(r'((?:[^",]|"(?:[^"\\]|\\.?)*"?)*)(?:,|$)', re.DOTALL)
_BEYOND_ASCII: Final = re.compile(r"[\x80-\xff]")
_HTTP_WHITE_SPACE: Final = " \t\r\n"

REASONS: Final = {
    # fetch() throws before anything is sent.
    "url-invalid": "Failed to execute 'fetch' on 'Window': Failed to parse URL from {subject}",
    "url-has-credentials": (
        "Failed to execute 'fetch' on 'Window': Request cannot be constructed from a URL that"
        " includes credentials: {subject}"
    ),
    "url-scheme": 'Fetch API cannot load {url}. URL scheme "{subject}" is not supported.',
    "method-invalid": (
        "Failed to execute 'fetch' on 'Window': '{subject}' is not a valid HTTP method."
    ),
    "method-forbidden": (
        "Failed to execute 'fetch' on 'Window': '{subject}' HTTP method is unsupported."
    ),
    "method-not-no-cors": (
        "Failed to execute 'fetch' on 'Window': '{subject}' is unsupported in no-cors mode."
    ),
    "header-name-invalid": "Failed to execute 'fetch' on 'Window': Invalid name",
    "header-value-invalid": "Failed to execute 'fetch' on 'Window': Invalid value",
    "body-not-allowed": (
        "Failed to execute 'fetch' on 'Window': Request with GET/HEAD method cannot have body."
    ),
    "redirect-mode-not-no-cors": (
        'Fetch API cannot load {url}. Request mode is "no-cors" but the redirect mode is not'
        ' "follow".'
    ),
    "mode-same-origin": (
        'Fetch API cannot load {url}. Request mode is "same-origin" but the URL\'s origin is not'
        " same as the request origin {origin}."
    ),
    # The network, and redirects.
    "no-answer": "Failed to load resource",  # net::ERR_CONNECTION_REFUSED, or what it was
    "redirect-mode-error": "Failed to load resource: net::ERR_FAILED",
    "redirect-location-multiple": (
        "Failed to load resource: net::ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION"
    ),
    "redirect-location-invalid": "Failed to load resource: net::ERR_INVALID_REDIRECT",
    "redirect-scheme": "Failed to load resource: net::ERR_UNSAFE_REDIRECT",  # of data: URLs
    # The frame's own URL stands where this has its origin.
    "redirect-leaves-origin": (
        "Unsafe attempt to load URL {url} from frame with URL {origin}/. Domains, protocols and"
        " ports must match."
    ),
    "redirect-too-many": "Failed to load resource: net::ERR_TOO_MANY_REDIRECTS",
    # Chromium leaves the quotes empty: it hides a URL that carries a password.
    "redirect-has-credentials": (
        "{cors}Redirect location '' contains a username and password, which is disallowed for"
        " cross-origin requests."
    ),
    # The CORS check, of a preflight's answer or of the actual one.
    "allow-origin-missing": (
        f"{{cors}}{{preflight}}No '{ACCESS_CONTROL_ALLOW_ORIGIN}' header is present on the"
        " requested resource."
    ),
    "allow-origin-multiple": (
        f"{{cors}}{{preflight}}The '{ACCESS_CONTROL_ALLOW_ORIGIN}' header contains multiple values"
        " '{subject}', but only one is allowed. Have the server send the header with a valid value."
    ),
    "allow-origin-invalid": (
        f"{{cors}}{{preflight}}The '{ACCESS_CONTROL_ALLOW_ORIGIN}' header contains the invalid"
        " value '{subject}'. Have the server send the header with a valid value."
    ),
    "allow-origin-mismatch": (
        f"{{cors}}{{preflight}}The '{ACCESS_CONTROL_ALLOW_ORIGIN}' header has a value '{{subject}}'"
        " that is not equal to the supplied origin. Have the server send the header with a valid"
        " value."
    ),
    "allow-origin-wildcard-with-credentials": (
        f"{{cors}}{{preflight}}The value of the '{ACCESS_CONTROL_ALLOW_ORIGIN}' header in the"
        " response must not be the wildcard '*' when the request's credentials mode is 'include'."
    ),
    "allow-credentials-missing": (
        f"{{cors}}{{preflight}}The value of the '{ACCESS_CONTROL_ALLOW_CREDENTIALS}' header in the"
        " response is '' which must be 'true' when the request's credentials mode is 'include'."
    ),
    "allow-credentials-invalid": (
        f"{{cors}}{{preflight}}The value of the '{ACCESS_CONTROL_ALLOW_CREDENTIALS}' header in the"
        " response is '{subject}' which must be 'true' when the request's credentials mode is"
        " 'include'."
    ),
    # The rest of a preflight's answer.
    "preflight-redirect": "{cors}{preflight}Redirect is not allowed for a preflight request.",
    "preflight-status": "{cors}{preflight}It does not have HTTP ok status.",
    "allow-methods-malformed": (
        f"{{cors}}Cannot parse {ACCESS_CONTROL_ALLOW_METHODS} response header field in preflight"
        " response."
    ),
    "allow-headers-malformed": (
        f"{{cors}}Cannot parse {ACCESS_CONTROL_ALLOW_HEADERS} response header field in preflight"
        " response."
    ),
    "method-not-in-allow-methods": (
        f"{{cors}}Method {{subject}} is not allowed by {ACCESS_CONTROL_ALLOW_METHODS} in preflight"
        " response."
    ),
    "header-not-in-allow-headers": (
        f"{{cors}}Request header field {{subject}} is not allowed by {ACCESS_CONTROL_ALLOW_HEADERS}"
        " in preflight response."
    ),
}
"""Each reason why `fetch()` rejects: its slug, and Chromium's words for it."""
_CORS: Final = (
    "Access to fetch at '{url}'{redirected} from origin '{origin}' has been blocked by CORS"
    " policy: "
)
_PREFLIGHT: Final = "Response to preflight request doesn't pass access control check: "


class FetchRequest(NamedTuple):
    """What a script on a page of `origin` (`null`: a sandboxed one) passes to `fetch()`.

    `body_type` is the `Content-Type` that a body brings along, as text and forms do; one that the
    script sets goes before. Without a `base` a relative URL is none.
    """

    url: str
    origin: str
    method: str = "GET"
    headers: Headers = ()
    has_body: bool = False
    credentials: Literal["omit", "same-origin", "include"] = "same-origin"
    mode: Literal["cors", "no-cors", "same-origin"] = "cors"
    redirect: Literal["follow", "error", "manual"] = "follow"
    base: str = ""
    body_type: str = ""


class Sent(NamedTuple):
    """A request to send; with `credentials` it carries the cookies of the URL's host as well."""

    method: str
    url: str
    headers: Headers
    has_body: bool
    credentials: bool
    is_preflight: bool


class Received(NamedTuple):
    """What came back."""

    status: int
    headers: Headers = ()


class Step(NamedTuple):
    """One exchange with the server; without an answer where the network failed."""

    sent: Sent
    received: Received | None


class Verdict(NamedTuple):
    """What the script gets.

    Where `fetch()` rejects, `reason` is a slug of `REASONS`, `subject` what it speaks of (a
    header's value, a name, a status) and `message` what Chromium's console says; the last of the
    steps is the one that failed. Else they are empty, and the rest is the `Response` object's:
    `headers` are those that the script can read, in lower case, sorted and combined.
    """

    resolved: bool
    steps: tuple[Step, ...]
    reason: str = ""
    subject: str = ""
    message: str = ""
    type: Literal["basic", "cors", "opaque", "opaqueredirect", "error"] = "error"
    url: str = ""
    redirected: bool = False
    status: int = 0
    headers: Headers = ()


Exchange = Generator[Sent, Received | None, Verdict]


def fetch(request: FetchRequest, cache: PreflightCache | None = None) -> Exchange:
    """Yield each request to send, take its answer (None: the network failed), return the verdict.

    https://fetch.spec.whatwg.org/#fetch-method. Without a cache every preflight is sent.
    """
    state = _Request(request)
    try:
        _construct(state, request)
        answer = yield from _main_fetch(state, PreflightCache() if cache is None else cache)
    except _NetworkError as error:
        return _rejected(state, error)
    return _resolved(state, answer)


# --- Requests -----------------------------------------------------------------------------------


class _NetworkError(Exception):
    """https://fetch.spec.whatwg.org/#concept-network-error, with the reason that scripts miss."""

    def __init__(self, reason: str, subject: str = "") -> None:
        self.reason = reason
        self.subject = subject


class _Request:
    """https://fetch.spec.whatwg.org/#concept-request: what the algorithms change as they go."""

    def __init__(self, request: FetchRequest) -> None:
        self.origin = request.origin
        self.credentials = request.credentials
        self.mode = request.mode
        self.redirect = request.redirect
        self.method = request.method
        self.has_body = request.has_body
        self.headers: list[tuple[str, str]] = []
        self.urls: list[Url] = []
        self.tainting: Literal["basic", "cors", "opaque"] = "basic"
        self.redirect_tainted = False
        self.steps: list[Step] = []

    @property
    def url(self) -> Url:
        return self.urls[-1]

    @property
    def includes(self) -> bool:
        return self.credentials == "include"

    @property
    def serialized_origin(self) -> str:
        """https://fetch.spec.whatwg.org/#serializing-a-request-origin"""
        return "null" if self.redirect_tainted else self.origin

    @property
    def key(self) -> CacheKey:
        return CacheKey(self.serialized_origin, self.url.href, self.includes)

    def is_same_origin_as(self, url: Url) -> bool:
        """https://html.spec.whatwg.org/#same-origin: an opaque origin is the same as no other."""
        return self.origin == url.origin != "null"

    def exchange(self, sent: Sent) -> Generator[Sent, Received | None, Received]:
        received = yield sent
        self.steps.append(Step(sent, received))
        if received is None:
            raise _NetworkError("no-answer")
        return received


def _construct(state: _Request, request: FetchRequest) -> None:
    """https://fetch.spec.whatwg.org/#dom-request: what `fetch()` refuses to begin with."""
    url = parse_url(request.url, parse_url(request.base))
    if url is None:
        raise _NetworkError("url-invalid", request.url)
    if url.has_credentials:
        raise _NetworkError("url-has-credentials", request.url)
    state.urls.append(url)
    if not is_token(request.method):
        raise _NetworkError("method-invalid", request.method)
    if request.method.upper() in FORBIDDEN_METHODS:
        raise _NetworkError("method-forbidden", request.method)
    state.method = normalize_method(request.method)
    if request.mode == "no-cors" and state.method not in SAFELISTED_METHODS:
        raise _NetworkError("method-not-no-cors", state.method)
    for name, value in request.headers:
        _append(state, name, value.strip(_HTTP_WHITE_SPACE))
    if request.has_body and state.method in ("GET", "HEAD"):
        raise _NetworkError("body-not-allowed")
    # Now, so that it takes the place of one that the mode no-cors has dropped.
    if request.body_type and get(state.headers, CONTENT_TYPE) is None:
        _append(state, CONTENT_TYPE, request.body_type)
    # https://fetch.spec.whatwg.org/#concept-fetch, step 12
    if get(state.headers, ACCEPT) is None:
        state.headers.append((ACCEPT, "*/*"))
    # Other schemes need no server (data:, blob:) or no longer work: .../#scheme-fetch
    if url.scheme not in ("http", "https"):
        raise _NetworkError("url-scheme", url.scheme)


def _append(state: _Request, name: str, value: str) -> None:
    """https://fetch.spec.whatwg.org/#concept-headers-append"""
    if not is_token(name):
        raise _NetworkError("header-name-invalid", name)
    if any(char in "\0\r\n" or char > "\xff" for char in value):
        raise _NetworkError("header-value-invalid", name)
    if is_forbidden_header(name, value):
        return
    if state.mode == "no-cors":
        # Of the safelisted names only those without `Range`, with all their values together.
        combined = ", ".join([*_values(state.headers, name), value])
        if name.lower() == _RANGE or not is_safelisted_header(name, combined):
            return
    state.headers.append((name, value))


def normalize_method(method: str) -> str:
    """https://fetch.spec.whatwg.org/#concept-method-normalize: `patch` stays as it is."""
    return method.upper() if method.upper() in _NORMALIZED_METHODS else method


def is_forbidden_header(name: str, value: str) -> bool:
    """https://fetch.spec.whatwg.org/#forbidden-request-header

    Chromium: drops a script's `User-Agent` too, which is on this list no longer.
    """
    if name.lower() not in _METHOD_OVERRIDES:
        return is_forbidden_request_header(name)
    # https://fetch.spec.whatwg.org/#header-value-get-decode-and-split
    methods = (method.strip(" \t") for method in _OUTSIDE_QUOTES.findall(value))
    return any(method.upper() in FORBIDDEN_METHODS for method in methods)


def is_safelisted_header(name: str, value: str) -> bool:
    """https://fetch.spec.whatwg.org/#cors-safelisted-request-header

    Chromium: some more need no preflight: `Intervention`, `Save-Data: on` and the client hints
    `Device-Memory`, `Downlink`, `DPR`, `ECT`, `RTT`, `Viewport-Width` and `Width`, each with the
    values that the browser itself would give them.
    """
    if len(value) > 128:
        return False
    lower = name.lower()
    if lower == _ACCEPT:
        return _UNSAFE_BYTE.search(value) is None
    if lower in (_ACCEPT_LANGUAGE, _CONTENT_LANGUAGE):
        return _LANGUAGES.fullmatch(value) is not None
    if lower == _CONTENT_TYPE:
        return _UNSAFE_BYTE.search(value) is None and _essence(value) in _SAFELISTED_TYPES
    return lower == _RANGE and _is_simple_range(value)


def _essence(value: str) -> str | None:
    """https://mimesniff.spec.whatwg.org/#parse-a-mime-type: the type without its parameters."""
    match = _MIME_TYPE.fullmatch(value.strip(_HTTP_WHITE_SPACE))
    if match is None:
        return None
    kind, subtype = match[1], match[2].rstrip(_HTTP_WHITE_SPACE)
    return f"{kind}/{subtype}".lower() if is_token(kind) and is_token(subtype) else None


def _is_simple_range(value: str) -> bool:
    """https://fetch.spec.whatwg.org/#simple-range-header-value, with a start.

    Chromium: no number that needs more than 63 bits.
    """
    match = _SIMPLE_RANGE.fullmatch(value)
    return match is not None and (not match[2] or int(match[1]) <= int(match[2]))


def unsafe_header_names(headers: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names

    Chromium: judges all values of one name together, joined by commas, so that two types of
    content, and two values of 65 bytes, are unsafe; 1024 bytes in total cannot be reached.
    """
    safe = [(name, value) for name, value in headers if is_safelisted_header(name, value)]
    names = {name.lower() for name, value in headers if (name, value) not in safe}
    if sum(len(value) for _, value in safe) > 1024:
        names.update(name.lower() for name, _ in safe)
    return tuple(sorted(names))


# --- Fetching -----------------------------------------------------------------------------------

_Fetching = Generator[Sent, Received | None, "_Answer"]


class _Answer(NamedTuple):
    """A response before it is filtered; `is_redirect` where the script may not look into it."""

    received: Received
    is_redirect: bool = False


def _main_fetch(state: _Request, cache: PreflightCache) -> _Fetching:
    """https://fetch.spec.whatwg.org/#concept-main-fetch, step 12"""
    if state.is_same_origin_as(state.url) and state.tainting == "basic":
        return (yield from _http_fetch(state, cache))
    if state.mode == "same-origin":
        raise _NetworkError(
            "mode-same-origin" if len(state.urls) == 1 else "redirect-leaves-origin"
        )
    if state.mode == "no-cors":
        if state.redirect != "follow":
            raise _NetworkError("redirect-mode-not-no-cors")
        state.tainting = "opaque"
        return (yield from _http_fetch(state, cache))
    state.tainting = "cors"
    if state.method in SAFELISTED_METHODS and not unsafe_header_names(state.headers):
        return (yield from _http_fetch(state, cache))
    try:
        return (yield from _http_fetch(state, cache, make_preflight=True))
    except _NetworkError:
        # Chromium: only where the preflight failed, not where the actual answer did.
        cache.clear(state.key)
        raise


def _http_fetch(state: _Request, cache: PreflightCache, make_preflight: bool = False) -> _Fetching:
    """https://fetch.spec.whatwg.org/#concept-http-fetch, from step 4"""
    if make_preflight and not _is_cached(state, cache):
        yield from _preflight_fetch(state, cache)
    received = yield from state.exchange(_actual(state))
    if state.tainting == "cors":
        _check_access(state.serialized_origin, state.includes, received.headers)
    if received.status not in _REDIRECT_STATUSES:
        return _Answer(received)
    if state.redirect == "error":
        # Chromium: not where there is no `Location`.
        raise _NetworkError("redirect-mode-error")
    if state.redirect == "manual":
        # Chromium: not where the `Location` cannot be read.
        return _Answer(received, is_redirect=True)
    return (yield from _redirect_fetch(state, cache, received))


def _actual(state: _Request) -> Sent:
    """https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch, step 8"""
    credentials = state.includes or (
        # Chromium: also where a redirect without CORS takes a HEAD away from the origin.
        state.credentials == "same-origin" and state.tainting == "basic"
    )
    return Sent(
        state.method,
        state.url.href,
        (*_combined(state.headers), *_origin_header(state)),
        state.has_body,
        credentials,
        is_preflight=False,
    )


def _origin_header(state: _Request) -> Headers:
    """https://fetch.spec.whatwg.org/#append-a-request-origin-header, for the default policy."""
    origin = state.serialized_origin
    if state.tainting != "cors":
        if state.method in ("GET", "HEAD"):
            return ()
        # Chromium: `null` also where a redirect without CORS left the page's own origin; and an
        # opaque origin's GET and HEAD without CORS carry `null` where they include credentials.
        if state.mode != "cors" and origin.startswith("https:") and state.url.scheme != "https":
            origin = "null"
    return ((ORIGIN, origin),)


def _check_access(
    origin: str, includes_credentials: bool, headers: Sequence[tuple[str, str]]
) -> None:
    """https://fetch.spec.whatwg.org/#concept-cors-check"""
    allowed = get(headers, ACCESS_CONTROL_ALLOW_ORIGIN)
    if allowed is None:
        raise _NetworkError("allow-origin-missing")
    if allowed == "*":
        if includes_credentials:
            raise _NetworkError("allow-origin-wildcard-with-credentials")
        return
    if allowed != origin:
        raise _NetworkError(_misfit(allowed), allowed)
    if not includes_credentials:
        return
    credentials = get(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS)
    if credentials is None:
        raise _NetworkError("allow-credentials-missing")
    if credentials != "true":
        raise _NetworkError("allow-credentials-invalid", credentials)


def _misfit(allowed: str) -> str:
    """Why a value is not the origin, told apart for people as Chromium does."""
    if "," in allowed or " " in allowed:
        return "allow-origin-multiple"
    if allowed != "null" and parse_url(allowed) is None:
        return "allow-origin-invalid"
    return "allow-origin-mismatch"


def _redirect_fetch(state: _Request, cache: PreflightCache, received: Received) -> _Fetching:
    """https://fetch.spec.whatwg.org/#concept-http-redirect-fetch"""
    url = location_url(state.url, received.headers)
    if url is None:
        return _Answer(received)
    if url.scheme not in ("http", "https"):
        raise _NetworkError("redirect-scheme", url.scheme)
    if len(state.urls) > _MOST_REDIRECTS:
        raise _NetworkError("redirect-too-many")
    # Chromium: also in the mode no-cors, and from the page's own origin to itself.
    if url.has_credentials and (
        state.tainting == "cors" or (state.mode == "cors" and not state.is_same_origin_as(url))
    ):
        raise _NetworkError("redirect-has-credentials")
    if (received.status in (301, 302) and state.method == "POST") or (
        received.status == 303 and state.method not in ("GET", "HEAD")
    ):
        state.method, state.has_body = "GET", False
        _delete(state.headers, _BODY_HEADERS)
    if url.origin != state.url.origin:
        _delete(state.headers, _NON_WILDCARD)
        # https://fetch.spec.whatwg.org/#concept-request-tainted-origin
        state.redirect_tainted |= not state.is_same_origin_as(state.url)
    state.urls.append(url)
    return (yield from _main_fetch(state, cache))


def location_url(base: Url, headers: Sequence[tuple[str, str]]) -> Url | None:
    """https://fetch.spec.whatwg.org/#concept-response-location-url; None: there is none.

    Chromium: none either where it is empty, and several are one where they are equal.
    """
    values = _values(headers, LOCATION)
    if not values:
        return None
    if len(values) > 1:
        raise _NetworkError("redirect-location-multiple", ", ".join(values))
    # The bytes as they are; what they mean is open: https://github.com/whatwg/fetch/issues/883
    location = _BEYOND_ASCII.sub(lambda match: f"%{ord(match[0]):02X}", values[0])
    if (url := parse_url(location, base)) is None:
        raise _NetworkError("redirect-location-invalid", values[0])
    return url if "#" in location else url._replace(fragment=base.fragment)


# --- Preflights ---------------------------------------------------------------------------------


def _is_cached(state: _Request, cache: PreflightCache) -> bool:
    """https://fetch.spec.whatwg.org/#concept-http-fetch, step 4.1: is no preflight needed?"""
    return (
        state.method in SAFELISTED_METHODS or cache.has_method(state.key, state.method)
    ) and all(cache.has_header(state.key, name) for name in unsafe_header_names(state.headers))


def _preflight_fetch(
    state: _Request, cache: PreflightCache
) -> Generator[Sent, Received | None, None]:
    """https://fetch.spec.whatwg.org/#cors-preflight-fetch-0"""
    unsafe_names = unsafe_header_names(state.headers)
    received = yield from state.exchange(_preflight(state, unsafe_names))
    if received.status in _REDIRECT_STATUSES and get(received.headers, LOCATION):
        raise _NetworkError("preflight-redirect", str(received.status))
    _check_access(state.serialized_origin, state.includes, received.headers)
    if not 200 <= received.status <= 299:
        raise _NetworkError("preflight-status", str(received.status))
    methods = list_values(received.headers, ACCESS_CONTROL_ALLOW_METHODS)
    if methods is None:
        raise _NetworkError("allow-methods-malformed")
    allowed = list_values(received.headers, ACCESS_CONTROL_ALLOW_HEADERS)
    if allowed is None:
        raise _NetworkError("allow-headers-malformed")
    names = [name.lower() for name in allowed]
    any_method, any_name = (not state.includes and "*" in listed for listed in (methods, names))
    if state.method not in methods and state.method not in SAFELISTED_METHODS and not any_method:
        raise _NetworkError("method-not-in-allow-methods", state.method)
    for name in unsafe_names:
        # Chromium: the wildcard covers `Authorization` as well, until it is in the cache.
        if name not in names and (name in _NON_WILDCARD or not any_name):
            raise _NetworkError("header-not-in-allow-headers", name)
    max_age = _max_age(received.headers, cache.most_max_age)
    cache.store(state.key, max_age, methods, names)


def _preflight(state: _Request, unsafe_names: Sequence[str]) -> Sent:
    """The request itself: steps 1 to 5, never with credentials."""
    headers = [(ACCEPT, "*/*"), (ACCESS_CONTROL_REQUEST_METHOD, state.method)]
    if unsafe_names:
        headers.append((ACCESS_CONTROL_REQUEST_HEADERS, ",".join(unsafe_names)))
    headers.append((ORIGIN, state.serialized_origin))
    return Sent("OPTIONS", state.url.href, tuple(headers), False, False, is_preflight=True)


def _max_age(headers: Sequence[tuple[str, str]], most: int) -> int:
    """The seconds that a preflight's answer may be kept: steps 7.9 to 7.11.

    Chromium: takes a sign (a negative number is 0), and a number of more than 63 bits for none.
    """
    values = _values(headers, ACCESS_CONTROL_MAX_AGE)
    if len(values) != 1 or _DELTA_SECONDS.fullmatch(values[0]) is None:
        return min(_DEFAULT_MAX_AGE, most)
    digits = values[0].lstrip("0")
    return most if len(digits) > 9 else min(int(digits or "0"), most)


class CacheKey(NamedTuple):
    """What a cached answer holds for. One client is one network partition."""

    origin: str
    url: str
    credentials: bool


@dataclass
class _Entry:
    """https://fetch.spec.whatwg.org/#concept-cache: one method or one header name."""

    key: CacheKey
    kind: Literal["method", "header"]
    name: str
    expires: float


class PreflightCache:
    """https://fetch.spec.whatwg.org/#cors-preflight-cache

    Chromium: keeps for one origin and URL no more than the last answer, whole, and for the origin
    `null` nothing.
    """

    def __init__(
        self, most_max_age: int = MOST_MAX_AGE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most_max_age = most_max_age
        self._clock = clock
        self._entries: list[_Entry] = []

    def has_method(self, key: CacheKey, method: str) -> bool:
        """https://fetch.spec.whatwg.org/#concept-cache-match-method"""
        return bool(self._matches(key, "method", method))

    def has_header(self, key: CacheKey, name: str) -> bool:
        """https://fetch.spec.whatwg.org/#concept-cache-match-header; the name in lower case."""
        return bool(self._matches(key, "header", name))

    def store(
        self, key: CacheKey, max_age: int, methods: Sequence[str], names: Sequence[str]
    ) -> None:
        """Steps 7.12 to 7.15 of a preflight; the time runs from the latest answer."""
        expires = self._clock() + max_age
        self._store(key, "method", methods, expires)
        self._store(key, "header", names, expires)

    def clear(self, key: CacheKey) -> None:
        """https://fetch.spec.whatwg.org/#concept-cache-clear: with and without credentials."""
        self._entries = [entry for entry in self._entries if entry.key[:2] != key[:2]]

    def _store(
        self, key: CacheKey, kind: Literal["method", "header"], names: Sequence[str], expires: float
    ) -> None:
        for name in names:
            matches = self._matches(key, kind, name)
            for entry in matches:
                entry.expires = expires
            if not matches:
                self._entries.append(_Entry(key, kind, name, expires))

    def _matches(self, key: CacheKey, kind: Literal["method", "header"], name: str) -> list[_Entry]:
        """https://fetch.spec.whatwg.org/#concept-cache-match

        Chromium: `*` in an answer to a request with credentials is no wildcard here either.
        """
        now = self._clock()
        self._entries = [entry for entry in self._entries if entry.expires > now]
        accepted = {name} if name in _NON_WILDCARD else {name, "*"}
        return [
            entry
            for entry in self._entries
            if entry.key[:2] == key[:2]
            and (entry.key.credentials or not key.credentials)
            and entry.kind == kind
            and entry.name in accepted
        ]


# --- Responses ----------------------------------------------------------------------------------


def _values(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name.lower()]


def get(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """https://fetch.spec.whatwg.org/#concept-header-list-get"""
    values = _values(headers, name)
    return ", ".join(values) if values else None


def _delete(headers: list[tuple[str, str]], names: frozenset[str]) -> None:
    """https://fetch.spec.whatwg.org/#concept-header-list-delete"""
    headers[:] = [line for line in headers if line[0].lower() not in names]


def _combined(headers: Sequence[tuple[str, str]]) -> Headers:
    """One line for each name, as it was first written: browsers send no second one."""
    first: dict[str, str] = {}
    for name, _ in headers:
        first.setdefault(name.lower(), name)
    return tuple((name, get(headers, name) or "") for name in first.values())


def list_values(headers: Sequence[tuple[str, str]], name: str) -> tuple[str, ...] | None:
    """The tokens of a list header, none where it is absent; None where one is malformed.

    https://fetch.spec.whatwg.org/#extract-header-list-values; empty elements: RFC 9110, 5.6.1.
    """
    elements = [
        element.strip(" \t") for value in _values(headers, name) for element in value.split(",")
    ]
    tokens = tuple(filter(None, elements))
    return tokens if all(map(is_token, tokens)) else None


def readable_headers(
    headers: Sequence[tuple[str, str]], tainting: str, includes_credentials: bool
) -> Headers:
    """What a script can read, as iterating a `Headers` object shows it: sorted and combined.

    https://fetch.spec.whatwg.org/#concept-main-fetch, step 14; .../#concept-filtered-response-cors
    """
    names = {name.lower() for name, _ in headers} - _FORBIDDEN_RESPONSE
    if tainting == "cors":
        listed = list_values(headers, ACCESS_CONTROL_EXPOSE_HEADERS) or ()
        if includes_credentials or "*" not in listed:
            names &= _SAFELISTED_RESPONSE | {name.lower() for name in listed}
    return tuple((name, get(headers, name) or "") for name in sorted(names))


def _resolved(state: _Request, answer: _Answer) -> Verdict:
    """https://fetch.spec.whatwg.org/#concept-filtered-response"""
    steps = tuple(state.steps)
    if answer.is_redirect:
        return Verdict(True, steps, type="opaqueredirect", url=state.url.href)
    if state.tainting == "opaque":
        return Verdict(True, steps, type="opaque")
    return Verdict(
        True,
        steps,
        type=state.tainting,
        url=state.url.href,
        redirected=len(state.urls) > 1,
        status=answer.received.status,
        headers=readable_headers(answer.received.headers, state.tainting, state.includes),
    )


def _rejected(state: _Request, error: _NetworkError) -> Verdict:
    return Verdict(
        False,
        tuple(state.steps),
        error.reason,
        error.subject,
        _message(state, error.reason, error.subject),
    )


def _message(state: _Request, reason: str, subject: str) -> str:
    """What Chromium's console says, or its exception where nothing was sent."""
    urls = [*map(str, state.urls)] or [""]
    fields = {
        "url": urls[-1],
        "redirected": f" (redirected from '{urls[0]}')" if len(urls) > 1 else "",
        "origin": state.origin,
        "subject": "".join(c if " " <= c <= "~" else f"\\u{ord(c):04X}" for c in subject),
        "preflight": _PREFLIGHT if state.steps and state.steps[-1].sent.is_preflight else "",
    }
    return REASONS[reason].format(cors=_CORS.format(**fields), **fields)
