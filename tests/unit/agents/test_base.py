"""What every agent shares: identity, life cycle, sign of life, voice."""

import pytest

from chimera_cli.agents.base import BaseAgent
from chimera_cli.models.agent import AgentStatus, Role
from chimera_cli.models.telemetry import Level, TelemetryEvent
from tests.unit.agents.crew_fakes import NOON, Ears


class Clerk(BaseAgent):
    """The smallest agent."""

    __slots__ = ()
    role = Role.WORKER

    async def run(self) -> str:
        return "ran"


def test_an_agent_without_run_cannot_be_made() -> None:
    class Idler(BaseAgent):
        role = Role.WORKER

    with pytest.raises(TypeError, match="run"):
        Idler(Ears())  # type: ignore[abstract]


def test_two_agents_have_different_uuids_and_a_given_id_is_kept() -> None:
    assert Clerk(Ears()).uuid != Clerk(Ears()).uuid
    assert Clerk(Ears(), id="me").id == "me"


async def test_status_follows_the_life_cycle() -> None:
    agent = Clerk(Ears())
    seen = [agent.status]
    await agent.setup()
    seen.append(agent.status)
    agent.take("t1")
    seen.append(agent.status)
    agent.release()
    seen.append(agent.status)
    await agent.teardown()
    assert [*seen, agent.status] == [
        AgentStatus.STARTING,
        AgentStatus.IDLE,
        AgentStatus.BUSY,
        AgentStatus.IDLE,
        AgentStatus.STOPPED,
    ]


async def test_the_heartbeat_names_the_task_in_hand() -> None:
    agent = Clerk(Ears(), id="me")
    agent.take("t1")
    beat = agent.heartbeat(NOON)
    assert (beat.id, beat.role, beat.status) == ("me", Role.WORKER, AgentStatus.BUSY)
    assert beat.task_id == "t1"
    agent.release()
    assert agent.heartbeat(NOON).task_id == ""


def test_a_log_event_carries_level_source_and_fields() -> None:
    ears = Ears()
    Clerk(ears, id="me").log_event("task.started", "go", level=Level.WARN, task="t1", message_id=3)
    assert ears == [
        TelemetryEvent(
            name="task.started",
            level=Level.WARN,
            source="me",
            message="go",
            fields={"task": "t1", "message_id": 3},
        )
    ]


def test_an_agent_is_cheap_because_it_has_no_dict() -> None:
    assert not hasattr(Clerk(Ears()), "__dict__")
