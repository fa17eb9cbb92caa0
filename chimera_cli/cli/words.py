"""Words of the command line turned into values: statuses, times, and who the operator is."""

import os
import pwd
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from chimera_cli.exceptions import InvalidInput

E = TypeVar("E", bound=StrEnum)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd]?)")
FOLDER = Path(".chimera")
"""Where the local stack keeps its data, below the present folder."""
SWARM = "chimera"
"""What the audit calls the swarm itself (`models.audit.SWARM`; loading that would cost every command 50 ms)."""
LONGEST_SPAN = timedelta(days=36_500)
"""A duration beyond it would leave the calendar."""
LONGEST_NAME = 100
"""Characters of an operator's name."""


def choice(values: type[E], word: str | None, option: str) -> E | None:
    """Read one of an enumeration's words, in any case; None stays None.

    Raises:
        InvalidInput: It is none of them; lists them.
    """
    if word is None:
        return None
    for value in values:
        if value.value.lower() == word.lower():
            return value
    raise InvalidInput(f"{option} {word!r} is unknown", hint=f"one of: {', '.join(value.value for value in values)}")


def span(word: str | None, option: str) -> timedelta | None:
    """Read a duration such as `90`, `90s`, `15m`, `2h` or `1d`; None stays None.

    Raises:
        InvalidInput: It is none, or longer than anybody waits.
    """
    if word is None:
        return None
    found = _SPAN.fullmatch(word)
    if found is None:
        raise InvalidInput(f"{option} {word!r} is no duration", hint="write 90s, 15m, 2h or 1d")
    length = timedelta(seconds=float(found[1]) * _UNITS[found[2] or "s"])
    if length > LONGEST_SPAN:
        raise InvalidInput(f"{option} {word!r} is longer than {LONGEST_SPAN.days}d", hint="write 90s, 15m, 2h or 1d")
    return length


def moment(word: str | None, option: str, now: datetime) -> datetime | None:
    """Read a time: ISO 8601 with a zone, or a duration from now; None stays None.

    Raises:
        InvalidInput: It is neither, it is over, or it is beyond what a database can tell.
    """
    from chimera_cli.models.plan import LATEST

    if word is None:
        return None
    if _SPAN.fullmatch(word):
        return now + (span(word, option) or timedelta())
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        raise InvalidInput(f"{option} {word!r} is no time", hint="write 2h, or 2030-01-31T18:00:00Z") from None
    if at.tzinfo is None:
        raise InvalidInput(f"{option} {word!r} has no time zone", hint=f"write {at.isoformat()}Z for UTC")
    if at <= now:
        raise InvalidInput(f"{option} {word!r} is in the past", hint="write 2h for two hours from now")
    if at > LATEST:
        raise InvalidInput(f"{option} {word!r} is after the year {LATEST.year}", hint="write 2h for two hours from now")
    return at


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


def operator(given: str | None, configured: str | None) -> str:
    """Return who decides: `--as`, else the setting, else the user of the operating system.

    Raises:
        InvalidInput: The name is empty, too long, or holds characters that cannot be seen.
    """
    name = configured if given is None else given
    return checked_name(_system_user() if name is None else name)


def checked_name(name: str) -> str:
    """Return a name that an audit can show.

    Raises:
        InvalidInput: It is empty, too long, or holds characters that cannot be seen.
    """
    trimmed = name.strip()
    hint = "give a name with --as or CHIMERA_OPERATOR"
    if not trimmed or len(trimmed) > LONGEST_NAME:
        raise InvalidInput(f"the operator's name must have 1 to {LONGEST_NAME} characters", hint=hint)
    if not trimmed.isprintable():
        raise InvalidInput("the operator's name holds characters that cannot be seen", hint=hint)
    if trimmed.lower() == SWARM:
        raise InvalidInput(f"{SWARM} is the swarm's own name in the audit, no operator's", hint=hint)
    return trimmed


def _system_user() -> str:
    """Ask the operating system, not the environment: USER and LOGNAME can be set to anybody."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"
