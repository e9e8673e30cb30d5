"""What it costs to match an origin: ten patterns against a million."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

from aiohttp_cors_plugin._origins import OriginList
from aiohttp_cors_plugin._policy import Policy
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
    """Hits spread over the whole of a list of `number` patterns."""
    step = max(1, number // different)
    start = "https://app." if kind == "wildcard" else "https://"
    return [f"{start}site{n * step % number}.example.com" for n in range(different)]


def build(kind: str, number: int) -> OriginList:
    start = "https://*." if kind == "wildcard" else "https://"
    return OriginList([f"{start}site{n}.example.com" for n in range(number)])


def matching(patterns: OriginList, origins: Sequence[str], expected: bool) -> Turn:
    """As requests ask: a policy, which remembers what it said of its latest origins."""
    judge = Policy([CorsOptions(allow_origins=patterns)]).judge
    asked = itertools.cycle(origins)

    async def turn(count: int) -> float:
        texts = fresh([*itertools.islice(asked, 20 * count)])
        start = time.perf_counter()
        for text in texts:
            judge(text)
        taken = (time.perf_counter() - start) / len(texts)
        assert (judge(texts[0]).rule is not None) is expected
        return taken

    return turn


def nanoseconds(seconds: Sequence[float]) -> str:
    return Spread(*(1e9 * value for value in vars(spread(seconds)).values())).show(0)


async def measure(effort: Effort) -> Report:
    number = effort.size(1_000_000, 1000)
    report = Report("Matching")
    report.text(
        "In ns, without the rest of a request. A policy remembers its last 1,024 answers; the rows "
        "with 100,000 origins have a different one each time, and show the cost without that."
    )
    rows = []
    for kind in ("exact", "wildcard"):
        few, many = build(kind, FEW), build(kind, number)
        for hit, different in itertools.product((True, False), (1, 1000, 100_000)):
            ask_few, ask_many = (
                asked_of_all(kind, size, different) if hit else asked_in_vain(kind, different)
                for size in (FEW, number)
            )
            # Ten patterns have more than ten hits only where they are wildcards.
            if hit and kind == "wildcard":
                ask_few = [f"https://app{n}.site{n % FEW}.example.com" for n in range(different)]
                ask_many = [
                    f"https://app{n}.site{n * 7 % number}.example.com" for n in range(different)
                ]
            turns = {"few": matching(few, ask_few, hit), "many": matching(many, ask_many, hit)}
            times = await in_turns(turns, effort)
            answer = "hit" if hit else "miss"
            ratio = ratios(times, "many", "few")
            rows.append(
                [
                    kind,
                    answer,
                    f"{different:,}",
                    *(nanoseconds(times[name]) for name in ("few", "many")),
                    ratio.show(),
                ]
            )
            if different == 1000:
                what = f"matching, {kind}, {answer}, {number:,} over {FEW}"
                report.budgets.append(Budget(what, 1.3, ratio))
    header = ("patterns", "answer", "origins asked about", f"{FEW}", f"{number:,}", "ratio")
    report.table(header, rows)
    return report
