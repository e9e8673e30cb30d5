"""What the commands print with: colour where a person looks, 80 columns, nothing unprintable."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from operator import gt
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
_BELOW: Final = "    "
_LEAST_CELL: Final = 20
_LONGEST: Final = 500
_STYLED: Final = re.compile(r"\x1b\[[0-9;]*m")


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

    A word is never broken, as it may be a URL to copy. `first` may be styled, the text may not.
    """
    plain = _STYLED.sub("", first)  # what a terminal shows of it
    filled = textwrap.fill(
        text,
        width(),
        initial_indent=plain,
        subsequent_indent=" " * len(plain) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return first + filled[len(plain) :] if filled else first.rstrip()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns under a header, the last one wrapped; below its row where there is no room.

    A cell that is much longer than most of its column ends its line, and makes no other wider.
    """
    lines = [header, *rows]
    rooms = _rooms([*zip(*lines, strict=True)][:-1])
    if sum(any(map(gt, map(len, line), rooms)) for line in lines) > len(lines) // 4:
        joined = ((wrap(_GAP.join(cells), "", _GAP), last) for *cells, last in lines)
        printed = [f"{first}\n{wrap(last, _BELOW)}".rstrip() for first, last in joined]
    else:
        printed = [_row(line, rooms) for line in lines]
    printed[0] = style(printed[0], "bold")
    return "\n".join(printed)


def _rooms(columns: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column is; if they do not fit, cells longer than their share do not count."""
    left = width() - _LEAST_CELL - len(_GAP) * len(columns)
    rooms = [max(map(len, column)) for column in columns]
    if sum(rooms) > left:
        for index, (header, *cells) in enumerate(columns):
            share = left // (len(columns) - index)
            fitting = (length for length in map(len, cells) if length <= share)
            rooms[index] = max([len(header), *fitting])
            left -= rooms[index]
    return rooms


def _row(line: Sequence[str], rooms: Sequence[int]) -> str:
    *cells, last = line
    printed, first = [], ""
    for cell, room in zip(cells, rooms, strict=True):
        end = len(first) + room + len(_GAP)
        if len(cell) <= room:
            first = f"{first}{cell}".ljust(end)
            continue
        if first and len(first) + len(cell) > width():
            printed.append(first.rstrip())
            first = _BELOW
        printed.append(wrap(cell, first))
        first = " " * end
    if len(first) + max(map(len, last.split()), default=0) > width():
        printed.append(first.rstrip())
        first = _BELOW
    return "\n".join(filter(None, [*printed, wrap(last, first)]))
