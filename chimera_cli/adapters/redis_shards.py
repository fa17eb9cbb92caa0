"""Calls on several shards at once, each of which may stand on another node."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar, cast

from chimera_cli.exceptions import BackendUnavailable

T = TypeVar("T")


async def on_each(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Make calls side by side and return their replies: a shard whose node is away keeps no other from being called.

    Raises:
        SwarmError: What the first call that failed raised, once all have ended.
    """
    done = await asyncio.gather(*calls, return_exceptions=True)
    for reply in done:
        if isinstance(reply, BaseException):
            raise reply
    return cast("list[T]", done)


async def on_those_there(calls: Iterable[Awaitable[T]]) -> list[T | None]:
    """Make calls side by side and return their replies, None for a shard that is away.

    Raises:
        SwarmError: What the first call that failed raised, when all failed, or when it was something else than an absence.
    """
    replies = await asyncio.gather(*calls, return_exceptions=True)
    failed = [reply for reply in replies if isinstance(reply, BaseException)]
    for error in failed:
        if len(failed) == len(replies) or not isinstance(error, BackendUnavailable):
            raise error
    return [None if isinstance(reply, BaseException) else reply for reply in replies]
