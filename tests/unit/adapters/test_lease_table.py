"""The memory that a role's process and its keeper share."""

import os
from collections.abc import Iterator

import pytest

from chimera_cli.adapters.lease_table import LONGEST, LeaseTable, open_memory


@pytest.fixture
def sides() -> Iterator[tuple[LeaseTable, LeaseTable]]:
    memory = open_memory(3)
    one, other = LeaseTable(memory), LeaseTable(memory)
    os.close(memory)
    yield one, other
    one.close()
    other.close()


def test_what_one_side_holds_the_other_sees_until_it_is_let_go(sides: tuple[LeaseTable, LeaseTable]) -> None:
    one, other = sides
    assert (one.places, list(other.held())) == (3, [])
    assert one.hold(0, "a long lease")
    assert one.hold(2, "ö")
    assert one.hold(0, "short")
    assert list(other.held()) == [(0, "short"), (2, "ö")]
    one.let_go(0)
    assert list(other.held()) == [(2, "ö")]


def test_a_lease_longer_than_a_place_is_refused_and_spoils_no_other(sides: tuple[LeaseTable, LeaseTable]) -> None:
    one, other = sides
    assert one.hold(1, "x" * LONGEST)
    assert not one.hold(0, "x" * (LONGEST + 1))
    assert list(other.held()) == [(1, "x" * LONGEST)]


def test_a_loss_is_counted_and_stays_readable_beside_the_next_lease(sides: tuple[LeaseTable, LeaseTable]) -> None:
    one, other = sides
    one.hold(1, "first")
    other.lose(1, "first")
    one.hold(1, "second")
    assert (one.losses, one.lost(1), one.lost(0), list(other.held())) == (1, "first", "", [(1, "second")])


def test_both_sides_see_each_others_stamps(sides: tuple[LeaseTable, LeaseTable]) -> None:
    one, other = sides
    one.alive, other.kept = 12.5, 13.5
    assert (other.alive, one.kept) == (12.5, 13.5)


def test_a_length_that_makes_no_sense_reads_no_further_than_the_place(sides: tuple[LeaseTable, LeaseTable]) -> None:
    one, other = sides
    one.hold(0, "x" * LONGEST)
    one._memory[64:66] = b"\xff\xff"
    assert [(place, len(text)) for place, text in other.held()] == [(0, LONGEST)]
