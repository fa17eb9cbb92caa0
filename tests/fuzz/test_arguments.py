"""Every command's arguments, whatever they are: an exit code of the table, a line, and no surprise."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docs.reference import commands
from tests.builders import GOAL
from tests.fuzz.profile import budget
from tests.fuzz.test_files import assert_clear, folder
from tests.hostile import TEXTS
from tests.unit.cli.fakes import FakeBackend, run
from tests.unit.test_hostile_text import full_swarm

__all__ = ["folder"]

TOUCHING = {"up", "down", "simulate", "db"}
"""Commands that reach for servers by themselves: their arguments are tried where that costs nothing."""
LEAVES = sorted(words for words in commands() if not words or words[0] not in TOUCHING)
OPTIONS = (
    "--json --limit --status --goal --since --reason --as --file --dry-run --wait --timeout --deadline --priority --count --kinds"
    " --head --help -q -v -- --color --env-file --debug --idempotency-key --persona --max-tasks --drain-timeout --burst -y"
).split()
ODD = (
    "- -- 0 -1 999999999999999999999999999999 1e400 nan PENDING any 1d 9999999999d 2030-01-01T00:00:00Z 9999-12-31T23:59:59Z"
    f" . / /dev/null nowhere.json {GOAL} cccc % _"
).split()
WORDS = st.one_of(
    st.sampled_from(OPTIONS), st.sampled_from(["", "x" * 4000, *ODD]), TEXTS.filter(lambda text: "\0" not in text)
)


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
@budget(5)
@given(words=st.lists(WORDS, max_size=5))
@example(words=["--debug", "--limit", "99999999999999999999999"])
@example(words=["--since", "999999999d"])
@example(words=["x", "--deadline", "999999999d"])
@example(words=["--file", "."])
@example(words=["--env-file", "/dev/null"])
def test_no_argument_surprises(command: tuple[str, ...], words: list[str], folder: Path) -> None:
    ended = run(*command, *words, backend=FakeBackend(full_swarm("plain")), stdin="")
    if "--debug" not in words:
        assert_clear(ended)
    assert isinstance(ended.exception, SystemExit | None)


@budget(30)
@given(words=st.lists(WORDS, max_size=4))
def test_no_word_in_place_of_a_command_surprises(words: list[str], folder: Path) -> None:
    assert_clear(run(*[word for word in words if word not in ("--debug", *TOUCHING)], backend=FakeBackend(), stdin=""))
