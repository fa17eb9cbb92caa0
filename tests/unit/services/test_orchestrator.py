"""Housekeeping over small fakes; the real stores meet it in tests/integration."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.away import NONE_AWAY, Away
from chimera_cli.models.delivery import Dispatch
from chimera_cli.models.epoch import Epochs
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.ports.record import Chores, Recorded
from chimera_cli.services.orchestrator import BATCH, EVERYTHING, Orchestrator
from tests.builders import a_dispatch, a_goal

NONE = Chores(orders=False, tasks=False, overdue=False, decisions=False)


class Stores:
    """Every port that the orchestrator uses, with one diary. `gone` names what cannot be reached."""

    shards = 1
    expire_after = timedelta(hours=1)

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.gone: set[str] = set()
        self.away = NONE_AWAY
        self.shards_gone: set[int] = set()
        self.one_away = False
        self.broken: set[str] = set()
        self.waiting: list[Dispatch] = []
        self.entries: list[str] = []
        self.recorded: Recorded | None = Recorded(new=0)
        self.said: list[TelemetryEvent] = []
        self.turn = 0
        self.chores_now = EVERYTHING
        self.heard: datetime | None = None
        self.unpaired: SwarmError | None = None

    def _do(self, what: str, server: str) -> int:
        self.diary.append(what)
        if server in self.gone:
            raise BackendUnavailable(server, "gone")
        if what in self.broken:
            raise SwarmError(f"{what} is refused")
        return 0

    async def check(self) -> None:
        if self.unpaired is not None:
            raise self.unpaired

    async def reconcile(self, *, wait: bool = False) -> int:
        self.away = Away(numbers=frozenset({0})) if "Redis" in self.gone or "reconcile" in self.broken else NONE_AWAY
        if self.one_away:
            self.away, self.broken = Away(shards=3, numbers=frozenset({1})), {"reconcile"}
        return self._do("reconcile", "Redis")

    async def promote(self) -> int:
        return self._do("promote", "Redis")

    async def reap(self, abandon_cap: int) -> int:
        return self._do(f"reap {abandon_cap}", "Redis") or 2

    async def expire(self) -> int:
        return self._do("expire", "Redis")

    async def settle(self) -> int:
        return self._do("settle", "Redis")

    async def sweep(self, keep: timedelta) -> int:
        return self._do("sweep", "Redis")

    async def step(self) -> int:
        return self._do("misplaced", "Postgres")

    async def expire_overdue(self) -> int:
        return self._do("reviews", "Postgres")

    async def resume_decided(self, *, away: Away) -> int:
        return self._do("resume", "Postgres")

    async def carry_out(self, *, away: Away) -> int:
        return self._do("obey", "Postgres")

    async def chores(self, *, older_than: timedelta | None) -> Chores:
        assert older_than == self.expire_after
        self._do("look", "Postgres")
        return self.chores_now

    @asynccontextmanager
    async def dispatching(self, limit: int, *, away: Away) -> AsyncIterator[list[Dispatch]]:
        self._do("dispatch", "Postgres")
        batch = self.waiting[:limit]
        yield batch
        del self.waiting[: len(batch)]

    async def push_tasks(self, dispatches: list[Dispatch]) -> int:
        self._do("push", "Redis")
        return len(dispatches)

    async def read(self, shard: int, limit: int) -> tuple[list[Any], str]:
        self._do("read" if self.shards == 1 else f"read {shard}", "Redis")
        if shard in self.shards_gone:
            raise BackendUnavailable("Redis", "one node is gone")
        return [], self.entries[0] if self.entries else ""

    async def record(self, events: list[Any], *, wait: bool = True) -> Recorded | None:
        self._do("record" if wait else "try to record", "Postgres")
        return self.recorded

    async def forget(self, tasks: Any, goals: Any, *, turn: int, epochs: Epochs) -> bool:
        self._do(f"forget {list(tasks)} {list(goals)}", "Redis")
        return turn >= self.turn

    async def trim(self, shard: int, last: str, *, recorded: str, epochs: Epochs) -> None:
        self._do(f"trim {last}", "Redis")
        self.entries.pop(0)

    def emit(self, event: TelemetryEvent) -> None:
        self.said.append(event)


class Watch:
    """The watch on the servers."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def heard(self, at: datetime | None) -> None:
        self._stores.heard = at

    async def step(self) -> int:
        return self._stores._do("servers", "Redis")


@pytest.fixture
def stores() -> Stores:
    return Stores()


@pytest.fixture
def orchestrator(stores: Any) -> Orchestrator:
    return Orchestrator(
        stores,
        stores,
        stores,
        reconciler=stores,
        sweep=stores,
        registry=stores,
        reviews=stores,
        control=stores,
        telemetry=stores,
        policy=LeasePolicy(abandon_cap=3),
        pairing=stores,
        servers=Watch(stores),
    )


async def test_a_tick_tells_how_much_it_did(orchestrator: Orchestrator, stores: Stores) -> None:
    assert await orchestrator.tick() == 2
    assert [event.fields for event in stores.said] == [{"step": "reap", "count": 2}]


async def test_all_that_waits_is_dispatched_batch_after_batch(orchestrator: Orchestrator, stores: Stores) -> None:
    stores.waiting = [a_dispatch(f"t{n}") for n in range(BATCH + 1)]
    assert await orchestrator.dispatch() == BATCH + 1
    assert stores.waiting == []


async def test_nothing_is_marked_dispatched_when_the_queue_is_away(orchestrator: Orchestrator, stores: Stores) -> None:
    stores.waiting, stores.gone = [a_dispatch()], {"Redis"}
    with pytest.raises(BackendUnavailable):
        await orchestrator.dispatch()
    assert len(stores.waiting) == 1


async def test_events_are_trimmed_only_after_they_are_recorded_and_their_ends_forgotten(
    orchestrator: Orchestrator, stores: Stores
) -> None:
    stores.entries = ["1-0"]
    stores.recorded = Recorded(new=3, ended_tasks=(("g", "t"),), ended_goals=(a_goal("g"),))
    assert await orchestrator.record() == 3
    assert stores.diary == ["read", "record", "forget [('g', 't')] ['g']", "trim 1-0", "read"]
    assert [event.name for event in stores.said] == ["goal.finished"]


async def test_events_stay_when_others_recorded_before_their_ends_were_forgotten(
    orchestrator: Orchestrator, stores: Stores
) -> None:
    stores.entries, stores.turn = ["1-0"], 2
    stores.recorded = Recorded(new=0, turn=1, ended_tasks=(("g", "t"),))
    assert await orchestrator.record() == 0
    assert stores.entries == ["1-0"]


async def test_what_another_process_records_right_now_is_neither_forgotten_nor_dropped(
    stores: Stores, orchestrator: Orchestrator
) -> None:
    stores.entries, stores.recorded, stores.chores_now = ["1-1"], None, NONE
    await orchestrator.tick(wait=False)
    assert stores.entries == ["1-1"]
    assert "try to record" in stores.diary
    assert not [done for done in stores.diary if done.startswith(("forget", "trim"))]


async def test_the_record_stands_in_line_behind_those_who_dispatch_a_long_plan(
    stores: Stores, orchestrator: Orchestrator
) -> None:
    stores.entries, stores.chores_now = ["1-1"], NONE.model_copy(update={"tasks": True})
    await orchestrator.tick(wait=False)
    assert "record" in stores.diary
    assert "try to record" not in stores.diary


async def test_the_queue_is_compared_with_the_record_before_anything_else_is_tried(
    orchestrator: Orchestrator, stores: Stores
) -> None:
    await orchestrator.tick()
    assert stores.diary[0] == "reconcile"


async def test_while_the_queue_stands_still_nothing_keeps_the_record_from_whoever_compares_it(
    orchestrator: Orchestrator, stores: Stores
) -> None:
    stores.broken, stores.entries = {"reconcile"}, ["1-0"]
    with pytest.raises(SwarmError, match="reconcile is refused"):
        await orchestrator.tick()
    assert stores.diary == ["reconcile", "servers", "promote", "reap 3", "expire", "settle", "sweep", "look", "reviews"]


async def test_an_idle_tick_looks_once_into_the_record_and_opens_no_transaction(
    orchestrator: Orchestrator, stores: Stores
) -> None:
    stores.chores_now = NONE
    await orchestrator.tick()
    assert stores.diary == ["reconcile", "servers", "promote", "reap 3", "expire", "settle", "sweep", "look", "read"]


@pytest.mark.parametrize(
    ("chore", "steps"),
    [
        ("orders", ["obey"]),
        ("tasks", ["dispatch", "push"]),
        ("overdue", ["reviews", "resume"]),
        ("decisions", ["resume"]),
    ],
)
async def test_what_the_look_finds_is_done_in_the_same_tick(
    orchestrator: Orchestrator, stores: Stores, chore: str, steps: list[str]
) -> None:
    stores.chores_now = NONE.model_copy(update={chore: True})
    await orchestrator.tick()
    assert stores.diary[stores.diary.index("look") + 1 :] == [*steps, "read"]


async def test_every_step_is_tried_when_the_look_fails(orchestrator: Orchestrator, stores: Stores) -> None:
    stores.broken, stores.entries = {"look"}, ["1-0"]
    with pytest.raises(SwarmError, match="look is refused"):
        await orchestrator.tick()
    assert {"obey", "dispatch", "reviews", "resume", "record", "trim 1-0"} <= set(stores.diary)


async def test_events_stay_while_the_record_is_away(orchestrator: Orchestrator, stores: Stores) -> None:
    stores.entries, stores.gone = ["1-0"], {"Postgres"}
    with pytest.raises(BackendUnavailable):
        await orchestrator.record()
    assert stores.entries == ["1-0"]


async def test_retries_and_takeovers_go_on_without_postgres(orchestrator: Orchestrator, stores: Stores) -> None:
    stores.gone = {"Postgres"}
    with pytest.raises(BackendUnavailable):
        await orchestrator.tick()
    assert {"promote", "reap 3", "expire", "settle", "sweep"} <= set(stores.diary)


async def test_a_dispatch_that_is_refused_does_not_stop_the_record(orchestrator: Orchestrator, stores: Stores) -> None:
    stores.broken, stores.entries = {"dispatch"}, ["1-0"]
    with pytest.raises(SwarmError, match="dispatch is refused"):
        await orchestrator.tick()
    assert {"resume", "record", "trim 1-0", "sweep"} <= set(stores.diary)


async def test_orders_are_obeyed_before_anything_new_is_dispatched_and_again_after_it(
    orchestrator: Orchestrator, stores: Stores
) -> None:
    await orchestrator.obey()
    told = [done for done in stores.diary if done != "push"]
    assert told == ["reconcile", "obey", "dispatch", "obey", "read"]


async def test_other_shards_are_recorded_while_one_is_away(orchestrator: Orchestrator, stores: Stores) -> None:
    stores.shards = 3
    stores.shards_gone = {1}
    with pytest.raises(BackendUnavailable, match="one node"):
        await orchestrator.record()
    assert stores.diary == ["read 0", "read 1", "read 2"]


async def test_steps_of_the_record_go_on_while_one_of_several_shards_stands_still(
    orchestrator: Orchestrator, stores: Stores
) -> None:
    stores.shards, stores.one_away = 3, True
    with pytest.raises(SwarmError, match="reconcile is refused"):
        await orchestrator.tick()
    assert {"obey", "dispatch", "resume", "read 0", "read 2"} <= set(stores.diary)
    assert "read 1" not in stores.diary
