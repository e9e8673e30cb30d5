"""Records of what is refused: each refusal once a minute, whoever is refused, and wherever."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from aiohttp_cors_plugin._log import Refusal, Repeats, log_refusal, logger
from aiohttp_cors_plugin._policy import Decision, Policy, Rule, origin_of
from aiohttp_cors_plugin._reasons import in_words
from aiohttp_cors_plugin._requests import (
    announced_method,
    is_no_fetch,
    is_preflight,
    is_same_origin,
    match_of,
)
from aiohttp_cors_plugin._routing import place_of

WENT_PAST: Final = (
    "goes past the plugin, since the route was added after startup, or in an on_startup handler "
    "behind setup; call app[CORS].rescan() when it is there"
)


class Reports:
    """The records of one application."""

    def __init__(self) -> None:
        self._repeats = Repeats()

    def hidden(
        self,
        policy: Policy | None,
        source: str,
        request: web.Request,
        reason: str,
        rule: Rule | None = None,
    ) -> None:
        """A response that its script may not read; `rule` is the one that decides, if one does."""
        if not logger.isEnabledFor(logging.DEBUG):
            return
        if is_same_origin(request) or is_no_fetch(request):
            return
        what, method = "response hidden", request.method
        if is_preflight(request):
            what, method = "preflight left to the application", announced_method(request)
        origin, place = origin_of(request) or "", place_of(match_of(request))
        subject = {"method-not-allowed": method, "no-policy": ""}.get(reason, origin)
        refusal = Refusal(what, method, place, origin, reason, subject, source)
        if (remark := self._repeats.remark(refusal)) is not None:
            words = in_words(reason, request.path)
            if policy is not None:
                words = policy.in_words(reason, subject, rule)
            log_refusal(logging.DEBUG, refusal, request, words + remark)

    def handshake(self, policy: Policy, source: str, request: web.Request, reason: str) -> None:
        """A WebSocket that is refused: unlike a response that is hidden, nobody gets it."""
        if not logger.isEnabledFor(logging.INFO):
            return
        origin, place = origin_of(request) or "", place_of(match_of(request))
        refusal = Refusal("handshake refused", hdrs.METH_GET, place, origin, reason, origin, source)
        if (remark := self._repeats.remark(refusal)) is not None:
            log_refusal(logging.INFO, refusal, request, policy.in_words(reason, origin) + remark)

    def went_past(self, route: web.AbstractRoute) -> None:
        """A preflight that nothing of ours could answer, though its route has a policy."""
        if (remark := self._repeats.remark(repr(route))) is not None:
            logger.warning("a preflight to %r %s%s", route, WENT_PAST, remark)

    def preflight(
        self, method: str, place: str, source: str, request: web.Request, decision: Decision
    ) -> Callable[[str], None] | None:
        """A refused preflight: what writes the record in given words, if there is to be one."""
        if not logger.isEnabledFor(logging.INFO):
            return None
        origin, subject = origin_of(request) or "", decision.subject[:200]
        refusal = Refusal(
            "preflight refused", method, place, origin, decision.reason or "", subject, source
        )
        remark = self._repeats.remark(refusal)
        if remark is None:
            return None
        return lambda words: log_refusal(logging.INFO, refusal, request, words + remark)
