"""What counts of what several Sentinels say."""

from collections.abc import Mapping
from typing import Any

import pytest
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from chimera_cli.adapters.redis_client import single_client
from chimera_cli.adapters.redis_sentinel import Sentinels, check_service
from chimera_cli.exceptions import BackendUnavailable, ConfigError

URL = "redis+sentinel://:pw@one,two,three/main/0"


class Speaker:
    """A Sentinel that says what it is told to."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.answer = answer

    async def sentinel_masters(self) -> Mapping[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        """Nothing to close."""


def state(port: int, epoch: int, *, down: bool = False) -> dict[str, Any]:
    flags = {"is_master": True, "is_sdown": down, "is_odown": False, "num-other-sentinels": 2}
    return {"ip": "10.0.0.1", "port": port, "config-epoch": str(epoch), **flags}


def sentinels(*answers: Mapping[str, Any] | Exception) -> Sentinels:
    made = Sentinels([])
    made.sentinels = [Speaker(answer) for answer in answers]
    return made


AWAY = RedisConnectionError("away")


async def test_the_newest_configuration_counts() -> None:
    asked = sentinels({"main": state(1, 4)}, {"main": state(2, 5)}, AWAY)
    assert await asked.discover_master("main") == ("10.0.0.1", 2)


async def test_one_sentinel_is_enough() -> None:
    assert await sentinels(AWAY, AWAY, {"main": state(1, 4)}).discover_master("main") == ("10.0.0.1", 1)


@pytest.mark.parametrize(("answer", "words"), [(AWAY, "no Sentinel answers"), ({"main": state(1, 1, down=True)}, "up")])
async def test_no_primary_that_is_up_is_told(answer: Any, words: str) -> None:
    with pytest.raises(MasterNotFoundError, match=words):
        await sentinels(answer).discover_master("main")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"other": state(1, 1), "cache": state(2, 1)}, ConfigError, "cache, other"),
        (AWAY, BackendUnavailable, "answers"),
        (AuthenticationError("NOAUTH"), ConfigError, "sentinel_password"),
    ],
)
async def test_what_is_wrong_with_the_sentinels_is_told(answer: Any, error: type[Exception], words: str) -> None:
    client = single_client(URL)
    client.connection_pool.sentinel_manager.sentinels = [Speaker(answer)]
    with pytest.raises(error) as wrong:
        await check_service(client)
    assert words in f"{wrong.value} {getattr(wrong.value, 'hint', '')}"
    await client.aclose()


async def test_a_client_without_sentinels_has_nothing_to_check() -> None:
    client = single_client("redis://127.0.0.1:1/0")
    await check_service(client)
    await client.aclose()
