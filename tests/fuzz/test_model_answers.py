"""A provider that answers anything at all, over a real socket: the swarm's own errors, nothing else, and never for ever."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from chimera_cli.adapters.instructor_llm import InstructorLLM, ModelEndpoint
from chimera_cli.exceptions import SwarmError
from chimera_cli.services.planning import PlanDraft
from tests.fuzz.profile import ODD_TIMES, VALUES, budget
from tests.hostile import TEXTS

WITHIN = timedelta(seconds=3)


@dataclass
class Provider:
    """What it says next; set by the test, read by the server's threads."""

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def provider() -> Iterator[Provider]:
    said = Provider()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(said.status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(said.body)),
                **said.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        said.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield said
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def model() -> Iterator[Provider]:
    with provider() as made:
        yield made


class Deaf:
    """Hears nothing."""

    def emit(self, event: object) -> None:
        """Let it go."""


def ask(model: Provider, shape: type[BaseModel]) -> BaseModel | SwarmError:
    """Ask once; what is raised must be one of ours, and come in time."""

    async def question() -> BaseModel | SwarmError:
        endpoint = ModelEndpoint(base_url=model.url, api_key=SecretStr("key"), model="m")
        async with asyncio.timeout(60), InstructorLLM(endpoint, Deaf()) as llm:
            try:
                return (await llm.ask("system", "user", shape, timeout=WITHIN)).value
            except SwarmError as error:
                return error

    return asyncio.run(question())


def completion(content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        **more,
    }


ANSWERS = st.one_of(
    VALUES.map(json.dumps),
    st.fixed_dictionaries(
        {
            "tasks": st.lists(
                st.dictionaries(
                    st.sampled_from(
                        ["key", "kind", "title", "payload", "deadline", "depends_on", "priority", "max_retries"]
                    ),
                    VALUES | ODD_TIMES,
                    max_size=5,
                ),
                max_size=3,
            )
        }
    ).map(json.dumps),
    TEXTS,
)


@budget(12)
@given(
    answer=ANSWERS, usage=st.none() | st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), VALUES)
)
@example(answer="[" * 50_000, usage=None)
@example(answer='{"tasks": [{"key": "a", "key": "b", "kind": "x", "title": 1e999}]}', usage={"prompt_tokens": 10**30})
@example(answer="9" * 10_000, usage={"prompt_tokens": -1, "completion_tokens": -1})
@example(answer='{"tasks": "' + "x" * 1_000_000 + '"}', usage=None)
def test_no_answer_of_the_model_surprises(answer: str, usage: Any, model: Provider) -> None:
    model.status, model.headers = 200, {}
    model.body = json.dumps(completion(answer, **({} if usage is None else {"usage": usage}))).encode()
    assert isinstance(ask(model, PlanDraft), PlanDraft | SwarmError)


@budget(12)
@given(
    body=VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=100),
    status=st.sampled_from([200, 201, 204, 302, 400, 401, 404, 413, 422]),
)
@example(body=b"[" * 50_000, status=200)
@example(body=b'{"choices": [{"message": null}]}', status=200)
@example(body=json.dumps({"choices": None, "error": {"message": ["x"] * 9}}).encode(), status=400)
@example(body=b"\x1f\x8b not gzip", status=200)
def test_no_reply_of_the_endpoint_surprises(body: bytes, status: int, model: Provider) -> None:
    model.status, model.body, model.headers = status, body, {}
    assert isinstance(ask(model, PlanDraft), PlanDraft | SwarmError)


@pytest.mark.parametrize(
    "headers", [{"content-encoding": "gzip"}, {"content-type": "text/html; charset=\xff"}, {"location": "http://["}]
)
def test_no_header_of_the_endpoint_surprises(headers: dict[str, str], model: Provider) -> None:
    model.status, model.body, model.headers = (302 if "location" in headers else 200), b"{}", headers
    assert isinstance(ask(model, PlanDraft), PlanDraft | SwarmError)
