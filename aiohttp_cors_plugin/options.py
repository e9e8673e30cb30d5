"""`CorsOptions`: what users write, checked whole when it is made."""

from __future__ import annotations

import dataclasses
import difflib
import heapq
import inspect
import os
import re
import typing
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from aiohttp_cors_plugin._fetch import (
    COMMON_METHODS,
    CORS_REQUEST_HEADERS,
    CORS_RESPONSE_HEADERS,
    FORBIDDEN_METHODS,
    FORBIDDEN_RESPONSE_HEADERS,
    is_forbidden_request_header,
    is_token,
)
from aiohttp_cors_plugin._origins import (
    OriginList,
    Pattern,
    is_insecure,
    parse_pattern,
    read_origins,
)
from aiohttp_cors_plugin.errors import CorsConfigError, Problem

if TYPE_CHECKING:
    from aiohttp.web import Request
    from typing_extensions import Unpack as Unpack  # noqa: PLC0414  # other modules take it
else:
    Request = Any
    Unpack = getattr(typing, "Unpack", tuple)  # nobody but type checkers asks, and 3.10 has none

OriginPredicate = Callable[[Request, str], bool | Awaitable[bool]]
"""Decides about an origin: an async callable does too."""

_LONGEST_MAX_AGE: Final = 86400
_NOBODYS: Final = "q7-4f1e8c9b2d7a"  # a label that nobody has registered anywhere
# Nobody's, of each form that labels have; a regular expression that matches one of these origins
# matches any site's.
STRANGERS: Final = tuple(
    f"{scheme}://{labels}.{top}{port}"
    for scheme in ("https", "http")
    for labels in ("xqz", "xqzjwk", "xq7", "x-qz7", _NOBODYS, "xq.xqzjwk", f"a.{_NOBODYS}")
    for top in ("com", "net", "org", "io", "dev", "app", "de", "co.uk", "invalid")
    for port in ("", ":8443")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CorsOptions:
    """What pages of other origins may do; checked when it is made, so that it is always valid.

    Attributes:
        allow_origins: `"*"` (any origin), or an iterable of origins, patterns of origins and
            compiled regular expressions, or a callable `(request, origin) -> bool`, sync or async;
            `request` is aiohttp's `web.Request`.
            https://fetch.spec.whatwg.org/#origin-header
        allow_credentials: whether scripts may send cookies and read the answer; not with `"*"`.
            https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
        allow_insecure_origins: allow credentials for `http:` origins too.
        allow_public_suffixes: allow credentials for wildcards right under a public suffix.
        allow_methods: None (what the router serves) or only these of what it serves; GET brings
            HEAD. https://fetch.spec.whatwg.org/#http-access-control-allow-methods
        allow_headers: names of request headers, or `"*"` for any, `Authorization` included. The
            safelisted ones are always allowed.
        expose_headers: names of response headers that scripts may read, or `"*"` for all.
        max_age: how long browsers may keep a preflight, in seconds or as a timedelta of whole
            seconds, 0 to 86400; None leaves the header out.
        preflight_status: the status of a successful preflight, 200 to 299.
        vary: request headers that a callable `allow_origins` reads.
        expose_timing: also send `Timing-Allow-Origin`. https://fetch.spec.whatwg.org/#tao-check
        guard_websockets: refuse WebSocket handshakes from origins that are not allowed.

    Raises:
        CorsConfigError: with every problem found.

    Example:
        >>> CorsOptions(allow_origins=["https://app.example.com"], max_age=60).max_age
        60

    """

    allow_origins: (
        str | Iterable[str | re.Pattern[str]] | Callable[[Request, str], bool | Awaitable[bool]]
    ) = "*"
    allow_credentials: bool = False
    allow_insecure_origins: bool = False
    allow_public_suffixes: bool = False
    allow_methods: str | Iterable[str] | None = None
    allow_headers: str | Iterable[str] = ()
    expose_headers: str | Iterable[str] = ()
    max_age: int | timedelta | None = 600
    preflight_status: int = 204
    vary: Iterable[str] = ()
    expose_timing: bool = False
    guard_websockets: bool = False

    def __post_init__(self) -> None:
        given = {field: getattr(self, field) for field in CHANGEABLE_FIELDS}
        given["allow_origins"] = origins = _reread(given["allow_origins"])
        values, problems = read_fields(given)
        problems += _cross_problems(values, origins)
        if problems:
            raise CorsConfigError(problems)
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> CorsOptions:
        """Read options from a plain mapping, as TOML, JSON and YAML give.

        Args:
            mapping: values by the names of the fields; `allow_origins` has to be there.

        Returns:
            The options.

        Raises:
            CorsConfigError: no mapping (an empty section of YAML is None), an unknown key, an unset
                or empty list of origins, a bad value.

        Example:
            >>> CorsOptions.from_mapping({"allow_origins": ["https://app.example.com"]}).max_age
            600

        """
        if not isinstance(mapping, Mapping):
            fix = "give a mapping, such as {'allow_origins': [...]}"
            raise CorsConfigError(
                [Problem("not-a-mapping", "options", mapping, "is no mapping", fix)]
            )
        problems = _unknown(mapping, CHANGEABLE_FIELDS)
        if not mapping.get("allow_origins"):
            problems.append(_no_origins("allow_origins", mapping.get("allow_origins")))
        known = {key: value for key, value in mapping.items() if key in CHANGEABLE_FIELDS}
        return cls._made(known, problems)

    @classmethod
    def from_env(
        cls, prefix: str = "CORS_", environ: Mapping[str, str] | None = None
    ) -> CorsOptions:
        """Read options from environment variables: `CORS_ALLOW_ORIGINS` and so on.

        Lists are separated by commas; booleans are true, false, yes, no, on, off, 1 or 0; `none`
        as `CORS_MAX_AGE` leaves the header out.

        Args:
            prefix: what the names of the variables begin with.
            environ: the variables; `os.environ` if left out.

        Returns:
            The options.

        Raises:
            CorsConfigError: an unknown variable with the prefix, an unset or empty list of
                origins, a bad value; the problems name the variables.

        Example:
            >>> environ = {"CORS_ALLOW_ORIGINS": "https://app.example.com", "CORS_MAX_AGE": "60"}
            >>> CorsOptions.from_env(environ=environ).max_age
            60

        """
        variables = {
            name.removeprefix(prefix): value
            for name, value in (os.environ if environ is None else environ).items()
            if name.startswith(prefix)
        }
        problems = _unknown(variables, _FIELDS_BY_VARIABLE, prefix)
        values: dict[str, Any] = {}
        for name, text in variables.items():
            if (field := _FIELDS_BY_VARIABLE.get(name)) is not None:
                try:
                    values[field] = _FROM_TEXT[_KINDS[field]](text.strip())
                except ValueError as error:
                    reason, fix = "cannot be read", str(error)
                    problems.append(Problem("env-value", prefix + name, text, reason, fix))
        if not values.get("allow_origins"):
            name = f"{prefix}ALLOW_ORIGINS"
            problems.append(_no_origins(name, variables.get("ALLOW_ORIGINS")))
        try:
            return cls._made(values, problems)
        except CorsConfigError as error:
            raise CorsConfigError(_renamed(problem, prefix) for problem in error.problems) from None

    @classmethod
    def _made(cls, values: Mapping[str, Any], problems: Sequence[Problem]) -> CorsOptions:
        """Options of these values, unless something is wrong already; then all of it is raised."""
        if not problems:
            return cls(**values)
        if not values.get("allow_origins"):  # said already, and what goes with it cannot be judged
            others = {name: value for name, value in values.items() if name != "allow_origins"}
            raise CorsConfigError([*problems, *read_fields(others)[1]])
        try:
            cls(**values)
        except CorsConfigError as error:
            problems = [*problems, *error.problems]
        raise CorsConfigError(problems)


class Changes(TypedDict, total=False):
    """Fields of `CorsOptions`, as overrides take them: any of them, of the same types."""

    allow_origins: str | Iterable[str | re.Pattern[str]] | OriginPredicate
    allow_credentials: bool
    allow_insecure_origins: bool
    allow_public_suffixes: bool
    allow_methods: str | Iterable[str] | None
    allow_headers: str | Iterable[str]
    expose_headers: str | Iterable[str]
    max_age: int | timedelta | None
    preflight_status: int
    vary: Iterable[str]
    expose_timing: bool
    guard_websockets: bool


_KINDS: Final = {
    field.name: "bool"
    if isinstance(field.default, bool)
    else "int"
    if isinstance(field.default, int)
    else "list"
    for field in dataclasses.fields(CorsOptions)
}
CHANGEABLE_FIELDS: Final = tuple(_KINDS)
_MOST_LENIENT: Final = {
    "allow_credentials": False,
    "allow_insecure_origins": True,
    "allow_public_suffixes": True,
    "vary": (),
}
_FIELDS_BY_VARIABLE: Final = {field.upper(): field for field in CHANGEABLE_FIELDS}


def changed(options: CorsOptions, changes: Mapping[str, Any]) -> CorsOptions:
    """The options with some fields changed; raises CorsConfigError. A list of origins that stays
    as it is is not read again."""
    if problems := _unknown(changes, CHANGEABLE_FIELDS):
        raise CorsConfigError(problems)
    return dataclasses.replace(options, **changes)


def change_problems(changes: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with changes whatever they are applied to."""
    known = {name: value for name, value in changes.items() if name in CHANGEABLE_FIELDS}
    values, problems = read_fields(known)
    if "allow_origins" in known:
        # What is not changed may be inherited as it has to be.
        problems += _cross_problems(_MOST_LENIENT | values, known["allow_origins"])
    return [*_unknown(changes, CHANGEABLE_FIELDS), *problems]


def read_fields(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Each field by itself: its normal form, or what is wrong with it."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, value in given.items():
        values[field], found = _READERS[field](value, field)
        problems += found
    return values, problems


# Fields by themselves: each reader returns the normal form and the problems.

_Read = tuple[Any, list[Problem]]


def _read_bool(value: object, option: str) -> _Read:
    if isinstance(value, bool):
        return value, []
    return value, [Problem("not-a-bool", option, value, "is no bool", "write True or False")]


def _read_origins(value: object, option: str) -> _Read:
    if value == "*" and isinstance(value, str):
        return value, []
    if isinstance(value, OriginList):
        return value, []
    if isinstance(value, re.Pattern):
        fix = "write [re.compile(...)]"
        return value, [Problem("not-a-list", option, value, "is no list", fix)]
    if callable(value) and not isinstance(value, Iterable):
        return value, _callable_problems(value, option)
    items, problems = _read_list(value, option, "['https://app.example.com'], or '*'")
    if items == ["*"]:
        return "*", []
    if problems:
        return value, problems
    if not items:
        return value, [_no_origins(option, value)]
    if any(item == "*" for item in items if isinstance(item, str)):
        return value, [_wildcard_beside(option, value)]
    return read_origins(items, option)


def _callable_problems(value: Callable[..., Any], option: str) -> list[Problem]:
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):  # it does not tell
        return []
    try:
        signature.bind(None, "")
    except TypeError:
        reason, fix = "does not take a request and an origin", "write def allow(request, origin)"
        return [Problem("origins-callable", option, value, reason, fix)]
    return []


def _no_origins(option: str, value: object) -> Problem:
    fix = "list the origins, such as 'https://app.example.com'"
    return Problem("origins-empty", option, value, "names no origin", fix)


def _wildcard_beside(option: str, value: object) -> Problem:
    fix = "give '*' alone, or leave it out"
    return Problem("wildcard-beside-others", option, value, "has '*' beside other elements", fix)


def _read_list(value: object, option: str, example: str) -> tuple[list[Any], list[Problem]]:
    """The elements of a list option; `"*"` alone counts as a list of it."""
    if value == "*":
        return ["*"], []
    if isinstance(value, str | bytes):
        return [], [Problem("bare-string", option, value, "is no list", f"write {example}")]
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        return [], [Problem("not-a-list", option, value, "is no list", f"write {example}")]
    return _elements(value), []


def _elements(value: Iterable[Any]) -> list[Any]:
    if isinstance(value, list):
        return value
    # A comprehension, so that a long list read in a thread leaves the event loop its turns.
    items = [item for item in value]  # noqa: C416
    if isinstance(value, set | frozenset):
        # In an order that does not change from run to run; a long one in steps, for the same.
        steps = [sorted(items[i : i + 1000], key=str) for i in range(0, len(items), 1000)]
        items = [item for item in heapq.merge(*steps, key=str)]  # noqa: C416
    return items


def _reread(origins: object) -> object:
    """What is given as origins, as something that can be read twice."""
    if isinstance(origins, str | bytes | Mapping | OriginList) or not isinstance(origins, Iterable):
        return origins
    return _elements(origins)


def _read_methods(value: object, option: str) -> _Read:
    if value is None:
        return None, []
    items, problems = _read_list(value, option, "['GET', 'PUT'], or None for what is served")
    if problems or items == ["*"]:
        return None, problems
    if not items:
        fix = "name a method, or leave it out for all that the router serves"
        return value, [Problem("methods-empty", option, value, "names no method", fix)]
    if "*" in items:
        return value, [_wildcard_beside(option, value)]
    for index, method in enumerate(items):
        problem = _method_problem(method)
        if problem is not None:
            problems.append(Problem(problem[0], f"{option}[{index}]", method, *problem[1:]))
    methods = dict.fromkeys(m for m in items if isinstance(m, str))
    if "GET" in methods:
        methods["HEAD"] = None
    return tuple(methods), problems


def _method_problem(method: object) -> tuple[str, str, str] | None:
    # https://fetch.spec.whatwg.org/#methods
    if not isinstance(method, str) or not is_token(method):
        return "method-not-a-token", "is no method", "write a name such as 'PUT'"
    if method.upper() in FORBIDDEN_METHODS:
        return "method-forbidden", "is a method that no browser lets scripts use", "leave it out"
    if method not in COMMON_METHODS and method.upper() in COMMON_METHODS:
        return "method-case", "differs by case from a method", f"write {method.upper()!r}"
    return None


def _read_names(
    value: object, option: str, why_not: Callable[[str], tuple[str, str, str] | None]
) -> _Read:
    items, problems = _read_list(value, option, "['X-Name'], or '*'")
    if "*" in items:
        others = [item for item in items if item != "*"]
        if not others or (
            option == "allow_headers" and {str(o).lower() for o in others} == {"authorization"}
        ):
            return "*", problems
        return value, [_wildcard_beside(option, value)]
    for index, name in enumerate(items):
        problem = (
            why_not(name)
            if isinstance(name, str) and is_token(name)
            else ("name-not-a-token", "is no name of a header", "write a name such as 'X-Name'")
        )
        if problem is not None:
            problems.append(Problem(problem[0], f"{option}[{index}]", name, *problem[1:]))
    return _without_repeats(items), problems


def _without_repeats(names: Iterable[object]) -> tuple[Any, ...]:
    """The first of each, whatever its case."""
    first: dict[str, object] = {}
    for name in names:
        first.setdefault(str(name).lower(), name)
    return tuple(first.values())


_CORS_RESPONSE: Final = {name.lower() for name in CORS_RESPONSE_HEADERS}
_CORS_REQUEST: Final = {name.lower() for name in CORS_REQUEST_HEADERS}
_HIDDEN: Final = {name.lower() for name in FORBIDDEN_RESPONSE_HEADERS}


def _allow_header_problem(name: str) -> tuple[str, str, str] | None:
    if name.lower() in _CORS_RESPONSE:
        return "header-is-cors", "is a response header of CORS", "leave it out"
    if is_forbidden_request_header(name):
        reason = "is a header that no browser lets scripts set"
        return "header-forbidden", reason, "leave it out; the browser sends it by itself"
    return None


def _expose_header_problem(name: str) -> tuple[str, str, str] | None:
    if name.lower() in _HIDDEN:
        return "header-never-exposed", "is never shown to scripts", "leave it out"
    if name.lower() in _CORS_REQUEST:
        return "header-is-request", "is a request header of CORS", "leave it out"
    return None


def _read_allow_headers(value: object, option: str) -> _Read:
    return _read_names(value, option, _allow_header_problem)


def _read_expose_headers(value: object, option: str) -> _Read:
    return _read_names(value, option, _expose_header_problem)


def _read_vary(value: object, option: str) -> _Read:
    if value == "*":
        fix = "name the request headers that the callable reads"
        return value, [Problem("bare-string", option, value, "is no list", fix)]
    items, problems = _read_list(value, option, "['X-Tenant']")
    for index, name in enumerate(items):
        if not isinstance(name, str) or not is_token(name) or name == "*":
            fix = "write a name such as 'X-Tenant'"
            problems.append(
                Problem("name-not-a-token", f"{option}[{index}]", name, "is no header name", fix)
            )
    return _without_repeats(items), problems


def _read_max_age(value: object, option: str) -> _Read:
    if value is None:
        return None, []
    if isinstance(value, timedelta):
        if value % timedelta(seconds=1):
            fix = "give a timedelta of whole seconds"
            return value, [Problem("max-age-fraction", option, value, "has a fraction", fix)]
        value = value // timedelta(seconds=1)
    if isinstance(value, bool) or not isinstance(value, int):
        fix = "give seconds as an int, a timedelta, or None"
        return value, [Problem("max-age-type", option, value, "is no number of seconds", fix)]
    if value < 0:
        fix = "write 0 to turn caching off, or None to leave the header out"
        return value, [Problem("max-age-negative", option, value, "is negative", fix)]
    if value > _LONGEST_MAX_AGE:
        reason = "is longer than any browser keeps a preflight"
        fix = f"write {_LONGEST_MAX_AGE} or less"
        return value, [Problem("max-age-too-long", option, value, reason, fix)]
    return int(value), []  # of an IntEnum, the number


def _read_status(value: object, option: str) -> _Read:
    # https://fetch.spec.whatwg.org/#ok-status
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 299:
        return int(value), []
    fix = "write 204, or 200 for clients that expect it"
    reason = "is no ok status, 200 to 299"
    return value, [Problem("preflight-status", option, value, reason, fix)]


_READERS: Final[dict[str, Callable[[object, str], _Read]]] = {
    **dict.fromkeys((name for name, kind in _KINDS.items() if kind == "bool"), _read_bool),
    "allow_origins": _read_origins,
    "allow_methods": _read_methods,
    "allow_headers": _read_allow_headers,
    "expose_headers": _read_expose_headers,
    "max_age": _read_max_age,
    "preflight_status": _read_status,
    "vary": _read_vary,
}

# Fields together.


def _cross_problems(values: Mapping[str, Any], given_origins: Any) -> list[Problem]:
    """What is wrong with fields together; with the indices of the list that was given."""
    problems = []
    origins = values["allow_origins"]
    if values["vary"] and (isinstance(origins, str | OriginList) or not callable(origins)):
        fix = "leave it out; Vary: Origin is sent where it is needed"
        reason = "is for a callable allow_origins only"
        problems.append(Problem("vary-without-callable", "vary", values["vary"], reason, fix))
    if values["allow_credentials"] is not True:
        return problems
    if isinstance(origins, str) and origins == "*":
        problems.append(
            Problem(
                "credentials-with-any-origin",
                "allow_credentials",
                True,
                "with allow_origins='*' would let every site act as the user",
                "leave credentials out, or list the origins, or give a callable that decides",
            )
        )
    elif isinstance(given_origins, list | OriginList):
        for index, pattern in enumerate(given_origins):
            for code, reason, fix in _credentials_problems(pattern, values):
                problems.append(Problem(code, f"allow_origins[{index}]", pattern, reason, fix))
    return problems


def _credentials_problems(
    pattern: Any, values: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a pattern, if it is one, where credentials are allowed."""
    if isinstance(pattern, re.Pattern):
        if isinstance(pattern.pattern, str) and any(map(pattern.fullmatch, STRANGERS)):
            reason = "matches any site's origin, and credentials are allowed"
            yield "credentials-with-any-regex", reason, "name the domain in the expression"
        return
    if not isinstance(pattern, str) or ("*" not in pattern and not pattern.startswith("http://")):
        return
    parsed = parse_pattern(pattern)
    if not isinstance(parsed, Pattern):
        return
    if is_insecure(parsed) and values["allow_insecure_origins"] is not True:
        reason = "is not encrypted, so anybody on the way could act as the user"
        secure = pattern.replace("http:", "https:", 1).removesuffix(":443")
        fix = f"write {secure!r}, or set allow_insecure_origins"
        if any(_credentials_problems(secure, values)):
            fix = "list origins with https:, or set allow_insecure_origins"
        yield "credentials-with-insecure-origin", reason, fix
    if parsed.label is not None and values["allow_public_suffixes"] is not True:
        if _is_public_suffix(parsed.host.removesuffix(".")):
            reason = "lets in whoever registers a name there, and credentials are allowed"
            fix = "name the registered domain, or set allow_public_suffixes"
            yield "credentials-with-public-suffix", reason, fix


def _is_public_suffix(name: str) -> bool:
    if "." not in name:
        return name != "localhost"
    suffixes = _public_suffixes()
    if suffixes is None:
        return False
    # A rule such as `*.kawasaki.jp` makes suffixes of the names below it.
    return any(suffixes.publicsuffix(host) == host for host in (name, f"{_NOBODYS}.{name}"))


def _public_suffixes() -> Any:
    """The public suffix list, where its package is installed: the extra `publicsuffix`."""
    global _suffixes  # noqa: PLW0603  # read from disk once, and only when it is needed
    if _suffixes is None:
        try:
            from publicsuffixlist import PublicSuffixList  # noqa: PLC0415
        except ImportError:
            return None
        _suffixes = PublicSuffixList()
    return _suffixes


_suffixes: Any = None

# Options as text.


def _unknown(names: Iterable[str], known: Collection[str], prefix: str = "") -> list[Problem]:
    """The names that are no options, or no variables with the prefix."""
    problems, cased = [], {option.lower(): option for option in known}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(str(name).lower(), cased, n=1)
            fix = f"known are {', '.join(prefix + option for option in known)}"
            if close:
                fix = f"write {prefix}{cased[close[0]]}"
            problems.append(Problem("unknown-option", f"{prefix}{name}", name, "is no option", fix))
    return problems


def _renamed(problem: Problem, prefix: str) -> Problem:
    name, bracket, index = problem.option.partition("[")
    if name not in CHANGEABLE_FIELDS:
        return problem
    option, fix = prefix + name.upper() + bracket + index, problem.fix
    if problem.code == "origins-in-one":
        fix = "put commas between them"
    return dataclasses.replace(problem, option=option, fix=fix)


def _text_bool(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError("write true or false")


def _text_int(text: str) -> int | None:
    if text.lower() == "none":
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError("write a whole number")
    return int(text)


def _text_list(text: str) -> list[str] | Literal["*"]:
    if text.lower() == "none":
        raise ValueError("name some, or leave the variable out")
    return "*" if text == "*" else [item for part in text.split(",") if (item := part.strip())]


_FROM_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "bool": _text_bool,
    "int": _text_int,
    "list": _text_list,
}
