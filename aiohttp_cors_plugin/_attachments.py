"""Which options every route of an application has, and what is risky about them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiohttp import hdrs, web

from aiohttp_cors_plugin._fetch import COMMON_METHODS
from aiohttp_cors_plugin._origins import (
    OriginList,
    Pattern,
    is_insecure,
    is_loopback,
    parse_pattern,
)
from aiohttp_cors_plugin._policy import Policy
from aiohttp_cors_plugin._routing import (
    LEAVES,
    may_be_announced,
    mounted_app,
    routes_of,
    view_methods,
    view_of,
)
from aiohttp_cors_plugin._state import STATE, State, states_below
from aiohttp_cors_plugin.errors import CorsConfigError, Problem
from aiohttp_cors_plugin.options import STRANGERS, CorsOptions
from aiohttp_cors_plugin.plugin import CORS, Cors

# Of the registry's safe methods those that may be announced. Whatever else there is may write.
# https://www.iana.org/assignments/http-methods; RFC 9110, section 9.2.1.
_SAFE: Final = frozenset("GET HEAD OPTIONS PROPFIND QUERY REPORT SEARCH TRACE".split())


@dataclass(frozen=True)
class Misfit:
    """A problem of an override that does not fit what it inherits; as text, to be compared."""

    code: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.fix} [{self.code}]"


@dataclass(frozen=True)
class Attachment:
    """Routes of one resource that have the same options, None where CORS does not apply.

    No methods: what the resource serves is not known. With problems, an override does not fit.
    """

    path: str
    methods: tuple[str, ...]
    rules: tuple[CorsOptions, ...] | None
    source: str
    remarks: tuple[str, ...] = ()
    problems: tuple[Misfit, ...] = ()


@dataclass(frozen=True)
class Risk:
    """Something to look at: a stable slug, a sentence, and what to write instead."""

    code: str
    path: str
    methods: tuple[str, ...]
    reason: str
    fix: str


def handles(app: web.Application) -> list[Cors]:
    """The handles of an application and of those below it, the outermost first."""
    return [state.app[CORS] for state in states_below(app)]


def attachments(app: web.Application) -> Iterator[Attachment]:
    """What each route of an application has, in the order of its router."""
    states_below(app)
    yield from _of_app(app, None, "")


def _of_app(app: web.Application, state: State | None, host: str) -> Iterator[Attachment]:
    state = app.get(STATE, state)
    for resource in app.router.resources():
        sub = mounted_app(resource)
        if sub is not None:
            yield from _of_app(sub, state, _domain(resource) or host)
            continue
        rows: dict[_Options, list[str]] = {}
        for route in routes_of(resource):
            for method, options in _of_route(route, state):
                rows.setdefault(options, []).append(method)
        if not rows and type(resource) not in LEAVES:
            rows[_of_unknown(resource, state)] = []
        for (policy, source, remarks, problems), methods in rows.items():
            rules = None if policy is None else policy.options
            path = host + resource.canonical
            yield Attachment(path, tuple(sorted(methods)), rules, source, remarks, problems)


def _domain(resource: web.AbstractResource) -> str:
    """Where a rule leads to a sub-application, its domain, as it was given."""
    info: Any = resource.get_info()
    rule = info.get("rule")
    return "" if rule is None else f"//{rule.get_info().get('domain', rule.canonical)}"


class _Options(NamedTuple):
    policy: Policy | None
    source: str
    remarks: tuple[str, ...]
    problems: tuple[Misfit, ...] = ()


def _of_unknown(resource: web.AbstractResource, state: State | None) -> _Options:
    """Of a resource that does not tell its routes: what they inherit."""
    route = web.ResourceRoute(hdrs.METH_ANY, _unknown, resource)
    ((_, (policy, source, _, problems)),) = _of_route(route, state)
    remark = "a resource class of its own: what it serves is asked when a preflight comes"
    return _Options(policy, source, (remark,), problems)


async def _unknown(_request: web.Request) -> Any: ...


def _of_route(route: web.AbstractRoute, state: State | None) -> Iterator[tuple[str, _Options]]:
    view = view_of(route)
    methods = [route.method]
    if view is not None and route.method == hdrs.METH_ANY:
        methods = sorted(view_methods(view)) or methods
    for method in methods:
        remarks = tuple(_remarks(route, method))
        if state is None:
            yield method, _Options(None, "no setup", remarks)
            continue
        try:
            entry = state.table.compile(route).of(method)
        except CorsConfigError as error:
            source = "an override that does not fit"
            yield method, _Options(None, source, remarks, tuple(map(_misfit, error.problems)))
            continue
        policy = entry.policy
        if policy is not None and method not in (hdrs.METH_ANY, hdrs.METH_OPTIONS):
            limits = [rule.methods for rule in policy.rules]
            if all(limit is not None and method not in limit for limit in limits):
                remarks = (*remarks, "allow_methods leaves this out")
        yield method, _Options(policy, entry.source, remarks)


def _misfit(problem: Problem) -> Misfit:
    code, fix = problem.code, problem.fix
    return Misfit(code, str(problem).removesuffix(f"; {fix} [{code}]"), fix)


def _remarks(route: web.AbstractRoute, method: str) -> Iterator[str]:
    if method == hdrs.METH_OPTIONS:
        yield "OPTIONS of its own: gets all but preflights"
    elif method != hdrs.METH_ANY and not may_be_announced(method):
        yield "browsers or aiohttp's C parser refuse this method"
    elif method == hdrs.METH_ANY and view_of(route) is None:
        yield f"any method; preflights list {', '.join(COMMON_METHODS)}"


def risks(found: Iterable[Attachment]) -> Iterator[Risk]:
    """What is risky about the options of these routes, and which overrides do not fit."""
    of_list = functools.cache(_of_list)  # many routes share a list, which may be long
    for attachment in found:
        for problem in attachment.problems:
            code, reason, fix = problem.code, problem.reason, problem.fix
            yield Risk(code, attachment.path, attachment.methods, reason, fix)
        for rule in attachment.rules or ():
            origins, limit = rule.allow_origins, rule.allow_methods
            signs: Iterable[_Sign] = ()
            if isinstance(origins, OriginList):
                lets_insecure = rule.allow_insecure_origins or not rule.allow_credentials
                signs = of_list(origins, rule.allow_credentials, lets_insecure)
            elif isinstance(origins, str):
                signs = [_ANY_ORIGIN]
            elif rule.allow_credentials:
                signs = [_CALLABLE]
            methods = attachment.methods or (hdrs.METH_ANY,)
            if limit is not None:
                methods = tuple(m for m in methods if m == hdrs.METH_ANY or m in limit)
            writing = tuple(m for m in methods if not _SAFE.issuperset(_meant(m, limit)))
            for code, reason, fix in signs:
                if concerned := writing if code in _OF_WRITING else methods:
                    yield Risk(code, attachment.path, concerned, reason, fix)


def _meant(method: str, limit: Iterable[str] | None) -> Iterable[str]:
    """The methods that a route's stands for, within those that are allowed."""
    return limit if method == hdrs.METH_ANY and limit is not None else (method,)


_Sign = tuple[str, str, str]
_ANY_ORIGIN: Final = (
    "any-origin-writes",
    "any site's script may send this and read the answer",
    "list the origins, or allow_methods=['GET'] if it is for reading",
)
_CALLABLE: Final = (
    "callable-with-credentials",
    "code decides who may act as the user",
    "let it compare whole origins, and test it with origins that look alike",
)
_OF_WRITING: Final = frozenset({"any-origin-writes", "wildcard-writes"})


def _of_list(origins: OriginList, credentials: bool, lets_insecure: bool) -> list[_Sign]:
    return [
        sign
        for origin in origins
        for sign in (
            _of_regex(origin, lets_insecure)
            if isinstance(origin, re.Pattern)
            else _of_pattern(origin, credentials)
        )
    ]


def _of_regex(regex: re.Pattern[str], lets_insecure: bool) -> Iterator[_Sign]:
    shown = f"/{regex.pattern}/"
    if any(map(regex.fullmatch, STRANGERS)):
        fix = "name the domain in it, or write allow_origins='*' if any site may read this"
        yield "any-origin-regex", f"{shown} matches any site's origin", fix
        return
    if _has_bare_dot(regex):
        reason = f"in {shown} a dot stands for any character"
        yield "regex-bare-dot", reason, r"write \. for a dot, and [^.:/]+ for a label"
    if lets_insecure and _names_insecure(regex.pattern):
        reason = f"{shown} matches http:, and whoever is on the way may put scripts into the pages"
        yield "http-origin", reason, "serve these pages with https:"


def _of_pattern(origin: str, credentials: bool) -> Iterator[_Sign]:
    parsed = parse_pattern(origin)
    assert isinstance(parsed, Pattern), origin
    if is_insecure(parsed):
        reason = f"whoever is on the way of {origin} may put scripts into its pages"
        yield "http-origin", reason, "serve these pages with https:"
    if is_loopback(parsed.host):
        if credentials:
            reason = f"{origin} is whatever runs on the user's machine, with the user's cookies"
            yield "loopback-with-credentials", reason, "leave it out where the service is deployed"
    elif parsed.label is not None and credentials:
        reason = f"every name that {origin} matches may act as the user"
        yield "wildcard-with-credentials", reason, "list the origins that need cookies"
    elif parsed.label is not None:
        reason = f"every name that {origin} matches may send this and read the answer"
        fix = "list the origins, or allow_methods=['GET'] if it is for reading"
        yield "wildcard-writes", reason, fix


# An escape, a class, a comment: https://docs.python.org/3/library/re.html#regular-expression-syntax
_NO_BARE_DOT: Final = r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?#[^)]*\)"
_LOOPBACK: Final = r"(?:\\\.)?localhost|127(?:\\\.(?:[0-9]+|\\d\+|\[0-9\]\+))+|::1"


def _has_bare_dot(regex: re.Pattern[str]) -> bool:
    """Whether a dot of a regular expression is neither escaped nor in a character class."""
    others = _NO_BARE_DOT + (r"|#[^\n]*" if regex.flags & re.VERBOSE else "")
    return "." in re.sub(others, "", regex.pattern, flags=re.DOTALL)


def _names_insecure(expression: str) -> bool:
    """Whether a regular expression, as far as its text tells, matches `http:` of other machines."""
    if re.search(r"http(?!s(?![?*{]))[^/]*:\\?/", expression) is None:
        return False
    others, loopbacks = re.subn(_LOOPBACK, "", expression)
    return not loopbacks or r"\." in others
