"""How `chimera doctor` judges what a Redis says of itself in INFO."""

from collections.abc import Mapping
from typing import Any

from chimera_cli.adapters.health import size
from chimera_cli.adapters.health_disk import ROOM, space_check
from chimera_cli.adapters.redis_client import new_enough
from chimera_cli.models.check import Check
from chimera_cli.models.eviction import CURE, LOOK, NEVER, evicted_sentence

Info = Mapping[str, Any]
"""The fields of INFO; besides `free`, the free bytes of its disk, None when they cannot be known."""
MUCH = 0.8
"""Part of the memory from which on it is worth a look."""


def version_check(info: Info) -> Check:
    """Tell whether scripts work there."""
    version = str(info.get("redis_version", "0"))
    fits = new_enough(version)
    mend = "" if fits else "use Redis 6.2 or newer, or Valkey"
    return Check(name="redis version", ok=fits, detail=version, mend=mend)


def eviction_check(info: Info) -> Check:
    """Tell whether it may drop work."""
    policy = str(info.get("maxmemory_policy", "unknown"))
    right, evicted = policy == NEVER, evicted_sentence(int(info.get("evicted_keys", 0)))
    detail = f"maxmemory-policy {policy}{f'; {evicted}' if evicted else ''}"
    mend = (LOOK if evicted else "") if right else CURE
    return Check(name="redis eviction", ok=right, warn=right and bool(evicted), detail=detail, mend=mend)


def persistence_check(info: Info) -> Check:
    """Tell whether it keeps what it acknowledged."""
    logged = int(info.get("aof_enabled", 0)) == 1
    return Check(
        name="redis persistence",
        ok=logged,
        detail="append-only file on" if logged else "append-only file off: a crash loses what was queued last",
        mend="" if logged else "redis-cli CONFIG SET appendonly yes, and in redis.conf",
    )


def role_check(info: Info) -> Check:
    """Tell a primary from a replica."""
    name = "redis.role"
    if info.get("role", "master") == "master":
        return Check(name=name, ok=True, detail="primary")
    detail = f"replica of {info.get('master_host', 'another server')}:{info.get('master_port', '?')}"
    return Check(name=name, ok=False, detail=detail, mend="name the primary in REDIS_URL, or its Sentinels")


def memory_check(info: Info) -> Check:
    """Compare the memory in use with what it may use: from 80 % it is worth a look, from all of it on it refuses writes."""
    name = "redis.memory"
    # What replicas and the log are still to be sent does not count for the limit.
    used = int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0))
    limit, machine = int(info.get("maxmemory", 0)), int(info.get("total_system_memory", 0))
    mend = "raise its maxmemory, or free memory: chimera goals cancel, or what else uses this Redis"
    if limit:
        detail = f"{size(used)} of {size(limit)} in use"
        much = used >= MUCH * limit
        return Check(name=name, ok=used < limit, warn=much and used < limit, detail=detail, mend=mend if much else "")
    much = bool(machine) and used >= MUCH * machine
    detail = f"no limit set, {size(used)} in use"
    return Check(name=name, ok=True, warn=much, detail=detail, mend="give the machine more memory" if much else "")


def disk_check(info: Info) -> Check:
    """Tell whether it writes its files, and what room they have."""
    name = "redis.disk"
    if info.get("aof_last_write_status", "ok") != "ok":
        return Check(name=name, ok=False, detail="it cannot write its append-only file", mend=ROOM)
    unsaved = [
        words
        for field, words in (
            ("rdb_last_bgsave_status", "its last snapshot failed"),
            ("aof_last_bgrewrite_status", "its last rewrite of the append-only file failed"),
        )
        if info.get(field, "ok") != "ok"
    ]
    check = space_check(name, info.get("free"), " and ".join(unsaved) or "what it writes is written")
    if not unsaved or not check.ok:
        return check
    return check.model_copy(update={"warn": True, "mend": f"{ROOM}; its log says what failed"})


def replicas_check(info: Info) -> Check:
    """Tell whether replicas keep up, and whether it has as many as it needs to take writes."""
    name = "redis.replicas"
    count = int(info.get("connected_slaves", 0))
    states = [info.get(f"slave{number}") for number in range(count)]
    behind = sum(isinstance(state, Mapping) and state.get("state") != "online" for state in states)
    detail = f"{count} connected, {behind} of them not in step" if count else "none: a failover has nowhere to go"
    # Told only where min-replicas-to-write is set; how many that asks for is not.
    if info.get("min_slaves_good_slaves", 1) == 0:
        mend = "start its replicas, or lower its min-replicas-to-write"
        return Check(name=name, ok=False, detail=f"{detail}; it takes no writes without", mend=mend)
    mend = "see the replicas' logs" if behind else ""
    return Check(name=name, ok=True, warn=behind > 0, detail=detail, mend=mend)
