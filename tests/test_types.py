"""A user's program under mypy and pyright: right lines pass, and each wrong one is an error."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient

import aiohttp_cors_plugin
from aiohttp_cors_plugin import CorsOptions, testing
from aiohttp_cors_plugin.options import Changes

PACKAGE = Path(aiohttp_cors_plugin.__file__).parent
PROGRAM = """
import re
from datetime import timedelta

from aiohttp import web
from aiohttp.test_utils import TestClient

from aiohttp_cors_plugin import (
    CORS,
    Cors,
    CorsConfigError,
    CorsOptions,
    Explanation,
    Problem,
    is_preflight,
    is_same_origin,
    override,
    setup,
)
from aiohttp_cors_plugin.testing import Exchange, FetchError, Page, Response


async def asked(request: web.Request, origin: str) -> bool:
    return origin == request.headers["X-Tenant"]


def told(request: web.Request, origin: str) -> bool:
    return is_same_origin(request) and not is_preflight(request)


def wrong(request: web.Request) -> bool:
    return True


options = CorsOptions(allow_origins=["https://a.example", re.compile("https://b")], max_age=60)
CorsOptions(allow_origins=asked, max_age=timedelta(minutes=1), vary=["X-Tenant"])
CorsOptions(allow_origins=told, allow_methods=None, allow_headers="*", expose_headers={"X-A"})
CorsOptions(allow_origins=wrong)  # wrong
CorsOptions(allow_origins=[1])  # wrong
CorsOptions(max_agee=60)  # wrong
CorsOptions(allow_credentials="yes")  # wrong
options.max_age = 1  # wrong
CorsOptions.from_mapping({"allow_origins": ["https://a.example"]})
CorsOptions.from_env(prefix="X_", environ={"X_ALLOW_ORIGINS": "*"})

app = web.Application()
cors: Cors = setup(app, options, debug=True)
setup(app)
setup(app, None)
setup(app, [options, CorsOptions()])
setup(app, "*")  # wrong
setup(options)  # wrong
setup(app, options, True)  # wrong
app[CORS].reconfigure(options)
app[CORS].reconfigure({})  # wrong


@override(max_age=60, allow_origins=asked)
async def handler(request: web.Request) -> web.Response:
    allowed: bool = await request.app[CORS].allows_origin(request)
    return web.json_response(allowed)


app.router.add_get("/", handler)
override(None)
override(options)
override(max_agee=60)  # wrong
override(max_age="sixty")  # wrong
override(allow_origins=wrong)  # wrong
override("*")  # wrong
cors.override(handler, options)
cors.override(handler, [options])
cors.override(handler, None)
cors.override(handler, allow_methods=["GET"], guard_websockets=True)
cors.override(handler, max_agee=60)  # wrong
cors.override(handler, max_age="sixty")  # wrong
cors.override(handler, expose_headers=60)  # wrong


async def explained() -> str | None:
    explanation: Explanation = await cors.explain("GET", "/", origin="https://a.example")
    await cors.explain("GET", "/")  # wrong
    explanation.reasons  # wrong
    return explanation.reason


def problems(error: CorsConfigError) -> tuple[Problem, ...]:
    return error.problems


async def fetched(client: TestClient[web.Request, web.Application]) -> list[Exchange]:
    page = Page(client, "https://a.example")
    response: Response = await page.fetch("/", json={}, credentials="include", mode="cors")
    await page.fetch("/", mode="navigate")  # wrong
    await page.fetch("/", verb="GET")  # wrong
    assert response.ok and await response.json()
    response.status = 200  # wrong
    try:
        await page.ws_connect("/socket", protocols=["chat"])
    except FetchError as error:
        return [*error.requests]
    return page.requests
"""
CHECKERS = {
    "mypy": ["--strict", "--follow-imports=silent", "--no-error-summary", "--cache-dir=cache"],
    "pyright": ["--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_each_wrong_line_is_an_error_and_no_other(tmp_path: Path, checker: str) -> None:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is in the extra lint")
    (tmp_path / PACKAGE.name).symlink_to(PACKAGE)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    done = subprocess.run(
        [sys.executable, "-m", checker, *CHECKERS[checker], "program.py"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = {int(line) for line in re.findall(r"program\.py:(\d+):.*?error", done.stdout)}
    wrong = {n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("  # wrong")}
    assert found == wrong, done.stdout + done.stderr


def test_overrides_take_the_fields_of_the_options() -> None:
    fields = {field.name for field in dataclasses.fields(CorsOptions)}
    hints = typing.get_type_hints(CorsOptions)
    assert typing.get_type_hints(Changes) == {name: hints[name] for name in fields}
    assert not Changes.__total__


@pytest.mark.parametrize("module", [aiohttp_cors_plugin, testing])
def test_every_annotation_means_something_when_the_program_runs(module: Any) -> None:
    generic = (TestClient, ClientWebSocketResponse)
    if module is testing and not all(hasattr(kind, "__class_getitem__") for kind in generic):
        pytest.skip("before aiohttp 3.14 not all that its client returns is generic")
    for thing in (getattr(module, name) for name in module.__all__):
        members = vars(thing).values() if inspect.isclass(thing) else (thing,)
        functions = [member for member in members if inspect.isfunction(member)]
        for function in [*functions, *([thing] if inspect.isclass(thing) else [])]:
            typing.get_type_hints(function)
