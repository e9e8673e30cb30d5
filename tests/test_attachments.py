"""Which options every route has, and what is risky about them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRuleMatching, MatchedSubAppResource

from aiohttp_cors_plugin import CorsOptions, _attachments, setup
from aiohttp_cors_plugin._attachments import attachments, handles, risks
from tests.app import APP, Custom, ok
from tests.shop import make_app, make_broken

READ, WRITE = ("GET", "HEAD"), ("POST",)


def test_every_route_with_its_options_and_their_source() -> None:
    found = [
        (a.path, a.methods, a.rules and len(a.rules), a.source) for a in attachments(make_app())
    ]
    assert found == [
        ("/catalogue", READ, 1, "override of GET /catalogue"),
        ("/account", ("PUT",), 1, "defaults"),
        ("/items/{id}", ("GET",), 1, "defaults"),
        ("/items/{id}", ("PUT",), None, "@override on Item.put"),
        ("/any", ("*",), 1, "defaults"),
        ("/own", ("OPTIONS",), 1, "defaults"),
        ("/odd", ("FROBNICATE",), 1, "override of FROBNICATE /odd"),
        ("/reports", READ, 1, "override of GET /reports"),
        ("/reports", WRITE, 1, "defaults + override of /reports"),
        ("/custom", (), 1, "defaults"),
        ("/sub/orders", WRITE, 2, "defaults of /sub"),
        ("//*.example.org/tenant", READ, 1, "defaults"),
    ]
    remarks = {
        a.path + "/".join(a.methods): a.remarks for a in attachments(make_app()) if a.remarks
    }
    assert list(remarks) == ["/any*", "/ownOPTIONS", "/oddFROBNICATE", "/reportsPOST", "/custom"]
    assert len(remarks["/oddFROBNICATE"]) == 2
    assert not any(a.problems for a in attachments(make_app()))


def test_an_override_that_does_not_fit_is_shown_and_not_raised() -> None:
    (broken,) = attachments(make_broken())
    (problem,) = broken.problems
    assert (problem.code, problem.fix) == ("override-of-none", "give a whole CorsOptions")
    assert str(problem) == f"{problem.reason}; {problem.fix} [{problem.code}]"
    (risk,) = risks([broken])
    assert (risk.code, risk.path, risk.methods) == ("override-of-none", "/", READ)
    assert (risk.reason, risk.fix) == (problem.reason, problem.fix)


@pytest.mark.parametrize(
    ("defaults", "changes", "expected"),
    [
        (CorsOptions(), {}, ("*", "defaults", ["any-origin-writes"])),
        (CorsOptions(), {"allow_methods": ["GET"]}, ("*", "defaults + override of /custom", [])),
        (None, {}, (None, "defaults", [])),
        (None, {"max_age": 1}, (None, "an override that does not fit", ["override-of-none"])),
    ],
)
def test_what_does_not_tell_its_routes_has_what_they_would_have(
    defaults: CorsOptions | None, changes: dict[str, Any], expected: Any
) -> None:
    app = web.Application()
    custom = Custom("/custom")
    app.router.register_resource(custom)
    app.router.add_resource("/plain")  # without a route: there is nothing to have options
    cors = setup(app, defaults)
    if changes:
        cors.override(custom, **changes)
    (found,) = attachments(app)
    origins = found.rules and found.rules[0].allow_origins
    assert (found.path, found.methods) == ("/custom", ())
    assert (origins, found.source, [risk.code for risk in risks([found])]) == expected


def test_a_rule_of_the_users_shows_what_it_says_of_itself() -> None:
    class Tenants(AbstractRuleMatching):
        canonical = "tenants"

        async def match(self, request: web.Request) -> bool:
            return True

        def get_info(self) -> Any:
            return {}

    inner = web.Application()
    inner.router.add_get("/inner", ok)
    app = web.Application()
    app.router.register_resource(MatchedSubAppResource(Tenants(), inner))
    assert [one.path for one in attachments(app)] == ["//tenants/inner"]


def test_handles_know_where_they_are() -> None:
    app, outer, inner = web.Application(), web.Application(), web.Application()
    inner_cors = setup(inner)
    outer_cors = setup(outer)
    outer.add_subapp("/inner", inner)
    app.add_subapp("/outer", outer)
    app.router.add_get("/", ok)
    assert handles(app) == [outer_cors, inner_cors]
    assert inner_cors._state.routers.root.app is app
    assert handles(web.Application()) == []


def test_without_the_plugin_there_is_nothing() -> None:
    app = web.Application()
    app.router.add_get("/", ok)
    assert [(a.rules, a.source) for a in attachments(app)] == [(None, "no setup")]
    assert list(risks(attachments(app))) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, [("any-origin-writes", WRITE)], id="any origin writes"),
        pytest.param({"allow_methods": ["GET"]}, [], id="any origin reads"),
        pytest.param({"allow_origins": [APP]}, [], id="a listed origin"),
        pytest.param({"allow_origins": [APP], "allow_credentials": True}, [], id="credentials"),
        pytest.param(
            {"allow_origins": ["https://*.example.com"]},
            [("wildcard-writes", WRITE)],
            id="a wildcard",
        ),
        pytest.param(
            {"allow_origins": ["https://*.example.com"], "allow_methods": ["GET"]},
            [],
            id="a wildcard that reads",
        ),
        pytest.param(
            {"allow_origins": ["https://*.example.com"], "allow_credentials": True},
            [("wildcard-with-credentials", ("GET", "HEAD", "POST"))],
            id="a wildcard with credentials",
        ),
        pytest.param(
            {"allow_origins": ["http://app.example.com"]},
            [("http-origin", ("GET", "HEAD", "POST"))],
            id="an http origin",
        ),
        pytest.param({"allow_origins": ["http://localhost:*"]}, [], id="localhost"),
        pytest.param(
            {"allow_origins": ["http://127.0.0.1:8080"], "allow_credentials": True},
            [("loopback-with-credentials", ("GET", "HEAD", "POST"))],
            id="loopback with credentials",
        ),
        pytest.param({"allow_origins": ["http://*.localhost:*"]}, [], id="localhost names"),
        pytest.param(
            {"allow_origins": [re.compile(r"https?://[^/]+")]},
            [("any-origin-regex", ("GET", "HEAD", "POST"))],
            id="a regular expression for any origin",
        ),
        pytest.param(
            {"allow_origins": [re.compile(r"https?://a\.example")], "allow_credentials": True},
            [],
            id="a regular expression with credentials, which has no http:",
        ),
        pytest.param(
            {
                "allow_origins": [re.compile(r"https?://a\.example")],
                "allow_credentials": True,
                "allow_insecure_origins": True,
                "allow_methods": ["POST"],
            },
            [("http-origin", WRITE)],
            id="a regular expression with http: and credentials",
        ),
        pytest.param({"allow_origins": lambda _r, _o: True}, [], id="a callable"),
        pytest.param(
            {"allow_origins": lambda _r, _o: True, "allow_credentials": True},
            [("callable-with-credentials", ("GET", "HEAD", "POST"))],
            id="a callable with credentials",
        ),
    ],
)
def test_risks(given: dict[str, Any], expected: list[tuple[str, tuple[str, ...]]]) -> None:
    app = web.Application()
    app.router.add_get("/", ok)
    app.router.add_post("/", ok)
    setup(app, CorsOptions(**given))
    found = list(risks(attachments(app)))
    assert [(risk.code, risk.methods) for risk in found] == expected
    assert all(risk.reason and risk.fix and risk.path == "/" for risk in found)


@pytest.mark.parametrize(
    ("method", "limit", "writes"),
    [
        *[(method, None, False) for method in "GET HEAD OPTIONS PROPFIND REPORT SEARCH".split()],
        ("QUERY", None, False),
        *[(method, None, True) for method in "DELETE PATCH POST PUT PROPPATCH MKCOL LOCK".split()],
        ("FROBNICATE", None, True),
        ("*", None, True),
        ("*", ["GET", "QUERY"], False),
        ("*", ["GET", "LOCK"], True),
        ("PUT", ["GET", "LOCK"], False),
    ],
)
def test_whatever_is_not_safe_writes(method: str, limit: list[str] | None, writes: bool) -> None:
    app = web.Application()
    app.router.add_route(method, "/", ok)
    setup(app, CorsOptions(allow_methods=limit))
    found = [(risk.code, risk.methods) for risk in risks(attachments(app))]
    assert found == [("any-origin-writes", (method,))] * writes


def risks_of(*expressions: re.Pattern[str]) -> list[str]:
    app = web.Application()
    app.router.add_get("/", ok)
    setup(app, CorsOptions(allow_origins=expressions))
    return [risk.code for risk in risks(attachments(app))]


@pytest.mark.parametrize(
    ("expression", "is_risky"),
    [
        (r"https://app\.example\.com", False),
        (r"https://app.example\.com", True),
        (r"https://[a-z.]+\.example\.com", False),
        (r"https://[^.]+\.example\.com", False),
        (r"https://[]a.]\.example\.com", False),
        (r"https://[^]a.]\.example\.com", False),
        (r"https://[\].]+\.example\.com", False),
        (r"https://[a\\.]+\.example\.com", False),
        (r"https://[a[.]+\.example\.com", False),
        (r"https://\[.\]", True),
        (r"https://a\x2eexample\056com", False),
        (r"https://(?P<name>a|b)\.example\.com(?:\.)?", False),
        (r"https://(?#a. or b.)\w+\.example\.com", False),
        (r"https://.*\.example\.com", True),
        (r"https://app\\.example", True),
        (r"https://[a-z]+.example\.com", True),
        (r"https://\w+\.example\.com # e.g. a", True),
        (r"(?x) https://\w+\.example\.com # e.g. a", False),
        ("(?x) https://[#.]\\# # e.g.\n \\.example # .", False),
        ("(?x) https://\\w+ # any\n . # dot\n example", True),
    ],
)
def test_bare_dots(expression: str, is_risky: bool) -> None:
    assert risks_of(re.compile(expression)) == ["regex-bare-dot"] * is_risky
    if "(?x)" in expression:
        flagged = re.compile(expression.removeprefix("(?x)"), re.VERBOSE)
        assert risks_of(flagged) == ["regex-bare-dot"] * is_risky


@pytest.mark.parametrize(
    ("expression", "is_risky"),
    [
        (r"https://a\.example", False),
        (r"^https:\/\/a\.example(:\d+)?$", False),
        (r"https://http\.example", False),
        (r"http://a\.example", True),
        (r"^http:\/\/a\.example$", True),
        (r"https?://a\.example", True),
        (r"https{0,1}://a\.example", True),
        (r"http(s)?://a\.example", True),
        (r"http(?:s|)://a\.example", True),
        (r"(https|http)://a\.example", True),
        (r"http://intranet(:\d+)?", True),
        (r"https?://localhost(:\d+)?", False),
        (r"http://[a-z]+\.localhost", False),
        (r"http://(localhost|127\.0\.0\.1|127\.\d+\.\d+\.\d+|\[::1\]):[0-9]+", False),
        (r"https?://(localhost|a\.example)", True),
    ],
)
def test_expressions_that_match_http(expression: str, is_risky: bool) -> None:
    assert risks_of(re.compile(expression)) == ["http-origin"] * is_risky


def test_what_a_long_list_holds_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    monkeypatch.setattr(_attachments, "_of_regex", lambda regex, _: looked_at.append(regex) or [])
    app = web.Application()
    for number in range(10):
        app.router.add_get(f"/{number}", ok)
    setup(app, CorsOptions(allow_origins=[re.compile("https://a"), re.compile("https://b")]))
    assert list(risks(attachments(app))) == []
    assert len(looked_at) == 2
