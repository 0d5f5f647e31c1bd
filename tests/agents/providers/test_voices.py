import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from agents.errors import Misconfigured
from agents.ports import Audio
from agents.providers import hibari, joe
from agents.providers.joe import espeak_phonemes
from agents.providers.local_voice import LineCache, LocalVoice, Manner, trimmed
from agents.providers.moonshine import Moonshine
from agents.providers.registry import make_activity, make_voice
from evaluations.segments import speech_segments
from tests.agents.providers.sound import over_the_phone, said, word_errors

VOICES = ["hibari:heart", "hibari:deep", "hibari:high", "joe:joe"]
LINES = [
    "Hello, I would like to order two cheeseburgers and a large lemonade.",
    "Your order comes to twelve dollars and fifty cents. Is that for here or to go?",
    "My account number is four seven one nine.",
    "Can you tell me whether the appointment on Thursday morning is still available?",
    "Thank you for calling. Have a good day.",
    "We open at nine in the morning and close at half past five in the afternoon.",
]


def pitch_hz(audio: Audio) -> float:
    """The median fundamental frequency of the voiced 40 ms frames, by autocorrelation."""
    rate, size = audio.sample_rate_hz, audio.sample_rate_hz // 25
    found = []
    for start in range(0, len(audio.samples) - size, size):
        frame = audio.samples[start : start + size].astype(np.float64)
        likeness = np.correlate(frame, frame, "full")[size - 1 :]
        shortest, longest = rate // 400, rate // 60
        period = shortest + int(likeness[shortest:longest].argmax())
        if frame.std() > 600 and likeness[period] > 0.5 * likeness[0]:
            found.append(rate / period)
    return float(np.median(found))


@pytest.mark.parametrize("voice", VOICES)
async def test_a_voice_is_understood_over_the_phone(voice: str) -> None:
    ears, wrong, words = Moonshine(), 0, 0
    for line in LINES:
        errors, count = word_errors(line, (await ears.transcribe(await over_the_phone(voice, line))).text)
        wrong, words = wrong + errors, words + count
    assert wrong / words <= 0.08


@pytest.mark.parametrize("voice", VOICES)
async def test_a_voice_speaks_at_the_pace_of_a_person_on_the_phone(voice: str) -> None:
    activity, words, spoken_ms = make_activity(), 0, 0
    for line in LINES:
        segments = speech_segments((await over_the_phone(voice, line)).samples, activity)
        words += len(line.split())
        spoken_ms += sum(segment.end_ms - segment.start_ms for segment in segments)
    assert 150 <= 60_000 * words / spoken_ms <= 200


async def test_agent_and_caller_are_two_clearly_different_speakers() -> None:
    woman, man = [pitch_hz(await said(voice, LINES[3])) for voice in ("hibari:heart", "joe")]
    assert 170 < woman < 230
    assert 80 < man < 130


async def test_the_variants_of_a_voice_are_lower_and_higher() -> None:
    deep, heart, high = [pitch_hz(await said(f"hibari:{name}", LINES[3])) for name in ("deep", "heart", "high")]
    assert deep / heart == pytest.approx(0.7, abs=0.05)
    assert high / heart == pytest.approx(1.15, abs=0.05)


@pytest.mark.parametrize("voice", VOICES)
async def test_speed_shortens_a_line(voice: str) -> None:
    slow, fast = await said(voice, LINES[0], speed=0.8), await said(voice, LINES[0], speed=1.25)
    assert fast.duration_ms < 0.85 * slow.duration_ms


@pytest.mark.parametrize(("voice", "render"), [("heart", hibari.render), ("joe", joe.render)])
def test_a_line_sounds_the_same_whenever_it_is_rendered(
    voice: str, render: Callable[[str, str, Manner], Audio]
) -> None:
    phonemes = hibari.phonemize("How can I help?")[0]
    once, again = (render(phonemes, voice, Manner()) for _ in range(2))
    assert np.array_equal(once.samples, again.samples)


@pytest.mark.parametrize("voice", VOICES)
async def test_a_reply_starts_without_delay_and_its_sentences_are_pieces(voice: str) -> None:
    pieces = [piece async for piece in make_voice(voice).synthesize("Good morning. How can I help?")]
    assert len(pieces) == 2
    for piece in pieces:
        loud = np.flatnonzero(np.abs(piece.samples.astype(int)) > 1000)
        assert 1000 * loud[0] / piece.sample_rate_hz < 150
        assert 1000 * (len(piece.samples) - loud[-1]) / piece.sample_rate_hz < 350


@pytest.mark.parametrize("text", ["", "  ", "…", "!?", "\n"])
async def test_a_text_without_a_word_is_no_sound(text: str) -> None:
    for voice in VOICES:
        assert [piece async for piece in make_voice(voice).synthesize(text)] == []


async def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(Misconfigured, match="5000 characters"):
        await anext(aiter(make_voice("hibari").synthesize("a" * 5001)))


@pytest.mark.parametrize("voice", ["hibari", "joe"])
@pytest.mark.parametrize("options", [{"speed": 3}, {"speed": "fast"}, {"speed": True}, {"seed": -1}, {"pitch": 2}])
def test_wrong_options_are_refused_with_what_is_allowed(voice: str, options: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"speed|seed"):
        make_voice(voice, options=options)


def test_a_voice_that_would_be_a_download_does_not_exist() -> None:
    with pytest.raises(Misconfigured, match="heart, deep, high"):
        make_voice("hibari:emma")


def test_phonemes_are_rewritten_as_espeak_writes_them() -> None:
    assert espeak_phonemes("plˈiz") == "plˈiːz"
    assert espeak_phonemes("həlˈO ðɛɹ") == "həlˈoʊ ðɛɹ"
    assert espeak_phonemes("hˈæpi ju ˈɔɹdəɹ tˈɜɹn") == "hˈæpi juː ˈɔːɹdɚ tˈɜːn"
    assert espeak_phonemes("ʧˈYs ʤˈAmz mˈWθ lˈITᵊl") == "tʃˈɔɪs dʒˈeɪmz mˈaʊθ lˈaɪɾəl"


class CountedVoice:
    """Renders 100 ms of a square wave a sentence and notes it."""

    def __init__(self, cache: LineCache) -> None:
        self.rendered: list[str] = []
        self.voice = LocalVoice("test", "v", Manner(), phonemize=self.phonemize, render=self.render, cache=cache)

    def phonemize(self, text: str) -> Sequence[str]:
        return text.split("|")

    def render(self, phonemes: str, voice: str, manner: Manner) -> Audio:
        self.rendered.append(phonemes)
        return Audio(np.full(800, 1000, np.int16), 8000)

    async def say(self, text: str) -> list[Audio]:
        return [piece async for piece in self.voice.synthesize(text)]


async def test_a_line_that_was_spoken_before_is_not_rendered_again() -> None:
    counted = CountedVoice(LineCache())
    first = await counted.say("a|b")
    again = await counted.say("b|a")
    assert counted.rendered == ["a", "b"]
    assert again == [first[1], first[0]]
    with pytest.raises(ValueError, match="read-only"):
        first[0].samples[0] = 1


async def test_the_cache_forgets_the_line_used_longest_ago() -> None:
    cache = LineCache(max_bytes=3300)
    counted = CountedVoice(cache)
    for text in ("a", "b", "a", "c", "a", "b"):
        await counted.say(text)
    assert counted.rendered == ["a", "b", "c", "b"]
    assert cache.bytes == 3200


async def test_a_cut_reply_renders_no_further_sentence() -> None:
    counted = CountedVoice(LineCache())
    pieces = counted.voice.synthesize("a|b|c")
    await anext(pieces)
    task = asyncio.ensure_future(anext(pieces))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "c" not in counted.rendered


def test_silence_around_a_sentence_is_cut_to_what_a_reply_needs() -> None:
    samples = np.concatenate([np.zeros(4000), np.full(800, 9000), np.zeros(4000)]).astype(np.int16)
    assert len(trimmed(Audio(samples, 8000)).samples) == 160 + 800 + 1200
    assert len(trimmed(Audio(np.zeros(4000, np.int16), 8000)).samples) == 0
