"""What the watchdog is told from outside the loop."""

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from chimera_cli.agents.descriptors import Canary
from chimera_cli.agents.health import LONGEST_ROUND, LOOK, Diligence, Health

LOOKS = LONGEST_ROUND // LOOK


class Housekeeper:
    """Does nothing, or fails."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def tick(self, *, wait: bool = True) -> object:
        if self.error is not None:
            raise self.error
        return wait


@pytest.fixture
def canary() -> Iterator[Canary]:
    with closing(Canary()) as canary:
        yield canary


async def test_a_process_whose_housekeeping_goes_on_is_well_also_when_it_fails(canary: Canary) -> None:
    housekeeper = Housekeeper()
    diligence = Diligence(housekeeper)
    health = Health(canary, diligence)
    assert {health.ill() for _ in range(LOOKS - 1)} == {""}
    assert await diligence.tick(wait=False) is False
    assert {health.ill() for _ in range(LOOKS - 1)} == {""}
    housekeeper.error = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await diligence.tick()
    assert {health.ill() for _ in range(LOOKS)} == {""}
    assert health.ill() == "no round of housekeeping has ended for 0:15:00"


async def test_a_process_whose_descriptors_were_closed_is_ill_at_once(canary: Canary) -> None:
    health = Health(canary, Diligence(Housekeeper()))
    os.close(canary._ends[1])
    assert health.ill() == "file descriptors of this process were closed under it"
