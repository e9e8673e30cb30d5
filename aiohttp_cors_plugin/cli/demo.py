"""`demo`: an API with the plugin on one loopback port, a page that tries it out on another."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import inspect
import json
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from importlib import resources

from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, is_preflight, override, setup

HELP = "an API, and a page on another origin that tries it out in your browser"

_HOST = "127.0.0.1"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_api(page: str) -> web.Application:
    """An API that lets the page at one origin in."""
    app = web.Application()
    setup(
        app,
        CorsOptions(
            allow_origins=[page],
            allow_credentials=True,
            allow_headers=["X-Client"],
            expose_headers=["X-Total"],
        ),
    )
    routes = web.RouteTableDef()

    @routes.get("/notes")
    @routes.put("/notes")
    async def notes(request: web.Request) -> web.Response:
        headers = {"X-Total": "42", "X-Internal": "7"}
        return web.json_response([], headers=headers)

    @routes.get("/visits")
    async def visits(request: web.Request) -> web.Response:
        cookie = request.cookies.get("visits", "none")
        response = web.json_response({"cookie": cookie})
        response.set_cookie("visits", "one", httponly=True)
        return response

    @routes.get("/public")
    @override(CorsOptions(allow_origins="*"))
    async def public(request: web.Request) -> web.Response:
        return web.json_response([])

    @routes.get("/partner")
    @override(allow_origins=["https://partner.example"])
    async def partner(request: web.Request) -> web.Response:
        return web.json_response([])

    @routes.delete("/archive")
    @override(allow_methods=["GET"])
    async def archive(request: web.Request) -> web.Response:
        return web.json_response([])

    @routes.get("/internal")
    @override(None)
    async def internal(request: web.Request) -> web.Response:
        return web.json_response([])

    @routes.put("/private")
    async def private(request: web.Request) -> web.Response:
        return web.json_response([])

    @routes.get("/broken")
    async def broken(request: web.Request) -> web.Response:
        raise ValueError("broken on purpose")

    @routes.get("/moved")
    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"/notes?{request.query_string}")

    @routes.get("/events")
    async def events(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream"}
        stream = web.StreamResponse(headers=headers)
        await stream.prepare(request)
        await stream.write(b"data: hello\n\n")
        return stream

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/private" and "Authorization" not in request.headers:
            raise web.HTTPUnauthorized(text="log in first")
        return await handler(request)

    app.add_routes(routes)
    app.middlewares.append(authenticate)
    return app


def build_page(page: str, api: str, seen: dict[str, list[str]]) -> web.Application:
    """The page's server: the page, and what the API saw of each of its requests."""
    template = resources.files("aiohttp_cors_plugin.cli").joinpath("demo.html").read_text("utf-8")
    config = {"page": page, "api": api, "source": inspect.getsource(build_api)}
    # Inside a script element only a "<" could end the JSON early.
    html = template.replace("{{config}}", json.dumps(config).replace("<", "\\u003c"))
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src 'unsafe-inline'; img-src data:; connect-src 'self' {api}",
    }

    async def index(_request: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html", headers=headers)

    async def what_was_seen(request: web.Request) -> web.Response:
        return web.json_response(seen.pop(request.query.get("case", ""), []))

    app = web.Application()
    app.router.add_get("/", index)
    app.router.add_get("/seen", what_was_seen)
    return app


class _ListenError(Exception):
    """A port that cannot be had, as a sentence."""


def _listen(port: int, option: str) -> socket.socket:
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        if error.errno == errno.EADDRINUSE:
            reason = "it is in use"
        raise _ListenError(
            f"cannot listen on port {port} of {_HOST}: {reason}; "
            f"give {option} another, or leave it out for any free port"
        ) from error


async def serve(api_port: int, page_port: int) -> None:
    """Serve until the process is told to stop."""
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

    async with contextlib.AsyncExitStack() as stack:
        # Both listen before either is built: each needs to know the other's address.
        api_socket = stack.enter_context(_listen(api_port, "--api-port"))
        page_socket = stack.enter_context(_listen(page_port, "--page-port"))
        api_url, page_url = (
            f"http://{_HOST}:{listening.getsockname()[1]}"
            for listening in (api_socket, page_socket)
        )
        api = build_api(page_url)
        api.on_response_prepare.append(record)
        page = build_page(page_url, api_url, seen)
        for app, listening in ((api, api_socket), (page, page_socket)):
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, listening).start()
        print(f"API:  {api_url}/notes")
        print(f"Open: {page_url}/  (Ctrl-C ends it)", flush=True)
        await stop.wait()


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
    try:
        asyncio.run(serve(arguments.api_port, arguments.page_port))
    except _ListenError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # Windows
        pass
    return 0
