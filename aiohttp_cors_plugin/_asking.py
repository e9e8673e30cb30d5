"""Asks the user's callables about an origin, once a request; what goes wrong is a refusal."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Final

from aiohttp import web

from aiohttp_cors_plugin._log import Repeats, logger
from aiohttp_cors_plugin._policy import Policy, Verdict
from aiohttp_cors_plugin._reasons import quoted
from aiohttp_cors_plugin._requests import request_key

if TYPE_CHECKING:
    from aiohttp_cors_plugin.options import OriginPredicate

# What a request's callables said, kept on the request so that each is asked once.
_ASKED: Final = request_key("aiohttp_cors_plugin_asked")


async def verdict_on(
    origin: str | None, policy: Policy, request: web.Request, repeats: Repeats
) -> Verdict:
    """What an origin gets from a policy; `repeats` keeps one broken callable from filling the log.

    An exception in a callable, and an answer that is no `bool`, are refusals, logged.
    """
    if not policy.needs_asking:
        return policy.judge(origin)

    async def ask(predicate: OriginPredicate, asked_origin: str) -> str | None:
        # Clones of the request share these from here on, and may have another origin. A list,
        # since callables need not be hashable; there are few.
        answers: list[tuple[OriginPredicate, str, str | None]] | None = request.get(_ASKED)
        if answers is None:
            answers = request[_ASKED] = []
        for known, known_origin, answer in answers:
            if known is predicate and known_origin == asked_origin:
                return answer
        answer = await _ask(predicate, request, asked_origin, repeats)
        answers.append((predicate, asked_origin, answer))
        return answer

    return await policy.judge_asking(origin, ask)


async def _ask(
    predicate: OriginPredicate, request: web.Request, origin: str, repeats: Repeats
) -> str | None:
    """None where the user's callable allows the origin, else the reason why not."""
    try:
        answer = predicate(request, origin)
        if inspect.isawaitable(answer):
            answer = await answer
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
            raise
        remark = repeats.remark((id(predicate), type(error)))
        if remark is not None:
            logger.exception(
                "allow_origins raised for the origin %s: refused%s", quoted(origin), remark
            )
        return "predicate-failed"
    if not isinstance(answer, bool):
        remark = repeats.remark((id(predicate), type(answer)))
        if remark is not None:
            logger.error(
                "allow_origins returned %.200r for the origin %s, not a bool: refused%s",
                answer,
                quoted(origin),
                remark,
            )
        return "predicate-failed"
    return None if answer else "predicate-refused"


def _is_being_cancelled() -> bool:
    """Whether somebody wants this task to end, rather than what the callable waited for."""
    # Python 3.10 does not tell: then it may be so.
    return getattr(asyncio.current_task(), "cancelling", lambda: 1)() > 0
