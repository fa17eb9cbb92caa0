import os
from pathlib import Path

import pytest

from benchmarks import effects
from benchmarks.peers import noted

S = 1_000_000_000


def test_marks_are_counted_by_the_size_of_their_file_and_read_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKS", str(tmp_path / "marks"))
    for job in ("job-0000001", "a name that is longer than its column", "job-0000001"):
        noted.mark(job)
    assert effects.count(tmp_path / "marks") == 3
    assert [job for job, _ in effects.read(tmp_path / "marks")] == ["job-0000001", "a-name-that-is-", "job-0000001"]
    assert effects.processes(tmp_path / "marks") == {f"{os.getpid():07d}"}
    moments = [at for _, at in effects.read(tmp_path / "marks")]
    assert moments == sorted(moments)


def test_a_file_that_nobody_wrote_holds_nothing(tmp_path: Path) -> None:
    assert effects.count(tmp_path / "none") == 0
    assert effects.read(tmp_path / "none") == []


def test_a_job_without_a_mark_is_lost_and_a_second_mark_is_one_too_many() -> None:
    found = effects.tally([("a", 3), ("b", 1), ("a", 2), ("b", 4), ("stranger", 5)], ["a", "b", "c", "d"])
    assert list(found.first) == [1, 2]
    assert (found.lost, found.doubled) == (2, 3)


def test_nothing_done_means_all_lost_and_no_rate() -> None:
    found = effects.tally([], ["a", "b"])
    assert (found.lost, found.doubled) == (2, 0)
    assert found.rate is None


def test_the_rate_leaves_out_the_first_and_the_last_tenth() -> None:
    slow_start = [n * 10 * S for n in range(10)]
    steady = [slow_start[-1] + n * S // 4 for n in range(1, 81)]
    slow_end = [steady[-1] + n * 10 * S for n in range(1, 11)]
    marks = [(f"job-{n}", at) for n, at in enumerate([*slow_start, *steady, *slow_end])]
    assert effects.tally(marks, [job for job, _ in marks]).rate == pytest.approx(4)


def test_latency_is_told_for_what_has_both_a_beginning_and_an_end() -> None:
    begun = [("a", 1_000_000), ("b", 2_000_000), ("lost", 3_000_000)]
    marks = [("b", 9_000_000), ("a", 2_500_000), ("b", 4_000_000), ("unknown", 1)]
    assert effects.latencies_ms(begun, marks) == [1.5, 2.0]
