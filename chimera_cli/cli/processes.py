"""One command spread over several processes: the parent starts copies of itself, hands signals on, and waits."""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

from chimera_cli.exceptions import EXIT_FAILED

COMMAND = (sys.executable, "-m", "chimera_cli")
"""How a child is started."""
PASSED_ON = {signal.SIGINT: signal.SIGINT, signal.SIGTERM: signal.SIGTERM, signal.SIGHUP: signal.SIGTERM}
"""What the parent gets and what its children get: a closed terminal drains them, for they live in sessions of their own."""


async def run_processes(count: int, say: Callable[[str], None], arguments: Sequence[str] | None = None) -> int:
    """Run `count` copies of this command line, each as one process; returns the worst exit code."""
    child = [*COMMAND, *without_processes(sys.argv[1:] if arguments is None else arguments)]
    # Each in a session of its own: Ctrl-C in a terminal would reach them twice, by the terminal and by us, and force them.
    children = [await asyncio.create_subprocess_exec(*child, start_new_session=True) for _ in range(count)]
    loop = asyncio.get_running_loop()
    for number, told in PASSED_ON.items():
        loop.add_signal_handler(number, _pass_on, told, children)
    try:
        codes = await asyncio.gather(*(_ended(process, say) for process in children))
    finally:
        for number in PASSED_ON:
            loop.remove_signal_handler(number)
    return max(EXIT_FAILED if code < 0 else code for code in codes)


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


def _pass_on(number: signal.Signals, children: Sequence[asyncio.subprocess.Process]) -> None:
    for process in children:
        if process.returncode is None:
            process.send_signal(number)


async def _ended(process: asyncio.subprocess.Process, say: Callable[[str], None]) -> int:
    code = await process.wait()
    if code != 0:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        say(f"process {process.pid} {how}; the others go on, and its tasks are taken over")
    return code
