"""`explain`: what a page's request would meet in an application, and why; nothing is served."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json

from aiohttp_cors_plugin._explain import Explanation
from aiohttp_cors_plugin.cli import _load
from aiohttp_cors_plugin.cli._terminal import printable, style, wrap
from aiohttp_cors_plugin.plugin import CORS

HELP = "what a page's request would meet in an application, and why; nothing is served"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _load.add_arguments(parser)
    parser.add_argument("path", help="a path, or a whole URL where domains matter")
    parser.add_argument("--origin", required=True, help="the page's, as location.origin shows it")
    parser.add_argument("--method", default="GET", help="as given to fetch(); default: GET")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME[: VALUE]",
        help="a request header that the script sets; may be repeated",
    )
    parser.add_argument("--credentials", action="store_true", help="sent with cookies")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    pairs = (header.partition(":") for header in arguments.header)
    async with _load.application(arguments) as app:
        cors = app.get(CORS)
        if cors is None:
            raise _load.UsageError(f"{arguments.app} has no setup() of aiohttp_cors_plugin")
        explanation = await cors.explain(
            arguments.method,
            arguments.path,
            origin=arguments.origin,
            headers={name.strip(): value.strip() for name, _, value in pairs},
            credentials=arguments.credentials,
        )
    print(_json(explanation) if arguments.json else _in_words(explanation))
    return 0 if explanation.allowed else 1


def _json(explanation: Explanation) -> str:
    record = {
        field.name: getattr(explanation, field.name) for field in dataclasses.fields(explanation)
    }
    return json.dumps(record | {"route": _route(explanation)}, indent=2)


def _route(explanation: Explanation) -> str | None:
    route = explanation.route
    if route is None:
        return None
    return f"{route.method} {'' if route.resource is None else route.resource.canonical}"


def _in_words(explanation: Explanation) -> str:
    lines = [
        f"{explanation.method} {printable(explanation.path)} from {printable(explanation.origin)}",
        f"  route    {_route(explanation) or 'none: a 404 or a 405'}",
        wrap(explanation.source, "  options  "),
    ]
    if explanation.preflight:
        status = explanation.preflight_status or "the application's own answer"
        lines.append(f"  preflight {status}")
        lines += [wrap(f"{n}: {v}", "    ", "      ") for n, v in explanation.preflight_headers]
    if explanation.headers:
        lines.append("  response")
        lines += [wrap(f"{n}: {v}", "    ", "      ") for n, v in explanation.headers]
    if explanation.allowed:
        lines.append(style("The script may read the response.", "green"))
    else:
        lines.append(style("The script may not read the response.", "red"))
        lines.append(wrap(explanation.message, "  "))
    return "\n".join(lines)
