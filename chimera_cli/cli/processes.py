"""One command spread over several processes: the parent starts copies of itself, hands signals on, and replaces those that die."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from random import random

from chimera_cli.agents.signals import heard
from chimera_cli.exceptions import EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE

COMMAND = (sys.executable, "-m", "chimera_cli")
"""How a child is started."""
PASSED_ON = {signal.SIGINT: signal.SIGINT, signal.SIGTERM: signal.SIGTERM, signal.SIGHUP: signal.SIGHUP}
"""What the parent gets and what its children get. They live in sessions of their own, so no terminal tells them."""
HOPELESS = (EXIT_USAGE, EXIT_CONFIG)
"""Exit codes after which another child would end the same way."""
ENDING = ("--burst", "--max-tasks")
"""Options with which a child ends by itself; without them it ends in order only when it is told, and by us as a rule."""
FIRST_PAUSE_S = 1.0
"""Pause before a dead child's place is filled; it doubles with each death in a row, and as much again is added at random."""
LONGEST_PAUSE_S = 30.0
LONG_LIFE_S = 60.0
"""A child that lived that long begins a new row of deaths."""
MOST_DEATHS = 8
"""Deaths in a row after which a place stays empty."""


class Children:
    """The places of the children, each with at most one living in it."""

    def __init__(self, command: Sequence[str], say: Callable[[str], None]) -> None:
        self._command, self._say = command, say
        self._may_end = any(word.partition("=")[0] in ENDING for word in command)
        self._living: set[asyncio.subprocess.Process] = set()
        self._told: signal.Signals | None = None
        self._stopping = asyncio.Event()

    def tell(self, number: signal.Signals) -> None:
        """Hand a signal on; nobody is replaced any more."""
        self._told = number
        self._stopping.set()
        for process in self._living:
            if process.returncode is None:
                process.send_signal(number)

    async def keep_one(self) -> int:
        """Keep one place filled until its child has ended in order, or there is no use; returns the last one's exit code."""
        deaths = 0
        while True:
            born = asyncio.get_running_loop().time()
            pid, code = await self._one_life()
            if code == 0 and (self._may_end or self._stopping.is_set()):
                return 0
            deaths = 1 if asyncio.get_running_loop().time() - born > LONG_LIFE_S else deaths + 1
            how = f"process {pid} was killed by signal {-code}" if code < 0 else f"process {pid} ended with {code}"
            if self._stopping.is_set() or code in HOPELESS or deaths >= MOST_DEATHS:
                self._say(f"{how}; the others go on, and its tasks are taken over")
                return code if code > 0 else EXIT_FAILED
            pause = min(FIRST_PAUSE_S * 2 ** (deaths - 1), LONGEST_PAUSE_S) * (1 + random())  # nosec B311 # a spread, no secret
            self._say(f"{how}; another takes its place in {pause:.1f} s, and its tasks are taken over")
            if await self._stops_within(pause):
                return EXIT_FAILED

    async def _one_life(self) -> tuple[int, int]:
        # In a session of its own: Ctrl-C in a terminal would reach it twice, by the terminal and by us, and force it.
        process = await asyncio.create_subprocess_exec(*self._command, start_new_session=True)
        self._living.add(process)
        if self._told is not None:
            process.send_signal(self._told)
        try:
            return process.pid, await process.wait()
        finally:
            self._living.discard(process)

    async def _stops_within(self, pause_s: float) -> bool:
        try:
            async with asyncio.timeout(pause_s):
                return await self._stopping.wait()
        except TimeoutError:
            return False


async def run_processes(count: int, say: Callable[[str], None], arguments: Sequence[str] | None = None) -> int:
    """Run `count` copies of this command line, each as one process; returns the worst exit code."""
    given = without_processes(sys.argv[1:] if arguments is None else arguments)
    children = Children([*COMMAND, *given, "--parent", str(os.getpid())], say)
    loop = asyncio.get_running_loop()
    passed_on = heard(PASSED_ON)
    for number in passed_on:
        loop.add_signal_handler(number, children.tell, PASSED_ON[number])
    try:
        return max(await asyncio.gather(*(children.keep_one() for _ in range(count))))
    finally:
        for number in passed_on:
            loop.remove_signal_handler(number)


def without_processes(arguments: Sequence[str]) -> list[str]:
    """Return the command line without `--processes`, in either spelling."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--processes":
            next(words, None)
        elif not word.startswith("--processes="):
            kept.append(word)
    return kept
