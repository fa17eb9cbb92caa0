"""The language model."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from chimera_cli.models.result import Usage

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A model's answer in the asked-for shape."""

    value: T
    """The answer."""
    usage: Usage
    """What it consumed."""
    model: str
    """Who gave it."""


class LLMPort(Protocol):
    """One question, one structured answer. Transport errors and rate limits are retried inside, within `timeout`, by one owner."""

    async def ask(self, system: str, user: str, shape: type[T], *, timeout: timedelta) -> Answer[T]:
        """Ask the model for a value of the given pydantic shape.

        Raises:
            LLMError: The model answered, but refused, was cut short or kept missing the schema.
            ModelThrottled: The provider asks for a pause longer than what is left of the timeout.
            BackendUnavailable: The provider cannot be reached within the timeout.
            ConfigError: The provider refuses the key.
        """
        ...
