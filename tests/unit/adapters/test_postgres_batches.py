"""Rows in batches."""

from chimera_cli.adapters.postgres_batches import MOST_CHARACTERS, MOST_ROWS, batches


def test_rows_become_arrays_by_column() -> None:
    assert list(batches([{"a": 1, "b": "x"}, {"a": 2, "b": None}])) == [{"a": [1, 2], "b": ["x", None]}]


def test_no_rows_make_no_batch() -> None:
    assert list(batches([])) == []


def test_many_rows_are_cut_and_none_is_lost() -> None:
    cut = list(batches({"a": number} for number in range(2 * MOST_ROWS + 1)))
    assert [len(arrays["a"]) for arrays in cut] == [MOST_ROWS, MOST_ROWS, 1]
    assert [number for arrays in cut for number in arrays["a"]] == list(range(2 * MOST_ROWS + 1))


def test_long_rows_are_cut_sooner() -> None:
    long = "x" * (MOST_CHARACTERS // 2)
    assert [len(arrays["a"]) for arrays in batches({"a": long} for _ in range(5))] == [2, 2, 1]
