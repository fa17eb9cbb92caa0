import json
from pathlib import Path

import pytest

from chimera_cli.models.review import CardStatus, ReviewCard
from chimera_cli.services.review_service import MADE_AGAIN
from tests.builders import a_card, a_task
from tests.unit.cli.fakes import FakeBackend, FakeSwarm, run, settle

FIRST, SECOND = "aaaa" + "1" * 16, "bbbb" + "2" * 16


def a_waiting_card(id: str) -> ReviewCard:
    card = a_card(a_task(id[:4]), 1, status=CardStatus.PENDING)
    return card.model_copy(update={"id": id, "decided_by": None, "decided_at": None})


@pytest.fixture
def swarm() -> FakeSwarm:
    return FakeSwarm(cards_by_id={id: a_waiting_card(id) for id in (FIRST, SECOND)})


def test_waiting_cards_are_listed(swarm: FakeSwarm) -> None:
    cards = json.loads(run("review", "list", "--json", backend=FakeBackend(swarm)).stdout)["cards"]
    assert [card["id"] for card in cards] == [FIRST, SECOND]
    assert cards[0]["confidence"] == 0.95
    assert [line.split("\t")[0] for line in run("review", "list", backend=FakeBackend(swarm)).stdout.splitlines()] == [
        FIRST,
        SECOND,
    ]


def test_decided_cards_are_listed_when_asked_for(swarm: FakeSwarm) -> None:
    run("review", "approve", FIRST, backend=FakeBackend(swarm))
    for status, expected in (("approved", [FIRST]), ("any", [FIRST, SECOND]), ("PENDING", [SECOND])):
        result = run("review", "list", "--status", status, "--json", backend=FakeBackend(swarm))
        assert [card["id"] for card in json.loads(result.stdout)["cards"]] == expected


def test_a_card_is_shown_by_a_prefix_of_its_id(swarm: FakeSwarm) -> None:
    result = run("review", "show", "aaaa", "--json", backend=FakeBackend(swarm))
    assert json.loads(result.stdout)["content"] == "done"


def test_approving_keeps_who_and_why(swarm: FakeSwarm) -> None:
    result = run("review", "approve", "aaaa", "bbbb", "--as", "ada", "--reason", "fine", backend=FakeBackend(swarm))
    assert result.exit_code == 0
    assert [(row.operator, row.action, row.reason) for row in swarm.rows] == [("ada", "approve", "fine")] * 2


def test_the_operator_may_come_from_the_settings(swarm: FakeSwarm, folder: Path) -> None:
    settle(folder, "CHIMERA_OPERATOR=grace\n")
    run("review", "approve", FIRST, backend=FakeBackend(swarm))
    assert swarm.rows[0].operator == "grace"


def test_the_second_of_two_operators_is_told_who_was_first(swarm: FakeSwarm) -> None:
    run("review", "approve", FIRST, "--as", "ada", backend=FakeBackend(swarm))
    late = run("review", "reject", FIRST, "--reason", "no", "--as", "bob", backend=FakeBackend(swarm))
    assert late.exit_code == 4
    assert f"card {FIRST} was approved by ada at 2026-01-01T12:00:00Z" in late.stderr
    assert len(swarm.rows) == 1


def test_a_decision_that_came_too_late_says_so_and_exits_4(swarm: FakeSwarm) -> None:
    swarm.late = "the task no longer waited for it"
    result = run("review", "approve", "aaaa", backend=FakeBackend(swarm))
    assert result.exit_code == 4
    assert swarm.late in result.stderr


def test_an_approval_whose_result_is_made_again_says_so_and_exits_0(swarm: FakeSwarm) -> None:
    swarm.late = MADE_AGAIN
    result = run("review", "approve", "aaaa", backend=FakeBackend(swarm))
    assert result.exit_code == 0
    assert MADE_AGAIN in result.stderr


def test_a_script_approves_exactly_what_it_saw(swarm: FakeSwarm) -> None:
    digest = "d" * 64
    judgement = swarm.cards_by_id[FIRST].judgement.model_copy(update={"digest": digest})
    swarm.cards_by_id[FIRST] = swarm.cards_by_id[FIRST].model_copy(update={"judgement": judgement})
    assert json.loads(run("review", "show", FIRST, "--json", backend=FakeBackend(swarm)).stdout)["digest"] == digest
    assert run("review", "approve", FIRST, "--digest", "e" * 12, backend=FakeBackend(swarm)).exit_code == 4
    assert swarm.rows == []
    assert run("review", "approve", FIRST, "--digest", digest[:12], backend=FakeBackend(swarm)).exit_code == 0


@pytest.mark.parametrize(
    "words", [[FIRST, SECOND, "--digest", "d" * 12], [FIRST, "--digest", "d"], [FIRST, "--digest", "xyz"]]
)
def test_a_digest_is_of_one_card_and_long_enough(swarm: FakeSwarm, words: list[str]) -> None:
    assert run("review", "approve", *words, backend=FakeBackend(swarm)).exit_code == 2
    assert swarm.rows == []


@pytest.mark.parametrize("name", ["chimera", " Chimera "])
def test_nobody_decides_in_the_swarms_own_name(swarm: FakeSwarm, name: str) -> None:
    assert run("review", "approve", FIRST, "--as", name, backend=FakeBackend(swarm)).exit_code == 2
    assert swarm.rows == []


def test_one_card_that_cannot_be_decided_does_not_stop_the_others(swarm: FakeSwarm) -> None:
    result = run("review", "approve", "cccc", FIRST, "--json", backend=FakeBackend(swarm))
    assert result.exit_code == 3
    assert "cccc" in result.stderr
    assert [card["status"] for card in json.loads(result.stdout)["cards"]] == ["APPROVED"]


def test_a_card_named_twice_is_decided_once(swarm: FakeSwarm) -> None:
    assert run("review", "approve", FIRST, FIRST, backend=FakeBackend(swarm)).exit_code == 0
    assert len(swarm.rows) == 1


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_rejection_needs_a_reason(swarm: FakeSwarm, reason: str) -> None:
    assert run("review", "reject", FIRST, "--reason", reason, backend=FakeBackend(swarm)).exit_code == 2
    assert swarm.rows == []


def test_an_unknown_or_ambiguous_id_exits_3(swarm: FakeSwarm) -> None:
    swarm.cards_by_id["aaaa2"] = a_waiting_card("aaaa2")
    assert run("review", "show", "ffff", backend=FakeBackend(swarm)).exit_code == 3
    ambiguous = run("review", "show", "aaaa", backend=FakeBackend(swarm))
    assert ambiguous.exit_code == 3
    assert FIRST in ambiguous.stderr


def test_a_forged_operator_name_is_refused(swarm: FakeSwarm) -> None:
    assert run("review", "approve", FIRST, "--as", "a\nb", backend=FakeBackend(swarm)).exit_code == 2
    assert swarm.rows == []


def test_the_audit_lists_operator_and_time(swarm: FakeSwarm) -> None:
    run("review", "approve", FIRST, "--as", "ada", backend=FakeBackend(swarm))
    [event] = json.loads(run("audit", "list", "--json", backend=FakeBackend(swarm)).stdout)["events"]
    assert (event["operator"], event["at"], event["action"]) == ("ada", "2026-01-01T12:00:00Z", "approve")
    assert run("audit", "list", "--since", "1h", backend=FakeBackend(swarm)).stdout == ""


def test_an_audit_that_holds_is_verified_with_exit_0(swarm: FakeSwarm) -> None:
    run("review", "approve", FIRST, SECOND, backend=FakeBackend(swarm))
    result = run("audit", "verify", "--json", backend=FakeBackend(swarm))
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["rows"], report["first_broken"], report["holds"]) == (2, None, True)
    assert run("audit", "verify", "--head", report["head"], backend=FakeBackend(swarm)).exit_code == 0
    assert run("audit", "verify", "--head", "0" * 63 + "1", backend=FakeBackend(swarm)).exit_code == 1
    assert run("audit", "verify", "--head", "abc", backend=FakeBackend(swarm)).exit_code == 2


def test_a_broken_audit_names_the_row_and_exits_1(swarm: FakeSwarm) -> None:
    run("review", "approve", FIRST, SECOND, backend=FakeBackend(swarm))
    swarm.rows[1] = swarm.rows[1].model_copy(update={"operator": "mallory"})
    result = run("audit", "verify", backend=FakeBackend(swarm))
    assert result.exit_code == 1
    assert "broken: row 2" in result.stdout


def test_the_audit_is_exported_a_line_a_row_with_hashes(swarm: FakeSwarm) -> None:
    run("review", "approve", FIRST, SECOND, backend=FakeBackend(swarm))
    lines = run("audit", "export", backend=FakeBackend(swarm)).stdout.splitlines()
    assert [json.loads(line)["hash"] for line in lines] == [row.hash for row in swarm.rows]
