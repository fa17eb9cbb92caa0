import hashlib

from chimera_cli.models.audit import GENESIS, AuditEntry, AuditEvent, chain, first_broken, link
from chimera_cli.models.identity import canonical_json
from tests.builders import NOON


def a_chain(length: int) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    for seq in range(1, length + 1):
        entry = AuditEntry(at=NOON, operator="ada", action="approve", card_id="c", task_id="t", digest="d")
        events.append(chain(entry, seq, events[-1].hash if events else GENESIS))
    return events


def test_an_untouched_chain_holds() -> None:
    assert first_broken(a_chain(5)) is None
    assert first_broken([]) is None


def test_a_changed_row_is_found() -> None:
    events = a_chain(5)
    events[2] = events[2].model_copy(update={"operator": "eve"})
    assert first_broken(events) == 3


def test_a_missing_row_is_found() -> None:
    events = a_chain(5)
    assert first_broken(events[:1] + events[2:]) == 3


def test_a_row_that_was_made_anew_is_found_by_the_next() -> None:
    events = a_chain(3)
    forged = AuditEntry(**events[1].model_dump(include=set(AuditEntry.model_fields)) | {"operator": "eve"})
    events[1] = chain(forged, 2, events[0].hash)
    assert first_broken(events) == 3


def test_an_order_is_bound_to_its_goal_and_a_decision_from_before_there_were_orders_keeps_its_hash() -> None:
    decision = AuditEntry(at=NOON, operator="ada", action="approve", card_id="c", task_id="t", digest="d")
    told = [GENESIS, 1, "2026-01-01T12:00:00.000000+00:00", "ada", "approve", "c", "t", "d", ""]
    assert link(decision, 1, GENESIS) == hashlib.sha256(canonical_json(told).encode()).hexdigest()
    order = decision.model_copy(update={"goal_id": "g"})
    assert link(order, 1, GENESIS) != link(decision, 1, GENESIS)
