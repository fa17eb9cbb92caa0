"""Code in a role's process may send no signal that would stop it. Nothing is sent here: what sends is a list."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from chimera_cli.agents import own_signals
from chimera_cli.agents.own_signals import SENDING, careful, refusing_own_signals

OTHER = 2**22 + 1
"""No process has that id."""
OWN = [
    (os, "kill", (os.getpid(),), "its own process"),
    (os, "kill", (0,), "its own process group"),
    (os, "kill", (-os.getpgrp(),), "its own process group"),
    (os, "kill", (-1,), "every process"),
    (os, "kill", (os.getppid(),), "the parent of its process"),
    (os, "killpg", (0,), "its own process group"),
    (os, "killpg", (os.getpgrp(),), "its own process group"),
    (signal, "pthread_kill", (threading.get_ident(),), "a thread of its own process"),
    (signal, "raise_signal", (), "its own process"),
]


@pytest.mark.parametrize(("module", "name", "target", "words"), OWN)
def test_what_would_stop_the_own_process_is_refused_with_its_name(module, name: str, target, words: str) -> None:
    sent: list[tuple[int, ...]] = []
    send = careful(lambda *given: sent.append(given), SENDING[module, name])
    with pytest.raises(PermissionError, match=f"a handler may not send SIGTERM to {words}:"):
        send(*target, signal.SIGTERM)
    assert sent == []
    send(*target, signal.SIGUSR1)
    assert sent == [(*target, signal.SIGUSR1)]


@pytest.mark.parametrize("given", [(OTHER, signal.SIGTERM), (-OTHER, signal.SIGTERM), (os.getpid(), 0)])
def test_everything_else_is_sent(given: tuple[int, int]) -> None:
    sent: list[tuple[int, ...]] = []
    careful(lambda *given: sent.append(given), SENDING[os, "kill"])(*given)
    assert sent == [given]


def test_a_forked_child_may_end_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, ...]] = []
    send = careful(lambda *given: sent.append(given), SENDING[signal, "raise_signal"])
    monkeypatch.setattr(os, "getpid", lambda: OTHER)
    send(signal.SIGTERM)
    assert sent == [(signal.SIGTERM,)]


def test_what_python_has_is_replaced_for_a_while_and_children_are_ended_as_ever() -> None:
    before = os.kill, os.killpg, signal.pthread_kill, signal.raise_signal
    with refusing_own_signals():
        assert not {os.kill, os.killpg, signal.pthread_kill, signal.raise_signal} & set(before)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        child.terminate()
        assert child.wait(30) == -signal.SIGTERM
    assert (os.kill, os.killpg, signal.pthread_kill, signal.raise_signal) == before
    assert {module.__name__ for module, _ in own_signals.SENDING} == {"os", "signal"}
