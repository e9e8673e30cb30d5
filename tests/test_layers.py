"""The rules about the code: imports point up, the upper half knows nothing of aiohttp."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aiohttp_cors_plugin

PACKAGE = Path(aiohttp_cors_plugin.__file__).parent
PURE = (
    "errors",
    "_fetch",
    "_origins",
    "options",
    "_reasons",
    "_policy",
    "_urls",
    "_browser",
    "_log",
)
ORDER = (
    *PURE,
    "_requests",
    "_routing",
    "_memory",
    "_overrides",
    "_tables",
    "_asking",
    "_reports",
    "_state",
    "_stamping",
    "_preflights",
    "_explain",
    "_targets",
    "plugin",
    "_attachments",
    "_sending",
    "testing",
    "__init__",
    "cli/_terminal",
    "cli/_diagnosis",
    "cli/_load",
    "cli/_arguments",
    "cli/check",
    "cli/demo",
    "cli/routes",
    "cli/explain",
    "cli/__init__",
    "__main__",
)
# What the upper half needs beside the standard library; everything below may import aiohttp too.
THIRD_PARTY = {"_policy": {"multidict"}, "options": {"publicsuffixlist"}}
# Underscore attributes of anything but `self`, all of them aiohttp's.
REACHED = {
    ("_policy", "request._headers"),
    ("_policy", "response._headers"),
    ("_requests", "request._match_info"),
    ("_routing", "root._handle"),
    ("_routing", "router._resource_index"),
    ("_stamping", "request._match_info"),
    ("_stamping", "request._match_info._route"),
    ("testing", "self._client._responses"),
    ("testing", "self._client._websockets"),
}


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
def test_the_upper_half_knows_nothing_of_the_framework(module: str) -> None:
    tops = {name.split(".")[0] for name in imported(tree_of(module))}
    known = {"aiohttp_cors_plugin", *sys.stdlib_module_names, *THIRD_PARTY.get(module, ())}
    assert tops <= known


@pytest.mark.parametrize("module", ORDER)
def test_imports_are_absolute(module: str) -> None:
    """The test of their order would not see the others."""
    found = (node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ImportFrom))
    assert [ast.unparse(node) for node in found if node.level] == []


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_up(module: str) -> None:
    for name in imported(tree_of(module)):
        if name.split(".")[0] != "aiohttp_cors_plugin":
            continue
        assert ORDER.index(module_of(name)) < ORDER.index(module), f"{module} imports {name}"


def is_private(name: object) -> bool:
    if name == "_replace":  # of named tuples, and public
        return False
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


def private_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each underscore attribute that a source reads or writes, by object and name."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=owner, attr=name) if is_private(name):
                yield ast.unparse(owner), name
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr" | "setattr" | "delattr"),
                args=[owner, ast.Constant(value=name), *_],
            ) if is_private(name):
                yield ast.unparse(owner), name


def test_underscore_attributes_of_other_objects_are_those_in_the_list() -> None:
    assert {
        (module, f"{owner}.{name}")
        for module in ORDER
        for owner, name in private_of(tree_of(module))
        if owner not in ("self", "cls")
    } == REACHED


def test_underscore_attributes_of_self_are_made_here_and_not_inherited_from_aiohttp() -> None:
    made, used = set(), set()
    for module in ORDER:
        tree = tree_of(module)
        used |= {name for owner, name in private_of(tree) if owner in ("self", "cls")}
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    made.add(name)
                case ast.AnnAssign(target=ast.Name(id=name)) | ast.Name(id=name, ctx=ast.Store()):
                    made.add(name)
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    made.add(name)
    assert used <= made


@pytest.mark.parametrize(
    "module", [Path(module).name for module in ORDER if module not in ("__init__", "__main__")]
)
def test_every_module_has_its_test_file(module: str) -> None:
    name = "demo" if module == "__init__" else module.lstrip("_")
    assert (Path(__file__).parent / f"test_{name}.py").exists()
