"""The documentation of public names is whole; its examples run, and print what they say."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import doctest
import importlib
import inspect
import io
import pydoc
import re
import sys
import textwrap
from collections.abc import Callable
from typing import Any, get_args

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

import aiohttp_cors_plugin
from aiohttp_cors_plugin import CORS, CorsOptions, testing
from tests.app import APP, ok, socket
from tests.surface import attributes, members

MODULES = (aiohttp_cors_plugin, testing)
NAMES = {name: getattr(module, name) for module in MODULES for name in module.__all__}
CLASSES = {name: thing for name, thing in NAMES.items() if inspect.isclass(thing)}
METHODS = {
    f"{name}.{member}": getattr(thing, member)
    for name, thing in CLASSES.items()
    for member in members(thing)
    if callable(getattr(thing, member))
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: thing for name, thing in NAMES.items() if inspect.isfunction(thing)},
    **METHODS,
}
# Of our own, what signatures may name beside public names; the documentation says what it is.
EXPLAINED = {"Changes", "T", "Credentials", "Mode", "Redirect"}
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
    return web.json_response({"name": "x"}, headers={"X-Total": "1"})


def listed(thing: Any, heading: str) -> list[str]:
    """What a part of some documentation lists."""
    text = f"{inspect.getdoc(thing)}\n"
    part = re.search(rf"^{heading}:\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [] if part is None else re.findall(r"^    ([\w.]+):", part[1], re.MULTILINE)


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(function).parameters.values() if p.name != "self"]


@pytest.mark.parametrize("path", FUNCTIONS)
def test_every_function_says_what_it_takes_gives_and_raises(path: str) -> None:
    function = FUNCTIONS[path]
    signature, taken = inspect.signature(function), parameters(function)
    assert inspect.getdoc(function)
    assert signature.empty not in (signature.return_annotation, *(p.annotation for p in taken))
    assert listed(function, "Args") == [parameter.name for parameter in taken]
    # Of what takes nothing the first line says what it gives.
    is_told = signature.return_annotation != "None" and bool(taken)
    assert ("\nReturns:\n    " in str(inspect.getdoc(function))) is is_told
    assert path in WITH_EXAMPLES or not taken


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_says_what_it_has(name: str) -> None:
    thing = CLASSES[name]
    assert sorted(listed(thing, "Attributes")) == sorted(attributes(thing))
    assert name in WITH_EXAMPLES
    for member in members(thing):
        if isinstance(inspect.getattr_static(thing, member), property):
            assert inspect.getdoc(getattr(thing, member))


@pytest.mark.parametrize("path", [*CLASSES, *FUNCTIONS])
def test_what_is_raised_are_exceptions(path: str) -> None:
    for name in listed(CLASSES.get(path) or FUNCTIONS[path], "Raises"):
        module, _, inner = name.rpartition(".")
        known = vars(importlib.import_module(module)) if module else vars(builtins) | NAMES
        assert issubclass(known[inner], Exception)


@pytest.mark.parametrize("path", [*CLASSES, *FUNCTIONS])
def test_signatures_name_nothing_that_is_explained_nowhere(path: str) -> None:
    thing = CLASSES.get(path) or FUNCTIONS[path]
    annotations = [*(p.annotation for p in parameters(thing))]
    annotations.append(inspect.signature(thing).return_annotation)
    for annotation in (text for text in annotations if isinstance(text, str)):
        for node in ast.walk(ast.parse(annotation)):
            if isinstance(node, ast.Name) and node.id not in (NAMES.keys() | EXPLAINED):
                names = vars(builtins) | vars(sys.modules[thing.__module__])
                meant = names[node.id]
                assert not get_args(meant), f"{node.id} is another name for {meant}"
                module = getattr(meant, "__module__", "")
                assert not module.startswith(aiohttp_cors_plugin.__name__), node.id


@pytest.mark.parametrize("module", MODULES)
def test_help_reads_alike_in_each_run(module: Any) -> None:
    text = pydoc.plain(pydoc.render_doc(module))
    assert re.findall(r"<object| at 0x", text) == []


def test_help_begins_with_where_to_start() -> None:
    assert {f"`{name}" for name in aiohttp_cors_plugin.__all__} <= set(
        re.findall(r"`\w+", str(aiohttp_cors_plugin.__doc__))
    )


@pytest.mark.parametrize("module", MODULES)
async def test_the_program_at_its_beginning_runs(module: Any, aiohttp_client: Any) -> None:
    block = re.search(r"\n\n((?:    .*\n|\n)+)", module.__doc__)
    assert block is not None
    names: dict[str, Any] = {**NAMES, "make_app": make_app}
    exec(textwrap.dedent(block[1]), names)
    if "app" in names:
        assert CORS in names["app"]
    else:
        await names["test_a_page_reads_the_account"](aiohttp_client)


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
