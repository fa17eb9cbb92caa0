"""Reading the evidence at the end of a simulation: from the stores, from the model, and from everything that was written."""

import asyncio
import http.client
import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chimera_cli.services.swarm import Swarm
from chimera_cli.simulation.evidence import ModelJournal

ANSWER_WITHIN_S = 5.0
"""Longest wait for the model's journal, in s."""


async def read_stores(swarm: Swarm, goal_id: str) -> dict[str, Any]:
    """Read what the stores know of a goal, once nothing is left to be kept house of; names are those of `Evidence`."""
    while await swarm.orchestrator.tick():
        pass
    return {
        "goal": await swarm.record.goal(goal_id),
        "tasks": await swarm.record.tasks(goal_id=goal_id, limit=0),
        "events": await swarm.record.history(goal_id=goal_id),
        "cards": await swarm.reviews.cards(status=None, goal_id=goal_id, limit=0),
        "posts": await swarm.outbox.posts(limit=0),
    }


async def read_journal(base_url: str) -> ModelJournal:
    """Ask the stand-in model what it served."""
    told = await asyncio.to_thread(_journal, base_url)
    return ModelJournal(served=sum(told["served"].values()), throttled=told["throttled"], malformed=told["malformed"])


def _journal(base_url: str) -> dict[str, Any]:
    # Not through urllib, which would obey a proxy in the environment.
    place = urlsplit(base_url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/journal")
        told: dict[str, Any] = json.loads(connection.getresponse().read())
        return told
    finally:
        connection.close()


def read_logs(folder: Path) -> dict[str, str]:
    """Return every log file below a folder by its name; one that vanishes meanwhile is left out."""
    texts: dict[str, str] = {}
    for file in sorted(folder.rglob("*.log")):
        with suppress(OSError):
            texts[str(file.relative_to(folder))] = file.read_text(errors="replace")
    return texts
