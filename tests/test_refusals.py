"""Refusals seen from outside: fixes that are valid, options that survive copies, large lists."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
import re
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiohttp_cors_plugin import CorsConfigError, CorsOptions
from aiohttp_cors_plugin.options import changed


def problems(**fields: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions(**fields)
    return [(p.code, p.option, p.fix) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("pattern", "fix"),
    [
        pytest.param(
            "http://a.example",
            "write 'https://a.example', or set allow_insecure_origins",
            id="the-same-with-https",
        ),
        pytest.param(
            "http://a.example:443",
            "write 'https://a.example', or set allow_insecure_origins",
            id="a-port-that-becomes-the-default-is-left-out",
        ),
        pytest.param(
            "http://*.com",
            "list origins with https:, or set allow_insecure_origins",
            id="nothing-is-offered-that-would-be-refused-too",
        ),
    ],
)
def test_the_fix_of_an_insecure_origin_is_valid(pattern: str, fix: str) -> None:
    found = problems(allow_origins=[pattern], allow_credentials=True)
    assert found[0] == ("credentials-with-insecure-origin", "allow_origins[0]", fix)


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("stra\u00dfe.example", id="sharp-s-is-no-double-s"),
        pytest.param("\u03b2\u03cc\u03bb\u03bf\u03c2.example", id="a-final-sigma-is-kept"),
        pytest.param("a\u200db.example", id="a-joiner-is-kept"),
        pytest.param("\uff41pp.example", id="a-full-width-letter"),
    ],
)
def test_no_name_is_offered_where_standards_differ(host: str) -> None:
    fix = "write the host as location.origin shows it in a browser"
    found = problems(allow_origins=[f"https://{host}"])
    assert found == [("origin-non-ascii", "allow_origins[0]", fix)]


# The public suffix list has `*.kawasaki.jp` with the exception `!city.kawasaki.jp`, and
# `*.compute.amazonaws.com` without a rule for the parent.
@pytest.mark.parametrize(
    ("host", "is_suffix"),
    [
        pytest.param("kawasaki.jp", True, id="the-parent-of-a-wildcard-rule"),
        pytest.param("foo.kawasaki.jp", True, id="any-name-below-it"),
        pytest.param("foo.kawasaki.jp.", True, id="a-trailing-dot-is-not-counted"),
        pytest.param("city.kawasaki.jp", False, id="the-exception-is-somebodys"),
        pytest.param("www.city.kawasaki.jp", False, id="below-the-exception-too"),
        pytest.param("a.foo.kawasaki.jp", False, id="a-registered-name"),
        pytest.param("mythic-beasts.com", False, id="a-name-with-a-suffix-below-it"),
        pytest.param("compute.amazonaws.com", True, id="a-parent-without-a-rule-of-its-own"),
        pytest.param("a.compute.amazonaws.com", True, id="a-suffix-below-that"),
        pytest.param("b.a.compute.amazonaws.com", False, id="a-registered-name-below-that"),
    ],
)
@pytest.mark.parametrize("label", ["*", "pr-*"])
def test_a_wildcard_rule_makes_suffixes_of_names(host: str, is_suffix: bool, label: str) -> None:
    given: dict[str, Any] = {"allow_origins": [f"https://{label}.{host}"]}
    assert CorsOptions(**given)
    given["allow_credentials"] = True
    if is_suffix:
        assert [row[:2] for row in problems(**given)] == [
            ("credentials-with-public-suffix", "allow_origins[0]")
        ]
    else:
        assert CorsOptions(**given)
    assert CorsOptions(**given, allow_public_suffixes=True)


def test_all_is_told_at_once_with_the_places_in_the_list_that_was_given() -> None:
    """So that an application can leave out the bad entries in one go."""
    entries = ["https://a.example", "https://a.example", "http://*.com", "b.example", 7, "http://c"]
    entries.append("https://*")
    found = problems(allow_origins=iter(entries), allow_credentials=True, vary=["X-A"])
    assert sorted(row[:2] for row in found) == [
        ("credentials-with-insecure-origin", "allow_origins[2]"),
        ("credentials-with-insecure-origin", "allow_origins[5]"),
        ("credentials-with-public-suffix", "allow_origins[2]"),
        ("origin-no-scheme", "allow_origins[3]"),
        ("origin-type", "allow_origins[4]"),
        ("vary-without-callable", "vary"),
        ("wildcard-any-host", "allow_origins[6]"),
    ]


@pytest.mark.parametrize(
    "expression",
    [
        *(".*", r"https://.*", r"https?://[^/]+", r"(?s).*", r"https://(?!evil\.com).*"),
        *(r"https://\w+\.\w+", r"https://[a-z]+\.[a-z]+", r"https://[a-z.]+", r"https://[^-]*"),
        *(r"https://[^.]+\.com", r"https://[a-z0-9-]+\.com", r"(?i)HTTPS://[A-Z]+\.COM"),
        *(r"https?://\w+\.(com|net|org|io|dev)", r"https://[\w.-]+\.(net|io|dev|app)"),
        *(r"https://.{1,10}\.com", r".*:\d+", r"http://[a-z.]+:?\d*", r"https://.+\.co\.uk"),
    ],
)
def test_an_expression_that_matches_anybodys_origin_is_refused(expression: str) -> None:
    given: dict[str, Any] = {"allow_origins": [re.compile(expression)]}
    assert CorsOptions(**given)
    found = problems(**given, allow_credentials=True)
    assert [row[:2] for row in found] == [("credentials-with-any-regex", "allow_origins[0]")]


@pytest.mark.parametrize(
    "expression",
    [
        *(
            r"https://[a-z]+\.example\.com",
            r"https://.*\.example\.(com|net)",
            r"https://localhost:\d+",
        ),
        *(
            r"https://pr-\d+--shop\.netlify\.app",
            r"app://.*",
            r"https://example\.(com|net|org|io|dev)",
        ),
    ],
)
def test_an_expression_that_names_a_domain_is_not(expression: str) -> None:
    assert CorsOptions(allow_origins=[re.compile(expression)], allow_credentials=True)


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        ("https//a.example", "write 'https://a.example'"),
        ("http:/a.example", "write 'http://a.example'"),
        ("localhost:3000", "write 'http://localhost:3000'"),
        ("127.0.0.1:8080/", "write 'http://127.0.0.1:8080'"),
        ("[::1]:3000", "write 'http://[::1]:3000'"),
        ("//a.example", "write 'https://a.example'"),
        ("https://a.example, https://b.example", "write each as an element of its own"),
    ],
)
def test_slips_are_understood(entry: str, fix: str) -> None:
    assert [row[2] for row in problems(allow_origins=[entry])] == [fix]


def test_a_bare_expression_is_told_to_stand_in_a_list() -> None:
    found = problems(allow_origins=re.compile("https://a"))
    assert found == [("not-a-list", "allow_origins", "write [re.compile(...)]")]


def test_a_long_list_keeps_its_order() -> None:
    patterns = [f"https://a{n}.example.com" for n in range(3000)]
    options = CorsOptions(allow_origins=[*patterns, patterns[7]])
    assert [*options.allow_origins] == patterns
    listed: Any = options.allow_origins
    assert (len(listed), listed[0], listed[2047], listed[-1]) == (
        3000,
        *(patterns[0], patterns[2047], patterns[-1]),
    )
    assert listed[1020:1030] == tuple(patterns[1020:1030])


def test_a_long_list_is_equal_to_no_tuple_whose_hash_it_has_not() -> None:
    for number in (3, 50_000):
        patterns = [f"https://a{n}.example.com" for n in range(number)]
        one, other = (CorsOptions(allow_origins=patterns) for _ in range(2))
        assert (one, hash(one)) == (other, hash(other))
        assert (one.allow_origins == tuple(patterns)) is (number == 3)
        assert hash(one.allow_origins) == hash(tuple(patterns)) or number > 3
        assert one.allow_origins != patterns[0]


class Age(int, enum.Enum):
    HOUR = 3600


def test_a_number_with_a_name_is_sent_as_a_number() -> None:
    assert repr(CorsOptions(max_age=Age.HOUR).max_age) == "3600"


def test_names_keep_the_place_and_the_case_of_the_first() -> None:
    options = CorsOptions(allow_headers=["X-A", "x-b", "x-a"], expose_headers=["B", "a", "b"])
    assert (options.allow_headers, options.expose_headers) == (("X-A", "x-b"), ("B", "a"))


def test_the_types_of_the_fields_can_be_asked_for() -> None:
    assert set(typing.get_type_hints(CorsOptions)) == set(CorsOptions.__slots__)


def test_a_bare_string_with_credentials_is_one_problem() -> None:
    found = problems(allow_origins="https://a.example", allow_credentials=True)
    assert [row[:2] for row in found] == [("bare-string", "allow_origins")]


@given(
    st.text(st.sampled_from("htps:/.*[]@#?ab1:08 \u00e9\u00df\\Z-_x"), max_size=20)
    | st.builds("{}://{}".format, st.sampled_from(["http", "https", "HTTP"]), st.text(max_size=12))
)
def test_every_origin_that_a_fix_writes_is_valid(text: str) -> None:
    try:
        CorsOptions(allow_origins=[text, "https://a.example"])
    except CorsConfigError as error:
        for problem in error.problems:
            for offered in re.findall(r"^write '([^']+)'", problem.fix):
                assert CorsOptions(allow_origins=[offered])


def everybody(_request: object, _origin: str) -> bool:
    return True


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(CorsOptions(), id="any-origin"),
        pytest.param(CorsOptions(allow_origins=everybody, vary=["X-T"]), id="a-callable"),
        pytest.param(
            CorsOptions(
                allow_origins=["https://a.example", "https://*.b.example", re.compile("https://c")],
                allow_methods=["PUT"],
                max_age=None,
            ),
            id="a-list",
        ),
    ],
)
@pytest.mark.parametrize(
    "twin",
    [
        pytest.param(lambda value: pickle.loads(pickle.dumps(value)), id="pickled"),
        pytest.param(copy.copy, id="copied"),
        pytest.param(copy.deepcopy, id="copied-deeply"),
        pytest.param(dataclasses.replace, id="replaced"),
    ],
)
def test_a_copy_is_equal(options: CorsOptions, twin: Any) -> None:
    other = twin(options)
    assert other == options
    assert hash(other) == hash(options)
    assert type(other.allow_origins) is type(options.allow_origins)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(dataclasses.replace, id="replace"),
        pytest.param(lambda options, **changes: changed(options, changes), id="changed"),
    ],
)
def test_a_long_list_is_not_read_again(change: Any) -> None:
    options = CorsOptions(allow_origins=[f"https://a{n}.example.com" for n in range(200_000)])
    assert change(options, max_age=1).allow_origins is options.allow_origins
