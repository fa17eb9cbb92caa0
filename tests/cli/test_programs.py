"""Scripts and programs submit work: keys that repeat, waiting, exit codes, a planner that mends."""

import json
from datetime import timedelta

import pytest

import chimera_cli
from chimera_cli.config import Settings
from tests.cli.driver import KINDS, Line, assert_one_clear_error


@pytest.fixture
def settings(line: Line, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in line.environment.items():
        if name.startswith(("CHIMERA_", "OPENAI_")) or name.endswith("_URL"):
            monkeypatch.setenv(name, value)
    return Settings(_env_file=None)


async def test_a_program_submits_adds_and_waits_and_a_key_given_twice_is_one_task(
    line: Line, settings: Settings
) -> None:
    async with chimera_cli.connect(settings) as swarm:
        gated = chimera_cli.TaskSpec(key="gated", kind="gated", payload={"gate": line.gate("program")})
        goal = await swarm.submit("from a program", [gated])
        more = [chimera_cli.TaskSpec(key=f"more-{n}", kind="mark", depends_on=("gated",)) for n in (1, 2)]
        ids = await swarm.add(goal, more)
        assert await swarm.add(goal, more) == ids
        lines = line.write("more.jsonl", "".join(f'{{"key": "more-{n}", "kind": "mark"}}\n' for n in (2, 3)))
        added = line.run("tasks", "add", goal, "--file", lines, "--handlers", str(KINDS), "--json")
        assert added.json["ids"][0] == ids[1]
        line.open_gate("program")
        ended = await swarm.wait(goal, timeout=timedelta(seconds=30))
    assert ended.status == "COMPLETED"
    assert sorted(line.tasks(goal)) == ["gated", "more-1", "more-2", "more-3"]
    ran = [task for _, task, _, _ in line.marked("mark")]
    assert sorted(ran.count(id) for id in ids) == [1, 1]
    later = line.write("later.jsonl", '{"key": "more-4", "kind": "mark"}')
    repeated, late = line.at_once(
        ("tasks", "add", goal, "--file", lines, "--handlers", str(KINDS), "--json"),
        ("tasks", "add", goal, "--file", later, "--handlers", str(KINDS)),
    )
    assert repeated.json == added.json
    assert_one_clear_error(late, 4, "COMPLETED")


def test_waiting_ends_with_what_became_of_the_goal_and_a_goal_is_submitted_once_a_key(line: Line) -> None:
    plan = line.write("well.json", json.dumps({"goal": "well", "tasks": [{"key": "a", "kind": "mark"}]}))
    bad = json.dumps({"key": "a", "kind": "raising", "max_retries": 0})
    badly = line.write("badly.json", f'{{"goal": "badly", "tasks": [{bad}]}}')
    never = json.dumps({"key": "a", "kind": "gated", "payload": {"gate": line.gate("never")}})
    slowly = line.write("slowly.json", f'{{"goal": "slowly", "tasks": [{never}]}}')
    common = ("--handlers", str(KINDS), "--wait", "--json")
    keyed = ("plan", "--file", plan, *common, "--idempotency-key", "once")
    first, failed, timed_out = line.at_once(
        keyed, ("plan", "--file", badly, *common), ("plan", "--file", slowly, *common, "--timeout", "0.2s")
    )
    again = line.run(*keyed)
    assert first.json["tasks"][0]["status"] == "COMPLETED"
    assert again.json["goal_id"] == first.json["goal_id"]
    assert line.rows("SELECT count(*) FROM goals WHERE text = 'well'") == [(1,)]
    assert failed.code == 1
    assert json.loads(failed.out)["tasks"][0]["status"] == "FAILED"
    assert timed_out.code == 7
    assert timed_out.failure["retryable"] is True
    line.open_gate("never")


async def test_the_watching_planner_replaces_what_failed_and_gives_up_after_its_last_replan(
    line: Line, settings: Settings
) -> None:
    def plan(kind: str) -> list[chimera_cli.TaskSpec]:
        return [
            chimera_cli.TaskSpec(key="first", kind=kind, max_retries=0),
            chimera_cli.TaskSpec(key="second", kind="mark", depends_on=("first",)),
        ]

    async with chimera_cli.connect(settings) as swarm:
        mended = await swarm.submit("heal", plan("healing"), max_replans=2)
        lost = await swarm.submit("lose", plan("raising"), max_replans=1)
        assert (await swarm.wait(mended, timeout=timedelta(seconds=30))).status == "COMPLETED"
        gone = await swarm.wait(lost, timeout=timedelta(seconds=30))
    assert line.tasks(mended) == {
        "first": "FAILED",
        "second": "CANCELLED",
        "first-r1": "COMPLETED",
        "second-r1": "COMPLETED",
    }
    assert (gone.status, gone.replans) == ("FAILED", 1)
    tasks = line.tasks(lost)
    assert tasks["first"] == tasks["first-r1"] == "FAILED"
    assert tasks["second"] == tasks["second-r1"] == "CANCELLED"
    assert line.history(lost, "first")[-1] == "task.failed"
    assert line.history(lost, "second")[-1] == "task.cancelled"
