"""`python -m tests.benchmarks`: prints Markdown tables with ratios and the budget."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.benchmarks import browser, matching, peers, preflights, responses, sockets, startup
from tests.benchmarks.measure import QUICK, Effort, Report

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
SECTIONS: dict[str, Callable[[Effort], Awaitable[Report]]] = {
    "responses": responses.measure,
    "preflights": preflights.measure,
    "socket": sockets.measure,
    "startup": startup.measure,
    "matching": matching.measure,
    "browser": browser.measure,
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    every = ",".join(SECTIONS)
    parser.add_argument("--only", default=every, metavar="SECTIONS", help=f"out of {every}")
    parser.add_argument("--rounds", type=int, default=31, help="how many (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of all: proves nothing")
    parser.add_argument(
        "--write-readme", action="store_true", help=f"put the tables between {BEGIN} and {END}"
    )
    given = parser.parse_args(argv)
    names = given.only.split(",")
    if unknown := sorted(set(names) - set(SECTIONS)):
        parser.error(f"no such section: {', '.join(unknown)}; there are {every}")
    if given.write_readme and _place_in(README.read_text(encoding="utf-8")) is None:
        parser.error(f"{README.name} has no {BEGIN} with {END} behind it to write between")
    effort = QUICK if given.quick else Effort(rounds=given.rounds)
    reports = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        reports.append(asyncio.run(measure(name, effort)))
    text = document(reports, effort)
    print(text)
    if given.write_readme:
        write_readme(README, text)
    return 0


async def measure(section: str, effort: Effort) -> Report:
    return await SECTIONS[section](effort)


def document(reports: Sequence[Report], effort: Effort) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in peers.versions().items())
    intro = (
        f"Measured with {platform.python_implementation()} {platform.python_version()}, {versions} "
        f"on {platform.system()}, {platform.machine()}, {os.cpu_count()} CPUs. All variants are "
        "measured in turn, in one process where nothing else is said; ratios are taken within a "
        "round, and what is shown is the median of the rounds with its quartiles in brackets."
    )
    if effort.quick:
        intro += " **One quick round: these figures mean nothing.**"
    budget = Report("Budget")
    rows = [line.row() for report in reports for line in report.budgets]
    if rows:
        budget.table(("what", "budget", "measured", ""), rows)
    return "\n\n".join([intro, *map(str, [budget, *reports] if rows else reports)])


def _place_in(text: str) -> re.Match[str] | None:
    return re.search(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", text, re.DOTALL)


def write_readme(readme: Path, text: str) -> None:
    before = readme.read_text(encoding="utf-8")
    place = _place_in(before)
    assert place is not None
    readme.write_text(f"{before[: place.start()]}\n{text}\n\n{before[place.end() :]}", "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
