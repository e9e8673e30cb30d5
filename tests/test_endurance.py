"""The endurance command with few requests in every run, with more of them under `-m long`."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

COMMAND = (sys.executable, str(pathlib.Path(__file__).with_name("endurance.py")))


def endure(requests: int, restarts: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = (*COMMAND, "--requests", str(requests), "--restarts", str(restarts), *more)
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.parametrize(
    ("requests", "restarts"),
    [
        pytest.param(20_000, 24, id="few"),
        pytest.param(300_000, 400, id="many", marks=pytest.mark.long),
    ],
)
def test_nothing_grows_and_nothing_is_left(requests: int, restarts: int) -> None:
    ended = endure(requests, restarts)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert f"{restarts:,}" in ended.stdout


def test_a_leak_is_noticed() -> None:
    ended = endure(16_000, 8, "--leak")
    assert (ended.returncode, ended.stderr) == (1, ""), ended.stdout
    problems = [line for line in ended.stdout.splitlines() if line.startswith("problem: ")]
    assert [line for line in problems if line.startswith("problem: blocks grew by")], problems
    assert problems.count("problem: 2 applications and handles are not forgotten") == 8
