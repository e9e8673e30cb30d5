"""`CorsOptions`: normal forms, every refusal, and options as text."""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
from datetime import timedelta
from typing import Any

import pytest

from aiohttp_cors_plugin import CorsConfigError, CorsOptions
from aiohttp_cors_plugin.options import change_problems, changed

APP = "https://app.example.com"


def predicate(_request: object, _origin: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        pytest.param({}, "allow_origins", "*", id="any origin is the default"),
        pytest.param({"allow_origins": ["*"]}, "allow_origins", "*", id="a list of the star"),
        pytest.param(
            {"allow_origins": (o for o in [APP])}, "allow_origins", (APP,), id="generator"
        ),
        pytest.param(
            {"allow_origins": {"https://b.example", "https://a.example"}},
            "allow_origins",
            ("https://a.example", "https://b.example"),
            id="a set is sorted",
        ),
        pytest.param({"allow_methods": "*"}, "allow_methods", None, id="star methods"),
        pytest.param({"allow_methods": ["*"]}, "allow_methods", None, id="list of star methods"),
        pytest.param({"allow_methods": ["GET"]}, "allow_methods", ("GET", "HEAD"), id="GET, HEAD"),
        pytest.param({"allow_methods": ["PUT", "PUT"]}, "allow_methods", ("PUT",), id="repeats"),
        pytest.param({"allow_methods": ["CHICKEN"]}, "allow_methods", ("CHICKEN",), id="any token"),
        pytest.param({"allow_headers": ["*"]}, "allow_headers", "*", id="star headers"),
        pytest.param(
            {"allow_headers": ["*", "Authorization"]}, "allow_headers", "*", id="superfluous"
        ),
        pytest.param(
            {"allow_headers": ["X-One", "x-one"]}, "allow_headers", ("X-One",), id="same name"
        ),
        pytest.param({"expose_headers": "*"}, "expose_headers", "*", id="expose everything"),
        pytest.param({"max_age": timedelta(hours=1)}, "max_age", 3600, id="timedelta"),
        pytest.param({"max_age": 0}, "max_age", 0, id="0 is a value"),
        pytest.param({"max_age": None}, "max_age", None, id="None is unset"),
        pytest.param(
            {"allow_origins": predicate, "vary": ["X-Tenant"]}, "vary", ("X-Tenant",), id="vary"
        ),
    ],
)
def test_normal_forms(given: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(CorsOptions(**given), field) == expected


LISTED = {"allow_origins": [APP], "allow_credentials": True}
REFUSED = [
    ({"allow_origins": []}, "origins-empty", "allow_origins"),
    ({"allow_origins": APP}, "bare-string", "allow_origins"),
    ({"allow_origins": None}, "not-a-list", "allow_origins"),
    ({"allow_origins": {"a": 1}}, "not-a-list", "allow_origins"),
    ({"allow_origins": ["*", APP]}, "wildcard-beside-others", "allow_origins"),
    ({"allow_credentials": True}, "credentials-with-any-origin", "allow_credentials"),
    ({"allow_credentials": 1}, "not-a-bool", "allow_credentials"),
    ({"expose_timing": "true"}, "not-a-bool", "expose_timing"),
    (
        {"allow_origins": [re.compile("https://.*")], "allow_credentials": True},
        "credentials-with-any-regex",
        "allow_origins[0]",
    ),
    (
        {"allow_origins": ["http://a.example.com"], "allow_credentials": True},
        "credentials-with-insecure-origin",
        "allow_origins[0]",
    ),
    (
        {"allow_origins": [APP, "https://*.com"], "allow_credentials": True},
        "credentials-with-public-suffix",
        "allow_origins[1]",
    ),
    (
        {"allow_origins": ["https://*.co.uk"], "allow_credentials": True},
        "credentials-with-public-suffix",
        "allow_origins[0]",
    ),
    (
        {"allow_origins": ["https://pr-*.github.io"], "allow_credentials": True},
        "credentials-with-public-suffix",
        "allow_origins[0]",
    ),
    ({"allow_methods": []}, "methods-empty", "allow_methods"),
    ({"allow_methods": "GET"}, "bare-string", "allow_methods"),
    ({"allow_methods": ["GET", "*"]}, "wildcard-beside-others", "allow_methods"),
    ({"allow_methods": ["G T"]}, "method-not-a-token", "allow_methods[0]"),
    ({"allow_methods": [7]}, "method-not-a-token", "allow_methods[0]"),
    ({"allow_methods": ["TRACK"]}, "method-forbidden", "allow_methods[0]"),
    ({"allow_methods": ["PUT", "patch"]}, "method-case", "allow_methods[1]"),
    ({"allow_headers": "X-One"}, "bare-string", "allow_headers"),
    ({"allow_headers": b"X"}, "bare-string", "allow_headers"),
    ({"allow_headers": ["X One"]}, "name-not-a-token", "allow_headers[0]"),
    ({"allow_headers": [None]}, "name-not-a-token", "allow_headers[0]"),
    ({"allow_headers": ["Origin"]}, "header-forbidden", "allow_headers[0]"),
    ({"allow_headers": ["sec-fetch-mode"]}, "header-forbidden", "allow_headers[0]"),
    ({"allow_headers": ["Access-Control-Max-Age"]}, "header-is-cors", "allow_headers[0]"),
    ({"allow_headers": ["*", "X-One"]}, "wildcard-beside-others", "allow_headers"),
    ({"expose_headers": "X-One"}, "bare-string", "expose_headers"),
    ({"expose_headers": ["Set-Cookie"]}, "header-never-exposed", "expose_headers[0]"),
    ({"expose_headers": ["Origin"]}, "header-is-request", "expose_headers[0]"),
    ({"expose_headers": ["*", "Authorization"]}, "wildcard-beside-others", "expose_headers"),
    ({"max_age": -1}, "max-age-negative", "max_age"),
    ({"max_age": 86401}, "max-age-too-long", "max_age"),
    ({"max_age": True}, "max-age-type", "max_age"),
    ({"max_age": 1.5}, "max-age-type", "max_age"),
    ({"max_age": timedelta(seconds=1.5)}, "max-age-fraction", "max_age"),
    ({"preflight_status": 302}, "preflight-status", "preflight_status"),
    ({"preflight_status": True}, "preflight-status", "preflight_status"),
    ({"vary": ["X-Tenant"]}, "vary-without-callable", "vary"),
    ({"allow_origins": predicate, "vary": "X-Tenant"}, "bare-string", "vary"),
    ({"allow_origins": predicate, "vary": "*"}, "bare-string", "vary"),
    ({"allow_origins": predicate, "vary": ["X Tenant"]}, "name-not-a-token", "vary[0]"),
]


@pytest.mark.parametrize(
    ("given", "code", "option"),
    REFUSED,
    ids=[f"{c}: {str(g).split(chr(32) + 'at 0x')[0][:50]}" for g, c, _ in REFUSED],
)
def test_refused(given: dict[str, Any], code: str, option: str) -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions(**given)
    assert [(p.code, p.option) for p in caught.value.problems] == [(code, option)]
    assert all(p.reason and p.fix for p in caught.value.problems)


def test_all_problems_are_found_at_once() -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions(allow_origins=["x", "null"], max_age=-1, allow_methods=["put"])
    assert [p.code for p in caught.value.problems] == [
        "origin-no-scheme",
        "origin-null",
        "method-case",
        "max-age-negative",
    ]


def test_an_application_can_drop_just_the_bad_entries() -> None:
    entries = [APP, "b.example.com", "https://c.example.com/"]
    try:
        options = CorsOptions(allow_origins=entries)
    except CorsConfigError as error:
        bad = {problem.option for problem in error.problems}
        good = [e for i, e in enumerate(entries) if f"allow_origins[{i}]" not in bad]
        options = CorsOptions(allow_origins=good)
    assert options.allow_origins == (APP,)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({**LISTED, "allow_origins": ["http://localhost:*"]}, id="localhost"),
        pytest.param({**LISTED, "allow_origins": ["http://*.localhost"]}, id="below localhost"),
        pytest.param({**LISTED, "allow_origins": ["http://127.8.0.1"]}, id="loopback"),
        pytest.param({**LISTED, "allow_origins": ["http://[::1]:3000"]}, id="IPv6 loopback"),
        pytest.param({**LISTED, "allow_origins": ["app://x"]}, id="another scheme"),
        pytest.param({**LISTED, "allow_origins": ["https://*.example.com"]}, id="own domain"),
        pytest.param({**LISTED, "allow_origins": [re.compile(r"https://[a-z]+\.b\.org")]}, id="re"),
        pytest.param({**LISTED, "allow_origins": predicate}, id="callable"),
        pytest.param(
            {**LISTED, "allow_origins": ["http://a.example"], "allow_insecure_origins": True},
            id="insecure, said so",
        ),
        pytest.param(
            {**LISTED, "allow_origins": ["https://*.co.uk"], "allow_public_suffixes": True},
            id="public suffix, said so",
        ),
        pytest.param(
            {"allow_insecure_origins": True, "allow_public_suffixes": True}, id="harmless"
        ),
    ],
)
def test_accepted(given: dict[str, Any]) -> None:
    assert CorsOptions(**given)


def test_without_the_public_suffix_list_one_label_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiohttp_cors_plugin.options._suffixes", None)
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    assert CorsOptions(allow_origins=["https://*.co.uk"], allow_credentials=True)
    with pytest.raises(CorsConfigError):
        CorsOptions(allow_origins=["https://*.com"], allow_credentials=True)


def test_frozen_hashable_and_replaceable() -> None:
    options = CorsOptions(allow_origins=[f"https://a{i}.example.com" for i in range(10_000)])
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.max_age = 1  # type: ignore[misc]
    other = dataclasses.replace(options, max_age=1)
    assert other.allow_origins is options.allow_origins
    assert len({options, other, dataclasses.replace(other, max_age=600)}) == 2


def test_changes_are_checked_alone_and_together() -> None:
    assert changed(CorsOptions(), {"max_age": 1}) == CorsOptions(max_age=1)
    with pytest.raises(CorsConfigError):
        changed(CorsOptions(), {"nothing": 1})
    with pytest.raises(CorsConfigError):
        changed(CorsOptions(), {"allow_credentials": True})
    assert change_problems({"allow_credentials": True}) == []
    assert [p.code for p in change_problems({"max_ages": 1, "max_age": "x"})] == [
        "unknown-option",
        "max-age-type",
    ]


# Options as text


def test_from_mapping() -> None:
    mapping = {"allow_origins": [APP], "allow_credentials": True, "max_age": 5}
    assert CorsOptions.from_mapping(mapping) == CorsOptions(**mapping)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param({}, [("origins-empty", "allow_origins")], id="no origins"),
        pytest.param({"allow_origins": []}, [("origins-empty", "allow_origins")], id="empty list"),
        pytest.param({"allow_origins": ""}, [("origins-empty", "allow_origins")], id="empty text"),
        pytest.param(
            {"allow_origin": [APP], "max_age": -1},
            [
                ("unknown-option", "allow_origin"),
                ("origins-empty", "allow_origins"),
                ("max-age-negative", "max_age"),
            ],
            id="all at once",
        ),
        pytest.param(
            {"allow_origins": [APP], 7: 1}, [("unknown-option", "7")], id="key that is no text"
        ),
    ],
)
def test_from_mapping_refused(mapping: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions.from_mapping(mapping)
    assert [(p.code, p.option) for p in caught.value.problems] == expected


def test_an_unknown_key_is_offered_the_right_one() -> None:
    with pytest.raises(CorsConfigError, match=r"write allow_origins \[unknown-option\]"):
        CorsOptions.from_mapping({"allow_orgins": [APP]})


@pytest.mark.parametrize("given", [None, [], "allow_origins", [("allow_origins", "*")]], ids=repr)
def test_from_mapping_wants_a_mapping(given: Any) -> None:
    """An empty section of YAML is None."""
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions.from_mapping(given)
    assert [(p.code, p.option) for p in caught.value.problems] == [("not-a-mapping", "options")]


def test_what_is_misspelt_in_the_environment_is_offered_as_a_variable() -> None:
    environ = {"CORS_ALLOW_ORIGINS": "*", "CORS_MAXAGE": "5", "CORS_X": "1"}
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions.from_env(environ=environ)
    near, far = (problem.fix for problem in caught.value.problems)
    assert near == "write CORS_MAX_AGE"
    assert far.startswith("known are CORS_ALLOW_ORIGINS, CORS_ALLOW_CREDENTIALS, ")


@pytest.mark.parametrize(
    ("name", "text", "fix"),
    [
        ("ALLOW_ORIGINS", "https://a.example https://b.example", "put commas between them"),
        ("ALLOW_METHODS", "", "name a method, or leave it out for all that the router serves"),
    ],
)
def test_what_to_write_instead_can_be_written_into_a_variable(
    name: str, text: str, fix: str
) -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions.from_env(environ={"CORS_ALLOW_ORIGINS": "*", f"CORS_{name}": text})
    assert [problem.fix for problem in caught.value.problems] == [fix]


@pytest.mark.parametrize(
    "value",
    [
        lambda origin: True,
        lambda: True,
        lambda request, origin, tenant: True,
        lambda *, request, origin: True,
    ],
)
def test_a_callable_of_other_arguments_is_refused(value: Any) -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions(allow_origins=value)
    assert [p.code for p in caught.value.problems] == ["origins-callable"]


@pytest.mark.parametrize(
    "value",
    [
        lambda request, origin: True,
        lambda *args: True,
        lambda request, origin="", more=1: True,
        functools.partial(lambda more, request, origin: True, 7),
        type("Deciding", (), {"__call__": lambda self, request, origin: True})(),
        max,  # does not tell what it takes
    ],
)
def test_a_callable_of_these_arguments_is_taken(value: Any) -> None:
    assert CorsOptions(allow_origins=value).allow_origins is value


def test_from_env(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "CORS_ALLOW_ORIGINS": f" {APP} ,https://*.example.com,",
        "CORS_ALLOW_CREDENTIALS": "Yes",
        "CORS_EXPOSE_TIMING": "0",
        "CORS_ALLOW_METHODS": "*",
        "CORS_ALLOW_HEADERS": "X-One, X-Two",
        "CORS_MAX_AGE": "none",
        "CORS_PREFLIGHT_STATUS": "200",
        "OTHER": "x",
    }
    expected = CorsOptions(
        allow_origins=[APP, "https://*.example.com"],
        allow_credentials=True,
        allow_headers=["X-One", "X-Two"],
        max_age=None,
        preflight_status=200,
    )
    assert CorsOptions.from_env(environ=environ) == expected
    monkeypatch.setenv("MY_ALLOW_ORIGINS", "*")
    assert CorsOptions.from_env("MY_") == CorsOptions()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, [("origins-empty", "CORS_ALLOW_ORIGINS")], id="unset"),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": " , "}, [("origins-empty", "CORS_ALLOW_ORIGINS")], id="empty"
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": f"{APP},https://b.example/"},
            [("origin-has-trailing-slash", "CORS_ALLOW_ORIGINS[1]")],
            id="a bad origin, by its index",
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": APP, "CORS_ALLOW_ORIGIN": APP},
            [("unknown-option", "CORS_ALLOW_ORIGIN")],
            id="unknown variable",
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": APP, "CORS_ALLOW_CREDENTIALS": "maybe", "CORS_MAX_AGE": "1h"},
            [("env-value", "CORS_ALLOW_CREDENTIALS"), ("env-value", "CORS_MAX_AGE")],
            id="no boolean, no number",
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": "", "CORS_MAX_AGE": "-5"},
            [("origins-empty", "CORS_ALLOW_ORIGINS"), ("max-age-negative", "CORS_MAX_AGE")],
            id="all at once",
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": "*", "CORS_ALLOW_CREDENTIALS": "true"},
            [("credentials-with-any-origin", "CORS_ALLOW_CREDENTIALS")],
            id="what does not go together",
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": APP, "CORS_allow_origins": "*", "CORS_X": "1"},
            [("unknown-option", "CORS_allow_origins"), ("unknown-option", "CORS_X")],
            id="names of variables have a case",
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": APP, "CORS_ALLOW_METHODS": "none", "CORS_ALLOW_HEADERS": "None"},
            [("env-value", "CORS_ALLOW_METHODS"), ("env-value", "CORS_ALLOW_HEADERS")],
            id="none is no name",
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": "http://a.example", "CORS_ALLOW_CREDENTIALS": "1", "CORS_X": ""},
            [
                ("unknown-option", "CORS_X"),
                ("credentials-with-insecure-origin", "CORS_ALLOW_ORIGINS[0]"),
            ],
            id="all at once, together too",
        ),
    ],
)
def test_from_env_refused(environ: dict[str, str], expected: list[tuple[str, str]]) -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions.from_env(environ=environ)
    assert [(p.code, p.option) for p in caught.value.problems] == expected
