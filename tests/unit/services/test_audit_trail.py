from collections.abc import Sequence
from typing import Any

import pytest

from chimera_cli.models.audit import GENESIS, AuditEntry, AuditEvent, chain
from chimera_cli.services.audit_trail import audit_rows, verify_audit
from tests.builders import NOON


class Shelf:
    """Audit rows, and how many were taken at once."""

    def __init__(self, rows: Sequence[AuditEvent]) -> None:
        self.rows = rows
        self.pages: list[int] = []

    async def audit_after(self, seq: int, limit: int = 500) -> list[AuditEvent]:
        page = [row for row in self.rows if row.seq > seq][:limit]
        self.pages.append(len(page))
        return page


def a_chain(length: int) -> list[AuditEvent]:
    rows: list[AuditEvent] = []
    for n in range(length):
        entry = AuditEntry(at=NOON, operator="ada", action="approve", card_id=f"c{n}", task_id="t", digest="d")
        rows.append(chain(entry, n + 1, rows[-1].hash if rows else GENESIS))
    return rows


async def test_the_audit_is_read_in_pages_to_its_end() -> None:
    shelf: Any = Shelf(a_chain(7))
    assert [row.seq async for row in audit_rows(shelf, page=3)] == [1, 2, 3, 4, 5, 6, 7]
    assert shelf.pages == [3, 3, 1, 0]


async def test_a_chain_of_many_pages_holds_and_tells_its_head() -> None:
    rows = a_chain(1203)
    shelf: Any = Shelf(rows)
    report = await verify_audit(shelf)
    assert (report.rows, report.first_broken, report.head, report.holds) == (1203, None, rows[-1].hash, True)
    assert max(shelf.pages) == 500


async def test_an_empty_audit_holds() -> None:
    shelf: Any = Shelf([])
    report = await verify_audit(shelf)
    assert (report.rows, report.head, report.holds) == (0, GENESIS, True)


@pytest.mark.parametrize("field", ["operator", "reason", "digest", "action", "card_id", "task_id", "prev_hash", "hash"])
async def test_a_row_that_was_changed_is_named(field: str) -> None:
    rows = a_chain(4)
    rows[2] = rows[2].model_copy(update={field: "f" * 64})
    shelf: Any = Shelf(rows)
    report = await verify_audit(shelf)
    assert (report.rows, report.first_broken, report.head, report.holds) == (2, 3, rows[1].hash, False)


async def test_a_row_that_was_taken_out_is_noticed_at_the_next() -> None:
    rows = a_chain(4)
    shelf: Any = Shelf([rows[0], *rows[2:]])
    assert (await verify_audit(shelf)).first_broken == 3


async def test_rows_cut_off_at_the_end_are_noticed_by_whoever_noted_the_head() -> None:
    rows = a_chain(4)
    whole, cut = Shelf(rows), Shelf(rows[:3])
    noted = (await verify_audit(whole)).head  # type: ignore[arg-type]
    assert (await verify_audit(whole, noted)).noted_found is True  # type: ignore[arg-type]
    report = await verify_audit(cut, noted)  # type: ignore[arg-type]
    assert (report.first_broken, report.noted_found, report.holds) == (None, False, False)
