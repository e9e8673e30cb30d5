"""Policies without a server: the complete set of headers that a response ends up with."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from aiohttp_cors_plugin import CorsOptions
from aiohttp_cors_plugin._policy import Policy, add_vary, origin_of
from aiohttp_cors_plugin._reasons import REASONS

APP, OTHER, EVIL = "https://app.example.com", "https://b.example.com", "https://evil.example.net"
ALLOW = "Access-Control-Allow-Origin"
CREDENTIALS = "Access-Control-Allow-Credentials"
EXPOSE = "Access-Control-Expose-Headers"
BY_HAND = {
    ALLOW: EVIL,
    CREDENTIALS: "true",
    EXPOSE: "X-Hand",
    "Access-Control-Allow-Methods": "PUT",
    "Access-Control-Allow-Headers": "X-Hand",
    "Access-Control-Max-Age": "5",
}


def having(headers: CIMultiDict[str], method: str = "GET") -> Any:
    """A request, or a response, as aiohttp's are."""
    return SimpleNamespace(headers=headers, _headers=headers, method=method)


ANY = CorsOptions()
LIST = CorsOptions(allow_origins=[APP])
FULL = CorsOptions(
    allow_origins=[APP], allow_credentials=True, expose_headers=["X-B", "x-a"], expose_timing=True
)


@pytest.mark.parametrize("by_hand", [{}, BY_HAND], ids=["bare", "headers set by hand"])
@pytest.mark.parametrize(
    ("rules", "origin", "method", "expected"),
    [
        pytest.param([ANY], APP, "GET", {ALLOW: "*"}, id="any origin"),
        pytest.param([ANY], None, "GET", {ALLOW: "*"}, id="any origin, none given"),
        pytest.param([ANY], "null", "GET", {ALLOW: "*"}, id="any origin, null"),
        pytest.param([LIST], APP, "GET", {ALLOW: APP, "Vary": "Origin"}, id="listed"),
        pytest.param([LIST], EVIL, "GET", {"Vary": "Origin"}, id="not listed"),
        pytest.param([LIST], None, "GET", {"Vary": "Origin"}, id="no origin"),
        pytest.param([LIST], "null", "GET", {"Vary": "Origin"}, id="null"),
        pytest.param([LIST], "", "GET", {"Vary": "Origin"}, id="empty"),
        pytest.param(
            [FULL],
            APP,
            "GET",
            {
                ALLOW: APP,
                CREDENTIALS: "true",
                EXPOSE: "x-a, X-B",
                "Timing-Allow-Origin": APP,
                "Vary": "Origin",
            },
            id="everything",
        ),
        pytest.param(
            [CorsOptions(allow_origins=[APP], allow_credentials=True, expose_headers="*")],
            APP,
            "GET",
            {ALLOW: APP, CREDENTIALS: "true", EXPOSE: "Vary", "Vary": "Origin"},
            id="everything exposed, and nothing else there",
        ),
        pytest.param([FULL], EVIL, "GET", {"Vary": "Origin"}, id="everything, refused"),
        pytest.param(
            [CorsOptions(expose_headers="*", expose_timing=True)],
            None,
            "GET",
            {ALLOW: "*", EXPOSE: "*", "Timing-Allow-Origin": "*"},
            id="constants without an origin",
        ),
        pytest.param(
            [CorsOptions(allow_methods=["GET"])], APP, "HEAD", {ALLOW: "*"}, id="GET brings HEAD"
        ),
        pytest.param([CorsOptions(allow_methods=["GET"])], APP, "PUT", {}, id="another method"),
        pytest.param(
            [CorsOptions(allow_origins=[APP], allow_methods=["GET"])],
            APP,
            "PUT",
            {"Vary": "Origin"},
            id="another method, listed",
        ),
        pytest.param([LIST, ANY], APP, "GET", {ALLOW: APP, "Vary": "Origin"}, id="first rule"),
        pytest.param([LIST, ANY], EVIL, "GET", {ALLOW: "*", "Vary": "Origin"}, id="last rule"),
        pytest.param([LIST, ANY], None, "GET", {"Vary": "Origin"}, id="rules without an origin"),
        pytest.param(
            [LIST, CorsOptions(allow_origins=[OTHER])], EVIL, "GET", {"Vary": "Origin"}, id="none"
        ),
    ],
)
def test_stamp(
    rules: list[CorsOptions],
    origin: str | None,
    method: str,
    expected: dict[str, str],
    by_hand: dict[str, str],
) -> None:
    policy = Policy(rules)
    headers = CIMultiDict({"Content-Type": "text/plain", **by_hand})
    for _ in range(2):  # stamping twice changes nothing
        policy.stamp(policy.judge(origin), method, headers)
        assert dict(headers) == {"Content-Type": "text/plain", **expected}


def test_a_header_beside_one_that_was_sent_before_is_replaced_too() -> None:
    """As caches of responses do: the headers of an earlier one, and a further one by hand."""
    policy = Policy([LIST])
    stamp = policy.stamper(lambda *_: None)
    request = having(CIMultiDict({"Origin": APP}))
    before = having(CIMultiDict[str]())
    for _ in range(2):
        stamp(request, before)
    again = having(before.headers.copy())
    again.headers.add(ALLOW, "*")
    stamp(request, again)
    assert list(again.headers.items()) == [("Vary", "Origin"), (ALLOW, APP)]


@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [("Cookie", "Cookie, Origin"), ("User-Agent", "User-Agent, Origin"), ("Origin", "Origin")],
)
def test_whichever_way_the_vary_that_is_there_is_added_to(by_hand: str, expected: str) -> None:
    policy = Policy([LIST])
    stamper = policy.stamper(lambda *_: None)
    slowly, quickly = (CIMultiDict({"Vary": by_hand}) for _ in range(2))
    policy.stamp(policy.judge(APP), "GET", slowly)
    stamper(having(CIMultiDict({"Origin": APP})), having(quickly))
    assert dict(slowly) == dict(quickly) == {"Vary": expected, ALLOW: APP}


def test_timing_set_by_hand_is_left_alone_unless_the_policy_speaks_of_it() -> None:
    for options, expected in ((LIST, "x"), (FULL, None)):
        policy = Policy([options])
        headers = CIMultiDict({"Timing-Allow-Origin": "x"})
        policy.stamp(policy.judge(EVIL), "GET", headers)
        assert headers.get("Timing-Allow-Origin") == expected
    policy = Policy([CorsOptions(allow_origins=[APP]), FULL])
    headers = CIMultiDict({"Timing-Allow-Origin": "x"})
    policy.stamp(policy.judge(APP), "GET", headers)
    assert "Timing-Allow-Origin" not in headers


def test_exposing_everything_with_credentials_lists_what_is_there() -> None:
    policy = Policy([CorsOptions(allow_origins=[APP], allow_credentials=True, expose_headers="*")])
    headers = CIMultiDict({"x-b": "1", "X-A": "1", "Set-Cookie": "c", "Content-Type": "t"})
    policy.stamp(policy.judge(APP), "GET", headers)
    assert headers[EXPOSE] == "Vary, X-A, X-B"


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([], "Origin"),
        (["Accept-Encoding"], "Accept-Encoding, Origin"),
        (["Accept-Encoding", "Cookie"], "Accept-Encoding, Cookie, Origin"),
        (["origin"], "origin"),
        (["Cookie, ORIGIN "], "Cookie, ORIGIN "),
        (["*"], "*"),
        (["Cookie", "*"], "Cookie"),
        ([""], "Origin"),
        (["X-Origin"], "X-Origin, Origin"),
    ],
)
def test_vary_is_merged(present: list[str], expected: str) -> None:
    headers = CIMultiDict([("Vary", line) for line in present])
    add_vary(headers, ("Origin",))
    assert headers["Vary"] == expected


@given(st.lists(st.sampled_from(["Origin", "Cookie", "*", "", "a, b", "origin,"]), max_size=4))
def test_merging_vary_twice_is_merging_it_once(present: list[str]) -> None:
    headers = CIMultiDict([("Vary", line) for line in present])
    add_vary(headers, ("Origin", "X-Tenant"))
    once = headers.copy()
    add_vary(headers, ("Origin", "X-Tenant"))
    assert headers == once
    names = {name.strip().lower() for line in headers.getall("Vary") for name in line.split(",")}
    assert "*" in names or {"origin", "x-tenant"} <= names


# Preflights

PREFLIGHT = CorsOptions(
    allow_origins=[APP], allow_credentials=True, allow_headers=["X-One"], max_age=60
)
SAFE = "Accept, Accept-Language, Content-Language, Content-Type, Range"
PASSED = {
    ALLOW: APP,
    CREDENTIALS: "true",
    "Access-Control-Allow-Methods": "GET, PUT",
    "Access-Control-Allow-Headers": f"{SAFE}, X-One",
    "Vary": "Origin",
}


def judge(options: CorsOptions, **changes: Any) -> Any:
    policy = Policy([options])
    asked: dict[str, Any] = {
        "origin": APP,
        "method": "PUT",
        "served": ["GET", "PUT"],
        "requested_headers": ["x-one"],
    } | changes
    return policy.preflight(policy.judge(asked["origin"]), **asked)


@pytest.mark.parametrize(
    ("options", "changes", "expected"),
    [
        pytest.param(PREFLIGHT, {}, {**PASSED, "Access-Control-Max-Age": "60"}, id="all of it"),
        pytest.param(
            CorsOptions(max_age=None),
            {"requested_headers": []},
            {
                ALLOW: "*",
                "Access-Control-Allow-Methods": "GET, PUT",
                "Access-Control-Allow-Headers": SAFE,
            },
            id="any origin, no max age",
        ),
        pytest.param(
            CorsOptions(allow_headers="*", max_age=0),
            {"requested_headers": ["X-A, authorization", "x-a"]},
            {
                ALLOW: "*",
                "Access-Control-Allow-Methods": "GET, PUT",
                "Access-Control-Allow-Headers": "x-a, authorization",
                "Access-Control-Max-Age": "0",
            },
            id="any header is echoed",
        ),
        pytest.param(
            CorsOptions(allow_headers="*", max_age=None, allow_methods=["PUT"]),
            {"requested_headers": []},
            {ALLOW: "*", "Access-Control-Allow-Methods": "PUT"},
            id="only these methods, no header asked for",
        ),
    ],
)
def test_preflight_allowed(
    options: CorsOptions, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    decision = judge(options, **changes)
    assert (decision.allowed, decision.status, dict(decision.headers)) == (True, 204, expected)


NOT_PUT = {**PASSED, "Access-Control-Allow-Methods": "GET"}


@pytest.mark.parametrize(
    ("options", "changes", "reason", "debug_headers"),
    [
        pytest.param(PREFLIGHT, {"origin": EVIL}, "origin-not-listed", {"Vary": "Origin"}, id="o"),
        pytest.param(PREFLIGHT, {"origin": "null"}, "origin-null", {"Vary": "Origin"}, id="null"),
        pytest.param(PREFLIGHT, {"origin": "x"}, "origin-malformed", {"Vary": "Origin"}, id="bad"),
        pytest.param(PREFLIGHT, {"served": ["GET"]}, "method-not-served", NOT_PUT, id="method"),
        pytest.param(
            CorsOptions(allow_origins=[APP], allow_methods=["GET"], max_age=None),
            {"requested_headers": []},
            "method-not-allowed",
            {
                ALLOW: APP,
                "Access-Control-Allow-Methods": "GET",
                "Access-Control-Allow-Headers": SAFE,
                "Vary": "Origin",
            },
            id="method that is not allowed",
        ),
        pytest.param(
            PREFLIGHT, {"method": "POST"}, "method-not-served", None, id="no way to stop a POST"
        ),
        pytest.param(
            PREFLIGHT,
            {"served": [], "origin": EVIL},
            "method-not-served",
            {"Vary": "Origin"},
            id="2",
        ),
        pytest.param(
            PREFLIGHT, {"requested_headers": ["x-two"]}, "header-not-allowed", PASSED, id="header"
        ),
        pytest.param(
            PREFLIGHT, {"requested_headers": ["x two"]}, "headers-malformed", None, id="malformed"
        ),
    ],
)
def test_preflight_refused(
    options: CorsOptions,
    changes: dict[str, Any],
    reason: str,
    debug_headers: dict[str, str] | None,
) -> None:
    decision = judge(options, **changes)
    assert (decision.reason, decision.status, dict(decision.headers)) == (
        reason,
        403,
        {"Vary": "Origin"},
    )
    assert reason in REASONS
    explained = judge(options, **changes, debug=True)
    assert explained.reason == reason
    if debug_headers is None:
        assert (explained.status, dict(explained.headers)) == (403, {"Vary": "Origin"})
    else:
        assert (explained.status, dict(explained.headers)) == (200, debug_headers)


# Callables


def answering(answers: dict[Any, str | None]) -> tuple[Any, list[tuple[Any, str]]]:
    asked = []

    async def ask(predicate: Any, origin: str) -> str | None:
        asked.append((predicate, origin))
        return answers[predicate]

    return ask, asked


def first(_request: Any, _origin: str) -> bool:
    return True


def second(_request: Any, _origin: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("rules", "answers", "origin", "index", "reason", "count"),
    [
        pytest.param([first], {first: None}, APP, 0, None, 1, id="yes"),
        pytest.param(
            [first], {first: "predicate-refused"}, APP, None, "predicate-refused", 1, id="no"
        ),
        pytest.param([first], {}, None, None, "no-origin", 0, id="not asked without an origin"),
        pytest.param([first], {}, "null", None, "origin-null", 0, id="not asked about null"),
        pytest.param([first], {}, "x", None, "origin-malformed", 0, id="not asked about nonsense"),
        pytest.param([[APP], first], {}, APP, 0, None, 0, id="not asked where a list decides"),
        pytest.param([[APP], first], {first: None}, EVIL, 1, None, 1, id="asked where it does not"),
        pytest.param([first, "*"], {first: "predicate-failed"}, APP, 1, None, 1, id="then anybody"),
        pytest.param([first, "*"], {}, "null", 1, None, 0, id="null: anybody at once"),
        pytest.param(
            [first, second],
            {first: "predicate-failed", second: "predicate-refused"},
            APP,
            None,
            "predicate-failed",
            2,
            id="a failure is not hidden by a refusal",
        ),
        pytest.param([[OTHER], first], {}, "null", None, "origin-null", 0, id="null: nobody"),
    ],
)
async def test_judge_asking(
    rules: list[Any],
    answers: dict[Any, str | None],
    origin: str | None,
    index: int | None,
    reason: str | None,
    count: int,
) -> None:
    policy = Policy([CorsOptions(allow_origins=origins) for origins in rules])
    ask, asked = answering(answers)
    verdict = await policy.judge_asking(origin, ask)
    assert verdict[:2] == (None if index is None else policy.rules[index], reason)
    if verdict.rule is not None:
        assert verdict.allowed == ("*" if verdict.rule.any_origin else origin)
    assert len(asked) == count


def test_what_a_callable_reads_varies() -> None:
    policy = Policy(
        [
            CorsOptions(allow_origins=first, vary=["X-Tenant", "origin"]),
            CorsOptions(allow_origins=[re.compile("https://x")]),
        ]
    )
    assert [name.lower() for name in policy.vary] == ["origin", "x-tenant"]
    assert policy.needs_asking


@pytest.mark.parametrize(
    "by_hand",
    [{}, BY_HAND, *({name: value} for name, value in BY_HAND.items())],
    ids=["bare", "headers set by hand", *BY_HAND],
)
@pytest.mark.parametrize("lines", [[], [APP], [EVIL], ["null"], [APP, APP], ["x" * 9999]])
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    "rules",
    [
        [ANY],
        [LIST],
        [FULL],
        [LIST, ANY],
        [CorsOptions(expose_headers="*", expose_timing=True)],
        [CorsOptions(expose_timing=True)],
        [CorsOptions(allow_origins=[APP], expose_timing=True)],
        [LIST, CorsOptions(allow_origins=[OTHER], expose_timing=True)],
        [CorsOptions(allow_origins=[APP], allow_credentials=True)],
        [CorsOptions(allow_origins=[APP], expose_headers=["X-A"])],
        [CorsOptions(allow_methods=["GET"])],
        [CorsOptions(allow_origins=[APP], allow_methods=["GET"]), ANY],
    ],
    ids=[
        *("any", "list", "full", "list, any", "expose, timing", "timing", "list, timing"),
        *("list, other timing", "credentials", "expose", "methods", "methods, any"),
    ],
)
def test_the_quick_way_to_stamp_does_what_the_slow_one_does(
    rules: list[CorsOptions], method: str, lines: list[str], by_hand: dict[str, str]
) -> None:
    policy, reports = Policy(rules), []
    request = having(CIMultiDict([("Origin", o) for o in lines]), method)
    stamper = policy.stamper(lambda _request, reason, _rule=None: reports.append(reason))
    expected = CIMultiDict({"Content-Type": "text/plain", **by_hand})
    reason = policy.stamp(policy.judge(origin_of(request)), method, expected)
    for _ in range(3):  # the first time the origin is new
        headers = CIMultiDict({"Content-Type": "text/plain", **by_hand})
        stamper(request, having(headers))
        assert sorted(headers.items()) == sorted(expected.items())
    assert reports == ([reason] * 3 if reason and lines else [])


def test_the_quick_way_can_do_without_private_names_of_aiohttp() -> None:
    stamper = Policy([LIST]).stamper(lambda *_: None)
    for _ in range(2):
        headers = CIMultiDict[str]()
        request = SimpleNamespace(method="GET", headers=CIMultiDict({"Origin": APP}))
        stamper(request, SimpleNamespace(headers=headers))
        assert dict(headers) == {"Vary": "Origin", ALLOW: APP}


@pytest.mark.parametrize(
    ("options", "is_plain"),
    [(LIST, True), (ANY, True), (FULL, False), (CorsOptions(allow_methods=["GET"]), False)],
)
def test_the_commonest_options_take_the_shortest_way(options: CorsOptions, is_plain: bool) -> None:
    assert Policy([options]).rules[0].is_plain is is_plain


def test_a_handler_that_sets_the_right_origin_twice_sends_it_once() -> None:
    policy = Policy([LIST])
    origin = "".join([*APP])
    request = having(CIMultiDict({"Origin": origin}))
    stamper = policy.stamper(lambda _request, _reason: None)
    for _ in range(3):
        headers = CIMultiDict([(ALLOW, origin), (ALLOW, origin), ("Vary", "Origin")])
        stamper(request, having(headers))
        assert headers.getall(ALLOW) == [APP]
        assert headers.getall("Vary") == ["Origin"]


def test_what_is_remembered_of_origins_is_bounded_and_true() -> None:
    policy = Policy([CorsOptions(allow_origins=["https://*.example.com"])])
    for number in range(5000):
        for _ in range(2):
            assert policy.judge(f"https://a{number}.example.com").rule is policy.rules[0]
            assert policy.judge(f"https://a{number}.example.org").reason == "origin-not-listed"
            assert policy.judge(None).reason == "no-origin"
    assert len(policy._known) <= 1025
    assert policy.judge("https://" + "a" * 5000).rule is None
    assert max(len(origin or "") for origin in policy._known) <= 512


@pytest.mark.parametrize(
    ("listed", "asked", "most"), [(3000, 3000, 3001), (20_000, 16_384, 16_385)]
)
def test_as_many_origins_are_remembered_as_a_long_list_has_within_bounds(
    listed: int, asked: int, most: int
) -> None:
    origins = [f"https://a{number}.example.com" for number in range(listed)]
    half = listed // 2
    policy = Policy([CorsOptions(allow_origins=part) for part in (origins[:half], origins[half:])])
    for _ in range(2):
        for origin in origins[:asked]:
            assert policy.judge(origin).allowed == origin
        assert len(policy._known) == most
    for number in range(listed):
        policy.judge(f"https://b{number}.example.com")
        assert len(policy._known) <= most


@pytest.mark.parametrize(
    ("lines", "expected"), [([], None), ([APP], APP), ([APP, APP], "null"), ([APP, EVIL], "null")]
)
def test_several_lines_name_no_origin(lines: list[str], expected: str | None) -> None:
    headers = CIMultiDict([("Origin", line) for line in lines])
    assert origin_of(SimpleNamespace(headers=headers)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("slug", [slug for slug in REASONS if slug != "method-not-served"])
def test_the_methods_of_a_path_are_told_where_the_method_is_the_reason(slug: str) -> None:
    assert "the path serves" not in Policy([LIST]).in_words(slug, "x", served=["PUT"])
    assert "the path serves PUT" in Policy([LIST]).in_words(
        "method-not-served", "x", served=["PUT"]
    )


def test_a_name_that_sorts_before_the_wildcard_is_exposed_as_it_is() -> None:
    options = CorsOptions(allow_origins=[APP], allow_credentials=True, expose_headers=["!x"])
    policy, headers = Policy([options]), CIMultiDict({"X-Other": "1"})
    assert policy.stamp(policy.judge(APP), "GET", headers) is None
    assert headers[EXPOSE] == "!x"


@pytest.mark.parametrize(
    ("pattern", "otherwise"),
    [
        ("http://localhost:*", "origin-not-listed"),
        (re.compile(r"http://(localhost(:\d+)?|intranet\.example)"), "origin-insecure"),
    ],
)
@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("http://localhost", True),
        ("http://localhost:3000", True),
        ("http://intranet.example", False),
    ],
)
def test_pages_of_the_own_machine_need_no_encryption_for_credentials(
    pattern: str | re.Pattern[str], otherwise: str, origin: str, is_allowed: bool
) -> None:
    options = CorsOptions(allow_origins=[pattern], allow_credentials=True)
    assert Policy([options]).judge(origin).reason == (None if is_allowed else otherwise)


@pytest.mark.parametrize(
    "fields", [{}, {"allow_credentials": True, "allow_insecure_origins": True}], ids=str
)
@pytest.mark.parametrize("pattern", ["http://intranet.example", re.compile("http://intranet.+")])
def test_encryption_matters_to_credentials_alone(
    pattern: str | re.Pattern[str], fields: dict[str, Any]
) -> None:
    policy = Policy([CorsOptions(allow_origins=[pattern], **fields)])
    assert policy.judge("http://intranet.example").reason is None
