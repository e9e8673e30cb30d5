"""The answers of an application under one policy, header by header."""

from __future__ import annotations

from aiohttp_cors_plugin import CorsOptions
from tests.app import APP

OPTIONS = CorsOptions(
    allow_origins=[APP, "https://*.preview.example.com"],
    allow_credentials=True,
    allow_headers=["X-Token"],
    expose_headers=["X-Total"],
)
READABLE = {
    "Access-Control-Allow-Origin": APP,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "X-Total",
    "Vary": "Origin",
}
REFUSED = {"Vary": "Origin"}


def allowed(methods: str, origin: str = APP) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": (
            "Accept, Accept-Language, Content-Language, Content-Type, Range, X-Token"
        ),
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
