"""Many rows in one statement: one JSON text for `json_to_recordset`; cut so that no statement grows out of bounds.

Writing one text takes a third of the time that one array a column takes, which psycopg quotes value by value in Python.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

MOST_ROWS = 1000
MOST_CHARACTERS = 8_000_000
"""A statement of 1,000 results of 1 MB would be more than Postgres takes at once."""

Values = Mapping[str, object]


def batches(rows: Iterable[Values]) -> Iterator[list[Values]]:
    """Cut rows into batches; no rows, no batch."""
    batch: list[Values] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(batch) >= MOST_ROWS or size >= MOST_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def rows_of(batch: list[Values]) -> dict[str, str]:
    """Write a batch as the parameter of a statement. What is JSON already stays a text in it, so Postgres keeps its spelling."""
    return {"rows": json.dumps(batch, default=datetime.isoformat)}
