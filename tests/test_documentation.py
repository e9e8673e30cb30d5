"""The examples in the documentation of public names run, and print what they say."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

import aiohttp_cors_plugin
from aiohttp_cors_plugin import CORS, CorsOptions, testing
from tests.app import APP, ok, socket

NAMES = {
    **{name: getattr(aiohttp_cors_plugin, name) for name in aiohttp_cors_plugin.__all__},
    **{name: getattr(testing, name) for name in testing.__all__},
}
DOCUMENTED = {
    path: test
    for name, thing in NAMES.items()
    if name != "CORS"
    for test in doctest.DocTestFinder().find(thing, name, globs={})
    if (path := test.name).count(".") < 2 and "._" not in path
}
WITH_EXAMPLES = {path: test for path, test in DOCUMENTED.items() if test.examples}


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/report", ok, name="report")
    app.router.add_put("/account", ok)
    app.router.add_delete("/account", ok)
    app.router.add_get("/account", account)
    app.router.add_get("/socket", socket)
    options = CorsOptions(
        allow_origins=["https://app.example.com"], allow_credentials=True, expose_headers="*"
    )
    aiohttp_cors_plugin.setup(app, options)
    return app


async def account(_request: web.Request) -> web.Response:
    return web.Response(headers={"X-Total": "1"})


@pytest.mark.parametrize("name", sorted(NAMES.keys() - {"CORS"}))
def test_every_public_name_has_an_example(name: str) -> None:
    assert any(path == name or path.startswith(f"{name}.") for path in WITH_EXAMPLES)


@pytest.mark.parametrize("path", WITH_EXAMPLES)
async def test_it_runs(path: str, aiohttp_client: Any) -> None:
    app = make_app()
    late = app.router.add_resource("/late")
    client = await aiohttp_client(app)
    request = make_mocked_request("GET", "/report", headers={"Host": "x"}, app=app)
    match = await app.router.resolve(request)
    match.add_app(app)
    request._match_info = match
    request = make_mocked_request("GET", "/report", {"Origin": APP, "Host": "app.example.com"})
    request._match_info = match
    names: dict[str, Any] = {
        **NAMES,
        "app": web.Application() if path == "setup" else app,
        "cors": app[CORS],
        "request": request,
        "client": client,
        "page": testing.Page(client, APP),
        "aiohttp_client": aiohttp_client,
        "make_app": make_app,
        "resource": late,
        "handler": ok,
        "many_origins": ["https://app.example.com"],
        "asyncio": asyncio,
        "pytest": pytest,
        "web": web,
    }
    if path == "Cors":
        names["app"] = web.Application()
        names["app"].router.add_get("/report", ok, name="report")
    for example in WITH_EXAMPLES[path].examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for kind in ("eval", "exec"):
                with contextlib.suppress(SyntaxError):
                    code = compile(example.source, path, kind, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                    break
            value = eval(code, names)
            if inspect.iscoroutine(value):
                value = await value
            if kind == "eval" and value is not None:
                print(repr(value))
        if example.want or kind == "exec":
            checker = doctest.OutputChecker()
            assert checker.check_output(example.want, printed.getvalue(), doctest.ELLIPSIS)
