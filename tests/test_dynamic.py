"""What changes while the server runs: callables, tenants, reconfiguration, WebSocket guards."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import weakref
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from aiohttp_cors_plugin import CORS, CorsOptions, setup
from aiohttp_cors_plugin.plugin import _let_go
from tests.app import APP, cors_headers, ok, preflight


def tenants_database() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute(
        "CREATE TABLE origins (tenant TEXT, origin TEXT, PRIMARY KEY (tenant, origin))"
    )
    database.executemany(
        "INSERT INTO origins VALUES (?, ?)",
        [(f"t{n}", f"https://app{n}.example.com") for n in range(100)],
    )
    return database


DATABASE = web.AppKey("DATABASE", sqlite3.Connection)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_a_hundred_tenants_none_crossing(aiohttp_client: Any, is_async: bool) -> None:
    def look_up(request: web.Request, origin: str) -> bool:
        # In a preflight too, the request has the application and the variables of the path.
        row = request.app[DATABASE].execute(
            "SELECT 1 FROM origins WHERE tenant = ? AND origin = ?",
            (request.match_info["tenant"], origin),
        )
        return row.fetchone() is not None

    async def look_up_async(request: web.Request, origin: str) -> bool:
        await asyncio.sleep(0)
        return look_up(request, origin)

    app = web.Application()
    app[DATABASE] = tenants_database()
    app.router.add_put("/{tenant}/things", ok)
    setup(
        app,
        CorsOptions(allow_origins=look_up_async if is_async else look_up, allow_credentials=True),
    )
    client = await aiohttp_client(app)

    async def check(tenant: int, other: int) -> None:
        origin = f"https://app{other}.example.com"
        response = await client.put(f"/t{tenant}/things", headers={"Origin": origin})
        expected = {"Vary": "Origin"}
        if tenant == other:
            expected |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Credentials": "true",
            }
        assert cors_headers(response) == expected
        response = await client.options(f"/t{tenant}/things", headers=preflight("PUT", origin))
        assert response.status == (204 if tenant == other else 403)

    await asyncio.gather(*(check(n, m % 100) for n in range(100) for m in (n, n + 1, n + 50)))
    app[DATABASE].close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(True, None, id="True"),
        pytest.param(False, None, id="False"),
        pytest.param(1, "not a bool", id="no bool"),
        pytest.param(None, "not a bool", id="None"),
        pytest.param(ValueError("on purpose"), "raised", id="an exception"),
        pytest.param(web.HTTPFound("/x"), "raised", id="an HTTP exception"),
    ],
)
async def test_a_callable_is_asked_once_and_must_say_true(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, answer: Any, message: str | None
) -> None:
    asked = []

    def decide(_request: web.Request, origin: str) -> Any:
        asked.append(origin)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        assert await app[CORS].allows_origin(request) is (answer is True and origin == APP)
        response: web.StreamResponse = await handler(request)
        return response

    app = web.Application(middlewares=[look])
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=decide, vary=["X-Tenant"]))
    client = await aiohttp_client(app)
    for origin in (APP, None, "null", "nonsense"):
        caplog.clear()
        asked.clear()
        response = await client.put("/", headers={"Origin": origin} if origin else {})
        assert asked == ([APP] if origin == APP else [])
        expected = {"Vary": "Origin, X-Tenant"}
        if origin == APP and answer is True:
            expected["Access-Control-Allow-Origin"] = APP
        assert (response.status, cors_headers(response)) == (200, expected)
        if message and origin == APP:
            assert message in caplog.text
    origin = APP
    response = await client.options("/", headers=preflight("PUT"))
    assert response.status == (204 if answer is True else 403)


async def test_an_unhashable_callable_works(aiohttp_client: Any) -> None:
    class Decide:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, _request: web.Request, origin: str) -> bool:
            return origin == APP

    app = web.Application()
    app.router.add_put("/", ok)
    setup(app, CorsOptions(allow_origins=Decide()))
    client = await aiohttp_client(app)
    assert (await client.options("/", headers=preflight("PUT"))).status == 204


async def test_every_response_matches_one_of_two_policies_entirely(aiohttp_client: Any) -> None:
    async def wait(_request: web.Request) -> web.Response:
        await asyncio.sleep(0)
        return web.Response()

    app = web.Application()
    app.router.add_put("/", wait)
    policies = [
        CorsOptions(allow_origins=[APP], allow_credentials=True, max_age=1, allow_headers=["X-1"]),
        CorsOptions(max_age=2, expose_headers=["X-2"], expose_timing=True),
    ]
    cors = setup(app, policies[0])
    client = await aiohttp_client(app)

    async def both() -> list[list[tuple[str, str]]]:
        actual = await client.put("/", headers={"Origin": APP})
        asked = await client.options("/", headers=preflight("PUT"))
        return [sorted(cors_headers(response).items()) for response in (actual, asked)]

    expected = []
    for policy in policies:
        cors.reconfigure(policy)
        expected.append(await both())
    done = False

    chance = random.Random(7)

    async def swap() -> int:
        count = 0
        while not done:
            cors.reconfigure(chance.choice(policies))
            count += 1
            await asyncio.sleep(0)
        return count

    swapping = asyncio.create_task(swap())
    seen: set[str] = set()
    for _ in range(50):
        for answers in await asyncio.gather(*(both() for _ in range(100))):
            for kind in (0, 1):
                assert answers[kind] in (expected[0][kind], expected[1][kind])
                seen.add(str(answers[kind]))
    done = True
    assert await swapping > 100
    assert len(seen) == 4


async def let_in(_request: web.Request, origin: str) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return origin == APP


async def test_ten_thousand_in_flight_at_once_match_one_of_two_policies_entirely() -> None:
    """Handlers, and callables of preflights, wait while the policies are swapped."""
    waiting, let_go = 0, asyncio.Semaphore(2)

    async def wait(_request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        await let_go.acquire()
        return web.Response()

    policies = (
        CorsOptions(allow_origins=let_in, allow_credentials=True, max_age=1, allow_headers=["X-1"]),
        CorsOptions(max_age=2, expose_headers=["X-2"], expose_timing=True),
    )
    app = web.Application()
    app.router.add_put("/", wait)
    app.router.add_get("/", wait)
    cors = setup(app, policies[0])
    runner = web.AppRunner(app)
    await runner.setup()

    async def answer(method: str) -> tuple[int, list[tuple[str, str]]]:
        headers = preflight("PUT") if method == "OPTIONS" else {"Origin": APP}
        request = make_mocked_request(method, "/", headers, app=app)
        response = await app._handle(request)
        await response.prepare(request)
        return response.status, sorted(cors_headers(response).items())

    expected = []
    for policy in policies:
        cors.reconfigure(policy)
        expected.append([await answer(method) for method in ("PUT", "OPTIONS")])
    assert expected[0][0] != expected[1][0]
    waiting = 0
    chance = random.Random(7)
    tasks: list[asyncio.Task[Any]] = []
    for number in range(10_000):
        if number % 100 == 0:
            await asyncio.sleep(0)
            cors.reconfigure(chance.choice(policies))
        tasks.append(asyncio.create_task(answer(("PUT", "OPTIONS")[number % 2])))
    await asyncio.sleep(0)
    assert waiting == 5000
    assert not any(task.done() for task in tasks[::2])
    for _ in range(100):
        cors.reconfigure(chance.choice(policies))
        for _ in range(50):
            let_go.release()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    seen = set()
    for number, task in enumerate(tasks):
        kind = number % 2
        assert task.result() in (expected[0][kind], expected[1][kind])
        seen.add((kind, task.result() == expected[0][kind]))
    assert len(seen) == 4
    await runner.cleanup()


async def test_a_swap_drops_a_long_list_in_small_steps(aiohttp_client: Any) -> None:
    app = web.Application()
    app.router.add_get("/", ok)
    cors = setup(app, CorsOptions(allow_origins=[APP]))
    client = await aiohttp_client(app)
    ends = []
    for number in range(3):
        origins = [f"https://a{n}.x{number}.example.com" for n in range(50_000)]
        options = CorsOptions(allow_origins=origins)
        ends.append(weakref.ref(options.allow_origins))
        cors.reconfigure(options)
        del options
        response = await client.get("/", headers={"Origin": origins[-1]})
        assert response.headers["Access-Control-Allow-Origin"] == origins[-1]
        assert [end() is None for end in ends] == [True] * number + [False]


async def test_one_step_drops_one_piece() -> None:
    pieces: list[Any] = [[], [], []]
    _let_go(pieces)
    lengths = [len(pieces)]
    while pieces:
        await asyncio.sleep(0)
        lengths.append(len(pieces))
    assert lengths == [2, 1, 0]
