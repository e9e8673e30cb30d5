"""CORS for aiohttp applications: one call, no middleware.

    from aiohttp import web
    from aiohttp_cors_plugin import CorsOptions, setup

    app = web.Application()
    setup(app, CorsOptions(allow_origins=["https://app.example.com"]))

Where to start:

- `setup(app, options)` stamps every response and answers every preflight. It returns a `Cors`.
- `CORS` is the key under which that handle is kept, a `web.AppKey`: `request.app[CORS]`.
- `Cors` changes the options of a target or of the whole application, also while it runs, and
  explains what a request would meet, as an `Explanation`.
- `CorsOptions` is what pages of other origins may do. A wrong one raises `CorsConfigError`, which
  has every `Problem` that was found.
- `override(...)` gives a handler options of its own, as a decorator.
- `is_preflight(request)` and `is_same_origin(request)` are for middlewares of your own.

Where options are taken, they are one `CorsOptions`; a sequence of them (rules: the first whose
origins match the request's `Origin` decides); or None (no CORS at all).

`aiohttp_cors_plugin.testing` has a client for tests that behaves like a page on another origin.
`python -m aiohttp_cors_plugin --help` lists the commands: demo, check, routes, explain.
"""

from aiohttp_cors_plugin._explain import Explanation
from aiohttp_cors_plugin._overrides import override
from aiohttp_cors_plugin._requests import is_preflight, is_same_origin
from aiohttp_cors_plugin.errors import CorsConfigError, Problem
from aiohttp_cors_plugin.options import CorsOptions
from aiohttp_cors_plugin.plugin import CORS, Cors, setup

__all__ = [
    "CORS",
    "Cors",
    "CorsConfigError",
    "CorsOptions",
    "Explanation",
    "Problem",
    "is_preflight",
    "is_same_origin",
    "override",
    "setup",
]
