"""Which options every route has, and what is risky about them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, setup
from aiohttp_cors_plugin._attachments import attachments, risks
from tests.app import APP, ok
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
        ("/custom", (), None, "?"),
        ("/sub/orders", WRITE, 2, "defaults"),
        ("//tenant.example.org/tenant", READ, 1, "defaults"),
    ]
    remarks = {
        a.path + "/".join(a.methods): a.remarks for a in attachments(make_app()) if a.remarks
    }
    assert list(remarks) == ["/any*", "/ownOPTIONS", "/oddFROBNICATE", "/reportsPOST", "/custom"]
    assert len(remarks["/oddFROBNICATE"]) == 2
    assert not any(a.is_invalid for a in attachments(make_app()))


def test_an_override_that_does_not_fit_is_shown_and_not_raised() -> None:
    (broken,) = attachments(make_broken())
    assert broken.is_invalid
    assert "override-of-none" in broken.remarks[0]


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
        pytest.param({"allow_origins": ["https://*.example.com"]}, [], id="a wildcard"),
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
    ("expression", "is_risky"),
    [
        (r"https://app\.example\.com", False),
        (r"https://app.example\.com", True),
        (r"https://[a-z.]+\.example\.com", False),
        (r"https://[^.]+\.example\.com", False),
        (r"https://[]a.]\.example\.com", False),
        (r"https://[\].]+\.example\.com", False),
        (r"https://.*\.example\.com", True),
        (r"https://app\\.example", True),
        (r"https://[a-z]+.example\.com", True),
    ],
)
def test_bare_dots(expression: str, is_risky: bool) -> None:
    app = web.Application()
    app.router.add_get("/", ok)
    setup(app, CorsOptions(allow_origins=[re.compile(expression)]))
    assert [r.code for r in risks(attachments(app))] == ["regex-bare-dot"] * is_risky
