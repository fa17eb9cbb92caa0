"""Telling the stand-in model what to do wrong."""

import asyncio
import http.client
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from chimera_cli.models.drill import Strike

ANSWER_WITHIN_S = 5.0


async def disturb_model(base_url: str, strike: Strike) -> None:
    """Have the model throttle, answer nonsense, fail or take longer; one that is away just now is left alone."""
    told: dict[str, Any] = {"slow_s": strike.amount / 1000, "slow_for_s": strike.lasts_s}
    if strike.action != "slow":
        told = {"fault": strike.action, "requests": int(strike.amount)}
    with suppress(OSError, http.client.HTTPException):
        await asyncio.to_thread(_post, base_url, told)


def _post(base_url: str, told: dict[str, Any]) -> None:
    place = urlsplit(base_url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("POST", "/disturb", json.dumps(told), {"Content-Type": "application/json"})
        connection.getresponse().read()
    finally:
        connection.close()
