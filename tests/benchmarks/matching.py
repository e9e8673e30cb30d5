"""What it costs to match an origin: ten patterns against a million."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Sequence

from aiohttp_cors_plugin._origins import OriginList
from aiohttp_cors_plugin._policy import Policy, Verdict
from aiohttp_cors_plugin.options import CorsOptions
from tests.benchmarks.measure import Budget, Effort, Report, Spread, Turn, in_turns, ratios, spread

FEW = 10


def fresh(texts: Sequence[str]) -> list[str]:
    """Equal texts, each an object of its own with no hash yet, as a request brings them."""
    return [text.encode().decode() for text in texts]


def asked_in_vain(kind: str, different: int) -> list[str]:
    """Origins that no list matches."""
    start = "https://app." if kind == "wildcard" else "https://"
    return [f"{start}other{n}.example.com" for n in range(different)]


def asked_of_all(kind: str, number: int, different: int) -> list[str]:
    """Hits spread over the whole of a list of `number` patterns, in no order."""
    asked = (
        [n * number // different for n in range(different)]
        if number > different
        else [*range(number)]
    )
    random.Random(1).shuffle(asked)
    start = "https://app." if kind == "wildcard" else "https://"
    return [f"{start}site{n}.example.com" for n in asked]


def build(kind: str, number: int) -> OriginList:
    start = "https://*." if kind == "wildcard" else "https://"
    return OriginList([f"{start}site{n}.example.com" for n in range(number)])


def matching(matches: Callable[[str], object], origins: Sequence[str], expected: bool) -> Turn:
    asked = itertools.cycle(origins)

    async def turn(count: int) -> float:
        texts = fresh([*itertools.islice(asked, 20 * count)])
        start = time.perf_counter()
        for text in texts:
            matches(text)
        taken = (time.perf_counter() - start) / len(texts)
        found = matches(texts[0])
        assert (found.rule is not None if isinstance(found, Verdict) else found) is expected
        return taken

    return turn


def nanoseconds(seconds: Sequence[float]) -> str:
    return Spread(*(1e9 * value for value in vars(spread(seconds)).values())).show(0)


async def measure(effort: Effort) -> Report:
    number = effort.size(1_000_000, 1000)
    report = Report("Matching")
    report.text(
        "In ns, without the rest of a request. A policy remembers some thousand answers: the "
        "budget is judged with 1,000 origins. Those with 100,000 ask the list itself, which "
        "remembers none: there an answer out of the long list waits for main memory, half a "
        "microsecond, while all ten of the short one are in the processor's cache."
    )
    rows = []
    for kind in ("exact", "wildcard"):
        few, many = build(kind, FEW), build(kind, number)
        for hit, different in itertools.product((True, False), (1, 1000, 100_000)):
            turns = {}
            for name, patterns in (("few", few), ("many", many)):
                asked = (
                    asked_of_all(kind, len(patterns), different)
                    if hit
                    else asked_in_vain(kind, different)
                )
                judge = Policy([CorsOptions(allow_origins=patterns)]).judge
                ask = judge if different < 100_000 else patterns.matches
                turns[name] = matching(ask, asked, hit)
            times = await in_turns(turns, effort)
            ratio = ratios(times, "many", "few")
            answer = "hit" if hit else "miss"
            shown = [nanoseconds(times[name]) for name in ("few", "many")]
            rows.append([kind, answer, f"{different:,}", *shown, ratio.show()])
            if different == 1000:
                what = f"matching, {kind}, {answer}, {number:,} over {FEW}"
                report.budgets.append(Budget(what, 1.3, ratio))
    header = ("patterns", "answer", "origins asked about", f"{FEW}", f"{number:,}", "ratio")
    report.table(header, rows)
    return report
