"""The command line: a thin shell. Exit codes: 0 fine, 1 problems, 2 wrong usage."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from aiohttp_cors_plugin.cli import check, demo, explain, routes
from aiohttp_cors_plugin.cli._load import UsageError

_COMMANDS = {"check": check, "demo": demo, "explain": explain, "routes": routes}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; `argv` are the arguments, those of the process if left out."""
    parser = argparse.ArgumentParser(
        prog="python -m aiohttp_cors_plugin", description="CORS for aiohttp applications."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except UsageError as error:
        parser.error(str(error))
