from chimera_cli.simulation.evidence import find_leaks
from tests.unit.simulation.good_run import good_run, tid


def test_a_text_with_a_secret_is_named_and_the_secret_is_not() -> None:
    texts = {"worker.log": "connecting to redis://:hunter2@localhost", "judge.log": "all is well"}
    assert find_leaks(texts, ["hunter2", "other"]) == ["worker.log"]


def test_a_task_is_told_by_its_key_and_an_unknown_one_by_its_id() -> None:
    assert good_run().key(tid("flaky")) == "flaky"
    assert good_run().key("unknown") == "unknown"


def test_histories_hold_each_tasks_events_in_order() -> None:
    history = good_run().histories[tid("flaky")]
    assert [event.version for event in history] == [1, 2, 3, 4, 5, 6]
