"""One reason for each refusal, wherever a person looks: `explain`, the log, the debug body."""

from __future__ import annotations

import logging
import re
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CORS, CorsOptions, override, setup
from aiohttp_cors_plugin._reasons import REASONS
from aiohttp_cors_plugin.testing import FetchError, Page
from tests.app import APP, EVIL, Custom, Item, cors_headers, make_app, ok, preflight


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
        assert record.cors_reason == slug  # type: ignore[attr-defined]
        assert {name: value for name, value in vars(record).items() if "cors_" in name} == {
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
        "credentials-not-allowed",
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
        found = [r.cors_reason for r in caplog.records if hasattr(r, "cors_reason")]
        assert found == ([slug] if level == logging.DEBUG else [])


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
    shown = [r for r in caplog.records if hasattr(r, "cors_reason")]
    assert len(shown) == 3
    for record in shown:
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
