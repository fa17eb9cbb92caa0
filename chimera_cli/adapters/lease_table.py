"""What a role's process and its keeper both see: a piece of memory with the leases held, and signs of life of both sides.

A lease is written and taken away without a system call and without waking the keeper, which looks once a beat. A place that is read
while it is written gives a text that no lease has: the worst that follows is one beat missed.
"""

import mmap
import os
import struct
import tempfile
from collections.abc import Iterator

HEAD = 64
"""Bytes before the first place."""
HALF = 256
"""Bytes of one text with its length; a place has two: the lease held, and the last lease of this place that was lost."""
PLACE = 2 * HALF
LONGEST = HALF - 2
"""Bytes of the longest lease that a place can hold."""
_STAMP, _LENGTH = struct.Struct("d"), struct.Struct("H")
_ALIVE_AT, _KEPT_AT, _LOSSES_AT = 0, 8, 16


class LeaseTable:
    """The shared memory. Stamps are those of the monotonic clock, in s, which all processes of a machine share."""

    def __init__(self, descriptor: int) -> None:
        """Args:
        descriptor: Of an open file that `open_memory` made; it may be closed afterwards.
        """
        self._memory = mmap.mmap(descriptor, 0)
        self.places = (len(self._memory) - HEAD) // PLACE

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()

    @property
    def alive(self) -> float:
        """When the event loop went on last."""
        return float(_STAMP.unpack_from(self._memory, _ALIVE_AT)[0])

    @alive.setter
    def alive(self, stamp: float) -> None:
        """Note that the event loop goes on."""
        _STAMP.pack_into(self._memory, _ALIVE_AT, stamp)

    @property
    def kept(self) -> float:
        """When the last round began in which the keeper prolonged everything."""
        return float(_STAMP.unpack_from(self._memory, _KEPT_AT)[0])

    @kept.setter
    def kept(self, stamp: float) -> None:
        """Note a round in which all was prolonged, by when it began."""
        _STAMP.pack_into(self._memory, _KEPT_AT, stamp)

    @property
    def losses(self) -> float:
        """How many lost leases the keeper has noted so far."""
        return float(_STAMP.unpack_from(self._memory, _LOSSES_AT)[0])

    def hold(self, place: int, text: str) -> bool:
        """Write a lease; False when it is too long for a place."""
        return self._write(HEAD + place * PLACE, text)

    def let_go(self, place: int) -> None:
        """Take the lease of a place away."""
        _LENGTH.pack_into(self._memory, HEAD + place * PLACE, 0)

    def held(self) -> Iterator[tuple[int, str]]:
        """Return all leases with their places."""
        for place in range(self.places):
            if text := self._read(HEAD + place * PLACE):
                yield place, text

    def lose(self, place: int, text: str) -> None:
        """Note that the lease of a place was lost."""
        self._write(HEAD + place * PLACE + HALF, text)
        _STAMP.pack_into(self._memory, _LOSSES_AT, self.losses + 1)

    def lost(self, place: int) -> str:
        """Return the lease of a place that was lost last, or ''."""
        return self._read(HEAD + place * PLACE + HALF)

    def _write(self, at: int, text: str) -> bool:
        data = text.encode()
        if len(data) > LONGEST:
            return False
        _LENGTH.pack_into(self._memory, at, 0)
        self._memory[at + 2 : at + 2 + len(data)] = data
        _LENGTH.pack_into(self._memory, at, len(data))
        return True

    def _read(self, at: int) -> str:
        length = min(int(_LENGTH.unpack_from(self._memory, at)[0]), LONGEST)
        return self._memory[at + 2 : at + 2 + length].decode(errors="replace") if length else ""


def open_memory(places: int) -> int:
    """Make the memory for so many leases and return its descriptor; it goes with the last process that has it open."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("chimera-leases")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, HEAD + places * PLACE)
    return descriptor
