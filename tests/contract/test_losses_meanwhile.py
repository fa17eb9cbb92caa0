"""Redis is emptied once more while it is being compared with the record: what was compared is void, and it begins again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace

import pytest
import pytest_asyncio

from chimera_cli.adapters.postgres_recovery import PostgresRecovery
from chimera_cli.adapters.redis_recovery import UNKNOWN, RedisRecovery
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.delivery import Dispatch, Stage
from chimera_cli.models.epoch import ShardRecord
from chimera_cli.models.recovery import Mandate, Pause, Survey
from chimera_cli.services.reconciler import Reconciler
from tests.builders import GOAL, a_spec
from tests.contract.swarm_pair import Pair, open_pair

pytestmark = pytest.mark.integration


class Emptied(RedisRecovery):
    """A shard that loses all its data at one moment, while its server runs on."""

    def __init__(self, pair: Pair, when: str) -> None:
        super().__init__(pair.client, pair.keys)
        self._pair = pair
        self._when = when

    async def _pass(self, moment: str) -> None:
        if moment == self._when:
            self._when = ""
            await self._pair.empty()

    async def survey(self, shard: int, *, turn: int = 0, record: ShardRecord = UNKNOWN) -> Survey:
        """Lose the data after a reconciler's first look."""
        found = await super().survey(shard, turn=turn, record=record)
        if turn:
            await self._pass("after the survey")
        return found

    async def restore(self, mandate: Mandate, dispatches: Sequence[Dispatch]) -> int:
        """Lose the data between two writes."""
        await self._pass("before the tasks are put back")
        return await super().restore(mandate, dispatches)

    async def vouch(self, mandate: Mandate, *, grace: timedelta, paused: Sequence[Pause] = ()) -> bool:
        """Lose the data just before or after somebody vouches."""
        await self._pass("before it is vouched for")
        done = await super().vouch(mandate, grace=grace, paused=paused)
        await self._pass("after it is vouched for")
        return done


@pytest_asyncio.fixture
async def pair(redis_url: str, fresh_database: str) -> AsyncIterator[Pair]:
    async with open_pair(redis_url, fresh_database) as opened:
        yield opened


MOMENTS = "after the survey", "before the tasks are put back", "before it is vouched for", "after it is vouched for"


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("first", ["emptied", "restarted"])
async def test_what_is_lost_during_a_comparison_is_put_back_by_the_next(pair: Pair, first: str, when: str) -> None:
    await pair.submit(GOAL, *(a_spec(f"t{n}") for n in range(3)))
    await pair.orchestrator.record()
    await (pair.put_back({}) if first == "emptied" else pair.restarted())
    told = SimpleNamespace(emit=pair.said.append)
    record = PostgresRecovery(pair.engine)
    reconciler = Reconciler(Emptied(pair, when), record, pair.events, told, grace=timedelta(seconds=60))
    for _ in range(3):
        with suppress(BackendUnavailable):
            await reconciler.reconcile()
    assert len(await pair.queue.pop_tasks(Stage.WORK, [f"agent-{n}" for n in range(9)])) == 3
