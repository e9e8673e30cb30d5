"""The demo as a person starts it: a process, an address, a page in Chromium, Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import json
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import ClientSession

from aiohttp_cors_plugin.cli import main
from aiohttp_cors_plugin.cli.demo import build_api, build_page

COMMAND = (sys.executable, "-m", "aiohttp_cors_plugin", "demo")
PIPE = asyncio.subprocess.PIPE
ROWS = 18


@contextlib.asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The demo's process and the address that it printed."""
    process = await asyncio.create_subprocess_exec(*COMMAND, *arguments, stdout=PIPE, stderr=PIPE)
    try:
        assert process.stdout is not None
        address = None
        while address is None:
            line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
            assert line, "the demo ended without an address"
            address = re.search(r"Open: (http://\S+/)", line)
        yield process, address[1]
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)


@pytest.fixture
async def demo() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    async with started() as process_and_address:
        yield process_and_address


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


async def ended(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[object, ...]:
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_quietly(demo: Any, number: signal.Signals) -> None:
    assert await ended(demo[0], number) == (0, b"")


async def test_it_listens_where_it_is_told() -> None:
    api, page = free_port(), free_port()
    async with started("--api-port", str(api), "--page-port", str(page)) as (_, address):
        assert address == f"http://127.0.0.1:{page}/"
        for port in (api, page):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("option", ["--api-port", "--page-port"])
def test_a_port_in_use_is_a_plain_sentence(
    option: str, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", option, str(taken)]) == 1
    assert capsys.readouterr() == (
        "",
        f"cannot listen on port {taken} of 127.0.0.1: it is in use; "
        f"give {option} another, or leave it out for any free port\n",
    )


def test_a_port_that_may_not_be_had_is_a_plain_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    assert main(["demo", "--api-port", "80"]) == 1
    assert "cannot listen on port 80 of 127.0.0.1: Permission denied; " in capsys.readouterr().err


def test_ctrl_c_ends_it_quietly_where_signals_cannot_be_handled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(coroutine: Any) -> None:
        coroutine.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupt)
    assert main(["demo"]) == 0


async def test_a_port_in_use_ends_the_process_with_1(taken: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--page-port", str(taken), stdout=PIPE, stderr=PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, output) == (1, b"")
    assert errors.startswith(b"cannot listen on port ")
    assert errors.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no-command"),
        pytest.param(["nothing"], id="unknown-command"),
        pytest.param(["demo", "--api-port", "many"], id="not-a-number"),
        pytest.param(["demo", "--api-port", "-1"], id="negative"),
        pytest.param(["demo", "--page-port", "65536"], id="too-large"),
        pytest.param(["demo", "more"], id="too-many"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


async def test_what_is_filled_in_cannot_leave_the_script_element(
    aiohttp_client: Any,
) -> None:
    client = await aiohttp_client(build_page("http://page.example", "</script><b>", {}))
    text = await (await client.get("/")).text()
    element = re.search(r'<script type="application/json" id="config">(.*?)</script>', text)
    assert element is not None
    assert json.loads(element[1]) == {
        "page": "http://page.example",
        "api": "</script><b>",
        "source": inspect.getsource(build_api),
    }


async def test_what_the_api_saw_is_told_once(aiohttp_client: Any) -> None:
    seen = {"one": ["preflight", "PUT"]}
    client = await aiohttp_client(build_page("http://page.example", "http://api.example", seen))
    answers = [await (await client.get("/seen?case=one")).json() for _ in range(2)]
    assert answers == [["preflight", "PUT"], []]


async def test_no_more_is_kept_of_what_the_api_saw_than_a_page_asks_for(demo: Any) -> None:
    _, address = demo
    async with ClientSession() as client:
        html = await (await client.get(address)).text()
        api = re.search(r'"api": "([^"]+)"', html)
        assert api is not None
        for number in range(1001):
            await client.get(f"{api[1]}/notes?case={number}")
        answers = [await (await client.get(f"{address}seen?case={n}")).json() for n in (0, 1, 1000)]
    assert answers == [[], ["GET"], ["GET"]]


async def test_what_the_page_cannot_reach_is_served_to_others(aiohttp_client: Any) -> None:
    client = await aiohttp_client(build_api("https://page.example"))
    assert (await client.delete("/archive")).status == 200
    assert (await client.put("/private")).status == 401
    assert (await client.put("/private", headers={"Authorization": "me"})).status == 200


async def finished(page: Any) -> dict[str, str]:
    """What the page says of itself once it is through."""
    await page.wait_for_selector("html[data-done]", timeout=60_000)
    said: dict[str, str] = await page.evaluate("({...document.documentElement.dataset})")
    return said


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_row_is_as_expected(chromium: Any, demo: Any, scheme: str) -> None:
    process, address = demo
    page = await chromium.new_page(color_scheme=scheme, viewport={"width": 360, "height": 800})
    urls: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(address)
    said = await finished(page)
    wrong = await page.eval_on_selector_all("li[data-ok=false]", "all => all.map(e => e.innerText)")
    assert wrong == []
    assert said == {"total": str(ROWS), "expected": str(ROWS), "done": "true"}
    assert await page.locator("li[data-case][data-ok=true]").count() == ROWS
    assert await page.inner_text("#summary") == f"{ROWS} of {ROWS} as expected"
    assert await page.text_content("#source") == inspect.getsource(build_api)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert [url for url in urls if not url.startswith(("http://127.0.0.1:", "data:"))] == []
    assert errors == []
    # The browser keeps its connections open.
    assert await ended(process, signal.SIGINT) == (0, b"")


@pytest.mark.browser
async def test_the_page_runs_again_from_the_keyboard(chromium: Any, demo: Any) -> None:
    page = await chromium.new_page()
    await page.goto(demo[1])
    await finished(page)
    await page.evaluate("delete document.documentElement.dataset.done")
    await page.focus("#again")
    await page.keyboard.press("Enter")
    assert (await finished(page))["expected"] == str(ROWS)


@pytest.mark.browser
async def test_another_name_for_the_same_host_is_another_origin(chromium: Any, demo: Any) -> None:
    page = await chromium.new_page()
    await page.goto(demo[1].replace("127.0.0.1", "localhost"))
    assert int((await finished(page))["expected"]) < ROWS
    assert await page.get_attribute("#known", "href") == demo[1].rstrip("/")
    assert await page.is_visible("#elsewhere")
    assert await page.locator('li[data-case="simple"][data-ok="false"]').count() == 1
