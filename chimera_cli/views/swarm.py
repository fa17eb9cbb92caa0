"""The status board: who runs, what stands where, and whether the count adds up."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from chimera_cli.models.agent import AgentStatus, FleetMember, Liveness
from chimera_cli.models.snapshot import Snapshot
from chimera_cli.models.unserved import Unexecuted, Unserved
from chimera_cli.services.plain_text import one_line
from chimera_cli.views.documents import queue_counts
from chimera_cli.views.shown import Cell, Column, Facts, Grid, Shown, Stack, age, moment
from chimera_cli.views.theme import BAD, GOOD, STATUS, WAITING

if TYPE_CHECKING:
    from rich.console import RenderableType

LONG_LAG = timedelta(seconds=1)
"""An event loop that comes so late stands out."""
SHOWN_AGENTS = 15
"""Agents on the board; more are counted, and the plain face lists them all."""

_FLEET = (
    Column("agent", whole=True, spare=4),
    Column("role", whole=True, spare=2),
    Column("state", whole=True),
    Column("life", whole=True, spare=1),
    Column("task", whole=True),
    Column("beat", whole=True, number=True),
    Column("loop lag", whole=True, number=True, spare=5),
)


def board(snapshot: Snapshot, limit: int = SHOWN_AGENTS) -> Shown:
    """Draw the whole board."""
    return _Board(snapshot, limit)


class _Board:
    """Both faces of a snapshot; the drawn one sums up a large fleet."""

    def __init__(self, snapshot: Snapshot, limit: int) -> None:
        self._snapshot = snapshot
        self._limit = limit

    def drawn(self) -> "RenderableType":
        """Draw fleet, queues and ledger."""
        shot = self._snapshot
        noteworthy = sorted(shot.fleet, key=_interest)[: self._limit]
        parts: list[Shown] = [
            fleet_summary(shot),
            *([stalled_facts(shot)] if shot.stalled else []),
            fleet_grid(noteworthy, len(shot.fleet)),
            queues_grid(shot),
            *([unserved_facts(shot)] if shot.unserved or shot.unexecuted else []),
            *([Facts([("stuck", Cell(stuck_sentence(shot.stuck), BAD))])] if shot.stuck else []),
            *([Facts([("approvals", Cell(unvouched_sentence(shot.unvouched), BAD))])] if shot.unvouched else []),
            ledger_facts(shot),
            *(
                Facts([("redis", Cell(text, BAD))])
                for text in (shot.replaced, shot.refused, shot.queues.evicts, shot.queues.clock, away_sentence(shot))
                if text
            ),
            *([recovery_facts(shot)] if shot.recovery else []),
            *([paused_grid(shot)] if shot.paused else []),
            *([outbox_facts(shot)] if shot.posts_waiting else []),
        ]
        return Stack(parts).drawn()

    def lines(self) -> Iterator[str]:
        """Write agents, queues and ledger, each line marked with its kind."""
        shot = self._snapshot
        yield from fleet_grid(shot.fleet, len(shot.fleet)).lines()
        for process in shot.stalled:
            yield f"stalled\t{one_line(process)}"
        yield from queues_grid(shot).lines()
        for name, one in _wanting(shot):
            yield f"{name}\t{one_line(one.kind)}\t{one.waiting}\t{one_line(one.sentence)}"
        if shot.stuck:
            yield f"stuck\t{shot.stuck}\t{stuck_sentence(shot.stuck)}"
        if shot.unvouched:
            yield f"unvouched\t{shot.unvouched}\t{unvouched_sentence(shot.unvouched)}"
        for name, count in shot.ledger.model_dump().items():
            yield f"ledger\t{name}\t{count}"
        if shot.refused:
            yield f"redis\trefused\t{one_line(shot.refused)}"
        if shot.queues.evicts:
            yield f"redis\tevicts\t{one_line(shot.queues.evicts)}"
        if shot.queues.clock:
            yield f"redis\tclock\t{one_line(shot.queues.clock)}"
        if shot.replaced:
            yield f"redis\treplaced\t{one_line(shot.replaced)}"
        for shard in shot.queues.away:
            yield f"redis\taway\t{shard}"
        if shot.recovery:
            yield f"recovery\t{shot.recovery.cause}\t{moment(shot.recovery.at)}\t{shot.recovery.sentence}"
        yield from paused_grid(shot).lines()
        if shot.posts_waiting:
            yield f"outbox\twaiting\t{shot.posts_waiting}"


def _interest(member: FleetMember) -> tuple[bool, bool, str]:
    """Sort what an operator should see first: the late, stuck and dead, then the busy."""
    return (member.liveness is Liveness.ALIVE, member.state is not AgentStatus.BUSY, member.id)


def fleet_summary(snapshot: Snapshot) -> Facts:
    """Count agents by role: how many, how many free, how many not alive; and how late their event loops come at worst."""
    pairs: list[tuple[str, Cell | str]] = []
    for role, count in sorted(Counter(member.role for member in snapshot.fleet).items()):
        members = [member for member in snapshot.fleet if member.role is role]
        free = sum(m.state is AgentStatus.IDLE and m.liveness is Liveness.ALIVE for m in members)
        life = Counter(member.liveness for member in members)
        lagging = sum(m.loop_lag is not None and m.loop_lag >= LONG_LAG for m in members)
        troubled = lagging + sum(life[bad] for bad in Liveness if bad is not Liveness.ALIVE)
        stuck = f" {life[Liveness.STUCK]} stuck," if life[Liveness.STUCK] else ""
        text = f"{count} ({free} free, {life[Liveness.LATE]} late,{stuck} {life[Liveness.DEAD]} dead)"
        pairs.append((f"{role}s", Cell(f"{text}, loop lag {_lag(*members)}", WAITING if troubled else "")))
    return Facts(pairs or [("fleet", Cell("nobody is running", WAITING))])


def fleet_grid(members: Sequence[FleetMember], total: int) -> Grid:
    """List agents with their sign of life."""
    rows = [
        (
            m.id,
            m.role,
            m.state,
            Cell(_life(m), STATUS.get(m.liveness, "")),
            m.task_id or "-",
            age(m.beat_age),
            _lag(m),
        )
        for m in members
    ]
    more = f" ({len(rows)} of {total})" if total > len(rows) else ""
    return Grid(f"Fleet{more}", _FLEET, rows, empty="start one with: chimera worker", mark="agent")


def away_sentence(snapshot: Snapshot) -> str:
    """Say which shards do not answer; empty when all do."""
    away = snapshot.queues.away
    names = f"shard{'s' if len(away) > 1 else ''} {', '.join(map(str, away))}"
    return f"{names} of Redis away: what is there is not counted and waits, the others go on" if away else ""


def stalled_facts(snapshot: Snapshot) -> Facts:
    """Name processes whose event loop stands still."""
    text = f"{', '.join(snapshot.stalled)}: the event loop stands still, the tasks are kept"
    return Facts([("stalled", Cell(f"{text}; agent.stalled in the log says where", WAITING))])


def _lag(*members: FleetMember) -> str:
    """Write the worst lag of these agents' event loops, in ms."""
    told = [member.loop_lag for member in members if member.loop_lag is not None]
    return f"{max(told) / timedelta(milliseconds=1):.0f}ms" if told else "-"


def _life(member: FleetMember) -> str:
    spans = {Liveness.STUCK: member.stuck_for, Liveness.STALLED: member.stalled_for}
    span = spans.get(member.liveness)
    return str(member.liveness) if span is None else f"{member.liveness} {age(span)}"


def queues_grid(snapshot: Snapshot) -> Grid:
    """Count what stands where."""
    alarming = {"to_review": WAITING, "failed": BAD, "undispatched": WAITING, "delayed": WAITING}
    ages = {"waiting": snapshot.queues.oldest_waiting}
    if snapshot.oldest_card_at is not None:
        ages["to_review"] = snapshot.at - snapshot.oldest_card_at
    rows = [
        (name, Cell(str(count), alarming.get(name, "") if count else ""), age(ages.get(name)))
        for name, count in queue_counts(snapshot).items()
    ]
    columns = (Column("queue", whole=True), Column("count", whole=True, number=True), Column("oldest", number=True))
    return Grid("Queues", columns, rows, mark="queue")


def unserved_facts(snapshot: Snapshot) -> Facts:
    """Tell which kinds wait for a worker that is not there."""
    return Facts([(name, Cell(one.sentence, WAITING)) for name, one in _wanting(snapshot)])


def _wanting(shot: Snapshot) -> list[tuple[str, Unserved | Unexecuted]]:
    """Name what waits for a worker that is not there, each with the field that it stands in."""
    return [*(("unserved", one) for one in shot.unserved), *(("unexecuted", one) for one in shot.unexecuted)]


def stuck_sentence(count: int) -> str:
    """Tell of tasks that the sweep could not put back."""
    return f"{count} live tasks stand nowhere in Redis and could not be put back yet"


def unvouched_sentence(count: int) -> str:
    """Tell of tasks that no worker executes."""
    return f"{count} approved tasks wait, no worker vouches for their release; chimera doctor names them"


def ledger_facts(snapshot: Snapshot) -> Facts:
    """Show the count that must add up."""
    book = snapshot.ledger
    sum_line = (
        f"{book.submitted} submitted = {book.finished} finished + {book.failed} failed"
        f" + {book.cancelled} cancelled + {book.live} live"
    )
    return Facts([("ledger", Cell(sum_line, GOOD) if book.balanced else Cell(f"{sum_line}  DOES NOT ADD UP", BAD))])


def paused_grid(snapshot: Snapshot) -> Grid:
    """List goals that somebody paused, with who it was and for how long."""
    rows = [
        (goal.id, Cell(goal.paused_by, WAITING), age(snapshot.at - goal.paused_at), goal.text, str(goal.live))
        for goal in snapshot.paused
        if goal.paused_at
    ]
    columns = (
        Column("goal", whole=True),
        Column("by"),
        Column("for", whole=True, number=True),
        Column("text", spare=1),
        Column("live tasks", whole=True, number=True),
    )
    return Grid("Paused goals", columns, rows, mark="paused")


def recovery_facts(snapshot: Snapshot) -> Facts:
    """Tell what Redis had lost, and that it was made up for."""
    found = snapshot.recovery
    if found is None:
        return Facts([])
    ago = f"{age(snapshot.at - found.at)} ago: " if found.at else ""
    return Facts([("recovery", Cell(f"{ago}{found.sentence}", "" if found.lossless else WAITING))])


def outbox_facts(snapshot: Snapshot) -> Facts:
    """Tell how many posts were approved and taken nowhere."""
    count = snapshot.posts_waiting
    noun = "post waits" if count == 1 else "posts wait"
    return Facts([("outbox", Cell(f"{count} {noun}, stored and not posted: chimera outbox list", WAITING))])


def progress(snapshot: Snapshot) -> str:
    """Say in a line how far the swarm is, for where no board can be drawn."""
    book, queues = snapshot.ledger, snapshot.queues
    held = f", {snapshot.to_review} to review" if snapshot.to_review else ""
    return (
        f"{book.finished} of {book.submitted} finished, {queues.waiting} waiting, {queues.running} running,"
        f" {queues.to_judge + queues.judging} with judges{held}"
    )
