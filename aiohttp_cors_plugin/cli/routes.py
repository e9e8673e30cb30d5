"""`routes`: the options of every route of an application, for reviews and audits."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Iterable
from typing import Any

from aiohttp_cors_plugin._attachments import Attachment, Risk, attachments, risks
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
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with _load.application(arguments) as app:
        found = list(attachments(app))
    is_wrong = any(attachment.is_invalid for attachment in found)
    if arguments.lint:
        noticed = list(risks(found))
        print(_json(noticed) if arguments.json else _lint(noticed))
        return 1 if noticed or is_wrong else 0
    print(_json(found) if arguments.json else _routes(found))
    return 1 if is_wrong else 0


def _json(records: Iterable[Attachment | Risk]) -> str:
    return json.dumps([vars(record) for record in records], default=_plain, indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, CorsOptions):
        return {name: getattr(value, name) for name in CorsOptions.__slots__}
    if isinstance(value, re.Pattern):
        return f"regex {value.pattern}"
    return _name(value) if callable(value) else list(value)


def _name(value: object) -> str:
    return str(getattr(value, "__qualname__", None) or type(value).__qualname__)


def _routes(found: Iterable[Attachment]) -> str:
    rows = []
    for one in found:
        words = "none" if one.rules is None else "; else ".join(map(_in_words, one.rules))
        notes = [style(note, "red" if one.is_invalid else "yellow") for note in one.remarks]
        rows.append((", ".join(one.methods) or "?", one.path, f"{words} ({one.source})", *notes))
    if not rows:
        return "The application has no routes."
    lines = table(("METHODS", "PATH", "CORS (FROM)"), [row[:3] for row in rows])
    notes = [wrap(note, f"  {row[0]} {row[1]}: ", "    ") for row in rows for note in row[3:]]
    return "\n".join([lines, *(["", "Remarks:"] if notes else []), *notes])


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
    places: dict[tuple[str, str, str], list[str]] = {}
    for risk in noticed:
        place = f"{', '.join(risk.methods)} {risk.path}"
        places.setdefault((risk.code, risk.reason, risk.fix), []).append(place)
    lines = []
    for (code, reason, fix), routes in places.items():
        lines.append(style(code, "yellow"))
        lines.append(wrap(f"{reason}; {fix}", "  "))
        lines.extend(wrap(route, "    - ") for route in routes)
    return "\n".join(lines) or "Nothing risky."
