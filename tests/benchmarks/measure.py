"""How it is measured: variants in turn, in one process, and ratios taken within a round.

Whatever disturbs the machine disturbs all variants of a round alike, so ratios are computed within
each round, and tables show the median and the quartiles over the rounds. A round has many laps; in
each lap every variant has one short turn, in an order drawn anew. What a variant takes in a round
is the lower quartile of its turns: an interruption only ever adds to a turn, and may come often.
"""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

Turn = Callable[[int], Awaitable[float]]
"""Does something so many times; returns the seconds that each took."""


@dataclass(frozen=True)
class Effort:
    """How long to measure; `quick` is for tests and proves nothing but that it runs."""

    quick: bool = False
    rounds: int = 31
    laps: int = 11

    @property
    def turn_seconds(self) -> float:
        return 0.0 if self.quick else 0.001

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


QUICK: Final = Effort(quick=True, rounds=1, laps=1)


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles."""

    low: float
    middle: float
    high: float

    def show(self, digits: int = 2) -> str:
        low, middle, high = (f"{value:,.{digits}f}" for value in (self.low, self.middle, self.high))
        return f"{middle} ({low} to {high})"


def spread(values: Iterable[float]) -> Spread:
    known = list(values)
    if len(known) == 1:
        return Spread(known[0], known[0], known[0])
    return Spread(*statistics.quantiles(known, n=4, method="inclusive"))


@dataclass(frozen=True)
class Budget:
    """A line of the performance budget: a median that must be at most, or at least, `limit`."""

    what: str
    limit: float
    measured: Spread
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        middle = self.measured.middle
        return middle >= self.limit if self.at_least else middle <= self.limit

    def row(self) -> tuple[str, ...]:
        bound = f"{'at least' if self.at_least else 'at most'} {self.limit:g}"
        return self.what, bound, self.measured.show(), "met" if self.is_met else "**not met**"


@dataclass
class Report:
    """What a section found: Markdown, and the lines of the budget that it can judge."""

    title: str
    parts: list[str] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = [header, ["---"] * len(header), *rows]
        self.parts.append("\n".join(f"| {' | '.join(row)} |" for row in lines))

    def text(self, words: str) -> None:
        self.parts.append(words)

    def __str__(self) -> str:
        return "\n\n".join([f"### {self.title}", *self.parts])


Times = dict[str, list[float]]
"""For each variant what it took in each round."""


def ratios(times: Times, variant: str, base: str) -> Spread:
    return spread(mine / its for mine, its in zip(times[variant], times[base], strict=True))


def added(times: Times, variant: str, without: str) -> Spread:
    """What a variant takes longer than the same without it."""
    pairs = zip(times[variant], times[without], strict=True)
    return spread(mine - its for mine, its in pairs)


def added_ratios(times: Times, variant: str, base: str, without: str) -> Spread:
    """The cost that a variant adds, over the cost that another adds."""
    triples = zip(times[variant], times[base], times[without], strict=True)
    return spread((mine - none) / (its - none) for mine, its, none in triples)


@contextmanager
def no_collector() -> Iterator[None]:
    """Keep the garbage collector from running in some variant's turn."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def in_turns(variants: Mapping[str, Turn], effort: Effort) -> Times:
    """Measure all variants against each other."""
    order = random.Random(1)
    with no_collector():
        counts = {name: await _count(turn, effort) for name, turn in variants.items()}
        times: Times = {name: [] for name in variants}
        for _ in range(effort.rounds):
            taken: Times = {name: [] for name in variants}
            for lap in range(effort.laps):
                for name in order.sample(list(variants), len(variants)):
                    # What takes longer than a turn should, has one of them in a round.
                    if lap == 0 or counts[name] > 1:
                        taken[name].append(await variants[name](counts[name]))
            for name, turns in taken.items():
                times[name].append(spread(turns).low)
            gc.collect()
    return times


async def _count(turn: Turn, effort: Effort) -> int:
    """How many calls make a turn long enough for the clock, after a few to warm up."""
    once = min([await turn(2) for _ in range(1 if effort.quick else 20)])
    return max(1, min(100, int(effort.turn_seconds / once)))


def microseconds(seconds: Spread) -> Spread:
    return Spread(*(1e6 * value for value in (seconds.low, seconds.middle, seconds.high)))
