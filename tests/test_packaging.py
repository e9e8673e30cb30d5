"""What setup.cfg says is true of the rest."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
DESCRIPTION = SETUP["metadata"]["long_description"].removeprefix("file: ").split(", ")
PIPELINE = ROOT / ".ci" / "run"


@pytest.mark.parametrize("file", DESCRIPTION)
def test_an_index_page_has_no_links_into_the_source_tree(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.findall(r"\]\((?!https://|#)[^)]*\)", text) == []


def test_the_readme_tells_of_every_extra() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = {*re.findall(r"(?:extra `|'\.\[)(\w+)", text)}
    assert told == SETUP["options.extras_require"].keys()


@pytest.mark.skipif(not PIPELINE.exists(), reason="CI is in the source tree only")
def test_each_version_of_python_that_is_named_is_tested() -> None:
    named = re.findall(r":: (3\.\d+)$", SETUP["metadata"]["classifiers"], re.MULTILINE)
    tested = re.findall(r"^on (3\.\d+) ", PIPELINE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {*named} == {*tested}
    assert SETUP["options"]["python_requires"] == f">={named[0]}"
