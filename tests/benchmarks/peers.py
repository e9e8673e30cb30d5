"""The variants: ways to answer cross-origin requests, each as its users would write it."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from aiohttp_cors_plugin import CorsOptions, setup


def _optional(name: str) -> Any:
    """A peer's module, None where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError:
        return None


aiohttp_cors = _optional("aiohttp_cors")
aiohttp_middlewares = _optional("aiohttp_middlewares")

Answer = Callable[[web.Request], Any]

PLUGIN = "this plugin"
NONE = "no CORS at all"
HOOK = "bare hook"
AIOHTTP_CORS = "aiohttp-cors"
MIDDLEWARES = "aiohttp-middlewares"
BY_HAND = "hand-written middleware"
HARD_CODED = "hard-coded OPTIONS"
PACKAGES = ("aiohttp", "multidict", "yarl", "aiohttp-cors", "aiohttp-middlewares")


@dataclass(frozen=True)
class Wanted:
    """What all variants are asked to allow."""

    origins: tuple[str, ...] | None = None
    """None: any."""
    credentials: bool = False
    expose: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("Content-Type",)
    rules: int = 1
    """More than one: only the last one has the origins."""

    @property
    def has_patterns(self) -> bool:
        return any("*" in origin for origin in self.origins or ())

    def options(self) -> list[CorsOptions]:
        before = [
            CorsOptions(allow_origins=[f"https://rule{number}.example.org"])
            for number in range(self.rules - 1)
        ]
        mine = CorsOptions(
            allow_origins="*" if self.origins is None else self.origins,
            allow_credentials=self.credentials,
            expose_headers=self.expose,
            allow_headers=[name for name in self.headers if name != "Content-Type"],
        )
        return [*before, mine]


def configure(variant: str, app: web.Application, wanted: Wanted) -> bool:
    """Give an application CORS in one of the ways; false where that way cannot do it."""
    return _CONFIGURE[variant](app, wanted)


def hooks_every_response(variant: str) -> bool:
    """Whether all that a variant does to an actual response is in `on_response_prepare`."""
    return variant in (NONE, HOOK, PLUGIN, AIOHTTP_CORS)


def answers_by_hand(variant: str) -> Answer | None:
    """The handler of the OPTIONS routes that a variant's user adds to every resource."""
    return _preflight_by_hand if variant in (HARD_CODED, BY_HAND) else None


def missing() -> Iterator[str]:
    """The peers that are not installed, in words."""
    for name, module in ((AIOHTTP_CORS, aiohttp_cors), (MIDDLEWARES, aiohttp_middlewares)):
        if module is None:
            yield f"{name} is not installed (`pip install -e .[bench]`) and left out."


def versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _no_cors(_app: web.Application, _wanted: Wanted) -> bool:
    return True


async def _bare_hook(_request: web.Request, response: web.StreamResponse) -> None:
    # As the documentation of aiohttp has it; with a name out of `hdrs` it costs a fifth less.
    response.headers["Access-Control-Allow-Origin"] = "*"


def _hook(app: web.Application, _wanted: Wanted) -> bool:
    app.on_response_prepare.append(_bare_hook)
    return True


def _plugin(app: web.Application, wanted: Wanted) -> bool:
    setup(app, wanted.options())
    return True


def _aiohttp_cors(app: web.Application, wanted: Wanted) -> bool:
    if aiohttp_cors is None or wanted.has_patterns or wanted.rules > 1:
        return False
    options = aiohttp_cors.ResourceOptions(
        allow_credentials=wanted.credentials,
        expose_headers=wanted.expose,
        allow_headers=wanted.headers,
        max_age=600,
    )
    origins = ("*",) if wanted.origins is None else wanted.origins
    defaults = dict.fromkeys(origins, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it keeps itself under a plain string
        cors = aiohttp_cors.setup(app, defaults=defaults)
    for resource in list(app.router.resources()):
        if isinstance(resource, web.StaticResource):
            files = aiohttp_cors.ResourceOptions(
                allow_methods=["GET"], allow_headers=wanted.headers, max_age=600
            )
            cors.add(resource, dict.fromkeys(origins, files))
            continue
        for route in list(resource):
            # It refuses `*` routes, and leaves sub-applications to a setup of their own.
            if route.method != hdrs.METH_ANY or isinstance(route.handler, type):
                if "app" not in resource.get_info():
                    cors.add(route)
    return True


def _middlewares(app: web.Application, wanted: Wanted) -> bool:
    if aiohttp_middlewares is None or wanted.rules > 1:
        return False
    origins = [
        re.compile(re.escape(origin).replace(r"\*", ".+") + "$") if "*" in origin else origin
        for origin in wanted.origins or ()
    ]
    made = aiohttp_middlewares.cors_middleware(
        allow_all=wanted.origins is None,
        origins=origins,
        allow_credentials=wanted.credentials,
        expose_headers=wanted.expose,
        allow_headers=wanted.headers,
        max_age=600,
    )
    app.middlewares.append(made)
    return True


def _by_hand(app: web.Application, wanted: Wanted) -> bool:
    """A middleware as applications carry it: origins, credentials and exposed headers."""
    if wanted.has_patterns or wanted.rules > 1:
        return False
    origins = None if wanted.origins is None else frozenset(wanted.origins)
    expose = ", ".join(wanted.expose)

    @web.middleware
    async def add_headers(request: web.Request, handler: Answer) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            response = error
        origin = request.headers.get("Origin")
        if origins is not None:
            response.headers["Vary"] = "Origin"
        if origin is not None and (origins is None or origin in origins):
            response.headers["Access-Control-Allow-Origin"] = "*" if origins is None else origin
            if wanted.credentials:
                response.headers["Access-Control-Allow-Credentials"] = "true"
            if expose:
                response.headers["Access-Control-Expose-Headers"] = expose
        return response

    app.middlewares.append(add_headers)
    return True


async def _preflight_by_hand(_request: web.Request) -> web.Response:
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": "600",
        },
    )


_CONFIGURE: dict[str, Callable[[web.Application, Wanted], bool]] = {
    NONE: _no_cors,
    HOOK: _hook,
    PLUGIN: _plugin,
    AIOHTTP_CORS: _aiohttp_cors,
    MIDDLEWARES: _middlewares,
    BY_HAND: _by_hand,
    HARD_CODED: _hook,
}
