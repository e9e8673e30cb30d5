"""A flood of refusals, against a clock of our own."""

from __future__ import annotations

from aiohttp_cors_plugin._log import MOST_KINDS, WINDOW, Repeats


def test_each_kind_is_told_once_a_window_and_counted() -> None:
    now = 0.0
    repeats = Repeats(lambda: now)
    assert repeats.remark("a") == ""
    assert [repeats.remark("a") for _ in range(41)] == [None] * 41
    assert repeats.remark("b") == ""
    now = WINDOW
    assert repeats.remark("a") == " (and 41 more like it before)"
    assert repeats.remark("b") == ""
    now = 2 * WINDOW
    assert repeats.remark("a") == ""


def test_a_flood_of_different_kinds_ends_with_a_record_that_says_so() -> None:
    now = 5.0
    repeats = Repeats(lambda: now)
    told = [remark for n in range(10_000) if (remark := repeats.remark(n)) is not None]
    assert told == [""] * (MOST_KINDS - 1) + [" (no other kinds are logged for 60 seconds)"]
    assert len(repeats._counts) == MOST_KINDS
    now += WINDOW
    assert repeats.remark("another") == ""
