"""The command line: a thin shell. Exit codes: 0 fine, 1 problems, 2 wrong usage."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from aiohttp_cors_plugin.cli import check, demo, explain, routes
from aiohttp_cors_plugin.cli._load import UsageError

_COMMANDS = {"check": check, "demo": demo, "explain": explain, "routes": routes}
_CLOSED = 141  # what a shell says of a program that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; `argv` are the arguments, those of the process if left out."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may be in any language
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough, as `head` has. Nothing is left to be written at exit.
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED
    except KeyboardInterrupt:
        return 1


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m aiohttp_cors_plugin", description="CORS for aiohttp applications."
    )
    subparsers = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, command in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
    arguments = parser.parse_args(argv)
    try:
        return int(_COMMANDS[arguments.command].run(arguments))
    except UsageError as error:
        subparsers.choices[arguments.command].error(str(error))
