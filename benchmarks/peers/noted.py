"""What the peers' jobs do: note themselves in a file outside the queue, so that a lost or repeated run shows."""

import os
import time


def note(word: str, job: str) -> None:
    """Append one whole line: what happened, to which job, in which process."""
    file = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{word} {job} {os.getpid()}\n".encode())
    os.close(file)


def slow(job: str) -> None:
    """Take three seconds."""
    note("start", job)
    time.sleep(3)
    note("end", job)


def poison(job: str) -> None:
    """Take the process along."""
    note("start", job)
    os._exit(1)
