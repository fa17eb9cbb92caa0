"""Task kinds that end, stop or rob their own process in all the ways that ordinary code can."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta

from chimera_cli import TaskContext, TaskOutcome, handler
from chimera_cli.handlers.registry import Handler


def rough(kind: str) -> Callable[[Callable[..., object]], Handler]:
    """Register a kind of this file."""
    return handler(kind, judged=False, timeout=timedelta(seconds=30))


@rough("stops-loop")
async def stops_loop(ctx: TaskContext) -> TaskOutcome:
    """Stop the event loop, and wait for what will never come."""
    asyncio.get_running_loop().stop()
    await asyncio.sleep(3600)
    return TaskOutcome()


@rough("stops-loop-from-thread")
def stops_loop_from_thread(ctx: TaskContext) -> TaskOutcome:
    """Stop the event loop from a thread."""
    ctx.loop.call_soon_threadsafe(ctx.loop.stop)
    threading.Event().wait(3600)
    return TaskOutcome()


@rough("cancels-all")
async def cancels_all(ctx: TaskContext) -> TaskOutcome:
    """Cancel every asyncio task of the process."""
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(3600)
    return TaskOutcome()


@rough("exits-in-task")
async def exits_in_task(ctx: TaskContext) -> TaskOutcome:
    """Raise SystemExit in an asyncio task of its own, which ends the loop."""

    async def leave() -> None:
        raise SystemExit(0)

    await asyncio.wait({asyncio.create_task(leave())})
    return TaskOutcome()


@rough("exits")
async def exits(ctx: TaskContext) -> TaskOutcome:
    """Raise SystemExit in the coroutine."""
    raise SystemExit(3)


@rough("exits-in-thread")
def exits_in_thread(ctx: TaskContext) -> TaskOutcome:
    """Raise SystemExit in a thread."""
    raise SystemExit(3)


@rough("interrupts")
async def interrupts(ctx: TaskContext) -> TaskOutcome:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


@rough("generator-exit")
async def generator_exit(ctx: TaskContext) -> TaskOutcome:
    """Raise what a closed generator raises."""
    raise GeneratorExit


@rough("terminates-itself")
async def terminates_itself(ctx: TaskContext) -> TaskOutcome:
    """Send SIGTERM to its own process."""
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(3600)
    return TaskOutcome()


@rough("terminates-group")
def terminates_group(ctx: TaskContext) -> TaskOutcome:
    """Send SIGTERM to its own process group, from a thread. The test gives each worker a group of its own."""
    os.killpg(os.getpgrp(), signal.SIGTERM)
    threading.Event().wait(3600)
    return TaskOutcome()


@rough("raises-signal")
def raises_signal(ctx: TaskContext) -> TaskOutcome:
    """Raise SIGTERM in a thread."""
    signal.raise_signal(signal.SIGTERM)
    threading.Event().wait(3600)
    return TaskOutcome()


@rough("is-terminated")
async def is_terminated(ctx: TaskContext) -> TaskOutcome:
    """Have a command send SIGTERM twice, which nothing in the process can see: it drains, and then leaves at once."""
    for _ in range(2):
        await (await asyncio.create_subprocess_exec("kill", "-TERM", str(os.getpid()))).wait()
        await asyncio.sleep(0.2)
    await asyncio.sleep(3600)
    return TaskOutcome()


@rough("closes-descriptors")
async def closes_descriptors(ctx: TaskContext) -> TaskOutcome:
    """Close every descriptor but the standard ones, as code that makes a daemon does."""
    os.closerange(3, 256)
    await asyncio.sleep(3600)
    return TaskOutcome()


@rough("leaves-thread")
def leaves_thread(ctx: TaskContext) -> TaskOutcome:
    """Leave a thread behind that Python waits for at its end."""
    threading.Thread(target=threading.Event().wait).start()
    return TaskOutcome()


@rough("never-ends")
async def never_ends(ctx: TaskContext) -> TaskOutcome:
    """Take no notice of being cancelled, so that the process cannot wait for it at its end."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue
