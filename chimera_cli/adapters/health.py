"""What the checks of `chimera doctor` share: how a failure is told, and how far apart clocks may be."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from chimera_cli.models.check import Check

PATIENCE_S = 3.0
"""Longest wait for a server, in s."""
MOST_SKEW = timedelta(seconds=5)
"""Clocks further apart than this make deadlines and ages misleading."""
MIB, GIB = 2**20, 2**30


def down(name: str, error: Exception, mend: str) -> Check:
    """Return the check that an error ended, with the error's own cure where it has one."""
    hint = getattr(error, "hint", "")
    return Check(name=name, ok=False, detail=str(error), mend=mend if hint in {"", "chimera doctor"} else hint)


def unknown(name: str, server: str) -> Check:
    """Return a check that needs a server which does not answer."""
    return Check(
        name=name, ok=False, detail=f"cannot be told while {server} does not answer", mend=f"mend {server} first"
    )


async def completed(checks: AsyncIterator[Check], names: Sequence[str]) -> AsyncIterator[Check]:
    """Give the checks, and behind them those of these names that could not be made: each name is always there."""
    made = set()
    async for check in checks:
        made.add(check.name)
        yield check
    for name in names:
        if name not in made:
            detail = "cannot be told: a store does not let us look, or has no tables of this namespace yet"
            yield Check(
                name=name, ok=True, warn=True, detail=detail, mend="mend the failed checks first, if there are any"
            )


def clock_check(name: str, theirs: datetime, ours: datetime) -> Check:
    """Compare a server's clock with ours."""
    skew = abs(theirs - ours)
    right = skew <= MOST_SKEW
    detail = f"{skew.total_seconds():.1f} s apart from ours"
    return Check(name=name, ok=right, detail=detail, mend="" if right else "have both machines keep time by NTP")


def size(number: int) -> str:
    """Write a number of bytes for people."""
    return f"{number / GIB:.1f} GiB" if number >= GIB else f"{number / MIB:.1f} MiB"
