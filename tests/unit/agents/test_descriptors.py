"""A canary dies when somebody closes descriptors that are not theirs."""

import os
from contextlib import closing

from chimera_cli.agents.descriptors import Canary


def test_a_canary_lives_while_its_descriptors_are_open() -> None:
    with closing(Canary()) as canary:
        assert not canary.dead


def test_a_canary_dies_when_an_end_is_closed_also_when_its_number_is_used_again() -> None:
    with closing(Canary()) as canary:
        end = canary._ends[0]
        os.close(end)
        assert canary.dead
        other = os.open(os.devnull, os.O_RDONLY)
        try:
            assert canary.dead
        finally:
            os.close(other)


def test_what_took_the_place_of_a_dead_canary_is_left_open() -> None:
    canary = Canary()
    for end in canary._ends:
        os.close(end)
    other = os.open(os.devnull, os.O_RDONLY)
    canary.close()
    os.fstat(other)
    os.close(other)
