"""A stand-in for a language model: a small OpenAI-compatible server with canned answers and no intelligence, loopback only.

    python -m chimera_cli.simulation.stand_in_model --port 8089 --seed 7 --throttle draft=1 --malformed verdict=1

It makes `chimera simulate` and `chimera up` take the same wire as production: the openai client, HTTP, JSON schema or tool
calls, usage figures, rate limits and broken answers. GET /journal tells what it served.
"""

import argparse
import asyncio
import hashlib
import json
import socket
import sys
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from chimera_cli.local.stand_in import MODEL_NAME
from chimera_cli.models.noun import Noun
from chimera_cli.simulation.stand_in_answers import answer, purpose
from chimera_cli.simulation.stand_in_faults import Fault, Faults, Journal

HOST = "127.0.0.1"


class StandInPlan(Noun):
    """How one stand-in model behaves."""

    seed: int = 0
    """Same seed and question, same answer."""
    latency_s: tuple[float, float] = (0.0, 0.0)
    """Shortest and longest time before an answer."""
    retry_after_s: float = 0.2
    """Pause told with a rate limit."""
    faults: dict[Fault, dict[str, int]] = Field(default_factory=dict)
    """How many first requests go wrong, by fault and purpose (plan, draft, verdict, other, all)."""
    key: str = ""
    """Bearer token that requests must carry; empty accepts any."""


class Disturbance(Noun):
    """What goes wrong from now on, told to POST /disturb."""

    fault: Fault | None = None
    """What happens to the next requests; None for nothing."""
    requests: int = Field(default=1, ge=1, le=10_000)
    """How many requests it happens to."""
    slow_s: float = Field(default=0.0, ge=0, le=600)
    """Time that each answer takes longer."""
    slow_for_s: float = Field(default=0.0, ge=0, le=86_400)
    """How long answers take longer."""


class StandIn:
    """One stand-in model: its behaviour, its journal, and one answer a request."""

    def __init__(self, plan: StandInPlan) -> None:
        self.plan = plan
        self.journal = Journal()
        self._faults = Faults(plan.faults)
        self._slow_s, self._slow_until = 0.0, 0.0

    def disturb(self, how: Disturbance) -> None:
        """Have the next requests go wrong, or take longer."""
        if how.fault is not None:
            self._faults.more(how.fault, how.requests)
        self._slow_s, self._slow_until = how.slow_s, time.monotonic() + how.slow_for_s

    async def complete(self, request: dict[str, Any]) -> JSONResponse:
        """Answer one chat completion request."""
        shape, schema = _asked(request)
        prompt = "\n".join(str(message.get("content") or "") for message in request["messages"])
        why = purpose(shape)
        fault = self._faults.next(why)
        await asyncio.sleep(self._latency(prompt))
        if fault is Fault.THROTTLE:
            self.journal.note(why, 429, fault)
            return _error(429, "stand-in rate limit", headers={"Retry-After": f"{self.plan.retry_after_s:g}"})
        if fault is Fault.ERROR:
            self.journal.note(why, 500, fault)
            return _error(500, "stand-in failure")
        content = json.dumps(answer(shape, schema, prompt, self.plan.seed), ensure_ascii=False)
        if fault in {Fault.MALFORMED, Fault.TRUNCATE}:
            content = content[: len(content) // 2]
        usage = {"prompt_tokens": len(prompt) // 4 + 1, "completion_tokens": len(content) // 4 + 1}
        self.journal.note(
            why, 200, fault, input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"]
        )
        return JSONResponse(_completion(request, content, fault, usage))

    def _latency(self, prompt: str) -> float:
        shortest, longest = self.plan.latency_s
        drawn = hashlib.sha256(f"{self.plan.seed}\n{prompt}".encode()).digest()
        usual = Random(drawn).uniform(shortest, longest)  # nosec B311 # the same question must take the same time
        return usual + (self._slow_s if time.monotonic() < self._slow_until else 0.0)


def create_app(stand_in: StandIn) -> FastAPI:
    """Make the HTTP application around a stand-in model."""
    app = FastAPI(
        title="chimera stand-in model", description="Canned answers, no intelligence.", docs_url=None, redoc_url=None
    )

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> JSONResponse:
        return _refusal(request, stand_in.plan.key) or await _served(stand_in, await request.body())

    @app.get("/v1/models")
    async def models(request: Request) -> JSONResponse:
        refused = _refusal(request, stand_in.plan.key)
        listed = {
            "object": "list",
            "data": [{"id": MODEL_NAME, "object": "model", "created": 0, "owned_by": "chimera"}],
        }
        return refused or JSONResponse(listed)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"ok": True, "model": MODEL_NAME}

    @app.get("/journal")
    async def journal() -> dict[str, Any]:
        return {"model": MODEL_NAME, "seed": stand_in.plan.seed, **stand_in.journal.as_dict()}

    @app.post("/disturb")
    async def disturb(how: Disturbance) -> dict[str, Any]:
        stand_in.disturb(how)
        return {"ok": True}

    return app


async def _served(stand_in: StandIn, body: bytes) -> JSONResponse:
    try:
        asked = json.loads(body)
        known = asked["model"] == MODEL_NAME
        messages_fit = all(isinstance(message, dict) for message in asked["messages"])
    except (ValueError, KeyError, TypeError):
        return _error(400, "not a chat completion request")
    if not known:
        return _error(404, f"this stand-in serves the model {MODEL_NAME!r} only")
    if asked.get("stream") or not messages_fit:
        return _error(400, "the stand-in answers whole messages only")
    return await stand_in.complete(asked)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    options = _parser().parse_args(arguments)
    wanted = {fault: dict(getattr(options, fault) or ()) for fault in Fault}
    low, high = options.latency_ms
    plan = StandInPlan(
        seed=options.seed,
        latency_s=(low / 1000, high / 1000),
        retry_after_s=options.retry_after_s,
        faults={fault: numbers for fault, numbers in wanted.items() if numbers},
    )
    app = create_app(StandIn(plan))
    with socket.create_server((HOST, options.port)) as listener:
        sys.stdout.write(f"stand-in model on http://{HOST}:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stand_in_model", description="A stand-in for a language model, on loopback only."
    )
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--seed", type=int, default=0, help="same seed and question, same answer")
    parser.add_argument("--latency-ms", type=_span, default=(0.0, 0.0), metavar="A-B", help="time before an answer")
    parser.add_argument("--retry-after-s", type=float, default=0.2, help="pause told with a rate limit")
    for fault in Fault:
        parser.add_argument(
            f"--{fault}",
            type=_count,
            action="append",
            metavar="[PURPOSE=]N",
            help=f"first N requests of plan, draft, verdict or other (of each without a purpose) that end as: {fault}",
        )
    return parser


def _span(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    shortest, longest = float(low), float(high or low)
    if not 0 <= shortest <= longest:
        raise ValueError(text)
    return shortest, longest


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition("=")
    if name not in {"", "plan", "draft", "verdict", "other"}:
        raise ValueError(text)
    return name or "all", int(number)


def _asked(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return title and schema of the shape asked for, from the response format or the tool to call."""
    wanted = (request.get("response_format") or {}).get("json_schema")
    if wanted:
        return str(wanted.get("name", "")), wanted.get("schema") or {}
    if request.get("tools"):
        function = request["tools"][0]["function"]
        return str(function.get("name", "")), function.get("parameters") or {}
    return "", {}


def _refusal(request: Request, key: str) -> JSONResponse | None:
    if key and request.headers.get("authorization") != f"Bearer {key}":
        return _error(401, "wrong key")
    return None


def _error(status: int, message: str, *, headers: dict[str, str] | None = None) -> JSONResponse:
    body = {"error": {"message": message, "type": "stand_in", "param": None, "code": None}}
    return JSONResponse(body, status_code=status, headers=headers)


def _completion(request: dict[str, Any], content: str, fault: Fault | None, usage: dict[str, int]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    reason = "length" if fault is Fault.TRUNCATE else "stop"
    if fault is Fault.REFUSE:
        message.update(content=None, refusal="the stand-in was told to refuse")
    elif request.get("tools"):
        call = {"name": request["tools"][0]["function"]["name"], "arguments": content}
        message.update(content=None, tool_calls=[{"id": "call_stand_in", "type": "function", "function": call}])
        reason = "tool_calls" if reason == "stop" else reason
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return {
        "id": f"chatcmpl-stand-in-{digest}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL_NAME,
        "choices": [{"index": 0, "finish_reason": reason, "logprobs": None, "message": message}],
        "usage": {**usage, "total_tokens": usage["prompt_tokens"] + usage["completion_tokens"]},
    }


if __name__ == "__main__":
    main()
