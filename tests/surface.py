"""The public interface of the package that is imported, and what breaks one."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename
from packaging.version import Version

RELEASES = Path(__file__).parent.parent / ".ci" / "released"
PACKAGE = "aiohttp_cors_plugin"
MODULES = {"__init__.py": PACKAGE, "testing.py": f"{PACKAGE}.testing"}
# What users only get from us: how it is made is nobody's business.
NOT_MADE_BY_USERS = ("Cors", "Exchange", "Explanation", "FetchError", "Response")
POSITIONAL = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
BY_NAME = ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")
ANYTHING = {"Any", "object"}
SAYS_NOTHING = ({"Any"}, {"object"}, {"NoneType"})  # of what a call gives

Facts = dict[str, Any]


def newest() -> Path | None:
    """The wheel of the last release; None outside of the source tree."""
    return max(RELEASES.glob("*.whl"), key=version_of, default=None)


def version_of(wheel: Path) -> Version:
    return parse_wheel_filename(wheel.name)[1]


def surface() -> dict[str, Facts]:
    """By path: what kind of thing it is, and what users may rely on in it."""
    found: dict[str, Facts] = {}
    folder = Path(str(importlib.import_module(PACKAGE).__file__)).parent
    for file, module in MODULES.items():
        if not (folder / file).exists():  # 0.1.0 has no testing
            continue
        exported = importlib.import_module(module)
        for name in exported.__all__:
            thing, is_ours = getattr(exported, name), name in NOT_MADE_BY_USERS
            found[path := f"{module}.{name}"] = _described(thing, is_ours=is_ours)
            if inspect.isclass(thing):
                for member in members(thing):
                    found[f"{path}.{member}"] = _described(inspect.getattr_static(thing, member))
                # What the fields of others are declared as is what their makers may give.
                for member, annotation in attributes(thing).items():
                    read = _types(annotation) if is_ours else []
                    found[f"{path}.{member}"] = {"kind": "value", "returns": read}
    for source in folder.rglob("*.py"):
        found |= {f"the {slug}": {"kind": "slug"} for slug in slugs(source.read_text())}
    return found


def members(thing: type) -> list[str]:
    """The names of methods, properties and slots; not what builtin bases bring along."""
    bases = (base for base in thing.__mro__ if base.__module__ == "builtins")
    builtin = {name for base in bases for name in dir(base)}
    return [name for name in dir(thing) if not name.startswith("_") and name not in builtin]


def attributes(thing: type) -> dict[str, Any]:
    """What instances have beside that, by name, each with its annotation if it has one."""
    hints, made = _hints(thing), vars(thing).get("__init__")
    found = {name: hints.get(name) for name in vars(thing).get("__annotations__", ())}
    if made is not None and not dataclasses.is_dataclass(thing):
        hints = _hints(made)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(made)))):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    found[name] = hints.get(name)
    return {name: annotation for name, annotation in found.items() if not name.startswith("_")}


def slugs(source: str) -> Iterator[str]:
    """The slugs in a source that are promised to stay, each with what it stands for."""
    tree = ast.parse(source)
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id="REASONS" | "PROBLEMS" as table)):
                assert isinstance(node.value, ast.Dict)
                yield from (f"{table} {key.value}" for key in node.value.keys if key)
    if re.search(r"\bProblem\b", source) is None:
        return
    # Beside the calls there are tables, and functions that return the parts of a problem.
    for node in ast.walk(tree):
        places: list[Any] = []
        match node:
            case ast.Call(func=ast.Name(id="Problem" | "_target_error"), args=[code, *_]):
                assert not isinstance(code, ast.JoinedStr), "codes are written whole"
                places = [code]
            case ast.Tuple():
                places = node.elts[:2]
            case ast.Dict():
                places = node.keys
        for place in places:
            match place:
                case ast.Constant(value=str(text)) if re.fullmatch(r"[a-z]{2,}(-[a-z]+\d?)+", text):
                    yield f"code {text}"


def _described(thing: Any, *, is_ours: bool = False) -> Facts:
    if isinstance(thing, classmethod):
        return _described(thing.__func__) | {"kind": "class method"}
    if isinstance(thing, property):
        return {"kind": "value", "returns": _types(_hints(thing.fget).get("return"))}
    if inspect.isclass(thing):
        bases = [base.__name__ for base in thing.__mro__[1:]]
        described = {"kind": "class", "bases": bases, "traits": [*_traits(thing)]}
        return described | ({} if is_ours else {"parameters": _parameters(thing, thing.__init__)})
    if inspect.isfunction(thing):
        return {
            "kind": "coroutine function" if inspect.iscoroutinefunction(thing) else "function",
            "returns": _types(_hints(thing).get("return")),
            "parameters": _parameters(thing, thing),
        }
    return {"kind": "value" if inspect.isdatadescriptor(thing) else type(thing).__name__}


def _traits(thing: Any) -> Iterator[str]:
    if thing.__hash__ is not None:
        yield "hashable"
    if thing.__eq__ is not object.__eq__:
        yield "equal by value"
    if dataclasses.is_dataclass(thing) and thing.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield "frozen"


def _parameters(thing: Any, annotated: Any) -> list[Facts]:
    hints = _hints(annotated)
    return [
        {
            "name": p.name,
            "kind": p.kind.name,
            "default": None if p.default is p.empty else _shown(p.default),
            "types": _types(hints.get(p.name)),
        }
        for p in inspect.signature(thing).parameters.values()
    ]


def _shown(default: object) -> str:
    """A default as text; of our own options no more than that they are the plain ones."""
    if type(default) is object:  # what 0.1.0 has as a marker
        return "<inherited>"
    if type(default).__name__ == "CorsOptions" and default == type(default)():
        return "CorsOptions()"
    return repr(default)


def _hints(annotated: Any) -> Facts:
    """What annotations mean; nothing where some do to type checkers only.

    Of 0.1.0 there are such, and of the newest under aiohttp 3.10, whose client is not generic.
    """
    try:
        return typing.get_type_hints(annotated)
    except (NameError, TypeError):
        return {}


def _types(annotation: Any) -> list[str]:
    """The types that an annotation admits, one by one; the values of a literal too."""
    if annotation is None:
        return []
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Union | types.UnionType:
            return [name for argument in arguments for name in _types(argument)]
        case typing.Literal:
            return [*map(repr, arguments)]
    is_plain = isinstance(annotation, type) and not arguments
    text = annotation.__name__ if is_plain else repr(annotation)
    return [re.sub(r"(?:\w+\.)+(?=\w)", "", text)]  # a type may move to another module


def breaks(old: dict[str, Facts], new: dict[str, Facts]) -> list[str]:
    """What of the old interface the new one breaks, in words."""
    found = []
    for path, before in old.items():
        after = new.get(path)
        if after is None:
            found.append(f"{path} is gone")
        elif before["kind"] != after["kind"]:
            found.append(f"{path} is a {after['kind']}, no longer a {before['kind']}")
        else:
            found += [f"{path} {words}" for words in _breaks(before, after)]
    return found


def _breaks(before: Facts, after: Facts) -> Iterator[str]:
    for what in ("bases", "traits"):
        for lost in (one for one in before.get(what, ()) if one not in after[what]):
            yield f"is no longer {lost}"
    promised, given = before.get("returns", ()), after.get("returns", ())
    if promised and {*promised} not in SAYS_NOTHING and not {*given} <= {*promised}:
        yield f"gives {given}, no longer {promised}"
    taken = []
    for place, old in enumerate(before.get("parameters", ())):
        name = old["name"]
        new = next((p for p in enumerate(after["parameters"]) if _takes(p, place, old)), None)
        if new is None:
            yield f"no longer takes the parameter {name}, or in another way"
            continue
        taken.append(new[0])
        if old["default"] is not None and new[1]["default"] != old["default"]:
            yield f"has {new[1]['default']} as default of {name}, no longer {old['default']}"
        types_now = {*new[1]["types"]}
        lost_types = {*old["types"]} - types_now - ANYTHING
        if lost_types and types_now and not types_now & ANYTHING:
            yield f"no longer takes {sorted(lost_types)} as {name}"
    for place, new_one in enumerate(after.get("parameters", ())):
        is_required = new_one["default"] is None and not new_one["kind"].startswith("VAR_")
        if place not in taken and is_required:
            yield f"has the parameter {new_one['name']}, which is new and required"


def _takes(new: tuple[int, Facts], place: int, old: Facts) -> bool:
    """Whether a parameter takes what was given for an old one, in each way that it was given."""
    new_place, facts = new
    if old["kind"].startswith("VAR_"):
        return facts["kind"] == old["kind"]
    if old["kind"] in POSITIONAL and (facts["kind"] not in POSITIONAL or new_place != place):
        return False
    is_by_name = facts["kind"] in BY_NAME and facts["name"] == old["name"]
    return old["kind"] not in BY_NAME or is_by_name
