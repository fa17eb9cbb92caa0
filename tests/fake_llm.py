"""A model that is a function: it sees the question and returns the answer as JSON values, which the asked shape checks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from chimera_cli.models.result import Usage
from chimera_cli.ports.llm import Answer

T = TypeVar("T", bound=BaseModel)


class FunctionLLM:
    """LLMPort over `function(system, user) -> JSON value`; what the function raises, the question raises."""

    def __init__(self, function: Callable[[str, str], Any]) -> None:
        self._function = function
        self.asked: list[tuple[str, str]] = []

    async def ask(self, system: str, user: str, shape: type[T], *, timeout: timedelta) -> Answer[T]:
        """Ask the function."""
        self.asked.append((system, user))
        value = shape.model_validate(self._function(system, user))
        return Answer(value, Usage(calls=1, input_tokens=10, output_tokens=5), "function")


def scripted(*answers: Any) -> FunctionLLM:
    """Make a model that gives these answers in turn; an exception among them is raised."""
    left = list(answers)

    def next_answer(_system: str, _user: str) -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return FunctionLLM(next_answer)
