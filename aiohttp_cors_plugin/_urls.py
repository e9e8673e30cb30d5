"""URLs as browsers write them: https://url.spec.whatwg.org/.

Of schemes without a default port no more than the scheme is read: no server is asked for those.
What is percent-encoded already stays as it is, so that the signatures of URLs still fit.

Left out: which letters beyond ASCII a host may have, and whether an `xn--` label means any.
Chromium: escapes `|` in paths, and spaces, which the standard refuses, and `*` in hosts; takes
zeros in front of the numbers in the IPv4 part of an IPv6 address.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import unicodedata
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from aiohttp_cors_plugin._origins import DEFAULT_PORTS, ends_in_number, serialise_ipv6

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(.*)", re.DOTALL)
_PARTS: Final = re.compile(r"([^?#]*)(\?[^#]*)?(?:#(.*))?", re.DOTALL)
_HOST_AND_PORT: Final = re.compile(r"(\[[^\]]*\]|[^:\[]+)(?::([0-9]*))?")
_IPV4_NUMBER: Final = re.compile(r"0x([0-9a-f]*)|0([0-7]*)|([1-9][0-9]{0,9})")
_AROUND: Final = "".join(map(chr, range(0x21)))
# https://url.spec.whatwg.org/#forbidden-domain-code-point; what is no UTF-8 is none of IDNA's.
_FORBIDDEN_IN_DOMAINS: Final = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f\ufffd]")
# https://url.spec.whatwg.org/#percent-encoded-bytes: the sets by these names.
_FRAGMENT: Final = re.compile(r'[\x00-\x20"<>`\x7f-\U0010ffff]')
_SPECIAL_QUERY: Final = re.compile(r"[\x00-\x20\"#<>'\x7f-\U0010ffff]")
_PATH: Final = re.compile(r'[\x00-\x20"#<>?^`{}\x7f-\U0010ffff]')


class Url(NamedTuple):
    """A URL in the parts that are asked for; `origin` is `null` for opaque ones."""

    scheme: str
    origin: str
    href: str  # without credentials and fragment
    fragment: str = ""
    has_credentials: bool = False

    def __str__(self) -> str:
        return f"{self.href}#{self.fragment}" if self.fragment else self.href


def parse_url(text: str, base: Url | None = None) -> Url | None:
    """Read a URL, a relative one too where there is a base; None where it is none.

    https://url.spec.whatwg.org/#concept-basic-url-parser
    """
    # https://infra.spec.whatwg.org/#javascript-string-convert
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = re.sub(r"[\t\n\r]", "", text.strip(_AROUND))
    scheme, rest = "", text
    if (absolute := _SCHEME.fullmatch(text)) is not None:
        scheme, rest = absolute[1].lower(), absolute[2]
        if scheme not in DEFAULT_PORTS:
            return Url(scheme, "null", text)
    parts = _PARTS.fullmatch(rest)
    assert parts is not None
    path, query, fragment = parts[1].replace("\\", "/"), parts[2], parts[3] or ""
    if base is not None and (base.scheme not in DEFAULT_PORTS or scheme not in ("", base.scheme)):
        base = None
    if base is not None and not path.startswith("//"):
        scheme, origin, has_credentials = base.scheme, base.origin, base.has_credentials
        before, mark, after = base.href[len(origin) :].partition("?")
        if not path:
            path, query = before, mark + after if query is None else query
        elif not path.startswith("/"):
            path = f"{before.rpartition('/')[0]}/{path}"
    else:
        scheme = scheme or ("" if base is None else base.scheme)
        authority, slash, path = path.lstrip("/").partition("/")
        path = slash + path
        user, _, host_and_port = authority.rpartition("@")
        has_credentials = user not in ("", ":")
        if not scheme or (known := _origin(scheme, host_and_port)) is None:
            return None
        origin = known
    href = f"{origin}{_without_dots(_encode(path, _PATH))}{_encode(query or '', _SPECIAL_QUERY)}"
    return Url(scheme, origin, href, _encode(fragment, _FRAGMENT), has_credentials)


def _origin(scheme: str, host_and_port: str) -> str | None:
    match = _HOST_AND_PORT.fullmatch(host_and_port)
    if match is None or (host := _host(match[1])) is None:
        return None
    port = int(match[2].lstrip("0")[:6] or "0") if match[2] else DEFAULT_PORTS[scheme]
    if port > 65535:
        return None
    return f"{scheme}://{host}" + ("" if port == DEFAULT_PORTS[scheme] else f":{port}")


def _host(text: str) -> str | None:
    """https://url.spec.whatwg.org/#concept-host-parser"""
    if text.startswith("["):
        with contextlib.suppress(ValueError):
            if "%" not in text:
                return f"[{serialise_ipv6(ipaddress.IPv6Address(text[1:-1]))}]"
        return None
    domain = unquote(text)
    if not domain.isascii():
        # https://www.unicode.org/reports/tr46/#ProcessingStepMap, very nearly
        domain = "".join(char.lower() for char in unicodedata.normalize("NFKC", domain))
        domain = unicodedata.normalize("NFKC", domain).replace("\u3002", ".").replace("\xad", "")
    if not domain or _FORBIDDEN_IN_DOMAINS.search(domain) is not None:
        return None
    labels = domain.lower().split(".")
    domain = ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    )
    return _ipv4(domain) if ends_in_number(domain) else domain


def _ipv4(host: str) -> str | None:
    """https://url.spec.whatwg.org/#concept-ipv4-parser"""
    numbers = []
    for part in host.removesuffix(".").split("."):
        if (match := _IPV4_NUMBER.fullmatch(part)) is None:
            return None
        kinds = zip((16, 8, 10), match.groups(), strict=True)
        radix, digits = next(kind for kind in kinds if kind[1] is not None)
        numbers.append(int(digits or "0", radix))
    *first, last = numbers
    if (
        len(numbers) > 4
        or any(number > 255 for number in first)
        or last >= 256 ** (5 - len(numbers))
    ):
        return None
    address = last + sum(number << 8 * (3 - place) for place, number in enumerate(first))
    return str(ipaddress.IPv4Address(address))


def _encode(text: str, percent_encode_set: re.Pattern[str]) -> str:
    """https://url.spec.whatwg.org/#string-percent-encode-after-encoding"""
    return percent_encode_set.sub(lambda match: quote(match[0], safe=""), text)


def _without_dots(path: str) -> str:
    """https://url.spec.whatwg.org/#path-state"""
    kept, dots = list[str](), ""
    for segment in path.split("/")[1:]:
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            kept[-1:] = []
        elif dots != ".":
            kept.append(segment)
    if dots in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
