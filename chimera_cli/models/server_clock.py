"""What is known of a Redis server's clock, which decides when leases end, retries are due and deadlines pass. ADR 0033."""

from datetime import timedelta
from enum import StrEnum

from chimera_cli.models.noun import Noun

TOLD_FOR = timedelta(hours=1)
"""How long after a step the board and `chimera doctor` still tell of it."""


class ClockState(StrEnum):
    """What a look at the clock came to."""

    SURE = "sure"
    """It is where it should be."""
    DOUBTED = "doubted"
    """It is not, and this look was the first to find that."""
    DOUBT = "doubt"
    """It is not, and how far it stepped is not settled."""
    SETTLED = "settled"
    """Two looks agreed on how far it stepped, or that it did not."""
    OVERDUE = "overdue"
    """They did not agree within 60 s: it counts as stepped."""

    @property
    def open(self) -> bool:
        """Whether time stands still for the shard."""
        return self in {ClockState.DOUBTED, ClockState.DOUBT}


class ClockReading(Noun):
    """One look; times in ms since 1970, spans in ms."""

    state: ClockState
    """What it came to."""
    at: int
    """The server's clock."""
    believed: int
    """The last reading before this one that nobody doubted."""
    record: int | None = None
    """Postgres' clock at that reading; None when it was not known."""
    since: int | None = None
    """The server's clock when the doubt began; None when there was none."""
    step: int = 0
    """How far it stepped, once that is settled; 0 when time had merely passed."""
    offset: int = 0
    """How far it has stepped in all: the shard's time is the server's without that."""

    @property
    def standing(self) -> int:
        """The reading that counts after this look."""
        return self.believed if self.state.open else self.at


class ClockJudgement(Noun):
    """How far one process takes a clock to have stepped."""

    since: int
    """When the doubt began that it is about."""
    step: int
    """How far, in ms; about 0 when it did not."""


def judge(reading: ClockReading, *, most: int | None, record: int | None) -> ClockJudgement | None:
    """Tell how far a doubted clock stepped; None when nothing is known that it could be compared with.

    Args:
        reading: The look.
        most: The time [ms] that has passed at most since the reading that counts, by the caller's own monotonic clock. It
            holds also where Redis and Postgres have one clock, and stepped together.
        record: Postgres' time now [ms].
    """
    if reading.since is None:
        return None
    known = None if record is None or reading.record is None else max(0, record - reading.record)
    spans = [span for span in (most, known) if span is not None]
    if not spans:
        return None
    return ClockJudgement(since=reading.since, step=reading.at - reading.believed - min(spans))


def clock_sentence(doubt_ms: int, step_ms: int, age_ms: int) -> str:
    """Say how the clock stands, for people; empty when there is nothing to tell.

    Args:
        doubt_ms: How long it has been in doubt; below 0 when it is not.
        step_ms: How far it stepped last.
        age_ms: How long ago; below 0 when it never did.
    """
    if doubt_ms >= 0:
        return (
            f"Redis' clock has jumped, {doubt_ms / 1000:.0f} s ago: no lease ends and no deadline passes until two looks agree"
            " on how far, 60 s at most"
        )
    if age_ms < 0 or timedelta(milliseconds=age_ms) > TOLD_FOR:
        return ""
    return f"Redis' clock {stepped(step_ms, f' {age_ms / 1000:.0f} s ago')}"


def stepped(step_ms: int, ago: str = "") -> str:
    """Say of a clock how far it stepped, and what came of it."""
    return f"stepped by {step_ms / 1000:+.0f} s{ago}: leases, deadlines and delays moved with it"
