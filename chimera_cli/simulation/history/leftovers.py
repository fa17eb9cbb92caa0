"""Invariant 8: streams, pending lists, consumers and keys grow with live work only, and are gone when it ends."""

import re
from collections.abc import Iterator

from chimera_cli.simulation.history.history import History
from chimera_cli.simulation.history.rows import RedisKey
from chimera_cli.simulation.history.violation import Flaw, Terms

FLEET = re.compile(r"identity|shards|beats|fleet|stalled|clock")
"""Keys of the fleet: which swarm it is, the number of shards as older releases note it, and a beat a process and whether it is
stalled, swept after five minutes of silence, and the time that goes for them."""
STAYS = re.compile(r"run|epoch|turn|grace|recorded|rebuilding|clock|(work|judge):(parked|warden)|bell:[0-9a-f]{32}")
"""Keys of a shard that stay: the vouched run, turn, what was recorded, what a reconciler left, lanes at rest, a duty, and for some
seconds the bell of a process that has ended."""
EMPTIED = re.compile(r"out")
"""Streams that stay with no entry in them."""
LIVE = re.compile(
    r"(work|judge):((w|last):.+:(high|normal|low|alone)(/execute)?|turns|lease|delay|bell|aside:[^:]+)"
    r"|(work|judge):(q:.+:(high|normal|low|alone)|lanes)"
    r"|t:[^:]+|c:[^:]+|g:[^:]+|s:[^:]+|settle|deadline",
    re.DOTALL,
)
"""Keys of a shard that live work has; the second line is the older release's lanes."""
BELL = re.compile(r"(work|judge):bell")
BELL_TOKENS = 64
"""Wake-up tokens that may lie about; a process that is awake needs none."""


def nothing_grows(history: History, terms: Terms) -> Iterator[Flaw]:
    """Find keys that nobody knows, entries that a dead consumer could keep, and what is left when all is over."""
    for key in history.keys:
        yield from ((f"key {key.name}", text) for text in (*_structure(key, history.shards), *_rest(key, terms)))


def _structure(key: RedisKey, shards: int) -> Iterator[str]:
    known = (FLEET,) if key.shard is None else (STAYS, EMPTIED, LIVE)
    if not any(pattern.fullmatch(key.suffix) for pattern in known):
        yield "is no key that chimera knows"
    if key.shard is not None and key.shard >= shards:
        yield f"belongs to shard {key.shard}; there are {shards}"
    if key.pending:
        yield f"has {key.pending} entries that were delivered and not acknowledged"
    if key.consumers > 1:
        yield f"has {key.consumers} consumers; one name is enough, for the lease is the owner"
    if BELL.fullmatch(key.suffix) and key.size > BELL_TOKENS:
        yield f"has {key.size} wake-up tokens, more than {BELL_TOKENS}"


def _rest(key: RedisKey, terms: Terms) -> Iterator[str]:
    if not terms.ended or key.shard is None:
        return
    if EMPTIED.fullmatch(key.suffix) and key.size:
        yield f"still holds {key.size} entries, though all is over"
    if LIVE.fullmatch(key.suffix) and not BELL.fullmatch(key.suffix):
        yield f"is left ({key.kind}, {key.size}), though all is over"
