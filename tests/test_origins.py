"""Origins and patterns: what is accepted, what is matched, and that nothing gets past."""

from __future__ import annotations

import copy
import ipaddress
import pickle
import re
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiohttp_cors_plugin import CorsConfigError, CorsOptions
from aiohttp_cors_plugin._origins import (
    Origin,
    OriginList,
    Pattern,
    host_problem,
    is_insecure,
    is_loopback,
    keeping_pieces,
    parse_origin,
    parse_pattern,
    serialise_ipv6,
)

EXACT = "https://app.example.com"
WILD = "https://*.example.com"
PARTIAL = "https://*-preview.example.com"
PORTS = "http://localhost:*"
BOTH = "https://*.example.com:*"
REGEX = re.compile(r"https://[a-z]+\.example\.com")

MATCHES = [
    (EXACT, "https://app.example.com"),
    ("https://app.example.com:8443", "https://app.example.com:8443"),
    ("capacitor://localhost", "capacitor://localhost"),
    ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
    ("http://[::1]:3000", "http://[::1]:3000"),
    ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
    ("https://my_app.example.com", "https://my_app.example.com"),
    ("https://app.example.com.", "https://app.example.com."),
    (WILD, "https://a.example.com"),
    (WILD, "https://a.b.example.com"),
    (WILD, "https://a_b.example.com"),
    (WILD, "https://xn--mller-kva.example.com"),
    ("https://*.example.com.", "https://a.example.com."),
    ("https://*.example.com:8443", "https://a.example.com:8443"),
    (PARTIAL, "https://pr-7-preview.example.com"),
    ("https://pr-*.example.com", "https://pr-7.example.com"),
    ("https://a*z.example.com", "https://abz.example.com"),
    ("https://app-*.example.com:*", "https://app-1.example.com:9"),
    (PORTS, "http://localhost"),
    (PORTS, "http://localhost:3000"),
    ("http://[::1]:*", "http://[::1]:9"),
    (BOTH, "https://a.b.example.com"),
    (BOTH, "https://a.b.example.com:8443"),
    ("http://*.localhost:*", "http://a.localhost:1"),
    (REGEX, "https://app.example.com"),
    (re.compile(r".*example\.com"), "https://x.example.com"),
]


@pytest.mark.parametrize(("pattern", "origin"), MATCHES, ids=str)
def test_matches(pattern: str | re.Pattern[str], origin: str) -> None:
    twice = OriginList([pattern, pattern])
    assert twice.matches(origin)
    assert list(twice) == [pattern]
    assert OriginList(["https://other.example.org", "http://*.example.net", pattern]).matches(
        origin
    )


# Attempts from the public literature to pass for app.example.com, or for a name below it.
ATTEMPTS = [
    "null",
    "",
    " ",
    "*",
    "https://",
    "://app.example.com",
    "app.example.com",
    "//app.example.com",
    "https:app.example.com",
    "https:/app.example.com",
    "https://app.example.com/",
    "https://app.example.com/path",
    "https://app.example.com?query",
    "https://app.example.com#fragment",
    "https://app.example.com\\",
    "https://app.example.com ",
    " https://app.example.com",
    "https://app.example.com\n",
    "https://app.example.com\r\nX: y",
    "https://app.example.com\x00",
    "https://app.example.com\t",
    "HTTPS://app.example.com",
    "https://APP.example.com",
    "https://app.Example.com",
    "http://app.example.com",
    "ftp://app.example.com",
    "wss://app.example.com",
    "file://app.example.com",
    "httpss://app.example.com",
    "xhttps://app.example.com",
    "https+x://app.example.com",
    "https://app.example.com:443",
    "https://app.example.com:80",
    "https://app.example.com:0",
    "https://app.example.com:",
    "https://app.example.com:99999",
    "https://app.example.com:0443",
    "https://app.example.com:evil",
    "https://app.example.com:*",
    "https://app.example.com.evil.net",
    "https://app.example.com-evil.net",
    "https://app.example.comevil.net",
    "https://app.example.com_evil.net",
    "https://app.example.com,evil.net",
    "https://app.example.com;evil.net",
    "https://app.example.com&evil.net",
    "https://app.example.com'evil.net",
    'https://app.example.com"evil.net',
    "https://app.example.com!.evil.net",
    "https://app.example.com`.evil.net",
    "https://app.example.com{.evil.net",
    "https://app.example.com%60.evil.net",
    "https://app.example.com%00.evil.net",
    "https://app.example.com%2eevil.net",
    "https://app.example.com@evil.net",
    "https://evil.net@app.example.com",
    "https://user:password@app.example.com",
    "https://evil.net#app.example.com",
    "https://evil.net?app.example.com",
    "https://evil.net/app.example.com",
    "https://evil.net\\app.example.com",
    "https://evil.net:app.example.com",
    "https://evil.net app.example.com",
    "https://evil.net,https://app.example.com",
    "https://app.example.com,https://evil.net",
    "https://app.example.com https://evil.net",
    "https://appXexample.com",
    "https://app-example.com",
    "https://app.exampleXcom",
    "https://appexample.com",
    "https://evilapp.example.com.net",
    "https://evilexample.com",
    "https://evil-example.com",
    "https://example.com.evil.net",
    "https://example.co",
    "https://example.comm",
    "https://com",
    "https://.example.com",
    "https://..example.com",
    "https://a..example.com",
    "https://app..example.com",
    "https://app.example.com..",
    "https://.app.example.com",
    "https://*.example.com",
    "https://*",
    "https://[app.example.com]",
    "https://app.example.com]",
    "https://[::1].example.com",
    "https://app.exаmple.com",  # a Cyrillic letter
    "https://ａpp.example.com",  # a full-width letter
    "https://app.example.com\u200b",
    "https://app。example。com",
    "https://\ud800.example.com",
    "https://" + "a" * 64 + ".example.com",
    "https://" + "a." * 130 + "example.com",
    "https://" + "a" * 5000 + ".example.com",
    "https://2130706433",
    "https://0x7f.1",
    "https://127.1",
]
PATTERNS = {
    "exact": EXACT,
    "wildcard": WILD,
    "partial": PARTIAL,
    "any port of another host": "https://app.example.org:*",
    "regular expression": REGEX,
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("origin", ATTEMPTS, ids=lambda text: ascii(text)[:40])
def test_no_attempt_passes(pattern: str | re.Pattern[str], origin: str) -> None:
    assert not OriginList([pattern]).matches(origin)


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        pytest.param(WILD, "https://example.com", id="not the bare domain"),
        pytest.param(WILD, "https://a.example.com.", id="not with a trailing dot"),
        pytest.param(WILD, "https://a.example.com:8443", id="not on another port"),
        pytest.param(WILD, "http://a.example.com", id="not on another scheme"),
        pytest.param("https://*.example.com.", "https://a.example.com", id="not without the dot"),
        pytest.param(PARTIAL, "https://-preview.example.com", id="the star is not empty"),
        pytest.param(PARTIAL, "https://a.b-preview.example.com", id="a star matches no dot"),
        pytest.param(PARTIAL, "https://a-preview.x.example.com", id="that label only"),
        pytest.param("https://ab*ba.example.com", "https://aba.example.com", id="no overlap"),
        pytest.param(PORTS, "https://localhost:3000", id="any port, not any scheme"),
        pytest.param(PORTS, "http://localhost.evil.net:3000", id="any port, not any host"),
        pytest.param(PORTS, "http://a.localhost:3000", id="any port, not names below"),
        pytest.param(PORTS, "http://localhost:0", id="no port 0"),
        pytest.param(PORTS, "http://localhost:80", id="no default port written out"),
        pytest.param(re.compile(".*"), "null", id="a regular expression is not asked about null"),
        pytest.param(re.compile(".*"), "nonsense", id="nor about nonsense"),
        pytest.param(re.compile(r"https://a\.b"), "https://a.b.evil.net", id="no prefix"),
        pytest.param(
            re.compile(r"^https://a\.b"), "https://a.b.evil.net", id="whatever its anchors"
        ),
        pytest.param(re.compile(r"a\.b$"), "https://a.b", id="no suffix"),
    ],
)
def test_does_not_match(pattern: str | re.Pattern[str], origin: str) -> None:
    assert not OriginList([pattern]).matches(origin)


REFUSED = [
    ("", "origin-empty", None),
    ("null", "origin-null", None),
    (" https://a.example.com", "origin-white-space", "https://a.example.com"),
    ("https://a.example.com ", "origin-white-space", "https://a.example.com"),
    ("https://müller.example", "origin-non-ascii", "https://xn--mller-kva.example"),
    ("https://" + "ü" * 300, "origin-non-ascii", None),
    ("a.example.com", "origin-no-scheme", "https://a.example.com"),
    ("a.example.com b.example.com", "origin-no-scheme", None),
    ("file://", "origin-file", None),
    ("file:///home", "origin-file", None),
    ("http*://a.example.com", "wildcard-scheme", None),
    ("https://A.example.com", "origin-upper-case", "https://a.example.com"),
    ("HTTPS://Example.com:443/x", "origin-upper-case", "https://example.com"),
    ("1https://a.example.com", "origin-bad-scheme", None),
    ("https://a.example.com#x", "origin-has-fragment", "https://a.example.com"),
    ("https://a.example.com?x", "origin-has-query", "https://a.example.com"),
    ("https://u@a.example.com", "origin-has-userinfo", "https://a.example.com"),
    ("https://a.example.com/", "origin-has-trailing-slash", "https://a.example.com"),
    ("https://a.example.com/x/", "origin-has-path", "https://a.example.com"),
    ("https://a.example.com:x", "origin-bad-port", None),
    ("https://a.example.com:0", "origin-bad-port", None),
    ("https://a.example.com:", "origin-bad-port", None),
    ("https://a.example.com:65536", "origin-bad-port", None),
    ("https://a.example.com:443", "origin-default-port", "https://a.example.com"),
    ("http://a.example.com:80", "origin-default-port", "http://a.example.com"),
    ("https://", "origin-no-host", None),
    ("https://:8443", "origin-no-host", None),
    ("https://a..example.com", "origin-empty-label", None),
    ("https://a b.example.com", "origin-bad-character", None),
    ("https://" + "a" * 64 + ".example.com", "origin-label-too-long", None),
    ("https://" + "a." * 126 + "aa", "origin-host-too-long", None),
    ("http://1.2.3", "origin-bad-ipv4", None),
    ("http://01.2.3.4", "origin-bad-ipv4", None),
    ("http://2130706433", "origin-bad-ipv4", None),
    ("http://0x7f.0.0.1", "origin-bad-ipv4", None),
    ("http://[::g]", "origin-bad-ipv6", None),
    ("http://[::1", "origin-bad-ipv6", None),
    ("http://[fe80::1%1]", "origin-bad-ipv6", None),
    ("http://[0:0::1]", "origin-ipv6-not-canonical", "http://[::1]"),
    ("http://[::ffff:1.2.3.4]", "origin-ipv6-not-canonical", "http://[::ffff:102:304]"),
    ("https://*", "wildcard-any-host", None),
    ("https://*:8443", "wildcard-any-host", None),
    ("https://a.*.example.com", "wildcard-misplaced", None),
    ("https://a.example.*", "wildcard-misplaced", None),
    ("https://!*.example.com", "origin-bad-character", None),
    ("https://!*", "origin-bad-character", None),
    ("https://*." + "a" * 64 + ".com", "origin-label-too-long", None),
    ("https://*.a!", "origin-bad-character", None),
    ("https://**.example.com", "wildcard-repeated", None),
    ("https://*a*.example.com", "wildcard-repeated", None),
    ("https://*.0.0.1", "wildcard-over-ip", None),
    ("https://*example.com", "wildcard-partial-label", "https://*.example.com"),
    ("https://pr-*", "wildcard-partial-label", None),
    ("https://pr-*.aaa", "wildcard-partial-label", None),
    ("https://pr-*.zzz", "wildcard-partial-label", None),
    ("https://*example.com.", "wildcard-partial-label", "https://*.example.com."),
    (7, "origin-type", None),
    (None, "origin-type", None),
    (re.compile(b"x"), "origin-bytes-pattern", None),
]


@pytest.mark.parametrize(("value", "code", "fix"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_refused_with_a_fix_that_is_valid(value: object, code: str, fix: str | None) -> None:
    with pytest.raises(CorsConfigError) as caught:
        CorsOptions(allow_origins=["https://fine.example.com", value])  # type: ignore[list-item]
    [problem] = caught.value.problems
    assert (problem.code, problem.option, problem.value) == (code, "allow_origins[1]", value)
    if fix is not None:
        assert problem.fix == f"write {fix!r}"
        assert CorsOptions(allow_origins=[fix])


# The longest label, host and origin, and the highest port.
LONGEST = "a" * 256 + "://" + "b." * 126 + "b"
LIMITS = [
    "https://" + "a" * 63 + ".example.com:8443",
    "https://*." + "a" * 63 + ".example.com:8443",
    "https://" + "a." * 126 + "a",
    "https://a.example.com:65535",
    LONGEST,
]


@pytest.mark.parametrize("value", LIMITS, ids=lambda value: value[-30:])
def test_what_is_just_short_enough_is_taken(value: str) -> None:
    assert CorsOptions(allow_origins=[value]).allow_origins == (value,)
    assert OriginList([value]).matches(value.replace("*", "x"))
    assert parse_origin(value.replace("*", "x")) is not None


def test_nothing_longer_than_an_origin_can_be_is_matched() -> None:
    assert (len(LONGEST), parse_origin("a" + LONGEST)) == (512, None)
    for pattern in ("a" + LONGEST, re.compile(".*")):
        assert OriginList([pattern]).matches("a" + LONGEST) is False


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("localhost", "localhost.", "a.localhost", "[::1]")),
        *((host, True) for host in ("127.0.0.1", "127.1.2.3")),
        *((host, False) for host in ("192.168.0.1", "10.127.0.1", "[::2]", "[2001:db8::1]")),
        *((host, False) for host in ("localhost.example", "xlocalhost", "127.example.com")),
        *((host, False) for host in ("a.example.com", "zz.example.com", "0")),
    ],
)
def test_what_nobody_on_the_way_can_change(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
    assert is_insecure(Origin("http", host, None)) is not expected
    for scheme in ("https", "app", "ws"):
        assert not is_insecure(Origin(scheme, host, None))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("1:0:0:0:2:0:0:3", "1::2:0:0:3"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("0:0:0:0:0:0:7f00:1", "::7f00:1"),
        ("0:0:1:0:0:1:1:1", "::1:0:0:1:1:1"),  # the first of equals
    ],
)
def test_ipv6_is_written_as_browsers_do(address: str, expected: str) -> None:
    assert serialise_ipv6(ipaddress.IPv6Address(address)) == expected


labels = st.from_regex(r"[a-z0-9_\-]{1,5}", fullmatch=True)
hosts = st.lists(
    st.sampled_from(["a", "b", "aa", "a-b", "com", "localhost"]), min_size=1, max_size=4
)
ports = st.sampled_from(["", ":1", ":8443"])
schemes = st.sampled_from(["http", "https", "app"])


@st.composite
def origins(draw: st.DrawFn) -> str:
    return f"{draw(schemes)}://{'.'.join(draw(hosts))}{draw(ports)}"


@st.composite
def patterns(draw: st.DrawFn) -> str:
    first = draw(st.sampled_from(["*.", "a*.", "*b.", "a*b.", "", ""]))
    port = draw(st.sampled_from(["", ":1", ":*"]))
    return f"{draw(schemes)}://{first}{'.'.join(draw(hosts))}{port}"


def naive(pattern: str, origin: str) -> bool:
    """What a pattern means, spelled as one regular expression."""
    scheme, _, rest = pattern.partition("://")
    port = r"(:[0-9]+)?" if rest.endswith(":*") else ""
    host = rest.removesuffix(":*")
    star = r"[a-z0-9_.\-]+" if host.startswith("*.") else r"[a-z0-9_\-]+"
    body = re.escape(host).replace(r"\*", star)
    return re.fullmatch(f"{re.escape(scheme)}://{body}{port}", origin) is not None


@given(st.lists(patterns(), min_size=1, max_size=6), origins())
def test_a_naive_matcher_agrees(given_patterns: list[str], origin: str) -> None:
    valid = [p for p in given_patterns if isinstance(parse_pattern(p), Pattern)]
    if valid:
        expected = any(naive(pattern, origin) for pattern in valid)
        assert OriginList(valid).matches(origin) is expected


@given(origins())
def test_rendering_an_origin_and_parsing_it_gives_it_back(text: str) -> None:
    assert str(parse_origin(text)) == text


@given(st.text())
def test_matching_is_total(text: str) -> None:
    everything = OriginList([EXACT, WILD, PARTIAL, PORTS, BOTH, re.compile("x")])
    assert everything.matches(text) in (True, False)
    assert everything.matches("https://" + text) in (True, False)


@given(labels, labels)
def test_the_fast_way_in_takes_only_what_the_parser_takes(first: str, last: str) -> None:
    for text in (f"https://{first}.{last}", f"https://*.{first}.{last}"):
        try:
            CorsOptions(allow_origins=[text])
            accepted = True
        except CorsConfigError:
            accepted = False
        assert accepted is isinstance(parse_pattern(text), Pattern)


def test_a_list_is_a_tuple_that_is_read_once() -> None:
    options = CorsOptions(allow_origins=[EXACT, WILD, EXACT])
    assert options.allow_origins == (EXACT, WILD)
    assert isinstance(options.allow_origins, OriginList)
    assert CorsOptions(allow_origins=options.allow_origins).allow_origins is options.allow_origins
    assert hash(options.allow_origins) == hash((EXACT, WILD))
    for again in (pickle.loads(pickle.dumps(options)), copy.deepcopy(options)):
        assert again == options
        assert again.allow_origins.matches("https://b.example.com")


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("0.0.1", "wildcard-over-ip"),
        ("a..b", "origin-empty-label"),
        (f"{'a' * 64}.com", "origin-label-too-long"),
    ],
)
def test_what_is_wrong_with_a_host_is_wrong_below_a_wildcard_too(host: str, slug: str) -> None:
    plain = host_problem("https", f"x.{host}")
    assert plain is not None
    assert parse_pattern(f"https://*.{host}") == (slug, plain[1])


def test_lists_are_equal_where_all_is() -> None:
    one, two = OriginList([EXACT]), OriginList([EXACT, WILD])
    assert one != two
    assert two != one
    assert one != OriginList([WILD])
    assert one == OriginList([EXACT]) == (EXACT,)
    assert OriginList([]) == ()
    assert hash(OriginList([])) == hash(())
    long = [f"https://{number}.example.com" for number in range(40_000)]
    assert hash(OriginList(long)) == hash(OriginList(long)) != hash(OriginList([*long, WILD]))
    assert OriginList(long) == OriginList(long) != OriginList([*long[:-1], WILD])
    assert OriginList(long[:20_000]) != tuple(long[:20_000])  # whose hash is another


def test_a_long_list_has_its_patterns_in_their_order() -> None:
    patterns = [f"https://{number}.example.com" for number in range(40_000)]
    found = OriginList(patterns)
    assert [*found] == patterns
    assert len(found) == 40_000
    for place in (0, 1, 16_383, 16_384, 32_768, 39_999, -1, -40_000):
        assert found[place] == patterns[place]
    assert found[16_380:32_770:7] == tuple(patterns[16_380:32_770:7])
    with pytest.raises(IndexError):
        found[40_000]


def test_a_long_list_has_a_short_repr() -> None:
    five = [f"https://{number}.example.com" for number in range(5)]
    assert repr(OriginList(five)) == repr(tuple(five))
    for number in (6, 1000):
        many = OriginList(f"https://{i}.example.com" for i in range(number))
        assert repr(many) == f"({repr(tuple(five))[1:-1]}, ... {number} in all)"
    assert eval(repr(OriginList([EXACT]))) == (EXACT,)


def test_all_that_a_list_has_is_kept_to_be_let_go_in_steps() -> None:
    found = OriginList([EXACT, WILD, PARTIAL, PORTS])
    tables = (found._exact, found._below, found._any_port)
    parts = [*found._pieces, *found._partial, *(one for table in tables for one in table.pieces)]
    with keeping_pieces() as kept:
        del found
        assert {id(part) for part in parts} <= {id(part) for part in kept}


def test_a_list_may_end_after_the_names_of_its_module() -> None:
    # As at the end of the interpreter: no global name is there any longer.
    bare = types.FunctionType(OriginList.__del__.__code__, {"__builtins__": {}})
    with keeping_pieces() as pieces:
        bare(OriginList([EXACT]))
        assert pieces
    bare(OriginList([EXACT]))
