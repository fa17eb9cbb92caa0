"""How Redis stands against the record after an interruption, and what was done about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from chimera_cli.models.epoch import ShardRecord
from chimera_cli.models.noun import Noun
from chimera_cli.models.telemetry import Level, TelemetryEvent

AT_ONCE = timedelta(minutes=1)
"""What is found in several shards within this time comes from one interruption."""
COUNTS = ("dispatched", "restored", "decisions")
"""The fields of a Recovery that count."""


class Survey(Noun):
    """What one shard in Redis says of itself."""

    vouched: bool
    """Whether somebody has compared it with the record since its server was started and filled."""
    run: str
    """Id of the server's run; another one after each start and failover."""
    newest: str = ""
    """Id of the newest event it ever had, recorded or not; empty when it never had one."""
    vouched_run: str = ""
    """Id of the run that was vouched for last; empty when none was, or the data are gone."""
    rebuilding: bool = False
    """Whether somebody has begun to put back what it lost, and did not come to the end."""

    recorded: str = ""
    """Id up to which events were recorded and dropped since somebody vouched; empty when none were."""

    epoch: int = 0
    """The epoch that began when somebody vouched last; 0 when no release that counts them did, or the data are gone."""
    deposed: bool = False
    """Whether it was found to be replaced by another server, and was not started anew since."""

    def replaced(self, record: ShardRecord) -> bool:
        """Whether another server took over from this one, which must not go on.

        A server that was started anew with older data takes over itself, but only when no process works with the other one.
        """
        if self.epoch >= record.epoch or self.lost_epoch(record):
            return False
        if self.vouched or self.deposed:
            return True
        return self.epoch > 0 and self.run != record.run and record.in_use

    def lost_epoch(self, record: ShardRecord) -> bool:
        """Whether it is the server for which the current epoch was begun, and has lost the number."""
        return self.epoch == 0 < record.epoch and self.run == record.run

    def ahead(self, record: ShardRecord) -> bool:
        """Whether the shard told the record more than it knows, or was let go on by one that knew more."""
        return self.epoch > record.epoch or place(self.recorded) > place(record.reached)

    def diverged(self, record: ShardRecord) -> bool:
        """Whether what it holds may belong to another story than the one that went on elsewhere, though its ids may be higher."""
        return self.epoch < record.epoch and self.run != record.run

    def behind(self, record: ShardRecord) -> bool:
        """Whether the shard lacks some of its past."""
        return self.rebuilding or self.diverged(record) or place(self.newest) < place(record.reached)


class Mandate(Noun):
    """The right to change a shard that nobody vouches for; void once somebody does, begins later, or restarts the server."""

    shard: int
    """The shard."""
    run: str
    """Id of the server's run that was seen at the beginning."""
    turn: int
    """Turn of whoever compares."""
    epoch: int = 0
    """The epoch that begins when the shard is vouched for; 0 as long as the record has begun none."""


class Pause(Noun):
    """A goal of which nothing may start."""

    goal_id: str
    """The goal."""
    order: int
    """Number of the order that paused it."""


class Mark(Noun):
    """How far the record knows a live task that was put into the queue."""

    task_id: str
    """The task."""
    goal_id: str
    """Its goal."""
    version: int
    """Number of status changes; 0 for one that nothing was heard of since it was put into the queue."""

    def lost(self, version: int) -> bool:
        """Whether the queue has lost some of its past, given the version that it has there, -1 for none."""
        return version < self.version


class Loss(StrEnum):
    """What had happened to Redis."""

    RESTARTED = "restarted"
    """It came back with all that is recorded; what it had not told anybody may be lost."""
    BEHIND = "behind"
    """It came back from an older copy, or without its last moments."""
    KEYS = "keys lost"
    """It went on without some of its keys; the sweep found tasks that stood nowhere."""
    EMPTIED = "emptied"
    """It came back without anything."""
    RECORD_BEHIND = "record behind"
    """It is the record that came back from an older copy, or without its last moments."""


class Recovery(Noun):
    """One comparison of Redis with the record, and what it put right. Work went on after it, unless Redis was interrupted again."""

    at: datetime | None = None
    """When, by the clock of the record; None before it is recorded."""
    shard: int
    """The shard."""
    cause: Loss
    """What had happened."""
    dispatched: int = 0
    """Tasks that had not arrived or were lost before anything was heard of them, and were dispatched again."""
    restored: int = 0
    """Tasks that were put back where the record has them."""
    decisions: int = 0
    """Decisions and orders of people that are carried out once more."""

    @property
    def lossless(self) -> bool:
        """Whether nothing had to be put right."""
        return self.cause is Loss.RESTARTED and not any(getattr(self, name) for name in COUNTS)

    @property
    def sentence(self) -> str:
        """Say it for people."""
        happened = {
            Loss.RESTARTED: "Redis was started anew",
            Loss.EMPTIED: "Redis had lost everything",
            Loss.RECORD_BEHIND: "Postgres came back without its latest changes, what was done since is done again",
            Loss.BEHIND: "Redis came back without its latest changes",
            Loss.KEYS: "Redis went on without some of its keys",
        }[self.cause]
        back = f"{self.dispatched + self.restored} tasks were put back"
        others = {
            f"{self.decisions} decisions or orders are carried out once more": self.decisions,
        }
        return f"{happened}: {', '.join([back, *(text for text, count in others.items() if count)])}"

    @property
    def event(self) -> TelemetryEvent:
        """Say it as telemetry."""
        level = Level.INFO if self.lossless else Level.WARN
        fields = self.model_dump(mode="json", exclude={"at"})
        return TelemetryEvent(
            name="recovery.done", level=level, source="orchestrator", message=self.sentence, fields=fields
        )


def together(recoveries: Sequence[Recovery]) -> Recovery | None:
    """Sum up what one interruption did to all shards, given recoveries from the latest on; None when there are none.

    It is the latest with a loss, for a harmless restart after it must not hide it; without any loss it is the latest.
    """
    worst = next((one for one in recoveries if not one.lossless), next(iter(recoveries), None))
    near = [one for one in recoveries if worst and one.at and worst.at and abs(worst.at - one.at) < AT_ONCE]
    if not near:
        return None
    counts = {name: sum(getattr(one, name) for one in near) for name in COUNTS}
    return near[0].model_copy(update={"cause": max((one.cause for one in near), key=list(Loss).index), **counts})


def place(entry_id: str) -> tuple[int, int]:
    """Return where an event stands in its stream, so that places compare; (0, 0) for what is no id of a stream's entry."""
    ms, _, seq = entry_id.partition("-")
    return (int(ms), int(seq)) if ms.isdecimal() and seq.isdecimal() else (0, 0)
