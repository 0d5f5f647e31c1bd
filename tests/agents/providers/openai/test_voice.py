import numpy as np
import pytest

from agents.errors import Malformed, Misconfigured
from agents.ports import Audio, Usage
from agents.providers.openai_voice import LINES, Lines, Pcm
from agents.providers.registry import make_voice
from tests.doubles.openai_audio import speech_bytes
from tests.doubles.openai_server import OpenAIDouble


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    LINES.clear()


async def spoken(openai: OpenAIDouble, text: str, name: str = "openai:marin", **options: object) -> list[Audio]:
    voice = make_voice(name, options={**openai.options, **options})
    return [audio async for audio in voice.synthesize(text)]


async def test_odd_pieces_of_pcm_come_out_as_whole_samples(openai: OpenAIDouble) -> None:
    pieces = await spoken(openai, "Good morning.")
    assert len(pieces) > 1
    assert {piece.sample_rate_hz for piece in pieces} == {24_000}
    samples = np.concatenate([piece.samples for piece in pieces])
    assert samples.dtype == np.int16
    assert samples.tobytes() == speech_bytes("Good morning.")


async def test_voice_and_model_and_manner_are_asked_for(openai: OpenAIDouble) -> None:
    await spoken(openai, "Hi.", "openai:cedar", instructions="Whisper.", speed=1.2)
    (asked,) = openai.script.requests("/audio/speech")
    assert asked.body == {
        "input": "Hi.",
        "model": "gpt-4o-mini-tts",
        "voice": "cedar",
        "response_format": "pcm",
        "instructions": "Whisper.",
        "speed": 1.2,
    }


async def test_a_line_said_again_comes_from_the_cache(openai: OpenAIDouble) -> None:
    first = await spoken(openai, "Welcome.")
    again = await spoken(openai, "Welcome.")
    assert np.array_equal(
        np.concatenate([piece.samples for piece in first]), np.concatenate([piece.samples for piece in again])
    )
    assert len(openai.script.requests("/audio/speech")) == 1
    await spoken(openai, "Welcome.", "openai:cedar")
    assert len(openai.script.requests("/audio/speech")) == 2


def test_the_cache_forgets_the_line_used_longest_ago() -> None:
    lines = Lines(size=2)
    piece = Audio(np.zeros(1, np.int16), 24_000)
    lines.keep(("a",), [piece])
    lines.keep(("b",), [piece])
    lines.get(("a",))
    lines.keep(("c",), [piece])
    assert [lines.get((key,)) is not None for key in "abc"] == [True, False, True]


async def test_a_line_that_broke_is_not_cached(openai: OpenAIDouble) -> None:
    voice = make_voice("openai", options=openai.options)
    speech = voice.synthesize("A line that is cut.")
    async for _ in speech:
        break
    await speech.aclose()  # type: ignore[attr-defined]  # it is an async generator
    assert sum(len(piece.samples) for piece in await spoken(openai, "A line that is cut.")) == 240 * 19


async def test_nothing_to_say_is_no_request(openai: OpenAIDouble) -> None:
    assert await spoken(openai, "  ") == []
    assert openai.script.asked == []


async def test_too_long_a_line_is_refused_here(openai: OpenAIDouble) -> None:
    with pytest.raises(Malformed, match="4096"):
        await spoken(openai, "a" * 4097)


async def test_characters_and_seconds_are_counted(openai: OpenAIDouble, usages: list[Usage]) -> None:
    voice = make_voice("openai", options=openai.options, on_usage=usages.append)
    assert [audio async for audio in voice.synthesize("Hello.")]
    assert (usages[0].characters, round(usages[0].audio_ms)) == (6, 60)


def test_openai_has_the_known_voices_and_another_server_its_own() -> None:
    with pytest.raises(Misconfigured, match="no voice 'nobody'"):
        make_voice("openai:nobody", options={"api_key": "k"})
    with pytest.raises(Misconfigured, match="no voice 'fable'"):
        make_voice("openai-realtime:fable", options={"api_key": "k"})
    make_voice("openai:fable", options={"api_key": "k"})
    make_voice("openai:voice_mine", options={"api_key": "k"})
    make_voice("openai:af_heart", options={"base_url": "http://127.0.0.1:8880/v1"})


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_of_any_size_make_the_same_samples(size: int) -> None:
    data = np.arange(100, dtype="<i2").tobytes()
    pcm = Pcm()
    pieces = [pcm.take(data[start : start + size]) for start in range(0, len(data), size)]
    assert np.concatenate([piece.samples for piece in pieces if piece]).tolist() == list(range(100))
    assert not pcm.ended_inside_a_sample
