from datetime import timedelta

import pytest

from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness, Role
from chimera_cli.models.goal import Ledger
from chimera_cli.models.queue_counts import QueueCounts
from chimera_cli.models.recovery import Loss, Recovery
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.models.task import TaskStatus
from chimera_cli.models.unserved import Unexecuted, Unserved
from chimera_cli.views.documents import status_document
from chimera_cli.views.swarm import board
from tests.builders import NOON, a_goal
from tests.unit.views.drawing import drawn

UUID = "11111111-2222-3333-4444-{:012d}"


def a_member(number: int, **fields: object) -> FleetMember:
    own = {"process": "p", "role": Role.WORKER, "state": AgentStatus.IDLE, "liveness": Liveness.ALIVE}
    return FleetMember(**{"id": UUID.format(number), "beat_age": timedelta(seconds=1.25), **own, **fields})


def a_snapshot(*fleet: FleetMember, **fields: object) -> Snapshot:
    ledger = Ledger(submitted=10, finished=5, failed=2, cancelled=1, live=2)
    queues = QueueCounts(waiting=3, running=1, oldest_waiting=timedelta(seconds=75))
    own = {"to_review": 1, "oldest_card_at": NOON - timedelta(hours=2), "ledger": ledger, "queues": queues}
    return Snapshot(**{"at": NOON, "fleet": fleet, **own, **fields})


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_board_shows_fleet_queues_and_ledger_within_the_screen(width: int) -> None:
    shown = drawn(board(a_snapshot(a_member(1, state=AgentStatus.BUSY, task_id="a" * 20))), width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert "a" * 20 in shown
    assert (UUID.format(1) in shown) == (width == 200)
    for words in ("1 (0 free, 0 late, 0 dead)", "to_review", "1m15s", "2h"):
        assert words in shown
    assert "10 submitted = 5 finished + 2 failed + 1 cancelled + 2 live" in " ".join(shown.split())


def test_a_ledger_that_does_not_add_up_says_so() -> None:
    assert "DOES NOT ADD UP" in drawn(board(a_snapshot(ledger=Ledger(submitted=1))), 120)
    assert "DOES NOT ADD UP" not in drawn(board(a_snapshot()), 120)


def test_a_large_fleet_is_cut_to_the_noteworthy_on_a_screen_and_whole_in_a_pipe() -> None:
    fleet = [a_member(n) for n in range(100)]
    fleet[70] = a_member(70, liveness=Liveness.DEAD)
    view = board(a_snapshot(*fleet), limit=5)
    assert UUID.format(70) in drawn(view, 120)
    assert "Fleet (5 of 100)" in drawn(view, 120)
    assert sum(line.startswith("agent\t") for line in view.lines()) == 100


def test_an_empty_fleet_tells_how_to_start_one() -> None:
    assert "chimera worker" in drawn(board(a_snapshot()))


def test_the_document_has_the_promised_fields() -> None:
    document = status_document(a_snapshot(a_member(1)))
    assert (
        document["fleet"][0].items()
        >= {
            "id": UUID.format(1),
            "role": "worker",
            "state": "idle",
            "beat_age_s": 1.25,
        }.items()
    )
    assert document["queues"]["waiting"] == 3
    assert all(isinstance(count, int) for count in document["queues"].values())
    assert {"submitted", "finished", "failed", "cancelled", "live"} <= document["ledger"].keys()


def test_a_stuck_agent_is_shown_as_such_with_since_when() -> None:
    stuck = a_member(1, state=AgentStatus.BUSY, liveness=Liveness.STUCK, stuck_for=timedelta(seconds=130))
    shown = drawn(board(a_snapshot(stuck, *(a_member(n) for n in range(2, 40)))), 120)
    assert "stuck 2m10s" in shown
    assert "39 (38 free, 0 late, 1 stuck, 0 dead)" in shown
    document = status_document(a_snapshot(stuck, a_member(2)))
    assert [(member["liveness"], member["stuck_s"]) for member in document["fleet"]] == [
        ("stuck", 130),
        ("alive", None),
    ]


def test_the_board_tells_what_redis_had_lost() -> None:
    found = Recovery(at=NOON - timedelta(minutes=3), shard=0, cause=Loss.EMPTIED, restored=4)
    shot = a_snapshot(recovery=found)
    assert "3m ago: Redis had lost everything: 4 tasks were put back" in " ".join(drawn(board(shot)).split())
    at = "2026-01-01T11:57:00Z"
    line = f"recovery\temptied\t{at}\tRedis had lost everything: 4 tasks were put back"
    assert line in list(board(shot).lines())
    assert status_document(shot)["recovery"]["restored"] == 4
    assert status_document(a_snapshot())["recovery"] is None


@pytest.mark.parametrize("width", [60, 200])
def test_paused_goals_are_shown_with_who_paused_them_and_for_how_long(width: int) -> None:
    counts = {TaskStatus.QUEUED: 3, TaskStatus.COMPLETED: 4}
    goal = a_goal(paused_at=NOON - timedelta(minutes=5), paused_by="ana", counts=counts)
    shot = a_snapshot(paused=(goal,))
    shown = drawn(board(shot), width)
    assert all(words in shown for words in (goal.id, "ana", "5m", "live tasks"))
    assert "Paused goals" not in drawn(board(a_snapshot()), width)
    assert f"paused\t{goal.id}\tana\t5m\t{goal.text}\t3" in list(board(shot).lines())
    assert status_document(shot)["paused"] == [
        {"goal_id": goal.id, "by": "ana", "since": (NOON - timedelta(minutes=5)).isoformat(), "live": 3}
    ]


def test_the_worst_lag_of_a_roles_event_loops_is_shown_with_it() -> None:
    lags = {1: timedelta(milliseconds=2), 2: timedelta(milliseconds=1234), 3: None}
    shot = a_snapshot(*(a_member(n, loop_lag=lag) for n, lag in lags.items()))
    assert "3 (3 free, 0 late, 0 dead), loop lag 1234ms" in drawn(board(shot), 120)
    assert [line.split("\t")[-1] for line in board(shot).lines() if line.startswith("agent")] == ["2ms", "1234ms", "-"]
    assert [member["loop_lag_s"] for member in status_document(shot)["fleet"]] == [0.002, 1.234, None]
    assert "loop lag -" in drawn(board(a_snapshot(a_member(1))), 120)


def test_the_board_tells_of_posts_that_were_taken_nowhere_and_of_none() -> None:
    view = board(a_snapshot(posts_waiting=3))
    assert "3 posts wait, stored and not posted" in " ".join(drawn(view, 120).split())
    assert "outbox\twaiting\t3" in list(view.lines())
    assert status_document(a_snapshot(posts_waiting=3))["posts_waiting"] == 3
    assert "outbox" not in drawn(board(a_snapshot()), 120)


def test_a_redis_that_refuses_writes_is_told_in_a_line_and_nothing_is_said_of_one_that_takes_them() -> None:
    words = "Redis refuses writes: OOM; raise its maxmemory"
    shot = a_snapshot(refused=words)
    assert words in drawn(board(shot), width=200)
    assert f"redis\trefused\t{words}" in list(board(shot).lines())
    assert (status_document(shot)["refused"], status_document(a_snapshot())["refused"]) == (words, None)


@pytest.mark.parametrize("what", ["clock", "evicts"])
def test_what_redis_does_under_a_running_fleet_is_told_in_a_line(what: str) -> None:
    words = "Redis does something odd"
    shot = a_snapshot(queues=QueueCounts(**{what: words}))
    assert words in drawn(board(shot), width=200)
    assert f"redis\t{what}\t{words}" in list(board(shot).lines())
    assert (status_document(shot)[what], status_document(a_snapshot())[what]) == (words, None)


def test_a_redis_that_was_replaced_is_told_and_the_epoch_is_for_scripts_alone() -> None:
    words = "Redis was replaced: another primary took over: epoch 4 here, 5 in the record"
    shot = a_snapshot(epoch=5, replaced=words)
    assert words in " ".join(drawn(board(shot), 200).split())
    assert f"redis\treplaced\t{words}" in list(board(shot).lines())
    assert status_document(shot)["epoch"] == 5
    assert "epoch" not in drawn(board(a_snapshot(epoch=5)), 200)


def test_work_that_no_worker_serves_is_told_on_every_face_and_only_when_there_is_some() -> None:
    shot = a_snapshot(a_member(1), unserved=(Unserved(kind="report.write", waiting=6),))
    sentence = "6 tasks of kind report.write wait, no worker serves it"
    assert sentence in " ".join(drawn(board(shot), 120).split())
    assert f"unserved\treport.write\t6\t{sentence}" in list(board(shot).lines())
    assert status_document(shot)["unserved"] == [{"kind": "report.write", "waiting": 6}]
    assert "unserved" not in drawn(board(a_snapshot(a_member(1))), 120)
    assert status_document(a_snapshot())["unserved"] == []


def test_approved_tasks_for_which_no_worker_has_the_key_are_told_on_every_face() -> None:
    shot = a_snapshot(a_member(1), unexecuted=(Unexecuted(kind="post", waiting=2),))
    sentence = "2 approved tasks of kind post wait, no live worker for it has CHIMERA_APPROVAL_KEY"
    assert sentence in " ".join(drawn(board(shot), 120).split())
    assert f"unexecuted\tpost\t2\t{sentence}" in list(board(shot).lines())
    assert status_document(shot)["unexecuted"] == [{"kind": "post", "waiting": 2}]
    assert status_document(a_snapshot())["unexecuted"] == []


def test_approved_tasks_for_which_no_worker_vouches_are_told() -> None:
    shot = a_snapshot(a_member(1)).model_copy(update={"unvouched": 3})
    assert "3 approved tasks wait, no worker vouches for their release" in drawn(board(shot), 120)
    assert any(line.startswith("unvouched\t3\t") for line in board(shot).lines())
    assert status_document(shot)["unvouched"] == 3
