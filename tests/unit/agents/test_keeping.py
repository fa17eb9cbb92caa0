"""The event loop prolongs what the keeper did not, and hears from both what was lost."""

from collections.abc import Awaitable, Callable
from typing import Any

from chimera_cli.agents.keeping import Keeping
from chimera_cli.models.delivery import Lease
from tests.unit.agents.crew_fakes import FakeQueue, lease


class FakeRuns:
    def __init__(self, *leases: Lease) -> None:
        self.held, self.lost, self.recovered = list(leases), [], 0

    def leases(self) -> list[Lease]:
        return self.held

    def recover(self) -> None:
        self.recovered += 1

    def lose(self, lease: Lease) -> None:
        self.lost.append(lease)


class FakeKeeper:
    def __init__(self) -> None:
        self.kept: list[Lease] = []
        self.gone: list[Lease] = []
        self.mended = 0

    def keeps(self, lease: Lease) -> bool:
        return lease in self.kept

    def lost(self) -> list[Lease]:
        return self.gone

    async def mend(self) -> None:
        self.mended += 1


async def attempt(loop: str, call: Callable[[], Awaitable[Any]], default: Any) -> Any:
    return await call()


def keeping(runs: FakeRuns, keeper: FakeKeeper, queue: FakeQueue) -> Keeping:
    return Keeping(runs, keeper, queue, attempt)


async def test_only_leases_that_the_keeper_does_not_keep_are_prolonged_by_the_loop() -> None:
    runs, keeper, queue = FakeRuns(lease("t1"), lease("t2")), FakeKeeper(), FakeQueue()
    keeper.kept = [lease("t1")]
    await keeping(runs, keeper, queue).round()
    assert queue.extended == [[lease("t2")]]
    keeper.kept.append(lease("t2"))
    await keeping(runs, keeper, queue).round()
    assert queue.extended == [[lease("t2")]]
    assert (keeper.mended, runs.recovered, runs.lost) == (2, 2, [])


async def test_leases_that_either_found_lost_end_their_runs() -> None:
    runs, keeper, queue = FakeRuns(lease("t1"), lease("t2")), FakeKeeper(), FakeQueue()
    keeper.kept, keeper.gone, queue.lost = [lease("t1")], [lease("t1")], [lease("t2")]
    await keeping(runs, keeper, queue).round()
    assert runs.lost == [lease("t1"), lease("t2")]
