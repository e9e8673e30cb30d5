"""One reason for each refusal, wherever a person looks: `explain`, the log, the debug body."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CORS, CorsConfigError, CorsOptions, override, setup
from aiohttp_cors_plugin._reasons import REASONS
from aiohttp_cors_plugin.testing import FetchError, Page
from tests.app import ADMIN, APP, EVIL, Custom, Item, cors_headers, make_app, ok, preflight
from tests.reasons import LISTED, REFUSED, application


def test_the_table_has_every_reason() -> None:
    assert set(REFUSED) == set(REASONS)


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


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_override_that_does_not_fit_says_what_is_wrong(method: str) -> None:
    app = web.Application()
    route = app.router.add_route(method, "/things", ok)
    cors = setup(app, CorsOptions(allow_origins=[APP], allow_credentials=True))
    cors.override(route, allow_origins="*")
    explanation = await cors.explain(method, "/things", origin=APP)
    with pytest.raises(CorsConfigError) as refused:
        await web.AppRunner(app).setup()
    words = "no CORS options apply to this route, as its override does not fit"
    assert explanation.message == f"{words}: {refused.value} [no-policy]"
    assert (explanation.reason, explanation.source, explanation.route) == (
        "no-policy",
        "an override that does not fit",
        route,
    )


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
