import sys
from io import StringIO

import pytest

from chimera_cli.cli.options import Colour
from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.watching import EVERY, Onlooker, onlooker
from chimera_cli.models.telemetry import Level, TelemetryEvent
from tests.unit.cli.fakes import PASSWORD, FakeBackend
from tests.unit.views.test_swarm import a_snapshot


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(FakeBackend())


@pytest.mark.parametrize(
    ("role", "quiet", "verbose", "heard"),
    [(True, False, False, True), (True, True, False, False), (False, False, False, False), (False, False, True, True)],
)
def test_roles_talk_commands_do_not_and_q_and_v_shift_it(
    terminal: Terminal, capsys: pytest.CaptureFixture[str], role: bool, quiet: bool, verbose: bool, heard: bool
) -> None:
    terminal.options.quiet, terminal.options.verbose = quiet, verbose
    log = terminal.telemetry(role=role)
    log.emit(TelemetryEvent(name="task.started", source="w"))
    log.emit(TelemetryEvent(name="task.failed", level=Level.ERROR, source="w", message=PASSWORD))
    told = capsys.readouterr()
    assert ("task.started" in told.err, "task.failed" in told.err) == (heard, True)
    assert PASSWORD not in told.err
    assert told.out == ""


def test_notes_are_redacted_and_quiet_drops_them(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.settings()
    terminal.note(f"at redis://:{PASSWORD}@h")
    terminal.options.quiet = True
    terminal.note("not said")
    assert capsys.readouterr().err == "at ***\n" or PASSWORD not in capsys.readouterr().err


def test_a_stderr_that_is_gone_stops_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    terminal.complain("unheard")


@pytest.mark.parametrize(("colour", "drawing"), [(Colour.AUTO, False), (Colour.NEVER, False), (Colour.ALWAYS, True)])
def test_a_pipe_gets_plain_lines_unless_colour_is_forced(terminal: Terminal, colour: Colour, drawing: bool) -> None:
    terminal.options.colour = colour
    assert terminal.drawing is drawing


def test_never_means_no_colour_and_nothing_bold_on_a_terminal_either(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal.options.colour = Colour.NEVER
    console = terminal.console()
    with console.capture() as said:
        console.print("[bold red]loud[/] [dim]low[/]")
    assert said.get() == "loud low\n"


def test_in_a_pipe_an_onlooker_says_a_line_every_few_looks(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Onlooker(terminal)
    for _ in range(EVERY + 1):
        watch.look(a_snapshot())
    watch.say("done")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["5 of 10 finished, 3 waiting, 1 running, 0 with judges, 1 to review"] * 2 + ["done"]


def test_before_a_terminal_an_onlooker_draws_the_board(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.options.colour = Colour.ALWAYS
    with onlooker(terminal) as watch:
        watch.look(a_snapshot())
        watch.say("x\x1b[2J")
    out = capsys.readouterr().out
    assert "Queues" in out
    assert "\\x1b[2J" in out
