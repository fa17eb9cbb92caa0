from datetime import timedelta

from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness, Role
from chimera_cli.models.unserved import unserved


def member(kinds: tuple[str, ...] | None, *, role: Role = Role.WORKER, life: Liveness = Liveness.ALIVE) -> FleetMember:
    return FleetMember(
        id="a", process="p", role=role, state=AgentStatus.IDLE, liveness=life, beat_age=timedelta(0), kinds=kinds
    )


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
