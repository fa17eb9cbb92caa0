"""An agent without a queue does its duty until a signal, is seen to live, and survives what it needs being away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from chimera_cli.agents.base import BaseAgent
from chimera_cli.agents.pulse import PulseTools
from chimera_cli.agents.signals import Signals
from chimera_cli.agents.watch import Watch
from chimera_cli.exceptions import BackendUnavailable
from chimera_cli.models.agent import AgentStatus, Role
from tests.unit.agents.crew_fakes import Ears, FakeRegistry, HandClock, quiet


class Planner(BaseAgent):
    """Only there to be seen."""

    role = Role.PLANNER

    async def run(self) -> None:
        return None


class Post:
    """A watch with everything around it."""

    def __init__(self) -> None:
        self.ears, self.clock, self.registry, self.signals = Ears(), HandClock(), FakeRegistry(), Signals()
        self.looks = 0
        self.ticks = 0
        self.errors: list[Exception] = []
        tools = PulseTools(
            registry=self.registry, housekeeper=self, telemetry=self.ears, clock=self.clock, chance=lambda: 0.5
        )
        self.agent = Planner(self.ears, id="planner-1")
        watch = Watch(self.agent, self.look, tools, process="p1", beat=timedelta(seconds=5))
        self.done = asyncio.create_task(watch.run(self.signals))

    async def tick(self, *, wait: bool = True) -> int:
        self.ticks += 1
        return 0

    async def look(self) -> None:
        self.looks += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    post = Post()
    await quiet()
    yield post
    post.signals.receive(15)
    await post.clock.pass_by(5)
    await post.done


async def test_the_duty_is_done_every_two_seconds_with_beats_and_housekeeping_beside_it(post: Post) -> None:
    await post.clock.pass_by(10)
    assert (post.looks, post.ticks, len(post.registry.beats)) == (6, 20, 3)
    assert [agent.role for agent in post.registry.beats[0].agents] == [Role.PLANNER]


async def test_a_signal_ends_it_at_once_and_it_takes_leave(post: Post) -> None:
    post.signals.receive(15)
    await quiet()
    assert post.done.done()
    assert post.done.result() == 0
    assert post.registry.left == ["p1"]
    assert post.agent.status is AgentStatus.STOPPED
    assert post.ears.names() == ["agent.started", "agent.stopped"]


async def test_an_outage_is_survived_and_said_once(post: Post) -> None:
    post.errors = [BackendUnavailable("Postgres", "gone")] * 3
    await post.clock.pass_by(20)
    assert post.looks == 11
    post.ears.one("backend.lost")
    post.ears.one("backend.back")
