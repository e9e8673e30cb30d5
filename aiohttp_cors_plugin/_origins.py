"""Origins and patterns of origins: parse them, say what is wrong with them, match them.

The grammar: https://fetch.spec.whatwg.org/#origin-header; hosts as the URL standard serialises
them: https://url.spec.whatwg.org/#host-serializing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, NamedTuple, cast, overload

from aiohttp_cors_plugin.errors import Problem

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
LONGEST_ORIGIN: Final = 512  # characters: a scheme, a host of 253 and a port fit easily

_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.\-]*)://"
    r"(\[[0-9a-f:]+\]|(?:[a-z0-9_\-]{1,63}\.)*[a-z0-9_\-]{1,63}\.?)"
    r"(?::([1-9][0-9]{0,4}))?"
)
# The common form, taken without a closer look: nothing that it accepts needs one. No port, so
# none is a default one; the last label begins with a letter, so the host is no IPv4 address.
_PLAIN: Final = re.compile(r"(https?://)(\*\.)?((?:[a-z0-9_\-]{1,63}\.)+[a-z][a-z0-9_\-]{0,62})")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_LABEL: Final = re.compile(r"[a-z0-9_\-]+")


class Origin(NamedTuple):
    """A serialised origin in parts; `port` is None where it is the scheme's default."""

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + ("" if self.port is None else f":{self.port}")


def parse_origin(text: str) -> Origin | None:
    """Read a serialised origin; None for anything else, `null` included."""
    if len(text) <= 253 and (plain := _PLAIN.fullmatch(text)) and plain[2] is None:
        return Origin(plain[1][:-3], plain[3], None)
    if len(text) > LONGEST_ORIGIN or (match := _ORIGIN.fullmatch(text)) is None:
        return None
    scheme, host, digits = match.groups()
    port = None if digits is None else int(digits)
    if port is not None and (port > 65535 or port == DEFAULT_PORTS.get(scheme)):
        return None
    if scheme == "file" or host_problem(scheme, host) is not None:
        return None
    return Origin(scheme, host, port)


def is_insecure(origin: Origin | Pattern) -> bool:
    """Whether whoever is on the way may put scripts into the origin's pages."""
    return origin.scheme == "http" and not is_loopback(origin.host)


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback address or a `localhost` name."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or host == "[::1]":
        return True
    return ends_in_number(host) and host.startswith("127.")


def ends_in_number(host: str) -> bool:
    # https://url.spec.whatwg.org/#ends-in-a-number-checker
    last = host.removesuffix(".").rpartition(".")[2]
    return last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None


def serialise_ipv6(address: ipaddress.IPv6Address) -> str:
    # https://url.spec.whatwg.org/#concept-ipv6-serializer; `str` writes some tails as IPv4.
    digits = f"{int(address):032x}"
    groups = [f"{int(digits[i : i + 4], 16):x}" for i in range(0, 32, 4)]
    runs = [
        m.span() for m in re.finditer(r"0{2,}", "".join("0" if g == "0" else "-" for g in groups))
    ]
    if not runs:
        return ":".join(groups)
    start, end = max(runs, key=lambda run: run[1] - run[0])
    return f"{':'.join(groups[:start])}::{':'.join(groups[end:])}"


def host_problem(scheme: str, host: str) -> tuple[str, str] | None:
    """What is wrong with a host without wildcards: a slug and the reason, or None."""
    if host.startswith("["):
        try:
            if "%" in host or not host.endswith("]"):
                raise ValueError
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return "origin-bad-ipv6", "has no valid IPv6 address in its brackets"
        if (canonical := serialise_ipv6(address)) != host[1:-1]:
            return (
                "origin-ipv6-not-canonical",
                f"spells an IPv6 address that browsers send as [{canonical}]",
            )
        return None
    labels = host.removesuffix(".").split(".")
    if not all(labels):
        return "origin-empty-label", "has an empty label in its host"
    if bad := next((label for label in labels if _LABEL.fullmatch(label) is None), None):
        return "origin-bad-character", f"has a character in {bad!r} that is in no host"
    if max(map(len, labels)) > 63:
        return "origin-label-too-long", "has a label of more than 63 characters"
    if len(host.removesuffix(".")) > 253:
        return "origin-host-too-long", "has a host of more than 253 characters"
    if scheme in DEFAULT_PORTS and ends_in_number(host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return "origin-bad-ipv4", "has an IPv4 address that is no plain dotted quad"
    return None


class Pattern(NamedTuple):
    """A pattern in parts.

    `label` is what the leftmost label holds around its `*`, or None where there is no `*`; `host`
    is what follows it. `port` is a number's digits, empty for the default, or `*`.
    """

    scheme: str
    label: tuple[str, str] | None
    host: str
    port: str

    @property
    def end(self) -> str:
        """The part after the leftmost label, as a key: two patterns of one end have it equal."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


def parse_pattern(text: str) -> Pattern | tuple[str, str]:
    """Read a pattern of origins; else the slug and the reason why it is none."""
    if not text.strip():
        return "origin-empty", "is empty"
    if text.strip().lower() == "null":
        return "origin-null", "is what every opaque origin sends, so it would allow everybody"
    if text != text.strip():
        return "origin-white-space", "has white space around it"
    if text.count("://") > 1 and re.search(r"[\s,;|]", text):
        return "origins-in-one", "holds several origins"
    if not text.isascii():
        return "origin-non-ascii", "has characters that browsers send encoded"
    scheme, separator, rest = text.partition("://")
    if not separator:
        return "origin-no-scheme", "has no scheme"
    if scheme.lower() == "file":
        return "origin-file", "is sent as 'null' by browsers"
    if "*" in scheme:
        return "wildcard-scheme", "has a wildcard in its scheme"
    if text != text.lower():
        return "origin-upper-case", "has upper case letters, and browsers send none"
    if re.fullmatch(r"[a-z][a-z0-9+.\-]*", scheme) is None:
        return "origin-bad-scheme", "has no valid scheme"
    for mark, slug, reason in _AFTERWARDS:
        if mark in rest:
            return slug, reason
    if rest.endswith("/") and rest.count("/") == 1:
        return "origin-has-trailing-slash", "ends with a slash, and browsers send none"
    if "/" in rest:
        return "origin-has-path", "has a path"
    host, separator, port = rest.rpartition(":") if not rest.endswith("]") else (rest, "", "")
    if not separator or (rest.startswith("[") and "]" in port):
        host, port = rest, ""
    elif port != "*" and (_PORT.fullmatch(port) is None or int(port) > 65535):
        return "origin-bad-port", "has a port that is no number from 1 to 65535"
    elif port == str(DEFAULT_PORTS.get(scheme)):
        return "origin-default-port", "names its scheme's default port, which browsers leave out"
    if not host:
        return "origin-no-host", "has no host"
    if "*" not in host:
        return host_problem(scheme, host) or Pattern(scheme, None, host, port)
    return _parse_wildcard(scheme, host, port)


_AFTERWARDS: Final = (
    ("#", "origin-has-fragment", "has a fragment"),
    ("?", "origin-has-query", "has a query"),
    ("@", "origin-has-userinfo", "has a user name"),
)


def _parse_wildcard(scheme: str, host: str, port: str) -> Pattern | tuple[str, str]:
    first, _, base = host.partition(".")
    if host.removesuffix(".") == "*":
        return "wildcard-any-host", "matches every host"
    if "*" in base or host.startswith("["):
        return "wildcard-misplaced", "has a wildcard elsewhere than in the leftmost label"
    if first.count("*") > 1:
        return "wildcard-repeated", "has more than one wildcard in a label"
    if problem := host_problem(scheme, host.replace("*", "x", 1)):
        slug = "wildcard-over-ip" if problem[0] == "origin-bad-ipv4" else problem[0]
        return slug, problem[1]
    suffix = base.removesuffix(".")
    if first != "*" and "." not in suffix and suffix != "localhost":
        return "wildcard-partial-label", "stands for any domain that begins or ends like this one"
    before, _, after = first.partition("*")
    return Pattern(scheme, (before, after), base, port)


def _fix(text: str) -> str:
    """What to write instead, as far as it can be guessed; what is offered is always valid."""
    guess = text.strip().lower()
    scheme, separator, rest = guess.partition("://")
    if not separator:
        # With a slip in what stands before the host, or nothing there at all.
        slip = re.match(r"(https?)[:/]+|/*", guess)
        assert slip is not None
        rest = guess[slip.end() :]
        host = re.match(r"\[[^\]]*\]|[^:/]*", rest)
        scheme = slip[1] or ("http" if host and is_loopback(host[0]) else "https")
    rest = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    if not rest.isascii():
        # The codec knows the rules of 2003; where browsers go by others, it does not round-trip.
        try:
            encoded = rest.encode("idna")
            if encoded.decode("idna") != rest:
                raise UnicodeError
        except UnicodeError:
            return "write the host as location.origin shows it in a browser"
        rest = encoded.decode("ascii")
    if (default := DEFAULT_PORTS.get(scheme)) is not None:
        rest = rest.removesuffix(f":{default}")
    rest = re.sub(r"^\*(?=[a-z0-9])", "*.", rest)
    if rest.startswith("["):
        try:
            bare, bracket, port = rest[1:].partition("]")
            rest = f"[{serialise_ipv6(ipaddress.IPv6Address(bare))}{bracket}{port}"
        except ValueError:
            pass
    guess = f"{scheme}://{rest}"
    if isinstance(parse_pattern(guess), Pattern):
        return f"write {guess!r}"
    return "write a scheme, a host and perhaps a port, such as 'https://app.example.com'"


_FIXES: Final = {
    "origins-in-one": "write each as an element of its own",
    "origin-null": "leave it out; serve the page from an origin of its own, or use '*'",
    "origin-file": "leave it out; serve the page from a web server, http://localhost:*",
    "wildcard-any-host": "name a domain, 'https://*.example.com', or give allow_origins='*'",
    "wildcard-over-ip": "list the addresses one by one",
    "wildcard-scheme": "write one pattern for each scheme",
}


def is_pattern_problem(value: object, option: str) -> Problem | None:
    """The problem with one element of `allow_origins`, if there is one."""
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            return None
        fix = "compile it from a str"
        return Problem("origin-bytes-pattern", option, value, "matches bytes", fix)
    if not isinstance(value, str):
        fix = "give an origin as a str, or a compiled regular expression"
        return Problem("origin-type", option, value, "is no str", fix)
    parsed = parse_pattern(value)
    if isinstance(parsed, Pattern):
        return None
    slug, reason = parsed
    return Problem(slug, option, value, reason, _FIXES.get(slug) or _fix(value))


# Elements in a piece of a long list. No single step of the interpreter works on more than a piece,
# so that a list of a million, made or dropped in one thread, does not hold up an event loop in
# another: growing one large set, or freeing it, takes tens of milliseconds.
_PIECE: Final = 16_384


class _Keys:
    """A set in pieces."""

    __slots__ = ("pieces",)

    def __init__(self, expected: int) -> None:
        self.pieces: list[set[str]] = [set() for _ in range(expected // _PIECE + 1)]

    def add(self, key: str) -> bool:
        """False where it was there."""
        piece = self.pieces[hash(key) % len(self.pieces)]
        is_new = key not in piece
        piece.add(key)
        return is_new

    def __contains__(self, key: str) -> bool:
        return key in self.pieces[hash(key) % len(self.pieces)]


class OriginList(Sequence[Any]):
    """The patterns of `allow_origins`, valid, in the order given, with their matcher.

    Equal to a tuple of them, if they are few. Where origins are expected, it is not read again.
    """

    __slots__ = (
        "__weakref__",
        "_any_port",
        "_below",
        "_exact",
        "_has_patterns",
        "_hash",
        "_length",
        "_partial",
        "_pieces",
        "_regexes",
    )

    # Where the pieces of lists that end go, while somebody wants them. Of the class and not of the
    # module, whose names are gone when the last lists end with the interpreter.
    kept: ClassVar[list[Any] | None] = None

    def __init__(self, patterns: Iterable[str | re.Pattern[str]], expected: int = 0) -> None:
        """Compile valid patterns, about `expected` of them; `read_origins` is what checks them."""
        self._exact = _Keys(expected)
        self._below = _Keys(expected)
        self._any_port = _Keys(expected)
        self._partial: list[dict[str, list[tuple[str, str]]]]
        self._partial = [{} for _ in self._exact.pieces]
        self._pieces: list[list[Any]] = []
        self._length = 0
        regexes: dict[re.Pattern[str], None] = {}
        for pattern in patterns:
            if isinstance(pattern, str):
                is_new = self._add(pattern)
            else:
                is_new = pattern not in regexes
                regexes[pattern] = None
            if is_new:
                if self._length % _PIECE == 0:
                    self._pieces.append([])
                self._pieces[-1].append(pattern)
                self._length += 1
        self._regexes = tuple(pattern.fullmatch for pattern in regexes)
        pieces = itertools.chain(self._any_port.pieces, self._below.pieces, self._partial)
        self._has_patterns = bool(regexes) or any(pieces)
        # That of the tuple, for a list of one piece.
        hashes = tuple(hash(tuple(piece)) for piece in self._pieces)
        self._hash = hashes[0] if len(hashes) == 1 else hash(hashes)

    def _add(self, text: str) -> bool:
        """Enter a pattern; false where it was there."""
        label, key, table = None, text, self._exact
        if plain := _PLAIN.fullmatch(text):
            if plain[2]:
                key, table = plain[1] + plain[3], self._below
        else:
            pattern = parse_pattern(text)
            assert isinstance(pattern, Pattern), text
            label = pattern.label
            if label == ("", ""):
                key, table, label = pattern.end, self._below, None
            elif label is not None:
                key = pattern.end
            elif pattern.port == "*":
                key, table = pattern.end, self._any_port
        if label is None:
            return table.add(key)
        labels = self._partial[hash(key) % len(self._partial)].setdefault(key, [])
        if label in labels:
            return False
        labels.append(label)
        return True

    def __del__(self) -> None:
        kept = self.kept  # read once: another thread may end the keeping meanwhile
        if kept is not None:
            kept.extend(self._pieces)
            for table in (self._exact, self._below, self._any_port):
                kept.extend(table.pieces)
            kept.extend(self._partial)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(self._length)[index])
        piece, place = divmod(range(self._length)[index], _PIECE)
        return self._pieces[piece][place]

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._pieces)

    def __eq__(self, other: object) -> bool:
        # A long tuple would have another hash.
        if not isinstance(other, OriginList) and not (
            isinstance(other, tuple) and len(self._pieces) <= 1
        ):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return OriginList, (tuple(self), self._length)

    def __repr__(self) -> str:
        if len(self) <= 5:
            return repr(tuple(self))
        return f"({', '.join(map(repr, self[:5]))}, ... {len(self)} in all)"

    def matches(self, origin: str) -> bool:
        """Whether a pattern matches a serialised origin; false for every other text.

        The cost does not grow with the number of patterns, regular expressions and the partial
        labels of one base domain excepted.
        """
        if len(origin) > LONGEST_ORIGIN:
            return False
        return origin in self._exact or (self._has_patterns and self._matches_pattern(origin))

    def _labels(self, end: str) -> Sequence[tuple[str, str]]:
        """What stands around the `*` in the partial labels in front of an end."""
        return self._partial[hash(end) % len(self._partial)].get(end, ())

    def _matches_pattern(self, origin: str) -> bool:
        parsed = parse_origin(origin)
        if parsed is None:
            return False
        scheme, host, port = parsed
        start = f"{scheme}://"
        port_ends = (f":{port}" if port is not None else "", ":*")
        if start + host + ":*" in self._any_port:
            return True
        if not host.startswith("[") and not (scheme in DEFAULT_PORTS and ends_in_number(host)):
            label, _, base = host.partition(".")
            if any(
                label.startswith(before)
                and label.endswith(after)
                and len(label) > len(before) + len(after)
                for end in port_ends
                for before, after in self._labels(start + base + end)
            ):
                return True
            while base:
                if any(start + base + end in self._below for end in port_ends):
                    return True
                base = base.partition(".")[2]
        return any(fullmatch(origin) is not None for fullmatch in self._regexes)


@contextlib.contextmanager
def keeping_pieces() -> Iterator[list[Any]]:
    """The pieces of the lists that nobody holds any longer, to let them go in small steps."""
    kept: list[Any] = []
    OriginList.kept = kept
    try:
        yield kept
    finally:
        OriginList.kept = None


def read_origins(values: Sequence[object], option: str) -> tuple[OriginList | None, list[Problem]]:
    """The list of origins, or all that is wrong with it."""
    problems = []
    for index, value in enumerate(values):
        if isinstance(value, str) and len(value) <= 253 and _PLAIN.fullmatch(value):
            continue
        if problem := is_pattern_problem(value, f"{option}[{index}]"):
            problems.append(problem)
    if problems:
        return None, problems
    return OriginList(cast("Sequence[str | re.Pattern[str]]", values), len(values)), []
