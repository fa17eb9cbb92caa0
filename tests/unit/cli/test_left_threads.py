"""A process does not wait for ever for threads that somebody left."""

import threading
from datetime import timedelta

import pytest

from chimera_cli.cli.left_threads import wait_no_longer

AT_ONCE = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("raised", "code"), [(SystemExit(5), 5), (SystemExit("words"), 1), (KeyboardInterrupt(), 1), (None, 0)]
)
def test_a_thread_that_does_not_end_is_left_with_the_exit_code_at_hand(raised: BaseException | None, code: int) -> None:
    left_with: list[int] = []
    left, release = threading.Event(), threading.Event()

    def leave(code: int) -> None:
        left_with.append(code)
        left.set()

    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        try:
            if raised is not None:
                raise raised
            assert wait_no_longer(leave=leave, within=AT_ONCE)
        except BaseException:
            assert wait_no_longer(leave=leave, within=AT_ONCE)
        assert left.wait(5)
    finally:
        release.set()
        thread.join()
    assert left_with == [code]
    assert not wait_no_longer(leave=leave)


def test_a_daemon_keeps_no_process_anyway() -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait, daemon=True)
    thread.start()
    try:
        assert not wait_no_longer()
    finally:
        release.set()
        thread.join()
