"""What `chimera doctor` asks about the rights of the database's user: those that docs/trust.md has the owner grant."""

from collections.abc import Iterable, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

WRITE = ("SELECT", "INSERT", "UPDATE")
RIGHTS: Mapping[str, tuple[str, ...]] = {
    "alembic_version": ("SELECT",),
    "audit": ("SELECT", "INSERT"),
    "cards": WRITE,
    "events": WRITE,
    "goals": WRITE,
    "identity": WRITE,
    "lost_posts": WRITE,
    "orders": WRITE,
    "posts": WRITE,
    "processes": (*WRITE, "DELETE"),
    "recoveries": WRITE,
    "shards": WRITE,
    "signed_since": ("SELECT",),
    "state": WRITE,
    "sweeps": WRITE,
    "tasks": WRITE,
    "turns": ("USAGE", "UPDATE"),
}
"""What the roles may do to each table, and to the sequence of turns."""
LACKING = text("""
    SELECT needed.name, needed.word
    FROM unnest(CAST(:names AS text[]), CAST(:words AS text[])) WITH ORDINALITY AS needed(name, word, place)
    JOIN pg_class AS found ON found.oid = to_regclass(needed.name)
    WHERE NOT CASE found.relkind WHEN 'S' THEN has_sequence_privilege(found.oid, needed.word)
        ELSE has_table_privilege(found.oid, needed.word) END
    ORDER BY needed.place
""")
"""A table that is not there is the business of the check of the schema."""


async def lacking_rights(connection: AsyncConnection) -> str:
    """Say which rights the user lacks, on which tables of the connection's search path; empty when there are all."""
    wanted = [(name, word) for name, words in RIGHTS.items() for word in words]
    names, words = zip(*wanted, strict=True)
    rows = await connection.execute(LACKING, {"names": list(names), "words": list(words)})
    return rights_sentence((row.name, row.word) for row in rows)


def rights_sentence(lacking: Iterable[tuple[str, str]]) -> str:
    """Write each table with the rights that are missing on it."""
    by_table: dict[str, list[str]] = {}
    for name, word in lacking:
        by_table.setdefault(name, []).append(word)
    return ", ".join(f"{name} ({' '.join(words)})" for name, words in by_table.items())
