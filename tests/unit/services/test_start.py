"""A role waits for a server that is away at its start, and for nothing else."""

from datetime import timedelta

import pytest

from chimera_cli.exceptions import BackendUnavailable, ConfigError, SwarmError
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.services.start import KNOCK, when_up
from tests.unit.agents.crew_fakes import HastyClock

MINUTE = timedelta(minutes=1)


class Ears(list[TelemetryEvent]):
    """Hears."""

    def emit(self, event: TelemetryEvent) -> None:
        self.append(event)


class Role:
    """Cannot start so many times."""

    def __init__(self, *errors: SwarmError) -> None:
        self.errors = list(errors)
        self.tries = 0

    async def start(self) -> int:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return 7


async def started(role: Role, timeout: timedelta = MINUTE) -> tuple[int, HastyClock, Ears]:
    clock, ears = HastyClock(), Ears()
    return await when_up(role.start, clock, timeout=timeout, chance=lambda: 0.5, telemetry=ears), clock, ears


async def test_a_server_that_comes_back_is_waited_for_with_jitter_and_one_line() -> None:
    code, clock, ears = await started(Role(*[BackendUnavailable("Redis", "refused")] * 5))
    assert code == 7
    assert clock.slept == [timedelta(seconds=s) * 1.5 for s in (0.25, 0.5, 1, 2, 2)]
    assert [(event.name, event.level) for event in ears] == [("backend.lost", Level.WARN)]
    assert "waiting for it, 60 s in all" in ears[0].message
    assert KNOCK.jitter > 0


async def test_another_server_that_is_away_is_told_too() -> None:
    errors = [BackendUnavailable(name, "refused") for name in ("Postgres", "Postgres", "Redis")]
    _, _, ears = await started(Role(*errors))
    assert [event.fields["backend"] for event in ears] == ["Postgres", "Redis"]


async def test_a_server_that_stays_away_ends_the_role_when_the_time_is_up() -> None:
    clock, ears, role = HastyClock(), Ears(), Role(*[BackendUnavailable("Redis", "refused")] * 1000)
    with pytest.raises(BackendUnavailable, match="refused"):
        await when_up(role.start, clock, timeout=MINUTE, chance=lambda: 0.5, telemetry=ears)
    assert timedelta(seconds=59) < sum(clock.slept, timedelta(0)) <= MINUTE
    assert len(ears) == 1


async def test_without_a_start_timeout_there_is_one_try() -> None:
    role = Role(BackendUnavailable("Redis", "refused"))
    with pytest.raises(BackendUnavailable):
        await started(role, timedelta(0))
    assert role.tries == 1


async def test_a_server_that_refuses_us_is_not_waited_for() -> None:
    role = Role(ConfigError("wrong password"))
    with pytest.raises(ConfigError):
        await started(role)
    assert role.tries == 1
