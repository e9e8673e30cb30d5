"""One reason for each refusal, wherever a person looks: `explain`, the log, the debug body."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from aiohttp import WSServerHandshakeError, web

from aiohttp_cors_plugin import CORS, CorsOptions, override, setup
from aiohttp_cors_plugin._log import Repeats
from aiohttp_cors_plugin._policy import Policy
from aiohttp_cors_plugin._reasons import REASONS
from aiohttp_cors_plugin.testing import FetchError, Page
from tests.app import ADMIN, APP, EVIL, Custom, Item, cors_headers, make_app, ok, preflight, socket


def refuse(_request: web.Request, _origin: str) -> bool:
    return False


def fail(_request: web.Request, _origin: str) -> bool:
    raise OSError("the database is down")


LISTED = CorsOptions(allow_origins=[APP], allow_methods=["GET", "PUT"], allow_headers=["X-One"])


class Refused(NamedTuple):
    """A request of a page, and why it is refused."""

    method: str = "PUT"
    origin: str = APP
    headers: tuple[str, ...] = ()
    options: Any = LISTED
    credentials: bool = False
    subject: str = ""
    raw_headers: str | None = None  # what no browser sends


REFUSED = {
    "origin-not-listed": Refused(origin=EVIL, subject=EVIL),
    "origin-null": Refused(origin="null", subject="null"),
    "origin-malformed": Refused(origin="https://app.example.com/", subject=f"{APP}/"),
    "origin-insecure": Refused(
        origin="http://app.example.com",
        options=CorsOptions(
            allow_origins=[re.compile(r"https?://app\.example\.com")], allow_credentials=True
        ),
        subject="http://app.example.com",
    ),
    "predicate-refused": Refused(options=CorsOptions(allow_origins=refuse), subject=APP),
    "predicate-failed": Refused(options=CorsOptions(allow_origins=fail), subject=APP),
    "method-not-served": Refused(method="PATCH", subject="PATCH"),
    "method-not-allowed": Refused(method="DELETE", subject="DELETE"),
    "header-not-allowed": Refused(headers=("X-Two",), subject="x-two"),
    "headers-malformed": Refused(raw_headers="a b", subject="a b"),
    "credentials-not-allowed": Refused(credentials=True, subject=APP),
    "no-policy": Refused(options=None, subject="/things"),
}


def test_the_table_has_every_reason() -> None:
    assert set(REFUSED) == set(REASONS)


def application(options: Any, *, debug: bool) -> web.Application:
    app = web.Application()
    for method in ("GET", "PUT", "DELETE"):
        app.router.add_route(method, "/things", ok)
    setup(app, options, debug=debug)
    return app


def sent(case: Refused) -> dict[str, str]:
    names = case.raw_headers or ",".join(case.headers) or None
    return preflight(case.method, case.origin, names)


@pytest.mark.parametrize("slug", [slug for slug in REFUSED if slug != "headers-malformed"])
@pytest.mark.parametrize("started", [False, True], ids=["before startup", "running"])
async def test_explain(aiohttp_client: Any, slug: str, started: bool) -> None:
    case = REFUSED[slug]
    app = application(case.options, debug=False)
    if started:
        await aiohttp_client(app)
    explanation = await app[CORS].explain(
        case.method,
        "/things",
        origin=case.origin,
        headers=case.headers,
        credentials=case.credentials,
    )
    assert (explanation.allowed, explanation.reason, explanation.preflight) == (False, slug, True)
    assert f": {case.subject!r}; " in explanation.message
    assert explanation.message.endswith(f"[{slug}]")
    assert explanation.source == ("none" if slug == "no-policy" else "defaults")
    if slug == "credentials-not-allowed":
        assert (explanation.preflight_status, len(explanation.headers)) == (204, 2)
    else:
        assert explanation.preflight_status == (None if slug == "no-policy" else 403)
        assert explanation.headers in ((), (("Vary", "Origin"),))


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


async def test_a_log_that_fails_drops_no_connection(aiohttp_client: Any) -> None:
    def fail_on(_record: logging.LogRecord) -> bool:
        raise OSError("the disk is full")

    logger = logging.getLogger("aiohttp_cors_plugin")
    client = await aiohttp_client(application(replace(LISTED, allow_methods=None), debug=False))
    logger.setLevel(logging.DEBUG)
    logger.addFilter(fail_on)
    try:
        for _ in range(2):
            response = await client.get("/things", headers={"Origin": EVIL})
            assert (response.status, cors_headers(response)) == (200, {"Vary": "Origin"})
    finally:
        logger.removeFilter(fail_on)
        logger.setLevel(logging.NOTSET)


async def test_under_rules_the_one_that_decides_is_shown(aiohttp_client: Any) -> None:
    rules = [
        CorsOptions(allow_origins=[ADMIN], allow_headers=["X-A"], allow_methods=["GET"]),
        CorsOptions(allow_origins=[APP], allow_headers=["X-B"], allow_methods=["PUT"]),
    ]
    client = await aiohttp_client(application(rules, debug=True))
    response = await client.options("/things", headers=preflight("PUT", APP, "x-a"))
    assert "; allow_headers=('X-B',); add" in await response.text()
    response = await client.options("/things", headers=preflight("DELETE", APP))
    assert "; allow_methods=('PUT',); add" in await response.text()
    explanation = await client.app[CORS].explain("GET", "/things", origin=APP)
    assert "; allow_methods=('PUT',); add" in explanation.message


async def test_a_long_configuration_is_cut() -> None:
    rules = [
        CorsOptions(allow_origins=[f"https://a{n}.{m}.example.com" for m in range(4)])
        for n in range(16)
    ]
    explanation = await setup(web.Application(), rules).explain("PUT", "/", origin=EVIL)
    assert len(explanation.message) < 700
    assert explanation.message.endswith("pages may read this [origin-not-listed]")


async def test_defaults_are_those_of_the_application_that_has_them(aiohttp_client: Any) -> None:
    inner, middle, domain, root = (web.Application() for _ in range(4))
    for app in (inner, middle, domain, root):
        app.router.add_put("/thing", ok)
        setup(app, CorsOptions(allow_origins=[APP]))
    middle.add_subapp("/inner", inner)
    root.add_subapp("/middle", middle)
    root.add_domain("*.example.org", domain)
    for _ in range(2):
        for path, source in (
            ("/thing", "defaults"),
            ("/middle/thing", "defaults of /middle"),
            ("/middle/inner/thing", "defaults of /middle/inner"),
            ("/middle/inner/nothing", "defaults of /middle/inner"),
            ("http://a.example.org/thing", "defaults of *.example.org"),
        ):
            assert (await root[CORS].explain("PUT", path, origin=EVIL)).source == source
        if not root.frozen:
            await aiohttp_client(root)


async def test_a_mounted_application_learns_of_its_parents_from_its_first_response(
    aiohttp_client: Any,
) -> None:
    sub, root = web.Application(), web.Application()
    sub.router.add_get("/thing", ok)
    cors = setup(sub, CorsOptions(allow_origins=[APP]))
    root.router.add_get("/other", ok)
    root.add_subapp("/sub", sub)
    client = await aiohttp_client(root)
    await client.get("/sub/thing")
    assert (await cors.explain("GET", "/sub/thing", origin=APP)).allowed
    assert (await cors.explain("GET", "/other", origin=APP)).reason == "no-policy"


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"path": "plain"}, ValueError, "write '/plain'"),
        ({"path": "http://["}, ValueError, "URL"),
        ({"method": "P T"}, ValueError, "method='P T'"),
        ({"method": ""}, ValueError, "method=''"),
        ({"headers": "X-A"}, TypeError, "write ['X-A']"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    asked: dict[str, Any], error: type[Exception], words: str
) -> None:
    cors = setup(make_app())
    with pytest.raises(error, match=re.escape(words)):
        await cors.explain(**{"method": "GET", "path": "/plain", "origin": APP} | asked)


async def test_a_path_with_two_slashes_is_no_host() -> None:
    app = web.Application()
    app.router.add_get("//x", ok)
    explanation = await setup(app).explain("GET", "//x", origin=APP)
    assert explanation.route in app.router.routes()


async def test_what_browsers_drop_is_not_asked_for() -> None:
    headers = {"X-HTTP-Method-Override": "TRACE", "Cookie": "a=b", "Sec-Any": "1"}
    explanation = await setup(make_app()).explain("GET", "/plain", origin=APP, headers=headers)
    assert (explanation.allowed, explanation.preflight) == (True, False)
    headers = {"X-HTTP-Method-Override": "PUT"}
    explanation = await setup(make_app()).explain("GET", "/plain", origin=APP, headers=headers)
    assert explanation.reason == "header-not-allowed"


@pytest.mark.parametrize(
    "slug", [slug for slug in REFUSED if slug not in ("headers-malformed", "origin-malformed")]
)
async def test_a_page_meets_the_same_reason(aiohttp_client: Any, slug: str) -> None:
    """But for the two that no browser can bring about."""
    case = REFUSED[slug]
    client = await aiohttp_client(application(case.options, debug=False))
    page = Page(client, case.origin, server="https://api.example.org")
    with pytest.raises(FetchError) as caught:
        await page.fetch(
            "/things",
            method=case.method,
            headers=dict.fromkeys(case.headers, "1"),
            credentials="include" if case.credentials else "same-origin",
        )
    assert caught.value.reason == slug
    assert f"[{slug}]" in str(caught.value)


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


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(
            {"method": "GET"},
            ("GET /plain", "defaults", None, {"Access-Control-Allow-Origin": APP}),
            id="no preflight",
        ),
        pytest.param(
            {"method": "put", "path": "/plain"},
            ("PUT /plain", "defaults", 204, {"Access-Control-Allow-Origin": APP}),
            id="put is PUT",
        ),
        pytest.param(
            {"method": "GET", "path": "/nowhere", "headers": {"Content-Type": "application/json"}},
            (None, "defaults", 204, {"Access-Control-Allow-Origin": APP}),
            id="a 404",
        ),
        pytest.param(
            {"method": "GET", "headers": {"Accept": "text/html", "Cookie": "ignored"}},
            ("GET /plain", "defaults", None, {"Access-Control-Allow-Origin": APP}),
            id="safelisted and forbidden headers",
        ),
        pytest.param(
            {"method": "PUT", "path": "http://tenant.example.org/tenant"},
            ("PUT /tenant", "defaults", 204, {"Access-Control-Allow-Origin": APP}),
            id="a domain",
        ),
        pytest.param(
            {"method": "DELETE", "path": "/sub/thing"},
            ("DELETE /sub/thing", "defaults", 204, {"Access-Control-Allow-Origin": APP}),
            id="a sub-application",
        ),
        pytest.param(
            {"method": "GET", "path": "/items/7", "credentials": True},
            (
                "GET /items/{id}",
                "defaults + override of /items/{id}",
                None,
                {
                    "Access-Control-Allow-Origin": APP,
                    "Access-Control-Allow-Credentials": "true",
                },
            ),
            id="an override of a resource",
        ),
        pytest.param(
            {"method": "PUT", "path": "/view"},
            (
                "* /view",
                "override of Item",
                204,
                {"Access-Control-Allow-Origin": APP, "Access-Control-Expose-Headers": "X-View"},
            ),
            id="an override of a view",
        ),
    ],
)
async def test_what_is_allowed_is_explained_too(asked: dict[str, Any], expected: Any) -> None:
    app = make_app()
    cors = setup(app, CorsOptions(allow_origins=[APP]))
    cors.override(app.router["item"], allow_credentials=True)
    cors.override(Item, CorsOptions(allow_origins=[APP], expose_headers=["X-View"]))
    explanation = await cors.explain(**{"path": "/plain", "origin": APP} | asked)
    route = explanation.route
    assert (explanation.allowed, explanation.reason, explanation.message) == (True, None, "")
    assert (
        route and f"{route.method} {route.resource and route.resource.canonical}",
        explanation.source,
        explanation.preflight_status,
        dict(explanation.headers),
    ) == (*expected[:3], {**expected[3], "Vary": "Origin"})
    assert explanation.preflight is (expected[2] is not None)


async def test_a_callable_sees_the_request_as_it_would_arrive() -> None:
    seen = []
    key = web.AppKey("key", str)

    def decide(request: web.Request, origin: str) -> bool:
        seen.append((request.app is sub, request.match_info["id"], request.config_dict[key]))
        return origin == APP

    sub = web.Application()
    sub.router.add_put("/{id}", ok)
    setup(sub, CorsOptions(allow_origins=decide))
    app = web.Application()
    app[key] = "of the parent"
    app.add_subapp("/sub", sub)
    setup(app, None)
    explanation = await app[CORS].explain("PUT", "/sub/7", origin=APP)
    assert (explanation.allowed, explanation.preflight_status) == (True, 204)
    assert set(seen) == {(True, "7", "of the parent")}


async def test_a_method_that_a_view_has_other_options_for() -> None:
    class Account(web.View):
        async def get(self) -> web.Response:
            return web.Response()

        @override(None)
        async def put(self) -> web.Response:
            return web.Response()

    app = web.Application()
    app.router.add_view("/account", Account)
    cors = setup(app)
    assert (await cors.explain("GET", "/account", origin=APP)).source == "defaults"
    refused = await cors.explain("PUT", "/account", origin=APP)
    assert (refused.reason, refused.source) == ("no-policy", "none")


async def test_a_method_that_differs_by_case_says_so() -> None:
    app = web.Application()
    app.router.add_patch("/things", ok)
    explanation = await setup(app).explain("patch", "/things", origin=APP)
    assert explanation.reason == "method-not-served"
    assert "the path serves PATCH (methods are case-sensitive: 'PATCH')" in explanation.message


@pytest.mark.parametrize(("method", "announced"), [("GET", False), ("PUT", True)])
async def test_what_the_router_cannot_be_asked_about_has_no_policy(
    method: str, announced: bool
) -> None:
    class Failing(Custom):
        async def resolve(self, request: web.Request) -> Any:
            raise LookupError("on purpose")

    app = web.Application()
    app.router.register_resource(Failing("/failing"))
    explanation = await setup(app).explain(method, "/failing", origin=APP)
    assert (explanation.allowed, explanation.reason) == (False, "no-policy")
    assert (explanation.source, explanation.route) == ("none", None)
    assert (explanation.preflight, explanation.preflight_status) == (announced, None)


async def test_debug_mode_lets_nothing_through(aiohttp_client: Any) -> None:
    client = await aiohttp_client(application(LISTED, debug=True))
    response = await client.options("/things", headers=preflight("PUT", EVIL))
    assert (response.status, cors_headers(response)) == (200, {"Vary": "Origin"})
