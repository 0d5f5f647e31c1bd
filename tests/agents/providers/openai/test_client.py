import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import Response

from agents.ports import Heard
from agents.providers.openai_client import client_for, close_clients, warm_up
from agents.providers.openai_options import Endpoint
from agents.providers.openai_rehearsal import ANSWERS
from agents.providers.openai_streams import read_to_end
from tests.agents.providers.openai.asking import CAPABILITIES, actions_of, brain
from tests.doubles.openai_server import OpenAIDouble


class Counted:
    """Counts how often TLS contexts and clients are built, and builds them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.contexts = self.clients = 0
        make_context: Any = ssl.SSLContext.__new__
        make_client: Any = AsyncOpenAI.__init__

        def new(*args: Any, **kwargs: Any) -> Any:
            self.contexts += 1
            return make_context(*args, **kwargs)

        def init(*args: Any, **kwargs: Any) -> None:
            self.clients += 1
            make_client(*args, **kwargs)

        monkeypatch.setattr(ssl.SSLContext, "__new__", new)
        monkeypatch.setattr(AsyncOpenAI, "__init__", init)


async def test_no_tls_context_and_no_client_is_built_during_a_turn(
    openai: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = brain("chat", openai.options)
    await actions_of(asked, Heard("Hello?"))
    counted = Counted(monkeypatch)
    for _ in range(3):
        await actions_of(asked, Heard("And now?"))
    for ask, _, _ in CAPABILITIES.values():
        await ask(openai.options)
    assert (counted.contexts, counted.clients) == (0, 0)
    httpx2.create_ssl_context()
    assert counted.contexts == 1
    await asked.aclose()


def test_what_the_client_builds_with_its_first_answers_is_built_ahead() -> None:
    warm_up()
    for answer in (ChatCompletionChunk, Response):
        assert answer.__pydantic_complete__, answer


async def test_every_kind_of_answer_that_providers_ask_for_was_rehearsed(openai: OpenAIDouble) -> None:
    for ask, _, _ in CAPABILITIES.values():
        await ask(openai.options)
    parsed = [asked for asked in openai.script.requests("/v1/") if not asked.path.endswith("/audio/speech")]
    asked_for = {(asked.path, str(asked.body.get("stream", "")).lower() == "true") for asked in parsed}
    known = ANSWERS.keys()
    assert [one for one in asked_for if not any(one[0].endswith(end) and one[1] is live for end, live in known)] == []
    assert len(asked_for) >= 8


async def test_a_second_server_gets_a_client_but_no_tls_context_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    warm_up()
    counted = Counted(monkeypatch)
    client_for(Endpoint("https://api.openai.com/v1", "a"))
    client_for(Endpoint("https://speech.example/v1", "b"))
    client_for(Endpoint("https://speech.example/v1", "b"))
    assert (counted.contexts, counted.clients) == (0, 2)


def test_each_event_loop_has_a_client_of_its_own(openai: OpenAIDouble) -> None:
    async def turn() -> AsyncOpenAI:
        ask, _, _ = CAPABILITIES["brain chat"]
        assert await ask(openai.options)
        client = client_for(Endpoint(openai.url, "sk-double"))
        await close_clients()
        return client

    assert asyncio.run(turn()) is not asyncio.run(turn())


@pytest.mark.parametrize("name", ["chat", "responses", "assistants"])
async def test_the_connection_is_kept_between_turns(openai: OpenAIDouble, name: str) -> None:
    asked = brain(name, openai.options)
    for _ in range(3):
        await actions_of(asked, Heard("Hello?"))
    assert len({request.headers["x-double-port"] for request in openai.script.asked}) == 1
    await asked.aclose()


async def test_a_stream_that_does_not_end_after_its_last_event_holds_nothing_up() -> None:
    async def endless() -> AsyncIterator[str]:
        yield "one more"
        await asyncio.Event().wait()

    await asyncio.wait_for(read_to_end(endless()), timeout=5)


def test_a_key_is_not_shown() -> None:
    assert "sk-secret" not in repr(Endpoint("https://api.openai.com/v1", "sk-secret"))
