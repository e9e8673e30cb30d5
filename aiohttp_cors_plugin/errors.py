"""What is wrong with a configuration, as data and as a sentence."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 20
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a configuration.

    Attributes:
        code: a stable slug, for programs: `origin-has-path`.
        option: the option's name, with an index where it is a list: `allow_origins[1]`.
        value: what was given.
        reason: why it is refused.
        fix: what to write instead.

    Example:
        >>> print(Problem("origin-has-path", "allow_origins[0]", "a", "has a path", "leave it out"))
        allow_origins[0]: 'a' has a path; leave it out [origin-has-path]

    """

    code: str
    option: str
    value: object
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.option}: {_repr.repr(self.value)} {self.reason}; {self.fix} [{self.code}]"


class CorsConfigError(ValueError):
    """A configuration that is refused, with every problem found in it.

    Attributes:
        problems: all of them, so that an application can drop just the bad entries of a list.

    Example:
        >>> try:
        ...     CorsOptions(allow_origins=["https://a.example/"])
        ... except CorsConfigError as error:
        ...     print(error.problems[0].code)
        origin-has-trailing-slash

    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if (more := len(self.problems) - _SHOWN) > 0:
            lines.append(f"and {more} more")
        return "\n".join(lines)
