"""Which options every route of an application has, and what is risky about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiohttp import hdrs, web

from aiohttp_cors_plugin._fetch import COMMON_METHODS
from aiohttp_cors_plugin._origins import Pattern, is_insecure, is_loopback, parse_pattern
from aiohttp_cors_plugin._policy import Policy
from aiohttp_cors_plugin._routing import (
    may_be_announced,
    mounted_app,
    routes_of,
    view_methods,
    view_of,
)
from aiohttp_cors_plugin.errors import CorsConfigError
from aiohttp_cors_plugin.options import CorsOptions
from aiohttp_cors_plugin.plugin import CORS, Cors

_WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE", hdrs.METH_ANY})


@dataclass(frozen=True)
class Attachment:
    """Routes of one resource that have the same options, None where CORS does not apply."""

    path: str
    methods: tuple[str, ...]
    rules: tuple[CorsOptions, ...] | None
    source: str
    remarks: tuple[str, ...] = ()
    is_invalid: bool = False


@dataclass(frozen=True)
class Risk:
    """Something to look at: a stable slug, a sentence, and what to write instead."""

    code: str
    path: str
    methods: tuple[str, ...]
    reason: str
    fix: str


def attachments(app: web.Application) -> Iterator[Attachment]:
    """What each route of an application has, in the order of its router."""
    yield from _of_app(app, None, "")


def _of_app(app: web.Application, cors: Cors | None, host: str) -> Iterator[Attachment]:
    cors = app.get(CORS, cors)
    for resource in app.router.resources():
        sub = mounted_app(resource)
        if sub is not None:
            rule: Any = resource.get_info().get("rule")
            yield from _of_app(sub, cors, host if rule is None else f"//{rule.canonical}")
            continue
        rows: dict[_Options, list[str]] = {}
        for route in routes_of(resource):
            for method, options in _of_route(route, cors):
                rows.setdefault(options, []).append(method)
        for (policy, source, remarks, is_invalid), methods in rows.items():
            rules = None if policy is None else policy.options
            path = host + resource.canonical
            yield Attachment(path, tuple(sorted(methods)), rules, source, remarks, is_invalid)
        if not routes_of(resource):
            remark = "a resource class of its own: what it serves is asked when a preflight comes"
            yield Attachment(host + resource.canonical, (), None, "?", (remark,))


class _Options(NamedTuple):
    policy: Policy | None
    source: str
    remarks: tuple[str, ...]
    is_invalid: bool = False


def _of_route(route: web.AbstractRoute, cors: Cors | None) -> Iterator[tuple[str, _Options]]:
    view = view_of(route)
    methods = [route.method]
    if view is not None and route.method == hdrs.METH_ANY:
        methods = sorted(view_methods(view)) or methods
    for method in methods:
        remarks = tuple(_remarks(route, method))
        if cors is None:
            yield method, _Options(None, "no setup", remarks)
            continue
        try:
            policy, source = cors._options_of(route, method)
        except CorsConfigError as error:
            words = tuple(str(problem) for problem in error.problems)
            source = "an override that does not fit"
            yield method, _Options(None, source, (*remarks, *words), is_invalid=True)
            continue
        if policy is not None and method not in (hdrs.METH_ANY, hdrs.METH_OPTIONS):
            limits = [rule.methods for rule in policy.rules]
            if all(limit is not None and method not in limit for limit in limits):
                remarks = (*remarks, "allow_methods leaves this out")
        yield method, _Options(policy, source, remarks)


def _remarks(route: web.AbstractRoute, method: str) -> Iterator[str]:
    if method == hdrs.METH_OPTIONS:
        yield "OPTIONS of its own: gets all but preflights"
    elif method != hdrs.METH_ANY and not may_be_announced(method):
        yield "browsers or aiohttp's C parser refuse this method"
    elif method == hdrs.METH_ANY and view_of(route) is None:
        yield f"any method; preflights list {', '.join(COMMON_METHODS)}"


def risks(found: Iterable[Attachment]) -> Iterator[Risk]:
    """What is risky about the options of these routes."""
    for attachment in found:
        writing = tuple(method for method in attachment.methods if method in _WRITING)
        for rule in attachment.rules or ():
            for code, methods, reason, fix in _of_rule(rule, writing, attachment.methods):
                yield Risk(code, attachment.path, methods, reason, fix)


_Found = tuple[str, tuple[str, ...], str, str]


def _of_rule(
    rule: CorsOptions, writing: tuple[str, ...], methods: tuple[str, ...]
) -> Iterator[_Found]:
    origins = rule.allow_origins
    if rule.allow_methods is not None:
        writing = tuple(m for m in writing if m == hdrs.METH_ANY or m in rule.allow_methods)
    if isinstance(origins, str):
        if writing:
            yield (
                "any-origin-writes",
                writing,
                "any site's script may send this and read the answer",
                "list the origins, or allow_methods=['GET'] if it is for reading",
            )
    elif callable(origins):
        if rule.allow_credentials:
            yield (
                "callable-with-credentials",
                methods,
                "code decides who may act as the user",
                "let it compare whole origins, and test it with origins that look alike",
            )
    else:
        for origin in origins:
            for code, reason, fix in _of_origin(origin, rule.allow_credentials):
                yield code, methods, reason, fix


def _of_origin(origin: object, credentials: bool) -> Iterator[tuple[str, str, str]]:
    if isinstance(origin, re.Pattern):
        if _has_bare_dot(origin.pattern):
            reason = f"in {origin.pattern!r} a dot stands for any character"
            yield "regex-bare-dot", reason, r"write \. for a dot, and [^.:/]+ for a label"
        return
    parsed = parse_pattern(str(origin))
    assert isinstance(parsed, Pattern), origin
    is_own_machine = is_loopback(parsed.host)
    if is_insecure(parsed):
        reason = f"whoever is on the way of {origin} may put scripts into its pages"
        yield "http-origin", reason, "serve these pages with https:"
    if credentials and is_own_machine:
        reason = f"{origin} is whatever runs on the user's machine, with the user's cookies"
        yield "loopback-with-credentials", reason, "leave it out where the service is deployed"
    elif credentials and parsed.label is not None:
        reason = f"every name that {origin} matches may act as the user"
        yield "wildcard-with-credentials", reason, "list the origins that need cookies"


def _has_bare_dot(expression: str) -> bool:
    """Whether a dot of a regular expression is neither escaped nor in a character class."""
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "", expression, flags=re.DOTALL)
    return "." in bare
