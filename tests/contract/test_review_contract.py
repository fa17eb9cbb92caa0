"""ReviewPort, on a real Postgres: one decision a card, one audit row a decision, for ever."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chimera_cli.adapters.postgres_engine import driver_url, open_engine
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.exceptions import AlreadyDecided, Conflict, ReviewCardNotFound
from chimera_cli.models.audit import GENESIS, first_broken
from chimera_cli.models.gate import Judgement
from chimera_cli.models.goal import Goal
from chimera_cli.models.identity import content_digest, task_id
from chimera_cli.models.result import Usage
from chimera_cli.models.review import CardStatus, Decision, ReviewCard
from chimera_cli.models.task import TaskSpec
from chimera_cli.ports.review import ReviewPort
from chimera_cli.services.audit_trail import verify_audit
from tests.contract.postgres_life import HELD, START, Story, a_goal, a_judgement

pytestmark = pytest.mark.integration
TRUST = Path(__file__).parents[2] / "docs" / "trust.md"
GRANTS = re.compile(r"^(?:GRANT|REVOKE) .+;$", re.M)
"""What the page tells the owner to grant."""


@pytest.fixture
def review(engine: AsyncEngine) -> ReviewPort:
    return PostgresReview(engine)


def judged(goal: Goal, key: str) -> dict[str, Any]:
    """Make the judgement of a held result."""
    return a_judgement(content_digest(task_id(goal.id, key), {"n": 1}, f"text of {key}", "1", "1"))


async def held(record: PostgresRecord, *keys: str, shard: int = 0, **fields: Any) -> Story:
    """Submit a goal whose tasks all wait for a person."""
    goal = a_goal(uuid4)
    await record.submit(goal, [TaskSpec(key=key, kind="content.draft", title=key, payload={"n": 1}) for key in keys])
    story = Story(goal, shard)
    for key in keys:
        data = {"judgement": judged(goal, key), "usage": {"calls": 2, "input_tokens": 300, "output_tokens": 40}}
        await record.record(story.tell(key, *HELD, **{"output": f"text of {key}", "data": data, **fields}))
    return story


async def only_card(review: ReviewPort) -> ReviewCard:
    (card,) = await review.cards(status=None)
    return card


async def test_a_held_result_becomes_a_card_with_all_a_reviewer_needs(
    record: PostgresRecord, review: ReviewPort
) -> None:
    story = await held(record, "a")
    card = await only_card(review)
    assert card == await review.card(card.id)
    assert (card.goal_id, card.kind, card.title, card.status) == (
        story.goal.id,
        "content.draft",
        "a",
        CardStatus.PENDING,
    )
    assert (card.content, card.payload, card.generation) == ("text of a", {"n": 1}, 2)
    assert card.judgement == Judgement.model_validate(judged(story.goal, "a"))
    assert card.usage == Usage(calls=3, input_tokens=320, output_tokens=42)
    assert card.created_at == START + timedelta(seconds=4)
    assert await record.resolve("review card", card.id[:6]) == card.id


async def test_a_hold_recorded_again_makes_no_second_card(record: PostgresRecord, review: ReviewPort) -> None:
    story = await held(record, "a")
    again = await record.history(goal_id=story.goal.id)
    await record.record(again)
    await record.record([event.model_copy(update={"entry_id": f"9{event.entry_id}"}) for event in again])
    assert await review.waiting() == (1, START + timedelta(seconds=4))


async def test_a_hold_without_a_readable_judgement_still_reaches_a_person(
    record: PostgresRecord, review: ReviewPort
) -> None:
    await held(record, "a", data={"judgement": {"nonsense": True}, "usage": "none"}, error="no judge survived it")
    card = await only_card(review)
    assert card.judgement.verdict.confidence is None
    assert card.judgement.decision.reasons == ("no judge survived it",)
    assert card.judgement.digest


async def test_the_makers_usage_is_taken_from_the_handing_over_when_the_hold_is_silent(
    record: PostgresRecord, review: ReviewPort
) -> None:
    goal = a_goal(uuid4)
    await record.submit(goal, [TaskSpec(key="a", kind="noop")])
    story = Story(goal)
    usage = {"calls": 5, "input_tokens": 1, "output_tokens": 1}
    await record.record(story.tell("a", "task.queued", "task.started", "task.judging", data={"usage": usage}))
    await record.record(story.tell("a", "task.held", output="x", data={"judgement": a_judgement()}))
    assert (await only_card(review)).usage.calls == 6


@pytest.mark.parametrize(
    ("decision", "status"), [(Decision.APPROVE, CardStatus.APPROVED), (Decision.REJECT, CardStatus.REJECTED)]
)
async def test_a_decision_is_stored_with_operator_time_and_audit_row(
    record: PostgresRecord, review: ReviewPort, decision: Decision, status: CardStatus
) -> None:
    await held(record, "a")
    before = await record.now()
    card = await review.decide((await only_card(review)).id, decision, "maria", "reads\x00 well")
    assert (card.status, card.decided_by, card.reason) == (status, "maria", "reads\ufffd well")
    (row,) = await review.audit()
    assert (row.seq, row.operator, row.action, row.card_id, row.task_id) == (
        1,
        "maria",
        decision,
        card.id,
        card.task_id,
    )
    assert (row.digest, row.reason, row.prev_hash) == (card.judgement.digest, card.reason, GENESIS)
    assert before <= row.at == card.decided_at <= await record.now()
    assert await review.waiting() == (0, None)


async def test_of_operators_who_decide_at_once_exactly_one_wins(record: PostgresRecord, review: ReviewPort) -> None:
    await held(record, "a")
    card_id = (await only_card(review)).id
    answers = await asyncio.gather(
        *(review.decide(card_id, Decision.APPROVE, f"operator-{n}", "") for n in range(8)), return_exceptions=True
    )
    winners = [answer for answer in answers if isinstance(answer, ReviewCard)]
    losers = [answer for answer in answers if isinstance(answer, AlreadyDecided)]
    assert (len(winners), len(losers)) == (1, 7)
    assert {(lost.operator, lost.at, lost.status) for lost in losers} == {
        (winners[0].decided_by, winners[0].decided_at, "APPROVED")
    }
    assert [row.operator for row in await review.audit()] == [winners[0].decided_by]


async def test_decisions_on_many_cards_at_once_make_one_unbroken_chain(
    record: PostgresRecord, review: ReviewPort
) -> None:
    await held(record, *(f"t{number}" for number in range(12)))
    cards = await review.cards()
    await asyncio.gather(*(review.decide(card.id, Decision.APPROVE, "maria", "") for card in cards))
    rows = await review.audit(limit=0)
    assert [row.seq for row in rows] == list(range(1, 13))
    assert first_broken(rows) is None
    assert [row.at for row in rows] == sorted(row.at for row in rows)


async def test_a_tampered_copy_of_the_audit_is_found(record: PostgresRecord, review: ReviewPort) -> None:
    await held(record, "a", "b", "c")
    for card in await review.cards():
        await review.decide(card.id, Decision.REJECT, "maria", "too long")
    rows = await review.audit(limit=0)
    rows[1] = rows[1].model_copy(update={"operator": "mallory"})
    assert first_broken(rows) == 2


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit SET operator = 'mallory'",
        "UPDATE audit SET operator = 'mallory' WHERE false",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT INTO audit SELECT * FROM audit ON CONFLICT (seq) DO UPDATE SET operator = 'mallory'",
        "SET session_replication_role = replica; DELETE FROM audit",
    ],
)
async def test_the_audit_refuses_to_be_changed(
    record: PostgresRecord, review: ReviewPort, fresh_database: str, attack: str
) -> None:
    await held(record, "a")
    await review.decide((await only_card(review)).id, Decision.APPROVE, "maria", "")
    with psycopg.connect(fresh_database) as owner, pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        owner.execute(attack)
    assert [row.operator for row in await review.audit()] == ["maria"]


async def test_what_the_audits_owner_can_do_is_found_out_by_the_chain_or_by_a_noted_head(
    record: PostgresRecord, review: ReviewPort, fresh_database: str
) -> None:
    await held(record, "a", "b", "c")
    for card in await review.cards():
        await review.decide(card.id, Decision.REJECT, "maria", "too long")
    noted = await verify_audit(review)
    assert (noted.rows, noted.holds) == (3, True)
    assert [row.seq for row in await review.audit_after(1, limit=1)] == [2]
    with psycopg.connect(fresh_database) as owner:
        owner.execute("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only")
        owner.execute("DELETE FROM audit WHERE seq = 3")
    assert (await verify_audit(review)).holds
    assert (await verify_audit(review, noted.head)).noted_found is False
    with psycopg.connect(fresh_database) as owner:
        owner.execute("UPDATE audit SET operator = 'mallory' WHERE seq = 1")
    assert (await verify_audit(review)).first_broken == 1


async def test_a_user_with_the_documented_grants_can_do_the_work_and_cannot_switch_the_guard_off(
    record: PostgresRecord, review: ReviewPort, fresh_database: str
) -> None:
    await held(record, "a")
    card = await only_card(review)
    name = f"clerk_{card.id}"
    with psycopg.connect(fresh_database, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'clerk'")
        for grant in GRANTS.findall(TRUST.read_text("utf-8")):
            owner.execute(grant.replace("swarm", name))
        url = driver_url(fresh_database).set(username=name, password="clerk").render_as_string(hide_password=False)
        clerk = open_engine(url)
        try:
            assert (await PostgresReview(clerk).decide(card.id, Decision.APPROVE, "maria", "")).decided_by == "maria"
            await PostgresReview(clerk).mark_resumed(card.id)
            await held(PostgresRecord(clerk), "b", shard=1)
            await PostgresRecord(clerk).submit(a_goal(uuid4), [TaskSpec(key="c", kind="content.draft")])
            async with PostgresRecord(clerk).dispatching(10) as waiting:
                assert [dispatch.task.key for dispatch in waiting] == ["c"]
            with psycopg.connect(fresh_database, user=name, password="clerk") as session:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only")
        finally:
            await clerk.dispose()
            owner.execute(f"DROP OWNED BY {name}")
            owner.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("column", ["content", "payload"])
async def test_a_card_that_was_altered_can_be_rejected_and_not_approved(
    record: PostgresRecord, review: ReviewPort, fresh_database: str, column: str
) -> None:
    await held(record, "a", "b")
    with psycopg.connect(fresh_database) as owner:
        owner.execute(f'UPDATE cards SET {column} = \'{{"shown": "harmless"}}\'')
    refused, rejected = await review.cards()
    with pytest.raises(Conflict, match="altered") as told:
        await review.decide(refused.id, Decision.APPROVE, "maria", "")
    assert told.value.hint == f"chimera review list --goal {refused.goal_id}"
    assert (await review.decide(rejected.id, Decision.REJECT, "maria", "altered")).status is CardStatus.REJECTED
    assert [(row.operator, row.action, row.card_id) for row in await review.audit()] == [
        ("chimera", "stale", refused.id),
        ("maria", "reject", rejected.id),
    ]
    assert [(card.id, card.status) for card in await review.unresumed()] == [
        (refused.id, CardStatus.STALE),
        (rejected.id, CardStatus.REJECTED),
    ]


async def test_an_expired_card_cannot_be_decided(record: PostgresRecord, review: ReviewPort) -> None:
    story = await held(record, "a", "b")
    await record.record(story.tell("a", "task.failed", error="deadline passed"))
    expired, pending = await review.cards(status=None)
    assert (expired.status, pending.status) == (CardStatus.EXPIRED, CardStatus.PENDING)
    with pytest.raises(AlreadyDecided, match="became EXPIRED at"):
        await review.decide(expired.id, Decision.APPROVE, "maria", "")
    assert expired.reason == "its task ended before anybody decided"
    assert await review.audit() == []
    assert await review.unresumed() == []


async def test_a_card_that_is_older_than_allowed_expires_with_its_reason_and_no_persons_name(
    record: PostgresRecord, review: ReviewPort, fresh_database: str
) -> None:
    await held(record, "a", "b")
    old, young = await review.cards()
    with psycopg.connect(fresh_database) as owner:
        owner.execute("UPDATE cards SET created_at = now() - interval '49 h' WHERE id = %s", [old.id])
        owner.execute("UPDATE cards SET created_at = now() - interval '47 h' WHERE id = %s", [young.id])
    assert await review.expire(timedelta(hours=48)) == 1
    assert await review.expire(timedelta(hours=48)) == 0
    expired = await review.card(old.id)
    assert (expired.status, expired.decided_by) == (CardStatus.EXPIRED, None)
    assert expired.decided_at is not None
    assert expired.reason == f"nobody decided review card {old.id} within 48 h"
    assert [card.id for card in await review.unresumed()] == [old.id]
    assert [card.id for card in await review.cards()] == [young.id]
    (row,) = await review.audit()
    assert (row.operator, row.action, row.card_id, row.digest) == ("chimera", "expire", old.id, old.judgement.digest)
    assert row.reason == expired.reason
    with pytest.raises(AlreadyDecided, match="became EXPIRED at"):
        await review.decide(old.id, Decision.APPROVE, "maria", "")


async def test_cards_expire_a_bounded_number_at_a_time_the_oldest_first(
    record: PostgresRecord, review: ReviewPort
) -> None:
    await held(record, "a", "b", "c")
    cards = await review.cards()
    assert await review.expire(timedelta(0), limit=2) == 2
    assert [card.id for card in await review.cards()] == [cards[2].id]


async def test_a_card_of_a_paused_goal_does_not_expire_before_the_goal_goes_on(
    record: PostgresRecord, review: ReviewPort, fresh_database: str
) -> None:
    await held(record, "a")
    with psycopg.connect(fresh_database, autocommit=True) as owner:
        owner.execute("UPDATE goals SET paused_at = now()")
        assert await review.expire(timedelta(0)) == 0
        owner.execute("UPDATE goals SET paused_at = NULL")
    assert await review.expire(timedelta(0)) == 1


async def test_of_an_operator_and_the_expiry_at_the_same_instant_exactly_one_wins(
    record: PostgresRecord, review: ReviewPort
) -> None:
    keys = [f"t{number}" for number in range(16)]
    await held(record, *keys)
    cards = await review.cards()
    decisions = [review.decide(card.id, Decision.APPROVE, "maria", "") for card in cards]
    sweeps = [review.expire(timedelta(0), limit=2) for _ in keys]
    both = [one for pair in zip(decisions, sweeps, strict=True) for one in pair]
    answers = await asyncio.gather(*both, return_exceptions=True)
    expired = sum(answer for answer in answers if isinstance(answer, int))
    decided = [answer for answer in answers if isinstance(answer, ReviewCard)]
    late = [answer for answer in answers if isinstance(answer, AlreadyDecided)]
    assert (len(decided) + len(late), expired + len(decided)) == (16, 16)
    assert {answer.status for answer in late} <= {"EXPIRED"}
    rows = await review.audit(limit=0)
    assert first_broken(rows) is None
    said = {(row.card_id, row.operator, row.action) for row in rows}
    assert len(rows) == 16
    assert said == {
        (card.id, "maria", "approve") if card.status is CardStatus.APPROVED else (card.id, "chimera", "expire")
        for card in await review.cards(status=None)
    }


async def test_a_decision_may_be_bound_to_the_digest_that_was_seen(record: PostgresRecord, review: ReviewPort) -> None:
    await held(record, "a")
    card = await only_card(review)
    with pytest.raises(Conflict, match="not what you saw") as refused:
        await review.decide(card.id, Decision.APPROVE, "maria", "", digest="0" * 12)
    assert refused.value.hint == f"chimera review show {card.id}"
    assert (await review.audit(), (await only_card(review)).status) == ([], CardStatus.PENDING)
    seen = card.judgement.digest[:12]
    assert (await review.decide(card.id, Decision.APPROVE, "maria", "", digest=seen)).status is CardStatus.APPROVED


async def test_whatever_a_judge_quotes_cards_can_be_decided(record: PostgresRecord, review: ReviewPort) -> None:
    goal = a_goal(uuid4)
    await record.submit(goal, [TaskSpec(key="a", kind="noop")])
    quoting = a_judgement()
    quoting["verdict"]["unscored_reason"] = 'it says \x00, and "policy_version":""'
    await record.record(Story(goal).tell("a", *HELD, data={"judgement": quoting}))
    await held(record, "b", shard=1)
    [plain] = [card for card in await review.cards() if card.title == "b"]
    assert (await review.decide(plain.id, Decision.APPROVE, "maria", "")).status is CardStatus.APPROVED


async def test_a_judgement_of_a_newer_release_stops_no_approval_of_another_card(
    record: PostgresRecord, review: ReviewPort, engine: AsyncEngine
) -> None:
    await held(record, "a", "b")
    a, b = await review.cards()
    async with engine.begin() as connection:
        newer = """replace(judgement::text, '{"verdict":', '{"new":1,"verdict":')::json"""
        changed = f"UPDATE cards SET judgement = {newer} WHERE id = %s"
        await connection.exec_driver_sql(changed, (b.id,))
    assert (await review.decide(a.id, Decision.APPROVE, "maria", "")).status is CardStatus.APPROVED


@pytest.mark.parametrize("versions", [("2", "1"), ("1", "2")])
async def test_a_card_of_an_older_policy_or_rubric_is_not_approved_but_set_aside(
    record: PostgresRecord, review: ReviewPort, versions: tuple[str, str]
) -> None:
    await held(record, "a", "b")
    goal = a_goal(uuid4)
    await record.submit(goal, [TaskSpec(key="c", kind="noop")])
    later = a_judgement()
    later["decision"]["policy_version"], later["verdict"]["rubric_version"] = versions
    newer = Story(goal, shard=1).tell("c", *HELD, data={"judgement": later}, at=START + timedelta(hours=1))
    await record.record(newer)
    old, other, _ = await review.cards()
    with pytest.raises(Conflict, match=r"by now.*judged again") as refused:
        await review.decide(old.id, Decision.APPROVE, "maria", "")
    assert refused.value.exit_code == 4
    aside = await review.card(old.id)
    assert (aside.status, aside.decided_by) == (CardStatus.STALE, None)
    assert f"policy {versions[0]} and rubric {versions[1]} by now" in aside.reason
    assert [card.id for card in await review.unresumed()] == [old.id]
    assert [(row.operator, row.action) for row in await review.audit()] == [("chimera", "stale")]
    assert (await review.decide(other.id, Decision.REJECT, "maria", "no")).status is CardStatus.REJECTED
    with pytest.raises(AlreadyDecided, match="became STALE"):
        await review.decide(old.id, Decision.APPROVE, "maria", "")


async def test_whoever_decides_a_card_whose_task_is_held_anew_is_sent_to_the_fresh_one(
    record: PostgresRecord, review: ReviewPort
) -> None:
    story = await held(record, "a")
    old = await only_card(review)
    await record.record(story.tell("a", "task.rejudged"))
    again = {"judgement": judged(story.goal, "a")}
    await record.record(story.tell("a", "task.started", "task.judging", "task.held", output="text of a", data=again))
    (fresh,) = await review.cards()
    assert fresh.id != old.id
    with pytest.raises(AlreadyDecided, match=f"became STALE at .*; card {fresh.id} took its place") as refused:
        await review.decide(old.id, Decision.APPROVE, "maria", "")
    assert refused.value.hint == f"chimera review show {fresh.id}"
    assert (await review.unresumed(), await review.audit()) == ([], [])
    assert (await review.decide(fresh.id, Decision.APPROVE, "maria", "")).status is CardStatus.APPROVED


async def test_of_two_holds_in_one_batch_only_the_last_waits(record: PostgresRecord, review: ReviewPort) -> None:
    goal = a_goal(uuid4)
    await record.submit(goal, [TaskSpec(key="a", kind="noop")])
    story = Story(goal)
    first = story.tell("a", *HELD, data={"judgement": a_judgement()})
    second = story.tell(
        "a", "task.rejudged", "task.started", "task.judging", "task.held", data={"judgement": a_judgement()}
    )
    await record.record([*first, *second])
    assert [card.status for card in await review.cards(status=None)] == [CardStatus.STALE, CardStatus.PENDING]


async def test_an_unknown_card_is_not_found(review: ReviewPort) -> None:
    with pytest.raises(ReviewCardNotFound):
        await review.card("0" * 20)
    with pytest.raises(ReviewCardNotFound):
        await review.decide("0" * 20, Decision.APPROVE, "maria", "")


async def test_a_decision_waits_until_it_is_carried_out(record: PostgresRecord, review: ReviewPort) -> None:
    await held(record, "a", "b")
    first, second = await review.cards()
    await review.decide(second.id, Decision.REJECT, "maria", "no")
    await review.decide(first.id, Decision.APPROVE, "maria", "")
    assert [card.id for card in await review.unresumed()] == [second.id, first.id]
    assert len(await review.unresumed(limit=1)) == 1
    await review.mark_resumed(second.id)
    await review.mark_resumed(second.id, "the task had ended")
    assert await review.mark_resumed(second.id) is True
    assert [card.id for card in await review.unresumed()] == [first.id]
    assert (await review.card(second.id)).note == "the task had ended"


@pytest.mark.parametrize(
    ("decision", "event"), [(Decision.APPROVE, "task.approved"), (Decision.REJECT, "task.rejected")]
)
async def test_a_decision_that_somebody_else_carried_out_is_not_called_too_late(
    record: PostgresRecord, review: ReviewPort, decision: Decision, event: str
) -> None:
    story = await held(record, "a", "b")
    done, late = await review.cards()
    for card in (done, late):
        await review.decide(card.id, decision, "maria", "no")
    await record.record(story.tell("a", event))
    await record.record(story.tell("b", "task.failed", error="deadline passed"))
    assert await review.mark_resumed(done.id, "too late") is True
    assert await review.mark_resumed(done.id) is True
    assert await review.mark_resumed(late.id, "too late") is False
    assert [(await review.card(card.id)).note for card in (done, late)] == ["", "too late"]
    assert await review.unresumed() == []


async def test_an_approval_that_met_a_conflict_is_noted_once_on_card_and_audit(
    record: PostgresRecord, review: ReviewPort
) -> None:
    story = await held(record, "a")
    card = await review.decide((await only_card(review)).id, Decision.APPROVE, "maria", "good")
    await record.record(story.tell("a", "task.approved", "task.conflicted", error="state k is at version 2"))
    await record.record(story.tell("a", "task.started", "task.conflicted", error="again, by the worker alone"))
    assert "state k is at version 2" in (await review.card(card.id)).note
    rows = await review.audit()
    assert [(row.operator, row.action, row.card_id) for row in rows] == [
        ("maria", "approve", card.id),
        ("chimera", "rerun", card.id),
    ]
    assert first_broken(rows) is None
    more = story.tell(
        "a", "task.started", "task.judging", "task.held", output="anew", data={"judgement": a_judgement()}
    )
    await record.record(more)
    assert [waiting.content for waiting in await review.cards()] == ["anew"]


async def test_a_conflict_without_an_approval_by_a_person_concerns_no_card(
    record: PostgresRecord, review: ReviewPort
) -> None:
    goal = a_goal(uuid4)
    await record.submit(goal, [TaskSpec(key="a", kind="noop")])
    await record.record(Story(goal).tell("a", "task.queued", "task.started", "task.conflicted", error="behind"))
    assert await review.audit() == []


async def test_cards_are_listed_oldest_first_and_filtered(record: PostgresRecord, review: ReviewPort) -> None:
    one, _ = await held(record, "a", "b"), await held(record, "c", shard=1)
    cards = await review.cards(goal_id=one.goal.id)
    assert [card.title for card in cards] == ["a", "b"]
    await review.decide(cards[0].id, Decision.APPROVE, "maria", "")
    assert [card.title for card in await review.cards(goal_id=one.goal.id)] == ["b"]
    assert [card.title for card in await review.cards(status=CardStatus.APPROVED)] == ["a"]
    assert len(await review.cards(status=None, limit=2)) == 2
    assert len(await review.cards(status=None, limit=0)) == 3


async def test_the_audit_lists_its_last_rows_oldest_first(record: PostgresRecord, review: ReviewPort) -> None:
    await held(record, "a", "b", "c")
    for card in await review.cards():
        await review.decide(card.id, Decision.APPROVE, card.title, "")
    rows = await review.audit(limit=2)
    assert [row.operator for row in rows] == ["b", "c"]
    assert [row.operator for row in await review.audit(since=rows[1].at)] == ["c"]
