"""The public scanners for mistakes in CORS, against a server of each kind of options.

    pip install -e '.[scanners]' && python -m tests.scanners

CORScanner and corsair-scan each in a process of its own, as they change Python's sockets and write
to the terminal. A server that sends back whatever origin it is sent has to be found by both, so
that silence about the others means something. Ends with 1 where a finding is another than expected.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from aiohttp_cors_plugin import CorsOptions, setup
from tests.app import ok

HOST = "app.example.com"
ORIGIN = f"http://{HOST}"
SECONDS = 300


async def is_known(_request: web.Request, origin: str) -> bool:
    return origin == ORIGIN


def listing(*origins: str | re.Pattern[str]) -> CorsOptions:
    return CorsOptions(
        allow_origins=origins or is_known, allow_credentials=True, allow_insecure_origins=True
    )


def with_plugin(*rules: CorsOptions) -> web.Application:
    app = web.Application()
    app.router.add_get("/", ok)
    setup(app, rules)
    return app


def reflecting() -> web.Application:
    """The mistake that scanners are made for."""

    async def reflect(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        response.headers["Access-Control-Allow-Credentials"] = "true"

    app = web.Application()
    app.router.add_get("/", ok)
    app.on_response_prepare.append(reflect)
    return app


# What is served, and what each scanner finds: of a wildcard, that it lets names below it in.
SERVED: dict[str, tuple[Callable[[], web.Application], dict[str, set[str]]]] = {
    "an exact origin": (lambda: with_plugin(listing(ORIGIN)), {}),
    "an origin with any port": (lambda: with_plugin(listing(f"{ORIGIN}:*")), {}),
    "a part of a label": (lambda: with_plugin(listing("http://ap*.example.com")), {}),
    "a regular expression": (
        lambda: with_plugin(listing(re.compile(r"http://app\.example\.com"))),
        {},
    ),
    "a callable": (lambda: with_plugin(listing()), {}),
    "rules": (lambda: with_plugin(listing(ORIGIN), listing("https://b.example.com")), {}),
    "a wildcard": (
        lambda: with_plugin(listing(ORIGIN, f"http://*.{HOST}")),
        {"CORScanner": {"trust_any_subdomain"}, "corsair-scan": {"sub-domain"}},
    ),
    "no plugin, every origin sent back": (
        reflecting,
        {
            "CORScanner": {
                *("reflect_origin", "prefix_match", "suffix_match", "trust_null", "include_match"),
                *("not_escape_dot", "custom_third_parties", "special_characters_bypass"),
                "trust_any_subdomain",
            },
            "corsair-scan": {"fake_origin", "sub-domain", "pre-domain", "post-domain"},
        },
    ),
}


def corscanner(url: str) -> list[str]:
    """What CORScanner finds; it makes its origins of the URL's host."""
    from CORScanner.common.corscheck import CORSCheck
    from CORScanner.common.logger import Log

    config = {"logger": Log(None, print_level=4), "headers": None, "timeout": 10}
    return [found["type"] for found in CORSCheck(url, config).check_all_in_parallel()]


def corsair(url: str) -> list[str]:
    """What corsair-scan finds; it makes its origins of the one that it is given."""
    from corsair_scan import corsair_scan

    (report,) = corsair_scan.corsair_scan(
        [{"url": url, "verb": "GET", "headers": {"Origin": ORIGIN}, "params": None}]
    )["report"]
    return [name for name, test in report.items() if isinstance(test, dict) and _is_wrong(test)]


def _is_wrong(test: Mapping[str, Any]) -> bool:
    assert test["status_code"] == 200, test
    return bool(test["misconfigured"])


SCANNERS = {"CORScanner": corscanner, "corsair-scan": corsair}


def scan(name: str) -> None:
    """Run one scanner in this process, print what it finds as JSON."""
    import tldextract

    # The list of suffixes that comes with the package: nothing is fetched.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    print(json.dumps(sorted(SCANNERS[name](f"{ORIGIN}/"))))


async def ask(name: str, port: int) -> set[str]:
    """What a scanner finds on a server, reached as the proxy for its host."""
    process = await asyncio.create_subprocess_exec(
        # Of what gevent thinks of being late: only requests has to be patched.
        *(sys.executable, "-W", "ignore", "-m", "tests.scanners", name),
        env={**os.environ, "http_proxy": f"http://127.0.0.1:{port}", "no_proxy": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return set(json.loads(output.splitlines()[-1]))


async def run(served: str, make: Callable[[], web.Application]) -> dict[str, tuple[set[str], int]]:
    """What each scanner finds, and how many requests it made for that."""
    asked = 0

    async def count(_request: web.Request, _response: web.StreamResponse) -> None:
        nonlocal asked
        asked += 1

    app = make()
    app.on_response_prepare.append(count)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = {}
    try:
        for name in SCANNERS:
            before = asked
            found[name] = (await ask(name, runner.addresses[0][1]), asked - before)
    finally:
        await runner.cleanup()
    return found


async def compare() -> int:
    wrong = 0
    for served, (make, expected) in SERVED.items():
        for name, (found, asked) in (await run(served, make)).items():
            is_right = found == expected.get(name, set()) and asked > 0
            wrong += not is_right
            words = ", ".join(sorted(found)) or "nothing"
            verdict = "as expected" if is_right else "WRONG"
            print(f"{verdict:11}  {served}: {name} found {words} in {asked} requests", flush=True)
    return 1 if wrong else 0


def main(argv: list[str]) -> int:
    if argv:
        scan(*argv)
        return 0
    return asyncio.run(compare())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
