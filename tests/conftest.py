"""A real Chromium for the tests that are marked `browser`."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aiohttp_cors_plugin import setup
from tests.answers import OPTIONS
from tests.app import make_app

FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def chromium_path() -> str | None:
    """Where Chromium is: the environment's `CHROMIUM`, or the system's."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture
async def chromium() -> AsyncIterator[object]:
    path = chromium_path()
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        path = None
    if path is None:
        reason = "no Chromium or no playwright on this machine"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "file.txt").write_text("0123456789")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
async def client(aiohttp_client: Any, folder: Path) -> Any:
    app = make_app(folder)
    setup(app, OPTIONS)
    return await aiohttp_client(app)
