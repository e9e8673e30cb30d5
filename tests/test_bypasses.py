"""Ways around origin checks from the public literature: none gets past ours.

A family is a trick; it is played on every configured pattern, in the matcher and, as far as a
header can carry it, over a real server. The tricks are those of PortSwigger's cheat sheet on URL
validation, of the scanners CORScanner and Corsy, and of what has been written on CORS since 2016.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import web
from multidict import CIMultiDict

from aiohttp_cors_plugin import CorsOptions, setup
from aiohttp_cors_plugin._origins import OriginList
from tests.app import cors_headers, ok, preflight


class Target(NamedTuple):
    """A configured pattern, and what an attacker builds on."""

    pattern: str | re.Pattern[str]
    origin: str  # one that passes
    end: str  # what a check of the end alone would look for
    passing: str  # some more that pass

    def fill(self, trick: str) -> str:
        """A trick's text for this pattern: its words in capitals replaced."""
        scheme, _, host = self.origin.partition("://")
        for word, value in {
            "ORIGIN": self.origin,
            "SCHEME": scheme,
            "OTHER": {"http": "https", "https": "http"}[scheme],
            "DEFAULT": {"http": "80", "https": "443"}[scheme],
            "HOST": host,
            "END": self.end,
            "EVIL": "evil.net",
        }.items():
            trick = trick.replace(word, value)
        return trick


TARGETS = {
    "exact": Target("https://app.example.com", "https://app.example.com", "app.example.com", ""),
    "wildcard": Target(
        "https://*.example.com",
        "https://app.example.com",
        "example.com",
        "https://a.b.example.com https://evil.net.example.com https://x--_.example.com",
    ),
    "any-port": Target(
        "http://localhost:*",
        "http://localhost",
        "localhost",
        "http://localhost:3000 http://localhost:443 http://localhost:65535",
    ),
    "partial-label": Target(
        "https://*-preview.example.com",
        "https://pr7-preview.example.com",
        "-preview.example.com",
        "https://a-b-preview.example.com https://evil-preview.example.com",
    ),
    "regex": Target(
        re.compile(r"https://(app|www)\.example\.com"),
        "https://app.example.com",
        "app.example.com",
        "https://www.example.com",
    ),
    "address": Target(
        "http://127.0.0.1:*", "http://127.0.0.1", "127.0.0.1", "http://127.0.0.1:8080"
    ),
    "ipv6": Target("http://[::1]:*", "http://[::1]", "[::1]", "http://[::1]:8080"),
}

MARKS = "_ - ! \" $ & ' ( ) * + , ; = ^ ` { | } ~ < > [ ] \\ / : ? # @ %".split()
ENCODED = (
    "%2e %2E %2f %3a %3f %40 %23 %5c %26 %60 %5f %00 %08 %09 %0a %0b %0d %0d%0a %20 %7f %ff %252e"
    " %252f %c0%ae %e3%80%82 %ef%bc%8e %u002e \\x2e \\u002e &#46; &period; =2E"
).split()
CONTROLS = [chr(code) for code in [*range(0x20), 0x7F]]
SPACES = [chr(code) for code in (0x20, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x2029, 0x202F, 0x3000)]
# Nothing to see, and dropped by some normalisations.
INVISIBLE = (
    "\u00ad \u034f \u061c \u180b \u180e \u200b \u200d \u202e \u2060 \u2064 \ufe0f \ufeff".split()
)
# Characters that some normalisation turns into a separator of URLs, or into a dot and more.
SEPARATORS = (
    "\uff0e \u3002 \uff61 \u2024 \ufe52 \u2025 \u2026 \ufe30 \ufe19 \u2488 \u249b \u33c2 \u33c7"
    " \u33d8 \uff0f \u2044 \u2215 \u29f8 \u2100 \u2101 \u2105 \u2106 \uff3c \ufe68 \uff1a \ufe55"
    " \ufe13 \u2a74 \u2236 \uff20 \ufe6b \uff1f \ufe56 \ufe16 \u2047 \u2048 \u2049 \uff03 \ufe5f"
    " \uff06 \ufe60 \uff05 \uff3f \u2010"
).split()
LOOKALIKES = {
    "a": "\u0430\u0251\uff41\u24d0\u00e4",
    "c": "\u0441\u217d\uff43",
    "e": "\u0435\u212f\uff45\u24d4",
    "l": "\u217c\uff4c\u2113\u04cf",
    "m": "\u217f\uff4d",
    "o": "\u043e\u2134\u03bf\uff4f",
    "p": "\u0440\uff50",
    "s": "\u017f\u0455\uff53",
    "0": "\u0660\uff10\u24ea\u2080",
    "1": "\u0661\uff11\u2460\u00b9",
    "7": "\u0667\uff17\u2466",
}

FAMILIES: dict[str, list[str]] = {
    "other sites": """
        SCHEME://EVIL http://EVIL https://EVIL SCHEME://EVIL:8443 SCHEME://com SCHEME://net
        https://evil.github.io https://evil.vercel.app https://evil.netlify.app https://evil.pages.dev
        https://evil.s3.amazonaws.com https://evil.herokuapp.com https://codepen.io https://repl.it
        https://jsfiddle.net http://jsbin.com https://pastebin.com https://gitlab.com
        SCHEME://169.254.169.254 SCHEME://0.0.0.0 SCHEME://[::] SCHEME://localhost.EVIL
    """.split(),
    "suffixes": """
        ORIGIN.EVIL ORIGINEVIL ORIGIN-EVIL ORIGIN-.EVIL ORIGIN_.EVIL ORIGINx ORIGIN0 ORIGIN.x
        ORIGIN.localhost ORIGIN.local ORIGIN.com ORIGIN.net ORIGIN.nip.io ORIGIN.evil.co.uk
        ORIGIN. ORIGIN.. ORIGIN._.EVIL ORIGIN.-.EVIL ORIGIN.a.EVIL ORIGIN-- ORIGIN.xn--a ORIGIN.0
    """.split(),
    "prefixes": """
        SCHEME://EVILEND SCHEME://EVIL-END SCHEME://EVIL_END SCHEME://EVIL.xEND.EVIL
        SCHEME://.END SCHEME://..END SCHEME://-.END. SCHEME://a..END SCHEME://*END SCHEME://*.END
        SCHEME://a*.END xORIGIN -ORIGIN .ORIGIN EVILORIGIN EVIL.ORIGIN https://EVIL.ORIGIN
    """.split(),
    "marks after": [
        trick.replace("+", mark)
        for mark in MARKS
        for trick in ("ORIGIN+.EVIL", "ORIGIN.+.EVIL", "ORIGIN+EVIL")
    ],
    "marks before": [
        trick.replace("+", mark)
        for mark in MARKS
        for trick in ("SCHEME://EVIL+END", "SCHEME://EVIL+.END", "SCHEME://a.+END.EVIL")
        if mark not in "-_" or "+.END" not in trick  # else a sub-domain, if an odd one
    ],
    "encoded": [
        trick.replace("+", code)
        for code in ENCODED
        for trick in ("ORIGIN+EVIL", "ORIGIN+.EVIL", "SCHEME://EVIL+END", "SCHEME://EVIL+@HOST")
    ],
    "userinfo": r"""
        SCHEME://EVIL@HOST SCHEME://HOST@EVIL SCHEME://HOST:DEFAULT@EVIL SCHEME://HOST:@EVIL
        SCHEME://@HOST SCHEME://:@HOST SCHEME://a:b@HOST SCHEME://HOST&@EVIL SCHEME://HOST&a@EVIL
        SCHEME://HOST\@EVIL SCHEME://HOST\;@EVIL SCHEME://EVIL\@HOST SCHEME://EVIL\a@HOST
        SCHEME://EVIL@@HOST SCHEME://EVIL\@@HOST SCHEME://EVIL:\@@HOST SCHEME://EVIL:80@HOST
        SCHEME://a@EVIL:80@HOST SCHEME://EVIL+@HOST SCHEME://EVIL+&@HOST SCHEME://EVIL#@HOST
        SCHEME://EVIL#\@HOST SCHEME://EVIL?@HOST SCHEME://EVIL/@HOST SCHEME://HOST?@EVIL
        SCHEME://HOST#@EVIL SCHEME://HOST/@EVIL SCHEME://HOST:80\@EVIL SCHEME://HOST:80:\@@EVIL
        SCHEME://HOST:80#\@EVIL SCHEME://ORIGIN@EVIL SCHEME://HOST@HOST ORIGIN@
    """.split(),
    "paths, queries, fragments": r"""
        ORIGIN/ ORIGIN// ORIGIN/. ORIGIN/.. ORIGIN/a ORIGIN/EVIL ORIGIN? ORIGIN?a ORIGIN# ORIGIN#a
        ORIGIN\ ORIGIN\a ORIGIN; ORIGIN;a ORIGIN&a ORIGIN/?a#b ORIGIN/@EVIL ORIGIN//EVIL
        SCHEME://EVIL/HOST SCHEME://EVIL/.HOST SCHEME://EVIL//HOST SCHEME://EVIL///HOST
        SCHEME://EVIL/ORIGIN SCHEME://EVIL/END SCHEME://EVIL/.END SCHEME://EVIL?HOST
        SCHEME://EVIL?.END SCHEME://EVIL/?d=HOST SCHEME://EVIL/?d=ORIGIN SCHEME://EVIL#HOST
        SCHEME://EVIL#.END SCHEME://EVIL#ORIGIN SCHEME://EVIL\HOST SCHEME://EVIL\.END
        SCHEME://EVIL;HOST SCHEME://EVIL;ORIGIN SCHEME://EVIL&HOST SCHEME://EVIL:80/HOST
        SCHEME://EVIL/..//HOST SCHEME://./HOST SCHEME://../HOST SCHEME://EVIL:80;ORIGIN:80
    """.split(),
    "ports": """
        ORIGIN: ORIGIN:: ORIGIN:0 ORIGIN:00 ORIGIN:65536 ORIGIN:99999 ORIGIN:4294967376 ORIGIN:-1
        ORIGIN:+80 ORIGIN:* ORIGIN:08080 ORIGIN:0x50 ORIGIN:1e3 ORIGIN:8_0 ORIGIN:80a ORIGIN:a80
        ORIGIN:8.0 ORIGIN:80. ORIGIN:80:80 ORIGIN:8080:80 ORIGIN::8080 ORIGIN:8080.EVIL ORIGIN:EVIL
        ORIGIN:8080EVIL ORIGIN:8080@EVIL ORIGIN:@EVIL ORIGIN:8080/ ORIGIN:8080? ORIGIN:8080#
        ORIGIN:8080,a ORIGIN:\uff18\uff10 ORIGIN:\u0668\u0660 ORIGIN:\u2460 ORIGIN:DEFAULT
        ORIGIN:DEFAULT.EVIL ORIGIN:8080:EVIL SCHEME://EVIL:8080 SCHEME://EVIL:HOST SCHEME://:8080
        SCHEME://:HOST SCHEME://HOST.EVIL:8080
    """.split(),
    "schemes": r"""
        OTHER://HOST ws://HOST wss://HOST ftp://HOST file://HOST SCHEMEs://HOST xSCHEME://HOST
        SCHEME+x://HOST x+SCHEME://HOST SCHEME.://HOST SCHEME-://HOST 0://HOST app://HOST ssh://HOST
        capacitor://HOST ionic://HOST tauri://HOST chrome-extension://HOST moz-extension://HOST
        blob:ORIGIN filesystem:ORIGIN view-source:ORIGIN jar:ORIGIN!/ javascript:ORIGIN
        javascript://HOST/%0aalert(1) data:text/html,ORIGIN feed:ORIGIN url:ORIGIN about:blank
        SCHEME:HOST SCHEME:/HOST SCHEME:///HOST SCHEME:////HOST SCHEME:\\HOST SCHEME:/\HOST
        SCHEME://\HOST SCHEME:\/\/HOST SCHEME//HOST SCHEME:://HOST //HOST ///HOST \\HOST /\HOST
        /HOST HOST ://HOST :HOST @HOST SCHEME:ORIGIN SCHEME://ORIGIN SCHEME:// SCHEME: SCHEME
        SCHEME%3a//HOST SCHEME:%2f%2fHOST SCHEME&colon;//HOST SCHEME\u003a//HOST
    """.split(),
    "null and no origin": """
        null NULL Null nu\u017fl nul null. null/ "null" 'null' null,null null,ORIGIN ORIGIN,null
        https://null http://null null://HOST SCHEME://null.EVIL undefined None nil false true 0 1 *
        ** . .. / - _ *://HOST SCHEME://* https://* http://* SCHEME://*:* self 'self' none 'none'
        about:srcdoc about:blank data: file:// file:/// %00 {} [] ${ORIGIN} {{ORIGIN}}
    """.split(),
    "lists": r"""
        ORIGIN,ORIGIN ORIGIN;ORIGIN ORIGIN|ORIGIN ORIGIN&ORIGIN ORIGIN,https://EVIL
        https://EVIL,ORIGIN ORIGIN, ,ORIGIN ;ORIGIN [ORIGIN] (ORIGIN) <ORIGIN> {ORIGIN} "ORIGIN"
        'ORIGIN' ORIGIN" ORIGIN' ["ORIGIN"] ORIGIN;q=1 origin=ORIGIN ORIGIN=1 ^ORIGIN$ ORIGIN$
        ORIGIN+ ORIGIN* ORIGIN.* .*ORIGIN (ORIGIN|https://EVIL) ORIGINORIGIN ORIGIN\nORIGIN
    """.split(),
    "blanks": [
        *("", " ", "\t"),
        *("null null", "null ORIGIN", "ORIGIN null", "Origin: ORIGIN", "ORIGIN HTTP/1.1"),
        *("ORIGIN ORIGIN", "ORIGIN, ORIGIN", "ORIGIN; ORIGIN", "ORIGIN\tORIGIN", "ORIGIN,\tORIGIN"),
        *("ORIGIN https://EVIL", "https://EVIL ORIGIN"),
        *("ORIGIN, https://EVIL", "https://EVIL, ORIGIN"),
        *("ORIGIN: 8080", "ORIGIN:80 80", "ORIGIN :8080", "ORIGIN:8080\t80"),
        *("SCHEME://HOST &@EVIL# @EVIL", "SCHEME://a@EVIL @HOST", "SCHEME://EVIL &@HOST"),
    ],
    "white space": [
        trick.replace("+", space)
        for space in [*SPACES, *INVISIBLE]
        for trick in ("+ORIGIN", "ORIGIN+", "ORIGIN+EVIL", "SCHEME://+HOST", "SCHEME://EVIL+END")
    ],
    "control bytes": [
        trick.replace("+", control)
        for control in CONTROLS
        for trick in ("+ORIGIN", "ORIGIN+", "ORIGIN+.EVIL", "SCHEME://EVIL+END", "SCHEME+://HOST")
    ],
    "line breaks": [
        trick.replace("+", ends)
        for ends in ("\r\n", "\n", "\r", "\n\n", "\r\n\r\n", "\r\n ", "\n\t")
        for trick in (
            "ORIGIN+ORIGIN",
            "https://EVIL+ORIGIN",
            "ORIGIN+https://EVIL",
            "ORIGIN+Origin: ORIGIN",
            "ORIGIN+Access-Control-Allow-Origin: https://EVIL",
            "https://EVIL+Set-Cookie: a=1",
        )
    ],
    "unicode separators": [
        trick.replace("+", mark)
        for mark in SEPARATORS
        for trick in ("ORIGIN+EVIL", "ORIGIN+.EVIL", "SCHEME://EVIL+END", "SCHEME://EVIL+.END")
    ],
    "long": [
        "ORIGIN" + "a" * 64,
        "ORIGIN." + "a" * 64 + ".EVIL",
        "SCHEME://" + "a" * 64 + ".HOST",
        "SCHEME://" + "a." * 130 + "HOST",
        "SCHEME://" + "a" * 5000 + ".END",
        "ORIGIN" + "." * 5000,
        "ORIGIN:" + "0" * 5000 + "8080",
        "ORIGIN:" + "9" * 5000,
        "ORIGIN" + "/" * 5000,
        "ORIGIN," * 200,
    ],
}
OTHER_PORTS = "ORIGIN:80 ORIGIN:8443 ORIGIN:1 ORIGIN:65535 OTHER://HOST:443".split()
# Tricks for some patterns only: to the others they are origins like any other.
OWN: dict[str, dict[str, list[str]]] = {
    "exact": {
        "relatives": """
            https://example.com https://xample.com https://www.example.com https://pp.example.com
            https://evil.app.example.com https://a.b.app.example.com https://_.app.example.com
            https://evilapp.example.com https://evil-app.example.com https://aapp.example.com
            https://app1.example.com https://app-.example.com https://app.example.org
            https://app.example.co https://app.example.comm https://app.example.co.uk
            https://app.example https://app https://app.com https://appexample.com
            https://app-example.com https://app_example.com https://appxexample.com
            https://app.examplexcom https://app.exampleacom https://app.example-com
            https://app.exampl.com https://app.exmaple.com https://app..example.com
            https://app.sub.example.com https://app.example.com.app.example.com
        """.split(),
        "other ports": OTHER_PORTS,
    },
    "wildcard": {
        "relatives": """
            https://example.com https://evilexample.com https://evil-example.com https://xample.com
            https://evil_example.com https://appexample.com https://aexample.com https://com
            https://app.example.org https://app.example.co https://app.example.comm
            https://app.example https://app.example.com.net https://app.examplexcom
            https://appxexample.com https://app.eexample.com https://app.sexample.com
            https://app.notexample.com https://example.com.evil.net https://example.comexample.com
            http://sexample.com http://app.example.com https://example https://.com https://*
        """.split(),
        "other ports": OTHER_PORTS,
    },
    "any-port": {
        "relatives": """
            http://localhost.evil.net http://evillocalhost http://evil-localhost http://localhos
            http://localhosts http://localhost1 http://localhost.com http://localhost.localdomain
            http://localhost6 http://ip6-localhost http://a.localhost http://localhost.localhost
            http://localhost-3000.evil.net http://localhost3000 http://localhost.3000 http://local
            http://lvh.me http://localtest.me http://127.0.0.1 http://127.0.0.1:3000 http://[::1]
            http://[::1]:3000 http://0.0.0.0:3000 http://0:3000 http://evil.net:3000
            https://localhost https://localhost:3000 ws://localhost:3000 file://localhost
        """.split(),
    },
    "partial-label": {
        "relatives": """
            https://-preview.example.com https://preview.example.com https://example.com
            https://a.pr7-preview.example.com https://evil.-preview.example.com
            https://pr7.preview.example.com https://pr7-preview-example.com
            https://pr7-previewexample.com https://pr7-previewxexample.com
            https://pr7_preview.example.com https://pr7preview.example.com
            https://pr7-preview1.example.com https://pr7-preview.a.example.com
            https://pr7-preview.example.org https://pr7-preview.example.co
            https://pr7-preview https://pr7-preview.com https://pr7-preview.evil.net
            https://pr7-preview.example.com.evil.net https://pr7-preview.evil.example.com
            https://evil.net-preview.example.com https://*-preview.example.com
        """.split(),
        "other ports": OTHER_PORTS,
    },
    "regex": {
        "relatives": """
            https://example.com https://evil.app.example.com https://evilapp.example.com
            https://appwww.example.com https://ww.example.com https://wwww.example.com
            https://appxexample.com https://app.examplexcom https://app.example.co
            https://app.example.comm https://app|www.example.com https://(app|www).example.com
        """.split(),
        "other ports": OTHER_PORTS,
    },
    "address": {
        "spellings": """
            http://127.1 http://127.0.1 http://127.1:8080 http://2130706433 http://2130706433:8080
            http://0x7f000001 http://0x7f.0.0.1 http://0x7f.1 http://0X7F.0.0.1 http://0x7f.0x0.0x0.0x1
            http://0177.0.0.1 http://0177.1 http://017700000001 http://0177.0000.0000.0001
            http://00000177.0.0.1 http://127.0.0.01 http://127.000.000.001 http://127.00.0.1
            http://0127.0.0.1 http://127.0x0.0.1 http://127.0.0.0x1 http://45080379393
            http://0x17f000001 http://6425673729 http://127.0.0.257 http://383.0.0.1
            http://127.0.0.1. http://127.0.0.1.:8080 http://127..0.0.1 http://127.0.0.1.1 http://0
            http://0.0.0.0 http://127.0.0.2 http://127.0.0.0 http://127.127.127.127 http://27.0.0.1
            http://127.0.0.11 http://1127.0.0.1 http://a.127.0.0.1 http://127-0-0-1 http://127_0_0_1
            http://127.0.0.1.nip.io http://127.0.0.1.sslip.io http://127-0-0-1.sslip.io
            http://1.0.0.127.in-addr.arpa http://[127.0.0.1] http://[::127.0.0.1]
            http://[::ffff:127.0.0.1] http://[::ffff:7f00:1] http://[::7f00:1]
            http://[0:0:0:0:0:ffff:127.0.0.1] http://[0:0:0:0:0:ffff:7f00:1] http://[::1]
            http://[64:ff9b::7f00:1] http://[2002:7f00:1::] http://localhost http://localhost:8080
            http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460 http://1\u3257.0.0.1 http://127\u30020\uff0e0\uff611
            http://21307064\u325d http://\uff11\uff12\uff17.0.0.1 http://127%2e0%2e0%2e1
        """.split(),
    },
    "ipv6": {
        "spellings": """
            http://::1 http://::1:8080 http://[0:0:0:0:0:0:0:1] http://[0:0:0:0:0:0:0:1]:8080
            http://[0000:0000:0000:0000:0000:0000:0000:0001] http://[0000::1] http://[0::1]
            http://[::0001] http://[::01] http://[::0:1] http://[0::0:1] http://[::0.0.0.1]
            http://[0:0:0:0:0:0:0.0.0.1] http://[::2] http://[::] http://[1::] http://[::1:1]
            http://[::ffff:0:1] http://[::ffff:127.0.0.1] http://[::ffff:7f00:1] http://[fe80::1]
            http://[::1%lo] http://[::1%25lo] http://[::1%251] http://[::1%evil.net] http://[::%evil.net]
            http://[::%25evil.net] http://[v1.evil.net] http://[v6.::1] http://[::1].evil.net
            http://[::1]evil.net http://[::1]. http://[::1][::1] http://[[::1]] http://[::1]] http://[::1
            http://::1] http://[::1].:8080 http://[::1]: http://[:1] http://[:::1] http://[::1::]
            http://[evil.net::1] http://[::1,::1] http://[::1/128] http://[::\u2460] http://[::\uff11]
            http://[\uff1a\uff1a1] http://\uff3b::1\uff3d http://%5b::1%5d http://(::1) http://127.0.0.1
            http://localhost http://localhost:8080 http://1 http://0.0.0.1 http://ip6-localhost
        """.split(),
    },
}


def cases_of(target: Target) -> list[str]:
    """Letters of another case, none of which a browser sends."""
    origin = target.origin
    changed = [origin[:i] + letter.upper() + origin[i + 1 :] for i, letter in enumerate(origin)]
    return sorted({origin.upper(), origin.title(), origin.swapcase(), *changed} - {origin})


def lookalikes_of(target: Target) -> list[str]:
    """One letter of the host replaced by one that looks or normalises like it; and as punycode."""
    scheme, _, host = target.origin.partition("://")
    found = []
    for letter, others in LOOKALIKES.items():
        for other in others:
            if letter in host:
                found.append(f"{scheme}://{host.replace(letter, other, 1)}")
            before, _, last = target.end.rpartition(letter)
            if letter in target.end:
                found.append(f"{scheme}://x{before}{other}{last}")
    if "example" in host:
        label = "ex\u0430mple".encode("punycode").decode()
        found.append(f"{scheme}://{host.replace('example', f'xn--{label}')}")
    return found


def attempts() -> Iterator[tuple[str, str, list[str]]]:
    """Every family, played on every pattern: the pattern's name, the family's, the texts."""
    for name, target in TARGETS.items():
        for family, tricks in {**FAMILIES, **OWN[name]}.items():
            yield name, family, [target.fill(trick) for trick in tricks]
        yield name, "upper case", cases_of(target)
        yield name, "look-alike letters", lookalikes_of(target)


ATTEMPTS = {(name, family): texts for name, family, texts in attempts()}
PASSING = {name: [t.origin, *t.passing.split()] for name, t in TARGETS.items()}


def can_be_sent(text: str) -> bool:
    """Whether a header carries the text as it is: parsers trim it, and refuse control bytes."""
    printable = all(c == "\t" or (c >= " " and c != "\x7f") for c in text)
    return printable and text == text.strip(" \t")


SENT = {key: sent for key, texts in ATTEMPTS.items() if (sent := [*filter(can_be_sent, texts)])}


def rows(played: dict[tuple[str, str], list[str]]) -> list[Any]:
    return [
        pytest.param(name, family, id=f"{name}-refuses-{family}".replace(" ", "-"))
        for name, family in played
    ]


def test_there_are_more_than_three_hundred_attempts() -> None:
    assert len({text for texts in ATTEMPTS.values() for text in texts}) >= 300
    assert len({text for texts in SENT.values() for text in texts}) >= 300
    for name in TARGETS:
        assert len({t for (of, _), texts in SENT.items() if of == name for t in texts}) >= 300


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_configured_passes(name: str) -> None:
    origins: Any = CorsOptions(allow_origins=[TARGETS[name].pattern]).allow_origins
    assert {text: origins.matches(text) for text in PASSING[name]} == dict.fromkeys(
        PASSING[name], True
    )


@pytest.mark.parametrize(("name", "family"), rows(ATTEMPTS))
def test_no_attempt_is_matched(name: str, family: str) -> None:
    origins: Any = CorsOptions(allow_origins=[TARGETS[name].pattern]).allow_origins
    assert origins.matches(TARGETS[name].origin)
    assert [text for text in ATTEMPTS[name, family] if origins.matches(text)] == []


# A check of the kind that the literature is about, and the family that it falls for: a family
# without teeth would be of no use.
HOST = "app.example.com"
ALLOWED = f"https://{HOST}"
MISTAKES: list[tuple[str, str, Callable[[str], object]]] = [
    ("reflects whatever comes", "other sites", bool),
    ("looks at the beginning", "suffixes", lambda o: o.startswith(ALLOWED)),
    ("looks at the end", "prefixes", lambda o: o.endswith(HOST)),
    ("looks for the host anywhere", "paths, queries, fragments", lambda o: HOST in o),
    ("leaves the expression open", "marks after", lambda o: re.match(re.escape(ALLOWED), o)),
    ("knows few characters", "marks after", lambda o: re.match(rf"{ALLOWED}(?![\w.-])", o)),
    ("knows few separators", "marks before", lambda o: re.search(rf"[^\w.]{HOST}$", o)),
    ("does not escape the dots", "relatives", lambda o: re.fullmatch(ALLOWED, o)),
    ("trusts every sub-domain", "relatives", lambda o: o.endswith(f".{HOST}")),
    ("decodes first", "encoded", lambda o: unquote(o).startswith(f"{ALLOWED}.")),
    ("cuts at a zero byte", "control bytes", lambda o: o.partition("\0")[0] == ALLOWED),
    ("asks for the host only", "userinfo", lambda o: host_of(o) == HOST),
    ("forgets the scheme", "schemes", lambda o: host_of(o) == HOST),
    ("forgets the port", "other ports", lambda o: o.rpartition(":")[0] == ALLOWED),
    ("reads the port as a number", "ports", lambda o: re.fullmatch(rf"{ALLOWED}:\d+", o)),
    ("allows null", "null and no origin", lambda o: o in (ALLOWED, "null")),
    ("splits lists", "lists", lambda o: ALLOWED in re.split("[,; ]+", o)),
    ("trims", "white space", lambda o: o.strip() == ALLOWED),
    ("drops control bytes", "control bytes", lambda o: re.sub(r"[\0-\x1f]", "", o) == ALLOWED),
    ("ends with the line", "line breaks", lambda o: re.match(rf"{ALLOWED}$", o, re.MULTILINE)),
    ("folds case", "upper case", lambda o: o.lower() == ALLOWED),
    ("normalises", "look-alike letters", lambda o: unicodedata.normalize("NFKC", o) == ALLOWED),
    (
        "normalises before it splits",
        "unicode separators",
        lambda o: host_of(unicodedata.normalize("NFKC", o)) == HOST,
    ),
    ("cuts long ones", "long", lambda o: o[: len(ALLOWED)] == ALLOWED),
]


def host_of(text: str) -> str | None:
    try:
        return urlsplit(text).hostname
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("family", "check"),
    [pytest.param(f, c, id=f"who-{m}-falls-for-{f}".replace(" ", "-")) for m, f, c in MISTAKES],
)
def test_a_check_with_a_known_mistake_falls_for_its_family(
    family: str, check: Callable[[str], object]
) -> None:
    assert any(check(text) for text in ATTEMPTS["exact", family])


def test_who_compares_addresses_by_value_falls_for_their_spellings() -> None:
    def same(text: str) -> bool:
        host = text.removeprefix("http://").strip("[]")
        try:
            return ipaddress.ip_address(host) == ipaddress.ip_address("::1")
        except ValueError:
            return False

    assert len([*filter(same, ATTEMPTS["ipv6", "spellings"])]) > 5


REGEXES = [
    pytest.param(
        re.compile(r"https://a\.example\.com"),
        "https://a.example.com",
        "ORIGIN.evil.net ORIGIN:8443 ORIGINx xORIGIN http://x.net/ORIGIN",
        id="no-anchors",
    ),
    pytest.param(
        re.compile(r"^https://a\.example\.com$", re.MULTILINE),
        "https://a.example.com",
        "ORIGIN\n ORIGIN\nhttps://evil.net https://evil.net\nORIGIN ORIGIN\n\n",
        id="anchors-of-lines",
    ),
    pytest.param(
        re.compile(r"^https://a\.example\.com|https://b\.example\.com$"),
        "https://a.example.com",
        "ORIGIN.evil.net https://evil.net/https://b.example.com evil-https://b.example.com",
        id="anchors-that-bind-to-one-side-only",
    ),
    pytest.param(
        re.compile(r"https://.*\.example\.com", re.DOTALL),
        "https://a.example.com",
        "https://evil.net/.example.com https://evil.net?.example.com https://evil.net#.example.com"
        " https://evil.net\\.example.com https://evil.net@a.example.com https://evil.net:1.example.com"
        " https://evil.net,https://a.example.com https://evil.net\n.example.com https://..example.com"
        " https://evil.net%2f.example.com https://evil.net\uff0f.example.com https://1.2.3.4/.example.com",
        id="dots-that-stand-for-anything",
    ),
    pytest.param(
        re.compile(r"https://[^/]+\.example\.com"),
        "https://a.example.com",
        "https://evil.net?.example.com https://evil.net#.example.com https://evil.net\\.example.com"
        " https://evil.net:80#.example.com https://evil.net\t.example.com",
        id="no-slash-but-all-else",
    ),
    pytest.param(
        re.compile(r"https://kiss\.example\.com", re.IGNORECASE),
        "https://kiss.example.com",
        "https://\u212aiss.example.com https://ki\u017fs.example.com https://k\u0131ss.example.com"
        " https://k\u0130ss.example.com HTTPS://kiss.example.com https://KISS.example.com",
        id="case-ignored",
    ),
    pytest.param(
        re.compile(r"https://\w+\.example\.com(:\d+)?"),
        "https://a.example.com:8443",
        "https://\u0430.example.com https://\xe4.example.com https://\u0661.example.com"
        " https://a.example.com:\u0661 https://a.example.com:0 https://a.example.com:65536"
        " https://a.example.com:443 https://a.example.com:08 https://A.example.com",
        id="letters-and-digits-of-all-scripts",
    ),
    pytest.param(
        re.compile(r"(https://)?(a|b)?\.?example\.com|null|\*|"),
        "https://example.com",
        "example.com a.example.com null * https://.example.com",
        id="optional-parts",
    ),
    pytest.param(
        re.compile(r"(?s).*"),
        "https://anything.at.all",
        "null * ORIGIN/ ORIGIN@evil.net ORIGIN,ORIGIN ORIGIN\n //evil.net https:evil.net file://a",
        id="everything",
    ),
]


@pytest.mark.parametrize(("pattern", "origin", "refused"), REGEXES)
def test_a_regular_expression_is_held_to_whole_origins(
    pattern: re.Pattern[str], origin: str, refused: str
) -> None:
    origins = OriginList([pattern])
    assert origins.matches(origin)
    texts = [text.replace("ORIGIN", origin) for text in refused.split(" ")]
    assert all(map(pattern.search, texts))
    assert [text for text in texts if origins.matches(text)] == []


# Over the wire

REFUSED = ((200, {"Vary": "Origin"}), (403, {"Vary": "Origin"}))


def granted(origin: str) -> tuple[tuple[int, dict[str, str]], ...]:
    common = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }
    listed = {
        "Access-Control-Allow-Methods": "GET, HEAD, PUT",
        "Access-Control-Allow-Headers": (
            "Accept, Accept-Language, Content-Language, Content-Type, Range"
        ),
        "Access-Control-Max-Age": "600",
    }
    return (200, common), (204, common | listed)


async def serving(aiohttp_client: Any, name: str) -> Any:
    app = web.Application()
    app.router.add_get("/", ok)
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=[TARGETS[name].pattern], allow_credentials=True))
    return await aiohttp_client(app)


async def answers(client: Any, *origins: str, **more: str) -> tuple[Any, ...]:
    """What an actual request and a preflight get: status and the complete CORS headers."""
    seen = []
    for method, asked in (("GET", {}), ("OPTIONS", preflight("PUT"))):
        headers = CIMultiDict({name.replace("_", "-"): value for name, value in more.items()})
        headers.extend(asked)
        headers.popall("Origin", None)
        headers.extend([("Origin", origin) for origin in origins])
        async with client.request(method, "/", headers=headers) as response:
            seen.append((response.status, cors_headers(response)))
    return tuple(seen)


@pytest.mark.parametrize("name", TARGETS)
async def test_what_is_configured_is_granted(aiohttp_client: Any, name: str) -> None:
    client = await serving(aiohttp_client, name)
    seen = {text: await answers(client, text) for text in PASSING[name]}
    assert seen == {text: granted(text) for text in PASSING[name]}


@pytest.mark.parametrize(("name", "family"), rows(SENT))
async def test_no_attempt_is_granted(aiohttp_client: Any, name: str, family: str) -> None:
    client = await serving(aiohttp_client, name)
    seen = {text: await answers(client, text) for text in SENT[name, family]}
    assert seen == dict.fromkeys(SENT[name, family], REFUSED)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("ORIGIN https://EVIL", id="the-allowed-one-first"),
        pytest.param("https://EVIL ORIGIN", id="the-allowed-one-last"),
        pytest.param("ORIGIN ORIGIN", id="the-allowed-one-twice"),
        pytest.param("ORIGIN null", id="and-null"),
        pytest.param("null ORIGIN", id="null-first"),
    ],
)
async def test_two_origin_lines_are_no_origin(aiohttp_client: Any, name: str, lines: str) -> None:
    client = await serving(aiohttp_client, name)
    assert await answers(client, *TARGETS[name].fill(lines).split()) == REFUSED


OTHER_HEADERS = (
    "Host Referer Forwarded X_Forwarded_Host X_Forwarded_Origin X_Original_Host X_Origin Via"
    " X_Forwarded_For X_Host X_HTTP_Host_Override Sec_Fetch_Site Access_Control_Allow_Origin"
).split()


@pytest.mark.parametrize("header", OTHER_HEADERS)
async def test_no_other_header_names_the_origin(aiohttp_client: Any, header: str) -> None:
    client = await serving(aiohttp_client, "exact")
    for value in (ALLOWED, HOST, f"host={HOST}", "same-origin"):
        if header != "Host" or value == HOST:
            assert await answers(client, "https://evil.net", **{header: value}) == REFUSED
            assert await answers(client, ALLOWED, **{header: value}) == granted(ALLOWED)
