"""Carrying out a schedule: each strike at its time, and everything mended at the end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from redis.exceptions import RedisError

from chimera_cli.adapters.keys import Keys
from chimera_cli.models.drill import Breach, FaultKind, Moment, Strike
from chimera_cli.simulation.chaos.clock import MovableClock
from chimera_cli.simulation.chaos.fleet import Fleet
from chimera_cli.simulation.chaos.mischief import COMMAND, DRAIN, HOLD, ask
from chimera_cli.simulation.chaos.model_faults import disturb_model
from chimera_cli.simulation.chaos.primaries import split
from chimera_cli.simulation.chaos.servers import DrillServers
from chimera_cli.simulation.chaos.strangers import Strangers
from chimera_cli.simulation.chaos.wires import Wires
from chimera_cli.simulation.proxy import Weather

WEATHERS = {"slow": Weather.SLOW, "half-open": Weather.HALF_OPEN, "refuse": Weather.REFUSED}


@dataclass
class Striker:
    """Does to a swarm what a schedule says."""

    servers: DrillServers
    fleet: Fleet
    wires: Wires
    clock: MovableClock | None
    """The clock of the one worker that has its own; None where there is no library for it."""
    lease: timedelta
    """How long a stalled process keeps what it holds."""
    keys: Keys
    """Names of the swarm's keys."""
    folder: Path
    """Where handlers are asked for mischief."""
    strangers: Strangers
    """Roles with foreign stores."""
    struck: Counter[str] = field(default_factory=Counter)
    """Strikes that began, by kind."""
    breaches: list[Breach] = field(default_factory=list)
    """Strikes that did not come to their end."""
    away: int = 0
    """Outages of servers that are going on."""

    @property
    def timed(self) -> bool:
        """Tell whether Redis' clock was right all the time: events have its time."""
        return not self.struck[FaultKind.REDIS_CLOCK]

    def calm(self) -> bool:
        """Tell whether all servers are there."""
        return not self.away

    async def carry_out(self, schedule: Sequence[Strike], accepted: asyncio.Event) -> None:
        """Strike after strike at its time; returns when the last one is over.

        Args:
            schedule: What strikes when.
            accepted: Set when the work is accepted.

        Raises:
            BackendUnavailable: A server did not come up again.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for strike in schedule:
                    group.create_task(self._at_its_time(strike, accepted))
        except ExceptionGroup as failed:
            # The first to fail cancelled the others.
            raise failed.exceptions[0] from None

    async def _at_its_time(self, strike: Strike, accepted: asyncio.Event) -> None:
        if strike.after is Moment.ACCEPTANCE:
            await accepted.wait()
        await asyncio.sleep(strike.at_s)
        self.struck[strike.fault] += 1
        await self._blow(strike)

    async def _blow(self, strike: Strike) -> None:
        blows: dict[FaultKind, Callable[[Strike], Awaitable[None]]] = {
            FaultKind.WORKER: self._process,
            FaultKind.REDIS: self._server,
            FaultKind.POSTGRES: self._server,
            FaultKind.NETWORK: self._network,
            FaultKind.CLOCK: self._clock,
            FaultKind.FLUSH: self._data,
            FaultKind.MODEL: self._model,
            FaultKind.KEY_FAMILY: self._keys,
            FaultKind.OOM: self._refusal,
            FaultKind.MISCONF: self._refusal,
            FaultKind.READONLY: self._refusal,
            FaultKind.STALLED_LOOP: self._handler,
            FaultKind.SELF_DRAIN: self._handler,
            FaultKind.FOREIGN_STORE: self.strangers.knock,
            FaultKind.TWO_PRIMARIES: self._primaries,
            FaultKind.REDIS_CLOCK: self._redis_clock,
            FaultKind.POOLER: self._server,
            FaultKind.RESHARD: self._slots,
        }
        await blows[strike.fault](strike)

    async def _process(self, strike: Strike) -> None:
        if strike.action == "kill":
            self.fleet.kill(strike.target)
        elif strike.action == "stall":
            await self.fleet.stall(strike.target, self.lease * strike.leases)
        else:
            await self.fleet.restart(strike.target)

    async def _server(self, strike: Strike) -> None:
        with self._outage():
            if strike.action == "kill":
                await self.servers.kill(strike.fault, strike.lasts_s)
            elif strike.action == "stop":
                await self.servers.halt(strike.fault, strike.lasts_s)
            else:
                await self.servers.stall(strike.fault, strike.lasts_s)

    async def _network(self, strike: Strike) -> None:
        wires = self.wires.chosen(strike.target)
        if strike.action not in WEATHERS:
            for wire in wires:
                wire.tear() if strike.action == "tear" else wire.cut()
            return
        with self._outage():
            for wire in wires:
                await wire.turn(WEATHERS[strike.action], timedelta(milliseconds=strike.amount))
            await asyncio.sleep(strike.lasts_s)
            for wire in wires:
                await wire.turn(Weather.FAIR)

    async def _clock(self, strike: Strike) -> None:
        if self.clock is not None:
            self.clock.move(strike.amount)
            await asyncio.sleep(strike.lasts_s)
            self.clock.move(0)

    async def _redis_clock(self, strike: Strike) -> None:
        if self.servers.clock is not None:
            self.servers.clock.move(strike.amount)
            await asyncio.sleep(strike.lasts_s)
            self.servers.clock.move(0)

    async def _data(self, strike: Strike) -> None:
        with self._outage():
            if strike.action == "flush":
                await self.servers.flush()
            elif strike.action == "restore":
                await self.servers.restore()
            else:
                await self.servers.lose_tail(int(strike.amount))

    async def _model(self, strike: Strike) -> None:
        if strike.action == "down":
            await self.servers.kill("model", strike.lasts_s)
        else:
            await disturb_model(self.servers.model.url, strike)

    async def _keys(self, strike: Strike) -> None:
        await self.servers.lose(self.keys, strike.target)

    async def _refusal(self, strike: Strike) -> None:
        with self._outage():
            await self.servers.refuse(strike.fault, (self.lease * strike.leases).total_seconds())

    async def _handler(self, strike: Strike) -> None:
        if strike.action == "hold":
            ask(self.folder, HOLD, (self.lease * strike.leases).total_seconds())
        else:
            self.fleet.may_leave += 1
            ask(self.folder, COMMAND if strike.action == "command" else DRAIN)

    async def _primaries(self, strike: Strike) -> None:
        wires = [wire for who in strike.target.split(",") for wire in self.wires.chosen(f"{who} redis")]
        with self._outage():
            await split(self.servers, wires, (self.lease * strike.leases).total_seconds())

    async def _slots(self, strike: Strike) -> None:
        if self.servers.cluster is not None:
            try:
                await self.servers.cluster.reshard(self.keys, int(strike.amount), strike.lasts_s)
            except RedisError as error:
                text = f"a slot is left half-way: {error}"
                self.breaches.append(Breach(invariant="a reshard ends clean", subject="cluster", text=text))

    @contextmanager
    def _outage(self) -> Iterator[None]:
        self.away += 1
        try:
            yield
        finally:
            self.away -= 1
