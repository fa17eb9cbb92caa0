"""The examples of the documents that need real servers."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import chimera_cli
from chimera_cli.adapters.logging import open_log
from chimera_cli.config import load_settings
from chimera_cli.models.goal import GoalStatus
from chimera_cli.models.identity import goal_id_for
from chimera_cli.roles import WorkerOptions, run_workers

PAGE = Path(__file__).parents[2] / "docs" / "from-python.md"


@pytest.fixture
def surroundings(
    redis_url: str, fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """Settings in the environment, as the page says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", fresh_database)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("OPENAI_API_KEY", "never-asked")
    monkeypatch.setenv("CHIMERA_NAMESPACE", "doc-examples")
    return monkeypatch


@pytest.mark.integration
async def test_the_example_of_a_program_submits_adds_and_sees_its_goal_completed(
    surroundings: pytest.MonkeyPatch,
) -> None:
    example: dict[str, Any] = {"__name__": "example"}
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    exec(compile(code, str(PAGE), "exec"), example)
    program = asyncio.create_task(example["main"]())
    async with asyncio.timeout(5), chimera_cli.connect() as swarm:
        while len(await swarm.record.keys(goal_id_for("hook-4711"))) < 3:
            await swarm.clock.sleep(timedelta(milliseconds=20))
    settings = load_settings()
    options = WorkerOptions(count=2, drain=timedelta(seconds=5), max_tasks=3)
    async with asyncio.timeout(20):
        assert await run_workers(settings, options, open_log(secrets=settings.secret_values())) == 0
        assert await program == GoalStatus.COMPLETED
