"""The commands `routes` and `explain`, as a person and as a program call them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, setup
from aiohttp_cors_plugin.cli import main
from tests.app import APP, ok
from tests.reasons import REFUSED, application
from tests.shop import is_tenant

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    status = main(argv)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert max(map(len, printed.out.splitlines()), default=0) <= 80 or "--json" in argv
    return status, printed.out


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    status, out = run(capsys, *argv, "--json")
    return status, json.loads(out, parse_constant=refuse)


def test_routes(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, "routes", "tests.shop:make_app")
    assert status == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "METHODS PATH CORS (FROM)"
    assert "GET, HEAD /catalogue any origin (override of GET /catalogue)" in lines
    assert "PUT /items/{id} none (@override on Item.put)" in lines
    assert "POST /sub/orders is_tenant(), credentials, sends X-A; else" in lines
    assert any(line.startswith("GET, HEAD //*.example.org/tenant https://app") for line in lines)
    assert any(line.startswith("? /custom https://app.example.com,") for line in lines)
    assert "https://app.example.com, https://*.example.com, http://localhost:* and 1 more" in (
        " ".join(lines)
    )
    assert "Remarks:" in lines
    assert "  OPTIONS of its own: gets all but preflights\n    - OPTIONS /own\n" in out


def test_routes_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, out = run(capsys, "routes", "tests.shop:make_app")
    assert max(map(len, out.splitlines())) <= 40
    assert out.startswith(
        "METHODS  PATH\n    CORS (FROM)\n"
        "GET, HEAD  /catalogue\n    any origin (override of GET\n    /catalogue)\n"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "make_two_rules",
            [
                {
                    "path": "/",
                    "methods": ["PUT"],
                    "rules": [
                        {
                            "allow_origins": ["https://*.example.com", {"regex": "https://a"}],
                            "allow_credentials": False,
                            "allow_insecure_origins": False,
                            "allow_public_suffixes": False,
                            "allow_methods": ["PUT"],
                            "allow_headers": ["X-A"],
                            "expose_headers": "*",
                            "max_age": 60,
                            "preflight_status": 204,
                            "vary": [],
                            "expose_timing": False,
                            "guard_websockets": False,
                        },
                        {
                            "allow_origins": {"callable": "is_tenant"},
                            "allow_credentials": True,
                            "allow_insecure_origins": False,
                            "allow_public_suffixes": False,
                            "allow_methods": None,
                            "allow_headers": [],
                            "expose_headers": [],
                            "max_age": None,
                            "preflight_status": 204,
                            "vary": ["X-Tenant"],
                            "expose_timing": False,
                            "guard_websockets": False,
                        },
                    ],
                    "source": "defaults",
                    "remarks": [],
                    "problems": [],
                }
            ],
            id="options",
        ),
        pytest.param(
            "make_broken",
            [
                {
                    "path": "/",
                    "methods": ["GET", "HEAD"],
                    "rules": None,
                    "source": "an override that does not fit",
                    "remarks": [],
                    "problems": [
                        {
                            "code": "override-of-none",
                            "reason": "override of GET /: {'max_age': 60} has no options to change",
                            "fix": "give a whole CorsOptions",
                        }
                    ],
                }
            ],
            id="an override that does not fit",
        ),
    ],
)
def test_routes_as_json(
    capsys: pytest.CaptureFixture[str], name: str, expected: list[dict[str, Any]]
) -> None:
    status, found = run_json(capsys, "routes", f"tests.shop:{name}")
    assert found == expected
    assert [list(one) for one in found] == [list(one) for one in expected]
    assert status == any(one["problems"] for one in expected)


def test_an_override_that_does_not_fit_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, "routes", "tests.shop:make_broken")
    words = "override of GET /: {'max_age': 60} has no options to change; give a whole"
    assert status == 1
    assert out.endswith(
        f"\nProblems:\n  {words}\n  CorsOptions [override-of-none]\n    - GET, HEAD /\n"
    )
    status, out = run(capsys, "routes", "tests.shop:make_broken", "--lint")
    assert status == 1
    assert out == f"override-of-none\n  {words}\n  CorsOptions\n    - GET, HEAD /\n"
    assert run_json(capsys, "routes", "tests.shop:make_broken", "--lint") == (
        1,
        [
            {
                "code": "override-of-none",
                "path": "/",
                "methods": ["GET", "HEAD"],
                "reason": "override of GET /: {'max_age': 60} has no options to change",
                "fix": "give a whole CorsOptions",
            }
        ],
    )


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
    status, found = run_json(capsys, "routes", "tests.shop:make_app", "--lint")
    assert status == 1
    assert {risk["code"] for risk in found} == set(codes)


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


# The others come from no browser.
EXPLAINED = {slug: case for slug, case in REFUSED.items() if "malformed" not in slug}


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
    assert "  route      PUT /account\n" in out
    assert "  preflight  204\n" in out
    assert out.endswith("The script may read the response.\n")
    status, out = run(capsys, *argv[:2], "/catalogue", "--origin", APP)
    assert (status, "preflight" in out) == (0, False)
    assert "  response\n    Access-Control-Allow-Origin: *\n" in out
    status, found = run_json(capsys, *argv[:2], "/nowhere", "--origin", APP)
    assert (status, found["route"]) == (0, None)


def test_what_is_explained_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["explain", "tests.shop:make_app", "/account", "--origin", "null", "--method", "put"]
    assert run_json(capsys, *argv, "--header=X-A: 1", "--header=X-A: 2") == (
        1,
        {
            "allowed": False,
            "reason": "origin-null",
            "message": "the origin is null, or there are several; only '*' admits that: 'null'; "
            "allow_origins=('https://app.example.com', 'https://*.example.com', "
            "'http://localhost:*', 'http://old.example.com'); serve the page from an origin of its "
            "own: no sandboxed frame, no file: or data: URL [origin-null]",
            "method": "PUT",
            "path": "/account",
            "origin": "null",
            "route": "PUT /account",
            "source": "defaults",
            "preflight": True,
            "preflight_status": 403,
            "preflight_headers": [["Vary", "Origin"]],
            "headers": [],
        },
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/sub/orders", (0, None, "POST /sub/orders")), ("/none", (1, "no-policy", "POST /none"))],
)
def test_a_setup_in_a_sub_application_is_found(
    capsys: pytest.CaptureFixture[str], path: str, expected: tuple[int, str | None, str]
) -> None:
    argv = ["explain", "tests.shop:make_inner", path, "--method", "POST", "--origin", APP]
    status, found = run_json(capsys, *argv)
    assert (status, found["reason"], found["route"]) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/account#top", "/account"),
        ("//account", "//account"),
        ("HTTP://A.example.org:80/tenant?a=b", "http://a.example.org/tenant?a=b"),
        ("http:///a.example.org/tenant", "http://a.example.org/tenant"),
    ],
)
def test_paths_and_urls_are_asked_about_as_browsers_send_them(
    capsys: pytest.CaptureFixture[str], path: str, expected: str
) -> None:
    status, found = run_json(capsys, *EXPLAIN, path, *PAGE)
    assert (status, found["path"], found["reason"]) == (0, expected, None)


EXPLAIN = ["explain", "tests.shop:make_app"]
PAGE = ["--origin", APP]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["routes", "tests.shop"], "routes: error: 'tests.shop' is no MODULE:APP"),
        (["routes", "tests.shop:needs"], "needs arguments"),
        (
            ["explain", "tests.shop:bare", "/", *PAGE],
            "explain: error: tests.shop:bare has no setup",
        ),
        ([*EXPLAIN, "/"], "required: --origin"),
        ([*EXPLAIN, "/", "--origin", "app.example.com"], f"write '{APP}'"),
        ([*EXPLAIN, "account", *PAGE], "'account' is no path; write '/account'"),
        ([*EXPLAIN, "", *PAGE], "write '/'"),
        ([*EXPLAIN, "http://[", *PAGE], "Failed to parse URL from http://["),
        ([*EXPLAIN, "ftp://a.example/", *PAGE], "ftp"),
        ([*EXPLAIN, "/", *PAGE, "--method", ""], "'' is not a valid HTTP method"),
        ([*EXPLAIN, "/", *PAGE, "--method", "P T"], "'P T' is not a valid HTTP method"),
        ([*EXPLAIN, "/", *PAGE, "--method", "GET\nX"], "'GET\\u000AX' is not a valid HTTP method"),
        ([*EXPLAIN, "/", *PAGE, "--method", "trace"], "'trace' HTTP method is unsupported"),
        ([*EXPLAIN, "/", *PAGE, "--header", "Cookie: a=b"], "leave it out"),
        ([*EXPLAIN, "/", *PAGE, "--header", "a b"], "Invalid name"),
        ([], "required: COMMAND"),
    ],
)
def test_wrong_usage_ends_with_2(
    capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert words in printed.err
    assert "GET\nX" not in printed.err


def make_shop() -> web.Application:
    """The application of the README's runs."""
    app, sub = web.Application(), web.Application()
    catalogue = app.router.add_get("/catalogue", ok)
    app.router.add_put("/account", ok)
    options = CorsOptions(allow_origins=[APP], allow_credentials=True)
    setup(app, options).override(catalogue, CorsOptions())
    sub.router.add_post("/orders", ok)
    tenants = CorsOptions(
        allow_origins=is_tenant, allow_credentials=True, allow_headers=["X-Tenant"]
    )
    setup(sub, tenants)
    app.add_subapp("/sub", sub)
    return app


@pytest.mark.skipif(not README.exists(), reason="the README is in the source tree only")
def test_the_runs_in_the_readme_are_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shop", SimpleNamespace(make_app=make_shop))  # type: ignore[arg-type]
    section = README.read_text(encoding="utf-8").partition("## The command line\n")[2]
    blocks = re.findall(r"^```console\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    runs = [run for block in blocks for run in block.split("$ python -m aiohttp_cors_plugin ")[1:]]
    assert [said.split()[0] for said in runs] == ["routes", "routes", "explain"]
    for said in runs:
        command, _, expected = said.partition("\n")
        assert run(capsys, *command.split())[1] == expected


@pytest.mark.parametrize("start", ["-m aiohttp_cors_plugin", "aiohttp-cors-plugin"])
def test_it_is_a_command(start: str) -> None:
    """As a module, and as the script that pip puts beside Python."""
    command = [sys.executable, "-m", "aiohttp_cors_plugin", "routes", "tests.shop:make_app"]
    if start == "aiohttp-cors-plugin":
        command[:3] = [str(Path(sys.executable).with_name(start))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "/catalogue" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    environment = {name: value for name, value in os.environ.items() if "UNBUFFERED" not in name}
    for argv in ("routes tests.shop:make_thousand", "routes tests.shop:bare", "--help"):
        command = [sys.executable, "-m", "aiohttp_cors_plugin", *argv.split()]
        reads, writes = os.pipe()
        os.close(reads)
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                stdout=writes,
                stderr=-1,
                timeout=60,
                check=False,
            )
        finally:
            os.close(writes)
        assert (done.returncode, done.stderr) == (141, b"")


def test_ctrl_c_ends_it_quietly(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.shop.make_app", interrupted)
    assert run(capsys, "routes", "tests.shop:make_app") == (1, "")


def test_what_cannot_be_encoded_is_escaped() -> None:
    command = [sys.executable, "-m", "aiohttp_cors_plugin", "routes", "tests.shop:make_cafe"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "/caf\\xe9 " in done.stdout
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["routes", "tests.shop:make_cafe"]) == 0
    assert "/caf\xe9 " in printed.getvalue()
