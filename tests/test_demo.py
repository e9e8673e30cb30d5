"""The demo as a person starts it: a process, an address, a page in Chromium, Ctrl-C."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiohttp_cors_plugin.cli import main

COMMAND = (sys.executable, "-m", "aiohttp_cors_plugin", "demo")
PIPE = asyncio.subprocess.PIPE


@pytest.fixture
async def demo() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(*COMMAND, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    address = None
    while address is None:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line, "the demo ended without an address"
        address = re.search(r"Open: (http://\S+/)", line)
    yield process, address[1]
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_quietly(demo: Any, number: signal.Signals) -> None:
    process, _ = demo
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("option", ["--api-port", "--page-port"])
def test_a_port_in_use_is_a_plain_sentence(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["demo", option, str(port)]) == 1
    assert capsys.readouterr().err.startswith(f"cannot listen on port {port} of 127.0.0.1: ")


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["demo", "--api-port", "many"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_row_is_as_expected(chromium: Any, demo: Any, scheme: str) -> None:
    page = await chromium.new_page(color_scheme=scheme, viewport={"width": 360, "height": 800})
    foreign: list[str] = []
    page.on("request", lambda r: "//127.0.0.1:" in r.url or foreign.append(r.url))
    await page.goto(demo[1])
    await page.wait_for_selector("html[data-done]", timeout=60_000)
    wrong = await page.eval_on_selector_all("li[data-ok=false]", "all => all.map(e => e.innerText)")
    assert wrong == []
    counts = await page.evaluate("({...document.documentElement.dataset})")
    assert int(counts["expected"]) == int(counts["total"]) == 18
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert [url for url in foreign if not url.startswith("data:")] == []
