import pytest

from agents.errors import Misconfigured
from agents.providers.openai_translator import OpenAITranslator
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


async def test_audio_is_translated_into_english_where_a_model_for_it_lives(openai: OpenAIDouble) -> None:
    made = translator(openai, speech_model="whisper-1")
    assert await made.translate_turn("Guten Morgen.", SECOND, "de", "en") == openai.script.translation
    assert [asked.path for asked in openai.script.asked] == ["/v1/audio/translations"]


async def test_a_speech_model_that_was_shut_down_is_replaced_by_the_chat_model(openai: OpenAIDouble) -> None:
    del openai.script.models["whisper-1"]
    openai.script.replies += [Reply("Good morning."), Reply("Good night.")]
    made = translator(openai, speech_model="whisper-1")
    assert await made.translate_turn("Guten Morgen.", SECOND, "de", "en") == "Good morning."
    assert await made.translate_turn("Gute Nacht.", SECOND, "de", "en") == "Good night."
    assert len(openai.script.requests("/audio/translations")) == 1


async def test_into_another_language_the_text_is_translated(openai: OpenAIDouble) -> None:
    made = translator(openai, speech_model="whisper-1")
    await made.translate_turn("Guten Morgen.", SECOND, "de", "fr")
    assert openai.script.requests("/audio/translations") == []
    with pytest.raises(Misconfigured, match="speech_model"):
        await translator(openai).translate_speech(SECOND)
