"""`MODULE:APP`: applications, factories of all kinds, and what a person types wrongly."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from aiohttp_cors_plugin.cli import main
from aiohttp_cors_plugin.cli._load import UsageError, asked

FACTORIES = """
import asyncio
from aiohttp import web

async def make():
    return web.Application()

def make_with_asyncio_run():
    return asyncio.run(make())

def make_and_print():
    print("made")
    return web.Application()

async def fail(app):
    raise OSError("on purpose")

async def make_and_fail():
    async def resource(app):
        print("opened")
        yield
        print("closed")

    app = await make()
    app.cleanup_ctx.append(resource)
    app.on_startup.append(fail)
    return app

made = asyncio.run(make())
loop = asyncio.new_event_loop()
made_by_a_loop = loop.run_until_complete(make())
loop.close()
coroutine = make()
"""


def application(name: str, *, startup: bool = False) -> web.Application:
    async def found(app: web.Application) -> web.Application:
        assert not app.frozen or startup
        return app

    return asked(argparse.Namespace(app=name, startup=startup), found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        pytest.param("tests.shop:bare", 1, id="an application"),
        pytest.param("tests.shop:Inner.app", 1, id="an attribute of an attribute"),
        pytest.param("tests.shop:make_app", 10, id="a function"),
        pytest.param("tests.shop:make_app()", 10, id="a function as gunicorn takes it"),
        pytest.param("tests.shop:make_app_later", 0, id="a coroutine function"),
        pytest.param("tests.shop:make_app_of", 10, id="a function of a list of arguments"),
    ],
)
def test_it_is_found(name: str, routes: int) -> None:
    assert len(application(name).router.resources()) >= routes


def test_modules_and_functions_run_before_there_is_a_loop(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "factories.py").write_text(FACTORIES)
    for name in ("make_with_asyncio_run", "made", "made_by_a_loop", "coroutine", "make_and_print"):
        assert isinstance(application(f"factories:{name}"), web.Application)
    assert capsys.readouterr() == ("", "made\n")  # standard output is for what was asked for
    with pytest.raises(OSError, match="on purpose"):
        application("factories:make_and_fail", startup=True)
    assert capsys.readouterr() == ("", "opened\nclosed\n")


def test_what_makes_the_application_may_import_more(folder: Path) -> None:
    (folder / "lazy.py").write_text("def make():\n    import lazy_too\n    return lazy_too.app\n")
    (folder / "lazy_too.py").write_text("from aiohttp import web\napp = web.Application()\n")
    script = Path(sys.executable).with_name("aiohttp-cors-plugin")
    done = subprocess.run(
        [str(script), "routes", "lazy:make"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("The application has no routes.\n", "")
    for _ in range(2):
        assert isinstance(application("lazy:make"), web.Application)
    assert sys.path.count(str(folder)) == 1


def test_startup_runs_if_asked_for_and_cleanup_after_it() -> None:
    for startup, count in ((False, 0), (True, 2)):
        app = application("tests.shop:make_app_later", startup=startup)
        assert len(app.router.routes()) == count
    assert app.frozen


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tests.shop", "is no MODULE:APP"),
        (":app", "is no MODULE:APP"),
        (":", "is no MODULE:APP"),
        (" : ", "is no MODULE:APP"),
        ("tests.shop:", "is no MODULE:APP"),
        ("tests/shop.py:app", "is a file"),
        ("shop.py:app", "is a file"),
        (".shop:app", "begins with a dot; write the whole name"),
        ("..:app", "begins with a dot"),
        ("no where:app", "there is no module 'no where'"),
        ("nowhere:app", "there is no module 'nowhere'"),
        ("tests.nowhere:app", "there is no module 'tests.nowhere'"),
        ("tests.shop.app:app", "there is no module 'tests.shop.app'"),
        ("tests..shop:app", "there is no module 'tests..shop'"),
        ("tests.shop:nothing", "tests.shop has no 'nothing'"),
        ("tests.shop:Inner..app", "tests.shop has no 'Inner..app'"),
        ("tests.shop:number", "is 7, no web.Application"),
        ("builtins:dict", "no web.Application"),
        ("tests.shop:needs", "needs arguments"),
    ],
)
def test_what_is_typed_wrongly_is_said(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        application(name)


EXITS = """
import asyncio, sys
from aiohttp import web

def main():
    sys.exit(0)

def usage():
    sys.exit("usage: give a port")

async def later():
    sys.exit()

async def on_startup(app):
    sys.exit(3)

async def in_a_task(app):
    await asyncio.create_task(on_startup(app))

def starts(on_startup=on_startup):
    app = web.Application()
    app.on_startup.append(on_startup)
    return app

def starts_a_task():
    return starts(in_a_task)
"""


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        ("exits", "main", "exits:main called sys.exit(0); name a function that only makes"),
        ("exits", "usage", "exits:usage called sys.exit('usage: give a port'); name a function"),
        ("exits", "later", "exits:later called sys.exit(None); name a function"),
        ("exits", "starts", "the startup of exits:starts called sys.exit(3); leave --startup out"),
        ("exits", "starts_a_task", "exits:starts_a_task called sys.exit(3); name a function"),
        ("unguarded", "app", "the import of unguarded called sys.exit(0); guard what runs"),
    ],
)
def test_an_exit_of_the_users_code_is_no_success(
    module: str, name: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "exits.py").write_text(EXITS)
    (folder / "unguarded.py").write_text(f"{EXITS}\nmain()\n")
    with pytest.raises(SystemExit) as ended:
        main(["routes", f"{module}:{name}", "--lint", "--startup"])
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert words in printed.err


def test_errors_of_the_users_code_keep_their_traceback(folder: Path) -> None:
    with pytest.raises(TypeError, match="on purpose"):
        application("tests.shop:fails")
    (folder / "needs_more.py").write_text("import nowhere_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        application("needs_more:app")
