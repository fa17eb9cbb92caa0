"""One HTTP request to the model, repeated while the transport or the provider fails: the only owner of such retries.

It stands below instructor, which sees sound completions alone and repeats for nothing but validation. So a rate limit
in the middle of a correction neither starts the correction anew nor multiplies the calls.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chimera_cli.adapters.model_errors import model_errors, not_the_api, retry_after
from chimera_cli.exceptions import BackendUnavailable, LLMError
from chimera_cli.models.noun import Noun
from chimera_cli.models.result import Usage
from chimera_cli.ports.clock import Chance
from chimera_cli.services.redaction import Redactor

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion
    from tenacity import RetryCallState


class WirePolicy(Noun):
    """How long and how often one request is tried."""

    connect: timedelta = timedelta(seconds=5)
    """Time to open a connection."""
    attempts: int = 6
    """Requests at most, the first included."""
    backoff: timedelta = timedelta(milliseconds=500)
    """Pause after the first failure when the provider names none; each further one doubles it."""
    longest: timedelta = timedelta(seconds=20)
    """No such pause is longer, jitter aside."""


@dataclass(kw_only=True)
class ModelWire:
    """The requests of one question, which share a deadline and an account."""

    client: "AsyncOpenAI"
    """Repeats nothing itself (`max_retries=0`)."""
    deadline: float
    """When to stop, by the clock of the event loop."""
    policy: WirePolicy
    """How often to try."""
    chance: Chance
    """Source of jitter."""
    on_retry: Callable[[str, int, float], None]
    """Told the reason, the attempt that failed and the pause in seconds."""
    usage: Usage = field(default=Usage(), init=False)
    """What all answers so far consumed, counted one by one: instructor's own figures are running totals."""

    async def create(self, **request: Any) -> "ChatCompletion":
        """Send one request until a completion comes back; stands in for `client.chat.completions.create`.

        Raises:
            LLMError: The model refused or was cut short, or the endpoint speaks another language.
            ModelThrottled: The provider asks for a longer pause than the deadline allows.
            BackendUnavailable: No answer within the deadline or the attempts.
            ConfigError: The provider refuses the key or knows no such model.
        """
        import openai
        from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(
                (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)
            ),
            wait=self._pause,
            stop=stop_after_attempt(self.policy.attempts) | stop_before_delay(self._left()),
            before_sleep=self._tell,
            reraise=True,
        )
        with model_errors(str(request.get("model")), self.policy.backoff, Redactor([self.client.api_key])):
            completion: Any = await retrying(self._send, request)
        return self._checked(completion)

    async def _send(self, request: dict[str, Any]) -> Any:
        from openai import Timeout

        left = self._left()
        if left <= 0:
            raise BackendUnavailable("the model", "no answer in time")
        timeout = Timeout(left, connect=min(left, self.policy.connect.total_seconds()))
        return await self.client.chat.completions.create(**request, timeout=timeout)

    def _left(self) -> float:
        return self.deadline - asyncio.get_running_loop().time()

    def _pause(self, state: "RetryCallState") -> float:
        asked = retry_after(state.outcome.exception() if state.outcome else None)
        own: timedelta = min(self.policy.backoff * 2 ** (state.attempt_number - 1), self.policy.longest)
        pause = own if asked is None else asked
        # Jitter only on top: a pause that the provider asked for is never shortened.
        return pause.total_seconds() + self.chance() * own.total_seconds() / 2

    def _tell(self, state: "RetryCallState") -> None:
        exc = state.outcome.exception() if state.outcome else None
        status = getattr(exc, "status_code", None)
        reason = f"HTTP {status}" if status else type(exc).__name__
        self.on_retry(reason, state.attempt_number, state.upcoming_sleep)

    def _checked(self, completion: Any) -> "ChatCompletion":
        from openai.types.chat import ChatCompletion

        if not isinstance(completion, ChatCompletion) or not completion.choices:
            raise not_the_api("no choices in the reply")
        self._account(completion)
        choice = completion.choices[0]
        if choice.finish_reason == "length":
            raise self._useless("the model's answer was cut short")
        if choice.finish_reason == "content_filter" or choice.message.refusal:
            raise self._useless(f"the model refused: {choice.message.refusal or 'content filter'}")
        return completion

    def _account(self, completion: "ChatCompletion") -> None:
        told = completion.usage
        self.usage += Usage(
            calls=1,
            input_tokens=told.prompt_tokens if told else 0,
            output_tokens=told.completion_tokens if told else 0,
        )

    def _useless(self, message: str) -> LLMError:
        said = Redactor([self.client.api_key]).text(message)
        return LLMError(said, spent=(self.usage.calls, self.usage.input_tokens, self.usage.output_tokens))
