"""The README runs, and says of the package what is true of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import re
import unittest
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import aiohttp_cors_plugin
from aiohttp_cors_plugin import CORS, CorsOptions, cli
from aiohttp_cors_plugin._reasons import REASONS
from tests.app import APP, cors_headers, preflight

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8") if README.exists() else ""
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
pytestmark = pytest.mark.skipif(not TEXT, reason="the README is in the source tree only")


def run(program: str) -> tuple[dict[str, Any], str]:
    names: dict[str, Any] = {"__name__": "readme"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "README.md", "exec"), names)
    return names, printed.getvalue()


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
async def test_every_program_runs_and_starts(program: str, aiohttp_client: Any) -> None:
    # What calls asyncio.run() needs a thread without a loop.
    if "asyncio.run(" in program:
        names, printed = await asyncio.to_thread(run, program)
    else:
        names, printed = run(program)
    for line in printed.splitlines():
        assert line in TEXT
    if isinstance(app := names.get("app"), web.Application):
        client = await aiohttp_client(app)
        assert CORS in app
        assert (await client.get("/nothing")).status == 404
        if "DATABASE" in names:
            app[names["DATABASE"]].close()
    for name, test in names.items():
        if name.startswith("test_"):
            await test(aiohttp_client)
        elif isinstance(test, type) and test.__module__ == "readme":
            for line in await asyncio.to_thread(run_tests, test):
                assert line in TEXT


def run_tests(case: type[unittest.TestCase]) -> list[str]:
    """What the tests of a program print."""
    printed, result = io.StringIO(), unittest.TestResult()
    with contextlib.redirect_stdout(printed):
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])
    return printed.getvalue().splitlines()


async def test_the_first_program_is_short_and_does_what_it_says(aiohttp_client: Any) -> None:
    assert len(PROGRAMS[0].splitlines()) < 20
    client = await aiohttp_client(run(PROGRAMS[0])[0]["app"])
    response = await client.get("/catalogue", headers={"Origin": APP})
    assert cors_headers(response) == {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}


async def test_what_check_says_of_it_is_what_it_says(aiohttp_server: Any) -> None:
    shown = re.search(
        r"```console\n(\$ [^\n]* check (http://127\.0\.0\.1:8080)/.*?)```", TEXT, re.DOTALL
    )
    assert shown is not None
    server = await aiohttp_server(run(PROGRAMS[0])[0]["app"])
    command, _, expected = (
        shown[1].replace(shown[2], str(server.make_url("")).rstrip("/")).partition("\n")
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        arguments = command.partition("aiohttp_cors_plugin ")[2].split()
        assert await asyncio.to_thread(cli.main, arguments) == 0
    assert printed.getvalue() == expected


async def test_the_tenants_are_told_apart(aiohttp_client: Any) -> None:
    program = next(program for program in PROGRAMS if "sqlite3" in program)
    names, _ = run(program)
    client = await aiohttp_client(names["app"])
    for tenant, status in (("acme", 204), ("other", 403)):
        for _ in range(2):
            headers = preflight("GET", "https://acme.example.com")
            response = await client.options(f"/{tenant}/things", headers=headers)
            assert response.status == status
    response = await client.get("/nothing", headers={"Origin": "https://acme.example.com"})
    assert (response.status, cors_headers(response)) == (404, {"Vary": "Origin"})
    names["app"][names["DATABASE"]].close()


def test_the_readme_lists_the_public_names() -> None:
    section = TEXT.partition("## Names\n")[2].partition("Everything")[0]
    assert re.findall(r"`(\w+)`", section) == sorted(aiohttp_cors_plugin.__all__)


def test_the_readme_lists_every_reason() -> None:
    rows = re.findall(r"^\| `([a-z]+-[a-z-]+)` \| ([^|]*) \| ([^|]*) \|$", TEXT, re.MULTILINE)
    assert rows == [
        (slug, reason.sentence, reason.fix.format(subject="it")) for slug, reason in REASONS.items()
    ]


def test_the_readme_lists_every_option_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]*\| ([^|]*) \|", TEXT, re.MULTILINE))
    defaults = {
        field.name: "none" if field.default == () else f"`{field.default!r}`".replace("'", '"')
        for field in dataclasses.fields(CorsOptions)
    }
    assert {name: value.strip() for name, value in rows.items()} == defaults
