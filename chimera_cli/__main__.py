"""`chimera` and `python -m chimera_cli`."""

from chimera_cli.cli.app import app


def main() -> None:
    """Run the command line and leave with its exit code."""
    app(prog_name="chimera")


if __name__ == "__main__":
    main()
