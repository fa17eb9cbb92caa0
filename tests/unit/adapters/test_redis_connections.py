"""What a connection does with a replica's answer."""

import asyncio

import pytest

from chimera_cli.adapters.redis_client import single_client
from chimera_cli.adapters.redis_connections import LEAVING, Demoted, Leaving
from chimera_cli.adapters.redis_errors import translate
from chimera_cli.exceptions import BackendUnavailable

WORDS = (
    "READONLY You can't write against a read only replica.",
    "ERR Error running script: @user_script: 1: -READONLY You can't write against a read only replica.",
)


@pytest.mark.parametrize("words", WORDS)
async def test_a_refused_write_of_a_replica_ends_the_connection_and_is_an_outage(words: str) -> None:
    greeted: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(writer)
        while await reader.readline():  # Five lines of a GET with one key.
            await reader.readexactly(len("$3\r\nGET\r\n$1\r\nk\r\n"))
            writer.write(f"-{words}\r\n".encode())

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        client = single_client(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        for _ in range(2):
            with pytest.raises(Demoted) as demoted:
                await client.get("k")
            assert isinstance(translate(demoted.value), BackendUnavailable)
        await client.aclose()
        assert len(greeted) == 2
        for writer in greeted:
            writer.close()


def test_every_kind_of_connection_has_its_like() -> None:
    assert all(issubclass(ours, Leaving) and issubclass(ours, theirs) for theirs, ours in LEAVING.items())
