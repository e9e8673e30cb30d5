"""Requests per second over a socket: server and load in processes and on cores of their own.

    python -m tests.benchmarks.sockets <core> <variant>     serves until its input ends
    python -m tests.benchmarks.sockets <core> load          sends what the lines of its input say

The load is a process of bare protocols: each connection sends the next request when it has the
answer to the last. It does so little that a server is busy before it is. What is measured is
measured in laps, as everywhere: short turns of all variants, of whose rates the upper quartile
counts, as interruptions only ever slow a server down. Every round starts servers of its own, or
else what a process is luckily or unluckily laid out for would look like the variant's.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from aiohttp import web

from tests.app import preflight as preflight_headers
from tests.benchmarks import peers
from tests.benchmarks.measure import Budget, Effort, Report, Times, ratios, spread
from tests.benchmarks.peers import AIOHTTP_CORS, BY_HAND, HOOK, MIDDLEWARES, NONE, PLUGIN, Wanted
from tests.benchmarks.responses import APP, origins
from tests.benchmarks.serving import raw_request

ROOT = Path(__file__).parents[2]
VARIANTS = (NONE, HOOK, PLUGIN, AIOHTTP_CORS, MIDDLEWARES, BY_HAND)
CONNECTIONS = 16
HELLO, RECORDS, PREFLIGHT = "hello", "records", "preflight"
KINDS = {
    HELLO: "GET of five bytes, with an `Origin` out of ten",
    RECORDS: "GET of 100 records of eight fields, SQLite to JSON, with an `Origin` out of ten",
    PREFLIGHT: "Preflights of a PUT",
}
LAPS = {HELLO: 5, RECORDS: 15, PREFLIGHT: 5}
"""More for the records: what a hook takes of them is less than a turn is disturbed by."""


async def measure(effort: Effort) -> Report:
    report = Report("Throughput over a socket")
    if not hasattr(os, "sched_setaffinity"):
        report.text("Left out: this system does not pin processes to cores.")
        return report
    cores = sorted(os.sched_getaffinity(0))
    seconds, rounds = 0.1, min(effort.rounds, 21)
    laps = dict.fromkeys(LAPS, 1) if effort.quick else LAPS
    rates: dict[str, Times] = {kind: {v: [] for v in _asked(kind)} for kind in KINDS}
    busy: list[float] = []
    with _process("load", cores[-1]) as load:
        ask = functools.partial(_load, load, seconds)
        for _ in range(rounds):
            for kind, found in _round(ask, cores[0], laps, busy).items():
                for variant, rate in found.items():
                    rates[kind][variant].append(rate)
    for kind, times in rates.items():
        _tell(report, kind, times)
    where = "cores of their own" if len(cores) > 1 else "one core, since there is no other"
    report.text(
        f"{CONNECTIONS} kept connections, {laps[RECORDS]} times {seconds} s of records for each "
        f"variant in each round and {laps[HELLO]} times of the others; the servers are started "
        "anew for each round, since where a process happens to have its memory is worth a percent; "
        f"server and load on {where}; the load's process was busy {spread(busy).middle:.0%} of "
        "the time, so that it is the servers that were measured. The budget is judged by the "
        "records: five bytes take a server some 70 µs, of which any hook and header is a part to "
        "be seen, that of the bare hook too."
    )
    for words in peers.missing():
        report.text(words)
    return report


def _round(
    load: Callable[[str, int], dict[str, float]],
    core: int,
    laps: dict[str, int],
    busy: list[float],
) -> dict[str, dict[str, float]]:
    """Rates by kind and variant, of servers of this round's own.

    `busy` gets how busy the load's process was.
    """
    rates: dict[str, dict[str, float]] = {}
    with contextlib.ExitStack() as stack:
        servers = {v: stack.enter_context(_process(v, core)) for v in VARIANTS if _is_there(v)}
        ports = {variant: int(lines.readline()) for variant, (_, lines) in servers.items()}
        for kind in KINDS:
            turns: Times = {variant: [] for variant in _asked(kind)}
            for variant in turns:
                _check(variant, ports[variant], kind)
            for lap in range(-1, laps[kind]):  # the first of them warms the servers up
                for variant in random.sample(list(turns), len(turns)):
                    found = load(kind, ports[variant])
                    if lap >= 0:
                        turns[variant].append(found["rate"])
                        busy.append(found["busy"])
            rates[kind] = {variant: spread(taken).high for variant, taken in turns.items()}
    return rates


def _asked(kind: str) -> list[str]:
    idle = (NONE, HOOK) if kind == PREFLIGHT else ()
    return [variant for variant in VARIANTS if _is_there(variant) and variant not in idle]


def _tell(report: Report, kind: str, rates: Times) -> None:
    base = BY_HAND if kind == PREFLIGHT else NONE
    report.text(f"{KINDS[kind]}: requests per second, and how they compare with {base}.")
    rows = [[v, spread(rates[v]).show(0), ratios(rates, v, base).show(3)] for v in rates]
    report.table(("variant", "requests per second", "ratio"), rows)
    if kind == RECORDS:
        what = "throughput over a socket, 100 records, over the same without the plugin"
        report.budgets.append(Budget(what, 0.98, ratios(rates, PLUGIN, NONE), at_least=True))


def _is_there(variant: str) -> bool:
    modules = {AIOHTTP_CORS: peers.aiohttp_cors, MIDDLEWARES: peers.aiohttp_middlewares}
    return variant not in modules or modules[variant] is not None


# The server's process


@contextlib.contextmanager
def _process(task: str, core: int) -> Iterator[tuple[IO[str], IO[str]]]:
    """A process pinned to a core, by its input and output: a server, or the load."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.sockets", str(core), task],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
        process.stdin.close()


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


@functools.cache
def _database() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    fields = "id, name, description, price, currency, stock, owner, changed"
    database.execute(f"CREATE TABLE things ({fields})")
    rows = [
        (n, f"thing {n}", f"What thing {n} is good for.", n / 4, "EUR", n, "shop", "2026-11-26")
        for n in range(100)
    ]
    database.executemany("INSERT INTO things VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return database


async def _records(_request: web.Request) -> web.Response:
    rows = _database().execute("SELECT * FROM things ORDER BY name")
    return web.json_response([dict(row) for row in rows])


async def _serve(variant: str) -> None:
    app = web.Application()
    by_hand = peers.answers_by_hand(variant)
    for path, handler in (("/hello", _hello), ("/records", _records)):
        resource = app.router.add_resource(path)
        resource.add_route("GET", handler)
        resource.add_route("PUT", handler)
        if by_hand is not None:
            resource.add_route("OPTIONS", by_hand)
    assert peers.configure(variant, app, Wanted(origins(10)))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


# The load's process


class _Connection(asyncio.Protocol):
    """Sends a request, waits for as many bytes as the first answer had, and so on."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.answers = 0
        self.answered = 0.0
        self._first = b""
        self._length = self._received = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._raw)

    def data_received(self, data: bytes) -> None:
        if not self._length:
            self._first += data
            head, end, _ = self._first.partition(b"\r\n\r\n")
            if end:  # a 204 tells no length, having no body
                told = re.search(rb"(?i)^Content-Length: (\d+)", head, re.MULTILINE)
                self._length = len(head) + len(end) + (int(told[1]) if told else 0)
        self._received += len(data)
        assert not self._length or self._received <= self._length, "answers differ in length"
        if self._received == self._length:
            self._received = 0
            self.answers += 1
            self.answered = time.perf_counter()
            self._transport.write(self._raw)

    def close(self) -> None:
        self._transport.close()


async def _send(port: int, kind: str, seconds: float) -> dict[str, float]:
    loop, raw = asyncio.get_running_loop(), _raw(kind)
    pairs = [
        await loop.create_connection(lambda: _Connection(raw), "127.0.0.1", port)
        for _ in range(CONNECTIONS)
    ]
    connections = [connection for _, connection in pairs]
    while not all(connection.answers for connection in connections):
        await asyncio.sleep(0.01)

    def so_far() -> tuple[int, float]:
        return sum(c.answers for c in connections), max(c.answered for c in connections)

    (before, start), busy = so_far(), time.process_time()
    await asyncio.sleep(seconds)
    while (now := so_far())[0] == before:  # a short look on a busy machine
        await asyncio.sleep(0.01)
    # From one answer to another, or else the rate of a slow server would be a rough one.
    answers, taken, busy = now[0] - before, now[1] - start, time.process_time() - busy
    for connection in connections:
        connection.close()
    return {"rate": answers / taken, "busy": busy / taken}


def _send_all() -> None:
    for line in sys.stdin:
        port, kind, seconds = line.split()
        print(json.dumps(asyncio.run(_send(int(port), kind, float(seconds)))), flush=True)


def _load(
    process: tuple[IO[str], IO[str]], seconds: float, kind: str, port: int
) -> dict[str, float]:
    lines, answers = process
    print(port, kind, seconds, file=lines, flush=True)
    found: dict[str, float] = json.loads(answers.readline())
    return found


def _raw(kind: str) -> bytes:
    if kind == PREFLIGHT:
        return raw_request("OPTIONS", "/hello", preflight_headers("PUT", APP, "content-type"))
    return raw_request("GET", f"/{kind}", {"Origin": APP})


def _check(variant: str, port: int, kind: str) -> None:
    """One answer, before anything is measured."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(_raw(kind))
        answer = connection.recv(2**16).decode()
    assert answer.startswith(("HTTP/1.1 200 ", "HTTP/1.1 204 ")), (variant, answer)
    allowed = re.findall(r"^Access-Control-Allow-Origin: (.*)\r$", answer, re.MULTILINE)
    assert allowed == ([] if variant == NONE else ["*"] if variant == HOOK else [APP]), answer


if __name__ == "__main__":
    own_core, task = sys.argv[1:]
    os.sched_setaffinity(0, {int(own_core)})
    if task == "load":
        _send_all()
    else:
        asyncio.run(_serve(task))
