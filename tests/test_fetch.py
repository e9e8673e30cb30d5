"""The Fetch standard's tables and predicates."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiohttp_cors_plugin import _fetch
from aiohttp_cors_plugin._fetch import (
    is_forbidden_request_header,
    is_token,
    parse_requested_headers,
)

TCHAR = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters  # RFC 9110, 5.6.2


@pytest.mark.parametrize("code", [*range(256), 0x130, 0x212A, 0xFF21, 0xD800])
def test_a_character_is_a_token_exactly_when_the_rfc_lists_it(code: int) -> None:
    assert is_token(chr(code)) is (chr(code) in TCHAR)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", False, id="empty-is-none"),
        pytest.param("X-Name", True, id="a-name-is-one"),
        pytest.param("X-Name\n", False, id="a-trailing-line-feed-is-refused"),
        pytest.param("X Name", False, id="an-inner-space-is-refused"),
        pytest.param("X:Name", False, id="a-colon-is-refused"),
        pytest.param("*", True, id="the-asterisk-is-one"),
    ],
)
def test_tokens(text: str, expected: bool) -> None:
    assert is_token(text) is expected


@pytest.mark.parametrize(
    ("name", "forbidden"),
    [
        *(
            pytest.param(name, True, id=f"{name}-is-the-browsers-own")
            for name in (
                "Accept-Charset Accept-Encoding Access-Control-Request-Headers Connection"
                " Access-Control-Request-Method Content-Length Cookie Cookie2 Date DNT Expect Host"
                " Keep-Alive Origin Referer Set-Cookie TE Trailer Transfer-Encoding Upgrade Via"
                " Proxy-Authorization proxy- Sec-Fetch-Mode SEC-X sec-"
            ).split()
        ),
        *(
            pytest.param(name, False, id=f"{name}-may-be-set")
            for name in (
                "Authorization Content-Type Range User-Agent X-HTTP-Method-Override X-Sec-A"
                " Proxy Sec Accept Cookies X-Method-Override Security"
            ).split()
        ),
    ],
)
def test_forbidden_request_headers(name: str, forbidden: bool) -> None:
    assert is_forbidden_request_header(name) is forbidden
    assert is_forbidden_request_header(name.swapcase()) is forbidden


NAMES_64 = [f"x-{n}" for n in range(64)]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        pytest.param([], (), id="no-line-names-nothing"),
        pytest.param([""], (), id="an-empty-line-names-nothing"),
        pytest.param(["a,b"], ("a", "b"), id="commas-separate"),
        pytest.param(["b,a"], ("b", "a"), id="order-is-kept"),
        pytest.param(["A-B"], ("a-b",), id="case-is-folded"),
        pytest.param(["a", "b"], ("a", "b"), id="lines-are-joined"),
        pytest.param(["a, A,a"], ("a",), id="repeats-are-dropped"),
        pytest.param([" a\t,\t b "], ("a", "b"), id="optional-white-space-is-dropped"),
        pytest.param([",a,,b,"], ("a", "b"), id="empty-elements-are-dropped"),
        pytest.param(["," * 64], (), id="64-empty-elements-are-borne"),
        pytest.param(["," * 200], None, id="200-empty-elements-are-too-many"),
        pytest.param([",".join(NAMES_64)], tuple(NAMES_64), id="64-names-are-borne"),
        pytest.param(NAMES_64, tuple(NAMES_64), id="64-lines-are-borne"),
        pytest.param([",".join(f"x{n}" for n in range(129))], None, id="129-names-are-too-many"),
        pytest.param(["a"] * 129, None, id="129-lines-are-too-many"),
        pytest.param(["a" * 65537], None, id="64-KiB-and-one-are-too-long"),
        pytest.param(["a b"], None, id="an-inner-space-is-malformed"),
        pytest.param(["a;b"], None, id="a-semicolon-is-malformed"),
        pytest.param(['"a"'], None, id="quotes-are-malformed"),
        pytest.param(["a\nb"], None, id="a-line-feed-is-malformed"),
        pytest.param(["a\x0b"], None, id="a-vertical-tab-is-no-optional-white-space"),
        pytest.param(["\xa0a"], None, id="a-no-break-space-is-no-optional-white-space"),
        pytest.param(["\u212a"], None, id="the-kelvin-sign-is-no-letter-k"),
        pytest.param(["a", "\udc80"], None, id="an-undecodable-byte-is-malformed"),
        pytest.param(["*"], ("*",), id="the-asterisk-is-a-plain-name"),
    ],
)
def test_requested_headers(lines: list[str], names: tuple[str, ...] | None) -> None:
    assert parse_requested_headers(lines) == names


@given(st.lists(st.text()))
def test_any_lines_give_distinct_lower_case_tokens_or_none(lines: list[str]) -> None:
    names = parse_requested_headers(lines)
    if names is not None:
        assert len(set(names)) == len(names)
        assert all(is_token(name) and name == name.lower() and name.isascii() for name in names)
        assert parse_requested_headers(names) == names


@given(st.lists(st.text(TCHAR, min_size=1, max_size=8), max_size=60), st.data())
def test_splitting_padding_and_repeating_change_nothing(
    names: list[str], data: st.DataObject
) -> None:
    expected = tuple(dict.fromkeys(name.lower() for name in names))
    pad = st.sampled_from(["", " ", "\t", " \t "])
    padded = [data.draw(pad) + name + data.draw(pad) for name in names]
    cut = data.draw(st.integers(0, len(padded)))
    lines = [",".join(padded[:cut]), ",".join(padded[cut:]), ",".join(padded[::-1])]
    assert parse_requested_headers(lines) == expected


def test_the_tables_agree_with_each_other() -> None:
    assert set(_fetch.COMMON_METHODS) <= _fetch.PARSEABLE_METHODS
    assert set(_fetch.COMMON_METHODS) >= _fetch.SAFELISTED_METHODS
    assert _fetch.FORBIDDEN_METHODS.isdisjoint(_fetch.COMMON_METHODS)
    assert _fetch.CORS_REQUEST_HEADERS.isdisjoint(_fetch.CORS_RESPONSE_HEADERS)
    assert all(map(is_forbidden_request_header, _fetch.CORS_REQUEST_HEADERS))
    assert not any(map(is_forbidden_request_header, _fetch.SAFELISTED_REQUEST_HEADERS))
