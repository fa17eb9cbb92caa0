"""What `--wait-for-room` means: a call that stores tasks is repeated until there is room for them."""

from collections.abc import Awaitable, Callable
from random import random
from typing import TYPE_CHECKING, Any

from chimera_cli.cli.terminal import Terminal
from chimera_cli.cli.words import span

if TYPE_CHECKING:
    from chimera_cli.services.swarm import Swarm

Call = Callable[[], Awaitable[Any]]


def room(terminal: Terminal, swarm: "Swarm", wanted: bool, timeout: str | None) -> Callable[[Call], Awaitable[Any]]:
    """Return what makes such a call: at once and once only, unless waiting is wanted."""
    from chimera_cli.services.room import when_there_is_room

    longest = span(timeout, "--timeout")

    async def make(call: Call) -> Any:
        if not wanted:
            return await call()
        return await when_there_is_room(call, swarm.clock, chance=random, notice=terminal.note, timeout=longest)

    return make
