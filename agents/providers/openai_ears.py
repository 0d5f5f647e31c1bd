"""Ears "openai": one turn at a time on `/audio/transcriptions`, of OpenAI or of any server that speaks it.

`gpt-transcribe` takes `languages[]` and `keywords[]`; older models take `language` and a prompt. Word times exist in
`verbose_json` of the whisper models alone, text deltas in all others.
"""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

import numpy as np
from openai.types.audio import TranscriptionStreamEvent

from agents import vocabulary
from agents.errors import CutShort, Malformed
from agents.ports import Audio, EndedTurn, Transcript, Word
from agents.providers.base import retried, retried_stream
from agents.providers.metering import Meter
from agents.providers.openai_client import limits, warm_up
from agents.providers.openai_errors import translated
from agents.providers.openai_languages import code_of
from agents.providers.openai_options import language_code, read_flag, read_words
from agents.providers.openai_settings import SERVER_OPTIONS, Served
from agents.providers.openai_streams import expect_text, guarded
from agents.providers.registry import EarsSetup, Option, register_ears

NAME: Final = "openai"
DEFAULT_MODEL: Final = "gpt-transcribe"
KEYWORDS: Final = Option("keywords", "a list of names and words to listen for, before those of the prompt", "[]")


def as_wav(audio: Audio) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.sample_rate_hz)
        file.writeframes(np.ascontiguousarray(audio.samples, dtype="<i2").tobytes())
    return buffer.getvalue()


def takes_keywords(model: str) -> bool:
    return model.startswith(("gpt-transcribe", "gpt-live-transcribe"))


def guidance(model: str, language: str, keywords: Sequence[str]) -> dict[str, Any]:
    """The parameters that tell a model what to expect, by the names that this model knows."""
    words = vocabulary.keywords(own=keywords)
    code = language_code(language)
    if takes_keywords(model):
        told: dict[str, Any] = {"languages": [code] if code else [], "keywords": list(words)}
    else:
        told = {"language": code, "prompt": ", ".join(words)}
    return {name: value for name, value in told.items() if value}


class OpenAIEars:
    name = NAME
    endpointing_ms: int | None = None

    def __init__(self, served: Served, *, word_times: bool, streams: bool, keywords: Sequence[str] = ()) -> None:
        self._served = served
        self._keywords = keywords  # the agent's own
        self._word_times = word_times
        self.streams = streams

    async def transcribe(self, audio: Audio, *, language: str = "", keywords: Sequence[str] = ()) -> Transcript:
        if not len(audio.samples):
            return Transcript("")
        return await retried(
            lambda: self._whole(audio, language, keywords),
            provider=self.name,
            timeout_s=self._served.timeout_s,
            attempts=self._served.attempts,
        )

    async def deltas(self, audio: Audio, *, language: str, keywords: Sequence[str]) -> AsyncGenerator[Transcript, None]:
        """The text so far, again and again; the last is the whole."""
        stream = retried_stream(
            lambda: self._streamed(audio, language, keywords),
            provider=self.name,
            timeout_s=self._served.timeout_s,
            attempts=self._served.attempts,
        )
        async with aclosing(stream):
            async for transcript in stream:
                yield transcript

    async def open(
        self,
        on_partial: Callable[[str], None],
        *,
        on_turn: Callable[[EndedTurn], None] | None = None,
        language: str = "",
        keywords: Sequence[str] = (),
    ) -> "BufferedTurns":
        if on_turn is not None:
            raise Malformed("These ears are told where a turn ends; use openai-live for the server's own endpointing.")
        return BufferedTurns(self, on_partial, language, keywords)

    def _request(self, audio: Audio, language: str, keywords: Sequence[str]) -> dict[str, Any]:
        return {
            "file": ("turn.wav", as_wav(audio), "audio/wav"),
            "model": self._served.model,
            "timeout": limits(self._served.timeout_s),
            **guidance(self._served.model, language, (*self._keywords, *keywords)),
        }

    async def _whole(self, audio: Audio, language: str, keywords: Sequence[str]) -> Transcript:
        request = self._request(audio, language, keywords)
        if self._word_times:
            request |= {"response_format": "verbose_json", "timestamp_granularities": ["word"]}
        with self._served.meter() as meter, translated(self.name):
            meter.used(audio_ms=audio.duration_ms)
            answer = await self._served.client().audio.transcriptions.create(**request)
            meter.tokens(getattr(answer, "usage", None))
            return read_transcript(answer, self.name)

    async def _streamed(self, audio: Audio, language: str, keywords: Sequence[str]) -> AsyncGenerator[Transcript, None]:
        with self._served.meter() as meter, translated(self.name):
            meter.used(audio_ms=audio.duration_ms)
            request = self._request(audio, language, keywords)
            stream = await self._served.client().audio.transcriptions.create(**request, stream=True)
            async with stream, aclosing(guarded(stream, self.name)) as events:
                async for transcript in self._read(events, meter):
                    yield transcript

    async def _read(
        self, events: AsyncGenerator[TranscriptionStreamEvent, None], meter: Meter
    ) -> AsyncGenerator[Transcript, None]:
        text = ""
        async for event in events:
            meter.began()
            kind = expect_text(getattr(event, "type", None), "the type of an event", self.name)
            if kind == "transcript.text.delta":
                text += expect_text(getattr(event, "delta", None), "text", self.name)
                yield Transcript(text)
            elif kind == "transcript.text.done":
                meter.tokens(getattr(event, "usage", None))
                yield read_transcript(event, self.name)
                return
        raise CutShort(f"{self.name} broke the transcript off.", provider=self.name)


class BufferedTurns:
    """Keeps a turn's audio until it ends, then asks; the text comes in pieces where the model streams."""

    def __init__(
        self, ears: OpenAIEars, on_partial: Callable[[str], None], language: str, keywords: Sequence[str]
    ) -> None:
        self._ears = ears
        self._on_partial = on_partial
        self._language = language
        self._keywords = keywords
        self._pieces: list[Audio] = []
        self._closed = asyncio.Event()

    def push(self, audio: Audio) -> None:
        self._pieces.append(audio)

    async def commit(self) -> Transcript:
        pieces, self._pieces = self._pieces, []
        if not pieces:
            return Transcript("")
        audio = Audio(np.concatenate([piece.samples for piece in pieces]), pieces[0].sample_rate_hz)
        if not self._ears.streams:
            return await self._ears.transcribe(audio, language=self._language, keywords=self._keywords)
        transcript = Transcript("")
        async with aclosing(self._ears.deltas(audio, language=self._language, keywords=self._keywords)) as deltas:
            async for transcript in deltas:
                self._on_partial(transcript.text)
        return transcript

    async def lost(self) -> None:
        await self._closed.wait()  # there is no connection that could be lost

    async def aclose(self) -> None:
        self._pieces = []
        self._closed.set()


def read_transcript(answer: object, provider: str) -> Transcript:
    """Of the client's transcription objects, plain or verbose. Raises Malformed."""
    text = expect_text(getattr(answer, "text", None), "text", provider).strip()
    return Transcript(text, _language(answer), tuple(_word(word, provider) for word in _list(answer, "words")))


def _language(answer: object) -> str:
    languages = _list(answer, "languages")
    told = getattr(languages[0], "code", "") if languages else getattr(answer, "language", "")
    return code_of(told) if isinstance(told, str) else ""


def _list(answer: object, name: str) -> list[Any]:
    value = getattr(answer, name, None)
    return value if isinstance(value, list) else []


def _word(word: Any, provider: str) -> Word:
    # Plain dictionaries where a server gives words that were not asked for.
    told = word if isinstance(word, dict) else vars(word)
    try:
        return Word(told["word"], round(1000 * told["start"]), round(1000 * told["end"]))
    except (KeyError, TypeError) as error:
        raise Malformed(f"{provider} sent words without times.", provider=provider) from error


def check(setup: EarsSetup) -> None:
    _read_setup(setup)


@register_ears(
    NAME,
    label="OpenAI transcription, turn by turn (or any server with /audio/transcriptions)",
    warm_up=warm_up,
    check=check,
    model=DEFAULT_MODEL,
    options=(
        *SERVER_OPTIONS,
        Option("word_times", "ask for the times of words: true or false", "true for whisper models"),
        Option("stream", "take the text as it comes: true or false", "true but for whisper models"),
        KEYWORDS,
    ),
)
def openai_ears(setup: EarsSetup) -> OpenAIEars:
    return _read_setup(setup)


def _read_setup(setup: EarsSetup) -> OpenAIEars:
    served = Served.read(setup.options, provider=NAME, capability="ears", model=DEFAULT_MODEL, on_usage=setup.on_usage)
    whisper = "whisper" in served.model.lower()
    return OpenAIEars(
        served,
        word_times=read_flag(setup.options, "word_times", whisper),
        streams=read_flag(setup.options, "stream", not whisper),
        keywords=read_words(setup.options, "keywords"),
    )
