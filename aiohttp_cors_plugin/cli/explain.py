"""`explain`: what a page's request would meet in an application, and why; nothing is served."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aiohttp import web
from multidict import CIMultiDict

from aiohttp_cors_plugin._attachments import handles
from aiohttp_cors_plugin._browser import FetchRequest
from aiohttp_cors_plugin._explain import Explanation
from aiohttp_cors_plugin.cli import _arguments, _load
from aiohttp_cors_plugin.cli._terminal import printable, style, wrap

HELP = "what a page's request would meet in an application, and why; nothing is served"


_SERVER = "https://server.invalid"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _load.add_arguments(parser)
    parser.add_argument(
        "path", metavar="PATH", type=_path, help="a path, or a whole URL where domains matter"
    )
    parser.add_argument(
        "--origin",
        type=_arguments.origin,
        required=True,
        help="the page's, as location.origin shows it; null for a sandboxed frame",
    )
    parser.add_argument("--method", default="GET", help="as given to fetch(); default: GET")
    parser.add_argument(
        "--header",
        type=_arguments.header,
        action="append",
        default=[],
        metavar="NAME[: VALUE]",
        help="a request header that the script sets; may be repeated",
    )
    parser.add_argument("--credentials", action="store_true", help="sent with cookies")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _path(text: str) -> str:
    if text.startswith("/") or "://" in text:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no path; write '/{text}', or a whole URL")


def run(arguments: argparse.Namespace) -> int:
    is_path = arguments.path.startswith("/")
    url = f"{_SERVER}{arguments.path}" if is_path else arguments.path
    headers = tuple(arguments.header)
    sent = _arguments.first_sent(FetchRequest(url, arguments.origin, arguments.method, headers))
    path = sent.url.removeprefix(_SERVER)  # as browsers send it

    async def explain(app: web.Application) -> Explanation:
        if not (found := handles(app)):
            raise _load.UsageError(f"{arguments.app} has no setup() of aiohttp_cors_plugin")
        return await found[0].explain(
            arguments.method,
            path,
            origin=arguments.origin,
            headers=CIMultiDict(headers),
            credentials=arguments.credentials,
        )

    explanation = _load.asked(arguments, explain)
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
        f"  route      {_route(explanation) or 'none: a 404 or a 405'}",
        wrap(explanation.source, "  options    "),
    ]
    if explanation.preflight:
        status = explanation.preflight_status or "the application's own answer"
        lines.append(f"  preflight  {status}")
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
