"""How each transaction begins: with its settings, in one message.

Start-up options and settings of a session do not outlive a pooler that gives each transaction another connection; and what another
client has set on that connection must not reach us.
"""

import re
from collections.abc import Iterable, Sequence

from psycopg.sql import Identifier
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL

DEFAULT_SCHEMA = "public"
"""The schema of the namespace `default`."""
LIMITS = {"statement_timeout": "'60s'", "idle_in_transaction_session_timeout": "'60s'", "timezone": "'UTC'"}
"""Settings of each transaction: nothing runs or holds a lock for ever, not even when its client was stopped."""
SNAPSHOT = "chimera_snapshot"
"""Execution option of an engine whose transactions see one snapshot each."""
_OPTION = re.compile(r"(?:-c\s*|--)([\w.-]+)\s*=")


def settings_of(url: URL, schema: str) -> str:
    """Return the statements that give a transaction its settings.

    What the URL's own `options` name is left as they say. The schema `public` stands for where the server's search path leads,
    which is `public` unless the role, the database or the URL says otherwise.
    """
    given = _options(url.query.get("options", ()))
    path = "DEFAULT" if schema == DEFAULT_SCHEMA else Identifier(schema).as_string()
    settings = {name: "DEFAULT" if name in given else value for name, value in LIMITS.items()} | {"search_path": path}
    return "; ".join(f"SET LOCAL {name} TO {value}" for name, value in settings.items())


def begin_with(engine: Engine, settings: str) -> None:
    """Have each transaction of an engine begin with these settings; its driver must be in autocommit, and so begin none itself."""
    begin = f"BEGIN; {settings}"
    begin_snapshot = f"BEGIN ISOLATION LEVEL REPEATABLE READ; {settings}"

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        snapshot = connection.get_execution_options().get(SNAPSHOT, False)
        connection.exec_driver_sql(begin_snapshot if snapshot else begin)


def _options(given: str | Sequence[str]) -> set[str]:
    """Name what start-up options set."""
    texts: Iterable[str] = [given] if isinstance(given, str) else given
    return {name.replace("-", "_").lower() for text in texts for name in _OPTION.findall(text)}
