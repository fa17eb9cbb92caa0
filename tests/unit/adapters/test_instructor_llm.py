"""The way to the model, over a real socket against the stand-in."""

import asyncio
import json
import socket
from datetime import timedelta

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field, SecretStr

from chimera_cli.adapters.instructor_llm import InstructorLLM, ModelEndpoint
from chimera_cli.adapters.model_wire import WirePolicy
from chimera_cli.exceptions import BackendUnavailable, ConfigError, LLMError, ModelThrottled
from chimera_cli.handlers.content import PostDraft
from chimera_cli.models.telemetry import TelemetryEvent
from chimera_cli.simulation.stand_in_faults import Fault
from chimera_cli.simulation.stand_in_model import StandInPlan
from tests.stand_in import listening, serving

TIMEOUT = timedelta(seconds=30)
QUICK = WirePolicy(backoff=timedelta(milliseconds=5), attempts=4)


class Said:
    """Telemetry that remembers."""

    def __init__(self) -> None:
        self.events: list[TelemetryEvent] = []

    def emit(self, event: TelemetryEvent) -> None:
        self.events.append(event)


class Number(BaseModel):
    """A number."""

    number: int = Field(ge=3, le=3)


def llm_at(
    url: str | None, *, key: str = "k", model: str = "stand-in", said: Said | None = None, policy=QUICK
) -> InstructorLLM:
    endpoint = ModelEndpoint(base_url=url, api_key=SecretStr(key), model=model)
    return InstructorLLM(endpoint, said or Said(), policy=policy, chance=lambda: 0.5)


def completion(content: str | None, *, tokens: int = 7, **choice) -> dict:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}, **choice}
        ],
        "usage": {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": 2 * tokens},
    }


def app_of(*replies) -> tuple[FastAPI, list[dict]]:
    """An endpoint that gives these replies in turn, the last one for ever, and keeps what it was asked."""
    app, asked = FastAPI(), []

    @app.post("/v1/chat/completions")
    async def complete(request: Request):
        asked.append(await request.json())
        reply = replies[min(len(asked), len(replies)) - 1]
        return JSONResponse(reply) if isinstance(reply, dict) else reply

    return app, asked


async def test_an_answer_comes_in_the_asked_shape_with_its_usage():
    async with serving(StandInPlan(seed=1)) as served, llm_at(served.url) as llm:
        answer = await llm.ask("write", "a post", PostDraft, timeout=TIMEOUT)
    entry = served.journal["entries"][0]
    assert isinstance(answer.value, PostDraft)
    assert answer.model == "stand-in"
    assert (answer.usage.calls, answer.usage.input_tokens, answer.usage.output_tokens) == (
        1,
        entry["input_tokens"],
        entry["output_tokens"],
    )


async def test_a_shape_that_nobody_foresaw_is_answered_from_its_schema():
    async with serving(StandInPlan()) as served, llm_at(served.url) as llm:
        answer = await llm.ask("s", "u", Number, timeout=TIMEOUT)
    assert answer.value.number == 3


async def test_a_rate_limit_and_a_server_error_are_survived_and_told():
    said = Said()
    faults = {Fault.THROTTLE: {"draft": 1}, Fault.ERROR: {"draft": 1}}
    async with serving(StandInPlan(faults=faults, retry_after_s=0.01)) as served, llm_at(served.url, said=said) as llm:
        answer = await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert answer.usage.calls == 1
    assert [(e.name, e.fields["reason"], e.fields["attempt"]) for e in said.events] == [
        ("model.retried", "HTTP 429", 1),
        ("model.retried", "HTTP 500", 2),
    ]
    assert served.journal["throttled"] == 1


async def test_a_pause_that_the_provider_asks_for_is_never_shortened():
    said = Said()
    plan = StandInPlan(faults={Fault.THROTTLE: {"all": 1}}, retry_after_s=0.2)
    async with serving(plan) as served, llm_at(served.url, said=said) as llm:
        await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert said.events[0].fields["wait_s"] >= 0.2


async def test_a_rate_limit_longer_than_the_time_left_is_told_and_not_waited_for():
    plan = StandInPlan(faults={Fault.THROTTLE: {"all": 99}}, retry_after_s=120)
    async with serving(plan) as served, llm_at(served.url) as llm:
        with pytest.raises(ModelThrottled) as caught:
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert caught.value.retry_after == timedelta(seconds=120)
    assert served.journal["requests"] == 1


async def test_a_provider_that_fails_for_ever_is_unavailable_after_the_attempts():
    async with serving(StandInPlan(faults={Fault.ERROR: {"all": 99}})) as served, llm_at(served.url) as llm:
        with pytest.raises(BackendUnavailable, match="HTTP 500"):
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert served.journal["requests"] == QUICK.attempts


async def test_a_provider_that_throttles_for_ever_is_told_as_throttling_after_the_attempts():
    plan = StandInPlan(faults={Fault.THROTTLE: {"all": 99}}, retry_after_s=0.01)
    async with serving(plan) as served, llm_at(served.url) as llm:
        with pytest.raises(ModelThrottled):
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert served.journal["requests"] == QUICK.attempts


async def test_a_malformed_answer_goes_back_to_the_model_and_every_answer_is_paid_for_once():
    plan = StandInPlan(faults={Fault.MALFORMED: {"draft": 2}})
    async with serving(plan) as served, llm_at(served.url) as llm:
        answer = await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    entries = served.journal["entries"]
    assert [entry["fault"] for entry in entries] == ["malformed", "malformed", None]
    assert answer.usage.calls == 3
    assert answer.usage.input_tokens == sum(entry["input_tokens"] for entry in entries)
    assert answer.usage.output_tokens == sum(entry["output_tokens"] for entry in entries)


async def test_a_rate_limit_in_the_middle_of_a_correction_does_not_start_it_anew():
    app, asked = app_of(
        completion('{"number": 9}'),
        JSONResponse({}, status_code=429),
        completion('{"number": 8}'),
        completion('{"number": 3}'),
    )
    async with listening(app) as url, llm_at(f"{url}/v1") as llm:
        answer = await llm.ask("s", "u", Number, timeout=TIMEOUT)
    assert answer.usage.calls == 3
    assert [len(request["messages"]) for request in asked] == [2, 4, 4, 6]


async def test_an_answer_that_never_fits_costs_three_calls_and_says_so():
    async with serving(StandInPlan(faults={Fault.MALFORMED: {"all": 99}})) as served, llm_at(served.url) as llm:
        with pytest.raises(LLMError, match="missed the schema of PostDraft 3 times") as caught:
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert served.journal["requests"] == 3
    assert caught.value.spent == (
        3,
        sum(entry["input_tokens"] for entry in served.journal["entries"]),
        sum(entry["output_tokens"] for entry in served.journal["entries"]),
    )


@pytest.mark.parametrize(("fault", "words"), [(Fault.REFUSE, "refused"), (Fault.TRUNCATE, "cut short")])
async def test_a_refusal_and_a_cut_answer_are_not_asked_again(fault, words):
    async with serving(StandInPlan(faults={fault: {"all": 99}})) as served, llm_at(served.url) as llm:
        with pytest.raises(LLMError, match=words) as caught:
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert served.journal["requests"] == 1
    assert caught.value.spent[0] == 1


async def test_a_refused_key_names_its_setting_and_not_the_key():
    async with serving(StandInPlan(key="right")) as served, llm_at(served.url, key="wrong-key-42") as llm:
        with pytest.raises(ConfigError) as caught:
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert "OPENAI_API_KEY" in caught.value.hint
    assert "wrong-key-42" not in caught.value.message


@pytest.mark.parametrize("key", ["", "line\nbreak", "schlüssel"])
async def test_a_key_that_no_header_can_carry_is_a_config_error(key):
    async with llm_at("http://127.0.0.1:9/v1", key=key) as llm:
        with pytest.raises(ConfigError):
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)


async def test_an_unknown_model_is_a_config_error():
    async with serving(StandInPlan()) as served, llm_at(served.url, model="gpt-x") as llm:
        with pytest.raises(ConfigError, match="gpt-x"):
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)


async def test_an_endpoint_where_nobody_listens_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    async with llm_at(f"http://127.0.0.1:{port}/v1") as llm:
        with pytest.raises(BackendUnavailable, match="the model"):
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)


async def test_an_answer_that_never_comes_ends_with_the_timeout():
    gone = asyncio.Event()

    async def listen_only(reader, writer):
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(listen_only, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with llm_at(url) as llm:
        with pytest.raises(BackendUnavailable):
            await llm.ask("s", "u", PostDraft, timeout=timedelta(milliseconds=200))
    await asyncio.wait_for(gone.wait(), 5)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "reply",
    [
        PlainTextResponse("<html>welcome</html>"),
        PlainTextResponse("{broken", media_type="application/json"),
        {"choices": []},
        {"hello": "there"},
        JSONResponse([1]),
    ],
)
async def test_a_server_that_speaks_something_else_is_told_by_name(reply):
    app, _ = app_of(reply)
    async with listening(app) as url, llm_at(f"{url}/v1") as llm:
        with pytest.raises(LLMError, match="chat completions"):
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)


async def test_a_rejected_request_is_of_no_use_and_not_repeated():
    app, asked = app_of(JSONResponse({"error": {"message": "context too long"}}, status_code=400))
    async with listening(app) as url, llm_at(f"{url}/v1") as llm:
        with pytest.raises(LLMError, match="context too long"):
            await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert len(asked) == 1


async def test_braces_in_a_question_arrive_as_they_are_and_the_schema_with_them():
    app, asked = app_of(completion(json.dumps({"text": "hi"})))
    async with listening(app) as url, llm_at(f"{url}/v1") as llm:
        await llm.ask("s {{ 1 + 1 }}", "u {% raw %} https://x.example/a.png", PostDraft, timeout=TIMEOUT)
    assert [message["content"] for message in asked[0]["messages"]] == [
        "s {{ 1 + 1 }}",
        "u {% raw %} https://x.example/a.png",
    ]
    assert asked[0]["response_format"]["json_schema"]["name"] == "PostDraft"


async def test_questions_at_the_same_time_keep_their_own_accounts():
    async with serving(StandInPlan(latency_s=(0.0, 0.02))) as served, llm_at(served.url) as llm:
        answers = await asyncio.gather(*(llm.ask("s", f"u{n}", PostDraft, timeout=TIMEOUT) for n in range(10)))
    assert [answer.usage.calls for answer in answers] == [1] * 10


async def test_a_closed_model_opens_again_at_the_next_question():
    async with serving(StandInPlan()) as served, llm_at(served.url) as llm:
        await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
        await llm.aclose()
        await llm.ask("s", "u", PostDraft, timeout=TIMEOUT)
    assert served.journal["requests"] == 2
