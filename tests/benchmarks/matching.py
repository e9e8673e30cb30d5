"""What it costs to match an origin: ten patterns against a million.

    python tests/benchmarks/matching.py [--many 1000000] [--rounds 41]

Both lists are asked in turn about the same origins; each ratio is that of one round, and the
table shows the median and the quartiles of the ratios.
"""

from __future__ import annotations

import argparse
import gc
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from aiohttp_cors_plugin._origins import OriginList

CALLS = 20_000


def fresh(texts: Sequence[str]) -> list[str]:
    """Equal texts, each an object of its own with no hash yet, as a request brings them."""
    return [text.encode().decode() for text in texts]


def seconds(matches: Callable[[str], bool], origins: Sequence[str], expected: bool) -> float:
    origins = fresh(origins)
    start = time.perf_counter()
    for origin in origins:
        matches(origin)
    taken = time.perf_counter() - start
    assert all(matches(origin) is expected for origin in origins[:10])
    return taken


def asked_in_vain(kind: str, different: int) -> list[str]:
    """Origins that no list matches."""
    start = "https://app." if kind == "wildcard" else "https://"
    origins = [f"{start}other{n}.example.com" for n in range(different)]
    return (origins * (CALLS // len(origins) + 1))[:CALLS]


def asked_of_all(kind: str, number: int, different: int) -> list[str]:
    """Hits spread over the whole of a list of `number` patterns."""
    step = max(1, number // different)
    start = "https://app." if kind == "wildcard" else "https://"
    origins = [f"{start}site{n * step % number}.example.com" for n in range(different)]
    return (origins * (CALLS // len(origins) + 1))[:CALLS]


def build(kind: str, number: int) -> OriginList:
    start = "https://*." if kind == "wildcard" else "https://"
    return OriginList([f"{start}site{n}.example.com" for n in range(number)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=41)
    given = parser.parse_args()
    print(f"{given.few} patterns against {given.many:,}; {given.rounds} rounds of {CALLS:,} calls")
    print("patterns  answer  origins   few, ns  many, ns  ratio (quartiles)")
    for kind in ("exact", "wildcard"):
        few, many = build(kind, given.few), build(kind, given.many)
        gc.collect()
        gc.freeze()
        for hit in (True, False):
            for different in (1, 1000):
                if hit:
                    asked_few = asked_of_all(kind, given.few, different)
                    asked_many = asked_of_all(kind, given.many, different)
                else:
                    asked_few = asked_many = asked_in_vain(kind, different)
                few_s, many_s, ratios = [], [], []
                for turn in range(given.rounds):
                    if turn % 2:
                        few_s.append(seconds(few.matches, asked_few, hit))
                        many_s.append(seconds(many.matches, asked_many, hit))
                    else:
                        many_s.append(seconds(many.matches, asked_many, hit))
                        few_s.append(seconds(few.matches, asked_few, hit))
                    ratios.append(many_s[-1] / few_s[-1])
                low, middle, high = statistics.quantiles(ratios, n=4)
                print(
                    f"{kind:<9} {'hit' if hit else 'miss':<6} {different:>8}"
                    f"{statistics.median(few_s) / CALLS * 1e9:>9.0f}"
                    f"{statistics.median(many_s) / CALLS * 1e9:>10.0f}"
                    f"{middle:>7.2f} ({low:.2f} to {high:.2f})"
                )


if __name__ == "__main__":
    main()
