"""deploy/redis.acl: a user who may do what chimera does, and nothing else."""

import re
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from chimera_cli.adapters.keys import Keys
from chimera_cli.adapters.redis_client import open_redis
from chimera_cli.adapters.redis_errors import redis_errors
from chimera_cli.adapters.scripts import load_scripts
from chimera_cli.exceptions import ConfigError
from tests.acl import TEMPLATE, USER, allowed, limited_url
from tests.servers import Servers

KEY = f"{Keys('acl').shard(0)}:x"
CALLED = re.compile(r"redis\.p?call\('([A-Z]+)'")
FORBIDDEN = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
    ("DEBUG", "SLEEP", "0"),
    ("SHUTDOWN", "NOSAVE"),
    ("ACL", "SETUSER", USER, "+@all"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLUSTER", "RESET"),
    ("SCRIPT", "FLUSH"),
    ("REPLICAOF", "NO", "ONE"),
    ("MONITOR",),
    ("XGROUP", "DESTROY", KEY, "w"),
    ("GET", "a key of somebody else"),
    ("SET", "{other:default:0}:q", "1"),
    ("EVAL", "return redis.call('FLUSHALL')", "0"),
    ("EVAL", "return redis.call('SET', 'undeclared', 1)", "0"),
]


@pytest.fixture
async def user(servers: Servers) -> AsyncIterator[Redis]:
    async with Redis.from_url(limited_url([servers.redis.url]), decode_responses=True) as client:
        yield client


@pytest.mark.parametrize("command", FORBIDDEN, ids=lambda command: " ".join(command)[:40])
async def test_the_user_may_do_nothing_that_chimera_does_not(user: Redis, command: tuple[str, ...]) -> None:
    with pytest.raises(ResponseError, match=r"permission|can't run|can't access"):
        await user.execute_command(*command)


def test_the_file_allows_every_command_that_a_script_calls_and_few_others() -> None:
    called = {command for text in load_scripts().values() for command in CALLED.findall(text)}
    assert len(called) > 20
    assert called <= allowed(), "add these to deploy/redis.acl"
    connecting = {
        "AUTH",
        "HELLO",
        "PING",
        "SELECT",
        "CLIENT",
        "INFO",
        "CLUSTER",
        "COMMAND",
        "ASKING",
        "EVAL",
        "EVALSHA",
    }
    # By the client itself: the wake-up calls, the record's reading, the shards' number; SCAN is the reconciler's.
    asked = {"BLPOP", "RPUSH", "PEXPIRE", "XTRIM", "SET", "GET", "SCAN"}
    # Processes of the release before, which may run beside ours.
    older = {"XREADGROUP", "XGROUP"}
    assert allowed() <= called | connecting | asked | older, "nobody needs these: take them out of deploy/redis.acl"


async def test_a_user_who_lacks_a_command_is_told_where_the_right_rules_are(user: Redis) -> None:
    with pytest.raises(ConfigError) as caught, redis_errors():
        await user.execute_command("EVAL", "return redis.call('KEYS', '*')", 0)
    assert "deploy/redis.acl" in caught.value.hint
    with pytest.raises(ConfigError) as caught, redis_errors():
        await user.keys("*")
    assert isinstance(caught.value.__cause__, NoPermissionError)
    assert "deploy/redis.acl" in caught.value.hint


async def test_a_server_that_keeps_its_configuration_to_itself_is_no_obstacle(servers: Servers) -> None:
    async with open_redis(limited_url([servers.redis.url])) as client:
        with pytest.raises(NoPermissionError):
            await client.config_get("maxmemory-policy")


async def test_the_file_as_it_is_lets_nobody_in_for_its_password_is_to_be_filled_in(redis_url: str) -> None:
    rules = TEMPLATE.read_text("utf-8").splitlines()[1].split()[2:]
    async with Redis.from_url(redis_url) as admin:
        with pytest.raises(ResponseError, match="ACL SETUSER modifier '#replace"):
            await admin.execute_command("ACL", "SETUSER", "copied", *rules)
