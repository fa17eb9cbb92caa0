"""What comes out of a handler's run, and what it wants to change."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, JsonValue, SkipValidation

from chimera_cli.models.noun import Noun
from chimera_cli.models.words import Key

Parsed = SkipValidation[JsonValue]
"""A value that was read from JSON, not too deep: to look at all of it once more would take as long as the reading."""


class Usage(Noun):
    """What calls of the model consumed."""

    calls: int = 0
    """Requests that were answered."""
    input_tokens: int = 0
    """Tokens read by the model."""
    output_tokens: int = 0
    """Tokens written by the model."""

    def __add__(self, other: "Usage") -> "Usage":
        """Add two accounts."""
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class TaskOutcome(Noun):
    """What a handler returns."""

    output: Any = None
    """The result itself: anything that JSON can hold."""
    changes: Mapping[str, Any] = Field(default_factory=dict)
    """New values for state keys of the goal, committed if nobody changed those keys since they were read."""


class StateChange(Noun):
    """One versioned write, not yet committed."""

    key: Key
    """State key inside the goal."""
    expected: int = Field(ge=0)
    """Version that the writer read; 0 when the key was absent."""
    value: JsonValue
    """The new value."""


class VersionedValue(Noun):
    """A state value with the number of commits that made it."""

    value: JsonValue = None
    """None when the key is absent."""
    version: int = 0
    """Committed effects on this key; 0 when absent."""


class TaskResult(Noun):
    """What one run of a task returned: checked to be JSON, with its changes bound to the versions read."""

    output: JsonValue = None
    """The result itself."""
    changes: tuple[StateChange, ...] = ()
    """Writes to commit with the result."""
    usage: Usage = Usage()
    """What the model calls of this run consumed."""
    executes: bool = False
    """Whether the kind has an execute phase that follows approval."""
    mergeable: bool = False
    """Whether the kind can recompute its changes after approval without a model."""
    review_always: bool = False
    """Whether the kind wants a person to see every result."""
    posts: tuple[str, ...] = ()
    """Idempotency keys of what the run put into the outbox."""
