"""Records of refusals: one of a kind, on every path, and none for what nobody waits for."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError, web

from aiohttp_cors_plugin import CorsOptions, setup
from aiohttp_cors_plugin._log import Repeats
from aiohttp_cors_plugin._policy import Policy
from tests.app import ADMIN, APP, cors_headers, ok, preflight, socket
from tests.reasons import LISTED, REFUSED, application, sent


@pytest.mark.parametrize(
    "slug", [slug for slug in REFUSED if slug not in ("credentials-not-allowed", "no-policy")]
)
async def test_a_refused_preflight_is_one_record_and_in_debug_mode_a_body(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, slug: str
) -> None:
    case = REFUSED[slug]
    caplog.set_level(logging.INFO, "aiohttp_cors_plugin")
    for debug in (False, True):
        client = await aiohttp_client(application(case.options, debug=debug))
        caplog.clear()
        for _ in range(20):
            response = await client.options("/things", headers=sent(case))
            body = await response.text()
        (record,) = (r for r in caplog.records if r.levelno == logging.INFO)
        assert shown(record) == {
            "cors_reason": slug,
            "cors_method": case.method,
            "cors_path": "/things",
            "cors_origin": case.origin,
            "cors_subject": case.subject,
            "cors_source": "defaults",
        }
        if debug:
            explained = record.getMessage().split("(defaults): ")[1]
            assert body == f"CORS preflight refused: {explained}\n"
        else:
            assert (response.status, body) == (403, "CORS preflight refused\n")


@pytest.mark.parametrize(
    "slug",
    [
        "origin-not-listed",
        "origin-null",
        "origin-malformed",
        "predicate-refused",
        "predicate-failed",
        "method-not-allowed",
        "origin-insecure",
        "credentials-not-allowed",
        "no-policy",
    ],
)
async def test_a_hidden_response_is_one_record(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, slug: str
) -> None:
    case = REFUSED[slug]
    client = await aiohttp_client(application(case.options, debug=True))
    headers = {"Origin": case.origin} | ({"Cookie": "a=b"} if case.credentials else {})
    for level in (logging.DEBUG, logging.INFO):
        caplog.set_level(level, "aiohttp_cors_plugin")
        caplog.clear()
        for _ in range(20):
            await client.request(case.method, "/things", headers=headers)
        found = [shown(r) for r in caplog.records if hasattr(r, "cors_reason")]
        expected = {
            "cors_reason": slug,
            "cors_method": case.method,
            "cors_path": "/things",
            "cors_origin": case.origin,
            "cors_subject": case.subject,
            "cors_source": "defaults",
        }
        assert found == ([expected] if level == logging.DEBUG else [])


def shown(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name.startswith("cors_")}


def records(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str, str, str, str]]:
    """Of each refusal logged: level, what is refused, path, origin and reason."""
    found = []
    for record in caplog.records:
        if (told := shown(record)) != {}:
            what = record.getMessage().partition(": ")[0].removeprefix("CORS ")
            found.append(
                (record.levelno, what, *(told[f"cors_{n}"] for n in ("path", "origin", "reason")))
            )
    return found


CALLABLE = CorsOptions(allow_origins=lambda _request, origin: origin == APP)


GUARDED = CorsOptions(allow_origins=[APP], guard_websockets=True)


RULES = [CorsOptions(allow_origins=[ADMIN]), CorsOptions(allow_origins=[APP])]


OTHERS = ("https://a.example", "https://b.example", "null")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(CorsOptions(allow_origins=[APP]), id="a list"),
        pytest.param(CorsOptions(allow_origins=[APP], expose_headers="*"), id="a list, exposing"),
        pytest.param(CALLABLE, id="a callable"),
        pytest.param(GUARDED, id="guarded"),
        pytest.param(RULES, id="rules"),
    ],
)
async def test_each_refused_origin_is_told_of_on_every_path(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, options: Any
) -> None:
    """The first response of a route, later ones, new origins, known ones, 404s and 405s."""
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    client = await aiohttp_client(application(options, debug=False))
    asked = (("/things", "GET"), ("/nothing", "GET"), ("/things", "PATCH"))
    for _ in range(3):
        for path, method in asked:
            for origin in (APP, *OTHERS):
                await client.request(method, path, headers={"Origin": origin})
    found = [(level, path, origin) for level, _, path, origin, _ in records(caplog)]
    assert found == [(logging.DEBUG, path, origin) for path, _ in asked for origin in OTHERS]


@pytest.mark.parametrize("options", [LISTED, CorsOptions(allow_methods=["GET", "PUT"])])
async def test_each_refused_method_is_told_of(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, options: CorsOptions
) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    client = await aiohttp_client(application(options, debug=False))
    for method in ("GET", "DELETE", "PATCH") * 2:
        await client.request(method, "/things", headers={"Origin": APP})
    told = [(shown(r)["cors_method"], shown(r)["cors_reason"]) for r in caplog.records if shown(r)]
    assert told == [("DELETE", "method-not-allowed"), ("PATCH", "method-not-allowed")]


async def test_refusals_on_different_routes_are_told_apart(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    app = web.Application()
    for path in ("/users/{id}", "/orders"):
        app.router.add_post(path, ok)
    setup(app, CorsOptions(allow_origins=[APP, ADMIN]))
    client = await aiohttp_client(app)
    for _ in range(3):
        for path in ("/users/1", "/users/2", "/orders", "/nothing", "/none"):
            for origin in (APP, ADMIN):
                await client.options(path, headers=preflight("DELETE", origin))
                await client.options(path, headers=preflight("POST", origin, "x-a"))
    assert records(caplog) == [
        (logging.INFO, "preflight refused", path, origin, reason)
        for path in ("/users/1", "/orders", "/nothing")
        for origin in (APP, ADMIN)
        for reason in ("method-not-served", "header-not-allowed")
        if path != "/nothing" or reason == "header-not-allowed"
    ]


async def test_what_is_left_to_the_application_is_told_of_unless_it_answers(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def own(_request: web.Request) -> web.Response:
        return web.Response(headers={"Access-Control-Allow-Origin": "*"})

    app = web.Application()
    app.router.add_put("/closed", ok)
    app.router.add_put("/own", own)
    app.router.add_options("/own", own)
    app.router.add_route("*", "/any", ok)
    app.router.add_put("/open", ok)
    cors = setup(app, None)
    cors.override(next(iter(app.router.routes())), None)
    cors.override(list(app.router.routes())[-1], LISTED)
    client = await aiohttp_client(app)
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    for path in ("/closed", "/own", "/any", "/open"):
        await client.options(path, headers=preflight("PUT"))
        await client.put(path, headers={"Origin": APP})
        await client.put(path)
    left = "preflight left to the application"
    assert records(caplog) == [
        (logging.DEBUG, left, "/closed", APP, "no-policy"),
        (logging.DEBUG, "response hidden", "/closed", APP, "no-policy"),
        (logging.DEBUG, left, "/any", APP, "no-policy"),
        (logging.DEBUG, "response hidden", "/any", APP, "no-policy"),
    ]


@pytest.mark.parametrize("method", ["*", "OPTIONS"])
@pytest.mark.parametrize("options", [LISTED, None])
async def test_a_preflight_that_goes_past_a_late_route_is_warned_of_until_rescan(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, method: str, options: Any
) -> None:
    async def late(app: web.Application) -> None:
        app.router.add_route(method, "/late", ok)

    app = web.Application()
    cors = setup(app, options)
    app.on_startup.append(late)
    client = await aiohttp_client(app)
    warning = "added after startup, or in an on_startup handler behind setup; call app[CORS].rescan"
    for _ in range(2):
        await client.options("/late", headers=preflight("PUT"))
        await client.options("/late")
        assert caplog.text.count(warning) == (options is not None)
        explained = await cors.explain("PUT", "/late", origin=APP)
        assert (explained.reason, explained.preflight_status) == ("no-policy", None)
        assert (warning in explained.message) is (options is not None)
    caplog.clear()
    cors.rescan()
    await client.options("/late", headers=preflight("PUT"))
    assert warning not in caplog.text


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "a.example"}, id="the page's own server"),
        pytest.param({"Sec-Fetch-Mode": "navigate"}, id="a form that is sent"),
        pytest.param({"Sec-Fetch-Mode": "no-cors"}, id="a script that does not read"),
        pytest.param({"Upgrade": "websocket"}, id="a WebSocket"),
    ],
)
async def test_what_no_script_waits_for_is_not_told_of(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    client = await aiohttp_client(application(LISTED, debug=True))
    await client.get("/things", headers={"Origin": OTHERS[0], **headers})
    assert records(caplog) == []


async def test_nothing_is_worked_out_for_a_log_that_is_off(
    aiohttp_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_if_asked(*_: object, **__: object) -> Any:
        raise AssertionError

    client = await aiohttp_client(application([replace(LISTED, allow_origins=[APP])], debug=False))
    logger = logging.getLogger("aiohttp_cors_plugin")
    monkeypatch.setattr(logger, "level", logging.WARNING)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    for target in (Policy, Repeats):
        for name in ("in_words", "remark"):
            monkeypatch.setattr(target, name, fail_if_asked, raising=False)
    for origin in OTHERS:
        response = await client.get("/things", headers={"Origin": origin})
        assert cors_headers(response) == {"Vary": "Origin"}
        response = await client.options("/things", headers=preflight("PUT", origin))
        assert (response.status, await response.text()) == (403, "CORS preflight refused\n")


@pytest.mark.parametrize("options", [CALLABLE, GUARDED, LISTED, CorsOptions()])
async def test_cookies_are_noticed_in_debug_mode_under_all_kinds_of_options(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, options: CorsOptions
) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    for debug in (True, False):
        caplog.clear()
        client = await aiohttp_client(application(options, debug=debug))
        for cookies in ({}, {"Cookie": "a=b"}):
            await client.get("/things", headers={"Origin": APP, **cookies})
        reasons = [reason for *_, reason in records(caplog)]
        assert reasons == (["credentials-not-allowed"] if debug else [])


async def test_a_handshake_that_is_refused_is_one_record_of_its_own_kind(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    app = web.Application()
    app.router.add_get("/socket", socket)
    app.router.add_get("/open", socket)
    cors = setup(app, GUARDED)
    cors.override(list(app.router.routes())[-1], guard_websockets=False)
    client = await aiohttp_client(app)
    for _ in range(3):
        with pytest.raises(WSServerHandshakeError, match="403"):
            await client.ws_connect("/socket", headers={"Origin": OTHERS[0]})
        opened = await client.ws_connect("/open", headers={"Origin": OTHERS[0]})
        assert (await opened.receive()).data == "hello"
        await opened.close()
    assert records(caplog) == [
        (logging.INFO, "handshake refused", "/socket", OTHERS[0], "origin-not-listed")
    ]
    caplog.clear()
    caplog.set_level(logging.WARNING, "aiohttp_cors_plugin")
    with pytest.raises(WSServerHandshakeError, match="403"):
        await client.ws_connect("/socket", headers={"Origin": OTHERS[1]})
    assert records(caplog) == []


async def test_nothing_that_a_request_holds_forges_a_line(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp_cors_plugin")
    client = await aiohttp_client(application(LISTED, debug=True))
    ugly = "https://\x85\xa0\xe9' INFO all is well" + "x" * 5000
    await client.get("/things", headers={"Origin": ugly})
    await client.options("/th%0Aings", headers=preflight(f"P{ugly}", ugly, ugly))
    await client.options("/things", headers=preflight("PUT", APP, ugly))
    found = [r for r in caplog.records if hasattr(r, "cors_reason")]
    assert len(found) == 3
    for record in found:
        assert record.getMessage().isascii()
        assert record.getMessage().isprintable()
        assert len(record.getMessage()) < 1500
        assert all(str(v).isprintable() for n, v in vars(record).items() if n.startswith("cors_"))


async def test_nothing_is_logged_for_good_traffic(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=[APP]))
    client = await aiohttp_client(app)
    with caplog.at_level(logging.DEBUG, "aiohttp_cors_plugin"):
        await client.options("/", headers=preflight("PUT"))
        await client.put("/", headers={"Origin": APP})
    assert [r for r in caplog.records if r.name == "aiohttp_cors_plugin"] == []
