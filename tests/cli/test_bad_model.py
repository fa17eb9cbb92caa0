"""A model that answers nonsense for ever, refuses, or is not there."""

from collections.abc import Iterator

import pytest

from chimera_cli.local.process import free_port
from chimera_cli.local.stand_in import StandInServer
from tests.cli.conftest import NewLine
from tests.cli.driver import KINDS, Line, assert_one_clear_error, python_path

POST = {"topic": "growth", "platform": "twitter"}


@pytest.fixture(scope="module")
def nonsense(new_line: NewLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("nonsense")
    model = StandInServer(folder, free_port(), seed=1, options=("--malformed", "1000000"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", python_path())
            model.start()
        yield new_line(OPENAI_BASE_URL=model.url)
    finally:
        model.stop()


def test_a_plan_from_nonsense_is_refused_and_a_model_that_is_away_or_unknown_is_told_apart(
    nonsense: Line, model_url: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    started = [
        nonsense.start("plan", "Grow on Twitter"),
        nonsense.start("plan", "Grow on Twitter", "-q", OPENAI_BASE_URL=nowhere, CHIMERA_MODEL__TIMEOUT_S="1"),
        nonsense.start("plan", "Grow on Twitter", OPENAI_BASE_URL=model_url, CHIMERA_MODEL__NAME="no-such-model"),
    ]
    refused, away, unknown = [running.ended() for running in started]
    assert_one_clear_error(refused, 1, "model")
    assert_one_clear_error(away, 5, "model", "hint: ")
    assert_one_clear_error(unknown, 6, "model")
    assert nonsense.rows("SELECT count(*) FROM goals") == [(0,)]


def test_nonsense_fails_what_needs_an_answer_and_brings_what_needs_a_verdict_to_a_person(nonsense: Line) -> None:
    roles = ("worker", "--count", "2", "--handlers", str(KINDS)), ("judge", "--count", "2")
    running = [nonsense.start(*words) for words in roles]
    tasks = [
        {"key": "draft", "kind": "content.draft", "payload": POST, "max_retries": 1},
        {"key": "said", "kind": "vague"},
    ]
    goal = nonsense.submit("listen to nonsense", tasks)
    nonsense.until(
        lambda: nonsense.tasks(goal) == {"draft": "FAILED", "said": "NEEDS_REVIEW"}, f"both end: {nonsense.tasks(goal)}"
    )
    assert all(role.alive for role in running)
    ((error, attempts),) = nonsense.rows("SELECT error, attempts FROM tasks WHERE goal_id = %s AND key = 'draft'", goal)
    assert "model" in error
    assert attempts == 2
    (card,) = nonsense.run("review", "list", "--goal", goal, "--json").json["cards"]
    assert card["confidence"] is None
    assert card["reasons"]
