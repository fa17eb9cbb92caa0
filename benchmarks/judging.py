"""`chimera judge` with a model that leaves a mark for each answer: one that answers at once, or the one of the settings."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import TypeVar

from pydantic import BaseModel

from benchmarks.peers import noted
from chimera_cli.adapters.logging import open_log
from chimera_cli.config import Settings, load_settings
from chimera_cli.models.result import Usage
from chimera_cli.ports.llm import Answer, LLMPort
from chimera_cli.ports.telemetry import TelemetryPort
from chimera_cli.roles import JudgeOptions, open_model, run_judges
from chimera_cli.services.rubric_file import load_rubric

T = TypeVar("T", bound=BaseModel)


class InstantModel:
    """Gives every criterion the best score, and quotes what is there."""

    def __init__(self) -> None:
        asked = [criterion.id for criterion in load_rubric().criteria]
        score = {"quote": noted.DRAFT, "reason": "It is there.", "score": 5}
        self._answer = {"scores": [{"criterion": criterion, **score} for criterion in asked]}

    async def ask(self, system: str, user: str, shape: type[T], *, timeout: timedelta) -> Answer[T]:
        """Answer at once; the answer is checked against its shape, as any other."""
        return Answer(shape.model_validate(self._answer), Usage(calls=1), "instant")


class MarkedModel:
    """Any model, with a mark for each answer."""

    def __init__(self, model: LLMPort) -> None:
        self._model, self._numbers = model, count()

    async def ask(self, system: str, user: str, shape: type[T], *, timeout: timedelta) -> Answer[T]:
        """Hand the question on."""
        answer = await self._model.ask(system, user, shape, timeout=timeout)
        noted.mark(f"job-{next(self._numbers):07d}")
        return answer


@asynccontextmanager
async def instant(settings: Settings, telemetry: TelemetryPort) -> AsyncIterator[LLMPort]:
    """Open the model that answers at once."""
    yield MarkedModel(InstantModel())


@asynccontextmanager
async def real(settings: Settings, telemetry: TelemetryPort) -> AsyncIterator[LLMPort]:
    """Open the model of the settings."""
    async with open_model(settings, telemetry) as model:
        yield MarkedModel(model)


def main(arguments: Sequence[str]) -> int:
    """Judge until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=25, help="judges in this process")
    parser.add_argument("--instant", action="store_true", help="take the model that answers at once")
    chosen = parser.parse_args(arguments)
    options = JudgeOptions(count=chosen.count, drain=timedelta(seconds=10))
    model = instant if chosen.instant else real
    return asyncio.run(run_judges(load_settings(), options, open_log(), model=model))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
