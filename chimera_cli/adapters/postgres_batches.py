"""Many rows in one statement: values as arrays, one a column, for `unnest`; cut so that no statement grows out of bounds."""

from collections.abc import Iterable, Iterator, Mapping

MOST_ROWS = 1000
MOST_CHARACTERS = 8_000_000
"""A statement of 1,000 results of 1 MB would be more than Postgres takes at once."""

Values = Mapping[str, object]
Arrays = dict[str, list[object]]


def batches(rows: Iterable[Values]) -> Iterator[Arrays]:
    """Cut rows of equal columns into batches, each as arrays by column name; no rows, no batch."""
    arrays: Arrays = {}
    count = size = 0
    for row in rows:
        for name, value in row.items():
            arrays.setdefault(name, []).append(value)
        count += 1
        size += sum(len(value) for value in row.values() if isinstance(value, str))
        if count >= MOST_ROWS or size >= MOST_CHARACTERS:
            yield arrays
            arrays, count, size = {}, 0, 0
    if arrays:
        yield arrays
