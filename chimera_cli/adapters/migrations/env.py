"""Alembic's entry: migrates over the connection it is given, in that connection's transaction."""

from alembic import context

from chimera_cli.adapters import event_rows, review_rows, rows
from chimera_cli.adapters.row import Row

TABLES = (*rows.__dict__, *event_rows.__dict__, *review_rows.__dict__)
"""Reading the modules is what fills the metadata."""

context.configure(connection=context.config.attributes["connection"], target_metadata=Row.metadata)
with context.begin_transaction():
    context.run_migrations()
