"""Which refusals are worth a record: a flood of them must not flood the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final

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
