"""Every kind of route in a real browser: a page on another origin reads what the options say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from aiohttp_cors_plugin import CorsOptions, setup
from tests.app import APP, make_app, ok, socket

pytestmark = pytest.mark.browser

# Fetches one row after another; what a script sees: the status, or None where fetch() rejects.
FETCH = """async ([api, rows]) => {
  const seen = [];
  for (const [path, init] of rows) {
    try {
      const response = await fetch(api + path, init);
      await response.text();
      seen.push([response.status, response.headers.get("X-Total"), response.redirected]);
    } catch (error) { seen.push(null); }
  }
  return seen;
}"""
JSON = {"headers": {"Content-Type": "application/json"}, "body": "{}"}
ROWS: list[tuple[str, dict[str, Any], int | None]] = [
    ("/plain", {}, 200),
    ("/plain", {"method": "HEAD"}, 200),
    ("/plain", {"method": "PUT", **JSON}, 200),
    ("/plain", {"method": "DELETE"}, None),
    ("/plain", {"method": "POST"}, 405),
    ("/plain", {"headers": {"X-Token": "t", "Range": "bytes=0-1"}}, 200),
    ("/plain", {"headers": {"X-Other": "t"}}, None),
    ("/plain", {"headers": {"Authorization": "t"}}, None),
    ("/plain", {"credentials": "include"}, 200),
    ("/items/7", {}, 200),
    ("/users/me", {}, 200),
    ("/users/me", {"method": "POST", **JSON}, 200),
    ("/users/me", {"method": "DELETE"}, 200),
    ("/any", {"method": "PATCH", **JSON}, 200),
    ("/any", {"method": "PROPFIND"}, 200),
    ("/any", {"method": "CHICKEN"}, None),
    ("/any", {"method": "patch"}, None),
    ("/any", {"method": "OPTIONS"}, 200),
    ("/view", {}, 200),
    ("/view", {"method": "PUT", **JSON}, 200),
    ("/view", {"method": "PATCH"}, None),
    ("/view", {"method": "POST"}, 405),
    ("/own", {"method": "POST", **JSON}, 200),
    ("/own", {"method": "OPTIONS"}, 200),
    ("/static/file.txt", {}, 200),
    ("/static/file.txt", {"headers": {"Range": "bytes=0-1"}}, 206),
    ("/static/file.txt", {"headers": {"Range": "bytes=0-1", "X-Token": "t"}}, 206),
    ("/static/folder", {}, 403),
    ("/static/none", {}, 404),
    ("/sub", {}, 200),
    ("/sub/thing", {"method": "DELETE"}, 200),
    ("/sub/thing", {"method": "PUT"}, None),
    ("/sub/any", {"method": "PUT"}, 200),
    ("/sub/deeper/thing/1", {"method": "PATCH"}, 200),
    ("/sub/nothing", {"method": "PUT"}, 404),
    ("/custom", {}, 200),
    ("/custom", {"method": "PUT"}, None),
    ("/nothing", {}, 404),
    ("/nothing", {"method": "PUT", **JSON}, 404),
    ("/body", {"method": "POST", "body": "x" * 2048}, 413),
    ("/boom", {}, 500),
    ("/redirect", {}, 200),
    ("/slash", {}, 200),
    ("/slash", {"headers": {"X-Token": "t"}}, 200),
    ("/hand", {}, 200),
    ("/events", {}, 200),
    ("/members/me", {}, 401),
    ("/members/me", {"method": "PUT", **JSON}, 401),
    ("/members/busy", {}, 429),
    ("/late", {"method": "PUT"}, 200),
]


@pytest.fixture
async def page_server() -> AsyncIterator[TestServer]:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>page</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    async with TestServer(app) as server:
        yield server


async def open_page(chromium: Any, server: TestServer, host: str = "127.0.0.1") -> Any:
    page = await chromium.new_page()
    await page.goto(f"http://{host}:{server.port}/")
    return page


@pytest.fixture
async def api(tmp_path: Path, page_server: TestServer) -> AsyncIterator[TestServer]:
    (tmp_path / "file.txt").write_text("0123456789")
    (tmp_path / "folder").mkdir()
    app = make_app(tmp_path)
    late = app.router.add_resource("/late")

    async def total(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Total"] = "42"

    app.on_response_prepare.append(total)
    setup(
        app,
        CorsOptions(
            allow_origins=[f"http://127.0.0.1:{page_server.port}"],
            allow_credentials=True,
            allow_headers=["X-Token"],
            expose_headers=["X-Total"],
            guard_websockets=True,
        ),
    )
    async with TestServer(app) as server:
        late.add_route("PUT", ok)
        yield server


async def test_a_page_of_the_listed_origin(
    chromium: Any, page_server: TestServer, api: TestServer
) -> None:
    page = await open_page(chromium, page_server)
    rows = [[path, init] for path, init, _ in ROWS]
    seen = await page.evaluate(FETCH, [f"http://127.0.0.1:{api.port}", rows])
    for (path, init, status), result in zip(ROWS, seen, strict=True):
        expected = None if status is None else [status, "42", path in ("/redirect", "/slash")]
        assert result == expected, (path, init)


async def test_a_sub_application_by_domain(chromium: Any, page_server: TestServer) -> None:
    domain = web.Application()
    domain.router.add_put("/", ok)
    app = web.Application()
    app.add_domain("*.localhost", domain)
    setup(app, CorsOptions(allow_origins=[f"http://127.0.0.1:{page_server.port}"]))
    async with TestServer(app) as api:
        page = await open_page(chromium, page_server)
        for host, path, method, status in (
            ("tenant.localhost", "/", "PUT", 200),
            ("tenant.localhost", "/", "DELETE", None),
            ("tenant.localhost", "/nothing", "PUT", 404),
            ("127.0.0.1", "/", "PUT", 404),
        ):
            url = f"http://{host}:{api.port}"
            [seen] = await page.evaluate(FETCH, [url, [[path, {"method": method}]]])
            assert (seen and seen[0]) == status, (host, path, method)


async def test_a_page_of_another_origin_reads_nothing(
    chromium: Any, page_server: TestServer, api: TestServer
) -> None:
    page = await open_page(chromium, page_server, "localhost")
    rows = [[path, init] for path, init, _ in ROWS]
    seen = await page.evaluate(FETCH, [f"http://127.0.0.1:{api.port}", rows])
    assert seen == [None] * len(ROWS)


async def test_a_sandboxed_frame_reads_nothing(
    chromium: Any, page_server: TestServer, api: TestServer
) -> None:
    page = await open_page(chromium, page_server)
    seen = await page.evaluate(
        """url => new Promise(resolve => {
          addEventListener("message", event => resolve([event.origin, event.data]));
          const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts";
          frame.srcdoc = `<script>fetch("${url}").then(() => "read", () => "refused")
            .then(text => parent.postMessage(text, "*"))</script>`;
          document.body.append(frame);
        })""",
        f"http://127.0.0.1:{api.port}/plain",
    )
    assert seen == ["null", "refused"]


WEBSOCKET = """url => new Promise(resolve => {
  const socket = new WebSocket(url);
  socket.onmessage = event => resolve(event.data);
  socket.onerror = () => resolve(null);
})"""


async def test_guarded_websockets(chromium: Any, page_server: TestServer, api: TestServer) -> None:
    for host, expected in (("127.0.0.1", "hello"), ("localhost", None)):
        page = await open_page(chromium, page_server, host)
        url = f"ws://127.0.0.1:{api.port}/socket"
        assert await page.evaluate(WEBSOCKET, url) == expected


async def test_unguarded_websockets_and_events(chromium: Any, page_server: TestServer) -> None:
    app = make_app()
    app.router.add_get("/ws", socket)
    setup(app)
    async with TestServer(app) as api:
        page = await open_page(chromium, page_server)
        assert await page.evaluate(WEBSOCKET, f"ws://127.0.0.1:{api.port}/ws") == "hello"
        data = await page.evaluate(
            """url => new Promise(resolve => {
              const source = new EventSource(url);
              source.onmessage = event => { source.close(); resolve(event.data); };
            })""",
            f"http://127.0.0.1:{api.port}/events",
        )
        assert data == "one"


async def test_one_page_with_credentials_and_one_without_under_rules(
    chromium: Any, page_server: TestServer
) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(
        app,
        [
            CorsOptions(
                allow_origins=[f"http://127.0.0.1:{page_server.port}"], allow_credentials=True
            ),
            CorsOptions(allow_origins="*"),
        ],
    )
    async with TestServer(app) as api:
        rows = [["/", {"method": "PUT", "credentials": c}] for c in ("include", "omit")]
        for host, expected in (("127.0.0.1", [True, True]), ("localhost", [False, True])):
            page = await open_page(chromium, page_server, host)
            seen = await page.evaluate(FETCH, [f"http://127.0.0.1:{api.port}", rows])
            assert [result is not None for result in seen] == expected


async def test_the_console_names_the_failing_check_in_debug_mode(
    chromium: Any, page_server: TestServer
) -> None:
    app = web.Application()
    app.router.add_get("/", ok)
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=[f"http://127.0.0.1:{page_server.port}"]), debug=True)
    async with TestServer(app) as api:
        page = await open_page(chromium, page_server)
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        rows = [["/", {"method": "DELETE"}], ["/", {"headers": {"X-Other": "1"}}]]
        assert await page.evaluate(FETCH, [f"http://127.0.0.1:{api.port}", rows]) == [None, None]
        text = "\n".join(console)
        assert "Method DELETE is not allowed by Access-Control-Allow-Methods" in text
        assert "header field x-other is not allowed by Access-Control-Allow-Headers" in text


PLANTED = {
    "/other": {"Access-Control-Allow-Origin": "https://other.example"},
    "/twice": {"Access-Control-Allow-Origin": "*, *"},
    "/404": {"Access-Control-Allow-Origin": "*"},
    "/301": {"Location": "/"},
}
PLAIN, INCLUDE, PUT = {}, {"credentials": "include"}, {"method": "PUT"}
TOKEN = {"headers": {"X-Other": "1"}}
# For each row of the README's table in order: whom a page asks for what.
CONSOLE = [
    [("ours", "/", {"method": "DELETE"}), ("ours", "/", {"method": "patch"}), ("ours", "/", TOKEN)],
    [("closed", "/", PLAIN)],
    [("planted", "/other", PLAIN)],
    [("planted", "/twice", PLAIN)],
    [("anybody", "/", INCLUDE)],
    [("ours", "/", INCLUDE)],
    [("planted", "/404", PUT)],
    [("planted", "/301", PUT)],
    [("debug", "/", {"method": "DELETE"}), ("debug", "/", {"method": "patch"})],
    [("debug", "/", TOKEN)],
    [("nobody", "/", PLAIN)],
]


async def planted(request: web.Request) -> web.Response:
    status = int(request.path[1:]) if request.path[1:].isdigit() else 200
    return web.Response(status=status, headers=PLANTED[request.path])


async def test_the_console_says_what_the_readme_says(
    chromium: Any, page_server: TestServer
) -> None:
    readme = Path(__file__).parent.parent / "README.md"
    if not readme.exists():
        pytest.skip("the README is in the source tree only")
    section = readme.read_text("utf-8").partition("### What the console says\n")[2]
    rows = re.findall(r"^\| `([^`]+)`.* \|$", section.partition("\n## ")[0], re.MULTILINE)
    assert len(rows) == len(CONSOLE)

    async def starting(stack: AsyncExitStack, *setups: Any, debug: bool = False) -> str:
        app = web.Application()
        for options in setups:
            app.router.add_get("/", ok)
            app.router.add_put("/", ok)
            setup(app, options, debug=debug)
        if not setups:
            app.router.add_route("*", "/{any}", planted)
        server = await stack.enter_async_context(TestServer(app))
        return f"http://127.0.0.1:{server.port}"

    page_origin = f"http://127.0.0.1:{page_server.port}"
    allowed = CorsOptions(allow_origins=[page_origin])
    async with AsyncExitStack() as stack:
        servers = {
            "ours": await starting(stack, allowed),
            "debug": await starting(stack, allowed, debug=True),
            "closed": await starting(stack, CorsOptions(allow_origins=[APP])),
            "anybody": await starting(stack, CorsOptions()),
            "planted": await starting(stack),
            "nobody": f"http://127.0.0.1:{unused_port()}",
        }
        for row, cases in zip(rows, CONSOLE, strict=True):
            for server, path, init in cases:
                page = await open_page(chromium, page_server)
                console: list[str] = []
                page.on("console", lambda message, said=console: said.append(message.text))
                seen = await page.evaluate(FETCH, [servers[server], [[path, init]]])
                said = "\n".join(console)
                assert seen == [None]
                assert re.search(re.escape(row).replace("…", ".*"), said), said
                is_preflight = "Response to preflight request" in said
                assert is_preflight is row.startswith(
                    ("Response to preflight", "It does", "Redirect")
                )
                await page.close()


async def test_one_preflight_serves_all_methods_of_a_path(
    chromium: Any, page_server: TestServer
) -> None:
    app = web.Application()
    for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
        app.router.add_route(method, "/", ok)
    seen: list[str] = []

    async def count(request: web.Request, _response: web.StreamResponse) -> None:
        seen.append(request.method)

    app.on_response_prepare.append(count)
    setup(app)
    async with TestServer(app) as api:
        page = await open_page(chromium, page_server)
        rows = [["/", {"method": m}] for m in ("GET", "PUT", "PATCH", "DELETE")]
        rows += [["/", {"method": "POST", **JSON}]]
        for _ in range(2):
            results = await page.evaluate(FETCH, [f"http://127.0.0.1:{api.port}", rows])
            assert [result[0] for result in results] == [200] * 5
    assert seen.count("OPTIONS") == 1
