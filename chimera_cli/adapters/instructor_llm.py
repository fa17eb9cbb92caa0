"""The one way to a language model: instructor over the openai client, against any OpenAI-compatible endpoint."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from random import random
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from chimera_cli.adapters.model_wire import ModelWire, WirePolicy
from chimera_cli.exceptions import BackendUnavailable, ConfigError, LLMError, SwarmError
from chimera_cli.models.noun import Noun
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.clock import Chance
from chimera_cli.ports.llm import Answer
from chimera_cli.ports.telemetry import TelemetryPort

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T", bound=BaseModel)

CORRECTIONS = 2
"""How often an answer that misses the schema goes back to the model."""


class ModelEndpoint(Noun):
    """Where the model is, and what it is called."""

    base_url: str | None = None
    """Address up to and including `/v1`; None for OpenAI's own."""
    api_key: SecretStr
    """Sent as a bearer token, never shown."""
    model: str
    """Name of the model."""


class InstructorLLM:
    """LLMPort over HTTP. Clients live for one event loop; close it at the end."""

    def __init__(
        self,
        endpoint: ModelEndpoint,
        telemetry: TelemetryPort,
        *,
        policy: WirePolicy | None = None,
        chance: Chance = random,
        corrections: int = CORRECTIONS,
    ) -> None:
        self._endpoint = endpoint
        self._telemetry = telemetry
        self._policy = policy or WirePolicy()
        self._chance = chance
        self._corrections = corrections
        self._client: AsyncOpenAI | None = None

    async def __aenter__(self) -> "InstructorLLM":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; a later question opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, system: str, user: str, shape: type[T], *, timeout: timedelta) -> Answer[T]:
        """Ask for a value of the given shape; see `LLMPort.ask`."""
        loop = asyncio.get_running_loop()
        client = self._client or await self._open()
        wire = ModelWire(
            client=client,
            deadline=loop.time() + timeout.total_seconds(),
            policy=self._policy,
            chance=self._chance,
            on_retry=self._tell,
        )
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            # A reply that drips in byte by byte never trips the client's own read timeout.
            async with asyncio.timeout(timeout.total_seconds()):
                value = await self._corrected(wire, messages, shape)
        except TimeoutError as exc:
            raise BackendUnavailable("the model", f"no answer within {timeout.total_seconds():g} s") from exc
        return Answer(value, wire.usage, self._endpoint.model)

    async def _corrected(self, wire: ModelWire, messages: list[dict[str, str]], shape: type[T]) -> T:
        """Have instructor ask, and send back what misses the schema."""
        from instructor import Mode, patch
        from instructor.core.exceptions import InstructorRetryException

        create: Callable[..., Any] = patch(create=wire.create, mode=Mode.JSON_SCHEMA)
        try:
            value: T = await create(
                model=self._endpoint.model, messages=messages, response_model=shape, max_retries=self._corrections
            )
        except InstructorRetryException as exc:
            if isinstance(exc.__cause__, SwarmError):
                raise exc.__cause__ from exc.__cause__.__cause__
            used = wire.usage
            raise LLMError(
                f"the model missed the schema of {shape.__name__} {used.calls} times",
                spent=(used.calls, used.input_tokens, used.output_tokens),
            ) from exc
        return value

    async def _open(self) -> "AsyncOpenAI":
        # The import takes a second: in a thread, so that heartbeats go on meanwhile.
        await asyncio.to_thread(_import_clients)
        if self._client is None:
            self._client = open_client(self._endpoint, self._policy)
        return self._client

    def _tell(self, reason: str, attempt: int, wait_s: float) -> None:
        fields: dict[str, Any] = {"reason": reason, "attempt": attempt, "wait_s": round(wait_s, 3)}
        self._telemetry.emit(TelemetryEvent(name="model.retried", level=Level.WARN, source="model", fields=fields))


def _import_clients() -> None:
    """Load most of what the first question would load on the event loop: both libraries import much of themselves only then."""
    import instructor.core.exceptions  # noqa: F401
    import openai.resources.chat  # noqa: F401
    import tenacity  # noqa: F401


def open_client(endpoint: ModelEndpoint, policy: WirePolicy) -> "AsyncOpenAI":
    """Make the client of an endpoint; nothing connects yet.

    Raises:
        ConfigError: The key cannot be sent.
    """
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    # Both write whole prompts and answers to the log; what matters of them is raised and told as telemetry.
    for noisy in ("instructor", "openai"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL + 1)
    key = endpoint.api_key.get_secret_value()
    if not key or not key.isascii() or not key.isprintable():
        raise ConfigError("the model's key is empty or not plain text", hint="set OPENAI_API_KEY")
    timeout = Timeout(60, connect=policy.connect.total_seconds())
    # A proxy of the environment cannot reach a model on this very machine.
    http = DefaultAsyncHttpxClient(timeout=timeout, trust_env=not _is_local(endpoint.base_url))
    return AsyncOpenAI(api_key=key, base_url=endpoint.base_url, max_retries=0, timeout=timeout, http_client=http)


def _is_local(base_url: str | None) -> bool:
    host = urlsplit(base_url or "").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
