"""A Redis that refuses writes refuses a script as a whole, whichever it is and why: nothing changes, and it passes afterwards."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_control import RedisControl
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.redis_events import RedisEventStream
from chimera_cli.adapters.redis_queue import RedisTaskQueue
from chimera_cli.adapters.redis_recovery import RedisRecovery
from chimera_cli.adapters.redis_registry import RedisAgentRegistry
from chimera_cli.adapters.script_heads import HEADS, Head
from chimera_cli.adapters.scripts import load_scripts
from chimera_cli.local.process import free_port
from chimera_cli.local.redis_server import RedisServer
from chimera_cli.models.delivery import Delivery, Lease, Stage
from chimera_cli.models.gate import Route
from chimera_cli.models.policy import LeasePolicy
from chimera_cli.models.recovery import Mandate
from chimera_cli.models.refusal import AccessRefused, WritesRefused
from chimera_cli.models.review import ReviewCard
from tests.acl import limited_url
from tests.builders import GOAL, NOON, a_card, a_dispatch, a_judgement, a_result, a_task
from tests.contract.test_control_contract import resume
from tests.contract.test_registry_contract import a_beat
from tests.refusals import REFUSALS, admin
from tests.servers import or_skip
from tests.vouching import vouch

CAP = 3


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A shard in which every script finds something to change, and a second one that nobody vouches for."""

    queue: RedisTaskQueue
    control: RedisControl
    events: RedisEventStream
    registry: RedisAgentRegistry
    recovery: RedisRecovery
    keys: Keys
    working: Lease
    judging: Lease
    executing: Lease
    held: ReviewCard
    ended: str
    last: str
    mandate: Mandate

    async def script(self, name: str, *args: str | int) -> None:
        """Call a script as no method does by itself."""
        await self.queue._on_shard(name, 0, *args)

    async def of_fleet(self, name: str, *args: str | int) -> None:
        """Call a script of the fleet."""
        with redis_errors():
            await self.queue._scripts.call(name, self.keys.fleet, *args)


Call = Callable[[Scene], Awaitable[object]]
CALLS: Mapping[str, Call] = {
    "claim": lambda at: at.queue.pop_tasks(Stage.WORK, ["b"], kinds=["waits"]),
    "extend": lambda at: at.queue.extend([at.working]),
    "complete": lambda at: at.queue.complete(at.working, a_result(mood=(0, "good"))),
    "hand_over": lambda at: at.queue.hand_over(at.working, a_result()),
    "judge": lambda at: at.queue.approve(at.judging, a_judgement()),
    "judge_again": lambda at: at.queue.judge_again(at.executing, "nobody vouches for it", review_always=True),
    "retry": lambda at: at.queue.retry(at.working, timedelta(seconds=9), "odd"),
    "rerun": lambda at: at.queue.rerun(at.working, "too late"),
    "fail": lambda at: at.queue.fail(at.working, "odd"),
    "give_back": lambda at: at.queue.give_back(at.working),
    "park": lambda at: at.queue.park(at.working, timedelta(seconds=9)),
    "warden": lambda at: at.queue.must_rest(Stage.WORK, "p1"),
    "promote": lambda at: at.queue.promote(),
    "reap": lambda at: at.script("reap", CAP, 100, 0),
    "expire": lambda at: at.queue.expire(),
    "clock": lambda at: at.script("clock", 1, "", "", 0),
    "settle": lambda at: at.queue.settle(),
    "push": lambda at: at.queue.push_tasks([a_dispatch("new")]),
    "resume": lambda at: at.queue.resume(at.held),
    "pause": lambda at: at.script("pause", GOAL, 7, 0),
    "go_on": lambda at: at.control.go_on(resume(8)),
    "recall": lambda at: at.script("recall", "b" * 20, "work", "+inf", 10, "ana", "lunch", 0),
    "cancel": lambda at: at.control.cancel(GOAL, {at.working.task_id: None}, operator="ana", reason="no use"),
    "forget": lambda at: at.queue.forget([(GOAL, at.ended)], [], turn=5),
    "trim": lambda at: at.events.trim(0, at.last, recorded=at.last),
    "survey": lambda at: at.recovery.survey(1, turn=at.mandate.turn + 1),
    "rebuild": lambda at: at.recovery.rebuild(at.mandate, recorded="5-0"),
    "wipe": lambda at: at.recovery.wipe(at.mandate),
    "vouch": lambda at: at.recovery.vouch(at.mandate, grace=timedelta(seconds=1)),
    "probe": lambda at: at.script("probe"),
    "depose": lambda at: at.script("depose", at.mandate.run, 9),
    "inspect": lambda at: at.script("inspect", "[]", "{}", 1),
    "stall": lambda at: at.of_fleet("stall", "host:1", 5000),
    "bind": lambda at: at.of_fleet("bind", hashlib.sha1(b"").hexdigest(), "{}"),
    "beat": lambda at: at.registry.beat(a_beat("host:2")),
    "sweep": lambda at: at.registry.sweep(timedelta(0)),
}
"""One call of each script that writes."""
IDLE = {"inspect", "probe"}
"""Those that find nothing to change here, so that only the refusal shows."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of this module's own, which may be full."""
    made = RedisServer(tmp_path_factory.mktemp("redis") / "data", free_port(), secrets.token_urlsafe(12), durable=False)
    yield or_skip(made.start, made)
    made.stop()


@pytest.fixture
async def scene(server: RedisServer) -> AsyncIterator[Scene]:
    keys = Keys(uuid4().hex)
    async with open_redis(limited_url([server.url])) as client:
        await vouch(client, keys)
        recovery, beyond = RedisRecovery(client, Keys(keys.namespace, 2)), 3
        survey = await recovery.survey(1, turn=beyond)
        queue = RedisTaskQueue(client, keys, LeasePolicy(lease=timedelta(seconds=60)))
        events = RedisEventStream(client, keys)
        registry = RedisAgentRegistry(client, keys)
        await client.hset(f"{Keys(keys.namespace, 2).shard(1)}:t:lost", "status", "QUEUED")
        await registry.beat(a_beat("host:1"))
        yield Scene(
            queue=queue,
            control=RedisControl(client, keys),
            events=events,
            registry=registry,
            recovery=recovery,
            keys=keys,
            mandate=Mandate(shard=1, run=survey.run, turn=beyond),
            **await furnished(queue, RedisTaskQueue(client, keys, LeasePolicy(lease=timedelta(0)))),
            last=(await events.read(0))[1],
        )


async def furnished(queue: RedisTaskQueue, lapsing: RedisTaskQueue) -> dict[str, object]:
    """Have tasks stand wherever a task can stand."""
    kinds = ["works", "judged", "held", "ended", "delayed", "lapsed", "alone", "waits", "passed"]
    await queue.push_tasks([a_dispatch(kind, kind) for kind in kinds])
    await queue.push_tasks([a_dispatch("late", "late", deadline=NOON), a_dispatch("theirs", "theirs", goal="b" * 20)])
    worker = {kind: await claimed(queue, kind) for kind in (*kinds[:5], "theirs")}
    worker["passed"] = await claimed(queue, "passed")
    for kind in ("judged", "held", "passed"):
        await queue.hand_over(worker[kind], a_result(executes=kind == "passed"))
    judge = {kind: await claimed(queue, kind, Stage.JUDGE) for kind in ("judged", "held", "passed")}
    await queue.approve(judge["passed"], a_judgement())
    executing = await claimed(queue, "passed")
    await queue.hold(judge["held"], a_judgement(Route.REVIEW))
    await queue.complete(worker["ended"], a_result())
    await queue.retry(worker["delayed"], timedelta(0), "odd", costs_attempt=False)
    await claimed(lapsing, "alone")
    assert await queue.reap(2) == 1, "one loss below the cap, so it is claimed alone from here"
    await claimed(lapsing, "lapsed")
    await queue._on_shard("pause", 0, "b" * 20, 6, 0)
    await queue._client.rpush(f"{queue._keys.shard(0)}:settle", a_task("gone").id)
    held = a_card(a_task("held", "held"), judge["held"].generation)
    leases = {"working": worker["works"], "judging": judge["judged"], "executing": executing}
    return {**leases, "held": held, "ended": a_task("ended").id}


async def claimed(queue: RedisTaskQueue, kind: str, stage: Stage = Stage.WORK) -> Lease:
    (delivery,) = await queue.pop_tasks(stage, ["a"], kinds=[kind])
    assert isinstance(delivery, Delivery)
    return delivery.lease


def contents(server: RedisServer, keys: Keys) -> dict[str, object]:
    """Everything that the swarm's keys hold."""
    with admin(server) as client:
        client.connection_pool.connection_kwargs["decode_responses"] = False
        names = sorted(client.scan_iter(match=f"{{chimera:{keys.namespace}*", count=1000))
        return {str(name): client.dump(name) for name in names}


def test_every_script_that_writes_is_tried() -> None:
    assert set(HEADS) == set(load_scripts())
    assert set(CALLS) == {name for name, head in HEADS.items() if head is not Head.READS} | {"survey"}


@pytest.mark.parametrize("word", REFUSALS)
@pytest.mark.parametrize("name", CALLS)
async def test_a_refused_script_changes_nothing_and_passes_when_that_is_over(
    scene: Scene, server: RedisServer, name: str, word: str
) -> None:
    before = contents(server, scene.keys)
    with REFUSALS[word](server):
        if word == "OOM" and HEADS[name] is Head.FREES:
            await CALLS[name](scene)
            assert contents(server, scene.keys) != before, "it must work on a full server"
            return
        with pytest.raises(WritesRefused) as caught:
            await CALLS[name](scene)
        assert contents(server, scene.keys) == before
    assert isinstance(caught.value, AccessRefused) == (word == "NOPERM")
    assert (word in caught.value.message) == (word != "NOPERM")
    assert caught.value.hint not in {"", "chimera doctor"}
    await CALLS[name](scene)
    assert name in IDLE or contents(server, scene.keys) != before, "the call has nothing to change, so it shows nothing"


@pytest.mark.parametrize("word", REFUSALS)
async def test_leases_that_lapsed_while_writes_were_refused_are_spared_until_their_agents_could_prolong_them(
    scene: Scene, server: RedisServer, word: str
) -> None:
    with REFUSALS[word](server):
        with pytest.raises(WritesRefused):
            await scene.queue.extend([scene.working])
    another = RedisTaskQueue(scene.queue._client, scene.keys, LeasePolicy())
    assert await scene.queue.reap(CAP) == 0
    assert await another.reap(CAP) == 0, "all processes keep to it"
    with admin(server) as client:
        grace = f"{scene.keys.shard(0)}:grace"
        assert 0 < client.pttl(grace) <= 60_000
        client.delete(grace)
    assert await scene.queue.reap(CAP) == 1, "it is spared once"


async def test_a_process_that_saw_no_write_refused_takes_over_at_once(scene: Scene, server: RedisServer) -> None:
    with REFUSALS["OOM"](server):
        pass
    assert await scene.queue.reap(CAP) == 1


async def test_a_pass_that_failed_does_not_forget_that_writes_were_refused(scene: Scene, server: RedisServer) -> None:
    with REFUSALS["OOM"](server):
        for _ in range(2):
            with pytest.raises(WritesRefused):
                await scene.queue.reap(CAP)
    assert await scene.queue.reap(CAP) == 0
