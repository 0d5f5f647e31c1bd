import io
import wave

import numpy as np
import pytest

from agents.errors import Malformed, Misconfigured
from agents.ports import Audio, Usage, Word
from agents.providers.openai_ears import OpenAIEars
from agents.providers.registry import EARS, EarsSetup, make_ears
from tests.agents.providers.openai.asking import SECOND
from tests.doubles.openai_server import OpenAIDouble


def ears(openai: OpenAIDouble, **options: object) -> OpenAIEars:
    made = make_ears("openai", EarsSetup(options={**openai.options, **options}))
    assert isinstance(made, OpenAIEars)
    return made


async def test_a_turn_is_sent_as_wav_and_comes_back_as_text(openai: OpenAIDouble) -> None:
    openai.script.transcripts.append("Two pizzas, please.")
    samples = np.arange(-400, 400, dtype=np.int16)
    heard = await ears(openai).transcribe(Audio(samples, 8000))
    assert (heard.text, heard.language, heard.words) == ("Two pizzas, please.", "en", ())
    (asked,) = openai.script.requests("/audio/transcriptions")
    with wave.open(io.BytesIO(asked.body["file"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert np.array_equal(np.frombuffer(file.readframes(-1), "<i2"), samples)


async def test_gpt_transcribe_gets_languages_and_keywords(openai: OpenAIDouble) -> None:
    await ears(openai).transcribe(SECOND, language="en-GB", keywords=("Klix", "Margherita"))
    (asked,) = openai.script.requests("/audio/transcriptions")
    assert asked.body["languages[]"] == ["en"]
    assert asked.body["keywords[]"] == ["Klix", "Margherita"]
    assert "language" not in asked.body


async def test_whisper_gets_language_and_prompt_and_gives_word_times(openai: OpenAIDouble) -> None:
    openai.script.transcripts.append("Two pizzas")
    heard = await ears(openai, model="whisper-1").transcribe(SECOND, language="en", keywords=("Klix", "Margherita"))
    (asked,) = openai.script.requests("/audio/transcriptions")
    assert (asked.body["language"], asked.body["prompt"]) == ("en", "Klix, Margherita")
    assert asked.body["timestamp_granularities[]"] == ["word"]
    assert heard.words == (Word("Two", 0, 300), Word("pizzas", 300, 600))
    assert heard.language == "en"


async def test_text_streams_in_while_the_server_writes_it(openai: OpenAIDouble) -> None:
    openai.script.transcripts.append("Two pizzas please")
    partial: list[str] = []
    stream = await ears(openai).open(partial.append, language="en")
    for _ in range(3):
        stream.push(SECOND)
    heard = await stream.commit()
    assert partial == ["Two", "Two pizzas", "Two pizzas please", "Two pizzas please"]
    assert heard.text == "Two pizzas please"
    (asked,) = openai.script.requests("/audio/transcriptions")
    assert asked.body["stream"] == "true"
    assert len(asked.body["file"]) == 44 + 3 * 16_000


async def test_whisper_is_asked_for_the_whole_at_once(openai: OpenAIDouble) -> None:
    partial: list[str] = []
    stream = await ears(openai, model="whisper-1").open(partial.append)
    stream.push(SECOND)
    assert (await stream.commit()).text == openai.script.default_transcript
    assert partial == []
    assert "stream" not in openai.script.requests("/audio/transcriptions")[0].body


async def test_no_audio_is_no_request(openai: OpenAIDouble) -> None:
    assert (await ears(openai).transcribe(Audio(np.zeros(0, np.int16), 8000))).text == ""
    stream = await ears(openai).open(lambda text: None)
    assert (await stream.commit()).text == ""
    assert openai.script.asked == []


async def test_the_server_is_not_asked_to_find_turns_in_files(openai: OpenAIDouble) -> None:
    with pytest.raises(Malformed, match="openai-live"):
        await ears(openai).open(lambda text: None, on_turn=lambda turn: None)


async def test_the_length_of_the_audio_is_counted(openai: OpenAIDouble, usages: list[Usage]) -> None:
    made = make_ears("openai", EarsSetup(options=openai.options, on_usage=usages.append))
    await made.transcribe(SECOND)
    assert (usages[0].capability, usages[0].model, usages[0].audio_ms) == ("ears", "gpt-transcribe", 1000.0)
    assert usages[0].input_tokens == 20


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({}, "OPENAI_API_KEY"),
        ({"base_url": "", "api_key": " "}, "OPENAI_API_KEY"),
        ({"base_url": "localhost:8000"}, "must look like"),
        ({"api_key": "k", "timeout_s": "fast"}, "timeout_s"),
        ({"api_key": "k", "model": 3}, "model"),
    ],
)
def test_options_that_cannot_work_are_told_at_the_check(options: dict[str, object], hint: str) -> None:
    check = EARS.get("openai").check
    assert check is not None
    with pytest.raises(Misconfigured, match=hint):
        check(EarsSetup(options=options))
