"""Two stores meet, lose each other, and are told apart: on a real Redis and a real Postgres."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.postgres_engine import open_engine
from chimera_cli.adapters.postgres_identity import PostgresIdentity
from chimera_cli.adapters.postgres_record import PostgresRecord
from chimera_cli.adapters.postgres_review import PostgresReview
from chimera_cli.adapters.redis_client import RedisClient, open_redis
from chimera_cli.adapters.redis_identity import RedisIdentities
from chimera_cli.exceptions import BackendUnavailable, ConfigError, Conflict, SwarmError
from chimera_cli.models.audit import first_broken
from chimera_cli.models.pairing import UNKNOWN_RUN, Identity, RedisHolding
from chimera_cli.services.pairing import ForeignStore, Pairing
from tests.builders import a_goal, a_spec
from tests.contract.swarm_pair import open_pair
from tests.servers import Servers

pytestmark = pytest.mark.integration

FRESH = timedelta(seconds=60)
HOME, ELSEWHERE = "home:6379/0", "elsewhere:6379/0"


class Seen(RedisIdentities):
    """A Redis whose run id the test decides on."""

    run = ""

    async def look(self) -> RedisHolding:
        holding = await super().look()
        return holding.model_copy(update={"run": self.run}) if self.run else holding


@dataclass
class Place:
    """Where pairs are made: one Redis, and one record unless a test names another."""

    client: RedisClient
    keys: Keys
    database: str
    ends: AsyncExitStack

    def pairing(
        self,
        *,
        address: str = HOME,
        shards: int = 1,
        database: str = "",
        run: str = "",
        fresh: timedelta = FRESH,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Pairing:
        """Be a process."""
        engine = open_engine(database or self.database)
        self.ends.push_async_callback(engine.dispose)
        redis = Seen(self.client, Keys(self.keys.namespace, shards), address)
        redis.run = run
        record = PostgresIdentity(engine, "pg:5432/d")
        return Pairing(record, redis, Deaf(), shards=shards, fresh=fresh, monotonic=monotonic)

    @property
    def name(self) -> str:
        """The key that holds the identity."""
        return f"{self.keys.fleet}:identity"

    async def held(self) -> dict[str, Any]:
        """Return what Redis holds."""
        return dict(json.loads(await self.client.get(self.name) or "{}"))

    def row(self, database: str = "") -> dict[str, Any]:
        """Return what the record holds."""
        with psycopg.connect(database or self.database, row_factory=psycopg.rows.dict_row) as connection:
            return dict(connection.execute("SELECT * FROM identity").fetchone() or {})

    def write(self, statement: str) -> None:
        """Change the record by hand."""
        with psycopg.connect(self.database) as connection:
            connection.execute(statement)


class Deaf:
    """Telemetry that nothing hears."""

    def emit(self, event: object) -> None:
        """Lose it."""


@pytest_asyncio.fixture
async def place(redis_url: str, fresh_database: str) -> AsyncIterator[Place]:
    async with AsyncExitStack() as ends:
        client = await ends.enter_async_context(open_redis(redis_url))
        yield Place(client, Keys(uuid4().hex), fresh_database, ends)


@pytest.fixture
def other_database(servers: Servers, place: Place) -> Iterator[str]:
    """A record of another swarm."""
    name = servers.new_database()
    url = servers.postgres.url_of(name)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE identity SET id = 'another'")
    yield url
    servers.drop_database(name)


@asynccontextmanager
async def living(pairing: Pairing, process: str = "p") -> AsyncIterator[Pairing]:
    """Be a long-running process that has looked once."""
    await pairing.settle()
    async with pairing.reporting(process, "worker"):
        await pairing.check()
        yield pairing


async def adopt(pairing: Pairing, reason: str = "") -> None:
    """Be an operator who agrees to what is shown."""
    await pairing.adopt("ada", reason, agreed=await pairing.adoption())


async def test_two_stores_that_meet_first_are_bound_and_every_later_process_agrees(place: Place) -> None:
    first, second = place.pairing(), place.pairing(address=ELSEWHERE)
    await first.settle()
    await second.settle()
    row, held = place.row(), await place.held()
    assert held == {"id": row["id"], "namespace": "default", "shards": 1, "postgres": "pg:5432/d"}
    assert (row["redis"], row["shards"], row["bound_at"] is not None) == (HOME, 1, True)
    assert first.identity == second.identity == Identity(id=row["id"], namespace="default", shards=1)


async def test_of_many_that_bind_at_once_one_wins_and_the_others_agree(place: Place) -> None:
    many = [place.pairing() for _ in range(8)]
    await asyncio.gather(*(pairing.settle() for pairing in many))
    assert {pairing.identity.id for pairing in many if pairing.identity} == {place.row()["id"]}
    assert (await place.held())["id"] == place.row()["id"]


async def test_another_number_of_shards_is_refused_whoever_noted_the_first(place: Place) -> None:
    await place.client.set(f"{place.keys.fleet}:shards", 3)
    with pytest.raises(ConfigError, match="started with 3"):
        await place.pairing().settle()
    await place.pairing(shards=3).settle()
    with pytest.raises(ConfigError, match="started with 3"):
        await place.pairing(shards=2).settle()


async def test_a_foreign_redis_is_refused_and_both_are_named(place: Place, other_database: str) -> None:
    await place.pairing(database=other_database).settle()
    with pytest.raises(ForeignStore) as refused:
        await place.pairing().settle()
    mine, theirs = place.row()["id"], place.row(other_database)["id"]
    assert all(word in refused.value.message for word in (mine, theirs, "default", HOME, "pg:5432/d"))
    assert (refused.value.exit_code, refused.value.code) == (6, "foreign")
    assert place.row()["redis"] == "", "a fresh record is not bound to another one's Redis"


async def test_a_fresh_record_is_not_bound_to_a_redis_full_of_work(place: Place) -> None:
    await place.client.xadd(f"{place.keys.shard(0)}:out", {"a": "b"})
    with pytest.raises(ForeignStore, match="no identity, but work"):
        await place.pairing().settle()


async def test_a_record_of_an_older_release_is_bound_to_its_redis_full_of_work(place: Place) -> None:
    engine = open_engine(place.database)
    await PostgresRecord(engine).submit(a_goal("g"), [a_spec("a")])
    await engine.dispose()
    await place.client.xadd(f"{place.keys.shard(0)}:out", {"a": "b"})
    await place.pairing().settle()
    assert (await place.held())["id"] == place.row()["id"]
    assert await place.client.xlen(f"{place.keys.shard(0)}:out") == 1


async def test_what_was_written_to_one_store_only_is_completed(place: Place) -> None:
    await place.pairing().settle()
    place.write("UPDATE identity SET redis = '', shards = 0, bound_at = NULL")
    await place.pairing().settle()
    assert place.row()["redis"] == HOME
    await place.client.set(place.name, json.dumps({"id": place.row()["id"]}))
    await place.pairing().settle()
    assert (await place.held())["shards"] == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"shards": 1}', "\x00", b"\xff\xfe", json.dumps({"id": "x" * 101})])
async def test_an_identity_that_cannot_be_read_is_refused_until_it_is_adopted(place: Place, text: str | bytes) -> None:
    await place.pairing().settle()
    await place.client.set(place.name, text)
    with pytest.raises(ForeignStore, match="cannot be read"):
        await place.pairing().settle()
    await adopt(place.pairing())
    await place.pairing().settle()


async def test_a_record_without_its_row_is_told(place: Place) -> None:
    place.write("DELETE FROM identity")
    with pytest.raises(ConfigError, match="no identity") as refused:
        await place.pairing().settle()
    assert refused.value.hint == "chimera db migrate"


async def test_a_redis_emptied_under_a_fleet_is_healed_by_the_first_that_looks(place: Place) -> None:
    async with living(place.pairing(), "one") as one, living(place.pairing(address=ELSEWHERE), "two") as two:
        await place.client.delete(place.name)
        await two.check()
        assert (await place.held())["id"] == place.row()["id"]
        await one.check()
        assert place.row()["redis"] == HOME


async def test_a_redis_emptied_under_a_fleet_that_spells_its_address_in_another_way_is_healed(place: Place) -> None:
    await place.pairing().settle()
    fleet = [place.pairing(address=f"{name}:6379/0") for name in ("one", "two")]
    async with living(fleet[0], "one"), living(fleet[1], "two"):
        await place.client.delete(place.name)
        for pairing in fleet:  # All tell what they see before the first of them compares.
            await pairing._report(await pairing._redis.look())
        await place.pairing(address=ELSEWHERE).settle()
    assert (await place.held())["id"] == place.row()["id"]


async def test_a_redis_that_came_back_empty_is_healed_where_a_process_had_met_it_whatever_its_address(
    place: Place,
) -> None:
    await place.pairing().settle()
    async with living(place.pairing(address=ELSEWHERE, run="old")) as pairing:
        await place.client.delete(place.name)
        pairing._redis.run = "new"  # type: ignore[attr-defined]
        await pairing.check()
        assert (await place.held())["id"] == place.row()["id"]


async def test_a_server_that_tells_no_run_id_is_healed_under_a_fleet(place: Place) -> None:
    async with (
        living(place.pairing(run=UNKNOWN_RUN), "one") as one,
        living(place.pairing(run=UNKNOWN_RUN), "two") as two,
    ):
        await place.client.delete(place.name)
        with pytest.raises(BackendUnavailable):
            await one.check()
        await two.check()
        assert (await place.held())["id"] == place.row()["id"]


async def test_what_a_process_saw_counts_although_postgres_was_away_when_it_looked(place: Place) -> None:
    async with living(place.pairing(address=ELSEWHERE)) as pairing:
        pairing._redis.run = "new"  # type: ignore[attr-defined]
        place.write("ALTER TABLE processes RENAME TO away")
        with pytest.raises(SwarmError):
            await pairing.check()
        place.write("ALTER TABLE away RENAME TO processes")
        await place.client.delete(place.name)
        await pairing._report(await pairing._redis.look())
        [report] = await pairing._record.reports(FRESH)
        assert (report.run, report.identity) == ("new", place.row()["id"])


async def test_however_short_leases_are_a_process_reports_before_its_last_report_counts_no_longer(place: Place) -> None:
    now, short = [1000.0], timedelta(seconds=1)
    async with living(place.pairing(fresh=short, monotonic=lambda: now[0])) as pairing:
        place.write("UPDATE processes SET seen_at = '2020-01-01'")
        now[0] += short.total_seconds() / 2
        await pairing.check()
        assert await pairing._record.reports(timedelta(days=1)) != []


async def test_a_redis_emptied_while_nothing_runs_is_healed_at_its_address_only(place: Place) -> None:
    await place.pairing().settle()
    await place.client.delete(place.name)
    with pytest.raises(ForeignStore, match="holds no identity"):
        await place.pairing(address=ELSEWHERE).settle()
    await place.pairing().settle()
    assert (await place.held())["id"] == place.row()["id"]


async def test_an_empty_redis_behind_the_same_name_waits_while_another_server_is_reported(place: Place) -> None:
    async with living(place.pairing(run="old")):
        await place.client.delete(place.name)
        with pytest.raises(BackendUnavailable, match="another server"):
            await place.pairing(run="new").settle()
        assert await place.held() == {}
    await place.pairing(run="new").settle()
    assert (await place.held())["id"] == place.row()["id"]


async def test_an_empty_redis_is_healed_as_soon_as_all_have_seen_that_it_was_started_anew(place: Place) -> None:
    ran = place.pairing(run="old"), place.pairing(run="old")
    async with living(ran[0], "one"), living(ran[1], "two"):
        await place.client.delete(place.name)
        for pairing in ran:
            pairing._redis.run = "new"  # type: ignore[attr-defined]
        with pytest.raises(BackendUnavailable):
            await ran[0].check()
        await ran[1].check()
        await ran[0].check()
        assert (await place.held())["id"] == place.row()["id"]


async def test_a_silent_process_counts_no_longer_than_a_lease(place: Place) -> None:
    async with living(place.pairing(run="old")):
        place.write(f"UPDATE processes SET seen_at = seen_at - interval '{FRESH.total_seconds() + 1} s'")
        await place.client.delete(place.name)
        await place.pairing(run="new").settle()


async def test_a_process_tells_what_it_sees_and_leaves_no_trace(place: Place) -> None:
    async with living(place.pairing(), "host:1:abc"):
        with psycopg.connect(place.database) as connection:
            [row] = connection.execute("SELECT process, role, address, identity FROM processes").fetchall()
    assert row == ("host:1:abc", "worker", HOME, place.row()["id"])
    with psycopg.connect(place.database) as connection:
        assert connection.execute("SELECT * FROM processes").fetchall() == []


async def test_a_running_process_stops_when_its_redis_is_another_swarms(place: Place) -> None:
    async with living(place.pairing()) as pairing:
        await place.client.set(place.name, json.dumps({"id": "bbbb", "namespace": "default", "shards": 1}))
        with pytest.raises(ForeignStore, match="bbbb"):
            await pairing.check()
        assert pairing.refused.is_set()
        assert pairing.foreign is not None


async def test_a_running_process_waits_at_a_redis_that_holds_nothing_and_may_not_be_healed(place: Place) -> None:
    async with living(place.pairing(run="old")), living(place.pairing(run="mine"), "mine") as pairing:
        await place.client.delete(place.name)
        with pytest.raises(BackendUnavailable):
            await pairing.check()
        assert not pairing.refused.is_set()


async def test_nothing_is_recorded_or_dispatched_in_another_record(redis_url: str, fresh_database: str) -> None:
    async with open_pair(redis_url, fresh_database) as pair:
        await pair.submit("g", a_spec("a"))
        pair.write("UPDATE identity SET id = 'restored'")
        await pair.queue.give_back((await pair.claim()).lease)
        with pytest.raises(BackendUnavailable, match="another identity"):
            await pair.orchestrator.record()
        assert pair.rows("SELECT count(*) FROM events") == [(0,)]
        await pair.record.submit(a_goal("h"), [a_spec("b")])
        with pytest.raises(BackendUnavailable, match="another identity"):
            await pair.orchestrator.dispatch()
        with pytest.raises(ForeignStore):
            await pair.orchestrator.tick()


async def test_adopting_empties_the_redis_and_makes_the_old_one_foreign(place: Place, other_database: str) -> None:
    old = place.pairing()
    await old.settle()
    await place.client.delete(place.name)
    await place.pairing(database=other_database).settle()
    await place.client.xadd(f"{place.keys.shard(0)}:out", {"a": "b"})
    new = place.pairing(address=ELSEWHERE)
    adoption = await new.adoption()
    assert adoption.needed
    before = place.row()["id"]
    await adopt(new, "the old server burned")
    row = place.row()
    assert row["id"] != before
    assert (row["redis"], row["emptying"], (await place.held())["id"]) == (ELSEWHERE, False, row["id"])
    assert await place.client.exists(f"{place.keys.shard(0)}:out") == 0
    assert not (await new.adoption()).needed
    with pytest.raises(ForeignStore):
        await place.pairing(database=other_database).settle()


async def test_of_two_adoptions_that_were_agreed_to_one_is_carried_out(place: Place) -> None:
    await place.pairing().settle()
    first, second = place.pairing(address=ELSEWHERE), place.pairing(address="third:6379/0")
    agreed = await first.adoption(), await second.adoption()
    await first.adopt("ada", "", agreed=agreed[0])
    with pytest.raises(Conflict, match="since"):
        await second.adopt("bob", "", agreed=agreed[1])
    assert place.row()["redis"] == ELSEWHERE


async def test_adopting_is_in_the_audit(place: Place) -> None:
    await place.pairing().settle()
    await adopt(place.pairing(address=ELSEWHERE), "moved")
    engine = open_engine(place.database)
    rows = await PostgresReview(engine).audit(since=None, limit=0)
    await engine.dispose()
    assert [(row.operator, row.action, row.digest) for row in rows] == [("ada", "adopt", place.row()["id"])]
    assert "from home:6379/0 to elsewhere:6379/0" in rows[0].reason
    assert rows[0].reason.endswith("moved")
    assert first_broken(rows) is None


async def test_an_adoption_that_was_cut_off_is_completed_by_whoever_comes_next(place: Place) -> None:
    await place.pairing().settle()
    await place.client.xadd(f"{place.keys.shard(0)}:out", {"a": "b"})
    place.write("UPDATE identity SET emptying = true")
    await place.pairing().settle()
    assert await place.client.exists(f"{place.keys.shard(0)}:out") == 0
    assert place.row()["emptying"] is False


async def test_a_process_that_had_waited_goes_on_with_the_adopted_redis(place: Place) -> None:
    async with living(place.pairing(run="old")), living(place.pairing(run="new"), "waits") as waits:
        await place.client.delete(place.name)
        with pytest.raises(BackendUnavailable):
            await waits.check()
        await adopt(place.pairing(run="new"))
        await waits.check()
        assert waits.identity is not None
        assert waits.identity.id == place.row()["id"]


async def test_processes_on_the_old_redis_are_named_before_adopting(place: Place) -> None:
    async with living(place.pairing(run="old"), "host:7:old"):
        adoption = await place.pairing(run="new").adoption()
        assert [report.process for report in adoption.elsewhere] == ["host:7:old"]


async def test_a_redis_that_moved_with_its_data_is_only_noted(place: Place) -> None:
    await place.pairing().settle()
    moved = place.pairing(address=ELSEWHERE)
    adoption = await moved.adoption()
    assert (adoption.needed, adoption.moved) == (False, True)
    before = place.row()["id"]
    await moved.note_address()
    assert (place.row()["redis"], place.row()["id"]) == (ELSEWHERE, before)


async def test_an_identity_that_changes_while_it_is_adopted_is_a_conflict(place: Place) -> None:
    class Racing(Seen):
        async def look(self) -> RedisHolding:
            holding = await super().look()
            await self._client.set(place.name, "{}")
            return holding

    pairing = place.pairing()
    pairing._redis = Racing(place.client, place.keys, HOME)
    before = place.row()
    with pytest.raises(Conflict):
        await adopt(pairing)
    assert place.row() == before
