"""Somebody who watches a simulation and remembers."""

from chimera_cli.models.snapshot import Snapshot


class Listener:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.boards = 0

    def say(self, text: str) -> None:
        self.said.append(text)

    def look(self, snapshot: Snapshot) -> None:
        self.boards += 1
