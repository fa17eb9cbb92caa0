"""A replica takes over while the old primary still answers those whose address leads to it: one swarm goes on, on the new one."""

import asyncio
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.simulation.chaos.primaries import promote
from chimera_cli.simulation.proxy import Wire
from tests.cli.driver import KINDS, Line
from tests.servers import or_skip

ROUNDS = 4
TASKS = 40


@contextmanager
def servers(folder: Path, password: str) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Two servers with one password."""
    with ExitStack() as ends:
        both = RedisServer(folder / "old", free_port(), password), RedisServer(folder / "new", free_port(), password)
        for server in both:
            ends.callback(server.stop)
            or_skip(server.start, server)
        yield both


@contextmanager
def address(target: int) -> Iterator[Wire]:
    """Stand for a name or a proxy in front of a server: a wire in a thread of its own."""
    wire, loop = Wire(target), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(wire.open(), loop).result(10)
        yield wire
    finally:
        loop.call_soon_threadsafe(wire.close)
        asyncio.run_coroutine_threadsafe(ended(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def ended() -> None:
    """Wait for whatever else the loop has to do."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.wait(others, timeout=5) if others else None


@pytest.mark.chaos
def test_with_two_primaries_under_load_no_task_ends_twice_and_no_accepted_plan_stays_behind(
    fresh_database: str, model_url: str, tmp_path: Path
) -> None:
    password = secrets.token_urlsafe(12)
    with servers(tmp_path, password) as (old, new), address(old.port) as wire, ExitStack() as ends:
        through_wire = f"redis://:{password}@127.0.0.1:{wire.port}/0"
        (tmp_path / "line").mkdir()
        line = Line(
            tmp_path / "line",
            DATABASE_URL=fresh_database,
            REDIS_URL=through_wire,
            OPENAI_API_KEY="stand-in",
            OPENAI_BASE_URL=model_url,
            CHIMERA_NAMESPACE="split",
            CHIMERA_RETRY__BASE_S="0.1",
            CHIMERA_LEASE_S="4",
            CHIMERA_BEAT_S="1",
        )
        ends.callback(line.close)
        work = [{"key": f"m-{n}", "kind": "mark", "payload": {"s": 0.1}} for n in range(TASKS)]
        first = line.start("worker", "--count", "4", "--handlers", str(KINDS))
        goals = [line.submit("before", work)]
        line.until(lambda: len(line.marks()) > 4, "work has begun")
        promote(old, new)
        second = line.start("worker", "--count", "4", "--handlers", str(KINDS), REDIS_URL=new.url)
        goals += [line.submit(f"through the old primary, {n}", work) for n in range(ROUNDS)]
        line.until(lambda: "another primary took over" in first.said, "the worker of the old primary notices")
        goals += [line.submit(f"through the old primary, {n} later", work) for n in range(ROUNDS)]
        for goal in goals:
            line.over(goal)
        assert sum("another primary took over" in words for words in first.said.splitlines()) == 1
        assert "another primary took over" not in second.said

        wire.lead_to(new.port)
        line.until(lambda: "Redis is back" in first.said, "the worker finds the new primary by itself")
        gate = [{"key": f"g-{n}", "kind": "gated", "payload": {"gate": line.gate("g")}} for n in range(8)]
        goals.append(line.submit("by both workers", gate))
        line.until(lambda: len(line.marked("gated")) == 8, "both workers claim from the new primary")
        line.open_gate("g")
        line.over(goals[-1])

        expected = (1 + 2 * ROUNDS) * TASKS + len(gate)
        ended = line.rows("SELECT count(*), count(DISTINCT task_id) FROM events WHERE name = 'task.completed'")
        assert ended == [(expected, expected)]
        shown = line.run("status", "--json").json
        assert shown["epoch"] == line.rows("SELECT max(epoch) FROM shards")[0][0] == 2
        assert "Traceback" not in line.said()
        line.environment["REDIS_URL"] = new.url
        assert line.violations() == []
