"""Many requests, reconfigurations and restarts: memory stays flat, and nothing is left behind.

    python tests/endurance.py [--requests 2000000] [--restarts 400]

One process serves. Another asks it for every kind of thing over pipelined connections, with ever
new origins and paths, and compares the status and all CORS headers of each answer; all the while
the defaults are reconfigured and a route is overridden. Then a third starts, stops and restarts
applications. Ends with 1 where an answer or a figure is off; `--leak` plants leaks, which has to
be noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import gc
import itertools
import json
import logging
import pathlib
import resource
import sys
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from aiohttp import web, web_app

from aiohttp_cors_plugin import CORS, CorsConfigError, CorsOptions, override, setup
from tests.app import make_app, ok, socket

HERE = pathlib.Path(__file__).resolve()
PLUGIN, SERVER = "aiohttp_cors_plugin", "aiohttp.server"  # loggers
LEGS = 8  # measured after each; the first one warms up
CONNECTIONS = 8
ROUNDS = 4  # of all kinds of requests, over one connection
OVERRIDES = 3  # in each leg; every one is kept, on top of those before
LONGEST = 60  # seconds without an answer
# What a process may gain between the first point and the last: caches of Python, of aiohttp and of
# policies (1,024 origins each, where few are listed) are fuller at one moment than at another.
MOST = {"resident": 8_000_000, "blocks": 8_000, "objects": 2_000, "tasks": 0}

TURNS = (1, 2)
MAX_AGES = {"A": 600, "B": 60}
GOOD, BAD = "https://n{n}.example.com", "https://n{n}.example.net"
RAISING = "https://raising{n}.example.com"
VARY = "Vary: Origin"
STAR = "Access-Control-Allow-Origin: *"
ORIGIN_ONLY = f"Access-Control-Allow-Origin: {{origin}}\n{VARY}"
READABLE = (
    "Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Origin: {origin}\n"
    f"Access-Control-Expose-Headers: X-{{letter}}\n{VARY}"
)
COMMON = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)

# The application


def options(letter: str) -> CorsOptions:
    """The defaults: what `reconfigure` gives in turn, made anew each time."""
    return CorsOptions(
        allow_origins=["https://*.example.com"],
        allow_credentials=True,
        allow_headers=["X-Token"],
        expose_headers=[f"X-{letter}"],
        max_age=MAX_AGES[letter],
    )


def changing(turn: int) -> CorsOptions:
    return CorsOptions(allow_origins=["https://*.example.com"], max_age=turn)


async def asked(_request: web.Request, origin: str) -> bool:
    await asyncio.sleep(0)
    if origin.startswith("https://raising"):
        raise RuntimeError("on purpose")
    return origin.endswith(".example.com")


def asked_plainly(_request: web.Request, origin: str) -> bool:
    return origin.endswith(".example.com")


def apart(function: Any = ok) -> Any:
    """A handler of its own, so that an override of it is nobody else's."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await function(request)
        return response

    return handle


def build() -> web.Application:
    app = make_app(HERE.parent)
    add = app.router.add_get
    add("/asked/{id}", override(CorsOptions(allow_origins=asked))(apart()))
    add("/asked-plainly", override(CorsOptions(allow_origins=asked_plainly))(apart()))
    add("/rules", override([options("A"), CorsOptions()])(apart()))
    add("/none", override(None)(apart()))
    add("/star", override(CorsOptions())(apart()))
    add("/guarded", override(guard_websockets=True)(apart(socket)))
    add("/changing", ok, name="changing")
    own = web.Application()
    own.router.add_get("/{id}", ok)
    own.router.add_route("*", "/{id}/any", ok)
    setup(own, changing(30))
    app.add_subapp("/own-setup", own)
    setup(app, options("A")).override(app.router["changing"], changing(1))
    return app


# What is asked, and what is answered


class Kind(NamedTuple):
    """One request: `{n}` is ever new. In `cors`, `{origin}` is its origin, the rest configured."""

    method: str
    path: str
    status: int
    cors: str
    origin: str = ""
    more: str = ""
    body: str = ""

    def request(self, n: int) -> tuple[bytes, str]:
        """The bytes to send, and the origin."""
        origin = self.origin.replace("{n}", str(n))
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1", self.more]
        head = "\r\n".join(line for line in lines if line).replace("{n}", str(n))
        if origin:
            head += f"\r\nOrigin: {origin}"
        return f"{head}\r\n\r\n{self.body}".encode(), origin

    def answers(self) -> frozenset[tuple[int, str]]:
        """What may be answered: that of either configuration, whole."""
        return frozenset(
            (
                self.status,
                self.cors.replace("{letter}", letter)
                .replace("{max_age}", str(MAX_AGES[letter]))
                .replace("{turn}", str(turn)),
            )
            for letter in MAX_AGES
            for turn in TURNS
        )


def announced(
    method: str, path: str, status: int, cors: str, headers: str = "", origin: str = GOOD
) -> Kind:
    """A preflight."""
    more = f"Access-Control-Request-Method: {method}"
    if headers:
        more += f"\r\nAccess-Control-Request-Headers: {headers}"
    return Kind("OPTIONS", path, status, cors, origin, more)


def granted(methods: str, *, defaults: bool = True, max_age: str = "{max_age}") -> str:
    """The headers of a successful preflight, sorted; of the defaults, or of `changing`."""
    headers = "Accept, Accept-Language, Content-Language, Content-Type, Range"
    return (
        "Access-Control-Allow-Credentials: true\n" * defaults
        + f"Access-Control-Allow-Headers: {headers}{', X-Token' * defaults}\n"
        + f"Access-Control-Allow-Methods: {methods}\nAccess-Control-Allow-Origin: {{origin}}\n"
        + f"Access-Control-Max-Age: {max_age}\n{VARY}"
    )


REQUESTS = (
    Kind("GET", "/plain", 200, READABLE, GOOD),
    Kind("GET", "/plain", 200, READABLE, "https://app.example.com"),
    Kind("HEAD", "/plain", 200, READABLE, GOOD),
    Kind("PUT", "/plain", 200, READABLE, GOOD),
    Kind("GET", "/plain", 200, VARY, BAD),
    Kind("GET", "/plain", 200, VARY),
    Kind("GET", "/plain", 200, VARY, "null"),
    Kind("GET", "/plain", 200, VARY, "https://{n}.example.com/path"),
    Kind("GET", "/plain", 200, VARY, GOOD, "Origin: https://app.example.com"),
    Kind("GET", "/items/{n}", 200, READABLE, GOOD),
    Kind("GET", "/items/{n}", 200, VARY, BAD),
    Kind("DELETE", "/users/{n}", 200, READABLE, GOOD),
    Kind("GET", "/static/__init__.py", 200, READABLE, GOOD),
    Kind("PATCH", "/any", 200, READABLE, GOOD),
    Kind("PUT", "/view", 200, READABLE, GOOD),
    Kind("DELETE", "/view", 405, READABLE, GOOD),
    Kind("OPTIONS", "/own", 200, READABLE, GOOD),
    Kind("GET", "/custom", 200, READABLE, GOOD),
    Kind("GET", "/redirect", 302, READABLE, GOOD),
    Kind("GET", "/hand", 200, READABLE.replace(VARY, "Vary: Accept-Encoding, Origin"), GOOD),
    Kind("GET", "/events", 200, READABLE, GOOD),
    Kind("POST", "/body", 200, READABLE, GOOD, "Content-Length: 4", "body"),
    Kind("GET", "/members/me", 401, READABLE, GOOD),
    Kind("GET", "/members/busy", 429, READABLE, GOOD),
    Kind("GET", "/nothing/{n}", 404, READABLE, GOOD),
    Kind("GET", "/nothing/{n}", 404, VARY, BAD),
    Kind("DELETE", "/plain", 405, READABLE, GOOD),
    Kind("PATCH", "/sub/deeper/thing/{n}", 200, READABLE, GOOD),
    Kind("GET", "/sub/nothing/{n}", 404, READABLE, GOOD),
    # Never reconfigured: what is remembered there is never thrown away.
    Kind("GET", "/own-setup/{n}", 200, ORIGIN_ONLY, GOOD),
    Kind("HEAD", "/own-setup/{n}", 200, VARY, BAD),
    Kind("DELETE", "/own-setup/{n}", 405, ORIGIN_ONLY, GOOD),
    Kind("PUT", "/own-setup/{n}/any", 200, VARY, BAD),
    Kind("PUT", "/own-setup/{n}/any", 200, ORIGIN_ONLY, GOOD),
    Kind("GET", "/own-setup/{n}/any/more", 404, ORIGIN_ONLY, GOOD),
    Kind("GET", "/own-setup/{n}/any/more", 404, VARY, BAD),
    Kind("GET", "/asked/{n}", 200, ORIGIN_ONLY, GOOD),
    Kind("GET", "/asked/{n}", 200, VARY, BAD),
    Kind("GET", "/asked/{n}", 200, VARY, RAISING),
    Kind("GET", "/asked-plainly", 200, ORIGIN_ONLY, GOOD),
    Kind("GET", "/rules", 200, READABLE.replace("{letter}", "A"), GOOD),
    Kind("GET", "/rules", 200, f"{STAR}\n{VARY}", BAD),
    Kind("GET", "/none", 200, "", GOOD),
    Kind("GET", "/star", 200, STAR, BAD),
    Kind("GET", "/changing", 200, ORIGIN_ONLY, GOOD),
    announced("PUT", "/plain", 204, granted("GET, HEAD, PUT")),
    announced("PUT", "/plain", 403, VARY, origin=BAD),
    announced("PATCH", "/plain", 403, VARY),
    announced("X{n}", "/plain", 403, VARY),
    announced("GET", "/items/{n}", 403, VARY, "x-{n}"),
    announced("DELETE", "/users/{n}", 204, granted("DELETE, GET, HEAD"), "x-token"),
    announced("PUT", "/any", 204, granted(COMMON)),
    announced("PUT", "/view", 204, granted("GET, PUT")),
    announced("PATCH", "/view", 403, VARY),
    announced("PUT", "/nothing/{n}", 204, granted("PUT")),
    announced("PUT", "/members/me", 204, granted("GET, HEAD, PUT")),
    announced("PATCH", "/sub/deeper/thing/{n}", 204, granted("PATCH")),
    announced("PUT", "/own-setup/{n}/any", 204, granted(COMMON, defaults=False, max_age="30")),
    announced("PUT", "/own-setup/{n}/any", 403, VARY, origin=BAD),
    announced("GET", "/asked/{n}", 204, granted("GET, HEAD", defaults=False, max_age="600")),
    announced("GET", "/asked/{n}", 403, VARY, origin=RAISING),
    announced("GET", "/changing", 204, granted("GET, HEAD", defaults=False, max_age="{turn}")),
    announced("GET", "/none", 405, ""),
)
# After one of these the connection is at an end; aiohttp 3.10 swallows what is pipelined behind any
# WebSocket handshake.
LAST_REQUESTS = (
    Kind("GET", "/boom", 500, READABLE, GOOD),
    Kind("GET", "/guarded", 403, VARY, BAD, UPGRADE),
    Kind("GET", "/guarded", 101, READABLE, GOOD, UPGRADE),
)
ANSWERS = {kind: kind.answers() for kind in (*REQUESTS, *LAST_REQUESTS)}
HELLO_AND_CLOSE, CLOSE = b"\x81\x05hello\x88\x02\x03\xe8", b"\x88\x80\0\0\0\0"


# The process that serves


def resident() -> int:
    """The process's memory in bytes; where the system does not tell, the most that it ever was."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


class Logged(logging.Handler):
    """Counts what is logged, in place of writing it: by logger, and what is unexpected by text."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: collections.Counter[str] = collections.Counter()
        logging.basicConfig(handlers=[self], level=logging.WARNING)
        logging.getLogger(PLUGIN).setLevel(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        name, text = record.name, str(record.msg)
        is_refusal = name == PLUGIN and (
            record.levelno < logging.WARNING or text.startswith("allow_origins raised")
        )
        is_expected = is_refusal or (name == SERVER and text.startswith("Error handling request"))
        self.counts[name if is_expected else f"{name}: {text}"] += 1


async def measure(tasks: int, **more: Any) -> None:
    """Print the figures, once only so many tasks are left or a while has passed."""
    given_up = time.monotonic() + 10
    while len(asyncio.all_tasks()) > tasks and time.monotonic() < given_up:
        await asyncio.sleep(0.01)
    for _ in range(3):
        gc.collect()
    figures = {
        "resident": resident(),
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
        "tasks": len(asyncio.all_tasks()),
    }
    tell(figures | more)


def tell(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


class Changer:
    """Reconfigures a running application, and overrides one of its routes now and then."""

    def __init__(self, app: web.Application) -> None:
        self.app = app
        self.overrides_left = OVERRIDES
        self.counts: collections.Counter[str] = collections.Counter()

    async def run(self) -> None:
        cors, target = self.app[CORS], self.app.router["changing"]
        for letter, turn in itertools.cycle(itertools.product(MAX_AGES, TURNS)):
            await asyncio.sleep(0.2)
            cors.reconfigure(options(letter))
            self.counts["reconfigured"] += 1
            if self.overrides_left:
                cors.override(target, max_age=turn)
                self.overrides_left -= 1
                self.counts["overridden"] += 1
            try:
                cors.reconfigure(None)  # an override of a single field does not fit it
            except CorsConfigError:
                self.counts["refused"] += 1


async def serve(leak: bool) -> None:
    """Print the port; then the figures for each line of input, until its end."""
    logged, lines, kept = Logged(), asyncio.StreamReader(), []
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )

    async def keep(request: web.Request, _response: web.StreamResponse) -> None:
        kept.append(request.path)

    app = build()
    if leak:
        app.on_response_prepare.append(keep)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    changer = Changer(app)
    changing = asyncio.create_task(changer.run())
    tell({"port": runner.addresses[0][1]})
    while await lines.readline():
        app[CORS].reconfigure(options("A"))  # empties the caches of policies, all but one's
        await measure(2, changes=changer.counts, logged=logged.counts, running=not changing.done())
        changer.overrides_left = OVERRIDES
    changing.cancel()
    await asyncio.gather(changing, return_exceptions=True)
    await runner.cleanup()
    pipe.close()
    await measure(1, changes=changer.counts, logged=logged.counts)


# The process that starts and stops applications


async def start_and_stop(app: web.Application) -> None:
    """Start, ask each kind of thing once, change, stop; and all of it once more."""
    for letter in MAX_AGES:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        load = Load(runner.addresses[0][1])
        await load.converse(REQUESTS)
        for kind in LAST_REQUESTS:
            await load.converse([kind])
        app[CORS].reconfigure(options(letter))
        app[CORS].override(app.router["changing"], changing(1))
        await runner.cleanup()
        if load.problems:
            raise RuntimeError(load.problems[0])


def restart(times: int, leak: bool) -> None:
    """Print the figures at each point; every application has an event loop of its own."""
    logged, kept = Logged(), []
    references: list[weakref.ref[object]] = []
    for leg in range(LEGS):
        for _ in range(times // LEGS):
            app = build()
            references += [weakref.ref(app), weakref.ref(app[CORS])]
            asyncio.run(start_and_stop(app))
            if leak:
                kept.append(app)
            del app
        # aiohttp itself remembers 1,024 chains of middlewares, with their applications.
        for value in vars(web_app).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
        gc.collect()
        alive = sum(reference() is not None for reference in references)
        references.clear()
        done = (leg + 1) * (times // LEGS)
        asyncio.run(measure(1, done=done, alive=alive, logged=logged.counts))


# The process that asks


class Load:
    """Asks, and compares what is answered; `problems` has the first of what is wrong."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: collections.Counter[Kind] = collections.Counter()
        self.unseen = {kind: set(answers) for kind, answers in ANSWERS.items()}
        self.problems: list[str] = []
        self._numbers = itertools.count()

    @property
    def done(self) -> int:
        return sum(self.asked.values())

    async def ask(self, number: int) -> None:
        """At least this many requests, over several connections at a time."""
        enough = self.done + number

        async def keep_asking() -> None:
            while self.done < enough and len(self.problems) < 10:
                await self.converse(REQUESTS, ROUNDS)
                for kind in LAST_REQUESTS:
                    await self.converse([kind])

        await asyncio.gather(*(keep_asking() for _ in range(CONNECTIONS)))

    async def converse(self, kinds: Sequence[Kind], rounds: int = 1) -> None:
        """All of these over one connection: sent in one go, `rounds` times."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for _ in range(rounds):
                sent = [kind.request(next(self._numbers)) for kind in kinds]
                writer.write(b"".join(request for request, _ in sent))
                answers = self._read(reader, writer, kinds, [origin for _, origin in sent])
                await asyncio.wait_for(answers, LONGEST)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            self.problems.append(f"{type(error).__name__} {error}")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        kinds: Sequence[Kind],
        origins: Sequence[str],
    ) -> None:
        for kind, origin in zip(kinds, origins, strict=True):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            status, length, cors = int(first[9:12]), 0, []
            for line in lines:
                if line.startswith(("Access-", "Vary", "Timing-")):
                    cors.append(line)
                elif line.startswith("Content-Length: "):
                    length = int(line[16:])
                elif line == "Transfer-Encoding: chunked":
                    await reader.readuntil(b"\r\n0\r\n\r\n")
            if length and kind.method != "HEAD":
                await reader.readexactly(length)
            if status == 101:
                await reader.readexactly(len(HELLO_AND_CLOSE))
                writer.write(CLOSE)
            answer = "\n".join(sorted(cors))
            if origin:
                answer = answer.replace(origin, "{origin}")
            self.asked[kind] += 1
            self.unseen[kind].discard((status, answer))
            if (status, answer) not in ANSWERS[kind]:
                self.problems.append(f"{kind.method} {kind.path} from {origin}: {status} {answer}")


# The command


class Child:
    """This file as another process, which prints figures."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def figures(self, *, ask: bool = False, end: bool = False) -> Any:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        if ask:
            stdin.write(b"\n")
        if end:
            stdin.close()
        return json.loads(await asyncio.wait_for(stdout.readline(), 20 * LONGEST))


@contextlib.asynccontextmanager
async def child(*arguments: str) -> AsyncIterator[Child]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", str(HERE), *arguments, stdin=pipe, stdout=pipe
    )
    try:
        yield Child(process)
        if code := await asyncio.wait_for(process.wait(), LONGEST):
            raise RuntimeError(f"{' '.join(arguments)} ended with {code}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Table:
    """Prints the points as they come, and says what grew from the first to the last."""

    def __init__(self, what: str) -> None:
        print(f"{what:>10}   per s  memory, MB    blocks   objects  tasks")
        self.points: list[dict[str, Any]] = []
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def add(self, done: int, figures: dict[str, Any]) -> None:
        self.points.append(figures)
        rate = done / self.seconds
        print(
            f"{done:>10,}{rate:>8,.0f}{figures['resident'] / 1e6:>12.1f}{figures['blocks']:>10,}"
            f"{figures['objects']:>10,}{figures['tasks']:>7}",
            flush=True,
        )

    def gains(self) -> Iterator[str]:
        for name, most in MOST.items():
            gain = self.points[-1][name] - self.points[0][name]
            print(f"{name}: {gain:+,}")
            if gain > most:
                yield f"{name} grew by {gain:,}, more than {most:,}"


async def endure(number: int, leak: Sequence[str]) -> AsyncIterator[str]:
    """Many requests to one application: what is wrong afterwards."""
    async with child("--serve", *leak) as server:
        load = Load((await server.figures())["port"])
        table = Table("requests")
        for _ in range(LEGS):
            await load.ask(number // LEGS)
            table.add(load.done, await server.figures(ask=True))
        end = await server.figures(end=True)
    print(", ".join(f"{name} {count:,} times" for name, count in end["changes"].items()))
    for problem in (*load.problems, *table.gains()):
        yield problem
    for kind, answers in load.unseen.items():
        if answers:
            yield f"{kind.method} {kind.path}: never {sorted(answers)}"
    failed = sum(n for kind, n in load.asked.items() if kind.status == 500)
    logged = collections.Counter(end["logged"])
    if logged.keys() - {PLUGIN, SERVER} or logged[SERVER] != failed:
        yield f"logged {end['logged']}, and {failed} requests were answered with 500"
    # Each of the two handles has a hundred records a minute.
    if not 0 < logged[PLUGIN] <= 200 * (table.seconds / 60 + 2):
        yield f"{logged[PLUGIN]} refusals were logged in {table.seconds:.0f} s"
    if end["tasks"] != 1:
        yield f"{end['tasks'] - 1} tasks are left"
    if not table.points[-1]["running"]:
        yield "the task that reconfigures has ended"


async def endure_restarts(number: int, leak: Sequence[str]) -> AsyncIterator[str]:
    """Many applications in one process: what is wrong afterwards."""
    async with child("--restart", str(number), *leak) as restarting:
        table = Table("restarts")
        for _ in range(LEGS):
            figures = await restarting.figures()
            table.add(figures["done"], figures)
            if figures["alive"]:
                yield f"{figures['alive']} applications and handles are not forgotten"
    for problem in table.gains():
        yield problem
    if unexpected := figures["logged"].keys() - {PLUGIN, SERVER}:
        yield f"logged {unexpected}"


async def run(requests: int, restarts: int, leak: Sequence[str]) -> list[str]:
    problems = [problem async for problem in endure(requests, leak)]
    return problems + [problem async for problem in endure_restarts(restarts, leak)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("--restarts", type=int, default=400)
    parser.add_argument("--leak", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--restart", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.leak))
        return 0
    if given.restart is not None:
        restart(given.restart, given.leak)
        return 0
    problems = asyncio.run(run(given.requests, given.restarts, ["--leak"] * given.leak))
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
