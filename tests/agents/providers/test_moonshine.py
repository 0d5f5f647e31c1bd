import asyncio

import numpy as np
import pytest

from agents.errors import Misconfigured
from agents.ports import Audio, Samples
from agents.providers.moonshine import MAX_PIECE_S, MIN_PIECE_S, MODEL_HZ, Moonshine, pieces
from agents.providers.registry import EarsSetup, make_ears
from tests.agents.providers.sound import noise, over_the_phone, word_errors

ORDER = "I would like two cheeseburgers and a large lemonade, please."


async def test_a_sentence_over_the_phone_is_heard_word_for_word() -> None:
    transcript = await Moonshine().transcribe(await over_the_phone("hibari:heart", ORDER))
    assert word_errors(ORDER, transcript.text)[0] == 0
    assert transcript.language == "en"


@pytest.mark.parametrize("sound", [np.zeros(8000, np.int16), noise(-40), noise(-20), np.zeros(0, np.int16)])
async def test_sound_without_speech_is_no_words(sound: Samples) -> None:
    assert (await Moonshine().transcribe(Audio(sound, 8000))).text == ""


async def test_calls_that_speak_at_once_do_not_hear_each_others_words() -> None:
    texts = [ORDER, "We open at nine in the morning.", "Thank you for calling. Have a good day."]
    sounds = [await over_the_phone("hibari:heart", text) for text in texts] * 2
    ears = Moonshine()
    heard = await asyncio.gather(*(ears.transcribe(sound) for sound in sounds))
    for text, transcript in zip(texts * 2, heard, strict=True):
        assert word_errors(text, transcript.text)[0] <= 1


async def test_a_minute_of_speech_is_heard_once_not_over_and_over() -> None:
    sound = await over_the_phone("hibari:heart", ORDER)
    samples = np.concatenate([sound.samples] * 12)
    heard = (await Moonshine().transcribe(Audio(samples, 8000))).text
    assert heard.lower().count("lemonade") == 12


def test_a_long_segment_is_cut_where_it_is_quiet() -> None:
    random = np.random.default_rng(2)
    samples = random.integers(-9000, 9000, 50 * MODEL_HZ).astype(np.int16)
    for pause_s in (14, 27):
        samples[pause_s * MODEL_HZ : pause_s * MODEL_HZ + MODEL_HZ // 4] = 0
    found = pieces(samples)
    assert np.array_equal(np.concatenate(found), samples)
    assert [len(piece) / MODEL_HZ for piece in found[:2]] == pytest.approx([14.12, 13], abs=0.15)
    assert all(MIN_PIECE_S <= len(piece) / MODEL_HZ <= MAX_PIECE_S for piece in found[:-1])


async def test_another_language_is_refused_not_misheard() -> None:
    with pytest.raises(Misconfigured, match="English only"):
        make_ears("moonshine", EarsSetup(language="es"))
    with pytest.raises(Misconfigured, match="English only"):
        await Moonshine().transcribe(Audio(np.zeros(800, np.int16), 8000), language="fr-FR")


def test_every_kind_of_english_is_english() -> None:
    for language in ("", "en", "en-GB", "EN-us"):
        assert make_ears("moonshine", EarsSetup(language=language)).name == "moonshine"
