"""`chimera` and `python -m chimera_cli`."""

import gc

from chimera_cli.cli.app import app

LOOK_FOR_GARBAGE_AFTER = 100_000
"""New objects. By Python's own 700 a seventh of a command's start would go into looking through what was just imported."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(LOOK_FOR_GARBAGE_AFTER)
    try:
        app(prog_name="chimera")
    finally:
        # What was loaded goes with the process: looking through all of it once more would take a third of a command's time.
        gc.freeze()


if __name__ == "__main__":
    main()
