"""What a run's questions to the model consumed."""

from datetime import timedelta

import pytest

from chimera_cli.exceptions import LLMError
from chimera_cli.handlers.content import PostDraft
from chimera_cli.handlers.context import MeteredLLM
from chimera_cli.models.result import Usage
from tests.fake_llm import scripted


async def test_good_and_useless_answers_are_both_on_the_bill():
    llm = MeteredLLM(scripted({"text": "hi"}, LLMError("refused", spent=(2, 30, 4)), {"text": "ho"}))
    ask = lambda: llm.ask("s", "u", PostDraft, timeout=timedelta(seconds=1))  # noqa: E731
    await ask()
    with pytest.raises(LLMError):
        await ask()
    await ask()
    assert llm.usage == Usage(calls=4, input_tokens=50, output_tokens=14)
