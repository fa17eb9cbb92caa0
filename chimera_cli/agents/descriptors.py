"""Whether a process still has its files and connections: code that closes all descriptors it can find takes everybody's."""

import os

CLOSED = "file descriptors of this process were closed under it"
"""What is wrong when they were closed."""


class Canary:
    """A pipe that is used for nothing and closed by none but those who close what is not theirs."""

    def __init__(self) -> None:
        self._ends = os.pipe()
        self._were = [_identity(end) for end in self._ends]

    @property
    def dead(self) -> bool:
        """Whether an end was closed; its number may stand for something else since."""
        return [_identity(end) for end in self._ends] != self._were

    def close(self) -> None:
        """Close it, as far as it is still ours."""
        for end, was in zip(self._ends, self._were, strict=True):
            if _identity(end) == was:
                os.close(end)


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
