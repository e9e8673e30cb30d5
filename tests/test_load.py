"""`MODULE:APP`: applications, factories of all kinds, and what a person types wrongly."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from aiohttp_cors_plugin.cli._load import UsageError, application


def arguments(app: str, *, startup: bool = False) -> argparse.Namespace:
    return argparse.Namespace(app=app, startup=startup)


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        pytest.param("tests.shop:bare", 1, id="an application"),
        pytest.param("tests.shop:Inner.app", 1, id="an attribute of an attribute"),
        pytest.param("tests.shop:make_app", 10, id="a function"),
        pytest.param("tests.shop:make_app_later", 0, id="a coroutine function"),
        pytest.param("tests.shop:make_app_of", 10, id="a function of a list of arguments"),
    ],
)
async def test_it_is_found(name: str, routes: int) -> None:
    async with application(arguments(name)) as app:
        assert len(app.router.resources()) >= routes
        assert not app.frozen


async def test_startup_runs_if_asked_for_and_cleanup_after_it() -> None:
    for startup, count in ((False, 0), (True, 2)):
        async with application(arguments("tests.shop:make_app_later", startup=startup)) as app:
            assert len(app.router.routes()) == count
    assert app.frozen


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tests.shop", "is no MODULE:APP"),
        (":app", "is no MODULE:APP"),
        ("tests.shop:", "is no MODULE:APP"),
        ("tests/shop.py:app", "is a file"),
        ("shop.py:app", "is a file"),
        ("nowhere:app", "there is no module 'nowhere'"),
        ("tests.nowhere:app", "there is no module 'tests.nowhere'"),
        ("tests.shop:nothing", "tests.shop has no 'nothing'"),
        ("tests.shop:number", "is 7, no web.Application"),
        ("tests.shop:needs", "needs arguments"),
    ],
)
async def test_what_is_typed_wrongly_is_said(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        async with application(arguments(name)):
            pass


async def test_errors_of_the_users_code_keep_their_traceback(
    tmp_path: Any, monkeypatch: Any
) -> None:
    with pytest.raises(TypeError, match="on purpose"):
        async with application(arguments("tests.shop:fails")):
            pass
    (tmp_path / "needs_more.py").write_text("import nowhere_at_all\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        async with application(arguments("needs_more:app")):
            pass
