"""A lost server is said once, knocked at with growing pauses, and welcomed once."""

import asyncio
from datetime import timedelta

import pytest

from chimera_cli.agents.outage import Outages
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.refusal import WritesRefused
from tests.unit.agents.crew_fakes import Ears

REDIS = BackendUnavailable("Redis", "refused")
FULL = WritesRefused("OOM used memory > 'maxmemory'", hint="raise its maxmemory")
POSTGRES = BackendUnavailable("Postgres", "refused")


def outages(chance: float = 0.0) -> tuple[Outages, Ears]:
    ears = Ears()
    return Outages("p1", ears, lambda: chance), ears


async def call(target: Outages, loop: str, error: BaseException | None = None) -> str:
    async def made() -> str:
        if error is not None:
            raise error
        return "result"

    return await target.attempt(loop, made, "default")


async def test_a_call_that_works_gives_its_result_and_needs_no_pause() -> None:
    target, ears = outages()
    assert await call(target, "beats") == "result"
    assert target.pause("beats") == timedelta(0)
    assert ears == []


async def test_a_call_that_fails_gives_the_default() -> None:
    target, _ = outages()
    assert await call(target, "beats", REDIS) == "default"
    assert await call(target, "beats", ValueError("odd")) == "default"


async def test_several_loops_that_miss_one_server_say_so_once_and_its_return_once_all_are_back() -> None:
    target, ears = outages()
    for loop in ("beats", "claims", "beats"):
        await call(target, loop, REDIS)
    assert ears.names() == ["backend.lost"]
    await call(target, "beats")
    assert ears.names() == ["backend.lost"]
    await call(target, "claims")
    assert ears.names() == ["backend.lost", "backend.back"]
    assert ears[1].fields == {"backend": "Redis"}


async def test_two_servers_are_told_apart() -> None:
    target, ears = outages()
    await call(target, "beats", REDIS)
    await call(target, "housekeeping", POSTGRES)
    await call(target, "beats")
    assert [(event.name, event.fields["backend"]) for event in ears] == [
        ("backend.lost", "Redis"),
        ("backend.lost", "Postgres"),
        ("backend.back", "Redis"),
    ]


async def test_a_second_outage_is_told_again() -> None:
    target, ears = outages()
    for error in (REDIS, None, REDIS, None):
        await call(target, "beats", error)
    assert ears.names() == ["backend.lost", "backend.back"] * 2


@pytest.mark.parametrize(("chance", "pauses"), [(0.0, [0.25, 0.5, 1, 1, 1]), (0.5, [0.375, 0.75, 1.5, 1.5, 1.5])])
async def test_pauses_grow_with_jitter_on_top(chance: float, pauses: list[float]) -> None:
    target, _ = outages(chance)
    seen = []
    for _ in pauses:
        await call(target, "claims", REDIS)
        seen.append(target.pause("claims").total_seconds())
    assert seen == pauses


async def test_an_unforeseen_error_is_told_with_its_trace_and_again_only_when_it_changes() -> None:
    target, ears = outages()
    for error in (ValueError("odd"), ValueError("odd"), ValueError("odder")):
        await call(target, "housekeeping", error)
    assert [event.fields["error"] for event in ears] == ["ValueError: odd", "ValueError: odder"]
    assert "Traceback" in str(ears[0].fields["trace"])


async def test_a_cancellation_is_no_outage() -> None:
    target, _ = outages()
    with pytest.raises(asyncio.CancelledError):
        await call(target, "beats", asyncio.CancelledError())


async def test_a_server_that_refuses_writes_is_told_once_with_the_cure_and_welcomed_once() -> None:
    target, ears = outages()
    for loop in ("beats", "claims", "housekeeping", "beats"):
        await call(target, loop, FULL)
    assert [event.message for event in ears] == [
        "Redis refuses writes: OOM used memory > 'maxmemory'; raise its maxmemory"
    ]
    for loop in ("beats", "claims", "housekeeping"):
        await call(target, loop)
    assert ears.names() == ["backend.lost", "backend.back"]


async def test_a_server_that_comes_back_and_refuses_writes_is_told_of_once_more_with_the_cure() -> None:
    target, ears = outages()
    for error in (REDIS, FULL, REDIS, FULL):
        await call(target, "beats", error)
    assert [event.fields["error"] for event in ears] == ["refused", "OOM used memory > 'maxmemory'"]
