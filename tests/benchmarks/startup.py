"""Startup: each figure comes from a process of its own, which starts one application.

python -m tests.benchmarks.startup <variant> <routes>     prints one line of JSON
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import subprocess
import sys
import time
from pathlib import Path

from aiohttp import web

from aiohttp_cors_plugin import CorsOptions
from tests.benchmarks import peers
from tests.benchmarks.measure import (
    Budget,
    Effort,
    Report,
    Spread,
    added,
    added_ratios,
    spread,
)
from tests.benchmarks.peers import AIOHTTP_CORS, NONE, PLUGIN, Wanted

ROOT = Path(__file__).parents[2]
VARIANTS = (NONE, PLUGIN, AIOHTTP_CORS)
OPTIONS = "options"


async def measure(effort: Effort) -> Report:
    report = Report("Startup")
    sizes = (100, 1000) if effort.quick else (100, 10_000, 100_000)
    variants = [v for v in VARIANTS if v != AIOHTTP_CORS or peers.aiohttp_cors is not None]
    rounds = min(effort.rounds, 11)
    seconds: dict[str, list[float]] = {f"{v} {n}": [] for v in variants for n in sizes}
    memory: dict[str, list[float]] = {key: [] for key in seconds}
    order = random.Random(1)
    pairs = [(v, n) for v in variants for n in sizes]
    for _ in range(rounds):
        for variant, number in order.sample(pairs, len(pairs)):
            found = _in_a_process(variant, number)
            seconds[f"{variant} {number}"].append(found["seconds"])
            memory[f"{variant} {number}"].append(found["bytes"])
    for words in peers.missing():
        report.text(words)
    report.text(
        "What the configuration and the startup of an application add to the same without CORS "
        "(first column), in milliseconds and in bytes of resident memory for each route; "
        f"{rounds} processes for each."
    )
    rows = []
    for number in sizes:
        none = f"{NONE} {number}"
        row = [f"{number:,}"]
        row += [_ms(spread(seconds[none])), _for_each(spread(memory[none]), number)]
        for variant in VARIANTS[1:]:
            mine = f"{variant} {number}"
            if mine not in seconds:
                row += ["-", "-"]
                continue
            size = added(memory, mine, none)
            row += [_ms(added(seconds, mine, none)), _for_each(size, number)]
        rows.append(row)
    report.table(("routes", *(f"{v}, {unit}" for v in VARIANTS for unit in ("ms", "bytes"))), rows)
    _judge(report, sizes, seconds, memory)
    _options(report, effort, rounds)
    return report


def _judge(
    report: Report,
    sizes: tuple[int, ...],
    seconds: dict[str, list[float]],
    memory: dict[str, list[float]],
) -> None:
    most, fewer = sizes[-1], sizes[-2]
    mine, none, peer = (f"{variant} {most}" for variant in (PLUGIN, NONE, AIOHTTP_CORS))
    if peer in seconds:
        for kind, times in (("time", seconds), ("memory", memory)):
            ratio = added_ratios(times, mine, peer, none)
            what = f"startup, {most:,} routes, {kind} over aiohttp-cors"
            report.budgets.append(Budget(what, 0.5, ratio))
    per_route = {
        "many": [(a - b) / most for a, b in zip(seconds[mine], seconds[none], strict=True)],
        "fewer": [
            (a - b) / fewer
            for a, b in zip(seconds[f"{PLUGIN} {fewer}"], seconds[f"{NONE} {fewer}"], strict=True)
        ],
    }
    ratio = spread(a / b for a, b in zip(per_route["many"], per_route["fewer"], strict=True))
    # Linear: what the processor's caches take is granted.
    what = f"startup, time for a route, {most:,} over {fewer:,}"
    report.budgets.append(Budget(what, 2, ratio))


def _options(report: Report, effort: Effort, rounds: int) -> None:
    sizes = (1000,) if effort.quick else (10_000, 1_000_000)
    rows = []
    for number in sizes:
        found = [_in_a_process(OPTIONS, number) for _ in range(min(rounds, 5))]
        rows.append(
            [
                f"{number:,}",
                _ms(spread(one["seconds"] for one in found)),
                spread(one["bytes"] / number for one in found).show(0),
            ]
        )
    report.text("The construction of `CorsOptions`, in ms, and memory beside the list's own.")
    report.table(("origins", "time", "bytes for each"), rows)


def _ms(seconds: Spread) -> str:
    return Spread(seconds.low * 1e3, seconds.middle * 1e3, seconds.high * 1e3).show(1)


def _for_each(value: Spread, number: int) -> str:
    return f"{value.middle / number:,.0f}"


def _in_a_process(variant: str, number: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.startup", variant, str(number)]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(output)
    return found


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def _started(variant: str, number: int) -> dict[str, float]:
    app = web.Application()
    for n in range(number):
        app.router.add_route("GET", f"/r{n}", _ok)
    gc.collect()
    before, start = _resident(), time.perf_counter()
    # The garbage collector runs as it would in the application: what it visits is a cost too.
    assert peers.configure(variant, app, Wanted(("https://app.example.com",)))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    seconds = time.perf_counter() - start
    size = _resident() - before
    await runner.cleanup()
    return {"seconds": seconds, "bytes": size}


def _constructed(number: int) -> dict[str, float]:
    origins = [f"https://site{n}.example.com" for n in range(number)]
    gc.collect()
    before, start = _resident(), time.perf_counter()
    options = CorsOptions(allow_origins=origins)
    seconds = time.perf_counter() - start
    assert len(options.allow_origins) == number  # type: ignore[arg-type]
    return {"seconds": seconds, "bytes": _resident() - before}


def main() -> None:
    variant, number = sys.argv[1], int(sys.argv[2])
    found = _constructed(number) if variant == OPTIONS else asyncio.run(_started(variant, number))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
