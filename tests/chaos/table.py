"""The transitions of the queue as a pure model: what the scripts must do, said a second time, without Redis and without Lua."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chimera_cli.models.task import TRANSITIONS, TaskStatus

CAP = 3
"""Leases that may expire on one task."""
ENDS = frozenset(status.value for status in TaskStatus if status.terminal)
DOOMS = ENDS - {"COMPLETED"}

Changes = tuple[tuple[str, int], ...]
"""Writes: state key and the version that the writer saw."""


@dataclass
class Row:
    """One task, as the table knows it."""

    key: str
    kind: str
    prio: str
    overdue: bool = False
    status: str = "PENDING"
    phase: str = "propose"
    gen: int = 0
    version: int = 0
    attempts: int = 0
    begin: bool = True
    stands: str = "pending"
    """Where: pending, lane:<stage>, lease:<stage>, delay:<stage>, held, ended, or gone when it was forgotten."""
    lapsed: bool = False
    """Whether its lease has run out, or its delay is over."""
    agent: str = ""
    open: set[str] = field(default_factory=set)
    """Tasks it still waits for."""
    lost: dict[str, int] = field(default_factory=lambda: {"work": 0, "judge": 0})
    alone: set[str] = field(default_factory=set)
    """Stages at which it is claimed alone."""
    changes: Changes = ()
    executes: bool = False
    mergeable: bool = False
    digest: str = ""
    approved: str = ""
    resumed: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self.status in ENDS

    @property
    def waiting(self) -> str:
        """The status in which it waits for a worker."""
        return "QUEUED" if self.phase == "propose" else "APPROVED"


@dataclass(frozen=True, order=True)
class Event:
    """What the scripts must have told."""

    key: str
    version: int
    name: str
    status: str
    gen: int
    agent: str


@dataclass(frozen=True)
class Claim:
    """A claim, as whoever answers remembers it; it may be forged."""

    key: str
    gen: int
    agent: str
    stage: str


class Table:
    """All tasks of one goal."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.state: dict[str, int] = {}
        self.events: list[Event] = []
        self.parked: set[tuple[str, str]] = set()
        self._unsettled: list[Row] = []
        self.recorded: dict[str, str] = {}
        """How tasks ended that were forgotten since."""

    def anything(self, where: str, *, lapsed: bool = False) -> bool:
        """Whether anything stands there."""
        return any(row.stands.startswith(where) and row.lapsed >= lapsed for row in self.rows.values())

    # What moves a row

    def move(self, row: Row, status: str, name: str, agent: str = "") -> None:
        """Change a status by the table, and tell."""
        assert TaskStatus(status) in TRANSITIONS[TaskStatus(row.status)], f"{row.status} to {status}"
        row.status, row.version = status, row.version + 1
        self.events.append(Event(row.key, row.version, name, status, row.gen, agent))

    def enter(self, row: Row, stage: str) -> None:
        """Put a row into its lane."""
        row.stands, row.lapsed = f"lane:{stage}", False

    def end(self, row: Row, status: str, name: str, agent: str = "") -> None:
        """End a row; those that wait for it hear of it at the end of the script."""
        self.move(row, status, name, agent)
        row.stands, row.lapsed, row.overdue = "ended", False, False
        self._unsettled.append(row)

    def settle(self) -> None:
        """Tell those that wait for what has ended."""
        while self._unsettled:
            parent = self._unsettled.pop(0)
            for child in self.rows.values():
                if parent.key in child.open and child.status == "PENDING":
                    self._hear(child, parent)

    def _hear(self, child: Row, parent: Row) -> None:
        if parent.status in DOOMS:
            self.end(child, "CANCELLED", "task.cancelled")
        else:
            child.open.discard(parent.key)
            if not child.open:
                self.move(child, "QUEUED", "task.queued")
                self.enter(child, "work")

    # The scripts

    def push(self, key: str, kind: str, prio: str, needs: Iterable[str], *, overdue: bool) -> int:
        """Push a task with what it depends on."""
        if key in self.rows:
            return 0
        row = self.rows[key] = Row(key, kind, prio, overdue)
        standing = {need: self._standing(need) for need in needs}
        row.open = {need for need, status in standing.items() if status not in ENDS}
        if any(status in DOOMS for status in standing.values()):
            self.end(row, "CANCELLED", "task.cancelled")
        elif not row.open:
            self.move(row, "QUEUED", "task.queued")
            self.enter(row, "work")
        self.settle()
        return 1

    def _standing(self, key: str) -> str:
        row = self.rows.get(key)
        if row is not None and row.ended:
            return row.status
        return self.recorded.get(key, "PENDING")

    def claimable(self, stage: str, *, alone: bool, kinds: Sequence[str] = ()) -> list[Row]:
        """List the rows that may be claimed now."""
        return [
            row
            for row in self.rows.values()
            if row.stands == f"lane:{stage}"
            and (stage in row.alone) == alone
            and (stage, row.kind) not in self.parked
            and (not kinds or row.kind in kinds)
        ]

    def claim(self, key: str, stage: str, agent: str, *, lapsed: bool) -> Claim:
        """Claim one."""
        row = self.rows[key]
        row.gen, row.agent, row.stands, row.lapsed = row.gen + 1, agent, f"lease:{stage}", lapsed
        if stage == "work":
            row.attempts, row.begin = row.attempts + row.begin, False
            self.move(row, "RUNNING", "task.started", agent)
        return Claim(key, row.gen, agent, stage)

    def held(self, claim: Claim, stage: str) -> Row | None:
        """Return the row if the claim is the live one."""
        row = self.rows.get(claim.key)
        live = row and row.stands == f"lease:{stage}" and (row.gen, row.agent) == (claim.gen, claim.agent)
        return row if live else None

    def extend(self, claim: Claim) -> bool:
        """Prolong a lease."""
        row = self.held(claim, claim.stage)
        if row:
            row.lapsed = False
        return row is not None

    def conflict(self, changes: Changes) -> tuple[str, int, int] | None:
        """Find the first write that is based on another version."""
        found = [(key, seen, self.state.get(key, 0)) for key, seen in changes if self.state.get(key, 0) != seen]
        return found[0] if found else None

    def commit(self, changes: Changes) -> None:
        """Write."""
        for key, _ in changes:
            self.state[key] = self.state.get(key, 0) + 1

    def complete(self, claim: Claim, changes: Changes, digest: str) -> str | tuple[str, int, int]:
        """End a phase."""
        row = self.held(claim, "work")
        if not row or (row.phase != "propose" and row.approved != row.digest):
            return "stale"
        if row.phase == "execute" and digest != row.approved:
            return "stale"
        if found := self.conflict(changes):
            return found
        self.commit(changes)
        if row.phase == "merge":
            self._carry_on(row, claim.agent)
        else:
            self.end(row, "COMPLETED", "task.completed", claim.agent)
        self.settle()
        return "ok"

    def _carry_on(self, row: Row, agent: str) -> None:
        self.move(replace_phase(row, "execute" if row.executes else row.phase), "APPROVED", "task.approved", agent)
        if row.executes:
            self.enter(row, "work")
        else:
            self.end(row, "COMPLETED", "task.completed", agent)

    def hand_over(self, claim: Claim, changes: Changes, *, executes: bool, mergeable: bool) -> str:
        """Give a proposal to the judges."""
        row = self.held(claim, "work")
        if not row or row.phase != "propose":
            return "stale"
        row.changes, row.executes, row.mergeable, row.lost["judge"] = changes, executes, mergeable, 0
        row.alone.discard("judge")
        self.move(row, "JUDGING", "task.judging", claim.agent)
        self.enter(row, "judge")
        return "ok"

    def retry(self, claim: Claim, *, due: bool, costs: bool) -> str:
        """Put it back for later."""
        row = self.held(claim, claim.stage)
        if not row:
            return "stale"
        if claim.stage == "work":
            row.begin = row.begin or costs
            self.move(row, "DELAYED", "task.delayed", claim.agent)
        row.stands, row.lapsed = f"delay:{claim.stage}", due
        return "ok"

    def fail(self, claim: Claim) -> str:
        """Give up."""
        row = self.held(claim, claim.stage)
        if not row:
            return "stale"
        self.end(row, "FAILED", "task.failed", claim.agent)
        self.settle()
        return "ok"

    def give_back(self, claim: Claim) -> str:
        """Put it back as it was."""
        row = self.held(claim, claim.stage)
        if not row:
            return "stale"
        if claim.stage == "work":
            self.move(row, row.waiting, "task.given_back", claim.agent)
        self.enter(row, claim.stage)
        return "ok"

    def rerun(self, claim: Claim, *, delay: bool) -> str:
        """Make the result again."""
        row = self.held(claim, "work")
        if not row or row.phase == "execute":
            return "stale"
        self._run_again(row, claim.agent, delay=delay)
        return "ok"

    def _run_again(self, row: Row, agent: str, *, delay: bool) -> None:
        row.changes, row.digest, row.approved, row.phase = (), "", "", "propose"
        self.move(row, "DELAYED" if delay else "QUEUED", "task.conflicted", agent)
        if delay:
            row.stands, row.lapsed = "delay:work", False
        else:
            self.enter(row, "work")

    def judge(self, claim: Claim, route: str, digest: str) -> str:
        """Carry out the gate's decision."""
        row = self.held(claim, "judge")
        if not row:
            return "stale"
        row.digest = digest
        if route == "approve":
            self._approve(row, claim.agent)
        elif route == "review":
            self.move(row, "NEEDS_REVIEW", "task.held", claim.agent)
            row.stands = "held"
        else:
            row.changes, row.digest, row.approved = (), "", ""
            self.move(row, "QUEUED", "task.revised", claim.agent)
            self.enter(row, "work")
        self.settle()
        return "ok"

    def _approve(self, row: Row, agent: str) -> bool:
        """Let it take effect; tells whether it has to be made again."""
        row.approved = row.digest
        if not self.conflict(row.changes):
            self.commit(row.changes)
            self._carry_on(row, agent)
            return False
        self.move(replace_phase(row, "merge" if row.mergeable else row.phase), "APPROVED", "task.approved", agent)
        if row.mergeable:
            self.enter(row, "work")
        else:
            self._run_again(row, agent, delay=False)
        return not row.mergeable

    def resume(self, key: str, gen: int, digest: str, decision: str) -> str:
        """Carry out a decision on a held result: approve, reject, expire, or judge it anew."""
        row = self.rows.get(key)
        if row and row.stands != "gone" and row.resumed == f"{gen}:{digest}":
            return "done"
        if not row or row.status != "NEEDS_REVIEW" or row.gen != gen:
            return "late"
        row.resumed = f"{gen}:{digest}"
        became = self._decided(row, digest, decision)
        self.settle()
        return became

    def _decided(self, row: Row, digest: str, decision: str) -> str:
        if digest != row.digest:
            self._judge_again(row, "")
            return "other"
        if decision == "approve":
            return "again" if self._approve(row, "ada") else "done"
        if decision == "judge":
            self._judge_again(row, "ada")
        else:
            status, name = {"reject": ("REJECTED", "task.rejected"), "expire": ("FAILED", "task.failed")}[decision]
            self.end(row, status, name, "ada")
        return "done"

    def _judge_again(self, row: Row, agent: str) -> None:
        row.digest, row.approved, row.lost["judge"] = "", "", 0
        row.alone.discard("judge")
        self.move(row, "JUDGING", "task.rejudged", agent)
        self.enter(row, "judge")

    def promote(self) -> None:
        """Queue what is due."""
        for row in list(self.rows.values()):
            if row.stands == "delay:work" and row.lapsed:
                self.move(row, row.waiting, "task.queued")
                self.enter(row, "work")
            elif row.stands == "delay:judge" and row.lapsed:
                self.enter(row, "judge")

    def reap(self) -> None:
        """Take back what lapsed leases held."""
        for stage in ("work", "judge"):
            for row in [row for row in self.rows.values() if row.stands == f"lease:{stage}" and row.lapsed]:
                row.lost[stage] += 1
                if stage == "work" and row.lost[stage] >= CAP:
                    self.end(row, "FAILED", "task.failed")
                    continue
                if row.lost[stage] == CAP - 1:
                    row.alone.add(stage)
                if stage == "work":
                    self.move(row, row.waiting, "task.taken_over")
                self.enter(row, stage)
        self.settle()

    def expire(self) -> None:
        """Fail what is overdue."""
        for row in [row for row in self.rows.values() if row.overdue]:
            row.overdue = False
            if not row.ended:
                self.end(row, "FAILED", "task.failed")
        self.settle()

    def cancel(self, key: str) -> str:
        """End it wherever it stands."""
        row = self.rows.get(key)
        if not row or row.stands == "gone":
            return "unknown"
        if row.ended:
            return "ok" if row.status == "CANCELLED" else "ended"
        self.end(row, "CANCELLED", "task.cancelled", "ada")
        self.settle()
        return "ok"

    def forget(self, keys: Iterable[str]) -> None:
        """Drop what has ended."""
        for key in keys:
            row = self.rows.get(key)
            if row and row.ended:
                row.stands, self.recorded[key] = "gone", row.status


def replace_phase(row: Row, phase: str) -> Row:
    """Begin a phase, with nothing held against the task from the one before."""
    if phase != row.phase:
        row.phase, row.lost["work"] = phase, 0
        row.alone.discard("work")
    return row
