"""The rule that compares a record with a Redis, case by case."""

import pytest

from chimera_cli.models.pairing import (
    UNKNOWN_RUN,
    RecordIdentity,
    RedisHolding,
    RedisIdentity,
    Report,
    Verdict,
    compare,
    read_identity,
)

OURS = RedisIdentity(id="aaaa", namespace="prod", shards=2, postgres="pg:5432/one").written()
THEIRS = RedisIdentity(id="bbbb", namespace="prod", shards=2, postgres="pg:5432/two").written()
HOME, OTHER = "redis:6379/0", "other:6379/0"


def record(**changes: object) -> RecordIdentity:
    bound = RecordIdentity(id="aaaa", namespace="prod", shards=2, postgres="pg:5432/one", redis=HOME)
    return bound.model_copy(update=changes)


def holding(text: str = "", *, address: str = HOME, run: str = "r1", used: bool = False) -> RedisHolding:
    return RedisHolding(address=address, run=run, text=text, used=used)


def saw(run: str, identity: str = "aaaa", process: str = "host:1:abc") -> Report:
    return Report(process=process, role="worker", address=HOME, run=run, identity=identity)


UNBOUND = {"shards": 0, "redis": ""}


@pytest.mark.parametrize(
    ("name", "stored", "held", "reports", "verdict"),
    [
        ("both know each other", record(), holding(OURS), (), Verdict.BOUND),
        ("also under another address", record(), holding(OURS, address=OTHER), (), Verdict.BOUND),
        ("a Redis of another swarm", record(), holding(THEIRS), (), Verdict.REFUSE),
        ("another swarm's, which was reported", record(), holding(THEIRS), (saw("r1"),), Verdict.REFUSE),
        (
            "a fresh record and another swarm's Redis",
            record(**UNBOUND, empty=True),
            holding(THEIRS),
            (),
            Verdict.REFUSE,
        ),
        ("neither has met another", record(**UNBOUND, empty=True), holding(), (), Verdict.BIND),
        ("an older release's pair", record(**UNBOUND), holding(used=True), (), Verdict.BIND),
        ("an older release's record, Redis emptied", record(**UNBOUND), holding(), (), Verdict.BIND),
        ("a fresh record, a Redis full of work", record(**UNBOUND, empty=True), holding(used=True), (), Verdict.REFUSE),
        ("Redis written, the record not", record(**UNBOUND), holding(OURS), (), Verdict.BIND),
        ("half of the fields", record(), holding('{"id": "aaaa"}'), (), Verdict.HEAL),
        ("half of another's fields", record(), holding('{"id": "bbbb"}'), (), Verdict.REFUSE),
        ("another namespace", record(), holding(OURS.replace("prod", "test")), (), Verdict.REFUSE),
        ("no JSON", record(), holding("{"), (), Verdict.REFUSE),
        ("JSON without an id", record(), holding('{"shards": 2}'), (), Verdict.REFUSE),
        ("no JSON, and never bound", record(**UNBOUND), holding("{"), (), Verdict.REFUSE),
        ("emptied, at its address", record(), holding(), (), Verdict.HEAL),
        ("emptied, elsewhere", record(), holding(address=OTHER), (), Verdict.REFUSE),
        ("emptied under a fleet", record(), holding(), (saw("r1"), saw("r1", "")), Verdict.HEAL),
        ("emptied, elsewhere, where others stand", record(), holding(address=OTHER), (saw("r1", ""),), Verdict.WAIT),
        ("the same under another spelling", record(), holding(address=OTHER), (saw("r1"),), Verdict.HEAL),
        (
            "another database of the same server",
            record(),
            holding(address="redis:6379/1"),
            (saw("r1"),),
            Verdict.REFUSE,
        ),
        ("started anew, all have noticed", record(), holding(run="r2"), (saw("r2", ""), saw("r2", "")), Verdict.HEAL),
        ("started anew, one has not noticed", record(), holding(run="r2"), (saw("r2", ""), saw("r1")), Verdict.WAIT),
        ("another server behind the name", record(), holding(run="r2"), (saw("r1"),), Verdict.WAIT),
        ("another server elsewhere", record(), holding(address=OTHER, run="r2"), (saw("r1"),), Verdict.REFUSE),
        ("two servers had it", record(), holding(run="r2"), (saw("r1"), saw("r2")), Verdict.WAIT),
        ("a fleet of another swarm", record(), holding(run="r2"), (saw("r1", "bbbb"),), Verdict.HEAL),
        (
            "a server without a run id proves nothing",
            record(),
            holding(address=OTHER, run=UNKNOWN_RUN),
            (saw(UNKNOWN_RUN),),
            Verdict.REFUSE,
        ),
    ],
)
def test_a_record_and_a_redis_are_compared(
    name: str, stored: RecordIdentity, held: RedisHolding, reports: tuple[Report, ...], verdict: Verdict
) -> None:
    assert compare(stored, held, reports) is verdict, name


def test_an_identity_is_read_as_it_was_written() -> None:
    written = RedisIdentity(id="aaaa", namespace="a.b-C_9", shards=3, postgres="h:1/d")
    assert read_identity(written.written()) == written


@pytest.mark.parametrize("text", ["", "[]", "null", '"aaaa"', '{"id": 5}', '{"id": ""}', "[" * 100_000])
def test_what_names_no_swarm_is_no_identity(text: str) -> None:
    assert read_identity(text) is None


def test_a_newer_releases_fields_are_passed_over_and_wrong_ones_count_as_missing() -> None:
    half = read_identity('{"id": "aaaa", "namespace": 7, "shards": "2", "colour": "red"}')
    assert half == RedisIdentity(id="aaaa", namespace="", shards=0)
    assert not half.whole


def test_both_sides_are_named_with_id_namespace_and_address() -> None:
    assert record().sentence == "the record is swarm aaaa (namespace prod, Postgres pg:5432/one, Redis redis:6379/0)"
    told = holding(THEIRS, address=OTHER).sentence
    assert told == "Redis other:6379/0 holds swarm bbbb (namespace prod, Postgres pg:5432/two)"
    assert holding("{").sentence == "Redis redis:6379/0 holds an identity that cannot be read"
    assert holding(used=True).sentence == "Redis redis:6379/0 holds no identity, but work"
