"""Against a double that is not ours: `@copilotkit/aimock`, from npm, for all that it covers.

It has no Conversations, no Assistants and no Realtime audio. Without npm, or without its registry, these tests are
skipped, and fail where CI=true.
"""

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.errors import Overloaded
from agents.ports import Audio, Heard, Usage
from agents.providers.openai_ears import OpenAIEars
from agents.providers.openai_live_ears import OpenAILiveEars
from agents.providers.openai_options import Endpoint
from agents.providers.openai_translator import OpenAIAudioTranslator
from agents.providers.registry import (
    EarsSetup,
    TranslatorSetup,
    make_ears,
    make_translator,
    make_voice,
)
from calls.states import Side
from evaluations.judges.openai import OpenAIJudge, close_clients
from evaluations.judging import Answer, Cited
from evaluations.record import TurnRecord
from tests.agents.providers.openai.asking import actions_of, brain, hang_ups, notes, said

PACKAGE = "@copilotkit/aimock@1.43.0"
SECOND = Audio(np.zeros(8000, np.int16), 8000)
TONE = b"\x00\x10\x00\xf0" * 2400
VERDICT = {"reason": "It greets.", "evidence": [{"turn": "T1", "quote": "Hello"}], "answer": "yes"}


def fixtures() -> list[dict[str, Any]]:
    audio = base64.b64encode(TONE).decode()
    order = {"name": "find_order", "arguments": '{"number": "17"}'}
    words = [{"word": "Two", "start": 0.0, "end": 0.4}, {"word": "pizzas", "start": 0.4, "end": 1.0}]
    heard = {"text": "Two pizzas", "language": "english", "languages": [{"code": "en"}], "words": words}
    return [
        {"match": {"endpoint": "transcription"}, "response": {"transcription": heard}},
        {"match": {"endpoint": "translation"}, "response": {"transcription": {"text": "Good morning."}}},
        {"match": {"endpoint": "realtime-transcription"}, "response": {"transcription": heard}},
        {"match": {"endpoint": "speech"}, "response": {"audio": audio, "format": "pcm"}},
        {"match": {"userMessage": "busy"}, "response": {"error": {"message": "m", "code": "c"}, "status": 500}},
        {"match": {"userMessage": "Guten"}, "response": {"content": "Good morning."}},
        {"match": {"userMessage": "Question:"}, "response": {"content": json.dumps(VERDICT)}},
        {"match": {"userMessage": "order", "hasToolResult": True}, "response": {"content": "It was shipped."}},
        {"match": {"userMessage": "order"}, "response": {"content": "One moment.", "toolCalls": [order]}},
        {
            "match": {"userMessage": "bye"},
            "response": {"content": "Goodbye!", "toolCalls": [{"name": "hang_up", "arguments": '{"reason": "done"}'}]},
        },
        {"match": {"userMessage": "Hello"}, "response": {"content": "Good evening, Luigi's."}},
    ]


def missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        missing("npm and node are not installed: the independent double of OpenAI cannot run.")
    assert npm is not None
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "package.json").write_text("{}")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    if subprocess.run(install, cwd=folder, capture_output=True, timeout=180).returncode:
        missing(f"npm cannot install {PACKAGE}.")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": fixtures()}))
    yield from serve(folder)


def serve(folder: Path) -> Iterator[str]:
    command = [str(folder / "node_modules/.bin/llmock"), "-p", "0", "-f", str(folder / "fixtures.json"), "--strict"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"listening on (http://\S+)", line):
                yield f"{found.group(1)}/v1"
                break
        else:
            pytest.fail("aimock ended without listening.")
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(10)


@pytest.fixture
def options(aimock: str) -> dict[str, Any]:
    return {"base_url": aimock, "api_key": "sk-any", "history": "local"}


@pytest.mark.parametrize("name", ["chat", "responses"])
async def test_a_reply_is_streamed(options: dict[str, Any], name: str) -> None:
    asked = brain(name, options)
    assert said(await actions_of(asked, Heard("Hello?"))) == "Good evening, Luigi's."
    await asked.aclose()


@pytest.mark.parametrize("name", ["chat", "responses"])
async def test_functions_are_called(options: dict[str, Any], name: str) -> None:
    tools = [{"name": "find_order", "answer": {"status": "shipped"}}]
    asked = brain(name, {**options, "tools": tools})
    actions = await actions_of(asked, Heard("Where is my order?"))
    assert said(actions) == "One moment.It was shipped."
    assert [note[0] for note in notes(actions)] == ["tool_called", "tool_answered"]
    assert hang_ups(await actions_of(asked, Heard("Thanks, bye!"))) == ["done"]
    await asked.aclose()


@pytest.mark.parametrize("name", ["chat", "responses"])
async def test_a_server_error_is_overloaded(options: dict[str, Any], name: str) -> None:
    asked = brain(name, {**options, "attempts": 1})
    with pytest.raises(Overloaded):
        await actions_of(asked, Heard("busy"))
    await asked.aclose()


async def test_a_turn_is_transcribed_whole_and_streamed(options: dict[str, Any]) -> None:
    ears = make_ears("openai", EarsSetup(options=options))
    assert isinstance(ears, OpenAIEars)
    heard = await ears.transcribe(SECOND, language="en", keywords=("pizza",))
    assert (heard.text, heard.language) == ("Two pizzas", "en")
    partial: list[str] = []
    stream = await ears.open(partial.append)
    stream.push(SECOND)
    assert (await stream.commit()).text == "Two pizzas"
    assert partial[-1] == "Two pizzas"


async def test_whisper_gives_word_times(options: dict[str, Any]) -> None:
    heard = await make_ears("openai", EarsSetup(options={**options, "model": "whisper-1"})).transcribe(SECOND)
    assert [(word.text, word.start_ms, word.end_ms) for word in heard.words] == [("Two", 0, 400), ("pizzas", 400, 1000)]
    assert heard.language == "en"


async def test_a_live_session_transcribes(options: dict[str, Any]) -> None:
    ears = make_ears("openai-live", EarsSetup(options=options))
    assert isinstance(ears, OpenAILiveEars)
    partial: list[str] = []
    async with asyncio.timeout(10):
        stream = await ears.open(partial.append)
        stream.push(SECOND)
        assert (await stream.commit()).text == "Two pizzas"
        await stream.aclose()
    assert partial[-1] == "Two pizzas"


async def test_speech_comes_as_pcm(options: dict[str, Any], usages: list[Usage]) -> None:
    voice = make_voice("openai:marin", options=options, on_usage=usages.append)
    pieces = [audio async for audio in voice.synthesize("A line for the other double.")]
    assert np.concatenate([piece.samples for piece in pieces]).tobytes() == TONE
    assert usages[0].audio_ms == 200.0


async def test_text_and_speech_are_translated(options: dict[str, Any]) -> None:
    translator = make_translator("openai-audio", TranslatorSetup(options=options))
    assert isinstance(translator, OpenAIAudioTranslator)
    assert await translator.translate("Guten Morgen.", "de", "en") == "Good morning."
    assert await translator.translate_speech(SECOND, "en") == "Good morning."


def test_a_call_is_judged(aimock: str) -> None:
    judge = OpenAIJudge(Endpoint(aimock, "sk-any"), "gpt-6-luna", 10.0)
    turns = (TurnRecord("a-1", 0, Side.AGENT, "Hello.", 0, 900),)
    ballot = judge.ask("Did the agent greet?", turns)
    assert (ballot.answer, ballot.evidence) == (Answer.YES, (Cited("a-1", "Hello"),))
    close_clients()
