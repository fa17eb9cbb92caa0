"""The Lua scripts: read from the package once, each with the transition code in front, called by their hash."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.models.task import TRANSITIONS

#: Calls in one round trip: what the agents of a process want at the same moment. Bounds what a reply may weigh.
MOST_AT_ONCE = 128
_LEGAL_MARK = "--@LEGAL@"
#: Scripts that work while nobody vouches for a shard: those that only read, the fleet's, and the reconciler's own. `push` is
#: also his, and asks by itself.
UNVOUCHED = frozenset({"counts", "fleet", "beat", "sweep", "survey", "vouch", "rebuild", "standing", "wipe", "push"})


def _legal_table() -> str:
    live = {source: targets for source, targets in TRANSITIONS.items() if not source.terminal}
    pairs = sorted(f"{source}>{target}" for source, targets in live.items() for target in targets)
    return "local LEGAL = {" + ", ".join(f"['{pair}'] = true" for pair in pairs) + "}"


@cache
def load_scripts() -> Mapping[str, str]:
    """Return the text of every script by name, ready to be sent."""
    folder = files("chimera_cli.adapters") / "lua"
    texts = {item.name.removesuffix(".lua"): item.read_text("utf-8") for item in folder.iterdir()}
    prelude = texts.pop("transition").replace(_LEGAL_MARK, _legal_table())
    return {name: f"{prelude}{'' if name in UNVOUCHED else 'demand_vouched()'}\n{text}" for name, text in texts.items()}


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


class Scripts:
    """Calls scripts on one Redis; a script's text travels only when the server does not have it yet.

    Calls made while a round trip is under way go together in the next one. Each is still an atom of its own: a round trip
    saves waiting and system calls, and promises nothing about its neighbours.
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._texts = load_scripts()
        self._waiting: list[_Call] = []
        self._courier: asyncio.Task[None] | None = None

    async def call(self, name: str, tag: str, *args: str | int) -> Any:
        """Run a script on the shard or fleet with the given tag and return its reply."""
        if not isinstance(self._client, Redis):
            # A cluster's pipeline would split by node again; its clients send at once.
            return await self._alone(name, tag, args)
        call = _Call(name, tag, args, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._courier is None:
            self._courier = asyncio.create_task(self._deliver(self._client), name="redis scripts")
        return await call.reply

    async def _deliver(self, client: Redis) -> None:
        try:
            while self._waiting:
                calls, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                await self._round_trip(client, calls)
        finally:
            self._courier = None

    async def _round_trip(self, client: Redis, calls: list[_Call]) -> None:
        try:
            pipe = client.pipeline(transaction=False)
            for call in calls:
                pipe.evalsha(_hash(self._texts[call.name]), 1, call.tag, *call.args)
            replies: list[Any] = await pipe.execute(raise_on_error=False)
            unknown = [call for call, reply in zip(calls, replies, strict=True) if isinstance(reply, NoScriptError)]
            for call, reply in zip(calls, replies, strict=True):
                if call not in unknown:
                    call.settle(reply)
            for call in unknown:
                call.settle(await client.eval(self._texts[call.name], 1, call.tag, *call.args))
        except Exception as exc:
            # Whatever it is belongs to those who called, or they would wait for ever.
            for call in calls:
                call.settle(exc)

    async def _alone(self, name: str, tag: str, args: tuple[str | int, ...]) -> Any:
        try:
            return await self._client.evalsha(_hash(self._texts[name]), 1, tag, *args)
        except NoScriptError:
            return await self._client.eval(self._texts[name], 1, tag, *args)
