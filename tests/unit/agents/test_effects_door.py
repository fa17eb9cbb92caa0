"""Approved effects are claimed only while the record takes them."""

from collections.abc import AsyncIterator

import pytest

from chimera_cli.agents.effects_door import EffectsDoor
from chimera_cli.exceptions import BackendUnavailable, ConfigError, SwarmError
from chimera_cli.models.telemetry import Level
from tests.unit.agents.crew_fakes import Ears, HandClock, quiet

AWAY = BackendUnavailable("Postgres", "it is away")


class Record:
    """Takes effects, or not, as a test pleases."""

    def __init__(self) -> None:
        self.error: SwarmError | None = None
        self.looks = 0

    async def look(self) -> None:
        self.looks += 1
        if self.error is not None:
            raise self.error


class Hall:
    """A door with everything around it."""

    def __init__(self) -> None:
        self.record, self.ears, self.clock = Record(), Ears(), HandClock()
        self.door = EffectsDoor(self.record.look, self.ears, clock=self.clock, chance=lambda: 0.0, source="p1")


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    made = Hall()
    async with made.door.watched():
        await quiet()
        yield made


async def test_it_is_open_while_the_record_takes_effects_and_looks_seldom(hall: Hall) -> None:
    await hall.clock.pass_by(50)
    assert hall.door.open
    assert hall.record.looks == 11
    assert hall.ears == []


async def test_it_closes_at_the_first_refused_effect_and_opens_by_itself_when_the_record_is_back(hall: Hall) -> None:
    hall.record.error = AWAY
    hall.door.note(AWAY)
    assert not hall.door.open
    await hall.clock.pass_by(20)
    assert not hall.door.open
    hall.record.error = None
    await hall.clock.pass_by(1)
    assert hall.door.open
    assert hall.ears.names() == ["effects.held", "effects.resumed"]
    assert hall.ears[0].level is Level.WARN
    assert "it is away" in hall.ears[0].message


@pytest.mark.parametrize("error", [AWAY, ConfigError("no permission")])
async def test_a_look_that_is_refused_closes_it_for_whatever_reason(hall: Hall, error: SwarmError) -> None:
    hall.record.error = error
    await hall.clock.pass_by(5)
    assert not hall.door.open


@pytest.mark.parametrize("error", [ValueError("a bad post"), BackendUnavailable("Redis", "away"), SwarmError("no")])
async def test_what_is_no_fault_of_the_record_leaves_it_open(hall: Hall, error: BaseException) -> None:
    hall.door.note(error)
    assert hall.door.open
