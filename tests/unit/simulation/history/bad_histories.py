"""Histories of runs in which one thing went wrong: what, the invariant it breaks, the history, and words of what is told."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote

from chimera_cli.simulation.history.history import Death, History
from chimera_cli.simulation.history.rows import StateValue, Task
from tests.builders import GOAL, NOON
from tests.unit.simulation.history.good_history import (
    OPERATOR,
    POST,
    QUEUED,
    RETRY,
    SECRET,
    a_card,
    audited,
    decided,
    good_history,
    held,
    judgement,
    life,
    moment,
    spoiled,
    started,
    tid,
    with_audit,
    with_card,
    with_events,
    with_key,
    with_life,
    writes,
)


class Bad(NamedTuple):
    """A history with what is wrong in it."""

    what: str
    invariant: int
    history: History
    words: str
    ended: bool = True


def bad_histories() -> Iterator[Bad]:
    for found in (leases, effects, versions, waits, retries, holds, ledger, leftovers, steps, decisions, leaks):
        yield from found()


def queued_and(key: str, *steps: tuple[float, str, str, dict]) -> History:
    return with_life(life(key, (1.0, "queued", "QUEUED", QUEUED), started(1.1, 1, "b1"), *steps))


def leases() -> Iterator[Bad]:
    done = (2.0, "completed", "COMPLETED", {"agent": "b2"})
    yield Bad("a generation falls", 1, spoiled("flaky", "completed", generation=3), "is of generation 3, after 4")
    again = queued_and("hostage", (1.2, "given_back", "QUEUED", {"agent": "b1"}), started(1.3, 1, "b2"), done)
    yield Bad("a claim does not raise the generation", 1, again, "claimed twice under generation 1")
    yield Bad(
        "two leases overlap", 1, queued_and("hostage", started(1.5, 2, "b2"), done), "claimed by b2 while b1 held it"
    )
    stale = queued_and("hostage", (2.0, "completed", "COMPLETED", {"agent": "zombie"}))
    yield Bad("a zombie answers", 1, stale, "completed came from zombie in generation 1, not from the live claim, b1")
    yield Bad(
        "nobody claimed the judging",
        1,
        spoiled("plain", "approved", generation=1),
        "no judge had claimed",
    )
    robbed = queued_and("hostage", (2.0, "taken_over", "QUEUED", {"error": "lease of b1 expired"}), started(2, 2, "b2"))
    ended = [*robbed.lives[tid("hostage")], *life("hostage", (3.0, "completed", "COMPLETED", {"agent": "b2"}))]
    ended[-1] = replace(ended[-1], version=5, generation=2, attempts=1)
    yield Bad("a live lease is robbed", 1, with_life(ended), "0.90 s after its claim; a lease is 3 s")


def effects() -> Iterator[Bad]:
    good = good_history()
    twice = queued_and("hostage", *[(2.0 + n, "completed", "COMPLETED", {"agent": "b1"}) for n in (0, 1)])
    yield Bad("a task ends twice", 2, twice, "task.completed (version 4) came after it was COMPLETED")
    more = replace(good, state=(good.state[0], StateValue(goal_id=GOAL, key="draft", value="again", version=2)))
    both = spoiled("draft", "completed", **writes("draft", 1, "again"))
    yield Bad(
        "a phase commits twice", 2, replace(both, state=more.state), "writes of its proposal were committed 2 times"
    )
    sly = spoiled("hostage", "given_back", **writes("sly", 0, 1))
    state = (*good.state, StateValue(goal_id=GOAL, key="sly", value=1, version=1))
    yield Bad("a hand-back commits", 2, replace(sly, state=state), "given_back (version 5) committed writes")
    fresh = replace(good, effects=((tid("publish"), "execute", f"{tid('publish')}:execute2"),))
    yield Bad("an effect under a key of its own", 2, fresh, "which does not name it")
    yield Bad("a post stands twice", 2, replace(good, posts=good.posts * 2), "2 times in the outbox")
    yield Bad("a post is missing", 2, replace(good, posts=()), "its post is not in the outbox")


def versions() -> Iterator[Bad]:
    good = good_history()
    lost = spoiled("second", "completed", **writes("tally", 0, 1))
    yield Bad("an update is lost", 3, replace(lost, state=stored(1, 1)), "committed on the versions [0, 0]")
    yield Bad("a version is skipped", 3, spoiled("second", "completed", **writes("tally", 2, 2)), "versions [0, 2]")
    yield Bad("a stored version is behind", 3, replace(good, state=stored(2, 1)), "has 2 commits and the version 1")
    yield Bad("a stored value is another", 3, replace(good, state=stored(7, 2)), "holds 7, and 2 was committed last")
    yield Bad("a key is not stored", 3, replace(good, state=good.state[1:]), "has 2 commits and the version none")


def stored(value: int, version: int) -> tuple[StateValue, ...]:
    return StateValue(goal_id=GOAL, key="tally", value=value, version=version), good_history().state[1]


def waits() -> Iterator[Bad]:
    good = good_history()
    yield Bad(
        "a task is left running", 4, with_life(life("plain", (1.0, "queued", "QUEUED", QUEUED))), "is left QUEUED"
    )
    idle = replace(good.goals[0], status="ACTIVE")
    yield Bad(
        "a goal is left active", 4, replace(good, goals=(idle,)), "is left ACTIVE, though all its tasks have ended"
    )
    taken = queued_and("hostage", (5.0, "taken_over", "QUEUED", {"error": "lease of b1 expired"}))
    yield Bad("a takeover leads nowhere", 4, taken, "was taken over, and neither ran again nor ended")
    early = Death(at=moment(1.2), agents=frozenset({"a1"}))
    late = spoiled("hostage", "taken_over", at=moment(5.3), error="lease of a1 expired")
    yield Bad("a takeover is late", 4, replace(late, deaths=(early,)), "waited 4.1 s to be taken over")
    undone = replace(good.cards[0], resumed_at=None)
    yield Bad(
        "a decision is not carried out",
        4,
        replace(good, cards=(undone, *good.cards[1:])),
        "nobody has carried that out",
    )
    late = replace(RETRY, done_at=None)
    yield Bad("an order is not carried out", 4, replace(good, orders=(late,)), "nobody has carried it out")
    forgotten = with_events(lambda e: None if e.task_id == tid("hostage") and e.version > 2 else e)
    yield Bad("the dead are not missed", 4, replace(forgotten, deaths=(early,)), "was not taken over after a1 died")


def retries() -> Iterator[Bad]:
    flaky = {event.version: event for event in good_history().lives[tid("flaky")]}
    early = with_life([*(e for v, e in flaky.items() if v != 4), replace(flaky[4], at=moment(3.1))])
    yield Bad("a retry is early", 5, early, "came back 1.90 s after failure 1; 2 s were due")
    soon = with_life([*(e for v, e in flaky.items() if v != 10), replace(flaky[10], at=moment(7.7))])
    yield Bad("a second retry is early", 5, soon, "came back 3.90 s after failure 2; 4 s were due")
    jump = spoiled("lost", "failed", attempts=4)
    yield Bad("an attempt is counted without a claim", 5, jump, "counts attempt 4 after")
    good = good_history()
    strict = tuple(replace(task, max_retries=1) if task.key == "flaky" else task for task in good.tasks)
    yield Bad("a task is tried too often", 5, replace(good, tasks=strict), "tried again after 2 failures; 1 retries")


def holds() -> Iterator[Bad]:
    good = good_history()
    steps = [
        (1.2, "judging", "JUDGING", {"agent": "b1", "output": "x"}),
        (1.3, "held", "NEEDS_REVIEW", held("plain", "x", 2)),
    ]
    ran = queued_and("plain", *steps, started(1.4, 3, "b2"), (1.5, "completed", "COMPLETED", {"agent": "b2"}))
    with_its_card = replace(ran, cards=(*good.cards, replace(a_card("plain", "x", 2), status="PENDING")))
    yield Bad("held work runs", 6, with_its_card, "task.started (version 5) came while it was held")
    yield Bad(
        "another than the card says approves",
        6,
        spoiled("draft", "approved", agent="bob"),
        "by bob; its card is APPROVED by ada",
    )
    yield Bad(
        "an execution without approval",
        6,
        spoiled("publish", "approved", data={}),
        "executed in generation 3 without an approval",
    )
    yield Bad(
        "something else is approved",
        6,
        spoiled("plain", "judging", output="evil"),
        "is not the result that was judged",
    )
    other = spoiled("draft", "approved", **decided("draft", "worse"), **writes("draft", 0, "better"))
    yield Bad("an approval of another digest than the card's", 6, other, "bound to another digest than its card")
    loose = {"data": {"judgement": judgement("plain", "fine", "review")}}
    yield Bad(
        "nobody approved", 6, spoiled("plain", "approved", **loose), "the gate did not let it through and no card"
    )
    yield Bad("a card is altered", 6, with_card("draft", content="evil"), "shows something else than its digest binds")
    few = tuple(card for card in good.cards if card.task_id != tid("refused"))
    yield Bad(
        "a hold without a card",
        6,
        replace(good, cards=few, audit=audited((*few[:2], RETRY))),
        "0 cards for 1 holds in generation 2",
    )
    double = replace(a_card("draft", "better", 6), id="second", status="EXPIRED")
    yield Bad(
        "a card without a hold", 6, replace(good, cards=(*good.cards, double)), "1 cards for 0 holds in generation 6"
    )
    early = ((tid("plain"), "merge", f"{tid('plain')}:merge"),)
    yield Bad("an effect without a claim", 6, replace(good, effects=early), "never claimed for that phase")
    post = replace(good.posts[0], idempotency_key=f"{tid('draft')}:execute", post="better")
    yield Bad(
        "a post without a claim",
        6,
        replace(good, posts=(*good.posts, post)),
        "was put into the outbox, and never claimed",
    )
    forged = replace(good.posts[0], post={**POST, "text": "buy now"})
    yield Bad(
        "a post is another", 6, replace(good, posts=(forged,)), "what was put into the outbox is not what was judged"
    )


def ledger() -> Iterator[Bad]:
    good = good_history()
    counted = replace(good.goals[0], finished=8)
    yield Bad(
        "an end is counted twice",
        7,
        replace(good, goals=(counted,)),
        "8 finished, 2 failed, 1 cancelled, its tasks say",
    )
    yield Bad(
        "a task is lost",
        7,
        replace(good, goals=(replace(good.goals[0], submitted=11),)),
        "11 submitted, 10 ended and 0 live",
    )
    left = with_life(life("plain", (1.0, "queued", "QUEUED", QUEUED)))
    over = replace(left.goals[0], status="COMPLETED")
    yield Bad("a goal ends before its tasks", 7, replace(left, goals=(over,)), "is COMPLETED with 1 live tasks", False)
    stray = Task(
        id="f" * 20, goal_id="g" * 20, key="stray", kind="any", status="PENDING", version=0, dispatched_at=NOON
    )
    yield Bad("a task without a goal", 7, replace(good, tasks=(*good.tasks, stray)), "belongs to goal gggg", False)


def leftovers() -> Iterator[Bad]:
    yield Bad("a task stays in Redis", 8, with_key(f"t:{tid('first')}", "hash", 20), "is left (hash, 20)")
    yield Bad("an event is not recorded", 8, with_key("out", "stream", 3), "still holds 3 entries")
    yield Bad("a lane stays", 8, with_key("work:w:sim.step:normal/execute", "zset", 1), "is left (zset, 1)")
    yield Bad("a goal's place stays", 8, with_key("judge:last:sim.step:alone", "zset", 1), "is left (zset, 1)")
    yield Bad("turns stay", 8, with_key("work:turns", "zset", 1), "is left (zset, 1)")
    yield Bad("an older lane stays", 8, with_key("work:q:sim.step:normal", "stream", 0), "is left (stream, 0)")
    yield Bad("state stays", 8, with_key(f"s:{GOAL}", "hash", 2), "is left (hash, 2)")
    yield Bad("a key that nobody knows", 8, with_key("rubbish"), "is no key that chimera knows")
    yield Bad(
        "a key of the fleet that nobody knows", 8, with_key("rubbish", shard=None), "is no key that chimera knows"
    )
    yield Bad("a shard too many", 8, with_key("run", "string", shard=4), "belongs to shard 4; there are 1")
    yield Bad("entries are pending", 8, with_key("out", "stream", 0, pending=2), "2 entries that were delivered")
    yield Bad("consumers leak", 8, with_key("out", "stream", 0, consumers=9), "has 9 consumers")
    yield Bad("the bell is never heard", 8, with_key("work:bell", "list", 65), "has 65 wake-up tokens")


def steps() -> Iterator[Bad]:
    hidden = with_events(lambda e: None if (e.task_id, e.name) == (tid("first"), "task.queued") else e)
    yield Bad("a change without an event", 9, hidden, "its events have the versions [2, 3]")
    first = good_history().lives[tid("first")]
    double = with_life([*first[:2], replace(first[1], name="odd", at=moment(1.2), entry_id="again"), first[2]])
    yield Bad("an event twice", 9, double, "its events have the versions [1, 2, 2, 3]")
    jump = life("plain", (1.0, "queued", "QUEUED", QUEUED), (1.1, "completed", "COMPLETED", {}))
    yield Bad("an illegal step", 9, with_life(jump), "went from QUEUED to COMPLETED")
    yield Bad("an event that does something else", 9, spoiled("orphan", "cancelled", status="FAILED"), "made it FAILED")
    good = good_history()
    moved = tuple(replace(task, version=9) if task.key == "first" else task for task in good.tasks)
    yield Bad(
        "the record is elsewhere",
        9,
        replace(good, tasks=moved),
        "in the record and COMPLETED (version 3, propose) by its",
    )
    stray = replace(first[0], task_id="f" * 20)
    yield Bad(
        "an event of nobody", 9, replace(good, events=(*good.events, stray)), "has events and is not in the record"
    )
    yield Bad("an event from elsewhere", 9, spoiled("first", "started", shard=3), "has events on shard 3")


def decisions() -> Iterator[Bad]:
    good = good_history()
    yield Bad(
        "a decision without a row",
        9,
        replace(good, audit=audited((*good.cards[:2], RETRY))),
        "is REJECTED; the audit says []",
    )
    rows = audited([*good.cards[:3], good.cards[0], RETRY])
    yield Bad("a decision with two rows", 9, replace(good, audit=rows), "the audit says ['approve', 'approve']")
    ghost = audited([*good.cards[:3], replace(good.cards[0], id="ghost"), RETRY])
    yield Bad("a row without a card", 9, replace(good, audit=ghost), "tells of card ghost, which is not there")
    twisted = audited([replace(good.cards[0], task_id=tid("plain")), *good.cards[1:3], RETRY])
    yield Bad(
        "a row about another task",
        9,
        replace(good, audit=twisted),
        f"the audit says {OPERATOR} on task {tid('plain')}",
    )
    sloppy = audited([replace(good.cards[0], judgement={"digest": "d"}), *good.cards[1:3], RETRY])
    yield Bad("a row about another digest", 9, replace(good, audit=sloppy), "bound to another digest than the card")
    yield Bad(
        "a row is altered", 9, with_audit(1, reason="it was fine"), "audit row 2: says something else than its hash"
    )
    yield Bad("the chain is cut", 9, with_audit(1, prev_hash="0" * 64), "does not name the hash of the row before")
    moved = tuple(replace(line, seq=line.seq + 1) for line in good.audit)
    yield Bad("rows are missing", 9, replace(good, audit=moved), "stands at place 1")


def leaks() -> Iterator[Bad]:
    good = good_history()
    yield Bad(
        "a secret in a log",
        10,
        replace(good, sinks=(("worker.log", f"key={SECRET}!"),)),
        "worker.log: holds a secret",
    )
    yield Bad(
        "a secret in a URL", 10, replace(good, sinks=(("ps", f"redis://:{quote(SECRET, safe='')}@h"),)), "ps: holds"
    )
    coded = base64.b64encode(f"{SECRET}!".encode()).decode()
    yield Bad("a secret in a header", 10, replace(good, sinks=(("wire", f"Basic {coded}"),)), "wire: holds a secret")
    yield Bad(
        "a secret in an event",
        10,
        spoiled("lost", "failed", error=f"refused {SECRET}"),
        "event lost-3: holds a secret",
    )
    yield Bad("a secret in the audit", 10, replace(good, goals=(replace(good.goals[0], text=SECRET),)), "goal aaaa")
    yield Bad("a secret in Redis", 10, with_key("run", "string", text=SECRET), "run: holds a secret")
    yield Bad(
        "a secret in a recovery",
        10,
        replace(good, recoveries=({"cause": "restarted", "note": SECRET},)),
        "recovery: holds a secret",
    )
