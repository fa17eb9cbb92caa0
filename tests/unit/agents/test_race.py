"""The first to end decides; nobody is left behind."""

import asyncio

import pytest

from chimera_cli.agents.race import first


async def test_the_losers_are_cancelled_and_seen_off() -> None:
    ended: list[str] = []

    async def lose() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("lost")

    async def win() -> None:
        await asyncio.sleep(0)

    await first(lose(), win(), lose())
    assert ended == ["lost", "lost"]
    assert len(asyncio.all_tasks()) == 1


async def test_what_the_winner_raised_is_raised() -> None:
    async def fall() -> None:
        raise ValueError("fell")

    with pytest.raises(ValueError, match="fell"):
        await first(fall(), asyncio.Event().wait())


async def test_a_cancelled_race_cancels_its_runners() -> None:
    race = asyncio.create_task(first(asyncio.Event().wait(), asyncio.Event().wait()))
    await asyncio.sleep(0)
    race.cancel()
    with pytest.raises(asyncio.CancelledError):
        await race
    assert len(asyncio.all_tasks()) == 1
