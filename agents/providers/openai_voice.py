"""Voice "openai": `/audio/speech`, streamed as 24 kHz PCM, of OpenAI or of any server that speaks it."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

import numpy as np

from agents.errors import CutShort, Malformed, Misconfigured
from agents.ports import Audio
from agents.providers.base import retried_stream
from agents.providers.openai_client import limits, warm_up
from agents.providers.openai_errors import translated
from agents.providers.openai_options import read_number, read_text, read_voice
from agents.providers.openai_settings import SERVER_OPTIONS, Served
from agents.providers.openai_streams import guarded
from agents.providers.registry import Option, VoiceSetup, register_voice

NAME: Final = "openai"
DEFAULT_MODEL: Final = "gpt-4o-mini-tts"
SAMPLE_RATE_HZ: Final = 24_000
MAX_CHARS: Final = 4096
VOICE_NAMES: Final = "marin cedar alloy ash ballad coral echo fable nova onyx sage shimmer verse"
VOICES: Final = tuple(VOICE_NAMES.split())
VOICE_OPTION: Final = Option("voice", "another voice, where the server or the account has one", "the one chosen")
CACHED_LINES: Final = 64
CACHED_CHARS: Final = 200  # fixed lines are short; what a brain writes is rarely said twice


class Pcm:
    """Bytes of 16-bit little-endian samples, arriving in pieces that may end in the middle of one."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> Audio | None:
        data = self._rest + data
        whole = len(data) - len(data) % 2
        self._rest = data[whole:]
        return Audio(np.frombuffer(data[:whole], dtype="<i2").astype(np.int16), SAMPLE_RATE_HZ) if whole else None

    @property
    def ended_inside_a_sample(self) -> bool:
        return bool(self._rest)


class Lines:
    """The last spoken lines, least recently used first out; shared by all calls of a process."""

    def __init__(self, size: int = CACHED_LINES) -> None:
        self._size = size
        self._lines: OrderedDict[tuple[object, ...], tuple[Audio, ...]] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> tuple[Audio, ...] | None:
        if key in self._lines:
            self._lines.move_to_end(key)
        return self._lines.get(key)

    def keep(self, key: tuple[object, ...], audio: list[Audio]) -> None:
        self._lines[key] = tuple(audio)
        while len(self._lines) > self._size:
            self._lines.popitem(last=False)

    def clear(self) -> None:
        self._lines.clear()


LINES: Final = Lines()


class OpenAIVoice:
    name = NAME

    def __init__(
        self, served: Served, *, voice: str, instructions: str = "", speed: float = 1.0, lines: Lines = LINES
    ) -> None:
        self._served = served
        self._voice = voice
        self._extra: dict[str, object] = {"instructions": instructions} if instructions else {}
        if speed != 1.0:
            self._extra["speed"] = speed
        self._lines = lines

    async def synthesize(self, text: str) -> AsyncIterator[Audio]:
        if not text.strip():
            return
        if len(text) > MAX_CHARS:
            raise Malformed(f"A sentence has more than {MAX_CHARS} characters.", provider=self.name)
        key = (self._served.endpoint, self._served.model, self._voice, str(self._extra), text)
        kept = self._lines.get(key)
        if kept is not None:
            for audio in kept:
                yield audio
            return
        spoken: list[Audio] = []
        async with aclosing(self._ask(text)) as pieces:
            async for audio in pieces:
                spoken.append(audio)
                yield audio
        if len(text) <= CACHED_CHARS:
            self._lines.keep(key, spoken)

    def _ask(self, text: str) -> AsyncGenerator[Audio, None]:
        return retried_stream(
            lambda: self._speak(text),
            provider=self.name,
            timeout_s=self._served.timeout_s,
            attempts=self._served.attempts,
        )

    async def _speak(self, text: str) -> AsyncGenerator[Audio, None]:
        pcm = Pcm()
        with self._served.meter() as meter, translated(self.name):
            meter.used(characters=len(text))
            request = self._served.client().audio.speech.with_streaming_response.create(
                input=text,
                model=self._served.model,
                voice=self._voice,
                response_format="pcm",
                timeout=limits(self._served.timeout_s),
                extra_body=self._extra,
            )
            async with request as response:
                expect_audio(response.headers.get("content-type", ""), self.name)
                async with aclosing(guarded(response.iter_bytes(), self.name)) as chunks:
                    async for chunk in chunks:
                        if (audio := pcm.take(chunk)) is not None:
                            meter.began()
                            meter.used(audio_ms=meter.usage.audio_ms + audio.duration_ms)
                            yield audio
            if meter.usage.first_ms is None:
                raise Malformed(f"{self.name} answered without any audio.", provider=self.name)
            if pcm.ended_inside_a_sample:
                raise CutShort(f"{self.name} broke off inside a sample.", provider=self.name)


def expect_audio(content_type: str, provider: str) -> None:
    """A server that answers 200 with JSON or a page did not speak: its bytes would be played as noise."""
    kind = content_type.split(";")[0].strip().lower()
    if kind.startswith("text/") or kind.endswith("json"):
        raise Malformed(f"{provider} answered with {kind} instead of audio.", provider=provider)
    if kind.startswith("audio/") and kind not in ("audio/pcm", "audio/l16", "audio/raw"):
        raise Misconfigured(f"{provider} speaks {kind}; Klix needs raw PCM (response_format pcm).", provider=provider)


def check(setup: VoiceSetup) -> None:
    _read_setup(setup)


@register_voice(
    NAME,
    label="OpenAI speech (or any server with /audio/speech)",
    warm_up=warm_up,
    check=check,
    voices=VOICES,
    model=DEFAULT_MODEL,
    options=(
        *SERVER_OPTIONS,
        VOICE_OPTION,
        Option("instructions", "how to speak"),
        Option("speed", "how fast it speaks, from 0.25", "1"),
    ),
)
def openai_voice(setup: VoiceSetup) -> OpenAIVoice:
    return _read_setup(setup)


def _read_setup(setup: VoiceSetup) -> OpenAIVoice:
    served = Served.read(setup.options, provider=NAME, capability="voice", model=DEFAULT_MODEL, on_usage=setup.on_usage)
    return OpenAIVoice(
        served,
        voice=read_voice(setup.options, setup.voice, VOICES, served.endpoint),
        instructions=read_text(setup.options, "instructions"),
        speed=read_number(setup.options, "speed", 1.0, at_least=0.25),
    )
