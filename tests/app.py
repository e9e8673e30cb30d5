"""One application with every kind of route that aiohttp has, for several test files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web
from yarl import URL

from aiohttp_cors_plugin import override

APP = "https://app.example.com"
ADMIN = "https://admin.example.com"
EVIL = "https://evil.example.net"


async def ok(request: web.Request) -> web.Response:
    return web.json_response({"method": request.method, "path": request.path})


@override(None)
async def closed(_request: web.Request) -> web.Response:
    return web.Response()


async def boom(_request: web.Request) -> web.Response:
    raise RuntimeError("on purpose")


async def redirect(_request: web.Request) -> web.Response:
    error = web.HTTPFound("/plain")
    error.set_cookie("kept", "yes")
    raise error


async def own_options(_request: web.Request) -> web.Response:
    return web.Response(text="my own OPTIONS", headers={"DAV": "1"})


async def by_hand(_request: web.Request) -> web.Response:
    return web.Response(
        text="by hand",
        headers={
            "Access-Control-Allow-Origin": EVIL,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "X-Hand",
            "Access-Control-Max-Age": "1",
            "Vary": "Accept-Encoding",
        },
    )


async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: one\n\n")
    return response


async def socket(request: web.Request) -> web.StreamResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    await ws.send_str("hello")
    await ws.close()
    return ws


async def body(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


class Item(web.View):
    async def get(self) -> web.Response:
        return web.json_response({"view": "get"})

    async def put(self) -> web.Response:
        return web.json_response({"view": "put"})


class Custom(web.AbstractResource):
    """A resource class of the user's: takes GET and OPTIONS on one path, makes its own routes."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    @property
    def canonical(self) -> str:
        return self._path

    async def resolve(self, request: web.Request) -> Any:
        if request.path != self._path:
            return None, set()
        if request.method not in ("GET", "OPTIONS"):
            return None, {"GET", "OPTIONS"}
        route = web.ResourceRoute(request.method, ok, self)
        return web.UrlMappingMatchInfo({}, route), {"GET", "OPTIONS"}

    def url_for(self, **_: str) -> URL:
        return URL(self._path)

    def add_prefix(self, prefix: str) -> None:
        self._path = prefix + self._path

    def get_info(self) -> Any:
        return {"path": self._path}

    def raw_match(self, path: str) -> bool:
        return path == self._path

    def __len__(self) -> int:
        raise TypeError("not told")

    def __iter__(self) -> Any:
        raise TypeError("not told")


@web.middleware
async def authenticate(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuses everything below /members without credentials, OPTIONS included."""
    if request.path == "/members/busy":
        return web.Response(status=429)
    if request.path.startswith("/members") and "Authorization" not in request.headers:
        raise web.HTTPUnauthorized(text="who are you?")
    response: web.StreamResponse = await handler(request)
    return response


def make_app(static: Path | None = None) -> web.Application:
    """The application, without the plugin."""
    app = web.Application(
        middlewares=[web.normalize_path_middleware(), authenticate], client_max_size=1024
    )
    add = app.router
    add.add_get("/plain", ok, name="plain")
    add.add_post("/body", body)
    add.add_get("/items/{id}", ok, name="item")
    # Two resources on one path, registered apart.
    add.add_put("/plain", ok, name="plain_again")
    add.add_get("/users/{id}", ok)
    add.add_delete("/users/{id}", ok)
    add.add_post("/users/me", ok)
    add.add_route("*", "/any", ok)
    add.add_view("/view", Item)
    add.add_options("/own", own_options)
    add.add_post("/own", ok)
    add.add_get("/boom", boom)
    add.add_get("/redirect", redirect)
    add.add_get("/hand", by_hand)
    add.add_get("/events", events)
    add.add_get("/socket", socket)
    add.add_get("/members/me", ok)
    add.add_put("/members/me", ok)
    add.add_get("/members/busy", ok)
    add.add_get("/slash/", ok)
    add.register_resource(Custom("/custom"))
    if static is not None:
        add.add_static("/static", static)
    sub = web.Application()
    sub.router.add_get("", ok)
    sub.router.add_delete("/thing", ok)
    sub.router.add_route("*", "/any", ok)
    deeper = web.Application()
    deeper.router.add_patch("/thing/{id}", ok)
    sub.add_subapp("/deeper", deeper)
    app.add_subapp("/sub", sub)
    domain = web.Application()
    domain.router.add_put("/tenant", ok)
    app.add_domain("tenant.example.org", domain)
    return app


def cors_headers(response: Any) -> dict[str, str]:
    """The complete set of headers that CORS is about; a repeated one fails."""
    names = [name for name in response.headers if name.startswith(("Access-", "Timing", "Vary"))]
    assert len(names) == len(set(names)), response.headers
    return {name: response.headers[name] for name in names}


def preflight(method: str, origin: str = APP, headers: str | None = None) -> dict[str, str]:
    """The headers of a preflight."""
    sent = {"Origin": origin, "Access-Control-Request-Method": method}
    return sent if headers is None else sent | {"Access-Control-Request-Headers": headers}


def codes(caught: Any) -> list[str]:
    return [problem.code for problem in caught.value.problems]
