"""A role ends at once when its stores are no pair any more."""

import asyncio
from typing import Any

import pytest

from chimera_cli.agents.foreign import ending_when_foreign
from chimera_cli.agents.signals import Signals
from chimera_cli.models.pairing import RecordIdentity, RedisHolding
from chimera_cli.services.pairing import ForeignStore

RECORD = RecordIdentity(id="aaaa", namespace="n", shards=1, postgres="pg:5432/d", redis="redis:6379/0")
HOLDING = RedisHolding(address="other:6379/0", run="r", text='{"id": "bbbb", "namespace": "n"}')


class Stores:
    """A pair that may turn out to be none."""

    def __init__(self) -> None:
        self.refused = asyncio.Event()
        self.foreign: ForeignStore | None = None

    def part(self) -> None:
        self.foreign = ForeignStore(RECORD, HOLDING)
        self.refused.set()


async def part(stores: Any, signals: Signals) -> None:
    """Be a role whose stores turn out to be no pair."""
    async with asyncio.timeout(5), ending_when_foreign(stores, signals):
        stores.part()
        await signals.force.wait()


async def test_a_role_whose_stores_are_no_pair_lets_go_and_ends_with_the_reason() -> None:
    with pytest.raises(ForeignStore, match=r"aaaa.*bbbb") as refused:
        await part(Stores(), Signals())
    assert refused.value.exit_code == 6
    assert "chimera db adopt" in refused.value.hint


async def test_a_role_that_drains_already_is_forced() -> None:
    signals = Signals()
    signals.receive(15)
    with pytest.raises(ForeignStore):
        await part(Stores(), signals)


async def test_a_role_whose_stores_are_a_pair_ends_as_it_would() -> None:
    stores: Any = Stores()
    signals = Signals()
    async with ending_when_foreign(stores, signals):
        pass
    assert not signals.stop.is_set()
