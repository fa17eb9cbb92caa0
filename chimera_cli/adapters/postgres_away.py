"""Leaves out what lives on shards that are away."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, literal

from chimera_cli.models.away import Away

BYTES = 4
"""Bytes of a goal's hash that make its shard, see `models.identity.shard_of`."""


def elsewhere(goal_id: Any, away: Away) -> list[ColumnElement[bool]]:
    """Return the condition that a goal lives on none of the shards that are away; no condition when none is."""
    if not away.numbers:
        return []
    digest = func.sha256(func.convert_to(goal_id, "UTF8"))
    number: ColumnElement[int] = literal(0, BigInteger)
    for place in range(BYTES):
        number = number * 256 + cast(func.get_byte(digest, place), BigInteger)
    return [(number % away.shards).not_in(sorted(away.numbers))]
