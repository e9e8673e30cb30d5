"""Options compiled for requests: stamp an actual response, judge a preflight, and say why not.

Strings in, records out: nothing here knows of an application, a router or an event loop. The way
that most responses take reads `BaseRequest._headers` and `StreamResponse._headers`, private names
of aiohttp that it can do without: the properties cost half as much as the headers that are set.
"""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from multidict import CIMultiDict, istr

from aiohttp_cors_plugin._fetch import (
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
    CORS_RESPONSE_HEADERS,
    FORBIDDEN_RESPONSE_HEADERS,
    ORIGIN,
    SAFELISTED_METHODS,
    SAFELISTED_REQUEST_HEADERS,
    SAFELISTED_RESPONSE_HEADERS,
    TIMING_ALLOW_ORIGIN,
    VARY,
    parse_requested_headers,
)
from aiohttp_cors_plugin._origins import LONGEST_ORIGIN, OriginList, is_insecure, parse_origin
from aiohttp_cors_plugin._reasons import REASONS, in_words

if TYPE_CHECKING:
    from aiohttp_cors_plugin.options import CorsOptions, OriginPredicate

# `istr` spares the multidict folding the case of a name at each look-up.
_ALLOW_ORIGIN: Final = istr(ACCESS_CONTROL_ALLOW_ORIGIN)
_ALLOW_CREDENTIALS: Final = istr(ACCESS_CONTROL_ALLOW_CREDENTIALS)
_EXPOSE: Final = istr(ACCESS_CONTROL_EXPOSE_HEADERS)
_TIMING: Final = istr(TIMING_ALLOW_ORIGIN)
_VARY: Final = istr(VARY)
_ORIGIN: Final = istr(ORIGIN)
_ALLOW_METHODS: Final = istr(ACCESS_CONTROL_ALLOW_METHODS)
_ALLOW_HEADERS: Final = istr(ACCESS_CONTROL_ALLOW_HEADERS)
_MAX_AGE: Final = istr(ACCESS_CONTROL_MAX_AGE)
_OTHERS: Final = (_ALLOW_CREDENTIALS, _EXPOSE, _ALLOW_METHODS, _ALLOW_HEADERS, _MAX_AGE)
_CORS_HEADERS: Final = (_ALLOW_ORIGIN, *_OTHERS)

# Few origins make nearly all requests: for these a wildcard costs what an exact origin costs,
# rules what one of them does, and a list of a million, which fits no cache of a processor, what
# a list of ten does. As many are remembered as are listed, within these bounds.
_LEAST_REMEMBERED: Final = 1024
_MOST_REMEMBERED: Final = 16_384

Ask = Callable[["OriginPredicate", str], Awaitable[str | None]]
"""Asks a predicate about an origin: None where it allows it, else the reason why not."""


RequestLike = Any
"""Has `headers`, a multidict, and `method`. Type checkers see neither in aiohttp's properties."""
ResponseLike = Any
"""Has `headers`, a mutable multidict."""
Stamp = Callable[[RequestLike, ResponseLike], None]
"""Stamps an actual response."""


class Report(Protocol):
    """Takes note of a response that a script may not read, with the reason."""

    def __call__(self, request: RequestLike, reason: str, rule: Rule | None = None, /) -> None:
        """`rule` is the one that decides, if one does."""


def origin_of(request: RequestLike) -> str | None:
    """The request's origin; several `Origin` lines name none, which browsers spell `null`."""
    lines: list[str] | None = request.headers.getall(_ORIGIN, None)
    if lines is None:
        return None
    return lines[0] if len(lines) == 1 else "null"


class Verdict(NamedTuple):
    """What an origin gets: the rule that decides, or the reason why none does.

    `allowed` is the value of `Access-Control-Allow-Origin` under that rule.
    """

    rule: Rule | None
    reason: str | None
    allowed: str = ""


class Decision(NamedTuple):
    """The answer to a preflight.

    `headers` are complete, `Vary` included, and not to be changed; `subject` is what `reason`
    speaks of (an origin, a method, a header name), as the request sent it.
    """

    reason: str | None
    status: int
    headers: CIMultiDict[str]
    subject: str = ""
    rule: Rule | None = None
    """The rule that decides, if one does."""

    @property
    def allowed(self) -> bool:
        return self.reason is None


class Rule:
    """One `CorsOptions`, normalised, sorted and joined once."""

    __slots__ = (
        "any_origin",
        "credentials",
        "expose",
        "header_names",
        "headers_value",
        "is_plain",
        "matches",
        "max_age",
        "methods",
        "options",
        "others",
        "predicate",
        "secure_only",
        "status",
        "timing",
    )

    def __init__(self, options: CorsOptions, cleared: Iterable[istr]) -> None:
        self.options = options
        origins = options.allow_origins
        self.any_origin = isinstance(origins, str)
        self.matches = origins.matches if isinstance(origins, OriginList) else None
        self.predicate: OriginPredicate | None = origins if callable(origins) else None
        self.credentials = options.allow_credentials
        self.secure_only = self.credentials and not options.allow_insecure_origins
        self.methods = None if options.allow_methods is None else frozenset(options.allow_methods)
        self.expose = (
            options.expose_headers
            if isinstance(options.expose_headers, str)
            else ", ".join(sorted(options.expose_headers, key=str.lower))
        )
        self.timing = options.expose_timing
        self.max_age = None if options.max_age is None else str(options.max_age)
        self.status = options.preflight_status
        if isinstance(options.allow_headers, str):
            self.header_names, self.headers_value = None, ""
        else:
            # A JSON body makes browsers ask for content-type, so the safelisted names are listed
            # too. https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names
            safelisted = {name.lower(): name for name in SAFELISTED_REQUEST_HEADERS}
            names = safelisted | {name.lower(): name for name in options.allow_headers}
            self.header_names = frozenset(names)
            self.headers_value = ", ".join(names[name] for name in sorted(names))
        granted = {
            _ALLOW_ORIGIN: True,
            _ALLOW_CREDENTIALS: self.credentials,
            _EXPOSE: bool(self.expose),
            _TIMING: self.timing,
        }
        self.others = tuple(name for name in cleared if not granted.get(name))
        # Whether Access-Control-Allow-Origin is all that any response gets.
        self.is_plain = self.others == _OTHERS and not self.timing and self.methods is None

    def admits(self, origin: str) -> bool:
        """Whether an origin is known to be allowed without asking a callable."""
        if self.matches is None:
            return self.any_origin
        return self.matches(origin) and not self.hides_from(origin)

    def hides_from(self, origin: str) -> bool:
        """Whether an origin is too insecure for credentials, whatever matches it.

        Of patterns that is known when they are given, of regular expressions only now.
        """
        if not self.secure_only or not origin.startswith("http:"):
            return False
        parsed = parse_origin(origin)
        return parsed is not None and is_insecure(parsed)

    def verdict(self, origin: str) -> Verdict:
        """That this rule decides for an origin."""
        return Verdict(self, None, "*" if self.any_origin else origin)

    def write(self, allowed: str, headers: CIMultiDict[str]) -> None:
        """Let `allowed`, an origin or `*`, read the response; what a handler set by hand goes."""
        headers[_ALLOW_ORIGIN] = allowed
        if self.credentials:
            headers[_ALLOW_CREDENTIALS] = "true"
        if self.expose:
            headers[_EXPOSE] = self.exposed(headers)
        if self.timing:
            headers[_TIMING] = allowed
        for name in self.others:
            if name in headers:
                headers.popall(name)

    def exposed(self, headers: CIMultiDict[str]) -> str:
        """The value of `Access-Control-Expose-Headers`."""
        if self.expose != "*" or not self.credentials:
            return self.expose
        # With credentials the wildcard is a literal name, so what is there is listed (`Vary` at
        # least), in an order that does not change from run to run.
        # https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
        names = {name.title(): None for name in headers if name.lower() not in _NEVER_LISTED}
        return ", ".join(sorted(names))

    def allows_header(self, name: str) -> bool:
        """Whether a requested header, in lower case, may be sent."""
        return self.header_names is None or name in self.header_names

    def grants(self, origin: str) -> Iterator[tuple[str, str]]:
        """The headers that preflights and actual responses share."""
        yield _ALLOW_ORIGIN, "*" if self.any_origin else origin
        if self.credentials:
            yield _ALLOW_CREDENTIALS, "true"


_NEVER_LISTED: Final = frozenset(
    name.lower()
    for name in (
        *SAFELISTED_RESPONSE_HEADERS,
        *FORBIDDEN_RESPONSE_HEADERS,
        *CORS_RESPONSE_HEADERS,
    )
)


class Policy:
    """Rules in order: the first whose origins match the request's `Origin` decides.

    Behind one for any origin there is none.
    """

    __slots__ = (
        "__weakref__",
        "_cleared",
        "_known",
        "_most_known",
        "_vary_value",
        "guards_websockets",
        "is_constant",
        "needs_asking",
        "rules",
        "vary",
    )

    def __init__(self, rules: Iterable[CorsOptions]) -> None:
        options = tuple(rules)
        timing = any(rule.expose_timing for rule in options)
        self._cleared = (*_CORS_HEADERS, _TIMING) if timing else _CORS_HEADERS
        self.rules = tuple(Rule(rule, self._cleared) for rule in options)
        self.is_constant = self.rules[0].any_origin
        self.needs_asking = any(rule.predicate for rule in self.rules)
        self.guards_websockets = any(rule.options.guard_websockets for rule in self.rules)
        # https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
        self.vary: tuple[str, ...] = ()
        if not self.is_constant:
            names = {ORIGIN.lower(): ORIGIN}
            for rule in self.rules:
                names |= {name.lower(): name for name in rule.options.vary}
            self.vary = tuple(names.values())
        self._vary_value = ", ".join(self.vary)
        lists = [rule.allow_origins for rule in options]
        listed = sum(len(origins) for origins in lists if isinstance(origins, OriginList))
        self._most_known = max(_LEAST_REMEMBERED, min(listed, _MOST_REMEMBERED))
        # Verdicts; before each the value of Access-Control-Allow-Origin, if that is all there is.
        self._known: dict[str | None, tuple[str | None, Verdict]] = {None: (None, _NO_ORIGIN)}

    @property
    def options(self) -> tuple[CorsOptions, ...]:
        """The options that can decide, in order."""
        return tuple(rule.options for rule in self.rules)

    def judge(self, origin: str | None) -> Verdict:
        """Which rule decides for an `Origin`; only where `needs_asking` is false."""
        if self.is_constant:
            return Verdict(self.rules[0], None, "*")
        known = self._known.get(origin)
        return (self._learn(origin or "") if known is None else known)[1]

    def _learn(self, origin: str) -> tuple[str | None, Verdict]:
        """Judge an origin, and remember it as long as there is room."""
        verdict = self._judge(origin)
        rule = verdict.rule
        found = verdict.allowed if rule is not None and rule.is_plain else None, verdict
        if len(self._known) > self._most_known:
            self._known.clear()
            self._known[None] = None, _NO_ORIGIN
        if len(origin) <= LONGEST_ORIGIN:
            self._known[origin] = found
        return found

    def _judge(self, origin: str) -> Verdict:
        for rule in self.rules:
            if rule.admits(origin):
                return rule.verdict(origin)
        return Verdict(None, self._why_unmatched(origin))

    def _why_unmatched(self, origin: str) -> str:
        if origin == "null":
            return "origin-null"
        if parse_origin(origin) is None:
            return "origin-malformed"
        lists = (rule for rule in self.rules if rule.matches is not None)
        if any(rule.matches(origin) for rule in lists):  # type: ignore[misc]
            return "origin-insecure"
        return "origin-not-listed"

    async def judge_asking(self, origin: str | None, ask: Ask) -> Verdict:
        """As `judge`, where callables of the user's are among the rules."""
        if origin is None:
            return _NO_ORIGIN
        reason = None
        # A callable is never asked about what no browser sends as an origin of its own.
        malformed = parse_origin(origin) is None
        for rule in self.rules:
            if rule.admits(origin):
                return rule.verdict(origin)
            if rule.predicate is not None and not malformed:
                refusal = await ask(rule.predicate, origin)
                if refusal is None:
                    return rule.verdict(origin)
                reason = refusal if reason != "predicate-failed" else reason
        return Verdict(None, reason or self._why_unmatched(origin))

    def stamp(self, verdict: Verdict, method: str, headers: CIMultiDict[str]) -> str | None:
        """Write what a verdict gives to an actual response; the reason where it gives nothing.

        Then nothing is left that would let a script read the response, a header that a handler
        set by hand included.
        """
        if self.vary and headers.setdefault(_VARY, self._vary_value) != self._vary_value:
            add_vary(headers, self.vary)
        return self._give(verdict, method, headers)

    def _give(self, verdict: Verdict, method: str, headers: CIMultiDict[str]) -> str | None:
        rule = verdict.rule
        if rule is None or (rule.methods is not None and method not in rule.methods):
            self._clear(headers)
            return verdict.reason or "method-not-allowed"
        rule.write(verdict.allowed, headers)
        return None

    def stamper(self, report: Report) -> Stamp:
        """As `stamp`, with as little work for each response as the rules need.

        Only where `needs_asking` is false.
        """
        known, learn, first = self._known, self._learn, self.rules[0]
        vary, vary_value = self.vary, self._vary_value

        def constant(_request: RequestLike, response: ResponseLike) -> None:
            first.write("*", response.headers)

        def general(request: RequestLike, response: ResponseLike) -> None:
            origin = origin_of(request)
            verdict = self.judge(origin)
            reason = self.stamp(verdict, request.method, response.headers)
            if reason is not None and origin is not None:
                report(request, reason, verdict.rule)

        # The commonest two, written out: every response pays for them, and half of what they cost
        # is what would be calls and loops. What a handler set by hand is replaced here too.

        def plain_constant(_request: RequestLike, response: ResponseLike) -> None:
            headers = response.headers
            headers[_ALLOW_ORIGIN] = "*"
            if (
                _ALLOW_CREDENTIALS in headers
                or _EXPOSE in headers
                or _ALLOW_METHODS in headers
                or _ALLOW_HEADERS in headers
                or _MAX_AGE in headers
            ):
                first.write("*", headers)

        def listed(request: RequestLike, response: ResponseLike) -> None:
            try:
                (origin,) = request._headers.getall(_ORIGIN, _NOBODY)  # noqa: SLF001
                headers = response._headers  # noqa: SLF001
            except (ValueError, AttributeError):  # several, or there are no such names any longer
                general(request, response)
                return
            try:
                plain, verdict = known[origin]
            except KeyError:
                plain, verdict = learn(origin)
            if headers.setdefault(_VARY, vary_value) != vary_value:
                add_vary(headers, vary)
            if (
                plain is not None
                and _ALLOW_CREDENTIALS not in headers
                and _EXPOSE not in headers
                and _ALLOW_METHODS not in headers
                and _ALLOW_HEADERS not in headers
                and _MAX_AGE not in headers
            ):
                headers[_ALLOW_ORIGIN] = plain
                return
            reason = self._give(verdict, request.method, headers)
            if reason is not None and origin is not None:
                report(request, reason, verdict.rule)

        if not self.is_constant:
            return listed
        if first.is_plain:
            return plain_constant
        return constant if first.methods is None else general

    def _clear(self, headers: CIMultiDict[str]) -> None:
        for name in self._cleared:
            if name in headers:
                headers.popall(name)

    def in_words(
        self, reason: str, subject: str, rule: Rule | None = None, served: Iterable[str] = ()
    ) -> str:
        """A refusal in one line, with what is configured.

        `rule` is the one that decides, if one does; `served` are the path's methods.
        """
        option = REASONS[reason].option
        configured = ""
        if option:
            deciding = self.options if rule is None else (rule.options,)
            values = (getattr(options, option) for options in deciding)
            configured = f"{option}={', then '.join(map(_shown, values))}"
        elif reason == "method-not-served":
            configured = f"the path serves {', '.join(served) or 'no other'}"
            if subject.upper() in served:
                configured += f" (methods are case-sensitive: {subject.upper()!r})"
        return in_words(reason, subject, configured)

    def preflight(
        self,
        verdict: Verdict,
        *,
        origin: str,
        method: str,
        served: Sequence[str],
        requested_headers: Sequence[str],
        debug: bool = False,
    ) -> Decision:
        """Judge a preflight whose announced request reaches a route of this policy.

        `served` are the methods that one answer may speak for, `method` included;
        `requested_headers` the lines of `Access-Control-Request-Headers`. With `debug` a refusal
        carries the headers that did pass, wherever the browser itself stops at the one that did
        not. https://fetch.spec.whatwg.org/#cors-preflight-fetch
        """
        rule, is_served = verdict.rule, method in served
        if rule is None:
            reason, subject = verdict.reason or "origin-not-listed", origin
            if not is_served:
                reason, subject = "method-not-served", method
            return self.refusal(reason, subject, ok=debug)
        names = parse_requested_headers(requested_headers)
        if names is None and is_served:
            return self.refusal("headers-malformed", ", ".join(requested_headers), rule=rule)
        headers = [*rule.grants(origin)]
        methods = served if rule.methods is None else [m for m in served if m in rule.methods]
        if methods:
            headers.append((ACCESS_CONTROL_ALLOW_METHODS, ", ".join(methods)))
        if listed := rule.headers_value or ", ".join(names or ()):
            headers.append((ACCESS_CONTROL_ALLOW_HEADERS, listed))
        if method not in methods:
            # Browsers let these methods pass whatever Access-Control-Allow-Methods says, and none
            # but a browser announces no method at all.
            ok = debug and bool(method) and method not in SAFELISTED_METHODS
            reason = "method-not-allowed" if is_served else "method-not-served"
            return self.refusal(reason, method, headers, ok=ok, rule=rule)
        refused = next((n for n in names or () if not rule.allows_header(n)), None)
        if refused is not None:
            return self.refusal("header-not-allowed", refused, headers, ok=debug, rule=rule)
        if rule.max_age is not None:
            headers.append((ACCESS_CONTROL_MAX_AGE, rule.max_age))
        if self.vary:
            headers.append((VARY, self._vary_value))
        return Decision(None, rule.status, CIMultiDict(headers))

    def refusal(
        self,
        reason: str,
        subject: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        ok: bool = False,
        rule: Rule | None = None,
    ) -> Decision:
        """A refused preflight: 403 and no allow header, or `headers` and 200 where `ok`."""
        vary = [(VARY, self._vary_value)] if self.vary else []
        if ok:
            return Decision(reason, 200, CIMultiDict([*headers, *vary]), subject, rule)
        return Decision(reason, 403, CIMultiDict(vary), subject, rule)


_NOBODY: Final = (None,)
_NOTHING: Final = ()
_NO_ORIGIN: Final = Verdict(None, "no-origin")
_repr = reprlib.Repr()
_repr.maxtuple, _repr.maxstring, _repr.maxother = 10, 80, 300


def _shown(value: object) -> str:
    return getattr(value, "__qualname__", None) or _repr.repr(value)


def add_vary(headers: CIMultiDict[str], names: tuple[str, ...]) -> None:
    """Merge `names` into the `Vary` that is there: no name twice, `*` respected.

    Also without `Origin`: a cached copy would be served to other origins.
    https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
    """
    present = headers.getall(_VARY, _NOTHING)
    if (merged := _merged(", ".join(present), names)) is not None:
        headers[_VARY] = merged


@functools.lru_cache(maxsize=256)  # an application sends a few different ones, over and over
def _merged(present: str, names: tuple[str, ...]) -> str | None:
    """None where nothing is missing."""
    listed = {name.strip(" \t").lower() for name in present.split(",")}
    missing = [] if "*" in listed else [name for name in names if name.lower() not in listed]
    if not missing:
        return None
    return ", ".join([present, *missing] if present.strip(" \t,") else missing)
