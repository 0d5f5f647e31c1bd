"""What the ears of whole calls are told: names and words to listen for; and who decides where a turn ends."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from calls.states import Ending
from tests.calls.exchange import Telephone, db
from tests.calls.served import agent, held, served_by_a_double
from tests.doubles.openai_server import OpenAIDouble

pytestmark = pytest.mark.django_db(transaction=True)
PROMPT = "You take orders for Bella Napoli. You sell the Margherita and the Diavola."
WORDS = ["Calzone", "Bella Napoli", "Margherita", "Diavola"]


@pytest.fixture
def openai(settings: LazySettings) -> Iterator[OpenAIDouble]:
    with served_by_a_double(settings) as double:
        yield double


def transcription_of_session(openai: OpenAIDouble) -> dict[str, Any]:
    session = next(event["session"] for event in openai.script.received if event["type"] == "session.update")
    told: dict[str, Any] = session["audio"]["input"]["transcription"]
    return told


@pytest.mark.parametrize("model", ["gpt-transcribe", "whisper-1"])
async def test_every_turn_is_heard_with_the_words_of_the_prompt_and_the_agents_own(
    openai: OpenAIDouble, phone: Telephone, model: str
) -> None:
    hears = {"keywords": ["Calzone"], "model": model}
    call = await held(phone, await db(agent, "chat", "openai", "scripted:tone", prompt=PROMPT, ears_options=hears))
    assert call.ending == Ending.AGENT_HUNG_UP
    asked = [request.body for request in openai.script.requests("/audio/transcriptions")]
    assert len(asked) >= 2
    for body in asked:
        if model == "whisper-1":
            assert body["prompt"] == ", ".join(WORDS)
        else:
            assert (body["keywords[]"], body["languages[]"]) == (WORDS, ["en"])


async def test_live_ears_are_told_the_words_when_their_session_begins(openai: OpenAIDouble, phone: Telephone) -> None:
    hears = {"keywords": ["Calzone"]}
    version = await db(agent, "chat", "openai-live", "scripted:tone", prompt=PROMPT, ears_options=hears)
    assert (await held(phone, version)).ending == Ending.AGENT_HUNG_UP
    assert transcription_of_session(openai) == {
        "model": "gpt-live-transcribe",
        "languages": ["en"],
        "keywords": WORDS,
    }


async def test_a_brain_that_hears_for_itself_has_its_turns_written_down_with_the_words(
    openai: OpenAIDouble, phone: Telephone
) -> None:
    version = await db(agent, "realtime", "", "", prompt=PROMPT, keywords=["Calzone"])
    assert (await held(phone, version)).ending == Ending.AGENT_HUNG_UP
    assert transcription_of_session(openai) == {"model": "gpt-transcribe", "languages": ["en"], "keywords": WORDS}
