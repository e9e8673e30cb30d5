"""The commands `routes` and `explain`, as a person and as a program call them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiohttp_cors_plugin.cli import main
from tests.app import APP, EVIL
from tests.test_explain import REFUSED, application

ROOT = Path(__file__).parent.parent


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    status = main(argv)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert max(map(len, printed.out.splitlines())) <= 80 or "--json" in argv
    return status, printed.out


def test_routes(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, "routes", "tests.shop:make_app")
    assert status == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "METHODS PATH CORS (FROM)"
    assert "GET, HEAD /catalogue any origin (override of GET /catalogue)" in lines
    assert "PUT /items/{id} none (@override on Item.put)" in lines
    assert "POST /sub/orders is_tenant(), credentials, sends X-A;" in lines
    assert "https://app.example.com, https://*.example.com, http://localhost:* and 1 more" in (
        " ".join(lines)
    )
    assert "OPTIONS /own: OPTIONS of its own: gets all but preflights" in lines


def test_routes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, "routes", "tests.shop:make_app", "--json")
    found = {row["path"]: row for row in json.loads(out)}
    assert status == 0
    assert found["/catalogue"]["rules"][0]["allow_origins"] == "*"
    assert found["/account"]["rules"][0]["allow_origins"][0] == APP
    assert found["/reports"]["rules"][0]["allow_methods"] == ["GET", "HEAD"]
    assert found["/sub/orders"]["rules"][0]["allow_origins"] == "is_tenant"


def test_an_override_that_does_not_fit_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    for extra in ((), ("--json",), ("--lint",)):
        status, out = run(capsys, "routes", "tests.shop:make_broken", *extra)
        assert status == 1
        assert "override-of-none" in out or extra == ("--lint",)


def test_lint(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, "routes", "tests.shop:make_app", "--lint")
    codes = [line for line in out.splitlines() if not line.startswith(" ")]
    assert (status, codes) == (
        1,
        [
            "wildcard-with-credentials",
            "loopback-with-credentials",
            "http-origin",
            "regex-bare-dot",
            "callable-with-credentials",
            "any-origin-writes",
        ],
    )
    status, out = run(capsys, "routes", "tests.shop:make_app", "--lint", "--json")
    assert status == 1
    assert {risk["code"] for risk in json.loads(out)} == set(codes)


@pytest.mark.parametrize(
    ("app", "words"),
    [("bare", "GET, HEAD / none (no setup)"), ("empty", "The application has no routes.")],
)
def test_an_application_with_nothing(
    capsys: pytest.CaptureFixture[str], app: str, words: str
) -> None:
    status, out = run(capsys, "routes", f"tests.shop:{app}")
    assert status == 0
    assert words in " ".join(out.split())
    assert run(capsys, "routes", f"tests.shop:{app}", "--lint") == (0, "Nothing risky.\n")


EXPLAINED = {slug: case for slug, case in REFUSED.items() if slug != "headers-malformed"}


@pytest.mark.parametrize("slug", EXPLAINED)
def test_every_reason_is_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any, slug: str
) -> None:
    case = EXPLAINED[slug]
    monkeypatch.setattr("tests.shop.make_app", lambda: application(case.options, debug=False))
    argv = ["explain", "tests.shop:make_app", "/things", "--origin", case.origin]
    argv += ["--method", case.method, *(f"--header={name}: 1" for name in case.headers)]
    argv += ["--credentials"] * case.credentials
    status, out = run(capsys, *argv)
    assert status == 1
    assert "The script may not read the response." in out
    assert f"[{slug}]" in out
    status, out = run(capsys, *argv, "--json")
    assert (status, json.loads(out)["reason"]) == (1, slug)


def test_what_is_allowed_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["explain", "tests.shop:make_app", "/account", "--method", "PUT", "--origin", APP]
    status, out = run(capsys, *argv, "--header", "Content-Type: application/json")
    assert status == 0
    assert "  route    PUT /account\n" in out
    assert "  preflight 204\n" in out
    assert out.endswith("The script may read the response.\n")
    status, out = run(capsys, *argv[:2], "/catalogue", "--origin", APP)
    assert (status, "preflight" in out) == (0, False)
    assert "  response\n    Access-Control-Allow-Origin: *\n" in out
    status, out = run(capsys, *argv[:2], "/nowhere", "--origin", APP, "--json")
    assert (status, json.loads(out)["route"]) == (0, None)


@pytest.mark.parametrize(
    "argv",
    [
        ["routes", "tests.shop"],
        ["routes", "tests.shop:needs"],
        ["explain", "tests.shop:bare", "/", "--origin", EVIL],
        ["explain", "tests.shop:make_app", "/"],
        [],
    ],
)
def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("start", ["-m aiohttp_cors_plugin", "aiohttp-cors-plugin"])
def test_it_is_a_command(start: str) -> None:
    """As a module, and as the script that pip puts beside Python."""
    command = [sys.executable, "-m", "aiohttp_cors_plugin", "routes", "tests.shop:make_app"]
    if start == "aiohttp-cors-plugin":
        command[:3] = [str(Path(sys.executable).with_name(start))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "/catalogue" in done.stdout
    assert "\x1b" not in done.stdout
