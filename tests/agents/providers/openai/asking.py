"""Each capability asked once for something small, by name: for tests that run over all of them."""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from agents.ports import Action, Answered, Audio, Brain, HangUp, Heard, Note, OnUsage, Say, Stimulus
from agents.providers.openai_streams import END_OF_TEXT
from agents.providers.registry import (
    BrainSetup,
    EarsSetup,
    TranslatorSetup,
    make_brain,
    make_ears,
    make_translator,
    make_voice,
)

SECOND = Audio(np.zeros(8000, np.int16), 8000)


async def actions_of(brain: Brain, stimulus: Stimulus) -> list[Action]:
    return [action async for action in brain.respond(stimulus)]


def said(actions: list[Action]) -> str:
    return "".join(action.text for action in actions if isinstance(action, Say)).replace(END_OF_TEXT, "")


def notes(actions: list[Action]) -> list[tuple[str, dict[str, object]]]:
    return [(action.name, action.data) for action in actions if isinstance(action, Note)]


def hang_ups(actions: list[Action]) -> list[str]:
    return [action.reason for action in actions if isinstance(action, HangUp)]


def brain(name: str, options: dict[str, Any], *, side: str = "agent", **more: Any) -> Brain:
    return make_brain(name, BrainSetup(side, prompt="You sell pizza.", options=options, **more))


def reply_of(name: str) -> Callable[[dict[str, Any], OnUsage | None], Awaitable[str]]:
    async def ask(options: dict[str, Any], on_usage: OnUsage | None = None) -> str:
        asked = brain(name, options, on_usage=on_usage)
        try:
            return said(await actions_of(asked, Heard("Hello?")))
        finally:
            await asked.aclose()

    return ask


async def transcript(options: dict[str, Any], on_usage: OnUsage | None = None) -> str:
    ears = make_ears("openai", EarsSetup(options=options, on_usage=on_usage))
    return (await ears.transcribe(SECOND)).text


async def streamed_transcript(options: dict[str, Any], on_usage: OnUsage | None = None) -> str:
    from agents.providers.openai_ears import OpenAIEars

    ears = make_ears("openai", EarsSetup(options=options, on_usage=on_usage))
    assert isinstance(ears, OpenAIEars)
    stream = await ears.open(lambda text: None)
    stream.push(SECOND)
    return (await stream.commit()).text


async def speech(options: dict[str, Any], on_usage: OnUsage | None = None) -> str:
    from agents.providers.openai_voice import LINES

    LINES.clear()
    voice = make_voice("openai:marin", options=options, on_usage=on_usage)
    pieces = [audio async for audio in voice.synthesize("A line of some length.")]
    return f"{sum(audio.duration_ms for audio in pieces):.0f} ms"


async def translation(options: dict[str, Any], on_usage: OnUsage | None = None) -> str:
    translator = make_translator("openai", TranslatorSetup(options=options, on_usage=on_usage))
    return await translator.translate("Guten Morgen.", "de", "en")


async def translated_speech(options: dict[str, Any], on_usage: OnUsage | None = None) -> str:
    from agents.providers.openai_translator import OpenAIAudioTranslator

    translator = make_translator("openai-audio", TranslatorSetup(options=options, on_usage=on_usage))
    assert isinstance(translator, OpenAIAudioTranslator)
    return await translator.translate_speech(SECOND, "en")


Ask = Callable[..., Awaitable[str]]
# name → how to ask, the path it asks at, whether the answer is a stream
CAPABILITIES: dict[str, tuple[Ask, str, bool]] = {
    "ears": (transcript, "/audio/transcriptions", False),
    "ears, streamed": (streamed_transcript, "/audio/transcriptions", True),
    "voice": (speech, "/audio/speech", True),
    "brain chat": (reply_of("chat"), "/chat/completions", True),
    "brain responses": (reply_of("responses"), "/responses", True),
    "brain assistants": (reply_of("assistants"), "/runs", True),
    "translation": (translation, "/chat/completions", False),
    "translation of speech": (translated_speech, "/audio/translations", False),
}
ANSWERED = Answered()
