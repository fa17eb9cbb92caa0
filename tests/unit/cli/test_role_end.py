"""However a role's event loop ends, its process says why and ends."""

import asyncio
import errno
import os
import threading

import pytest

from chimera_cli.cli.role_end import LONGEST_FAREWELL, run_to_the_end
from chimera_cli.exceptions import ConfigError, SwarmError


def test_the_exit_code_of_the_work_is_returned() -> None:
    async def work() -> int:
        return 143

    assert run_to_the_end(work()) == 143


@pytest.mark.parametrize("error", [ConfigError("no key"), RuntimeError("odd"), OSError(errno.EBADF, "bad")])
def test_what_the_work_itself_raises_comes_out_as_it_is(error: Exception) -> None:
    async def work() -> int:
        raise error

    with pytest.raises(type(error)) as caught:
        run_to_the_end(work())
    assert caught.value is error


def stopped() -> None:
    asyncio.get_running_loop().stop()


def cancelled() -> None:
    for task in asyncio.all_tasks():
        task.cancel()


async def leave() -> None:
    raise SystemExit(0)


def left() -> None:
    LEAVING.append(asyncio.create_task(leave()))


LEAVING: list[object] = []


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (stopped, r"ended \(RuntimeError: Event loop stopped"),
        (cancelled, "cancelled"),
        (left, r"ended \(SystemExit: 0\)"),
    ],
)
def test_a_loop_that_was_ended_from_within_is_a_failure_that_says_how_and_the_work_may_tidy_up(end, how: str) -> None:
    tidied: list[str] = []

    async def work() -> int:
        end()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            tidied.append("up")
        return 0

    with pytest.raises(SwarmError, match=f"the event loop was {how}.* by code that runs in it") as caught:
        run_to_the_end(work())
    assert caught.value.exit_code == 1
    assert tidied == ["up"]


def test_closed_descriptors_are_named_as_what_they_are() -> None:
    async def work() -> int:
        os.close(asyncio.get_running_loop()._selector.fileno())  # type: ignore[attr-defined]
        await asyncio.sleep(3600)
        return 0

    with pytest.raises(SwarmError, match="descriptors of this process were closed under it") as caught:
        run_to_the_end(work())
    assert "os.closerange" in caught.value.hint


def test_a_task_that_does_not_end_when_it_is_cancelled_does_not_keep_the_process() -> None:
    release = threading.Event()
    left_with: list[int] = []

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    async def work() -> int:
        LEAVING.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(0)
        return 130

    def leave_now(code: int) -> None:
        left_with.append(code)
        release.set()

    assert run_to_the_end(work(), leave=leave_now, within=LONGEST_FAREWELL / 100) == 130
    assert left_with == [130]
