"""Records of refusals: what they tell, and which of them are worth one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from aiohttp_cors_plugin._policy import RequestLike
from aiohttp_cors_plugin._reasons import quoted

logger = logging.getLogger("aiohttp_cors_plugin")

WINDOW: Final = 60.0  # seconds
MOST_KINDS: Final = 100


class Repeats:
    """Lets each kind of record through once a minute, and a hundred kinds a minute at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = float("-inf")
        self._counts: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}

    def remark(self, kind: Hashable) -> str | None:
        """None where a record is to be left out, else what to add to it about those that were."""
        now = self._clock()
        if now >= self._ends:
            self._ends = now + WINDOW
            self._before, self._counts = self._counts, {}
        if kind in self._counts:
            self._counts[kind] += 1
            return None
        if len(self._counts) >= MOST_KINDS:
            return None
        self._counts[kind] = 0
        if len(self._counts) == MOST_KINDS:
            return f" (no other kinds are logged for {self._ends - now:.0f} seconds)"
        more = self._before.pop(kind, 0)
        return f" (and {more} more like it before)" if more else ""


class Refusal(NamedTuple):
    """What refusals of one kind have in common: they are logged once a minute."""

    what: str
    method: str
    place: str
    """The canonical path of the resource, empty where there is none: never a path of a request."""
    origin: str
    reason: str
    subject: str
    source: str


def log_refusal(level: int, refusal: Refusal, request: RequestLike, words: str) -> None:
    """One record; whatever comes out of the request is quoted and cut, in `extra` too."""
    values = {
        "cors_method": quoted(refusal.method),
        "cors_path": quoted(request.path),
        "cors_origin": quoted(refusal.origin),
        "cors_subject": quoted(refusal.subject or request.path),
    }
    logger.log(
        level,
        "CORS %s: %s %s from %s (%s): %s",
        refusal.what,
        *list(values.values())[:3],
        refusal.source,
        words,
        extra={
            "cors_reason": refusal.reason,
            "cors_source": refusal.source,
            **{name: value[1:-1] for name, value in values.items()},
        },
    )
