from tests.unit.simulation.good_run import good_run, tid


def test_a_task_is_told_by_its_key_and_an_unknown_one_by_its_id() -> None:
    assert good_run().key(tid("flaky")) == "flaky"
    assert good_run().key("unknown") == "unknown"


def test_histories_hold_each_tasks_events_in_order() -> None:
    history = good_run().histories[tid("flaky")]
    assert [event.version for event in history] == [1, 2, 3, 4, 5, 6]
