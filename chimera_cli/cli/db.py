"""`chimera db`: the database schema, and which Redis the record belongs to."""

from chimera_cli.cli.adopting import adopt as adopt_record
from chimera_cli.cli.arguments import As, Reason, Yes
from chimera_cli.cli.command import command, group
from chimera_cli.cli.terminal import Terminal

app = group("Create, upgrade and look at the database schema; move the record to another Redis.")


@command(app, "migrate", example="chimera db migrate")
def migrate(terminal: Terminal) -> None:
    """Create the schema of the namespace, or bring it up to this release.

    Tables of a release that had no namespaces in Postgres become those of the namespace that migrates them.
    """
    from chimera_cli.adapters.namespaces import DEFAULT
    from chimera_cli.adapters.schema import HEAD, upgrade

    settings = terminal.settings()
    done = upgrade(settings.database_url.get_secret_value(), settings.namespace)
    change = f"schema {done.before or 'empty'} -> {HEAD}" if done.before != HEAD else f"schema {HEAD} is up to date"
    document = {"before": done.before, "after": HEAD, "namespace": settings.namespace, "schema": done.schema}
    whose = "" if settings.namespace == DEFAULT else f"namespace {settings.namespace}: "
    terminal.show(document, terminal.plain([whose + change]))


@command(app, "status", example="chimera db status --json")
def status(terminal: Terminal) -> int:
    """Tell which schema the database has and which this release needs."""
    from chimera_cli.adapters.schema import HEAD, current
    from chimera_cli.exceptions import EXIT_CONFIG

    settings = terminal.settings()
    found = current(settings.database_url.get_secret_value(), settings.namespace)
    words = f"schema {found or 'empty'}, this release needs {HEAD}"
    terminal.show({"current": found, "head": HEAD, "ok": found == HEAD}, terminal.plain([words]))
    return 0 if found == HEAD else EXIT_CONFIG


@command(app, "adopt", example='chimera db adopt --reason "the old server is gone" --yes')
def adopt(terminal: Terminal, name: As = None, reason: Reason = "", yes: Yes = False) -> None:
    """Move the record to the Redis at REDIS_URL, on purpose.

    Whatever that Redis holds of the namespace is thrown away, and put together from the record: work under way is done
    again. The swarm gets another id, so that processes which still work with the old Redis are refused. Also for a
    Postgres that was restored elsewhere.
    """
    adopt_record(terminal, name=name, reason=reason, yes=yes)
