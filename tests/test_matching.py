"""Which origins a pattern matches: product tables, and a slow matcher that has to agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aiohttp_cors_plugin._origins import Origin, OriginList, Pattern, parse_origin, parse_pattern

PATTERNS: dict[str, str | re.Pattern[str]] = {
    "exact": "https://app.example.com",
    "exact-port": "https://app.example.com:8443",
    "exact-dot": "https://app.example.com.",
    "wild": "https://*.example.com",
    "wild-port": "https://*.example.com:8443",
    "wild-any-port": "https://*.example.com:*",
    "any-port": "https://app.example.com:*",
    "prefix": "https://app*.example.com",
    "suffix": "https://*app.example.com",
    "around": "https://a*p.example.com",
    "regex": re.compile(r"https://([a-z]+\.)?app\.example\.com"),
    "open-regex": re.compile(r"https://.*\.example\.com"),
}
# What each origin is matched by; by nothing else.
MATCHED: dict[str, set[str]] = {
    "https://app.example.com": {
        *("exact", "wild", "wild-any-port", "any-port", "around", "regex", "open-regex")
    }
    - {"around"}
    | {"around"},
    "https://app.example.com:8443": {"exact-port", "wild-port", "wild-any-port", "any-port"},
    "https://app.example.com:1": {"wild-any-port", "any-port"},
    "https://app.example.com:65535": {"wild-any-port", "any-port"},
    "https://app.example.com.": {"exact-dot"},
    "https://a.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://a.example.com:8443": {"wild-port", "wild-any-port"},
    "https://ap.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://app1.example.com": {"wild", "wild-any-port", "prefix", "open-regex"},
    "https://app-1.example.com": {"wild", "wild-any-port", "prefix", "open-regex"},
    "https://app_1.example.com": {"wild", "wild-any-port", "prefix", "open-regex"},
    "https://my-app.example.com": {"wild", "wild-any-port", "suffix", "open-regex"},
    "https://myapp.example.com": {"wild", "wild-any-port", "suffix", "open-regex"},
    "https://a-p.example.com": {"wild", "wild-any-port", "around", "open-regex"},
    "https://appapp.example.com": {
        *("wild", "wild-any-port", "prefix", "suffix", "around", "open-regex")
    },
    "https://my.app.example.com": {"wild", "wild-any-port", "regex", "open-regex"},
    "https://app1.my.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://a.b.c.d.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://_.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://-.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://xn--mller-kva.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://example.com.example.com": {"wild", "wild-any-port", "open-regex"},
    "https://1.2.3.4.example.com": {"wild", "wild-any-port", "open-regex"},
}
NEVER = """
    https://example.com https://example.com:8443 https://evilexample.com https://com
    https://app-example.com https://appexample.com https://app.example.co
    https://app.example.comm https://app.example.com.evil.net https://app.example.org
    https://app.example.com-evil.net https://evil.net http://app.example.com
    http://a.example.com wss://app.example.com ftp://app.example.com httpss://app.example.com
    file://app.example.com app://app.example.com https+a://app.example.com
    HTTPS://app.example.com https://APP.example.com https://app.EXAMPLE.com
    https://app.example.com:443 https://app.example.com:0 https://app.example.com:08443
    https://app.example.com:65536 https://app.example.com: https://app.example.com:84430000
    https://app.example.com:-1 https://app.example.com:+1 https://app.example.com:*
    https://app.example.com:8443:8443 https://app.example.com:8443.evil.net
    https://app.example.com/ https://app.example.com/. https://app.example.com?
    https://app.example.com# https://app.example.com\\ https://evil.net\\.example.com
    https://evil.net/.example.com https://evil.net?.example.com https://evil.net#.example.com
    https://app.example.com@evil.net https://evil.net@app.example.com https://@app.example.com
    https://user:1@app.example.com https://.example.com https://..example.com
    https://a..example.com https://.app.example.com https://app.example.com..
    https://*.example.com https://*app.example.com https://a!.example.com
    https://a$.example.com https://a&.example.com https://a'.example.com https://a(.example.com
    https://a).example.com https://a+.example.com https://a;.example.com https://a=.example.com
    https://a`.example.com https://a{.example.com https://a}.example.com https://a~.example.com
    https://a|.example.com https://a^.example.com https://a%.example.com https://a".example.com
    https://a,.example.com https://a<.example.com https://a%2e.example.com
    https://a%00.example.com https://bücher.example.com https://\u0430pp.example.com
    https://app\uff0eexample.com https://app\u3002example.com https://\u212a.example.com
    https://a\u200d.example.com https://a\udc80.example.com https://\u0661.example.com
    https:app.example.com https:/app.example.com https:///app.example.com //app.example.com
    app.example.com ://app.example.com https://https://app.example.com null NULL * https://
    https://[::1] https://[::ffff:102:304] https://[app.example.com] https://1.2.3.4
    https://app.example.com,https://app.example.com https://127.0.0.1.
""".split()
NEVER += [
    "",
    " ",
    " https://app.example.com",
    "https://app.example.com ",
    "https://app.example.com\n",
    "https://app.example.com\r",
    "https://app.example.com\x00",
    "https://evil.net\n.example.com",
    "https://evil.net .example.com",
    "https://app.example.com https://app.example.com",
    "https://" + "a" * 64 + ".example.com",
    "https://" + "a." * 122 + "example.com",
    "https://" + "a" * 100_000 + ".example.com",
]


def product() -> Iterator[Any]:
    for origin in (*MATCHED, *NEVER):
        for name, pattern in PATTERNS.items():
            matched = name in MATCHED.get(origin, ())
            claim = "matches" if matched else "refuses"
            shown = ascii(origin)[1:-1][:60]
            yield pytest.param(pattern, origin, matched, id=f"{name}-{claim}-{shown}")


@pytest.mark.parametrize(("pattern", "origin", "matched"), [*product()])
def test_a_pattern_matches_an_origin(
    pattern: str | re.Pattern[str], origin: str, matched: bool
) -> None:
    assert OriginList([pattern]).matches(origin) is matched


@pytest.mark.parametrize("origin", [*MATCHED, *NEVER], ids=lambda text: ascii(text)[1:61])
def test_a_list_matches_what_one_of_its_patterns_does(origin: str) -> None:
    assert OriginList(PATTERNS.values()).matches(origin) is (origin in MATCHED)


LOCAL = [
    ("http://localhost:*", "http://localhost", True),
    ("http://localhost:*", "http://localhost:3000", True),
    ("http://localhost:*", "http://localhost:80", False),
    ("http://localhost:*", "http://localhost.", False),
    ("http://localhost:*", "https://localhost:3000", False),
    ("http://localhost:*", "http://a.localhost", False),
    ("http://localhost:*", "http://localhost.evil.net", False),
    ("http://*.localhost:*", "http://a.b.localhost:3000", True),
    ("http://*.localhost:*", "http://localhost:3000", False),
    ("http://a*.localhost", "http://ab.localhost", True),
    ("http://127.0.0.1:*", "http://127.0.0.1:3000", True),
    ("http://127.0.0.1:*", "http://127.0.0.1.:3000", False),
    ("http://127.0.0.1:*", "http://127.0.0.2:3000", False),
    ("http://127.0.0.1", "http://127.1", False),
    ("http://127.0.0.1", "http://2130706433", False),
    ("http://127.0.0.1", "http://0x7f000001", False),
    ("http://127.0.0.1", "http://0177.0.0.1", False),
    ("http://127.0.0.1", "http://[::ffff:7f00:1]", False),
    ("http://[::1]", "http://[::1]", True),
    ("http://[::1]", "http://[0:0:0:0:0:0:0:1]", False),
    ("http://[::1]", "http://[::1]:3000", False),
    ("http://[::1]:*", "http://[::1]:3000", True),
    ("http://[::1]:*", "http://[::2]:3000", False),
    ("http://[1:0:0:2::3]", "http://[1:0:0:2::3]", True),
    ("http://[1:2:3:4:5:6:7:8]", "http://[1:2:3:4:5:6:7:8]", True),
    ("capacitor://localhost", "capacitor://localhost", True),
    ("capacitor://localhost", "ionic://localhost", False),
    ("chrome-extension://abc", "chrome-extension://abc", True),
    ("chrome-extension://abc", "moz-extension://abc", False),
    ("app://*.1", "app://a.1", True),
    ("https://*.com.", "https://a.com.", True),
    ("https://*.com.", "https://a.com", False),
    ("https://*.com", "https://com", False),
    ("https://*.com", "https://a.b.com", True),
]


@pytest.mark.parametrize(
    ("pattern", "origin", "matched"),
    [pytest.param(*row, id=f"{row[0]}-{'+' if row[2] else 'not'}-{row[1]}") for row in LOCAL],
)
def test_local_addresses_and_other_schemes(pattern: str, origin: str, matched: bool) -> None:
    assert OriginList([pattern]).matches(origin) is matched


# A matcher written from the description alone: split, compare part by part, loop.


def parts(text: str) -> tuple[str, list[str], str]:
    scheme, rest = text.split("://")
    host, _, port = rest.partition(":")
    return scheme, host.split("."), port


def naive_one(pattern: str, origin: str) -> bool:
    scheme, wanted, port = parts(pattern)
    other_scheme, labels, other_port = parts(origin)
    if scheme != other_scheme or port not in ("*", other_port):
        return False
    first, tail = wanted[0], wanted[1:]
    if "*" not in first:
        return wanted == labels
    number = "".join(labels).isdigit()
    if number:
        return False
    if first == "*":
        return len(labels) > len(tail) and labels[len(labels) - len(tail) :] == tail
    before, after = first.split("*")
    return labels[1:] == tail and any(
        labels[0] == before + labels[0][len(before) : end] + after
        for end in range(len(before) + 1, len(labels[0]) + 1)
    )


label = st.sampled_from(["a", "b", "ab", "ba", "aa", "aba", "a-b", "_", "1", "localhost"])
host = st.lists(label, min_size=1, max_size=4).map(".".join)
scheme = st.sampled_from(["http", "https", "app"])
origin_texts = st.builds(
    "{}://{}{}{}".format,
    scheme,
    host,
    st.sampled_from(["", "", "."]),
    st.sampled_from(["", ":1", ":8443"]),
)
pattern_texts = st.builds(
    "{}://{}{}{}{}".format,
    scheme,
    st.sampled_from(["", "*.", "a*.", "*b.", "a*b.", "ab*ba."]),
    host,
    st.sampled_from(["", "", "."]),
    st.sampled_from(["", ":1", ":8443", ":*"]),
).filter(lambda text: isinstance(parse_pattern(text), Pattern))


@given(st.lists(pattern_texts, min_size=1, max_size=8), origin_texts)
def test_a_loop_over_the_patterns_agrees(patterns: list[str], origin: str) -> None:
    assume(parse_origin(origin) is not None)
    expected = any(naive_one(pattern, origin) for pattern in patterns)
    assert OriginList(patterns).matches(origin) is expected
    assert OriginList(reversed(patterns)).matches(origin) is expected


@given(pattern_texts, st.lists(label, min_size=1, max_size=3), st.integers(1, 65535))
def test_what_a_pattern_describes_is_matched(text: str, labels: list[str], port: int) -> None:
    whole, partial = text.replace("*.", ".".join(labels) + ".", 1), text.replace("*", labels[0], 1)
    chosen = whole if "://*." in text else partial if "*" in text.partition(":*")[0] else text
    origin = chosen.removesuffix(":*") + (f":{port}" if text.endswith(":*") else "")
    assume(parse_origin(origin) is not None)
    assert OriginList([text]).matches(origin)


@given(st.text())
def test_matches_is_total_and_grants_no_text_that_is_no_origin(text: str) -> None:
    everything = OriginList([*PATTERNS.values(), re.compile(r"(?s).*")])
    for candidate in (text, f"https://{text}", f"https://{text}.example.com"):
        assert everything.matches(candidate) is (parse_origin(candidate) is not None)


@given(origin_texts)
def test_an_origin_read_and_written_is_the_same(text: str) -> None:
    origin = parse_origin(text)
    assume(origin is not None)
    assert str(origin) == text
    assert isinstance(parse_pattern(text), Pattern)


@given(st.integers(0, 2**128 - 1), st.integers(0, 255))
def test_an_ipv6_address_has_one_spelling(number: int, mask: int) -> None:
    groups = [number >> 16 * n & 0xFFFF if mask >> n & 1 else 0 for n in range(8)]
    plain = ":".join(f"{group:x}" for group in groups)
    spellings = {plain}
    for start in range(8):
        for end in range(start + 2, 9):
            if not any(groups[start:end]):
                left = ":".join(f"{group:x}" for group in groups[:start])
                right = ":".join(f"{group:x}" for group in groups[end:])
                spellings.add(f"{left}::{right}")
    taken = [text for text in spellings if parse_origin(f"http://[{text}]") is not None]
    assert len(taken) == 1
    # The longest run of zeros is left out, the first of several: the fewest groups are written.
    written = {text: len(list(filter(None, text.split(":")))) for text in spellings}
    assert written[taken[0]] == min(written.values())
    assert parse_origin(f"http://[{taken[0]}]:8080") == Origin("http", f"[{taken[0]}]", 8080)
