"""`chimera db`: the database schema."""

from chimera_cli.cli.command import command, group
from chimera_cli.cli.terminal import Terminal

app = group("Create, upgrade and look at the database schema.")


@command(app, "migrate", example="chimera db migrate")
def migrate(terminal: Terminal) -> None:
    """Create the schema, or bring it up to this release."""
    from chimera_cli.adapters.schema import current, upgrade

    url = terminal.settings().database_url.get_secret_value()
    before = current(url)
    upgrade(url)
    after = current(url)
    words = f"schema {before or 'empty'} -> {after}" if before != after else f"schema {after} is up to date"
    terminal.show({"before": before, "after": after}, terminal.plain([words]))


@command(app, "status", example="chimera db status --json")
def status(terminal: Terminal) -> int:
    """Tell which schema the database has and which this release needs."""
    from chimera_cli.adapters.schema import HEAD, current
    from chimera_cli.exceptions import EXIT_CONFIG

    found = current(terminal.settings().database_url.get_secret_value())
    words = f"schema {found or 'empty'}, this release needs {HEAD}"
    terminal.show({"current": found, "head": HEAD, "ok": found == HEAD}, terminal.plain([words]))
    return 0 if found == HEAD else EXIT_CONFIG
