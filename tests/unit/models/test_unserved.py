from datetime import timedelta

from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness, Role
from chimera_cli.models.unserved import unexecuted, unserved


def member(
    kinds: tuple[str, ...] | None, *, role: Role = Role.WORKER, life: Liveness = Liveness.ALIVE, key: bool = True
) -> FleetMember:
    own = {"id": "a", "process": "p", "state": AgentStatus.IDLE, "beat_age": timedelta(0)}
    return FleetMember(**own, role=role, liveness=life, kinds=kinds, has_key=key)


WAITING = {"x": 6, "y": 1, "z": 0}


def test_a_kind_that_no_live_worker_claims_is_unserved_and_said_in_one_line() -> None:
    assert [one.sentence for one in unserved(WAITING, [member(("z",))])] == [
        "6 tasks of kind x wait, no worker serves it",
        "1 task of kind y waits, no worker serves it",
    ]


def test_what_one_of_several_workers_claims_is_served() -> None:
    assert [one.kind for one in unserved(WAITING, [member(("z",)), member(("x", "z"))])] == ["y"]


def test_a_worker_of_a_release_that_does_not_tell_its_kinds_serves_any() -> None:
    assert unserved(WAITING, [member(("z",)), member(None)]) == ()


def test_the_dead_and_the_judges_serve_nothing() -> None:
    fleet = [member(("x", "y"), life=Liveness.DEAD), member(None, role=Role.JUDGE), member(None, life=Liveness.DEAD)]
    assert [one.kind for one in unserved(WAITING, fleet)] == ["x", "y"]


def test_a_stuck_or_late_worker_still_serves() -> None:
    assert unserved({"x": 1}, [member(("x",), life=Liveness.STUCK)]) == ()
    assert unserved({"x": 1}, [member(("x",), life=Liveness.LATE)]) == ()


def test_approved_tasks_of_a_kind_for_which_no_live_worker_has_the_key_are_unexecuted() -> None:
    fleet = [member(("x", "y"), key=False), member(("z",)), member(("x",), life=Liveness.DEAD)]
    assert [one.sentence for one in unexecuted(WAITING, fleet)] == [
        "6 approved tasks of kind x wait, no live worker for it has CHIMERA_APPROVAL_KEY",
        "1 approved task of kind y waits, no live worker for it has CHIMERA_APPROVAL_KEY",
    ]


def test_one_worker_with_the_key_or_that_claims_any_kind_is_enough() -> None:
    assert unexecuted(WAITING, [member(("x", "y"), key=False), member(("x", "y"))]) == ()
    assert unexecuted(WAITING, [member(("x", "y"), key=False), member(None, life=Liveness.STUCK)]) == ()


def test_what_no_worker_claims_is_unserved_and_not_told_twice() -> None:
    fleet = [member(("x",), key=False), member(None, role=Role.JUDGE)]
    assert [one.kind for one in unexecuted(WAITING, fleet)] == ["x"]
    assert [one.kind for one in unserved(WAITING, fleet)] == ["y"]
    assert unexecuted(WAITING, []) == ()
