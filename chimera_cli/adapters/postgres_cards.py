"""The part of recording that concerns people: cards for held results, cards nobody need decide any more, and what became of
approved ones."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chimera_cli.adapters import postgres_audit
from chimera_cli.adapters import review_sql as sql
from chimera_cli.adapters.postgres_batches import batches, rows_of
from chimera_cli.adapters.postgres_sql import array_of
from chimera_cli.adapters.review_rows import card_id
from chimera_cli.adapters.row import json_text, plain
from chimera_cli.adapters.rows import TaskRow
from chimera_cli.models.audit import SWARM
from chimera_cli.models.event import TaskEvent
from chimera_cli.models.gate import GateDecision, Judgement, Route
from chimera_cli.models.identity import content_digest
from chimera_cli.models.result import Usage
from chimera_cli.models.verdict import Verdict

RERUN_NOTE = "approved, but the state had moved on; the result was made again: {error}"


async def make(connection: AsyncConnection, held: Sequence[TaskEvent]) -> None:
    """Make the review cards of held results; one that is there already stays as it is."""
    if not held:
        return
    usages = await _usages(connection, [event for event in held if "usage" not in event.data])
    judgements = {id(event): _judgement(event) for event in held}
    unread = [event.task_id for event in held if judgements[id(event)] is None]
    payloads = await _payloads(connection, unread) if unread else {}
    rows = [
        _values(
            event,
            judgements[id(event)] or _unscored(event, payloads.get(event.task_id)),
            _usage(event.data.get("usage", usages.get(event.task_id))),
        )
        for event in held
    ]
    for batch in batches(rows):
        await connection.execute(sql.INSERT_CARDS, rows_of(batch))


async def close(connection: AsyncConnection, ended: Sequence[str], moved: Sequence[str]) -> None:
    """Close the cards that wait for a decision nobody need make: their tasks have ended, or hold what they show no longer."""
    if ended:
        await connection.execute(sql.EXPIRE_CARDS, {"task_ids": array_of(ended)})
    if moved:
        await connection.execute(sql.OUTDATE_CARDS, {"task_ids": array_of(moved)})


async def note_reruns(connection: AsyncConnection, conflicted: Sequence[TaskEvent]) -> None:
    """Say on the card, and in the audit, that an approved result had to be made again."""
    for event in conflicted:
        which = {"task_id": event.task_id, "generation": event.generation}
        card = (await connection.execute(sql.CARD_TO_RERUN, which)).one_or_none()
        if card is None:
            continue
        note = RERUN_NOTE.format(error=event.error)
        await connection.execute(sql.NOTE_CARD, {"id": card.id, "note": plain(note)})
        await postgres_audit.append(
            connection,
            "rerun",
            card_id=card.id,
            task_id=event.task_id,
            digest=str(card.judgement["digest"]),
            operator=SWARM,
            reason=event.error,
        )


def _values(event: TaskEvent, judgement: Judgement, made: Usage) -> dict[str, object]:
    return {
        "id": card_id(event.task_id, event.generation),
        "task_id": event.task_id,
        "generation": event.generation,
        "content": json_text(event.output),
        "judgement": json_text(judgement.model_dump(mode="json")),
        "usage": json_text((made + judgement.verdict.usage).model_dump()),
        "created_at": event.at,
    }


def _judgement(event: TaskEvent) -> Judgement | None:
    try:
        return Judgement.model_validate(event.data.get("judgement"))
    except ValidationError:
        return None


def _unscored(event: TaskEvent, payload: object) -> Judgement:
    """Say that nobody judged: a held result without a readable judgement is still a person's to decide."""
    reason = event.error or "held without a judgement"
    return Judgement(
        verdict=Verdict(unscored_reason=reason, rubric_version=""),
        decision=GateDecision(route=Route.REVIEW, reasons=(reason,), policy_version=""),
        digest=content_digest(event.task_id, payload, event.output, "", ""),
    )


def _usage(said: object) -> Usage:
    try:
        return Usage.model_validate(said)
    except ValidationError:
        return Usage()


async def _usages(connection: AsyncConnection, held: Sequence[TaskEvent]) -> Mapping[str, JsonValue]:
    """Return what making each result consumed, as the task's last handing over told."""
    if not held:
        return {}
    rows = await connection.execute(sql.LAST_USAGE, {"task_ids": [event.task_id for event in held]})
    return {row.task_id: row.data.get("usage") for row in rows}


async def _payloads(connection: AsyncConnection, task_ids: Sequence[str]) -> Mapping[str, JsonValue]:
    columns = TaskRow.metadata.tables["tasks"].c
    rows = await connection.execute(select(columns.id, columns.payload).where(columns.id.in_(task_ids)))
    return {row.id: row.payload for row in rows}
