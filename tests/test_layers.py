"""The rules about the code: imports point up, the upper half knows nothing of aiohttp."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import aiohttp_cors_plugin

PACKAGE = Path(aiohttp_cors_plugin.__file__).parent
PURE = ("errors", "_fetch", "_origins", "options", "_policy")
ORDER = (
    *PURE,
    "_routing",
    "_overrides",
    "plugin",
    "__init__",
    "cli/demo",
    "cli/__init__",
    "__main__",
)
# What aiohttp does not document, and the one place that uses it.
UNDOCUMENTED = {("_routing", "_handle")}


def module_of(name: str) -> str:
    """A module's dotted name as its place in the order."""
    inner = name.replace(".", "/").removeprefix("aiohttp_cors_plugin").strip("/")
    return inner if inner in ORDER else f"{inner}/__init__".strip("/")


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a source imports when it runs; `if TYPE_CHECKING:` does not."""
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in names if module_of(name) in ORDER]
            yield from modules or [node.module or ""]


def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def test_every_module_has_its_place_in_the_order() -> None:
    found = {str(path.relative_to(PACKAGE))[:-3] for path in PACKAGE.rglob("*.py")}
    assert found == set(ORDER)


@pytest.mark.parametrize("module", PURE)
def test_the_upper_half_does_not_import_aiohttp(module: str) -> None:
    assert not [name for name in imported(tree_of(module)) if name.split(".")[0] == "aiohttp"]


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_up(module: str) -> None:
    for name in imported(tree_of(module)):
        if name.split(".")[0] != "aiohttp_cors_plugin":
            continue
        assert ORDER.index(module_of(name)) < ORDER.index(module), f"{module} imports {name}"


@pytest.mark.parametrize("module", ORDER)
def test_no_undocumented_attribute_of_aiohttp_is_used(module: str) -> None:
    tree = tree_of(module)
    own = {
        name
        for other in ORDER
        for node in ast.walk(tree_of(other))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Attribute | ast.AnnAssign)
        for name in [getattr(node, "name", None) or getattr(node, "attr", None)]
        if isinstance(name, str)
        and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            or (isinstance(getattr(node, "ctx", None), ast.Store))
        )
    }
    annotated = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    private = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    }
    assert {(module, name) for name in private - own - annotated} <= UNDOCUMENTED


@pytest.mark.parametrize(
    "module", [Path(module).name for module in ORDER if module not in ("__init__", "__main__")]
)
def test_every_module_has_its_test_file(module: str) -> None:
    name = "demo" if module == "__init__" else module.lstrip("_")
    assert (Path(__file__).parent / f"test_{name}.py").exists()
