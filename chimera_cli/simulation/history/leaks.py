"""Invariant 10: no secret stands in a row, in Redis, or in anything else that was written."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

from chimera_cli.simulation.history.history import History
from chimera_cli.simulation.history.violation import Flaw, Terms


def no_secret_leaks(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find places where a secret stands, plainly or as JSON, a URL or base64 would write it. It is not repeated."""
    spellings = {spelling for secret in history.secrets if secret for spelling in _spellings(secret)}
    if not spellings:
        return
    for name, text in _places(history):
        if any(spelling in text for spelling in spellings):
            yield name, "holds a secret"


def _spellings(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    # The last character of base64 also depends on what follows the secret.
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), encoded[:-1] or secret}


def _places(history: History) -> Iterator[tuple[str, str]]:
    yield from history.sinks
    tables = {
        "event": history.events,
        "task": history.tasks,
        "goal": history.goals,
        "state": history.state,
        "card": history.cards,
        "audit row": history.audit,
        "order": history.orders,
        "post": history.posts,
    }
    for table, rows in tables.items():
        for row in rows:
            yield f"{table} {_name(row)}", repr(row)
    for key in history.keys:
        yield f"key {key.name}", key.name + key.text
    for recovery in history.recoveries:
        yield "recovery", repr(recovery)


def _name(row: object) -> str:
    """Name a row by whatever it has that tells it from others."""
    for field in ("entry_id", "id", "idempotency_key", "key", "seq"):
        if hasattr(row, field):
            return str(getattr(row, field))
    return ""
