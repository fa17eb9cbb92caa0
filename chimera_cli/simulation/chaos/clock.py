"""A wrong clock for one process: libfaketime, found in the wheel of the same name, reads how wrong from a file at each look.

It moves what the process reads as the time of day (`time.time`, `datetime.now`, in C code too), and jumps while the process
runs. It leaves the monotonic clock alone, as a wrong time of day does.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from chimera_cli.exceptions import ConfigError
from chimera_cli.local.redis_server import RedisServer

LIBRARY = "vendor/libfaketime/src/libfaketime.so.1"
"""Where the library is inside its wheel."""
HINT = "pip install libfaketime (Linux), or leave out clock with --faults"


def clock_library() -> Path | None:
    """Find the library; None where its wheel is not installed or has none for this machine."""
    spec = find_spec("libfaketime")
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((path for folder in folders if (path := Path(folder) / LIBRARY).is_file()), None)


class MovableClock:
    """The clock of one process, and of those that it starts."""

    def __init__(self, file: Path) -> None:
        """Args:
        file: Holds how far off the clock is; any path that can be written.
        """
        self._file = file
        self.move(0)

    def environment(self) -> Mapping[str, str]:
        """Name the variables that put a process under this clock.

        Raises:
            ConfigError: There is no library for it.
        """
        library = clock_library()
        if library is None:
            raise ConfigError("there is no libfaketime to move a clock with", hint=HINT)
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    def move(self, seconds: float) -> None:
        """Set how far off the clock is from now on; above 0 it is fast."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{seconds:+g}s\n")
        draft.replace(self._file)


class UnderAClock(RedisServer):
    """A Redis whose clock can be moved."""

    clock: MovableClock
    """Its clock; whoever makes the server sets it."""

    def environment(self) -> Mapping[str, str]:
        """Add what puts it under that clock."""
        return {**super().environment(), **self.clock.environment()}
