"""Calls on several shards at once, each of which may stand on another node."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar, cast

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
