"""Texts on their way into statements."""

import pytest

from chimera_cli.adapters.postgres_sql import array_of


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([], "{}"),
        (["a", "NULL", ""], '{"a","NULL",""}'),
        (['say "hi"', "back\\slash", "{b},c", " \n"], r'{"say \"hi\"","back\\slash","{b},c"," ' + '\n"}'),
    ],
)
def test_an_array_is_written_as_postgres_reads_it(values: list[str], written: str) -> None:
    assert array_of(values) == written
