"""What the openai client raises becomes one of our errors, whatever the provider sends along."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import openai
import pytest

from chimera_cli.adapters.model_errors import model_errors, retry_after
from chimera_cli.exceptions import BackendUnavailable, ConfigError, LLMError, ModelThrottled, SwarmError
from chimera_cli.services.redaction import Redactor

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions")
PAUSE = timedelta(seconds=3)


def status_error(status: int, **headers: str) -> openai.APIStatusError:
    response = httpx2.Response(
        status, request=REQUEST, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )
    return openai.APIStatusError("no\nmore", response=response, body=None)


def mapped(error: Exception) -> SwarmError:
    with pytest.raises(SwarmError) as caught, model_errors("m", PAUSE, Redactor(["a-key-of-ours"])):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, LLMError),
        (401, ConfigError),
        (403, ConfigError),
        (404, ConfigError),
        (413, LLMError),
        (422, LLMError),
        (429, ModelThrottled),
        (500, BackendUnavailable),
        (503, BackendUnavailable),
        (529, BackendUnavailable),
    ],
)
def test_each_status_has_its_error(status, expected):
    assert type(mapped(status_error(status))) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (openai.APITimeoutError(REQUEST), BackendUnavailable),
        (openai.APIConnectionError(request=REQUEST), BackendUnavailable),
        (openai.APIResponseValidationError(httpx2.Response(200, request=REQUEST), None), LLMError),
        (ValueError("no JSON"), LLMError),
    ],
)
def test_each_failure_of_the_transport_has_its_error(error, expected):
    assert type(mapped(error)) is expected


def test_a_message_stays_on_one_line():
    assert "\n" not in mapped(status_error(400)).message


def test_a_pause_comes_from_the_provider_or_is_the_default():
    assert mapped(status_error(429, retry_after="7")).retry_after == timedelta(seconds=7)
    assert mapped(status_error(429)).retry_after == PAUSE


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "1e400", "2026-13-45"])
def test_an_unreadable_pause_is_none(text):
    assert retry_after(status_error(429, retry_after=text)) is None


def test_a_pause_may_be_a_date_and_never_lies_in_the_past():
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    assert timedelta(minutes=8) < retry_after(status_error(429, retry_after=later)) < timedelta(minutes=11)
    assert retry_after(status_error(429, retry_after="Thu, 01 Jan 1970 00:00:00 GMT")) == timedelta(0)
    assert retry_after(status_error(429, retry_after="-5")) == timedelta(0)


def test_an_error_without_a_reply_asks_for_no_pause():
    assert retry_after(openai.APIConnectionError(request=REQUEST)) is None
    assert retry_after(None) is None


def test_nothing_heavy_is_imported_before_the_first_question():
    code = "import sys, chimera_cli.adapters.instructor_llm; print(sorted({'openai', 'instructor', 'tenacity'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_a_key_that_the_provider_repeats_is_not_told() -> None:
    response = httpx2.Response(400, request=REQUEST)
    told = mapped(openai.APIStatusError("the key a-key-of-ours is odd", response=response, body=None))
    assert "the key *** is odd" in told.message
