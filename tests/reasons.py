"""Each reason for a refusal, with a request that meets it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, setup
from tests.app import APP, EVIL, ok, preflight


def refuse(_request: web.Request, _origin: str) -> bool:
    return False


def fail(_request: web.Request, _origin: str) -> bool:
    raise OSError("the database is down")


LISTED = CorsOptions(allow_origins=[APP], allow_methods=["GET", "PUT"], allow_headers=["X-One"])


class Refused(NamedTuple):
    """A request of a page, and why it is refused."""

    method: str = "PUT"
    origin: str = APP
    headers: tuple[str, ...] = ()
    options: Any = LISTED
    credentials: bool = False
    subject: str = ""
    raw_headers: str | None = None  # what no browser sends


REFUSED = {
    "origin-not-listed": Refused(origin=EVIL, subject=EVIL),
    "origin-null": Refused(origin="null", subject="null"),
    "origin-malformed": Refused(origin="https://app.example.com/", subject=f"{APP}/"),
    "origin-insecure": Refused(
        origin="http://app.example.com",
        options=CorsOptions(
            allow_origins=[re.compile(r"https?://app\.example\.com")], allow_credentials=True
        ),
        subject="http://app.example.com",
    ),
    "predicate-refused": Refused(options=CorsOptions(allow_origins=refuse), subject=APP),
    "predicate-failed": Refused(options=CorsOptions(allow_origins=fail), subject=APP),
    "method-not-served": Refused(method="PATCH", subject="PATCH"),
    "method-not-allowed": Refused(method="DELETE", subject="DELETE"),
    "header-not-allowed": Refused(headers=("X-Two",), subject="x-two"),
    "headers-malformed": Refused(raw_headers="a b", subject="a b"),
    "credentials-not-allowed": Refused(credentials=True, subject=APP),
    "no-policy": Refused(options=None, subject="/things"),
}


def application(options: Any, *, debug: bool) -> web.Application:
    app = web.Application()
    for method in ("GET", "PUT", "DELETE"):
        app.router.add_route(method, "/things", ok)
    setup(app, options, debug=debug)
    return app


def sent(case: Refused) -> dict[str, str]:
    names = case.raw_headers or ",".join(case.headers) or None
    return preflight(case.method, case.origin, names)
