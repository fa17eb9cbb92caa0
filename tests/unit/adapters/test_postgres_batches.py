"""Rows in batches."""

import json
from datetime import UTC, datetime

from chimera_cli.adapters.postgres_batches import MOST_BYTES, MOST_ROWS, batches, rows_of


def test_no_rows_make_no_batch() -> None:
    assert list(batches([])) == []


def test_many_rows_are_cut_and_none_is_lost() -> None:
    cut = list(batches({"a": number} for number in range(2 * MOST_ROWS + 1)))
    assert [len(batch) for batch in cut] == [MOST_ROWS, MOST_ROWS, 1]
    assert [json.loads(row)["a"] for batch in cut for row in batch] == list(range(2 * MOST_ROWS + 1))


def test_long_rows_are_cut_sooner() -> None:
    long = "x" * (MOST_BYTES // 2)
    assert [len(batch) for batch in batches({"a": long} for _ in range(5))] == [2, 2, 1]


def test_a_batch_is_one_text_with_times_that_postgres_reads() -> None:
    row = {
        "at": datetime(2026, 1, 1, 0, 0, 0, 250, tzinfo=UTC),
        "json": '"\\u0000"',
        "none": None,
        "emoji": "\U0001f9a5\n",
    }
    [batch] = batches([row, row])
    assert json.loads(rows_of(batch)["rows"]) == [{**row, "at": "2026-01-01T00:00:00.000250Z"}] * 2
