"""URLs as the standard has them; and beside those of a real Chromium, odd ones by the thousand.

What is expected here is what the standard says, read there and not off the code.
"""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import yarl

from aiohttp_cors_plugin._urls import Url, parse_url

API = "https://api.example.org"
URL = f"{API}/things"
BASE = "http://base.example/d/e?q#f"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(URL, Url("https", API, URL), id="as-serialised"),
        pytest.param(API, Url("https", API, f"{API}/"), id="a-path-is-added"),
        pytest.param(f"{API}?q", Url("https", API, f"{API}/?q"), id="before-a-query-too"),
        pytest.param(f"{URL}?q#a#b", Url("https", API, f"{URL}?q", "a#b"), id="query-and-fragment"),
        pytest.param(
            "HTTPS://API.Example.ORG:443/Things",
            Url("https", API, f"{API}/Things"),
            id="case-is-folded-but-in-the-path-and-the-default-port-goes",
        ),
        pytest.param(
            "http://a.example:8080/",
            Url("http", "http://a.example:8080", "http://a.example:8080/"),
            id="another-port-stays",
        ),
        pytest.param(
            "https://a.example:80/",
            Url("https", "https://a.example:80", "https://a.example:80/"),
            id="http's-default-port-is-not-that-of-https",
        ),
        pytest.param(
            "http://a.example:/", Url("http", "http://a.example", "http://a.example/"), id="no-port"
        ),
        pytest.param(
            "http://a.example:65535/",
            Url("http", "http://a.example:65535", "http://a.example:65535/"),
            id="the-last-port",
        ),
        pytest.param(
            "http://[::1]:81/x", Url("http", "http://[::1]:81", "http://[::1]:81/x"), id="ipv6"
        ),
        pytest.param(
            "http:a.example", Url("http", "http://a.example", "http://a.example/"), id="no-slashes"
        ),
        pytest.param(
            "https://u:p@api.example.org/x@y",
            Url("https", API, f"{API}/x@y", has_credentials=True),
            id="name-and-password",
        ),
        pytest.param(
            "https://u@v@api.example.org/",
            Url("https", API, f"{API}/", has_credentials=True),
            id="the-last-at-sign-counts",
        ),
        pytest.param("https://:@api.example.org/", Url("https", API, f"{API}/"), id="empty-ones"),
        pytest.param(
            "https://@api.example.org/", Url("https", API, f"{API}/"), id="none-but-an-at-sign"
        ),
        pytest.param(
            "wss://a.example/x", Url("wss", "wss://a.example", "wss://a.example/x"), id="wss"
        ),
        pytest.param(
            "DATA:text/plain,x", Url("data", "null", "DATA:text/plain,x"), id="data-is-opaque"
        ),
        pytest.param("file:///etc", Url("file", "null", "file:///etc"), id="file-is-opaque"),
        pytest.param("null", None, id="null-is-none"),
        pytest.param("", None, id="nothing-is-none"),
        pytest.param("*", None, id="the-asterisk-is-none"),
        pytest.param("//a.example", None, id="a-scheme-is-missing"),
        pytest.param("1a:x", None, id="a-scheme-begins-with-a-letter"),
        pytest.param("http://", None, id="a-host-is-missing"),
        pytest.param("http://u@/", None, id="behind-a-name-too"),
        pytest.param("http://a b/", None, id="a-space-in-the-host"),
        pytest.param("http://a%/", None, id="a-percent-sign-in-the-host"),
        pytest.param("http://a.example:65536/", None, id="no-such-port"),
        pytest.param("http://a.example:1000000/", None, id="a-long-port"),
        pytest.param("http://a.example:8a/", None, id="a-letter-in-the-port"),
        pytest.param("http://[::1/", None, id="an-open-bracket"),
    ],
)
def test_urls(text: str, expected: Url | None) -> None:
    assert parse_url(text) == expected


def test_a_url_in_words_has_its_fragment() -> None:
    assert [str(parse_url(f"{URL}{end}")) for end in ("", "#part")] == [URL, f"{URL}#part"]


# What a reference is by the standard, relative to BASE; None: no URL.
ODD: dict[str, str | None] = {
    # Relative ones.
    "": "http://base.example/d/e?q",
    "#f": "http://base.example/d/e?q#f",
    "?": "http://base.example/d/e?",
    "?a#b#c": "http://base.example/d/e?a#b#c",
    "x": "http://base.example/d/x",
    "/x": "http://base.example/x",
    "./x/../y": "http://base.example/d/y",
    "../../../x": "http://base.example/x",
    "..": "http://base.example/",
    "x/.": "http://base.example/d/x/",
    "x/%2e%2E": "http://base.example/d/",
    "x/.%2e/%2E/y": "http://base.example/d/y",
    "x/...": "http://base.example/d/x/...",
    "a:b": None,
    "x?/../y": "http://base.example/d/x?/../y",
    "//h:80/x": "http://h/x",
    "///h": "http://h/",
    "\\\\h\\x": "http://h/x",
    "x\\y?\\#\\": "http://base.example/d/x/y?\\#\\",
    "http:x": "http://base.example/d/x",
    "http:/x": "http://base.example/x",
    "https:x": "https://x/",
    "//": None,
    # What is left out, and what is escaped.
    " \x00/x \t": "http://base.example/x",
    "/a\tb\nc\rd": "http://base.example/abcd",
    "/a=b c&x=%41%7E&%zz%": "http://base.example/a=b%20c&x=%41%7E&%zz%",
    "/?a=b c&x=%41%7E&s=a+b'&%zz%": "http://base.example/?a=b%20c&x=%41%7E&s=a+b%27&%zz%",
    "/!$&'()*+,;=@[]^_`{}~\"<>": "http://base.example/!$&'()*+,;=@[]%5E_%60%7B%7D~%22%3C%3E",
    "?!$&'()*+,;=@[]^_`{|}~\"<>": "http://base.example/d/e?!$&%27()*+,;=@[]^_`{|}~%22%3C%3E",
    "#!$&'()*+,;=@[]^_`{|}~\"<>": "http://base.example/d/e?q#!$&'()*+,;=@[]^_%60{|}~%22%3C%3E",
    "/\xfc\x7f?\u20ac#\U0001f600": "http://base.example/%C3%BC%7F?%E2%82%AC#%F0%9F%98%80",
    "/\ud800?\ude00\ud83d": "http://base.example/%EF%BF%BD?%EF%BF%BD%EF%BF%BD",
    "/\ud83d\ude00": "http://base.example/%F0%9F%98%80",
    # Hosts.
    "http://A%41b/": "http://aab/",
    "http://\xdc.example": "http://xn--tda.example/",
    "http://%C3%BC.example": "http://xn--tda.example/",
    "http://fa\xdf.de": "http://xn--fa-hia.de/",
    "http://\u03a3\u03c2.gr": "http://xn--3xab.gr/",
    "http://a\u3002b\xad": "http://a.b/",
    "http://\uff21.b": "http://a.b/",
    "http://%FF/": None,
    "http://a%2fb/": None,
    "http://a\uff0fb/": None,
    "http://\xad/": None,
    "http://a^b/": None,
    "http://a|b/": None,
    "http://a!$&'()+,;=_~`{}\"b": "http://a!$&'()+,;=_~`{}\"b/",
    "http://a..b./": "http://a..b./",
    "http://a[b/": None,
    "http://a:b:80/": None,
    "http://1/": "http://0.0.0.1/",
    "http://1.2.3./": "http://1.2.0.3/",
    "http://0x7F.1": "http://127.0.0.1/",
    "http://017.0X.0x1ff/": "http://15.0.1.255/",
    "http://4294967295": "http://255.255.255.255/",
    "http://4294967296": None,
    "http://99999999999": None,
    "http://256.1/": None,
    "http://1.2.3.4.5": None,
    "http://08.1": None,
    "http://a.1": None,
    "http://1..2": None,
    "http://1.a": "http://1.a/",
    "http://[::FFFF:1.2.3.4]": "http://[::ffff:102:304]/",
    "http://[1:0:0:2:0:0:0:3]": "http://[1:0:0:2::3]/",
    "http://[1:2:3:4:5:6:7::]": "http://[1:2:3:4:5:6:7:0]/",
    "http://[::1%25eth0]": None,
    "http://[1]": None,
    "http://[::1]x/": None,
}


@pytest.mark.parametrize("text", ODD)
def test_odd_ones(text: str) -> None:
    url = parse_url(text, parse_url(BASE))
    found = None if url is None or url.scheme not in ("http", "https") else str(url)
    assert found == ODD[text]


def test_what_a_base_gives() -> None:
    assert parse_url("/x") is parse_url("/x", parse_url("data:x")) is None
    assert parse_url("x", parse_url("https://u@h/d/e")) == Url(
        "https", "https://h", "https://h/d/x", has_credentials=True
    )


# --- Chromium -----------------------------------------------------------------------------------

SEED = 20260702
PARTS = (
    *(
        "http",
        "HTTPS",
        "ws",
        "ftp",
        ":",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "@",
        "[",
        "]",
        "%",
        "%41",
        "%2e",
    ),
    *(".", "..", "a", "B", "\xfc", "\xdf", "\u20ac", "\U0001f600", "\ud800", " ", "\t", "\n", '"'),
    *(
        "'",
        "<",
        ">",
        "`",
        "{",
        "}",
        "^",
        "~",
        "!",
        "$",
        "&",
        "(",
        ")",
        "+",
        ",",
        ";",
        "=",
        "-",
        "_",
    ),
    *(
        "0x",
        "0x7f",
        "08",
        "010",
        "1",
        "256",
        "4294967295",
        ".1",
        "80",
        "443",
        "65536",
        "\0",
        "\x7f",
    ),
)
NUMBERS = ("1", "0", "0x1f", "017", "256", "65535", "16777216", "a", "", "09", "0x")
GROUPS = ("1", ":", "::", "ab", "FFFF", "0", "1.2.3.4", "%", "g")
SEE = """([texts, base]) => texts.map(text => {
  try {
    const url = new URL(text, base);
    const has = url.username + url.password !== "";
    url.username = url.password = "";
    if (!url.hash) url.hash = "";
    return [url.href, url.origin, has];
  } catch { return null; }
})"""


def odd_ones(seed: int, count: int) -> list[str]:
    pick = random.Random(seed).choice

    def several(of: tuple[str, ...], joint: str = "") -> str:
        return joint.join(pick(of) for _ in range(pick((1, 2, 3, 4, 5, 8))))

    kinds = (
        lambda: several(PARTS),
        lambda: f"http://{several(PARTS)}",
        lambda: f"http://h/{several(PARTS)}",
        lambda: f"http://{several(NUMBERS, '.')}",
        lambda: f"http://[{several(GROUPS)}]/",
    )
    return [pick(kinds)() for _ in range(count)]


# By the standard, and by Chromium.
DEPARTURES: dict[str, tuple[str | None, str]] = {
    "/a|b": ("http://base.example/a|b", "http://base.example/a%7Cb"),
    "http://a b/": (None, "http://a%20b/"),
    "http://*.a/": ("http://*.a/", "http://%2A.a/"),
    "http://[::01.2.3.4]/": (None, "http://[::102:304]/"),
}


@pytest.mark.browser
async def test_they_are_chromiums(chromium: Any) -> None:
    """But for these departures, and hosts beyond ASCII that it takes for no names."""
    page = await chromium.new_page()
    seen = await page.evaluate(SEE, [[*DEPARTURES], BASE])
    for (text, expected), of_chromium in zip(DEPARTURES.items(), seen, strict=True):
        url = parse_url(text, parse_url(BASE))
        assert (url and str(url), of_chromium[0]) == expected
    told, refused = 0, 0
    texts = [*ODD, *odd_ones(SEED, 20000)]
    for text, of_chromium in zip(texts, await page.evaluate(SEE, [texts, BASE]), strict=True):
        url = parse_url(text, parse_url(BASE))
        if url is None and of_chromium is not None:
            assert "%20" in of_chromium[1] or re.search(r"[:.]0\d*\.", text), text
        elif url is not None and url.origin != "null":
            yarl.URL(url.href, encoded=True)  # aiohttp's client takes them all
            told += 1
            if of_chromium is None:
                assert "xn--" in url.origin, text
                refused += 1
            else:
                assert [str(url), url.origin, url.has_credentials] == of_chromium, text
    assert (told > 5000, refused < 1000) == (True, True)
