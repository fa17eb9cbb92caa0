"""The audit from its first row to its last, a page at a time: read on, and checked."""

from collections.abc import AsyncIterator

from chimera_cli.models.audit import GENESIS, AuditEvent, AuditReport, ChainCheck
from chimera_cli.ports.review import ReviewPort

PAGE = 500
"""Rows that are held in memory at once."""


async def audit_rows(reviews: ReviewPort, page: int = PAGE) -> AsyncIterator[AuditEvent]:
    """Read the whole audit in the order of the chain, rows appended meanwhile included."""
    seq = 0
    while rows := await reviews.audit_after(seq, page):
        for row in rows:
            yield row
        seq = rows[-1].seq


async def verify_audit(reviews: ReviewPort, noted: str | None = None) -> AuditReport:
    """Walk along the chain to its end, or to the first row that does not follow from the one before.

    Args:
        reviews: Where the audit is.
        noted: A head that an earlier walk told; it must still be in the chain. None asks for nothing.
    """
    check, found, broken = ChainCheck(), noted == GENESIS, None
    async for row in audit_rows(reviews):
        if not check.follows(row):
            broken = row.seq
            break
        found = found or row.hash == noted
    return AuditReport(
        rows=check.rows, first_broken=broken, head=check.head, noted_found=found if noted is not None else None
    )
