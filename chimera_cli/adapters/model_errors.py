"""What the openai client raises, in the words of chimera: one context manager, so that no such error leaves the adapters."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from chimera_cli.exceptions import BackendUnavailable, ConfigError, LLMError, ModelThrottled, SwarmError
from chimera_cli.services.plain_text import first_line
from chimera_cli.services.redaction import Redactor

if TYPE_CHECKING:
    from openai import APIStatusError


@contextmanager
def model_errors(model: str, default_pause: timedelta, redactor: Redactor) -> Iterator[None]:
    """Map the openai client's errors to the tree of `exceptions.py`.

    Args:
        model: Name of the model asked, for the message.
        default_pause: Pause told by ModelThrottled when the provider names none.
        redactor: Knows the key, which providers repeat in their complaints.
    """
    import openai  # costs 0.9 s, so only a process that asks a model pays for it

    try:
        yield
    except openai.APIStatusError as exc:
        raise _refused(exc, model, default_pause, redactor) from exc
    except openai.APITimeoutError as exc:
        raise BackendUnavailable("the model", "no answer in time") from exc
    except openai.APIConnectionError as exc:
        raise BackendUnavailable("the model", _cause(exc)) from exc
    except (openai.APIError, ValueError) as exc:
        raise not_the_api(f"the reply cannot be read ({type(exc).__name__})") from exc


def not_the_api(what: str) -> LLMError:
    """Make the error for an endpoint that answers something else than a chat completion."""
    return LLMError(f"the endpoint does not speak the chat completions API: {what}", hint="check OPENAI_BASE_URL")


def retry_after(exc: BaseException | None) -> timedelta | None:
    """Return the pause that the provider asked for, None when it named none or names it unreadably."""
    response = getattr(exc, "response", None)
    text = response.headers.get("retry-after", "") if response is not None else ""
    try:
        return max(timedelta(seconds=float(text)), timedelta(0))
    except (ValueError, OverflowError):
        pass
    try:
        return max(parsedate_to_datetime(text) - datetime.now(UTC), timedelta(0))
    except (ValueError, TypeError):
        return None


def _refused(exc: "APIStatusError", model: str, default_pause: timedelta, redactor: Redactor) -> SwarmError:
    status = exc.status_code
    if status == 429:
        return ModelThrottled(retry_after(exc) or default_pause)
    if status in {401, 403}:
        return ConfigError(f"the model's provider refuses the key (HTTP {status})", hint="set OPENAI_API_KEY")
    if status == 404:
        return ConfigError(
            f"the model's provider knows no model {model!r} at this address", hint="check OPENAI_BASE_URL and the model"
        )
    if status >= 500:
        return BackendUnavailable("the model", f"HTTP {status}")
    return LLMError(f"the provider refuses the request (HTTP {status}): {redactor.text(first_line(exc.message))}")


def _cause(exc: BaseException) -> str:
    """Name what lies under a connection error; openai itself says no more than `Connection error.`"""
    return first_line(str(exc.__cause__ or exc)) or type(exc.__cause__ or exc).__name__
