"""The public interface beside that of the last release: what breaks it must be said."""

from __future__ import annotations

import configparser
import inspect
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import aiohttp_cors_plugin
from aiohttp_cors_plugin import testing
from tests.surface import breaks

ROOT = Path(__file__).parent.parent
RELEASED = sorted((ROOT / ".ci" / "released").glob("*.whl"))
PACKAGE = Path(aiohttp_cors_plugin.__file__).parent
PUBLIC = {"": aiohttp_cors_plugin.__all__, "testing": testing.__all__}
pytestmark = pytest.mark.skipif(not RELEASED, reason="releases are in the source tree only")


def surface_of(folder: Path) -> dict[str, Any]:
    """The interface of the package in a folder."""
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", "import tests.surface as s, json; print(json.dumps(s.surface()))"],
        env=environment,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    zipfile.ZipFile(RELEASED[-1]).extractall(folder)
    return folder


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def test_what_breaks_is_said_in_the_changelog_and_by_the_version(released: Path) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    now = setup["metadata"]["version"]
    last = RELEASED[-1].name.split("-")[1]
    assert version(now) > version(last)
    changes = (ROOT / "CHANGELOG.md").read_text()
    section = changes.partition(f"## [{now}]")[2].partition("\n## ")[0]
    assert section, f"CHANGELOG.md has no section {now}"
    found = breaks(surface_of(released), surface_of(PACKAGE.parent))
    if found:
        assert "**Breaking:**" in section, found
        # While it is 0.x a minor version may break something, from 1.0 on only a major one.
        parts = 2 if version(now)[0] == 0 else 1
        assert version(now)[:parts] > version(last)[:parts], found


@pytest.mark.parametrize(
    ("module", "there", "instead", "told"),
    [
        pytest.param("plugin", "def rescan(self)", "def rescan_all(self)", "rescan", id="a method"),
        pytest.param("__init__",
            '    "is_preflight",\n',
            "",
            "is_preflight is gone",
            id="a name"),
        pytest.param(
            "plugin",
            "*, debug: bool | None = None) -> Cors",
            "*, explains: bool | None = None) -> Cors",
            "debug",
            id="a parameter's name",
        ),
        pytest.param(
            "plugin",
            "defaults: Given = _NOT_GIVEN, *, debug",
            "defaults: Given = _NOT_GIVEN, now: bool = False, *, debug",
            "",
            id="an optional parameter more",
        ),
        pytest.param(
            "plugin",
            "def reconfigure(self, defaults: Given)",
            "def reconfigure(self, defaults: Given, when: float)",
            "when",
            id="a parameter that is required",
        ),
        pytest.param(
            "options", "max_age: int | timedelta | None = 600", "max_age: int = 5", "max_age",
            id="a default",
        ),
        pytest.param("errors", "    fix: str\n", "", "fix is gone", id="a field"),
        pytest.param(
            "errors",
            "CorsConfigError(ValueError)",
            "CorsConfigError(Exception)",
            "is no ValueError",
            id="a base",
        ),
    ],
)  # fmt: skip
def test_planted_breaks_are_found(
    tmp_path: Path, module: str, there: str, instead: str, told: str
) -> None:
    copy = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    path = copy / f"{module}.py"
    source = path.read_text()
    assert source.count(there) == 1, source.count(there)
    path.write_text(source.replace(there, instead))
    found = breaks(surface_of(PACKAGE.parent), surface_of(tmp_path))
    assert bool(found) is bool(told)
    assert told in " ".join(found)


@pytest.mark.parametrize(
    "name", [(module, name) for module, names in PUBLIC.items() for name in names]
)
def test_every_public_name_has_its_documentation(name: tuple[str, str]) -> None:
    module = testing if name[0] else aiohttp_cors_plugin
    thing = getattr(module, name[1])
    if name[1] == "CORS":
        return
    assert inspect.getdoc(thing)
    members = vars(thing).items() if inspect.isclass(thing) else ()
    functions = [f for n, f in members if inspect.isfunction(f) and not n.startswith("_")]
    for function in [*functions, *([thing] if inspect.isfunction(thing) else [])]:
        assert inspect.getdoc(function), function
        signature = inspect.signature(function)
        assert signature.return_annotation is not signature.empty
        for parameter in signature.parameters.values():
            assert parameter.name == "self" or parameter.annotation is not parameter.empty
