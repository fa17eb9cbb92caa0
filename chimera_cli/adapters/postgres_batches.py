"""Many rows in one statement: one JSON text for `json_to_recordset`; cut so that no statement grows out of bounds.

Writing one text takes a third of the time that one array a column takes, which psycopg quotes value by value in Python.
"""

from collections.abc import Iterable, Iterator, Mapping

from pydantic_core import to_json

MOST_ROWS = 1000
MOST_BYTES = 8_000_000
"""A statement of 1,000 results of 1 MB would be more than Postgres takes at once."""

Values = Mapping[str, object]


def batches(rows: Iterable[Values]) -> Iterator[list[bytes]]:
    """Write rows as JSON, and cut them into batches; no rows, no batch."""
    batch: list[bytes] = []
    size = 0
    for row in rows:
        written = to_json(row)
        batch.append(written)
        size += len(written)
        if len(batch) >= MOST_ROWS or size >= MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def rows_of(batch: Iterable[bytes]) -> dict[str, str]:
    """Make the parameter of a statement. What was JSON already stays a text in it, so Postgres keeps its spelling."""
    return {"rows": f"[{b','.join(batch).decode()}]"}
