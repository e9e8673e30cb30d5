"""Preflights: what they are about, as the application's router says, and the answers to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final, cast

from aiohttp import hdrs, web

from aiohttp_cors_plugin._asking import verdict_on
from aiohttp_cors_plugin._memory import Memory
from aiohttp_cors_plugin._policy import Decision, Policy, origin_of
from aiohttp_cors_plugin._requests import Reached, announced_method
from aiohttp_cors_plugin._routing import (
    may_be_announced,
    place_of,
    resolve_as,
    serves,
    targets_beside,
)
from aiohttp_cors_plugin._state import State, governing
from aiohttp_cors_plugin._tables import Entry, Table

# Decisions on one path and method, and characters of what they are remembered by.
_MOST_KEPT: Final = 16
_LONGEST_KEPT: Final = 256


@dataclass(slots=True)
class Announcement:
    """What a preflight is about: who governs the announced request, and by which policy."""

    owner: State
    table: Table
    policy: Policy
    source: str
    root: web.Application
    method: str
    is_served: bool
    target: web.UrlMappingMatchInfo
    place: str
    """The canonical path of the resource that is meant; empty where nothing is served."""
    served: list[str] | None = None
    """The methods that one answer may speak for, once they are known."""
    decisions: dict[tuple[str | None, ...], Decision] = field(default_factory=dict)
    """What was granted, by the lines that were judged, where nobody has to be asked."""

    def keep(self, asked: tuple[str | None, ...], decision: Decision) -> None:
        """Remember what was granted. Refusals never: whoever likes can have ever new ones."""
        if self.policy.needs_asking or sum(len(line or "") for line in asked) > _LONGEST_KEPT:
            return
        if len(self.decisions) >= _MOST_KEPT:
            self.decisions.clear()
        self.decisions[asked] = decision


class Preflights:
    """Decides for an application's OPTIONS resources which preflights are theirs."""

    def __init__(self) -> None:
        self.route = web.ResourceRoute(hdrs.METH_OPTIONS, _answer, _nowhere)
        self._memory = Memory[Announcement]()
        self.known = self._memory.find

    async def look_up(self, root: web.Application, request: web.Request) -> Announcement | None:
        """What a preflight is about, None where no policy says anything about it."""
        announcement = await _ask(root, request, announced_method(request))
        if announcement is not None and announcement.is_served:
            taken = announcement.target.route.resource
            self._memory.keep(root, request, announcement, taken)
        return announcement


async def _ask(root: web.Application, request: web.Request, method: str) -> Announcement | None:
    """Ask the routers what a preflight is about."""
    target = await resolve_as(root, request, method or "NONE-OR-SEVERAL")
    owner = None if target is None else governing(target.apps)
    if target is None or owner is None:
        return None
    table = owner.table
    error, meant = target.http_exception, target
    if error is None and serves(target.route, method):
        entry: Entry | None = table.entry(target.route).of(method)
        is_served = True
    else:
        is_nowhere = error is not None and not isinstance(error, web.HTTPMethodNotAllowed)
        beside: dict[str, web.UrlMappingMatchInfo] = {}
        # A sub-application's 404 hides what its parents serve on the same path.
        if not is_nowhere or len(target.apps) > 1:
            beside = await targets_beside(root, request, target, method)
        if is_nowhere and not beside:
            entry, is_served = table.default, may_be_announced(method)
        else:
            entry, is_served = _entry_among(beside), False
            meant = next(iter(beside.values()), target)
    if entry is None or entry.policy is None:
        return None
    return Announcement(
        owner, table, entry.policy, entry.source, root, method, is_served, target, place_of(meant)
    )


def _entry_among(targets: dict[str, web.UrlMappingMatchInfo]) -> Entry | None:
    """An entry with a policy of any of these routes, one that varies by origin if there is one."""
    found = None
    for method, match in targets.items():
        owner = governing(match.apps)
        entry = None if owner is None else owner.entry_of(match, method)
        if entry is not None and entry.policy is not None:
            if found is None or entry.policy.vary:
                found = entry
    return found


async def judge(request: web.Request, about: Announcement) -> Decision:
    """The decision on a preflight that the router brought here."""
    policy, method, owner = about.policy, about.method, about.owner
    if not about.is_served and not owner.debug:
        return policy.refusal("method-not-served", method)
    origin = origin_of(request) or ""
    lines = request.headers.getall(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ())
    # Callables see the announced request's match, a copy each, since what is remembered of a path
    # serves other preflights too; hooks see its applications in `request`.
    target = copy(about.target) if policy.needs_asking else about.target
    reached = cast(web.Request, Reached(request, target))
    verdict = await verdict_on(origin, policy, reached, owner.failures)
    served: Sequence[str] = [method] if about.is_served else ()
    if verdict.rule is not None:
        served = await _served(request, about)
    return policy.preflight(
        verdict,
        origin=origin,
        method=method,
        served=served,
        requested_headers=lines,
        debug=owner.debug,
    )


async def _served(request: web.Request, about: Announcement) -> list[str]:
    """The methods that one answer may speak for: those that reach equal options."""
    if about.served is None:
        targets = await targets_beside(about.root, request, about.target, about.method)
        served = [about.method] if about.is_served else []
        served += [method for method, match in targets.items() if _governs(about, match, method)]
        about.served = sorted(served)
    return about.served


def _governs(about: Announcement, target: web.UrlMappingMatchInfo, method: str) -> bool:
    """Whether a preflight's policy, or one of equal options, is that of another target too."""
    owner = governing(target.apps)
    if owner is None:
        return False
    # The table that the preflight began with: it is judged by one configuration whole.
    table = about.table if owner is about.owner else None
    policy, other = about.policy, owner.entry_of(target, method, table).policy
    return other is not None and (other is policy or other.options == policy.options)


async def refusal_in_words(request: web.Request, about: Announcement, decision: Decision) -> str:
    """Why a preflight is refused."""
    served: Iterable[str] = ()
    if decision.reason == "method-not-served":
        served = await targets_beside(about.root, request, about.target, about.method)
    return about.policy.in_words(decision.reason or "", decision.subject, decision.rule, served)


_nowhere: Final[Any] = web.PlainResource("/")


async def _answer(request: web.Request) -> web.StreamResponse:
    match: Any = request.match_info
    match.reveal()
    about: Announcement = match.about
    headers = request.headers
    # A preflight is judged by these; no line is None.
    asked = (
        *headers.getall(hdrs.ORIGIN),
        None,
        *headers.getall(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ()),
    )
    decision = about.decisions.get(asked)
    if decision is None:
        decision = await judge(request, about)
        if decision.reason is None:
            about.keep(asked, decision)
    response = web.Response(status=decision.status, headers=decision.headers.copy())
    if decision.reason is not None:
        response.body = (await _refusal(request, about, decision)).encode()
        response.headers[hdrs.CONTENT_TYPE] = "text/plain; charset=utf-8"
    return response


async def _refusal(request: web.Request, about: Announcement, decision: Decision) -> str:
    """Log a refused preflight; the body of its answer, which off debug mode reveals nothing."""
    owner = about.owner
    log = owner.reports.preflight(about.method, about.place, about.source, request, decision)
    if log is None and not owner.debug:
        return "CORS preflight refused\n"
    words = await refusal_in_words(request, about, decision)
    if log is not None:
        log(words)
    return f"CORS preflight refused{': ' + words if owner.debug else ''}\n"
