"""The role's side of the keeper: writes leases where it sees them, and starts it again when it has died."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta

from chimera_cli.adapters.keeper_process import SEPARATOR, Brief
from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.lease_table import LeaseTable, open_memory
from chimera_cli.adapters.scripts import load_scripts
from chimera_cli.models.delivery import Lease
from chimera_cli.models.identity import shard_of
from chimera_cli.models.policy import LeasePolicy, patience, stalled_after
from chimera_cli.models.telemetry import Level, TelemetryEvent
from chimera_cli.ports.telemetry import TelemetryPort

COMMAND = (sys.executable, "-P", "-m", "chimera_cli.adapters.keeper_process")
"""How a keeper is started; -P keeps modules of the current folder from passing for those of the library."""
IN_TIME = 1.6
"""Beats after which the event loop prolongs leases itself because the keeper did not."""
LOOK_S = 0.02
"""Time between two looks for a keeper that starts."""
FAREWELL_S = 1.0
"""How long a keeper may take to end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeeperOptions:
    """What a keeper has to know."""

    url: str
    """Where Redis is."""
    keys: Keys
    """Names of the keys."""
    process: str
    """Id of the role's process."""
    agents: int
    """At most so many leases at once."""
    lease: LeasePolicy
    """How long a lease holds, and the time between two beats."""


class ProcessKeeper:
    """Implements LeaseKeeperPort by a process of its own."""

    def __init__(
        self,
        options: KeeperOptions,
        *,
        notice: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        options: What to tell the keeper.
        notice: Hears of a keeper that died.
        monotonic: The clock that all processes of this machine share, in s.
        """
        self._options, self._notice, self._monotonic = options, notice, monotonic
        self.process = options.process
        """Id of the process whose leases are kept."""
        self._memory = open_memory(options.agents)
        self._table = LeaseTable(self._memory)
        self._places: dict[str, int] = {}
        self._held: dict[Lease, int] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._losses = 0.0

    def step(self) -> None:
        """Stamp the table."""
        self._table.alive = self._monotonic()

    def hold(self, lease: Lease) -> None:
        """Write the lease into its agent's place."""
        if lease.agent not in self._places and len(self._places) == self._table.places:
            return
        place = self._places.setdefault(lease.agent, len(self._places))
        shard = str(shard_of(lease.goal_id, self._options.keys.shards))
        parts = lease.stage, shard, lease.task_id, str(lease.generation), lease.agent
        if self._table.hold(place, SEPARATOR.join(parts)):
            self._held[lease] = place

    def let_go(self, lease: Lease) -> None:
        """Empty the lease's place."""
        if (place := self._held.pop(lease, None)) is not None:
            self._table.let_go(place)

    def keeps(self, lease: Lease) -> bool:
        """Whether the keeper prolonged everything in time, this lease included."""
        silence = timedelta(seconds=self._monotonic() - self._table.kept)
        return lease in self._held and silence <= IN_TIME * self._options.lease.beat

    def lost(self) -> list[Lease]:
        """Return leases that the keeper found to be lost."""
        if self._losses == self._table.losses:
            return []
        self._losses = self._table.losses
        return [lease for lease, place in self._held.items() if _is(lease, self._table.lost(place))]

    async def mend(self) -> None:
        """Start a keeper if none runs."""
        if self._process is not None:
            if self._process.returncode is None:
                return
            self._notice(f"the keeper of the leases ended with {self._process.returncode}, another one is started")
        self._process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            pass_fds=(self._memory,),
            # Ctrl-C in a terminal, and a signal to the process group, must not end it before the role's process.
            start_new_session=True,
        )
        if self._process.stdin is not None:
            self._process.stdin.write(f"{json.dumps(asdict(self._brief()))}\n".encode())

    async def ready(self, within: timedelta) -> None:
        """Wait until the keeper works, but not for long: until it does, the event loop keeps the leases."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                while not self._table.kept:  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        """End the keeper and free the memory."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
        self._held.clear()
        self._table.close()
        os.close(self._memory)

    def _brief(self) -> Brief:
        options, keys = self._options, self._options.keys
        return Brief(
            url=options.url,
            memory=self._memory,
            parent=os.getpid(),
            process=options.process,
            fleet=keys.fleet,
            shards=[keys.shard(number) for number in range(keys.shards)],
            scripts={name: load_scripts()[name] for name in ("extend", "stall")},
            lease_s=options.lease.lease.total_seconds(),
            beat_s=options.lease.beat.total_seconds(),
            stalled_s=stalled_after(options.lease).total_seconds(),
            patience_s=patience(options.lease).total_seconds(),
        )


def _is(lease: Lease, text: str) -> bool:
    parts = text.split(SEPARATOR)
    return parts[2:] == [lease.task_id, str(lease.generation), lease.agent] and parts[0] == lease.stage


@asynccontextmanager
async def keeping(options: KeeperOptions, telemetry: TelemetryPort) -> AsyncIterator[ProcessKeeper]:
    """Have a keeper for a while. It starts while its process does, which takes longer."""

    def notice(message: str) -> None:
        fields = {"role": "keeper", "error": message}
        telemetry.emit(
            TelemetryEvent(
                name="keeper.failed", level=Level.WARN, source=options.process, message=message, fields=fields
            )
        )

    keeper = ProcessKeeper(options, notice=notice)
    try:
        with suppress(OSError):  # It is tried again with every beat.
            await keeper.mend()
        yield keeper
    finally:
        await keeper.close()
