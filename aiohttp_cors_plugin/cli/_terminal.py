"""What the commands print with: colour where a person looks, 80 columns, nothing unprintable."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final, Literal

Style = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

_CODES: Final[dict[Style, int]] = {
    "bold": 1,
    "dim": 2,
    "red": 31,
    "green": 32,
    "yellow": 33,
    "cyan": 36,
}
_WIDEST: Final = 80
_NARROWEST: Final = 40
_GAP: Final = "  "
_LEAST_CELL: Final = 20
_LONGEST: Final = 500


def has_colour() -> bool:
    """Whether standard output is a terminal that shows colours, and nobody said no."""
    # https://no-color.org/: set and not empty, whatever it says.
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def style(text: str, *styles: Style) -> str:
    """The text in the given styles, where they can be seen."""
    if not styles or not has_colour():
        return text
    return f"\x1b[{';'.join(str(_CODES[name]) for name in styles)}m{text}\x1b[0m"


def printable(text: str, longest: int = _LONGEST) -> str:
    """Text from elsewhere in printable ASCII, cut: no server moves a terminal's cursor."""
    escaped = "".join(
        char if " " <= char <= "~" else ascii(char)[1:-1] for char in text[: longest + 1]
    )
    return escaped if len(escaped) <= longest else f"{escaped[:longest]}..."


def width() -> int:
    """The columns to fill: those of the terminal, within reason."""
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))


def wrap(text: str, first: str = "", rest: str | None = None) -> str:
    """Lines of at most `width()`, the first after `first`, the others after `rest` or as far in.

    A word is never broken, as it may be a URL to copy.
    """
    return (
        textwrap.fill(
            text,
            width(),
            initial_indent=first,
            subsequent_indent=" " * len(first) if rest is None else rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        or first.rstrip()
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns under a header, the last one wrapped; below its row where there is no room."""
    lines = [header, *rows]
    *widths, _ = (max(map(len, column)) for column in zip(*lines, strict=True))
    left = sum(widths) + len(_GAP) * len(widths)
    printed = []
    for *cells, last in lines:
        first = "".join(f"{cell:<{room}}{_GAP}" for cell, room in zip(cells, widths, strict=True))
        if left + _LEAST_CELL <= width():
            printed.append(wrap(last, first, " " * left))
        else:
            printed.append("\n".join(filter(None, [first.rstrip(), wrap(last, "    ")])))
    printed[0] = style(printed[0], "bold")
    return "\n".join(printed)
