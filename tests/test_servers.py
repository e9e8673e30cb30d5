"""Where people run it: `run_app`, runners, gunicorn, uvloop, TLS, and behind nginx."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import importlib.metadata
import logging
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import ClientResponse, ClientSession, TCPConnector, WSServerHandshakeError, web

from aiohttp_cors_plugin import CorsOptions, is_same_origin, setup
from tests import answers
from tests.answers import READABLE, REFUSED, allowed
from tests.app import ADMIN, APP, EVIL, cors_headers, make_app, preflight

ROOT = Path(__file__).resolve().parents[1]
PIPE = asyncio.subprocess.PIPE
LONGEST = 30  # seconds, for whatever is waited for

OPTIONS = replace(answers.OPTIONS, guard_websockets=True)

Row = tuple[str, str, dict[str, str], int, dict[str, str]]
ROWS: dict[str, Row] = {
    "allowed": ("GET", "/plain", {"Origin": APP}, 200, READABLE),
    "refused": ("GET", "/plain", {"Origin": EVIL}, 200, REFUSED),
    "no-origin": ("GET", "/plain", {}, 200, REFUSED),
    "unauthorised": ("GET", "/members/me", {"Origin": APP}, 401, READABLE),
    "nowhere": ("GET", "/nothing", {"Origin": APP}, 404, READABLE),
    "method-not-served": ("DELETE", "/plain", {"Origin": APP}, 405, READABLE),
    "failing": ("GET", "/boom", {"Origin": APP}, 500, READABLE),
    "sub-application": ("DELETE", "/sub/thing", {"Origin": APP}, 200, READABLE),
    "preflight": ("OPTIONS", "/plain", preflight("PUT"), 204, allowed("GET, HEAD, PUT")),
    "preflight-to-view": ("OPTIONS", "/view", preflight("PUT"), 204, allowed("GET, PUT")),
    "preflight-past-middleware": (
        "OPTIONS",
        "/members/me",
        preflight("PUT", headers="x-token"),
        204,
        allowed("GET, HEAD, PUT"),
    ),
    "preflight-to-sub-application": (
        "OPTIONS",
        "/sub/deeper/thing/1",
        preflight("PATCH"),
        204,
        allowed("PATCH"),
    ),
    "preflight-refused-by-origin": ("OPTIONS", "/plain", preflight("PUT", EVIL), 403, REFUSED),
    "preflight-refused-by-method": ("OPTIONS", "/plain", preflight("PATCH"), 403, REFUSED),
    "preflight-refused-by-header": (
        "OPTIONS",
        "/plain",
        preflight("PUT", headers="x-other"),
        403,
        REFUSED,
    ),
}
Seen = dict[str, tuple[int, dict[str, str]]]
EXPECTED: Seen = {claim: row[3:] for claim, row in ROWS.items()}


async def same_origin(request: web.Request) -> web.Response:
    return web.json_response(is_same_origin(request))


async def sign(_request: web.Request, response: web.StreamResponse) -> None:
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    response.headers["X-Worker"] = f"{loop} {os.getpid()}"


def make_served() -> web.Application:
    app = make_app()
    app.router.add_get("/same-origin", same_origin)
    app.on_response_prepare.append(sign)
    setup(app, OPTIONS)
    return app


async def factory() -> web.Application:
    return make_served()


served = make_served()  # what gunicorn is told to serve: tests.test_servers:served


async def answers(
    url: str,
    read: Callable[[ClientResponse], dict[str, str]] = cors_headers,
    connector: TCPConnector | None = None,
) -> Seen:
    """The status and all CORS headers that each row gets."""
    seen: Seen = {}
    async with ClientSession(connector=connector) as session:
        for claim, (method, path, headers, *_) in ROWS.items():
            async with session.request(method, url + path, headers=headers) as response:
                await response.read()
                seen[claim] = response.status, read(response)
    return seen


@contextlib.asynccontextmanager
async def running(app: web.Application, **site: Any) -> AsyncIterator[str]:
    """The application in this process, and its port."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, **site).start()
        yield str(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def started(cwd: Path, *command: str, says: str) -> AsyncIterator[re.Match[str]]:
    """A program that has said that it is ready; it ends by SIGTERM, and with 0."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        # gunicorn keeps its control socket in the latter.
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(cwd)},
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    said, ready = "", None
    try:
        while ready is None:
            line = await asyncio.wait_for(process.stdout.readline(), LONGEST)
            assert line, f"ended too early:\n{said}"
            said += line.decode()
            ready = re.search(says, said)
        yield ready
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            rest, _ = await asyncio.wait_for(process.communicate(), LONGEST)
            said += rest.decode()
        except asyncio.TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)  # nginx's workers outlive their master
            await process.wait()
    assert process.returncode == 0, said


def program(name: str) -> str:
    """Where a program is; without it a test fails in CI, and is skipped elsewhere."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if path is None:
        reason = f"no {name} on this machine"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


# Processes and runners


async def test_run_app(tmp_path: Path) -> None:
    command = (sys.executable, "-u", "-m", "tests.test_servers")
    async with started(tmp_path, *command, says=r"Running on (http://\S+)") as ready:
        assert await answers(ready[1]) == EXPECTED


async def test_two_sites_of_one_runner() -> None:
    runner = web.AppRunner(make_served())
    await runner.setup()
    try:
        for _ in range(2):
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        for _, port in runner.addresses:
            assert await answers(f"http://127.0.0.1:{port}") == EXPECTED
    finally:
        await runner.cleanup()


async def test_two_runners_of_one_application(caplog: pytest.LogCaptureFixture) -> None:
    app = make_served()
    plain = web.Application()
    setup(plain)  # says at startup what it allows, once
    app.add_subapp("/open", plain)
    caplog.set_level(logging.INFO, "aiohttp_cors_plugin")
    async with running(app) as first:
        async with running(app) as second:
            for port in (first, second, first):
                assert await answers(f"http://127.0.0.1:{port}") == EXPECTED
        assert await answers(f"http://127.0.0.1:{first}") == EXPECTED
    assert sum("any origin may read every route" in text for text in caplog.messages) == 1


def version(distribution: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", importlib.metadata.version(distribution))[:3]))


# Before 3.13.4, aiohttp's worker asks for a loop that uvloop makes no more from 0.22 on: it ends
# before it has loaded any application.
UVLOOP_WORKER = [
    pytest.param(["-k", "aiohttp.GunicornUVLoopWebWorker", "served"], "uvloop", id="uvloop")
][: version("aiohttp") >= (3, 13, 4) or version("uvloop") < (0, 22)]


@pytest.mark.parametrize(
    ("arguments", "loop"),
    [
        pytest.param(["-k", "aiohttp.GunicornWebWorker", "served"], "asyncio", id="application"),
        pytest.param(["-k", "aiohttp.GunicornWebWorker", "factory"], "asyncio", id="factory"),
        pytest.param(
            ["-k", "aiohttp.GunicornWebWorker", "--preload", "served"], "asyncio", id="preloaded"
        ),
        *UVLOOP_WORKER,
    ],
)
async def test_gunicorn_with_two_workers(tmp_path: Path, arguments: list[str], loop: str) -> None:
    *flags, name = arguments
    command = [sys.executable, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:0", *flags]
    answered: dict[str, Seen] = {}

    def signed(response: ClientResponse) -> dict[str, str]:
        return cors_headers(response) | {"X-Worker": response.headers["X-Worker"]}

    async def until_both_answered_all(url: str) -> None:
        while len(answered) < 2 or any(len(seen) < len(ROWS) for seen in answered.values()):
            for seen in await asyncio.gather(*(answers(url, signed) for _ in range(4))):
                for claim, (status, headers) in seen.items():
                    answered.setdefault(headers.pop("X-Worker"), {})[claim] = status, headers

    says = r"Listening at: (http://\S+)"
    async with started(tmp_path, *command, f"tests.test_servers:{name}", says=says) as ready:
        await asyncio.wait_for(until_both_answered_all(ready[1]), LONGEST)
    assert list(answered.values()) == [EXPECTED, EXPECTED]
    assert [worker.split()[0] for worker in answered] == [loop, loop]


def test_uvloop_in_process() -> None:
    async def serve_and_ask() -> None:
        async with running(make_served()) as port:
            assert await answers(f"http://127.0.0.1:{port}") == EXPECTED

    uvloop.run(serve_and_ask())


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [program("openssl"), "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-out", str(certificate)]
    subprocess.run(
        [*command, "-keyout", str(key)], check=True, capture_output=True, timeout=LONGEST
    )
    return certificate, key


@contextlib.asynccontextmanager
async def tls_ended_here(certificate: tuple[Path, Path], _tmp_path: Path) -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with running(make_served(), ssl_context=context) as port:
        yield port


@contextlib.asynccontextmanager
async def tls_ended_by_nginx(certificate: tuple[Path, Path], tmp_path: Path) -> AsyncIterator[str]:
    listen = f"ssl; ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};"
    async with running(make_served()) as port, nginx(tmp_path, port, listen=listen) as url:
        yield url.rpartition(":")[2]


async def handshake(session: ClientSession, url: str, origin: str) -> int:
    """The status of a WebSocket handshake; 101 where the first message came through too."""
    try:
        async with session.ws_connect(url + "/socket", headers={"Origin": origin}) as ws:
            return 101 if await ws.receive_str() == "hello" else 0
    except WSServerHandshakeError as error:
        return error.status


@pytest.mark.parametrize("ended", [tls_ended_here, tls_ended_by_nginx])
async def test_tls(
    ended: Callable[..., Any], certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with ended(certificate, tmp_path) as port:
        url = f"https://localhost:{port}"
        assert await answers(url, connector=TCPConnector(ssl=trusting)) == EXPECTED
        async with ClientSession(connector=TCPConnector(ssl=trusting)) as session:
            for origin, same, status in (
                (url, True, 101),
                (APP, False, 101),
                (EVIL, False, 403),
                (f"{url}1", False, 403),
                ("https://localhost", False, 403),
                (f"https://127.0.0.1:{port}", False, 403),
            ):
                asked = session.get(url + "/same-origin", headers={"Origin": origin})
                async with asked as response:
                    assert await response.json() is same, origin
                assert await handshake(session, url, origin) == status, origin


# Behind nginx


@contextlib.asynccontextmanager
async def nginx(
    tmp_path: Path, upstream: str, *, listen: str = ";", location: str = ""
) -> AsyncIterator[str]:
    """An nginx in front of a port; `listen` and `location` go into its configuration."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (tmp_path / "nginx.conf").write_text(
        f"""
        daemon off; user {user} {group}; worker_processes 1; pid nginx.pid;
        error_log stderr notice;
        events {{}}
        http {{
          access_log off;
          {" ".join(f"{kind}_temp_path {kind};" for kind in kinds)}
          proxy_cache_path cache keys_zone=copies:1m;
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          server {{
            listen 127.0.0.1:{port} {listen}
            location / {{ proxy_pass http://127.0.0.1:{upstream}; {location} }}
            location /socket {{
              proxy_pass http://127.0.0.1:{upstream};
              proxy_set_header Host $http_host;
              proxy_set_header Upgrade $http_upgrade;
              proxy_set_header Connection upgrade;
            }}
          }}
        }}
        """
    )
    command = (program("nginx"), "-p", str(tmp_path), "-c", "nginx.conf", "-e", "stderr")
    async with started(tmp_path, *command, says="start worker process "):
        yield f"http://127.0.0.1:{port}"


def joined(response: ClientResponse) -> dict[str, str]:
    """As `cors_headers`, with the lines of `Vary` as one list: nginx adds a line of its own."""
    vary = response.headers.getall("Vary", [])
    rest = {name for name in response.headers if name != "Vary"}
    assert len(rest) == len(response.headers) - len(vary), response.headers
    kept = {n: response.headers[n] for n in rest if n.startswith(("Access-", "Timing"))}
    return kept | {"Vary": ", ".join(sorted(vary))}


async def test_a_proxy_that_compresses_adds_its_own_vary(tmp_path: Path) -> None:
    location = "gzip on; gzip_vary on; gzip_min_length 0; gzip_proxied any; gzip_types *;"
    async with running(make_served()) as port, nginx(tmp_path, port, location=location) as url:
        seen = await answers(url, joined)
    # nginx compresses what has a body and one of these statuses.
    assert seen == {
        claim: (status, {**headers, "Vary": "Accept-Encoding, Origin"})
        if status in (200, 403, 404)
        else (status, headers)
        for claim, (status, headers) in EXPECTED.items()
    }


CACHING = "proxy_cache copies; proxy_cache_valid 200 1m; add_header X-Cache $upstream_cache_status;"


@pytest.mark.parametrize("location", ["", CACHING], ids=["passing-on", "caching"])
async def test_a_proxy_in_front(tmp_path: Path, location: str) -> None:
    async with running(make_served()) as port, nginx(tmp_path, port, location=location) as url:
        for _ in range(3):
            assert await answers(url) == EXPECTED


LISTED = CorsOptions(allow_origins=[APP, ADMIN], allow_credentials=True)


def listed(origin: str | None) -> dict[str, str]:
    if origin not in (APP, ADMIN):
        return REFUSED
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }


@pytest.mark.parametrize(
    ("options", "location", "made", "expected"),
    [
        pytest.param(LISTED, CACHING, 4, listed, id="each-origin-gets-its-own-copy"),
        pytest.param(
            CorsOptions(),
            CACHING,
            1,
            lambda _: {"Access-Control-Allow-Origin": "*"},
            id="one-copy-of-a-constant-serves-all",
        ),
        pytest.param(
            LISTED,
            CACHING + "proxy_ignore_headers Vary;",
            1,
            lambda _: listed(APP),
            id="a-cache-deaf-to-vary-gives-everybody-the-first-copy",
        ),
    ],
)
async def test_a_proxy_that_caches(
    tmp_path: Path,
    options: CorsOptions,
    location: str,
    made: int,
    expected: Callable[[str | None], dict[str, str]],
) -> None:
    responses = 0

    async def count(_request: web.Request) -> web.Response:
        nonlocal responses
        responses += 1
        return web.Response()

    app = web.Application()
    app.router.add_get("/", count)
    setup(app, options)
    asked = [APP, EVIL, ADMIN, None] * 3
    seen, cached = [], []
    async with (
        running(app) as port,
        nginx(tmp_path, port, location=location) as url,
        ClientSession() as session,
    ):
        for origin in asked:
            headers = {} if origin is None else {"Origin": origin}
            async with session.get(url, headers=headers) as response:
                seen.append(cors_headers(response))
                cached.append(response.headers["X-Cache"])
    assert seen == [expected(origin) for origin in asked]
    assert cached == ["MISS"] * made + ["HIT"] * (len(asked) - made)
    assert responses == made


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listening:
        web.run_app(make_served(), sock=listening)
