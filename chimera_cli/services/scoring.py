"""Scores a result by a rubric with the model's help, and believes nothing that the result does not bear out."""

import secrets
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import ConfigDict, Field, JsonValue

from chimera_cli.exceptions import LLMError
from chimera_cli.models.delivery import Delivery
from chimera_cli.models.noun import Noun
from chimera_cli.models.result import Usage
from chimera_cli.models.rubric import VETO_AT, Rubric, confidence
from chimera_cli.models.text import text_of
from chimera_cli.models.verdict import CriterionScore, Verdict
from chimera_cli.ports.llm import LLMPort
from chimera_cli.services.fence import harmless
from chimera_cli.services.prompts import criteria_text, judge_prompt

MIN_QUOTE = 3
"""Letters and digits that a quote needs: a single one occurs in any text and proves nothing."""


T = TypeVar("T")


class Aside(Protocol):
    """Where work on a result is done that takes the longer the longer the result is."""

    def __call__(self, function: Callable[..., T], *args: object) -> Awaitable[T]:
        """Call a plain function and return what it returns."""


async def here(function: Callable[..., T], *args: object) -> T:
    """Call it at once."""
    return function(*args)


class CriterionAnswer(Noun):
    """The answer to one criterion. The quote comes first, so that the score follows from it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    criterion: str
    """Id of the criterion."""
    quote: str
    """Words copied letter by letter from the result."""
    reason: str
    """One or two sentences."""
    score: Annotated[int, Field(ge=0, le=5)] | Literal["cannot_judge"]
    """0 to 5 by the anchors."""


class VerdictDraft(Noun):
    """The scores of one result."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    scores: list[CriterionAnswer]
    """One a criterion, in the order of the rubric."""


class ScoringService:
    """Asks the model for scores and turns them into a verdict."""

    def __init__(
        self,
        llm: LLMPort,
        rubric: Rubric,
        *,
        timeout: timedelta = timedelta(seconds=60),
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """Args:
        llm: The model that judges.
        rubric: What it judges by.
        timeout: Longest time for one result.
        token: Makes the delimiters that fence a result; random, so that no result can hold one.
        """
        self._llm = llm
        self.rubric = rubric
        self._criteria = criteria_text(rubric)
        self._timeout = timeout
        self._token = token

    async def score(self, task: Delivery, *, aside: Aside = here) -> Verdict:
        """Score the task's output. An answer of no use makes the result *unscored*, never 0 and never 1.

        Args:
            task: The task with its output.
            aside: Where the output is written out and searched.

        Raises:
            BackendUnavailable: The model cannot be reached; try again later. ModelThrottled is one.
            ConfigError: The provider refuses the key.
        """
        token = self._token()
        prompt = await aside(partial(judge_prompt, task, self._criteria, token=token))
        try:
            answer = await self._llm.ask(prompt.system, prompt.user, VerdictDraft, timeout=self._timeout)
        except LLMError as exc:
            calls, read, written = exc.spent
            usage = Usage(calls=calls, input_tokens=read, output_tokens=written)
            return unscored(self.rubric, exc.message).model_copy(update={"usage": usage})
        verdict = await aside(partial(weigh, answer.value, self.rubric, task.output, token=token))
        return verdict.model_copy(update={"model": answer.model, "usage": answer.usage})


def unscored(rubric: Rubric, reason: str) -> Verdict:
    """Make the verdict on a result that nobody could score."""
    return Verdict(unscored_reason=reason, rubric_version=rubric.version)


def weigh(draft: VerdictDraft, rubric: Rubric, output: JsonValue, *, token: str = "") -> Verdict:
    """Check the model's scores against the result and the rubric, and compute the confidence.

    Args:
        draft: What the model answered.
        rubric: What it was asked.
        output: The result.
        token: Delimiter under which the model saw it.
    """
    # Mostly the readings are all the same.
    texts = tuple(_plain(text) for text in dict.fromkeys(_readings(output, token)))
    known = {criterion.id for criterion in rubric.criteria}
    times = Counter(answer.criterion for answer in draft.scores)
    answers = {answer.criterion: answer for answer in draft.scores}
    scores = tuple(_believed(c.id, answers.get(c.id), times[c.id], texts) for c in rubric.criteria)
    faults = [f"{score.criterion}: {score.reason}" for score in scores if score.score is None]
    faults += [f"unknown criterion {name[:80]!r}" for name in sorted(times.keys() - known)]
    points = {score.criterion: score.score for score in scores if score.score is not None}
    return Verdict(
        confidence=None if faults else confidence(rubric, points),
        scores=scores,
        vetoed=tuple(c.id for c in rubric.criteria if c.veto and c.id in points and points[c.id] <= VETO_AT),
        unscored_reason="; ".join(faults),
        rubric_version=rubric.version,
    )


def _believed(criterion: str, answer: CriterionAnswer | None, times: int, texts: tuple[str, ...]) -> CriterionScore:
    if answer is None:
        return CriterionScore(criterion=criterion, reason="not answered")
    fault = ""
    if times > 1:
        fault = f"answered {times} times"
    elif answer.score == "cannot_judge":
        fault = f"cannot be judged ({answer.reason})"
    elif not _occurs(answer.quote, texts):
        fault = "the quote does not occur in the result"
    if fault or answer.score == "cannot_judge":
        return CriterionScore(criterion=criterion, quote=answer.quote, reason=fault)
    return CriterionScore(criterion=criterion, quote=answer.quote, reason=answer.reason, score=answer.score)


def _occurs(quote: str, texts: tuple[str, ...]) -> bool:
    wanted = _plain(quote)
    if not any(wanted in text for text in texts):
        return False
    needed = 1 if wanted in texts else MIN_QUOTE  # No more are counted: a quote may be as long as the result.
    return len(list(islice(filter(str.isalnum, wanted), needed))) == needed


def _plain(text: str) -> str:
    """Let line breaks, runs of spaces and the two spellings of an accent count as the same."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _readings(output: JsonValue, token: str) -> Iterator[str]:
    """Give the result as the model saw it, and each string in it without the escapes of JSON."""
    text = text_of(output)
    yield text
    if token:
        yield harmless(text, token)
    yield from _strings(output)


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
