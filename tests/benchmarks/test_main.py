import re
from pathlib import Path

import pytest

from benchmarks import __main__ as harness
from benchmarks.scenario import Bench, Figures, Scenario

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def test_the_page_lists_every_scenario_in_the_order_in_which_they_run() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.M) == list(harness.SCENARIOS)


def test_the_page_tells_how_to_make_every_peer_an_environment() -> None:
    loop = re.search(r"for peer in (.+);", PAGE.read_text("utf-8").partition("do python3")[0])
    assert loop
    assert set(loop[1].split()) == set(harness.PEERS)


@pytest.mark.parametrize("name", harness.SCENARIOS)
def test_every_scenario_has_subjects_and_compares_by_a_figure_that_it_tells(name: str) -> None:
    scenario = harness.SCENARIOS[name]
    assert scenario.subjects(Bench())
    assert not scenario.beside_floor or scenario.beside_floor in scenario.headings


def test_a_subject_that_fails_is_told_and_the_others_are_measured_round_by_round() -> None:
    order: list[str] = []

    def measure(bench: Bench, subject: str) -> Figures:
        order.append(subject)
        if subject == "broken":
            raise RuntimeError("Traceback\nno such server\n")
        return {"rate": float(len(order))}

    scenario = Scenario(
        about="Some.", headings={"rate": "rate"}, subjects=lambda _: ("a", "broken", "b"), measure=measure
    )
    found = harness.measure(Bench(), "some", scenario, 2)
    assert order == ["a", "broken", "b"] * 2
    assert found["subjects"] == {"a": {"rate": [1.0, 4.0]}, "b": {"rate": [3.0, 6.0]}}
    assert found["failed"] == {"broken": "no such server"}


@pytest.mark.parametrize("peers", [[], ["--peers", "saq"], ["--peers", "rq", "saq"]])
def test_a_peer_that_was_asked_for_and_has_no_environment_is_told_before_anything_runs(
    peers: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if peers:
        (tmp_path / "rq").mkdir()
    with pytest.raises(SystemExit) as ended:
        harness.main(["--scenarios", "pickup", "--venvs", str(tmp_path), *peers])
    assert ended.value.code == 2
    assert "no environment of " in capsys.readouterr().err
