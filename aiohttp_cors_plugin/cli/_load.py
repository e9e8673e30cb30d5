"""`MODULE:APP` on a command line: the application that it names."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")


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


def asked(arguments: argparse.Namespace, question: Callable[[web.Application], Awaitable[T]]) -> T:
    """What `question` finds out about the application; raises UsageError where there is none.

    Modules, and functions that are not async, run before there is an event loop, as they do in
    production: they may call `asyncio.run` themselves. What they print goes to standard error.
    """

    async def ask() -> T:
        app = await made if inspect.isawaitable(made) else made
        if not isinstance(app, web.Application):
            raise UsageError(f"{arguments.app} is {app!r:.100}, no web.Application")
        if not arguments.startup:
            return await question(app)
        runner = web.AppRunner(app)
        try:
            with _ending(f"the startup of {arguments.app}", "leave --startup out, or look why"):
                await runner.setup()
            return await question(app)
        finally:
            await runner.cleanup()

    fix = "name a function that only makes the application, and reads no command line"
    with contextlib.redirect_stdout(sys.stderr), _ending(arguments.app, fix):
        made = _made(arguments.app)
        return asyncio.run(ask())


@contextlib.contextmanager
def _ending(what: str, fix: str) -> Iterator[None]:
    """Where the user's code ends the process, nothing was found out: that is never a success."""
    try:
        yield
    except SystemExit as end:
        raise UsageError(f"{what} called sys.exit({end.code!r}); {fix}") from None


def _made(name: str) -> Any:
    """What a name on the command line stands for; perhaps to be awaited."""
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name.strip() or not attribute.strip():
        raise UsageError(f"{name!r} is no MODULE:APP; write, for example, shop.main:app")
    if module_name.endswith(".py") or os.sep in module_name:
        raise UsageError(f"{module_name!r} is a file; write it as a module: shop.main")
    if module_name.startswith("."):
        raise UsageError(f"{module_name!r} begins with a dot; write the whole name: shop.main")
    # For good: what makes the application may import more.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    fix = "guard what runs the program with if __name__ == '__main__':"
    try:
        with _ending(f"the import of {module_name}", fix):
            found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # of what the module imports: the traceback is what helps
        raise UsageError(
            f"there is no module {module_name!r} here or among the installed"
        ) from None
    try:
        for part in attribute.removesuffix("()").split("."):
            found = getattr(found, part)
    except AttributeError:
        raise UsageError(f"{module_name} has no {attribute!r}") from None
    if callable(found) and not isinstance(found, web.Application):
        found = _call(found, name)
    return found


def _call(factory: Any, name: str) -> Any:
    """Factories take nothing, or the list of arguments that `python -m aiohttp.web` gives."""
    try:
        signature = inspect.signature(factory)
    except ValueError:  # a class of the interpreter's
        return factory
    choices: tuple[list[list[str]], ...] = ([], [[]])
    for arguments in choices:
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return factory(*arguments)
    raise UsageError(f"{name} needs arguments; name a function that needs none")
