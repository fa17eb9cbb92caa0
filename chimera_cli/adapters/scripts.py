"""The Lua scripts: read from the package once, each with the transition code in front, called by their hash."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from chimera_cli.adapters.redis_client import RedisClient
from chimera_cli.models.task import TRANSITIONS

_LEGAL_MARK = "--@LEGAL@"


def _legal_table() -> str:
    pairs = sorted(f"{source}>{target}" for source, targets in TRANSITIONS.items() for target in targets)
    return "local LEGAL = {" + ", ".join(f"['{pair}'] = true" for pair in pairs) + "}"


@cache
def load_scripts() -> Mapping[str, str]:
    """Return the text of every script by name, ready to be sent."""
    folder = files("chimera_cli.adapters") / "lua"
    texts = {item.name.removesuffix(".lua"): item.read_text("utf-8") for item in folder.iterdir()}
    prelude = texts.pop("transition").replace(_LEGAL_MARK, _legal_table())
    return {name: f"{prelude}\n{text}" for name, text in texts.items()}


class Scripts:
    """Calls scripts on one Redis; the text travels only when the server does not have it yet."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._texts = load_scripts()
        self._hashes = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in self._texts.items()}

    async def call(self, name: str, tag: str, *args: str | int) -> Any:
        """Run a script on the shard or fleet with the given tag and return its reply."""
        try:
            return await self._client.evalsha(self._hashes[name], 1, tag, *args)
        except NoScriptError:
            return await self._client.eval(self._texts[name], 1, tag, *args)
