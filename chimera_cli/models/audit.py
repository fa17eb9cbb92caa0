"""Decisions and orders of people, and what the swarm itself did to a card, kept for ever and chained by hash."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from chimera_cli.models.identity import canonical_json
from chimera_cli.models.noun import Noun
from chimera_cli.models.performed import EffectsReport

GENESIS = "0" * 64
"""Previous hash of the first row."""
SWARM = "chimera"
"""The operator's name in rows about what the swarm did on its own; no person may use it."""


class AuditEntry(Noun):
    """What one row of the audit says, before it is chained."""

    at: datetime
    """When, in UTC."""
    operator: str
    """Who: a person's name, or `chimera` for what the swarm did on its own."""
    action: str
    """What: approve, reject, rerun (approved, then made again because the state had moved on), expire (nobody decided in time),
    stale (it was to be approved, and no longer showed what would take effect), pause, resume, cancel, retry, or adopt
    (the record was moved to another Redis)."""
    card_id: str
    """Which review card; empty for an order."""
    task_id: str
    """Which task; empty for an order about a whole goal."""
    digest: str
    """What exactly was approved or rejected; empty for an order; of adopt, the new id of the swarm."""
    reason: str = ""
    """The operator's words."""
    goal_id: str = ""
    """Which goal, of an order; empty for a decision."""


class AuditEvent(AuditEntry):
    """A row of the audit."""

    seq: int
    """Counts from 1 without gaps."""
    prev_hash: str
    """Hash of the row before; GENESIS for the first."""
    hash: str
    """SHA-256 over `prev_hash`, `seq` and the entry."""


def chain(entry: AuditEntry, seq: int, prev_hash: str) -> AuditEvent:
    """Append an entry to the chain."""
    return AuditEvent(**entry.model_dump(), seq=seq, prev_hash=prev_hash, hash=link(entry, seq, prev_hash))


def link(entry: AuditEntry, seq: int, prev_hash: str) -> str:
    """Compute the hash of a row from all that it says and the hash before it."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    said = [at, entry.operator, entry.action, entry.card_id, entry.task_id, entry.digest, entry.reason]
    if entry.goal_id:
        # Rows from before there were orders have no goal and keep their hashes.
        said.append(entry.goal_id)
    return hashlib.sha256(canonical_json([prev_hash, seq, *said]).encode()).hexdigest()


class ChainCheck:
    """Walks the chain and keeps only its end, so that an audit of any length is checked in bounded memory."""

    def __init__(self) -> None:
        self.rows = 0
        """Rows that followed from each other so far."""
        self.head = GENESIS
        """Hash of the last of them."""

    def follows(self, event: AuditEvent) -> bool:
        """Tell whether the row follows from the one before, and if so go on from it."""
        seq = self.rows + 1
        if event.seq != seq or event.prev_hash != self.head or event.hash != link(event, seq, self.head):
            return False
        self.rows, self.head = seq, event.hash
        return True


class AuditReport(Noun):
    """What a walk along the whole chain, and along all effects, found."""

    rows: int
    """Rows that follow from each other, counted from the first."""
    first_broken: int | None = None
    """`seq` of the first row that does not; None when the chain holds to its end."""
    head: str
    """Hash of the last row that does. Noted elsewhere it later proves that nothing up to here was rewritten or cut off."""
    noted_found: bool | None = None
    """Whether a head noted earlier is still in the chain; None when none was given."""
    effects: EffectsReport = EffectsReport()
    """Whether somebody vouches for each effect."""

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the audit."""
        return self.first_broken is None and self.noted_found is not False and not self.effects.unsigned


def first_broken(events: Iterable[AuditEvent]) -> int | None:
    """Return the `seq` of the first row that does not follow from the one before, or None when the chain holds."""
    chain_so_far = ChainCheck()
    return next((event.seq for event in events if not chain_so_far.follows(event)), None)
