"""What the commands print with."""

from __future__ import annotations

import pytest

from aiohttp_cors_plugin.cli import _terminal
from aiohttp_cors_plugin.cli._terminal import (
    Style,
    has_colour,
    printable,
    style,
    table,
    width,
    wrap,
)


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, whatever runs the tests."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


@pytest.mark.parametrize(
    ("environment", "is_terminal", "expected"),
    [
        pytest.param({}, True, True, id="a-terminal"),
        pytest.param({}, False, False, id="a-pipe"),
        pytest.param({"NO_COLOR": "1"}, True, False, id="no-color"),
        pytest.param({"NO_COLOR": "0"}, True, False, id="no-color-whatever-it-says"),
        pytest.param({"NO_COLOR": ""}, True, True, id="no-color-empty-is-not-set"),
        pytest.param({"TERM": "dumb"}, True, False, id="dumb"),
    ],
)
def test_colour_is_for_terminals(
    environment: dict[str, str],
    is_terminal: bool,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_colour() is expected
    assert style("x", "red") == ("\x1b[31mx\x1b[0m" if expected else "x")


@pytest.mark.parametrize(
    ("styles", "expected"),
    [
        ((), "x"),
        (("green",), "\x1b[32mx\x1b[0m"),
        (("bold", "red"), "\x1b[1;31mx\x1b[0m"),
        (("dim", "cyan", "yellow"), "\x1b[2;36;33mx\x1b[0m"),
    ],
)
def test_styles(styles: tuple[Style, ...], expected: str) -> None:
    assert style("x", *styles) == expected


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        pytest.param("plain ~text!", 500, "plain ~text!", id="plain"),
        pytest.param("\x1b[2J\r\n\t", 500, "\\x1b[2J\\r\\n\\t", id="controls"),
        pytest.param(
            "caf\xe9 \u2028 \U0001f600", 500, "caf\\xe9 \\u2028 \\U0001f600", id="unicode"
        ),
        pytest.param("\x7f\x9b", 500, "\\x7f\\x9b", id="del-and-c1"),
        pytest.param("abcde", 5, "abcde", id="just-fits"),
        pytest.param("abcdef", 5, "abcde...", id="cut"),
        pytest.param("a\n" * 9, 5, "a\\na\\...", id="cut-after-escaping"),
    ],
)
def test_what_is_printable(text: str, longest: int, expected: str) -> None:
    assert printable(text, longest) == expected


@pytest.mark.parametrize(
    ("columns", "expected"), [("200", 80), ("80", 80), ("60", 60), ("10", 40), ("none", 80)]
)
def test_width(columns: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.__stdout__", None)
    assert width() == expected


@pytest.mark.parametrize(
    ("text", "first", "rest", "expected"),
    [
        pytest.param("one two", "", None, "one two", id="short"),
        pytest.param("", "  > ", None, "  >", id="empty"),
        pytest.param("word " * 10, "- ", None, f"- {'word ' * 7}word\n  word word", id="hangs"),
        pytest.param("word " * 10, "- ", "", f"- {'word ' * 7}word\nword word", id="rest"),
        pytest.param(f"see {'x' * 60} now", "", None, f"see\n{'x' * 60}\nnow", id="long-word"),
        pytest.param(
            f"{'a' * 30} b-{'c' * 20}", "", None, f"{'a' * 30}\nb-{'c' * 20}", id="hyphen"
        ),
    ],
)
def test_wrap(
    text: str, first: str, rest: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "42")
    assert wrap(text, first, rest) == expected


def test_a_table_wraps_its_last_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [("GET", "/a", "one two three four five six seven"), ("DELETE", "/longer", "x")]
    assert table(("Method", "Path", "Origins"), rows).splitlines() == [
        "\x1b[1mMethod  Path     Origins\x1b[0m",
        "GET     /a       one two three four five",
        "                 six seven",
        "DELETE  /longer  x",
    ]


def test_a_table_without_room_puts_the_last_column_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(_terminal, "has_colour", lambda: False)
    methods = "DELETE, GET, HEAD, PATCH, POST, PUT"
    rows = [("GET", "/a-path-that-is-long", "one two"), ("PUT", "/b", ""), (methods, "/view", "x")]
    assert table(("Method", "Path", "Origins"), rows).splitlines() == [
        "Method  Path",
        "    Origins",
        "GET  /a-path-that-is-long",
        "    one two",
        "PUT  /b",
        methods,
        "  /view",
        "    x",
    ]


def test_a_cell_that_is_much_longer_than_the_others_makes_no_column_wider() -> None:
    methods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    path, longer, origin = f"/{'p' * 50}", f"/{'p' * 70}", f"https://{'o' * 46}.example"
    rows = [
        *[("GET, HEAD", f"/{i}", "any origin") for i in range(14)],
        (methods, "/view", "any origin"),
        ("PUT", path, "any origin"),
        ("PUT", longer, f"any {origin}"),
        ("PUT", "/origin", f"{origin} (defaults)"),
    ]
    lines = table(("METHODS", "PATH", "CORS"), rows).splitlines()
    assert lines[:2] == ["\x1b[1mMETHODS    PATH     CORS\x1b[0m", "GET, HEAD  /0       any origin"]
    assert lines[15:] == [
        methods,
        "           /view    any origin",
        f"PUT        {path}",
        "                    any origin",
        "PUT",
        f"    {longer}",
        f"    any {origin}",
        "PUT        /origin",
        f"    {origin} (defaults)",
    ]


def test_what_is_styled_is_as_wide_as_it_looks() -> None:
    first = style("problem: ", "bold", "red")
    assert wrap("word " * 15, first, "  ") == f"{first}{'word ' * 13}word\n  word"
    assert wrap("", first) == first.rstrip()


def test_a_table_of_one_column_or_without_rows() -> None:
    assert table(("A",), [("b",)]).splitlines() == ["\x1b[1mA\x1b[0m", "b"]
    assert table(("A", "B"), []) == "\x1b[1mA  B\x1b[0m"
