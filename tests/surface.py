"""The public interface of the package that is imported, as JSON: `python -m tests.surface`."""

from __future__ import annotations

import importlib
import inspect
import json
from typing import Any

MODULES = ("aiohttp_cors_plugin", "aiohttp_cors_plugin.testing")


def surface() -> dict[str, dict[str, Any]]:
    """By path: the bases of a class, the parameters of what can be called."""
    found: dict[str, dict[str, Any]] = {}
    for module in MODULES:
        try:
            exported = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for name in exported.__all__:
            thing = getattr(exported, name)
            path = f"{module}.{name}"
            found[path] = _described(thing)
            if inspect.isclass(thing):
                for member, value in inspect.getmembers(thing):
                    if not member.startswith("_") and not hasattr(Exception, member):
                        found[f"{path}.{member}"] = _described(value)
    return found


def _described(thing: object) -> dict[str, Any]:
    described: dict[str, Any] = {}
    if inspect.isclass(thing):
        described["bases"] = [base.__name__ for base in thing.__mro__[1:]]
    if callable(thing):
        described["parameters"] = [
            [p.name, p.kind.name, None if p.default is p.empty else _shown(p.default)]
            for p in inspect.signature(thing).parameters.values()
        ]
    return described


def _shown(default: object) -> str:
    """A default as text; of a marker no more than that it is one."""
    return "object()" if type(default) is object else repr(default)


def breaks(old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> list[str]:
    """What of the old interface the new one breaks, in words."""
    found = []
    for path, before in old.items():
        after = new.get(path)
        if after is None:
            found.append(f"{path} is gone")
            continue
        found += [
            f"{path} is no {base} any longer"
            for base in before.get("bases", ())
            if base not in after.get("bases", ())
        ]
        if "parameters" in before:
            found += [f"{path}: {words}" for words in _parameters(before, after)]
    return found


def _parameters(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    if "parameters" not in after:
        return ["cannot be called any longer"]
    old = {
        name: (place, kind, default)
        for place, (name, kind, default) in enumerate(before["parameters"])
    }
    new = {
        name: (place, kind, default)
        for place, (name, kind, default) in enumerate(after["parameters"])
    }
    found = [
        f"the parameter {name} is new and required"
        for name, (_, kind, default) in new.items()
        if name not in old and default is None and not kind.startswith("VAR_")
    ]
    for name, (place, kind, default) in old.items():
        if name not in new:
            found.append(f"the parameter {name} is gone")
            continue
        new_place, new_kind, new_default = new[name]
        if new_kind != kind or (kind.startswith("POSITIONAL") and place != new_place):
            found.append(f"the parameter {name} is given in another way")
        if default is not None and new_default != default:
            found.append(f"the default of {name} is {new_default}, no longer {default}")
    return found


if __name__ == "__main__":
    print(json.dumps(surface(), indent=1))
