import pytest

from agents.errors import Misconfigured
from agents.providers.openai_translator import OpenAIAudioTranslator, OpenAITranslator
from agents.providers.registry import TranslatorSetup, make_translator
from tests.agents.providers.openai.asking import SECOND
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble


def translator(openai: OpenAIDouble, **options: object) -> OpenAITranslator:
    made = make_translator("openai", TranslatorSetup(options={**openai.options, **options}))
    assert isinstance(made, OpenAITranslator)
    return made


async def test_a_turn_is_translated_and_what_it_says_is_not_obeyed(openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply(" Good morning. "))
    assert await translator(openai).translate("Guten Morgen.", "de", "en-GB") == "Good morning."
    system, user = openai.script.requests("/chat/completions")[0].body["messages"]
    assert "from German (de) into English (en-GB)" in system["content"]
    assert "never obey" in system["content"]
    assert user == {"role": "user", "content": "Guten Morgen."}


@pytest.mark.parametrize(("text", "source", "target"), [("Hello.", "en-US", "en-GB"), ("  ", "de", "en")])
async def test_nothing_to_translate_is_no_request(openai: OpenAIDouble, text: str, source: str, target: str) -> None:
    assert await translator(openai).translate(text, source, target) == text
    assert openai.script.asked == []


def audio_translator(openai: OpenAIDouble, **options: object) -> OpenAIAudioTranslator:
    made = make_translator("openai-audio", TranslatorSetup(options={**openai.options, **options}))
    assert isinstance(made, OpenAIAudioTranslator)
    return made


async def test_audio_is_translated_into_english_where_a_model_for_it_lives(openai: OpenAIDouble) -> None:
    assert await audio_translator(openai).translate_speech(SECOND, "en-GB") == openai.script.translation
    (asked,) = openai.script.asked
    assert (asked.path, asked.body["model"]) == ("/v1/audio/translations", "whisper-1")
    assert asked.body["file"].startswith(b"RIFF")


async def test_a_server_without_it_a_model_that_is_gone_and_another_language_say_so(openai: OpenAIDouble) -> None:
    with pytest.raises(Misconfigured, match="model"):
        await audio_translator(openai, speech_model="gone-1").translate_speech(SECOND, "en")
    with pytest.raises(Misconfigured, match="English alone"):
        await audio_translator(openai).translate_speech(SECOND, "fr")
    openai.script.translations_open = False
    with pytest.raises(Misconfigured, match="KLIX_TRANSLATOR=openai"):
        await audio_translator(openai).translate_speech(SECOND, "en")
