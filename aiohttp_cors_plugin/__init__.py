"""CORS for aiohttp applications: one call, no middleware.

from aiohttp_cors_plugin import CorsOptions, setup

setup(app, CorsOptions(allow_origins=["https://app.example.com"]))
"""

from aiohttp_cors_plugin._explain import Explanation
from aiohttp_cors_plugin._overrides import override
from aiohttp_cors_plugin._routing import is_preflight
from aiohttp_cors_plugin.errors import CorsConfigError, Problem
from aiohttp_cors_plugin.options import CorsOptions
from aiohttp_cors_plugin.plugin import CORS, Cors, is_same_origin, setup

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
