"""What is wrong with answers: `test_check.py` plants each mistake in a server."""

from __future__ import annotations

import pytest

from aiohttp_cors_plugin.cli._diagnosis import PROBLEMS, finding


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_a_reason_and_a_fix(code: str) -> None:
    reason, fix = PROBLEMS[code]
    assert reason
    assert fix


def test_text_of_a_server_is_made_printable() -> None:
    found = finding("max-age-invalid", subject="\x1b[31m\n")
    assert found.code == "max-age-invalid"
    assert found.reason.isprintable()
