"""One look for all that housekeeping may find to do in the record: one statement by indexes alone, no transaction, no lock."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters.row import LIVE
from chimera_cli.ports.record import Chores

QUESTION = """
    SELECT EXISTS (SELECT FROM orders WHERE done_at IS NULL AND action <> 'retry') AS orders,
        EXISTS (SELECT FROM tasks WHERE dispatched_at IS NULL AND {LIVE}) AS tasks,
        EXISTS (SELECT FROM cards WHERE status = 'PENDING'
                AND created_at <= clock_timestamp() - make_interval(secs => :older_than_s)) AS overdue,
        EXISTS (SELECT FROM cards WHERE resumed_at IS NULL AND status <> 'PENDING') AS decisions
"""
"""What the steps themselves look for, and sometimes a little more: a paused goal's cards, say, which they pass over."""
LOOK = text(QUESTION.replace("{LIVE}", LIVE))


async def look(connection: AsyncConnection, older_than: timedelta | None) -> Chores:
    """Say what there is to do; without an age no card is overdue."""
    asked = {"older_than_s": None if older_than is None else older_than.total_seconds()}
    row = (await connection.execute(LOOK, asked)).one()
    return Chores(orders=row.orders, tasks=row.tasks, overdue=row.overdue, decisions=row.decisions)
