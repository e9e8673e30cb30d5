"""The Fetch algorithm that a browser runs, without one; `test_browser_chromium.py` has one."""

from __future__ import annotations

import pytest

from aiohttp_cors_plugin._browser import FetchRequest, Headers, Received, Verdict, fetch
from tests.app import APP

URL = "https://api.example.org/things"


def run(request: FetchRequest, *answers: Received | None) -> Verdict:
    """The verdict, with these answers of the network in turn."""
    steps, received, waiting = fetch(request), None, [*answers]
    try:
        while True:
            steps.send(received)
            received = waiting.pop(0)
    except StopIteration as end:
        assert not waiting
        verdict: Verdict = end.value
        return verdict


def answer(status: int = 200, origin: str | None = APP, **headers: str) -> Received:
    lines: Headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    if origin is not None:
        lines = (("Access-Control-Allow-Origin", origin), *lines)
    return Received(status, lines)


@pytest.mark.parametrize(
    ("answers", "reason", "subject"),
    [
        pytest.param(
            [answer(204, Access_Control_Allow_Methods="PUT"), answer(404)],
            "",
            "",
            id="a 404 is readable",
        ),
        pytest.param([answer(204)], "method-not-in-allow-methods", "PUT", id="no methods"),
        pytest.param([answer(204, None)], "allow-origin-missing", "", id="no allow header"),
        pytest.param([answer(301, Location="/x")], "preflight-redirect", "301", id="a redirect"),
        pytest.param([answer(401)], "preflight-status", "401", id="a 401"),
        pytest.param([None], "no-answer", "", id="nobody there"),
    ],
)
def test_a_put(answers: list[Received | None], reason: str, subject: str) -> None:
    verdict = run(FetchRequest(URL, APP, "PUT"), *answers)
    assert (verdict.resolved, verdict.reason, verdict.subject) == (not reason, reason, subject)
