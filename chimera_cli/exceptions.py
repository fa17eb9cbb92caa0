"""Every error chimera raises on purpose, as one tree.

    SwarmError
    +-- ConfigError            exit 6   a setting, credential or schema is wrong; retrying is useless
    |   `-- SchemaOutdated     (another is ForeignStore, in services/pairing.py)
    +-- BackendUnavailable     exit 5   Redis, Postgres or the model cannot be reached; try later
    |   `-- ModelThrottled     (others are StaleEpoch, in models/epoch.py, and WritesRefused, in models/refusal.py)
    +-- NotFound               exit 3   no such id
    |   +-- AmbiguousId
    |   `-- ReviewCardNotFound
    +-- Conflict               exit 4   somebody or something was first
    |   +-- OCCConflict
    |   +-- StaleLease
    |   +-- AlreadyDecided
    |   +-- WrongState
    |   `-- IllegalTransition
    +-- InvalidPlan            exit 1   the plan breaks its rules; carries every problem found
    +-- InvalidInput           exit 2   an argument or a file cannot be read
    +-- LLMError               exit 1   the model answered, and the answer is of no use
    +-- HandlerError           exit 1   a handler broke its contract; never retried
    +-- RetriesExhausted       exit 1   the last allowed attempt failed
    +-- WaitTimeout            exit 7   what was waited for did not happen in time
    +-- ConfirmationNeeded     exit 8   nobody agreed to what was to be done (cli/confirming.py)
    `-- QueueFull              exit 9   too much waits already; what was to be added was not stored

Each error carries the ids a caller needs as fields, builds its own sentence, and may carry a hint: one line that mends it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

EXIT_FAILED = 1  # the thing failed, a check failed, or waiting ended badly
EXIT_USAGE = 2  # the command line or an input file cannot be understood
EXIT_NOT_FOUND = 3  # an id is unknown or ambiguous
EXIT_CONFLICT = 4  # already decided, wrong state, or someone was first
EXIT_UNAVAILABLE = 5  # a server cannot be reached; the same command may work later
EXIT_CONFIG = 6  # configuration, credentials or schema; the same command will fail again
EXIT_TIMEOUT = 7  # waiting took longer than allowed
EXIT_CONFIRM = 8  # confirmation was needed and not given; nothing was done
EXIT_POLICY = 9  # stopped by a limit, a budget or a policy


class SwarmError(Exception):
    """Something went wrong that chimera foresaw."""

    code: str = "failed"
    exit_code: int = EXIT_FAILED
    retryable: bool = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class ConfigError(SwarmError):
    """A setting is missing or malformed."""

    code = "config"
    exit_code = EXIT_CONFIG


class SchemaOutdated(ConfigError):
    """The database schema is not the one this release works with."""

    code = "schema"

    def __init__(self, found: str | None, expected: str) -> None:
        super().__init__(
            f"the database schema is {found or 'empty'}, this release needs {expected}", hint="chimera db migrate"
        )
        self.found, self.expected = found, expected


class BackendUnavailable(SwarmError):
    """A server that the swarm stands on cannot be reached, or cannot be used yet."""

    code = "unavailable"
    exit_code = EXIT_UNAVAILABLE
    retryable = True

    def __init__(self, backend: str, reason: str, *, hint: str = "chimera doctor", state: str = "is unreachable"):
        super().__init__(f"{backend} {state}: {reason}", hint=hint)
        self.backend, self.reason = backend, reason


class ModelThrottled(BackendUnavailable):
    """The model's provider asks for fewer calls."""

    code = "throttled"

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("the model", f"rate limit, try again in {retry_after.total_seconds():g} s")
        self.retry_after = retry_after


class NotFound(SwarmError):
    """No record has this id."""

    code = "not_found"
    exit_code = EXIT_NOT_FOUND

    def __init__(self, noun: str, id: str, *, hint: str = "") -> None:
        super().__init__(f"no {noun} has the id {id!r}", hint=hint or f"chimera {noun.split()[-1]}s list")
        self.noun, self.id = noun, id


class AmbiguousId(NotFound):
    """An id prefix fits several records."""

    code = "ambiguous"

    def __init__(self, noun: str, id: str, candidates: Sequence[str]) -> None:
        super().__init__(noun, id, hint="give more characters")
        self.candidates, self.message = tuple(candidates), f"{id!r} fits several {noun}s: {', '.join(candidates)}"
        self.args = (self.message,)


class ReviewCardNotFound(NotFound):
    """No review card has this id."""

    def __init__(self, id: str, *, hint: str = "") -> None:
        super().__init__("review card", id, hint=hint or "chimera review list")


class Conflict(SwarmError):
    """Somebody or something was first."""

    code = "conflict"
    exit_code = EXIT_CONFLICT


class OCCConflict(Conflict):
    """A commit was based on an older version than the stored one; nothing was changed."""

    code = "occ_conflict"
    retryable = True

    def __init__(self, key: str, expected: int, actual: int) -> None:
        super().__init__(f"state {key!r} is at version {actual}, the commit expected {expected}")
        self.key, self.expected, self.actual = key, expected, actual


class StaleLease(Conflict):
    """A lease is no longer the task's live one; nothing was changed."""

    code = "stale"

    def __init__(self, task_id: str, generation: int) -> None:
        super().__init__(f"task {task_id} is no longer held by generation {generation}")
        self.task_id, self.generation = task_id, generation


class AlreadyDecided(Conflict):
    """A review card was decided before."""

    code = "already_decided"

    def __init__(self, card_id: str, status: str, operator: str | None, at: datetime | None, newer: str = "") -> None:
        what = f"was {status.lower()} by {operator}" if operator else f"became {status}"
        when = f" at {at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
        follows = f"; card {newer} took its place" if newer else ""
        super().__init__(f"card {card_id} {what}{when}{follows}", hint=f"chimera review show {newer or card_id}")
        self.card_id, self.status, self.operator, self.at = card_id, status, operator, at


class WrongState(Conflict):
    """A record is in a state that does not allow the change."""

    code = "wrong_state"

    def __init__(self, noun: str, id: str, status: str, wanted: str) -> None:
        super().__init__(f"{noun} {id} is {status} and cannot be {wanted}")
        self.noun, self.id, self.status = noun, id, status


class IllegalTransition(Conflict):
    """A task status may not follow another."""

    code = "illegal_transition"

    def __init__(self, task_id: str, source: str, target: str) -> None:
        super().__init__(f"task {task_id} cannot go from {source} to {target}")
        self.task_id, self.source, self.target = task_id, source, target


class InvalidPlan(SwarmError):
    """A plan breaks its rules."""

    code = "invalid_plan"

    def __init__(self, problems: Sequence[str], *, hint: str = "mend the plan and try again") -> None:
        shown = "; ".join(problems[:5])
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        super().__init__(f"the plan is not valid: {shown}{more}", hint=hint)
        self.problems = tuple(problems)


class InvalidInput(SwarmError):
    """An argument or an input file cannot be read."""

    code = "invalid_input"
    exit_code = EXIT_USAGE


class LLMError(SwarmError):
    """The model answered, and the answer is of no use: not the schema, refused, or cut short."""

    code = "model"

    def __init__(self, message: str, *, hint: str = "", spent: tuple[int, int, int] = (0, 0, 0)) -> None:
        super().__init__(message, hint=hint)
        self.spent = spent
        """Answers, tokens read and tokens written that were paid for in vain."""


class HandlerError(SwarmError):
    """A handler broke its contract in a way that another attempt will not mend."""

    code = "handler"


class RetriesExhausted(SwarmError):
    """The last allowed attempt failed."""

    code = "exhausted"

    def __init__(self, task_id: str, attempts: int, reason: str) -> None:
        super().__init__(f"task {task_id} failed {attempts} times, at last with: {reason}")
        self.task_id, self.attempts = task_id, attempts


class WaitTimeout(SwarmError):
    """What was waited for did not happen in time."""

    code = "timeout"
    exit_code = EXIT_TIMEOUT
    retryable = True


class QueueFull(SwarmError):
    """More tasks would wait than the limit allows; nothing was stored. Waiting helps unless the new ones alone are too many."""

    code = "queue_full"
    exit_code, retryable = EXIT_POLICY, True

    def __init__(self, waiting: int, limit: int, *, alone: bool = False) -> None:
        said = f"of the new ones alone {waiting}" if alone else f"with the new ones {waiting}"
        hint = f"{'add them in parts' if alone else 'add --wait-for-room, start more workers'}, or raise CHIMERA_MAX_QUEUED"
        super().__init__(f"{said} tasks or more would wait, CHIMERA_MAX_QUEUED allows {limit}", hint=hint)
        self.waiting, self.limit, self.alone, self.retryable = waiting, limit, alone, not alone
