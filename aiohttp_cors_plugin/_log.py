"""Records of refusals: what they tell, and which of them are worth one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from aiohttp_cors_plugin._policy import RequestLike, origin_of
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
    """What a record tells beside the request; equal ones are of one kind."""

    what: str
    method: str
    reason: str
    subject: str
    source: str


def log_refusal(level: int, refusal: Refusal, request: RequestLike, words: str) -> None:
    """One record; whatever comes out of the request is quoted and cut, in `extra` too."""
    what, method, reason, subject, source = refusal
    values = {
        "cors_method": quoted(method),
        "cors_path": quoted(request.path),
        "cors_origin": quoted(origin_of(request) or ""),
        "cors_subject": quoted(subject),
    }
    logger.log(
        level,
        "CORS %s: %s %s from %s (%s): %s",
        what,
        *list(values.values())[:3],
        source,
        words,
        extra={
            "cors_reason": reason,
            "cors_source": source,
            **{name: value[1:-1] for name, value in values.items()},
        },
    )
