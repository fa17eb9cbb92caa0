"""`chimera` and `python -m chimera_cli`."""

from chimera_cli.cli.interrupts import leave_at_once

# Before any other import, and not in `main`: Ctrl-C arrives while this module is loaded, too.
leave_at_once()

import gc  # noqa: E402

LOOK_FOR_GARBAGE_AFTER = 250_000
"""New objects. A start makes 165,000 that all stay: to look through them once takes 30 ms, and Python looks after 700. A role that
has started looks more often."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(LOOK_FOR_GARBAGE_AFTER)
    from chimera_cli.cli.app import app
    from chimera_cli.cli.left_threads import wait_no_longer

    try:
        app(prog_name="chimera")
    finally:
        leave_at_once()
        wait_no_longer()
        # What was loaded goes with the process: looking through all of it once more would take a third of a command's time.
        gc.freeze()


if __name__ == "__main__":
    main()
