"""Problems as sentences, and the error that gathers them."""

from __future__ import annotations

import copy
import pickle

import pytest

from aiohttp_cors_plugin.errors import CorsConfigError, Problem


def problem(number: int = 0, value: object = "x") -> Problem:
    return Problem("some-slug", f"allow_origins[{number}]", value, "is wrong", "write another")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("x", "'x'", id="text-is-quoted"),
        pytest.param(7, "7", id="a-number-is-not"),
        pytest.param("a\nb", r"'a\nb'", id="a-line-break-cannot-forge-a-line"),
        pytest.param(None, "None", id="nothing-is-None"),
    ],
)
def test_a_problem_reads_as_a_sentence(value: object, shown: str) -> None:
    sentence = f"allow_origins[0]: {shown} is wrong; write another [some-slug]"
    assert str(problem(value=value)) == sentence


@pytest.mark.parametrize("value", ["x" * 100_000, list(range(100_000)), {"k": "v" * 10_000}])
def test_a_long_value_is_shortened(value: object) -> None:
    assert len(str(problem(value=value))) < 300


@pytest.mark.parametrize(
    ("count", "lines", "last"),
    [
        pytest.param(0, 1, "", id="none-is-empty"),
        pytest.param(1, 1, str(problem(0)), id="one-is-its-sentence"),
        pytest.param(20, 20, str(problem(19)), id="twenty-are-all-shown"),
        pytest.param(21, 21, "and 1 more", id="the-twenty-first-is-counted"),
        pytest.param(100_000, 21, "and 99980 more", id="a-hundred-thousand-stay-readable"),
    ],
)
def test_the_error_shows_twenty_problems_and_counts_the_rest(
    count: int, lines: int, last: str
) -> None:
    error = CorsConfigError(problem(index) for index in range(count))
    shown = str(error).split("\n")
    assert (len(shown), shown[-1], len(error.problems)) == (lines, last, count)


def test_the_error_is_a_value_error_and_survives_copies() -> None:
    error = CorsConfigError([problem(0), problem(1)])
    assert isinstance(error, ValueError)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is CorsConfigError
        assert (twin.problems, str(twin)) == (error.problems, str(error))
