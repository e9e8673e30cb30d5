"""`demo`: an API with the plugin on one loopback port, a page that tries it out on another."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import inspect
import json
import logging
import signal
import sys
from importlib import resources
from typing import Any

from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, is_preflight, override, setup

HELP = "an API, and a page on another origin that tries it out in your browser"

_HOST = "127.0.0.1"


def build_api(page: str) -> web.Application:
    """The API; the page shows this source."""

    async def note(request: web.Request) -> web.Response:
        headers = {"X-Total": "42", "X-Internal": "7"}
        return web.json_response({"method": request.method}, headers=headers)

    async def cookie(request: web.Request) -> web.Response:
        response = web.json_response({"visits": request.cookies.get("visits", "none")})
        response.set_cookie("visits", "one", httponly=True)
        return response

    async def broken(request: web.Request) -> web.Response:
        raise ValueError("broken on purpose")

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"/notes?{request.query_string}")

    async def events(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: hello\n\n")
        return stream

    @web.middleware
    async def authenticate(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/private" and "Authorization" not in request.headers:
            raise web.HTTPUnauthorized(text="no credentials")
        response: web.StreamResponse = await handler(request)
        return response

    elsewhere = override(allow_origins=["https://partner.example"])
    public = override(CorsOptions(allow_origins="*"))

    app = web.Application(middlewares=[authenticate])
    app.router.add_get("/notes", note)
    app.router.add_put("/notes", note)
    app.router.add_get("/cookie", cookie)
    app.router.add_get("/broken", broken)
    app.router.add_get("/moved", moved)
    app.router.add_get("/events", events)
    app.router.add_put("/private", own(note))
    app.router.add_get("/public", public(own(note)))
    app.router.add_get("/partner", elsewhere(own(note)))
    app.router.add_get("/internal", override(None)(own(note)))
    app.router.add_delete("/archive", override(allow_methods=["GET"])(own(note)))
    setup(
        app,
        CorsOptions(
            allow_origins=[page],
            allow_credentials=True,
            allow_headers=["X-Client"],
            expose_headers=["X-Total"],
        ),
    )
    return app


def own(handler: Any) -> Any:
    """A handler of its own, so that an override of it concerns one route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        return response

    return handle


def build_page(api: str, seen: dict[str, list[str]]) -> web.Application:
    """The page's server: the page, and what the API saw of each of its requests."""
    template = resources.files("aiohttp_cors_plugin.cli").joinpath("demo.html").read_text("utf-8")
    config = {"api": api, "source": inspect.getsource(build_api)}
    script = json.dumps(config).replace("<", "\\u003c")

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=template.replace("{{config}}", script), content_type="text/html")

    async def what_was_seen(request: web.Request) -> web.Response:
        return web.json_response(seen.pop(request.query.get("case", ""), []))

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/seen", what_was_seen)
    return app


async def _start(app: web.Application, port: int) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, runner.addresses[0][1]


async def serve(api_port: int, page_port: int) -> int:
    """Serve until the process is told to stop; the exit code."""
    seen: dict[str, list[str]] = {}
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def record(request: web.Request, _response: web.StreamResponse) -> None:
        kind = "preflight" if is_preflight(request) else request.method
        seen.setdefault(request.query.get("case", ""), []).append(kind)
        while len(seen) > 1000:
            seen.pop(next(iter(seen)))

    runners: list[web.AppRunner] = []
    port = page_port
    try:
        # The page needs to know the API's address, and the API the page's.
        shell = web.Application()
        runner, page_port = await _start(shell, page_port)
        await runner.cleanup()
        port = api_port
        api = build_api(f"http://{_HOST}:{page_port}")
        api.on_response_prepare.append(record)
        runner, api_port = await _start(api, api_port)
        runners.append(runner)
        port = page_port
        runner, _ = await _start(build_page(f"http://{_HOST}:{api_port}", seen), page_port)
        runners.append(runner)
        print(f"API:  http://{_HOST}:{api_port}/notes")
        print(f"Open: http://{_HOST}:{page_port}/  (Ctrl-C ends it)", flush=True)
        await stop.wait()
    except OSError as error:
        print(f"cannot listen on port {port} of {_HOST}: {error.strerror}", file=sys.stderr)
        return 1
    finally:
        for runner in runners:
            await runner.cleanup()
    return 0


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 (any free one) to 65535")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    parser.add_argument("--api-port", type=_port, default=0, help="default: any free port")
    parser.add_argument("--page-port", type=_port, default=0, help="default: any free port")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; the exit code."""
    # The page asks for a 500, and its traceback would look like a failure of the demo.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(serve(arguments.api_port, arguments.page_port))
    return 0
