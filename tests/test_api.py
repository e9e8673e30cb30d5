"""The public interface beside that of the last release: what breaks it must be said."""

from __future__ import annotations

import configparser
import importlib
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

import aiohttp_cors_plugin
from tests import surface
from tests.surface import Facts, breaks, newest, version_of
from tests.test_changelog import section

ROOT = Path(__file__).parent.parent
PACKAGE = Path(aiohttp_cors_plugin.__file__).parent


def surface_of(folder: Path) -> dict[str, Facts]:
    """The interface of the package in a folder, imported in place of the one under test."""
    kept = {name: sys.modules.pop(name) for name in [*sys.modules] if is_ours(name)}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return surface.surface()
    finally:
        sys.path.remove(str(folder))
        for name in filter(is_ours, [*sys.modules]):
            del sys.modules[name]
        sys.modules.update(kept)


def is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE.name


@pytest.fixture(scope="module")
def now() -> dict[str, Facts]:
    return surface_of(PACKAGE.parent)


def unsaid(changes: str, version: Version, last: Version) -> list[str]:
    """What would have to be said of a break, and is not."""
    # While it is 0.x a minor version may break something, from 1.0 on only a major one.
    parts = 2 if version.major == 0 else 1
    said = {
        "the version": version.release[:parts] > last.release[:parts],
        "CHANGELOG.md": "**Breaking:**" in changes,
    }
    return [where for where, is_said in said.items() if not is_said]


@pytest.mark.skipif(newest() is None, reason="releases are in the source tree only")
def test_what_breaks_is_said_in_the_changelog_and_by_the_version(
    tmp_path: Path, now: dict[str, Facts]
) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version, wheel = Version(setup["metadata"]["version"]), newest()
    assert wheel is not None
    last = version_of(wheel)
    assert version > last
    zipfile.ZipFile(wheel).extractall(tmp_path)
    found = breaks(surface_of(tmp_path), now)
    changes = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version.base_version)
    assert not found or unsaid(changes, version, last) == [], found


@pytest.mark.parametrize(
    ("changes", "version", "last", "expected"),
    [
        ("**Breaking:** x", "0.2.0", "0.1.9", []),
        ("**Breaking:** x", "0.2.1", "0.2.0", ["the version"]),
        ("**Breaking:** x", "0.10.0", "0.9.0", []),
        ("**Breaking:** x", "0.3.0rc1", "0.2.0", []),
        ("**Breaking:** x", "1.0.0", "0.9.0", []),
        ("**Breaking:** x", "1.1.0", "1.0.0", ["the version"]),
        ("**Breaking:** x", "2.0.0", "1.1.0", []),
        ("- Added: x", "0.2.0", "0.1.0", ["CHANGELOG.md"]),
        ("", "1.0.1", "1.0.0", ["the version", "CHANGELOG.md"]),
    ],
)
def test_a_break_has_to_be_said_twice(
    changes: str, version: str, last: str, expected: list[str]
) -> None:
    assert unsaid(changes, Version(version), Version(last)) == expected


def test_the_last_release_is_the_one_with_the_highest_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "RELEASES", tmp_path)
    assert newest() is None
    for version in ("0.9.0", "0.10.0", "0.10.0rc1", "0.2.0"):
        (tmp_path / f"aiohttp_cors_plugin-{version}-py3-none-any.whl").touch()
    last = newest()
    assert last is not None
    assert last.name == "aiohttp_cors_plugin-0.10.0-py3-none-any.whl"
    assert version_of(last) == Version("0.10.0")


def planted(folder: Path, module: str, there: str, instead: str) -> dict[str, Facts]:
    """The interface of a copy in which a text is replaced."""
    copy = folder / PACKAGE.name
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    path = copy / f"{module}.py"
    source = path.read_text(encoding="utf-8")
    assert there in source
    path.write_text(source.replace(there, instead), encoding="utf-8")
    return surface_of(folder)


EXPLAIN = """        headers: Mapping[str, str] | Iterable[str] = (),
        credentials: bool = False,
    ) -> Explanation:"""
OPTIONS = """@dataclass(frozen=True, kw_only=True, slots=True)
class CorsOptions:"""


@pytest.mark.parametrize(
    ("module", "there", "instead", "told"),
    [
        pytest.param(
            "__init__", '    "is_preflight",\n', "", ["is_preflight is gone"], id="a-name"
        ),
        pytest.param(
            "plugin", "def rescan(", "def rescan_all(", ["Cors.rescan is gone"], id="a-method"
        ),
        pytest.param(
            "plugin",
            "    async def allows_origin(",
            "    def allows_origin(self, request: web.Request) -> bool:\n        return True\n\n"
            "    async def _allows_origin(",
            ["Cors.allows_origin is a function, no longer a coroutine function"],
            id="a-coroutine",
        ),
        pytest.param(
            "plugin",
            'CORS: Final = web.AppKey("CORS", Cors)',
            'CORS: Final = "CORS"',
            ["CORS is a str, no longer a AppKey"],
            id="the-key",
        ),
        pytest.param(
            "plugin",
            "debug: bool | None = None,\n) -> Cors:",
            "explains: bool | None = None,\n) -> Cors:",
            ["setup no longer takes the parameter debug, or in another way"],
            id="a-name-of-a-parameter",
        ),
        pytest.param(
            "plugin",
            "    *,\n    debug: bool | None = None,\n) -> Cors:",
            "    *,\n    debug: bool = False,\n) -> Cors:",
            [
                "setup has False as default of debug, no longer None",
                "setup no longer takes ['NoneType'] as debug",
            ],
            id="a-type-of-a-parameter",
        ),
        pytest.param(
            "plugin",
            '_NOT_GIVEN: Final[Any] = Marker("CorsOptions()")',
            "_NOT_GIVEN: Final[Any] = None",
            ["setup has None as default of defaults, no longer CorsOptions()"],
            id="a-default-of-our-own-type",
        ),
        pytest.param(
            "plugin",
            "def rescan(self)",
            "def rescan(self, path: str)",
            ["Cors.rescan has the parameter path, which is new and required"],
            id="a-parameter-that-is-required",
        ),
        pytest.param(
            "plugin",
            EXPLAIN,
            EXPLAIN.replace("Explanation", "dict[str, object]"),
            ["Cors.explain gives ['dict[str, object]'], no longer ['Explanation']"],
            id="what-a-method-returns",
        ),
        pytest.param(
            "options",
            "max_age: int | timedelta | None = 600",
            "max_age: int | timedelta | None = 5",
            ["CorsOptions has 5 as default of max_age, no longer 600"],
            id="a-default",
        ),
        pytest.param(
            "options",
            OPTIONS,
            OPTIONS.replace("frozen=True, ", ""),
            ["CorsOptions is no longer hashable", "CorsOptions is no longer frozen"],
            id="frozen-and-hashable",
        ),
        pytest.param(
            "options",
            "    @classmethod\n    def from_mapping(cls",
            "    def from_mapping(cls",
            ["CorsOptions.from_mapping is a function, no longer a class method"],
            id="a-class-method",
        ),
        pytest.param(
            "options",
            '"max-age-type"',
            '"max-age-kind"',
            ["code max-age-type is gone"],
            id="a-code",
        ),
        pytest.param(
            "options",
            '"method-case"',
            '"method-lower"',
            ["code method-case is gone"],
            id="a-code-that-a-function-returns",
        ),
        pytest.param(
            "_origins",
            '"origin-has-query"',
            '"origin-query"',
            ["code origin-has-query is gone"],
            id="a-code-in-a-table",
        ),
        pytest.param(
            "_targets",
            '"target-subapp"',
            '"target-mounted"',
            ["code target-subapp is gone"],
            id="a-code-that-is-handed-on",
        ),
        pytest.param(
            "_reasons",
            '"origin-malformed"',
            '"origin-bad"',
            ["REASONS origin-malformed is gone"],
            id="a-reason",
        ),
        pytest.param(
            "errors",
            "    fix: str\n",
            "",
            ["Problem no longer takes the parameter fix, or in another way", "Problem.fix is gone"],
            id="a-field",
        ),
        pytest.param(
            "errors",
            "self.problems",
            "self.found",
            ["CorsConfigError.problems is gone"],
            id="an-attribute",
        ),
        pytest.param(
            "errors",
            "CorsConfigError(ValueError)",
            "CorsConfigError(Exception)",
            ["CorsConfigError is no longer ValueError"],
            id="a-base",
        ),
        pytest.param(
            "testing",
            "self.reason",
            "self.slug",
            ["testing.FetchError.reason is gone"],
            id="an-attribute-of-an-error",
        ),
        pytest.param(
            "testing",
            "self.requests: list",
            "self.exchanges: list",
            ["testing.Page.requests is gone"],
            id="an-attribute-with-a-type",
        ),
        pytest.param(
            "testing",
            "    @property\n    def ok(self)",
            "    def ok(self)",
            ["testing.Response.ok is a function, no longer a value"],
            id="a-property",
        ),
        pytest.param(
            "testing",
            'Mode = Literal["cors", "no-cors", "same-origin"]',
            'Mode = Literal["cors", "no-cors"]',
            ["testing.Page.fetch no longer takes [\"'same-origin'\"] as mode"],
            id="a-value-of-a-literal",
        ),
        pytest.param(
            "testing",
            "    status: int\n    headers",
            "    status: int | None\n    headers",
            ["testing.Response.status gives ['int', 'NoneType'], no longer ['int']"],
            id="a-type-of-what-is-read",
        ),
    ],
)
def test_breaks_are_found(
    tmp_path: Path,
    now: dict[str, Facts],
    module: str,
    there: str,
    instead: str,
    told: list[str],
) -> None:
    found = breaks(now, planted(tmp_path, module, there, instead))
    shown = [words.removeprefix("the ").removeprefix("aiohttp_cors_plugin.") for words in found]
    assert shown == told


@pytest.mark.parametrize(
    ("module", "there", "instead"),
    [
        pytest.param(
            "__init__", '    "setup",\n', '    "setup",\n    "errors",\n', id="a-name-more"
        ),
        pytest.param(
            "options",
            "    guard_websockets: bool = False\n",
            "    guard_websockets: bool = False\n    quiet: bool = False\n",
            id="an-option-more",
        ),
        pytest.param(
            "options",
            "max_age: int | timedelta | None = 600",
            "max_age: int | float | timedelta | None = 600",
            id="a-type-more-to-give",
        ),
        pytest.param(
            "options",
            "    def __post_init__(self) -> None:",
            "    def quiet(self) -> bool:\n        return True\n\n"
            "    def __post_init__(self) -> None:",
            id="a-method-more",
        ),
        pytest.param(
            "_explain",
            "    preflight: bool\n",
            "    preflight: bool\n    seconds: float\n",
            id="a-field-more-of-what-users-read",
        ),
        pytest.param(
            "_explain", "    reason: str | None\n", "    reason: str\n", id="a-type-less-to-read"
        ),
        pytest.param(
            "plugin",
            "        debug: bool | None,\n        announce: bool,\n    ) -> None:",
            "        debug: bool | None,\n        announce: bool = False,\n    ) -> None:",
            id="how-we-make-the-handle",
        ),
        pytest.param(
            "plugin",
            "debug: bool | None = None,\n) -> Cors:",
            "debug: bool | None = None,\n    quiet: bool = False,\n) -> Cors:",
            id="a-parameter-more",
        ),
        pytest.param(
            "plugin",
            "    *,\n    debug: bool | None = None,\n) -> Cors:",
            "    debug: bool | None = None,\n) -> Cors:",
            id="a-parameter-by-place-too",
        ),
        pytest.param(
            "plugin",
            "        target: object,\n        options: ",
            "        what: object,\n        options: ",
            id="the-name-of-a-parameter-that-has-only-a-place",
        ),
        pytest.param(
            "plugin",
            "def rescan(self) -> None:",
            "def rescan(self) -> int:",
            id="something-returned-instead-of-nothing",
        ),
        pytest.param(
            "errors", "    fix: str\n", '    fix: str\n    link: str = ""\n', id="a-field-more"
        ),
        pytest.param("errors", "ValueError):", "LookupError, ValueError):", id="a-base-more"),
        pytest.param(
            "_reasons",
            '    "no-policy": Reason(',
            '    "too-late": Reason("", "x", "y"),\n    "no-policy": Reason(',
            id="a-reason-more",
        ),
        pytest.param(
            "testing",
            'Mode = Literal["cors",',
            'Mode = Literal["navigate", "cors",',
            id="a-value-more",
        ),
        pytest.param(
            "testing",
            "    requests: tuple[Exchange, ...]\n    _answer",
            "    requests: tuple[Exchange, ...]\n    seconds: float\n    _answer",
            id="a-field-more-of-an-answer",
        ),
        pytest.param(
            "testing",
            "    response_headers: CIMultiDictProxy[str]\n",
            "    response_headers: CIMultiDictProxy[str]\n    seconds: float = 0\n",
            id="a-field-more-of-an-exchange",
        ),
    ],
)
def test_what_is_compatible_is_no_break(
    tmp_path: Path, now: dict[str, Facts], module: str, there: str, instead: str
) -> None:
    assert breaks(now, planted(tmp_path, module, there, instead)) == []
