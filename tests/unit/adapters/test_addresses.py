"""Addresses of servers, without user and password."""

import pytest

from chimera_cli.adapters.addresses import postgres_address, redis_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://:secret@h:6380/3", "h:6380/3"),
        ("rediss://user:secret@h", "h:6379/0"),
        ("redis://h/?db=4", "h:6379/4"),
        ("redis://[::1]:7/0", "[::1]:7/0"),
        ("unix:///run/redis.sock", "unix:/run/redis.sock/0"),
        ("unix://:secret@/run/redis.sock?db=2", "unix:/run/redis.sock/2"),
        ("redis+sentinel://:secret@a:1,b:2/mymaster/5", "sentinel mymaster/5"),
        ("rediss+sentinel://a,b/mymaster", "sentinel mymaster/0"),
    ],
)
def test_a_redis_is_named_without_its_password(url: str, address: str) -> None:
    assert redis_address(url) == address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://u:secret@h/d", "h:5432/d"),
        ("postgresql+psycopg://u:secret@h:6000/d?sslmode=require", "h:6000/d"),
        ("postgresql:///d?host=/run/pg&port=6001", "/run/pg:6001/d"),
        ("postgresql://u:secret@a:1,b:2/d", "a:1,b:2/d"),
        ("postgresql://u:secret@h", "h:5432/u"),
    ],
)
def test_a_postgres_is_named_without_its_password(url: str, address: str) -> None:
    assert postgres_address(url) == address
