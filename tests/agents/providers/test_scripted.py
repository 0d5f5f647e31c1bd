import numpy as np
import pytest

from agents.errors import Misconfigured, Unreachable
from agents.ports import Answered, Audio, DigitPressed, HangUp, Heard, Say, Stimulus
from agents.providers.registry import BrainSetup, EarsSetup, make_activity, make_brain, make_ears, make_voice
from agents.providers.scripted import ScriptedActivity, ScriptedBrain, ScriptedEars, ScriptedVoice

NOTHING = Audio(np.zeros(160, np.int16), 8000)


async def spoken(voice: ScriptedVoice, text: str) -> list[Audio]:
    return [audio async for audio in voice.synthesize(text)]


async def actions(brain: ScriptedBrain, stimulus: Stimulus) -> list[object]:
    return [action async for action in brain.respond(stimulus)]


async def test_scripted_ears_hear_the_given_texts_in_order_then_nothing() -> None:
    ears = ScriptedEars(["one", "two"])
    assert [(await ears.transcribe(NOTHING)).text for _ in range(3)] == ["one", "two", ""]
    assert ears.heard == [NOTHING] * 3


async def test_scripted_ears_can_repeat_or_decide_by_the_audio() -> None:
    repeating = ScriptedEars(["a"], repeat=True)
    assert [(await repeating.transcribe(NOTHING)).text for _ in range(2)] == ["a", "a"]
    deciding = ScriptedEars(lambda audio: f"{audio.duration_ms:.0f} ms")
    assert (await deciding.transcribe(NOTHING)).text == "20 ms"


async def test_scripted_ears_raise_a_given_error_in_its_turn() -> None:
    ears = ScriptedEars(["one", Unreachable("down"), "two"])
    assert (await ears.transcribe(NOTHING)).text == "one"
    with pytest.raises(Unreachable):
        await ears.transcribe(NOTHING)
    assert (await ears.transcribe(NOTHING)).text == "two"


@pytest.mark.parametrize("sound", ["tone", "noise"])
async def test_a_scripted_voice_sounds_as_long_as_its_text_and_always_the_same(sound: str) -> None:
    voice = ScriptedVoice(sound, ms_per_char=50)
    pieces = await spoken(voice, "Hello there")
    samples = np.concatenate([piece.samples for piece in pieces])
    assert len(samples) == 11 * 50 * 8
    assert [len(piece.samples) for piece in pieces] == [1600, 1600, 1200]
    assert ScriptedActivity().probabilities(samples).min() == 1
    again = np.concatenate([piece.samples for piece in await spoken(voice, "Hello there")])
    assert np.array_equal(samples, again)
    assert voice.spoken == ["Hello there", "Hello there"]


async def test_a_scripted_voice_fails_after_its_first_piece_when_told() -> None:
    voice = ScriptedVoice(failures={"*": Unreachable("down")})
    pieces = aiter(voice.synthesize("Hello there"))
    assert (await anext(pieces)).duration_ms == 200
    with pytest.raises(Unreachable):
        await anext(pieces)


async def test_a_scripted_brain_greets_answers_turns_and_then_stays_silent() -> None:
    brain = ScriptedBrain(["First.", [Say("Bye."), HangUp()]], greeting="Hello.")
    assert await actions(brain, Answered()) == [Say("Hello.")]
    assert await actions(brain, DigitPressed("1")) == []
    assert await actions(brain, Heard("a")) == [Say("First.")]
    assert await actions(brain, Heard("b")) == [Say("Bye."), HangUp()]
    assert await actions(brain, Heard("c")) == []
    brain.was_cut("Fir")
    await brain.aclose()
    assert (len(brain.stimuli), brain.cuts, brain.closed) == (5, ["Fir"], True)


def test_scripted_activity_calls_back_at_once_for_each_full_window() -> None:
    heard: list[float] = []
    stream = ScriptedActivity().open(heard.append)
    stream.push(np.zeros(200, np.int16))
    assert heard == []
    stream.push(np.full(400, 8000, np.int16))
    assert heard == [1.0, 1.0]
    stream.push(np.zeros(256, np.int16))
    assert heard == [1.0, 1.0, 1.0]
    stream.push(np.zeros(256, np.int16))
    assert heard[-1] == 0.0
    stream.close()
    stream.push(np.zeros(512, np.int16))
    assert len(heard) == 4


async def test_the_scripted_providers_are_found_by_name() -> None:
    ears = make_ears("scripted", EarsSetup(options={"texts": ["hi"]}))
    assert (await ears.transcribe(NOTHING)).text == "hi"
    assert make_brain("scripted", BrainSetup("agent", options={"replies": ["a"]})).name == "scripted"
    assert make_voice("scripted:noise").name == "scripted"
    assert make_activity("scripted").window_samples == 256


def test_wrong_options_of_the_scripted_providers_are_refused() -> None:
    with pytest.raises(Misconfigured, match="list of texts"):
        make_ears("scripted", EarsSetup(options={"texts": "hi"}))
    with pytest.raises(Misconfigured, match="tone, noise"):
        make_voice("scripted:drum")
