"""`setup` on a real server: what every kind of request gets, header by header."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import (
    CORS,
    CorsConfigError,
    CorsOptions,
    setup,
)
from tests.answers import OPTIONS, READABLE, allowed
from tests.app import APP, EVIL, cors_headers, make_app, ok, preflight
from tests.test_preflights import PREFLIGHTS
from tests.test_stamping import ACTUAL


async def test_any_origin_is_a_constant_without_vary(aiohttp_client: Any) -> None:
    app = make_app()
    setup(app)
    client = await aiohttp_client(app)
    for origin in (APP, EVIL, "null", "nonsense", None):
        headers = {"Origin": origin} if origin else {}
        response = await client.get("/plain", headers=headers)
        assert cors_headers(response) == {"Access-Control-Allow-Origin": "*"}
    response = await client.options("/plain", headers=preflight("PUT", EVIL, "content-type"))
    assert (response.status, cors_headers(response)) == (
        204,
        {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, HEAD, PUT",
            "Access-Control-Allow-Headers": (
                "Accept, Accept-Language, Content-Language, Content-Type, Range"
            ),
            "Access-Control-Max-Age": "600",
        },
    )


async def test_setup_without_options_says_what_it_allows(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    setup(app)
    with caplog.at_level(logging.INFO, "aiohttp_cors_plugin"):
        await aiohttp_client(app)
    assert [r.levelname for r in caplog.records if r.name == "aiohttp_cors_plugin"] == ["INFO"]


async def test_without_defaults_everything_is_as_without_the_plugin(
    aiohttp_client: Any, folder: Path
) -> None:
    plain = await aiohttp_client(make_app(folder))
    app = make_app(folder)
    setup(app, None)
    covered = await aiohttp_client(app)
    for row in ACTUAL + PREFLIGHTS:
        method, path, headers = row.values[:3]  # type: ignore[misc]
        assert isinstance(headers, dict)
        for verb, sent in (
            (str(method), headers | {"Origin": APP}),
            ("OPTIONS", headers | preflight(str(method))),
        ):
            assert await whole(covered, verb, str(path), sent) == await whole(
                plain, verb, str(path), sent
            )


async def whole(client: Any, method: str, path: str, headers: dict[str, str]) -> Any:
    """Status, body and all headers of an answer, but for the date and the port."""
    async with client.request(method, path, headers=headers, allow_redirects=False) as response:
        shown = sorted((k, v) for k, v in response.headers.items() if k != "Date")
        return response.status, await response.read(), shown


@pytest.mark.parametrize("options", [OPTIONS, CorsOptions(), CorsOptions(allow_methods=["PUT"])])
async def test_requests_without_origin_are_answered_as_without_the_plugin(
    aiohttp_client: Any, folder: Path, options: CorsOptions
) -> None:
    plain = await aiohttp_client(make_app(folder))
    app = make_app(folder)
    setup(app, options)
    covered = await aiohttp_client(app)
    ours = ("Access-Control-", "Vary")
    for row in [*ACTUAL, *PREFLIGHTS]:
        method, path, headers = row.values[:3]  # type: ignore[misc]
        assert isinstance(headers, dict)
        if path == "/hand":
            continue
        for verb in (str(method), "OPTIONS"):
            status, content, shown = await whole(covered, verb, str(path), headers)
            expected = await whole(plain, verb, str(path), headers)
            assert (status, content) == expected[:2]
            assert [h for h in shown if not h[0].startswith(ours)] == [
                h for h in expected[2] if not h[0].startswith(ours)
            ]


# Lines that no browser sends


@pytest.fixture
async def server(aiohttp_server: Any, folder: Path) -> Any:
    app = make_app(folder)
    setup(app, OPTIONS)
    return await aiohttp_server(app)


async def raw(server: Any, *lines: bytes, method: bytes = b"OPTIONS") -> tuple[int, bytes]:
    """Send a request as it stands; the status and the head of the answer."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    request = b"\r\n".join([method + b" /any HTTP/1.1", b"Host: x", *lines, b"Connection: close"])
    writer.write(request + b"\r\n\r\n")
    head, _, _ = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), head


ACRM, ACRH = b"Access-Control-Request-Method: PUT", b"Access-Control-Request-Headers: "
O_LINE = b"Origin: " + APP.encode()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((O_LINE, O_LINE, ACRM), id="two Origin lines"),
        pytest.param((b"Origin: null", ACRM), id="null"),
        pytest.param((b"Origin:", ACRM), id="empty Origin"),
        pytest.param((O_LINE + b" https://x.example", ACRM), id="two origins in one line"),
        pytest.param((b"Origin: " + b"\xff\xfe", ACRM), id="bytes that are no UTF-8"),
        pytest.param((b"Origin: https://" + b"a" * 7000, ACRM), id="7000 characters of Origin"),
        pytest.param((O_LINE, ACRM, ACRM), id="the method twice"),
        pytest.param((O_LINE, b"Access-Control-Request-Method:"), id="an empty method"),
        pytest.param(
            (O_LINE, b"Access-Control-Request-Method: " + b"P" * 7000), id="a long method"
        ),
        pytest.param((O_LINE, ACRM, ACRH + b"x-other"), id="header that is not listed"),
        pytest.param(
            (O_LINE, ACRM, ACRH + b"x-token", ACRH + b"x-other"), id="second line of them"
        ),
        pytest.param((O_LINE, ACRM, ACRH + b"x token"), id="white space inside a name"),
        pytest.param((O_LINE, ACRM, ACRH + b"\xff"), id="bytes that are no token"),
        pytest.param(
            (O_LINE, ACRM, ACRH + b",".join(b"x-%d" % i for i in range(900))), id="900 names"
        ),
        pytest.param((O_LINE, ACRM, ACRH + b"," * 4000), id="4000 empty elements"),
    ],
)
async def test_bad_traffic_is_refused_and_answered(server: Any, lines: tuple[bytes, ...]) -> None:
    status, head = await raw(server, *lines)
    assert status == 403
    assert b"access-control-allow" not in head.lower()
    if lines[0] != O_LINE or O_LINE in lines[1:]:
        status, head = await raw(server, *lines, method=b"GET")
        assert status == 200
        assert b"access-control-allow" not in head.lower()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((ACRH + b"x-token", ACRH + b"content-type"), id="several lines"),
        pytest.param((ACRH + b" X-Token ,\t,content-type,,x-token",), id="white space and repeats"),
        pytest.param((ACRH + b"," * 64,), id="64 empty elements"),
        pytest.param((ACRH,), id="empty value"),
    ],
)
async def test_unusual_lists_of_headers_pass(server: Any, lines: tuple[bytes, ...]) -> None:
    status, _ = await raw(server, O_LINE, ACRM, *lines)
    assert status == 204


# After startup


async def test_routes_added_after_startup(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_get("/first", ok)
    late = app.router.add_resource("/late")
    cors = setup(app, OPTIONS)
    client = await aiohttp_client(app)
    late.add_route("PUT", ok)
    response = await client.put("/late", headers={"Origin": APP})
    assert (response.status, cors_headers(response)) == (200, READABLE)
    response = await client.options("/late", headers=preflight("PUT"))
    assert (response.status, cors_headers(response)) == (204, allowed("PUT"))
    late.add_route("*", ok)
    cors.rescan()
    cors.rescan()
    response = await client.options("/late", headers=preflight("PATCH"))
    assert response.status == 204
    assert (await client.options("/late")).status == 200


async def test_two_runners_of_one_application(aiohttp_client: Any) -> None:
    app = make_app()
    setup(app, OPTIONS)
    first = await aiohttp_client(app)
    await app.startup()
    response = await first.options("/any", headers=preflight("PUT"))
    assert cors_headers(response)["Access-Control-Allow-Methods"].count("PUT") == 1


# Wrong use


def test_a_second_setup_says_what_to_do() -> None:
    app = web.Application()
    setup(app)
    with pytest.raises(RuntimeError, match=r"app\[CORS\].*override.*reconfigure"):
        setup(app)


@pytest.mark.parametrize("mount", ["prefix", "domain"])
def test_setup_of_a_mounted_sub_application_says_what_to_do(mount: str) -> None:
    parent, sub = web.Application(), web.Application()
    if mount == "prefix":
        parent.add_subapp("/sub", sub)
    else:
        parent.add_domain("x.example", sub)
    with pytest.raises(RuntimeError, match="before add_subapp"):
        setup(sub)
    assert CORS not in sub


async def test_setup_in_a_handler_of_startup_says_what_to_do_and_leaves_nothing_behind() -> None:
    async def late(app: web.Application) -> None:
        with pytest.raises(RuntimeError, match=r"before .* not in an on_startup handler"):
            setup(app)

    app = web.Application()
    app.on_startup.append(late)
    runner = web.AppRunner(app)
    await runner.setup()
    await runner.cleanup()
    assert CORS not in app
    assert not app.on_response_prepare


def test_setup_of_an_application_with_a_router_of_another_kind_says_so() -> None:
    app = web.Application()
    app._router = object()  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"router of this application.*web\.UrlDispatcher"):
        setup(app)
    assert CORS not in app


@pytest.mark.parametrize("app", [None, object(), web.RouteTableDef()])
def test_setup_of_something_else_says_so(app: Any) -> None:
    with pytest.raises(TypeError, match=r"web\.Application"):
        setup(app)


@pytest.mark.parametrize(
    ("defaults", "code"),
    [
        ("*", "options-type"),
        (7, "options-type"),
        ([], "options-empty"),
        ([CorsOptions(), None], "options-type"),
        (CorsOptions, "options-type"),
    ],
)
def test_bad_defaults_are_refused_and_leave_nothing_behind(defaults: Any, code: str) -> None:
    app = web.Application()
    with pytest.raises(CorsConfigError) as caught:
        setup(app, defaults)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert CORS not in app
    assert not app.on_startup[1:]
    assert not app.on_response_prepare


async def test_a_method_that_cannot_arrive_is_warned_about(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    app.router.add_route("CHICKEN", "/farm", ok)
    setup(app, OPTIONS)
    client = await aiohttp_client(app)
    assert "CHICKEN" in caplog.text
    response = await client.options("/farm", headers=preflight("CHICKEN"))
    assert response.status == 204


# Debug mode


# Predicates
