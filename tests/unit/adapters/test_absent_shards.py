from collections.abc import Sequence

import pytest

from chimera_cli.adapters.absent_shards import MOST_S, AbsentShards
from chimera_cli.exceptions import BackendUnavailable


class Node:
    """A node that answers after some time, or does not."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls = 0

    def tell(self) -> float:
        return self.now

    def ask(self, absent: AbsentShards, shard: int, *, takes_s: float, answers: bool) -> bool:
        try:
            with absent.asked(shard):
                self.calls += 1
                self.now += takes_s
                if not answers:
                    raise BackendUnavailable("Redis", "timed out")
        except BackendUnavailable:
            return False
        return True


def calls_within(node: Node, absent: AbsentShards, shards: Sequence[int], *, until: float) -> dict[int, int]:
    calls = dict.fromkeys(shards, 0)
    while node.now < until:
        for shard in shards:
            before = node.calls
            node.ask(absent, shard, takes_s=5 if shard == 0 else 0.01, answers=shard != 0)
            calls[shard] += node.calls - before
    return calls


def test_a_shard_that_does_not_answer_takes_a_fifth_of_the_time_at_most() -> None:
    node = Node()
    calls = calls_within(node, AbsentShards(2, node.tell), (0, 1), until=250)
    assert calls[0] * 5 <= 250 / 5
    assert calls[1] > 1_000


def test_a_shard_that_is_left_out_fails_as_the_last_try_did() -> None:
    node = Node()
    absent = AbsentShards(2, node.tell)
    node.ask(absent, 0, takes_s=1, answers=False)
    with pytest.raises(BackendUnavailable, match="timed out"), absent.asked(0):
        raise AssertionError("it was asked")


def test_a_refusal_at_once_is_followed_by_another_try_at_once() -> None:
    node = Node()
    absent = AbsentShards(2, node.tell)
    for _ in range(3):
        node.ask(absent, 0, takes_s=0, answers=False)
    assert node.calls == 3


def test_a_shard_is_asked_again_in_the_end_however_long_it_was_waited_for_and_is_there_when_it_answers() -> None:
    node = Node()
    absent = AbsentShards(2, node.tell)
    node.ask(absent, 0, takes_s=3_600, answers=False)
    assert not node.ask(absent, 0, takes_s=0, answers=True)
    node.now += MOST_S
    assert node.ask(absent, 0, takes_s=0, answers=True)
    assert node.ask(absent, 0, takes_s=0, answers=True)


def test_the_only_shard_is_never_left_out() -> None:
    node = Node()
    absent = AbsentShards(1, node.tell)
    assert not node.ask(absent, 0, takes_s=5, answers=False)
    assert node.ask(absent, 0, takes_s=0, answers=True)
