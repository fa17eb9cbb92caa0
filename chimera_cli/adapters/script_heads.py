"""How each script begins: with a write that changes nothing, and with the question whether somebody vouches for the shard."""

from collections.abc import Mapping
from enum import StrEnum


class Head(StrEnum):
    """How a script begins, so that a server that refuses writes refuses all of it or nothing. ADR 0025."""

    WRITES = "local refused = refusal(false) if refused then return refused end"
    """It passes only where every write does."""
    FREES = "local refused = refusal(true) if refused then return refused end"
    """It passes also where memory is full: in the end it frees some, and nothing else would."""
    READS = ""
    """It writes nothing, or looks by itself before it does."""


#: How each script begins.
HEADS: Mapping[str, Head] = {
    # Claims and answers: whoever may claim may answer.
    "claim": Head.WRITES,
    "extend": Head.WRITES,
    "complete": Head.WRITES,
    "hand_over": Head.WRITES,
    "judge": Head.WRITES,
    "judge_again": Head.WRITES,
    "retry": Head.WRITES,
    "rerun": Head.WRITES,
    "fail": Head.WRITES,
    "give_back": Head.WRITES,
    "park": Head.WRITES,
    "warden": Head.WRITES,
    # Housekeeping: while it is refused no lease is taken back and no deadline passes.
    "promote": Head.WRITES,
    "reap": Head.WRITES,
    "expire": Head.WRITES,
    "settle": Head.WRITES,
    "clock": Head.WRITES,
    # From the record: what is refused stays there and comes again.
    "push": Head.WRITES,
    "resume": Head.WRITES,
    "pause": Head.WRITES,
    "go_on": Head.WRITES,
    "recall": Head.WRITES,
    # An operator's way to make room: what it adds, an event a task, goes with the task as soon as it is recorded.
    "cancel": Head.FREES,
    # Behind the record: all that they write is a number, then they delete.
    "forget": Head.FREES,
    "trim": Head.FREES,
    # The reconciler's. `survey` writes only for one who begins to compare.
    "survey": Head.READS,
    "standing": Head.READS,
    "rebuild": Head.WRITES,
    "wipe": Head.FREES,
    "vouch": Head.WRITES,
    "depose": Head.WRITES,
    # The sweep through live tasks that stand nowhere.
    "inspect": Head.WRITES,
    # The board. `sweep` frees too, but would drop the living, whose beats are refused.
    "counts": Head.READS,
    "fleet": Head.READS,
    "beat": Head.WRITES,
    "sweep": Head.WRITES,
    "stall": Head.WRITES,
    # Which swarm this Redis belongs to.
    "identity": Head.READS,
    "bind": Head.WRITES,
    # `chimera doctor`: the head is all there is to it.
    "probe": Head.WRITES,
}
#: Scripts that work while nobody vouches for a shard: those that only read, the fleet's, the clock's, and the reconciler's own.
#: `push` is also his, and asks by itself.
UNVOUCHED = frozenset(
    {
        "counts",
        "fleet",
        "beat",
        "stall",
        "sweep",
        "identity",
        "bind",
        "probe",
        "survey",
        "vouch",
        "rebuild",
        "standing",
        "wipe",
        "push",
        "clock",
    }
)
