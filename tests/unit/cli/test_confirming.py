import io
import sys

import pytest

from chimera_cli.cli.confirming import ConfirmationNeeded, confirm
from chimera_cli.cli.terminal import Terminal


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def person(patch: pytest.MonkeyPatch, typed: str) -> Tty:
    """Put somebody at the terminal who types this, and return what they see."""
    seen = Tty()
    patch.setattr(sys, "stdin", Tty(typed))
    patch.setattr(sys, "stderr", seen)
    return seen


def test_a_person_who_agrees_is_asked_once_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = person(monkeypatch, "y\n")
    confirm(Terminal(), "cancel 3 tasks", yes=False)
    assert seen.getvalue().count("cancel 3 tasks?") == 1


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_a_no_and_an_empty_answer_do_nothing_and_exit_8(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    seen = person(monkeypatch, answer)
    with pytest.raises(ConfirmationNeeded) as refused:
        confirm(Terminal(), "cancel 3 tasks", yes=False)
    assert refused.value.exit_code == 8
    assert "cancel 3 tasks?" in seen.getvalue()


def test_nobody_is_asked_where_nobody_wants_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, terminal = person(monkeypatch, "y\n"), Terminal()
    terminal.options.no_input = True
    with pytest.raises(ConfirmationNeeded, match="cancel 3 tasks"):
        confirm(terminal, "cancel 3 tasks", yes=False)
    assert seen.getvalue() == ""


@pytest.mark.parametrize("has", [True, False])
def test_a_dry_run_is_offered_where_the_command_has_one(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    person(monkeypatch, "n\n")
    with pytest.raises(ConfirmationNeeded) as refused:
        confirm(Terminal(), "cancel 3 tasks", yes=False, dry_run=has)
    assert "--yes" in refused.value.hint
    assert ("--dry-run" in refused.value.hint) is has


def test_an_end_of_input_is_a_no_and_what_follows_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = person(monkeypatch, "")
    with pytest.raises(ConfirmationNeeded):
        confirm(Terminal(), "cancel 3 tasks", yes=False)
    assert seen.getvalue().endswith("\n")
