"""The Lua scripts: read from the package once, each with the transition code in front, called by their hash."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from chimera_cli.adapters.keys import declared
from chimera_cli.adapters.redis_client import MAX_CONNECTIONS, RedisClient
from chimera_cli.adapters.script_heads import HEADS, UNVOUCHED
from chimera_cli.models.task import TRANSITIONS

#: Calls in one round trip: what the agents of a process want of a shard at the same moment. Bounds what a reply may weigh.
MOST_AT_ONCE = 128
#: Scripts whose calls of one round trip go as one: the answers that the agents of a process give at the same moment. ADR 0016.
TOGETHER = frozenset({"complete", "hand_over", "judge"})
#: Calls that go as one, and so are one atom: a millisecond or two of the server's time.
MOST_TOGETHER = 50
#: Characters of a call from which on it goes alone: fifty results of a megabyte in one atom would hold the server up for 0.2 s.
LONG = 20_000
_PRELUDE = "transition"
_LEGAL_MARK = "--@LEGAL@"


def _legal_table() -> str:
    live = {source: targets for source, targets in TRANSITIONS.items() if not source.terminal}
    pairs = sorted(f"{source}>{target}" for source, targets in live.items() for target in targets)
    return "local LEGAL = {" + ", ".join(f"['{pair}'] = true" for pair in pairs) + "}"


_ONE_AFTER_THE_OTHER = """
local function one(ARGV)
{body}
end
local replies, width = {{}}, tonumber(ARGV[1])
for first = 2, #ARGV, width do
  local done, reply = pcall(one, {{unpack(ARGV, first, first + width - 1)}})
  if not done and type(reply) ~= 'table' then reply = {{err = tostring(reply)}} end
  table.insert(replies, reply)
end
return replies
"""


@cache
def load_scripts() -> Mapping[str, str]:
    """Return the text of every script by name, ready to be sent."""
    return {name: _head(name) + body for name, body in _files().items() if name != _PRELUDE}


@cache
def load_batches() -> Mapping[str, str]:
    """Return, for the scripts in TOGETHER, the text that does many calls of one: ARGV is the number of arguments a call, then
    the arguments of one call after the other. A call that fails replies an error in its place; the others are done."""
    return {name: _head(name) + _ONE_AFTER_THE_OTHER.format(body=_files()[name]) for name in TOGETHER}


@cache
def _files() -> Mapping[str, str]:
    folder = files("chimera_cli.adapters") / "lua"
    return {item.name.removesuffix(".lua"): item.read_text("utf-8") for item in folder.iterdir()}


def _head(name: str) -> str:
    prelude = _files()[_PRELUDE].replace(_LEGAL_MARK, _legal_table())
    return f"{prelude}{HEADS[name]}\n{'' if name in UNVOUCHED else 'demand_vouched()'}\n"


@cache
def _hash(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A script call that waits for its turn."""

    name: str
    tag: str
    args: tuple[str | int, ...]
    reply: "asyncio.Future[Any]"

    def settle(self, reply: object) -> None:
        """Hand the reply on, unless nobody waits for it any more."""
        if self.reply.done():
            return
        if isinstance(reply, Exception):
            self.reply.set_exception(reply)
        else:
            self.reply.set_result(reply)


@dataclass(frozen=True, slots=True, eq=False)
class _Errand:
    """What is sent for one call, or for several of one script."""

    text: str
    tag: str
    args: tuple[str | int, ...]
    calls: tuple[_Call, ...]

    def settle(self, reply: object) -> None:
        """Hand the reply on, to each call its part."""
        parts = reply if isinstance(reply, list) and len(self.calls) > 1 else [reply] * len(self.calls)
        for call, part in zip(self.calls, parts, strict=True):
            call.settle(part)


def _errands(calls: Iterable[_Call]) -> Iterator[_Errand]:
    """Group calls that may go as one."""
    groups: dict[object, list[_Call]] = {}
    for call in calls:
        together = (call.name, call.tag, len(call.args)) if call.name in TOGETHER and _short(call) else call
        groups.setdefault(together, []).append(call)
    for group in groups.values():
        for at in range(0, len(group), MOST_TOGETHER):
            yield _errand(tuple(group[at : at + MOST_TOGETHER]))


def _short(call: _Call) -> bool:
    return sum(len(arg) for arg in call.args if isinstance(arg, str)) < LONG


def _errand(calls: tuple[_Call, ...]) -> _Errand:
    call = calls[0]
    if len(calls) == 1:
        return _Errand(load_scripts()[call.name], call.tag, call.args, calls)
    args = (len(call.args), *(arg for call in calls for arg in call.args))
    return _Errand(load_batches()[call.name], call.tag, args, calls)


class _Lane:
    """The way to one shard or fleet. What is called while a round trip is under way goes together in the next one."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._waiting: list[_Call] = []
        self._courier: asyncio.Task[None] | None = None

    def take(self, call: _Call) -> None:
        """Send a call as soon as may be."""
        self._waiting.append(call)
        if self._courier is None:
            self._courier = asyncio.create_task(self._deliver(), name="redis scripts")

    async def _deliver(self) -> None:
        try:
            while self._waiting:
                calls, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                await self._round_trip(calls)
        finally:
            self._courier = None

    async def _round_trip(self, calls: list[_Call]) -> None:
        errands = list(_errands(calls))
        try:
            unknown = []
            for errand, reply in zip(errands, await self._replies(errands), strict=True):
                if isinstance(reply, NoScriptError):
                    unknown.append(errand)
                else:
                    errand.settle(reply)
            for errand, reply in zip(unknown, await self._replies(unknown, whole=True), strict=True):
                errand.settle(reply)
        except Exception as exc:
            # Whatever it is belongs to those who called, or they would wait for ever.
            for call in calls:
                call.settle(exc)

    async def _replies(self, errands: list[_Errand], *, whole: bool = False) -> list[Any]:
        """Send errands by the hashes of their texts, or whole; what fails replies its error and spoils no other."""
        if isinstance(self._client, Redis):
            pipe = self._client.pipeline(transaction=False)
            for errand in errands:
                _send(pipe, errand, whole)
            return await pipe.execute(raise_on_error=False)
        # A cluster's client has no pipeline for scripts.
        replies: list[Any] = []
        for at in range(0, len(errands), MAX_CONNECTIONS):
            sent = (_send(self._client, errand, whole) for errand in errands[at : at + MAX_CONNECTIONS])
            replies += await asyncio.gather(*sent, return_exceptions=True)
        return replies


def _send(client: Any, errand: _Errand, whole: bool) -> Any:
    args = *declared(errand.tag), *errand.args
    return client.eval(errand.text, *args) if whole else client.evalsha(_hash(errand.text), *args)


class Scripts:
    """Calls scripts on one Redis or Cluster; a script's text travels only when the server does not have it yet.

    Each shard has a lane of its own, so that a node that is away holds up no other. A round trip saves waiting and system
    calls, and promises nothing about its neighbours.
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._lanes: dict[str, _Lane] = {}

    async def call(self, name: str, tag: str, *args: str | int) -> Any:
        """Run a script on the shard or fleet with the given tag and return its reply."""
        call = _Call(name, tag, args, asyncio.get_running_loop().create_future())
        lane = self._lanes.get(tag) or self._lanes.setdefault(tag, _Lane(self._client))
        lane.take(call)
        return await call.reply

    async def call_behind(
        self, lists: Sequence[str], patience: timedelta, name: str, tag: str, *args: str | int
    ) -> Any:
        """Take something from one of some lists, as soon as there is something or until `patience` is over, then run a script:
        all in one round trip, for the server does not read on while it keeps a client waiting. For a single Redis only."""
        pipe: Any = self._client.pipeline(transaction=False)
        pipe.blpop(lists, timeout=patience.total_seconds())
        _send(pipe, _Errand(load_scripts()[name], tag, args, ()), whole=False)
        taken, reply = await pipe.execute(raise_on_error=False)
        if isinstance(reply, NoScriptError):
            reply = await self.call(name, tag, *args)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(taken, Exception) and not reply:
            raise taken  # What the script did is done, and its reply must not be lost for this.
        return reply
