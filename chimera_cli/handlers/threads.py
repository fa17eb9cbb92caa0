"""Plain functions in threads of their own, because a pool of threads fills up with calls that never return.

A thread cannot be killed. One that hangs is left behind: its answer is fenced like that of a dead worker, and because
every call has a new daemon thread it takes no other call's place and does not keep the process from ending.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: object, name: str) -> T:
    """Call a plain function in a new thread and wait for its result; if the wait is cancelled the thread runs on unheard."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def call() -> None:
        try:
            result = context.run(function, *args)
        except BaseException as exc:
            _tell(loop, _settle_error, future, exc)
        else:
            _tell(loop, _settle, future, result)

    threading.Thread(target=call, name=name, daemon=True).start()
    return await future


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[..., None], future: object, value: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle, future, value)


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _settle_error(future: asyncio.Future[T], error: BaseException) -> None:
    if future.done():
        return
    # A future refuses StopIteration, and an exit or an interrupt raised in a thread must not end the loop.
    if not isinstance(error, Exception) or isinstance(error, StopIteration):
        error = RuntimeError(f"the handler raised {type(error).__name__}: {error}").with_traceback(error.__traceback__)
    future.set_exception(error)
