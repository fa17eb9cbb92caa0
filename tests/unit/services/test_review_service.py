from datetime import timedelta
from typing import Any

import pytest

from chimera_cli.exceptions import AlreadyDecided, BackendUnavailable, ConfigError
from chimera_cli.models.away import Away
from chimera_cli.models.epoch import Epochs
from chimera_cli.models.identity import shard_of
from chimera_cli.models.release import ReviewMode, Seal
from chimera_cli.models.review import Decision, Resumption, ReviewCard
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.services.review_service import MADE_AGAIN, WHILE_PAUSED, ReviewService
from chimera_cli.services.vouching import NO_VOUCHER
from tests.builders import VOUCHER, a_card, a_task

CARD = a_card(a_task(), 2)


class Desk:
    """The review port, the queue and the listener in one."""

    def __init__(
        self, *, resumes: Resumption = Resumption.DONE, queue_away: bool = False, decided: bool = False
    ) -> None:
        self.resumes, self.queue_away, self.decided = resumes, queue_away, decided
        self.notes: dict[str, str] = {}
        self.said: list[TelemetryEvent] = []
        self.limits: list[timedelta] = []
        self.cards = [CARD]
        self.gone: set[str] = set()
        self.seals: list[Seal | None] = []

    async def card(self, card_id: str) -> ReviewCard:
        return CARD

    async def decide(
        self, card_id: str, decision: Decision, operator: str, reason: str, *, digest: str, seal: Seal | None
    ) -> ReviewCard:
        self.seals.append(seal)
        if self.decided:
            raise AlreadyDecided(card_id, "APPROVED", "bob", None)
        return CARD

    async def unresumed(self, *, away: Away) -> list[ReviewCard]:
        return [card for card in self.cards if not away.holds(card.goal_id)]

    async def epochs(self) -> Epochs:
        return {0: 5}

    async def mark_resumed(self, card_id: str, note: str, *, epochs: Epochs) -> bool:
        self.notes[card_id] = note
        return not note

    async def expire(self, older_than: timedelta) -> int:
        self.limits.append(older_than)
        return 3

    async def resume(self, card: ReviewCard, *, epochs: Epochs) -> Resumption:
        if self.queue_away or card.goal_id in self.gone:
            raise BackendUnavailable("Redis", "gone")
        return self.resumes

    def emit(self, event: TelemetryEvent) -> None:
        self.said.append(event)


def service(desk: Any) -> ReviewService:
    return ReviewService(desk, desk, desk, voucher=VOUCHER)


async def test_a_decision_is_carried_out_at_once_and_audited() -> None:
    desk = Desk()
    assert await service(desk).submit_decision(CARD.id, Decision.APPROVE, "ada") == CARD
    assert desk.notes == {CARD.id: ""}
    assert [(event.name, event.level) for event in desk.said] == [("review.decided", Level.AUDIT)]


async def test_an_approval_is_signed_by_whoever_decides_and_a_rejection_needs_no_signature() -> None:
    desk = Desk()
    await service(desk).submit_decision(CARD.id, Decision.APPROVE, "ada")
    await service(desk).submit_decision(CARD.id, Decision.REJECT, "ada", "no")
    seal, none = desk.seals
    assert seal is not None
    assert (seal.mode, seal.who, none) == (ReviewMode.PERSON, "ada", None)
    assert VOUCHER.vouches(seal, task_id=CARD.task_id, kind=CARD.kind, digest=CARD.judgement.digest)


async def test_without_a_key_nothing_is_approved_and_the_cure_is_told() -> None:
    desk = Desk()
    keyless = ReviewService(desk, desk, desk, voucher=NO_VOUCHER)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="CHIMERA_APPROVAL_KEY is not set") as caught:
        await keyless.submit_decision(CARD.id, Decision.APPROVE, "ada")
    assert "chimera doctor" in caught.value.hint
    assert (desk.seals, desk.notes) == ([], {})
    await keyless.submit_decision(CARD.id, Decision.REJECT, "ada", "no")
    assert desk.seals == [None]


async def test_a_decision_is_kept_while_the_queue_is_away_and_carried_out_later() -> None:
    desk = Desk(queue_away=True)
    await service(desk).submit_decision(CARD.id, Decision.APPROVE, "ada")
    assert desk.notes == {}
    assert desk.said[-1].name == "backend.lost"
    desk.queue_away = False
    assert await service(desk).resume_decided() == 1
    assert desk.notes == {CARD.id: ""}


async def test_a_decision_that_came_too_late_says_so_on_its_card() -> None:
    desk = Desk(resumes=Resumption.LATE)
    card = await service(desk).submit_decision(CARD.id, Decision.APPROVE, "ada")
    assert "no longer waited" in card.note
    assert desk.notes == {CARD.id: card.note}


async def test_a_decision_on_what_was_not_held_says_so_on_its_card() -> None:
    desk = Desk(resumes=Resumption.OTHER)
    card = await service(desk).submit_decision(CARD.id, Decision.APPROVE, "ada")
    assert "did not show what was held" in card.note
    assert desk.notes == {CARD.id: card.note}


async def test_whoever_approves_is_told_at_once_that_the_result_is_made_again_and_the_record_notes_it() -> None:
    desk = Desk(resumes=Resumption.AGAIN)
    card = await service(desk).submit_decision(CARD.id, Decision.APPROVE, "ada")
    assert (card.note, desk.notes) == (MADE_AGAIN, {CARD.id: ""})


async def test_cards_expire_after_the_time_that_the_policy_allows() -> None:
    desk: Any = Desk()
    week = timedelta(days=7)
    assert await ReviewService(desk, desk, desk, voucher=VOUCHER, expire_after=week).expire_overdue() == 3
    assert desk.limits == [week]


async def test_cards_wait_for_ever_when_the_policy_allows_that() -> None:
    desk = Desk()
    assert await service(desk).expire_overdue() == 0
    assert desk.limits == []


async def test_the_second_of_two_operators_changes_nothing() -> None:
    desk = Desk(decided=True)
    with pytest.raises(AlreadyDecided, match="bob"):
        await service(desk).submit_decision(CARD.id, Decision.REJECT, "ada", "no")
    assert (desk.notes, desk.said) == ({}, [])


async def test_an_approval_of_a_paused_goal_is_kept_until_it_goes_on() -> None:
    desk = Desk(resumes=Resumption.PAUSED)
    card = await service(desk).submit_decision(CARD.id, Decision.APPROVE, "ada")
    assert (card.note, desk.notes) == ("", {})
    assert (desk.said[-1].name, desk.said[-1].message) == ("review.waits", WHILE_PAUSED)
    assert await service(desk).resume_decided() == 0
    desk.resumes = Resumption.DONE
    assert await service(desk).resume_decided() == 1
    assert desk.notes == {CARD.id: ""}


async def test_what_is_decided_on_other_shards_is_carried_out_while_one_is_away() -> None:
    desk = Desk()
    goals = {shard_of(goal, 2): goal for goal in (letter * 20 for letter in "abcdefgh")}
    desk.cards = [CARD.model_copy(update={"id": f"card-{n}", "goal_id": goals[n % 2]}) for n in range(4)]
    desk.gone = {goals[0]}
    with pytest.raises(BackendUnavailable):
        await service(desk).resume_decided(away=Away(shards=2))
    assert list(desk.notes) == ["card-1", "card-3"]
    desk.notes.clear()
    assert await service(desk).resume_decided(away=Away(shards=2, numbers=frozenset({0}))) == 2
    assert list(desk.notes) == ["card-1", "card-3"]
