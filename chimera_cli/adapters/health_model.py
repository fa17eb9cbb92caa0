"""What `chimera doctor` asks of the model's endpoint: only what is never paid for."""

import asyncio
import socket
from importlib import import_module
from urllib.parse import urlsplit

from pydantic import SecretStr

from chimera_cli.adapters.health import PATIENCE_S
from chimera_cli.adapters.instructor_llm import ModelEndpoint, open_client
from chimera_cli.adapters.model_wire import WirePolicy
from chimera_cli.exceptions import SwarmError
from chimera_cli.models.check import Check

NAME = "model"
OPENAI = "https://api.openai.com"
ANSWER_WITHIN_S = 10.0
"""Longest wait for the list of models, in s; what takes longer was not tried."""


async def model_check(base_url: str | None, key: SecretStr | None) -> Check:
    """Tell whether the endpoint takes connections, and whether it takes the key: it is asked for its list of models."""
    if key is None:
        return Check(name=NAME, ok=False, detail="OPENAI_API_KEY is not set", mend="set it in .env, or chimera up")
    parts = urlsplit(base_url or OPENAI)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    where = f"{parts.hostname}:{port}"
    try:
        await asyncio.to_thread(_connect, parts.hostname or "", port)
        status = await _listed(ModelEndpoint(base_url=base_url, api_key=key, model=""))
    except OSError as error:
        detail = f"{where}: {error.strerror or error}"
        return Check(name=NAME, ok=False, detail=detail, mend="chimera up, or correct OPENAI_BASE_URL")
    except SwarmError as error:
        return Check(name=NAME, ok=False, detail=str(error), mend=error.hint)
    return key_check(where, status)


def key_check(where: str, status: int | None) -> Check:
    """Judge how the endpoint answered when it was asked for its models.

    Args:
        where: Its address.
        status: The HTTP status; None when it gave no answer that could be read.
    """
    if status in {401, 403}:
        return Check(name=NAME, ok=False, detail=f"{where} refuses the key ({status})", mend="correct OPENAI_API_KEY")
    if status is not None and status < 300:
        return Check(name=NAME, ok=True, detail=f"{where} takes the key; no question was asked")
    why = f"it answers {status} when asked for its models" if status else "it does not tell its models"
    return Check(name=NAME, ok=True, detail=f"{where} takes connections; the key was not tried, {why}")


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=PATIENCE_S).close()


async def _listed(endpoint: ModelEndpoint) -> int | None:
    await asyncio.to_thread(
        import_module, "openai.resources.models"
    )  # Takes seconds on a busy machine: it is not the endpoint's.
    from openai import APIStatusError, OpenAIError

    client = open_client(endpoint, WirePolicy())
    try:
        models = client.models.with_raw_response
        async with asyncio.timeout(ANSWER_WITHIN_S):
            response = await models.list()
            return response.status_code
    except APIStatusError as error:
        return error.status_code
    except (OpenAIError, TimeoutError, ValueError):
        return None
    finally:
        await client.close()
