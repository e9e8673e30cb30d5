"""An application on the interface of 0.1.0: before and after an upgrade it answers alike."""

import asyncio
import json
import warnings

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from aiohttp_cors_plugin import CORS, CorsOptions, is_preflight, is_same_origin, override, setup

warnings.simplefilter("error")
APP, EVIL = "https://app.example.com", "https://evil.example.net"


async def ok(request: web.Request) -> web.Response:
    return web.json_response({"preflight": is_preflight(request), "own": is_same_origin(request)})


@override(max_age=60, expose_headers=["X-Total"])
async def report(request: web.Request) -> web.Response:
    return web.Response(headers={"X-Total": "1"})


async def tenants(request: web.Request, origin: str) -> bool:
    return origin == f"https://{request.match_info['tenant']}.example.com"


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/plain", ok)
    app.router.add_put("/plain", ok)
    app.router.add_get("/report", report)
    tenant = app.router.add_put("/{tenant}/things", ok)
    closed = app.router.add_post("/closed", ok)
    rules = [CorsOptions(allow_origins=[APP], allow_credentials=True), CorsOptions(max_age=None)]
    cors = setup(app, CorsOptions.from_mapping({"allow_origins": [APP, "https://*.example.com"]}))
    cors.override(tenant, CorsOptions(allow_origins=tenants, vary=["X-Tenant"]))
    cors.override(closed, None)
    cors.override(app.router.add_get("/rules", ok), rules)
    return app


async def main() -> None:
    app, seen = make_app(), []
    async with TestClient(TestServer(app)) as client:
        for options in (None, CorsOptions(allow_origins=["https://app.example.com"], max_age=1)):
            if options is not None:
                app[CORS].reconfigure(options)
            for path in ("/plain", "/report", "/app/things", "/closed", "/rules", "/nowhere"):
                for origin in (APP, EVIL, "null", None):
                    for method in ("GET", "PUT", "POST", "OPTIONS"):
                        headers = {} if origin is None else {"Origin": origin}
                        if method == "OPTIONS":
                            headers["Access-Control-Request-Method"] = "PUT"
                        async with client.request(method, path, headers=headers) as response:
                            sent = [n for n in response.headers if n.startswith(("Acc", "Vary"))]
                            lines = sorted((name, response.headers[name]) for name in sent)
                            seen.append([path, origin, method, response.status, lines])
    print(json.dumps(seen, indent=0))


asyncio.run(main())
