"""Orders kept and carried out, over small fakes; the real stores meet them in tests/contract and tests/cli."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from chimera_cli.exceptions import BackendUnavailable, SwarmError
from chimera_cli.models.away import Away
from chimera_cli.models.epoch import Epochs
from chimera_cli.models.goal import Goal, GoalStatus
from chimera_cli.models.identity import shard_of
from chimera_cli.models.order import TOO_LATE, Fate, Order, OrderAction
from chimera_cli.models.task import Task, TaskStatus
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.orders import Ordered
from chimera_cli.services.control import AT_ONCE, ControlService
from tests.builders import GOAL, NOON, a_goal, a_task


def an_order(seq: int, action: OrderAction = OrderAction.CANCEL, task: str = "", **fields: object) -> Order:
    own = {"seq": seq, "at": NOON, "action": action, "goal_id": GOAL, "task_id": task, "operator": "ana"}
    return Order(**{**own, **fields})


class Desk:
    """Both stores in one."""

    def __init__(self, *orders: Order) -> None:
        self.kept = {order.seq: order for order in orders}
        self.notes: dict[int, str] = {}
        self.fates: dict[str, Fate] = {}
        self.recorded: dict[str, TaskStatus] = {}
        self.members: list[str] = []
        self.status = GoalStatus.ACTIVE
        self.diary: list[str] = []
        self.away = False
        self.gone: set[str] = set()
        self.refused = ""
        self.said: list[TelemetryEvent] = []

    def _do(self, what: str) -> None:
        if self.away or what in self.gone:
            raise BackendUnavailable("Redis", "gone")
        if what == self.refused:
            raise SwarmError("Redis refused a command: ERR what stands there makes no sense")
        self.diary.append(what)

    async def order_goals(self, action: OrderAction, goal_ids: Sequence[str], operator: str, reason: str) -> Ordered:
        return Ordered(tuple(an_order(seq, action) for seq, _ in enumerate(goal_ids)))

    async def open(self, after: int, limit: int) -> list[Order]:
        waiting = [order for seq, order in sorted(self.kept.items()) if seq > after and seq not in self.notes]
        return waiting[:limit]

    async def close(self, seqs: Sequence[int], note: str = "", *, epochs: Epochs) -> None:
        self.notes |= dict.fromkeys(seqs, note)

    async def live(self, goal_id: str, after: int) -> tuple[list[str], int]:
        more = self.members[after : after + 2]
        return more, after + 2 if after + 2 < len(self.members) else 0

    async def pause(self, order: Order, *, epochs: Epochs) -> int:
        self._do(f"pause {order.seq}")
        return 0

    async def go_on(self, order: Order, *, epochs: Epochs) -> int:
        self._do(f"go on {order.seq}")
        return 0

    async def cancel(
        self, goal_id: str, lives: Mapping[str, int | None], *, operator: str, reason: str, epochs: Epochs
    ) -> list[Fate]:
        self._do(f"cancel {' '.join(lives)} ({reason})")
        return [self.fates.get(id, Fate.CANCELLED) for id in lives]

    async def task(self, task_id: str) -> Task:
        return a_task(task_id, status=self.recorded[task_id])

    async def goal(self, goal_id: str) -> Goal:
        return a_goal(status=self.status)

    async def epochs(self) -> Epochs:
        return {0: 5}

    async def turn(self) -> int:
        return 7

    async def forget(self, tasks: Any, goals: Any, *, turn: int, epochs: Epochs) -> bool:
        self._do(f"forget {goals} in turn {turn}")
        return True

    def emit(self, event: TelemetryEvent) -> None:
        self.said.append(event)


def service(desk: Any) -> ControlService:
    return ControlService(desk, desk, record=desk, queue=desk, telemetry=desk)


async def test_an_order_is_announced_as_audited() -> None:
    desk = Desk()
    await service(desk).order_goals(OrderAction.PAUSE, [GOAL], "ana")
    assert [(event.name, event.level, event.fields["action"]) for event in desk.said] == [
        ("order.given", Level.AUDIT, "pause")
    ]


async def test_open_orders_are_carried_out_in_the_order_in_which_they_were_given() -> None:
    desk = Desk(an_order(1, OrderAction.PAUSE), an_order(2, OrderAction.RESUME), an_order(3, OrderAction.PAUSE))
    assert await service(desk).carry_out() == 3
    assert desk.diary == ["pause 1", "go on 2", "pause 3"]
    assert desk.notes == {1: "", 2: "", 3: ""}
    assert await service(desk).carry_out() == 0


async def test_cancels_of_one_hand_go_in_one_call_and_others_do_not() -> None:
    desk = Desk(
        an_order(1, task="a", reason="dear"),
        an_order(2, task="b", reason="dear"),
        an_order(3, task="c", operator="bob"),
    )
    assert await service(desk).carry_out() == 3
    assert desk.diary == ["cancel a b (cancelled by ana: dear)", "cancel c (cancelled by bob)"]


async def test_a_task_that_had_ended_is_told_and_one_on_its_way_stays_open() -> None:
    desk = Desk(*(an_order(seq, task=task) for seq, task in enumerate(("ended", "gone", "forgotten", "coming"), 1)))
    desk.fates = {"ended": Fate.ENDED} | dict.fromkeys(("gone", "forgotten", "coming"), Fate.UNKNOWN)
    desk.recorded = {
        "gone": TaskStatus.COMPLETED,
        "forgotten": TaskStatus.CANCELLED,
        "coming": TaskStatus.PENDING,
    }
    assert await service(desk).carry_out() == 3
    assert desk.notes == {1: TOO_LATE, 2: TOO_LATE, 3: ""}


async def test_orders_that_stay_open_do_not_keep_later_ones_waiting() -> None:
    desk = Desk(*(an_order(seq, task=f"t{seq}") for seq in range(1, 2 * AT_ONCE)), an_order(500, OrderAction.PAUSE))
    desk.fates = {f"t{seq}": Fate.UNKNOWN for seq in range(1, 2 * AT_ONCE)}
    desk.recorded = dict.fromkeys(desk.fates, TaskStatus.PENDING)
    assert await service(desk).carry_out() == 1
    assert desk.diary[-1] == "pause 500"


async def test_an_order_that_cannot_be_carried_out_stays_open_and_keeps_no_later_one_waiting() -> None:
    desk = Desk(an_order(1, OrderAction.PAUSE), an_order(2, OrderAction.RESUME), an_order(3, OrderAction.PAUSE))
    desk.refused = "go on 2"
    with pytest.raises(SwarmError, match="makes no sense"):
        await service(desk).carry_out()
    assert desk.diary == ["pause 1", "pause 3"]
    assert sorted(desk.notes) == [1, 3]


async def test_a_goal_is_fenced_before_its_tasks_are_cancelled() -> None:
    desk = Desk(an_order(1))
    desk.members = ["a", "b", "c"]
    assert await service(desk).carry_out() == 1
    why = "(cancelled by ana)"
    assert desk.diary == ["pause 1", f"cancel a b {why}", f"cancel c {why}"]


async def test_a_goal_stays_to_be_cancelled_while_the_queue_misses_one_of_its_tasks() -> None:
    desk = Desk(an_order(1))
    desk.members, desk.fates = ["a", "b", "c"], {"a": Fate.UNKNOWN}
    assert await service(desk).carry_out() == 0
    assert desk.notes == {}


async def test_a_goal_without_live_tasks_is_forgotten_at_once() -> None:
    desk = Desk(an_order(1))
    desk.status = GoalStatus.CANCELLED
    await service(desk).carry_out()
    assert desk.diary[-1] == f"forget ['{GOAL}'] in turn 7"


@pytest.mark.parametrize("action", [OrderAction.PAUSE, OrderAction.RESUME, OrderAction.CANCEL])
async def test_an_order_stays_open_while_the_queue_is_away(action: OrderAction) -> None:
    desk = Desk(an_order(1, action))
    desk.away = True
    with pytest.raises(BackendUnavailable):
        await service(desk).carry_out()
    assert desk.notes == {}
    desk.away = False
    assert await service(desk).carry_out() == 1


async def test_orders_about_other_shards_are_carried_out_while_one_is_away() -> None:
    goals = {shard_of(goal, 2): goal for goal in (letter * 20 for letter in "abcdefgh")}
    orders = [an_order(seq, OrderAction.PAUSE).model_copy(update={"goal_id": goals[seq % 2]}) for seq in range(1, 5)]
    desk = Desk(*orders)
    desk.gone = {"pause 2"}
    with pytest.raises(BackendUnavailable):
        await service(desk).carry_out(away=Away(shards=2))
    assert desk.diary == ["pause 1", "pause 3"], "what comes behind it on its shard waits, too"
    desk.gone = set()
    assert await service(desk).carry_out(away=Away(shards=2, numbers=frozenset({0}))) == 0
    assert await service(desk).carry_out(away=Away(shards=2)) == 2
