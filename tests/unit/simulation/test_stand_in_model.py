"""The stand-in as a server and as a command."""

import asyncio
import json
import sys

import httpx2
import pytest

from chimera_cli.simulation.stand_in_faults import Fault, Faults, Journal
from chimera_cli.simulation.stand_in_model import StandInPlan, main
from tests.stand_in import serving

QUESTION = {"model": "stand-in", "messages": [{"role": "user", "content": "hi"}]}
SHAPE = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def client(served) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=served.url.removesuffix("/v1"), trust_env=False)


async def test_it_says_that_it_is_a_stand_in_wherever_it_shows():
    async with serving(StandInPlan(seed=5)) as served, client(served) as http:
        models = (await http.get("/v1/models")).json()
        health = (await http.get("/health")).json()
        journal = (await http.get("/journal")).json()
        answer = (await http.post("/v1/chat/completions", json=QUESTION)).json()
    assert [model["id"] for model in models["data"]] == ["stand-in"]
    assert (health["model"], journal["model"], answer["model"]) == ("stand-in",) * 3
    assert journal["seed"] == 5


async def test_a_tool_call_is_answered_by_a_tool_call():
    tool = {"type": "function", "function": {"name": "Note", "parameters": SHAPE}}
    async with serving(StandInPlan()) as served, client(served) as http:
        answer = (await http.post("/v1/chat/completions", json={**QUESTION, "tools": [tool]})).json()
    choice = answer["choices"][0]
    call = choice["message"]["tool_calls"][0]["function"]
    assert (choice["finish_reason"], call["name"]) == ("tool_calls", "Note")
    assert json.loads(call["arguments"])["text"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**QUESTION, "model": "gpt-x"}, 404),
        ({**QUESTION, "stream": True}, 400),
        ({**QUESTION, "messages": ["hi"]}, 400),
        ({"model": "stand-in"}, 400),
        ([1], 400),
    ],
)
async def test_what_it_cannot_answer_is_refused_in_the_providers_form(body, status):
    async with serving(StandInPlan()) as served, client(served) as http:
        reply = await http.post("/v1/chat/completions", json=body)
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


async def test_a_wrong_key_is_refused_when_one_is_set():
    async with serving(StandInPlan(key="k")) as served, client(served) as http:
        assert (await http.get("/v1/models")).status_code == 401
        assert (await http.get("/v1/models", headers={"Authorization": "Bearer k"})).status_code == 200


async def test_the_journal_counts_what_went_wrong():
    plan = StandInPlan(faults={Fault.THROTTLE: {"other": 1}, Fault.MALFORMED: {"other": 1}}, retry_after_s=1.5)
    async with serving(plan) as served, client(served) as http:
        replies = [await http.post("/v1/chat/completions", json=QUESTION) for _ in range(3)]
        journal = (await http.get("/journal")).json()
    assert [reply.status_code for reply in replies] == [429, 200, 200]
    assert replies[0].headers["retry-after"] == "1.5"
    assert (journal["requests"], journal["throttled"], journal["malformed"], journal["served"]) == (
        3,
        1,
        1,
        {"other": 1},
    )
    assert [entry["fault"] for entry in journal["entries"]] == ["throttle", "malformed", None]


def test_faults_are_counted_for_each_purpose():
    faults = Faults({Fault.THROTTLE: {"plan": 1}, Fault.ERROR: {"all": 1}})
    assert [faults.next("plan") for _ in range(3)] == [Fault.THROTTLE, Fault.ERROR, None]
    assert [faults.next("draft") for _ in range(2)] == [Fault.ERROR, None]


def test_the_journal_keeps_the_last_entries_and_all_counts():
    journal = Journal()
    for _ in range(1500):
        journal.note("draft", 200, None)
    told = journal.as_dict()
    assert (told["requests"], told["served"], len(told["entries"])) == (1500, {"draft": 1500}, 1000)
    assert told["entries"][-1]["seq"] == 1500


async def test_the_command_serves_on_loopback_until_it_is_told_to_stop(tmp_path):
    errors = tmp_path / "stderr"
    with errors.open("wb") as stderr:
        arguments = ("--port", "0", "--seed", "3", "--latency-ms", "1-2", "--throttle", "draft=1", "--malformed", "2")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "chimera_cli.simulation.stand_in_model",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
        line = await asyncio.wait_for(process.stdout.readline(), 15)
        url = line.decode().split()[-1]
        async with httpx2.AsyncClient(trust_env=False) as http:
            journal = (await http.get(f"{url}/journal")).json()
        process.terminate()
        await asyncio.wait_for(process.wait(), 5)
    assert url.startswith("http://127.0.0.1:")
    assert journal["seed"] == 3
    assert "Traceback" not in errors.read_text()


@pytest.mark.parametrize("argument", ["--latency-ms=9-1", "--throttle=cake=1", "--malformed=many", "--seed=x"])
def test_a_wrong_argument_is_a_usage_error(argument, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--port", "0", argument])
    assert caught.value.code == 2
    assert argument.split("=")[0] in capsys.readouterr().err
