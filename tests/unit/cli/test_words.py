import os
import pwd
from datetime import UTC, datetime, timedelta

import pytest

from chimera_cli.cli.words import checked_name, choice, moment, operator, span
from chimera_cli.exceptions import InvalidInput
from chimera_cli.models.task import Priority

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400), ("0.5s", 0.5), ("0", 0)]
)
def test_a_duration_is_a_number_with_a_unit(word: str, seconds: float) -> None:
    assert span(word, "--x") == timedelta(seconds=seconds)


@pytest.mark.parametrize("word", ["", "soon", "-1s", "1w", "1h30m", "9" * 30, "1e9"])
def test_other_words_are_no_duration(word: str) -> None:
    with pytest.raises(InvalidInput, match=r"--x .* is no duration"):
        span(word, "--x")


def test_a_time_is_absolute_with_a_zone_or_counted_from_now() -> None:
    assert moment("2h", "--x", NOW) == NOW + timedelta(hours=2)
    assert moment("2030-05-01T10:00:00Z", "--x", NOW) == datetime(2030, 5, 1, 10, tzinfo=UTC)
    for word, said in (("2030-05-01T10:00:00", "has no time zone"), ("tomorrow", "is no time")):
        with pytest.raises(InvalidInput, match=said):
            moment(word, "--x", NOW)


def test_a_choice_is_read_in_any_case_and_an_unknown_one_lists_the_known() -> None:
    assert choice(Priority, "HIGH", "--priority") is Priority.HIGH
    with pytest.raises(InvalidInput) as caught:
        choice(Priority, "urgent", "--priority")
    assert caught.value.hint == "one of: high, normal, low"


def test_nothing_given_stays_nothing() -> None:
    assert (span(None, "x"), moment(None, "x", NOW), choice(Priority, None, "x")) == (None, None, None)


def test_the_operator_is_given_or_configured_or_the_systems_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert operator("ada", "bob") == "ada"
    assert operator(None, "bob") == "bob"
    assert operator(None, None) == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[2J", "a\u202eb", "x" * 101, "\ud800"])
def test_a_name_that_an_audit_cannot_show_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        checked_name(name)


def test_a_name_may_be_of_any_language() -> None:
    assert checked_name(" Åsa 山田 ") == "Åsa 山田"
