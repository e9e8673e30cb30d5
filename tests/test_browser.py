"""The Fetch algorithm that a browser runs, without one; `test_browser_chromium.py` has one.

What is expected here is what the standard says, read there and not off the code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from aiohttp_cors_plugin._browser import (
    MOST_MAX_AGE,
    REASONS,
    CacheKey,
    FetchRequest,
    Headers,
    PreflightCache,
    Received,
    Sent,
    Step,
    Verdict,
    fetch,
    get,
    is_forbidden_header,
    is_safelisted_header,
    list_values,
    location_url,
    normalize_method,
    readable_headers,
    unsafe_header_names,
)
from aiohttp_cors_plugin._urls import Url
from tests.app import APP

API = "https://api.example.org"
CDN = "https://cdn.example.net"
URL = f"{API}/things"
OWN = f"{APP}/things"


def run(
    request: FetchRequest,
    *answers: Received | None,
    network: Callable[[Sent], Received] | None = None,
    cache: PreflightCache | None = None,
) -> Verdict:
    """The verdict, with these answers in turn, or with those of a network."""
    steps, received, waiting = fetch(request, cache), None, [*answers]
    try:
        while True:
            sent = steps.send(received)
            received = waiting.pop(0) if network is None else network(sent)
    except StopIteration as end:
        assert not waiting
        verdict: Verdict = end.value
        return verdict


def answer(status: int = 200, origin: str | None = APP, **headers: str) -> Received:
    lines: Headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    if origin is not None:
        lines = (("Access-Control-Allow-Origin", origin), *lines)
    return Received(status, lines)


def redirect(location: str, status: int = 302, origin: str | None = APP) -> Received:
    return answer(status, origin, Location=location, Access_Control_Allow_Credentials="true")


def trace(verdict: Verdict) -> list[str]:
    """What was sent, in words; `Accept: */*` goes without saying."""
    said = []
    for (method, url, headers, has_body, credentials, is_preflight), _ in verdict.steps:
        assert is_preflight is any(name == "Access-Control-Request-Method" for name, _ in headers)
        origin = get(headers, "Origin")
        names = [name for name, _ in headers if name not in ("Accept", "Origin")]
        parts = [f"{method} {url}", f"from {origin}" if origin else "", *names]
        parts += ["cookies" * credentials, "body" * has_body]
        said.append(", ".join(filter(None, parts)))
    return said


# --- What is sent -------------------------------------------------------------------------------

ANY = ("Accept", "*/*")
FROM_APP = ("Origin", APP)
ASKED = "Access-Control-Request-Method"
ASKED_NAMES = "Access-Control-Request-Headers"
JSON = ("Content-Type", "application/json")
PLAIN = ("Content-Type", "text/plain")
ONE = ("X-A", "1")
FORM = ("Content-Type", "text/plain;charset=UTF-8")
EVERYTHING = answer(
    204,
    Access_Control_Allow_Credentials="true",
    Access_Control_Allow_Methods="PUT, DELETE, PATCH, patch, OPTIONS, QUERY",
    Access_Control_Allow_Headers="authorization, content-type, x-a, x-b, accept, user-agent",
)


def actual(
    method: str, *headers: tuple[str, str], body: bool = False, cookies: bool = False
) -> Sent:
    return Sent(method, URL, headers, body, cookies, is_preflight=False)


def preflight(method: str, *names: tuple[str, str]) -> Sent:
    headers = (ANY, (ASKED, method), *names, FROM_APP)
    return Sent("OPTIONS", URL, headers, False, False, is_preflight=True)


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        pytest.param(
            FetchRequest(URL, APP), [actual("GET", ANY, FROM_APP)], id="a-get-is-sent-at-once"
        ),
        pytest.param(
            FetchRequest(URL, APP, credentials="include"),
            [actual("GET", ANY, FROM_APP, cookies=True)],
            id="include-sends-cookies-anywhere",
        ),
        pytest.param(
            FetchRequest(URL, APP, "post", (FORM,), has_body=True, credentials="omit"),
            [actual("POST", FORM, ANY, FROM_APP, body=True)],
            id="a-form-needs-no-preflight",
        ),
        pytest.param(
            FetchRequest(URL, APP, "POST", (ONE,), has_body=True, body_type=FORM[1]),
            [
                preflight("POST", (ASKED_NAMES, "x-a")),
                actual("POST", ONE, FORM, ANY, FROM_APP, body=True),
            ],
            id="a-body-brings-its-type",
        ),
        pytest.param(
            FetchRequest(URL, APP, "POST", (JSON,), has_body=True, body_type=FORM[1]),
            [
                preflight("POST", (ASKED_NAMES, "content-type")),
                actual("POST", JSON, ANY, FROM_APP, body=True),
            ],
            id="a-json-body-needs-one",
        ),
        pytest.param(
            FetchRequest(URL, APP, "delete", credentials="include"),
            [preflight("DELETE"), actual("DELETE", ANY, FROM_APP, cookies=True)],
            id="a-preflight-never-has-cookies",
        ),
        pytest.param(
            FetchRequest(URL, APP, "patch"),
            [preflight("patch"), actual("patch", ANY, FROM_APP)],
            id="patch-is-not-put-in-upper-case",
        ),
        pytest.param(
            FetchRequest(URL, APP, "GET", (("X-B", "1"), ("x-a", "2"), ("x-b", ""))),
            [
                preflight("GET", (ASKED_NAMES, "x-a,x-b")),
                actual("GET", ("X-B", "1, "), ("x-a", "2"), ANY, FROM_APP),
            ],
            id="names-are-asked-for-once-sorted-and-in-lower-case-and-sent-once-too",
        ),
        pytest.param(
            FetchRequest(URL, APP, "GET", (("Accept", "a/b"), ("Cookie", "c=1"), ("Origin", "o"))),
            [actual("GET", ("Accept", "a/b"), FROM_APP)],
            id="an-accept-of-the-script-stays-and-forbidden-names-go",
        ),
        pytest.param(
            FetchRequest(URL, APP, "GET", (("Accept", " \t\r\na/\xff \n"),)),
            [actual("GET", ("Accept", "a/\xff"), FROM_APP)],
            id="white-space-around-a-value-goes",
        ),
        pytest.param(
            FetchRequest(f"{URL}#part", APP),
            [actual("GET", ANY, FROM_APP)],
            id="a-fragment-is-not-sent",
        ),
        pytest.param(
            FetchRequest("../things", APP, base=f"{API}/a/b"),
            [actual("GET", ANY, FROM_APP)],
            id="a-relative-url-has-a-base",
        ),
        pytest.param(
            FetchRequest(URL, API, "PUT", (JSON,), has_body=True),
            [actual("PUT", JSON, ANY, ("Origin", API), body=True, cookies=True)],
            id="the-same-origin-needs-no-preflight-and-gets-cookies",
        ),
        pytest.param(
            FetchRequest(URL, API, credentials="omit"),
            [actual("GET", ANY)],
            id="omit-sends-none-even-there-and-a-get-tells-no-origin",
        ),
        pytest.param(
            FetchRequest(URL, "null", "HEAD"),
            [actual("HEAD", ANY, ("Origin", "null"))],
            id="an-opaque-origin-is-the-same-as-no-other",
        ),
        pytest.param(
            FetchRequest(URL, APP, "POST", (PLAIN, JSON, ONE), mode="no-cors"),
            [actual("POST", PLAIN, ANY, FROM_APP)],
            id="without-cors-only-safelisted-headers-go-out",
        ),
        pytest.param(
            FetchRequest(
                URL, APP, "POST", (JSON,), has_body=True, mode="no-cors", body_type=FORM[1]
            ),
            [actual("POST", FORM, ANY, FROM_APP, body=True)],
            id="without-cors-a-body's-type-takes-the-place-of-one-that-is-dropped",
        ),
        pytest.param(
            FetchRequest(URL, APP, "GET", (("Range", "bytes=0-"),), mode="no-cors"),
            [actual("GET", ANY)],
            id="without-cors-no-range-and-a-get-tells-no-origin",
        ),
        pytest.param(
            FetchRequest(
                URL, APP, "GET", (("Accept", "a" * 100), ("Accept", "b" * 27)), mode="no-cors"
            ),
            [actual("GET", ("Accept", "a" * 100))],
            id="without-cors-the-values-of-one-name-count-together",
        ),
        pytest.param(
            FetchRequest(URL, APP, credentials="include", mode="no-cors"),
            [actual("GET", ANY, cookies=True)],
            id="without-cors-include-sends-cookies",
        ),
        pytest.param(
            FetchRequest(URL, API, "PUT", mode="same-origin"),
            [actual("PUT", ANY, ("Origin", API), cookies=True)],
            id="the-mode-same-origin-within-it",
        ),
    ],
)
def test_what_is_sent(request_: FetchRequest, sent: list[Sent]) -> None:
    def network(one: Sent) -> Received:
        allowed = (("Access-Control-Allow-Origin", request_.origin), *EVERYTHING.headers[1:])
        return Received(204 if one.is_preflight else 200, allowed)

    verdict = run(request_, network=network)
    assert verdict.resolved, verdict.message
    assert [step.sent for step in verdict.steps] == sent


@pytest.mark.parametrize(
    ("origin", "url", "mode", "expected"),
    [
        pytest.param(
            APP, "http://api.example.org/", "no-cors", "null", id="https-to-http-hides-it"
        ),
        pytest.param(APP, f"{API}/", "no-cors", APP, id="https-to-https-tells-it"),
        pytest.param(
            "http://app.example.com",
            "http://api.example.org/",
            "no-cors",
            "http://app.example.com",
            id="http-to-http-tells-it",
        ),
        pytest.param(APP, "http://api.example.org/", "cors", APP, id="cors-always-tells-it"),
    ],
)
def test_the_origin_of_a_post(origin: str, url: str, mode: str, expected: str) -> None:
    request = FetchRequest(url, origin, "POST", mode=mode)  # type: ignore[arg-type]
    (step,) = run(request, answer(200, "*")).steps
    assert get(step.sent.headers, "Origin") == expected


# --- Refusals -----------------------------------------------------------------------------------

GET, PUT = FetchRequest(URL, APP), FetchRequest(URL, APP, "PUT")
INCLUDE, PUT_INCLUDE = (request._replace(credentials="include") for request in (GET, PUT))
NAMED = FetchRequest(URL, APP, "GET", (("X-A", "1"),))
TOKEN: Headers = (("Authorization", "Bearer t"),)
NO_CORS, SAME = GET._replace(mode="no-cors"), GET._replace(mode="same-origin")
TRUE = {"Access_Control_Allow_Credentials": "true"}
METHODS, NAMES = "Access_Control_Allow_Methods", "Access_Control_Allow_Headers"
HTTPS_PASSWORD = "https://u:p@x.example/"
TWICE = Received(200, answer().headers * 2)
SLASH = f"{APP}/"

# The request, what comes back, and the reason with its subject.
REFUSALS: dict[str, tuple[FetchRequest, Sequence[Received | None], str, str]] = {
    "a relative URL": (GET._replace(url="/x"), [], "url-invalid", "/x"),
    "a password": (GET._replace(url=HTTPS_PASSWORD), [], "url-has-credentials", HTTPS_PASSWORD),
    "a scheme without servers": (GET._replace(url="ftp://x.example/"), [], "url-scheme", "ftp"),
    "a method with a space": (GET._replace(method="a b"), [], "method-invalid", "a b"),
    "no method": (GET._replace(method=""), [], "method-invalid", ""),
    "TRACE in any case": (GET._replace(method="Trace"), [], "method-forbidden", "Trace"),
    "a PUT without CORS": (NO_CORS._replace(method="put"), [], "method-not-no-cors", "PUT"),
    "a space in a name": (GET._replace(headers=(("a b", ""),)), [], "header-name-invalid", "a b"),
    **{
        f"{char!r} in a value": (
            *(GET._replace(headers=((name, f"a{char}b"),)), []),
            *("header-value-invalid", name),
        )
        for name, char in (("X-A", "\n"), ("X-A", "\r"), ("Cookie", "\0"), ("X-A", "\u0100"))
    },
    "a GET with a body": (GET._replace(has_body=True), [], "body-not-allowed", ""),
    "a HEAD with one": (GET._replace(method="head", has_body=True), [], "body-not-allowed", ""),
    "no redirects and no CORS": (
        *(NO_CORS._replace(redirect="error"), []),
        *("redirect-mode-not-no-cors", ""),
    ),
    "the mode same-origin to another one": (SAME, [], "mode-same-origin", ""),
    # The network, and redirects.
    "nobody there": (GET, [None], "no-answer", ""),
    "nobody there for a preflight": (PUT, [None], "no-answer", ""),
    "an unwanted redirect": (
        *(GET._replace(redirect="error"), [redirect("/x")]),
        *("redirect-mode-error", ""),
    ),
    "two locations": (
        *(GET, [Received(302, (*redirect("/a").headers, ("location", "/b")))]),
        *("redirect-location-multiple", "/a, /b"),
    ),
    "no such port": (
        GET,
        [redirect("http://x:99999")],
        "redirect-location-invalid",
        "http://x:99999",
    ),
    "an open bracket": (GET, [redirect("http://[")], "redirect-location-invalid", "http://["),
    "a redirect to data": (GET, [redirect("data:,x")], "redirect-scheme", "data"),
    "a redirect out of the origin that the mode demands": (
        *(SAME._replace(url=OWN), [redirect(URL)]),
        *("redirect-leaves-origin", ""),
    ),
    "21 redirects": (GET, [redirect("/things")] * 21, "redirect-too-many", ""),
    "a redirect to another origin with a name": (
        *(GET._replace(url=OWN), [redirect("https://u@api.example.org/")]),
        *("redirect-has-credentials", ""),
    ),
    "a redirect back with a password": (
        *(GET, [redirect("https://:p@app.example.com/")]),
        *("redirect-has-credentials", ""),
    ),
    # The CORS check.
    "no header": (GET, [answer(200, None)], "allow-origin-missing", ""),
    "none after a redirect": (
        *(GET, [redirect("/x#part"), answer(404, None)]),
        *("allow-origin-missing", ""),
    ),
    "none on a redirect": (GET, [redirect("/x", origin=None)], "allow-origin-missing", ""),
    "none on a preflight": (PUT, [answer(204, None)], "allow-origin-missing", ""),
    "one twice": (GET, [TWICE], "allow-origin-multiple", f"{APP}, {APP}"),
    "two in one": (GET, [answer(200, f"{APP} *")], "allow-origin-multiple", f"{APP} *"),
    "a bare host": (GET, [answer(200, "a.example")], "allow-origin-invalid", "a.example"),
    "beyond ASCII": (GET, [answer(200, "\xe9\x7f~")], "allow-origin-invalid", "\xe9\x7f~"),
    "a slash too many": (GET, [answer(200, SLASH)], "allow-origin-mismatch", SLASH),
    "another case": (PUT, [answer(204, APP.upper())], "allow-origin-mismatch", APP.upper()),
    "null": (GET, [answer(200, "null")], "allow-origin-mismatch", "null"),
    "the origin where a redirect hid it": (
        *(GET, [redirect(f"{CDN}/x"), answer()]),
        *("allow-origin-mismatch", APP),
    ),
    "the wildcard for credentials": (
        *(INCLUDE, [answer(200, "*", **TRUE)]),
        *("allow-origin-wildcard-with-credentials", ""),
    ),
    "no word on credentials": (INCLUDE, [answer()], "allow-credentials-missing", ""),
    "none on a preflight, though it has no credentials itself": (
        *(PUT_INCLUDE, [answer(204, **{METHODS: "PUT"})]),
        *("allow-credentials-missing", ""),
    ),
    "True for true": (
        *(INCLUDE, [answer(Access_Control_Allow_Credentials="True")]),
        *("allow-credentials-invalid", "True"),
    ),
    # The rest of a preflight's answer.
    "a redirect": (PUT, [redirect("/x", 301)], "preflight-redirect", "301"),
    **{
        f"a {status}": (PUT, [answer(status, **{METHODS: "PUT"})], "preflight-status", str(status))
        for status in (199, 300, 302, 401)
    },
    "malformed methods": (
        *(NAMED, [answer(204, **{METHODS: "a b", NAMES: "*"})]),
        *("allow-methods-malformed", ""),
    ),
    "malformed names": (
        *(PUT, [answer(204, **{METHODS: "PUT", NAMES: '"*"'})]),
        *("allow-headers-malformed", ""),
    ),
    "no methods": (PUT, [answer(204)], "method-not-in-allow-methods", "PUT"),
    "a method of another case": (
        *(PUT._replace(method="patch"), [answer(204, **{METHODS: "PATCH"})]),
        *("method-not-in-allow-methods", "patch"),
    ),
    "any method, but with credentials": (
        *(PUT_INCLUDE, [answer(204, **TRUE, **{METHODS: "*"})]),
        *("method-not-in-allow-methods", "PUT"),
    ),
    "no names": (NAMED, [answer(204)], "header-not-in-allow-headers", "x-a"),
    "any name, but with credentials": (
        *(NAMED._replace(credentials="include"), [answer(204, **TRUE, **{NAMES: "*"})]),
        *("header-not-in-allow-headers", "x-a"),
    ),
    "any name, but the token's": (
        *(GET._replace(headers=TOKEN), [answer(204, **{NAMES: "*"})]),
        *("header-not-in-allow-headers", "authorization"),
    ),
}


@pytest.mark.parametrize(
    ("request_", "answers", "reason", "subject"), REFUSALS.values(), ids=REFUSALS
)
def test_refusals(
    request_: FetchRequest, answers: Sequence[Received | None], reason: str, subject: str
) -> None:
    verdict = run(request_, *answers)
    assert [step.received for step in verdict.steps] == [*answers]
    assert verdict == Verdict(False, verdict.steps, reason, subject, verdict.message)


THROWN = "Failed to execute 'fetch' on 'Window': "
NET = "Failed to load resource: net::"
BLOCKED = f"Access to fetch at '{URL}' from origin '{APP}' has been blocked by CORS policy: "
ACCESS = "Response to preflight request doesn't pass access control check: "
NONE = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
ALLOW = "The 'Access-Control-Allow-Origin' header "
VALUE = "The value of the 'Access-Control-Allow-Credentials' header in the response is "
FIX = "Have the server send the header with a valid value."
INCLUDED = "when the request's credentials mode is 'include'."
UNPARSED = "response header field in preflight response."
WORDS = {
    "a relative URL": f"{THROWN}Failed to parse URL from /x",
    "a password": f"{THROWN}Request cannot be constructed from a URL that includes credentials:"
    f" {HTTPS_PASSWORD}",
    "a scheme without servers": "Fetch API cannot load ftp://x.example/."
    ' URL scheme "ftp" is not supported.',
    "a method with a space": f"{THROWN}'a b' is not a valid HTTP method.",
    "TRACE in any case": f"{THROWN}'Trace' HTTP method is unsupported.",
    "a PUT without CORS": f"{THROWN}'PUT' is unsupported in no-cors mode.",
    "a space in a name": f"{THROWN}Invalid name",
    "'\\n' in a value": f"{THROWN}Invalid value",
    "a HEAD with one": f"{THROWN}Request with GET/HEAD method cannot have body.",
    "no redirects and no CORS": f'Fetch API cannot load {URL}. Request mode is "no-cors" but the'
    ' redirect mode is not "follow".',
    "the mode same-origin to another one": f"Fetch API cannot load {URL}. Request mode is"
    f' "same-origin" but the URL\'s origin is not same as the request origin {APP}.',
    "nobody there": "Failed to load resource",
    "nobody there for a preflight": "Failed to load resource",
    "an unwanted redirect": f"{NET}ERR_FAILED",
    "two locations": f"{NET}ERR_RESPONSE_HEADERS_MULTIPLE_LOCATION",
    "an open bracket": f"{NET}ERR_INVALID_REDIRECT",
    "a redirect to data": f"{NET}ERR_UNSAFE_REDIRECT",
    "a redirect out of the origin that the mode demands": "Unsafe attempt to load URL"
    f" {URL} from frame with URL {APP}/. Domains, protocols and ports must match.",
    "21 redirects": f"{NET}ERR_TOO_MANY_REDIRECTS",
    "a redirect back with a password": f"{BLOCKED}Redirect location '' contains a username and"
    " password, which is disallowed for cross-origin requests.",
    "no header": f"{BLOCKED}{NONE}",
    "none on a preflight": f"{BLOCKED}{ACCESS}{NONE}",
    "none after a redirect": f"Access to fetch at '{API}/x#part' (redirected from '{URL}') from"
    f" origin '{APP}' has been blocked by CORS policy: {NONE}",
    "one twice": f"{BLOCKED}{ALLOW}contains multiple values '{APP}, {APP}', but only one is"
    f" allowed. {FIX}",
    "beyond ASCII": f"{BLOCKED}{ALLOW}contains the invalid value '\\u00E9\\u007F~'. {FIX}",
    "another case": f"{BLOCKED}{ACCESS}{ALLOW}has a value '{APP.upper()}' that is not equal to the"
    f" supplied origin. {FIX}",
    "the wildcard for credentials": f"{BLOCKED}The value of the 'Access-Control-Allow-Origin'"
    f" header in the response must not be the wildcard '*' {INCLUDED}",
    "no word on credentials": f"{BLOCKED}{VALUE}'' which must be 'true' {INCLUDED}",
    "True for true": f"{BLOCKED}{VALUE}'True' which must be 'true' {INCLUDED}",
    "a redirect": f"{BLOCKED}{ACCESS}Redirect is not allowed for a preflight request.",
    "a 401": f"{BLOCKED}{ACCESS}It does not have HTTP ok status.",
    "malformed methods": f"{BLOCKED}Cannot parse Access-Control-Allow-Methods {UNPARSED}",
    "malformed names": f"{BLOCKED}Cannot parse Access-Control-Allow-Headers {UNPARSED}",
    "no methods": f"{BLOCKED}Method PUT is not allowed by Access-Control-Allow-Methods in"
    " preflight response.",
    "no names": f"{BLOCKED}Request header field x-a is not allowed by"
    " Access-Control-Allow-Headers in preflight response.",
}


@pytest.mark.parametrize("claim", WORDS)
def test_the_words_of_refusals(claim: str) -> None:
    request, answers, _, _ = REFUSALS[claim]
    assert run(request, *answers).message == WORDS[claim]


def test_every_reason_is_told_in_words() -> None:
    assert {REFUSALS[claim][2] for claim in WORDS} == set(REASONS)


@pytest.mark.parametrize(
    ("request_", "headers"),
    [
        pytest.param(PUT, {"Methods": "*"}, id="the-wildcard-takes-any-method"),
        pytest.param(PUT, {"Methods": ", ,\tPUT ,"}, id="empty-elements-and-white-space-are-borne"),
        pytest.param(NAMED, {"Headers": "*"}, id="the-wildcard-takes-any-name"),
        pytest.param(NAMED, {"Headers": "X-a"}, id="names-have-no-case"),
        pytest.param(NAMED, {"Methods": "PUT", "Headers": "x-a"}, id="a-get-need-not-be-listed"),
        pytest.param(
            NAMED._replace(method="post"), {"Headers": "x-a"}, id="nor-need-a-post-be-listed"
        ),
        pytest.param(
            GET._replace(headers=(("Authorization", "Bearer t"),)),
            {"Headers": "*, authorization"},
            id="authorization-by-its-name",
        ),
        pytest.param(
            PUT._replace(credentials="include", headers=(("X-A", "1"),)),
            {"Methods": "PUT", "Headers": "x-a", "Credentials": "true"},
            id="with-credentials-all-is-listed",
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 204, 299])
def test_preflights_that_pass(request_: FetchRequest, headers: dict[str, str], status: int) -> None:
    lines = tuple((f"Access-Control-Allow-{name}", value) for name, value in headers.items())
    passing = Received(status, (*answer().headers, *lines))
    final = answer(404, Access_Control_Allow_Credentials="true")
    verdict = run(request_, passing, final)
    method = normalize_method(request_.method)
    assert [step.sent.method for step in verdict.steps] == ["OPTIONS", method]
    assert verdict == Verdict(True, verdict.steps, type="cors", url=URL, status=404)


# --- Redirects ----------------------------------------------------------------------------------

CONTENT: Headers = (
    JSON,
    ("Content-Encoding", "gzip"),
    ("content-language", "en"),
    ("Content-Location", "/x"),
    ("X-A", "1"),
)
KEPT = "Content-Type, Content-Encoding, content-language, Content-Location, X-A"


@pytest.mark.parametrize(
    ("status", "method", "following"),
    [
        *(
            pytest.param(status, "POST", "GET", id=f"{status}-makes-a-get-of-a-post")
            for status in (301, 302, 303)
        ),
        *(
            pytest.param(status, "POST", "POST", id=f"{status}-leaves-a-post")
            for status in (307, 308)
        ),
        *(
            pytest.param(status, "PUT", "PUT", id=f"{status}-leaves-a-put")
            for status in (301, 302, 307, 308)
        ),
        pytest.param(303, "PUT", "GET", id="303-makes-a-get-of-a-put"),
    ],
)
def test_what_a_redirect_makes_of_a_body(status: int, method: str, following: str) -> None:
    request = FetchRequest(OWN, APP, method, CONTENT, has_body=True)
    verdict = run(request, redirect("new", status), answer(200, None))
    rest = f"from {APP}, {KEPT}, cookies, body"
    assert trace(verdict) == [
        f"{method} {OWN}, {rest}",
        f"GET {APP}/new, X-A, cookies" if following == "GET" else f"{method} {APP}/new, {rest}",
    ]
    assert verdict == Verdict(
        True, verdict.steps, type="basic", url=f"{APP}/new", redirected=True, status=200
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_redirect_changes_a_get_or_a_head(status: int, method: str) -> None:
    request = FetchRequest(OWN, APP, method, (JSON,))
    verdict = run(request, redirect("/new", status), answer(200, None))
    assert trace(verdict)[1] == f"{method} {APP}/new, Content-Type, cookies"


ASKING = f"{ASKED}, {ASKED_NAMES}"


@pytest.mark.parametrize(
    ("request_", "locations", "sent", "type_"),
    [
        pytest.param(
            FetchRequest(OWN, APP, "GET", TOKEN),
            [f"{APP}/new"],
            [f"GET {OWN}, Authorization, cookies", f"GET {APP}/new, Authorization, cookies"],
            "basic",
            id="within-the-page's-origin",
        ),
        pytest.param(
            FetchRequest(OWN, APP, "GET", TOKEN),
            [URL],
            [f"GET {OWN}, Authorization, cookies", f"GET {URL}, from {APP}"],
            "cors",
            id="away-from-it-loses-the-token-and-the-cookies",
        ),
        pytest.param(
            FetchRequest(OWN, APP, "PUT", (("X-A", "1"),), credentials="include"),
            [URL],
            [
                f"PUT {OWN}, from {APP}, X-A, cookies",
                f"OPTIONS {URL}, from {APP}, {ASKING}",
                f"PUT {URL}, from {APP}, X-A, cookies",
            ],
            "cors",
            id="a-put-away-from-it-is-preflighted-there",
        ),
        pytest.param(
            FetchRequest(URL, APP, "GET", TOKEN),
            [f"{API}/new"],
            [
                f"OPTIONS {URL}, from {APP}, {ASKING}",
                f"GET {URL}, from {APP}, Authorization",
                f"OPTIONS {API}/new, from {APP}, {ASKING}",
                f"GET {API}/new, from {APP}, Authorization",
            ],
            "cors",
            id="within-another-origin-each-url-is-preflighted",
        ),
        pytest.param(
            FetchRequest(URL, APP, "PUT", TOKEN),
            [f"{CDN}/x"],
            [
                f"OPTIONS {URL}, from {APP}, {ASKING}",
                f"PUT {URL}, from {APP}, Authorization",
                f"OPTIONS {CDN}/x, from null, {ASKED}",
                f"PUT {CDN}/x, from null",
            ],
            "cors",
            id="from-another-origin-to-a-third-hides-the-page's",
        ),
        pytest.param(
            FetchRequest(URL, APP, credentials="include"),
            [OWN],
            [f"GET {URL}, from {APP}, cookies", f"GET {OWN}, from null, cookies"],
            "cors",
            id="back-to-the-page's-origin-is-cors-still-and-hidden",
        ),
        pytest.param(
            FetchRequest(OWN, APP),
            [URL, OWN],
            [f"GET {OWN}, cookies", f"GET {URL}, from {APP}", f"GET {OWN}, from null"],
            "cors",
            id="away-and-back",
        ),
        pytest.param(
            FetchRequest(OWN, APP),
            [URL, f"{API}/new"],
            [f"GET {OWN}, cookies", f"GET {URL}, from {APP}", f"GET {API}/new, from {APP}"],
            "cors",
            id="away-and-on-within-that-origin",
        ),
        pytest.param(
            FetchRequest(URL, APP),
            [f"{CDN}/x", f"{CDN}/y"],
            [f"GET {URL}, from {APP}", f"GET {CDN}/x, from null", f"GET {CDN}/y, from null"],
            "cors",
            id="what-is-hidden-stays-hidden",
        ),
        pytest.param(
            FetchRequest(URL, APP, "POST", has_body=True, mode="no-cors"),
            [f"{CDN}/x"],
            [f"POST {URL}, from {APP}, body", f"GET {CDN}/x"],
            "opaque",
            id="without-cors-anywhere",
        ),
        pytest.param(
            FetchRequest(OWN, APP, mode="no-cors"),
            [URL],
            [f"GET {OWN}, cookies", f"GET {URL}"],
            "opaque",
            id="without-cors-away-from-the-page's-origin",
        ),
        pytest.param(
            FetchRequest(URL, APP),
            ["/things"] * 20,
            [f"GET {URL}, from {APP}"] * 21,
            "cors",
            id="20-redirects-are-borne",
        ),
        pytest.param(
            FetchRequest(OWN, APP),
            ["https://u:p@app.example.com/new"],
            [f"GET {OWN}, cookies", f"GET {APP}/new, cookies"],
            "basic",
            id="a-password-within-the-page's-origin-is-borne",
        ),
        pytest.param(
            FetchRequest(URL, APP, mode="no-cors"),
            ["https://u:p@cdn.example.net/x"],
            [f"GET {URL}", f"GET {CDN}/x"],
            "opaque",
            id="a-password-without-cors-is-borne",
        ),
    ],
)
def test_redirects(
    request_: FetchRequest, locations: list[str], sent: list[str], type_: str
) -> None:
    waiting = [*locations]

    def network(one: Sent) -> Received:
        origin = get(one.headers, "Origin")
        allowed = (("Access-Control-Allow-Origin", origin or ""), *EVERYTHING.headers[1:])
        if one.is_preflight or not waiting:
            return Received(200, allowed)
        return Received(302, (*allowed, ("Location", waiting.pop(0))))

    verdict = run(request_, network=network)
    assert trace(verdict) == sent
    assert (verdict.resolved, verdict.type) == (True, type_)
    assert verdict.redirected is (type_ != "opaque")


@pytest.mark.parametrize("status", [300, 304, 305, 306, 309])
def test_other_statuses_are_no_redirects(status: int) -> None:
    verdict = run(GET, redirect("/x", status))
    assert (verdict.status, verdict.redirected, len(verdict.steps)) == (status, False, 1)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        pytest.param("/b", Url("https", API, f"{API}/b", "part"), id="the-fragment-is-inherited"),
        pytest.param("/b#own", Url("https", API, f"{API}/b", "own"), id="unless-there-is-one"),
        pytest.param("?q", Url("https", API, f"{API}/d/a?q", "part"), id="a-query-alone"),
        pytest.param("../b", Url("https", API, f"{API}/b", "part"), id="a-relative-path"),
        pytest.param(
            "//cdn.example.net/x", Url("https", CDN, f"{CDN}/x", "part"), id="without-a-scheme"
        ),
        pytest.param(
            "https://u@cdn.example.net",
            Url("https", CDN, f"{CDN}/", "part", has_credentials=True),
            id="with-credentials",
        ),
        pytest.param(
            "/%7E\xc3\xbc \xfc",
            Url("https", API, f"{API}/%7E%C3%BC%20%FC", "part"),
            id="bytes-are-escaped-one-by-one",
        ),
        pytest.param(None, None, id="none"),
    ],
)
def test_locations(location: str | None, expected: Url | None) -> None:
    base = Url("https", API, f"{API}/d/a", "part")
    assert location_url(base, () if location is None else (("LOCATION", location),)) == expected


# --- What a script can read ---------------------------------------------------------------------

SENT: Headers = (
    ("X-B", "2"),
    ("x-a", "1"),
    ("Set-Cookie", "c=1"),
    ("set-cookie2", "c=1"),
    ("Cache-Control", "no-store"),
    ("Content-Language", "en"),
    ("Content-Length", "4"),
    ("content-type", "text/plain"),
    ("Expires", "0"),
    ("Last-Modified", "Thu, 02 Jul 2026 00:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("X-A", "3"),
    ("*", "star"),
)
SAFELISTED = (
    "cache-control content-language content-length content-type expires last-modified pragma"
).split()


@pytest.mark.parametrize(
    ("exposed", "credentials", "names"),
    [
        pytest.param([], False, [], id="the-safelisted-ones"),
        pytest.param(["X-A"], False, ["x-a"], id="and-the-exposed-ones"),
        pytest.param(["x-b", "X-A, ETag"], True, ["x-a", "x-b"], id="of-several-lines"),
        pytest.param(["*"], False, ["*", "x-a", "x-b"], id="the-wildcard-exposes-all"),
        pytest.param(["*"], True, ["*"], id="with-credentials-it-is-a-name"),
        pytest.param(["*, x-b"], True, ["*", "x-b"], id="beside-others-too"),
        pytest.param(["X-A, a b"], False, [], id="a-malformed-list-exposes-nothing"),
        pytest.param(["Set-Cookie, Set-Cookie2"], False, [], id="cookies-are-never-exposed"),
    ],
)
def test_the_headers_of_a_cors_response(
    exposed: list[str], credentials: bool, names: list[str]
) -> None:
    name = "Access-Control-Expose-Headers"
    headers = (*SENT, *((name, value) for value in exposed))
    readable = dict(readable_headers(headers, "cors", credentials))
    readable.pop(name.lower(), None)  # readable itself where the wildcard exposes all
    assert [*readable] == sorted([*names, *SAFELISTED])
    assert readable.get("x-a", "1, 3") == "1, 3"


def test_the_headers_of_the_page_s_own_origin_are_readable_but_for_cookies() -> None:
    readable = readable_headers(SENT, "basic", includes_credentials=True)
    assert [name for name, _ in readable] == sorted(["*", "x-a", "x-b", *SAFELISTED])
    assert dict(readable)["x-a"] == "1, 3"


@pytest.mark.parametrize(
    ("request_", "received", "expected"),
    [
        pytest.param(
            GET,
            answer(404, "*", X_A="1", Content_Type="text/plain", Set_Cookie="c=1"),
            {
                "type": "cors",
                "url": URL,
                "status": 404,
                "headers": (("content-type", "text/plain"),),
            },
            id="cors",
        ),
        pytest.param(
            INCLUDE,
            answer(500, X_A="", ETag="e", Access_Control_Allow_Credentials="true"),
            {"type": "cors", "url": URL, "status": 500},
            id="cors-with-credentials",
        ),
        pytest.param(
            GET._replace(url=f"{OWN}?q#part"),
            answer(200, None, X_A=""),
            {"type": "basic", "url": f"{OWN}?q", "status": 200, "headers": (("x-a", ""),)},
            id="the-url-has-no-fragment",
        ),
        pytest.param(
            GET._replace(mode="no-cors"),
            answer(200, None, X_A="1"),
            {"type": "opaque", "status": 0},
            id="opaque",
        ),
        pytest.param(
            GET._replace(redirect="manual"),
            redirect("/x"),
            {"type": "opaqueredirect", "url": URL, "status": 0},
            id="a-redirect-to-look-at-shows-nothing",
        ),
        pytest.param(
            GET._replace(redirect="manual"),
            answer(200),
            {"type": "cors", "url": URL, "status": 200},
            id="no-redirect-to-look-at",
        ),
        pytest.param(
            GET, answer(302), {"type": "cors", "url": URL, "status": 302}, id="without-a-location"
        ),
        pytest.param(
            GET._replace(origin="null"),
            answer(200, "null"),
            {"type": "cors", "url": URL, "status": 200},
            id="an-opaque-origin-is-null",
        ),
    ],
)
def test_responses(request_: FetchRequest, received: Received, expected: dict[str, Any]) -> None:
    verdict = run(request_, received)
    assert verdict.steps == (Step(verdict.steps[0].sent, received),)
    assert verdict == Verdict(True, verdict.steps)._replace(**expected)


# --- The cache of preflights --------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def methods_sent(
    calls: Sequence[tuple[float, FetchRequest]],
    *preflights: dict[str, str],
    refused: Sequence[str] = (),
    most: int = MOST_MAX_AGE,
) -> str:
    """The methods that go out, fetch by fetch, with these answers to preflights in turn."""
    clock = Clock()
    cache, waiting, said = PreflightCache(most, clock), [*preflights], []

    def network(sent: Sent) -> Received:
        origin = get(sent.headers, "Origin")
        lines = [("Access-Control-Allow-Origin", origin or ""), *EVERYTHING.headers[1:2]]
        if sent.is_preflight:
            fields = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            lines += [(f"Access-Control-{name}", value) for name, value in fields.items()]
        elif sent.method in refused:
            lines = []
        return Received(200, tuple(lines))

    for seconds, request in calls:
        clock.now += seconds
        verdict = run(request, network=network, cache=cache)
        said.append(
            " ".join(step.sent.method for step in verdict.steps) + "!" * bool(verdict.reason)
        )
    return ", ".join(said)


DELETE = PUT._replace(method="DELETE")
BOTH = {"Allow-Methods": "PUT, DELETE", "Allow-Headers": "X-A", "Max-Age": "60"}


@pytest.mark.parametrize(
    ("calls", "preflights", "expected"),
    [
        pytest.param(
            [(0, PUT), (4.9, PUT), (0.1, PUT)],
            [{"Allow-Methods": "PUT"}],
            "OPTIONS PUT, PUT, OPTIONS PUT",
            id="five-seconds-unless-told",
        ),
        pytest.param(
            [(0, PUT), (59, DELETE), (1, PUT)],
            [BOTH],
            "OPTIONS PUT, DELETE, OPTIONS PUT",
            id="all-that-is-listed-is-kept",
        ),
        pytest.param(
            [(0, NAMED), (0, PUT._replace(headers=(("x-A", "1"),))), (0, NAMED)],
            [BOTH],
            "OPTIONS GET, PUT, GET",
            id="names-are-kept-by-themselves",
        ),
        pytest.param(
            [(0, PUT), (0, PUT)],
            [{**BOTH, "Max-Age": "0"}],
            "OPTIONS PUT, OPTIONS PUT",
            id="0-keeps-nothing",
        ),
        *(
            pytest.param(
                [(0, PUT), (4, PUT), (2, PUT)],
                [{**BOTH, "Max-Age": age}],
                "OPTIONS PUT, PUT, OPTIONS PUT",
                id=f"{age!r}-is-five-seconds",
            )
            for age in ("", "-1", "+60", "1.5", "5s", "60, 60")
        ),
        pytest.param(
            [(0, PUT), (6, PUT), (1, PUT)],
            [{**BOTH, "Max-Age": "007"}],
            "OPTIONS PUT, PUT, OPTIONS PUT",
            id="leading-zeros-are-borne",
        ),
        *(
            pytest.param(
                [(0, PUT), (7199, PUT), (1, PUT)],
                [{**BOTH, "Max-Age": age}],
                "OPTIONS PUT, PUT, OPTIONS PUT",
                id=f"{age}-is-cut-to-two-hours",
            )
            for age in ("86400", "9" * 40)
        ),
        pytest.param(
            [(0, PUT), (0, DELETE)],
            [{"Allow-Methods": "*"}],
            "OPTIONS PUT, DELETE",
            id="the-wildcard-is-kept",
        ),
        pytest.param(
            [(0, NAMED), (0, NAMED._replace(headers=(("X-B", "1"),))), (0, GET), (0, PUT)],
            [{"Allow-Headers": "*"}, {"Allow-Methods": "PUT"}],
            "OPTIONS GET, GET, GET, OPTIONS PUT",
            id="of-names-too-and-apart-from-methods",
        ),
        pytest.param(
            [(0, NAMED), (0, NAMED._replace(headers=TOKEN))],
            [{"Allow-Headers": "*"}, {"Allow-Headers": "Authorization"}],
            "OPTIONS GET, OPTIONS GET",
            id="but-not-for-authorization",
        ),
        pytest.param(
            [(0, PUT._replace(credentials="include")), (0, PUT)],
            [BOTH],
            "OPTIONS PUT, PUT",
            id="what-holds-with-credentials-holds-without",
        ),
        pytest.param(
            [(0, PUT), (0, PUT._replace(credentials="include")), (0, PUT)],
            [BOTH],
            "OPTIONS PUT, OPTIONS PUT, PUT",
            id="but-not-the-other-way-round",
        ),
        pytest.param(
            [(0, PUT), (0, PUT._replace(url=f"{URL}?q")), (0, PUT._replace(url=f"{URL}#part"))],
            [BOTH],
            "OPTIONS PUT, OPTIONS PUT, PUT",
            id="each-url-has-its-own-but-not-each-fragment",
        ),
        pytest.param(
            [(0, PUT), (0, PUT._replace(origin=CDN)), (0, PUT)],
            [BOTH],
            "OPTIONS PUT, OPTIONS PUT, PUT",
            id="each-origin-has-its-own",
        ),
        pytest.param(
            [(0, PUT), (50, PUT._replace(headers=(("X-A", "1"), ("X-B", "1")))), (50, PUT)],
            [BOTH, {**BOTH, "Allow-Headers": "X-B, X-A"}],
            "OPTIONS PUT, OPTIONS PUT, PUT",
            id="a-later-answer-renews-the-time",
        ),
        pytest.param(
            [(0, PUT), (0, NAMED._replace(headers=(("X-B", "1"),))), (0, PUT)],
            [BOTH, {"Allow-Methods": "PUT", "Allow-Headers": "X-B", "Max-Age": "0"}],
            "OPTIONS PUT, OPTIONS GET, OPTIONS PUT",
            id="or-ends-it",
        ),
        pytest.param(
            [(0, PUT), (0, NAMED._replace(headers=(("X-B", "1"),))), (0, PUT)],
            [BOTH],
            "OPTIONS PUT, OPTIONS!, OPTIONS PUT",
            id="a-refused-preflight-empties-it",
        ),
    ],
)
def test_the_cache(
    calls: list[tuple[float, FetchRequest]], preflights: list[dict[str, str]], expected: str
) -> None:
    assert methods_sent(calls, *preflights) == expected


def test_a_refused_answer_empties_the_cache_too() -> None:
    calls = [(0, PUT), (0, DELETE), (0, PUT)]
    assert methods_sent(calls, BOTH, refused=["DELETE"]) == "OPTIONS PUT, DELETE!, OPTIONS PUT"


def test_a_cache_of_a_shorter_memory() -> None:
    calls = [(0, PUT), (1, PUT), (1, PUT)]
    for preflight_ in (BOTH, {"Allow-Methods": "PUT"}):
        assert methods_sent(calls, preflight_, most=2) == "OPTIONS PUT, PUT, OPTIONS PUT"


def test_without_a_cache_every_preflight_is_sent() -> None:
    for _ in range(2):
        assert len(run(PUT, EVERYTHING, answer()).steps) == 2


def test_clearing_leaves_other_urls_and_origins() -> None:
    cache = PreflightCache(clock=Clock())
    keys = [CacheKey(APP, URL, True), CacheKey(APP, OWN, False), CacheKey(CDN, URL, False)]
    for key in keys:
        cache.store(key, 60, ["PUT"], ["x-a"])
    cache.clear(CacheKey(APP, URL, False))
    for key, kept in zip(keys, (False, True, True), strict=True):
        assert cache.has_method(key, "PUT") is cache.has_header(key, "x-a") is kept
    assert not cache.has_method(keys[1], "put")
    assert not cache.has_header(keys[1], "put")


# --- The parts ----------------------------------------------------------------------------------


def test_six_methods_are_put_in_upper_case() -> None:
    given = "delete Get hEAD options post pUt patch Query chicken PATCH"
    assert [normalize_method(method) for method in given.split()] == (
        "DELETE GET HEAD OPTIONS POST PUT patch Query chicken PATCH".split()
    )


@pytest.mark.parametrize(
    ("name", "value", "forbidden"),
    [
        pytest.param("Cookie", "x", True, id="a-forbidden-name"),
        pytest.param("SEC-Fetch-Mode", "x", True, id="a-forbidden-beginning"),
        pytest.param("Authorization", "x", False, id="authorization-is-the-script's"),
        pytest.param("User-Agent", "x", False, id="so-is-user-agent"),
        pytest.param("X-HTTP-Method", "TRACE", True, id="a-forbidden-method-in-disguise"),
        pytest.param("x-http-method-override", "connect", True, id="in-any-case"),
        pytest.param("X-Method-Override", "GET,\tTrack ", True, id="among-others"),
        pytest.param("X-Method-Override", "PUT", False, id="another-method-in-disguise"),
        pytest.param("X-Method-Override", "", False, id="no-method"),
        pytest.param("X-Method-Override", "TRACER", False, id="a-longer-one"),
        pytest.param("X-Method-Override", '"TRACE"', False, id="quotes-belong-to-it"),
        pytest.param(
            "X-Method-Override", '"a,TRACE,b"', False, id="a-comma-in-quotes-ends-nothing"
        ),
        pytest.param("X-Method-Override", '"a\\",b",TRACE', True, id="an-escaped-quote-ends-none"),
        pytest.param("X-Method-Override", 'PUT,"TRACE', False, id="an-open-quote-runs-to-the-end"),
        pytest.param("X-Override", "TRACE", False, id="another-name"),
    ],
)
def test_forbidden_headers(name: str, value: str, forbidden: bool) -> None:
    assert is_forbidden_header(name, value) is forbidden


UNSAFE = [*range(9), *range(10, 32), *map(ord, '"():<>?@[\\]{}\x7f')]


@pytest.mark.parametrize("byte", range(256))
def test_a_byte_is_unsafe_exactly_when_the_standard_lists_it(byte: int) -> None:
    assert is_safelisted_header("accept", f"a{chr(byte)}b") is (byte not in UNSAFE)
    is_language = chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in " *,-.;=")
    for name in ("Accept-Language", "content-language"):
        assert is_safelisted_header(name, chr(byte)) is is_language


@pytest.mark.parametrize(
    ("name", "value", "safe"),
    [
        pytest.param("ACCEPT", "a" * 128, True, id="128-bytes-are-borne"),
        pytest.param("Accept", "a" * 129, False, id="129-are-not"),
        pytest.param("Accept", "", True, id="nothing-is-safe"),
        pytest.param("Accept-Language", "", True, id="no-language-is-safe"),
        pytest.param("X-A", "", False, id="other-names-are-not"),
        pytest.param("Content-Type", "text/plain", True, id="text"),
        pytest.param("Content-Type", "\ttext/plain ", True, id="white-space-around-it"),
        pytest.param(
            "Content-Type", "Multipart/Form-Data;boundary=x", True, id="a-form-in-any-case"
        ),
        pytest.param(
            "content-type", "application/x-www-form-urlencoded ; x", True, id="an-encoded-form"
        ),
        pytest.param("Content-Type", "application/json", False, id="json"),
        pytest.param("Content-Type", 'multipart/form-data; boundary="x"', False, id="a-quote"),
        pytest.param("Content-Type", "text/plain, text/plain", False, id="two-types"),
        pytest.param("Content-Type", "text /plain", False, id="a-space-before-the-slash"),
        pytest.param("Content-Type", "text/ plain", False, id="a-space-behind-the-slash"),
        pytest.param("Content-Type", "text", False, id="half-a-type"),
        pytest.param("Content-Type", "/plain", False, id="the-other-half"),
        pytest.param("Content-Type", "", False, id="no-type"),
        pytest.param("Range", "bytes=0-", True, id="from-the-start"),
        pytest.param("range", "bytes=5-5", True, id="one-byte"),
        pytest.param("Range", "bytes=6-5", False, id="backwards"),
        pytest.param("Range", "bytes=-5", False, id="from-the-end"),
        pytest.param("Range", "bytes=0-1,3-4", False, id="two-ranges"),
        pytest.param("Range", "bytes= 0-1", False, id="a-space"),
        pytest.param("Range", "items=0-1", False, id="another-unit"),
        pytest.param("Range", "Bytes=0-1", False, id="another-case"),
    ],
)
def test_safelisted_headers(name: str, value: str, safe: bool) -> None:
    assert is_safelisted_header(name, value) is safe


NINE = (("Accept", "a" * 114),) * 8 + (("Accept-Language", "a" * 112),)


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        pytest.param((), (), id="none"),
        pytest.param((ANY, FORM), (), id="safe-ones"),
        pytest.param((("X-B", ""), JSON, ("x-a", "")), ("content-type", "x-a", "x-b"), id="sorted"),
        pytest.param((FORM, JSON), ("content-type",), id="one-of-two-values"),
        pytest.param(NINE, (), id="1024-bytes-are-borne"),
        pytest.param(
            (*NINE, ("Content-Language", "a"), ("X-A", "")),
            ("accept", "accept-language", "content-language", "x-a"),
            id="1025-are-not",
        ),
    ],
)
def test_unsafe_names(headers: Headers, names: tuple[str, ...]) -> None:
    assert unsafe_header_names(headers) == names


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], (), id="absent"),
        pytest.param([""], (), id="empty"),
        pytest.param(["a", "B,\tc ,, d"], ("a", "B", "c", "d"), id="lines-and-empty-elements"),
        pytest.param(["a", "b c"], None, id="malformed"),
        pytest.param(["a;b"], None, id="parameters"),
        pytest.param(["*"], ("*",), id="the-asterisk"),
    ],
)
def test_lists(values: list[str], expected: tuple[str, ...] | None) -> None:
    headers = [("x-List", value) for value in values]
    assert list_values(headers, "X-LIST") == expected
    assert list_values([*headers, ("X-Other", "@")], "x-list") == expected


def test_the_values_of_a_name_are_joined() -> None:
    assert get(SENT, "X-a") == "1, 3"
    assert get(SENT, "X-None") is None
