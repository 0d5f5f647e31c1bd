"""What the ears of whole calls are told: names and words to listen for; and who decides where a turn ends."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from calls import listener
from calls.models import Turn
from calls.states import Ending
from tests.calls.exchange import Telephone, db
from tests.calls.served import agent, events_of, held, served_by_a_double, turns_of
from tests.doubles.openai_faults import Kind
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


async def test_the_server_ends_the_turns_where_live_ears_are_set_so(
    openai: OpenAIDouble, phone: Telephone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "SERVER_LATE_MS", 300_000)  # the call's clock runs ahead of the server's
    hears = {"endpointing": "server", "silence_duration_ms": 400}
    call = await held(phone, await db(agent, "chat", "openai-live", "scripted:tone", ears_options=hears), within_s=300)
    assert call.ending == Ending.AGENT_HUNG_UP
    kinds = {event["type"] for event in openai.script.received}
    assert "input_audio_buffer.commit" not in kinds
    session = next(event["session"] for event in openai.script.received if event["type"] == "session.update")
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "prefix_padding_ms": 300,
        "silence_duration_ms": 400,
    }
    turns = await db(lambda: list(Turn.objects.filter(call=call).order_by("index")))
    assert (turns[0].side, turns[0].text) == ("caller", "A table please.")
    assert turns[0].start_ms < turns[0].end_ms < turns[1].start_ms
    assert not await db(events_of, call, "ProviderFailed")


async def test_a_turn_in_which_the_servers_connection_breaks_ends_by_our_own_rules_and_the_next_by_the_servers(
    openai: OpenAIDouble, phone: Telephone, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900
    monkeypatch.setattr(listener, "SERVER_LATE_MS", 300_000)  # nobody could wait for that
    hears = {"endpointing": "server", "silence_duration_ms": 400}
    openai.script.fail("/realtime", Kind.CUT, times=1, after=3)  # after session.created, .updated and speech_started
    call = await held(phone, await db(agent, "chat", "openai-live", "scripted:tone", ears_options=hears), within_s=800)
    assert call.ending == Ending.AGENT_HUNG_UP, await db(events_of, call, "ProviderFailed")
    assert [text for side, text in await db(turns_of, call) if side == "caller"][:2] == [
        "A table please.",
        "Thank you.",
    ]
    assert not await db(events_of, call, "ProviderFailed")


async def test_a_server_that_does_not_end_a_turn_is_told_to(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings
) -> None:
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900
    hears = {"endpointing": "server", "silence_duration_ms": 400}
    openai.script.voice_activity = False
    call = await held(phone, await db(agent, "chat", "openai-live", "scripted:tone", ears_options=hears), within_s=300)
    assert call.ending == Ending.AGENT_HUNG_UP
    assert "input_audio_buffer.commit" in {event["type"] for event in openai.script.received}
    assert (await db(turns_of, call))[0] == ("caller", "A table please.")
