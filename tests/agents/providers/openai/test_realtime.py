"""Live ears, the Realtime voice and the speech-to-speech brain, over a real websocket."""

import asyncio
from typing import Any

import numpy as np
import pytest

from agents.errors import (
    Malformed,
    Misconfigured,
)
from agents.ports import (
    Answered,
    Audio,
    EndedTurn,
    FarSpeechStarted,
    FarSpeechStopped,
    FarTranscribed,
    HangUp,
    Note,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    SpeechEvent,
    Transcript,
)
from agents.providers.mulaw import Encoder, encode
from agents.providers.openai_live_ears import OpenAILiveEars
from agents.providers.openai_realtime import RealtimeBrain
from agents.providers.openai_realtime_voice import RealtimeVoice, alike
from agents.providers.openai_voice import LINES
from agents.providers.registry import (
    BrainSetup,
    EarsSetup,
    make_ears,
    make_speech_brain,
    make_voice,
)
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble

LOUD = b"\x00" * 160
QUIET = b"\xff" * 160
SECOND = Audio(np.zeros(8000, np.int16), 8000)


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    LINES.clear()


def live_ears(openai: OpenAIDouble, **options: object) -> OpenAILiveEars:
    made = make_ears("openai-live", EarsSetup(options={**openai.options, **options}))
    assert isinstance(made, OpenAILiveEars)
    return made


def session_of(openai: OpenAIDouble) -> dict[str, Any]:
    session = openai.script.received[0]["session"]
    assert isinstance(session, dict)
    return session


# --- Ears -------------------------------------------------------------------------------------------------------------
async def test_partial_text_comes_while_a_turn_is_transcribed(openai: OpenAIDouble) -> None:
    openai.script.transcripts += ["Two pizzas please", "And a beer"]
    partial: list[str] = []
    stream = await live_ears(openai).open(partial.append, language="en-GB", keywords=("Klix",))
    stream.push(SECOND)
    assert await stream.commit() == Transcript("Two pizzas please")
    assert partial == ["Two", "Two pizzas", "Two pizzas please"]
    stream.push(SECOND)
    assert (await stream.commit()).text == "And a beer"
    await stream.aclose()
    assert session_of(openai) == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "gpt-live-transcribe", "languages": ["en"], "keywords": ["Klix"]},
                "turn_detection": None,
            }
        },
    }
    assert openai.script.asked[0].query == {"intent": "transcription"}


async def test_the_server_may_decide_where_turns_end(openai: OpenAIDouble) -> None:
    openai.script.transcripts.append("Two pizzas")
    turns: asyncio.Queue[EndedTurn] = asyncio.Queue()
    ears = live_ears(openai, silence_duration_ms=200, endpointing="server")
    assert ears.endpointing_ms == 200
    stream = await ears.open(lambda text: None, on_turn=turns.put_nowait)
    stream.push(Audio(np.full(4000, 20_000, np.int16), 8000))
    stream.push(Audio(np.zeros(4000, np.int16), 8000))
    turn = await asyncio.wait_for(turns.get(), 5)
    assert (await turn.text).text == "Two pizzas"
    assert 0 <= turn.start_ms <= turn.end_ms <= 1000
    stream.push(Audio(np.full(4000, 20_000, np.int16), 8000))
    assert (await stream.commit()).text == openai.script.default_transcript
    await stream.aclose()


async def test_a_turn_too_short_for_the_server_is_padded_and_none_is_not_sent(openai: OpenAIDouble) -> None:
    stream = await live_ears(openai).open(lambda text: None)
    assert (await stream.commit()).text == ""
    stream.push(Audio(np.zeros(80, np.int16), 8000))
    assert (await stream.commit()).text == openai.script.default_transcript
    sent = [event["type"] for event in openai.script.received]
    assert sent == ["session.update", *["input_audio_buffer.append"] * 2, "input_audio_buffer.commit"]
    await stream.aclose()


async def test_live_ears_also_take_a_whole_turn(openai: OpenAIDouble) -> None:
    assert (await live_ears(openai).transcribe(SECOND)).text == openai.script.default_transcript


def test_mulaw_is_that_of_g711() -> None:
    samples = np.array([0, -1, 4, 1000, -1000, 32767, -32768], np.int16)
    assert encode(samples) == bytes([0xFF, 0x7F, 0xFE, 0xCE, 0x4E, 0x80, 0x00])


def test_audio_of_another_rate_is_resampled_without_losing_any() -> None:
    encoder = Encoder()
    sent = b"".join(encoder.push(Audio(np.zeros(480, np.int16), 24_000)) for _ in range(100))
    assert 15_000 <= len(sent) <= 16_000


# --- Voice ------------------------------------------------------------------------------------------------------------
def voice(openai: OpenAIDouble, **options: object) -> RealtimeVoice:
    made = make_voice("openai-realtime:cedar", options={**openai.options, **options})
    assert isinstance(made, RealtimeVoice)
    return made


async def spoken(made: RealtimeVoice, text: str) -> list[Audio]:
    return [audio async for audio in made.synthesize(text)]


async def played_before_the_error(made: RealtimeVoice, text: str) -> list[Audio]:
    heard: list[Audio] = []
    try:
        async for audio in made.synthesize(text):
            heard.append(audio)
    except Malformed as error:
        return heard if "something else" in error.message else []
    return []


async def test_a_line_is_read_aloud_out_of_band(openai: OpenAIDouble) -> None:
    made = voice(openai)
    pieces = await spoken(made, "Good morning, Dana.")
    assert sum(len(piece.samples) for piece in pieces) == 3 * 2401
    assert {piece.sample_rate_hz for piece in pieces} == {24_000}
    await spoken(made, "How are you?")
    await made.aclose()
    assert len(openai.script.asked) == 1
    assert session_of(openai)["audio"]["output"]["voice"] == "cedar"
    asked = [event["response"] for event in openai.script.received if event["type"] == "response.create"]
    assert [request["conversation"] for request in asked] == ["none", "none"]
    assert asked[1]["input"][0]["content"][0]["text"] == "How are you?"


async def test_a_line_said_in_other_words_is_never_played(openai: OpenAIDouble) -> None:
    openai.script.spoken = "Sure, I can help you with that!"
    made = voice(openai)
    with pytest.raises(Malformed, match="something else"):
        await spoken(made, "Your table is booked.")
    assert await played_before_the_error(made, "Your table is booked.") == []
    await made.aclose()


async def test_a_long_line_is_checked_while_it_is_played(openai: OpenAIDouble) -> None:
    openai.script.spoken = "Sure, I can help you with that!"
    made = voice(openai, check="while")
    assert len(await played_before_the_error(made, "Your table is booked.")) > 1
    await made.aclose()


async def test_a_line_after_one_that_was_cut_is_whole(openai: OpenAIDouble) -> None:
    made = voice(openai, check="while")
    speech = made.synthesize("One two three four five six.")
    async for _ in speech:
        break
    await speech.aclose()  # type: ignore[attr-defined]  # it is an async generator
    assert sum(len(piece.samples) for piece in await spoken(made, "Good morning.")) == 2 * 2401
    await made.aclose()


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("Your table is booked for eight.", True),
        ("your table is booked for 8", True),
        ("Your table, is booked for eight", True),
        ("Sure! Your table is booked for eight. Anything else I can do?", False),
        ("", False),
    ],
)
def test_a_transcript_is_alike_when_its_words_are(said: str, same: bool) -> None:
    assert alike(said, "Your table is booked for eight.") is same


# --- Brain ------------------------------------------------------------------------------------------------------------
def realtime(openai: OpenAIDouble, *, side: str = "agent", **options: Any) -> RealtimeBrain:
    setup = BrainSetup(side, prompt="You sell pizza.", options={"speaks_first": False, **openai.options, **options})
    made = make_speech_brain("realtime", setup)
    assert isinstance(made, RealtimeBrain)
    return made


def speak(brain: RealtimeBrain, *, loud_frames: int = 10, quiet_frames: int = 30) -> None:
    for frame in [LOUD] * loud_frames + [QUIET] * quiet_frames:
        brain.push(frame)


async def until(brain: RealtimeBrain, kind: type[SpeechEvent]) -> list[SpeechEvent]:
    """What happens up to the first of `kind`, and a way to go on."""
    found: list[SpeechEvent] = []
    async for event in brain.events():
        found.append(event)
        if isinstance(event, kind):
            return found
    raise AssertionError("the events ended")


async def test_a_turn_goes_in_as_mulaw_and_the_reply_comes_out_as_mulaw(openai: OpenAIDouble) -> None:
    openai.script.transcripts.append("Two pizzas")
    openai.script.replies.append(Reply("Coming up."))
    brain = realtime(openai)
    await brain.open()
    speak(brain)
    happened = await until(brain, ReplyEnded)
    began = happened[0]
    assert isinstance(began, FarSpeechStarted)
    assert 0 <= began.at_ms <= 300
    assert FarSpeechStopped(200, began.item) in happened
    heard = [event for event in happened if isinstance(event, FarTranscribed)]
    assert [(event.text, event.final) for event in heard] == [
        ("Two", False),
        ("Two pizzas", False),
        ("Two pizzas", True),
    ]
    audio = [event for event in happened if isinstance(event, ReplyAudio)]
    assert b"".join(event.mulaw for event in audio) == b"\x20" * 3200
    texts = [event.text for event in happened if isinstance(event, ReplyText)]
    assert texts == ["Coming ", "Coming up."]
    assert happened[-1] == ReplyEnded(audio[0].item, "Coming up.")
    assert session_of(openai)["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session_of(openai)["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    assert session_of(openai)["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    await brain.aclose()


async def test_speech_during_a_reply_cuts_it_and_what_was_played_is_told(openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply("One two three four five six seven eight nine ten."))
    openai.script.piece_s = 0.002
    brain = realtime(openai)
    await brain.open()
    speak(brain)
    events = brain.events()
    item = ""
    cut = None
    async for event in events:
        if isinstance(event, ReplyAudio) and not item:
            item = event.item
            speak(brain, quiet_frames=0)
        elif isinstance(event, FarSpeechStarted) and item:
            brain.truncate(item, 40)
        elif isinstance(event, ReplyEnded):
            cut = event
            break
    assert cut is not None
    assert cut.cut
    assert cut.item == item
    # The server refuses to cancel what it cancelled itself: that is no news.
    speak(brain, loud_frames=0)
    assert not any(isinstance(event, Note) for event in await until(brain, FarSpeechStopped))
    truncated = [event for event in openai.script.received if event["type"] == "conversation.item.truncate"]
    assert truncated == [
        {"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 40}
    ]
    await brain.aclose()


async def test_no_more_is_truncated_than_was_sent(openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply("Yes."))
    brain = realtime(openai, speaks_first=True)
    await brain.open()
    assert brain.tell(Answered())
    ended = (await until(brain, ReplyEnded))[-1]
    assert isinstance(ended, ReplyEnded)
    brain.truncate(ended.item, 99_000)
    speak(brain, quiet_frames=0)
    await until(brain, FarSpeechStarted)
    (truncate,) = [event for event in openai.script.received if event["type"] == "conversation.item.truncate"]
    assert truncate["audio_end_ms"] == 200
    await brain.aclose()


async def test_a_function_is_answered_and_the_model_goes_on(openai: OpenAIDouble) -> None:
    openai.script.replies += [Reply("", calls=(("opening_hours", "{}"),)), Reply("Until ten.")]
    brain = realtime(openai, speaks_first=True, tools=[{"name": "opening_hours", "answer": "until 22:00"}])
    await brain.open()
    brain.tell(Answered())
    happened = await until(brain, ReplyEnded)
    notes = [event for event in happened if isinstance(event, Note)]
    assert [note.name for note in notes] == ["tool_called", "tool_answered"]
    (created,) = [event for event in openai.script.received if event["type"] == "conversation.item.create"]
    assert created["item"] == {"type": "function_call_output", "call_id": "call_0", "output": "until 22:00"}
    assert isinstance(happened[-1], ReplyEnded)
    assert happened[-1].text == "Until ten."
    await brain.aclose()


async def test_the_model_ends_the_call_by_the_function(openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply("Goodbye.", calls=(("hang_up", '{"reason": "done"}'),)))
    brain = realtime(openai, speaks_first=True)
    await brain.open()
    assert brain.tell(Answered())
    happened = await until(brain, HangUp)
    assert happened[-1] == HangUp("done")
    assert any(isinstance(event, ReplyEnded) for event in happened)
    await brain.aclose()


async def test_a_caller_that_leaves_its_role_is_noted(openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply("Hello! How can I help you today?"))
    brain = realtime(openai, side="caller", speaks_first=True)
    await brain.open()
    brain.tell(Answered())
    happened = await until(brain, Note)
    assert happened[-1] == Note("left_role", {"words": "How can I help you"})
    await brain.aclose()


async def test_a_brain_that_was_not_opened_says_so(openai: OpenAIDouble) -> None:
    with pytest.raises(Misconfigured, match="opened"):
        realtime(openai).push(QUIET)
