"""`routes`: the options of every route of an application, for reviews and audits."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiohttp import web

from aiohttp_cors_plugin._attachments import Attachment, Misfit, Risk, attachments, risks
from aiohttp_cors_plugin.cli import _load
from aiohttp_cors_plugin.cli._terminal import style, table, wrap
from aiohttp_cors_plugin.options import CorsOptions

HELP = "the CORS options of every route of an application; --lint: what is risky about them"
_SHOWN_ORIGINS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _load.add_arguments(parser)
    parser.add_argument("--lint", action="store_true", help="list what is risky, exit with 1 then")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    found = _load.asked(arguments, _found)
    if arguments.lint:
        noticed = list(risks(found))
        print(_json(noticed) if arguments.json else _lint(noticed))
        return 1 if noticed else 0
    print(_json(found) if arguments.json else _routes(found))
    return 1 if any(attachment.problems for attachment in found) else 0


async def _found(app: web.Application) -> list[Attachment]:
    return list(attachments(app))


def _json(records: Iterable[Attachment | Risk]) -> str:
    return json.dumps([vars(record) for record in records], default=_plain, indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, CorsOptions):
        return {name: getattr(value, name) for name in CorsOptions.__slots__}
    if isinstance(value, Misfit):
        return vars(value)
    if isinstance(value, re.Pattern):
        return {"regex": value.pattern}
    return {"callable": _name(value)} if callable(value) else list(value)


def _name(value: object) -> str:
    return str(getattr(value, "__qualname__", None) or type(value).__qualname__)


def _routes(found: Iterable[Attachment]) -> str:
    rows: list[tuple[str, str, str]] = []
    problems: dict[str, list[str]] = {}
    remarks: dict[str, list[str]] = {}
    for one in found:
        words = "none" if one.rules is None else "; else ".join(map(_in_words, one.rules))
        methods = ", ".join(one.methods) or "?"
        rows.append((methods, one.path, f"{words} ({one.source})"))
        for problem in one.problems:
            problems.setdefault(str(problem), []).append(f"{methods} {one.path}")
        for remark in one.remarks:
            remarks.setdefault(remark, []).append(f"{methods} {one.path}")
    if not rows:
        return "The application has no routes."
    lines = [table(("METHODS", "PATH", "CORS (FROM)"), rows)]
    if problems:
        lines += ["", style("Problems:", "red"), *_with_places(problems)]
    if remarks:
        lines += ["", style("Remarks:", "yellow"), *_with_places(remarks)]
    return "\n".join(lines)


def _with_places(said: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for words, places in said.items():
        yield wrap(words, "  ")
        yield from (wrap(place, "    - ") for place in places)


def _in_words(options: CorsOptions) -> str:
    parts = [_origins(options.allow_origins)]
    if options.allow_credentials:
        parts.append("credentials")
    if options.allow_methods is not None:
        parts.append(f"only {', '.join(options.allow_methods)}")
    for prefix, names in (("sends", options.allow_headers), ("reads", options.expose_headers)):
        if names:
            parts.append(f"{prefix} {'any header' if names == '*' else ', '.join(names)}")
    return ", ".join(parts)


def _origins(origins: Any) -> str:
    if origins == "*":
        return "any origin"
    if callable(origins):
        return f"{_name(origins)}()"
    shown = [
        f"/{origin.pattern}/" if isinstance(origin, re.Pattern) else origin
        for origin in origins[:_SHOWN_ORIGINS]
    ]
    more = len(origins) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _lint(noticed: Iterable[Risk]) -> str:
    """Each risk once, with the routes that have it."""
    found: dict[str, dict[str, list[str]]] = {}
    for risk in noticed:
        said = found.setdefault(risk.code, {}).setdefault(f"{risk.reason}; {risk.fix}", [])
        said.append(f"{', '.join(risk.methods)} {risk.path}")
    lines = [
        line
        for code, said in found.items()
        for line in (style(code, "yellow"), *_with_places(said))
    ]
    return "\n".join(lines) or "Nothing risky."
