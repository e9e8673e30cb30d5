"""`MODULE:APP` on a command line: the application that it names."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web


class UsageError(Exception):
    """What a person typed wrongly, in a sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "app",
        metavar="MODULE:APP",
        help="an application or a function that makes one, such as shop.main:make_app",
    )
    parser.add_argument(
        "--startup",
        action="store_true",
        help="run the application's on_startup first, and its on_cleanup afterwards: for routes "
        "that are added there",
    )


@contextlib.asynccontextmanager
async def application(arguments: argparse.Namespace) -> AsyncIterator[web.Application]:
    """The application of the arguments; raises UsageError where there is none."""
    app = await _load(arguments.app)
    if not arguments.startup:
        yield app
        return
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        yield app
    finally:
        await runner.cleanup()


async def _load(name: str) -> web.Application:
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise UsageError(f"{name!r} is no MODULE:APP; write, for example, shop.main:app")
    if module_name.endswith(".py") or os.sep in module_name:
        raise UsageError(f"{module_name!r} is a file; write it as a module: shop.main")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # of what the module imports: the traceback is what helps
        raise UsageError(
            f"there is no module {module_name!r} here or among the installed"
        ) from None
    finally:
        sys.path.remove(os.getcwd())
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise UsageError(f"{module_name} has no {attribute!r}") from None
    if callable(found) and not isinstance(found, web.Application):
        found = _call(found, name)
        if inspect.isawaitable(found):
            found = await found
    if not isinstance(found, web.Application):
        raise UsageError(f"{name} is {found!r:.100}, no web.Application")
    return found


def _call(factory: Any, name: str) -> Any:
    """Factories take nothing, or the list of arguments that `python -m aiohttp.web` gives."""
    signature = inspect.signature(factory)
    choices: tuple[list[list[str]], ...] = ([], [[]])
    for arguments in choices:
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return factory(*arguments)
    raise UsageError(f"{name} needs arguments; name a function that needs none")
