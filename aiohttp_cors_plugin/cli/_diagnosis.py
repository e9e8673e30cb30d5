"""What is wrong with a server's answers, worked out from the answers alone, and how to mend it."""

from __future__ import annotations

import contextlib
import http
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from aiohttp import hdrs

from aiohttp_cors_plugin._browser import (
    ACCEPT,
    LOCATION,
    FetchRequest,
    Headers,
    Received,
    Sent,
    Step,
    Verdict,
    get,
    list_values,
)
from aiohttp_cors_plugin._fetch import (
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD,
    CORS_RESPONSE_HEADERS,
    ORIGIN,
    VARY,
)
from aiohttp_cors_plugin._origins import Origin, parse_origin
from aiohttp_cors_plugin._reasons import REASONS
from aiohttp_cors_plugin._urls import parse_url
from aiohttp_cors_plugin.cli._terminal import printable

_NOBODYS: Final = "cors-check.invalid"  # RFC 2606: nobody can own it
_FOREIGN: Final = f"https://{_NOBODYS}"
_OURS: Final = "CORS preflight refused"  # how the plugin's own refusals begin

PROBLEMS: Final = {
    # No answer.
    "host-not-found": (
        "the name {host} has no address",
        "correct the name, or its entry in the DNS",
    ),
    "connection-refused": (
        "nothing listens at {host}",
        "start the server, or correct the port",
    ),
    "timed-out": (
        "no answer came within {subject} seconds",
        "look whether the server hangs or a firewall drops the packets; --timeout waits longer",
    ),
    "tls-failed": (
        "there is no secure connection to {host}: {subject}",
        "mend the certificate, which browsers refuse as well; or write http:// for a server"
        " without TLS",
    ),
    "not-http": (
        "what came back is no answer of HTTP: {subject}",
        "correct the port, or the scheme",
    ),
    "connection-failed": (
        "the connection to {host} failed: {subject}",
        "look whether the server is up, {remedy}",
    ),
    # The preflight.
    "preflight-redirect": (
        "the preflight got {status}, a redirect {subject}; browsers follow none for a preflight",
        "{remedy}",
    ),
    "preflight-unauthorized": (
        "the preflight got {status}: an authentication layer answers before the CORS rules do, and"
        " preflights never carry credentials",
        "let OPTIONS requests with Access-Control-Request-Method pass without credentials",
    ),
    "preflight-forbidden": (
        "the preflight got {status}: an authentication layer or a firewall refuses it (preflights"
        " never carry credentials), or the server does not allow {origin}",
        "let OPTIONS requests pass without credentials, and the server allow {origin}",
    ),
    "preflight-not-served": (
        "the preflight got {status}: the server has no route for OPTIONS on this URL",
        "let CORS middleware, or a route for OPTIONS, answer it with 204 and the allow headers",
    ),
    "preflight-status": (
        "the preflight got {status}, and browsers want 200 to 299",
        "look into the server's log for why it does not answer OPTIONS with 204",
    ),
    "refused-by-plugin": (
        "aiohttp_cors_plugin on the server refused the preflight",
        "its log says why, at INFO; so does this answer with setup(app, ..., debug=True)",
    ),
    "method-not-in-allow-methods": (
        "Access-Control-Allow-Methods of the preflight's answer does not list {subject}",
        "add {subject} to Access-Control-Allow-Methods; '*' does not count with credentials",
    ),
    "method-case": (
        "methods are case-sensitive, {subject} is sent as it is, and"
        " Access-Control-Allow-Methods does not list it",
        "write '{upper}' in the page: browsers put only DELETE, GET, HEAD, OPTIONS, POST and PUT"
        " in upper case themselves",
    ),
    "header-not-in-allow-headers": (
        "Access-Control-Allow-Headers of the preflight's answer does not list {subject}",
        "add {subject} to Access-Control-Allow-Headers; '*' does not count with credentials",
    ),
    "authorization-under-wildcard": (
        "the '*' in Access-Control-Allow-Headers does not cover Authorization; Chromium lets it"
        " pass, the Fetch standard does not",
        "list it by name: 'Access-Control-Allow-Headers: *, Authorization'",
    ),
    "allow-methods-malformed": (
        "Access-Control-Allow-Methods of the preflight's answer is no list of methods",
        "write names with commas between them, without quotes or brackets",
    ),
    "allow-headers-malformed": (
        "Access-Control-Allow-Headers of the preflight's answer is no list of names",
        "write names with commas between them, without quotes or brackets",
    ),
    "max-age-invalid": (
        "'Access-Control-Max-Age: {subject}' is no number of seconds, so that browsers fall back"
        " on what they please",
        "send one number, without a sign or a unit: 600, or 0 to have nothing cached",
    ),
    # Access-Control-Allow-Origin.
    "allow-origin-missing": (
        "{where} has no Access-Control-Allow-Origin",
        "send 'Access-Control-Allow-Origin: {origin}' if its pages may read this{hint}",
    ),
    "allow-origin-missing-on-redirect": (
        "{where} is {status}, a redirect {subject}, without Access-Control-Allow-Origin: browsers"
        " do not follow it",
        "{remedy}",
    ),
    "allow-origin-on-preflight-only": (
        "the preflight's answer allows the origin, and {where} has no Access-Control-Allow-Origin",
        "send the header with both",
    ),
    "allow-origin-on-actual-only": (
        "the answer to a {method} allows the origin, and the preflight's has no"
        " Access-Control-Allow-Origin",
        "send the header with both: let what adds it see OPTIONS requests too",
    ),
    "errors-without-headers": (
        "the preflight's answer allows the origin, and the error that followed ({status}) does"
        " not: the headers are on successes only, and the page cannot read what went wrong",
        "send them with errors too (nginx: 'always'), and look why the request failed",
    ),
    "allow-origin-repeated": (
        "Access-Control-Allow-Origin is there more than once: {subject}",
        "let one side send it: often a proxy adds a second to the application's",
    ),
    "allow-origin-list": (
        "Access-Control-Allow-Origin names several origins, and only one is allowed: {subject}",
        "compare the request's Origin with the list, and send that one, with 'Vary: Origin'",
    ),
    "allow-origin-pattern": (
        "Access-Control-Allow-Origin is a pattern, which browsers do not know: {subject}",
        "match it on the server, and send the request's Origin, with 'Vary: Origin'",
    ),
    "allow-origin-trailing-slash": (
        "Access-Control-Allow-Origin ends with a slash, and origins have none: {subject}",
        "write '{origin}'",
    ),
    "allow-origin-path": (
        "Access-Control-Allow-Origin has more than an origin, such as a path: {subject}",
        "write '{origin}'",
    ),
    "allow-origin-case": (
        "Access-Control-Allow-Origin is compared letter by letter, and has upper case: {subject}",
        "write '{origin}'",
    ),
    "allow-origin-no-scheme": (
        "Access-Control-Allow-Origin lacks the scheme: {subject}",
        "write '{origin}'",
    ),
    "allow-origin-scheme": (
        "Access-Control-Allow-Origin has another scheme than the page: {subject}",
        "write '{origin}'; http and https are different origins",
    ),
    "allow-origin-port": (
        "Access-Control-Allow-Origin has another port than the page's origin: {subject}",
        "write '{origin}'; only a scheme's default port is left out",
    ),
    "allow-origin-invalid": (
        "Access-Control-Allow-Origin is no origin: '{subject}'",
        "write '{origin}'",
    ),
    "allow-origin-mismatch": (
        "Access-Control-Allow-Origin is another origin's: {subject}",
        "send '{origin}' if its pages may read this; for several, the request's Origin if it is on"
        " a list, with 'Vary: Origin'",
    ),
    "cached-copy": (
        "a cache answered ({cache}), and holds another origin's copy: {subject}",
        "send 'Vary: Origin' with every answer of this URL, then empty the cache",
    ),
    "redirect-makes-origin-null": (
        "the request was redirected to another origin and onwards, so that browsers send"
        " 'Origin: null', and {where} does not allow that",
        "let the page ask for {url} itself; do not allow null, which any site can send",
    ),
    "null-not-allowed": (
        "the page's origin is null, as that of every sandboxed frame is, and {where} does not"
        " allow it",
        "serve the page from an origin of its own; do not allow null, which any site can send",
    ),
    # Credentials.
    "allow-origin-wildcard-with-credentials": (
        "'Access-Control-Allow-Origin: *' does not go with credentials: browsers refuse it",
        "send the origins of a list, with 'Vary: Origin'; or leave credentials out on both sides",
    ),
    "allow-credentials-missing": (
        "{where} has no Access-Control-Allow-Credentials",
        "send 'Access-Control-Allow-Credentials: true', or fetch without credentials",
    ),
    "allow-credentials-invalid": (
        "'Access-Control-Allow-Credentials: {subject}' means nothing to browsers",
        "write 'true', in lower case and once; or leave the header out",
    ),
    # What the page may read.
    "expose-headers-malformed": (
        "Access-Control-Expose-Headers is no list of names, so that browsers hide them all:"
        " {subject}",
        "write names with commas between them, without quotes or brackets",
    ),
    "expose-headers-wildcard-with-credentials": (
        "'Access-Control-Expose-Headers: *' does not go with credentials: it is then no more than"
        " the name of a header",
        "list the headers that the page reads",
    ),
    # Redirects of the request itself.
    "redirect-location-multiple": ("the redirect has several Location lines", "send one"),
    "redirect-location-invalid": ("the redirect leads to no URL: {subject}", "send a valid one"),
    "redirect-scheme": (
        "the redirect leads to another scheme than http and https: {subject}",
        "redirect to https only",
    ),
    "redirect-too-many": ("there are more than 20 redirects", "look for the loop"),
    "redirect-has-credentials": (
        "the redirect leads to a URL with a user name in it",
        "leave that out of the Location",
    ),
    # What other origins get.
    "vary-missing": (
        "the answers differ by Origin, and there is no 'Vary: Origin' on that to {subject}: a"
        " cache, the browser's own too, may hand out the wrong copy",
        "send 'Vary: Origin' with every answer of this URL, whatever the Origin, and without one",
    ),
    "origin-reflected": (
        "any origin is allowed, with credentials ({subject} was): every site can read and act as"
        " the user who visits it",
        "compare the Origin with a list before sending it back",
    ),
    "null-allowed": (
        "the origin null is allowed, which any site can send from a sandboxed frame",
        "take null off the list; {remedy}",
    ),
    "look-alike-prefix-allowed": (
        "an origin that only ends alike is allowed: {subject}",
        "compare whole origins, or whole labels of hosts; escape the dots of regular expressions",
    ),
    "look-alike-suffix-allowed": (
        "an origin that only begins alike is allowed: {subject}",
        "compare whole origins; give regular expressions an end",
    ),
}
"""Each thing that can be wrong, by its slug: the reason and the likely fix."""
NOT_OF_CHROMIUM: Final = frozenset({"authorization-under-wildcard"})
"""What Chromium lets pass though the Fetch standard does not."""


class Finding(NamedTuple):
    """One thing that is wrong."""

    code: str
    reason: str
    fix: str


def finding(code: str, **fields: object) -> Finding:
    reason, fix = PROBLEMS[code]
    known = {name: printable(str(value)) for name, value in fields.items()}
    return Finding(code, reason.format(**known), fix.format(**known))


def status(status: int) -> str:
    with contextlib.suppress(ValueError):
        return f"{status} {http.HTTPStatus(status).phrase}"
    return str(status)


# --- What is wrong with the answers -------------------------------------------------------------


def refusal(asked: FetchRequest, verdict: Verdict, excerpt: str) -> tuple[Finding, str]:
    """Why the last of the steps was refused; and the server's own slug, where it told one."""
    sent, received = verdict.steps[-1]
    assert received is not None
    if sent.is_preflight and excerpt.startswith(_OURS):
        return _told_by_plugin(excerpt)
    where = "the preflight's answer" if sent.is_preflight else "the answer"
    if sent.url != verdict.steps[0].sent.url:
        where += f" of {sent.url}, where the request was redirected,"
    fields: dict[str, object] = {
        "where": where,
        "status": status(received.status),
        "subject": verdict.subject,
        "origin": asked.origin,
        "url": sent.url,
        "hint": "",
    }
    judge = _preflight_refusal if sent.is_preflight else _actual_refusal
    code = judge(asked, verdict, received, fields)
    if code.startswith("allow-origin-") and get(sent.headers, ORIGIN) != asked.origin:
        code = "redirect-makes-origin-null"
    elif code in ("allow-origin-missing", "allow-origin-mismatch") and asked.origin == "null":
        code = "null-not-allowed"
    elif code in ("allow-origin-multiple", "allow-origin-invalid", "allow-origin-mismatch"):
        code = _misfit(received.headers, verdict.subject, asked.origin, fields)
    return finding(code, **fields), ""


def _told_by_plugin(excerpt: str) -> tuple[Finding, str]:
    """The plugin's own reason, which its debug mode puts into the answer."""
    # Whatever a proxy may add behind it.
    told = re.match(rf"{_OURS}: (.*) \[({'|'.join(REASONS)})\]", excerpt, re.DOTALL)
    if told is None:
        return finding("refused-by-plugin"), ""
    slug, remedy = told[2], REASONS[told[2]].fix
    reason, mark, rest = told[1].rpartition(f"; {remedy.partition('{')[0]}")
    fix = f"{mark}{rest}"[2:] if mark else remedy.format(subject="it")
    return Finding(slug, f"the server says: {printable(reason or rest)}", printable(fix)), slug


def _preflight_refusal(
    asked: FetchRequest, verdict: Verdict, received: Received, fields: dict[str, object]
) -> str:
    sent, status, reason = verdict.steps[-1].sent, received.status, verdict.reason
    if reason == "preflight-redirect":
        location = get(received.headers, LOCATION) or ""
        fields["subject"], fields["remedy"] = _redirect(sent, location, asked.origin)
    elif not 200 <= status <= 299:
        return _STATUSES.get(status, "preflight-status")
    elif reason == "method-not-in-allow-methods" and verdict.subject != verdict.subject.upper():
        fields["upper"] = verdict.subject.upper()
        return "method-case"
    elif reason == "header-not-in-allow-headers":
        allowed = list_values(received.headers, ACCESS_CONTROL_ALLOW_HEADERS) or ()
        names = {name.lower() for name in allowed}
        if "*" in names and asked.credentials != "include":
            return "authorization-under-wildcard"
        requested = (get(sent.headers, ACCESS_CONTROL_REQUEST_HEADERS) or "").split(",")
        fields["subject"] = ", ".join(name for name in requested if name not in names)
    return reason


_STATUSES: Final = {
    401: "preflight-unauthorized",
    403: "preflight-forbidden",
    404: "preflight-not-served",
    405: "preflight-not-served",
    407: "preflight-unauthorized",
    501: "preflight-not-served",
}


def _redirect(sent: Sent, location: str, origin: str) -> tuple[str, str]:
    """Where a redirect that is not followed leads, in words, and what to do about it."""
    mend = f"send 'Access-Control-Allow-Origin: {origin}' with redirects too"
    login = "answer with 401 and the headers instead: no script logs in on a page"
    if sent.is_preflight:
        mend = "answer OPTIONS before anything redirects"
        login = "let OPTIONS requests pass before the login, without credentials"
    source = parse_url(sent.url)
    target = parse_url(location, source)
    if source is None or target is None:
        return f"to {location}", mend
    subject, page = f"to {target}", f"let the page ask for {target} itself"
    before, after = (url.href[len(url.origin) :].partition("?")[0] for url in (source, target))
    hosts = [origin and origin.host for origin in map(parse_origin, (source.origin, target.origin))]
    if before.rstrip("/") == after.rstrip("/") and hosts[0] == hosts[1]:
        if (source.scheme, target.scheme) == ("http", "https"):
            return f"{subject}, from http to https", page
        if before != after:
            return f"{subject}, which differs by the slash at the end", page
    if re.search(r"\b(log-?in|log-?on|sign-?in|oauth2?|saml|sso|auth)\b", target.href):
        return f"{subject}, which looks like a login page", login
    if source.origin != target.origin and not sent.is_preflight:
        return subject, page  # the origin would become null
    return subject, f"{page}, or {mend}"


def _actual_refusal(
    asked: FetchRequest, verdict: Verdict, received: Received, fields: dict[str, object]
) -> str:
    if verdict.reason != "allow-origin-missing":
        return verdict.reason
    location = get(received.headers, LOCATION)
    if location is not None and received.status // 100 == 3:
        sent = verdict.steps[-1].sent
        fields["subject"], fields["remedy"] = _redirect(sent, location, asked.origin)
        return "allow-origin-missing-on-redirect"
    if any(step.sent.is_preflight for step in verdict.steps):
        is_error = received.status >= 400
        return "errors-without-headers" if is_error else "allow-origin-on-preflight-only"
    if received.status >= 400:
        fields["hint"] = f"; and look why it is {fields['status']}: successes may have the header"
    elif line := _cache_line(received.headers):
        fields["hint"] = (
            f"; a cache answered ({line}), perhaps with the copy of a request without Origin:"
            " then 'Vary: Origin' is missing"
        )
    return verdict.reason


def _misfit(headers: Headers, allowed: str, origin: str, fields: dict[str, object]) -> str:
    """How the value of `Access-Control-Allow-Origin` differs from the origin."""
    lines = [value for name, value in headers if name.lower() == _ALLOW_ORIGIN]
    parts = re.findall(r"[^,\s]+", allowed)
    if len(lines) > 1 or len({*parts}) < len(parts) or (len(parts) > 1 and "*" in parts):
        return "allow-origin-repeated"
    if len(parts) > 1:
        return "allow-origin-list"
    if parse_origin(allowed) is not None and (line := _cache_line(headers)):
        fields["cache"] = line
        return "cached-copy"
    if "*" in allowed:
        return "allow-origin-pattern"
    if allowed == f"{origin}/":
        return "allow-origin-trailing-slash"
    if allowed == "null":
        return "allow-origin-mismatch"
    own, scheme = parse_origin(origin), origin.partition("://")[0]
    bare = parse_url(f"{scheme}://{allowed}")
    with_scheme = None if "://" in allowed or bare is None else parse_origin(bare.origin)
    if origin.endswith(f"://{allowed}") or (own and with_scheme and own.host == with_scheme.host):
        return "allow-origin-no-scheme"
    url = parse_url(allowed)
    if url is None or "," in allowed or (url.origin == "null" and parse_origin(allowed) is None):
        return "allow-origin-invalid"
    if url.origin == origin:
        if allowed != allowed.lower() and allowed.lower().rstrip("/") == origin:
            return "allow-origin-case"
        has_more = url.href != f"{origin}/" or "@" in allowed or "#" in allowed
        return "allow-origin-path" if has_more else "allow-origin-port"
    other = parse_origin(url.origin)
    if own is None or other is None or own.host != other.host:
        return "allow-origin-mismatch"
    return "allow-origin-port" if own.scheme == other.scheme else "allow-origin-scheme"


_ALLOW_ORIGIN: Final = ACCESS_CONTROL_ALLOW_ORIGIN.lower()
CACHES: Final = ("cache-status", "cf-cache-status", "x-cache", "x-cache-status", "x-vercel-cache")


def _cache_line(headers: Headers) -> str:
    """The line by which a cache says that it answered; RFC 9111, 5.1, and habits."""
    for name, value in headers:
        if name.lower() == "age" or (name.lower() in CACHES and "hit" in value.lower()):
            return f"{name}: {value}"
    return ""


def remarks(asked: FetchRequest, steps: Sequence[Step]) -> Iterator[Finding]:
    """What is wrong with answers that no browser refused for it."""
    for sent, received in steps:
        headers = () if received is None else received.headers
        credentials = get(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS)
        if credentials == "true" and get(headers, ACCESS_CONTROL_ALLOW_ORIGIN) == "*":
            yield finding("allow-origin-wildcard-with-credentials")
        if credentials is not None and credentials not in ("true", "false"):
            yield finding("allow-credentials-invalid", subject=credentials)
        exposed = None if sent.is_preflight else get(headers, ACCESS_CONTROL_EXPOSE_HEADERS)
        if exposed is not None and list_values(headers, ACCESS_CONTROL_EXPOSE_HEADERS) is None:
            yield finding("expose-headers-malformed", subject=exposed)
        if exposed == "*" and (asked.credentials == "include" or credentials == "true"):
            yield finding("expose-headers-wildcard-with-credentials")
        max_age = get(headers, ACCESS_CONTROL_MAX_AGE)
        if sent.is_preflight and max_age is not None and re.fullmatch("[0-9]+", max_age) is None:
            yield finding("max-age-invalid", subject=max_age)


# --- What other origins get ---------------------------------------------------------------------

_OWN_ORIGIN: Final = "serve the page from an origin of its own"

Probes = Generator[Sent, Received | None, list[Finding]]


def probes(asked: FetchRequest, steps: Sequence[Step], code: str) -> Probes:
    """Yield each probe, take its answer (None: the network failed), return what is wrong.

    `code` is what the request itself was refused for, if it was. Probed is where redirects led,
    on another host too: that answer is the one to read, and the request has been there already.
    """
    sent, base = steps[-1]
    if code == "allow-origin-missing" and sent.is_preflight:
        return (yield from _probe_actual(asked, sent))
    origin, url = get(sent.headers, ORIGIN) or "", sent.url
    if not sent.is_preflight and sent.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        own = (step for step in steps if step.sent.is_preflight and step.sent.url == url)
        sent, base = next(own, Step(_preflight(sent), base))
    assert base is not None
    allowed = get(base.headers, ACCESS_CONTROL_ALLOW_ORIGIN)
    findings: list[Finding] = []
    answers = {origin: base}
    if allowed is not None and not sent.is_preflight:
        if (received := (yield _with_origin(sent, None))) is None:
            return findings
        answers["a request without Origin"] = received
    if allowed is not None and allowed == origin:
        if (received := (yield _with_origin(sent, _FOREIGN))) is None:
            return findings
        answers["another origin"] = received
        to_foreign = get(received.headers, ACCESS_CONTROL_ALLOW_ORIGIN)
        if to_foreign == _FOREIGN:
            if get(received.headers, ACCESS_CONTROL_ALLOW_CREDENTIALS) == "true":
                findings.append(finding("origin-reflected", subject=_FOREIGN))
        elif allowed == "null":
            remedy = _OWN_ORIGIN
            if asked.origin != "null":
                remedy = f"let the page ask for {url} itself, as redirects make its origin null"
            findings.append(finding("null-allowed", remedy=remedy))
        elif to_foreign != allowed:
            findings += yield from _probe_cousins(allowed, sent)
    if not sent.is_preflight:
        findings += _vary(answers)
    return findings


def _probe_actual(asked: FetchRequest, refused: Sent) -> Probes:
    """Where a preflight's answer has no allow header: does a plain answer have it?"""
    method = asked.method.upper() if asked.method.upper() == hdrs.METH_HEAD else hdrs.METH_GET
    headers = ((ACCEPT, "*/*"), (ORIGIN, asked.origin))
    received = yield Sent(method, refused.url, headers, False, False, is_preflight=False)
    allowed = None if received is None else get(received.headers, ACCESS_CONTROL_ALLOW_ORIGIN)
    if allowed not in ("*", asked.origin):
        return []
    return [finding("allow-origin-on-actual-only", method=method)]


def _probe_cousins(page: str, sent: Sent) -> Probes:
    """Origins that a careless comparison takes for the page's."""
    findings = []
    for code, origin in _cousins(page):
        if (received := (yield _with_origin(sent, origin))) is None:
            break
        if get(received.headers, ACCESS_CONTROL_ALLOW_ORIGIN) == origin:
            findings.append(finding(code, subject=origin, remedy=_OWN_ORIGIN))
    return findings


def _cousins(page: str) -> Iterator[tuple[str, str]]:
    origin = parse_origin(page)
    assert origin is not None
    yield "null-allowed", "null"
    labels = origin.host.split(".")
    # As far as it can be told without a list of public suffixes: what somebody can register.
    own = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    before, after = ".".join(labels[:-own]), ".".join(labels[-own:])
    # Where labels stand before it, an unescaped dot of a regular expression matches as well.
    prefixed = f"{before}x{after}" if before else f"corscheck{after}"
    for kind, host in (("prefix", prefixed), ("suffix", f"{origin.host}.{_NOBODYS}")):
        cousin = str(Origin(origin.scheme, host, origin.port))
        if parse_origin(cousin) is not None:
            yield f"look-alike-{kind}-allowed", cousin


_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})


def _vary(answers: Mapping[str, Received]) -> list[Finding]:
    """Answers that differ by origin have to say so; of those that caches may keep.

    https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
    """
    kept = {
        name: received.headers
        for name, received in answers.items()
        if received.status < 500
        and received.status != 429
        and "no-store" not in (get(received.headers, hdrs.CACHE_CONTROL) or "").lower()
    }
    if len({tuple(get(headers, name) for name in _OF_CORS) for headers in kept.values()}) < 2:
        return []
    lacking = [
        name
        for name, headers in kept.items()
        if not {"origin", "*"} & {one.lower() for one in list_values(headers, VARY) or ()}
    ]
    return [finding("vary-missing", subject=", ".join(lacking))] if lacking else []


_OF_CORS: Final = sorted(CORS_RESPONSE_HEADERS)


def _with_origin(sent: Sent, origin: str | None) -> Sent:
    headers = [line for line in sent.headers if line[0] != ORIGIN]
    own = [] if origin is None else [(ORIGIN, origin)]
    return Sent(sent.method, sent.url, (*headers, *own), False, False, sent.is_preflight)


def _preflight(sent: Sent) -> Sent:
    """The preflight of a request that needs none: listeners for uploads force one."""
    headers = ((ACCEPT, "*/*"), (ACCESS_CONTROL_REQUEST_METHOD, sent.method))
    return Sent(hdrs.METH_OPTIONS, sent.url, headers, False, False, is_preflight=True)
