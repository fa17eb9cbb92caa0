"""Eviction: a Redis that drops keys when memory runs short would drop accepted work."""

NEVER = "noeviction"
"""The only policy under which work is safe."""
CURE = "redis-cli CONFIG SET maxmemory-policy noeviction, and in redis.conf"
LOOK = "chimera status tells what the sweep could not put back"


def eviction_sentence(policy: str) -> str:
    """Say of a policy what is wrong with it, and the cure; empty when nothing is, or when it is not known."""
    if policy in {"", NEVER}:
        return ""
    return f"Redis evicts keys when memory runs short (maxmemory-policy {policy}), which would lose tasks; {CURE}"


def evicted_sentence(evicted: int) -> str:
    """Say how many keys were dropped; empty when none was."""
    if not evicted:
        return ""
    return f"Redis has evicted {evicted} keys since it was started; the sweep puts back what was accepted work"
