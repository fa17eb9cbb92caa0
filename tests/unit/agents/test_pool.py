"""A pool claims what its crew can hold, keeps it alive, and ends in good order. Time moves only when a test moves it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from chimera_cli.agents.crew import CrewAgent
from chimera_cli.agents.pool import MOST_AT_ONCE, Pool, PoolOptions, PoolTools
from chimera_cli.agents.signals import Signals
from chimera_cli.exceptions import EXIT_FAILED, BackendUnavailable, StaleLease
from chimera_cli.handlers.threads import in_thread
from chimera_cli.models.agent import AgentStatus, Role
from chimera_cli.models.delivery import Delivery, Stage
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.result import TaskResult
from chimera_cli.models.returned import Returned
from tests.unit.agents.crew_fakes import Ears, FakeQueue, FakeRegistry, HandClock, delivery, quiet

SIGINT, SIGTERM = 2, 15


class Hand(CrewAgent):
    """Holds a task until the test opens its gate, then completes it."""

    role = Role.WORKER
    stage = Stage.WORK
    shop: "Shop"

    async def see_through(self, delivery: Delivery) -> None:
        task_id = delivery.lease.task_id
        self.shop.begun.append(task_id)
        try:
            await self.shop.work(task_id)
        except asyncio.CancelledError:
            self.shop.cancelled.append(task_id)
            raise
        await self.answer(delivery.lease, lambda: self.queue.complete(delivery.lease, TaskResult()))


class Keeper:
    """Counts its rounds; `more` are what the next ones return."""

    def __init__(self) -> None:
        self.ticks = 0
        self.more: list[bool] = []
        self.errors: list[Exception] = []

    async def tick(self, *, wait: bool = True) -> bool:
        self.ticks += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.more.pop(0) if self.more else False


class Shop:
    """A pool with everything around it."""

    def __init__(self) -> None:
        self.queue, self.registry, self.ears = FakeQueue(), FakeRegistry(), Ears()
        self.clock, self.keeper, self.signals = HandClock(), Keeper(), Signals()
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.notices: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.open = False
        self.waiting_in_record = 0
        self.may_execute = True
        self.work: Callable[[str], Any] = self._gate
        self.done: asyncio.Task[int] | None = None
        self.agents: list[Hand] = []

    async def _gate(self, task_id: str) -> None:
        if not self.open:
            await self.gates.setdefault(task_id, asyncio.Event()).wait()

    async def finish(self, *task_ids: str) -> None:
        for task_id in task_ids:
            self.gates[task_id].set()
        await quiet()

    async def undispatched(self) -> int:
        return self.waiting_in_record

    async def start(self, count: int = 2, **options: Any) -> None:
        """Start a pool of `count` agents named a1, a2 and so on."""
        tools = PoolTools(
            queue=self.queue,
            registry=self.registry,
            housekeeper=self.keeper,
            undispatched=self.undispatched,
            telemetry=self.ears,
            clock=self.clock,
            chance=lambda: 0.5,
            may_execute=lambda: self.may_execute,
        )
        for number in range(1, count + 1):
            agent = Hand(self.queue, self.ears, clock=self.clock, chance=lambda: 0.0, id=f"a{number}")
            agent.shop = self
            self.agents.append(agent)
        given = {"process": "p1", "lease": LeasePolicy(), "drain": timedelta(seconds=60), **options}
        pool = Pool(self.agents, tools, options=PoolOptions(**given), signals=self.signals, notice=self.notices.append)
        self.done = asyncio.create_task(pool.run())
        await quiet()

    async def signal(self, number: int = SIGTERM) -> None:
        self.signals.receive(number)
        await quiet()

    async def exit_code(self) -> int:
        """Return the exit code of a pool that has come to its end, without any more time passing."""
        await quiet()
        assert self.done is not None
        assert self.done.done(), "the pool still runs"
        return self.done.result()

    @property
    def running(self) -> bool:
        return self.done is not None and not self.done.done()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    yield shop
    if shop.done is not None and not shop.done.done():
        shop.done.cancel()
        await shop.clock.pass_by(10)
        await asyncio.gather(shop.done, return_exceptions=True)


def tasks(count: int) -> list[Delivery]:
    return [delivery(f"t{number}") for number in range(1, count + 1)]


async def test_claims_never_exceed_the_agents_with_free_hands(shop: Shop) -> None:
    shop.queue.put(*tasks(10))
    await shop.start(3)
    assert shop.begun == ["t1", "t2", "t3"]
    await shop.finish("t2")
    await shop.finish("t1", "t3")
    assert shop.begun == ["t1", "t2", "t3", "t4", "t5", "t6"]
    assert shop.queue.claims == [(3, 3), (1, 1), (2, 2)]


async def test_a_crew_of_thousands_claims_in_bounded_portions(shop: Shop) -> None:
    shop.queue.put(*tasks(MOST_AT_ONCE + 50))
    await shop.start(MOST_AT_ONCE + 60)
    assert shop.queue.claims[:2] == [(MOST_AT_ONCE, MOST_AT_ONCE), (60, 50)]
    assert len(shop.begun) == MOST_AT_ONCE + 50


async def test_an_empty_queue_is_waited_for_and_not_asked_again_and_again(shop: Shop) -> None:
    await shop.start(2)
    assert (shop.queue.claims, shop.queue.waits) == ([(2, 0)], 1)
    await shop.clock.pass_by(0.9)
    assert (len(shop.queue.claims), shop.queue.waits) == (1, 1)
    shop.queue.put(*tasks(1))
    await quiet()
    assert shop.begun == ["t1"]


async def test_a_full_crew_neither_claims_nor_waits_for_a_bell(shop: Shop) -> None:
    shop.queue.put(*tasks(5))
    await shop.start(2)
    await shop.clock.pass_by(30)
    assert (shop.queue.claims, shop.queue.waits) == ([(2, 2)], 0)


async def test_the_kinds_asked_for_are_the_kinds_claimed(shop: Shop) -> None:
    await shop.start(1, kinds=("a", "b"))
    assert shop.queue.kinds == [("a", "b")]


async def test_every_beat_names_all_agents_and_extends_all_leases(shop: Shop) -> None:
    shop.queue.put(*tasks(1))
    await shop.start(2)
    await shop.clock.pass_by(10)
    assert len(shop.registry.beats) == 3
    last = shop.registry.beats[-1]
    assert (last.process, last.period) == ("p1", timedelta(seconds=5))
    assert [(agent.id, agent.status, agent.task_id) for agent in last.agents] == [
        ("a1", AgentStatus.BUSY, "t1"),
        ("a2", AgentStatus.IDLE, ""),
    ]
    assert [[lease.task_id for lease in leases] for leases in shop.queue.extended[-2:]] == [["t1"], ["t1"]]


async def test_a_lost_lease_ends_its_run_and_no_other(shop: Shop) -> None:
    shop.queue.put(*tasks(2))
    await shop.start(2)
    shop.queue.lost = [run.lease for run in tasks(1)]
    await shop.clock.pass_by(5)
    assert shop.cancelled == ["t1"]
    assert shop.ears.one("task.stale").fields == {"task": "t1", "generation": 1}
    await shop.finish("t2")
    assert [answer[1].task_id for answer in shop.queue.answers] == ["t2"]
    assert shop.queue.claims[1] == (1, 0), "the agent of the lost lease has free hands again"


async def test_a_run_whose_answer_is_on_its_way_hears_of_its_lease_from_the_queue(shop: Shop) -> None:
    gate = asyncio.Event()

    async def slow(*_: Any, **__: Any) -> None:
        await gate.wait()
        raise StaleLease("t1", 1)

    shop.queue.complete = slow  # type: ignore[method-assign]
    shop.open = True
    shop.queue.put(*tasks(1))
    await shop.start(1)
    shop.queue.lost = [tasks(1)[0].lease]
    await shop.clock.pass_by(5)
    assert "task.stale" not in shop.ears.names()
    gate.set()
    await quiet()
    assert shop.cancelled == []
    shop.ears.one("task.stale")


async def test_housekeeping_goes_on_at_a_jittered_pace_without_any_traffic(shop: Shop) -> None:
    await shop.start(1)
    await shop.clock.pass_by(5)
    assert shop.keeper.ticks == 10


async def test_the_first_signal_says_so_and_lets_running_work_end(shop: Shop) -> None:
    shop.queue.put(*tasks(5))
    await shop.start(2)
    await shop.signal()
    assert shop.notices == ["draining: 2 running, up to 60 s, again to force"]
    await shop.finish("t1")
    await shop.clock.pass_by(20)
    assert shop.running
    assert len(shop.registry.beats) == 5, "beats go on while draining"
    assert [lease.task_id for lease in shop.queue.extended[-1]] == ["t2"]
    await shop.finish("t2")
    assert await shop.exit_code() == 0
    assert (shop.begun, shop.cancelled, shop.queue.told("give_back")) == (["t1", "t2"], [], [])
    assert shop.ears.one("drain.ended").fields == {"running": 2, "given_back": 0}


async def test_an_idle_pool_ends_at_once_on_a_signal(shop: Shop) -> None:
    await shop.start(2)
    await shop.signal(SIGINT)
    assert await shop.exit_code() == 0
    assert shop.registry.left == ["p1"]
    assert shop.ears.names()[-1] == "agent.stopped"


async def test_what_is_not_done_when_the_drain_time_is_over_is_given_back(shop: Shop) -> None:
    shop.queue.put(*tasks(3))
    await shop.start(3, drain=timedelta(seconds=8))
    await shop.signal()
    await shop.finish("t2")
    await shop.clock.pass_by(8)
    assert await shop.exit_code() == 0
    assert shop.cancelled == ["t1", "t3"]
    assert [lease.task_id for _, lease in shop.queue.told("give_back")] == ["t1", "t3"]
    assert shop.queue.returned == [Returned.DRAINED] * 2
    assert shop.ears.one("drain.ended").fields == {"running": 3, "given_back": 2}


@pytest.mark.parametrize(("number", "code"), [(SIGINT, 130), (SIGTERM, 143)])
async def test_the_second_signal_forces_and_gives_leases_back(shop: Shop, number: int, code: int) -> None:
    shop.queue.put(*tasks(2))
    await shop.start(2)
    await shop.signal()
    await shop.signal(number)
    assert await shop.exit_code() == code
    assert shop.cancelled == ["t1", "t2"]
    assert len(shop.queue.told("give_back")) == 2


async def test_a_forced_end_does_not_wait_for_a_run_that_will_not_end(shop: Shop) -> None:
    stop = asyncio.Event()

    async def stubborn(task_id: str) -> None:
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                continue

    shop.work = stubborn
    shop.queue.put(*tasks(1))
    await shop.start(1)
    await shop.signal()
    await shop.signal()
    await shop.clock.pass_by(5)
    assert await shop.exit_code() == 143
    assert len(shop.queue.told("give_back")) >= 1
    stop.set()
    await quiet()


async def test_a_forced_end_without_a_queue_leaves_the_leases_to_lapse(shop: Shop) -> None:
    shop.queue.put(*tasks(2))
    await shop.start(2)
    shop.queue.errors["give_back"] = [BackendUnavailable("Redis", "gone")] * 9
    await shop.signal()
    await shop.signal()
    assert await shop.exit_code() == 143
    assert shop.queue.told("give_back") == []


async def test_a_lease_that_was_taken_over_meanwhile_is_not_counted_as_given_back(shop: Shop) -> None:
    shop.queue.put(*tasks(2))
    await shop.start(2)
    shop.queue.errors["give_back"] = [StaleLease("t1", 1)]
    await shop.signal()
    await shop.signal()
    assert await shop.exit_code() == 143
    assert shop.ears.one("drain.ended").fields == {"running": 2, "given_back": 1}


async def test_what_a_claim_brings_after_the_signal_is_given_back_unseen(shop: Shop) -> None:
    shop.queue.put(*tasks(2))
    shop.queue.on_claim = lambda: shop.signals.receive(SIGTERM)
    await shop.start(2)
    assert await shop.exit_code() == 0
    assert shop.begun == []
    assert [lease.task_id for _, lease in shop.queue.told("give_back")] == ["t1", "t2"]
    assert shop.queue.returned == [Returned.UNBEGUN] * 2


async def test_a_claim_that_waits_for_a_bell_is_made_at_the_signal_and_what_it_brings_is_given_back(shop: Shop) -> None:
    await shop.start(2)
    assert shop.queue.waits == 1
    shop.queue.stock.extend(tasks(1))
    shop.signals.receive(SIGTERM)
    assert await shop.exit_code() == 0
    assert shop.begun == []
    assert [lease.task_id for _, lease in shop.queue.told("give_back")] == ["t1"]


async def test_a_burst_ends_when_nothing_is_left_after_a_round_of_housekeeping(shop: Shop) -> None:
    shop.open = True
    shop.queue.put(*tasks(7))
    await shop.start(2, burst=True)
    assert await shop.exit_code() == 0
    assert len(shop.queue.told("complete")) == 7
    assert shop.keeper.ticks > 0


@pytest.mark.parametrize("left", [{"running": 1}, {"delayed": 1}, {"waiting": 1}])
async def test_a_burst_does_not_end_while_others_work_or_retries_wait(shop: Shop, left: dict[str, int]) -> None:
    shop.queue.busy = QueueCounts(**left)
    await shop.start(1, burst=True)
    assert shop.running
    shop.queue.busy = QueueCounts(to_judge=3)
    shop.queue.bell.set()
    assert await shop.exit_code() == 0


async def test_a_burst_does_not_end_before_everything_is_dispatched(shop: Shop) -> None:
    shop.waiting_in_record = 1
    await shop.start(1, burst=True)
    assert shop.running
    shop.waiting_in_record = 0
    shop.queue.bell.set()
    assert await shop.exit_code() == 0


async def test_a_burst_does_not_end_while_housekeeping_has_more_to_do(shop: Shop) -> None:
    shop.keeper.more = [True, True]
    await shop.start(1, burst=True)
    assert await shop.exit_code() == 0
    assert shop.keeper.ticks >= 3


async def test_approved_effects_are_among_what_is_claimed_only_while_they_may_be(shop: Shop) -> None:
    shop.may_execute = False
    await shop.start(1)
    shop.may_execute = True
    shop.queue.put(*tasks(1))
    await quiet()
    await shop.finish("t1")
    assert shop.queue.executes[0] is False
    assert shop.queue.executes[-1] is True


async def test_a_burst_over_some_kinds_is_not_kept_by_the_others(shop: Shop) -> None:
    shop.queue.busy = QueueCounts(waiting=5, kinds={"theirs": 5})
    await shop.start(1, burst=True, kinds=("mine",))
    assert await shop.exit_code() == 0


async def test_a_burst_over_some_kinds_does_not_end_while_one_of_them_waits(shop: Shop) -> None:
    shop.queue.busy = QueueCounts(waiting=5, kinds={"theirs": 4, "mine": 1})
    await shop.start(1, burst=True, kinds=("mine",))
    assert shop.running
    shop.queue.busy = QueueCounts(waiting=4, kinds={"theirs": 4})
    shop.queue.bell.set()
    assert await shop.exit_code() == 0


async def test_a_process_tells_the_kinds_that_it_claims(shop: Shop) -> None:
    await shop.start(1, kinds=("mine", "yours"))
    assert shop.registry.beats[-1].kinds == ("mine", "yours")


async def test_a_burst_survives_an_outage_instead_of_ending(shop: Shop) -> None:
    shop.queue.errors["counts"] = [BackendUnavailable("Redis", "gone")]
    await shop.start(1, burst=True)
    assert shop.running
    shop.queue.bell.set()
    assert await shop.exit_code() == 0


async def test_a_burst_does_not_take_a_queue_for_empty_that_let_nobody_claim(shop: Shop) -> None:
    shop.queue.errors["pop_tasks"] = [BackendUnavailable("Redis", "lost data", state="stands still")]
    await shop.start(1, burst=True)
    assert shop.running
    shop.open = True
    shop.queue.put(*tasks(1))
    await shop.clock.pass_by(5)
    assert await shop.exit_code() == 0
    assert len(shop.queue.told("complete")) == 1


async def test_max_tasks_are_claimed_and_seen_through_and_no_more(shop: Shop) -> None:
    shop.queue.put(*tasks(9))
    await shop.start(2, max_tasks=3)
    await shop.finish("t1", "t2")
    assert shop.begun == ["t1", "t2", "t3"]
    await shop.clock.pass_by(300)
    assert shop.running
    await shop.finish("t3")
    assert await shop.exit_code() == 0
    assert len(shop.queue.told("complete")) == 3


async def test_a_lost_queue_is_survived_and_said_once(shop: Shop) -> None:
    gone = BackendUnavailable("Redis", "connection refused")
    shop.queue.errors["pop_tasks"] = [gone] * 5
    shop.registry.errors = [gone] * 2
    await shop.start(1)
    shop.queue.put(*tasks(1))
    await shop.clock.pass_by(3)
    assert shop.begun == [], "the knocks come at growing distances"
    await shop.clock.pass_by(20)
    assert shop.begun == ["t1"]
    shop.ears.one("backend.lost")
    shop.ears.one("backend.back")


async def test_housekeeping_that_fails_in_an_unforeseen_way_is_told_once_and_goes_on(shop: Shop) -> None:
    shop.keeper.errors = [ValueError("odd")] * 3
    await shop.start(1)
    await shop.clock.pass_by(20)
    told = shop.ears.one("agent.failed")
    assert told.fields["error"] == "ValueError: odd"
    assert "Traceback" in str(told.fields["trace"])
    assert shop.keeper.ticks > 10


async def test_an_outage_of_the_record_slows_housekeeping_to_no_less_than_once_a_second(shop: Shop) -> None:
    shop.keeper.errors = [BackendUnavailable("Postgres", "gone")] * 99
    await shop.start(1)
    await shop.clock.pass_by(30)
    assert shop.keeper.ticks >= 30
    shop.ears.one("backend.lost")


async def test_an_agent_that_fails_is_told_and_works_on_while_its_lease_lapses(shop: Shop) -> None:
    async def broken(task_id: str) -> None:
        raise LookupError("a bug")

    shop.work = broken
    shop.queue.put(*tasks(1))
    await shop.start(1)
    assert shop.ears.one("agent.failed").fields["error"] == "LookupError: a bug"
    shop.queue.extended.clear()
    await shop.clock.pass_by(20)
    assert shop.queue.extended == []
    assert shop.queue.answers == []
    shop.work = shop._gate
    shop.queue.put(delivery("t2"))
    await quiet()
    assert shop.begun == ["t1", "t2"]


async def test_at_the_end_everything_is_let_go(shop: Shop) -> None:
    await shop.start(3)
    await shop.signal()
    assert await shop.exit_code() == 0
    assert {agent.status for agent in shop.agents} == {AgentStatus.STOPPED}
    assert shop.ears.one("agent.started").fields == {"role": "worker", "count": 3}
    assert len(asyncio.all_tasks()) == 1, "no task is left behind"


async def test_a_pool_that_is_itself_cancelled_gives_back_what_it_holds_as_broken(shop: Shop) -> None:
    shop.queue.put(*tasks(1))
    await shop.start(1)
    assert shop.done is not None
    shop.done.cancel()
    await quiet()
    assert shop.done.cancelled()
    assert [lease.task_id for _, lease in shop.queue.told("give_back")] == ["t1"]
    assert shop.queue.returned == [Returned.BROKEN]


async def test_a_suspect_has_its_process_for_itself_until_it_has_ended(shop: Shop) -> None:
    shop.queue.suspects.append(delivery("s1"))
    shop.queue.put(*tasks(2))
    await shop.start(3)
    assert shop.begun == ["s1"]
    await shop.clock.pass_by(20)
    assert shop.begun == ["s1"]
    await shop.finish("s1")
    assert shop.begun == ["s1", "t1", "t2"]


async def test_suspects_and_others_take_turns(shop: Shop) -> None:
    shop.queue.suspects += [delivery("s1"), delivery("s2")]
    shop.queue.put(*tasks(3))
    shop.open = True
    await shop.start(2, burst=True)
    await shop.clock.pass_by(1)
    assert shop.begun == ["s1", "t1", "t2", "s2", "t3"]


async def test_a_busy_process_whose_duty_it_is_comes_to_rest_for_a_suspect(shop: Shop) -> None:
    shop.queue.put(*tasks(4))
    await shop.start(2)
    shop.queue.suspects.append(delivery("s1"))
    shop.queue.rest = True
    await shop.clock.pass_by(5)
    await shop.finish("t1")
    assert shop.begun == ["t1", "t2"]
    await shop.finish("t2")
    assert shop.begun == ["t1", "t2", "s1"]
    await shop.finish("s1")
    assert shop.begun == ["t1", "t2", "s1", "t3", "t4"]


async def test_a_busy_process_whose_duty_is_anothers_goes_on(shop: Shop) -> None:
    shop.queue.put(*tasks(3))
    await shop.start(2)
    shop.queue.suspects.append(delivery("s1"))
    await shop.clock.pass_by(5)
    await shop.finish("t1")
    assert shop.begun == ["t1", "t2", "t3"]


def hanging_in_a_thread(shop: Shop, release: threading.Event) -> Callable[[str], Any]:
    """Make work that leaves a thread of agent a1 behind in the first task, and is the gated one for the others."""

    async def work(task_id: str) -> None:
        if task_id == "t1":
            try:
                async with asyncio.timeout(0):
                    await in_thread(release.wait, 30, name="hanging", agent="a1")
            except TimeoutError:
                return
        await shop._gate(task_id)

    return work


async def test_an_agent_whose_thread_was_left_behind_takes_nothing_new_before_the_thread_has_ended(shop: Shop) -> None:
    release = threading.Event()
    shop.work = hanging_in_a_thread(shop, release)
    shop.queue.put(*tasks(3))
    await shop.start(2)
    assert shop.begun == ["t1", "t2"]
    assert [answer[0] for answer in shop.queue.answers] == ["complete"]
    assert (shop.agents[0].status, shop.agents[0].task_id) == (AgentStatus.BUSY, "t1")
    await shop.clock.pass_by(5)
    assert shop.begun == ["t1", "t2"]
    release.set()
    [hanging] = [thread for thread in threading.enumerate() if thread.name == "hanging"]
    await asyncio.to_thread(hanging.join, 5)
    await shop.clock.pass_by(5)
    assert shop.begun == ["t1", "t2", "t3"]


async def test_a_process_all_of_whose_agents_wait_for_threads_ends_and_says_so(shop: Shop) -> None:
    release = threading.Event()
    shop.work = hanging_in_a_thread(shop, release)
    shop.queue.put(*tasks(2))
    await shop.start(1)
    assert await shop.exit_code() == EXIT_FAILED
    assert shop.begun == ["t1"]
    assert "left behind beyond its timeout" in shop.notices[0]
    release.set()


async def test_a_beat_says_since_when_a_thread_holds_its_agent_up(shop: Shop) -> None:
    release = threading.Event()
    shop.work = hanging_in_a_thread(shop, release)
    shop.queue.put(*tasks(1))
    await shop.start(2)
    await shop.clock.pass_by(10)
    told = {beat.id: (beat.status, beat.task_id, beat.stuck_for) for beat in shop.registry.beats[-1].agents}
    assert told == {"a1": (AgentStatus.BUSY, "t1", timedelta(seconds=10)), "a2": (AgentStatus.IDLE, "", None)}
    release.set()


async def test_a_process_that_beats_and_cannot_claim_is_stuck_after_a_lease(shop: Shop) -> None:
    shop.queue.errors["pop_tasks"] = [ValueError("a reply that nobody understands") for _ in range(1000)]
    await shop.start(1)
    await shop.clock.pass_by(10)
    assert shop.registry.beats[-1].agents[0].stuck_for is None
    await shop.clock.pass_by(20)
    stuck_for = shop.registry.beats[-1].agents[0].stuck_for
    assert stuck_for == timedelta(seconds=30) - LeasePolicy().lease - timedelta(seconds=1)
    shop.queue.errors["pop_tasks"].clear()
    await shop.clock.pass_by(10)
    assert shop.registry.beats[-1].agents[0].stuck_for is None
