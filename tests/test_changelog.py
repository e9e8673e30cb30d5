"""The changelog has the form of Keep a Changelog, and its first section is that of setup.cfg."""

from __future__ import annotations

import configparser
import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"
# https://keepachangelog.com/en/1.1.0/#how
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def sections(text: str) -> list[tuple[str, str]]:
    """Each version's heading and what is below it, the newest first."""
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def section(text: str, version: str) -> str:
    """What a changelog says of a version; empty where it does not know it."""
    return next((body for head, body in sections(text) if head.startswith(f"[{version}]")), "")


def faults(text: str, version: str) -> Iterator[str]:
    """What is wrong with a changelog whose newest version should be this one."""
    numbers, dates = [], []
    for heading, body in sections(text):
        match = re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading)
        if match is None:
            yield f"{heading}: no [version] - date"
            continue
        numbers.append(Version(match[1]))
        dates.append(datetime.date.fromisoformat(match[2]))
        start, *parts = re.split(r"^### (.*)\n", body, flags=re.MULTILINE)
        kinds = parts[::2]
        if start.strip() or not kinds or kinds != [kind for kind in KINDS if kind in kinds]:
            yield f"{heading}: its kinds are {kinds}"
        for kind, entries in zip(kinds, parts[1::2], strict=True):
            if re.fullmatch(r"\n(- \S.*\n(  \S.*\n)*)+\n?", entries) is None:
                yield f"{heading}, {kind}: not one list between blank lines"
            breaking = ["**Breaking:**" in entry for entry in entries.split("\n- ")]
            if breaking[1:] != sorted(breaking[1:], reverse=True):
                yield f"{heading}, {kind}: what breaks something does not come first"
    if numbers[:1] != [Version(version)]:
        yield f"the first section is not of {version}"
    if numbers != sorted({*numbers}, reverse=True) or dates != sorted(dates, reverse=True):
        yield "the newest does not come first"


def test_it_has_its_form() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    text = CHANGELOG.read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n\n")
    assert [*faults(text, Version(setup["metadata"]["version"]).base_version)] == []


GOOD = """\
# Changelog

## [0.10.0] - 2026-02-01

### Changed

- **Breaking:** one,
  two.
- Three.

### Fixed

- Four.

## [0.9.0] - 2026-01-01

### Added

- Five.
"""


@pytest.mark.parametrize(
    ("there", "instead", "expected"),
    [
        ("Four", "Six", []),
        ("## [0.10.0] - 2026-02-01", "## [0.11.0] - 2026-02-01", ["the first section is not of"]),
        (" - 2026-02-01", "", ["[0.10.0]: no [version] - date", "the first section is not of"]),
        ("2026-02-01", "1.2.2026", ["[0.10.0] - 1.2.2026: no", "the first section is not of"]),
        ("# Changelog\n", "# Changelog\n\n## [Unreleased]\n", ["[Unreleased]: no [version]"]),
        ("0.9.0", "0.11.0", ["the newest does not come first"]),
        ("0.9.0", "0.10.0", ["the newest does not come first"]),
        ("2026-01-01", "2026-03-01", ["the newest does not come first"]),
        ("two.\n", "two.\n\n", ["[0.10.0] - 2026-02-01, Changed: not one list"]),
        ("  two.", "two.", ["[0.10.0] - 2026-02-01, Changed: not one list"]),
        ("### Fixed\n\n", "### Fixed\n", ["[0.10.0] - 2026-02-01, Fixed: not one list"]),
        ("- Five.\n", "", ["[0.9.0] - 2026-01-01, Added: not one list"]),
        ("- Three", "- Three\n- **Breaking:** x", ["[0.10.0] - 2026-02-01, Changed: what breaks"]),
        ("### Fixed", "### Added", ["[0.10.0] - 2026-02-01: its kinds"]),
        ("### Fixed", "### Changed", ["[0.10.0] - 2026-02-01: its kinds"]),
        ("### Fixed", "### Improved", ["[0.10.0] - 2026-02-01: its kinds"]),
        ("### Added\n\n- Five.\n", "Nothing.\n", ["[0.9.0] - 2026-01-01: its kinds"]),
    ],
)
def test_faults_are_found(there: str, instead: str, expected: list[str]) -> None:
    assert there in GOOD
    found = [*faults(GOOD.replace(there, instead), "0.10.0")]
    assert len(found) == len(expected), found
    assert all(map(str.startswith, found, expected)), found


def test_a_section_is_found_by_its_version() -> None:
    assert section(GOOD, "0.9.0") == "\n### Added\n\n- Five.\n"
    assert section(GOOD, "0.1.0") == ""
