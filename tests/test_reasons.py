"""Refusals in words: every reason has its sentence and its fix, and nobody forges a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiohttp_cors_plugin._reasons import REASONS, in_words, quoted
from aiohttp_cors_plugin.options import CHANGEABLE_FIELDS


@pytest.mark.parametrize("slug", REASONS)
def test_every_reason_is_a_sentence_and_a_fix(slug: str) -> None:
    option, sentence, fix = REASONS[slug]
    assert option in ("", *CHANGEABLE_FIELDS)
    line = in_words(slug, "x-tenant", "allow=1")
    assert line.startswith(f"{sentence}: 'x-tenant'; allow=1; ")
    assert line.endswith(f"{fix.replace('{subject}', repr('x-tenant'))} [{slug}]")


@given(st.text(max_size=300))
def test_what_is_quoted_is_one_short_line_of_ascii(text: str) -> None:
    shown = quoted(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 100 * len("\\U00000000") + 5
    if len(text) <= 100:
        assert eval(shown) == text
