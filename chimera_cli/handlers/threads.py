"""Plain functions in threads of their own, because a pool of threads fills up with calls that never return.

A thread cannot be killed. One that hangs is left behind: its answer is fenced like that of a dead worker, and as a daemon it does
not keep the process from ending. Its agent takes nothing new before it has ended, so that such threads are never more than agents.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class _CallThread(threading.Thread):
    """One call on behalf of one agent."""

    def __init__(self, call: Callable[["_CallThread"], None], name: str, agent: str) -> None:
        super().__init__(name=name, daemon=True)
        self._call = call
        self.agent = agent
        self.unheard = False
        self.over = False

    def run(self) -> None:
        self._call(self)


async def in_thread(function: Callable[..., T], *args: object, name: str, agent: str) -> T:
    """Call a plain function in a new thread and wait for its result; if the wait is cancelled the thread runs on unheard."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def call(thread: _CallThread) -> None:
        try:
            result = context.run(function, *args)
        except BaseException as exc:
            thread.over = True
            _tell(loop, _settle_error, future, exc)
        else:
            thread.over = True
            _tell(loop, _settle, future, result)

    thread = _CallThread(call, name, agent)
    thread.start()
    try:
        return await future
    except asyncio.CancelledError:
        thread.unheard = True
        raise


def left_behind(agent: str) -> bool:
    """Tell whether a call on behalf of the agent still runs in its thread although nobody waits for it any more."""
    calls = (thread for thread in threading.enumerate() if isinstance(thread, _CallThread))
    return any(call.agent == agent and call.unheard and not call.over for call in calls)


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
