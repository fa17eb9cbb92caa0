import json
from datetime import UTC, datetime, timedelta

import pytest

from chimera_cli.adapters import redis_wire as wire
from chimera_cli.adapters.push_wire import parcels
from chimera_cli.models.delivery import Malformed, Stage
from chimera_cli.models.result import StateChange
from chimera_cli.models.task import Phase, TaskStatus
from tests.builders import a_dispatch

HOSTILE = {"nul": "\u0000", "half": "\ud83d", "emoji": "🐉", "big": 2**60, "small": 1e-300, "deep": [[[None]]]}


def test_changes_survive_the_wire_whatever_they_hold() -> None:
    changes = (StateChange(key="k", expected=2**40, value=HOSTILE), StateChange(key="j", expected=0, value=None))
    assert wire.decode_changes(wire.encode_changes(changes)) == changes


@pytest.mark.parametrize("at", [None, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=7)])
def test_times_survive_the_wire_to_the_millisecond(at: datetime | None) -> None:
    assert wire.from_ms(wire.to_ms(at)) == at


def test_what_is_pushed_is_ascii_so_that_lua_can_read_it() -> None:
    [parcel] = parcels([a_dispatch(payload=HOSTILE)])
    assert parcel.tasks.isascii()
    assert parcel.goals.isascii()


def test_trimming_up_to_an_entry_keeps_the_next_one() -> None:
    assert wire.after("17-3") == "17-4"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payload", "[1"),
        ("payload", "[]"),
        ("phase", "dance"),
        ("max_retries", "x"),
        ("changes", "{"),
        ("payload", "[" * 100_000),
        ("payload", '{"a":' * 400 + "1" + "}" * 400),
        ("in:before", "[" * 400 + "]" * 400),
        ("output", "[" * 400 + "]" * 400),
        ("deadline", "9" * 30),
    ],
)
def test_a_task_whose_fields_make_no_sense_can_still_be_named(field: str, value: str) -> None:
    good = {"goal": "g", "key": "k", "kind": "noop", "title": "t", "payload": "{}", "phase": "propose"}
    flat = [part for pair in {**good, field: value}.items() for part in pair]
    broken = wire.decode_claim(Stage.WORK, ["t1", "agent", 3, "goal", "null", flat, 0])
    assert isinstance(broken, Malformed)
    assert (broken.lease.task_id, broken.lease.generation) == ("t1", 3)


EVENT = {
    "name": "task.completed",
    "task": "t",
    "goal": "g",
    "status": "COMPLETED",
    "phase": "propose",
    "version": "3",
    "generation": "1",
    "attempts": "",
}


def test_an_event_brings_what_was_made_and_all_fields_without_a_place_as_data() -> None:
    text = json.dumps({"half": "\ud83d", "big": 2**70, "brackets": "[" * 10_000})
    event = wire.decode_event(1, "17-3", {**EVENT, "output": text, "changes": "", "usage": "null", "held": "[[]]"})
    assert (event.shard, event.entry_id, event.at) == (1, "17-3", wire.from_ms(17))
    assert (event.status, event.phase, event.attempts) == (TaskStatus.COMPLETED, Phase.PROPOSE, 0)
    assert (event.output, event.changes, event.data) == (json.loads(text), (), {"usage": None, "held": [[]]})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "DANCING"),
        ("phase", "dance"),
        ("version", "x"),
        ("generation", "1" * 5000),
        ("task", "t\0"),
        ("goal", "\0"),
        ("output", "{"),
        ("output", "[" * 400 + "]" * 400),
        ("usage", "[" * 100_000),
        ("usage", "undefined"),
        ("changes", "[[1]]"),
        ("changes", '[["no key","1","1"]]'),
    ],
)
def test_an_event_that_makes_no_sense_cannot_be_read(field: str, value: str) -> None:
    assert wire.decode_event(0, "17-3", EVENT)
    with pytest.raises(wire.UNREADABLE):
        wire.decode_event(0, "17-3", {**EVENT, field: value})
